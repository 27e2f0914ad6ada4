"""Deliveries of events to webhook endpoints, and every attempt at them.

The journal is the outbox: a delivery exists for each event in it that an endpoint subscribes to. Deliveries are created
endpoint by endpoint, from a cursor on.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    DateTime,
    FromClause,
    Interval,
    Row,
    Select,
    Uuid,
    column,
    delete,
    func,
    insert,
    literal,
    literal_column,
    null,
    or_,
    select,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert

from videobroker.domain.events import RecordedEvent
from videobroker.domain.ids import AppId, DeliveryId, EndpointId, EventId, SessionId, first_uuid7
from videobroker.domain.pages import Page
from videobroker.domain.webhooks import (
    EARLY_PROBE_AFTER,
    Delivery,
    DeliveryAttempt,
    DeliveryFilter,
    DeliveryState,
    FoundDelivery,
    RetrySchedule,
)
from videobroker.storage.postgres import pagination
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import attempts, deliveries, webhook_endpoints

LEASE_DURATION = timedelta(seconds=30)
"""Longer than an attempt can take. After a crash, another worker tries again when it ends."""
RETRYING_LIMIT = 1_000
SEARCH_ROWS = 20_000
"""Deliveries that one search reads."""
MAX_ATTEMPT_DURATION = timedelta(seconds=28)
"""A lease that was taken longer ago has no attempt under way: the attempt has ended, or its worker is dead."""


class Claim(Enum):
    """Which deliveries of an endpoint are attempted."""

    DUE = auto()
    """Those that are due, oldest first."""
    PROBE = auto()
    """Those that are due, with the fewest failures first: one that is always rejected must not be the only one."""
    EARLY_PROBE = auto()
    """Also those that are not due, except before a moment that the receiver has asked for; with the fewest failures
    and attempts first."""


@dataclass(frozen=True, slots=True)
class DueDelivery:
    """A delivery with a lease, and the position of its event in the journal."""

    delivery: Delivery
    position: tuple[int, int]
    failures: int
    next_at: datetime
    """Later than now for `Claim.EARLY_PROBE`."""
    planned_at: datetime | None
    lease_until: datetime
    """The end of the lease, which also identifies it."""


async def create(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    endpoint_id: EndpointId,
    events: Iterable[tuple[DeliveryId, RecordedEvent]],
    *,
    now: datetime,
    again: bool = False,
) -> int:
    """Create deliveries of events to an endpoint; returns how many.

    Existing deliveries are left alone; `again` delivers them once more.
    """
    rows = [_columns_of(app_id, endpoint_id, delivery_id, recorded, now) for delivery_id, recorded in events]
    if not rows:
        return 0
    statement = upsert(deliveries)
    if again:
        statement = statement.on_conflict_do_update(
            index_elements=["app_id", "endpoint_id", "event_id"],
            set_={
                "state": DeliveryState.PENDING,
                "failures": 0,
                "next_at": now,
                "not_before": None,
                "planned_at": None,
                "lease_until": None,
            },
        )
    else:
        statement = statement.on_conflict_do_nothing(index_elements=["app_id", "endpoint_id", "event_id"])
    await unit_of_work.execute(statement, rows)
    return len(rows)


async def claim_due(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    endpoint_id: EndpointId,
    *,
    ordered: bool,
    now: datetime,
    limit: int,
    claim: Claim = Claim.DUE,
) -> list[DueDelivery]:
    """Due deliveries, oldest first, with a lease of `LEASE_DURATION`. `claim` chooses others.

    `limit` bounds the attempts under way at the endpoint, those of other workers included. `ordered`: only the oldest
    undelivered event of each session.
    """
    # One claim at a time, so that each counts the leases of the others.
    await unit_of_work.execute(
        select(func.pg_advisory_xact_lock(func.hashtextextended(f"deliveries to {endpoint_id}", 0)))
    )
    pending = (
        deliveries.c.app_id == app_id,
        deliveries.c.endpoint_id == endpoint_id,
        deliveries.c.state == DeliveryState.PENDING,
    )
    has_recent_lease = deliveries.c.lease_until >= func.clock_timestamp() + literal(
        LEASE_DURATION - MAX_ATTEMPT_DURATION, Interval
    )
    under_way = select(deliveries.c.id).where(*pending, has_recent_lease).limit(limit).subquery()
    limit -= (await unit_of_work.execute(select(func.count()).select_from(under_way))).scalar_one()
    if limit <= 0:
        return []
    statement = select(deliveries.c.id).where(*pending, *_may_claim(deliveries, claim, now))
    if ordered:
        heads = _heads(pending, claim, now)
        statement = statement.where(deliveries.c.id.in_(heads.limit(limit)))
    else:
        statement = statement.order_by(*_claim_order(deliveries, claim)).limit(limit)
    statement = statement.with_for_update(skip_locked=True)
    chosen = statement.cte("chosen")
    taken = (
        update(deliveries)
        .where(deliveries.c.app_id == app_id, deliveries.c.id == chosen.c.id)
        .values(lease_until=func.clock_timestamp() + literal(LEASE_DURATION, Interval))
        .returning(deliveries)
    )
    found = [
        DueDelivery(_delivery_from(row), (row.xid, row.seq), row.failures, row.next_at, row.planned_at, row.lease_until)
        for row in await unit_of_work.execute(taken)
    ]
    return sorted(found, key=lambda due: due.position)


def _may_claim(source: FromClause, claim: Claim, now: datetime) -> list[ColumnElement[bool]]:
    is_free = source.c.lease_until.is_(None) | (source.c.lease_until < func.clock_timestamp())
    if claim is Claim.EARLY_PROBE:
        return [is_free, source.c.not_before.is_(None) | (source.c.not_before <= now)]
    return [is_free, source.c.next_at <= now]


def _claim_order(source: FromClause, claim: Claim) -> list[ColumnElement[Any]]:
    oldest_first: list[ColumnElement[Any]] = [source.c.xid, source.c.seq]
    fewest_first: dict[Claim, list[ColumnElement[Any]]] = {
        Claim.DUE: [],
        Claim.PROBE: [source.c.failures],
        # An early probe that fails is no failure of the delivery.
        Claim.EARLY_PROBE: [source.c.failures, source.c.attempts],
    }
    return [*fewest_first[claim], *oldest_first]


def _heads(pending: Iterable[ColumnElement[bool]], claim: Claim, now: datetime) -> Select[tuple[UUID]]:
    """The oldest undelivered delivery of each session, if it may be claimed.

    Sorts all pending deliveries once: a subquery per delivery takes minutes in a long queue.
    """
    place = func.row_number().over(
        partition_by=func.coalesce(deliveries.c.session_id, deliveries.c.id),
        order_by=(deliveries.c.xid, deliveries.c.seq),
    )
    head = select(deliveries, place.label("place")).where(*pending).subquery()
    return (
        select(head.c.id).where(head.c.place == 1, *_may_claim(head, claim, now)).order_by(*_claim_order(head, claim))
    )


async def record_attempt(
    unit_of_work: UnitOfWork, due: DueDelivery, attempt: DeliveryAttempt, retry: RetrySchedule | None
) -> None:
    """Write an attempt and, if the lease was not lost, the new state of the delivery. `retry` is None for a success.

    The lease is lost if the attempt took longer than it, or if the delivery was rescheduled during the attempt.
    """
    this = (deliveries.c.app_id == due.delivery.app_id) & (deliveries.c.id == due.delivery.id)
    counted = update(deliveries).where(this).values(attempts=deliveries.c.attempts + 1).returning(deliveries.c.attempts)
    number = (await unit_of_work.execute(counted)).scalar_one()
    await unit_of_work.execute(
        insert(attempts).values(
            app_id=due.delivery.app_id,
            delivery_id=due.delivery.id,
            number=number,
            at=attempt.at,
            status=attempt.status,
            latency_ms=attempt.latency_ms,
            body=attempt.body,
            error=attempt.error,
            request_headers=null() if attempt.request_headers is None else dict(attempt.request_headers),
        )
    )
    await unit_of_work.execute(
        update(deliveries)
        .where(this, deliveries.c.lease_until == due.lease_until)
        .values(**_columns_of_retry(retry), lease_until=None)
    )


def _columns_of_retry(retry: RetrySchedule | None) -> dict[str, Any]:
    if retry is None:
        return {
            "state": DeliveryState.DELIVERED,
            "failures": 0,
            "next_at": None,
            "not_before": None,
            "planned_at": None,
        }
    return {
        "state": DeliveryState.FAILED if retry.next_at is None else DeliveryState.PENDING,
        "failures": retry.failures,
        "next_at": retry.next_at,
        "not_before": retry.not_before,
        "planned_at": retry.planned_at,
    }


async def advance_retries(unit_of_work: UnitOfWork, app_id: AppId, endpoint_id: EndpointId, *, now: datetime) -> None:
    """Make the postponed deliveries to an endpoint due that has recovered, or as early as the receiver has asked for.

    Each planned retry is advanced once.
    """
    earliest = func.greatest(deliveries.c.not_before, literal(now, DateTime(timezone=True)))
    await unit_of_work.execute(
        update(deliveries)
        .where(
            deliveries.c.app_id == app_id,
            deliveries.c.endpoint_id == endpoint_id,
            # A literal, so that the index of pending deliveries is used.
            deliveries.c.state == literal_column("'pending'"),
            deliveries.c.next_at > earliest,
            deliveries.c.planned_at.is_(None),
        )
        .values(next_at=earliest, planned_at=deliveries.c.next_at)
    )


async def mark_failed(unit_of_work: UnitOfWork, due: DueDelivery) -> None:
    """Write that there is nothing to deliver any more."""
    await unit_of_work.execute(
        update(deliveries)
        .where(deliveries.c.app_id == due.delivery.app_id, deliveries.c.id == due.delivery.id)
        .values(state=DeliveryState.FAILED, next_at=None, lease_until=None)
    )


async def due_endpoints(unit_of_work: UnitOfWork, *, now: datetime, limit: int) -> list[tuple[AppId, EndpointId]]:
    """Enabled endpoints with deliveries that may be attempted; paused ones only when their next probe is due."""
    of_endpoint = (webhook_endpoints.c.app_id == deliveries.c.app_id) & (
        webhook_endpoints.c.id == deliveries.c.endpoint_id
    )
    due = (
        select(deliveries.c.app_id, deliveries.c.endpoint_id)
        .join(webhook_endpoints, of_endpoint)
        .where(
            deliveries.c.state == DeliveryState.PENDING,
            *_may_claim(deliveries, Claim.DUE, now),
            webhook_endpoints.c.disabled.is_(None),
            webhook_endpoints.c.probe_at.is_(None) | (webhook_endpoints.c.probe_at <= now),
        )
    )
    postponed = select(deliveries.c.id).where(
        of_endpoint, deliveries.c.state == DeliveryState.PENDING, *_may_claim(deliveries, Claim.EARLY_PROBE, now)
    )
    early = select(webhook_endpoints.c.app_id, webhook_endpoints.c.id).where(
        webhook_endpoints.c.disabled.is_(None),
        webhook_endpoints.c.probe_at <= now - EARLY_PROBE_AFTER,
        postponed.exists(),
    )
    return [(row[0], row[1]) for row in await unit_of_work.execute(due.union(early).limit(limit))]


async def page(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    endpoint_id: EndpointId,
    *,
    state: DeliveryState | None,
    limit: int,
    cursor: str | None,
) -> Page[Delivery]:
    """One page of an endpoint's deliveries, newest first, and the cursor of the next."""
    statement = (
        select(deliveries)
        .where(deliveries.c.app_id == app_id, deliveries.c.endpoint_id == endpoint_id)
        .order_by(deliveries.c.id.desc())
        .limit(limit + 1)
    )
    if state is not None:
        statement = statement.where(deliveries.c.state == state)
    if cursor is not None:
        statement = statement.where(deliveries.c.id < pagination.read(cursor, UUID)[0])
    found = [_delivery_from(row) for row in await unit_of_work.execute(statement)]
    return pagination.page_of(found, limit, lambda delivery: pagination.write([str(delivery.id)]))


async def retrying(
    unit_of_work: UnitOfWork, app_id: AppId, endpoint_id: EndpointId, *, with_untried: bool, limit: int
) -> list[Delivery]:
    """Pending deliveries with failed attempts, oldest first; with `with_untried`, all pending ones.

    Considers only the oldest `RETRYING_LIMIT` pending deliveries.
    """
    oldest = (
        select(deliveries)
        .where(
            deliveries.c.app_id == app_id,
            deliveries.c.endpoint_id == endpoint_id,
            deliveries.c.state == DeliveryState.PENDING,
        )
        .order_by(deliveries.c.xid, deliveries.c.seq)
        .limit(RETRYING_LIMIT)
        .subquery()
    )
    statement = select(oldest).order_by(oldest.c.xid, oldest.c.seq).limit(limit)
    if not with_untried:
        statement = statement.where(oldest.c.failures > 0)
    return [_delivery_from(row) for row in await unit_of_work.execute(statement)]


async def of_events(
    unit_of_work: UnitOfWork, app_id: AppId, endpoint_ids: Sequence[EndpointId], event_ids: Sequence[EventId]
) -> list[Delivery]:
    """The deliveries of these events to these endpoints."""
    if not endpoint_ids or not event_ids:
        return []
    statement = select(deliveries).where(
        deliveries.c.app_id == app_id,
        deliveries.c.endpoint_id.in_(endpoint_ids),
        deliveries.c.event_id.in_(event_ids),
    )
    return [_delivery_from(row) for row in await unit_of_work.execute(statement)]


async def find(unit_of_work: UnitOfWork, app_id: AppId, delivery_id: DeliveryId) -> Delivery | None:
    statement = select(deliveries).where(deliveries.c.app_id == app_id, deliveries.c.id == delivery_id)
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else _delivery_from(row)


async def attempts_of(unit_of_work: UnitOfWork, app_id: AppId, delivery_id: DeliveryId) -> Sequence[DeliveryAttempt]:
    """All attempts at a delivery, in order."""
    statement = (
        select(attempts)
        .where(attempts.c.app_id == app_id, attempts.c.delivery_id == delivery_id)
        .order_by(attempts.c.number)
    )
    return [_attempt_from(row) for row in await unit_of_work.execute(statement)]


async def event_position(unit_of_work: UnitOfWork, app_id: AppId, delivery_id: DeliveryId) -> tuple[int, int] | None:
    """The position of a delivery's event in the journal; None if there is no such delivery."""
    statement = select(deliveries.c.xid, deliveries.c.seq).where(
        deliveries.c.app_id == app_id, deliveries.c.id == delivery_id
    )
    row = (await unit_of_work.execute(statement)).one_or_none()
    return None if row is None else (row.xid, row.seq)


class DeliverySearchPage(NamedTuple):
    """Deliveries that match, newest first."""

    items: Sequence[FoundDelivery]
    next_cursor: str | None
    searched_back_to: datetime | None
    """Set if the search ended at its bound: older deliveries may match."""


async def search(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    endpoint_ids: Sequence[EndpointId],
    chosen: DeliveryFilter,
    *,
    limit: int,
    before: str | None,
) -> DeliverySearchPage:
    """The newest matching deliveries to these endpoints, among at most `SEARCH_ROWS` deliveries.

    The bound makes every search fast, however rare the deliveries are: the next page continues where this one ended.
    """
    scanned = select_scanned(
        app_id, endpoint_ids, chosen, limit=limit, before=None if before is None else pagination.read(before, UUID)[0]
    )
    rows = scanned.cte("scanned")
    matching = select(rows).where(*_by_row(rows, chosen)).order_by(rows.c.id.desc()).limit(limit + 1)
    found = [_delivery_from(row) for row in await unit_of_work.execute(matching)]
    page = pagination.page_of(found, limit, lambda delivery: pagination.write([str(delivery.id)]))
    attempt_of = await _last_attempts(unit_of_work, app_id, [each.id for each in page.items])
    items = [FoundDelivery(each, attempt_of.get(each.id)) for each in page.items]
    if page.next_cursor is not None or not _filters_rows(chosen):
        return DeliverySearchPage(items, page.next_cursor, None)
    number = func.count().over().label("number")
    end = select(rows.c.id, rows.c.created_at, number).order_by(rows.c.id).limit(1)
    last = (await unit_of_work.execute(end)).one_or_none()
    if last is None or last.number < SEARCH_ROWS:
        return DeliverySearchPage(items, None, None)
    return DeliverySearchPage(items, pagination.write([str(last.id)]), last.created_at)


def select_scanned(
    app_id: AppId, endpoint_ids: Sequence[EndpointId], chosen: DeliveryFilter, *, limit: int, before: UUID | None
) -> Select[Any]:
    """The deliveries that a search reads, newest first."""
    number = SEARCH_ROWS if _filters_rows(chosen) else limit + 1
    scanned = (
        select(deliveries)
        .where(deliveries.c.app_id == app_id, *_by_index(chosen, before))
        .order_by(deliveries.c.id.desc())
        .limit(number)
    )
    if chosen.endpoint is None and chosen.state is not DeliveryState.FAILED:
        return scanned
    # Indexes by endpoint.
    each = (
        func.unnest(literal(list(endpoint_ids), ARRAY(Uuid)))
        .table_valued(column("endpoint_id", Uuid), name="each_endpoint")
        .render_derived()
    )
    own = scanned.where(deliveries.c.endpoint_id == each.c.endpoint_id).lateral("own")
    return select(own).select_from(each.join(own, true())).order_by(own.c.id.desc()).limit(number)


def _by_index(chosen: DeliveryFilter, before: UUID | None) -> Iterator[ColumnElement[bool]]:
    """The conditions that bound the part of the index that is read: IDs begin with the time."""
    if chosen.state is DeliveryState.FAILED:
        yield deliveries.c.state == literal_column("'failed'")
    if chosen.since is not None:
        yield deliveries.c.id >= first_uuid7(chosen.since)
    if chosen.until is not None:
        yield deliveries.c.id < first_uuid7(chosen.until)
    if before is not None:
        yield deliveries.c.id < before


def _filters_rows(chosen: DeliveryFilter) -> bool:
    return chosen.type is not None or chosen.state in {DeliveryState.PENDING, DeliveryState.DELIVERED}


def _by_row(rows: CTE, chosen: DeliveryFilter) -> Iterator[ColumnElement[bool]]:
    if chosen.type is not None:
        yield rows.c.type == chosen.type
    if chosen.state is not None:
        yield rows.c.state == chosen.state


async def _last_attempts(
    unit_of_work: UnitOfWork, app_id: AppId, delivery_ids: Sequence[DeliveryId]
) -> dict[DeliveryId, DeliveryAttempt]:
    if not delivery_ids:
        return {}
    statement = (
        select(attempts)
        .where(attempts.c.app_id == app_id, attempts.c.delivery_id.in_(delivery_ids))
        .ext(distinct_on(attempts.c.delivery_id))
        .order_by(attempts.c.delivery_id, attempts.c.number.desc())
    )
    return {row.delivery_id: _attempt_from(row) for row in await unit_of_work.execute(statement)}


def _attempt_from(row: Row[Any]) -> DeliveryAttempt:
    return DeliveryAttempt(
        row.number, row.at, row.status, row.latency_ms, row.body, row.error, request_headers=row.request_headers
    )


async def reschedule(unit_of_work: UnitOfWork, app_id: AppId, delivery_id: DeliveryId, *, now: datetime) -> None:
    """Make a delivery due once more."""
    await unit_of_work.execute(
        update(deliveries)
        .where(deliveries.c.app_id == app_id, deliveries.c.id == delivery_id)
        .values(state=DeliveryState.PENDING, failures=0, next_at=now, not_before=None, planned_at=None)
    )


@dataclass(frozen=True, slots=True)
class AgedDelivery:
    """A delivery that the retention policy may delete."""

    id: DeliveryId
    state: DeliveryState
    created_at: datetime
    attempted_at: datetime | None


async def claim_older(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    *,
    than: datetime,
    behind: tuple[datetime, object] | None,
    limit: int,
) -> list[AgedDelivery]:
    """Deliveries created before `than`, oldest first, locked until the transaction ends.

    Skips those that another transaction has locked. `behind` is the last position of the previous page.
    """
    attempted_at = (
        select(func.max(attempts.c.at))
        .where(attempts.c.app_id == deliveries.c.app_id, attempts.c.delivery_id == deliveries.c.id)
        .scalar_subquery()
    )
    statement = (
        select(deliveries.c.id, deliveries.c.state, deliveries.c.created_at, attempted_at.label("attempted_at"))
        .where(
            deliveries.c.app_id == app_id, deliveries.c.created_at < than, deliveries.c.state != DeliveryState.PENDING
        )
        .order_by(deliveries.c.created_at, deliveries.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=deliveries)
    )
    if behind is not None:
        statement = statement.where(tuple_(deliveries.c.created_at, deliveries.c.id) > behind)
    return [
        AgedDelivery(row.id, DeliveryState(row.state), row.created_at, row.attempted_at)
        for row in await unit_of_work.execute(statement)
    ]


async def delete_deliveries(unit_of_work: UnitOfWork, app_id: AppId, ids: Iterable[DeliveryId]) -> None:
    """Delete deliveries with their attempts."""
    if chosen := list(ids):
        await unit_of_work.execute(delete(deliveries).where(deliveries.c.app_id == app_id, deliveries.c.id.in_(chosen)))


async def erase_answers(
    unit_of_work: UnitOfWork, app_id: AppId, event_ids: Sequence[EventId], session_ids: Sequence[SessionId]
) -> int:
    """Erase responses to deliveries of these events, and of all events of these sessions; returns how many."""
    endpoint_ids = select(webhook_endpoints.c.id).where(webhook_endpoints.c.app_id == app_id)
    delivery_ids = select(deliveries.c.id).where(
        deliveries.c.app_id == app_id,
        deliveries.c.endpoint_id.in_(endpoint_ids),
        or_(
            deliveries.c.event_id == func.any(literal(list(event_ids), ARRAY(Uuid))),
            deliveries.c.session_id == func.any(literal(list(session_ids), ARRAY(Uuid))),
        ),
    )
    statement = (
        update(attempts)
        .where(attempts.c.app_id == app_id, attempts.c.delivery_id.in_(delivery_ids), attempts.c.body != "")
        .values(body="")
    )
    return (await unit_of_work.execute(statement)).rowcount


def _columns_of(
    app_id: AppId, endpoint_id: EndpointId, delivery_id: DeliveryId, recorded: RecordedEvent, now: datetime
) -> dict[str, Any]:
    xid, seq = pagination.read(recorded.cursor, pagination.number, pagination.number)
    return {
        "app_id": app_id,
        "id": delivery_id,
        "endpoint_id": endpoint_id,
        "event_id": recorded.event.id,
        "xid": xid,
        "seq": seq,
        "type": recorded.event.type,
        "session_id": recorded.event.session_id,
        "state": DeliveryState.PENDING,
        "attempts": 0,
        "failures": 0,
        "next_at": now,
        "created_at": now,
    }


def _delivery_from(row: Row[Any]) -> Delivery:
    return Delivery(
        id=row.id,
        app_id=row.app_id,
        endpoint_id=row.endpoint_id,
        event_id=row.event_id,
        type=row.type,
        state=DeliveryState(row.state),
        attempts=row.attempts,
        next_at=row.next_at,
        created_at=row.created_at,
        failures=row.failures,
    )
