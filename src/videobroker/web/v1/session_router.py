"""Routes that bookings and groups have in common: declared once with module-level handlers, mounted for each kind."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Request
from starlette.routing import BaseRoute

from videobroker.domain.sessions import SessionKind
from videobroker.web.http.requests import JsonRoute

Handler = TypeVar("Handler", bound=Callable[..., Any])


class BookingRoute(JsonRoute):
    """A route under `/bookings`."""

    session_kind = SessionKind.BOOKING


class GroupRoute(JsonRoute):
    """A route under `/groups`."""

    session_kind = SessionKind.GROUP


ROUTE_CLASSES = {route_class.session_kind: route_class for route_class in (BookingRoute, GroupRoute)}


async def session_kind(request: Request) -> SessionKind:
    """The kind of session of the matched route."""
    return kind_of(request.scope["route"])


def kind_of(route: BaseRoute) -> SessionKind:
    """The kind of session of a route of a `SessionRouter`."""
    assert isinstance(route, BookingRoute | GroupRoute)  # noqa: S101  a route of `for_kind`
    return route.session_kind


Kind = Annotated[SessionKind, Depends(session_kind)]
"""For handlers: the kind of session of the matched route."""


@dataclass(frozen=True, slots=True)
class _Declaration:
    method: str
    path: str
    handler: Callable[..., Any]
    operation_id: str
    summary: str
    options: dict[str, Any]


class SessionRouter:
    """Collects routes under `/{kind}s` + `prefix`; `for_kind` creates a FastAPI router from them.

    Operation IDs contain `{Kind}`, which becomes `Booking` or `Group`. A summary may contain `{kind}`.
    """

    def __init__(self, prefix: str = "/{reference}") -> None:
        self._prefix = prefix
        self._declarations: list[_Declaration] = []

    def get(self, path: str, *, operation_id: str, summary: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a GET operation. The options are those of `APIRouter.get`."""
        return self._declare("GET", path, operation_id, summary, options)

    def post(self, path: str, *, operation_id: str, summary: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a POST operation. The options are those of `APIRouter.post`."""
        return self._declare("POST", path, operation_id, summary, options)

    def put(self, path: str, *, operation_id: str, summary: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a PUT operation. The options are those of `APIRouter.put`."""
        return self._declare("PUT", path, operation_id, summary, options)

    def patch(self, path: str, *, operation_id: str, summary: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a PATCH operation. The options are those of `APIRouter.patch`."""
        return self._declare("PATCH", path, operation_id, summary, options)

    def delete(self, path: str, *, operation_id: str, summary: str, **options: Any) -> Callable[[Handler], Handler]:
        """Declare a DELETE operation. The options are those of `APIRouter.delete`."""
        return self._declare("DELETE", path, operation_id, summary, options)

    def for_kind(self, kind: SessionKind) -> APIRouter:
        """The routes for one kind of session."""
        router = APIRouter(prefix=f"/{kind}s{self._prefix}", tags=[f"{kind}s"], route_class=ROUTE_CLASSES[kind])
        for each in self._declarations:
            router.add_api_route(
                each.path,
                each.handler,
                methods=[each.method],
                operation_id=each.operation_id.format(Kind=kind.title()),
                summary=each.summary.format(kind=kind),
                **each.options,
            )
        return router

    def _declare(
        self, method: str, path: str, operation_id: str, summary: str, options: dict[str, Any]
    ) -> Callable[[Handler], Handler]:
        def declare(handler: Handler) -> Handler:
            self._declarations.append(_Declaration(method, path, handler, operation_id, summary, options))
            return handler

        return declare
