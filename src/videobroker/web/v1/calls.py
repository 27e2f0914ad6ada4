"""Calls."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from videobroker.domain.apps import ProviderName
from videobroker.domain.calls import Call
from videobroker.domain.ids import CallId
from videobroker.domain.sessions import Session, SessionKind
from videobroker.usecases import calls
from videobroker.web.auth import CallsReader
from videobroker.web.problems import described
from videobroker.web.reading import JsonRoute, by_name
from videobroker.web.shapes import Moment
from videobroker.web.v1.sessions import COMMON_PROBLEMS

router = APIRouter(prefix="/calls", tags=["calls"], route_class=JsonRoute, generate_unique_id_function=by_name)


class SessionRef(BaseModel):
    """Which session."""

    kind: SessionKind
    reference: str


class CallOut(BaseModel):
    """One meeting of a session, from start to end."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0195d3c2-7a10-7c55-9c1e-6f2b8d1e4a77",
                    "session": {"kind": "booking", "reference": "lesson-1"},
                    "provider": "100ms",
                    "started_at": "2026-03-12T13:55:00Z",
                    "started_by": "tutor-1",
                    "ended_at": "2026-03-12T14:58:30Z",
                    "ended_by": "tutor-1",
                    "duration_seconds": 3810,
                }
            ]
        }
    )

    id: UUID
    session: SessionRef
    provider: ProviderName
    started_at: Moment
    started_by: str | None = Field(description="Whose join or start opened it; null for the backend itself.")
    ended_at: Moment | None = Field(description="Null while the call runs.")
    ended_by: str | None
    duration_seconds: int | None = Field(description="Whole seconds from start to end; null while the call runs.")


class CallPage(BaseModel):
    """One page of calls, oldest first."""

    data: list[CallOut]
    next: str | None = Field(description="The `cursor` of the next page; null on the last one.")


def call_out(session: Session, call: Call) -> CallOut:
    """As the API shows it."""
    return CallOut(
        id=call.id,
        session=SessionRef(kind=session.key.kind, reference=session.key.reference),
        provider=call.provider,
        started_at=call.started_at,
        started_by=call.started_by,
        ended_at=call.ended_at,
        ended_by=call.ended_by,
        duration_seconds=call.duration_seconds,
    )


@router.get("/{call_id}", summary="Read a call", responses=described(*COMMON_PROBLEMS, "call_not_found"))
async def get_call(caller: CallsReader, call_id: Annotated[UUID, Path(description="The `id` of the call.")]) -> CallOut:
    """One call with its duration."""
    found = await calls.find_call(caller.broker, caller.app, CallId(call_id), for_user=caller.user_id)
    return call_out(*found)
