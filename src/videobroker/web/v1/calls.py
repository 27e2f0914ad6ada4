"""Calls: the actual meetings of a session."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from videobroker.domain.apps import ProviderName
from videobroker.domain.calls import Call, CallFilter, CallOrder, EndReason
from videobroker.domain.ids import CallId
from videobroker.domain.sessions import Session, SessionKind
from videobroker.usecases.calls import calls
from videobroker.web.http.auth import AllCallsReader, CallsReader
from videobroker.web.http.conditional import NOT_MODIFIED, ReadConditions
from videobroker.web.http.problems import described
from videobroker.web.http.requests import JsonRoute, by_name
from videobroker.web.http.schemas import Identifier, Moment
from videobroker.web.v1.attendance import STAY_EXAMPLE, StayOut, stay_out
from videobroker.web.v1.session_schemas import COMMON_PROBLEMS, Cursor, Limit, session_of_filters

router = APIRouter(prefix="/calls", tags=["calls"], route_class=JsonRoute, generate_unique_id_function=by_name)


_CALL_EXAMPLE: dict[str, Any] = {
    "id": "0195d3c2-7a10-7c55-9c1e-6f2b8d1e4a77",
    "session": {"kind": "booking", "reference": "lesson-1"},
    "provider": "100ms",
    "started_at": "2030-03-12T13:55:00Z",
    "started_by": "tutor-1",
    "ended_at": "2030-03-12T14:58:30Z",
    "ended_by": "tutor-1",
    "end_reason": "requested",
    "duration_seconds": 3810,
    "provider_call_ids": ["65f0c9d4b3d4e5f607182a01"],
    "people": 2,
    "peak": 2,
    "present": 0,
    "first_joined_at": "2030-03-12T13:55:02.194Z",
    "last_left_at": "2030-03-12T14:58:29.7Z",
    "settled": True,
}
NEW_CALL_EXAMPLE: dict[str, Any] = {
    **_CALL_EXAMPLE,
    "ended_at": None,
    "ended_by": None,
    "end_reason": None,
    "duration_seconds": None,
    "provider_call_ids": [],
    "people": 0,
    "peak": 0,
    "first_joined_at": None,
    "last_left_at": None,
    "settled": False,
}


class SessionRef(BaseModel):
    """Identifies a session."""

    kind: SessionKind
    reference: str


class CallOut(BaseModel):
    """One meeting of a session, from start to end."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CALL_EXAMPLE]})

    id: UUID
    session: SessionRef
    provider: ProviderName
    started_at: Moment
    started_by: str | None = Field(
        description="The user who started the call, by joining or with a request. Null if your backend started it "
        "without naming a user."
    )
    ended_at: Moment | None = Field(description="Null while the call is running.")
    ended_by: str | None = Field(description="The user who ended the call, if any.")
    end_reason: EndReason | None = Field(description="Null while the call is running.")
    duration_seconds: int | None = Field(description="Whole seconds from start to end. Null while the call is running.")
    provider_call_ids: list[str] = Field(
        description="IDs of the call at the provider. 100ms creates a new session ID each time that people join an "
        "empty room."
    )
    people: int = Field(description="How many different people have been in the call.")
    peak: int = Field(description="The highest number of people in the call at the same time.")
    present: int = Field(description="How many people are in the call now.")
    first_joined_at: Moment | None = Field(description="When the first person joined.")
    last_left_at: Moment | None = Field(description="Null while anyone is in the call.")
    settled: bool = Field(description="The call has ended, and its attendance is final.")


class CallWithAttendance(CallOut):
    """A call with its attendance."""

    model_config = ConfigDict(json_schema_extra={"examples": [{**_CALL_EXAMPLE, "attendance": [STAY_EXAMPLE]}]})

    attendance: list[StayOut] = Field(
        description="By time of joining. Users see only their own stays, unless they are hosts."
    )


class CallList(BaseModel):
    """One page of calls."""

    data: list[CallOut]
    next: str | None = Field(description="The `cursor` of the next page. Null on the last page.")


def call_fields(session: Session, call: Call) -> dict[str, Any]:
    """The fields of `CallOut`."""
    attendance = call.attendance
    return {
        "id": call.id,
        "session": {"kind": session.key.kind, "reference": session.key.reference},
        "provider": call.provider,
        "started_at": call.started_at,
        "started_by": call.started_by,
        "ended_at": call.ended_at,
        "ended_by": call.ended_by,
        "end_reason": call.end_reason,
        "duration_seconds": call.duration_seconds,
        "provider_call_ids": list(call.provider_call_ids),
        "people": attendance.people,
        "peak": attendance.peak,
        "present": attendance.present,
        "first_joined_at": attendance.first_joined_at,
        "last_left_at": attendance.last_left_at,
        "settled": call.settled_at is not None,
    }


def call_out(session: Session, call: Call) -> CallOut:
    """The call as part of another response."""
    return CallOut(**call_fields(session, call))


@router.get("", summary="List all calls", responses=described(*COMMON_PROBLEMS, "session_not_found", "invalid_cursor"))
async def list_calls(
    caller: AllCallsReader,
    kind: Annotated[
        SessionKind | None, Query(description="Only calls of the session with this kind. Requires `reference`.")
    ] = None,
    reference: Annotated[
        Identifier | None, Query(description="Only calls of the session with this reference. Requires `kind`.")
    ] = None,
    running: Annotated[
        bool | None, Query(description="Only calls that are running (`true`), or have ended (`false`).")
    ] = None,
    started_after: Annotated[Moment | None, Query(description="Only calls that started at this time or later.")] = None,
    started_before: Annotated[Moment | None, Query(description="Only calls that started before this time.")] = None,
    provider: Annotated[ProviderName | None, Query(description="Only calls at this provider.")] = None,
    participant: Annotated[Identifier | None, Query(description="Only calls in which this person was present.")] = None,
    sort: Annotated[CallOrder, Query(description="The order of the list. `-` is descending.")] = (
        CallOrder.STARTED_AT_DESCENDING
    ),
    limit: Limit = 50,
    cursor: Cursor = None,
) -> CallList:
    """Returns the calls of all sessions, by default the newest first. Only for backends: users list the calls of a
    session with `GET .../calls`, because what they see depends on their role in it. All parameters but `limit` must be
    those of the first page."""
    chosen = CallFilter(
        session_of_filters(caller, kind, reference), running, started_after, started_before, provider, participant
    )
    page = await calls.list_calls_of_app(caller.context, chosen, sort, limit=limit, cursor=cursor)
    return CallList(data=[call_out(each.session, each.call) for each in page.items], next=page.next_cursor)


@router.get(
    "/{call_id}",
    summary="Get a call",
    response_model=CallWithAttendance,
    responses={**NOT_MODIFIED, **described(*COMMON_PROBLEMS, "call_not_found", "role_may_not", "precondition_failed")},
)
async def get_call(
    caller: CallsReader,
    call_id: Annotated[UUID, Path(description="The ID of the call.")],
    conditions: ReadConditions,
) -> CallWithAttendance | Response:
    """Returns a call with its attendance, and the observations that each stay is based on."""
    found = await calls.find_call_with_attendance(caller.context, CallId(call_id), acting_for=caller.acting_for)
    return conditions.read(
        CallWithAttendance(
            **call_out(found.session, found.call).model_dump(),
            attendance=[stay_out(each.stay, each.user_id, found.evidence_for(each.stay)) for each in found.attended],
        )
    )
