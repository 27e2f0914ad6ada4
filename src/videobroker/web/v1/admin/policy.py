"""The policy of an app."""

from typing import Any

from fastapi import Response
from pydantic import ConfigDict

from videobroker.domain.apps import App
from videobroker.usecases import management
from videobroker.web.http.conditional import NOT_MODIFIED, ChangeConditions, ReadConditions
from videobroker.web.http.operator_auth import AppOperator
from videobroker.web.http.problems import described
from videobroker.web.v1.admin.common import ADMIN, APP_PROBLEMS, VIEWER, management_router
from videobroker.web.v1.session_schemas import BODY_PROBLEMS, PolicyInput

router = management_router("/apps/{app}/policy")

_SOME: dict[str, Any] = {"opens_before_seconds": 300, "waiting_room": "until_host"}
_WRITE_PROBLEMS = (*APP_PROBLEMS, *BODY_PROBLEMS, "precondition_failed", "role_not_mapped")


class AppPolicyInput(PolicyInput):
    """The policy of an app. Omitted and null settings have their default. Durations are in whole seconds."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SOME]})


class AppPolicyPatch(PolicyInput):
    """The settings to change. Null resets a setting to its default. Durations are in whole seconds."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"waiting_room": "admit", "grace_seconds": None}]})


class AppPolicyOut(PolicyInput):
    """The policy of an app. Null: the setting has its default. Durations are in whole seconds."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={"examples": [{**dict.fromkeys(PolicyInput.model_fields), **_SOME}]},
    )


def app_policy_out(app: App) -> AppPolicyOut:
    """The settings that the app has set."""
    return AppPolicyOut.model_validate(dict(app.policy))


@router.get(
    "",
    summary="Get the policy of an app",
    response_model=AppPolicyOut,
    responses={**NOT_MODIFIED, **described(*APP_PROBLEMS, "precondition_failed")},
    openapi_extra=VIEWER,
)
async def get_app_policy(operator: AppOperator, conditions: ReadConditions) -> AppPolicyOut | Response:
    """Returns the settings that the app has set. `effective_policy` of the app has all settings."""
    return conditions.read(app_policy_out(await management.read_app(operator.context)))


@router.put("", summary="Replace the policy of an app", responses=described(*_WRITE_PROBLEMS), openapi_extra=ADMIN)
async def replace_app_policy(operator: AppOperator, body: AppPolicyInput, conditions: ChangeConditions) -> AppPolicyOut:
    """Replaces all settings of the policy. It applies to existing sessions, too, where they set nothing else."""
    changed = await management.change_app(
        operator.context, policy=body.patch(), precondition=conditions.on(app_policy_out)
    )
    return conditions.tagged(app_policy_out(changed))


@router.patch("", summary="Update the policy of an app", responses=described(*_WRITE_PROBLEMS), openapi_extra=ADMIN)
async def update_app_policy(operator: AppOperator, body: AppPolicyPatch, conditions: ChangeConditions) -> AppPolicyOut:
    """Changes the given settings of the policy. It applies to existing sessions, too, where they set nothing else."""
    changed = await management.update_policy(
        operator.context,
        body.model_dump(mode="json", exclude_unset=True),
        precondition=conditions.on(app_policy_out),
    )
    return conditions.tagged(app_policy_out(changed))
