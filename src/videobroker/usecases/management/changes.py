"""Journals changes of an app's configuration, with the operator and the interface that made them."""

from dataclasses import replace
from typing import Any

from videobroker.domain.events import ChangeInterface, EventType
from videobroker.domain.ids import AppId
from videobroker.domain.set_up import create_set_up_event, determine_interface
from videobroker.storage.journal.journal import record
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.usecases.context import RequestContext


async def record_change(
    context: RequestContext,
    unit_of_work: UnitOfWork,
    event_type: EventType,
    *,
    app_id: AppId | None = None,
    via: ChangeInterface | None = None,
    **data: Any,
) -> None:
    """Journal a change of the context's app, or of `app_id`. `via` defaults to the interface of the actor."""
    actor = context.actor if app_id is None else replace(context.actor, app_id=app_id)
    event = create_set_up_event(
        event_type, actor=actor, via=via or determine_interface(context.actor), now=context.now, **data
    )
    await record(unit_of_work, event)
