"""Erases a person such that the journal can still be verified. `storage/journal/personal_data.py` lists the columns."""

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from videobroker.broker import Broker
from videobroker.domain.actors import Actor
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import AppId, EventId, SessionId, uuid7
from videobroker.domain.journal_proof.erasure import DataSubject, create_pseudonym, iterate_texts, mentions
from videobroker.domain.journal_proof.proof import (
    SALT_BYTES,
    Position,
    Redaction,
    compute_account_digest,
    compute_commitment,
    slice_salt,
    split_row,
)
from videobroker.errors import DecryptionFailed, ProviderError, StorageUnavailable
from videobroker.storage import idempotency
from videobroker.storage.attendance import webhook_inbox
from videobroker.storage.attendance.webhook_inbox import InboxRow
from videobroker.storage.joining import removals
from videobroker.storage.journal import journal, seals
from videobroker.storage.journal.seals import RowWithLeaf
from videobroker.storage.sessions import people, sessions
from videobroker.storage.webhooks import deliveries
from videobroker.usecases.attendance.process_webhooks import process_session
from videobroker.usecases.joining.moderation import enforce_removals

WEBHOOKS_PER_PAGE = 1_000
"""Webhooks that are read in one transaction."""
RESPONSES_PER_PAGE = 1_000
"""Stored answers that are decrypted in one transaction."""

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ErasureResult:
    """The result of an erasure."""

    rows: int
    """Journal rows with redactions."""
    fields: int
    """Redacted fields of these rows."""
    event_id: EventId | None
    """The `person.erased` event that accounts for it; None if nothing was found."""
    receipt: str | None
    """Not stored: its holder can show that the event is about this person."""
    webhooks: int = 0
    """Provider webhooks that named the person. Their bodies were deleted."""
    unprocessed: int = 0
    """How many of these webhooks could not be processed before. They have no effect anymore."""
    records: int = 0
    """Rows of all other tables that were deleted or name a pseudonym instead."""
    mentions: tuple[str, ...] = ()
    """Sessions whose title or metadata still contains their ID or their name: only the app can judge these texts."""


async def erase_person(
    broker: Broker,
    app_id: AppId,
    user_id: str,
    *,
    references: Collection[str] = (),
    actor: Actor,
    now: datetime,
) -> ErasureResult:
    """Erase everything that names this person from the app's data, and record that in the journal.

    Redacted in the journal: their user ID and provider user IDs; IP address and browser of their own requests; events
    that the app reported about them, on their behalf, or naming them; and the `references` of sessions that the app
    wants erased. Bodies of provider webhooks that name them are deleted, and so are responses of webhook receivers.
    Tickets, waiting room entries, removals, and stored answers to idempotent requests are deleted; so are their entries
    in sessions that have not begun. Stays, verdicts, calls, and sessions that have begun name a pseudonym instead.

    Rows that are written concurrently are not found: erase again when the person is gone. An interrupted erasure is
    completed by the next one.

    Webhooks are erased first: which of them name the person is derived from rows that are erased afterwards.
    """
    await _finish_removals(broker, app_id, user_id, now)
    subject, _ = await _find_subject(broker, app_id, user_id, references)
    await _process_pending_webhooks(broker, app_id, subject, now)
    subject, session_ids = await _find_subject(broker, app_id, user_id, references)
    names = subject.names
    pseudonym, entry_id = create_pseudonym(user_id), EventId(uuid7(now))
    webhooks, unprocessed = await _erase_webhook_bodies(broker, app_id, subject)
    records, mentioned = await _erase_in_sessions(broker, app_id, session_ids, subject, pseudonym.stored, now)
    records += await _delete_answers(broker, app_id, subject)
    async with broker.store.transaction(app_id, long_statements=True) as unit_of_work:
        await seals.lock(unit_of_work, app_id)
        stored = await seals.rows_naming(unit_of_work, app_id, user_id, names, references)
        # All rows are read before the event is recorded: it must come after every row that it accounts for.
        plans = [plan for plan in (_plan(each, subject.pointers(each.row), entry_id) for each in stored) if plan.parts]
        redactions = [redaction for plan in plans for redaction in plan.parts]
        planned = {plan.position for plan in plans}
        event_ids = [EventId(UUID(each.row.id)) for each in stored if each.row.position in planned]
        # Also sessions that only the journal connects with the person, who was dropped from them, for example.
        named = {SessionId(UUID(each.row.session_id)) for each in stored if each.row.session_id is not None}
        records += await deliveries.erase_answers(unit_of_work, app_id, event_ids, sorted({*session_ids, *named}))
        if not redactions and not records:
            return ErasureResult(0, 0, None, None, webhooks, unprocessed, mentions=mentioned)
        data = {
            "person": pseudonym.value,
            "rows": len(plans),
            "fields": len(redactions),
            "records": records,
            "digest": compute_account_digest(redactions),
        }
        await journal.record(unit_of_work, Event(entry_id, EventType.PERSON_ERASED, now, actor, data=data))
        if redactions:
            await seals.replace_salts(unit_of_work, app_id, {plan.position: plan.salts for plan in plans})
            await seals.redact(unit_of_work, app_id, entry_id, redactions)
    return ErasureResult(
        len(plans),
        len(redactions),
        entry_id,
        pseudonym.receipt,
        webhooks,
        unprocessed,
        records=records,
        mentions=mentioned,
    )


async def _find_subject(
    broker: Broker, app_id: AppId, user_id: str, references: Collection[str]
) -> tuple[DataSubject, list[SessionId]]:
    """The person with their provider user IDs, and the sessions that name them."""
    async with broker.store.transaction(app_id, long_statements=True) as unit_of_work:
        names = await seals.provider_ids_by_session(unit_of_work, app_id, user_id)
        found = await people.sessions_naming(unit_of_work, app_id, user_id)
    return DataSubject(user_id, names, references), sorted({*found, *(SessionId(UUID(each)) for each in names)})


async def _process_pending_webhooks(broker: Broker, app_id: AppId, subject: DataSubject, now: datetime) -> None:
    """Process webhooks that name the person, so that what they report is still counted."""
    session_ids: set[SessionId] = set()
    async for page in _webhook_pages(broker, app_id):
        session_ids.update(
            each.session_id
            for each in page
            if each.session_id is not None
            and each.state == "pending"
            and subject.is_in_webhook(str(each.session_id), each.body)
        )
    for session_id in sorted(session_ids):
        try:
            await process_session(broker, app_id, session_id, now=now)
        except StorageUnavailable:
            raise
        except Exception as error:  # noqa: BLE001  an erasure must not depend on it
            log.warning("erasure.webhooks_not_processed", session_id=str(session_id), error=type(error).__name__)


async def _webhook_pages(broker: Broker, app_id: AppId) -> AsyncIterator[list[InboxRow]]:
    position: tuple[datetime, object] | None = None
    while True:
        async with broker.store.transaction(app_id) as unit_of_work:
            page = await webhook_inbox.read_page(unit_of_work, app_id, behind=position, limit=WEBHOOKS_PER_PAGE)
        yield page
        if len(page) < WEBHOOKS_PER_PAGE:
            return
        position = (page[-1].received_at, page[-1].id)


async def _finish_removals(broker: Broker, app_id: AppId, user_id: str, now: datetime) -> None:
    """Enforce pending removals of the person: after the erasure, their provider user IDs are unknown."""
    async with broker.store.transaction(app_id) as unit_of_work:
        unfinished = await removals.sessions_to_enforce_for(unit_of_work, app_id, user_id)
    for session_id in unfinished:
        try:
            await enforce_removals(broker, app_id, session_id, now=now)
        except ProviderError as error:
            # An erasure does not wait for a vendor. Credentials of the person expire by themselves.
            log.warning("erasure.removal_failed", session_id=str(session_id), error=error.code)


async def _erase_in_sessions(
    broker: Broker,
    app_id: AppId,
    session_ids: Sequence[SessionId],
    subject: DataSubject,
    pseudonym: str,
    now: datetime,
) -> tuple[int, tuple[str, ...]]:
    """Erase the person in each session, in one transaction per session.

    Returns how many rows changed, and labels of sessions whose texts still mention the person.
    """
    count, mentioned = 0, []
    for session_id in session_ids:
        async with broker.store.transaction(app_id, long_statements=True) as unit_of_work:
            # Every change of a session takes this lock first.
            session = await sessions.lock_by_id(unit_of_work, app_id, session_id)
            if session is None:
                continue
            words = {
                subject.user_id,
                *await people.display_names(unit_of_work, app_id, session_id, subject.user_id),
            }
            metadata: Mapping[str, object] = subject.replace_in(session.terms.metadata, pseudonym)
            count += await people.erase_in_session(
                unit_of_work,
                session,
                subject.user_id,
                names=subject.names.get(str(session_id), ()),
                pseudonym=pseudonym,
                metadata=metadata,
                now=now,
            )
            # Afterwards, nothing may connect the session with the person.
            count += await deliveries.erase_answers(unit_of_work, app_id, [], [session_id])
        if any(mentions(text, words) for text in (session.terms.title or "", *iterate_texts(metadata))):
            mentioned.append(session.key.label)
    return count, tuple(mentioned)


async def _delete_answers(broker: Broker, app_id: AppId, subject: DataSubject) -> int:
    """Delete stored answers about the person or naming them, and return how many."""
    async with broker.store.transaction(app_id, long_statements=True) as unit_of_work:
        count = await idempotency.delete_responses_about(unit_of_work, app_id, subject.user_id)
    after: str | None = None
    while True:
        async with broker.store.transaction(app_id) as unit_of_work:
            page = await idempotency.responses_page(unit_of_work, app_id, after=after, limit=RESPONSES_PER_PAGE)
            keys = [key for key, sealed in page if _names_subject(broker, sealed, subject)]
            count += await idempotency.delete_responses(unit_of_work, app_id, keys)
        if len(page) < RESPONSES_PER_PAGE:
            return count
        after = page[-1][0]


def _names_subject(broker: Broker, sealed: bytes, subject: DataSubject) -> bool:
    try:
        return subject.is_named_in(broker.secret_box.decrypt(sealed))
    except DecryptionFailed:
        # Encrypted with a key that is not configured here. The answer expires within a day.
        return False


async def _erase_webhook_bodies(broker: Broker, app_id: AppId, subject: DataSubject) -> tuple[int, int]:
    """Delete the bodies of webhooks that name the person. Returns how many, and how many of these were pending."""
    erased = unprocessed = 0
    async for page in _webhook_pages(broker, app_id):
        found = [each for each in page if subject.is_in_webhook(str(each.session_id), each.body)]
        async with broker.store.transaction(app_id) as unit_of_work:
            erased += await webhook_inbox.erase_bodies(unit_of_work, app_id, [each.id for each in found])
        unprocessed += sum(each.state == "pending" for each in found)
    return erased, unprocessed


@dataclass(frozen=True, slots=True)
class _RowRedactions:
    """The redactions of one journal row."""

    position: Position
    parts: Sequence[Redaction]
    salts: bytes
    """The remaining salts of the row."""


def _plan(stored: RowWithLeaf, pointers: Collection[str], entry_id: EventId) -> _RowRedactions:
    row, salts = stored.row, stored.row.salts or b""
    personal = split_row(row).personal
    # Salts that do not match the row prove nothing. Verification reports them; here they are only deleted.
    has_valid_salts = stored.leaf is not None and len(salts) == SALT_BYTES * len(personal)
    parts, remaining = [], b""
    for index, (pointer, value) in enumerate(personal):
        salt = slice_salt(salts, index) if has_valid_salts else b""
        if pointer in pointers:
            parts.append(
                Redaction(
                    row.position, pointer, compute_commitment(salt, value) if has_valid_salts else None, str(entry_id)
                )
            )
        else:
            remaining += salt
    return _RowRedactions(row.position, parts, remaining)
