"""Registering, reading, changing and cancelling a session: one set of routes, mounted for each kind."""

from collections.abc import Callable
from typing import Any, Protocol

from fastapi import APIRouter, Response

from videobroker.domain.authorization import Action
from videobroker.domain.sessions import Participant, RegistrationResult, SessionKind, SessionTerms
from videobroker.usecases import registration as registering
from videobroker.usecases.authorization import require
from videobroker.web.http.auth import SessionsAuthor, SessionsReader, SessionsWriter
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, OnceOnly, authorized
from videobroker.web.http.problems import described
from videobroker.web.http.requests import JsonRoute
from videobroker.web.v1.session_schemas import (
    READ_RESPONSES,
    ROLE_PROBLEMS,
    SESSION_PROBLEMS,
    WRITE_PROBLEMS,
    Reference,
    SessionOut,
    session_key,
)


class Registration(Protocol):
    """The body that registers a session of some kind."""

    def terms(self) -> SessionTerms:
        """What it says, in our words."""

    def people(self) -> list[Participant] | None:
        """The roster, where one was sent."""


class Amendment(Protocol):
    """The body that changes a session of some kind."""

    def amend(self, terms: SessionTerms) -> SessionTerms:
        """The terms with these changes."""


def register_routes(
    kind: SessionKind,
    *,
    registration: type[Registration],
    amendment: type[Amendment],
    shape: type[SessionOut],
    show: Callable[[RegistrationResult], SessionOut],
) -> APIRouter:
    """The routes for one kind of session, which reads and answers these shapes."""
    router = APIRouter(
        prefix=f"/{kind}s",
        tags=[f"{kind}s"],
        route_class=JsonRoute,
        generate_unique_id_function=lambda route: f"{route.name}_{kind}",
    )

    async def put(caller: SessionsWriter, reference: Reference, body: Registration, response: Response) -> SessionOut:
        """201 when it is new, 200 when it replaced the former one or was the same: the same body again changes nothing,
        not even `updated_at`."""
        registered = await registering.register(
            caller.context, session_key(caller, kind, reference), body.terms(), body.people()
        )
        response.status_code = 201 if registered.created else 200
        return show(registered)

    async def patch(caller: SessionsAuthor, reference: Reference, body: Amendment) -> SessionOut:
        """Changes what is named. The reference, the participants, and the room stay. A user token needs one of the
        policy's `booking_roles`, and changes the title, the schedule, and the status only."""
        registered = await registering.amend(caller.context, session_key(caller, kind, reference), body.amend)
        return show(registered)

    # The framework reads the shape of a body from its annotation, and the two kinds have different ones.
    put.__annotations__["body"] = registration
    patch.__annotations__["body"] = amendment
    router.put(
        "/{reference}",
        summary=f"Register or replace a {kind}",
        response_model=shape,
        responses={201: {"model": shape, "description": "Registered"}, **described(*WRITE_PROBLEMS)},
    )(put)
    router.patch(
        "/{reference}",
        summary=f"Change a {kind}",
        response_model=shape,
        responses=described(*WRITE_PROBLEMS, "session_not_found", *ROLE_PROBLEMS),
    )(patch)

    @router.get("/{reference}", summary=f"Read a {kind}", response_model=shape, responses=READ_RESPONSES)
    async def get(caller: SessionsReader, reference: Reference) -> SessionOut:
        """With its first participants; `GET .../participants` lists all of them."""
        key = session_key(caller, kind, reference)
        found = await registering.find(caller.context, key, acting_for=caller.acting_for)
        return show(found)

    @router.post(
        "/{reference}/cancel",
        summary=f"Cancel a {kind}",
        response_model=shape,
        responses=described(*SESSION_PROBLEMS, *IDEMPOTENCY_PROBLEMS, *ROLE_PROBLEMS),
    )
    async def cancel(caller: SessionsAuthor, reference: Reference, once: OnceOnly) -> Any:
        """No one can join any more, the call ends, and the room is closed. Canceling twice is the same as once;
        registering again reopens it. A user token needs one of the policy's `booking_roles`."""

        async def cancelled() -> SessionOut:
            key = session_key(caller, kind, reference)
            return show(await registering.cancel(caller.context, key))

        async def check() -> None:
            key = session_key(caller, kind, reference)
            await require(caller.context, key, Action.CHANGE_SESSION)

        return await once.answer(caller, cancelled, revalidate=authorized(check))

    return router
