"""Processes the inbox: applies stored webhooks to their calls. Each batch of a session is one transaction."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from videobroker.broker import Broker
from videobroker.domain.actors import Actor
from videobroker.domain.apps import App
from videobroker.domain.attendance.observations import Observation, ReceivedObservation
from videobroker.domain.attendance.recordings import RecordingState, RecordingUpdate
from videobroker.domain.calls import Call, find_call, find_recorded_call, is_after_all
from videobroker.domain.events import Event, EventType, create_session_event
from videobroker.domain.ids import AppId, CallId, SessionId, WebhookId, uuid7
from videobroker.domain.sessions import Session
from videobroker.errors import ProviderNotConfigured, StorageUnavailable, WebhookUnreadable
from videobroker.providers.contract import Provider
from videobroker.storage.attendance import identities, webhook_inbox
from videobroker.storage.attendance.webhook_inbox import BATCH_ROWS, StoredWebhook
from videobroker.storage.calls import calls
from videobroker.storage.journal.journal import record
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions import sessions
from videobroker.storage.tenants import apps
from videobroker.usecases.attendance.projection import add_observations, as_ours, load_call_record

MAX_WEBHOOK_DELAY = timedelta(minutes=30)
"""How long after its arrival a decision waits for a webhook that cannot be processed."""

log = structlog.get_logger(__name__)


async def process_all(broker: Broker, app_id: AppId, session_ids: Iterable[SessionId], *, now: datetime) -> None:
    """Process the pending webhooks of these sessions. The first error is raised after all sessions were tried."""
    failures = []
    for session_id in session_ids:
        try:
            await process_session(broker, app_id, session_id, now=now)
        except StorageUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  one session must not block the others
            failures.append(error)
    if failures:
        raise failures[0]


async def process_session(broker: Broker, app_id: AppId, session_id: SessionId, *, now: datetime) -> int:
    """Process the pending webhooks of a session, and return how many. Skips those that another worker has locked."""
    processed = 0
    while True:
        async with broker.store.transaction(app_id) as unit_of_work:
            webhooks = await webhook_inbox.claim_pending(unit_of_work, app_id, session_id)
            done = await _process_batch(unit_of_work, broker, app_id, session_id, webhooks, now) if webhooks else 0
        processed += done
        # A full batch of which none could be processed would be claimed forever.
        if len(webhooks) < BATCH_ROWS or not done:
            return processed


async def process_before_decision(broker: Broker, app_id: AppId, session_id: SessionId, *, now: datetime) -> None:
    """Process the pending webhooks of a session before a decision that depends on them.

    An error is logged: `has_unprocessed_webhooks` limits how long the decision waits.
    """
    try:
        await process_session(broker, app_id, session_id, now=now)
    except StorageUnavailable:
        raise
    except Exception as error:  # noqa: BLE001  one webhook must not prevent every decision
        log.warning("webhook.process_failed", session_id=str(session_id), error=type(error).__name__)


async def has_unprocessed_webhooks(
    unit_of_work: UnitOfWork, app_id: AppId, session_id: SessionId, *, now: datetime
) -> bool:
    """Whether a decision about who attended has to wait. The transaction that writes it must have locked the session.

    Webhooks that another worker processes count, and for `MAX_WEBHOOK_DELAY` those that cannot be processed, because
    their account is not configured, or because of an error.
    """
    return await webhook_inbox.has_unprocessed(unit_of_work, app_id, session_id, received_since=now - MAX_WEBHOOK_DELAY)


async def _process_batch(
    unit_of_work: UnitOfWork,
    broker: Broker,
    app_id: AppId,
    session_id: SessionId,
    webhooks: Sequence[StoredWebhook],
    now: datetime,
) -> int:
    """Return how many are not pending anymore."""
    app = await apps.app_by_id(unit_of_work, app_id)
    session = await sessions.lock_by_id(unit_of_work, app_id, session_id)
    if app is None:
        raise LookupError(f"the inbox has webhooks of app {app_id}, which does not exist")
    if session is None:
        # They were received while the session was being deleted.
        await webhook_inbox.mark(unit_of_work, app_id, [each.id for each in webhooks], ignored="session was deleted")
        return len(webhooks)
    by_call: dict[CallId, list[ReceivedObservation]] = defaultdict(list)
    known = {call.id: call for call in await calls.newest_of_session(unit_of_work, app_id, session_id)}
    recorded: list[tuple[WebhookId, Provider, RecordingUpdate]] = []
    done: list[WebhookId] = []
    ignored = 0
    for each in webhooks:
        try:
            provider = broker.provider(app, each.provider)
        except ProviderNotConfigured:
            # Stays pending until the account is configured again.
            continue
        observation, recording = _parse(provider, each)
        if recording is not None:
            recorded.append((each.id, provider, recording))
            continue
        if observation is None:
            await webhook_inbox.mark(unit_of_work, app_id, [each.id], ignored="cannot be read any more")
            ignored += 1
            continue
        call = await call_for(unit_of_work, app, session, list(known.values()), provider, observation, now)
        if call is None:
            await webhook_inbox.mark(unit_of_work, app_id, [each.id], ignored="is about no call")
            ignored += 1
            continue
        known[call.id] = _with_id(call, observation)
        by_call[call.id].append(ReceivedObservation(observation, each.received_at, each.type))
        done.append(each.id)
    for call_id, received in by_call.items():
        call = known[call_id]
        observed = [each.observation for each in received]
        numbered = broker.provider(app, call.provider).needs_uid
        call_record = await load_call_record(unit_of_work, app, session, call, observed, numbered=numbered)
        await add_observations(unit_of_work, app, call_record, received, final=call.settled_at is not None, now=now)
    # Last: the observations of this batch may have opened the call that was recorded.
    for webhook_id, provider, update in recorded:
        await record(unit_of_work, _recording_event(app, session, list(known.values()), provider, update, now))
        done.append(webhook_id)
    await webhook_inbox.mark(unit_of_work, app_id, done)
    return len(done) + ignored


def _parse(provider: Provider, webhook: StoredWebhook) -> tuple[Observation | None, RecordingUpdate | None]:
    try:
        parsed = provider.read(webhook.body)
    except WebhookUnreadable as error:
        log.warning("webhook.parse_failed", webhook_id=str(webhook.id), error=error.code)
        return None, None
    observation, recording = parsed.observation, parsed.recording
    return (
        None if observation is None else as_ours(provider, replace(observation, evidence=str(webhook.id))),
        None if recording is None else as_ours(provider, recording),
    )


_RECORDING_EVENTS = {
    RecordingState.STARTED: EventType.RECORDING_STARTED,
    RecordingState.READY: EventType.RECORDING_READY,
    RecordingState.FAILED: EventType.RECORDING_FAILED,
}


def _recording_event(
    app: App, session: Session, known: Sequence[Call], provider: Provider, update: RecordingUpdate, now: datetime
) -> Event:
    call = find_recorded_call(known, provider.name, update)
    data = {"call": None if call is None else str(call.id), "provider": provider.name, **update.to_journal_data()}
    return create_session_event(session, _RECORDING_EVENTS[update.state], actor=Actor(app.id), now=now, data=data)


def _with_id(call: Call, observation: Observation) -> Call:
    """Add the provider's call ID, so that later observations in this batch with that ID find the call."""
    provider_call_id = observation.provider_call_id
    if provider_call_id is None or provider_call_id in call.provider_call_ids:
        return call
    return replace(call, provider_call_ids=(*call.provider_call_ids, provider_call_id))


async def call_for(
    unit_of_work: UnitOfWork,
    app: App,
    session: Session,
    known: Sequence[Call],
    provider: Provider,
    observation: Observation,
    now: datetime,
) -> Call | None:
    """The call of an observation. Opens one if people meet without one; None if the observation belongs to no call."""
    call = find_call(known, provider.name, observation)
    if call is not None or not is_after_all([each for each in known if each.provider is provider.name], observation):
        return call
    if session.provider not in {None, provider.name}:
        # They are in a room that is about to be closed: the session moved to another provider.
        return None
    # People meet without having started a call here: with a room code, or with credentials of an earlier call.
    started_at = observation.since or observation.at
    person = observation.provider_user_id
    people = [] if person is None else [person]
    names = await identities.user_ids_by_provider_id(
        unit_of_work, app.id, session.id, people, numbered=provider.needs_uid
    )
    started_by = names.get(person or "")
    new = Call(CallId(uuid7(now)), session.id, provider.name, started_at=started_at, started_by=started_by)
    if not await calls.open_call(unit_of_work, app.id, new):
        return None
    await sessions.bring_next_step_forward(unit_of_work, app.id, session.id, now)
    data = {"call": str(new.id), "provider": provider.name}
    event = create_session_event(
        session, EventType.CALL_STARTED, actor=Actor(app.id), now=now, user_id=started_by, data=data
    )
    await record(unit_of_work, event)
    return new
