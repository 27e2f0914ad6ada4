"""The short way for the plainest kind of join, past the framework.

A backend asks, with its key, to let one named user in; it says nothing else. Nearly all requests are like this, and
what the framework does for them takes longer than everything we do. Whatever is in the least different, or wrong, goes
the ordinary way, with nothing done yet: there is one contract, and one text of every error.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass

import pydantic_core
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videobroker.broker import Broker
from videobroker.domain.keys import Scope as KeyScope
from videobroker.domain.sessions import SessionKind
from videobroker.errors import BrokerError
from videobroker.usecases.entering import Joined, Visitor, join
from videobroker.web.auth import backend
from videobroker.web.problems import log_failure, problem, unexpected
from videobroker.web.v1.doors import JoinIn, join_json
from videobroker.web.v1.sessions import session_key

LONGEST_BODY = 4096
"""Bytes. A join has a hundred."""

# Only what nobody could read in two ways: nothing encoded, no dots alone.
_PATH = re.compile(rb"/v1/(booking|group)s/([A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127})/join")
_KEY = re.compile(rb"Bearer (vb_[A-Za-z0-9_-]+)")
_SAY_MORE = {b"idempotency-key", b"x-user-id", b"origin"}


@dataclass(frozen=True, slots=True)
class _Operation:
    """What the log calls it."""

    unique_id: str


_OPERATIONS = {kind: _Operation(f"join_session_of_{kind}") for kind in SessionKind}


@dataclass(frozen=True, slots=True)
class _Plain:
    """A join without peculiarities, as far as its head goes."""

    kind: SessionKind
    reference: str
    key: str
    host: str | None
    user_agent: str | None


class FastLane:
    """ASGI middleware that answers plain joins, and passes everything else on."""

    def __init__(self, app: ASGIApp, broker: Callable[[], Broker]) -> None:
        self.app = app
        self._broker = broker

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or pass the request on."""
        plain = _plain(scope)
        if plain is None:
            await self.app(scope, receive, send)
            return
        message = await receive()
        wish = _wish(message)
        if wish is None or wish.user_id is None:
            await self.app(scope, _again(message, receive), send)
            return
        scope["route"] = _OPERATIONS[plain.kind]
        try:
            await _respond(send, await self._join(plain, wish, wish.user_id))
        except BrokerError as error:
            log_failure(error)
            await problem(error)(scope, receive, send)
        except Exception as error:  # noqa: BLE001  the last resort is for all of them
            await problem(unexpected(error))(scope, receive, send)

    async def _join(self, plain: _Plain, wish: JoinIn, user_id: str) -> Joined:
        caller = await backend(
            self._broker(), plain.key, (KeyScope.JOIN,), host=plain.host, user_agent=plain.user_agent
        )
        return await join(
            caller.broker,
            caller.app,
            session_key(caller, plain.kind, plain.reference),
            Visitor(user_id, wish.display_name),
            surface=wish.surface,
            asker=caller.asker,
            now=caller.now,
        )


def _plain(scope: Scope) -> _Plain | None:
    if scope["type"] != "http" or scope["method"] != "POST" or scope["query_string"] or scope.get("root_path"):
        return None
    path = _PATH.fullmatch(scope.get("raw_path") or b"")
    if path is None:
        return None
    key = user_agent = None
    for name, value in scope["headers"]:
        if name == b"authorization":
            found = _KEY.fullmatch(value)
            if found is None or key is not None:
                return None
            key = found[1]
        elif name == b"user-agent":
            # The first one counts, as it does elsewhere.
            user_agent = value if user_agent is None else user_agent
        elif name in _SAY_MORE:
            return None
    if key is None:
        return None
    client = scope.get("client")
    return _Plain(
        kind=SessionKind(path[1].decode()),
        reference=path[2].decode(),
        key=key.decode(),
        host=client[0] if client else None,
        user_agent=None if user_agent is None else user_agent.decode("latin-1"),
    )


def _wish(message: Message) -> JoinIn | None:
    body = message.get("body", b"")
    if message["type"] != "http.request" or message.get("more_body") or len(body) > LONGEST_BODY:
        return None
    try:
        return JoinIn.model_validate(pydantic_core.from_json(body, allow_inf_nan=False))
    except ValueError:
        return None


def _again(message: Message, receive: Receive) -> Receive:
    """What was received, once more, and then whatever comes."""
    left = [message]

    async def receive_again() -> Message:
        return left.pop() if left else await receive()

    return receive_again


async def _respond(send: Send, joined: Joined) -> None:
    body = json.dumps(join_json(joined), ensure_ascii=False, separators=(",", ":")).encode()
    headers = [
        (b"cache-control", b"no-store"),
        (b"content-length", str(len(body)).encode()),
        (b"content-type", b"application/json"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
