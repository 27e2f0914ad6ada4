"""A join that may be repeated with an idempotency key, for every operation that answers with join credentials."""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from videobroker.domain.apps import ProviderName
from videobroker.domain.sessions import SessionKey
from videobroker.providers.contract import Surface
from videobroker.usecases.idempotency import Answer
from videobroker.usecases.joining.join import Joined, JoinRequester, confirm_join, join
from videobroker.web.http.auth import Caller
from videobroker.web.http.idempotency import Issued, Once


async def answer_join(
    once: Once,
    caller: Caller,
    key: SessionKey,
    visitor: JoinRequester,
    *,
    surface: Surface,
    provider: ProviderName | None = None,
    show: Callable[[Joined], BaseModel],
) -> Any:
    """Join credentials as `show` presents them. A repeated request gets those from before while they are current."""

    async def enter() -> Issued:
        joined = await join(caller.context, key, visitor, surface=surface, provider=provider)
        return Issued(show(joined), joined.grant, joined.expires_at)

    async def revalidate(stored: Answer) -> Mapping[str, Any] | None:
        confirmed = await confirm_join(
            caller.context, key, visitor, stored.credential, surface=surface, provider=provider
        )
        return stored.body if confirmed else None

    return await once.answer(caller, enter, revalidate=revalidate, user_id=visitor.user_id)
