"""When a delivery is tried again, to which URLs events may be sent, and which secrets sign."""

import base64
import random
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.events import OPT_IN_EVENTS, EventType
from videobroker.domain.ids import AppId, EndpointId
from videobroker.domain.webhooks import (
    MAX_RETRY_AFTER,
    MAX_SIGNING_SECRETS,
    MAX_URL_LENGTH,
    RETRY_DELAYS,
    RETRY_JITTER,
    DeliveryAttempt,
    Endpoint,
    SigningSecret,
    check_endpoint_url,
    extract_host,
    generate_secret,
    schedule_next_attempt,
)
from videobroker.errors import InvalidInput

NOW = datetime(2026, 3, 12, 14, tzinfo=UTC)


def endpoint(*types: EventType, secrets: tuple[SigningSecret, ...] = ()) -> Endpoint:
    return Endpoint(
        id=EndpointId(UUID(int=1)),
        app_id=AppId(UUID(int=2)),
        url="https://backend.example/hooks",
        description="",
        types=frozenset(types),
        ordered=False,
        disabled=None,
        created_at=NOW,
        secrets=secrets,
    )


class Die(random.Random):
    """Always falls on the same side."""

    def __init__(self, side: float) -> None:
        super().__init__(0)
        self._side = side

    def uniform(self, a: float, b: float) -> float:
        return a + (b - a) * self._side


class TestTheSchedule:
    def moments(self, dice: random.Random) -> list[datetime]:
        """When a delivery is attempted that always fails at once."""
        moments = [NOW]
        while (following := schedule_next_attempt(len(moments), moments[-1], retry_after=None, dice=dice)) is not None:
            moments.append(following)
        return moments

    def test_is_five_seconds_five_minutes_and_then_ever_longer(self) -> None:
        moments = self.moments(Die(0.5))
        waits = [later - earlier for earlier, later in pairwise(moments)]
        assert waits == list(RETRY_DELAYS)
        assert waits == sorted(waits)
        assert waits[0] == timedelta(seconds=5)

    @given(st.randoms(use_true_random=False))
    def test_reaches_beyond_a_day_however_the_dice_fall(self, dice: random.Random) -> None:
        moments = self.moments(dice)
        assert len(moments) == 8
        assert timedelta(hours=24) < moments[-1] - moments[0] < timedelta(hours=31)

    def test_takes_27_hours_and_35_minutes_in_the_middle(self) -> None:
        moments = self.moments(Die(0.5))
        assert moments[-1] - moments[0] == timedelta(hours=27, minutes=35, seconds=5)

    @given(st.integers(1, len(RETRY_DELAYS)), st.randoms(use_true_random=False))
    def test_waits_a_tenth_more_or_less(self, failures: int, dice: random.Random) -> None:
        following = schedule_next_attempt(failures, NOW, retry_after=None, dice=dice)
        assert following is not None
        wait = RETRY_DELAYS[failures - 1]
        assert wait * (1 - RETRY_JITTER) <= following - NOW <= wait * (1 + RETRY_JITTER)

    def test_spreads_what_failed_together(self) -> None:
        dice = random.Random(1)
        assert len({schedule_next_attempt(2, NOW, retry_after=None, dice=dice) for _ in range(100)}) == 100

    @pytest.mark.parametrize("asked", [None, timedelta(0), timedelta(minutes=5)])
    def test_comes_to_an_end(self, asked: timedelta | None) -> None:
        assert schedule_next_attempt(len(RETRY_DELAYS) + 1, NOW, retry_after=asked, dice=random.Random(1)) is None

    @pytest.mark.parametrize(
        ("failures", "asked", "waits"),
        [
            (1, timedelta(seconds=1), timedelta(seconds=5)),
            (1, timedelta(minutes=2), timedelta(minutes=2)),
            (1, timedelta(days=365), MAX_RETRY_AFTER),
            (3, timedelta(minutes=1), timedelta(minutes=30)),
            (7, timedelta(days=365), timedelta(hours=10)),
        ],
        ids=["never shorter", "longer", "up to an hour", "never shorter, later on", "an hour is short by then"],
    )
    def test_follows_the_receivers_wish_within_bounds(self, failures: int, asked: timedelta, waits: timedelta) -> None:
        assert schedule_next_attempt(failures, NOW, retry_after=asked, dice=Die(0.5)) == NOW + waits


class TestAUrl:
    @pytest.mark.parametrize(
        "url",
        [
            "https://backend.example",
            "https://backend.example/",
            "https://backend.example:8443/hooks;v=1?tenant=1&x=%2F",
            "HTTPS://Backend.Example/Hooks",
            "https://8.8.8.8/hooks",
            "https://[2606:4700::1111]/hooks",
            "https://xn--bcher-kva.example/",
            "https://localhost.example/",
        ],
    )
    def test_of_the_internet_is_taken_as_it_is(self, url: str) -> None:
        assert check_endpoint_url(url, allow_private=False) == url

    @pytest.mark.parametrize(
        ("url", "why"),
        [
            ("http://backend.example/", "https://"),
            ("ftp://backend.example/", "https://"),
            ("file:///etc/passwd", "https://"),
            ("gopher://backend.example/", "https://"),
            ("javascript:alert(1)", "https://"),
            ("//backend.example/", "https://"),
            ("backend.example", "https://"),
            ("https://", "https://"),
            ("https:///hooks", "https://"),
            ("", "https://"),
            ("https://user@backend.example/", "user name"),
            ("https://user:pass@backend.example/", "user name"),
            ("https://:pass@backend.example/", "user name"),
            ("https://@backend.example/", "user name"),
            ("https://8.8.8.8@127.0.0.1/", "user name"),
            ("https://backend.example/#part", "fragment"),
            ("https://backend.example:99999/", "not a URL"),
            ("https://backend.example:port/", "not a URL"),
            ("https://[::1/", "not a URL"),
            ("https://backend.example/ hooks", "printable"),
            ("https://backend.example/\thooks", "printable"),
            ("https://backend.example/\r\nx-injected: 1", "printable"),
            ("https://backend.example/ü", "printable"),
            ("https://①②⑦.⓪.⓪.①/", "printable"),
            ("https://127。0。0。1/", "printable"),
            ("https://backend.example/" + "x" * MAX_URL_LENGTH, "characters"),
            ("https://localhost/", "private"),
            ("https://LOCALHOST/", "private"),
            ("https://localhost./", "private"),
            ("https://api.localhost/", "private"),
            ("https://printer.local/", "private"),
            ("https://metadata.google.internal/", "private"),
            ("https://metadata.google.internal./", "private"),
            ("https://127.0.0.1/", "private"),
            ("https://127.0.0.1./", "private"),
            ("https://127.1/", "private"),
            ("https://2130706433/", "private"),
            ("https://0x7f000001/", "private"),
            ("https://0177.0.0.1/", "private"),
            ("https://0/", "private"),
            ("https://10.0.0.1:8443/", "private"),
            ("https://169.254.169.254/latest/meta-data/", "private"),
            ("https://192.168.1.1/", "private"),
            ("https://[::1]/", "private"),
            ("https://[::ffff:127.0.0.1]/", "private"),
            ("https://[fd00:ec2::254]/", "private"),
            ("https://[fe80::1%25eth0]/", "private"),
        ],
    )
    def test_that_leads_elsewhere_is_refused_with_a_sentence(self, url: str, why: str) -> None:
        with pytest.raises(InvalidInput, match=why):
            check_endpoint_url(url, allow_private=False)

    @pytest.mark.parametrize(
        "url", ["http://localhost:3000/hooks", "http://127.0.0.1/", "https://[::1]/", "http://10.0.0.1/"]
    )
    def test_of_this_machine_is_taken_in_development(self, url: str) -> None:
        assert check_endpoint_url(url, allow_private=True) == url

    @pytest.mark.parametrize("url", ["ftp://localhost/", "http://user@localhost/", "http://", "http://localhost/#x"])
    def test_is_refused_for_anything_else_in_development_too(self, url: str) -> None:
        with pytest.raises(InvalidInput):
            check_endpoint_url(url, allow_private=True)

    @given(st.text(max_size=60) | st.text("htps:/[]@#.0127x%?", max_size=40).map("https://".__add__))
    def test_is_taken_or_refused_and_nothing_else(self, url: str) -> None:
        with suppress(InvalidInput):
            assert check_endpoint_url(url, allow_private=False) == url


class TestASecret:
    def test_is_256_random_bits_as_the_standard_writes_them(self) -> None:
        secret = generate_secret()
        assert secret.startswith("whsec_")
        assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
        assert generate_secret() != secret

    def test_is_not_shown(self) -> None:
        secret = generate_secret()
        assert secret not in repr(SigningSecret(secret))
        assert secret not in repr(endpoint(secrets=(SigningSecret(secret),)))

    def test_signs_with_the_former_one_until_the_overlap_is_over(self) -> None:
        before = endpoint(secrets=(SigningSecret("whsec_old"),))
        rotated = endpoint(secrets=before.rotate_secret(NOW, overlap=timedelta(hours=24)))
        fresh = rotated.secrets[0].value
        assert fresh not in before.signing_secrets(NOW)
        assert rotated.signing_secrets(NOW) == (fresh, "whsec_old")
        assert rotated.signing_secrets(NOW + timedelta(hours=24, seconds=-1)) == (fresh, "whsec_old")
        assert rotated.signing_secrets(NOW + timedelta(hours=24)) == (fresh,)

    def test_stops_at_once_where_nothing_overlaps(self) -> None:
        rotated = endpoint(
            secrets=endpoint(secrets=(SigningSecret("whsec_old"),)).rotate_secret(NOW, overlap=timedelta(0))
        )
        assert "whsec_old" not in rotated.signing_secrets(NOW)

    def test_does_not_come_back_with_a_second_rotation(self) -> None:
        once = endpoint(
            secrets=endpoint(secrets=(SigningSecret("whsec_old"),)).rotate_secret(NOW, overlap=timedelta(hours=24))
        )
        later = NOW + timedelta(hours=25)
        twice = endpoint(secrets=once.rotate_secret(later, overlap=timedelta(hours=24)))
        assert len(twice.signing_secrets(later)) == 2
        assert "whsec_old" not in twice.signing_secrets(later)

    def test_signs_for_as_long_as_was_promised_although_another_rotation_follows(self) -> None:
        """A receiver that was told "24 hours" must not be cut off by the next rotation."""
        once = endpoint(
            secrets=endpoint(secrets=(SigningSecret("whsec_old"),)).rotate_secret(NOW, overlap=timedelta(hours=24))
        )
        twice = endpoint(secrets=once.rotate_secret(NOW + timedelta(hours=1), overlap=timedelta(hours=24)))
        assert "whsec_old" in twice.signing_secrets(NOW + timedelta(hours=2))
        assert "whsec_old" not in twice.signing_secrets(NOW + timedelta(hours=24))

    def test_signs_beside_a_few_others_only(self) -> None:
        secrets: tuple[SigningSecret, ...] = (SigningSecret("whsec_old"),)
        for _ in range(50):
            secrets = endpoint(secrets=secrets).rotate_secret(NOW, overlap=timedelta(days=7))
        assert len(secrets) == MAX_SIGNING_SECRETS


class TestAnEndpoint:
    def test_wants_everything_but_set_up_unless_it_names_types(self) -> None:
        assert {each for each in EventType if not endpoint().is_subscribed_to(each)} == OPT_IN_EVENTS
        assert all(endpoint(each).is_subscribed_to(each) for each in EventType)
        choosy = endpoint(EventType.CALL_STARTED, EventType.CALL_ENDED)
        assert {each for each in EventType if choosy.is_subscribed_to(each)} == {
            EventType.CALL_STARTED,
            EventType.CALL_ENDED,
        }


class TestAnAttempt:
    @pytest.mark.parametrize(
        ("status", "taken", "gone"),
        [
            (None, False, False),
            (199, False, False),
            (200, True, False),
            (204, True, False),
            (299, True, False),
            (300, False, False),
            (404, False, False),
            (410, False, True),
            (500, False, False),
        ],
    )
    def test_means_what_its_status_says(self, status: int | None, taken: bool, gone: bool) -> None:
        attempt = DeliveryAttempt(1, NOW, status, 12, "")
        assert (attempt.is_accepted, attempt.is_gone) == (taken, gone)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://backend.example/hooks?key=secret", "backend.example"),
        ("https://user:pass@Backend.example:8443/hooks", "backend.example:8443"),
        ("nothing", ""),
    ],
)
def test_a_host_has_the_port_of_the_url(url: str, host: str) -> None:
    assert extract_host(url) == host
