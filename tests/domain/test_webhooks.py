"""Webhook deliveries: retry schedule, permitted URLs, and signing secrets."""

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
from videobroker.domain.times import MAX_RETRY_AFTER
from videobroker.domain.webhooks import (
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
    """A random source with a fixed result."""

    def __init__(self, value: float) -> None:
        super().__init__(0)
        self._value = value

    def uniform(self, a: float, b: float) -> float:
        return a + (b - a) * self._value


class TestSchedule:
    def attempt_times(self, dice: random.Random) -> list[datetime]:
        """The times of all attempts, if each fails immediately."""
        attempt_times = [NOW]
        while (
            following := schedule_next_attempt(len(attempt_times), attempt_times[-1], retry_after=None, dice=dice)
        ) is not None:
            attempt_times.append(following)
        return attempt_times

    def test_delays_start_at_five_seconds_and_increase(self) -> None:
        attempt_times = self.attempt_times(Die(0.5))
        delays = [later - earlier for earlier, later in pairwise(attempt_times)]
        assert delays == list(RETRY_DELAYS)
        assert delays == sorted(delays)
        assert delays[0] == timedelta(seconds=5)

    @given(st.randoms(use_true_random=False))
    def test_attempts_span_more_than_a_day_with_any_jitter(self, dice: random.Random) -> None:
        attempt_times = self.attempt_times(dice)
        assert len(attempt_times) == 8
        assert timedelta(hours=24) < attempt_times[-1] - attempt_times[0] < timedelta(hours=31)

    def test_attempts_span_27_hours_and_35_minutes_without_jitter(self) -> None:
        attempt_times = self.attempt_times(Die(0.5))
        assert attempt_times[-1] - attempt_times[0] == timedelta(hours=27, minutes=35, seconds=5)

    @given(st.integers(1, len(RETRY_DELAYS)), st.randoms(use_true_random=False))
    def test_jitter_is_at_most_a_tenth_of_the_delay(self, failures: int, dice: random.Random) -> None:
        following = schedule_next_attempt(failures, NOW, retry_after=None, dice=dice)
        assert following is not None
        wait = RETRY_DELAYS[failures - 1]
        assert wait * (1 - RETRY_JITTER) <= following - NOW <= wait * (1 + RETRY_JITTER)

    def test_jitter_spreads_simultaneous_failures(self) -> None:
        dice = random.Random(1)
        assert len({schedule_next_attempt(2, NOW, retry_after=None, dice=dice) for _ in range(100)}) == 100

    @pytest.mark.parametrize("retry_after", [None, timedelta(0), timedelta(minutes=5)])
    def test_attempts_end_after_the_last_delay(self, retry_after: timedelta | None) -> None:
        assert schedule_next_attempt(len(RETRY_DELAYS) + 1, NOW, retry_after=retry_after, dice=random.Random(1)) is None

    @pytest.mark.parametrize(
        ("failures", "retry_after", "delays"),
        [
            (1, timedelta(seconds=1), timedelta(seconds=5)),
            (1, timedelta(minutes=2), timedelta(minutes=2)),
            (1, timedelta(days=365), MAX_RETRY_AFTER),
            (3, timedelta(minutes=1), timedelta(minutes=30)),
            (7, timedelta(days=365), timedelta(hours=10)),
        ],
        ids=[
            "never shorter",
            "longer",
            "up to an hour",
            "never shorter, later attempts",
            "longer than an hour by schedule",
        ],
    )
    def test_retry_after_is_respected_within_limits(
        self, failures: int, retry_after: timedelta, delays: timedelta
    ) -> None:
        assert schedule_next_attempt(failures, NOW, retry_after=retry_after, dice=Die(0.5)) == NOW + delays


class TestEndpointUrl:
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
    def test_public_urls_are_accepted_unchanged(self, url: str) -> None:
        assert check_endpoint_url(url, allow_private=False) == url

    def test_the_longest_url_is_accepted(self) -> None:
        url = "https://backend.example/".ljust(MAX_URL_LENGTH, "x")
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
    def test_other_urls_are_rejected_with_an_explanation(self, url: str, why: str) -> None:
        with pytest.raises(InvalidInput, match=why):
            check_endpoint_url(url, allow_private=False)

    @pytest.mark.parametrize(
        "url", ["http://localhost:3000/hooks", "http://127.0.0.1/", "https://[::1]/", "http://10.0.0.1/"]
    )
    def test_local_urls_are_accepted_in_development(self, url: str) -> None:
        assert check_endpoint_url(url, allow_private=True) == url

    @pytest.mark.parametrize("url", ["ftp://localhost/", "http://user@localhost/", "http://", "http://localhost/#x"])
    def test_other_urls_are_rejected_in_development(self, url: str) -> None:
        with pytest.raises(InvalidInput):
            check_endpoint_url(url, allow_private=True)

    @given(st.text(max_size=60) | st.text("htps:/[]@#.0127x%?", max_size=40).map("https://".__add__))
    def test_any_text_is_accepted_unchanged_or_rejected(self, url: str) -> None:
        with suppress(InvalidInput):
            assert check_endpoint_url(url, allow_private=False) == url


class TestSigningSecret:
    def test_a_secret_has_256_random_bits_in_the_standard_format(self) -> None:
        secret = generate_secret()
        assert secret.startswith("whsec_")
        assert len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) == 32
        assert generate_secret() != secret

    def test_it_is_not_in_a_repr(self) -> None:
        secret = generate_secret()
        assert secret not in repr(SigningSecret(secret))
        assert secret not in repr(endpoint(secrets=(SigningSecret(secret),)))

    def test_the_previous_secret_signs_until_the_overlap_ends(self) -> None:
        before = endpoint(secrets=(SigningSecret("whsec_old"),))
        rotated = endpoint(secrets=before.rotate_secret(NOW, overlap=timedelta(hours=24)))
        new_secret = rotated.secrets[0].value
        assert new_secret not in before.signing_secrets(NOW)
        assert rotated.signing_secrets(NOW) == (new_secret, "whsec_old")
        assert rotated.signing_secrets(NOW + timedelta(hours=24, seconds=-1)) == (new_secret, "whsec_old")
        assert rotated.signing_secrets(NOW + timedelta(hours=24)) == (new_secret,)

    def test_a_rotation_creates_a_secret_and_drops_the_expired_ones(self) -> None:
        secrets = (
            SigningSecret("whsec_current"),
            SigningSecret("whsec_valid", NOW + timedelta(microseconds=1)),
            SigningSecret("whsec_expired", NOW),
        )
        new, *former = endpoint(secrets=secrets).rotate_secret(NOW, overlap=timedelta(hours=24))
        assert new.value.startswith("whsec_")
        assert new.until is None
        assert former == [SigningSecret("whsec_current", NOW + timedelta(hours=24)), secrets[1]]

    def test_without_overlap_the_previous_secret_stops_immediately(self) -> None:
        rotated = endpoint(
            secrets=endpoint(secrets=(SigningSecret("whsec_old"),)).rotate_secret(NOW, overlap=timedelta(0))
        )
        assert "whsec_old" not in rotated.signing_secrets(NOW)

    def test_a_second_rotation_does_not_restore_an_old_secret(self) -> None:
        once = endpoint(
            secrets=endpoint(secrets=(SigningSecret("whsec_old"),)).rotate_secret(NOW, overlap=timedelta(hours=24))
        )
        later = NOW + timedelta(hours=25)
        twice = endpoint(secrets=once.rotate_secret(later, overlap=timedelta(hours=24)))
        assert len(twice.signing_secrets(later)) == 2
        assert "whsec_old" not in twice.signing_secrets(later)

    def test_another_rotation_does_not_shorten_the_overlap(self) -> None:
        """A promised overlap of 24 hours is not shortened by the next rotation."""
        once = endpoint(
            secrets=endpoint(secrets=(SigningSecret("whsec_old"),)).rotate_secret(NOW, overlap=timedelta(hours=24))
        )
        twice = endpoint(secrets=once.rotate_secret(NOW + timedelta(hours=1), overlap=timedelta(hours=24)))
        assert "whsec_old" in twice.signing_secrets(NOW + timedelta(hours=2))
        assert "whsec_old" not in twice.signing_secrets(NOW + timedelta(hours=24))

    def test_the_number_of_signing_secrets_is_limited(self) -> None:
        secrets: tuple[SigningSecret, ...] = (SigningSecret("whsec_old"),)
        for _ in range(50):
            secrets = endpoint(secrets=secrets).rotate_secret(NOW, overlap=timedelta(days=7))
        assert len(secrets) == MAX_SIGNING_SECRETS


class TestEndpoint:
    def test_it_is_subscribed_to_all_but_opt_in_events_by_default(self) -> None:
        assert {each for each in EventType if not endpoint().is_subscribed_to(each)} == OPT_IN_EVENTS
        assert all(endpoint(each).is_subscribed_to(each) for each in EventType)
        selective = endpoint(EventType.CALL_STARTED, EventType.CALL_ENDED)
        assert {each for each in EventType if selective.is_subscribed_to(each)} == {
            EventType.CALL_STARTED,
            EventType.CALL_ENDED,
        }


class TestAttempt:
    @pytest.mark.parametrize(
        ("status", "is_accepted", "is_gone"),
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
    def test_the_status_determines_the_result(self, status: int | None, is_accepted: bool, is_gone: bool) -> None:
        attempt = DeliveryAttempt(1, NOW, status, 12, "")
        assert (attempt.is_accepted, attempt.is_gone) == (is_accepted, is_gone)


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://backend.example/hooks?key=secret", "backend.example"),
        ("https://user:pass@Backend.example:8443/hooks", "backend.example:8443"),
        ("nothing", ""),
    ],
)
def test_a_host_includes_the_port_of_the_url(url: str, host: str) -> None:
    assert extract_host(url) == host
