"""Links: a signed address for one person at one session."""

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, StrictInt, model_validator

from videobroker.domain.access import Reason
from videobroker.domain.sessions import SessionKind
from videobroker.domain.tickets import LONGEST_LIFE, SHORTEST_LIFE
from videobroker.errors import ApiKeyNeeded, TicketNotEnough
from videobroker.usecases.entering import guest_id
from videobroker.usecases.linking import Link, issue_link
from videobroker.web.auth import Caller, Joiner
from videobroker.web.idempotent import IDEMPOTENCY_PROBLEMS, OnceOnly
from videobroker.web.problems import described
from videobroker.web.reading import JsonRoute
from videobroker.web.shapes import INTEGRAL, Identifier, Moment, Name, Shape
from videobroker.web.v1.doors import SessionNamed
from videobroker.web.v1.sessions import SESSION_PROBLEMS, Reference, session_key

REFUSALS = tuple(
    reason.value
    for reason in Reason
    if reason not in {Reason.TOO_EARLY, Reason.WAITING_FOR_HOST, Reason.WAITING_FOR_ADMISSION}
)


class LinkedGuest(Shape):
    """Somebody without a registration."""

    display_name: Name = Field(description="What the guest is called.")


class LinkIn(Shape):
    """For whom the link is: a `user_id` on the roster, or a `guest`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user_id": "student-1"}, {"guest": {"display_name": "Gus"}}]}
    )

    user_id: Identifier | None = Field(
        default=None, description="Somebody on the roster. With a user token or X-User-Id it may be left out."
    )
    guest: LinkedGuest | None = Field(default=None, description="Instead: somebody new; every link is another guest.")
    display_name: Name | None = Field(default=None, description="Instead of the name on the roster.")
    expires_in_seconds: (
        Annotated[
            StrictInt, Field(ge=int(SHORTEST_LIFE.total_seconds()), le=int(LONGEST_LIFE.total_seconds())), INTEGRAL
        ]
        | None
    ) = Field(default=None, description="Instead of the policy's `ticket_seconds`.")

    @model_validator(mode="after")
    def _one_person(self) -> "LinkIn":
        if self.guest is not None and (self.user_id is not None or self.display_name is not None):
            raise ValueError("give either `user_id` or `guest`; a guest's name stands in `guest`")
        return self


class LinkOut(BaseModel):
    """A link. Whoever has it is this person at this session."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "url": "https://video.example/join/vbt_eyJhcHAiOi...",
                    "ticket": "vbt_eyJhcHAiOi...",
                    "expires_at": "2026-03-13T01:40:00Z",
                    "user_id": "student-1",
                    "display_name": None,
                    "session": {"kind": "booking", "reference": "lesson-1", "title": "Algebra, lesson 1"},
                }
            ]
        }
    )

    url: str = Field(description="The hosted page: send the person there.")
    ticket: str = Field(description="The same for your own page: `Authorization: Bearer vbt_...`.")
    expires_at: Moment
    user_id: str = Field(description="Of a guest, the id that they keep with this link.")
    display_name: str | None = Field(description="The name that the link gives them.")
    session: SessionNamed


def public_address(request: Request) -> str:
    """Where browsers find this service, without a slash at the end."""
    configured: str | None = request.app.state.public_url
    return configured or str(request.base_url).rstrip("/")


def _link_out(link: Link, address: str) -> LinkOut:
    session, ticket = link.session, link.ticket
    return LinkOut(
        url=f"{address}/join/{link.text}",
        ticket=link.text,
        expires_at=ticket.expires_at,
        user_id=ticket.user_id,
        display_name=ticket.display_name,
        session=SessionNamed(kind=session.key.kind, reference=session.key.reference, title=session.terms.title),
    )


def _require_may_link(caller: Caller, wish: LinkIn) -> None:
    if caller.ticket is not None:
        raise TicketNotEnough("A link makes no other link: it would never end. Ask your backend for a new one.")
    if wish.guest is not None and caller.is_user:
        raise ApiKeyNeeded("Only a backend brings guests. Send an API key.")


def link_routes(kind: SessionKind) -> APIRouter:
    """The routes for one kind of session."""
    router = APIRouter(
        prefix=f"/{kind}s/{{reference}}",
        tags=[f"{kind}s"],
        route_class=JsonRoute,
        generate_unique_id_function=lambda route: f"{route.name}_of_{kind}",
    )

    @router.post(
        "/links",
        summary="Give somebody a link",
        status_code=201,
        response_model=LinkOut,
        responses=described(*SESSION_PROBLEMS, "malformed_json", "body_too_large", *IDEMPOTENCY_PROBLEMS, *REFUSALS),
    )
    async def issue(
        caller: Joiner, reference: Reference, request: Request, once: OnceOnly, body: LinkIn | None = None
    ) -> Any:
        """A signed address for one person: the hosted page with everything until they are in the call. Every use of it
        repeats the access decision, so it may be given long before the session opens."""
        wish = body or LinkIn()
        _require_may_link(caller, wish)
        if wish.guest is None:
            user_id, name = caller.must_speak_for(wish.user_id), wish.display_name
        else:
            user_id = guest_id(caller.now, app=caller.app, idempotency_key=once.key)
            name = wish.guest.display_name
        seconds = wish.expires_in_seconds

        async def issued() -> LinkOut:
            link = await issue_link(
                caller.broker,
                caller.app,
                session_key(caller, kind, reference),
                user_id=user_id,
                display_name=name,
                is_guest=wish.guest is not None,
                life=None if seconds is None else timedelta(seconds=seconds),
                actor=caller.actor,
                now=caller.now,
            )
            return _link_out(link, public_address(request))

        return await once.answer(caller, issued, status=201)

    return router
