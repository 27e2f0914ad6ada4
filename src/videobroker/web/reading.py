"""How a request is read: never more than a bound, and only JSON that everybody reads alike."""

import json
from collections.abc import Callable, Coroutine, Iterator
from typing import Any
from urllib.parse import unquote_to_bytes

import pydantic_core
from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videobroker.errors import InvalidInput
from videobroker.web.problems import BodyTooLarge, problem

LARGEST_BODY = 2 * 1024 * 1024
"""Bytes. A roster of 10,000 participants fits."""
LARGEST_DRAIN = 64 * 1024 * 1024
"""So much of a body that is too large is read and thrown away, so that its sender gets to read the answer."""


class JsonRequest(Request):
    """Reads its body as strict JSON: UTF-8, no NaN, no lone surrogates, no bottomless nesting."""

    async def json(self) -> Any:
        """The body. Raises `json.JSONDecodeError`, whose text quotes nothing of it."""
        try:
            return pydantic_core.from_json(await self.body(), allow_inf_nan=False)
        except ValueError as error:
            raise json.JSONDecodeError(str(error), "", 0) from None


class JsonRoute(APIRoute):
    """A route that reads its request so, and knows every query parameter that it is sent."""

    strict_query = True
    """Refuse parameters that nobody declared, and repeated ones: a misspelt filter would show everything."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, on a `JsonRequest`."""
        handle = super().get_route_handler()
        declared = dict(_query_parameters(self.dependant))
        several = {name for name, annotation in declared.items() if "list" in annotation}

        async def read_and_handle(request: Request) -> Response:
            # Who sends no credential at all hears of that first.
            if self.strict_query and "authorization" in request.headers:
                _check_query(request, set(declared), several)
            return await handle(JsonRequest(_as_json(request.scope), request.receive))

        return read_and_handle


def _query_parameters(dependant: Dependant) -> Iterator[tuple[str, str]]:
    for parameter in dependant.query_params:
        yield parameter.alias, str(parameter.field_info.annotation)
    for deeper in dependant.dependencies:
        yield from _query_parameters(deeper)


def _check_query(request: Request, declared: set[str], several: set[str]) -> None:
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in declared:
            known = ", ".join(f"`{each}`" for each in sorted(declared)) or "none"
            raise InvalidInput(f"There is no such query parameter here; check its spelling. There is: {known}.")
        if name in seen and name not in several:
            raise InvalidInput(f"Send the query parameter `{name}` once.")
        seen.add(name)


def _as_json(scope: Scope) -> Scope:
    # Nothing here speaks anything but JSON, and a caller who forgot to say so means JSON. Credentials come in a header
    # that no browser adds by itself, so the content type protects nobody.
    headers = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
    return {**scope, "headers": [*headers, (b"content-type", b"application/json")]}


class PlainPaths:
    """ASGI middleware that refuses addresses which would be read as other ones.

    An encoded slash would split one name into two, and bytes that are not UTF-8 would all become the same character.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 422."""
        error = _misleading(scope) if scope["type"] == "http" else None
        if error is None:
            await self.app(scope, receive, send)
        else:
            await problem(InvalidInput(error))(scope, receive, send)


def _misleading(scope: Scope) -> str | None:
    raw_path = scope.get("raw_path") or b""
    if b"%2f" in raw_path.lower():
        return "A name in a path must not hold `/`, also not as %2F."
    try:
        unquote_to_bytes(raw_path).decode()
        unquote_to_bytes(scope.get("query_string") or b"").decode()
    except UnicodeDecodeError:
        return "The address is not UTF-8. Encode names as UTF-8, then percent-encode them."
    return None


def by_name(route: APIRoute) -> str:
    """The name of an operation, in the contract and in the log: that of its function."""
    return route.name


def of_this_moment(response: Response) -> None:
    """Forbid everybody on the way to keep an answer that is true for a moment."""
    response.headers["Cache-Control"] = "no-store"


class BodyLimit:
    """ASGI middleware that refuses bodies larger than `LARGEST_BODY` without keeping them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 413."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(receive)
        if await body.read():
            await self.app(scope, body.again, send)
        else:
            detail = f"A body has at most {LARGEST_BODY} bytes. Put large rosters one by one."
            await problem(BodyTooLarge(detail))(scope, receive, send)


class _Body:
    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._messages: list[Message] = []

    async def read(self) -> bool:
        """Read all of it; False when it was too large."""
        size, more = 0, True
        while more:
            message = await self._receive()
            size += len(message.get("body", b""))
            more = message.get("more_body", False) and size <= LARGEST_DRAIN
            if size <= LARGEST_BODY:
                self._messages.append(message)
        self._messages.reverse()
        return size <= LARGEST_BODY

    async def again(self) -> Message:
        """What was received, once more, and then whatever comes."""
        return self._messages.pop() if self._messages else await self._receive()
