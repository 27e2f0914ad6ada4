"""The caller's own credential: what it is, and what it may do."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, RootModel

from videobroker.domain.api_keys import Scope
from videobroker.domain.apps import App, LegacyFamily, ProviderName
from videobroker.domain.ids import KeyId
from videobroker.domain.policy import Policy, WaitingRoom
from videobroker.domain.tickets import MAX_ACTIVE_TICKETS_PER_PERSON, Ticket
from videobroker.providers.contract import Surface
from videobroker.usecases.me import describe_key, list_providers, role_of_holder
from videobroker.usecases.registration import MAX_PARTICIPANTS
from videobroker.usecases.webhooks.endpoints import MAX_ENDPOINTS
from videobroker.web.http.auth import Anyone, Caller
from videobroker.web.http.problems import described
from videobroker.web.http.requests import MAX_BODY_BYTES, JsonRoute, by_name
from videobroker.web.http.schemas import METADATA_BYTES, Moment
from videobroker.web.v1.calls import SessionRef
from videobroker.web.v1.session_schemas import COMMON_PROBLEMS

router = APIRouter(prefix="/me", tags=["operations"], route_class=JsonRoute, generate_unique_id_function=by_name)

_APP: dict[str, Any] = {"id": "0195d3c2-6a10-7c55-9c1e-6f2b8d1e4a70", "name": "tutoring"}
_NOT_POSSIBLE = {"scope_missing", "api_key_needed", "ticket_not_enough", "not_yourself"}
_PROBLEMS = tuple(code for code in COMMON_PROBLEMS if code not in _NOT_POSSIBLE)


class AppRef(BaseModel):
    """Identifies an app."""

    id: UUID = Field(description="Our ID of the app.")
    name: str = Field(description="The name of the app, as in `videobroker apps list`.")


class EffectivePolicy(BaseModel):
    """The policy of sessions that have none of their own: the defaults with the app's changes."""

    opens_before_seconds: int = Field(description="How long before the start participants can join.")
    opens_before_seconds_by_role: dict[str, int] = Field(description="The same for individual app roles.")
    grace_seconds: int = Field(description="How long after the end participants can still join.")
    overrun_seconds: int = Field(description="How much longer a running call stays open for joining.")
    waiting_room: WaitingRoom = Field(
        description="Who has to wait: no one, or all until a host is there or admits them."
    )
    host_roles: list[str] = Field(description="App roles that never wait, and that can moderate.")
    call_roles: list[str] = Field(description="App roles that can start a call with a user token, besides hosts.")
    booking_roles: list[str] = Field(description="App roles that can create and reschedule with a user token.")
    guests_allowed: bool = Field(description="Whether people who are not participants can join.")
    token_seconds: int | None = Field(
        description="Maximum lifetime of a participant's token. Null: the provider's default."
    )
    guest_token_seconds: int = Field(description="Maximum lifetime of a guest's token.")
    ticket_seconds: int | None = Field(description="Maximum lifetime of a link. Null: until the window closes.")
    late_after_seconds: int = Field(description="Participants who join later than this are `late`.")
    left_early_before_seconds: int = Field(description="Participants who leave earlier than this have `left_early`.")
    minimum_presence_seconds: int = Field(description="Participants who were present for less are `absent`.")
    no_show_after_seconds: int = Field(description="When participants are reported as no-shows.")
    empty_seconds: int = Field(description="A group's call ends when it has been empty for this long.")


class ConfiguredProvider(BaseModel):
    """A provider of the app."""

    provider: ProviderName = Field(description="The name of the provider.")
    surfaces: list[Surface] = Field(description="How its join credentials can be used. Empty if it is not set up.")
    roles: dict[str, str] = Field(description="The role map: the provider's role for each app role.")


class Limits(BaseModel):
    """The limits of the service."""

    body_bytes: int = Field(description="The size of a request body.")
    metadata_bytes: int = Field(description="The size of `metadata`.")
    participants_per_session: int = Field(description="Registered for one session.")
    webhook_endpoints: int = Field(description="Of the app.")
    active_links_per_person: int = Field(description="In one session. Another one replaces the oldest.")


class ApiKeyIdentity(BaseModel):
    """A backend with an API key."""

    type: Literal["api_key"]
    app: AppRef = Field(description="The app that the credential belongs to.")
    key_id: UUID = Field(description="The ID of the key, as in `asked_by.key_id` of events.")
    key_name: str = Field(description="The name that the key got when it was created.")
    key_hint: str = Field(description="The first characters of the key.")
    scopes: list[Scope] = Field(description="What the key may do.")
    created_at: Moment = Field(description="When the key was created.")
    expires_at: Moment | None = Field(description="Null if the key does not expire.")
    policy: EffectivePolicy = Field(description="The policy of sessions that have none of their own.")
    providers: list[ConfiguredProvider] = Field(description="In the order in which sessions use them by default.")
    legacy_families: list[LegacyFamily] = Field(description="The legacy endpoints that the app has enabled.")
    allowed_origins: list[str] = Field(description="Web origins that may call the API and embed the hosted page.")
    limits: Limits = Field(description="What the service accepts at most.")


class UserIdentity(BaseModel):
    """An end user with a user token."""

    type: Literal["user_token"]
    app: AppRef = Field(description="The app that the credential belongs to.")
    user_id: str = Field(description="The `sub` of the token.")
    expires_at: Moment = Field(description="When the token expires.")


class TicketIdentity(BaseModel):
    """A person with the ticket of a link."""

    type: Literal["ticket"]
    app: AppRef = Field(description="The app that the credential belongs to.")
    ticket_id: UUID = Field(description="The ID of the link.")
    session: SessionRef = Field(description="The only session in which the ticket is valid.")
    user_id: str = Field(description="The person that the link is for.")
    role: str | None = Field(description="The person's role in your app. Null if they are not a participant any more.")
    is_guest: bool = Field(description="Whether the person is not registered for the session.")
    scopes: list[Scope] | None = Field(
        description="The scopes of the API key that created the link. Null if a user created it."
    )
    expires_at: Moment = Field(description="When the ticket expires, by the present schedule and policy.")


class Me(RootModel[Annotated[ApiKeyIdentity | UserIdentity | TicketIdentity, Field(discriminator="type")]]):
    """The caller, by the type of its credential."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "user_token",
                    "app": _APP,
                    "user_id": "student-1",
                    "expires_at": "2026-03-12T15:00:00Z",
                }
            ]
        }
    )


@router.get("", summary="Get the caller's identity", responses=described(*_PROBLEMS))
async def get_me(caller: Anyone) -> Me:
    """Returns what the credential of the request is, and what it may do. Needs no scope. With an API key, also the
    settings of the app: policy, providers, role maps, and limits. Use it to check a deployment, and in support."""
    actor = caller.actor
    if caller.ticket is not None:
        return Me(await _ticket_holder(caller, caller.ticket))
    if actor.key_id is not None:
        return Me(await _backend(caller, actor.key_id))
    return Me(_user(caller))


async def _backend(caller: Caller, key_id: KeyId) -> ApiKeyIdentity:
    key, app = await describe_key(caller.context, key_id), caller.app
    return ApiKeyIdentity(
        type="api_key",
        app=_app(app),
        key_id=key.id,
        key_name=key.name,
        key_hint=key.shown,
        scopes=sorted(key.scopes),
        created_at=key.created_at,
        expires_at=key.expires_at,
        policy=effective_policy(app.own_policy),
        providers=[
            ConfiguredProvider(
                provider=each.name, surfaces=list(each.surfaces), roles=dict(app.role_maps.get(each.name, {}))
            )
            for each in list_providers(caller.context)
        ],
        legacy_families=sorted(app.legacy_families),
        allowed_origins=list(app.allowed_origins),
        limits=Limits(
            body_bytes=MAX_BODY_BYTES,
            metadata_bytes=METADATA_BYTES,
            participants_per_session=MAX_PARTICIPANTS,
            webhook_endpoints=MAX_ENDPOINTS,
            active_links_per_person=MAX_ACTIVE_TICKETS_PER_PERSON,
        ),
    )


def _user(caller: Caller) -> UserIdentity:
    user_id, expires_at = caller.actor.user_id, caller.actor.credential_expires_at
    assert user_id is not None  # noqa: S101  a user token has both
    assert expires_at is not None  # noqa: S101
    return UserIdentity(type="user_token", app=_app(caller.app), user_id=user_id, expires_at=expires_at)


async def _ticket_holder(caller: Caller, ticket: Ticket) -> TicketIdentity:
    scopes = caller.actor.scopes
    return TicketIdentity(
        type="ticket",
        app=_app(caller.app),
        ticket_id=ticket.id,
        session=SessionRef(kind=ticket.session.kind, reference=ticket.session.reference),
        user_id=ticket.user_id,
        role=await role_of_holder(caller.context, ticket),
        is_guest=ticket.is_guest,
        scopes=None if scopes is None else sorted(scopes),
        expires_at=ticket.expires_at,
    )


def _app(app: App) -> AppRef:
    return AppRef(id=app.id, name=app.name)


def effective_policy(policy: Policy) -> EffectivePolicy:
    fields = {name: getattr(policy, name) for name in EffectivePolicy.model_fields}
    return EffectivePolicy.model_validate(
        fields | {"opens_before_seconds_by_role": dict(policy.opens_before_seconds_by_role)}
    )
