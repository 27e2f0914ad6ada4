"""What waits for the background work, and since when: for diagnostics and metrics.

Every part reads an index of what is pending, and at most a limited number of rows, so that a backlog does not make the
query slow.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text

from videobroker.domain.ids import SERVICE_ID, time_of
from videobroker.storage.jobs import SETTINGS, SWEEP
from videobroker.storage.postgres.unit_of_work import UnitOfWork

MAX_PENDING_PER_ENDPOINT = 1_000
MAX_UNSEALED_PER_APP = 1_000
ENDPOINT_STATES = ("working", "failing", "disabled")


@dataclass(frozen=True, slots=True)
class Backlog:
    """How many wait, and how long the oldest one has waited; zero if none does."""

    count: int
    longest_wait: timedelta


@dataclass(frozen=True, slots=True)
class BackgroundWork:
    """What waits for a worker, in all apps."""

    worker_silence: timedelta | None
    """The time since a worker has run the sweep, by the database's clock. None: none has run yet."""
    unprocessed_webhooks: Backlog
    """Incoming webhooks."""
    due_steps: Backlog
    """Sessions with a lifecycle step that is due, and that no worker has started."""
    due_deliveries: Backlog
    """Deliveries that are due at endpoints without a failure, and that no worker has started."""
    unsealed_rows: Backlog
    """Journal rows; at most `MAX_UNSEALED_PER_APP` of each app are counted."""
    seals: int
    """The sum of the numbers of each journal's newest seal. It never decreases, unless seals are removed."""
    open_calls: int
    endpoints: Mapping[str, int]
    """Webhook endpoints by state: all of `ENDPOINT_STATES`."""
    pending_deliveries: Mapping[str, int]
    """By the state of their endpoint; at most `MAX_PENDING_PER_ENDPOINT` of each endpoint are counted."""


_STATEMENT = text(f"""
    with endpoint as (
        select app_id, id, case
            when disabled is not null then 'disabled' when failing_since is not null then 'failing' else 'working'
        end as state
        from webhook_endpoints
    ), pending as (
        select endpoint.state, head.next_at, head.lease_until from endpoint cross join lateral (
            select next_at, lease_until from deliveries
            where app_id = endpoint.app_id and endpoint_id = endpoint.id and state = 'pending'
            order by xid, seq limit {MAX_PENDING_PER_ENDPOINT}
        ) head
    ), due as (
        select next_at from pending
        where state = 'working' and next_at <= :now and (lease_until is null or lease_until < clock_timestamp())
    ), sealed as (
        select owner.id as app_id, seal.* from (select id from apps union all select :service) owner left join lateral (
            select number, last_xid, last_seq from journal_seals where app_id = owner.id order by number desc limit 1
        ) seal on true
    ), unsealed as (
        select found.id from sealed cross join lateral (
            select id from journal where app_id = sealed.app_id
            and (xid, seq) > (coalesce(sealed.last_xid, '0'::xid8), coalesce(sealed.last_seq, 0))
            order by journal.xid, journal.seq limit {MAX_UNSEALED_PER_APP}
        ) found
    )
    select
        (select now() - max(last_run) from {SETTINGS.qualified.schedules_table} where entrypoint = '{SWEEP}')
            as worker_silence,
        webhooks.*, steps.*, due_deliveries.*, unsealed_rows.*, calls.*,
        (select coalesce(sum(number), 0)::bigint from sealed) as seals,
        (select json_object_agg(state, number) from (select state, count(*) as number from endpoint group by 1) counted)
            as endpoints,
        (select json_object_agg(state, number) from (select state, count(*) as number from pending group by 1) counted)
            as pending_deliveries
    from
        (select count(*) as webhooks, min(received_at) as oldest_webhook from inbox where state = 'pending') webhooks,
        (select count(*) as steps, min(attend_at) as oldest_step from sessions where attend_at <= :now) steps,
        (select count(*) as due, min(next_at) as oldest_due from due) due_deliveries,
        (select count(*) as unsealed, min(id::text) as oldest_unsealed from unsealed) unsealed_rows,
        (select count(*) as open_calls from calls where ended_at is null) calls
""")  # noqa: S608  our own names and numbers


async def read(unit_of_work: UnitOfWork, *, now: datetime) -> BackgroundWork:
    """Read all of it in one round trip."""
    row = (await unit_of_work.execute(_STATEMENT, {"now": now, "service": SERVICE_ID})).one()
    oldest_unsealed = None if row.oldest_unsealed is None else time_of(UUID(row.oldest_unsealed))
    return BackgroundWork(
        worker_silence=row.worker_silence,
        unprocessed_webhooks=_backlog(row.webhooks, row.oldest_webhook, now),
        due_steps=_backlog(row.steps, row.oldest_step, now),
        due_deliveries=_backlog(row.due, row.oldest_due, now),
        unsealed_rows=_backlog(row.unsealed, oldest_unsealed, now),
        seals=row.seals,
        open_calls=row.open_calls,
        endpoints=_by_state(row.endpoints),
        pending_deliveries=_by_state(row.pending_deliveries),
    )


def _backlog(count: int, oldest: datetime | None, now: datetime) -> Backlog:
    return Backlog(count, timedelta(0) if oldest is None else max(now - oldest, timedelta(0)))


def _by_state(counts: Mapping[str, int] | None) -> dict[str, int]:
    return {state: (counts or {}).get(state, 0) for state in ENDPOINT_STATES}
