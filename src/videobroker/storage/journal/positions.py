"""Positions in the journal: whether they belong to this server, and what hides the newest events.

See decision 44.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from videobroker.domain.ids import SERVICE_ID
from videobroker.domain.journal_positions import Positions, choose_shift, is_continuous
from videobroker.storage.journal_functions import position_functions
from videobroker.storage.postgres.unit_of_work import UnitOfWork

LOCK_TIMEOUT = "10s"
"""For the lock of the journal. Writers wait behind it."""

_OWNERS = "(select id from apps union all select :service) owner"
_NEWEST_ROW = "(select xid from journal where app_id = owner.id order by xid desc, seq desc limit 1)"
_NEWEST_SEAL = "(select last_xid from journal_seals where app_id = owner.id order by number desc limit 1)"
_POSITIONS = text(f"""
    select
        (select max(greatest({_NEWEST_ROW}, {_NEWEST_SEAL})::text::bigint) from {_OWNERS}) as newest,
        journal_horizon()::text::bigint as horizon,
        pg_snapshot_xmin(pg_current_snapshot())::text::bigint as oldest_xid,
        pg_snapshot_xmax(pg_current_snapshot())::text::bigint as next_xid,
        journal_server() as stored_server
""")  # noqa: S608  no input in the text
_MAY_READ_SERVER = text("select has_function_privilege('pg_control_system()', 'execute')")
_SERVER = text("select system_identifier from pg_control_system()")
_OLDEST_HIDDEN = text(f"""
    select min(hidden.occurred_at) from {_OWNERS} cross join lateral (
        select occurred_at from journal where app_id = owner.id and xid >= journal_horizon() order by xid, seq limit 1
    ) hidden
""")  # noqa: S608  no input in the text
# Every transaction with an ID has such a lock. Unlike `backend_xid`, all users may read it.
_OLDEST_TRANSACTION = text("""
    select lock.pid, coalesce(activity.datname, prepared.database) as database, activity.application_name,
           prepared.gid, clock_timestamp() - coalesce(activity.xact_start, prepared.prepared) as duration
    from pg_locks lock
    left join pg_stat_activity activity on activity.pid = lock.pid
    left join pg_prepared_xacts prepared on prepared.transaction = lock.transactionid
    where lock.locktype = 'transactionid' and lock.mode = 'ExclusiveLock' and lock.granted
        and lock.pid is distinct from pg_backend_pid()
    order by age(lock.transactionid) desc limit 1
""")

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """The oldest transaction on the server that writes, in any of its databases."""

    pid: int | None
    """None for a prepared transaction."""
    database: str | None
    application_name: str | None
    gid: str | None
    """The name of a prepared transaction."""
    duration: timedelta | None
    """None if this user must not read it."""


@dataclass(frozen=True, slots=True)
class HiddenEvents:
    """Events that are committed, and that readers do not see yet."""

    hidden_for: timedelta
    """The age of the oldest of them."""
    transaction: OpenTransaction | None
    """What hides them. None if it has just ended."""


async def belong_to_this_server(unit_of_work: UnitOfWork) -> bool:
    """False after a restore on another server, until `continue_on_this_server`."""
    return is_continuous(await _read(unit_of_work))


async def find_hidden(unit_of_work: UnitOfWork, *, now: datetime) -> HiddenEvents | None:
    """The events that an open transaction hides; None if there are none."""
    oldest = (await unit_of_work.execute(_OLDEST_HIDDEN, {"service": SERVICE_ID})).scalar_one()
    if oldest is None:
        return None
    row = (await unit_of_work.execute(_OLDEST_TRANSACTION)).one_or_none()
    transaction = (
        None if row is None else OpenTransaction(row.pid, row.database, row.application_name, row.gid, row.duration)
    )
    return HiddenEvents(max(now - oldest, timedelta(0)), transaction)


async def continue_on_this_server(connection: AsyncConnection) -> None:
    """After a restore on another server, let new positions follow those of the restored rows.

    Commits. The journal is locked meanwhile, so that no open transaction has used the former shift.
    """
    unit_of_work = UnitOfWork(connection)
    if is_continuous(await _read(unit_of_work)):
        await connection.commit()
        return
    await connection.execute(text(f"set local lock_timeout = '{LOCK_TIMEOUT}'"))
    await connection.execute(text("lock table journal in access exclusive mode"))
    positions = await _read(unit_of_work)
    shift = choose_shift(positions)
    for statement in position_functions(shift=shift, server=positions.server):
        await connection.execute(text(statement))
    await connection.commit()
    log.warning("journal.server_changed", newest=positions.newest, shift=shift)


async def _read(unit_of_work: UnitOfWork) -> Positions:
    row = (await unit_of_work.execute(_POSITIONS, {"service": SERVICE_ID})).one()
    # Some managed servers do not grant it.
    may_read = await unit_of_work.scalar(_MAY_READ_SERVER)
    server = await unit_of_work.scalar(_SERVER) if may_read else None
    return Positions(row.newest, row.horizon, row.oldest_xid, row.next_xid, row.stored_server, server)
