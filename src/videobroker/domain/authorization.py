"""Authorization: whether an actor may perform an action.

Whether a person may join now is the access decision (`domain/access.py`); everything else is decided here, by pure
functions. Use cases call them, routes never do, so v1, legacy endpoints, tickets, the console, and the command line
cannot differ.

A backend is limited by the scopes of its key. An end user is limited by their relation to the session, and a ticket by
both: it never grants more than the key that issued it. An operator is limited by their role (`domain/operators.py`).
The command line and the service itself are trusted.
"""

from collections.abc import Mapping
from enum import StrEnum

from videobroker.domain.actors import Actor
from videobroker.domain.api_keys import Scope
from videobroker.domain.lobby import EntryState, LobbyEntry
from videobroker.domain.operators import OperatorRole
from videobroker.domain.policy import Policy, WaitingRoom
from videobroker.domain.sessions import SessionView
from videobroker.domain.struct import Struct


class Action(StrEnum):
    """An action that needs authorization."""

    ASK_ACCESS = "ask_access"
    """Request the access decision, and read one's own visit."""
    JOIN = "join"
    BRING_GUEST = "bring_guest"
    CHOOSE_NAME = "choose_name"
    VIEW_SESSION = "view_session"
    """The public part: title, status, schedule."""
    VIEW_PARTICIPANTS = "view_participants"
    VIEW_DETAILS = "view_details"
    """Metadata, policy, and notes."""
    CREATE_SESSION = "create_session"
    CHANGE_SESSION = "change_session"
    """Move, confirm, complete, reopen, or cancel it."""
    CHANGE_DETAILS = "change_details"
    """Metadata, policy, notes, providers, and participants."""
    DELETE_SESSION = "delete_session"
    START_CALL = "start_call"
    END_CALL = "end_call"
    VIEW_CALLS = "view_calls"
    VIEW_ATTENDANCE = "view_attendance"
    VIEW_WAITING_ROOM = "view_waiting_room"
    MODERATE = "moderate"
    """Admit, deny, remove, block, and unblock."""
    VIEW_LINKS = "view_links"
    CREATE_LINK = "create_link"
    """Create and revoke links."""
    READ_LOG = "read_log"
    """The short log of one session: reports, and the starts and ends of calls."""
    READ_EVENTS = "read_events"
    REPORT_EVENT = "report_event"
    GIVE_FEEDBACK = "give_feedback"
    """Rate a call, and report problems with it."""
    VIEW_ENDPOINTS = "view_endpoints"
    MANAGE_ENDPOINTS = "manage_endpoints"
    SEND_DELIVERIES = "send_deliveries"
    """Test an endpoint, and send deliveries to it again."""
    RECEIVE_EVENTS = "receive_events"
    """Receive the journal at a webhook endpoint, or read past deliveries."""
    DIAGNOSE = "diagnose"


class Relation(StrEnum):
    """The relation of an end user to a session."""

    HOST = "host"
    PARTICIPANT = "participant"
    GUEST = "guest"
    WAITING = "waiting"
    """In the waiting room: not admitted yet, or denied."""
    BLOCKED = "blocked"
    UNLISTED = "unlisted"
    """Neither a participant nor a guest of the session."""


class Membership(Struct):
    """An end user's relation and role in one session."""

    relation: Relation
    role: str | None = None
    """The app role; None for guests and for people who are not participants."""


class PermissionLevel(StrEnum):
    """What a relation permits for an action."""

    NO = "no"
    YES = "yes"
    OWN = "own"
    """Only for the actor's own data."""
    IF_CALL_ROLE = "if_call_role"
    """If the policy's `call_roles` include the actor's role."""
    IF_BOOKING_ROLE = "if_booking_role"
    """If the policy's `booking_roles` include the actor's role."""
    IF_GUESTS_ALLOWED = "if_guests_allowed"
    WITH_TICKET = "with_ticket"


class ActionRule(Struct):
    """One row of the authorization table: the required scope, and a permission level for each relation."""

    scope: Scope
    """Required of an API key, and of a ticket that an API key issued."""
    host: PermissionLevel = PermissionLevel.NO
    participant: PermissionLevel = PermissionLevel.NO
    guest: PermissionLevel = PermissionLevel.NO
    outsider: PermissionLevel = PermissionLevel.NO
    """For waiting, blocked, and unlisted people."""
    operator: OperatorRole = OperatorRole.ADMIN
    """The least role of an operator."""
    is_read: bool = False
    """A read: denials are reported as "not found", so that the session's existence is not revealed."""


_NO, _YES, _OWN = PermissionLevel.NO, PermissionLevel.YES, PermissionLevel.OWN
_CALL, _BOOK, _GUESTS = PermissionLevel.IF_CALL_ROLE, PermissionLevel.IF_BOOKING_ROLE, PermissionLevel.IF_GUESTS_ALLOWED

_VIEWER, _SUPPORT, _ADMIN = OperatorRole.VIEWER, OperatorRole.SUPPORT, OperatorRole.ADMIN

RULES: Mapping[Action, ActionRule] = {
    Action.ASK_ACCESS: ActionRule(Scope.JOIN, _YES, _YES, _YES, _YES, operator=_VIEWER),
    Action.JOIN: ActionRule(Scope.JOIN, _YES, _YES, _YES, _YES, operator=_SUPPORT),
    Action.BRING_GUEST: ActionRule(Scope.JOIN, _GUESTS, operator=_SUPPORT),
    Action.CHOOSE_NAME: ActionRule(Scope.JOIN, operator=_SUPPORT),
    Action.VIEW_SESSION: ActionRule(
        Scope.SESSIONS_READ, _YES, _YES, _YES, PermissionLevel.WITH_TICKET, operator=_VIEWER, is_read=True
    ),
    Action.VIEW_PARTICIPANTS: ActionRule(Scope.SESSIONS_READ, _YES, _OWN, _NO, _NO, operator=_VIEWER, is_read=True),
    Action.VIEW_DETAILS: ActionRule(Scope.SESSIONS_READ, operator=_VIEWER, is_read=True),
    Action.CREATE_SESSION: ActionRule(Scope.SESSIONS_WRITE, _BOOK, _BOOK, operator=_SUPPORT),
    Action.CHANGE_SESSION: ActionRule(Scope.SESSIONS_WRITE, _BOOK, _BOOK, operator=_SUPPORT),
    Action.CHANGE_DETAILS: ActionRule(Scope.SESSIONS_WRITE, operator=_SUPPORT),
    Action.DELETE_SESSION: ActionRule(Scope.SESSIONS_WRITE, operator=_ADMIN),
    Action.START_CALL: ActionRule(Scope.CALLS_WRITE, _YES, _CALL, operator=_SUPPORT),
    Action.END_CALL: ActionRule(Scope.CALLS_WRITE, _YES, operator=_SUPPORT),
    Action.VIEW_CALLS: ActionRule(Scope.CALLS_READ, _YES, _OWN, operator=_VIEWER, is_read=True),
    Action.VIEW_ATTENDANCE: ActionRule(Scope.CALLS_READ, _YES, _OWN, operator=_VIEWER, is_read=True),
    Action.VIEW_WAITING_ROOM: ActionRule(Scope.MODERATION_WRITE, _YES, operator=_VIEWER),
    Action.MODERATE: ActionRule(Scope.MODERATION_WRITE, _YES, operator=_SUPPORT),
    Action.VIEW_LINKS: ActionRule(Scope.LINKS_WRITE, operator=_VIEWER),
    Action.CREATE_LINK: ActionRule(Scope.LINKS_WRITE, _YES, _OWN, operator=_SUPPORT),
    Action.READ_LOG: ActionRule(Scope.CALLS_READ, _OWN, _OWN, operator=_VIEWER, is_read=True),
    Action.READ_EVENTS: ActionRule(Scope.EVENTS_READ, operator=_VIEWER, is_read=True),
    Action.REPORT_EVENT: ActionRule(Scope.EVENTS_WRITE, _YES, _OWN, operator=_SUPPORT),
    Action.GIVE_FEEDBACK: ActionRule(Scope.JOIN, _OWN, _OWN, _OWN, operator=_SUPPORT),
    Action.VIEW_ENDPOINTS: ActionRule(Scope.WEBHOOKS_READ, operator=_VIEWER),
    Action.MANAGE_ENDPOINTS: ActionRule(Scope.WEBHOOKS_WRITE, operator=_ADMIN),
    Action.SEND_DELIVERIES: ActionRule(Scope.WEBHOOKS_WRITE, operator=_SUPPORT),
    Action.RECEIVE_EVENTS: ActionRule(Scope.EVENTS_READ, operator=_VIEWER),
    Action.DIAGNOSE: ActionRule(Scope.DIAGNOSTICS_READ, operator=_VIEWER),
}

TICKET_ACTIONS = frozenset({Action.ASK_ACCESS, Action.JOIN, Action.GIVE_FEEDBACK})
"""Allowed to every ticket regardless of its issuer's scopes: a link exists to let its holder join."""


class DenialReason(StrEnum):
    """Why an action is denied."""

    SCOPE_MISSING = "scope_missing"
    OPERATOR_ROLE_NOT_ALLOWED = "operator_role_not_allowed"
    ROLE_NOT_ALLOWED = "role_not_allowed"
    NOT_YOURSELF = "not_yourself"
    SESSION_HIDDEN = "session_hidden"
    """Reported as "not found"."""
    NOT_A_PARTICIPANT = "not_a_participant"
    BLOCKED = "blocked"
    WAITING = "waiting"
    GUESTS_NOT_ALLOWED = "guests_not_allowed"


class Permit(Struct):
    """The action is allowed."""

    only_own: bool = False
    """Limited to the actor's own data."""


class Denial(Struct):
    """The action is denied."""

    reason: DenialReason
    scope: Scope | None = None
    """The missing scope, for `SCOPE_MISSING`."""
    operator_role: OperatorRole | None = None
    """The least role that may do it, for `OPERATOR_ROLE_NOT_ALLOWED`."""


Authorization = Permit | Denial


def determine_membership(
    policy: Policy,
    role: str | None,
    *,
    is_guest: bool = False,
    is_blocked: bool = False,
    entry: LobbyEntry | None = None,
) -> Membership:
    """The membership of a person. `role` is their app role in the session; None if they are not a participant."""
    if is_blocked:
        return Membership(Relation.BLOCKED, role)
    if role is None:
        if not is_guest or not policy.guests_allowed:
            return Membership(Relation.UNLISTED)
        return Membership(Relation.WAITING if _waits(policy, entry) else Relation.GUEST)
    if role in policy.host_roles:
        return Membership(Relation.HOST, role)
    return Membership(Relation.WAITING if _waits(policy, entry) else Relation.PARTICIPANT, role)


def authorize(
    actor: Actor, action: Action, *, policy: Policy, person: Membership, about: str | None = None
) -> Authorization:
    """Decide whether `actor` may perform `action` on a session with this policy.

    `person` is the actor's membership; it is ignored for actors who are not end users. `about` is the user whom the
    action concerns, if any. Without it, an actor who is limited to their own data is allowed with `only_own`.
    """
    rule = RULES[action]
    if (denial := deny_credential(actor, action)) is not None:
        return denial
    if actor.user_id is None:
        return Permit()
    grant = _grant(rule, person.relation)
    if grant is PermissionLevel.OWN:
        return Denial(DenialReason.NOT_YOURSELF) if about not in {None, actor.user_id} else Permit(only_own=True)
    if _reaches(grant, actor, policy, person.role):
        return Permit()
    return Denial(_denial(action, rule, grant, person.relation))


def limit_view(actor: Actor, *, policy: Policy, person: Membership) -> SessionView:
    """The parts of a session that an actor who may read it sees."""

    def authorized(action: Action) -> Authorization:
        return authorize(actor, action, policy=policy, person=person)

    people = authorized(Action.VIEW_PARTICIPANTS)
    return SessionView(
        details=isinstance(authorized(Action.VIEW_DETAILS), Permit),
        participants=isinstance(people, Permit) and not people.only_own,
        names=isinstance(people, Permit),
    )


def authorize_app(actor: Actor, action: Action) -> Authorization:
    """Decide whether `actor` may perform an action on the app as a whole. End users never may."""
    if (denial := deny_credential(actor, action)) is not None:
        return denial
    return Permit() if actor.user_id is None else Denial(DenialReason.ROLE_NOT_ALLOWED)


def deny_credential(actor: Actor, action: Action) -> Denial | None:
    """The denial of an API key or ticket without the scope, or of an operator without the role; None without one."""
    if lacks_scope(actor, action):
        return Denial(DenialReason.SCOPE_MISSING, RULES[action].scope)
    return deny_operator(actor, RULES[action].operator)


def deny_operator(actor: Actor, needed: OperatorRole) -> Denial | None:
    """The denial of an operator whose role does not include the needed one; None for everyone else."""
    if actor.operator is None or (actor.operator_role is not None and actor.operator_role.includes(needed)):
        return None
    return Denial(DenialReason.OPERATOR_ROLE_NOT_ALLOWED, operator_role=needed)


def lacks_scope(actor: Actor, action: Action) -> bool:
    """Whether the actor's key, or the key that issued their ticket, lacks the scope of the action."""
    if actor.scopes is None or (actor.ticket_id is not None and action in TICKET_ACTIONS):
        return False
    return RULES[action].scope not in actor.scopes


def _grant(rule: ActionRule, relation: Relation) -> PermissionLevel:
    match relation:
        case Relation.HOST:
            return rule.host
        case Relation.PARTICIPANT:
            return rule.participant
        case Relation.GUEST:
            return rule.guest
        case Relation.WAITING | Relation.BLOCKED | Relation.UNLISTED:
            return rule.outsider


def _reaches(grant: PermissionLevel, actor: Actor, policy: Policy, role: str | None) -> bool:
    return {
        PermissionLevel.YES: True,
        PermissionLevel.IF_CALL_ROLE: role in policy.call_roles,
        PermissionLevel.IF_BOOKING_ROLE: role in policy.booking_roles,
        PermissionLevel.IF_GUESTS_ALLOWED: policy.guests_allowed,
        PermissionLevel.WITH_TICKET: actor.ticket_id is not None,
    }.get(grant, False)


def _denial(action: Action, rule: ActionRule, grant: PermissionLevel, relation: Relation) -> DenialReason:
    match relation:
        case Relation.HOST | Relation.PARTICIPANT | Relation.GUEST:
            is_about_guests = grant is PermissionLevel.IF_GUESTS_ALLOWED
            return DenialReason.GUESTS_NOT_ALLOWED if is_about_guests else DenialReason.ROLE_NOT_ALLOWED
        case _ if rule.is_read:
            return DenialReason.SESSION_HIDDEN
        case Relation.BLOCKED:
            return DenialReason.BLOCKED
        case Relation.WAITING:
            return DenialReason.WAITING
        case Relation.UNLISTED:
            is_about_calls = action in {Action.START_CALL, Action.END_CALL}
            return DenialReason.NOT_A_PARTICIPANT if is_about_calls else DenialReason.SESSION_HIDDEN


def _waits(policy: Policy, entry: LobbyEntry | None) -> bool:
    return policy.waiting_room is WaitingRoom.ADMIT and entry is not None and entry.state is not EntryState.ADMITTED
