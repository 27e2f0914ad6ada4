"""Creating join links, and listing the active ones."""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime

from fastapi import Request

from videobroker.domain.access import AccessContext, AccessReason, AccessSubject, find_permanent_refusal
from videobroker.domain.apps import GUEST_ROLE, App
from videobroker.domain.ids import TicketId
from videobroker.domain.sessions import Participant, SessionKey
from videobroker.errors import AccessDenied
from videobroker.usecases.joining.links import ActiveLink, issue_link, last_link_uses, list_links
from videobroker.web.console.i18n import N_
from videobroker.web.console.i18n import gettext as _
from videobroker.web.console.requests import ConsoleRequest
from videobroker.web.v1.links import public_address

MAX_LINKS = 200
"""Links that one request creates."""
MAX_LINKS_SHOWN = 100
BLOCKED_BY = {
    AccessReason.VIDEO_DISABLED: N_("Video is off"),
    AccessReason.SESSION_CANCELLED: N_("Session canceled"),
    AccessReason.SESSION_COMPLETED: N_("Session completed"),
    AccessReason.SESSION_NOT_CONFIRMED: N_("Session not confirmed"),
    AccessReason.NOT_A_PARTICIPANT: N_("Not a participant"),
    AccessReason.GUESTS_NOT_ALLOWED: N_("Guests not allowed"),
    AccessReason.PARTICIPANT_REMOVED: N_("Blocked"),
    AccessReason.ADMISSION_DENIED: N_("Declined by the host"),
    AccessReason.SESSION_OVER: N_("Session has ended"),
}
"""Labels of the reasons why a person cannot join."""


@dataclass(frozen=True, slots=True)
class LinkResult:
    """A new link of one person, or the reason for refusing one."""

    name: str
    url: str | None = field(repr=False)
    valid_until: datetime | None = None
    refusal: str = ""


@dataclass(frozen=True, slots=True)
class IssuedLinks:
    """New links, and how many participants have none yet."""

    links: Sequence[LinkResult]
    first: int = 1
    """Position of the first of them among all participants, from 1."""
    total: int = 0
    """All participants; 0 if a link was created for one person."""
    after: str = ""
    """The user ID after which the next batch starts."""

    @property
    def last(self) -> int:
        """Position of the last of them."""
        return self.first + len(self.links) - 1

    @property
    def remaining(self) -> int:
        """How many participants follow them."""
        return max(0, self.total - self.last)

    @property
    def is_partial(self) -> bool:
        """Whether these are not all participants."""
        return 0 < len(self.links) < self.total

    @property
    def refused(self) -> int:
        return sum(link.url is None for link in self.links)


@dataclass(frozen=True, slots=True)
class ActiveLinkView:
    """An active link."""

    id: TicketId
    issued_at: datetime
    valid_until: datetime
    other_name: str | None
    """The display name in the link, if it differs from the holder's name."""
    used_at: datetime | None
    """When it was last used, as far as the journal has it."""


@dataclass(frozen=True, slots=True)
class PersonLinks:
    """The active links of one person, oldest first."""

    user_id: str
    name: str
    role: str | None
    """None for a person who is neither a participant nor a guest."""
    blocked_by: str | None
    """Why these links can never admit the person, if so."""
    links: Sequence[ActiveLinkView]


@dataclass(frozen=True, slots=True)
class SessionLinks:
    """The active links of a session, by person."""

    holders: Sequence[PersonLinks]
    is_partial: bool
    """Whether there may be more than these."""

    @property
    def count(self) -> int:
        return sum(len(holder.links) for holder in self.holders)


async def links_for(
    request: Request, console: ConsoleRequest, app: App, key: SessionKey, people: Sequence[Participant]
) -> list[LinkResult]:
    """Creates a link for each of these people; a refusal does not affect the others."""
    return [await _link_for(request, console, app, key, person) for person in people]


async def _link_for(
    request: Request, console: ConsoleRequest, app: App, key: SessionKey, person: Participant
) -> LinkResult:
    name = person.display_name or person.user_id
    try:
        link = await issue_link(
            console.context(app), key, user_id=person.user_id, display_name=None, is_guest=False, life=None
        )
    except AccessDenied as error:
        return LinkResult(name, None, refusal=error.detail)
    return LinkResult(name, f"{public_address(request)}/join/{link.text}", link.ticket.expires_at)


async def guest_link(
    request: Request, console: ConsoleRequest, app: App, key: SessionKey, *, user_id: str, name: str
) -> LinkResult:
    """Creates a link for a new guest. Raises `AccessDenied` if they could not join, even later."""
    link = await issue_link(console.context(app), key, user_id=user_id, display_name=name, is_guest=True, life=None)
    return LinkResult(
        _("%(name)s (guest)", name=name), f"{public_address(request)}/join/{link.text}", link.ticket.expires_at
    )


async def active_links(
    console: ConsoleRequest,
    app: App,
    key: SessionKey,
    access: AccessContext,
    *,
    people: Sequence[Participant],
    blocked: Set[str],
) -> SessionLinks:
    """The first `MAX_LINKS_SHOWN` active links of a session."""
    found, following = await list_links(console.context(app), key, user_id=None, limit=MAX_LINKS_SHOWN, cursor=None)
    uses = await last_link_uses(console.context(app), key)
    return SessionLinks(_by_holder(found, access, people, blocked, uses), is_partial=following is not None)


def _by_holder(
    found: Sequence[ActiveLink],
    access: AccessContext,
    people: Sequence[Participant],
    blocked: Set[str],
    uses: Mapping[TicketId, datetime],
) -> list[PersonLinks]:
    links: dict[tuple[str, bool], list[ActiveLink]] = defaultdict(list)
    for link in found:
        links[(link.record.user_id, link.record.is_guest)].append(link)
    registered = {person.user_id: person for person in people}
    return [
        _holder(user_id, own, access, registered, uses, is_guest=is_guest, is_blocked=user_id in blocked)
        for (user_id, is_guest), own in links.items()
    ]


def _holder(
    user_id: str,
    links: Sequence[ActiveLink],
    access: AccessContext,
    registered: Mapping[str, Participant],
    uses: Mapping[TicketId, datetime],
    *,
    is_guest: bool,
    is_blocked: bool,
) -> PersonLinks:
    participant = None if is_guest else registered.get(user_id)
    role = GUEST_ROLE if is_guest else participant.role if participant else None
    # Guests have only the name of their link.
    name = (participant.display_name if participant else links[0].record.display_name if is_guest else None) or user_id
    refused = find_permanent_refusal(access, AccessSubject(role, is_guest=is_guest, removed=is_blocked))
    return PersonLinks(
        user_id,
        name,
        role,
        None if refused is None else BLOCKED_BY[refused.reason],
        [_shown(link, name, uses.get(link.record.id)) for link in links],
    )


def _shown(link: ActiveLink, name: str, used_at: datetime | None) -> ActiveLinkView:
    record = link.record
    other_name = record.display_name if record.display_name != name else None
    return ActiveLinkView(record.id, record.issued_at, link.expires_at, other_name, used_at)
