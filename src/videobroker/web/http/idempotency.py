"""The `Idempotency-Key` header: a repeated POST gets the first response, if the caller is still authorized for it."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import quote

import msgspec
from fastapi import Depends, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from videobroker.domain.authorization import Action
from videobroker.domain.idempotency import CredentialGrant
from videobroker.domain.ids import SessionId
from videobroker.domain.sessions import SessionKey
from videobroker.usecases.authorization import require
from videobroker.usecases.idempotency import KeyedRequest, KeyedResponse, Revalidate, run_once
from videobroker.web.http.auth import Caller

IDEMPOTENCY_PROBLEMS = ("idempotency_key_reused", "request_in_flight")

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Makes it safe to retry the request: for 24 hours, requests with the same caller, key, and body "
        "get the first response again, with the header `Idempotency-Replayed: true`. Authorization and access are "
        "checked again first. Credentials that have expired or were revoked are not returned: the response has new "
        "ones, or an error.",
    ),
]


@dataclass(frozen=True, slots=True)
class CredentialResponse:
    """A response body with a credential."""

    body: BaseModel | Mapping[str, Any]
    credential: CredentialGrant | None
    expires_at: datetime | None


Locate = Callable[[Mapping[str, Any]], str]
"""The URL of the resource that a request created, from the body of the response."""
FindSession = Callable[[], Awaitable[SessionId]]
Produce = Callable[[], Awaitable[BaseModel | CredentialResponse | KeyedResponse]]


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """The idempotency key of a request, if it has one."""

    key: str | None
    method: str
    path: str
    content: bytes

    @property
    def operation(self) -> str:
        """The method and the path."""
        return f"{self.method} {self.path}"

    def guest_seed(self, caller: Caller) -> str | None:
        """A seed for the guest ID: equal for repetitions of this request, unique otherwise. None without a key."""
        return None if self.key is None else f"{self._scoped(caller)}\n{self.operation}"

    async def respond(
        self,
        caller: Caller,
        produce: Produce,
        *,
        revalidate: Revalidate,
        user_id: str | None = None,
        status: int = 200,
        locate: Locate | None = None,
    ) -> JSONResponse:
        """The result of `produce` as a response; for a repeated request, the stored response after `revalidate`.

        `user_id` is the person that the response is about. With `locate`, the response has a `Location`.
        """
        if self.key is None:
            return _respond(await _produced(produce, status), locate)
        request = KeyedRequest(
            caller.app.id, self._scoped(caller), self._fingerprint(caller), user_id or caller.user_id
        )
        response = await run_once(
            caller.broker, request, lambda: _produced(produce, status), revalidate=revalidate, now=caller.now
        )
        return _respond(response, locate)

    def location_of(self, body: Mapping[str, Any]) -> str:
        """The URL of a resource that was created in the collection of the request's URL."""
        return f"{quote(self.path)}/{body['id']}"

    async def respond_authorized(
        self, caller: Caller, key: SessionKey, action: Action, produce: Produce, *, user_id: str | None = None
    ) -> JSONResponse:
        """Like `respond_about`, if the caller may perform the action on the session."""

        async def find_session() -> SessionId:
            return (await require(caller.context, key, action)).join_context.session.id

        return await self.respond_about(caller, find_session, produce, user_id=user_id)

    async def respond_about(
        self, caller: Caller, find_session: FindSession, produce: Produce, *, user_id: str | None = None
    ) -> JSONResponse:
        """Like `respond`, for responses about a session, without credentials.

        `find_session` raises unless the caller may perform the request now. A stored response about the session is then
        returned unchanged. One about a former session with the same reference is stale.
        """

        async def produce_about_session() -> KeyedResponse:
            session_id = None if self.key is None else str(await find_session())
            return replace(await _produced(produce, 200), session_id=session_id)

        async def revalidate(stored: KeyedResponse) -> Mapping[str, Any] | None:
            is_current = stored.session_id in {None, str(await find_session())}
            return stored.body if is_current else None

        return await self.respond(caller, produce_about_session, revalidate=revalidate, user_id=user_id)

    def _scoped(self, caller: Caller) -> str:
        return f"{_digest(_owner(caller)).hex()}\n{self.key}"

    def _fingerprint(self, caller: Caller) -> bytes:
        return _digest(f"{self.operation}\n{caller.user_id or ''}\n".encode() + self.content)


def authorized(check: Callable[[], Awaitable[object]]) -> Revalidate:
    """Return a stored response unchanged if the check does not raise. For responses without credentials."""

    async def revalidate(stored: KeyedResponse) -> Mapping[str, Any]:
        await check()
        return stored.body

    return revalidate


def _owner(caller: Caller) -> bytes:
    """The owner of an idempotency key: one credential or user. Responses can contain data that only they may see."""
    actor = caller.actor
    if caller.ticket is not None:
        owner = f"ticket\n{actor.ticket_id}"
    elif actor.user_id is not None:
        owner = f"user\n{actor.user_id}"
    elif actor.operator is not None:
        owner = f"operator_key\n{actor.key_id}"
    else:
        owner = f"api_key\n{actor.key_id}"
    return owner.encode()


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()


async def _produced(produce: Produce, status: int) -> KeyedResponse:
    produced = await produce()
    if isinstance(produced, KeyedResponse):
        return produced
    if isinstance(produced, CredentialResponse):
        return KeyedResponse(
            status, to_json(produced.body), credential=produced.credential, expires_at=produced.expires_at
        )
    return KeyedResponse(status, to_json(produced))


def to_json(body: BaseModel | Mapping[str, Any]) -> dict[str, Any]:
    """Convert the body to JSON values: UUIDs, times, and enumerations become strings."""
    converted: dict[str, Any] = (
        body.model_dump(mode="json", by_alias=True) if isinstance(body, BaseModel) else msgspec.to_builtins(body)
    )
    return converted


def _respond(response: KeyedResponse, locate: Locate | None) -> JSONResponse:
    headers = {"Cache-Control": "no-store"} | ({"Idempotency-Replayed": "true"} if response.replayed else {})
    if locate is not None:
        headers["Location"] = locate(response.body)
    return JSONResponse(response.body, response.status, headers=headers)


async def idempotent_request(request: Request, key: IdempotencyKey = None) -> IdempotentRequest:
    content = b"" if key is None else await _content(request)
    return IdempotentRequest(key, request.method, request.scope["path"], content)


async def _content(request: Request) -> bytes:
    # Whitespace and the order of fields do not matter. The route rejects bodies that are not JSON.
    try:
        return json.dumps(await request.json(), sort_keys=True).encode()
    except ValueError:
        return await request.body()


WITHOUT_KEY = IdempotentRequest(None, "", "", b"")
"""For requests without an idempotency key."""

Idempotency = Annotated[IdempotentRequest, Depends(idempotent_request)]
