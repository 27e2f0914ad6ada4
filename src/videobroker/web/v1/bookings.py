"""Bookings: sessions with a schedule and a status."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt, model_validator

from videobroker.domain.sessions import (
    Modality,
    RegistrationResult,
    Session,
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
from videobroker.web.http.schemas import INTEGRAL, Metadata, Moment, Name, RequestModel, sensible
from videobroker.web.v1.session_filters import BookingFilters, visible_to
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

_EXAMPLE: dict[str, Any] = {
    "title": "Algebra, lesson 1",
    "status": "confirmed",
    "modality": "virtual",
    "starts_at": "2030-03-12T14:00:00Z",
    "duration_minutes": 60,
    "participants": [
        {"user_id": "tutor-1", "role": "tutor", "display_name": "Ada"},
        {"user_id": "student-1", "role": "student", "display_name": "Ben"},
    ],
}

Minutes = Annotated[StrictInt, Field(ge=1, le=7 * 24 * 60), INTEGRAL]


class BookingInput(SessionInput):
    """A booking. Set its end with either `ends_at` or `duration_minutes`."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    status: SessionStatus = Field(
        default=SessionStatus.CONFIRMED, description="People can only join bookings that are `confirmed`."
    )
    modality: Modality = Field(
        default=Modality.VIRTUAL, description="`virtual` bookings take place on video, `physical` ones do not."
    )
    starts_at: Moment
    ends_at: Moment | None = Field(default=None, description="Send either `ends_at` or `duration_minutes`.")
    duration_minutes: Minutes | None = Field(default=None, description="Send either `ends_at` or `duration_minutes`.")

    @model_validator(mode="after")
    def _one_end(self) -> "BookingInput":
        if (self.ends_at is None) == (self.duration_minutes is None):
            raise ValueError("send either `ends_at` or `duration_minutes`")
        if self.ends_at is not None and self.ends_at <= self.starts_at:
            raise ValueError("`ends_at` must be after `starts_at`")
        _end(self.starts_at, self.ends_at, self.duration_minutes)  # raises if the end is outside of the supported years
        return self

    def terms(self) -> SessionTerms:
        return SessionTerms(
            title=self.title,
            status=self.status,
            video=self.modality is Modality.VIRTUAL,
            starts_at=self.starts_at,
            ends_at=_end(self.starts_at, self.ends_at, self.duration_minutes),
            providers=tuple(self.providers),
            policy=self.policy.patch(),
            metadata=self.metadata,
        )


class BookingPatch(RequestModel):
    """The fields to update. Omitted and null fields do not change; `policy` and `metadata` are replaced as a whole."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"starts_at": "2030-03-13T14:00:00Z", "duration_minutes": 60}]}
    )

    title: Name | None = None
    status: SessionStatus | None = None
    modality: Modality | None = None
    starts_at: Moment | None = None
    ends_at: Moment | None = None
    duration_minutes: Minutes | None = Field(
        default=None, description="Changes the end. Send either `ends_at` or `duration_minutes`."
    )
    providers: Providers | None = None
    policy: PolicyInput | None = None
    metadata: Metadata | None = None

    @model_validator(mode="after")
    def _one_end(self) -> "BookingPatch":
        if self.ends_at is not None and self.duration_minutes is not None:
            raise ValueError("send either `ends_at` or `duration_minutes`")
        return self

    def amend(self, terms: SessionTerms) -> SessionTerms:
        starts_at = self.starts_at or terms.starts_at
        return replace(
            terms,
            title=self.title or terms.title,
            status=self.status or terms.status,
            video=terms.video if self.modality is None else self.modality is Modality.VIRTUAL,
            starts_at=starts_at,
            ends_at=_end(starts_at, self.ends_at, self.duration_minutes) or terms.ends_at,
            providers=terms.providers if self.providers is None else tuple(self.providers),
            policy=terms.policy if self.policy is None else self.policy.patch(),
            metadata=terms.metadata if self.metadata is None else self.metadata,
        )


_SUMMARY_EXAMPLE: dict[str, Any] = {
    **{name: value for name, value in _EXAMPLE.items() if name not in {"duration_minutes", "participants"}},
    "reference": "lesson-1",
    "ends_at": "2030-03-12T15:00:00Z",
    "duration_minutes": 60,
    "providers": ["100ms"],
    "provider": None,
    "participant_count": 2,
    "participant": None,
    "policy": {},
    "metadata": {},
    "version": 1,
    "created_at": "2030-03-01T09:30:00Z",
    "updated_at": "2030-03-01T09:30:00Z",
}


class BookingSummary(SessionSummaryOut):
    """A booking as an item of a list."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SUMMARY_EXAMPLE]})

    status: SessionStatus
    modality: Modality
    starts_at: Moment
    ends_at: Moment
    duration_minutes: int | float


class BookingOut(BookingSummary, SessionOut):
    """A booking."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                _SUMMARY_EXAMPLE
                | {
                    "participants": _EXAMPLE["participants"],
                    "participant_names": ["Ada", "Ben"],
                    "participants_truncated": False,
                }
            ]
        }
    )


class BookingList(BaseModel):
    """One page of bookings."""

    data: list[BookingSummary]
    next: str | None = Field(description="The `cursor` of the next page. Null on the last page.")


def _end(starts_at: datetime | None, ends_at: datetime | None, minutes: int | None) -> datetime | None:
    if minutes is None or starts_at is None:
        return ends_at
    return sensible(starts_at + timedelta(minutes=minutes))


def _minutes(duration: timedelta) -> int | float:
    minutes = duration / timedelta(minutes=1)
    return int(minutes) if minutes.is_integer() else minutes


def booking_out(registered: RegistrationResult) -> BookingOut:
    """The booking, with its first participants."""
    return BookingOut(**common_fields(registered), **_booking_fields(registered.session))


def booking_summary(summary: SessionSummary) -> BookingSummary:
    """The booking as an item of a list, without participants."""
    return BookingSummary(**summary_fields(summary), **_booking_fields(summary.session))


def _booking_fields(session: Session) -> dict[str, Any]:
    terms = session.terms
    starts_at, ends_at = terms.starts_at or session.created_at, terms.ends_at or session.created_at
    return {
        "status": terms.status,
        "modality": session.modality,
        "starts_at": starts_at,
        "ends_at": ends_at,
        "duration_minutes": _minutes(ends_at - starts_at),
    }


router = APIRouter(prefix="/bookings", tags=["bookings"], route_class=JsonRoute, generate_unique_id_function=by_name)


@router.put(
    "/{reference}",
    summary="Create or replace a booking",
    description=PUT_DESCRIPTION,
    responses=put_responses(BookingOut),
)
async def create_booking(
    caller: SessionsWriter,
    reference: Reference,
    body: BookingInput,
    request: Request,
    response: Response,
    conditions: CreateConditions,
) -> BookingOut:
    key = session_key(caller, SessionKind.BOOKING, reference)
    registered = await put_session(caller, key, body, request, response, precondition=conditions.on(booking_out))
    return conditions.tagged(booking_out(registered))


@router.patch("/{reference}", summary="Update a booking", description=PATCH_DESCRIPTION, responses=PATCH_RESPONSES)
async def update_booking(
    caller: SessionsAuthor, reference: Reference, body: BookingPatch, conditions: ChangeConditions
) -> BookingOut:
    key = session_key(caller, SessionKind.BOOKING, reference)
    amended = await registration.amend(
        caller.context, key, body.amend, acting_for=caller.acting_for, precondition=conditions.on(booking_out)
    )
    return conditions.tagged(booking_out(amended))


@router.get(
    "/{reference}",
    summary="Get a booking",
    description=GET_DESCRIPTION,
    response_model=BookingOut,
    responses=GET_RESPONSES,
)
async def get_booking(
    caller: SessionsReader, reference: Reference, conditions: ReadConditions
) -> BookingOut | Response:
    key = session_key(caller, SessionKind.BOOKING, reference)
    return conditions.read(booking_out(await registration.find(caller.context, key, acting_for=caller.acting_for)))


@router.delete(
    "/{reference}",
    summary="Delete a booking",
    description=DELETE_DESCRIPTION,
    status_code=204,
    response_class=Response,
    responses=DELETE_RESPONSES,
)
async def delete_booking(caller: SessionsWriter, reference: Reference, conditions: ChangeConditions) -> None:
    key = session_key(caller, SessionKind.BOOKING, reference)
    await deletion.delete_session(caller.context, key, precondition=conditions.on(booking_out))


@router.post(
    "/{reference}/cancel",
    summary="Cancel a booking",
    description=CANCEL_DESCRIPTION,
    response_model=BookingOut,
    responses=CANCEL_RESPONSES,
)
async def cancel_booking(caller: SessionsAuthor, reference: Reference, idempotency: Idempotency) -> Response:
    key = session_key(caller, SessionKind.BOOKING, reference)
    return await cancel_session(idempotency, caller, key, booking_out)


@router.get("", summary="List bookings", responses=LIST_RESPONSES)
async def list_bookings(
    caller: SessionsReader,
    chosen: BookingFilters,
    sort: Annotated[SessionOrder, Query(description="The order of the list. `-` is descending.")] = (
        SessionOrder.STARTS_AT
    ),
    limit: Limit = 50,
    cursor: Cursor = None,
) -> BookingList:
    """Returns the app's bookings, by default by start time. With a user token or `X-User-Id`, only those of the user.
    All parameters but `limit` must be those of the first page."""
    found, following = await registration.list_sessions(
        caller.context, SessionKind.BOOKING, visible_to(caller, chosen), sort, limit=limit, cursor=cursor
    )
    return BookingList(data=[booking_summary(each) for each in found], next=following)
