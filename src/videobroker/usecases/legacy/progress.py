"""How far sessions have come, and the steps they take."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from videobroker.broker import Broker
from videobroker.domain.access import Decision, may_meet
from videobroker.domain.actors import Actor
from videobroker.domain.apps import App
from videobroker.domain.authorization import Action
from videobroker.domain.progress import Standing, Step
from videobroker.domain.sessions import SessionKey, SessionKind, SessionStatus
from videobroker.storage.legacy import session_progress
from videobroker.usecases import registration
from videobroker.usecases.access import access, look_at, no_session
from videobroker.usecases.authorization import require, require_among, require_at, visible
from videobroker.usecases.calls.calls import end_call, start_call


async def standing_of(
    broker: Broker,
    app: App,
    key: SessionKey,
    *,
    roles: Sequence[str],
    actor: Actor,
    acting_for: str | None = None,
) -> Standing:
    """How far the session has come, with the first participant of each of these app roles.

    Raises `SessionNotFound`, also for an actor who may not see it.
    """
    await require(broker, app, key, actor, Action.VIEW_SESSION, acting_for=acting_for)
    own = actor.user_id or acting_for
    async with broker.store.transaction() as transaction:
        found = await session_progress.find_one(transaction, key, roles=roles, own_user_id=own)
    if found is None:
        raise no_session(key)
    return found


async def newest_bookings(
    broker: Broker,
    app: App,
    named: Sequence[tuple[str, str | None]],
    *,
    roles: Sequence[str],
    actor: Actor,
    acting_for: str | None = None,
    limit: int,
) -> list[Standing]:
    """The bookings that start last and have all these participants (user ID, app role or None), by start.

    Each with the first participant of each of `roles`.

    An end user, or the user that a backend acts for, is one of the participants. Raises `NotYourself` for an end user
    who names only others.
    """
    if named:
        require_among(actor, *(user_id for user_id, _ in named))
    own = actor.user_id or acting_for
    people = named if own is None else [*named, (own, None)]
    async with broker.store.transaction() as transaction:
        found = await session_progress.newest(
            transaction, app.id, SessionKind.BOOKING, people, roles=roles, own_user_id=own, limit=limit
        )
        seen = await visible(transaction, app, [each.session for each in found], actor)
    return [each for each in found if each.session.id in seen]


async def may_enter_now(broker: Broker, app: App, key: SessionKey, *, user_id: str | None, now: datetime) -> Decision:
    """May this person enter now? Without a `user_id`: may the session meet now, whoever comes?"""
    if user_id is not None:
        return await access(broker, app, key, user_id=user_id, now=now)
    return may_meet((await look_at(broker, key, None)).door(app), now)


async def take(
    broker: Broker, app: App, key: SessionKey, step: Step, *, user_id: str | None, actor: Actor, now: datetime
) -> None:
    """Take a step with the session. Raises what `start_call`, `end_call` and `registering.amend` raise.

    Every step but the start changes the session, and is authorized before anything happens.
    """
    entrance = await look_at(broker, key, user_id)
    if step is not Step.START:
        require_at(app, entrance, actor, Action.CHANGE_SESSION)
    if step in {Step.REOPEN, Step.COMPLETE} and entrance.call is not None:
        require_at(app, entrance, actor, Action.END_CALL)
    match step:
        case Step.START:
            await start_call(broker, app, key, user_id=user_id, actor=actor, now=now)
        case Step.CANCEL:
            await registration.cancel(broker, app, key, actor=actor, now=now)
        case Step.REOPEN:
            await _end_and_set(broker, app, key, SessionStatus.CONFIRMED, user_id=user_id, actor=actor, now=now)
        case Step.COMPLETE:
            await _end_and_set(broker, app, key, SessionStatus.COMPLETED, user_id=user_id, actor=actor, now=now)


async def _end_and_set(
    broker: Broker,
    app: App,
    key: SessionKey,
    status: SessionStatus,
    *,
    user_id: str | None,
    actor: Actor,
    now: datetime,
) -> None:
    if (await look_at(broker, key, user_id)).call is not None:
        await end_call(broker, app, key, user_id=user_id, actor=actor, now=now)
    await registration.amend(broker, app, key, lambda terms: replace(terms, status=status), actor=actor, now=now)
