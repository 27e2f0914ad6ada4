"""The accounts of an app with video providers."""

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr, WithJsonSchema

from videobroker.domain.apps import App, ProviderAccount, ProviderName
from videobroker.domain.diagnostics import is_healthy
from videobroker.usecases import management
from videobroker.usecases.management.accounts import MAX_SETTING_LENGTH, AccountView, view_account
from videobroker.web.http.auth import Caller
from videobroker.web.http.conditional import (
    NOT_MODIFIED,
    ChangeConditions,
    CreateConditions,
    ReadConditions,
    set_created,
)
from videobroker.web.http.operator_auth import AppOperator
from videobroker.web.http.problems import described
from videobroker.web.http.schemas import RequestModel
from videobroker.web.v1.admin.common import ADMIN, APP_PROBLEMS, VIEWER, management_router
from videobroker.web.v1.admin.role_maps import ProviderPath
from videobroker.web.v1.diagnostics import Diagnostics, finding_out
from videobroker.web.v1.session_schemas import BODY_PROBLEMS

router = management_router("/apps/{app}/accounts")

_WRITE_PROBLEMS = (*APP_PROBLEMS, *BODY_PROBLEMS, "account_invalid", "precondition_failed")
SettingName = Annotated[str, Field(min_length=1, max_length=64)]
SettingValue = Annotated[
    SecretStr,
    Field(max_length=MAX_SETTING_LENGTH),
    WithJsonSchema({"type": "string", "maxLength": MAX_SETTING_LENGTH, "writeOnly": True}),
]


class AccountInput(RequestModel):
    """An account with a provider."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"settings": {"access_key": "65f0ca10b3d4", "secret": "wN8kT2vQ"}}]}
    )

    settings: Annotated[dict[SettingName, SettingValue], Field(max_length=50)] = Field(
        description="100ms: `access_key` and `secret`, and optionally `template_id`, `subdomain`, and others. Agora: "
        "`app_id` and `app_certificate`, and optionally `customer_id` and `customer_secret`, and others. An account "
        "lists all of them."
    )


class AccountPatch(RequestModel):
    """The settings of an account to change."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"settings": {"subdomain": "acme", "room_id": None}}]})

    settings: Annotated[dict[SettingName, SettingValue | None], Field(max_length=50)] = Field(
        description="Settings by name. Null removes a setting."
    )


class AccountSettingOut(BaseModel):
    """A setting of an account."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "secret",
                    "description": "The app secret of the 100ms workspace.",
                    "is_required": True,
                    "is_secret": True,
                    "is_set": True,
                    "value": None,
                }
            ]
        }
    )

    name: str
    description: str = Field(description="What the setting is for.")
    is_required: bool = Field(description="Whether every account with this provider needs it.")
    is_secret: bool = Field(description="Whether its value is never returned.")
    is_set: bool = Field(description="Whether the account has it.")
    value: str | None = Field(description="The value. Null for a secret, and if it is not set.")


_EXAMPLE: dict[str, Any] = {
    "provider": "100ms",
    "version": 1,
    "settings": [
        {
            "name": "access_key",
            "description": "The app access key of the 100ms workspace.",
            "is_required": True,
            "is_secret": False,
            "is_set": True,
            "value": "65f0ca10b3d4",
        }
    ],
}


class AccountOut(BaseModel):
    """An account of an app with a provider, without its secrets."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    provider: ProviderName
    version: int = Field(description="Incremented with each change.")
    settings: list[AccountSettingOut] = Field(description="All settings that an account with this provider can have.")


class AccountList(BaseModel):
    """All accounts of an app."""

    data: list[AccountOut]
    next: None = Field(default=None, description="Always null: there is only one page.")


def _account_out(view: AccountView) -> AccountOut:
    return AccountOut(
        provider=view.provider,
        version=view.version,
        settings=[
            AccountSettingOut(
                name=each.setting.name,
                description=each.setting.description,
                is_required=each.setting.is_required,
                is_secret=each.setting.is_secret,
                is_set=each.is_set,
                value=each.value,
            )
            for each in view.settings
        ],
    )


def _present(operator: Caller) -> Callable[[ProviderAccount], AccountOut]:
    return lambda account: _account_out(view_account(operator.context, account))


def _of(operator: Caller, app: App, provider: ProviderName) -> AccountOut:
    return _account_out(view_account(operator.context, app.accounts[provider]))


@router.get("", summary="List provider accounts", responses=described(*APP_PROBLEMS), openapi_extra=VIEWER)
async def list_accounts(operator: AppOperator) -> AccountList:
    """Returns the accounts of the app, in the order in which sessions use them by default."""
    return AccountList(data=[_account_out(view) for view in await management.list_accounts(operator.context)])


@router.get(
    "/{provider}",
    summary="Get a provider account",
    response_model=AccountOut,
    responses={**NOT_MODIFIED, **described(*APP_PROBLEMS, "account_not_found", "precondition_failed")},
    openapi_extra=VIEWER,
)
async def get_account(
    operator: AppOperator, provider: ProviderPath, conditions: ReadConditions
) -> AccountOut | Response:
    """Returns the settings of the account. Secrets are never returned."""
    return conditions.read(_account_out(await management.find_account(operator.context, provider)))


@router.put(
    "/{provider}",
    summary="Set a provider account",
    response_model=AccountOut,
    responses={
        **described(*_WRITE_PROBLEMS),
        201: {"model": AccountOut, "description": "The app had no account with this provider"},
    },
    openapi_extra=ADMIN,
)
async def set_account(
    request: Request,
    response: Response,
    operator: AppOperator,
    provider: ProviderPath,
    body: AccountInput,
    conditions: CreateConditions,
) -> AccountOut:
    """Sets or replaces the whole account. An account cannot be removed, because rooms at the provider are closed with
    it."""
    is_new = provider not in operator.app.accounts
    settings = {name: value.get_secret_value() for name, value in body.settings.items()}
    app = await management.set_account(
        operator.context, provider, settings, precondition=conditions.on(_present(operator))
    )
    if is_new:
        set_created(request, response)
    return conditions.tagged(_of(operator, app, provider))


@router.patch(
    "/{provider}",
    summary="Update a provider account",
    responses=described(*_WRITE_PROBLEMS, "account_not_found"),
    openapi_extra=ADMIN,
)
async def update_account(
    operator: AppOperator, provider: ProviderPath, body: AccountPatch, conditions: ChangeConditions
) -> AccountOut:
    """Changes the given settings. The others, such as secrets, do not change."""
    changes = {name: None if value is None else value.get_secret_value() for name, value in body.settings.items()}
    app = await management.update_account(
        operator.context, provider, changes, precondition=conditions.on(_present(operator))
    )
    return conditions.tagged(_of(operator, app, provider))


@router.post(
    "/{provider}/check",
    summary="Check a provider account",
    responses=described(*APP_PROBLEMS, "account_not_found"),
    openapi_extra=VIEWER,
)
async def check_account(operator: AppOperator, provider: ProviderPath) -> Diagnostics:
    """Checks the credentials, the clocks, the template roles, the webhooks, and the ready-made page with requests to
    the provider, as `videobroker doctor` does. Changes nothing."""
    findings = await management.check_account(operator.context, provider)
    return Diagnostics(healthy=is_healthy(findings), findings=[finding_out(finding) for finding in findings])
