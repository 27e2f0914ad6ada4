"""The fast path: an ASGI middleware that serves frequent requests without the framework.

For a join, routing, dependencies, and middleware cost several times as much as the join itself. A frequent operation is
marked with `fast_path`. At start, `FastPath` compiles every marked operation from its FastAPI route: the path, the
method, the operation ID, the path parameters, the body model, and the dependencies. The handler and its response are
those of the framework. A request that is unusual in any way, or invalid, goes to the framework before anything has been
done for it: there is one contract, and one text for every error.
"""

import asyncio
import inspect
import re
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from types import NoneType
from typing import Annotated, Any, Protocol, TypeVar, get_args, get_origin, get_type_hints

import pydantic_core
from fastapi import FastAPI, params
from fastapi.routing import RouteContext, iter_route_contexts
from fastapi.security.base import SecurityBase
from pydantic import BaseModel, TypeAdapter
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from videobroker.broker import Broker
from videobroker.current_request import CURRENT_REQUEST
from videobroker.domain.struct import Struct
from videobroker.errors import BrokerError
from videobroker.web.http.accept import accepts_json
from videobroker.web.http.access_log import observe
from videobroker.web.http.problems import log_failure, problem, unexpected
from videobroker.web.http.request_ids import identified_request
from videobroker.web.http.semantics import is_host

BODY_SECONDS = 5.0
"""A slower body goes to the framework, which has a time limit and a response for it."""

_UNUSUAL_HEADERS = frozenset({b"origin", b"content-encoding"})
"""Middleware acts on these."""
_JSON = b"application/json"
# No percent-encoding and no dot segments: what such a segment means is never ambiguous.
_SEGMENT = re.compile(rb"[A-Za-z0-9_~-][A-Za-z0-9._~-]*")
_PARAMETER = re.compile(r"\{(\w+)\}")

Headers = Mapping[bytes, bytes]
Handler = TypeVar("Handler", bound=Callable[..., Awaitable[Response]])


class Validator(Protocol):
    """`TypeAdapter.validator`. The methods of `TypeAdapter` itself take twice as long."""

    def validate_python(self, value: Any, /) -> Any:
        """The validated value. Raises `ValueError`."""


class FastRequest(Struct):
    """A request on the fast path, without its path and its body model."""

    broker: Broker
    headers: Headers
    """By name in lower case. None is repeated, except `X-Forwarded-For`, whose values are joined."""
    client: tuple[str, int] | None
    body: bytes
    hidden_from_repr = ("headers", "body")


@dataclass(frozen=True, slots=True)
class Constant:
    """Resolves a dependency whose value is the same for every request without the headers that it declares."""

    value: Any


class Resolver(Protocol):
    """Resolves a dependency from a request."""

    def accepts(self, headers: Headers) -> bool:
        """Whether `resolve` can do for these headers what the dependency does."""

    async def resolve(self, request: FastRequest) -> Any:
        """The value of the dependency. Raises its `BrokerError`s."""


ResolverFactory = Callable[[RouteContext, Sequence[str]], Constant | Resolver]
"""Makes what resolves a dependency of this route, which has these security scopes."""
Resolvers = Mapping[Callable[..., Any], ResolverFactory]
"""By dependency, as in `Depends(dependency)`."""


def fast_path(*, max_body_bytes: int) -> Callable[[Handler], Handler]:
    """Mark the handler of a frequent operation. It returns a whole `Response`, with all of its headers.

    Requests with a longer body go to the framework.
    """

    def mark(handler: Handler) -> Handler:
        handler.max_fast_body_bytes = max_body_bytes  # type: ignore[attr-defined]
        return handler

    return mark


class NotCompilable(TypeError):
    """A marked operation declares something that the fast path does not support. It must not be ignored."""


@dataclass(frozen=True, slots=True)
class FastRoute:
    """A compiled operation."""

    method: str
    segments: tuple[bytes | None, ...]
    """Of the path; None for a parameter."""
    operation: str
    handler: Callable[..., Awaitable[Response]]
    max_body_bytes: int
    constants: Mapping[str, Any]
    resolvers: tuple[tuple[str, Resolver], ...]
    parameters: tuple[tuple[str, Validator], ...]
    """In the order of the path."""
    body: tuple[str, Validator] | None
    absent: frozenset[bytes]
    """Headers that only the framework reads."""

    @property
    def unique_id(self) -> str:
        """The operation, as routes of the framework name it."""
        return self.operation

    def accepts(self, headers: Headers) -> bool:
        """Whether nothing in these headers is unusual."""
        return (
            self.absent.isdisjoint(headers)
            and is_host(headers.get(b"host", b""))
            and (self.body is None or headers.get(b"content-type", _JSON) == _JSON)
            and accepts_json(headers.get(b"accept", b""))
            and all(resolver.accepts(headers) for _, resolver in self.resolvers)
        )

    def parse(self, values: Sequence[bytes], body: bytes) -> dict[str, Any] | None:
        """The handler's arguments, except those of resolvers; None if the request is not valid."""
        arguments = dict(self.constants)
        try:
            for (name, validator), value in zip(self.parameters, values, strict=True):
                arguments[name] = validator.validate_python(value.decode())
            if self.body is not None:
                name, validator = self.body
                arguments[name] = validator.validate_python(pydantic_core.from_json(body, allow_inf_nan=False))
        except ValueError:
            return None
        return arguments

    async def respond(self, request: FastRequest, arguments: dict[str, Any]) -> Response:
        """The response of the handler, or the problem document of its error. It is logged and counted."""
        began = time.perf_counter()
        status = 500
        try:
            response = await self._respond(request, arguments)
            status = response.status_code
        finally:
            observe(self.operation, status, began)
        return response

    async def _respond(self, request: FastRequest, arguments: dict[str, Any]) -> Response:
        try:
            for name, resolver in self.resolvers:
                arguments[name] = await resolver.resolve(request)
            return await self.handler(**arguments)
        except BrokerError as error:
            log_failure(error)
            return problem(error)
        except Exception as error:  # noqa: BLE001  like `LastResort`
            return problem(unexpected(error))


def compile_routes(app: FastAPI, resolvers: Resolvers) -> Iterator[FastRoute]:
    """The marked operations of the application. Raises `NotCompilable`."""
    for route in iter_route_contexts(app.routes):
        if hasattr(route.endpoint, "max_fast_body_bytes"):
            yield _compiled(route, resolvers)


def _compiled(route: RouteContext, resolvers: Resolvers) -> FastRoute:
    handler: Any = route.endpoint
    path = str(route.path)
    names = _PARAMETER.findall(path)
    parameters: dict[str, Validator] = {}
    constants: dict[str, Any] = {}
    resolved: list[tuple[str, Resolver]] = []
    body: tuple[str, Validator] | None = None
    absent = set(_UNUSUAL_HEADERS)
    for each in route.dependencies:
        _require_documentation_only(route, each)
    for name, annotation in _parameters(handler).items():
        dependency, scopes = _dependency(annotation)
        if dependency is not None and dependency in resolvers:
            resolver = resolvers[dependency](route, scopes)
            absent |= _declared_headers(dependency)
            if isinstance(resolver, Constant):
                constants[name] = resolver.value
            else:
                resolved.append((name, resolver))
        elif name in names:
            parameters[name] = TypeAdapter(annotation).validator
        elif body is None and _is_model(annotation):
            body = name, TypeAdapter(annotation).validator
        else:
            raise NotCompilable(f"{route.name}: the fast path does not support the parameter {name!r}")
    if set(names) != set(parameters):
        raise NotCompilable(f"{route.name}: its handler does not take every parameter of {path}")
    return FastRoute(
        method=_one_method(route),
        segments=tuple(None if _PARAMETER.fullmatch(each) else each.encode() for each in path.split("/")),
        operation=route.unique_id,
        handler=handler,
        max_body_bytes=handler.max_fast_body_bytes,
        constants=constants,
        resolvers=tuple(resolved),
        parameters=tuple((name, parameters[name]) for name in names),
        body=body,
        absent=frozenset(absent),
    )


def _one_method(route: RouteContext) -> str:
    methods = list(route.methods or ())
    if len(methods) != 1:
        raise NotCompilable(f"{route.name}: the fast path needs exactly one method")
    return methods[0]


def _parameters(function: Callable[..., Any]) -> dict[str, Any]:
    hints = get_type_hints(function, include_extras=True)
    return {name: hints.get(name, Any) for name in inspect.signature(function).parameters}


def _metadata(annotation: Any) -> tuple[Any, ...]:
    return get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()


def _dependency(annotation: Any) -> tuple[Callable[..., Any] | None, Sequence[str]]:
    """The dependency of a parameter, with its security scopes."""
    for each in _metadata(annotation):
        if isinstance(each, params.Depends):
            return each.dependency, list(each.scopes or ()) if isinstance(each, params.Security) else []
    return None, ()


def _is_model(annotation: Any) -> bool:
    kinds = [each for each in get_args(annotation) or (annotation,) if each is not NoneType]
    return all(isinstance(each, type) and issubclass(each, BaseModel) for each in kinds)


def _require_documentation_only(route: RouteContext, dependency: params.Depends) -> None:
    # A security scheme without `auto_error` only documents a header that the handler checks.
    scheme: object = dependency.dependency
    if not (isinstance(scheme, SecurityBase) and getattr(scheme, "auto_error", True) is False):
        raise NotCompilable(f"{route.name}: the fast path does not support the dependency {scheme!r}")


def _declared_headers(dependency: Callable[..., Any] | None) -> set[bytes]:
    """The headers that a dependency reads, besides those of security schemes."""
    found: set[bytes] = set()
    if not inspect.isfunction(dependency):
        return found
    for name, annotation in _parameters(dependency).items():
        for each in _metadata(annotation):
            if isinstance(each, params.Header):
                found.add((each.alias or name.replace("_", "-")).lower().encode())
            elif isinstance(each, params.Depends):
                found |= _declared_headers(each.dependency)
    return found


class FastPath:
    """ASGI middleware that serves the marked operations of `app`, and passes everything else on to `framework`."""

    def __init__(self, app: FastAPI, framework: ASGIApp, resolvers: Resolvers) -> None:
        self._app = app
        self._framework = framework
        self._routes = _Routes(compile_routes(app, resolvers))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond, or pass the request on."""
        match = self._match(scope)
        if match is None:
            await self._framework(scope, receive, send)
            return
        route, values, headers = match
        messages = await _read(receive, route.max_body_bytes)
        body = _whole(messages, route.max_body_bytes)
        arguments = None if body is None else route.parse(values, body)
        if body is None or arguments is None:
            await self._framework(scope, _replay(messages, receive), send)
            return
        current = identified_request(headers.get(b"x-request-id"), headers.get(b"traceparent"))
        # Not reset, as in `RequestIds`.
        CURRENT_REQUEST.set(current)
        # As the framework does, for `TracedRequests`.
        scope["route"] = route
        request = FastRequest(self._app.state.broker, headers, scope["client"], body)
        response = await route.respond(request, arguments)
        fields = [*response.raw_headers, *current.response_headers()]
        await send({"type": "http.response.start", "status": response.status_code, "headers": fields})
        await send({"type": "http.response.body", "body": response.body})

    def _match(self, scope: Scope) -> "tuple[FastRoute, Sequence[bytes], Headers] | None":
        if scope["type"] != "http" or scope["query_string"] or scope.get("root_path"):
            return None
        found = self._routes.find(scope["method"], scope.get("raw_path") or b"")
        if found is None:
            return None
        headers = single_headers(scope["headers"])
        return None if headers is None or not found[0].accepts(headers) else (*found, headers)


class _Routes:
    """Finds the compiled operation of a path, segment by segment."""

    def __init__(self, routes: Iterable[FastRoute]) -> None:
        self._methods: dict[str, dict[Any, Any]] = {}
        for route in routes:
            node = self._methods.setdefault(route.method, {})
            for segment in route.segments:
                node = node.setdefault(segment, {})
            node[_Routes] = route

    def find(self, method: str, path: bytes) -> tuple[FastRoute, list[bytes]] | None:
        """The operation, and the values of the path's parameters."""
        node = self._methods.get(method)
        values: list[bytes] = []
        for segment in path.split(b"/"):
            if node is None:
                return None
            deeper = node.get(segment)
            if deeper is None and _SEGMENT.fullmatch(segment):
                deeper = node.get(None)
                values.append(segment)
            node = deeper
        route = None if node is None else node.get(_Routes)
        return None if route is None else (route, values)


def single_headers(headers: Iterable[tuple[bytes, bytes]]) -> Headers | None:
    """The headers by name; None if one is repeated. `X-Forwarded-For` may be: each proxy may add a line."""
    lines = list(headers)
    found = dict(lines)
    if len(found) == len(lines):
        return found
    forwarded_for = [value for name, value in lines if name == b"x-forwarded-for"]
    if len(found) + len(forwarded_for) - 1 != len(lines):
        return None
    return {**found, b"x-forwarded-for": b", ".join(forwarded_for)}


async def _read(receive: Receive, max_bytes: int) -> list[Message]:
    """The messages of the body: all of them, unless it is too long or too slow."""
    # Usually the body has arrived with the head. Then there is nothing to wait for, and no need for a timer, which
    # would cost more than everything else that is done here.
    pending = _receive(receive)
    try:
        waits_for = pending.send(None)
    except StopIteration as completed:
        message: Message = completed.value
        if not message.get("more_body"):
            return [message]
        messages = [message]
        rest: Awaitable[Message] | None = None
    else:
        messages = []
        rest = _Started(pending, waits_for)
    with suppress(TimeoutError):
        async with asyncio.timeout(BODY_SECONDS):
            await _read_rest(messages, rest, receive, max_bytes)
    return messages


async def _receive(receive: Receive) -> Message:
    # A coroutine, whatever the server's awaitable is: only coroutines have `send` and `throw` for certain.
    return await receive()


async def _read_rest(
    messages: list[Message], started: Awaitable[Message] | None, receive: Receive, max_bytes: int
) -> None:
    length = sum(len(each.get("body", b"")) for each in messages)
    more = True
    while more and length <= max_bytes:
        message = await (started or receive())
        started = None
        messages.append(message)
        length += len(message.get("body", b""))
        more = message.get("more_body", False)


class _Started:
    """The rest of a coroutine that has been started, and waits for something."""

    __slots__ = ("_pending", "_waits_for")

    def __init__(self, pending: Coroutine[Any, Any, Any], waits_for: Any) -> None:
        self._pending = pending
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, Any]:
        waits_for = self._waits_for
        while True:
            resume: Callable[[], Any]
            try:
                sent = yield waits_for
            except BaseException as error:  # noqa: BLE001  it is for the awaitable to handle
                resume = partial(self._pending.throw, error)
            else:
                resume = partial(self._pending.send, sent)
            try:
                waits_for = resume()
            except StopIteration as completed:
                return completed.value


def _whole(messages: Sequence[Message], max_bytes: int) -> bytes | None:
    if not messages:
        return None
    last = messages[-1]
    body: bytes = last.get("body", b"") if len(messages) == 1 else b"".join([e.get("body", b"") for e in messages])
    return None if last["type"] != "http.request" or last.get("more_body") or len(body) > max_bytes else body


def _replay(messages: list[Message], receive: Receive) -> Receive:
    """Receives these messages again, and then the rest."""
    left = messages[::-1]

    async def receive_again() -> Message:
        return left.pop() if left else await receive()

    return receive_again
