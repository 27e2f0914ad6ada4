"""Forgets a person in the journal, so that the journal still proves itself."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from videobroker.broker import Broker
from videobroker.domain.actors import Actor
from videobroker.domain.erasure import Subject, pseudonym_of
from videobroker.domain.ids import AppId, EventId, uuid7
from videobroker.domain.journal import Event, EventType
from videobroker.domain.proof import SALT_BYTES, Position, Redaction, account, commitment, parts_of, salt_of
from videobroker.storage import deliveries, inbox, journal, lobby, seals, tickets, uids
from videobroker.storage.seals import Held

NOTICES_AT_ONCE = 1_000
"""So many webhooks are read in one transaction."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What was taken out."""

    rows: int
    fields: int
    event_id: EventId | None
    """The `person.erased` that accounts for it; None when there was nothing."""
    receipt: str | None
    """Kept nowhere here: with it, whoever has it can show that the event is about this person."""
    notices: int = 0
    """So many webhooks of providers told of them; nothing is left of what these said."""
    waiting: int = 0
    """So many more do, and wait to be applied: erase again then."""


async def erase_person(
    broker: Broker,
    app_id: AppId,
    user_id: str,
    *,
    references: Collection[str] = (),
    actor: Actor,
    now: datetime,
) -> Erased:
    """Take everything out of the app's journal that tells of this person, and say so in it.

    That is their id and what providers call them, wherever they stand; address and browser where they asked themselves;
    what the app reported about or for them, or where it names them; and the `references` of sessions that the app wants
    forgotten. They leave every waiting room, where their name may stand, and their links are deleted. Of webhooks of
    providers that tell of them nothing is left but that they came, and of what receivers answered to deliveries of
    these events nothing at all.
    Events that are being written at this moment are not found: erase again when the person is gone.
    """
    notices, waiting = await _empty_notices(broker, app_id, user_id)
    async with broker.store.transaction() as transaction:
        await seals.be_patient(transaction)
        await lobby.forget_person(transaction, app_id, user_id)
        await tickets.forget_person(transaction, app_id, user_id)
        await uids.forget_names(transaction, app_id, user_id)
        await seals.lock(transaction, app_id)
        names = await seals.provider_names(transaction, app_id, user_id)
        held = await seals.rows_that_name(transaction, app_id, user_id, names, references)
        subject = Subject(user_id, names, references)
        pseudonym, entry_id = pseudonym_of(user_id), EventId(uuid7(now))
        # Looking comes before writing: the event that accounts for rows has to stand behind all of them.
        plans = [plan for plan in (_plan(each, subject.pointers(each.row), entry_id) for each in held) if plan.parts]
        redactions = [redaction for plan in plans for redaction in plan.parts]
        if not redactions:
            return Erased(0, 0, None, None, notices, waiting)
        data = {
            "person": pseudonym.value,
            "rows": len(plans),
            "fields": len(redactions),
            "digest": account(redactions),
        }
        await journal.record(transaction, Event(entry_id, EventType.PERSON_ERASED, now, actor, data=data))
        await seals.replace_salts(transaction, app_id, {plan.position: plan.salts for plan in plans})
        await seals.redact(transaction, app_id, entry_id, redactions)
        planned = {plan.position for plan in plans}
        told_of = [EventId(UUID(each.row.id)) for each in held if each.row.position in planned]
        await deliveries.empty_answers(transaction, app_id, told_of)
    return Erased(len(plans), len(redactions), entry_id, pseudonym.receipt, notices, waiting)


async def _empty_notices(broker: Broker, app_id: AppId, user_id: str) -> tuple[int, int]:
    """How many told of them, and how many still wait to be applied."""
    # As long as the journal still says what providers call them.
    async with broker.store.transaction() as transaction:
        await seals.be_patient(transaction)
        subject = Subject(user_id, await seals.provider_names(transaction, app_id, user_id))
    emptied = waiting = 0
    place: tuple[datetime, object] | None = None
    while True:
        async with broker.store.transaction() as transaction:
            told = await inbox.read_on(transaction, app_id, behind=place, limit=NOTICES_AT_ONCE)
            theirs = [each for each in told if subject.is_in_notice(str(each.session_id), each.body)]
            count = await inbox.empty(transaction, app_id, [each.id for each in theirs])
        emptied += count
        waiting += len(theirs) - count
        if len(told) < NOTICES_AT_ONCE:
            return emptied, waiting
        place = (told[-1].received_at, told[-1].id)


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is done to a row."""

    position: Position
    parts: Sequence[Redaction]
    salts: bytes
    """What is left of its salts."""


def _plan(held: Held, pointers: Collection[str], entry_id: EventId) -> _Plan:
    row, salts = held.row, held.row.salts or b""
    personal = parts_of(row).personal
    # Salts that do not belong to the row prove nothing any more: verifying it says so, and here they only go.
    fitting = held.leaf is not None and len(salts) == SALT_BYTES * len(personal)
    parts, left = [], b""
    for index, (pointer, value) in enumerate(personal):
        salt = salt_of(salts, index) if fitting else b""
        if pointer in pointers:
            parts.append(Redaction(row.position, pointer, commitment(salt, value) if fitting else None, str(entry_id)))
        else:
            left += salt
    return _Plan(row.position, parts, left)
