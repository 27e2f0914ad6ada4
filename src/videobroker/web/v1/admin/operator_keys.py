"""Operator keys: the credentials for `/v1/admin`."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Response
from pydantic import BaseModel, ConfigDict, Field

from videobroker.domain.ids import KeyId
from videobroker.domain.operator_keys import OperatorKey
from videobroker.domain.operators import OperatorRole
from videobroker.usecases import management
from videobroker.usecases.idempotency import KeyedResponse, Revalidate
from videobroker.usecases.management.operator_keys import require_usable_operator_key
from videobroker.web.http.auth import Caller
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, Idempotency
from videobroker.web.http.operator_auth import Operator
from videobroker.web.http.problems import described
from videobroker.web.http.schemas import Moment, RequestModel, ShortName
from videobroker.web.v1.admin.common import ADMIN, ADMIN_PROBLEMS, VIEWER, management_router
from videobroker.web.v1.session_schemas import BODY_PROBLEMS, Cursor, Limit

router = management_router("/operator-keys")

OperatorKeyPath = Annotated[UUID, Path(description="The `id` of the operator key.")]

_KEY_PROBLEMS = (*ADMIN_PROBLEMS, "operator_key_not_found")
_EXAMPLE: dict[str, Any] = {
    "id": "0195d3c2-0000-7000-8000-000000000002",
    "name": "terraform",
    "hint": "vbo_Zm9vYm",
    "role": "admin",
    "created_at": "2026-03-12T09:00:00Z",
    "expires_at": "2030-03-12T14:00:00Z",
    "revoked_at": None,
    "last_used_at": "2026-03-12T14:02:11Z",
}


class OperatorKeyInput(RequestModel):
    """A new operator key."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "terraform", "role": "admin"}]})

    name: ShortName = Field(description="The program that uses the key. The journal names it as the operator.")
    role: OperatorRole = Field(description="What the key permits.")
    expires_at: Moment | None = Field(
        default=None, description="When the key expires, within ten years. Null: it does not expire."
    )


class OperatorKeyOut(BaseModel):
    """An operator key. The key itself is returned only on creation."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: UUID
    name: str = Field(description="The program that uses the key. The journal names it as the operator.")
    hint: str = Field(description="The first characters of the key.")
    role: OperatorRole = Field(description="What the key permits.")
    created_at: Moment
    expires_at: Moment | None
    revoked_at: Moment | None = Field(description="When the key was revoked. Null if it was not.")
    last_used_at: Moment | None = Field(
        description="When the key was last used, at most some minutes too early. Null if no use was recorded."
    )


class OperatorKeyWithSecret(OperatorKeyOut):
    """A new operator key, with the key itself."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{**_EXAMPLE, "key": "vbo_Zm9vYmFyLWV4YW1wbGUtZXhhbXBsZS1leGFtcGxlLWV4YW0"}]}
    )

    key: str = Field(description="The key. It is shown only once, so store it.")


class OperatorKeyList(BaseModel):
    """One page of operator keys."""

    data: list[OperatorKeyOut]
    next: str | None = Field(description="The `cursor` of the next page. Null on the last page.")


def _fields(key: OperatorKey) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "hint": key.shown,
        "role": key.role,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
    }


def _same_key(operator: Caller) -> Revalidate:
    async def revalidate(stored: KeyedResponse) -> Mapping[str, Any]:
        await require_usable_operator_key(operator.context, KeyId(UUID(stored.body["id"])))
        return stored.body

    return revalidate


@router.get(
    "", summary="List operator keys", responses=described(*ADMIN_PROBLEMS, "invalid_cursor"), openapi_extra=VIEWER
)
async def list_operator_keys(operator: Operator, limit: Limit = 50, cursor: Cursor = None) -> OperatorKeyList:
    """Returns the operator keys, oldest first, including revoked and expired ones."""
    found, following = await management.list_operator_keys(operator.context, limit=limit, cursor=cursor)
    return OperatorKeyList(data=[OperatorKeyOut(**_fields(key)) for key in found], next=following)


@router.post(
    "",
    summary="Create an operator key",
    status_code=201,
    response_model=OperatorKeyWithSecret,
    responses=described(
        *ADMIN_PROBLEMS, *BODY_PROBLEMS, *IDEMPOTENCY_PROBLEMS, "secret_replaced", "operator_key_not_found"
    ),
    openapi_extra=ADMIN,
)
async def create_operator_key(operator: Operator, body: OperatorKeyInput, idempotency: Idempotency) -> Response:
    """The key is returned only in this response, and if you repeat the request with the same `Idempotency-Key` while
    the key is valid. It manages every app of this installation, as far as its role permits."""

    async def created() -> OperatorKeyWithSecret:
        secret, key = await management.create_operator_key(
            operator.context, body.name, role=body.role, expires_at=body.expires_at
        )
        return OperatorKeyWithSecret(**_fields(key), key=secret)

    return await idempotency.respond(
        operator, created, revalidate=_same_key(operator), status=201, locate=idempotency.location_of
    )


@router.get("/{key_id}", summary="Get an operator key", responses=described(*_KEY_PROBLEMS), openapi_extra=VIEWER)
async def get_operator_key(operator: Operator, key_id: OperatorKeyPath) -> OperatorKeyOut:
    """Returns an operator key, without the key itself."""
    return OperatorKeyOut(**_fields(await management.find_operator_key(operator.context, KeyId(key_id))))


@router.post(
    "/{key_id}/revoke", summary="Revoke an operator key", responses=described(*_KEY_PROBLEMS), openapi_extra=ADMIN
)
async def revoke_operator_key(operator: Operator, key_id: OperatorKeyPath) -> OperatorKeyOut:
    """Revokes a key, immediately and permanently. Its record remains, because the journal refers to it."""
    return OperatorKeyOut(**_fields(await management.revoke_operator_key(operator.context, KeyId(key_id))))
