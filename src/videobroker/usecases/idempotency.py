"""Idempotency keys: a repeated request gets the stored response, if the caller would still get it now."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from videobroker.broker import Broker
from videobroker.concurrency.lease import renew_periodically
from videobroker.domain.idempotency import CredentialGrant
from videobroker.domain.ids import AppId
from videobroker.errors import IdempotencyKeyReused, RequestInFlight
from videobroker.storage import idempotency
from videobroker.storage.idempotency import RESPONSE_TTL, StoredResponse


@dataclass(frozen=True, slots=True)
class KeyedResponse:
    status: int
    body: Mapping[str, Any] = field(repr=False)
    credential: CredentialGrant | None = None
    """What the credential in the body was issued for; None if the body has none."""
    expires_at: datetime | None = None
    """When the credential in the body expires, if that is known."""
    replayed: bool = False
    session_id: str | None = None
    """Our ID of the session that the request was about; None if it was about none, or about a credential."""


Revalidate = Callable[[KeyedResponse], Awaitable[Mapping[str, Any] | None]]
"""Decides again whether the caller may have a stored response: returns the body to send, or None if the stored one is
stale and the request has to run again. Raises the refusal that the caller would get now."""


@dataclass(frozen=True, slots=True)
class KeyedRequest:
    """A request with an idempotency key."""

    app_id: AppId
    key: str
    """Includes the caller, so that two callers with equal keys have two requests."""
    fingerprint: bytes
    """Digest of the request, to detect another request under this key."""
    user_id: str | None
    """The person that the response is about. An erasure deletes the response."""


async def run_once(
    broker: Broker,
    request: KeyedRequest,
    produce: Callable[[], Awaitable[KeyedResponse]],
    *,
    revalidate: Revalidate,
    now: datetime,
) -> KeyedResponse:
    """Run `produce` once per idempotency key, and replay the stored response afterwards.

    `revalidate` runs before a stored response is returned; a stale response is replaced by a new one. Errors are not
    stored: they release the key, and the request can be repeated. If the database fails after `produce` and before the
    response is stored, a repeated request runs `produce` again. Raises `IdempotencyKeyReused` for another request with
    the same key, and `RequestInFlight` while the first one runs.
    """
    holder = uuid4()
    async with broker.store.transaction(request.app_id) as unit_of_work:
        stored = await idempotency.claim(
            unit_of_work,
            request.app_id,
            request.key,
            fingerprint=request.fingerprint,
            holder=holder,
            user_id=request.user_id,
        )
    if stored is not None:
        response = _stored_response(broker, stored, request.fingerprint)
        body = await revalidate(response)
        if body is not None:
            return KeyedResponse(response.status, body, replayed=True)
        await _take_over(broker, request, version=stored.holder, holder=holder)
    return await _produce(broker, request, produce, holder=holder, now=now)


async def _produce(
    broker: Broker,
    request: KeyedRequest,
    produce: Callable[[], Awaitable[KeyedResponse]],
    *,
    holder: UUID,
    now: datetime,
) -> KeyedResponse:
    try:
        async with renew_periodically(_renewal(broker, request, holder)):
            response = await produce()
    except BaseException:
        async with broker.store.transaction(request.app_id) as unit_of_work:
            await idempotency.release(unit_of_work, request.app_id, request.key, holder)
        raise
    async with broker.store.transaction(request.app_id) as unit_of_work:
        await idempotency.store_response(
            unit_of_work,
            request.app_id,
            request.key,
            holder=holder,
            status=response.status,
            sealed_answer=broker.secret_box.encrypt(response.body),
            sealed_with=broker.secret_box.key_id,
            credential=_subject(response),
            useful_for=_useful_for(response, now),
        )
    return response


def _subject(response: KeyedResponse) -> Mapping[str, Any] | None:
    """What the response is about, as it is stored: a credential, which names its session, or a session."""
    if response.credential is not None:
        return response.credential.to_json()
    return None if response.session_id is None else {"session_id": response.session_id}


def _useful_for(response: KeyedResponse, now: datetime) -> timedelta:
    return RESPONSE_TTL if response.expires_at is None else response.expires_at - now


def _stored_response(broker: Broker, stored: StoredResponse, fingerprint: bytes) -> KeyedResponse:
    if stored.fingerprint != fingerprint:
        raise IdempotencyKeyReused(
            "This Idempotency-Key was used for another request. Use a new key for a new request."
        )
    if stored.status is None or stored.sealed_answer is None:
        raise _in_flight()
    subject = stored.credential or {}
    return KeyedResponse(
        stored.status,
        broker.secret_box.decrypt(stored.sealed_answer),
        credential=CredentialGrant.from_json(subject) if subject else None,
        session_id=subject.get("session_id"),
    )


async def _take_over(broker: Broker, request: KeyedRequest, *, version: UUID, holder: UUID) -> None:
    async with broker.store.transaction(request.app_id) as unit_of_work:
        taken = await idempotency.take_over(unit_of_work, request.app_id, request.key, version=version, holder=holder)
    if not taken:
        raise _in_flight()


def _in_flight() -> RequestInFlight:
    return RequestInFlight("The first request with this key is still running. Try again.", retry_after=1)


def _renewal(broker: Broker, request: KeyedRequest, holder: UUID) -> Callable[[], Awaitable[None]]:
    async def renew() -> None:
        async with broker.store.transaction(request.app_id) as unit_of_work:
            await idempotency.renew(unit_of_work, request.app_id, request.key, holder)

    return renew
