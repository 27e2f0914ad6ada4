"""Webhook deliveries: retry schedule, permitted URLs, and signing secrets."""

import base64
import random
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.events import OPT_IN_EVENTS, EventType
from videobroker.domain.ids import AppId, EndpointId
from videobroker.domain.times import MAX_RETRY_AFTER
from videobroker.domain.webhooks import (
    EARLY_PROBE_AFTER,
    MAX_SIGNING_SECRETS,
    MAX_URL_LENGTH,
    PAUSED_AFTER_FAILURES,
    PROBE_DELAYS,
    RETRY_DELAYS,
    RETRY_JITTER,
    WORKING,
    DeliveryAttempt,
    Endpoint,
    EndpointHealth,
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


def retry_at(failures: int, now: datetime, dice: random.Random, **hints: Any) -> datetime | None:
    """The time of the attempt after `failures` failures in a row."""
    return schedule_next_attempt(failures - 1, now, dice=dice, **{"retry_after": None, **hints}).next_at


class TestSchedule:
    def attempt_times(self, dice: random.Random) -> list[datetime]:
        """The times of all attempts, if each fails immediately."""
        attempt_times = [NOW]
        while (following := retry_at(len(attempt_times), attempt_times[-1], dice)) is not None:
            attempt_times.append(following)
        return attempt_times

    def test_delays_start_at_one_second_and_never_decrease(self) -> None:
        attempt_times = self.attempt_times(Die(0.5))
        delays = [later - earlier for earlier, later in pairwise(attempt_times)]
        assert delays == list(RETRY_DELAYS)
        assert delays == sorted(delays)
        assert delays[0] == timedelta(seconds=1)

    def test_a_receiver_that_fails_for_six_seconds_gets_the_event_within_ten(self) -> None:
        late = [each - NOW for each in self.attempt_times(Die(1.0)) if each - NOW > timedelta(seconds=6)]
        assert late[0] <= timedelta(seconds=10)

    @given(st.randoms(use_true_random=False))
    def test_attempts_span_more_than_a_day_with_any_jitter(self, dice: random.Random) -> None:
        attempt_times = self.attempt_times(dice)
        assert len(attempt_times) == len(RETRY_DELAYS) + 1
        assert timedelta(hours=24) < attempt_times[-1] - attempt_times[0] < timedelta(hours=31)

    def test_attempts_span_27_hours_and_51_minutes_without_jitter(self) -> None:
        attempt_times = self.attempt_times(Die(0.5))
        assert attempt_times[-1] - attempt_times[0] == timedelta(hours=27, minutes=51, seconds=48)

    @given(st.integers(1, len(RETRY_DELAYS)), st.randoms(use_true_random=False))
    def test_jitter_is_at_most_a_tenth_of_the_delay(self, failures: int, dice: random.Random) -> None:
        following = retry_at(failures, NOW, dice)
        assert following is not None
        wait = RETRY_DELAYS[failures - 1]
        assert wait * (1 - RETRY_JITTER) <= following - NOW <= wait * (1 + RETRY_JITTER)

    def test_jitter_spreads_simultaneous_failures(self) -> None:
        dice = random.Random(1)
        assert len({retry_at(2, NOW, dice) for _ in range(100)}) == 100

    @pytest.mark.parametrize("retry_after", [None, timedelta(0), timedelta(minutes=5)])
    def test_attempts_end_after_the_last_delay(self, retry_after: timedelta | None) -> None:
        assert retry_at(len(RETRY_DELAYS) + 1, NOW, random.Random(1), retry_after=retry_after) is None

    @pytest.mark.parametrize(
        ("failures", "retry_after", "delays"),
        [
            (3, timedelta(seconds=1), timedelta(seconds=5)),
            (1, timedelta(minutes=2), timedelta(minutes=2)),
            (1, timedelta(days=365), MAX_RETRY_AFTER),
            (9, timedelta(minutes=1), timedelta(minutes=30)),
            (13, timedelta(days=365), timedelta(hours=10)),
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
        assert retry_at(failures, NOW, Die(0.5), retry_after=retry_after) == NOW + delays


class TestAdvancedRetries:
    """Retries that are made early because the endpoint has recovered."""

    @given(
        st.integers(1, len(RETRY_DELAYS)),
        st.floats(1, 36_000),
        st.none() | st.integers(0, 86_400),
        st.randoms(use_true_random=False),
    )
    def test_a_failure_before_the_planned_time_counts_nothing(
        self, failures: int, until_then: float, retry_after: int | None, dice: random.Random
    ) -> None:
        planned_at = NOW + timedelta(seconds=until_then)
        wait = None if retry_after is None else timedelta(seconds=retry_after)
        retry = schedule_next_attempt(failures, NOW, retry_after=wait, planned_at=planned_at, dice=dice)
        asked = NOW if wait is None else NOW + min(wait, MAX_RETRY_AFTER)
        assert retry.failures == failures
        assert retry.next_at == retry.planned_at == max(planned_at, asked)

    @given(
        st.integers(0, len(RETRY_DELAYS)),
        st.floats(1, 36_000),
        st.none() | st.floats(-7200, 36_000),
        st.none() | st.integers(0, 86_400),
        st.randoms(use_true_random=False),
    )
    def test_an_early_probe_that_fails_counts_nothing(
        self,
        failures: int,
        until_due: float,
        until_planned: float | None,
        retry_after: int | None,
        dice: random.Random,
    ) -> None:
        due_at = NOW + timedelta(seconds=until_due)
        planned_at = None if until_planned is None else NOW + timedelta(seconds=until_planned)
        wait = None if retry_after is None else timedelta(seconds=retry_after)
        retry = schedule_next_attempt(failures, NOW, retry_after=wait, due_at=due_at, planned_at=planned_at, dice=dice)
        asked = NOW if wait is None else NOW + min(wait, MAX_RETRY_AFTER)
        assert retry.failures == failures
        assert retry.next_at == max(due_at, planned_at or due_at, asked)
        # A recovery still makes the delivery due, unless an earlier recovery has.
        assert retry.planned_at == (None if planned_at is None else retry.next_at)

    @given(st.lists(st.floats(0, 7200), max_size=300), st.randoms(use_true_random=False))
    def test_recoveries_leave_the_span_and_at_most_double_the_attempts(
        self, recoveries: list[float], dice: random.Random
    ) -> None:
        """An event that its receiver always rejects, at an endpoint that recovers again and again."""
        now, failures, attempts = NOW, 0, 0
        planned_at: datetime | None = None
        waits = iter(recoveries)
        while True:
            attempts += 1
            retry = schedule_next_attempt(failures, now, retry_after=None, planned_at=planned_at, dice=dice)
            if retry.next_at is None:
                break
            failures, planned_at = retry.failures, retry.planned_at
            recovered_at = now + timedelta(seconds=next(waits, 36_000))
            if planned_at is None and recovered_at < retry.next_at:
                now, planned_at = recovered_at, retry.next_at
            else:
                now = retry.next_at
        assert now - NOW > timedelta(hours=24)
        assert attempts <= 2 * len(RETRY_DELAYS) + 1

    def test_a_recovery_does_not_shorten_the_wait_that_the_receiver_asked_for(self) -> None:
        asked = schedule_next_attempt(9, NOW, retry_after=timedelta(minutes=10), dice=Die(0.5))
        assert asked.not_before == NOW + timedelta(minutes=10)
        assert asked.next_at == NOW + RETRY_DELAYS[9]
        assert schedule_next_attempt(9, NOW, retry_after=None, dice=Die(0.5)).not_before is None


class TestEndpointHealth:
    def test_only_a_paused_endpoint_that_nothing_probes_is_probed_early(self) -> None:
        paused = EndpointHealth(NOW, PAUSED_AFTER_FAILURES, NOW)
        assert not WORKING.may_probe_early(NOW)
        assert not EndpointHealth(NOW, 1).may_probe_early(NOW + timedelta(days=1))
        assert not paused.may_probe_early(NOW + EARLY_PROBE_AFTER - timedelta(seconds=1))
        assert paused.may_probe_early(NOW + EARLY_PROBE_AFTER)

    @given(st.lists(st.floats(0, 600), min_size=1, max_size=50), st.randoms(use_true_random=False))
    def test_any_failures_pause_it_for_a_bounded_time(self, waits: list[float], dice: random.Random) -> None:
        health, now = WORKING, NOW
        probes = []
        for wait in waits:
            now += timedelta(seconds=wait)
            was_due = health.may_attempt(now)
            health = health.after_failure(now, retry_after=None, dice=dice)
            assert health.failing_since == NOW + timedelta(seconds=waits[0])
            if was_due and health.probe_at is not None:
                probes.append(health.probe_at - now)
        assert all(timedelta(0) < each <= PROBE_DELAYS[-1] * (1 + RETRY_JITTER) for each in probes)

    def test_it_is_paused_after_some_failures_in_a_row_for_longer_each_time(self) -> None:
        health, now, delays = WORKING, NOW, []
        for _ in range(PAUSED_AFTER_FAILURES - 1):
            health = health.after_failure(now, retry_after=None, dice=Die(0.5))
            assert not health.is_paused
        for _ in range(len(PROBE_DELAYS) + 2):
            health = health.after_failure(now, retry_after=None, dice=Die(0.5))
            assert health.probe_at is not None
            assert not health.may_attempt(now)
            delays.append(health.probe_at - now)
            now = health.probe_at
            assert health.may_attempt(now)
        assert delays == [*PROBE_DELAYS, PROBE_DELAYS[-1], PROBE_DELAYS[-1]]

    def test_failures_of_attempts_that_began_before_the_pause_do_not_prolong_it(self) -> None:
        health = WORKING
        for _ in range(PAUSED_AFTER_FAILURES):
            health = health.after_failure(NOW, retry_after=None, dice=Die(0.5))
        assert health.after_failure(NOW + timedelta(seconds=0.5), retry_after=None, dice=Die(0.5)) == health

    def test_it_is_paused_for_as_long_as_the_receiver_asks(self) -> None:
        health = replace(WORKING, failing_since=NOW, failures=PAUSED_AFTER_FAILURES)
        health = health.after_failure(NOW, retry_after=timedelta(minutes=3), dice=Die(0.5))
        assert health.probe_at == NOW + timedelta(minutes=3)

    def test_a_probe_can_be_made_at_once(self) -> None:
        paused = replace(WORKING, failing_since=NOW, failures=9, probe_at=NOW + timedelta(minutes=1))
        assert paused.probe_at_once(NOW).may_attempt(NOW)
        assert paused.probe_at_once(NOW).is_paused
        assert WORKING.probe_at_once(NOW) == WORKING


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
