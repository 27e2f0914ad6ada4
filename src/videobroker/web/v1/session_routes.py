"""What the routes of bookings and of groups share. Each kind declares its own routes, because their bodies differ."""

from collections.abc import Callable
from typing import Any, Protocol

from fastapi import Response

from videobroker.domain.authorization import Action
from videobroker.domain.sessions import Participant, RegistrationResult, SessionKey, SessionTerms
from videobroker.usecases import registration
from videobroker.web.http.auth import Caller
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, Once
from videobroker.web.http.problems import described
from videobroker.web.v1.session_schemas import (
    READ_RESPONSES,
    ROLE_PROBLEMS,
    SESSION_PROBLEMS,
    WRITE_PROBLEMS,
    SessionOut,
)

PUT_DESCRIPTION = """\
201 when it is new, 200 when it replaced the former one or was the same: the same body again changes nothing,
not even `updated_at`."""
PATCH_DESCRIPTION = """\
Changes what is named. The reference, the participants, and the room stay. A user token needs one of the
policy's `booking_roles`, and changes the title, the schedule, and the status only."""
GET_DESCRIPTION = "With its first participants; `GET .../participants` lists all of them."
CANCEL_DESCRIPTION = """\
No one can join any more, the call ends, and the room is closed. Canceling twice is the same as once;
registering again reopens it. A user token needs one of the policy's `booking_roles`."""

PATCH_RESPONSES = described(*WRITE_PROBLEMS, "session_not_found", *ROLE_PROBLEMS)
GET_RESPONSES = READ_RESPONSES
CANCEL_RESPONSES = described(*SESSION_PROBLEMS, *IDEMPOTENCY_PROBLEMS, *ROLE_PROBLEMS)


def put_responses(shape: type[SessionOut]) -> dict[int | str, dict[str, Any]]:
    """The responses of PUT besides 200."""
    return {201: {"model": shape, "description": "Registered"}, **described(*WRITE_PROBLEMS)}


class SessionBody(Protocol):
    """The body that registers a session of some kind."""

    def terms(self) -> SessionTerms:
        """The terms of the session."""

    def people(self) -> list[Participant] | None:
        """The roster; None leaves it as it is."""


async def put_session(caller: Caller, key: SessionKey, body: SessionBody, response: Response) -> RegistrationResult:
    """Register or replace a session, and set the status of the response."""
    registered = await registration.register(caller.context, key, body.terms(), body.people())
    response.status_code = 201 if registered.created else 200
    return registered


async def cancel_session(
    once: Once, caller: Caller, key: SessionKey, present: Callable[[RegistrationResult], SessionOut]
) -> Any:
    """Cancel a session, once for each idempotency key."""

    async def produce() -> SessionOut:
        return present(await registration.cancel(caller.context, key))

    return await once.answer_authorized(caller, key, Action.CHANGE_SESSION, produce)
