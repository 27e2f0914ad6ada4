"""The numbers under which people are known in a session at providers that want numbers."""

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from videobroker.domain.ids import AppId, SessionId
from videobroker.domain.rooms import uid_candidate
from videobroker.storage.tables import uids


async def allocate(connection: AsyncConnection, app_id: AppId, session_id: SessionId, user_id: str) -> int:
    """This person's number in this session: the same at every call, and nobody else's."""
    in_session = (uids.c.app_id == app_id) & (uids.c.session_id == session_id)
    while True:
        mine = await connection.scalar(select(uids.c.uid).where(in_session, uids.c.user_id == user_id))
        if mine is not None:
            return int(mine)
        taken = await connection.scalar(select(func.count()).select_from(uids).where(in_session))
        # Two people may draw the same number at the same moment: one insert waits for the other, and draws again.
        await connection.execute(
            insert(uids)
            .values(
                app_id=app_id,
                session_id=session_id,
                user_id=user_id,
                uid=uid_candidate(session_id, int(taken or 0)),
            )
            .on_conflict_do_nothing()
        )
