"""The demo page, with a button to join as each person of the demo apps. Installed by `videobroker demo` only."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

import segno
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import RedirectResponse
from markupsafe import Markup

from videobroker.broker import Broker
from videobroker.domain.access import AccessReason, AdmitDecision, RefuseDecision, WaitDecision
from videobroker.domain.apps import GUEST_ROLE, App
from videobroker.domain.ids import CallId
from videobroker.domain.lobby import EntryState
from videobroker.domain.overview import Phase, determine_phase
from videobroker.domain.policy import WaitingRoom
from videobroker.domain.sessions import RegistrationResult, SessionKey, SessionKind
from videobroker.errors import InvalidInput
from videobroker.usecases import registration, tenants
from videobroker.usecases.access import check_access
from videobroker.usecases.calls import calls
from videobroker.usecases.context import RequestContext
from videobroker.usecases.joining import waiting_room
from videobroker.usecases.joining.join import guest_id
from videobroker.usecases.joining.links import issue_link
from videobroker.usecases.operations import overviews
from videobroker.web.console.i18n import N_
from videobroker.web.console.i18n import gettext as _
from videobroker.web.console.join_links import BLOCKED_BY
from videobroker.web.console.requests import ConsoleRoute, form_of
from videobroker.web.console.templating import rendered
from videobroker.web.http.requests import by_name

PATH = "/demo"
GUEST_NAME = "Ida"
CAN_JOIN = N_("Can join now")


@dataclass(frozen=True, slots=True)
class DemoPlan:
    """The content of the demo page."""

    sessions: Sequence[tuple[str, SessionKind, str]]
    """App, kind, and reference, in the order of the page."""
    sandbox_url: str
    reset: Callable[[Broker], Awaitable[object]]
    """Reschedules all sessions from now."""
    network_url: str | None = None
    """The URL of the service for other devices in the network; None if they cannot reach it."""


@dataclass(frozen=True, slots=True)
class DemoUser:
    """A person that the visitor can join as."""

    name: str
    role: str
    user_id: str
    """Empty for a guest."""
    can_try: bool
    """Whether a link can be created, for now or for later."""
    is_host: bool
    state: str
    """What happens when they join. Empty while it is too early."""
    opens_at: datetime | None = None
    """When they can join, while it is too early."""

    @property
    def can_join_now(self) -> bool:
        return self.state == CAN_JOIN


@dataclass(frozen=True, slots=True)
class DemoSessionView:
    """A session with its people."""

    app: App
    registered: RegistrationResult
    phase: Phase
    present: Sequence[str]
    """Names of the people in the call."""
    waiting: Sequence[str]
    """Names of the people in the waiting room."""
    has_waiting_room: bool
    allows_guests: bool
    visitors: Sequence[DemoUser]

    @property
    def host(self) -> DemoUser:
        """The first person who can admit and remove others."""
        return next((each for each in self.visitors if each.is_host), self.visitors[0])

    @property
    def other(self) -> DemoUser:
        """The first participant who is not the host."""
        return next((each for each in self.visitors if each.user_id and not each.is_host), self.visitors[-1])


router = APIRouter(prefix=PATH, include_in_schema=False, route_class=ConsoleRoute, generate_unique_id_function=by_name)


def install(app: FastAPI, plan: DemoPlan) -> None:
    """Add the demo page to the service."""
    app.state.demo = plan
    app.include_router(router)


@router.get("")
async def demo_page(request: Request) -> Response:
    broker: Broker = request.app.state.broker
    plan: DemoPlan = request.app.state.demo
    now = broker.now()
    shown = [await _load_session(broker, *session, now=now) for session in plan.sessions]
    by_app: dict[str, list[DemoSessionView]] = {}
    for each in shown:
        by_app.setdefault(each.app.name, []).append(each)
    stories = {
        "call": shown[0],
        "waiting": next((each for each in shown if each.has_waiting_room), None),
        "guest": next((each for each in shown if each.allows_guests), None),
    }
    return rendered("demo.html", operator=None, apps=by_app, stories=stories, sandbox_url=plan.sandbox_url, now=now)


async def _load_session(
    broker: Broker, app_name: str, kind: SessionKind, reference: str, *, now: datetime
) -> DemoSessionView:
    app = await tenants.find_app(broker, app_name)
    context = RequestContext.for_system(broker, app, now)
    key = SessionKey(app.id, kind, reference)
    registered = await registration.find(context, key)
    seen = await overviews.find_overview(broker, app, registered.session.id)
    policy = app.policy_for(registered.session.terms.policy)
    people = [
        (person.display_name or person.user_id, person.role, person.user_id) for person in registered.participants
    ]
    if policy.guests_allowed:
        people.append((GUEST_NAME, GUEST_ROLE, ""))
    visitors = []
    for name, role, user_id in people:
        decision = await check_access(context, key, user_id=user_id or None)
        opens_at = (
            decision.opens_at
            if isinstance(decision, WaitDecision) and decision.reason is AccessReason.TOO_EARLY
            else None
        )
        can_try = not isinstance(decision, RefuseDecision)
        visitors.append(DemoUser(name, role, user_id, can_try, role in policy.host_roles, _state(decision), opens_at))
    call = seen.open_call
    names = {user_id: name for name, _role, user_id in people if user_id}
    has_waiting_room = policy.waiting_room is WaitingRoom.ADMIT
    return DemoSessionView(
        app,
        registered,
        determine_phase(registered.session, call, now),
        [] if call is None else await _present(context, call.id, names),
        await _waiting(context, key, names) if has_waiting_room else [],
        has_waiting_room,
        policy.guests_allowed,
        visitors,
    )


async def _present(context: RequestContext, call_id: CallId, names: Mapping[str, str]) -> list[str]:
    attended = (await calls.find_call_with_attendance(context, call_id)).attended
    found = {each.user_id for each in attended if each.stay.left_at is None and each.user_id is not None}
    return [names.get(user_id, GUEST_NAME) for user_id in sorted(found)]


async def _waiting(context: RequestContext, key: SessionKey, names: Mapping[str, str]) -> list[str]:
    found = await waiting_room.list_lobby(context, key)
    return [
        entry.display_name or names.get(entry.user_id, entry.user_id)
        for entry, _role in found
        if entry.state is EntryState.WAITING
    ]


def _state(decision: AdmitDecision | WaitDecision | RefuseDecision) -> str:
    match decision:
        case AdmitDecision():
            return CAN_JOIN
        case WaitDecision(reason=AccessReason.TOO_EARLY):
            return ""
        case WaitDecision(reason=AccessReason.WAITING_FOR_HOST):
            return N_("Waits for the host")
        case WaitDecision():
            return N_("Asks to join")
        case RefuseDecision(reason=reason):
            return BLOCKED_BY[reason]


@router.post("/join")
async def demo_join(request: Request) -> Response:
    """Create a link for the chosen person, and redirect to it."""
    text, _name, _title = await _create_link(request)
    # Relative, so that the browser stays on the host of this page.
    return RedirectResponse(f"/join/{text}", HTTPStatus.SEE_OTHER)


@router.post("/phone")
async def demo_phone(request: Request) -> Response:
    """Create a link for the chosen person, and show it as a QR code."""
    plan: DemoPlan = request.app.state.demo
    text, name, title = await _create_link(request)
    url = None if plan.network_url is None else f"{plan.network_url}/join/{text}"
    return rendered(
        "demo_phone.html",
        operator=None,
        url=url,
        code=None if url is None else _qr_code(url),
        name=name,
        title=title,
        is_secure=url is not None and url.startswith("https:"),
    )


def _qr_code(url: str) -> Markup:
    # Links are long: the lowest level of error correction makes the largest modules, and a screen has no stains.
    made = segno.make(url, error="l", boost_error=False, micro=False)
    return Markup(made.svg_inline(scale=4, dark="#000", light="#fff", omitsize=True))  # noqa: S704  made of numbers only


async def _create_link(request: Request) -> tuple[str, str, str]:
    """The ticket of the chosen person, their name, and the title of the session."""
    broker: Broker = request.app.state.broker
    plan: DemoPlan = request.app.state.demo
    form = await form_of(request)
    wanted = (form.raw("app"), form.raw("kind"), form.raw("reference"))
    if wanted not in plan.sessions:
        raise InvalidInput(_("This session is not part of the demo. Reload the demo page."))
    app = await tenants.find_app(broker, wanted[0])
    context, user_id = RequestContext.for_system(broker, app, broker.now()), form.raw("user_id")
    key = SessionKey(app.id, SessionKind(wanted[1]), wanted[2])
    registered = await registration.find(context, key)
    link = await issue_link(
        context,
        key,
        user_id=user_id or guest_id(context, idempotency_key=None),
        display_name=None if user_id else GUEST_NAME,
        is_guest=not user_id,
        life=None,
    )
    names = {each.user_id: each.display_name or each.user_id for each in registered.participants}
    return link.text, names.get(user_id, GUEST_NAME), registered.session.terms.title or key.reference


@router.post("/again")
async def demo_reset(request: Request) -> Response:
    """Reschedule all sessions from now."""
    await form_of(request)
    plan: DemoPlan = request.app.state.demo
    await plan.reset(request.app.state.broker)
    return RedirectResponse(PATH, HTTPStatus.SEE_OTHER)
