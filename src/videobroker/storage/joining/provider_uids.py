"""Numeric user IDs (uids) of people in a session, for providers that require numbers."""

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
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_id: str, *, guest_name: str | None = None
) -> int:
    """This person's uid, the same in every call of the session; allocated if they have none.

    `guest_name` is the name of a guest; participants have theirs in their own table.
    """
    in_session = (uids.c.app_id == app_id) & (uids.c.session_id == session_id)
    while True:
        own = await unit_of_work.scalar(
            select(uids.c.uid).where(in_session, uids.c.user_id == user_id, uids.c.retired_at.is_(None))
        )
        if own is not None:
            return int(own)
        taken = await unit_of_work.scalar(select(func.count()).select_from(uids).where(in_session))
        # Two transactions may choose the same candidate: one insert waits for the other, and the loop tries again.
        await unit_of_work.execute(
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


async def retire(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_id: str, *, now: datetime
) -> None:
    """Make this person's uid unusable: `allocate` returns a new one."""
    await unit_of_work.execute(
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
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, user_id: str, *, since: datetime
) -> list[int]:
    """This person's uids that were retired since then."""
    statement = select(uids.c.uid).where(
        uids.c.app_id == app_id, uids.c.session_id == session_id, uids.c.user_id == user_id, uids.c.retired_at >= since
    )
    return list((await unit_of_work.execute(statement)).scalars())


async def user_ids_of(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, wanted: Collection[int]
) -> dict[int, str]:
    """User IDs by uid, also of retired uids."""
    statement = select(uids.c.uid, uids.c.user_id).where(
        uids.c.app_id == app_id, uids.c.session_id == session_id, uids.c.uid.in_(wanted)
    )
    return {row.uid: row.user_id for row in await unit_of_work.execute(statement)}


@dataclass(frozen=True, slots=True)
class NamedUid:
    """The person who has or had a uid."""

    uid: int
    user_id: str
    display_name: str | None
    role: str | None
    """The app role; None for a guest, and for a person who is no longer a participant."""


async def named_uids(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, wanted: Collection[int]
) -> list[NamedUid]:
    """The people who have or had these uids, with their current names, by uid."""
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
        .where(uids.c.app_id == app_id, uids.c.session_id == session_id, uids.c.uid.in_(wanted))
        .order_by(uids.c.uid)
    )
    return [NamedUid(row.uid, row.user_id, row.display_name, row.role) for row in await unit_of_work.execute(statement)]
