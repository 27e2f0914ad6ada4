"""The numbers under which people are known in a session at providers that want numbers."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from videobroker.domain.ids import AppId, SessionId
from videobroker.domain.rooms import propose_uid
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import participants, uids


async def allocate(
    unit: UnitOfWork, app_id: AppId, session_id: SessionId, user_id: str, *, guest_name: str | None = None
) -> int:
    """This person's number in this session: the same in every call, and unique to them.

    `guest_name` is what a guest is called; participants have their name in their own table.
    """
    in_session = (uids.c.app_id == app_id) & (uids.c.session_id == session_id)
    while True:
        mine = await unit.scalar(
            select(uids.c.uid).where(in_session, uids.c.user_id == user_id, uids.c.retired_at.is_(None))
        )
        if mine is not None:
            return int(mine)
        taken = await unit.scalar(select(func.count()).select_from(uids).where(in_session))
        # Two people may draw the same number at the same moment: one insert waits for the other, and draws again.
        await unit.execute(
            insert(uids)
            .values(
                app_id=app_id,
                session_id=session_id,
                user_id=user_id,
                uid=propose_uid(session_id, int(taken or 0)),
                guest_name=guest_name,
            )
            .on_conflict_do_nothing()
        )


async def retire(unit: UnitOfWork, app_id: AppId, session_id: SessionId, user_id: str, *, now: datetime) -> None:
    """Give this person another number next time."""
    await unit.execute(
        update(uids)
        .where(
            uids.c.app_id == app_id,
            uids.c.session_id == session_id,
            uids.c.user_id == user_id,
            uids.c.retired_at.is_(None),
        )
        .values(retired_at=now)
    )


async def retired_uids(
    unit: UnitOfWork, app_id: AppId, session_id: SessionId, user_id: str, *, since: datetime
) -> list[int]:
    """The numbers that this person had and has no more, as far as they were retired since then."""
    statement = select(uids.c.uid).where(
        uids.c.app_id == app_id, uids.c.session_id == session_id, uids.c.user_id == user_id, uids.c.retired_at >= since
    )
    return list((await unit.execute(statement)).scalars())


async def user_ids_of(
    unit: UnitOfWork, app_id: AppId, session_id: SessionId, numbers: Collection[int]
) -> dict[int, str]:
    """Whose numbers these are, or were."""
    statement = select(uids.c.uid, uids.c.user_id).where(
        uids.c.app_id == app_id, uids.c.session_id == session_id, uids.c.uid.in_(numbers)
    )
    return {row.uid: row.user_id for row in await unit.execute(statement)}


@dataclass(frozen=True, slots=True)
class NamedUid:
    """Who has a uid in a session."""

    uid: int
    user_id: str
    display_name: str | None
    role: str | None
    """The app role; None for a guest, and for a person who is no longer a participant."""


async def named_uids(
    unit: UnitOfWork, app_id: AppId, session_id: SessionId, numbers: Collection[int]
) -> list[NamedUid]:
    """Who has or had these uids, with their names of now, by uid."""
    statement = (
        select(
            uids.c.uid,
            uids.c.user_id,
            func.coalesce(participants.c.display_name, uids.c.guest_name).label("display_name"),
            participants.c.role,
        )
        .select_from(uids)
        .outerjoin(
            participants,
            (participants.c.app_id == uids.c.app_id)
            & (participants.c.session_id == uids.c.session_id)
            & (participants.c.user_id == uids.c.user_id),
        )
        .where(uids.c.app_id == app_id, uids.c.session_id == session_id, uids.c.uid.in_(numbers))
        .order_by(uids.c.uid)
    )
    return [NamedUid(row.uid, row.user_id, row.display_name, row.role) for row in await unit.execute(statement)]
