"""Apps, their web origins, and their legacy endpoints."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import Response
from pydantic import BaseModel, ConfigDict, Field

from videobroker.domain.apps import DEFAULT_ROLE_MAPS, MAX_MAPPED_ROLES, MAX_ORIGINS, App, LegacyFamily, ProviderName
from videobroker.usecases import management
from videobroker.web.http.conditional import NOT_MODIFIED, ChangeConditions, ReadConditions
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, Idempotency, authorized
from videobroker.web.http.operator_auth import AppOperator, Operator
from videobroker.web.http.problems import described
from videobroker.web.http.schemas import Identifier, RequestModel, RoleName
from videobroker.web.v1.admin.common import ADMIN, ADMIN_PROBLEMS, APP_PROBLEMS, VIEWER, management_router
from videobroker.web.v1.admin.policy import AppPolicyInput, AppPolicyOut, app_policy_out
from videobroker.web.v1.me import EffectivePolicy, effective_policy
from videobroker.web.v1.session_schemas import BODY_PROBLEMS, Cursor, Limit

router = management_router("/apps")

RoleMapRoles = Annotated[dict[RoleName, RoleName], Field(max_length=MAX_MAPPED_ROLES)]
Origins = Annotated[list[Annotated[str, Field(min_length=1, max_length=300)]], Field(max_length=MAX_ORIGINS)]

_ROLES: dict[str, Any] = {"100ms": {"tutor": "teacher", "student": "student"}}
_ORIGINS: list[Any] = ["https://shop.example"]
_EFFECTIVE: dict[str, Any] = {
    "opens_before_seconds": 300,
    "opens_before_seconds_by_role": {},
    "grace_seconds": 900,
    "overrun_seconds": 3600,
    "waiting_room": "off",
    "host_roles": ["tutor"],
    "call_roles": [],
    "booking_roles": [],
    "guests_allowed": False,
    "token_seconds": None,
    "guest_token_seconds": 7200,
    "ticket_seconds": None,
    "late_after_seconds": 300,
    "left_early_before_seconds": 300,
    "minimum_presence_seconds": 60,
    "no_show_after_seconds": 600,
    "empty_seconds": 300,
}


class AppInput(RequestModel):
    """A new app: a product that uses this service."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "tutoring", "role_maps": _ROLES}]})

    name: Identifier = Field(
        description="The name of the app. It is part of the URLs of provider webhooks, and cannot be changed."
    )
    policy: AppPolicyInput = Field(
        default_factory=AppPolicyInput, description="Settings of the policy that differ from the defaults."
    )
    role_maps: dict[ProviderName, RoleMapRoles] | None = Field(
        default=None,
        description="The provider's role for each app role, by provider. Omit it for a role map that has the usual "
        "roles of lessons, appointments, and chats.",
    )
    allowed_origins: Origins = Field(
        default=[], description="Web origins of the app's pages. They can call the API, and embed the hosted page."
    )
    legacy_families: list[LegacyFamily] = Field(default=[], description="The legacy endpoints to enable.")


class ManagedAppOut(BaseModel):
    """An app and its settings."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0195d3c2-6a10-7c55-9c1e-6f2b8d1e4a70",
                    "name": "tutoring",
                    "policy": {**dict.fromkeys(_EFFECTIVE), "opens_before_seconds": 300, "host_roles": ["tutor"]},
                    "effective_policy": _EFFECTIVE,
                    "role_maps": _ROLES,
                    "providers": ["100ms"],
                    "allowed_origins": _ORIGINS,
                    "legacy_families": [],
                }
            ]
        }
    )

    id: UUID = Field(description="Our ID of the app.")
    name: str = Field(description="The name of the app.")
    policy: AppPolicyOut = Field(description="The settings that the app has set.")
    effective_policy: EffectivePolicy = Field(description="All settings: those of the app, and the defaults.")
    role_maps: dict[ProviderName, dict[str, str]] = Field(
        description="The provider's role for each app role, by provider."
    )
    providers: list[ProviderName] = Field(description="The providers with which the app has an account.")
    allowed_origins: list[str] = Field(description="Web origins of the app's pages.")
    legacy_families: list[LegacyFamily] = Field(description="The legacy endpoints that the app has enabled.")


class ManagedAppList(BaseModel):
    """One page of apps."""

    data: list[ManagedAppOut]
    next: str | None = Field(description="The `cursor` of the next page. Null on the last page.")


class OriginsInput(RequestModel):
    """The web origins of an app."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"allowed_origins": _ORIGINS}]})

    allowed_origins: Origins = Field(
        description="Origins such as `https://shop.example`: https, or http on localhost. Without a path or wildcard."
    )


class OriginsOut(BaseModel):
    """The web origins of an app."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"allowed_origins": _ORIGINS}]})

    allowed_origins: list[str] = Field(description="Origins whose pages can call the API, and embed the hosted page.")


class LegacyFamiliesInput(RequestModel):
    """The legacy endpoints of an app."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"legacy_families": ["tutoring"]}]})

    legacy_families: list[LegacyFamily] = Field(description="The families to enable. All others are disabled.")


class LegacyFamiliesOut(BaseModel):
    """The legacy endpoints of an app."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"legacy_families": ["tutoring"]}]})

    legacy_families: list[LegacyFamily] = Field(description="The enabled families.")


def _app_out(app: App) -> ManagedAppOut:
    return ManagedAppOut(
        id=app.id,
        name=app.name,
        policy=app_policy_out(app),
        effective_policy=effective_policy(app.own_policy),
        role_maps={name: dict(roles) for name, roles in app.role_maps.items()},
        providers=list(app.default_providers),
        allowed_origins=list(app.allowed_origins),
        legacy_families=sorted(app.legacy_families),
    )


def _origins_out(app: App) -> OriginsOut:
    return OriginsOut(allowed_origins=list(app.allowed_origins))


def _legacy_out(app: App) -> LegacyFamiliesOut:
    return LegacyFamiliesOut(legacy_families=sorted(app.legacy_families))


@router.get("", summary="List apps", responses=described(*ADMIN_PROBLEMS, "invalid_cursor"), openapi_extra=VIEWER)
async def list_apps(operator: Operator, limit: Limit = 50, cursor: Cursor = None) -> ManagedAppList:
    """Returns all apps of this installation, by name."""
    found, following = await management.list_apps(operator.context, limit=limit, cursor=cursor)
    return ManagedAppList(data=[_app_out(app) for app in found], next=following)


@router.post(
    "",
    summary="Create an app",
    status_code=201,
    response_model=ManagedAppOut,
    responses=described(*ADMIN_PROBLEMS, *BODY_PROBLEMS, *IDEMPOTENCY_PROBLEMS, "app_exists", "role_not_mapped"),
    openapi_extra=ADMIN,
)
async def create_app(operator: Operator, body: AppInput, idempotency: Idempotency) -> Response:
    """Next, set an account with a provider, and create an API key. An app cannot be deleted, because its journal and
    its calls belong to it: to retire one, revoke its API keys and remove its rules for user tokens."""

    async def created() -> ManagedAppOut:
        app = await management.create_app(
            operator.context,
            body.name,
            policy=body.policy.patch(),
            role_maps=DEFAULT_ROLE_MAPS if body.role_maps is None else body.role_maps,
            allowed_origins=body.allowed_origins,
            legacy_families=frozenset(body.legacy_families),
        )
        return _app_out(app)

    return await idempotency.respond(
        operator, created, revalidate=authorized(_may_create(operator)), status=201, locate=_location
    )


def _may_create(operator: Operator) -> Callable[[], Awaitable[object]]:
    async def check() -> None:
        management.require_manager(operator.context)

    return check


def _location(body: Mapping[str, Any]) -> str:
    return f"/v1/admin/apps/{quote(body['name'], safe='')}"


@router.get(
    "/{app}",
    summary="Get an app",
    response_model=ManagedAppOut,
    responses={**NOT_MODIFIED, **described(*APP_PROBLEMS, "precondition_failed")},
    openapi_extra=VIEWER,
)
async def get_app(operator: AppOperator, conditions: ReadConditions) -> ManagedAppOut | Response:
    """Returns the settings of the app. Secrets are never returned."""
    return conditions.read(_app_out(await management.read_app(operator.context)))


@router.get(
    "/{app}/origins",
    summary="Get the web origins of an app",
    response_model=OriginsOut,
    responses={**NOT_MODIFIED, **described(*APP_PROBLEMS, "precondition_failed")},
    openapi_extra=VIEWER,
)
async def get_origins(operator: AppOperator, conditions: ReadConditions) -> OriginsOut | Response:
    """Pages of these origins can call the API from a browser, and embed the hosted page."""
    return conditions.read(_origins_out(await management.read_app(operator.context)))


@router.put(
    "/{app}/origins",
    summary="Replace the web origins of an app",
    responses=described(*APP_PROBLEMS, *BODY_PROBLEMS, "precondition_failed"),
    openapi_extra=ADMIN,
)
async def replace_origins(operator: AppOperator, body: OriginsInput, conditions: ChangeConditions) -> OriginsOut:
    """Replaces all origins. They are stored as browsers send them: in lower case, without the usual port."""
    changed = await management.change_app(
        operator.context, allowed_origins=body.allowed_origins, precondition=conditions.on(_origins_out)
    )
    return conditions.tagged(_origins_out(changed))


@router.get(
    "/{app}/legacy",
    summary="Get the legacy endpoints of an app",
    response_model=LegacyFamiliesOut,
    responses={**NOT_MODIFIED, **described(*APP_PROBLEMS, "precondition_failed")},
    openapi_extra=VIEWER,
)
async def get_legacy_families(operator: AppOperator, conditions: ReadConditions) -> LegacyFamiliesOut | Response:
    """Legacy endpoints are those of former products, for clients that still use them."""
    return conditions.read(_legacy_out(await management.read_app(operator.context)))


@router.put(
    "/{app}/legacy",
    summary="Replace the legacy endpoints of an app",
    responses=described(*APP_PROBLEMS, *BODY_PROBLEMS, "precondition_failed"),
    openapi_extra=ADMIN,
)
async def replace_legacy_families(
    operator: AppOperator, body: LegacyFamiliesInput, conditions: ChangeConditions
) -> LegacyFamiliesOut:
    """Enables these families of legacy endpoints, and disables all others."""
    changed = await management.change_app(
        operator.context,
        legacy_families=frozenset(body.legacy_families),
        precondition=conditions.on(_legacy_out),
    )
    return conditions.tagged(_legacy_out(changed))
