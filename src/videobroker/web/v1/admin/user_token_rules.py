"""The rules by which an app's user tokens are verified."""

from typing import Annotated, Any

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StrictInt, WithJsonSchema

from videobroker.domain.user_tokens import (
    DEFAULT_LIFETIME_SECONDS,
    MAX_LIFETIME_SECONDS,
    StoredRules,
    TokenRules,
    create_rules,
)
from videobroker.usecases import management
from videobroker.web.http.conditional import (
    NOT_MODIFIED,
    ChangeConditions,
    CreateConditions,
    ReadConditions,
    set_created,
)
from videobroker.web.http.operator_auth import AppOperator
from videobroker.web.http.problems import described
from videobroker.web.http.schemas import INTEGRAL, Moment, RequestModel
from videobroker.web.v1.admin.common import ADMIN, APP_PROBLEMS, VIEWER, management_router
from videobroker.web.v1.session_schemas import BODY_PROBLEMS

router = management_router("/apps/{app}/user-token-rules")

_WRITE_PROBLEMS = (*APP_PROBLEMS, *BODY_PROBLEMS, "user_token_rules_overlap", "precondition_failed")
_MISSING = "user_token_rules_not_found"
Secret = Annotated[
    SecretStr,
    Field(min_length=32, max_length=1024),
    WithJsonSchema({"type": "string", "minLength": 32, "maxLength": 1024, "writeOnly": True}),
]
Text = Annotated[str, Field(min_length=1, max_length=255)]
Url = Annotated[str, Field(min_length=1, max_length=2048)]
Lifetime = Annotated[StrictInt, Field(ge=1, le=MAX_LIFETIME_SECONDS), INTEGRAL]

_URL = "https://id.example/.well-known/jwks.json"
_RULES: dict[str, Any] = {"jwks_url": _URL, "issuer": "https://id.example", "audience": "lessons"}


class UserTokenRulesInput(RequestModel):
    """How user tokens are verified: with a shared secret, or with the keys of an identity provider."""

    model_config = ConfigDict(json_schema_extra={"examples": [_RULES]})

    secret: Secret | None = Field(
        default=None, description="The shared secret of HS256 tokens: at least 32 bytes. Not with `jwks_url`."
    )
    jwks_url: Url | None = Field(
        default=None,
        description="The URL of the JSON Web Key Set, for RS256, ES256, and EdDSA. Requires `issuer`. Not with "
        "`secret`.",
    )
    issuer: Text | None = Field(default=None, description="The required `iss`. Null: it is not checked.")
    audience: Text | None = Field(default=None, description="A value that `aud` must have. Null: it is not checked.")
    max_lifetime_seconds: Lifetime = Field(
        default=DEFAULT_LIFETIME_SECONDS, description="The longest lifetime of a token that is accepted."
    )


class UserTokenRulesPatch(RequestModel):
    """The rules to change. Null removes a rule."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"audience": "lessons"}]})

    secret: Secret | None = Field(default=None, description="A new shared secret. It replaces a `jwks_url`.")
    jwks_url: Url | None = Field(default=None, description="A new URL of the key set. It replaces a `secret`.")
    issuer: Text | None = Field(default=None, description="The required `iss`. Null: it is not checked.")
    audience: Text | None = Field(default=None, description="A value that `aud` must have. Null: it is not checked.")
    max_lifetime_seconds: Lifetime = Field(
        default=DEFAULT_LIFETIME_SECONDS, description="The longest lifetime of a token that is accepted."
    )


class UserTokenRulesOut(BaseModel):
    """How user tokens of an app are verified."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **_RULES,
                    "has_secret": False,
                    "max_lifetime_seconds": DEFAULT_LIFETIME_SECONDS,
                    "updated_at": "2026-03-12T09:00:00Z",
                }
            ]
        }
    )

    has_secret: bool = Field(description="Whether tokens are signed with a shared secret, which is never returned.")
    jwks_url: str | None = Field(description="The URL of the JSON Web Key Set. Null with a shared secret.")
    issuer: str | None
    audience: str | None
    max_lifetime_seconds: int
    updated_at: Moment


def _rules_out(stored: StoredRules) -> UserTokenRulesOut:
    rules = stored.rules
    return UserTokenRulesOut(
        has_secret=rules.secret is not None,
        jwks_url=rules.jwks_url,
        issuer=rules.issuer,
        audience=rules.audience,
        max_lifetime_seconds=rules.max_lifetime_seconds,
        updated_at=stored.updated_at,
    )


def _fields(body: RequestModel, *, only_sent: bool) -> dict[str, Any]:
    values = body.model_dump(exclude_unset=only_sent)
    secret = values.get("secret")
    return values | ({"secret": secret.get_secret_value()} if isinstance(secret, SecretStr) else {})


@router.get(
    "",
    summary="Get the rules for user tokens",
    response_model=UserTokenRulesOut,
    responses={**NOT_MODIFIED, **described(*APP_PROBLEMS, _MISSING, "precondition_failed")},
    openapi_extra=VIEWER,
)
async def get_user_token_rules(operator: AppOperator, conditions: ReadConditions) -> UserTokenRulesOut | Response:
    """Returns how the app's user tokens are verified. A shared secret is never returned."""
    return conditions.read(_rules_out(await management.find_token_rules(operator.context)))


@router.put(
    "",
    summary="Set the rules for user tokens",
    response_model=UserTokenRulesOut,
    responses={
        **described(*_WRITE_PROBLEMS),
        201: {"model": UserTokenRulesOut, "description": "The app had no rules"},
    },
    openapi_extra=ADMIN,
)
async def set_user_token_rules(
    request: Request, response: Response, operator: AppOperator, body: UserTokenRulesInput, conditions: CreateConditions
) -> UserTokenRulesOut:
    """Sets or replaces the rules. A token must be valid for one app only: apps that share an identity provider need
    different audiences, and apps with secrets need different secrets."""
    rules: TokenRules = create_rules(_fields(body, only_sent=False))
    is_new = await management.set_token_rules(operator.context, rules, precondition=conditions.on(_rules_out))
    if is_new:
        set_created(request, response)
    return conditions.tagged(_rules_out(await management.find_token_rules(operator.context)))


@router.patch(
    "",
    summary="Update the rules for user tokens",
    responses=described(*_WRITE_PROBLEMS, _MISSING),
    openapi_extra=ADMIN,
)
async def update_user_token_rules(
    operator: AppOperator, body: UserTokenRulesPatch, conditions: ChangeConditions
) -> UserTokenRulesOut:
    """Changes the given rules. The others, such as the secret, do not change."""
    await management.update_token_rules(
        operator.context, _fields(body, only_sent=True), precondition=conditions.on(_rules_out)
    )
    return conditions.tagged(_rules_out(await management.find_token_rules(operator.context)))


@router.delete(
    "",
    summary="Remove the rules for user tokens",
    status_code=204,
    response_class=Response,
    responses=described(*APP_PROBLEMS, _MISSING, "precondition_failed"),
    openapi_extra=ADMIN,
)
async def remove_user_token_rules(operator: AppOperator, conditions: ChangeConditions) -> None:
    """The app's user tokens are rejected from now on. Links and API keys remain valid."""
    await management.remove_token_rules(operator.context, precondition=conditions.on(_rules_out))
