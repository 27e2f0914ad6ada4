"""Attendance of bookings, as JSON and CSV, and the schema of a stay in a call."""

import csv
import io
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from videobroker.domain.attendance.observations import EvidenceSource, ObservationType, ReceivedObservation
from videobroker.domain.attendance.stays import Stay
from videobroker.domain.attendance.verdicts import AttendanceVerdict, VerdictRule
from videobroker.domain.sessions import SessionKind
from videobroker.domain.times import rfc3339
from videobroker.usecases.attendance.verdicts import AttendanceReport, PersonAttendance, attendance_of
from videobroker.web.http.accept import JSON_TYPES, accept_of, preferred_type
from videobroker.web.http.auth import CallsReader
from videobroker.web.http.problems import described
from videobroker.web.http.requests import JsonRoute, by_name
from videobroker.web.http.schemas import Moment
from videobroker.web.v1.session_schemas import SESSION_PROBLEMS, Reference, session_key

_FORMULA = re.compile(r"(^|[;,\t\r\n|])(?=[\"'\s]*[=+\-@\u2212\uff1d\uff0b\uff0d\uff20])")
"""Where a spreadsheet may detect a formula: at the start of a cell, and, because the separator depends on the locale,
after every character that separates cells in some locale. Includes the full-width operators, which some spreadsheets
accept too. Source: OWASP, "CSV Injection"."""
CSV = "text/csv"
UTF8_BOM = "\ufeff"
"""Without a byte order mark, Excel reads UTF-8 as the locale's legacy encoding."""

router = APIRouter(
    prefix="/bookings/{reference}/attendance",
    tags=["bookings"],
    route_class=JsonRoute,
    generate_unique_id_function=by_name,
)

SOURCE_DESCRIPTION = (
    "How this is known: `observed` from a webhook, `reconciled` from a query to the provider, or `inferred` from other "
    "facts."
)


class ProviderRoleOut(BaseModel):
    """A provider role and the time from which it applies."""

    role: str
    since: Moment


class Evidence(BaseModel):
    """An observation from the provider that a stay is based on."""

    id: str = Field(description="The ID of the stored webhook or of the roll call, a query for the people in the call.")
    kind: Literal["webhook", "roll_call"]
    type: str | None = Field(description="The provider's event type. Null for a roll call.")
    sign: ObservationType = Field(description="What was observed.")
    at: Moment = Field(description="When it happened, by the provider's clock.")
    received_at: Moment = Field(description="When this service received it.")


_EVIDENCE_EXAMPLE: dict[str, Any] = {
    "id": "0195d3c2-8a10-7c55-9c1e-6f2b8d1e4a78",
    "kind": "webhook",
    "type": "peer.join.success",
    "sign": "arrived",
    "at": "2030-03-12T13:55:02.194Z",
    "received_at": "2030-03-12T13:55:03Z",
}
STAY_EXAMPLE: dict[str, Any] = {
    "user_id": "tutor-1",
    "provider_user_id": "tutor-1",
    "connection": "7a1f0c52-9d3e-4b61-8c04-2e5b9f7a6d10",
    "roles": [{"role": "teacher", "since": "2030-03-12T13:55:02.194Z"}],
    "joined_at": "2030-03-12T13:55:02.194Z",
    "left_at": None,
    "present_seconds": None,
    "source": "observed",
    "joined_source": "observed",
    "left_source": None,
    "reason": None,
    "evidence": [_EVIDENCE_EXAMPLE],
}


class StayOut(BaseModel):
    """The time that one device of a person was in a call."""

    model_config = ConfigDict(json_schema_extra={"examples": [STAY_EXAMPLE]})

    user_id: str | None = Field(description="Null if this service never issued credentials to the person.")
    provider_user_id: str = Field(description="The person's ID at the provider.")
    connection: str = Field(description="The provider's ID of the device: a 100ms peer ID or an Agora uid.")
    roles: list[ProviderRoleOut] = Field(
        description="Roles at the provider, in order. The first one applies from `joined_at`."
    )
    joined_at: Moment
    left_at: Moment | None = Field(description="Null while the device is in the call.")
    present_seconds: int | None = Field(description="Null while the device is in the call.")
    source: EvidenceSource = Field(description=f"{SOURCE_DESCRIPTION} The weaker of `joined_source` and `left_source`.")
    joined_source: EvidenceSource
    left_source: EvidenceSource | None
    reason: str | None = Field(description="Why the person left, as reported by the provider.")
    evidence: list[Evidence] = Field(description="All observations that this stay is based on.")


def evidence_out(attested: ReceivedObservation) -> Evidence:
    return Evidence(
        id=attested.observation.evidence,
        kind="webhook" if attested.type is not None else "roll_call",
        type=attested.type,
        sign=attested.observation.sign,
        at=attested.observation.at,
        received_at=attested.received_at,
    )


def stay_out(stay: Stay, user_id: str | None, evidence: Iterable[ReceivedObservation]) -> StayOut:
    lasted = None if stay.left_at is None else int((stay.left_at - stay.joined_at).total_seconds())
    return StayOut(
        user_id=user_id,
        provider_user_id=stay.provider_user_id,
        connection=stay.connection,
        roles=[ProviderRoleOut(role=span.role, since=span.since) for span in stay.roles],
        joined_at=stay.joined_at,
        left_at=stay.left_at,
        present_seconds=lasted,
        source=stay.source,
        joined_source=stay.joined_source,
        left_source=stay.left_source,
        reason=stay.reason,
        evidence=[evidence_out(each) for each in evidence],
    )


class AttendancePeriod(BaseModel):
    """A period in which the person was in the call, on any device."""

    joined_at: Moment
    left_at: Moment | None
    source: EvidenceSource


class PersonAttendanceOut(BaseModel):
    """One person's attendance of a booking."""

    user_id: str
    role: str | None = Field(description="The person's role in your app. Null if they are not a participant.")
    display_name: str | None
    verdict: AttendanceVerdict | None = Field(
        description="Null if there is no verdict, or none yet. See `rule` for the reason."
    )
    rule: VerdictRule = Field(description="The rule that determined the verdict.")
    present_seconds: int = Field(
        description="Time in calls with at least one device, including time before the start and after the end."
    )
    present_minutes: int = Field(description="`present_seconds` in minutes, rounded down.")
    late_by_seconds: int = Field(description="How long after the start the person joined, or 0.")
    left_early_by_seconds: int = Field(description="How long before the end the person left, or 0.")
    first_joined_at: Moment | None = Field(description="Null if the person never joined.")
    last_left_at: Moment | None = Field(description="Null while the person is in the call.")
    source: EvidenceSource | None = Field(description=f"{SOURCE_DESCRIPTION} The weakest source of all stays.")
    stays: list[AttendancePeriod] = Field(description="Periods in the call on any device.")


class AttendanceOut(BaseModel):
    """The attendance of a booking."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "reference": "lesson-1",
                    "starts_at": "2030-03-12T14:00:00Z",
                    "ends_at": "2030-03-12T15:00:00Z",
                    "final": True,
                    "participants": [
                        {
                            "user_id": "tutor-1",
                            "role": "tutor",
                            "display_name": "Ada",
                            "verdict": "attended",
                            "rule": "there_in_time",
                            "present_seconds": 3897,
                            "present_minutes": 64,
                            "late_by_seconds": 0,
                            "left_early_by_seconds": 0,
                            "first_joined_at": "2030-03-12T13:55:02.194Z",
                            "last_left_at": "2030-03-12T15:00:00Z",
                            "source": "observed",
                            "stays": [
                                {
                                    "joined_at": "2030-03-12T13:55:02.194Z",
                                    "left_at": "2030-03-12T15:00:00Z",
                                    "source": "observed",
                                }
                            ],
                        }
                    ],
                    "others": [],
                    "calls": ["0195d3c2-7a10-7c55-9c1e-6f2b8d1e4a77"],
                }
            ]
        }
    )

    reference: str
    starts_at: Moment | None
    ends_at: Moment | None
    final: bool = Field(description="The booking has closed, and the verdicts are final.")
    participants: list[PersonAttendanceOut] = Field(description="All participants.")
    others: list[PersonAttendanceOut] = Field(
        description="Guests, and people who are not registered. They get no verdict."
    )
    calls: list[str] = Field(
        description="IDs of the calls that this is based on. For details, use `GET /v1/calls/{id}`."
    )


def _person_attendance_out(attendance: PersonAttendance) -> PersonAttendanceOut:
    result = attendance.result
    return PersonAttendanceOut(
        user_id=attendance.user_id,
        role=attendance.role,
        display_name=attendance.display_name,
        verdict=result.verdict,
        rule=result.rule,
        present_seconds=result.present_seconds,
        present_minutes=result.present_seconds // 60,
        late_by_seconds=result.late_by_seconds,
        left_early_by_seconds=result.left_early_by_seconds,
        first_joined_at=result.first_joined_at,
        last_left_at=result.last_left_at,
        source=result.source,
        stays=[
            AttendancePeriod(joined_at=stay.joined_at, left_at=stay.left_at, source=stay.source)
            for stay in attendance.stays
        ],
    )


@router.get(
    "",
    summary="Get the attendance of a booking",
    responses={
        200: {"content": {CSV: {"schema": {"type": "string"}}}},
        **described(*SESSION_PROBLEMS, "role_may_not"),
    },
    response_model=AttendanceOut,
)
async def get_booking_attendance(
    request: Request,
    caller: CallsReader,
    reference: Reference,
    shape: Annotated[
        Literal["json", "csv"] | None,
        Query(
            alias="format",
            description="`csv` returns one row per person, for spreadsheets. Without it, `Accept` decides.",
        ),
    ] = None,
) -> AttendanceOut | Response:
    """Returns the attendance verdict of each participant, with the minutes and the rule that determined it. Until the
    booking has closed, verdicts are provisional. Users who are not hosts see only their own entry."""
    report = await attendance_of(
        caller.context, session_key(caller, SessionKind.BOOKING, reference), acting_for=caller.acting_for
    )
    if shape is None:
        shape = "csv" if preferred_type(accept_of(request.headers), (CSV, *JSON_TYPES)) == CSV else "json"
    if shape == "csv":
        return Response(_csv(report), media_type="text/csv; charset=utf-8")
    return AttendanceOut(
        reference=report.session.key.reference,
        starts_at=report.session.terms.starts_at,
        ends_at=report.session.terms.ends_at,
        final=report.final,
        participants=[_person_attendance_out(each) for each in report.registered],
        others=[_person_attendance_out(each) for each in report.others],
        calls=[str(call.id) for call in report.calls],
    )


_COLUMNS = (
    "reference",
    "user_id",
    "role",
    "display_name",
    "verdict",
    "rule",
    "present_seconds",
    "present_minutes",
    "late_by_seconds",
    "left_early_by_seconds",
    "first_joined_at",
    "last_left_at",
    "source",
    "final",
)


def _csv(report: AttendanceReport) -> str:
    """CSV as in RFC 4180: a byte order mark, a header, every cell quoted, CRLF line endings."""
    text = io.StringIO()
    text.write(UTF8_BOM)
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for attendance in (*report.registered, *report.others):
        row = _person_attendance_out(attendance).model_dump() | {
            "reference": report.session.key.reference,
            "final": report.final,
        }
        writer.writerow([_cell(row[column]) for column in _COLUMNS])
    return text.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime):
        return rfc3339(value)
    return without_formulas(value) if isinstance(value, str) else str(value)


def without_formulas(text: str) -> str:
    """Put an apostrophe before everything that a spreadsheet could interpret as a formula."""
    return _FORMULA.sub(r"\1'", text)
