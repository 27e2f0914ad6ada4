"""Authentication and scopes: API keys, user tokens, and tickets, as dependencies of routes."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from typing import Annotated

from fastapi import Header, Request, Security
from fastapi.routing import RouteContext
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer, SecurityScopes
from pydantic import BeforeValidator

from videobroker.broker import Broker
from videobroker.current_request import record_caller
from videobroker.domain.actors import Actor
from videobroker.domain.api_keys import KEY_PREFIX, Scope
from videobroker.domain.apps import App
from videobroker.domain.failed_attempts import GUESSES, AttemptKind
from videobroker.domain.ids import TicketId
from videobroker.domain.rate_limits import RateLimitPolicy
from videobroker.domain.redaction import redact_foreign_text
from videobroker.domain.sessions import SessionKind
from videobroker.domain.struct import Struct
from videobroker.domain.tickets import Ticket, is_ticket
from videobroker.errors import (
    ApiKeyMissing,
    ApiKeyNeeded,
    InvalidInput,
    LegacyDisabled,
    NotAuthenticated,
    NotYourself,
    TicketInvalid,
    TicketNotEnough,
    TooManyAttempts,
)
from videobroker.usecases.access import session_not_found
from videobroker.usecases.context import RequestContext
from videobroker.usecases.joining.links import ticket_holder
from videobroker.usecases.tenants import authenticate, authenticate_user
from videobroker.web.fast_path import FastRequest, Headers
from videobroker.web.http.cors import only_pages_of
from videobroker.web.http.rate_limits import require_within_limit
from videobroker.web.http.schemas import Identifier

MAX_USER_AGENT_CHARACTERS = 256
MAX_RAW_USER_AGENT_CHARACTERS = 4096
JWT_DOTS = 2
_API_KEY = re.compile(rb"Bearer vb_[A-Za-z0-9_-]+")

_api_key = HTTPBearer(
    scheme_name="apiKey",
    description="An API key of the app: `Authorization: Bearer vb_...`. Create one with `videobroker keys create`.",
    auto_error=False,
)
_user_token = HTTPBearer(
    scheme_name="userToken",
    bearerFormat="JWT",
    description="A JWT of the app's own identity provider: `Authorization: Bearer ...`. Its `sub` is the user ID, and "
    "it can only act for this user. For its own session, a ticket (`vbt_...`, from `POST .../links`) is accepted too.",
    auto_error=False,
)
_ticket = HTTPBearer(
    scheme_name="ticket",
    description="The ticket of a link: `Authorization: Bearer vbt_...`, from `POST .../links`. It can only act for one "
    "person in one session.",
    auto_error=False,
)
Credentials = HTTPAuthorizationCredentials | None


def _utf8(value: object) -> object:
    """Decode a header value as UTF-8; the framework decodes it as Latin-1."""
    if not isinstance(value, str):
        return value
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        raise ValueError("must be encoded in UTF-8") from None


UserIdHeader = Annotated[
    Identifier | None,
    BeforeValidator(_utf8),
    Header(alias="X-User-Id", description="The user that the backend acts for. Only with an API key."),
]


class Caller(Struct):
    """An authenticated backend or user, and the context of their request."""

    context: RequestContext
    user_id: str | None = None
    """The user of the user token or the ticket, or the one that a backend sent in X-User-Id."""
    ticket: Ticket | None = None
    """Set if the caller authenticated with a ticket. The request is about the ticket's session."""

    @property
    def broker(self) -> Broker:
        return self.context.broker

    @property
    def app(self) -> App:
        return self.context.app

    @property
    def actor(self) -> Actor:
        return self.context.actor

    @property
    def now(self) -> datetime:
        return self.context.now

    @property
    def is_user(self) -> bool:
        """Whether the caller is an end user, with a user token or a ticket. A backend can act for any user."""
        return self.actor.user_id is not None

    @property
    def acting_for(self) -> str | None:
        """The user that a backend acts for; None for end users, who act for themselves."""
        return None if self.is_user else self.user_id

    @property
    def is_guest(self) -> bool:
        """Whether the caller is a guest with a ticket."""
        return self.ticket is not None and self.ticket.is_guest

    def speaks_for(self, user_id: str | None) -> str | None:
        """The user that a request is about, if its body or query contains `user_id`.

        Raises `NotYourself`, `InvalidInput`.
        """
        if user_id is None or self.user_id is None or user_id == self.user_id:
            return user_id or self.user_id
        if self.is_user:
            raise NotYourself("A user token can only act for its own user. Leave `user_id` out, or send your own.")
        raise InvalidInput("X-User-Id and `user_id` are different users. Send only one of them.")

    def must_speak_for(self, user_id: str | None) -> str:
        """Like `speaks_for`, for requests that must be about a user. Raises `InvalidInput` if they are not."""
        named = self.speaks_for(user_id)
        if named is None:
            raise InvalidInput("Name the user: `user_id` in the body, or X-User-Id.")
        return named


@dataclass(frozen=True, slots=True)
class TicketRequest:
    """A verified ticket, and the context of the request."""

    context: RequestContext
    ticket: Ticket


async def identify_backend(
    request: Request, needed: SecurityScopes, credentials: Annotated[Credentials, Security(_api_key)]
) -> Caller:
    """The backend, if its key is valid and has the scope of the route."""
    if credentials is None:
        raise ApiKeyMissing("Send an API key: `Authorization: Bearer vb_...`.")
    if is_ticket(credentials.credentials):
        raise ApiKeyNeeded("Only backends can use this operation. Send an API key instead of a ticket.")
    if _is_user_token(credentials.credentials):
        raise ApiKeyNeeded("Only backends can use this operation. Send an API key instead of a user token.")
    return await _backend(request, needed, credentials.credentials, None)


async def identify(
    request: Request,
    needed: SecurityScopes,
    credentials: Annotated[Credentials, Security(_api_key)],
    _: Annotated[Credentials, Security(_user_token)],
    acting_for: UserIdHeader = None,
) -> Caller:
    """The backend, if its key is valid and has the scope of the route; or the user of a user token or a ticket."""
    return await _identify(request, needed, credentials, acting_for)


async def identify_afterwards(
    request: Request,
    needed: SecurityScopes,
    credentials: Annotated[Credentials, Security(_api_key)],
    _: Annotated[Credentials, Security(_user_token)],
    acting_for: UserIdHeader = None,
) -> Caller:
    """Like `identify`, but a ticket is accepted for a while after the window closed."""
    return await _identify(request, needed, credentials, acting_for, is_read=True)


async def _identify(
    request: Request, needed: SecurityScopes, credentials: Credentials, acting_for: str | None, *, is_read: bool = False
) -> Caller:
    if credentials is None:
        raise ApiKeyMissing("Send an API key, or a user token: `Authorization: Bearer ...`.")
    if is_ticket(credentials.credentials):
        caller, ticket = await _holder(request, credentials.credentials, is_read=is_read)
        _require_own_session(request, ticket)
        caller.speaks_for(acting_for)
        return caller
    if _is_user_token(credentials.credentials):
        caller = await _user(request, credentials.credentials)
        _require_served(request, caller.app)
        caller.speaks_for(acting_for)
        return caller
    caller = await _backend(request, needed, credentials.credentials, acting_for)
    _require_served(request, caller.app)
    return caller


async def identify_self(
    request: Request,
    credentials: Annotated[Credentials, Security(_api_key)],
    _: Annotated[Credentials, Security(_user_token)],
    __: Annotated[Credentials, Security(_ticket)],
) -> Caller:
    """Anyone with a valid credential, for a request about that credential. Needs no scope."""
    if credentials is None:
        raise ApiKeyMissing("Send an API key, a user token, or a ticket: `Authorization: Bearer ...`.")
    if is_ticket(credentials.credentials):
        caller, _ticket_of_caller = await _holder(request, credentials.credentials)
        return caller
    if _is_user_token(credentials.credentials):
        return await _user(request, credentials.credentials)
    return await _backend(request, SecurityScopes(), credentials.credentials, None)


async def identify_holder(request: Request, credentials: Annotated[Credentials, Security(_ticket)]) -> TicketRequest:
    """The holder of a ticket, for a request that changes something."""
    return await _visiting(request, credentials, is_read=False)


async def identify_reader(request: Request, credentials: Annotated[Credentials, Security(_ticket)]) -> TicketRequest:
    """The holder of a ticket, for a request that only reads the visit. Accepted for a while after the window closed."""
    return await _visiting(request, credentials, is_read=True)


async def _visiting(request: Request, credentials: Credentials, *, is_read: bool) -> TicketRequest:
    if credentials is None:
        raise TicketInvalid("Send the ticket of the link: `Authorization: Bearer vbt_...`.")
    caller, ticket = await _holder(request, credentials.credentials, is_read=is_read)
    return TicketRequest(caller.context, ticket)


def _require_own_session(request: Request, ticket: Ticket) -> None:
    """Raise unless the request is about the ticket's session. Other sessions do not exist for its holder."""
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    reference = request.path_params.get("reference")
    for kind in SessionKind:
        if reference is not None and f"{path}/".startswith(f"/v1/{kind}s/{reference}/"):
            key = replace(ticket.session, kind=kind, reference=reference)
            if key != ticket.session:
                raise session_not_found(key)
            return
    raise TicketNotEnough("A ticket is only valid for its own session. Send a user token or an API key.")


def _require_served(request: Request, app: App) -> None:
    """Raise `LegacyDisabled` for a legacy endpoint of a family that the app does not enable."""
    family = getattr(request.scope.get("route"), "legacy_family", None)
    if family is not None and family not in app.legacy_families:
        raise LegacyDisabled(
            f"This app does not use the legacy endpoints of the family {family}. Enable them with "
            f"`videobroker apps update {app.name} --legacy {family}`."
        )


def _is_user_token(credential: str) -> bool:
    return not credential.startswith(KEY_PREFIX) and credential.count(".") == JWT_DOTS


def host_of(request: Request) -> str | None:
    return request.client.host if request.client else None


async def record_rejection(broker: Broker, error: NotAuthenticated, host: str | None, now: datetime) -> None:
    """Count a rejected credential, and slow down a network that has sent too many that may be guesses.

    The sender still gets the error about the credential, only late. Raises `TooManyAttempts` if too many responses are
    late already.
    """
    broker.rejections.count(error.app_id, error.code, host, now=now)
    if error.code not in GUESSES:
        return
    penalty = await broker.failed_attempts.penalize(AttemptKind.CREDENTIAL, host)
    if penalty is not None and not penalty.was_delayed:
        raise TooManyAttempts(
            f"Too many invalid credentials from this network. The last one: {error.detail}",
            retry_after=penalty.retry_after,
        )


async def _backend(request: Request, needed: SecurityScopes, credential: str, user_id: str | None) -> Caller:
    caller = await backend(
        request.app.state.broker,
        credential,
        [Scope(scope) for scope in needed.scopes],
        host=host_of(request),
        user_agent=request.headers.get("user-agent"),
        user_id=user_id,
    )
    only_pages_of(request, None)
    return caller


async def backend(
    broker: Broker,
    key: str,
    scopes: Iterable[Scope],
    *,
    host: str | None,
    user_agent: str | None,
    user_id: str | None = None,
) -> Caller:
    """The backend with this key, if it is valid and has all these scopes."""
    now = broker.now()
    try:
        api_key, app = await authenticate(broker, key, now=now)
    except NotAuthenticated as error:
        await record_rejection(broker, error, host, now)
        raise
    key_id = _id_text(api_key.id)
    record_caller(app.name, "api_key", key_id)
    require_within_limit(broker, RateLimitPolicy.API_KEY, key_id)
    for scope in scopes:
        api_key.require(scope)
    actor = Actor(
        app.id,
        api_key.id,
        host,
        stored_user_agent(user_agent),
        scopes=api_key.scopes,
        credential_expires_at=api_key.expires_at,
    )
    return Caller(RequestContext(broker, app, actor, now), user_id)


# A UUID computes its text each time.
_id_text = lru_cache(maxsize=4096)(str)


class ApiKeyResolver:
    """Resolves `identify` on the fast path, for requests with an API key that name no user."""

    def __init__(self, _route: RouteContext, scopes: Sequence[str]) -> None:
        self._scopes = tuple(Scope(scope) for scope in scopes)

    def accepts(self, headers: Headers) -> bool:
        """Whether the credential is an API key."""
        return _API_KEY.fullmatch(headers.get(b"authorization", b"")) is not None

    async def resolve(self, request: FastRequest) -> Caller:
        """The backend. Raises what `identify` raises."""
        headers, client = request.headers, request.client
        user_agent = headers.get(b"user-agent")
        return await backend(
            request.broker,
            headers[b"authorization"].removeprefix(b"Bearer ").decode(),
            self._scopes,
            host=client[0] if client else None,
            user_agent=None if user_agent is None else user_agent.decode("latin-1"),
        )


async def _holder(request: Request, text: str, *, is_read: bool = False) -> tuple[Caller, Ticket]:
    broker: Broker = request.app.state.broker
    now = broker.now()
    try:
        holder = await ticket_holder(broker, text, is_read=is_read, now=now)
    except NotAuthenticated as error:
        await record_rejection(broker, error, host_of(request), now)
        raise
    record_caller(holder.app.name, "ticket")
    require_within_limit(broker, RateLimitPolicy.TICKET, str(holder.ticket.id))
    app, ticket, user_id = holder.app, holder.ticket, holder.ticket.user_id
    only_pages_of(request, app)
    actor = replace(
        _actor(request, app, user_id=user_id),
        ticket_id=TicketId(ticket.id),
        scopes=holder.record.scopes,
        is_guest=ticket.is_guest,
        credential_expires_at=ticket.expires_at,
    )
    return Caller(RequestContext(broker, app, actor, now), user_id, ticket), ticket


async def _user(request: Request, token: str) -> Caller:
    broker: Broker = request.app.state.broker
    now = broker.now()
    try:
        user, app = await authenticate_user(broker, token, now=now)
    except NotAuthenticated as error:
        await record_rejection(broker, error, host_of(request), now)
        raise
    record_caller(app.name, "user_token")
    require_within_limit(broker, RateLimitPolicy.USER, f"{app.id}/{user.user_id}")
    only_pages_of(request, app)
    actor = replace(_actor(request, app, user_id=user.user_id), credential_expires_at=user.expires_at)
    return Caller(RequestContext(broker, app, actor, now), user.user_id)


def _actor(request: Request, app: App, *, user_id: str) -> Actor:
    return Actor(
        app_id=app.id,
        ip=host_of(request),
        user_agent=stored_user_agent(request.headers.get("user-agent")),
        user_id=user_id,
    )


@lru_cache(maxsize=1024)
def stored_user_agent(user_agent: str | None) -> str | None:
    """The `User-Agent` in the form in which the journal stores it: truncated, and without credentials.

    Credentials are removed before the text is truncated, so that no part of one remains at its end.
    """
    if user_agent is None:
        return None
    return redact_foreign_text(user_agent[:MAX_RAW_USER_AGENT_CHARACTERS].replace("\x00", ""))[
        :MAX_USER_AGENT_CHARACTERS
    ]


Anyone = Annotated[Caller, Security(identify_self)]
SessionsReader = Annotated[Caller, Security(identify, scopes=[Scope.SESSIONS_READ.value])]
SessionsAuthor = Annotated[Caller, Security(identify, scopes=[Scope.SESSIONS_WRITE.value])]
SessionsWriter = Annotated[Caller, Security(identify_backend, scopes=[Scope.SESSIONS_WRITE.value])]
Joiner = Annotated[Caller, Security(identify, scopes=[Scope.JOIN.value])]
FeedbackGiver = Annotated[Caller, Security(identify_afterwards, scopes=[Scope.JOIN.value])]
LinkIssuer = Annotated[Caller, Security(identify, scopes=[Scope.LINKS_WRITE.value])]
LinkManager = Annotated[Caller, Security(identify_backend, scopes=[Scope.LINKS_WRITE.value])]
TicketHolder = Annotated[TicketRequest, Security(identify_holder)]
TicketReader = Annotated[TicketRequest, Security(identify_reader)]
CallsReader = Annotated[Caller, Security(identify, scopes=[Scope.CALLS_READ.value])]
AllCallsReader = Annotated[Caller, Security(identify_backend, scopes=[Scope.CALLS_READ.value])]
CallsWriter = Annotated[Caller, Security(identify, scopes=[Scope.CALLS_WRITE.value])]
Moderator = Annotated[Caller, Security(identify, scopes=[Scope.MODERATION_WRITE.value])]
EventsReader = Annotated[Caller, Security(identify_backend, scopes=[Scope.EVENTS_READ.value])]
EventsReporter = Annotated[Caller, Security(identify, scopes=[Scope.EVENTS_WRITE.value])]
WebhooksReader = Annotated[Caller, Security(identify_backend, scopes=[Scope.WEBHOOKS_READ.value])]
WebhooksWriter = Annotated[Caller, Security(identify_backend, scopes=[Scope.WEBHOOKS_WRITE.value])]
EventReceiver = Annotated[
    Caller, Security(identify_backend, scopes=[Scope.WEBHOOKS_WRITE.value, Scope.EVENTS_READ.value])
]
"""A backend that may manage endpoints, and read the events that they receive."""
Examiner = Annotated[Caller, Security(identify_backend, scopes=[Scope.DIAGNOSTICS_READ.value])]

KEY_PROBLEMS = ("api_key_missing", "api_key_invalid", "api_key_expired", "api_key_revoked", "scope_missing")
USER_PROBLEMS = (
    "user_token_invalid",
    "user_token_expired",
    "user_token_not_yet_valid",
    "user_token_lives_too_long",
    "user_token_ambiguous",
    "identity_unavailable",
)
TICKET_PROBLEMS = ("ticket_invalid", "ticket_expired", "ticket_revoked")
LIMIT_PROBLEMS = ("rate_limited", "too_many_tries")
AUTH_PROBLEMS = (
    *KEY_PROBLEMS,
    *USER_PROBLEMS,
    *TICKET_PROBLEMS,
    "api_key_needed",
    "ticket_not_enough",
    "not_yourself",
    *LIMIT_PROBLEMS,
)
"""Error codes for credentials that are invalid or not sufficient."""
LEGACY_AUTH_PROBLEMS = (*AUTH_PROBLEMS, "legacy_disabled")
