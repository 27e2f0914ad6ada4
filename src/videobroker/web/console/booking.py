"""The form for a new booking."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from pydantic import TypeAdapter, ValidationError

from videobroker.domain.apps import App, ProviderName
from videobroker.domain.join_context import select_requested_providers
from videobroker.domain.operators import OperatorRole
from videobroker.domain.sessions import Participant, SessionKey, SessionKind, SessionTerms
from videobroker.domain.times import rfc3339
from videobroker.errors import DuplicateParticipant, InvalidInput, RoleNotMapped
from videobroker.usecases import registration
from videobroker.usecases.authorization import require_operator
from videobroker.web.console import i18n
from videobroker.web.console.access import zones
from videobroker.web.console.i18n import N_, translate
from videobroker.web.console.i18n import gettext as _
from videobroker.web.console.join_links import IssuedLinks, links_for
from videobroker.web.console.requests import ConsoleRequest, ConsoleRoute, Form, FormRequest, ViewRequest
from videobroker.web.console.session import session_page
from videobroker.web.console.templating import rendered
from videobroker.web.http.requests import by_name
from videobroker.web.http.schemas import Identifier, Name, sensible

router = APIRouter(prefix="/book", route_class=ConsoleRoute, generate_unique_id_function=by_name)

MAX_PARTICIPANT_ROWS = 12
"""Participants on the form; more can be added through the API."""
MAX_MINUTES = 7 * 24 * 60

_reference: TypeAdapter[str] = TypeAdapter(Identifier)
_title: TypeAdapter[str] = TypeAdapter(Name)
_user_id: TypeAdapter[str] = TypeAdapter(Identifier)
VALIDATION_TEXTS = (
    N_("An ID must have 1 to 128 characters."),
    N_("An ID must not contain control characters, line breaks, or bidi controls."),
    N_("An ID must not contain `/`, and must not be `.` or `..`, because these cannot be part of a URL path."),
    N_("An ID must not begin or end with a space, because HTTP headers drop it."),
    N_("A name must have 1 to 200 characters."),
    N_("A name must not contain control characters, line breaks, or bidi controls."),
    N_("A name must contain at least one visible character."),
    N_("The year must be between 2000 and 2199."),
)
"""The messages of `check_identifier`, `check_name`, and `sensible`, as sentences."""


@dataclass(frozen=True, slots=True)
class ParticipantFields:
    """A participant row of the form."""

    user_id: str = ""
    display_name: str = ""
    role: str = ""


@dataclass(slots=True)
class BookingDraft:
    """The values of the form, and their errors."""

    reference: str = ""
    title: str = ""
    starts: str = ""
    zone: str = "UTC"
    minutes: str = "60"
    provider: str = ""
    people: Sequence[ParticipantFields] = ()
    past_start: str = ""
    """The start to confirm, if it has passed."""
    errors: dict[str, str] = field(default_factory=dict)
    """By the name of the field."""

    @classmethod
    def of(cls, form: Form) -> "BookingDraft":
        return cls(
            reference=form.text("reference"),
            title=form.text("title"),
            starts=form.text("starts"),
            zone=form.text("zone"),
            minutes=form.text("minutes"),
            provider=form.text("provider"),
            people=[
                ParticipantFields(form.text(f"user_id_{n}"), form.text(f"display_name_{n}"), form.text(f"role_{n}"))
                for n in range(MAX_PARTICIPANT_ROWS)
            ],
        )

    def terms(self, app: App) -> SessionTerms | None:
        """The session's terms; None if a field is invalid. Fills `errors`."""
        if self.title:
            self.check("title", _title, self.title)
        starts_at = self._starts_at()
        minutes = self._minutes()
        providers = self._providers(app)
        if starts_at is None or minutes is None or self.errors:
            return None
        return SessionTerms(
            title=self.title or None,
            starts_at=starts_at,
            ends_at=starts_at + timedelta(minutes=minutes),
            providers=providers,
        )

    def roster(self, app: App, terms: SessionTerms | None) -> list[Participant]:
        """The participants. Fills `errors`."""
        found = []
        seen: set[str] = set()
        roles = roles_of(app, ProviderName(self.provider) if self.provider in app.accounts else None)
        for number, person in enumerate(self.people):
            if not person.user_id:
                if person.display_name:
                    self.errors[f"user_id_{number}"] = _("Enter the user ID: the person's ID in your app.")
                continue
            if not self.check(f"user_id_{number}", _user_id, person.user_id):
                continue
            if person.user_id in seen:
                self.errors[f"user_id_{number}"] = _("This person is listed twice.")
            if person.role not in roles:
                self.errors[f"role_{number}"] = _("Choose a role from the app's role map.")
            if person.display_name:
                self.check(f"display_name_{number}", _title, person.display_name)
            seen.add(person.user_id)
            found.append(Participant(person.user_id, person.role, person.display_name or None))
        return found

    def confirm_past(self, terms: SessionTerms, *, confirmed: str, now: datetime) -> None:
        """Ask for confirmation if the start has passed. The confirmation covers this start only."""
        if terms.starts_at is None or terms.ends_at is None or terms.starts_at >= now.replace(second=0, microsecond=0):
            return
        self.past_start = rfc3339(terms.starts_at)
        if confirmed == self.past_start:
            return
        self.errors["starts"] = (
            _("This booking would already be over. No one could join it. Change it, or confirm below.")
            if terms.ends_at <= now
            else _("This start is in the past. Change it, or confirm below.")
        )

    def check(self, name: str, adapter: TypeAdapter[str], value: str) -> bool:
        """Whether the value is valid. Fills `errors`."""
        try:
            adapter.validate_python(value)
        except ValidationError as error:
            message = error.errors()[0]["msg"].removeprefix("Value error, ")
            self.errors[name] = translate(f"{message[:1].upper()}{message[1:]}.")
            return False
        return True

    def check_title(self) -> bool:
        """Whether the title is valid. Fills `errors`."""
        return self.check("title", _title, self.title)

    def check_user_id(self, value: str) -> bool:
        """Whether this can be a user ID. Fills `errors`."""
        return self.check("user_id", _user_id, value)

    def check_name(self, value: str) -> bool:
        """Whether this can be a display name. Fills `errors`."""
        return self.check("display_name", _title, value)

    def _starts_at(self) -> datetime | None:
        if self.zone not in zones():
            self.errors["zone"] = _("Choose a time zone from the list.")
            return None
        zone = ZoneInfo(self.zone)
        try:
            # `datetime-local` inputs send no offset: the zone determines it.
            local = datetime.strptime(self.starts[:16], "%Y-%m-%dT%H:%M")  # noqa: DTZ007
            moment = sensible(local.replace(tzinfo=zone).astimezone(UTC))
        except (ValueError, OverflowError):
            self.errors["starts"] = _("Enter date and time, like 2026-03-12T14:00.")
            return None
        if moment.astimezone(zone).replace(tzinfo=None) != local:
            self.errors["starts"] = _("This time doesn't exist on that day (clocks go forward).")
            return None
        return moment

    def _minutes(self) -> int | None:
        if not self.minutes.isascii() or not self.minutes.isdigit() or not 1 <= int(self.minutes[:9]) <= MAX_MINUTES:
            maximum = i18n.number(MAX_MINUTES)
            self.errors["minutes"] = _("Enter a duration from 1 to %(minutes)s minutes.", minutes=maximum)
            return None
        return int(self.minutes)

    def _providers(self, app: App) -> tuple[ProviderName, ...]:
        if not self.provider:
            return ()
        if self.provider not in app.accounts:
            self.errors["provider"] = _("The app has no account with this provider.")
            return ()
        return (ProviderName(self.provider),)


def roles_of(app: App, provider: ProviderName | None) -> list[str]:
    """The roles that are mapped for this provider; for None, those that are mapped for all of the app's providers."""
    chosen = (provider,) if provider is not None else select_requested_providers(app, SessionTerms())
    mapped = [set(app.role_maps.get(name, {})) for name in chosen]
    return sorted(set.intersection(*mapped)) if mapped else []


AppChoice = Annotated[UUID | Literal[""], Query(alias="app")]


@router.get("")
async def console_new_booking(console: ViewRequest, app: AppChoice = "") -> Response:
    """The empty form, or the choice of an app."""
    require_operator(console.service_context().actor, OperatorRole.SUPPORT)
    if not app:
        apps = await console.apps()
        if len(apps) != 1:
            return rendered(
                "choose_app.html",
                operator=console.operator,
                now=console.now,
                here="book",
                apps=apps,
                target="/console/book",
            )
        app = apps[0].id
    chosen = await console.app(app)
    start = (console.now.astimezone(console.zone) + timedelta(hours=1)).replace(minute=0, second=0, microsecond=0)
    # Generated with the form, so that submitting it twice creates one booking.
    reference = f"console-{secrets.token_hex(4)}"
    draft = BookingDraft(
        reference=reference,
        starts=f"{start:%Y-%m-%dT%H:%M}",
        zone=str(console.zone),
        people=[ParticipantFields()] * MAX_PARTICIPANT_ROWS,
    )
    return _form(console, chosen, draft)


@router.post("")
async def console_register_booking(request: Request, console: FormRequest) -> Response:
    """Create the booking, or show the errors next to the fields."""
    form = console.submitted()
    try:
        app = await console.app(UUID(form.text("app")))
    except ValueError:
        raise InvalidInput(_("Choose the app first.")) from None
    draft = BookingDraft.of(form)
    terms = draft.terms(app)
    people = draft.roster(app, terms)
    draft.check("reference", _reference, draft.reference)
    if terms is not None:
        draft.confirm_past(terms, confirmed=form.text("confirm_past"), now=console.now)
    if terms is None or draft.errors:
        return _form(console, app, draft, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    key = SessionKey(app.id, SessionKind.BOOKING, draft.reference)
    try:
        registered = await registration.register_new(console.context(app), key, terms, people)
    except (RoleNotMapped, DuplicateParticipant, InvalidInput) as error:
        draft.errors["form"] = error.detail
        return _form(console, app, draft, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    if registered is None:
        draft.errors["reference"] = _("This app already has a booking with this reference. Choose another one.")
        return _form(console, app, draft, status=HTTPStatus.CONFLICT)
    links = await links_for(request, console, app, key, registered.participants)
    return await session_page(
        console,
        app,
        registered.session.id,
        notice=_("Booking created."),
        issued=IssuedLinks(links),
        status=HTTPStatus.CREATED,
    )


def _form(console: ConsoleRequest, app: App, draft: BookingDraft, *, status: int = 200) -> Response:
    filled = max((n + 1 for n, person in enumerate(draft.people) if person != ParticipantFields()), default=0)
    values: Mapping[str, Any] = {
        "app": app,
        "draft": draft,
        "roles": sorted({role for name in app.default_providers for role in app.role_maps.get(name, {})}),
        "providers": app.default_providers,
        "zones": sorted(zones()),
        "shown": max(2, filled),
    }
    return rendered("book.html", operator=console.operator, now=console.now, here="book", status=status, **values)
