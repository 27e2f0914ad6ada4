"""The role maps of an app."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Path, Response
from pydantic import BaseModel, ConfigDict, Field

from videobroker.domain.apps import MAX_MAPPED_ROLES, App, ProviderName
from videobroker.usecases import management
from videobroker.web.http.conditional import NOT_MODIFIED, ChangeConditions, ReadConditions
from videobroker.web.http.operator_auth import AppOperator
from videobroker.web.http.problems import described
from videobroker.web.http.schemas import RequestModel, RoleName
from videobroker.web.v1.admin.common import ADMIN, APP_PROBLEMS, VIEWER, management_router
from videobroker.web.v1.session_schemas import BODY_PROBLEMS

router = management_router("/apps/{app}/role-maps")

ProviderPath = Annotated[ProviderName, Path(description="The video provider.", examples=["100ms"])]

_ROLES: dict[str, Any] = {"tutor": "teacher", "student": "student"}
_WRITE_PROBLEMS = (*APP_PROBLEMS, *BODY_PROBLEMS, "precondition_failed", "role_not_mapped")


class RoleMapInput(RequestModel):
    """The role map of an app at one provider."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"roles": _ROLES}]})

    roles: Annotated[dict[RoleName, RoleName], Field(max_length=MAX_MAPPED_ROLES)] = Field(
        description="The provider's role for each role of your app. Roles are case-sensitive."
    )


class RoleMapPatch(RequestModel):
    """The roles to change."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"roles": {"assistant": "teacher", "guest": None}}]})

    roles: Annotated[dict[RoleName, RoleName | None], Field(max_length=MAX_MAPPED_ROLES)] = Field(
        description="The provider's role for each role of your app. Null removes a role from the map."
    )


class RoleMapOut(BaseModel):
    """The role map of an app at one provider."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"provider": "100ms", "roles": _ROLES}]})

    provider: ProviderName
    roles: dict[str, str] = Field(description="The provider's role for each role of your app. Can be empty.")


def _present(provider: ProviderName) -> Callable[[App], RoleMapOut]:
    return lambda app: RoleMapOut(provider=provider, roles=dict(app.role_maps.get(provider, {})))


@router.get(
    "/{provider}",
    summary="Get a role map",
    response_model=RoleMapOut,
    responses={**NOT_MODIFIED, **described(*APP_PROBLEMS, "precondition_failed")},
    openapi_extra=VIEWER,
)
async def get_role_map(
    operator: AppOperator, provider: ProviderPath, conditions: ReadConditions
) -> RoleMapOut | Response:
    """Returns which role at the provider each role of the app has."""
    return conditions.read(_present(provider)(await management.read_app(operator.context)))


@router.put("/{provider}", summary="Replace a role map", responses=described(*_WRITE_PROBLEMS), openapi_extra=ADMIN)
async def replace_role_map(
    operator: AppOperator, provider: ProviderPath, body: RoleMapInput, conditions: ChangeConditions
) -> RoleMapOut:
    """Replaces the whole role map of this provider. Participants whose role it lacks cannot join there."""
    present = _present(provider)
    changed = await management.replace_role_map(
        operator.context, provider, body.roles, precondition=conditions.on(present)
    )
    return conditions.tagged(present(changed))


@router.patch("/{provider}", summary="Update a role map", responses=described(*_WRITE_PROBLEMS), openapi_extra=ADMIN)
async def update_role_map(
    operator: AppOperator, provider: ProviderPath, body: RoleMapPatch, conditions: ChangeConditions
) -> RoleMapOut:
    """Adds, changes, and removes single roles. The others do not change."""
    present = _present(provider)
    changed = await management.update_role_map(
        operator.context, provider, body.roles, precondition=conditions.on(present)
    )
    return conditions.tagged(present(changed))
