"""Retention of webhooks and deliveries: when they expire."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.retention import MIN_RETENTION, RetentionPolicy, is_delivery_expired, is_webhook_expired
from videobroker.domain.webhooks import DeliveryState

NOW = datetime(2026, 3, 12, 21, 10, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)
ages = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=4000))
retentions = st.timedeltas(min_value=MIN_RETENTION, max_value=timedelta(days=3650))
final_states = st.sampled_from([DeliveryState.DELIVERED, DeliveryState.FAILED])


def test_the_default_retention_is_thirty_days() -> None:
    assert RetentionPolicy() == RetentionPolicy(webhooks=timedelta(days=30), deliveries=timedelta(days=30))


class TestProviderWebhook:
    @given(ages, retentions)
    def test_a_pending_webhook_never_expires(self, age: timedelta, retention: timedelta) -> None:
        assert not is_webhook_expired("pending", NOW - age, retention, NOW)

    @given(st.sampled_from(["applied", "ignored"]), ages, retentions)
    def test_a_processed_webhook_expires_after_its_retention(
        self, state: str, age: timedelta, retention: timedelta
    ) -> None:
        assert is_webhook_expired(state, NOW - age, retention, NOW) == (age > retention)  # type: ignore[arg-type]

    @given(retentions)
    def test_it_is_retained_until_exactly_the_end_of_its_retention(self, retention: timedelta) -> None:
        assert not is_webhook_expired("applied", NOW - retention, retention, NOW)
        assert is_webhook_expired("applied", NOW - retention - INSTANT, retention, NOW)


class TestDelivery:
    @given(ages, st.none() | ages, retentions)
    def test_a_pending_delivery_never_expires(
        self, age: timedelta, last: timedelta | None, retention: timedelta
    ) -> None:
        attempted_at = None if last is None else NOW - last
        assert not is_delivery_expired(DeliveryState.PENDING, NOW - age, attempted_at, retention, NOW)

    @given(final_states, ages, ages, retentions)
    def test_retention_starts_at_the_last_attempt(
        self, state: DeliveryState, age: timedelta, last: timedelta, retention: timedelta
    ) -> None:
        assert is_delivery_expired(state, NOW - age, NOW - last, retention, NOW) == (min(age, last) > retention)

    @given(final_states, retentions)
    def test_without_an_attempt_retention_starts_at_creation(self, state: DeliveryState, retention: timedelta) -> None:
        assert not is_delivery_expired(state, NOW - retention, None, retention, NOW)
        assert is_delivery_expired(state, NOW - retention - INSTANT, None, retention, NOW)
