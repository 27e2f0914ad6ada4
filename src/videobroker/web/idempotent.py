"""The `Idempotency-Key` header: POST the same request again, get the same answer."""

import hashlib
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from videobroker.usecases.once import Answer, once
from videobroker.web.auth import Caller

IDEMPOTENCY_PROBLEMS = ("idempotency_key_reused", "request_in_flight")

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="Repeat a request safely: the same key and body get the answer that was given the first time, "
        "for 24 hours.",
    ),
]


@dataclass(frozen=True, slots=True)
class Once:
    """One request that may come again."""

    key: str | None
    fingerprint: bytes

    async def answer(self, caller: Caller, produce: Callable[[], Awaitable[BaseModel]], *, status: int = 200) -> Any:
        """What `produce` returns, as a response; for a request that came before, what was answered then."""
        if self.key is None:
            return _respond(await _produced(produce, status))
        # A key belongs to whoever asks: the answer may hold credentials, and two browsers may choose the same key.
        key = self.key if caller.user_id is None else f"{self.key}\n{caller.user_id}"
        answer = await once(caller.broker, caller.app.id, key, self.fingerprint, lambda: _produced(produce, status))
        return _respond(answer)


async def _produced(produce: Callable[[], Awaitable[BaseModel]], status: int) -> Answer:
    return Answer(status, (await produce()).model_dump(mode="json"))


def _respond(answer: Answer) -> JSONResponse:
    headers = {"Cache-Control": "no-store"} | ({"Idempotency-Replayed": "true"} if answer.replayed else {})
    return JSONResponse(answer.body, answer.status, headers=headers)


async def _once(request: Request, key: IdempotencyKey = None) -> Once:
    if key is None:
        return Once(None, b"")
    line = f"{request.method} {request.url.path}\n".encode()
    return Once(key, hashlib.sha256(line + await _content(request)).digest())


async def _content(request: Request) -> bytes:
    # The same JSON is the same body, whatever its spacing. What is no JSON is refused by whoever reads it.
    try:
        return json.dumps(await request.json(), sort_keys=True).encode()
    except json.JSONDecodeError:
        return await request.body()


OnceOnly = Annotated[Once, Depends(_once)]
