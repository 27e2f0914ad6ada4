"""The short way for the plainest kind of join, past the framework.

A backend asks, with its key, to let one named user or one guest in; it says nothing else. Nearly all requests are like
this, and what the framework does for them takes longer than everything we do. Whatever is in the least different, or
wrong, goes the ordinary way, with nothing done yet: there is one contract, and one text of every error.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
import pydantic_core
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videobroker.broker import Broker
from videobroker.domain.keys import Scope as KeyScope
from videobroker.domain.sessions import SessionKind
from videobroker.domain.values import Value
from videobroker.errors import BrokerError
from videobroker.usecases.entering import Joined, Visitor, guest_id, join
from videobroker.web.auth import Caller, backend
from videobroker.web.problems import log_failure, problem, unexpected
from videobroker.web.v1.doors import GuestIn, JoinIn, join_json
from videobroker.web.v1.sessions import session_key

LONGEST_BODY = 4096
"""Bytes. A join has a hundred."""

# Only what nobody could read in two ways: nothing encoded, no dots alone.
_PATH = re.compile(rb"/v1/(booking|group)s/([A-Za-z0-9_~-][A-Za-z0-9._~-]{0,127})/(join|guests)")
_KEY = re.compile(rb"Bearer (vb_[A-Za-z0-9_-]+)")
_SAY_MORE = {b"idempotency-key", b"x-user-id", b"origin"}


@dataclass(frozen=True, slots=True)
class _Operation:
    """What the log calls it."""

    unique_id: str


_OPERATIONS = {
    (kind, door): _Operation(f"{name}_of_{kind}")
    for kind in SessionKind
    for door, name in (("join", "join_session"), ("guests", "join_as_guest"))
}
_SHAPES: dict[str, type[JoinIn] | type[GuestIn]] = {"join": JoinIn, "guests": GuestIn}


class _Plain(Value):
    """A join without peculiarities, as far as its head goes."""

    kind: SessionKind
    reference: str
    door: str
    """`join` or `guests`."""
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
        messages = await _received(receive)
        wish = _wish(plain, messages)
        if wish is None:
            await self.app(scope, _again(messages, receive), send)
            return
        scope["route"] = _OPERATIONS[plain.kind, plain.door]
        try:
            await _respond(send, await self._join(plain, wish))
        except BrokerError as error:
            log_failure(error)
            await problem(error)(scope, receive, send)
        except Exception as error:  # noqa: BLE001  the last resort is for all of them
            await problem(unexpected(error))(scope, receive, send)

    async def _join(self, plain: _Plain, wish: JoinIn | GuestIn) -> Joined:
        caller = await backend(
            self._broker(), plain.key, (KeyScope.JOIN,), host=plain.host, user_agent=plain.user_agent
        )
        return await join(
            caller.broker,
            caller.app,
            session_key(caller, plain.kind, plain.reference),
            _visitor(caller, wish),
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
        door=path[3].decode(),
        key=key.decode(),
        host=client[0] if client else None,
        user_agent=None if user_agent is None else user_agent.decode("latin-1"),
    )


async def _received(receive: Receive) -> list[Message]:
    """What comes of the body: all of it, unless it is too long for a plain join."""
    messages: list[Message] = []
    length, more = 0, True
    while more and length <= LONGEST_BODY:
        message = await receive()
        messages.append(message)
        length += len(message.get("body", b""))
        more = message.get("more_body", False)
    return messages


def _wish(plain: _Plain, messages: Sequence[Message]) -> JoinIn | GuestIn | None:
    last = messages[-1]
    body = b"".join(each.get("body", b"") for each in messages)
    if last["type"] != "http.request" or last.get("more_body") or len(body) > LONGEST_BODY:
        return None
    try:
        wish = _SHAPES[plain.door].model_validate(pydantic_core.from_json(body, allow_inf_nan=False))
    except ValueError:
        return None
    # Who names nobody may have said it elsewhere; a guest who comes again has to be known.
    named = wish.guest_id is None if isinstance(wish, GuestIn) else wish.user_id is not None
    return wish if named else None


def _visitor(caller: Caller, wish: JoinIn | GuestIn) -> Visitor:
    if isinstance(wish, GuestIn):
        return Visitor(guest_id(caller.now, app=caller.app, idempotency_key=None), wish.name, is_guest=True)
    return Visitor(caller.must_speak_for(wish.user_id), wish.display_name)


def _again(messages: list[Message], receive: Receive) -> Receive:
    """What was received, once more, and then whatever comes."""
    left = messages[::-1]

    async def receive_again() -> Message:
        return left.pop() if left else await receive()

    return receive_again


async def _respond(send: Send, joined: Joined) -> None:
    # The same bytes as the framework makes elsewhere, in a tenth of the time.
    body = msgspec.json.encode(join_json(joined))
    headers = [
        (b"cache-control", b"no-store"),
        (b"content-length", str(len(body)).encode()),
        (b"content-type", b"application/json"),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
