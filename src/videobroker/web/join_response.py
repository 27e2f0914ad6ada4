"""The response of every operation that returns join credentials. An idempotency key makes it repeatable."""

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import Response
from pydantic import BaseModel

from videobroker.domain.apps import ProviderName
from videobroker.domain.sessions import SessionKey
from videobroker.providers.contract import Surface
from videobroker.usecases.idempotency import Answer
from videobroker.usecases.joining.join import Joined, JoinRequester, confirm_join, join
from videobroker.web.http.auth import Caller
from videobroker.web.http.idempotency import Issued, Once, to_json
from videobroker.web.http.json_response import JsonFields


async def join_response(
    once: Once,
    caller: Caller,
    key: SessionKey,
    requester: JoinRequester,
    *,
    surface: Surface,
    provider: ProviderName | None = None,
    present: Callable[[Joined], Mapping[str, Any] | BaseModel],
) -> Response:
    """Join credentials as `present` formats them. A repeated request gets the stored ones while they are current."""

    async def enter() -> Joined:
        return await join(caller.context, key, requester, surface=surface, provider=provider)

    async def issue() -> Issued:
        joined = await enter()
        return Issued(present(joined), joined.grant, joined.expires_at)

    async def revalidate(stored: Answer) -> Mapping[str, Any] | None:
        confirmed = await confirm_join(
            caller.context, key, requester, stored.credential, surface=surface, provider=provider
        )
        return stored.body if confirmed else None

    if once.key is None:
        fields = present(await enter())
        return JsonFields(to_json(fields) if isinstance(fields, BaseModel) else fields)
    return await once.answer(caller, issue, revalidate=revalidate, user_id=requester.user_id)
