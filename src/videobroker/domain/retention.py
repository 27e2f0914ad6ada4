"""Retention of processed webhooks of providers and of finished deliveries."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from videobroker.domain.webhooks import DeliveryState

MIN_RETENTION = timedelta(days=7)
"""Providers repeat a webhook within minutes, deliveries are retried for about 28 hours, calls are settled within
hours, and support needs about a week. Only a replay at the vendor can send older webhooks (up to 30 days): after
deletion they count as new, and change nothing."""

InboxState = Literal["pending", "applied", "ignored"]


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """The retention of one deployment; None: unlimited."""

    webhooks: timedelta | None = timedelta(days=30)
    deliveries: timedelta | None = timedelta(days=30)


def is_webhook_expired(state: InboxState, received_at: datetime, retention: timedelta, now: datetime) -> bool:
    """Whether a provider's webhook may be deleted: it is processed and older than `retention`."""
    return state != "pending" and now - received_at > retention


def is_delivery_expired(
    state: DeliveryState, created_at: datetime, attempted_at: datetime | None, retention: timedelta, now: datetime
) -> bool:
    """Whether a delivery may be deleted: it is finished, and its last attempt is older than `retention`.

    `attempted_at` is the last attempt, which can be much later than the event: deliveries can be replayed.
    """
    ended_at = created_at if attempted_at is None else max(created_at, attempted_at)
    return state is not DeliveryState.PENDING and now - ended_at > retention
