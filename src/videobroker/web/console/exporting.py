"""Downloads of sessions and of their attendance, as CSV."""

from collections.abc import AsyncIterator, Sequence
from datetime import date, timedelta
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from videobroker.domain.exports import ExportContent, ExportFormat
from videobroker.domain.ids import SessionId
from videobroker.domain.overview import TimeRange
from videobroker.domain.sessions import SessionKind
from videobroker.errors import InvalidInput
from videobroker.usecases.attendance import verdicts
from videobroker.usecases.operations import overviews
from videobroker.usecases.operations.exports import record_export
from videobroker.web.console.files import Cell, csv_response, rows_of
from videobroker.web.console.i18n import gettext as _
from videobroker.web.console.requests import ConsoleRequest, ConsoleRoute, ViewRequest
from videobroker.web.console.today import DaySelection, select_day
from videobroker.web.http.requests import by_name

router = APIRouter(route_class=ConsoleRoute, generate_unique_id_function=by_name)

MAX_DAYS = 31
ROWS_PER_QUERY = 200
SESSIONS_HEADER = (
    "app",
    "reference",
    "title",
    "status",
    "phase",
    "starts_at",
    "ends_at",
    "video",
    "late",
    "no_shows",
    "people_in_call",
    "participants",
)
ATTENDANCE_HEADER = (
    "user_id",
    "display_name",
    "role",
    "result",
    "rule",
    "present_seconds",
    "late_by_seconds",
    "left_early_by_seconds",
    "first_joined_at",
    "last_left_at",
    "final",
)


@router.get("/export/sessions")
async def console_export_sessions(
    console: ViewRequest,
    app: Annotated[UUID | Literal[""], Query()] = "",
    day: Annotated[date | Literal[""], Query()] = "",
    days: Annotated[int, Query(ge=1, le=MAX_DAYS)] = 1,
) -> Response:
    """The bookings of one app that start on a day, or on several."""
    choice = await select_day(console, app, day)
    if choice.app is None:
        raise InvalidInput(_("Choose the app first."))
    span = TimeRange(choice.time_range.start, choice.time_range.start + timedelta(days=days))
    await record_export(
        console.context(choice.app), ExportContent.SESSIONS, ExportFormat.CSV, filters=["since", "until"]
    )
    return csv_response(f"sessions-{choice.day}", SESSIONS_HEADER, _session_rows(console, choice, span))


async def _session_rows(
    console: ConsoleRequest, choice: DaySelection, span: TimeRange
) -> AsyncIterator[Sequence[Cell]]:
    cursor: str | None = None
    while True:
        page = await overviews.list_section(
            console.broker, choice.app_ids, span, None, now=console.now, limit=ROWS_PER_QUERY, cursor=cursor
        )
        for each in page.listed:
            terms = each.session.terms
            yield (
                choice.names.get(each.session.key.app_id),
                each.session.key.reference,
                terms.title,
                terms.status.value,
                each.phase.value,
                terms.starts_at,
                terms.ends_at,
                "yes" if terms.video else "no",
                None if each.lateness is None else each.lateness.value,
                each.no_shows,
                None if each.call is None else each.call.attendance.present,
                ", ".join(person.display_name or person.user_id for person in each.people)
                + (", ..." if each.more_people else ""),
            )
        cursor = page.next
        if cursor is None:
            return


@router.get("/sessions/{app_id}/{session_id}/attendance.csv")
async def console_export_attendance(console: ViewRequest, app_id: UUID, session_id: UUID) -> Response:
    """The attendance of every person of a booking."""
    app = await console.app(app_id)
    session = (await overviews.find_overview(console.broker, app, SessionId(session_id))).registered.session
    if session.key.kind is not SessionKind.BOOKING:
        raise InvalidInput(_("Groups have no attendance results. Export the audit log instead."))
    report = await verdicts.attendance_of(console.context(app), session.key)
    await record_export(console.context(app), ExportContent.ATTENDANCE, ExportFormat.CSV, session=session)
    rows: list[Sequence[Cell]] = [
        (
            person.user_id,
            person.display_name,
            person.role,
            None if person.result.verdict is None else person.result.verdict.value,
            person.result.rule.value,
            person.result.present_seconds,
            person.result.late_by_seconds,
            person.result.left_early_by_seconds,
            person.result.first_joined_at,
            person.result.last_left_at,
            "yes" if report.final else "no",
        )
        for person in report.registered
    ]
    rows += [
        (
            person.user_id,
            None,
            None,
            None,
            "not_a_participant",
            None,
            None,
            None,
            min((stay.joined_at for stay in person.stays), default=None),
            None,
            "yes" if report.final else "no",
        )
        for person in report.others
    ]
    return csv_response(f"attendance-{session.id}", ATTENDANCE_HEADER, rows_of(rows))
