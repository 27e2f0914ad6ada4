"""Links: signed URLs of the hosted page, each for one person and one session."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field, StrictInt, model_validator

from videobroker.domain.access import AccessReason
from videobroker.domain.ids import TicketId
from videobroker.domain.tickets import MAX_TICKET_LIFETIME, MIN_TICKET_LIFETIME
from videobroker.usecases.idempotency import KeyedResponse
from videobroker.usecases.joining.join import guest_id
from videobroker.usecases.joining.links import (
    ActiveLink,
    IssuedLink,
    confirm_link,
    issue_link,
    list_links,
    revoke_link,
    revoke_links,
)
from videobroker.web.http.auth import Caller, LinkIssuer, LinkManager
from videobroker.web.http.idempotency import IDEMPOTENCY_PROBLEMS, Idempotency
from videobroker.web.http.problems import described
from videobroker.web.http.schemas import INTEGRAL, Identifier, Moment, Name, RequestModel
from videobroker.web.v1.joining import SessionName
from videobroker.web.v1.session_router import Kind, SessionRouter
from videobroker.web.v1.session_schemas import (
    BODY_PROBLEMS,
    ROLE_PROBLEMS,
    SESSION_PROBLEMS,
    Cursor,
    Limit,
    Reference,
    session_key,
)

LinkPath = Annotated[UUID, Path(description="The `id` of the link.")]

REFUSALS = tuple(
    reason.value
    for reason in AccessReason
    if reason not in {AccessReason.TOO_EARLY, AccessReason.WAITING_FOR_HOST, AccessReason.WAITING_FOR_ADMISSION}
)


LINK_REFUSALS = tuple(dict.fromkeys([*REFUSALS, *ROLE_PROBLEMS]))


class LinkGuestInput(RequestModel):
    """A person who is not registered for the session."""

    display_name: Name = Field(description="The guest's name.")


class LinkInput(RequestModel):
    """The person that the link is for: a participant's `user_id`, or a `guest`."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"user_id": "student-1"}, {"guest": {"display_name": "Gus"}}]}
    )

    user_id: Identifier | None = Field(
        default=None,
        description="The participant. Optional with a user token or `X-User-Id`. Only a backend or a host can create "
        "links for other people.",
    )
    guest: LinkGuestInput | None = Field(
        default=None, description="Use instead of `user_id` for a guest. Every link creates a new guest."
    )
    display_name: Name | None = Field(default=None, description="Replaces the participant's registered display name.")
    expires_in_seconds: (
        Annotated[
            StrictInt,
            Field(ge=int(MIN_TICKET_LIFETIME.total_seconds()), le=int(MAX_TICKET_LIFETIME.total_seconds())),
            INTEGRAL,
        ]
        | None
    ) = Field(
        default=None,
        description="A shorter lifetime. By default, the link is valid until the session's window closes, but not "
        "longer than the policy's `ticket_seconds`. For sessions without a schedule, the default is 12 hours.",
    )

    @model_validator(mode="after")
    def _one_person(self) -> "LinkInput":
        if self.guest is not None and (self.user_id is not None or self.display_name is not None):
            raise ValueError("send either `user_id` or `guest`; put a guest's name into `guest`")
        return self


class LinkWithUrl(BaseModel):
    """A link. Anyone who has it can join the session as this person."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "0195d3c2-7a11-7f02-8f5d-0c9be3a41d21",
                    "url": "https://video.example/join/vbt_eyJhcHAiOi...",
                    "ticket": "vbt_eyJhcHAiOi...",
                    "expires_at": "2030-03-12T15:15:00Z",
                    "user_id": "student-1",
                    "display_name": None,
                    "session": {"kind": "booking", "reference": "lesson-1", "title": "Algebra, lesson 1"},
                }
            ]
        }
    )

    id: UUID = Field(description="The ID of the link. Use it to revoke the link, and to find it in the journal.")
    url: str = Field(description="The URL of the hosted page. Send it to the person.")
    ticket: str = Field(
        description="The ticket in the URL, for use from your own page: `Authorization: Bearer vbt_...`."
    )
    expires_at: Moment = Field(
        description="The earliest of: the end of the window (with the overrun while a call is running), "
        "`expires_in_seconds`, the policy's `ticket_seconds`, and the expiry of the API key or user token that created "
        "the link. Changes when the session is rescheduled."
    )
    user_id: str = Field(description="For a guest, a generated ID that stays the same for this link.")
    display_name: str | None = Field(description="The display name that the link sets, if any.")
    session: SessionName


def public_address(request: Request) -> str:
    """The base URL of this service for browsers, without a trailing slash."""
    configured: str | None = request.app.state.public_url
    return configured or str(request.base_url).rstrip("/")


def _link_out(link: IssuedLink, address: str) -> LinkWithUrl:
    session, ticket = link.session, link.ticket
    return LinkWithUrl(
        id=ticket.id,
        url=f"{address}/join/{link.text}",
        ticket=link.text,
        expires_at=ticket.expires_at,
        user_id=ticket.user_id,
        display_name=ticket.display_name,
        session=SessionName(kind=session.key.kind, reference=session.key.reference, title=session.terms.title),
    )


_ACTIVE_EXAMPLE: dict[str, Any] = {
    "id": "0195d3c2-7a11-7f02-8f5d-0c9be3a41d21",
    "user_id": "student-1",
    "guest": False,
    "display_name": None,
    "issued_at": "2030-03-10T09:00:00Z",
    "expires_at": "2030-03-12T15:15:00Z",
}


class LinkOut(BaseModel):
    """An active link. Its URL is only in the response that created it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ACTIVE_EXAMPLE]})

    id: UUID
    user_id: str
    guest: bool
    display_name: str | None = Field(description="The display name that the link sets, if any.")
    issued_at: Moment
    expires_at: Moment = Field(description="Based on the current schedule and policy of the session.")


class LinkList(BaseModel):
    """One page of links, oldest first. A page can have fewer items than `limit`, even if it is not the last one."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"data": [_ACTIVE_EXAMPLE], "next": None}]})

    data: list[LinkOut]
    next: str | None = Field(description="The `cursor` of the next page. Null on the last page.")


class LinkRevocation(BaseModel):
    """The result of revoking links."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"revoked": 1}]})

    revoked: int = Field(description="The number of links that this request revoked.")


def _active_out(link: ActiveLink) -> LinkOut:
    record = link.record
    return LinkOut(
        id=record.id,
        user_id=record.user_id,
        guest=record.is_guest,
        display_name=record.display_name,
        issued_at=record.issued_at,
        expires_at=link.expires_at,
    )


def _person_of(caller: Caller, requested: LinkInput) -> str:
    # A host can create links for others. The use case checks whether the user is a host.
    if caller.is_user and requested.user_id is not None:
        return requested.user_id
    return caller.must_speak_for(requested.user_id)


router = SessionRouter()


@router.post(
    "/links",
    operation_id="create{Kind}Link",
    summary="Create a join link",
    status_code=201,
    response_model=LinkWithUrl,
    responses=described(*SESSION_PROBLEMS, *BODY_PROBLEMS, *IDEMPOTENCY_PROBLEMS, *LINK_REFUSALS),
)
async def create_link(
    caller: LinkIssuer,
    kind: Kind,
    reference: Reference,
    request: Request,
    idempotency: Idempotency,
    body: LinkInput | None = None,
) -> Response:
    """Creates a signed URL of the hosted page for one person. Access is checked every time the link is used, so you can
    create it long before the session opens. It is valid until the session's window closes, also if the session is
    rescheduled. A link never grants more than its creator may do: a link created with an API key has the scopes of that
    key, and no link outlives the credential that created it. A person can have 100 active links per session; creating
    another one revokes the oldest."""
    requested = body or LinkInput()
    if requested.guest is None:
        user_id, name = _person_of(caller, requested), requested.display_name
    else:
        user_id = guest_id(caller.context, idempotency_key=idempotency.guest_seed(caller))
        name = requested.guest.display_name
    seconds = requested.expires_in_seconds

    async def issued() -> LinkWithUrl:
        link = await issue_link(
            caller.context,
            session_key(caller, kind, reference),
            user_id=user_id,
            display_name=name,
            is_guest=requested.guest is not None,
            life=None if seconds is None else timedelta(seconds=seconds),
        )
        return _link_out(link, public_address(request))

    async def revalidate(stored: KeyedResponse) -> Mapping[str, Any] | None:
        link = LinkWithUrl.model_validate(stored.body)
        expires_at = await confirm_link(
            caller.context,
            session_key(caller, kind, reference),
            TicketId(link.id),
            user_id=user_id,
            display_name=name,
            is_guest=requested.guest is not None,
        )
        if expires_at is None:
            return None
        return link.model_copy(update={"expires_at": expires_at}).model_dump(mode="json")

    return await idempotency.respond(
        caller, issued, revalidate=revalidate, user_id=user_id, status=201, locate=idempotency.location_of
    )


@router.get(
    "/links",
    operation_id="list{Kind}Links",
    summary="List join links",
    responses=described(*SESSION_PROBLEMS, "invalid_cursor"),
)
async def list_session_links(
    caller: LinkManager,
    kind: Kind,
    reference: Reference,
    user_id: Annotated[Identifier | None, Query(description="Only links for this person.")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> LinkList:
    """Returns the active links of the session: neither revoked nor expired."""
    found, following = await list_links(
        caller.context, session_key(caller, kind, reference), user_id=user_id, limit=limit, cursor=cursor
    )
    return LinkList(data=[_active_out(link) for link in found], next=following)


@router.delete(
    "/links", operation_id="revoke{Kind}Links", summary="Revoke join links", responses=described(*SESSION_PROBLEMS)
)
async def revoke_session_links(
    caller: LinkManager,
    kind: Kind,
    reference: Reference,
    user_id: Annotated[
        Identifier | None,
        Query(description="Only links for this person. If omitted, all links of the session are revoked."),
    ] = None,
) -> LinkRevocation:
    """Takes effect immediately: the links are rejected with `ticket_revoked`, and open streams end. Links that are
    created later are not affected. Join credentials that were already issued stay valid; to invalidate them, remove the
    participant."""
    key = session_key(caller, kind, reference)
    count = await revoke_links(caller.context, key, user_id=user_id)
    return LinkRevocation(revoked=count)


@router.delete(
    "/links/{link_id}",
    operation_id="revoke{Kind}Link",
    summary="Revoke a join link",
    responses=described(*SESSION_PROBLEMS, "link_not_found"),
)
async def revoke_session_link(
    caller: LinkManager, kind: Kind, reference: Reference, link_id: LinkPath
) -> LinkRevocation:
    """Takes effect immediately. Revoking a link again has no effect."""
    key = session_key(caller, kind, reference)
    count = await revoke_link(caller.context, key, TicketId(link_id))
    return LinkRevocation(revoked=count)
