"""Groups: sessions without a schedule, open while their video is on."""

from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictBool

from videobroker.domain.sessions import (
    RegistrationResult,
    SessionKind,
    SessionOrder,
    SessionStatus,
    SessionSummary,
    SessionTerms,
)
from videobroker.usecases import deletion, registration
from videobroker.web.http.auth import SessionsAuthor, SessionsReader, SessionsWriter
from videobroker.web.http.conditional import ChangeConditions, CreateConditions, ReadConditions
from videobroker.web.http.idempotency import Idempotency
from videobroker.web.http.requests import JsonRoute, by_name
from videobroker.web.http.schemas import Metadata, Name, RequestModel
from videobroker.web.v1.session_filters import SessionFilters, visible_to
from videobroker.web.v1.session_routes import (
    CANCEL_DESCRIPTION,
    CANCEL_RESPONSES,
    DELETE_DESCRIPTION,
    DELETE_RESPONSES,
    GET_DESCRIPTION,
    GET_RESPONSES,
    PATCH_DESCRIPTION,
    PATCH_RESPONSES,
    PUT_DESCRIPTION,
    cancel_session,
    put_responses,
    put_session,
)
from videobroker.web.v1.session_schemas import (
    LIST_RESPONSES,
    Cursor,
    Limit,
    PolicyInput,
    Providers,
    Reference,
    SessionInput,
    SessionOut,
    SessionSummaryOut,
    common_fields,
    session_key,
    summary_fields,
)

GroupOrder = Literal["created_at", "-created_at", "updated_at", "-updated_at"]
_EXAMPLE: dict[str, Any] = {
    "title": "Evening circle",
    "video_enabled": True,
    "participants": [
        {"user_id": "admin-1", "role": "admin", "display_name": "Cleo"},
        {"user_id": "member-1", "role": "member", "display_name": "Dan"},
    ],
    "policy": {"guests_allowed": True},
}


class GroupInput(SessionInput):
    """A group."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    video_enabled: StrictBool = Field(default=True, description="Whether the group can meet on video.")

    def terms(self) -> SessionTerms:
        return SessionTerms(
            title=self.title,
            video=self.video_enabled,
            providers=tuple(self.providers),
            policy=self.policy.patch(),
            metadata=self.metadata,
        )


class GroupPatch(RequestModel):
    """The fields to update. Omitted and null fields do not change; `policy` and `metadata` are replaced as a whole."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"video_enabled": False}]})

    title: Name | None = None
    video_enabled: StrictBool | None = None
    providers: Providers | None = None
    policy: PolicyInput | None = None
    metadata: Metadata | None = None

    def amend(self, terms: SessionTerms) -> SessionTerms:
        return replace(
            terms,
            title=self.title or terms.title,
            video=terms.video if self.video_enabled is None else self.video_enabled,
            providers=terms.providers if self.providers is None else tuple(self.providers),
            policy=terms.policy if self.policy is None else self.policy.patch(),
            metadata=terms.metadata if self.metadata is None else self.metadata,
        )


_SUMMARY_EXAMPLE: dict[str, Any] = {
    **{name: value for name, value in _EXAMPLE.items() if name != "participants"},
    "reference": "0195d3c2-7a10-7c55-9c1e-6f2b8d1e4a77",
    "cancelled": False,
    "providers": ["100ms"],
    "provider": None,
    "participant_count": 2,
    "participant": None,
    "metadata": {},
    "version": 1,
    "created_at": "2030-03-01T09:30:00Z",
    "updated_at": "2030-03-01T09:30:00Z",
}


class GroupSummary(SessionSummaryOut):
    """A group as an item of a list."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SUMMARY_EXAMPLE]})

    video_enabled: bool = Field(description="Whether the group can meet on video.")
    cancelled: bool = Field(description="Whether the group was canceled.")


class GroupOut(GroupSummary, SessionOut):
    """A group."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _SUMMARY_EXAMPLE
                | {
                    "participants": _EXAMPLE["participants"],
                    "participant_names": ["Cleo", "Dan"],
                    "participants_truncated": False,
                }
            ]
        }
    )


class GroupList(BaseModel):
    """One page of groups."""

    data: list[GroupSummary]
    next: str | None = Field(description="The `cursor` of the next page. Null on the last page.")


def group_out(registered: RegistrationResult) -> GroupOut:
    """The group, with its first participants."""
    return GroupOut(**common_fields(registered), **_group_fields(registered.session.terms))


def group_summary(summary: SessionSummary) -> GroupSummary:
    """The group as an item of a list, without participants."""
    return GroupSummary(**summary_fields(summary), **_group_fields(summary.session.terms))


def _group_fields(terms: SessionTerms) -> dict[str, Any]:
    return {"video_enabled": terms.video, "cancelled": terms.status is SessionStatus.CANCELLED}


router = APIRouter(prefix="/groups", tags=["groups"], route_class=JsonRoute, generate_unique_id_function=by_name)


@router.put(
    "/{reference}",
    summary="Create or replace a group",
    description=PUT_DESCRIPTION,
    responses=put_responses(GroupOut),
)
async def create_group(
    caller: SessionsWriter,
    reference: Reference,
    body: GroupInput,
    request: Request,
    response: Response,
    conditions: CreateConditions,
) -> GroupOut:
    key = session_key(caller, SessionKind.GROUP, reference)
    registered = await put_session(caller, key, body, request, response, precondition=conditions.on(group_out))
    return conditions.tagged(group_out(registered))


@router.patch("/{reference}", summary="Update a group", description=PATCH_DESCRIPTION, responses=PATCH_RESPONSES)
async def update_group(
    caller: SessionsAuthor, reference: Reference, body: GroupPatch, conditions: ChangeConditions
) -> GroupOut:
    key = session_key(caller, SessionKind.GROUP, reference)
    amended = await registration.amend(
        caller.context, key, body.amend, acting_for=caller.acting_for, precondition=conditions.on(group_out)
    )
    return conditions.tagged(group_out(amended))


@router.get(
    "/{reference}",
    summary="Get a group",
    description=GET_DESCRIPTION,
    response_model=GroupOut,
    responses=GET_RESPONSES,
)
async def get_group(caller: SessionsReader, reference: Reference, conditions: ReadConditions) -> GroupOut | Response:
    key = session_key(caller, SessionKind.GROUP, reference)
    return conditions.read(group_out(await registration.find(caller.context, key, acting_for=caller.acting_for)))


@router.delete(
    "/{reference}",
    summary="Delete a group",
    description=DELETE_DESCRIPTION,
    status_code=204,
    response_class=Response,
    responses=DELETE_RESPONSES,
)
async def delete_group(caller: SessionsWriter, reference: Reference, conditions: ChangeConditions) -> None:
    key = session_key(caller, SessionKind.GROUP, reference)
    await deletion.delete_session(caller.context, key, precondition=conditions.on(group_out))


@router.post(
    "/{reference}/cancel",
    summary="Cancel a group",
    description=CANCEL_DESCRIPTION,
    response_model=GroupOut,
    responses=CANCEL_RESPONSES,
)
async def cancel_group(caller: SessionsAuthor, reference: Reference, idempotency: Idempotency) -> Response:
    key = session_key(caller, SessionKind.GROUP, reference)
    return await cancel_session(idempotency, caller, key, group_out)


@router.get("", summary="List groups", responses=LIST_RESPONSES)
async def list_groups(
    caller: SessionsReader,
    chosen: SessionFilters,
    sort: Annotated[GroupOrder, Query(description="The order of the list. `-` is descending.")] = "created_at",
    limit: Limit = 50,
    cursor: Cursor = None,
) -> GroupList:
    """Returns the app's groups, by default oldest first. With a user token or `X-User-Id`, only those of the user.
    All parameters but `limit` must be those of the first page."""
    found, following = await registration.list_sessions(
        caller.context, SessionKind.GROUP, visible_to(caller, chosen), SessionOrder(sort), limit=limit, cursor=cursor
    )
    return GroupList(data=[group_summary(each) for each in found], next=following)
