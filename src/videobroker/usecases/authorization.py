"""Loads the state for an authorization, decides with `domain/authorization.py`, and raises the error of a denial."""

from collections.abc import Sequence
from dataclasses import dataclass

from videobroker.domain.access import AccessReason, RefuseDecision, explain_decision
from videobroker.domain.actors import Actor
from videobroker.domain.api_keys import SCOPE_DESCRIPTIONS
from videobroker.domain.authorization import (
    Action,
    Authorization,
    Denial,
    DenialReason,
    Membership,
    Permit,
    Relation,
    authorize,
    authorize_app,
    deny_credential,
    deny_operator,
    determine_membership,
    limit_view,
)
from videobroker.domain.ids import SessionId
from videobroker.domain.join_context import JoinContext
from videobroker.domain.operators import OperatorRole
from videobroker.domain.sessions import FULL_VIEW, Session, SessionKey, SessionView
from videobroker.errors import (
    AccessDenied,
    BrokerError,
    NotYourself,
    OperatorRoleMayNot,
    RoleMayNot,
    ScopeMissing,
)
from videobroker.storage.joining import lobby, removals
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions import sessions
from videobroker.translatable import TranslatableText
from videobroker.usecases.access import load_join_context, session_not_found
from videobroker.usecases.context import RequestContext

_NO_SESSION = Membership(Relation.UNLISTED)


@dataclass(frozen=True, slots=True)
class Authorized:
    """The result of an authorization that succeeded, with the session that was loaded for it."""

    join_context: JoinContext
    only_own: bool
    """The actor may see only data about `actor.user_id`."""
    person: Membership | None
    """The actor's membership in the session; None for actors that are not end users."""


async def require(
    context: RequestContext, key: SessionKey, action: Action, *, about: str | None = None, acting_for: str | None = None
) -> Authorized:
    """Raise unless the actor may perform the action on the session. Takes one round trip.

    A backend that acts for a user (`acting_for`) sees only sessions in which that user is a participant. Raises
    `SessionNotFound`, `ScopeMissing`, `RoleMayNot`, `NotYourself`, `AccessDenied`.
    """
    join_context = await load_join_context(context.broker, key, context.actor.user_id or acting_for)
    if context.actor.user_id is None and acting_for is not None and join_context.participant is None:
        raise session_not_found(key)
    return require_at(context, join_context, action, about=about)


def require_at(
    context: RequestContext, join_context: JoinContext, action: Action, *, about: str | None = None
) -> Authorized:
    """Like `require`, for a session that was already loaded for `actor.user_id`. Takes no round trip."""
    policy = context.app.policy_for(join_context.session.terms.policy)
    person = membership_at(context, join_context) if context.actor.user_id is not None else None
    allowed = _required(
        authorize(context.actor, action, policy=policy, person=person or _NO_SESSION, about=about),
        join_context.session.key,
    )
    return Authorized(join_context, allowed.only_own, person)


async def require_in(
    context: RequestContext, unit_of_work: UnitOfWork, session: Session, action: Action, *, about: str | None = None
) -> Permit:
    """Like `require`, in a transaction that has locked the session, so that no block or admission can interfere."""
    policy = context.app.policy_for(session.terms.policy)
    person = _NO_SESSION
    if context.actor.user_id is not None:
        participant = await sessions.find_participant(unit_of_work, context.app.id, session.id, context.actor.user_id)
        removal = await removals.find(unit_of_work, context.app.id, session.id, context.actor.user_id)
        person = determine_membership(
            policy,
            None if participant is None else participant.role,
            is_guest=context.actor.is_guest,
            is_blocked=removal is not None and removal.banned,
            entry=await lobby.find_entry_of_user(unit_of_work, context.app.id, session.id, context.actor.user_id),
        )
    return _required(authorize(context.actor, action, policy=policy, person=person, about=about), session.key)


def require_new(context: RequestContext, key: SessionKey, role: str | None) -> None:
    """Raise unless the actor may create a session in which they have this app role (None: no role)."""
    policy = context.app.own_policy
    person = determine_membership(policy, role)
    _required(authorize(context.actor, Action.CREATE_SESSION, policy=policy, person=person), key)


def require_scope(actor: Actor, action: Action) -> None:
    """Raise `ScopeMissing` if the key, or the key that issued the ticket, lacks the scope for the action.

    Raises `OperatorRoleMayNot` for an operator whose role does not allow it.
    """
    if (denial := deny_credential(actor, action)) is not None:
        raise _error(denial, None)


def require_operator(actor: Actor, role: OperatorRole) -> None:
    """Raise `OperatorRoleMayNot` for an operator whose role does not include this one.

    For operations that are no `Action` of an app: management (`ADMIN`) and exports of personal data (`SUPPORT`). The
    command line and the service itself may do everything. Raises `RoleMayNot` for API keys, user tokens, and tickets.
    """
    is_backend = actor.key_id is not None and actor.operator is None
    if is_backend or actor.user_id is not None or actor.ticket_id is not None:
        raise _error(Denial(DenialReason.ROLE_NOT_ALLOWED), None)
    if (denial := deny_operator(actor, role)) is not None:
        raise _error(denial, None)


def require_for_app(actor: Actor, action: Action) -> None:
    """Raise `ScopeMissing` or `OperatorRoleMayNot` unless the actor may perform an action on the app as a whole."""
    denial = authorize_app(actor, action)
    if isinstance(denial, Denial):
        raise _error(denial, None)


def require_among(actor: Actor, *user_ids: str) -> None:
    """Raise `NotYourself` for an end user who is not among these people."""
    if actor.user_id is not None and actor.user_id not in user_ids:
        raise _error(Denial(DenialReason.NOT_YOURSELF), None)


async def visible(
    context: RequestContext, unit_of_work: UnitOfWork, found: Sequence[Session]
) -> dict[SessionId, SessionView]:
    """The sessions that the actor may see, with the view of each. Takes three round trips for an end user, or none."""
    ids = [session.id for session in found]
    if context.actor.user_id is None:
        return dict.fromkeys(ids, FULL_VIEW)
    blocked = await removals.sessions_banning(unit_of_work, context.app.id, ids, context.actor.user_id)
    waiting = await lobby.entries_of(unit_of_work, context.app.id, ids, context.actor.user_id)
    own = await sessions.participations_of(unit_of_work, context.app.id, ids, context.actor.user_id)
    views: dict[SessionId, SessionView] = {}
    for session in found:
        policy, participant = context.app.policy_for(session.terms.policy), own.get(session.id)
        person = determine_membership(
            policy,
            None if participant is None else participant.role,
            is_blocked=session.id in blocked,
            entry=waiting.get(session.id),
        )
        if isinstance(authorize(context.actor, Action.VIEW_SESSION, policy=policy, person=person), Permit):
            views[session.id] = limit_view(context.actor, policy=policy, person=person)
    return views


def view_at(context: RequestContext, authorized: Authorized) -> SessionView:
    """The actor's view of the session. It must have been loaded for the actor."""
    policy = context.app.policy_for(authorized.join_context.session.terms.policy)
    return limit_view(context.actor, policy=policy, person=authorized.person or _NO_SESSION)


def membership_at(context: RequestContext, join_context: JoinContext) -> Membership:
    """The membership of an end user in the session that was loaded for them."""
    return determine_membership(
        context.app.policy_for(join_context.session.terms.policy),
        None if join_context.participant is None else join_context.participant.role,
        is_guest=context.actor.is_guest,
        is_blocked=join_context.banned,
        entry=join_context.entry,
    )


def _required(authorization: Authorization, key: SessionKey) -> Permit:
    if isinstance(authorization, Denial):
        raise _error(authorization, key)
    return authorization


_REFUSALS = {
    DenialReason.NOT_A_PARTICIPANT: AccessReason.NOT_A_PARTICIPANT,
    DenialReason.BLOCKED: AccessReason.PARTICIPANT_REMOVED,
    DenialReason.WAITING: AccessReason.WAITING_FOR_ADMISSION,
    DenialReason.GUESTS_NOT_ALLOWED: AccessReason.GUESTS_NOT_ALLOWED,
}


def _error(denial: Denial, key: SessionKey | None) -> BrokerError:
    match denial.reason:
        case DenialReason.SCOPE_MISSING if denial.scope is not None:
            meaning = SCOPE_DESCRIPTIONS[denial.scope]
            return ScopeMissing(
                f"This credential may not {meaning}. Use an API key with the scope `{denial.scope}`.",
                scope=denial.scope.value,
            )
        case DenialReason.OPERATOR_ROLE_NOT_ALLOWED if denial.operator_role is not None:
            return OperatorRoleMayNot(
                TranslatableText(
                    "Your role does not allow this: it needs the role `%(role)s`. Ask an administrator.",
                    role=denial.operator_role,
                ),
                required_role=denial.operator_role.value,
            )
        case DenialReason.NOT_YOURSELF:
            return NotYourself("An end user may do this only for themselves. Leave `user_id` out, or send your own.")
        case DenialReason.SESSION_HIDDEN if key is not None:
            return session_not_found(key)
        case reason if reason in _REFUSALS:
            decision = RefuseDecision(_REFUSALS[reason])
            return AccessDenied(explain_decision(decision), decision=decision)
        case _:
            return RoleMayNot("Your role in this session does not allow this. Ask a host, or use an API key.")
