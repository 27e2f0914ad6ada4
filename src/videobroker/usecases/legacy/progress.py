"""Progress of sessions, and actions on it, as the legacy APIs have them."""

from collections.abc import Sequence
from dataclasses import replace

from videobroker.domain.access import AccessDecision, decide_call_opening
from videobroker.domain.authorization import Action
from videobroker.domain.progress import ProgressAction, SessionProgress
from videobroker.domain.sessions import SessionKey, SessionKind, SessionStatus
from videobroker.storage.legacy import session_progress
from videobroker.usecases import registration
from videobroker.usecases.access import check_access, load_join_context, session_not_found
from videobroker.usecases.authorization import require, require_among, require_at, visible
from videobroker.usecases.calls.calls import end_call, start_call
from videobroker.usecases.context import RequestContext


async def load_progress(
    context: RequestContext, key: SessionKey, *, roles: Sequence[str], acting_for: str | None = None
) -> SessionProgress:
    """The progress of a session, with the first participant of each of these app roles.

    Raises `SessionNotFound`, also for an actor who may not see it.
    """
    await require(context, key, Action.VIEW_SESSION, acting_for=acting_for)
    own = context.actor.user_id or acting_for
    async with context.transaction() as unit_of_work:
        found = await session_progress.find_by_key(unit_of_work, key, roles=roles, own_user_id=own)
    if found is None:
        raise session_not_found(key)
    return found


async def newest_bookings(
    context: RequestContext,
    named: Sequence[tuple[str, str | None]],
    *,
    roles: Sequence[str],
    acting_for: str | None = None,
    limit: int,
) -> list[SessionProgress]:
    """The bookings with the latest starts that have all these participants (user ID, app role or None).

    Each has the first participant of each of `roles`. An end user, or the user for whom a backend acts, is always
    one of the required participants. Raises `NotYourself` for an end user
    who names only others.
    """
    if named:
        require_among(context.actor, *(user_id for user_id, _ in named))
    own = context.actor.user_id or acting_for
    people = named if own is None else [*named, (own, None)]
    async with context.transaction() as unit_of_work:
        found = await session_progress.newest(
            unit_of_work, context.app.id, SessionKind.BOOKING, people, roles=roles, own_user_id=own, limit=limit
        )
        views = await visible(context, unit_of_work, [each.session for each in found])
    return [each for each in found if each.session.id in views]


async def access_now(context: RequestContext, key: SessionKey, *, user_id: str | None) -> AccessDecision:
    """Whether this person may join now; without a `user_id`, whether a call may start now. Raises `SessionNotFound`."""
    if user_id is not None:
        return await check_access(context, key, user_id=user_id)
    return decide_call_opening(
        (await load_join_context(context.broker, key, None)).access_context(context.app), context.now
    )


async def take_step(context: RequestContext, key: SessionKey, step: ProgressAction, *, user_id: str | None) -> None:
    """Apply an action to the session. Raises what `start_call`, `end_call`, and `registration.amend` raise.

    All actions but the start change the session, and are fully authorized before the first change.
    """
    join_context = await load_join_context(context.broker, key, user_id)
    if step is not ProgressAction.START:
        require_at(context, join_context, Action.CHANGE_SESSION)
    if step in {ProgressAction.REOPEN, ProgressAction.COMPLETE} and join_context.call is not None:
        require_at(context, join_context, Action.END_CALL)
    match step:
        case ProgressAction.START:
            await start_call(context, key, user_id=user_id)
        case ProgressAction.CANCEL:
            await registration.cancel(context, key)
        case ProgressAction.REOPEN:
            await _end_and_set(context, key, SessionStatus.CONFIRMED, user_id=user_id)
        case ProgressAction.COMPLETE:
            await _end_and_set(context, key, SessionStatus.COMPLETED, user_id=user_id)


async def _end_and_set(context: RequestContext, key: SessionKey, status: SessionStatus, *, user_id: str | None) -> None:
    if (await load_join_context(context.broker, key, user_id)).call is not None:
        await end_call(context, key, user_id=user_id)
    await registration.amend(context, key, lambda terms: replace(terms, status=status))
