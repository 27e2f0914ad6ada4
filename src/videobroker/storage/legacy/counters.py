"""Sequential numbers as references of sessions, for apps that require integers."""

from sqlalchemy import BigInteger, Text, cast, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from videobroker.domain.ids import AppId
from videobroker.domain.sessions import SessionKind
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import counters, sessions

NUMBERS_PER_QUERY = 1_000
"""One query finds the next free number among so many: an app may have used numeric references of its own."""


async def next_number(unit_of_work: UnitOfWork, app_id: AppId, kind: SessionKind) -> int:
    """The next number of the app that no session of this kind has as its reference.

    Concurrent callers of the app wait until the transaction ends. A number is never allocated twice, used or not.
    """
    first = await _increment(unit_of_work, app_id, kind)
    number = await _first_free(unit_of_work, app_id, kind, first)
    while number is None:
        first += NUMBERS_PER_QUERY
        number = await _first_free(unit_of_work, app_id, kind, first)
    await unit_of_work.execute(
        update(counters).where(counters.c.app_id == app_id, counters.c.name == kind).values(last=number)
    )
    return number


async def _increment(unit_of_work: UnitOfWork, app_id: AppId, kind: SessionKind) -> int:
    statement = (
        insert(counters)
        .values(app_id=app_id, name=kind, last=1)
        .on_conflict_do_update(index_elements=["app_id", "name"], set_={"last": counters.c.last + 1})
        .returning(counters.c.last)
    )
    return int((await unit_of_work.execute(statement)).scalar_one())


async def _first_free(unit_of_work: UnitOfWork, app_id: AppId, kind: SessionKind, first: int) -> int | None:
    last = first + NUMBERS_PER_QUERY - 1
    number = func.generate_series(literal(first, BigInteger), literal(last, BigInteger)).column_valued("number")
    taken = (
        select(sessions.c.id)
        .where(sessions.c.app_id == app_id, sessions.c.kind == kind, sessions.c.reference == cast(number, Text))
        .exists()
    )
    statement = select(number).where(~taken).order_by(number).limit(1)
    found: int | None = (await unit_of_work.execute(statement)).scalar_one_or_none()
    return found
