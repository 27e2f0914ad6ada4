"""Seals of the journal, and what proves it: leaves, salts, and redactions.

Reads typed rows of the driver, because a journal has millions of them. Sealing, redacting, and retention hold the
lock of an app's journal; writing events never waits for it.
"""

import json
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
from sqlalchemy import text

from videobroker.domain.ids import SERVICE_ID, AppId, EventId
from videobroker.domain.journal_proof.canonical_json import parse_json
from videobroker.domain.journal_proof.proof import (
    JournalRow,
    JournalSeal,
    Leaf,
    Position,
    ProofEvent,
    Redaction,
    SealingResult,
)
from videobroker.domain.journal_proof.verification import ChainHead, SealedBatch, UnsealedRows
from videobroker.errors import JournalDamaged
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.row_mapping import RowReader
from videobroker.storage.postgres.unit_of_work import UnitOfWork

SEALS_PER_PAGE = 1_000
ROWS_PER_BATCH = 20_000
BEGINNING: Position = (0, 0)

# The first half of the key of the advisory lock of an app's journal: "seal" in ASCII.
LOCK_CLASS = 0x7365616C

_ROW_COLUMNS = """
    journal.xid::text::bigint, journal.seq, journal.id::text, journal.type, journal.occurred_at,
    journal.session_id::text, journal.kind, journal.reference, journal.user_id, journal.key_id::text,
    journal.ip, journal.user_agent, journal.asked_by_user_id, journal.data::text
"""
_SALTED_ROW_COLUMNS = f"{_ROW_COLUMNS}, journal_salts.salts"
_WITH_SALTS = "journal left join journal_salts using (app_id, xid, seq)"
_SEAL_COLUMNS = """
    app_id::text, number, first_xid::text::bigint, first_seq, last_xid::text::bigint, last_seq, count as row_count,
    oldest_at, newest_at, root, previous, sealed_at, hash
"""
_REDACTION_COLUMNS = "xid::text::bigint, seq, pointer, commitment, entry_id::text"
# ORDER BY names the table: a bare `xid` would be the selected number, which has no index.
# After one position of an app, up to another one; $1 is the app.
_BETWEEN = "(xid, seq) > ($2::text::xid8, $3::bigint) and (xid, seq) <= ($4::text::xid8, $5::bigint)"
_AFTER = "(xid, seq) > ($2::text::xid8, $3::bigint)"
_SETTLED = "xid < journal_horizon()"


@asynccontextmanager
async def snapshot(store: Store, app_id: AppId) -> AsyncIterator[UnitOfWork]:
    """A read-only unit of work on one app that sees the database as of its beginning, and may run for minutes.

    It has no transaction ID, so it does not delay those who follow the journal.
    """
    async with store.transaction(app_id, long_statements=True) as unit_of_work:
        await unit_of_work.execute(text("set transaction isolation level repeatable read, read only"))
        yield unit_of_work


async def lock(unit_of_work: UnitOfWork, app_id: AppId) -> None:
    """Lock the app's journal for sealing, redaction, and retention until the transaction ends."""
    await (await unit_of_work.driver_connection()).execute(
        "select pg_advisory_xact_lock($1, hashtext($2))", LOCK_CLASS, str(app_id)
    )


async def try_lock(unit_of_work: UnitOfWork, app_id: AppId) -> bool:
    """`lock`, without waiting. False if another transaction has the lock."""
    driver = await unit_of_work.driver_connection()
    return bool(await driver.fetchval("select pg_try_advisory_xact_lock($1, hashtext($2))", LOCK_CLASS, str(app_id)))


# -- sealing


async def apps_to_seal(unit_of_work: UnitOfWork) -> list[AppId]:
    """The apps with rows that can be sealed; `SERVICE_ID` for the service itself."""
    found = await (await unit_of_work.driver_connection()).fetch(
        f"""
        select owner.id from (select id from apps union all select $1) owner left join lateral (
            select last_xid, last_seq from journal_seals where app_id = owner.id order by number desc limit 1
        ) seal on true
        where exists (
            select from journal where app_id = owner.id and {_SETTLED}
            and (xid, seq) > (coalesce(seal.last_xid, '0'::xid8), coalesce(seal.last_seq, 0))
        )
        """,  # noqa: S608  no input in the text
        SERVICE_ID,
    )
    return [AppId(UUID(str(row["id"]))) for row in found]


async def newest_seal(unit_of_work: UnitOfWork, app_id: AppId) -> tuple[JournalSeal, bytes] | None:
    """The app's newest seal, and its hash as it is stored."""
    found = await (await unit_of_work.driver_connection()).fetch(
        f"select {_SEAL_COLUMNS} from journal_seals where app_id = $1 order by number desc limit 1",  # noqa: S608  no input in the text
        app_id,
    )
    return _seal_from(found[0]) if found else None


@dataclass(frozen=True, slots=True)
class LastSeal:
    """The newest seal of an app's journal."""

    app_id: AppId
    number: int
    sealed_at: datetime


async def last_seals(unit_of_work: UnitOfWork) -> list[LastSeal]:
    """The newest seal of each app that has one."""
    found = await (await unit_of_work.driver_connection()).fetch(
        """
        select apps.id, seal.number, seal.sealed_at from apps cross join lateral (
            select number, sealed_at from journal_seals where app_id = apps.id order by number desc limit 1
        ) seal
        """
    )
    return [LastSeal(AppId(UUID(str(row["id"]))), row["number"], row["sealed_at"]) for row in found]


async def head(unit_of_work: UnitOfWork, app_id: AppId) -> ChainHead | None:
    """Number and hash of the newest seal."""
    newest = await newest_seal(unit_of_work, app_id)
    return None if newest is None else ChainHead(newest[0].number, newest[1])


async def unsealed_rows(unit_of_work: UnitOfWork, app_id: AppId, after: Position, *, limit: int) -> list[JournalRow]:
    """Rows after this position that can be sealed: those of transactions older than every one still running."""
    found = await (await unit_of_work.driver_connection()).fetch(
        f"select {_ROW_COLUMNS}, null::bytea as salts from journal "  # noqa: S608  no input in the text
        f"where app_id = $1 and {_AFTER} and {_SETTLED} order by journal.xid, journal.seq limit $4",
        app_id,
        *_bound(after),
        limit,
    )
    return [_JOURNAL_ROWS.read(each) for each in found]


async def write_seal(unit_of_work: UnitOfWork, sealed: SealingResult) -> None:
    """Write a seal, its leaves, and the salts of its rows.

    Raises `JournalDamaged` if some of these rows were sealed before, by a seal that was deleted since.
    """
    try:
        await _write(unit_of_work, sealed)
    except asyncpg.UniqueViolationError:
        raise JournalDamaged(
            f"Seal {sealed.seal.number} was there before, and was removed. `videobroker journal verify` has details."
        ) from None


async def _write(unit_of_work: UnitOfWork, sealed: SealingResult) -> None:
    driver, seal, leaves = await unit_of_work.driver_connection(), sealed.seal, sealed.leaves
    await driver.execute(
        """
        insert into journal_leaves (app_id, xid, seq, event_id, digest)
        select $1, xid::text::xid8, seq, event_id, digest
        from unnest($2::bigint[], $3::bigint[], $4::uuid[], $5::bytea[]) as leaf (xid, seq, event_id, digest)
        """,
        seal.app_id,
        [leaf.xid for leaf in leaves],
        [leaf.seq for leaf in leaves],
        [leaf.event_id for leaf in leaves],
        [leaf.digest for leaf in leaves],
    )
    await driver.execute(
        """
        insert into journal_salts (app_id, xid, seq, salts)
        select $1, xid::text::xid8, seq, salts from unnest($2::bigint[], $3::bigint[], $4::bytea[])
            as salted (xid, seq, salts)
        """,
        seal.app_id,
        [position[0] for position, _ in sealed.salts],
        [position[1] for position, _ in sealed.salts],
        [salts for _, salts in sealed.salts],
    )
    await driver.execute(
        """
        insert into journal_seals (app_id, number, first_xid, first_seq, last_xid, last_seq, count, oldest_at,
                                   newest_at, root, previous, sealed_at, hash)
        values ($1, $2, $3::text::xid8, $4, $5::text::xid8, $6, $7, $8, $9, $10, $11, $12, $13)
        """,
        seal.app_id,
        seal.number,
        *_bound(seal.first),
        *_bound(seal.last),
        seal.count,
        seal.oldest_at,
        seal.newest_at,
        seal.root,
        seal.previous,
        seal.sealed_at,
        seal.hash(),
    )


# -- verifying


async def count_sealed_rows(unit_of_work: UnitOfWork, app_id: AppId) -> int:
    """How many rows the app's seals cover, deleted ones included."""
    driver = await unit_of_work.driver_connection()
    return int(await driver.fetchval("select coalesce(sum(count), 0) from journal_seals where app_id = $1", app_id))


async def batches(unit_of_work: UnitOfWork, app_id: AppId) -> AsyncIterator[SealedBatch]:
    """All sealed rows in order, in batches of about `ROWS_PER_BATCH`."""
    driver, number, after = await unit_of_work.driver_connection(), 0, BEGINNING
    while page := await driver.fetch(
        f"select {_SEAL_COLUMNS} from journal_seals where app_id = $1 and number > $2 order by number limit $3",  # noqa: S608
        app_id,
        number,
        SEALS_PER_PAGE,
    ):
        batch: list[tuple[JournalSeal, bytes]] = []
        expected = 0
        for each in page:
            batch.append(_seal_from(each))
            expected += batch[-1][0].count
            if expected >= ROWS_PER_BATCH:
                yield await _batch(driver, app_id, after, batch)
                after, batch, expected = max(after, *(seal.last for seal, _ in batch)), [], 0
        if batch:
            yield await _batch(driver, app_id, after, batch)
            after = max(after, *(seal.last for seal, _ in batch))
        number = page[-1]["number"]


async def _batch(
    driver: "asyncpg.Connection", app_id: AppId, after: Position, batch: Sequence[tuple[JournalSeal, bytes]]
) -> SealedBatch:
    bounds = (app_id, *_bound(after), *_bound(max(seal.last for seal, _ in batch)))
    leaves = await driver.fetch(
        f"select xid::text::bigint, seq, event_id::text, digest from journal_leaves "  # noqa: S608  no input in the text
        f"where app_id = $1 and {_BETWEEN} order by journal_leaves.xid, journal_leaves.seq",
        *bounds,
    )
    rows = await driver.fetch(
        # Both sides are bounded: the planner does not infer the bounds of one from the other.
        f"select {_ROW_COLUMNS}, salted.salts from journal left join "  # noqa: S608  no input in the text
        f"(select xid, seq, salts from journal_salts where app_id = $1 and {_BETWEEN}) salted using (xid, seq) "
        f"where app_id = $1 and {_BETWEEN}",
        *bounds,
    )
    redactions = await driver.fetch(
        f"select {_REDACTION_COLUMNS} from journal_redactions where app_id = $1 and {_BETWEEN} "  # noqa: S608  no input in the text
        "order by journal_redactions.xid, journal_redactions.seq, pointer",
        *bounds,
    )
    return SealedBatch(
        seals=[seal for seal, _ in batch],
        hashes=[stored for _, stored in batch],
        leaves=[_LEAF_ROWS.read(each) for each in leaves],
        rows=[_JOURNAL_ROWS.read(each) for each in rows],
        redactions=[_redaction_from(each) for each in redactions],
    )


async def read_unsealed(unit_of_work: UnitOfWork, app_id: AppId, after: Position) -> UnsealedRows:
    """What comes after the last row of the newest seal."""
    driver, bounds = await unit_of_work.driver_connection(), (app_id, *_bound(after))
    condition = f"where app_id = $1 and {_AFTER}"
    entries = await driver.fetch(
        f"select id::text, data::text from journal {condition} and type = any($4)",  # noqa: S608  no input in the text
        *bounds,
        [each.value for each in ProofEvent],
    )
    redactions = await driver.fetch(f"select {_REDACTION_COLUMNS} from journal_redactions {condition}", *bounds)  # noqa: S608
    return UnsealedRows(
        unsealed=int(await driver.fetchval(f"select count(*) from journal {condition}", *bounds)),  # noqa: S608
        entries={row["id"]: _object(row["data"]) for row in entries},
        redactions=[_redaction_from(each) for each in redactions],
        leaves=int(await driver.fetchval(f"select count(*) from journal_leaves {condition}", *bounds)),  # noqa: S608
    )


async def positions_after(
    unit_of_work: UnitOfWork, app_id: AppId, after: Position, event_ids: Collection[str]
) -> list[tuple[str, Position]]:
    """Those of these events that come after this position, with their positions."""
    found = await (await unit_of_work.driver_connection()).fetch(
        f"select id::text, xid::text::bigint, seq from journal "  # noqa: S608  no input in the text
        f"where app_id = $1 and {_AFTER} and id = any($4::uuid[])",
        app_id,
        *_bound(after),
        list(event_ids),
    )
    return [(row["id"], (row["xid"], row["seq"])) for row in found]


# -- redacting


@dataclass(frozen=True, slots=True)
class RowWithLeaf:
    """A row, and its leaf if it is sealed."""

    row: JournalRow
    leaf: bytes | None


async def provider_ids_by_session(unit_of_work: UnitOfWork, app_id: AppId, user_id: str) -> dict[str, set[str]]:
    """This person's IDs at providers, by session ID."""
    found = await (await unit_of_work.driver_connection()).fetch(
        """
        select session_id::text, data ->> 'provider_user_id' as name from journal
        where app_id = $1 and user_id = $2 and session_id is not null and data ->> 'provider_user_id' is not null
        union select session_id::text, uid::text from uids where app_id = $1 and user_id = $2
        union select session_id::text, provider_user_id from attendance where app_id = $1 and user_id = $2
        """,
        app_id,
        user_id,
    )
    names: dict[str, set[str]] = {}
    for row in found:
        names.setdefault(row["session_id"], set()).add(row["name"])
    return names


async def rows_naming(
    unit_of_work: UnitOfWork,
    app_id: AppId,
    user_id: str,
    names: Mapping[str, Collection[str]],
    references: Collection[str],
) -> list[RowWithLeaf]:
    """Rows that may name this person, in order: by user ID, or by one of `names` (provider IDs by session ID).

    Includes the rows about sessions with these references. Scans the app's whole journal: every event would pay for an
    index by person.
    """
    pairs = [(session_id, name) for session_id, called in names.items() for name in called]
    found = await (await unit_of_work.driver_connection()).fetch(
        f"""
        select {_SALTED_ROW_COLUMNS}, journal_leaves.digest
        from {_WITH_SALTS} left join journal_leaves using (app_id, xid, seq)
        where app_id = $1 and (
            journal.user_id = $2 or journal.asked_by_user_id = $2 or journal.reference = any($5)
            or strpos(journal.data::text, $6) > 0
            or (journal.session_id, journal.data ->> 'provider_user_id')
               in (select * from unnest($3::uuid[], $4::text[]))
        )
        order by journal.xid, journal.seq
        """,  # noqa: S608  no input in the text
        app_id,
        user_id,
        [session_id for session_id, _ in pairs],
        [name for _, name in pairs],
        list(references),
        # A string or a key, as jsonb is printed.
        json.dumps(user_id, ensure_ascii=False),
    )
    return [RowWithLeaf(_JOURNAL_ROWS.read(each), each["digest"]) for each in found]


async def redact(unit_of_work: UnitOfWork, app_id: AppId, entry_id: EventId, redactions: Sequence[Redaction]) -> None:
    """Redact parts of the journal. The event that accounts for them must be written in this transaction."""
    driver = await unit_of_work.driver_connection()
    await driver.execute(
        """
        insert into journal_redactions (app_id, xid, seq, pointer, commitment, entry_id)
        select $1, xid::text::xid8, seq, pointer, commitment, $6
        from unnest($2::bigint[], $3::bigint[], $4::text[], $5::bytea[]) as part (xid, seq, pointer, commitment)
        """,
        app_id,
        [each.position[0] for each in redactions],
        [each.position[1] for each in redactions],
        [each.pointer for each in redactions],
        [each.commitment for each in redactions],
        entry_id,
    )
    await driver.execute("select journal_redact($1, $2)", app_id, entry_id)


async def replace_salts(unit_of_work: UnitOfWork, app_id: AppId, salts: Mapping[Position, bytes]) -> None:
    """Replace the salts of these rows; empty salts are deleted."""
    driver = await unit_of_work.driver_connection()
    columns = [list(column) for column in zip(*((*position, value) for position, value in salts.items()), strict=True)]
    if not columns:
        return
    await driver.execute(
        """
        update journal_salts set salts = new.salts
        from unnest($2::bigint[], $3::bigint[], $4::bytea[]) as new (xid, seq, salts)
        where app_id = $1 and journal_salts.xid = new.xid::text::xid8 and journal_salts.seq = new.seq
        """,
        app_id,
        *columns,
    )
    await driver.execute(
        """
        delete from journal_salts using unnest($2::bigint[], $3::bigint[]) as row (xid, seq)
        where app_id = $1 and journal_salts.xid = row.xid::text::xid8 and journal_salts.seq = row.seq
          and journal_salts.salts = ''
        """,
        app_id,
        *columns[:2],
    )


# -- retention


@dataclass(frozen=True, slots=True)
class ClassRetention:
    """How long an app's journal retains the events of a class: the first word of their type."""

    app_id: AppId
    event_class: str
    days: int
    done_seal: int
    """No rows of the class are left in the seals up to this one."""


async def set_retention(unit_of_work: UnitOfWork, app_id: AppId, event_class: str, days: int | None) -> None:
    """Retain events of this class for so many days; None: without limit."""
    driver = await unit_of_work.driver_connection()
    if days is None:
        await driver.execute("delete from retention where app_id = $1 and event_class = $2", app_id, event_class)
        return
    await driver.execute(
        """
        insert into retention (app_id, event_class, days) values ($1, $2, $3)
        on conflict (app_id, event_class) do update set days = excluded.days
        """,
        app_id,
        event_class,
        days,
    )


async def retentions(unit_of_work: UnitOfWork, app_id: AppId | None = None) -> list[ClassRetention]:
    """The retentions of an app, or all of them."""
    found = await (await unit_of_work.driver_connection()).fetch(
        "select app_id::text, event_class, days, done_seal from retention "
        "where $1::uuid is null or app_id = $1 order by app_id, event_class",
        app_id,
    )
    return [
        ClassRetention(AppId(UUID(row["app_id"])), row["event_class"], row["days"], row["done_seal"]) for row in found
    ]


async def expired_rows(
    unit_of_work: UnitOfWork, retention: ClassRetention, *, before: datetime, limit: int
) -> list[tuple[Position, bytes]]:
    """Sealed rows of the class that happened before `before`, in order, with their leaves.

    Reads only seals after `done_seal`.
    """
    driver = await unit_of_work.driver_connection()
    old = await driver.fetch(
        f"select {_SEAL_COLUMNS} from journal_seals where app_id = $1 and number in ("  # noqa: S608  no input in the text
        "(select min(number) from journal_seals where app_id = $1 and number > $2 and oldest_at < $3),"
        "(select max(number) from journal_seals where app_id = $1 and number > $2 and oldest_at < $3)"
        ") order by number",
        retention.app_id,
        retention.done_seal,
        before,
    )
    if not old:
        return []
    first, last = _seal_from(old[0])[0].first, _seal_from(old[-1])[0].last
    found = await driver.fetch(
        f"""
        select xid::text::bigint, seq, leaf.digest from journal join
        (select xid, seq, digest from journal_leaves where app_id = $1 and {_BETWEEN}) leaf using (xid, seq)
        where app_id = $1 and {_BETWEEN} and split_part(type, '.', 1) = $6 and occurred_at < $7
        order by journal.xid, journal.seq limit $8
        """,  # noqa: S608  no input in the text
        retention.app_id,
        # Bounds exclude their first position.
        *_bound((first[0], first[1] - 1)),
        *_bound(last),
        retention.event_class,
        before,
        limit,
    )
    return [((row["xid"], row["seq"]), row["digest"]) for row in found]


async def mark_done(unit_of_work: UnitOfWork, retention: ClassRetention, *, before: datetime) -> None:
    """Write that no rows of the class from before `before` are left: `expired_rows` skips the seals that had them."""
    await (await unit_of_work.driver_connection()).execute(
        """
        update retention set done_seal = greatest(done_seal, coalesce(
            (select min(number) - 1 from journal_seals where app_id = $1 and number > $3 and newest_at >= $4),
            (select max(number) from journal_seals where app_id = $1),
            0
        )) where app_id = $1 and event_class = $2
        """,
        retention.app_id,
        retention.event_class,
        retention.done_seal,
        before,
    )


class _SealRow(NamedTuple):
    """The columns of `journal_seals`."""

    app_id: str
    number: int
    first_xid: int
    first_seq: int
    last_xid: int
    last_seq: int
    row_count: int
    oldest_at: datetime
    newest_at: datetime
    root: bytes
    previous: bytes
    sealed_at: datetime
    hash: bytes


class _RedactionRow(NamedTuple):
    """The columns of `journal_redactions`."""

    xid: int
    seq: int
    pointer: str
    commitment: bytes
    entry_id: str


_JOURNAL_ROWS = RowReader(JournalRow)
_LEAF_ROWS = RowReader(Leaf)
_SEAL_ROWS = RowReader(_SealRow)
_REDACTION_ROWS = RowReader(_RedactionRow)


def _redaction_from(record: Mapping[str, Any]) -> Redaction:
    row = _REDACTION_ROWS.read(record)
    return Redaction((row.xid, row.seq), row.pointer, row.commitment, row.entry_id)


def _seal_from(record: Mapping[str, Any]) -> tuple[JournalSeal, bytes]:
    """A seal, and its hash as it is stored."""
    row = _SEAL_ROWS.read(record)
    seal = JournalSeal(
        app_id=row.app_id,
        number=row.number,
        first=(row.first_xid, row.first_seq),
        last=(row.last_xid, row.last_seq),
        count=row.row_count,
        oldest_at=row.oldest_at,
        newest_at=row.newest_at,
        root=row.root,
        previous=row.previous,
        sealed_at=row.sealed_at,
    )
    return seal, row.hash


def _object(data: str) -> Mapping[str, Any]:
    value, _ = parse_json(data)
    return value if isinstance(value, dict) else {}


def _bound(position: Position) -> tuple[str, int]:
    # The driver cannot encode xid8.
    return str(position[0]), position[1]
