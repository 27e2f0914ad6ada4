"""Registers, changes, and lists sessions and their participants."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from videobroker.domain.access import has_opened
from videobroker.domain.actors import Actor
from videobroker.domain.apps import GUEST_ROLE, App, ProviderName
from videobroker.domain.authorization import Action, determine_membership, limit_view
from videobroker.domain.calls import EndReason
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import SessionId, uuid7
from videobroker.domain.join_context import build_access_context, select_providers, select_requested_providers
from videobroker.domain.lifecycle import LifecycleState, list_due_steps
from videobroker.domain.pages import Page
from videobroker.domain.sessions import (
    EMBEDDED_PARTICIPANTS,
    FULL_VIEW,
    Participant,
    RegistrationResult,
    Session,
    SessionFilter,
    SessionKey,
    SessionKind,
    SessionOrder,
    SessionStatus,
    SessionSummary,
    SessionTerms,
    SessionView,
)
from videobroker.errors import (
    DuplicateParticipant,
    InvalidInput,
    ParticipantNotFound,
    RoleMayNot,
    UnknownProvider,
)
from videobroker.storage.joining import lobby
from videobroker.storage.journal.journal import record
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions import lists, sessions
from videobroker.translatable import TranslatableText
from videobroker.usecases.access import session_not_found
from videobroker.usecases.authorization import (
    require,
    require_among,
    require_for_app,
    require_in,
    require_new,
    require_scope,
    view_at,
    visible,
)
from videobroker.usecases.calls.calls import end_open_call
from videobroker.usecases.calls.rooms import close_room
from videobroker.usecases.context import RequestContext
from videobroker.usecases.joining.join import provider_role
from videobroker.usecases.preconditions import Precondition

MAX_PARTICIPANTS = 10_000


async def register(
    context: RequestContext,
    key: SessionKey,
    terms: SessionTerms,
    people: Sequence[Participant] | None,
    *,
    precondition: Precondition[RegistrationResult] | None = None,
) -> RegistrationResult:
    """Create a session, or replace the one with its reference.

    `people` replaces the roster; None leaves it unchanged. Equal terms and people change nothing: no event is recorded,
    and the version stays. Raises `UnknownProvider`, `RoleNotMapped`, `DuplicateParticipant`, `InvalidInput`,
    `PreconditionFailed`.
    """
    check_terms(context.app, terms)
    check_people(context.app, select_requested_providers(context.app, terms), people or ())
    async with context.transaction() as unit_of_work:
        if precondition is not None and await sessions.lock(unit_of_work, key) is None:
            require_may_create(context, key.kind, terms, people or ())
            precondition(None)
        added = await _add(context, unit_of_work, key, terms, people or ())
        if added is not None:
            return added
        registered = await _change(context, unit_of_work, key, lambda _: terms, people, precondition=precondition)
    await _close_room_if_over(context, registered)
    return registered


async def register_new(
    context: RequestContext, key: SessionKey, terms: SessionTerms, people: Sequence[Participant]
) -> RegistrationResult | None:
    """Create a session; returns None, and changes nothing, if its reference is taken. Raises what `register` raises."""
    check_terms(context.app, terms)
    check_people(context.app, select_requested_providers(context.app, terms), people)
    async with context.transaction() as unit_of_work:
        return await _add(context, unit_of_work, key, terms, people)


async def _add(
    context: RequestContext,
    unit_of_work: UnitOfWork,
    key: SessionKey,
    terms: SessionTerms,
    people: Sequence[Participant],
) -> RegistrationResult | None:
    require_may_create(context, key.kind, terms, people)
    session = Session(SessionId(uuid7(context.now)), key, terms, None, 1, context.now, context.now)
    if not await sessions.add(unit_of_work, session, attend_at=_first_step_at(context.app, session)):
        return None
    await sessions.upsert_participants(unit_of_work, context.app.id, session.id, people)
    await record(unit_of_work, _about(context, session, EventType.SESSION_REGISTERED))
    return _registered(session, _sorted(people), actor=context.actor, created=True, changed=True)


def require_may_create(
    context: RequestContext, kind: SessionKind, terms: SessionTerms, people: Sequence[Participant]
) -> None:
    """Raise unless the actor may create this session. End users need one of the policy's booking roles in it."""
    require_among(context.actor, *(person.user_id for person in people))
    own = [person.role for person in people if person.user_id == context.actor.user_id]
    require_new(context, SessionKey(context.app.id, kind, ""), own[0] if own else None)
    if context.actor.user_id is not None and (terms.policy or terms.providers):
        raise RoleMayNot("Only a backend chooses the policy and the providers of a session. Use an API key.")


async def amend(
    context: RequestContext,
    key: SessionKey,
    amendment: Callable[[SessionTerms], SessionTerms],
    *,
    acting_for: str | None = None,
    precondition: Precondition[RegistrationResult] | None = None,
) -> RegistrationResult:
    """Change the terms of a session under its lock.

    The result has the entry of the user that a backend acts for. Raises `SessionNotFound`, `PreconditionFailed`, and
    errors of terms as `register`.
    """
    async with context.transaction() as unit_of_work:
        registered = await _change(
            context, unit_of_work, key, amendment, None, acting_for=acting_for, precondition=precondition
        )
    await _close_room_if_over(context, registered)
    return registered


async def cancel(context: RequestContext, key: SessionKey) -> RegistrationResult:
    """Cancel a session: joins are refused, the call ends, and the room is closed. Idempotent."""
    return await amend(context, key, lambda terms: replace(terms, status=SessionStatus.CANCELLED))


async def _change(
    context: RequestContext,
    unit_of_work: UnitOfWork,
    key: SessionKey,
    amendment: Callable[[SessionTerms], SessionTerms],
    people: Sequence[Participant] | None,
    *,
    acting_for: str | None = None,
    precondition: Precondition[RegistrationResult] | None = None,
) -> RegistrationResult:
    session = await sessions.lock(unit_of_work, key)
    if session is None:
        raise session_not_found(key)
    await require_in(context, unit_of_work, session, Action.CHANGE_SESSION)
    if precondition is not None:
        precondition(await read_locked(context, unit_of_work, session, acting_for=acting_for))
    terms = amendment(session.terms)
    former = None if people is None else await sessions.participants_of(unit_of_work, context.app.id, session.id)
    wanted = None if people is None else _sorted(people)
    if wanted != former or _changes_details(session.terms, terms):
        await require_in(context, unit_of_work, session, Action.CHANGE_DETAILS)
    await _check_terms_change(unit_of_work, context.app, session, terms)
    if wanted is not None and former is not None:
        _check_people_change(context.app, session, terms, former, wanted)
    if _are_equal_terms(terms, session.terms) and wanted == former:
        return await read_locked(context, unit_of_work, session, acting_for=acting_for)
    changed = replace(session, terms=terms, version=session.version + 1, updated_at=context.now)
    await sessions.update_terms(unit_of_work, changed)
    if wanted is not None and former is not None:
        await _replace_roster(unit_of_work, changed, former, wanted)
    await sessions.bring_next_step_forward(unit_of_work, context.app.id, session.id, context.now)
    if changed.concluded_at is not None:
        await sessions.set_concluded_at(unit_of_work, context.app.id, session.id, at=None)
    reason = _reason_to_close(context, session, terms)
    if reason is not None:
        await lobby.delete_entries_of_session(unit_of_work, context.app.id, session.id)
        await end_open_call(context, unit_of_work, changed, by=None, reason=reason)
    await record(unit_of_work, _about(context, changed, _change_event_type(session, changed)))
    read_back = await read_locked(context, unit_of_work, changed, acting_for=acting_for)
    return replace(read_back, changed=True, closes=reason is not None)


def _registered(
    session: Session, people: Sequence[Participant], *, actor: Actor, created: bool = False, changed: bool = False
) -> RegistrationResult:
    own = next((person for person in people if person.user_id == actor.user_id), None)
    return RegistrationResult(session, tuple(people), len(people), own, created=created, changed=changed)


async def _read_back(unit_of_work: UnitOfWork, session: Session, *, own_user_id: str | None) -> RegistrationResult:
    app_id = session.key.app_id
    people, count = await sessions.first_participants(unit_of_work, app_id, session.id, limit=EMBEDDED_PARTICIPANTS)
    own = (
        None if own_user_id is None else await sessions.find_participant(unit_of_work, app_id, session.id, own_user_id)
    )
    return RegistrationResult(session, people, count, own)


async def read_locked(
    context: RequestContext, unit_of_work: UnitOfWork, session: Session, *, acting_for: str | None = None
) -> RegistrationResult:
    """The session as `find` returns it to an actor who may change it, in the transaction that has locked it."""
    found = await _read_back(unit_of_work, session, own_user_id=context.actor.user_id or acting_for)
    return replace(found, view=_view_of_change(context, found))


def _view_of_change(context: RequestContext, registered: RegistrationResult) -> SessionView:
    """The view in the response to a change. A key sees what it wrote, even without the scope `sessions:read`."""
    if context.actor.user_id is None:
        return FULL_VIEW
    policy, own = context.app.policy_for(registered.session.terms.policy), registered.own
    return limit_view(
        context.actor, policy=policy, person=determine_membership(policy, None if own is None else own.role)
    )


def _changes_details(before: SessionTerms, after: SessionTerms) -> bool:
    """Whether anything but the title, the schedule, and the status changes."""
    same = replace(after, title=before.title, starts_at=before.starts_at, ends_at=before.ends_at, status=before.status)
    return not _are_equal_terms(same, before)


def _first_step_at(app: App, session: Session) -> datetime | None:
    access_context = build_access_context(app, session, call_running=False)
    steps = list_due_steps(
        LifecycleState(
            access=access_context, is_closed=False, created_at=session.created_at, changed_at=session.updated_at
        )
    )
    return steps[0].at if steps else None


def _reason_to_close(context: RequestContext, session: Session, after: SessionTerms) -> EndReason | None:
    """Why this change ends the call and closes the room; None if they go on."""
    if after.is_closed:
        return EndReason.SESSION_CLOSED
    had_opened = has_opened(build_access_context(context.app, session, call_running=False), context.now)
    is_open = has_opened(
        build_access_context(context.app, replace(session, terms=after), call_running=False), context.now
    )
    return EndReason.SESSION_MOVED if had_opened and not is_open else None


async def _check_terms_change(unit_of_work: UnitOfWork, app: App, session: Session, terms: SessionTerms) -> None:
    """Check only changed terms, so that a session can be cancelled although the app's setup changed."""
    check_schedule(terms)
    providers = select_providers(app, replace(session, terms=terms))
    moved = terms.providers != session.terms.providers
    if moved:
        check_accounts(app, terms)
        check_roles(app, providers, await sessions.participant_roles(unit_of_work, app.id, session.id))
    if moved or terms.policy != session.terms.policy:
        check_guests(app, providers, terms)


def _check_people_change(
    app: App, session: Session, terms: SessionTerms, former: Sequence[Participant], wanted: Sequence[Participant]
) -> None:
    providers = select_providers(app, replace(session, terms=terms))
    moved = terms.providers != session.terms.providers
    check_people(app, providers, wanted, known=set() if moved else set(former))


async def _replace_roster(
    unit_of_work: UnitOfWork, session: Session, former: Sequence[Participant], wanted: Sequence[Participant]
) -> None:
    app_id, session_id = session.key.app_id, session.id
    wanted_ids = {person.user_id for person in wanted}
    unchanged = set(former)
    await sessions.delete_participants(
        unit_of_work, app_id, session_id, [p.user_id for p in former if p.user_id not in wanted_ids]
    )
    await sessions.upsert_participants(
        unit_of_work, app_id, session_id, [person for person in wanted if person not in unchanged]
    )


def _change_event_type(before: Session, after: Session) -> EventType:
    if after.terms.status is SessionStatus.CANCELLED and before.terms.status is not SessionStatus.CANCELLED:
        return EventType.SESSION_CANCELLED
    return EventType.SESSION_UPDATED


async def _close_room_if_over(context: RequestContext, registered: RegistrationResult) -> None:
    if registered.closes or registered.session.terms.is_closed:
        await close_room(context, registered.session)


async def find(context: RequestContext, key: SessionKey, *, acting_for: str | None = None) -> RegistrationResult:
    """The session, its first participants, and the actor's own entry, limited to what the actor may see.

    Raises `SessionNotFound`, `ScopeMissing`.
    """
    authorized = await require(context, key, Action.VIEW_SESSION, acting_for=acting_for)
    view = view_at(context, authorized)
    async with context.transaction() as unit_of_work:
        session = await sessions.find(unit_of_work, key)
        if session is None:
            raise session_not_found(key)
        found = await _read_back(unit_of_work, session, own_user_id=context.actor.user_id or acting_for)
    return replace(found, view=view, own=found.own if view.names else None)


async def list_sessions(
    context: RequestContext,
    kind: SessionKind,
    chosen: SessionFilter,
    order: SessionOrder,
    *,
    limit: int,
    cursor: str | None,
) -> Page[SessionSummary]:
    """One page of the app's sessions and the cursor of the next page.

    An end user gets only sessions in which they are a participant and which they may see, so a page may have fewer
    than `limit`; they cannot filter by metadata, which they do not see. Raises `NotYourself`, `RoleMayNot`,
    `ScopeMissing`, `InvalidCursor`.
    """
    require_scope(context.actor, Action.VIEW_SESSION)
    if context.actor.user_id is not None:
        require_among(context.actor, *((chosen.participant,) if chosen.participant else ()))
        chosen = replace(chosen, participant=context.actor.user_id)
        if chosen.metadata:
            require_for_app(context.actor, Action.VIEW_DETAILS)
    async with context.transaction() as unit_of_work:
        page = await lists.page(
            unit_of_work, context.app.id, kind, chosen, order, now=context.now, limit=limit, cursor=cursor
        )
        ids = [session.id for session in page.items]
        counts = await sessions.participant_counts(unit_of_work, context.app.id, ids)
        user_id = chosen.participant
        own = {} if user_id is None else await sessions.participations_of(unit_of_work, context.app.id, ids, user_id)
        views = await visible(context, unit_of_work, page.items)
    visible_sessions = [
        SessionSummary(session, counts[session.id], own.get(session.id), views[session.id])
        for session in page.items
        if session.id in views
    ]
    return Page(visible_sessions, page.next_cursor)


async def list_participants(
    context: RequestContext, key: SessionKey, *, acting_for: str | None = None, limit: int, cursor: str | None
) -> Page[Participant]:
    """One page of the participants by user ID, and the cursor of the next. Participants may see only their own entry.

    Raises `SessionNotFound`, `RoleMayNot`.
    """
    authorized = await require(context, key, Action.VIEW_PARTICIPANTS, acting_for=acting_for)
    if authorized.only_own:
        own = authorized.join_context.participant
        return Page([] if own is None else [own], None)
    async with context.transaction() as unit_of_work:
        session = await sessions.find(unit_of_work, key)
        if session is None:
            raise session_not_found(key)
        return await sessions.participants_page(unit_of_work, key.app_id, session.id, limit=limit, cursor=cursor)


async def find_participant(
    context: RequestContext, key: SessionKey, user_id: str, *, acting_for: str | None = None
) -> Participant:
    """Raises `SessionNotFound`, `ParticipantNotFound`, `NotYourself`, `RoleMayNot`."""
    await require(context, key, Action.VIEW_PARTICIPANTS, about=user_id, acting_for=acting_for)
    async with context.transaction() as unit_of_work:
        session = await sessions.find(unit_of_work, key)
        if session is None:
            raise session_not_found(key)
        person = await sessions.find_participant(unit_of_work, key.app_id, session.id, user_id)
    if person is None:
        raise _no_participant(key, user_id)
    return person


async def put_participant(
    context: RequestContext,
    key: SessionKey,
    person: Participant,
    *,
    precondition: Precondition[Participant] | None = None,
) -> bool:
    """Add or change one participant; True if they were added.

    Raises `SessionNotFound`, `RoleMayNot`, `RoleNotMapped`, `PreconditionFailed`.
    """
    async with context.transaction() as unit_of_work:
        session = await sessions.lock(unit_of_work, key)
        if session is None:
            raise session_not_found(key)
        await require_in(context, unit_of_work, session, Action.CHANGE_DETAILS)
        check_people(context.app, select_providers(context.app, session), [person])
        former = await sessions.find_participant(unit_of_work, context.app.id, session.id, person.user_id)
        if precondition is not None:
            precondition(former)
        if former != person:
            await sessions.upsert_participants(unit_of_work, context.app.id, session.id, [person])
            kind = EventType.PARTICIPANT_ADDED if former is None else EventType.PARTICIPANT_UPDATED
            await record(unit_of_work, _about(context, session, kind, person))
    return former is None


async def drop_participant(
    context: RequestContext, key: SessionKey, user_id: str, *, precondition: Precondition[Participant] | None = None
) -> None:
    """Remove one person from the roster.

    Raises `SessionNotFound`, `ParticipantNotFound`, `RoleMayNot`, `PreconditionFailed`.
    """
    async with context.transaction() as unit_of_work:
        session = await sessions.lock(unit_of_work, key)
        if session is None:
            raise session_not_found(key)
        await require_in(context, unit_of_work, session, Action.CHANGE_DETAILS)
        person = await sessions.find_participant(unit_of_work, context.app.id, session.id, user_id)
        if person is None:
            raise _no_participant(key, user_id)
        if precondition is not None:
            precondition(person)
        await sessions.delete_participants(unit_of_work, context.app.id, session.id, [user_id])
        await record(unit_of_work, _about(context, session, EventType.PARTICIPANT_DROPPED, person))


def check_terms(app: App, terms: SessionTerms) -> None:
    """Raise `InvalidInput`, `UnknownProvider`, or `RoleNotMapped` if the app cannot have a session with these terms."""
    check_schedule(terms)
    check_accounts(app, terms)
    check_guests(app, select_requested_providers(app, terms), terms)


def check_guests(app: App, providers: Iterable[ProviderName], terms: SessionTerms) -> None:
    """Raise `RoleNotMapped` if the session's own policy allows guests, but a provider has no role for them."""
    if terms.policy.get("guests_allowed"):
        check_roles(app, providers, [GUEST_ROLE])


def check_schedule(terms: SessionTerms) -> None:
    """Raise `InvalidInput` unless the end is after the start."""
    if terms.starts_at is not None and terms.ends_at is not None and terms.ends_at <= terms.starts_at:
        raise InvalidInput(
            TranslatableText(
                "`ends_at` must be after `starts_at`. When you move the start, send `ends_at` or `duration_minutes` "
                "too."
            )
        )


def check_accounts(app: App, terms: SessionTerms) -> None:
    """Raise `UnknownProvider` unless the app has an account with every named provider."""
    for name in terms.providers:
        if name not in app.accounts:
            available = ", ".join(app.default_providers) or "none"
            raise UnknownProvider(
                f"The app has no account with {name} (it has: {available}). Use one of those, or add an account."
            )


def check_people(
    app: App,
    providers: Iterable[ProviderName],
    people: Collection[Participant],
    *,
    known: Collection[Participant] = frozenset(),
) -> None:
    """Raise `DuplicateParticipant`, `RoleNotMapped`, or `InvalidInput` if these people cannot be a roster.

    The roles of `known` people were checked when they were added.
    """
    if len(people) > MAX_PARTICIPANTS:
        raise InvalidInput(
            TranslatableText("A session has at most %(maximum)s participants.", maximum=format(MAX_PARTICIPANTS, ","))
        )
    seen: set[str] = set()
    for person in people:
        if person.user_id in seen:
            raise DuplicateParticipant(
                TranslatableText("%(user_id)r is listed twice. List every participant once.", user_id=person.user_id)
            )
        seen.add(person.user_id)
    check_roles(app, providers, {person.role for person in people if person not in known})


def check_roles(app: App, providers: Iterable[ProviderName], roles: Collection[str]) -> None:
    """Raise `RoleNotMapped` unless every provider has a role for each of these app roles."""
    for provider in providers:
        for role in roles:
            provider_role(app, provider, role)


def _are_equal_terms(terms: SessionTerms, others: SessionTerms) -> bool:
    return terms == others and _are_equal_json(terms.metadata, others.metadata)


def _are_equal_json(one: Any, other: Any) -> bool:
    """Compare as JSON values. In Python, 1 equals True; in metadata they differ."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(_are_equal_json(value, other[name]) for name, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_are_equal_json, one, other))
    return bool(one == other)


def _sorted(people: Iterable[Participant]) -> tuple[Participant, ...]:
    return tuple(sorted(people, key=lambda person: person.user_id))


def _no_participant(key: SessionKey, user_id: str) -> ParticipantNotFound:
    return ParticipantNotFound(
        TranslatableText("%(user_id)r is not a participant of %(session)s.", user_id=user_id, session=key.label)
    )


def _about(
    context: RequestContext, session: Session, event_type: EventType, person: Participant | None = None
) -> Event:
    if person is None:
        data = {"version": session.version, "status": session.terms.status}
        return context.event(session, event_type, data=data)
    return context.event(session, event_type, user_id=person.user_id, data={"role": person.role})
