"""The API keys of an app."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Response
from pydantic import BaseModel, ConfigDict, Field

from videobroker.domain.api_keys import ApiKey, Scope
from videobroker.domain.ids import KeyId
from videobroker.usecases import management
from videobroker.usecases.idempotency import KeyedResponse, Revalidate
from videobroker.usecases.management.keys import require_usable_key
from videobroker.web.http.auth import Caller
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, Idempotency
from videobroker.web.http.operator_auth import AppOperator
from videobroker.web.http.problems import described
from videobroker.web.http.schemas import Moment, RequestModel, ShortName
from videobroker.web.v1.admin.common import ADMIN, APP_PROBLEMS, VIEWER, management_router
from videobroker.web.v1.session_schemas import BODY_PROBLEMS, Cursor, Limit

router = management_router("/apps/{app}/keys")

KeyPath = Annotated[UUID, Path(description="The `id` of the API key.")]

_KEY_PROBLEMS = (*APP_PROBLEMS, "key_not_found")
_EXAMPLE: dict[str, Any] = {
    "id": "0195d3c2-0000-7000-8000-000000000001",
    "name": "backend",
    "hint": "vb_Zm9vYm",
    "scopes": ["join", "sessions:write"],
    "created_at": "2026-03-12T09:00:00Z",
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": "2026-03-12T14:02:11Z",
}


class ApiKeyInput(RequestModel):
    """A new API key."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "backend", "scopes": ["sessions:write", "join"]}]}
    )

    name: ShortName = Field(description="The purpose of the key.")
    scopes: Annotated[list[Scope], Field(max_length=100)] = Field(description="What the key permits.")
    expires_at: Moment | None = Field(
        default=None, description="When the key expires, within ten years. Null: it does not expire."
    )


class ApiKeyOut(BaseModel):
    """An API key of an app. The key itself is returned only on creation."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: UUID
    name: str
    hint: str = Field(description="The first characters of the key.")
    scopes: list[Scope]
    created_at: Moment
    expires_at: Moment | None
    revoked_at: Moment | None = Field(description="When the key was revoked. Null if it was not.")
    last_used_at: Moment | None = Field(
        description="When the key was last used, at most some minutes too early. Null if no use was recorded."
    )


class ApiKeyWithSecret(ApiKeyOut):
    """A new API key, with the key itself."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_EXAMPLE, "key": "vb_Zm9vYmFyLWV4YW1wbGUtZXhhbXBsZS1leGFtcGxlLWV4YW0"}]}
    )

    key: str = Field(description="The key. It is shown only once, so store it.")


class ApiKeyList(BaseModel):
    """One page of the API keys of an app."""

    data: list[ApiKeyOut]
    next: str | None = Field(description="The `cursor` of the next page. Null on the last page.")


def _fields(key: ApiKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "hint": key.shown,
        "scopes": sorted(key.scopes),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
    }


def _same_key(operator: Caller) -> Revalidate:
    async def revalidate(stored: KeyedResponse) -> Mapping[str, Any]:
        await require_usable_key(operator.context, KeyId(UUID(stored.body["id"])))
        return stored.body

    return revalidate


@router.get("", summary="List API keys", responses=described(*APP_PROBLEMS, "invalid_cursor"), openapi_extra=VIEWER)
async def list_api_keys(operator: AppOperator, limit: Limit = 50, cursor: Cursor = None) -> ApiKeyList:
    """Returns the API keys of the app, oldest first, including revoked and expired ones."""
    found, following = await management.list_keys(operator.context, limit=limit, cursor=cursor)
    return ApiKeyList(data=[ApiKeyOut(**_fields(key)) for key in found], next=following)


@router.post(
    "",
    summary="Create an API key",
    status_code=201,
    response_model=ApiKeyWithSecret,
    responses=described(*APP_PROBLEMS, *BODY_PROBLEMS, *IDEMPOTENCY_PROBLEMS, "secret_replaced", "key_not_found"),
    openapi_extra=ADMIN,
)
async def create_api_key(operator: AppOperator, body: ApiKeyInput, idempotency: Idempotency) -> Response:
    """The key is returned only in this response, and if you repeat the request with the same `Idempotency-Key` while
    the key is valid. To rotate a key, create a second one, switch your backend to it, and revoke the first."""

    async def created() -> ApiKeyWithSecret:
        secret, key = await management.create_key(
            operator.context, body.name, scopes=body.scopes, expires_at=body.expires_at
        )
        return ApiKeyWithSecret(**_fields(key), key=secret)

    return await idempotency.respond(
        operator, created, revalidate=_same_key(operator), status=201, locate=idempotency.location_of
    )


@router.get("/{key_id}", summary="Get an API key", responses=described(*_KEY_PROBLEMS), openapi_extra=VIEWER)
async def get_api_key(operator: AppOperator, key_id: KeyPath) -> ApiKeyOut:
    """Returns an API key, without the key itself."""
    return ApiKeyOut(**_fields(await management.find_key(operator.context, KeyId(key_id))))


@router.post("/{key_id}/revoke", summary="Revoke an API key", responses=described(*_KEY_PROBLEMS), openapi_extra=ADMIN)
async def revoke_api_key(operator: AppOperator, key_id: KeyPath) -> ApiKeyOut:
    """Revokes a key, immediately and permanently. Its record remains, because the journal refers to it."""
    return ApiKeyOut(**_fields(await management.revoke_key(operator.context, KeyId(key_id))))
