"""What was needed once goes when it has been kept long enough, and never while something still depends on it."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.retention import MIN_RETENTION, RetentionPolicy, is_delivery_expired, is_webhook_expired
from videobroker.domain.webhooks import DeliveryState

NOW = datetime(2026, 3, 12, 21, 10, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
ages = st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=4000))
keeps = st.timedeltas(min_value=MIN_RETENTION, max_value=timedelta(days=3650))
ended = st.sampled_from([DeliveryState.DELIVERED, DeliveryState.FAILED])


def test_what_nobody_chose_is_kept_for_thirty_days() -> None:
    assert RetentionPolicy() == RetentionPolicy(webhooks=timedelta(days=30), deliveries=timedelta(days=30))


class TestAWebhookOfAProvider:
    @given(ages, keeps)
    def test_that_waits_to_be_applied_never_goes(self, age: timedelta, keep: timedelta) -> None:
        assert not is_webhook_expired("pending", NOW - age, keep, NOW)

    @given(st.sampled_from(["applied", "ignored"]), ages, keeps)
    def test_of_which_something_came_goes_as_soon_as_it_is_older_than_it_is_kept(
        self, state: str, age: timedelta, keep: timedelta
    ) -> None:
        assert is_webhook_expired(state, NOW - age, keep, NOW) == (age > keep)  # type: ignore[arg-type]

    @given(keeps)
    def test_stays_up_to_the_last_moment(self, keep: timedelta) -> None:
        assert not is_webhook_expired("applied", NOW - keep, keep, NOW)
        assert is_webhook_expired("applied", NOW - keep - MOMENT, keep, NOW)


class TestADelivery:
    @given(ages, st.none() | ages, keeps)
    def test_that_is_on_its_way_never_goes(self, age: timedelta, last: timedelta | None, keep: timedelta) -> None:
        attempted_at = None if last is None else NOW - last
        assert not is_delivery_expired(DeliveryState.PENDING, NOW - age, attempted_at, keep, NOW)

    @given(ended, ages, ages, keeps)
    def test_that_was_sent_once_more_counts_from_then_on(
        self, state: DeliveryState, age: timedelta, last: timedelta, keep: timedelta
    ) -> None:
        assert is_delivery_expired(state, NOW - age, NOW - last, keep, NOW) == (min(age, last) > keep)

    @given(ended, keeps)
    def test_that_was_never_attempted_counts_from_its_making(self, state: DeliveryState, keep: timedelta) -> None:
        assert not is_delivery_expired(state, NOW - keep, None, keep, NOW)
        assert is_delivery_expired(state, NOW - keep - MOMENT, None, keep, NOW)
