"""Appointments with the ready-made page: bookings with integer ids, and the room code that goes with them."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path
from pydantic import ConfigDict, Field

from videobroker.domain.apps import LegacyFamily
from videobroker.domain.authorization import Action
from videobroker.domain.sessions import Modality, Participant, Session, SessionKey, SessionKind, SessionTerms
from videobroker.errors import AccessDenied, SessionNotFound
from videobroker.usecases.authorization import require
from videobroker.usecases.idempotency import Answer
from videobroker.usecases.legacy.numbered_bookings import Appointed, register_appointment
from videobroker.usecases.legacy.room_codes import issue_room_code
from videobroker.web.http.auth import LEGACY_AUTH_PROBLEMS, Caller, Joiner, SessionsAuthor
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, OnceOnly
from videobroker.web.http.requests import by_name
from videobroker.web.legacy.errors import (
    APPOINTMENT_CREATION,
    APPOINTMENT_INFO,
    VENDOR_PROBLEMS,
    WITHOUT_VIDEO_ROOM,
    legacy_route,
)
from videobroker.web.legacy.schemas import JsMoment, OldAnswer, OldBody, OldId
from videobroker.web.v1.bookings import Minutes

FAMILY = "appointment"
"""The key in a booking's metadata under which the ids stand as they were sent."""
DOCTOR, PATIENT = "doctor", "patient"
"""The app roles of the two; everybody gets the patient's code, as they always did."""

_INTEGER = re.compile(r"[1-9][0-9]{0,15}")
router = APIRouter(tags=["legacy: appointments"])
_creation = APIRouter(
    route_class=legacy_route(APPOINTMENT_CREATION, LegacyFamily.APPOINTMENTS), generate_unique_id_function=by_name
)
_info = APIRouter(
    route_class=legacy_route(APPOINTMENT_INFO, LegacyFamily.APPOINTMENTS), generate_unique_id_function=by_name
)

OldType = Literal["VIRTUAL", "PHYSICAL"]


class AppointmentIn(OldBody):
    """An appointment."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"patientId": 7, "doctorId": "d-1", "dateTime": "2026-03-12T14:00:00.000Z", "type": "VIRTUAL"}]
        },
    )

    patient_id: OldId
    doctor_id: OldId
    date_time: JsMoment = Field(description="ISO 8601 with `Z` or an offset.")
    type: OldType = "PHYSICAL"
    duration: Minutes = Field(default=60, description="Minutes. The old endpoint did not know it; an hour by default.")

    def terms(self) -> SessionTerms:
        """In our words."""
        return SessionTerms(
            video=self.type == "VIRTUAL",
            starts_at=self.date_time,
            ends_at=self.date_time + timedelta(minutes=self.duration),
            metadata={FAMILY: {"patientId": self.patient_id, "doctorId": self.doctor_id}},
        )

    def people(self) -> list[Participant]:
        """In our words."""
        return [Participant(str(self.doctor_id), DOCTOR), Participant(str(self.patient_id), PATIENT)]


class AppointmentRow(OldAnswer):
    """The appointment as the old system saved it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 42,
                    "patientId": 7,
                    "doctorId": "d-1",
                    "dateTime": "2026-03-12T14:00:00.000Z",
                    "type": "VIRTUAL",
                    "videoRoomId": "abc-defg-hij",
                    "createdAt": "2026-03-01T09:30:00.000Z",
                    "updatedAt": "2026-03-01T09:30:00.000Z",
                }
            ]
        }
    )

    id: int
    patient_id: OldId = Field(description="As it was sent: a number or a text.")
    doctor_id: OldId = Field(description="As it was sent: a number or a text.")
    date_time: JsMoment
    type: OldType
    video_room_id: str | None = Field(description="The patient's room code; null for PHYSICAL.")
    created_at: JsMoment
    updated_at: JsMoment


class VideoInfo(OldAnswer):
    """What the ready-made page needs."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"roomCode": "abc-defg-hij", "dateTime": "2026-03-12T14:00:00.000Z", "type": "VIRTUAL"}]
        }
    )

    room_code: str
    date_time: JsMoment
    type: OldType


def _row(appointed: Appointed, body: AppointmentIn) -> AppointmentRow:
    session = appointed.session
    return AppointmentRow(
        id=int(session.key.reference),
        patient_id=body.patient_id,
        doctor_id=body.doctor_id,
        date_time=session.terms.starts_at or session.created_at,
        type=_old_type(session),
        video_room_id=appointed.code,
        created_at=session.created_at,
        updated_at=session.updated_at,
    )


def _old_type(session: Session) -> OldType:
    return "VIRTUAL" if session.modality is Modality.VIRTUAL else "PHYSICAL"


@_creation.post(
    "/api/bookings",
    status_code=201,
    summary="Create an appointment",
    response_model=AppointmentRow,
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
async def create_appointment(caller: SessionsAuthor, body: AppointmentIn, once: OnceOnly) -> Any:
    """Gives the appointment the app's next integer id. With `VIRTUAL`, the room and the code are made at once; when
    the vendor fails, so does the booking. A user token may book only for its own user, as patient or as doctor."""
    people = body.people()

    async def created() -> AppointmentRow:
        appointed = await register_appointment(caller.context, body.terms(), people, role=PATIENT)
        return _row(appointed, body)

    async def revalidate(stored: Answer) -> Mapping[str, Any]:
        key = SessionKey(caller.app.id, SessionKind.BOOKING, str(stored.body["id"]))
        await require(caller.context, key, Action.VIEW_SESSION)
        code = None if stored.body["videoRoomId"] is None else await _current_code(caller, key)
        return {**stored.body, "videoRoomId": code}

    return await once.answer(caller, created, revalidate=revalidate, user_id=str(body.patient_id), status=201)


async def _current_code(caller: Caller, key: SessionKey) -> str | None:
    """The patient's room code as of now; None if codes are no longer issued: the booking itself was still made."""
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
async def get_video_info(
    caller: Joiner,
    booking_id: Annotated[str, Path(description="The integer id of the booking.", examples=["42"])],
) -> VideoInfo:
    """The code can be had at any time, as it always could: it is not the code that keeps people out before the
    window opens. A user, by token or in X-User-Id, gets it only for bookings whose roster they are on."""
    if not _INTEGER.fullmatch(booking_id):
        raise SessionNotFound("The ids of appointments are integers.")
    session, code = await issue_room_code(
        caller.context, SessionKey(caller.app.id, SessionKind.BOOKING, booking_id), role=PATIENT, user_id=caller.user_id
    )
    return VideoInfo(room_code=code, date_time=session.terms.starts_at or session.created_at, type=_old_type(session))


router.include_router(_creation)
router.include_router(_info)
