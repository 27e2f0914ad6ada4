"""The page of an app: its settings in sections, read-only for operators who may not change them."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from functools import partial
from http import HTTPStatus
from typing import Any, TypeVar
from uuid import UUID

from fastapi import Response
from fastapi.responses import RedirectResponse

from videobroker.domain.api_keys import SCOPE_DESCRIPTIONS
from videobroker.domain.apps import App, LegacyFamily, ProviderAccount, ProviderName
from videobroker.domain.diagnostics import CheckResult
from videobroker.domain.events import SET_UP_EVENTS, ChangeInterface, EventType
from videobroker.domain.policy import DEFAULT_POLICY, POLICY_SETTINGS, SettingKind
from videobroker.domain.set_up import list_settings
from videobroker.domain.user_tokens import DEFAULT_LIFETIME_SECONDS, StoredRules
from videobroker.domain.webhooks import Endpoint
from videobroker.errors import Conflict, InvalidInput, PreconditionFailed, UserTokenRulesNotFound
from videobroker.usecases import management
from videobroker.usecases.journal.queries import read_latest
from videobroker.usecases.journal.retention import CLASSES
from videobroker.usecases.management.accounts import describe_account
from videobroker.usecases.preconditions import Precondition
from videobroker.usecases.webhooks import endpoints
from videobroker.web.console.event_text import sentence
from videobroker.web.console.i18n import N_, translate_text
from videobroker.web.console.i18n import gettext as _
from videobroker.web.console.requests import ConsoleRequest, Form
from videobroker.web.console.templating import rendered

RECENT_CHANGES = 20
KEYS_PER_PAGE = 50
LOGO = "branding.logo"
"""A setting that has a form of its own."""
EMPTY_ROWS = 3
"""Rows of the role map for new roles."""


State = TypeVar("State")


class AppSection(StrEnum):
    """A part of the page. The values are in its URL."""

    OVERVIEW = "overview"
    KEYS = "keys"
    ACCOUNTS = "accounts"
    ROLES = "roles"
    POLICY = "policy"
    USER_TOKENS = "user-tokens"
    PAGES = "pages"
    WEBHOOKS = "webhooks"
    JOURNAL = "journal"


SECTION_TEXT = {
    AppSection.OVERVIEW: N_("Overview"),
    AppSection.KEYS: N_("API keys"),
    AppSection.ACCOUNTS: N_("Providers"),
    AppSection.ROLES: N_("Roles"),
    AppSection.POLICY: N_("Policy"),
    AppSection.USER_TOKENS: N_("User tokens"),
    AppSection.PAGES: N_("Pages and origins"),
    AppSection.WEBHOOKS: N_("Webhooks"),
    AppSection.JOURNAL: N_("Audit log"),
}
DONE_TEXT = {
    "saved": N_("Saved."),
    "created": N_("App created. Next, add a provider account and an API key."),
    "revoked": N_("Key revoked. It's refused everywhere within a second."),
    "removed": N_("Removed."),
}
CHANGED_MEANWHILE = N_(
    "Someone else changed this in the meantime, so nothing was saved. Compare the values, and save again."
)
VIA_TEXT = {
    ChangeInterface.API.value: N_("API"),
    ChangeInterface.COMMAND_LINE.value: N_("command line"),
    ChangeInterface.ENVIRONMENT.value: N_("environment variables"),
}
"""Labels of the interfaces without an operator."""
POLICY_TEXT: Mapping[str, tuple[str, str]] = {
    "opens_before_seconds": (N_("Opens before the start"), N_("How early participants can join.")),
    "opens_before_seconds_by_role": (
        N_("Opens before the start, by role"),
        N_("Exceptions, one per line: role = seconds."),
    ),
    "grace_seconds": (N_("Grace period"), N_("How long after the end participants can still join.")),
    "overrun_seconds": (N_("Overrun"), N_("How much longer a call in progress stays open.")),
    "waiting_room": (N_("Waiting room"), N_("Who has to wait although the session is open.")),
    "host_roles": (N_("Host roles"), N_("Never wait, and can moderate. One role per line.")),
    "call_roles": (N_("Call roles"), N_("Can start calls with a user token, besides hosts. One role per line.")),
    "booking_roles": (N_("Booking roles"), N_("Can create and move bookings with a user token. One role per line.")),
    "guests_allowed": (N_("Guests"), N_("Whether people who aren't participants can join.")),
    "token_seconds": (N_("Participant token lifetime"), N_("From 60 seconds to 24 hours.")),
    "guest_token_seconds": (N_("Guest token lifetime"), N_("From 60 seconds to 24 hours.")),
    "ticket_seconds": (N_("Link lifetime"), N_("From 60 seconds to 30 days.")),
    "late_after_seconds": (N_("Late after"), N_("Participants who join later than this are late.")),
    "left_early_before_seconds": (N_("Left early"), N_("Participants who leave more than this before the end.")),
    "minimum_presence_seconds": (N_("Minimum presence"), N_("Participants who stay for less were absent.")),
    "no_show_after_seconds": (N_("No-show after"), N_("When missing participants are reported.")),
    "empty_seconds": (N_("Empty call ends after"), N_("For groups. At least 30 seconds.")),
}
"""Label and hint of each setting of the policy."""


@dataclass(slots=True)
class AppForm:
    """What was submitted, with its errors, or what there is to show once."""

    form: Form | None = None
    errors: dict[str, str] = field(default_factory=dict)
    """By the name of the field."""
    is_stale: bool = False
    """Whether someone else changed the settings while the form was open."""
    secret: str = ""
    """A new secret, which is shown once."""
    secret_label: str = ""
    findings: Sequence[CheckResult] | None = None
    checked: ProviderName | None = None

    def value(self, name: str, current: object) -> str:
        """The submitted value of a field, or the current one."""
        if self.form is not None and self.form.has(name):
            return self.form.raw(name)
        return "" if current is None else str(current)

    def is_checked(self, name: str, current: bool, group: str) -> bool:
        """Whether a checkbox is checked: as submitted, if the form that has the field `group` was."""
        return current if self.form is None or not self.form.has(group) else self.form.is_checked(name)

    def overtaken(self, name: str, current: object) -> str | None:
        """The value that someone else saved meanwhile, if it differs from the submitted one."""
        saved = "" if current is None else str(current)
        is_other = self.is_stale and self.form is not None and self.form.has(name)
        return saved if is_other and self.value(name, current).split() != saved.split() else None


def app_path(app_id: UUID, section: AppSection = AppSection.OVERVIEW) -> str:
    return f"/console/apps/{app_id}" + ("" if section is AppSection.OVERVIEW else f"/{section}")


async def app_page(
    console: ConsoleRequest,
    app: App,
    section: AppSection,
    *,
    state: AppForm | None = None,
    did: str = "",
    cursor: str = "",
    status: int = HTTPStatus.OK,
) -> Response:
    """A section of the page. `cursor` is the position in its list."""
    context = console.context(app)
    app = await management.read_app(context)
    contents: Mapping[AppSection, Callable[[ConsoleRequest, App], dict[str, Any]]] = {
        AppSection.OVERVIEW: _overview,
        AppSection.KEYS: partial(_keys, cursor=cursor),
        AppSection.ACCOUNTS: _accounts,
        AppSection.ROLES: _roles,
        AppSection.POLICY: _policy,
        AppSection.USER_TOKENS: _user_tokens,
        AppSection.PAGES: _pages,
        AppSection.WEBHOOKS: _webhooks,
        AppSection.JOURNAL: _journal,
    }
    values = {
        name: await value if isinstance(value, Awaitable) else value
        for name, value in contents[section](console, app).items()
    }
    return rendered(
        "app.html",
        operator=console.operator,
        here="apps",
        status=status,
        app=app,
        section=section.value,
        sections=[(each.value, app_path(app.id, each), _(text)) for each, text in SECTION_TEXT.items()],
        path=app_path(app.id),
        state=state or AppForm(),
        notice_text=_(DONE_TEXT[did]) if did in DONE_TEXT else "",
        now=console.now,
        **values,
    )


def _overview(console: ConsoleRequest, app: App) -> dict[str, Any]:
    types = sorted(SET_UP_EVENTS)
    return {"recent": _recent(console, app, types), "provider_names": list(app.default_providers)}


async def _recent(console: ConsoleRequest, app: App, types: Sequence[EventType]) -> list[tuple[Any, str, str]]:
    """Time, description, and author of the latest changes, newest first."""
    found = await read_latest(console.broker, app, types=types, limit=RECENT_CHANGES)
    return [
        (
            each.event.occurred_at,
            sentence(each, {}),
            each.event.actor.operator or _interface((each.event.data or {}).get("via", "")),
        )
        for each in reversed(found)
    ]


def _interface(via: str) -> str:
    return _(VIA_TEXT[via]) if via in VIA_TEXT else via


def _keys(console: ConsoleRequest, app: App, *, cursor: str) -> dict[str, Any]:
    found = management.list_keys(console.context(app), limit=KEYS_PER_PAGE, cursor=cursor or None)
    return {"keys": found, "first": not cursor, "scopes": SCOPE_DESCRIPTIONS}


def _accounts(console: ConsoleRequest, app: App) -> dict[str, Any]:
    context = console.context(app)
    return {"accounts": [describe_account(context, app, name) for name in ProviderName]}


def _roles(_console: ConsoleRequest, app: App) -> dict[str, Any]:
    maps = {
        name: [*app.role_maps.get(name, {}).items(), *[("", "")] * EMPTY_ROWS]
        for name in ProviderName
        if name in app.role_maps or name in app.accounts
    }
    return {"role_maps": maps, "base": fingerprint(app, "role_maps.")}


def _policy(_console: ConsoleRequest, app: App) -> dict[str, Any]:
    rows = [
        {
            "name": name,
            "kind": setting.kind.value,
            "label": _(POLICY_TEXT[name][0]),
            "hint": _(POLICY_TEXT[name][1]),
            "value": _as_text(setting.kind, app.policy.get(name)),
            "default": _as_text(setting.kind, _default(name)).replace("\n", ", "),
        }
        for name, setting in POLICY_SETTINGS.items()
    ]
    # Fields of the same height are next to each other.
    rows.sort(key=lambda row: row["kind"] in {SettingKind.ROLES.value, SettingKind.SECONDS_BY_ROLE.value})
    return {"rows": rows, "base": fingerprint(app, "policy.")}


def _default(name: str) -> object:
    value = getattr(DEFAULT_POLICY, name)
    return dict(value) if isinstance(value, Mapping) else value


def _as_text(kind: SettingKind, value: Any) -> str:
    if value is None:
        return ""
    match kind:
        case SettingKind.ROLES:
            return "\n".join(value)
        case SettingKind.SECONDS_BY_ROLE:
            return "\n".join(f"{role} = {seconds}" for role, seconds in value.items())
        case SettingKind.SWITCH:
            return "yes" if value else "no"
        case SettingKind.SECONDS | SettingKind.WAITING_ROOM:
            return str(value)


def _user_tokens(console: ConsoleRequest, app: App) -> dict[str, Any]:
    return {
        "stored": _stored_rules(console, app),
        "base_of": fingerprint_rules,
        "default_lifetime": DEFAULT_LIFETIME_SECONDS,
    }


async def _stored_rules(console: ConsoleRequest, app: App) -> StoredRules | None:
    try:
        return await management.find_token_rules(console.context(app))
    except UserTokenRulesNotFound:
        return None


def _pages(_console: ConsoleRequest, app: App) -> dict[str, Any]:
    return {
        "branding": app.branding,
        "families": list(LegacyFamily),
        "base": fingerprint(app, "allowed_origins"),
        "branding_base": fingerprint(app, "branding.", without=LOGO),
        "logo_base": fingerprint(app, LOGO),
        "legacy_base": fingerprint(app, "legacy"),
    }


def _webhooks(console: ConsoleRequest, app: App) -> dict[str, Any]:
    return {
        "found": endpoints.list_endpoints(console.context(app)),
        "base_of": fingerprint_endpoint,
        "event_types": sorted(EventType),
    }


async def _periods(console: ConsoleRequest, app: App) -> dict[str, int]:
    return {each.event_class: each.days for each in await management.list_retentions(console.context(app))}


def _journal(console: ConsoleRequest, app: App) -> dict[str, Any]:
    return {"periods": _periods(console, app), "base_of": fingerprint_periods, "classes": CLASSES}


# Lost updates: a form contains a digest of the settings with which it was rendered. Under the lock under which they are
# changed, it must be that of the current ones.


def fingerprint(app: App, prefix: str, *, without: str | None = None) -> str:
    """Identifies the current values of the settings whose names have this prefix."""
    return _digest(
        {name: value for name, value in list_settings(app).items() if name.startswith(prefix) and name != without}
    )


def fingerprint_rules(stored: StoredRules | None) -> str:
    """Identifies rules for user tokens. A new secret is recognized by its time."""
    if stored is None:
        return _digest(None)
    return _digest([stored.updated_at.isoformat(), {**asdict(stored.rules), "secret": stored.rules.secret is not None}])


def fingerprint_endpoint(endpoint: Endpoint | None) -> str:
    """Identifies the settings and the secrets of a webhook endpoint."""
    if endpoint is None:
        return _digest(None)
    secrets = [hashlib.sha256(each.value.encode()).hexdigest() for each in endpoint.secrets]
    return _digest([endpoint.url, endpoint.description, sorted(endpoint.types), endpoint.ordered, secrets])


def fingerprint_periods(periods: Mapping[str, int] | None) -> str:
    """Identifies the retention periods of an app."""
    return _digest(dict(periods or {}))


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:32]


def unchanged(form: Form, fingerprint_of: Callable[[State | None], str]) -> Precondition[State]:
    """Raises `PreconditionFailed` if someone changed the settings while the form was open."""

    def check(state: State | None) -> None:
        if fingerprint_of(state) != form.raw("base"):
            raise PreconditionFailed(_(CHANGED_MEANWHILE))

    return check


def unchanged_settings(form: Form, prefix: str, *, without: str | None = None) -> Precondition[App]:
    """Raises `PreconditionFailed` if someone changed these settings while the form was open."""
    return unchanged(form, lambda app: "" if app is None else fingerprint(app, prefix, without=without))


def unchanged_account(form: Form) -> Precondition[ProviderAccount]:
    """Raises `PreconditionFailed` if someone changed the account while the form was open."""
    return unchanged(form, lambda account: str(0 if account is None else account.version))


async def save(
    console: ConsoleRequest,
    app: App,
    section: AppSection,
    change: Callable[[], Awaitable[object]],
    *,
    did: str = "saved",
    prefix: str = "",
) -> Response:
    """Make a change, and redirect to the section; or show it again with the errors next to its fields.

    `prefix` begins the names of the form's fields.
    """
    try:
        await change()
    except (InvalidInput, Conflict, PreconditionFailed) as error:
        errors = {
            f"{prefix}{each['pointer'].removeprefix('body/')}": _as_sentence(each["message"]) for each in _listed(error)
        }
        is_stale = isinstance(error, PreconditionFailed)
        state = AppForm(console.submitted(), errors or {"form": error.detail}, is_stale=is_stale)
        return await app_page(console, app, section, state=state, status=error.status)
    return RedirectResponse(f"{app_path(app.id, section)}?did={did}", HTTPStatus.SEE_OTHER)


def _as_sentence(message: str) -> str:
    message = translate_text(message)
    return f"{message[:1].upper()}{message[1:].removesuffix('.')}."


def _listed(error: InvalidInput | Conflict | PreconditionFailed) -> Sequence[Mapping[str, str]]:
    found: Sequence[Mapping[str, str]] = error.fields.get("errors", ())
    return found


def error_at(name: str, error: InvalidInput) -> InvalidInput:
    """The error, about this field."""
    return InvalidInput(error.detail, errors=[{"pointer": f"body/{name}", "message": error.detail}])
