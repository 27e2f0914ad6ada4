"""The page of a session: terms, participants, calls, attendance, activity, and the actions of operators."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated
from urllib.parse import urlencode
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import RedirectResponse

from videobroker.domain.apps import App
from videobroker.domain.attendance.stays import Stay
from videobroker.domain.attendance.verdicts import AttendanceVerdict, VerdictRule
from videobroker.domain.calls import Call
from videobroker.domain.events import RecordedEvent
from videobroker.domain.ids import CallId, EndpointId, EntryId, EventId, SessionId, TicketId
from videobroker.domain.join_context import build_access_context
from videobroker.domain.lobby import EntryState, LobbyEntry
from videobroker.domain.overview import determine_phase
from videobroker.domain.policy import WaitingRoom
from videobroker.domain.sessions import Participant, SessionKey, SessionKind
from videobroker.domain.webhooks import Delivery, Endpoint
from videobroker.errors import CallNotFound, InvalidInput
from videobroker.usecases.attendance import verdicts
from videobroker.usecases.calls import calls
from videobroker.usecases.joining import links, moderation, waiting_room
from videobroker.usecases.joining.moderation import RemovalEnforcement
from videobroker.usecases.journal import queries
from videobroker.usecases.operations import overviews
from videobroker.usecases.operations.overviews import SessionOverview
from videobroker.usecases.webhooks import endpoints
from videobroker.web.console import chart, event_text
from videobroker.web.console.i18n import N_, ngettext
from videobroker.web.console.i18n import gettext as _
from videobroker.web.console.join_links import MAX_LINKS, MAX_LINKS_SHOWN, IssuedLinks, active_links, links_for
from videobroker.web.console.requests import ConsoleRequest, ConsoleRoute, Form, FormRequest, ViewRequest, own_path
from videobroker.web.console.templating import rendered
from videobroker.web.http.requests import by_name

router = APIRouter(
    prefix="/sessions/{app_id}/{session_id}", route_class=ConsoleRoute, generate_unique_id_function=by_name
)

MAX_EVENTS_SHOWN = 100
DONE_TEXTS = {
    "ended": N_("The call has ended."),
    "no-call": N_("No call was running."),
    "removed": N_("Removed."),
    "removed-pending": N_("Removed. The provider isn't responding; we'll keep trying to disconnect them."),
    "removed-impossible": N_("Removed. The provider can't disconnect a participant who is in the call."),
    "readmitted": N_("Unblocked."),
    "not-banned": N_("They were not blocked."),
    "saved": N_("Changes saved."),
    "cancelled": N_("Session canceled."),
    "participant-added": N_("Participant added."),
    "participant-saved": N_("Participant saved."),
    "participant-dropped": N_("No longer a participant."),
    "admitted": N_("Admitted."),
    "denied": N_("Request declined."),
}
"""The notice after an action, by the query parameter `did`."""


def done_text(did: str, count: int) -> str:
    """The notice after an action; empty for an unknown one."""
    match did:
        case "admitted-all":
            return (
                ngettext("%(num)s person admitted.", "%(num)s people admitted.", count)
                if count
                else _("No one was waiting.")
            )
        case "admitted-some":
            return (
                ngettext(
                    "%(num)s person admitted. More people are waiting.",
                    "%(num)s people admitted. More people are waiting.",
                    count,
                )
                if count
                else _("No one was admitted, and people are still waiting. Try again.")
            )
        case "links-revoked":
            return (
                ngettext("%(num)s link revoked.", "%(num)s links revoked.", count)
                if count
                else _("No links were revoked: none of them were valid anymore.")
            )
    return _(DONE_TEXTS[did]) if did in DONE_TEXTS else ""


Before = Annotated[str, Query(max_length=500)]
Did = Annotated[str, Query(max_length=40)]
Count = Annotated[int, Query(ge=0, le=1_000_000_000)]
Who = Annotated[str, Query(max_length=128)]
PageNumber = Annotated[int, Query(ge=1, le=1_000)]
PEOPLE_PER_PAGE = 50


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """The participants on the page: those whose name, user ID, or role contains `who`."""

    people: Sequence[Participant]
    who: str
    found: int
    page: int
    pages: int

    @classmethod
    def of(cls, people: Sequence[Participant], who: str, page: int) -> "PeoplePage":
        words = who.casefold()
        chosen = [
            person
            for person in people
            if words in f"{person.display_name or ''}\n{person.user_id}\n{person.role}".casefold()
        ]
        pages = max(1, -(-len(chosen) // PEOPLE_PER_PAGE))
        page = min(page, pages)
        return cls(chosen[(page - 1) * PEOPLE_PER_PAGE : page * PEOPLE_PER_PAGE], who, len(chosen), page, pages)

    def query(self, page: int) -> str:
        """The query string of another page."""
        return urlencode({name: value for name, value in (("who", self.who), ("page", page)) if value})


@dataclass(frozen=True, slots=True)
class TimelineEntry:
    """An event in the timeline."""

    recorded: RecordedEvent
    sentence: str
    actor: str
    kind: str
    deliveries: Sequence[Delivery]
    endpoints: Mapping[EndpointId, Endpoint]


@dataclass(frozen=True, slots=True)
class LobbyRow:
    """A person in the waiting room."""

    entry: LobbyEntry
    role: str | None
    state: EntryState


@dataclass(frozen=True, slots=True)
class AttendanceView:
    """Attendance as a chart and as a table."""

    rows: Sequence[chart.ChartPerson]
    drawn: chart.Chart | None
    final: bool
    has_others: bool
    """Whether people attended who are not participants."""


@router.get("")
async def console_session(
    console: ViewRequest,
    app_id: UUID,
    session_id: UUID,
    before: Before = "",
    call: Annotated[UUID | None, Query()] = None,
    did: Did = "",
    count: Count = 0,
    who: Who = "",
    page: PageNumber = 1,
) -> Response:
    app = await console.app(app_id)
    return await session_page(
        console,
        app,
        SessionId(session_id),
        before=before or None,
        call=call,
        notice=done_text(did, count),
        who=who.strip(),
        page=page,
    )


async def session_page(
    console: ConsoleRequest,
    app: App,
    session_id: SessionId,
    *,
    before: str | None = None,
    call: UUID | None = None,
    notice: str = "",
    error: str = "",
    issued: IssuedLinks | None = None,
    who: str = "",
    page: int = 1,
    status: int = HTTPStatus.OK,
) -> Response:
    """The page of a session, with the links that were just created."""
    seen = await overviews.find_overview(console.broker, app, session_id)
    names = {person.user_id: person.display_name or person.user_id for person in seen.registered.participants}
    shown = _chosen_call(seen, call)
    recorded, earlier = await queries.read_back(console.broker, app, session_id, limit=MAX_EVENTS_SHOWN, before=before)
    session = seen.registered.session
    access = build_access_context(app, session, call_running=seen.open_call is not None)
    waiting = await _waiting(console, app, session.key) if access.policy.waiting_room is WaitingRoom.ADMIT else []
    people = seen.registered.participants
    banned = {removal.user_id for removal in seen.removals if removal.banned}
    return rendered(
        "session.html",
        operator=console.operator,
        status=status,
        app=app,
        seen=seen,
        session=session,
        path=path_of(app, session_id),
        phase=determine_phase(session, seen.open_call, console.now),
        access=access,
        opens_at=access.opens_at(""),
        attendance=await _attendance(console, app, seen, shown, names),
        shown_call=shown,
        timeline=await _timeline(console, app, recorded, names),
        earlier=earlier,
        is_newest=before is None,
        notice_text=notice,
        error_text=error,
        listed=PeoplePage.of(people, who, page),
        roles=sorted({role for name in app.default_providers for role in app.role_maps.get(name, {})}),
        now=console.now,
        banned=banned,
        removed={removal.user_id: removal for removal in seen.removals},
        names=names,
        issued=issued,
        most_links=MAX_LINKS,
        active_links=await active_links(console, app, session.key, access, people=people, blocked=banned),
        links_shown=MAX_LINKS_SHOWN,
        waiting=waiting,
        admittable=sum(each.entry.state is EntryState.WAITING for each in waiting),
        most_waiting=waiting_room.MAX_LOBBY_ENTRIES,
    )


async def _waiting(console: ConsoleRequest, app: App, key: SessionKey) -> list[LobbyRow]:
    """The people in the waiting room who are not admitted yet, including declined ones."""
    found = await waiting_room.list_lobby(console.context(app), key)
    return [
        LobbyRow(entry, role, entry.state_at(console.now))
        for entry, role in found
        if entry.state is not EntryState.ADMITTED
    ]


def path_of(app: App, session_id: SessionId, **query: str) -> str:
    chosen = urlencode({name: value for name, value in query.items() if value})
    return f"/console/sessions/{app.id}/{session_id}" + (f"?{chosen}" if chosen else "")


def _chosen_call(seen: SessionOverview, call: UUID | None) -> Call | None:
    if call is not None:
        return next((each for each in seen.calls if each.id == CallId(call)), None)
    is_group = seen.registered.session.key.kind is SessionKind.GROUP
    return seen.calls[-1] if is_group and seen.calls else None


async def _attendance(
    console: ConsoleRequest, app: App, seen: SessionOverview, call: Call | None, names: Mapping[str, str]
) -> AttendanceView:
    session = seen.registered.session
    if call is not None:
        rows = await _rows_of_call(console, app, call, names, seen.registered.participants)
        return AttendanceView(
            rows,
            chart.draw(rows, starts_at=call.started_at, ends_at=call.ended_at or console.now, now=console.now),
            final=call.settled_at is not None,
            has_others=False,
        )
    if session.key.kind is SessionKind.GROUP:
        return AttendanceView([], None, final=False, has_others=False)
    report = await verdicts.attendance_of(console.context(app), session.key)
    rows = [
        chart.ChartPerson(
            name=person.display_name or person.user_id,
            note=_verdict_words(person),
            mark=_verdict_class(person.result.verdict),
            stays=person.stays,
        )
        for person in report.registered
    ]
    rows += [
        chart.ChartPerson(name=person.user_id, note=_("not a participant"), mark="guest", stays=person.stays)
        for person in report.others
    ]
    drawn = chart.draw(rows, starts_at=session.terms.starts_at, ends_at=session.terms.ends_at, now=console.now)
    return AttendanceView(rows, drawn, final=report.final, has_others=bool(report.others))


VERDICT_TEXT = {
    AttendanceVerdict.ATTENDED: N_("attended"),
    AttendanceVerdict.LATE: N_("late"),
    AttendanceVerdict.LEFT_EARLY: N_("left early"),
    AttendanceVerdict.ABSENT: N_("absent"),
}
_WITHOUT_VERDICT = {
    VerdictRule.CANCELLED: N_("canceled"),
    VerdictRule.NOT_OVER: N_("pending"),
    VerdictRule.NO_EVIDENCE: N_("unknown"),
    VerdictRule.VIDEO_DISABLED: N_("in person"),
    VerdictRule.REMOVED: N_("blocked"),
}


def _verdict_class(verdict: AttendanceVerdict | None) -> str:
    return "none" if verdict is None else verdict.value


def _verdict_words(person: verdicts.PersonAttendance) -> str:
    result = person.result
    if result.verdict is None:
        return _(_WITHOUT_VERDICT[result.rule])
    match result.verdict:
        case AttendanceVerdict.LATE:
            return _("%(minutes)s min late", minutes=max(1, result.late_by_seconds // 60))
        case AttendanceVerdict.LEFT_EARLY:
            return _("left %(minutes)s min early", minutes=max(1, result.left_early_by_seconds // 60))
    return _(VERDICT_TEXT[result.verdict])


async def _rows_of_call(
    console: ConsoleRequest, app: App, call: Call, names: Mapping[str, str], roster: Sequence[Participant]
) -> list[chart.ChartPerson]:
    call_with_attendance = await calls.find_call_with_attendance(console.context(app), call.id)
    own: dict[tuple[bool, str], list[Stay]] = defaultdict(list)
    for each in call_with_attendance.attended:
        own[(each.user_id is not None, each.user_id or each.stay.provider_user_id)].append(each.stay)
    registered = {person.user_id for person in roster}
    return [
        chart.ChartPerson(
            name=names.get(name, name),
            note="" if known and name in registered else _("not a participant"),
            mark="none" if known and name in registered else "guest",
            stays=tuple(stays),
        )
        for (known, name), stays in own.items()
    ]


async def _timeline(
    console: ConsoleRequest, app: App, recorded: Sequence[RecordedEvent], names: Mapping[str, str]
) -> list[TimelineEntry]:
    listed, found = await endpoints.deliveries_of(console.context(app), [each.event.id for each in recorded])
    by_id = {endpoint.id: endpoint for endpoint in listed}
    by_event: dict[EventId, list[Delivery]] = defaultdict(list)
    for delivery in found:
        by_event[delivery.event_id].append(delivery)
    return [
        TimelineEntry(
            each,
            event_text.sentence(each, names),
            event_text.actor_text(each),
            event_text.kind(each),
            by_event[each.event.id],
            by_id,
        )
        for each in recorded
    ]


@router.post("/links")
async def console_make_links(request: Request, console: FormRequest, app_id: UUID, session_id: UUID) -> Response:
    """Create a link for one participant or for the next `MAX_LINKS`. The response is the only page that shows them."""
    app = await console.app(app_id)
    user_id, after = console.submitted().raw("user_id"), console.submitted().raw("after")
    seen = await overviews.find_overview(console.broker, app, SessionId(session_id))
    key, everyone = seen.registered.session.key, seen.registered.participants
    if user_id:
        one = [person for person in everyone if person.user_id == user_id]
        issued = IssuedLinks(await links_for(request, console, app, key, one))
    else:
        # Participants are ordered by user ID, byte by byte.
        rest = [person for person in everyone if person.user_id.encode() > after.encode()]
        chosen = rest[:MAX_LINKS]
        issued = IssuedLinks(
            await links_for(request, console, app, key, chosen),
            first=len(everyone) - len(rest) + 1,
            total=len(everyone),
            after=chosen[-1].user_id if chosen else "",
        )
    return await session_page(console, app, SessionId(session_id), issued=issued)


@router.post("/links/revoke")
async def console_revoke_links(console: FormRequest, app_id: UUID, session_id: UUID) -> Response:
    """Revoke one link, all links of a person, or all links of the session."""
    app, form = await console.app(app_id), console.submitted()
    key = (await overviews.find_overview(console.broker, app, SessionId(session_id))).registered.session.key
    context = console.context(app)
    if form.text("link"):
        count = await links.revoke_link(context, key, _link_of(form))
    elif form.raw("user_id") or form.is_checked("all"):
        user_id = form.raw("user_id") or None
        count = await links.revoke_links(context, key, user_id=user_id)
    else:
        raise InvalidInput(_("Choose which links to revoke."))
    return _back(app, session_id, "links-revoked", count=count)


def _link_of(form: Form) -> TicketId:
    try:
        return TicketId(UUID(form.text("link")))
    except ValueError:
        raise InvalidInput(_("This link does not exist. Reload the page.")) from None


@router.post("/admit")
async def console_admit(console: FormRequest, app_id: UUID, session_id: UUID) -> Response:
    """Admit one person, or everyone who is waiting if the form has no entry."""
    app, entry = await console.app(app_id), _entry_of(console.submitted())
    key = (await overviews.find_overview(console.broker, app, SessionId(session_id))).registered.session.key
    if entry is None:
        admitted = await waiting_room.admit_all(console.context(app), key)
        found = await waiting_room.list_lobby(console.context(app), key)
        is_done = all(other.state is not EntryState.WAITING for other, _ in found)
        return _back(app, session_id, "admitted-all" if is_done else "admitted-some", count=len(admitted))
    await waiting_room.admit(console.context(app), key, entry)
    return _decided(console, app, session_id, "admitted")


@router.post("/deny")
async def console_deny(console: FormRequest, app_id: UUID, session_id: UUID) -> Response:
    """Decline a request to join."""
    app, entry = await console.app(app_id), _entry_of(console.submitted())
    key = (await overviews.find_overview(console.broker, app, SessionId(session_id))).registered.session.key
    if entry is None:
        raise InvalidInput(_("Choose whose request to decline."))
    await waiting_room.deny(console.context(app), key, entry)
    return _decided(console, app, session_id, "denied")


def _decided(console: ConsoleRequest, app: App, session_id: UUID, did: str) -> Response:
    """Redirect to the page with the form: that of the session, or one that lists who waits in all sessions."""
    page = console.submitted().text("page")
    if not page:
        return _back(app, session_id, did)
    path = own_path(page)
    return RedirectResponse(f"{path}{'&' if '?' in path else '?'}did={did}", HTTPStatus.SEE_OTHER)


def _entry_of(form: Form) -> EntryId | None:
    try:
        return EntryId(UUID(form.text("entry"))) if form.text("entry") else None
    except ValueError:
        raise InvalidInput(_("This person is no longer waiting. Reload the page.")) from None


@router.post("/end")
async def console_end_call(console: FormRequest, app_id: UUID, session_id: UUID) -> Response:
    """End the call for everyone."""
    app = await console.app(app_id)
    seen = await overviews.find_overview(console.broker, app, SessionId(session_id))
    running = seen.open_call is not None
    try:
        await calls.end_call(console.context(app), seen.registered.session.key, user_id=None)
    except CallNotFound:
        running = False
    return _back(app, session_id, "ended" if running else "no-call")


@router.post("/remove")
async def console_remove_person(console: FormRequest, app_id: UUID, session_id: UUID) -> Response:
    """Remove a person, and optionally block them."""
    app, form = await console.app(app_id), console.submitted()
    seen = await overviews.find_overview(console.broker, app, SessionId(session_id))
    removed = await moderation.remove(
        console.context(app), seen.registered.session.key, form.raw("user_id"), ban=form.is_checked("ban")
    )
    did = "removed" if removed.enforcement is RemovalEnforcement.DONE else f"removed-{removed.enforcement.value}"
    return _back(app, session_id, did)


@router.post("/readmit")
async def console_readmit_person(console: FormRequest, app_id: UUID, session_id: UUID) -> Response:
    """Unblock a person."""
    app, form = await console.app(app_id), console.submitted()
    seen = await overviews.find_overview(console.broker, app, SessionId(session_id))
    lifted = await moderation.readmit(console.context(app), seen.registered.session.key, form.raw("user_id"))
    return _back(app, session_id, "readmitted" if lifted else "not-banned")


def _back(app: App, session_id: UUID, did: str, *, count: int | None = None) -> Response:
    counted = "" if count is None else str(count)
    return RedirectResponse(path_of(app, SessionId(session_id), did=did, count=counted), HTTPStatus.SEE_OTHER)
