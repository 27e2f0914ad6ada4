"""The response of every operation that returns join credentials. An idempotency key makes it repeatable."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Response
from pydantic import BaseModel

from videobroker.domain.apps import ProviderName
from videobroker.domain.sessions import SessionKey
from videobroker.providers.contract import Surface
from videobroker.usecases.idempotency import KeyedResponse
from videobroker.usecases.joining.join import JoinRequester, JoinResult, confirm_join, join
from videobroker.web.http.auth import Caller
from videobroker.web.http.idempotency import CredentialResponse, IdempotentRequest, to_json
from videobroker.web.http.json_response import JsonFields


async def join_response(
    idempotency: IdempotentRequest,
    caller: Caller,
    key: SessionKey,
    requester: JoinRequester,
    *,
    surface: Surface,
    provider: ProviderName | None = None,
    present: Callable[[JoinResult], Mapping[str, Any] | BaseModel],
) -> Response:
    """Join credentials as `present` formats them. A repeated request gets the stored ones while they are current."""

    if idempotency.key is None:
        joined = await join(caller.context, key, requester, surface=surface, provider=provider)
        fields = present(joined)
        return JsonFields(to_json(fields) if isinstance(fields, BaseModel) else fields)

    async def issue() -> CredentialResponse:
        joined = await join(caller.context, key, requester, surface=surface, provider=provider)
        return CredentialResponse(present(joined), joined.grant, joined.expires_at)

    async def revalidate(stored: KeyedResponse) -> Mapping[str, Any] | None:
        confirmed = await confirm_join(
            caller.context, key, requester, stored.credential, surface=surface, provider=provider
        )
        return stored.body if confirmed else None

    return await idempotency.respond(caller, issue, revalidate=revalidate, user_id=requester.user_id)
