"""How long a deployment keeps what was needed once: webhooks of providers, deliveries of ours."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from videobroker.domain.webhooks import DeliveryState

MIN_RETENTION = timedelta(days=7)
"""Providers send the same webhook again within minutes, we deliver for a little more than a day, calls are settled
within hours, and whoever looks into a complaint wants a week. Only somebody who replays webhooks at the vendor can
bring older ones back, for 30 days: those are taken as new then, and change nothing."""

NoticeState = Literal["pending", "applied", "ignored"]


@dataclass(frozen=True, slots=True)
class RetentionPolicy:
    """One deployment's choice; None: for good."""

    notices: timedelta | None = timedelta(days=30)
    deliveries: timedelta | None = timedelta(days=30)


def is_notice_expired(state: NoticeState, received_at: datetime, retention: timedelta, now: datetime) -> bool:
    """Whether a provider's webhook is needed no more: something came of it, and it has been kept long enough."""
    return state != "pending" and now - received_at > retention


def is_delivery_expired(
    state: DeliveryState, created_at: datetime, attempted_at: datetime | None, retention: timedelta, now: datetime
) -> bool:
    """Whether a delivery has come to an end, and has been kept long enough since.

    `attempted_at` is the last attempt: an old event may have been sent once more.
    """
    ended_at = created_at if attempted_at is None else max(created_at, attempted_at)
    return state is not DeliveryState.PENDING and now - ended_at > retention
