"""Links: a signed address for one person at one session."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field, StrictInt, model_validator

from videobroker.domain.access import Reason
from videobroker.domain.ids import TicketId
from videobroker.domain.tickets import MAX_TICKET_LIFETIME, MIN_TICKET_LIFETIME
from videobroker.usecases.idempotency import Answer
from videobroker.usecases.joining.join import guest_id
from videobroker.usecases.joining.links import (
    ActiveLink,
    Link,
    confirm_link,
    issue_link,
    list_links,
    revoke_link,
    revoke_links,
)
from videobroker.web.http.auth import Caller, LinkIssuer, LinkManager
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, OnceOnly
from videobroker.web.http.problems import described
from videobroker.web.http.schemas import INTEGRAL, Identifier, Moment, Name, Shape
from videobroker.web.v1.joining import SessionNamed
from videobroker.web.v1.session_router import Kind, SessionRouter
from videobroker.web.v1.session_schemas import ROLE_PROBLEMS, SESSION_PROBLEMS, Cursor, Limit, Reference, session_key

REFUSALS = tuple(
    reason.value
    for reason in Reason
    if reason not in {Reason.TOO_EARLY, Reason.WAITING_FOR_HOST, Reason.WAITING_FOR_ADMISSION}
)


LINK_REFUSALS = tuple(dict.fromkeys([*REFUSALS, *ROLE_PROBLEMS]))


class LinkedGuest(Shape):
    """Somebody without a registration."""

    display_name: Name = Field(description="What the guest is called.")


class LinkIn(Shape):
    """For whom the link is: a `user_id` on the roster, or a `guest`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user_id": "student-1"}, {"guest": {"display_name": "Gus"}}]}
    )

    user_id: Identifier | None = Field(
        default=None,
        description="A participant. With a user token or X-User-Id it may be left out. Only a backend or a host "
        "can name another person.",
    )
    guest: LinkedGuest | None = Field(default=None, description="Instead: somebody new; every link is another guest.")
    display_name: Name | None = Field(default=None, description="Instead of the name on the roster.")
    expires_in_seconds: (
        Annotated[
            StrictInt,
            Field(ge=int(MIN_TICKET_LIFETIME.total_seconds()), le=int(MAX_TICKET_LIFETIME.total_seconds())),
            INTEGRAL,
        ]
        | None
    ) = Field(
        default=None,
        description="A shorter lifetime. Without it, the link is valid until the session's window closes, within the "
        "policy's `ticket_seconds`; without a schedule, for 12 hours.",
    )

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
                    "id": "0195d3c2-7a11-7f02-8f5d-0c9be3a41d21",
                    "url": "https://video.example/join/vbt_eyJhcHAiOi...",
                    "ticket": "vbt_eyJhcHAiOi...",
                    "expires_at": "2026-03-12T15:15:00Z",
                    "user_id": "student-1",
                    "display_name": None,
                    "session": {"kind": "booking", "reference": "lesson-1", "title": "Algebra, lesson 1"},
                }
            ]
        }
    )

    id: UUID = Field(description="Identifies the link: to revoke it, and in the journal.")
    url: str = Field(description="The hosted page: send the person there.")
    ticket: str = Field(description="The same for your own page: `Authorization: Bearer vbt_...`.")
    expires_at: Moment = Field(
        description="The earliest of: the window's end (with the overrun while a call is running), "
        "`expires_in_seconds`, the policy's `ticket_seconds`, and the expiry of the API key or user token that created "
        "it. Moves with the session."
    )
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
        id=ticket.id,
        url=f"{address}/join/{link.text}",
        ticket=link.text,
        expires_at=ticket.expires_at,
        user_id=ticket.user_id,
        display_name=ticket.display_name,
        session=SessionNamed(kind=session.key.kind, reference=session.key.reference, title=session.terms.title),
    )


_ACTIVE_EXAMPLE: dict[str, Any] = {
    "id": "0195d3c2-7a11-7f02-8f5d-0c9be3a41d21",
    "user_id": "student-1",
    "guest": False,
    "display_name": None,
    "issued_at": "2026-03-10T09:00:00Z",
    "expires_at": "2026-03-12T15:15:00Z",
}


class ActiveLinkOut(BaseModel):
    """A link that works now. Its address is only in the answer that created it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ACTIVE_EXAMPLE]})

    id: UUID
    user_id: str
    guest: bool
    display_name: str | None = Field(description="The name that the link gives them.")
    issued_at: Moment
    expires_at: Moment = Field(description="As the session and its policy are now.")


class LinkPage(BaseModel):
    """One page of links, oldest first. A page may have fewer items than `limit`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"data": [_ACTIVE_EXAMPLE], "next": None}]})

    data: list[ActiveLinkOut]
    next: str | None = Field(description="The `cursor` of the next page; null on the last one.")


class RevokedOut(BaseModel):
    """What was revoked."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"revoked": 1}]})

    revoked: int = Field(description="How many links were revoked by this request.")


def _active_out(link: ActiveLink) -> ActiveLinkOut:
    record = link.record
    return ActiveLinkOut(
        id=record.id,
        user_id=record.user_id,
        guest=record.is_guest,
        display_name=record.display_name,
        issued_at=record.issued_at,
        expires_at=link.expires_at,
    )


def _person_of(caller: Caller, wish: LinkIn) -> str:
    # A host may create links for others; whether the user is one, the use case decides.
    if caller.is_user and wish.user_id is not None:
        return wish.user_id
    return caller.must_speak_for(wish.user_id)


router = SessionRouter()


@router.post(
    "/links",
    summary="Create a link",
    status_code=201,
    response_model=LinkOut,
    responses=described(*SESSION_PROBLEMS, "malformed_json", "body_too_large", *IDEMPOTENCY_PROBLEMS, *LINK_REFUSALS),
)
async def issue(
    caller: LinkIssuer, kind: Kind, reference: Reference, request: Request, once: OnceOnly, body: LinkIn | None = None
) -> Any:
    """A signed address for one person: the hosted page with everything until they are in the call. Every use of it
    repeats the access decision, so it may be given long before the session opens. It is valid until the session's
    window closes, also after the session was moved, and never grants more than its creator may do: a link made
    with an API key has the scopes of that key, and no link outlives the credential that created it. A person has
    at most 100 active links per session: the next one replaces their oldest, which is revoked."""
    wish = body or LinkIn()
    if wish.guest is None:
        user_id, name = _person_of(caller, wish), wish.display_name
    else:
        user_id = guest_id(caller.context, idempotency_key=once.guest_seed(caller))
        name = wish.guest.display_name
    seconds = wish.expires_in_seconds

    async def issued() -> LinkOut:
        link = await issue_link(
            caller.context,
            session_key(caller, kind, reference),
            user_id=user_id,
            display_name=name,
            is_guest=wish.guest is not None,
            life=None if seconds is None else timedelta(seconds=seconds),
        )
        return _link_out(link, public_address(request))

    async def revalidate(stored: Answer) -> Mapping[str, Any] | None:
        link = LinkOut.model_validate(stored.body)
        expires_at = await confirm_link(
            caller.context,
            session_key(caller, kind, reference),
            TicketId(link.id),
            user_id=user_id,
            display_name=name,
            is_guest=wish.guest is not None,
        )
        if expires_at is None:
            return None
        return link.model_copy(update={"expires_at": expires_at}).model_dump(mode="json")

    return await once.answer(caller, issued, revalidate=revalidate, user_id=user_id, status=201)


@router.get("/links", summary="List links", responses=described(*SESSION_PROBLEMS, "invalid_cursor"))
async def list_active(
    caller: LinkManager,
    kind: Kind,
    reference: Reference,
    user_id: Annotated[Identifier | None, Query(description="Only links of this person.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> LinkPage:
    """The links of the session that work now: neither revoked nor expired."""
    found, following = await list_links(
        caller.context, session_key(caller, kind, reference), user_id=user_id, limit=limit, cursor=cursor
    )
    return LinkPage(data=[_active_out(link) for link in found], next=following)


@router.delete("/links", summary="Revoke links", responses=described(*SESSION_PROBLEMS))
async def revoke_all(
    caller: LinkManager,
    kind: Kind,
    reference: Reference,
    user_id: Annotated[
        Identifier | None, Query(description="Only links of this person; without it, all links of the session.")
    ] = None,
) -> RevokedOut:
    """Effective at once: every use is refused with `ticket_revoked`, and open streams end. Links that are created
    later work. Credentials that were already issued stay valid: remove the participant to end them."""
    key = session_key(caller, kind, reference)
    count = await revoke_links(caller.context, key, user_id=user_id)
    return RevokedOut(revoked=count)


@router.delete("/links/{link_id}", summary="Revoke a link", responses=described(*SESSION_PROBLEMS, "link_not_found"))
async def revoke_one(caller: LinkManager, kind: Kind, reference: Reference, link_id: UUID) -> RevokedOut:
    """Effective at once. Revoking it again changes nothing."""
    key = session_key(caller, kind, reference)
    count = await revoke_link(caller.context, key, TicketId(link_id))
    return RevokedOut(revoked=count)
