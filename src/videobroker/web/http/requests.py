"""Reading of requests: bodies within limits, strict JSON, and unambiguous paths and query strings."""

import asyncio
import json
import re
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote_to_bytes

import pydantic_core
from fastapi import Request, Response
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videobroker.errors import (
    BodyTooLarge,
    BrokerError,
    InvalidInput,
    NotAcceptable,
    RequestTimeout,
    UnsupportedContentEncoding,
    UnsupportedMediaType,
)
from videobroker.web.http.accept import JSON_TYPES, accept_of, preferred_type
from videobroker.web.http.problems import MEDIA_TYPE as PROBLEM_TYPE
from videobroker.web.http.problems import problem
from videobroker.web.http.semantics import is_compressed

MAX_BODY_BYTES = 2 * 1024 * 1024
"""Bytes. A roster of 10,000 participants fits."""
MAX_DRAINED_BYTES = 64 * 1024 * 1024
"""Bytes of a body that is too large that are discarded before the response, because many clients read a response only
after they have sent the whole body."""

BODY_SECONDS = 30.0
"""From the first read of a body to its end. The largest body needs half a megabit per second."""

_SEND_JSON = "Send the body as JSON, with `Content-Type: application/json` or without that header."
_JSON_TYPE = re.compile(r"\s*application/(?:[\w.!#$&^-]+\+)?json\s*(?:;.*)?", re.IGNORECASE | re.ASCII | re.DOTALL)


class JsonRequest(Request):
    """Reads its body as strict JSON: UTF-8, no NaN, no lone surrogates, limited nesting."""

    async def json(self) -> Any:
        """The body. Raises `json.JSONDecodeError`, whose text does not contain parts of the body."""
        try:
            return pydantic_core.from_json(await self.body(), allow_inf_nan=False)
        except ValueError as error:
            raise json.JSONDecodeError(str(error), "", 0) from None


class JsonRoute(APIRoute):
    """A route whose request is a `JsonRequest`, and which rejects unknown query parameters."""

    strict_query = True
    """Reject undeclared and repeated query parameters: a misspelled filter would return everything."""
    negotiates = True
    """Reject an `Accept` that excludes every media type of the operation."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, on a `JsonRequest`."""
        handle = super().get_route_handler()
        declared = dict(_query_parameters(self.dependant))
        several = {name for name, annotation in declared.items() if "list" in annotation}
        reads_body = self.body_field is not None
        offered = (*_media_types(self.responses), *JSON_TYPES)

        async def read_and_handle(request: Request) -> Response:
            # A request without credentials gets the error about that first.
            has_credentials = "authorization" in request.headers
            if self.strict_query and has_credentials:
                _check_query(request, set(declared), several)
            if self.negotiates and has_credentials:
                _check_accept(request, offered)
            json_request = JsonRequest(_as_json(request.scope), request.receive)
            if reads_body and await _is_foreign(request, json_request):
                return problem(UnsupportedMediaType(_SEND_JSON))
            return await handle(json_request)

        return read_and_handle


async def _is_foreign(request: Request, json_request: JsonRequest) -> bool:
    """Whether there is a body that says that it is not JSON."""
    types = [each for each in request.headers.getlist("content-type") if each.strip()]
    return any(not _JSON_TYPE.fullmatch(each) for each in types) and bool(await json_request.body())


def _media_types(responses: Mapping[int | str, Mapping[str, Any]]) -> Iterator[str]:
    """The media types of successful responses, besides JSON."""
    for status, response in responses.items():
        if str(status).startswith("2"):
            yield from response.get("content", {})


def _check_accept(request: Request, offered: Sequence[str]) -> None:
    accept = accept_of(request.headers)
    if accept and preferred_type(accept, offered) is None:
        names = ", ".join(f"`{each}`" for each in offered if each != PROBLEM_TYPE)
        raise NotAcceptable(f"`Accept` excludes every media type of this operation. Supported: {names}.")


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
            raise InvalidInput(f"Unknown query parameter. Supported: {known}.")
        if name in seen and name not in several:
            raise InvalidInput(f"Send the query parameter `{name}` once.")
        seen.add(name)


def _as_json(scope: Scope) -> Scope:
    # A body without a content type is read as JSON.
    headers = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
    return {**scope, "headers": [*headers, (b"content-type", b"application/json")]}


class PlainPaths:
    """ASGI middleware that rejects ambiguous URLs.

    An encoded slash would split one name into two, and bytes that are not UTF-8 would all become the same character.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or respond 422."""
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
    """The operation ID in the OpenAPI document, in metrics, and in logs: the name of the function in camelCase."""
    first, *others = route.name.split("_")
    return first + "".join(each[:1].upper() + each[1:] for each in others)


def of_this_moment(response: Response) -> None:
    """Forbid caches to store the response."""
    response.headers["Cache-Control"] = "no-store"


class BodyLimit:
    """ASGI middleware that reads bodies whole: at most `MAX_BODY_BYTES`, within `BODY_SECONDS`, and not compressed.

    A request whose body is incomplete when the client disconnects has no effect.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or respond 408, 413, or 415."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        body = _Body(receive)
        await body.read()
        error = body.error(is_compressed=is_compressed(scope["headers"]))
        if error is not None:
            response = problem(error)
            if not body.is_complete:
                # The rest of the body must not be parsed as a request.
                response.headers["Connection"] = "close"
            await response(scope, receive, send)
        elif not body.is_cut_off:
            await self.app(scope, body.receive_again, send)


class _Body:
    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._messages: list[Message] = []
        self._size = 0
        self._is_late = False
        self.is_complete = False
        self.is_cut_off = False

    async def read(self) -> None:
        """Read the body, up to the limits."""
        try:
            async with asyncio.timeout(BODY_SECONDS):
                await self._read()
        except TimeoutError:
            self._is_late = True
        self._messages.reverse()

    async def _read(self) -> None:
        while not self.is_complete and self._size <= MAX_DRAINED_BYTES:
            message = await self._receive()
            if message["type"] != "http.request":
                self.is_cut_off = True
                return
            self._size += len(message.get("body", b""))
            self.is_complete = not message.get("more_body", False)
            if self._size <= MAX_BODY_BYTES:
                self._messages.append(message)

    def error(self, *, is_compressed: bool) -> BrokerError | None:
        """The error for a body that is not accepted."""
        if self._size > MAX_BODY_BYTES:
            return BodyTooLarge(f"A body has at most {MAX_BODY_BYTES} bytes. Put large rosters one by one.")
        if self._is_late:
            return RequestTimeout(f"The body was not complete within {BODY_SECONDS:g} seconds. Send it at once.")
        if is_compressed and self._size:
            return UnsupportedContentEncoding("Compressed bodies are not read. Send the body without Content-Encoding.")
        return None

    async def receive_again(self) -> Message:
        """An ASGI `receive` that repeats the messages of the body first."""
        return self._messages.pop() if self._messages else await self._receive()
