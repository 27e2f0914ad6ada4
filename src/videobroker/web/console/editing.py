"""Changing a session: its title, time, and rules, its participants, and its cancellation.

A form contains the values that it was rendered with. If the session was changed meanwhile, nothing is saved, and the
form says what changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from http import HTTPStatus
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from videobroker.domain.apps import App
from videobroker.domain.ids import SessionId
from videobroker.domain.operators import OperatorRole
from videobroker.domain.policy import WaitingRoom
from videobroker.domain.sessions import Participant, RegistrationResult, Session, SessionKind, SessionTerms
from videobroker.errors import (
    AccessDenied,
    DuplicateParticipant,
    InvalidInput,
    ParticipantNotFound,
    PreconditionFailed,
    RoleNotMapped,
)
from videobroker.usecases import registration
from videobroker.usecases.authorization import require_operator
from videobroker.usecases.joining.join import guest_id
from videobroker.usecases.operations import overviews
from videobroker.usecases.operations.overviews import SessionOverview
from videobroker.usecases.preconditions import Precondition
from videobroker.web.console.access import zones
from videobroker.web.console.booking import BookingDraft
from videobroker.web.console.i18n import N_
from videobroker.web.console.i18n import gettext as _
from videobroker.web.console.join_links import IssuedLinks, guest_link
from videobroker.web.console.requests import ConsoleRequest, ConsoleRoute, Form, FormRequest, ViewRequest
from videobroker.web.console.session import path_of, session_page
from videobroker.web.console.templating import rendered
from videobroker.web.http.requests import by_name

router = APIRouter(
    prefix="/sessions/{app_id}/{session_id}", route_class=ConsoleRoute, generate_unique_id_function=by_name
)

APP_DEFAULT = ""
LABELS = {
    "title": N_("Title"),
    "starts": N_("Start"),
    "minutes": N_("Minutes"),
    "waiting_room": N_("Waiting room"),
    "guests": N_("Guests"),
    "status": N_("Status"),
}
"""Labels of the fields that a conflict compares."""
WAITING_ROOMS = {
    APP_DEFAULT: N_("App default"),
    WaitingRoom.OFF.value: N_("Off"),
    WaitingRoom.UNTIL_HOST.value: N_("Until the host joins"),
    WaitingRoom.ADMIT.value: N_("The host admits each person"),
}
GUESTS = {APP_DEFAULT: N_("App default"), "yes": N_("Allowed"), "no": N_("Not allowed")}


@dataclass(frozen=True, slots=True)
class EditConflict:
    """A field that someone else changed while the form was open."""

    label: str
    before: str
    now: str


@dataclass(slots=True)
class SessionForm:
    """The form's values, and their errors."""

    booking: BookingDraft
    is_booking: bool
    waiting_room: str = APP_DEFAULT
    guests: str = APP_DEFAULT
    base: Mapping[str, str] = field(default_factory=dict)
    """The values that the form was rendered with, by field."""
    version: str = ""
    is_stale: bool = False
    conflicts: list[EditConflict] = field(default_factory=list)

    @classmethod
    def submitted(cls, form: Form, *, is_booking: bool) -> "SessionForm":
        return cls(
            BookingDraft.of(form),
            is_booking,
            form.text("waiting_room"),
            form.text("guests"),
            {name: form.text(f"base_{name}") for name in LABELS},
            form.text("version"),
        )

    @property
    def errors(self) -> dict[str, str]:
        return self.booking.errors

    def terms(self, app: App, session: Session, current: Mapping[str, str]) -> SessionTerms | None:
        """The new terms; None if a field is invalid. Fills `errors`. `current` has the values of the session."""
        terms = (
            self._scheduled_terms(app, session.terms, current) if self.is_booking else self._titled_terms(session.terms)
        )
        if self.waiting_room not in WAITING_ROOMS:
            self.errors["waiting_room"] = _("Choose one of the options.")
        if self.guests not in GUESTS:
            self.errors["guests"] = _("Choose one of the options.")
        if terms is None or self.errors:
            return None
        changes = {
            "waiting_room": self.waiting_room or None,
            "guests_allowed": None if not self.guests else self.guests == "yes",
        }
        policy = {name: value for name, value in {**session.terms.policy, **changes}.items() if value is not None}
        return replace(terms, policy=policy)

    def _scheduled_terms(self, app: App, before: SessionTerms, current: Mapping[str, str]) -> SessionTerms | None:
        # The provider is not part of this form.
        self.booking.provider = ""
        terms = self.booking.terms(app)
        if terms is None:
            return None
        if all(getattr(self.booking, name) == current[name] for name in ("starts", "zone", "minutes")):
            # The form has no seconds: unchanged fields must not move the booking.
            return replace(before, title=terms.title)
        return replace(before, title=terms.title, starts_at=terms.starts_at, ends_at=terms.ends_at)

    def _titled_terms(self, before: SessionTerms) -> SessionTerms:
        if self.booking.title:
            self.booking.check_title()
        return replace(before, title=self.booking.title or None)

    def compare(self, current: Mapping[str, str], version: int) -> None:
        """Note what changed since the form was rendered; the next submission is based on the current values."""
        self.conflicts = [
            EditConflict(label, self.base.get(name, "") or _("none"), current[name] or _("none"))
            for name, label in LABELS.items()
            if self.base.get(name, "") != current[name]
        ]
        self.base, self.version, self.is_stale = current, str(version), True


def values_of(session: Session, console: ConsoleRequest) -> dict[str, str]:
    """The session's values as the form shows them."""
    terms = session.terms
    starts = "" if terms.starts_at is None else f"{terms.starts_at.astimezone(console.zone):%Y-%m-%dT%H:%M}"
    minutes = ""
    if terms.starts_at is not None and terms.ends_at is not None:
        minutes = str(int((terms.ends_at - terms.starts_at) / timedelta(minutes=1)))
    guests = terms.policy.get("guests_allowed")
    return {
        "title": terms.title or "",
        "starts": starts,
        "zone": str(console.zone),
        "minutes": minutes,
        "waiting_room": str(terms.policy.get("waiting_room", APP_DEFAULT)),
        "guests": APP_DEFAULT if guests is None else "yes" if guests else "no",
        "status": terms.status.value,
    }


@router.get("/edit")
async def console_edit_session(console: ViewRequest, app_id: UUID, session_id: UUID) -> Response:
    """The form with the current values."""
    app = await console.app(app_id)
    require_operator(console.context(app).actor, OperatorRole.SUPPORT)
    session = (await overviews.find_overview(console.broker, app, SessionId(session_id))).registered.session
    values = values_of(session, console)
    draft = BookingDraft(
        title=values["title"], starts=values["starts"], zone=str(console.zone), minutes=values["minutes"]
    )
    form = SessionForm(
        draft,
        session.key.kind is SessionKind.BOOKING,
        values["waiting_room"],
        values["guests"],
        values,
        str(session.version),
    )
    return _page(console, app, session, form)


def _page(
    console: ConsoleRequest, app: App, session: Session, form: SessionForm, *, status: int = HTTPStatus.OK
) -> Response:
    return rendered(
        "edit.html",
        operator=console.operator,
        status=status,
        app=app,
        session=session,
        path=path_of(app, session.id),
        form=form,
        draft=form.booking,
        zones=sorted(zones()),
        waiting_rooms=WAITING_ROOMS,
        guests=GUESTS,
        now=console.now,
    )


@router.post("/edit")
async def console_save_session(console: FormRequest, app_id: UUID, session_id: UUID) -> Response:
    """Save the form, unless the session was changed since it was rendered."""
    app = await console.app(app_id)
    session = (await overviews.find_overview(console.broker, app, SessionId(session_id))).registered.session
    form = SessionForm.submitted(console.submitted(), is_booking=session.key.kind is SessionKind.BOOKING)
    if form.version != str(session.version):
        return _conflict(console, app, session, form)
    terms = form.terms(app, session, values_of(session, console))
    if terms is not None and terms.starts_at != session.terms.starts_at:
        form.booking.confirm_past(terms, confirmed=console.submitted().text("confirm_past"), now=console.now)
    if terms is None or form.errors:
        return _page(console, app, session, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    try:
        await registration.amend(
            console.context(app), session.key, lambda _: terms, precondition=_version(session.version)
        )
    except PreconditionFailed:
        current = (await overviews.find_overview(console.broker, app, SessionId(session_id))).registered.session
        return _conflict(console, app, current, form)
    except (RoleNotMapped, InvalidInput) as error:
        form.errors["form"] = error.detail
        return _page(console, app, session, form, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return _back(app, session_id, "saved")


def _conflict(console: ConsoleRequest, app: App, session: Session, form: SessionForm) -> Response:
    form.compare(values_of(session, console), session.version)
    return _page(console, app, session, form, status=HTTPStatus.CONFLICT)


def _version(version: int) -> Precondition[RegistrationResult]:
    def check(current: RegistrationResult | None) -> None:
        if current is None or current.session.version != version:
            raise PreconditionFailed(_("The session was changed by someone else. Nothing was saved."))

    return check


@router.post("/cancel")
async def console_cancel_session(console: FormRequest, app_id: UUID, session_id: UUID) -> Response:
    """Cancel the session: the call ends, and no one can join."""
    app, seen = await _found(console, app_id, session_id)
    await registration.cancel(console.context(app), seen.registered.session.key)
    return _back(app, session_id, "cancelled")


@router.post("/participants")
async def console_add_participant(console: FormRequest, app_id: UUID, session_id: UUID) -> Response:
    """Add a participant."""
    app, seen = await _found(console, app_id, session_id)

    def is_new(current: Participant | None) -> None:
        if current is not None:
            raise DuplicateParticipant(_("This person is already a participant. Edit them in the list."))

    return await _put(console, app, seen, is_new, "participant-added")


@router.post("/participants/change")
async def console_change_participant(console: FormRequest, app_id: UUID, session_id: UUID) -> Response:
    """Change the name or the role of a participant."""
    app, seen = await _found(console, app_id, session_id)
    return await _put(console, app, seen, _unchanged(console.submitted()), "participant-saved")


async def _put(
    console: ConsoleRequest,
    app: App,
    seen: SessionOverview,
    precondition: Precondition[Participant],
    did: str,
) -> Response:
    session = seen.registered.session
    try:
        await registration.put_participant(
            console.context(app), session.key, _person(console.submitted()), precondition=precondition
        )
    except (RoleNotMapped, InvalidInput, DuplicateParticipant, PreconditionFailed) as error:
        return await session_page(console, app, session.id, error=error.detail, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    return _back(app, session.id, did)


@router.post("/participants/drop")
async def console_drop_participant(console: FormRequest, app_id: UUID, session_id: UUID) -> Response:
    """Take a person off the list of participants."""
    app, seen = await _found(console, app_id, session_id)
    session = seen.registered.session
    try:
        await registration.drop_participant(
            console.context(app),
            session.key,
            console.submitted().raw("user_id"),
            precondition=_unchanged(console.submitted()),
        )
    except (ParticipantNotFound, PreconditionFailed) as error:
        return await session_page(console, app, session.id, error=error.detail, status=HTTPStatus.CONFLICT)
    return _back(app, session_id, "participant-dropped")


def _person(form: Form) -> Participant:
    """The participant of the form. Raises `InvalidInput`."""
    draft = BookingDraft()
    user_id = form.raw("user_id").strip()
    role, name = form.text("role"), form.text("display_name")
    if not user_id:
        raise InvalidInput(_("Enter the user ID: the person's ID in your app."))
    if not draft.check_user_id(user_id) or (name and not draft.check_name(name)):
        raise InvalidInput(next(iter(draft.errors.values())))
    return Participant(user_id, role, name or None)


def _unchanged(form: Form) -> Precondition[Participant]:
    before, user_id = (form.text("base_role"), form.text("base_name")), form.raw("user_id")

    def check(current: Participant | None) -> None:
        if current is None or (current.role, current.display_name or "") != before:
            now = (
                _("no longer a participant")
                if current is None
                else f"{current.display_name or user_id}, {current.role}"
            )
            raise PreconditionFailed(
                _("Someone else changed this person (now: %(now)s). Nothing was saved. Try again.", now=now)
            )

    return check


@router.post("/guest-link")
async def console_make_guest_link(request: Request, console: FormRequest, app_id: UUID, session_id: UUID) -> Response:
    """Create a link for a new guest with this name. The response is the only page that shows it."""
    app, seen = await _found(console, app_id, session_id)
    session = seen.registered.session
    name, draft = console.submitted().text("display_name"), BookingDraft()
    if not name or not draft.check_name(name):
        error = next(iter(draft.errors.values()), _("Enter the guest's name."))
        return await session_page(console, app, session.id, error=error, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    user_id = guest_id(console.context(app), idempotency_key=None)
    try:
        link = await guest_link(request, console, app, session.key, user_id=user_id, name=name)
    except AccessDenied as error:
        return await session_page(console, app, session.id, error=error.detail, status=HTTPStatus.CONFLICT)
    return await session_page(console, app, session.id, issued=IssuedLinks([link]))


async def _found(console: ConsoleRequest, app_id: UUID, session_id: UUID) -> tuple[App, SessionOverview]:
    app = await console.app(app_id)
    return app, await overviews.find_overview(console.broker, app, SessionId(session_id))


def _back(app: App, session_id: UUID, did: str) -> Response:
    return RedirectResponse(path_of(app, SessionId(session_id), did=did), HTTPStatus.SEE_OTHER)
