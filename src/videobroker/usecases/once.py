"""Does a thing once for one idempotency key: the same question again gets the answer that was given before."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

from videobroker.broker import Broker
from videobroker.domain.ids import AppId
from videobroker.errors import IdempotencyKeyReused, RequestInFlight
from videobroker.storage import idempotency
from videobroker.storage.idempotency import Remembered
from videobroker.usecases.leases import kept


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request was answered with."""

    status: int
    body: Mapping[str, Any] = field(repr=False)
    replayed: bool = False


async def once(
    broker: Broker, app_id: AppId, key: str, fingerprint: bytes, produce: Callable[[], Awaitable[Answer]]
) -> Answer:
    """The answer to the request with this key: made now, or the one that was made before.

    `fingerprint` tells requests apart. Only answers are kept; an error leaves the key free, so that the request can
    be repeated when its cause is gone. The same goes for an answer that could not be kept because the database went
    away right after the work. Raises `IdempotencyKeyReused` for another request under the same key, and
    `RequestInFlight` while the first one runs.
    """
    holder = uuid4()
    async with broker.store.transaction() as transaction:
        known = await idempotency.claim(transaction, app_id, key, fingerprint=fingerprint, holder=holder)
    if known is not None:
        return _answer_again(broker, known, fingerprint)
    try:
        async with kept(_renewal(broker, app_id, key, holder)):
            answer = await produce()
    except BaseException:
        async with broker.store.transaction() as transaction:
            await idempotency.forget(transaction, app_id, key, holder)
        raise
    sealed = broker.seal.seal(answer.body)
    async with broker.store.transaction() as transaction:
        await idempotency.remember(transaction, app_id, key, holder=holder, status=answer.status, sealed_answer=sealed)
    return answer


def _answer_again(broker: Broker, known: Remembered, fingerprint: bytes) -> Answer:
    if known.fingerprint != fingerprint:
        raise IdempotencyKeyReused(
            "This Idempotency-Key was used for another request. Use a new key for a new request."
        )
    if known.status is None or known.sealed_answer is None:
        raise RequestInFlight("The first request with this key is still running. Ask again.", retry_after=1)
    return Answer(known.status, broker.seal.open(known.sealed_answer), replayed=True)


def _renewal(broker: Broker, app_id: AppId, key: str, holder: UUID) -> Callable[[], Awaitable[None]]:
    async def renew() -> None:
        async with broker.store.transaction() as transaction:
            await idempotency.renew(transaction, app_id, key, holder)

    return renew
