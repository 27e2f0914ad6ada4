"""Journals that an operator exports data."""

from collections.abc import Sequence

from videobroker.domain.events import Event, EventType
from videobroker.domain.exports import ExportContent, ExportFormat
from videobroker.domain.ids import EventId, uuid7
from videobroker.domain.operators import OperatorRole
from videobroker.domain.sessions import Session
from videobroker.storage.journal.journal import record
from videobroker.usecases.authorization import require_operator
from videobroker.usecases.context import RequestContext


async def record_export(
    context: RequestContext,
    content: ExportContent,
    file_format: ExportFormat,
    *,
    filters: Sequence[str] = (),
    session: Session | None = None,
) -> None:
    """Journal an export under the operator's name, before its first byte is sent. Raises `OperatorRoleMayNot`."""
    require_operator(context.actor, OperatorRole.SUPPORT)
    event = Event(
        id=EventId(uuid7(context.now)),
        type=EventType.DATA_EXPORTED,
        occurred_at=context.now,
        actor=context.actor,
        session=None if session is None else session.key,
        session_id=None if session is None else session.id,
        data={"content": content.value, "format": file_format.value, "filters": list(filters)},
    )
    async with context.transaction() as unit_of_work:
        await record(unit_of_work, event)
