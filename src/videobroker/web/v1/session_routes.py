"""Shared code of the booking and group routes. Each kind declares its own routes, because their bodies differ."""

from collections.abc import Callable
from typing import Any, Protocol

from fastapi import Request, Response

from videobroker.domain.authorization import Action
from videobroker.domain.sessions import Participant, RegistrationResult, SessionKey, SessionTerms
from videobroker.usecases import registration
from videobroker.usecases.preconditions import Precondition
from videobroker.web.http.auth import Caller
from videobroker.web.http.conditional import NOT_MODIFIED, set_created
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, IdempotentRequest
from videobroker.web.http.problems import described
from videobroker.web.v1.session_schemas import (
    ROLE_PROBLEMS,
    SESSION_PROBLEMS,
    WRITE_PROBLEMS,
    SessionOut,
)

PUT_DESCRIPTION = """\
Creates the session, or replaces it. A field that you omit gets its default, so a canceled or completed session is open
again unless you send its `status`. Participants are the exception: omit `participants` to keep those that are
registered, and send an empty list to remove them all. To change single fields, use `PATCH`.

Returns 201 if the session was created, and 200 if it existed. The request is idempotent: repeating it with the same
body changes nothing, not even `updated_at`."""
PATCH_DESCRIPTION = """\
Updates the given fields. The reference, the participants, and the room do not change. A user token needs one of the
policy's `booking_roles`, and can only change the title, the schedule, and the status."""
GET_DESCRIPTION = "Returns the session with its first participants. To list all of them, use `GET .../participants`."
CANCEL_DESCRIPTION = """\
Ends the call, closes the room, and prevents anyone from joining. Canceling again has no effect. To reopen the
session, send `PUT` again. A user token needs one of the policy's `booking_roles`."""

DELETE_DESCRIPTION = """\
Deletes the session with its participants, links, calls, and attendance. A running call ends, and everyone in it is
disconnected. The journal keeps its events, and you get `session.deleted`. The reference is free: a new session with it
gets a new room. To keep calls and attendance, cancel the session instead."""

PATCH_RESPONSES = described(*WRITE_PROBLEMS, "session_not_found", *ROLE_PROBLEMS, "precondition_failed")
GET_RESPONSES = {**NOT_MODIFIED, **described(*SESSION_PROBLEMS, "precondition_failed")}
DELETE_RESPONSES = described(*SESSION_PROBLEMS, "precondition_failed")
CANCEL_RESPONSES = described(*SESSION_PROBLEMS, *IDEMPOTENCY_PROBLEMS, *ROLE_PROBLEMS)


def put_responses(shape: type[SessionOut]) -> dict[int | str, dict[str, Any]]:
    """The responses of PUT besides 200."""
    return {201: {"model": shape, "description": "Created"}, **described(*WRITE_PROBLEMS, "precondition_failed")}


class SessionBody(Protocol):
    """The body of a request that creates or replaces a session."""

    def terms(self) -> SessionTerms: ...

    def people(self) -> list[Participant] | None:
        """The participants; None keeps them unchanged."""


async def put_session(
    caller: Caller,
    key: SessionKey,
    body: SessionBody,
    request: Request,
    response: Response,
    *,
    precondition: Precondition[RegistrationResult] | None,
) -> RegistrationResult:
    """Create or replace a session. A new one gets status 201, with its location."""
    registered = await registration.register(
        caller.context, key, body.terms(), body.people(), precondition=precondition
    )
    if registered.created:
        set_created(request, response)
    return registered


async def cancel_session(
    idempotency: IdempotentRequest, caller: Caller, key: SessionKey, present: Callable[[RegistrationResult], SessionOut]
) -> Response:
    """Cancel a session, once per idempotency key."""

    async def produce() -> SessionOut:
        return present(await registration.cancel(caller.context, key))

    return await idempotency.respond_authorized(caller, key, Action.CHANGE_SESSION, produce)
