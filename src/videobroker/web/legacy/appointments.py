"""Appointments with the ready-made call page: bookings with integer IDs, and their room codes."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from fastapi.responses import Response
from pydantic import ConfigDict, Field

from videobroker.domain.apps import LegacyFamily
from videobroker.domain.authorization import Action
from videobroker.domain.sessions import Modality, Participant, Session, SessionKey, SessionKind, SessionTerms
from videobroker.errors import AccessDenied, SessionNotFound
from videobroker.usecases.authorization import require
from videobroker.usecases.idempotency import KeyedResponse
from videobroker.usecases.legacy.numbered_bookings import NumberedBooking, register_appointment
from videobroker.usecases.legacy.room_codes import issue_room_code
from videobroker.web.http.auth import LEGACY_AUTH_PROBLEMS, Caller, Joiner, SessionsAuthor
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, Idempotency
from videobroker.web.http.requests import by_name
from videobroker.web.legacy.errors import (
    APPOINTMENT_CREATION,
    APPOINTMENT_INFO,
    VENDOR_PROBLEMS,
    WITHOUT_VIDEO_ROOM,
    legacy_route,
)
from videobroker.web.legacy.schemas import JsMoment, LegacyId, LegacyRequest, LegacyResponse
from videobroker.web.v1.bookings import Minutes

FAMILY = "appointment"
"""The key in a booking's metadata that contains the IDs in their original types."""
DOCTOR, PATIENT = "doctor", "patient"
"""The app roles. Everyone gets the patient's code, as in the old system."""

_INTEGER = re.compile(r"[1-9][0-9]{0,15}")
router = APIRouter(tags=["legacyAppointments"])
_creation = APIRouter(
    route_class=legacy_route(APPOINTMENT_CREATION, LegacyFamily.APPOINTMENTS), generate_unique_id_function=by_name
)
_info = APIRouter(
    route_class=legacy_route(APPOINTMENT_INFO, LegacyFamily.APPOINTMENTS), generate_unique_id_function=by_name
)

AppointmentType = Literal["VIRTUAL", "PHYSICAL"]


class AppointmentInput(LegacyRequest):
    """A request to create an appointment."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"patientId": 7, "doctorId": "d-1", "dateTime": "2030-03-12T14:00:00.000Z", "type": "VIRTUAL"}]
        },
    )

    patient_id: LegacyId
    doctor_id: LegacyId
    date_time: JsMoment = Field(description="ISO 8601 with `Z` or an offset.")
    type: AppointmentType = "PHYSICAL"
    duration: Minutes = Field(default=60, description="Minutes. New: the original endpoint did not have it.")

    def terms(self) -> SessionTerms:
        return SessionTerms(
            video=self.type == "VIRTUAL",
            starts_at=self.date_time,
            ends_at=self.date_time + timedelta(minutes=self.duration),
            metadata={FAMILY: {"patientId": self.patient_id, "doctorId": self.doctor_id}},
        )

    def people(self) -> list[Participant]:
        return [Participant(str(self.doctor_id), DOCTOR), Participant(str(self.patient_id), PATIENT)]


class Appointment(LegacyResponse):
    """An appointment, in the format of the old system."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 42,
                    "patientId": 7,
                    "doctorId": "d-1",
                    "dateTime": "2030-03-12T14:00:00.000Z",
                    "type": "VIRTUAL",
                    "videoRoomId": "abc-defg-hij",
                    "createdAt": "2030-03-01T09:30:00.000Z",
                    "updatedAt": "2030-03-01T09:30:00.000Z",
                }
            ]
        }
    )

    id: int
    patient_id: LegacyId = Field(description="A number or a string, as in the request.")
    doctor_id: LegacyId = Field(description="A number or a string, as in the request.")
    date_time: JsMoment
    type: AppointmentType
    video_room_id: str | None = Field(description="The patient's room code. Null for `PHYSICAL`.")
    created_at: JsMoment
    updated_at: JsMoment


class AppointmentVideoInfo(LegacyResponse):
    """The data for the ready-made call page."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"roomCode": "abc-defg-hij", "dateTime": "2030-03-12T14:00:00.000Z", "type": "VIRTUAL"}]
        }
    )

    room_code: str
    date_time: JsMoment
    type: AppointmentType


def _row(appointed: NumberedBooking, body: AppointmentInput) -> Appointment:
    session = appointed.session
    return Appointment(
        id=int(session.key.reference),
        patient_id=body.patient_id,
        doctor_id=body.doctor_id,
        date_time=session.terms.starts_at or session.created_at,
        type=_old_type(session),
        video_room_id=appointed.code,
        created_at=session.created_at,
        updated_at=session.updated_at,
    )


def _old_type(session: Session) -> AppointmentType:
    return "VIRTUAL" if session.modality is Modality.VIRTUAL else "PHYSICAL"


@_creation.post(
    "/api/bookings",
    status_code=201,
    summary="Create an appointment",
    response_model=Appointment,
    responses=APPOINTMENT_CREATION.described(
        "invalid_request",
        *LEGACY_AUTH_PROBLEMS,
        *IDEMPOTENCY_PROBLEMS,
        "session_not_found",
        "malformed_json",
        "body_too_large",
        "duplicate_participant",
        "role_may_not",
        "role_not_mapped",
        "surface_not_offered",
        *VENDOR_PROBLEMS,
        "storage_unavailable",
        "internal_error",
    ),
)
async def create_appointment(caller: SessionsAuthor, body: AppointmentInput, idempotency: Idempotency) -> Response:
    """Creates an appointment with the app's next integer ID. For `VIRTUAL`, the room and its code are created
    immediately; if the provider fails, no appointment is created. With a user token, the user must be the patient or
    the doctor."""
    people = body.people()

    async def created() -> Appointment:
        appointed = await register_appointment(caller.context, body.terms(), people, role=PATIENT)
        return _row(appointed, body)

    async def revalidate(stored: KeyedResponse) -> Mapping[str, Any]:
        key = SessionKey(caller.app.id, SessionKind.BOOKING, str(stored.body["id"]))
        await require(caller.context, key, Action.VIEW_SESSION)
        code = None if stored.body["videoRoomId"] is None else await _current_code(caller, key)
        return {**stored.body, "videoRoomId": code}

    return await idempotency.respond(caller, created, revalidate=revalidate, user_id=str(body.patient_id), status=201)


async def _current_code(caller: Caller, key: SessionKey) -> str | None:
    """The patient's current room code; None if codes are no longer issued. The booking itself exists in any case."""
    try:
        _, code = await issue_room_code(caller.context, key, role=PATIENT, user_id=caller.actor.user_id, replayed=True)
    except AccessDenied:
        return None
    return code


@_info.get(
    "/api/bookings/video/info/{booking_id}",
    summary="Get the room code of an appointment",
    responses=APPOINTMENT_INFO.described(
        "invalid_request",
        *LEGACY_AUTH_PROBLEMS,
        *WITHOUT_VIDEO_ROOM,
        "role_not_mapped",
        "surface_not_offered",
        *VENDOR_PROBLEMS,
        "storage_unavailable",
        "seal_broken",
        "internal_error",
    ),
)
async def get_appointment_video_info(
    caller: Joiner,
    booking_id: Annotated[str, Path(description="The integer ID of the booking.", examples=["42"])],
) -> AppointmentVideoInfo:
    """Returns the room code at any time, as in the old system: it is not withheld until the window opens. The user of a
    user token or of `X-User-Id` must be a participant of the booking."""
    if not _INTEGER.fullmatch(booking_id):
        raise SessionNotFound("The IDs of appointments are integers.")
    session, code = await issue_room_code(
        caller.context, SessionKey(caller.app.id, SessionKind.BOOKING, booking_id), role=PATIENT, user_id=caller.user_id
    )
    return AppointmentVideoInfo(
        room_code=code, date_time=session.terms.starts_at or session.created_at, type=_old_type(session)
    )


router.include_router(_creation)
router.include_router(_info)
