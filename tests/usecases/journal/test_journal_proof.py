"""The journal proof: unauthorized changes are detected and located, and authorized redactions are accounted for."""

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from database_roles import owner_transaction
from polling import eventually
from tenants import MovableClock, Tenant
from videobroker.domain.actors import Actor
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import EventId, SessionId, uuid7
from videobroker.domain.journal_proof import export_format
from videobroker.domain.journal_proof.verification import IssueType, ProofResult
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.errors import ExportUnreadable, InvalidInput, JournalDamaged
from videobroker.storage.journal import journal, seals
from videobroker.usecases.journal import retention
from videobroker.usecases.journal.erasure import ErasureResult, erase_person
from videobroker.usecases.journal.export import export_journal
from videobroker.usecases.journal.sealing import seal_journal, seal_journals, send_heads
from videobroker.usecases.journal.verification import journal_head, verify_journal

SESSION = SessionId(uuid7(datetime(2026, 3, 12, tzinfo=UTC)))


@pytest.fixture
async def tutoring(tutoring: Tenant) -> Tenant:
    """An app with an empty journal, so that counts do not include the set-up of the app."""
    await tamper(tutoring, "delete from journal where app_id = :app")
    return tutoring


@pytest.fixture
async def other(other: Tenant) -> Tenant:
    """Another app with an empty journal."""
    await tamper(other, "delete from journal where app_id = :app")
    return other


async def write(
    tenant: Tenant,
    count: int = 1,
    *,
    event_type: EventType = EventType.CREDENTIALS_ISSUED,
    user_id: str | None = "ben",
    asked_by: str | None = None,
    data: dict[str, Any] | None = None,
    ago: timedelta = timedelta(0),
) -> list[str]:
    """Write events about a booking, and return their IDs."""
    now = tenant.broker.now() - ago
    actor = Actor(tenant.app.id, ip="192.0.2.7", user_agent="Firefox/140", user_id=asked_by)
    key = SessionKey(tenant.app.id, SessionKind.BOOKING, "lesson-1")
    events = [Event(EventId(uuid7(now)), event_type, now, actor, key, SESSION, user_id, data) for _ in range(count)]
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        await journal.record(unit_of_work, *events)
    return [str(event.id) for event in events]


async def seal(tenant: Tenant) -> int:
    """Seal all events: no other writer has a long transaction in these tests."""
    total = 0

    async def is_sealed() -> bool:
        nonlocal total
        total += await seal_journal(tenant.broker, tenant.app.id, now=tenant.broker.now())
        return (await verify(tenant)).unsealed == 0

    # Rows remain unsealed while an older transaction is running.
    await eventually(is_sealed)
    return total


async def verify(tenant: Tenant, head: bytes | None = None) -> ProofResult:
    """The result of the verification."""
    return await verify_journal(tenant.broker, tenant.app, heads=() if head is None else (head,))


async def tamper(tenant: Tenant, statement: str, **parameters: Any) -> None:
    """Change the database as a superuser, without the triggers that would refuse it."""
    async with owner_transaction(tenant.broker.store) as unit_of_work:
        await unit_of_work.execute(text("set local session_replication_role = replica"))
        found = await unit_of_work.execute(text(statement), {"app": tenant.app.id, **parameters})
        assert found.rowcount > 0


async def export(tenant: Tenant, **how: Any) -> list[str]:
    """The lines of an export."""
    return [line async for line in export_journal(tenant.broker, tenant.app, now=tenant.broker.now(), **how)]


def issues_of(result: ProofResult) -> list[tuple[IssueType, str | None]]:
    """The type and the event of each issue."""
    return [(issue.issue_type, issue.event_id) for issue in result.findings]


@pytest.fixture
async def sealed(tutoring: Tenant) -> list[str]:
    """The IDs of nine events in three seals."""
    ids: list[str] = []
    for _ in range(3):
        ids += await write(tutoring, 3, data={"role": "teacher", "provider_user_id": "peer-9", "n": 7})
        await seal(tutoring)
    return ids


async def test_an_unchanged_journal_is_verified(tutoring: Tenant, sealed: list[str]) -> None:
    await write(tutoring, 2)
    result = await verify(tutoring)
    assert result.is_whole
    assert (result.rows, result.seals, result.unsealed, result.findings) == (len(sealed), 3, 2, ())


async def test_events_of_the_service_are_sealed_and_verified(tutoring: Tenant) -> None:
    await tutoring.book()
    await tutoring.join()
    await tutoring.join(user_id="student-1")
    await tutoring.post("/v1/bookings/lesson-1/end")
    events = await tutoring.events()
    assert await seal(tutoring) == len(events)
    result = await verify(tutoring)
    assert (result.is_whole, result.rows) == (True, len(events))


async def test_a_journal_without_events_is_verified(tutoring: Tenant) -> None:
    result = await verify(tutoring)
    assert (result.is_whole, result.rows, result.head) == (True, 0, None)
    assert await journal_head(tutoring.broker, tutoring.app) is None


@pytest.mark.parametrize(
    "change",
    [
        "type = 'credentials.denied'",
        "occurred_at = occurred_at + interval '1 microsecond'",
        "session_id = gen_random_uuid()",
        "kind = 'group'",
        "kind = null",
        "reference = 'lesson-2'",
        "user_id = 'bem'",
        "user_id = null",
        "user_id = ''",
        "key_id = gen_random_uuid()",
        "ip = '192.0.2.6'",
        "ip = null",
        "user_agent = 'Firefox/141'",
        "asked_by_user_id = 'eve'",
        "data = jsonb_set(data, '{role}', '\"student\"')",
        "data = jsonb_set(data, '{n}', '7.0000000000000000000000001')",
        "data = jsonb_set(data, '{n}', '9007199254740993')",
        "data = jsonb_set(data, '{provider_user_id}', '\"peer-8\"')",
        "data = data - 'provider_user_id'",
        "data = data - 'role'",
        "data = data || '{\"new\": null}'",
        "data = '[]'",
    ],
)
async def test_a_changed_row_is_reported(tutoring: Tenant, sealed: list[str], change: str) -> None:
    statement = f"update journal set {change} where app_id = :app and id = :id"  # noqa: S608  our own words
    await tamper(tutoring, statement, id=sealed[4])
    result = await verify(tutoring)
    assert issues_of(result) == [(IssueType.CHANGED, sealed[4])]
    assert sealed[4] in result.findings[0].sentence


async def test_every_bit_of_a_text_is_protected(tutoring: Tenant, sealed: list[str]) -> None:
    flip = "update journal set user_agent = convert_from(set_bit(convert_to(user_agent, 'UTF8'), 0, :bit), 'UTF8')"
    await tamper(tutoring, f"{flip} where app_id = :app and id = :id", id=sealed[0], bit=1)
    assert issues_of(await verify(tutoring)) == [(IssueType.CHANGED, sealed[0])]


@pytest.mark.parametrize("which", [0, 4, 8])
async def test_a_removed_row_is_reported(tutoring: Tenant, sealed: list[str], which: int) -> None:
    await tamper(tutoring, "delete from journal where app_id = :app and id = :id", id=sealed[which])
    assert issues_of(await verify(tutoring)) == [(IssueType.REMOVED, sealed[which])]


@pytest.mark.parametrize(("one", "other"), [(3, 4), (1, 7), (0, 8)])
async def test_swapped_rows_are_reported(tutoring: Tenant, sealed: list[str], one: int, other: int) -> None:
    await _swap(tutoring, sealed[one], sealed[other])
    found = await verify(tutoring)
    assert sorted(issues_of(found)) == sorted(
        [(IssueType.REORDERED, sealed[one]), (IssueType.REORDERED, sealed[other])]
    )


async def _swap(tenant: Tenant, one: str, other: str) -> None:
    async with owner_transaction(tenant.broker.store) as unit_of_work:
        await unit_of_work.execute(text("set local session_replication_role = replica"))
        places = {
            str(row.id): (row.xid, row.seq)
            for row in await unit_of_work.execute(
                text("select id, xid::text as xid, seq from journal where app_id = :app and id = any(:ids)"),
                {"app": tenant.app.id, "ids": [one, other]},
            )
        }
        # `seq` is an identity: PostgreSQL does not allow updates, so the row is inserted again.
        await unit_of_work.execute(
            text(
                "create temp table moved on commit drop as select * from journal where app_id = :app and id = any(:i)"
            ),
            {"app": tenant.app.id, "i": [one, other]},
        )
        await unit_of_work.execute(
            text("delete from journal where app_id = :app and id = any(:i)"), {"app": tenant.app.id, "i": [one, other]}
        )
        for event_id, (xid, seq) in ((one, places[other]), (other, places[one])):
            await unit_of_work.execute(
                text("update moved set xid = cast(cast(:xid as text) as xid8), seq = :seq where id = :id"),
                {"xid": xid, "seq": seq, "id": event_id},
            )
        await unit_of_work.execute(text("insert into journal overriding system value select * from moved"))


async def test_a_row_moved_behind_the_last_seal_is_reported(tutoring: Tenant, sealed: list[str]) -> None:
    async with owner_transaction(tutoring.broker.store) as unit_of_work:
        await unit_of_work.execute(text("set local session_replication_role = replica"))
        await unit_of_work.execute(
            text("create temp table moved on commit drop as select * from journal where app_id = :app and id = :id"),
            {"app": tutoring.app.id, "id": sealed[2]},
        )
        await unit_of_work.execute(
            text("delete from journal where app_id = :app and id = :id"), {"app": tutoring.app.id, "id": sealed[2]}
        )
        await unit_of_work.execute(text("update moved set xid = pg_current_xact_id()"))
        await unit_of_work.execute(text("insert into journal overriding system value select * from moved"))
    assert issues_of(await verify(tutoring)) == [(IssueType.REORDERED, sealed[2])]


@pytest.mark.parametrize("after", [0, 4, 7])
async def test_an_inserted_row_is_reported(tutoring: Tenant, sealed: list[str], after: int) -> None:
    new = str(uuid4())
    await tamper(
        tutoring,
        """
        insert into journal (app_id, xid, seq, id, type, occurred_at, data) overriding system value
        select app_id, xid, seq - 1000000, :new, type, occurred_at, data from journal where app_id = :app and id = :id
        """,
        new=new,
        id=sealed[after],
    )
    assert issues_of(await verify(tutoring)) == [(IssueType.INSERTED, new)]


async def test_a_copied_row_is_reported_as_inserted(tutoring: Tenant, sealed: list[str]) -> None:
    await tamper(
        tutoring,
        """
        insert into journal overriding system value
        select app_id, xid, seq - 1000000, id, type, occurred_at, session_id, kind, reference, user_id, key_id, ip,
               user_agent, data, asked_by_user_id from journal where app_id = :app and id = :id
        """,
        id=sealed[4],
    )
    assert issues_of(await verify(tutoring)) == [(IssueType.INSERTED, sealed[4])]


@pytest.mark.parametrize(
    "change",
    [
        "root = sha256('x')",
        "count = 2",
        "previous = sha256('x')",
        "sealed_at = sealed_at - interval '1 day'",
        "oldest_at = oldest_at - interval '1 day'",
        "hash = sha256('x')",
        "first_seq = first_seq - 1",
    ],
)
async def test_a_rewritten_seal_is_reported_by_its_number(tutoring: Tenant, sealed: list[str], change: str) -> None:
    statement = f"update journal_seals set {change} where app_id = :app and number = 2"  # noqa: S608  our own words
    await tamper(tutoring, statement)
    result = await verify(tutoring)
    assert {issue.issue_type for issue in result.findings} == {IssueType.SEAL_BROKEN}
    assert result.findings[0].seal == 2
    assert result.rows == len(sealed)


async def test_a_removed_seal_is_reported(tutoring: Tenant, sealed: list[str]) -> None:
    await tamper(tutoring, "delete from journal_seals where app_id = :app and number = 2")
    result = await verify(tutoring)
    assert "Seal 2 is missing" in result.findings[0].sentence
    assert {issue.issue_type for issue in result.findings} == {IssueType.SEAL_BROKEN}


async def test_the_removed_last_seal_is_detected_by_its_leaves(tutoring: Tenant, sealed: list[str]) -> None:
    await tamper(tutoring, "delete from journal_seals where app_id = :app and number = 3")
    (issue,) = (await verify(tutoring)).findings
    assert (issue.issue_type, issue.seal) == (IssueType.SEAL_BROKEN, 3)


async def test_a_changed_leaf_is_not_reported_as_a_changed_row(tutoring: Tenant, sealed: list[str]) -> None:
    await tamper(
        tutoring, "update journal_leaves set digest = sha256('x') where app_id = :app and event_id = :id", id=sealed[4]
    )
    (issue,) = (await verify(tutoring)).findings
    assert (issue.issue_type, issue.seal) == (IssueType.SEAL_BROKEN, 2)
    assert sealed[4] in issue.sentence


async def test_a_leaf_under_another_id_is_reported(tutoring: Tenant, sealed: list[str]) -> None:
    await tamper(
        tutoring,
        "update journal_leaves set event_id = gen_random_uuid() where app_id = :app and event_id = :id",
        id=sealed[4],
    )
    assert issues_of(await verify(tutoring)) == [(IssueType.SEAL_BROKEN, sealed[4])]


async def test_lost_salts_are_reported_as_a_change(tutoring: Tenant, sealed: list[str]) -> None:
    await tamper(tutoring, "delete from journal_salts where app_id = :app and salts is not null")
    assert issues_of(await verify(tutoring)) == [(IssueType.CHANGED, each) for each in sealed]


async def test_a_rewritten_journal_is_detected_by_a_hash_that_was_stored_elsewhere(
    tutoring: Tenant, sealed: list[str]
) -> None:
    head = await journal_head(tutoring.broker, tutoring.app)
    assert head is not None
    await write(tutoring)
    await seal(tutoring)
    assert (await verify(tutoring, head.hash)).is_whole
    # Change the past, and seal it again from the beginning: undetectable without the stored hash.
    await tamper(tutoring, "update journal set user_id = 'eve' where app_id = :app and id = :id", id=sealed[0])
    for resealing in (
        "delete from journal_seals where app_id = :app",
        "delete from journal_leaves where app_id = :app",
        "delete from journal_salts where app_id = :app",
    ):
        await tamper(tutoring, resealing)
    await seal(tutoring)
    assert (await verify(tutoring)).is_whole
    assert issues_of(await verify(tutoring, head.hash)) == [(IssueType.HEAD_MISSING, None)]


async def test_the_head_is_logged_when_the_journal_is_sealed(tutoring: Tenant) -> None:
    await write(tutoring, 2)
    with capture_logs() as logged:
        await seal(tutoring)
    head = await journal_head(tutoring.broker, tutoring.app)
    assert head is not None
    lines = [line for line in logged if line["event"] == "journal.sealed"]
    assert {line["app"] for line in lines} == {str(tutoring.app.id)}
    assert (lines[-1]["seal"], lines[-1]["hash"]) == (head.number, head.hash.hex())
    assert sum(line["rows"] for line in lines) == 2


async def test_a_logged_head_reveals_that_the_end_of_the_journal_was_removed(
    tutoring: Tenant, sealed: list[str]
) -> None:
    with capture_logs() as logged:
        await write(tutoring)
        await seal(tutoring)
    head = next(line for line in logged if line["event"] == "journal.sealed")
    for truncation in (
        "delete from journal where app_id = :app and id = (select event_id from journal_leaves where app_id = :app "
        "order by xid desc, seq desc limit 1)",
        "delete from journal_salts where app_id = :app and (xid, seq) = "
        "(select last_xid, last_seq from journal_seals where app_id = :app order by number desc limit 1)",
        "delete from journal_leaves where app_id = :app and (xid, seq) = "
        "(select last_xid, last_seq from journal_seals where app_id = :app order by number desc limit 1)",
        "delete from journal_seals where app_id = :app and number = 4",
    ):
        await tamper(tutoring, truncation)
    assert (await verify(tutoring)).is_whole
    assert issues_of(await verify(tutoring, bytes.fromhex(head["hash"]))) == [(IssueType.HEAD_MISSING, None)]


async def subscribe(tenant: Tenant, *types: str) -> None:
    """Create a webhook endpoint for these event types, and seal the event of its creation."""
    created = await tenant.post("/v1/webhook-endpoints", {"url": "https://backend.example/", "types": [*types]})
    assert created.status_code == 201, created.text
    await seal(tenant)


async def send(tenant: Tenant) -> list[dict[str, Any]]:
    """Send heads as the background job does, and return the events with all heads sent so far."""
    await send_heads(tenant.broker, now=tenant.broker.now())
    return await tenant.events("journal.sealed")


async def test_heads_are_sent_to_the_endpoints_that_list_their_type(tutoring: Tenant, other: Tenant) -> None:
    await subscribe(tutoring, "journal.sealed")
    await subscribe(other, "call.started")
    head = await journal_head(tutoring.broker, tutoring.app)
    assert head is not None
    (sent,) = await send(tutoring)
    assert (sent["data"]["seal"], sent["data"]["hash"]) == (head.number, head.hash.hex())
    assert await other.events("journal.sealed") == []


async def test_a_journal_without_new_events_sends_no_further_heads(tutoring: Tenant) -> None:
    await subscribe(tutoring, "journal.sealed")
    assert len(await send(tutoring)) == 1
    await seal(tutoring)
    assert len(await send(tutoring)) == 1
    await write(tutoring)
    await seal(tutoring)
    assert len(await send(tutoring)) == 2
    assert (await verify(tutoring)).is_whole


async def test_events_that_were_sealed_just_before_a_sent_head_are_in_the_next_one(tutoring: Tenant) -> None:
    await subscribe(tutoring, "journal.sealed")
    await write(tutoring)
    (sent,) = await send(tutoring)
    # One seal for each row.
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("videobroker.usecases.journal.sealing.MAX_SEAL_ROWS", 1)
        await seal(tutoring)
    *_, newest = await send(tutoring)
    assert newest["data"]["seal"] == sent["data"]["seal"] + 2


# -- sealing


async def test_rows_after_a_running_transaction_are_not_sealed(tutoring: Tenant) -> None:
    gate, written = asyncio.Event(), asyncio.Event()
    actor, now = Actor(tutoring.app.id), tutoring.broker.now()

    async def slow() -> None:
        async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
            await journal.record(unit_of_work, Event(EventId(uuid7(now)), EventType.CALL_STARTED, now, actor))
            written.set()
            await gate.wait()

    writing = asyncio.create_task(slow())
    await written.wait()
    await write(tutoring)
    assert await seal_journal(tutoring.broker, tutoring.app.id, now=now) == 0
    gate.set()
    await writing
    assert await seal(tutoring) == 2
    assert (await verify(tutoring)).is_whole


async def test_concurrent_sealing_creates_one_chain(tutoring: Tenant) -> None:
    async def write_repeatedly() -> None:
        for _ in range(20):
            await write(tutoring, 2)

    async def seal_repeatedly() -> None:
        for _ in range(20):
            await seal_journal(tutoring.broker, tutoring.app.id, now=tutoring.broker.now())

    await asyncio.gather(write_repeatedly(), *(seal_repeatedly() for _ in range(3)))
    await seal(tutoring)
    result = await verify(tutoring)
    assert (result.is_whole, result.rows) == (True, 40)


async def test_an_interrupted_seal_leaves_no_trace(tutoring: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    await write(tutoring, 3)
    original = seals.write_seal

    async def fail(*arguments: Any) -> None:
        await original(*arguments)
        raise ConnectionResetError

    with monkeypatch.context() as patch:
        patch.setattr(seals, "write_seal", fail)
        with pytest.raises(Exception, match="database"):
            await seal(tutoring)
    assert await seal(tutoring) == 3
    assert (await verify(tutoring)).is_whole


async def test_a_large_backlog_gets_several_seals(tutoring: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("videobroker.usecases.journal.sealing.MAX_SEAL_ROWS", 4)
    monkeypatch.setattr("videobroker.storage.journal.seals.ROWS_PER_BATCH", 5)
    monkeypatch.setattr("videobroker.storage.journal.seals.SEALS_PER_PAGE", 2)
    ids = await write(tutoring, 30)
    await seal(tutoring)
    result = await verify(tutoring)
    assert (result.is_whole, result.rows, result.seals) == (True, 30, 8)
    await tamper(tutoring, "delete from journal where app_id = :app and id = :id", id=ids[17])
    assert issues_of(await verify(tutoring)) == [(IssueType.REMOVED, ids[17])]


async def test_a_damaged_journal_does_not_prevent_sealing_of_others(tutoring: Tenant, other: Tenant) -> None:
    await write(tutoring, 2)
    await seal(tutoring)
    await tamper(tutoring, "delete from journal_seals where app_id = :app")
    with pytest.raises(JournalDamaged, match="Seal 1 was there before"):
        await seal_journal(tutoring.broker, tutoring.app.id, now=tutoring.broker.now())
    await write(other)
    while (await verify(other)).unsealed:
        await seal_journals(tutoring.broker, now=tutoring.broker.now())
    assert (await verify(other)).rows == 1


async def test_each_app_has_its_own_seals(tutoring: Tenant, other: Tenant) -> None:
    await write(tutoring, 2)
    await write(other, 3)
    while (await verify(tutoring)).unsealed or (await verify(other)).unsealed:
        await seal_journals(tutoring.broker, now=tutoring.broker.now())
    assert ((await verify(tutoring)).rows, (await verify(other)).rows) == (2, 3)
    head, other_head = [await journal_head(each.broker, each.app) for each in (tutoring, other)]
    assert head is not None
    assert other_head is not None
    assert (head.number, other_head.number) == (1, 1)
    assert head.hash != other_head.hash


# -- erasure


async def erase(tenant: Tenant, user_id: str, **how: Any) -> ErasureResult:
    """Erase a person."""
    return await erase_person(
        tenant.broker, tenant.app.id, user_id, actor=Actor(tenant.app.id), now=tenant.broker.now(), **how
    )


async def whole_journal(tenant: Tenant) -> str:
    """The app's journal and its related tables as one text."""
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        found = await unit_of_work.execute(
            text("select to_jsonb(journal)::text from journal where app_id = :app"), {"app": tenant.app.id}
        )
        return "\n".join(found.scalars())


async def test_after_an_erasure_the_journal_is_intact(tutoring: Tenant) -> None:
    await write(tutoring, user_id="zoe", asked_by="zoe", data={"provider_user_id": "peer-of-zoe", "role": "student"})
    await write(tutoring, user_id=None, data={"provider_user_id": "peer-of-zoe", "role": "student"})
    await write(tutoring, user_id="ben", asked_by="zoe", data={"role": "student"})
    await write(
        tutoring,
        event_type=EventType.SESSION_CLOSED,
        user_id=None,
        data={"verdicts": [{"user_id": "ben", "verdict": "absent"}, {"user_id": "zoe", "verdict": "late"}]},
    )
    await write(tutoring, event_type=EventType.APP_REPORTED, user_id="zoe", data={"details": {"mood": "unusual"}})
    await write(tutoring, event_type=EventType.APP_REPORTED, data={"details": {"who": ["zoe"], "mood": "unusual"}})
    await write(tutoring, user_id="ben", data={"provider_user_id": "peer-of-ben"})
    await seal(tutoring)
    erased = await erase(tutoring, "zoe")
    assert (erased.rows, erased.fields) == (6, 13)
    left = await whole_journal(tutoring)
    assert "zoe" not in left
    assert "unusual" not in left
    assert '"verdict": "late"' in left
    assert left.count('"ben"') == 4
    for expected_unsealed in (1, 0):
        result = await verify(tutoring)
        assert (result.findings, result.erased, result.unsealed) == ((), 13, expected_unsealed)
        await seal(tutoring)


async def test_an_erasure_deletes_only_the_salts_of_erased_values(tutoring: Tenant) -> None:
    (event_id,) = await write(tutoring, user_id="zoe", asked_by="ben")
    await seal(tutoring)
    async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
        before = await unit_of_work.scalar(
            text("select salts from journal_salts where app_id = :a"), {"a": tutoring.app.id}
        )
    await erase(tutoring, "zoe")
    async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
        after = await unit_of_work.scalar(
            text("select salts from journal_salts where app_id = :a"), {"a": tutoring.app.id}
        )
    # asked_by_user_id, ip, reference, user_agent, user_id: the last one is about the erased person.
    assert (len(before), after) == (5 * 32, before[: 4 * 32])
    await tamper(tutoring, "update journal set ip = '192.0.2.6' where app_id = :app and id = :id", id=event_id)
    assert issues_of(await verify(tutoring)) == [(IssueType.CHANGED, event_id)]


async def test_an_erased_value_can_be_neither_restored_nor_replaced(tutoring: Tenant) -> None:
    (event_id,) = await write(tutoring, user_id="zoe")
    await seal(tutoring)
    await erase(tutoring, "zoe")
    await tamper(tutoring, "update journal set user_id = 'eve' where app_id = :app and id = :id", id=event_id)
    assert issues_of(await verify(tutoring)) == [(IssueType.CHANGED, event_id)]


async def test_the_event_contains_counts_and_only_the_receipt_identifies_the_person(tutoring: Tenant) -> None:
    await write(tutoring, 2, user_id="zoe")
    await seal(tutoring)
    erased = await erase(tutoring, "zoe")
    (event,) = await tutoring.events("person.erased")
    assert (event["user_id"], event["session"], event["data"]["rows"], event["data"]["fields"]) == (None, None, 2, 2)
    assert erased.receipt is not None
    assert event["data"]["person"] == sha256(bytes.fromhex(erased.receipt) + b"zoe").hexdigest()
    assert event["id"] == str(erased.event_id)


async def test_erasing_an_unknown_person_records_nothing(tutoring: Tenant, sealed: list[str]) -> None:
    assert await erase(tutoring, "zoe") == ErasureResult(0, 0, None, None)
    assert await tutoring.events("person.erased") == []


async def test_unsealed_events_are_erased(tutoring: Tenant) -> None:
    await write(tutoring, 2, user_id="zoe")
    erased = await erase(tutoring, "zoe")
    assert (erased.rows, "zoe" in await whole_journal(tutoring)) == (2, False)
    assert (await verify(tutoring)).is_whole
    await seal(tutoring)
    result = await verify(tutoring)
    assert (result.is_whole, result.erased, result.rows) == (True, 2, 3)


async def test_two_people_of_one_event_can_be_erased_separately(tutoring: Tenant) -> None:
    await write(tutoring, user_id="zoe", asked_by="ben")
    await seal(tutoring)
    assert [(await erase(tutoring, each)).fields for each in ("zoe", "ben", "zoe")] == [1, 3, 0]
    await seal(tutoring)
    result = await verify(tutoring)
    assert (result.is_whole, result.erased) == (True, 4)


async def test_an_equal_uid_in_another_session_is_another_person(tutoring: Tenant) -> None:
    await write(tutoring, user_id="zoe", data={"provider_user_id": "1017"})
    now, actor = tutoring.broker.now(), Actor(tutoring.app.id)
    elsewhere = SessionId(uuid7(now))
    event = Event(
        EventId(uuid7(now)),
        EventType.PARTICIPANT_JOINED,
        now,
        actor,
        None,
        elsewhere,
        None,
        {"provider_user_id": "1017"},
    )
    async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
        await journal.record(unit_of_work, event)
    assert (await erase(tutoring, "zoe")).rows == 1
    assert "1017" in await whole_journal(tutoring)


async def test_a_reference_is_erased_only_on_request(tutoring: Tenant) -> None:
    await write(tutoring, user_id="zoe")
    await seal(tutoring)
    await erase(tutoring, "zoe")
    assert "lesson-1" in await whole_journal(tutoring)
    assert (await erase(tutoring, "zoe", references=["lesson-1"])).fields == 1
    assert "lesson-1" not in await whole_journal(tutoring)
    assert (await verify(tutoring)).is_whole


async def test_people_of_other_apps_are_not_erased(tutoring: Tenant, other: Tenant) -> None:
    for tenant in (tutoring, other):
        await write(tenant, user_id="zoe")
        await seal(tenant)
    await erase(tutoring, "zoe")
    assert "zoe" in await whole_journal(other)
    assert (await verify(other)).erased == 0


async def test_an_erasure_without_an_event_is_reported(tutoring: Tenant) -> None:
    """All changes of an erasure, made manually, under the event of another erasure."""
    original, victim = [*await write(tutoring, user_id="zoe"), *await write(tutoring, user_id="eve")]
    await seal(tutoring)
    erased = await erase(tutoring, "zoe")
    await tamper(
        tutoring,
        """
        insert into journal_redactions (app_id, xid, seq, pointer, commitment, entry_id)
        select app_id, xid, seq, '/user_id', sha256(substr(salts, 97, 32) || '"eve"'), :entry
        from journal join journal_salts using (app_id, xid, seq) where app_id = :app and id = :id
        """,
        id=victim,
        entry=erased.event_id,
    )
    await tamper(tutoring, "update journal set user_id = null where app_id = :app and id = :id", id=victim)
    await tamper(
        tutoring,
        """
        update journal_salts set salts = substr(salts, 1, 96) where app_id = :app
        and (xid, seq) = (select xid, seq from journal where app_id = :app and id = :id)
        """,
        id=victim,
    )
    # The event accounts for neither: both rows are reported.
    assert sorted(issues_of(await verify(tutoring))) == sorted(
        [(IssueType.CHANGED, original), (IssueType.CHANGED, victim)]
    )


# -- retention


async def test_recordings_are_a_separate_class_without_personal_data(tutoring: Tenant) -> None:
    types = (EventType.RECORDING_STARTED, EventType.RECORDING_READY, EventType.RECORDING_FAILED)
    for each in types:
        await write(tutoring, event_type=each, ago=timedelta(days=40), data={"recording": "b" * 24, "call": None})
    other_class = await write(tutoring, event_type=EventType.CALL_STARTED, ago=timedelta(days=40))
    await seal(tutoring)
    await retention.set_retention(tutoring.context, "recording", 30)
    assert await retention.retire(tutoring.broker, tutoring.app.id, now=tutoring.broker.now()) == len(types)
    assert [event["id"] for event in await tutoring.events()][:-1] == other_class
    assert (await verify(tutoring)).is_whole


async def test_expired_events_are_retired_and_the_journal_is_intact(tutoring: Tenant) -> None:
    old = await write(tutoring, 3, ago=timedelta(days=40))
    other_class = await write(tutoring, event_type=EventType.CALL_STARTED, ago=timedelta(days=40))
    young = await write(tutoring, 2, ago=timedelta(days=20))
    await seal(tutoring)
    await retention.set_retention(tutoring.context, "credentials", 30)
    now = tutoring.broker.now()
    assert await retention.retire(tutoring.broker, tutoring.app.id, now=now) == 3
    assert await retention.retire(tutoring.broker, tutoring.app.id, now=now) == 0
    left = [event["id"] for event in await tutoring.events()]
    assert left[:-1] == [*other_class, *young]
    assert not set(old) & set(left)
    (event,) = await tutoring.events("journal.retired")
    assert (event["data"]["class"], event["data"]["rows"]) == ("credentials", 3)
    result = await verify(tutoring)
    assert (result.is_whole, result.retired, result.rows) == (True, 3, 3)
    await seal(tutoring)
    result = await verify(tutoring)
    # With `retention.changed` and `journal.retired`.
    assert (result.is_whole, result.retired, result.rows) == (True, 3, 5)


async def test_retirement_continues_over_time(tutoring: Tenant, clock: MovableClock) -> None:
    await retention.set_retention(tutoring.context, "credentials", 30)
    retired_counts = []
    for _ in range(4):
        await write(tutoring, 2)
        await seal(tutoring)
        clock.move(days=16)
        retired_counts.append(await retention.retire(tutoring.broker, tutoring.app.id, now=tutoring.broker.now()))
    assert retired_counts == [0, 2, 2, 2]
    result = await verify(tutoring)
    assert (result.is_whole, result.retired, result.seals) == (True, 6, 4)


async def test_many_events_are_retired_in_several_transactions_with_an_event_each(
    tutoring: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "BATCH_ROWS", 4)
    await write(tutoring, 10, ago=timedelta(days=40))
    await seal(tutoring)
    await retention.set_retention(tutoring.context, "credentials", 30)
    assert await retention.retire(tutoring.broker, tutoring.app.id, now=tutoring.broker.now()) == 10
    assert [event["data"]["rows"] for event in await tutoring.events("journal.retired")] == [4, 4, 2]
    result = await verify(tutoring)
    assert (result.is_whole, result.retired) == (True, 10)


async def test_unsealed_events_are_not_retired(tutoring: Tenant) -> None:
    await write(tutoring, 1, ago=timedelta(days=40))
    await retention.set_retention(tutoring.context, "credentials", 30)
    assert await retention.retire(tutoring.broker, tutoring.app.id, now=tutoring.broker.now()) == 0
    await seal(tutoring)
    assert await retention.retire(tutoring.broker, tutoring.app.id, now=tutoring.broker.now()) == 1


async def test_events_of_an_erased_person_are_retired(tutoring: Tenant) -> None:
    await write(tutoring, 2, user_id="zoe", ago=timedelta(days=40))
    await seal(tutoring)
    await erase(tutoring, "zoe")
    await retention.set_retention(tutoring.context, "credentials", 30)
    await retention.retire(tutoring.broker, tutoring.app.id, now=tutoring.broker.now())
    await seal(tutoring)
    result = await verify(tutoring)
    assert (result.findings, result.retired, result.erased) == ((), 2, 2)
    assert export_format.verify_export(await export(tutoring)).is_whole


async def test_a_row_that_is_only_marked_as_retired_is_reported_missing(tutoring: Tenant) -> None:
    old, young = [*await write(tutoring, ago=timedelta(days=40)), *await write(tutoring)]
    await seal(tutoring)
    await retention.set_retention(tutoring.context, "credentials", 30)
    await retention.retire(tutoring.broker, tutoring.app.id, now=tutoring.broker.now())
    await tamper(
        tutoring,
        """
        insert into journal_redactions (app_id, xid, seq, pointer, commitment, entry_id)
        select app_id, xid, seq, '', digest, (select entry_id from journal_redactions where app_id = :app)
        from journal_leaves where app_id = :app and event_id = :id
        """,
        id=young,
    )
    await tamper(tutoring, "delete from journal where app_id = :app and id = :id", id=young)
    assert sorted(issues_of(await verify(tutoring))) == sorted([(IssueType.REMOVED, old), (IssueType.REMOVED, young)])


@pytest.mark.parametrize(("event_class", "days"), [("journal", 30), ("person", 30), ("bogus", 30), ("call", 6)])
async def test_an_invalid_retention_is_refused(tutoring: Tenant, event_class: str, days: int) -> None:
    with pytest.raises(InvalidInput):
        await retention.set_retention(tutoring.context, event_class, days)


async def test_unlimited_retention_is_the_default_and_can_be_restored(tutoring: Tenant) -> None:
    assert await retention.list_retentions(tutoring.context) == []
    for days in (30, 60, None):
        await retention.set_retention(tutoring.context, "call", days)
        found = await retention.list_retentions(tutoring.context)
        assert [each.days for each in found] == ([] if days is None else [days])


# -- export


async def test_an_export_is_verified_without_the_database(tutoring: Tenant, sealed: list[str]) -> None:
    lines = await export(tutoring)
    result = export_format.verify_export(lines)
    online = await verify(tutoring)
    assert (result.is_whole, result.rows, result.seals) == (True, len(sealed), 3)
    assert result.head == online.head
    assert online.head is not None
    assert export_format.verify_export(lines, head=online.head.hash).is_whole
    assert export_format.verify_export(lines, head=bytes(32)).counts == {IssueType.HEAD_MISSING: 1}


async def test_an_export_contains_the_events(tutoring: Tenant, sealed: list[str]) -> None:
    events = [json.loads(line)["event"] for line in await export(tutoring) if line.startswith('{"event"')]
    assert [event["public"]["id"] for event in events] == sealed
    assert {event["shown"]["/user_id"]["value"] for event in events} == {"ben"}
    assert set(events[0]["shown"]) == {"/data/provider_user_id", "/ip", "/reference", "/user_agent", "/user_id"}


async def test_an_export_without_people_proves_the_rest(tutoring: Tenant, sealed: list[str]) -> None:
    lines = await export(tutoring, personal=False)
    assert not any(word in line for line in lines for word in ("ben", "peer-9", "192.0.2.7", "lesson-1"))
    assert export_format.verify_export(lines).is_whole


async def test_an_export_of_one_booking_proves_each_of_its_events(tutoring: Tenant) -> None:
    await tutoring.book("a")
    await tutoring.book("b")
    await tutoring.join("a")
    await seal(tutoring)
    lines = await export(tutoring, reference="a")
    events = [json.loads(line)["event"] for line in lines if line.startswith('{"event"')]
    assert {event["shown"]["/reference"]["value"] for event in events} == {"a"}
    result = export_format.verify_export(lines)
    assert (result.is_whole, result.rows) == (True, len(events))
    changed = [line.replace('"role":"teacher"', '"role":"admin"') for line in lines]
    assert changed != lines
    assert export_format.verify_export(changed).counts == {IssueType.CHANGED: 1}


@pytest.mark.parametrize("seal_last", [True, False])
async def test_erased_and_retired_events_are_proved_in_an_export(tutoring: Tenant, seal_last: bool) -> None:
    await write(tutoring, 2, ago=timedelta(days=40))
    await write(tutoring, 2, user_id="zoe")
    await seal(tutoring)
    await write(tutoring, 1, user_id="zoe")
    await retention.set_retention(tutoring.context, "credentials", 30)
    await retention.retire(tutoring.broker, tutoring.app.id, now=tutoring.broker.now())
    await erase(tutoring, "zoe")
    if seal_last:
        await seal(tutoring)
    lines = await export(tutoring)
    result = export_format.verify_export(lines)
    assert (result.findings, result.erased, result.retired) == ((), 3, 2)
    without = [line for line in lines if "journal.retired" not in line and '"class"' not in line]
    assert IssueType.REMOVED in export_format.verify_export(without).counts


@pytest.mark.parametrize(
    ("change", "issue_type"),
    [
        (lambda lines: [*lines[:2], *lines[3:]], {IssueType.REMOVED}),
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], {IssueType.REORDERED}),
        (lambda lines: [*lines[:2], lines[1], *lines[2:]], {IssueType.INSERTED}),
        (lambda lines: lines[:-1], {IssueType.REMOVED}),
        (lambda lines: [*lines[:-2], lines[-1]], {IssueType.SEAL_BROKEN, IssueType.REMOVED}),
        (lambda lines: [line.replace('"ben"', '"eve"') for line in lines], {IssueType.CHANGED}),
        (lambda lines: [line.replace('"number":2', '"number":4') for line in lines], {IssueType.SEAL_BROKEN}),
        (lambda lines: [line.replace(":", ": ", 1) for line in lines], {IssueType.CHANGED}),
        (lambda lines: [lines[0], "nonsense\n", *lines[1:]], {IssueType.CHANGED}),
    ],
)
async def test_a_changed_export_is_reported(
    tutoring: Tenant, sealed: list[str], change: Callable[[list[str]], list[str]], issue_type: set[IssueType]
) -> None:
    assert set(export_format.verify_export(change(await export(tutoring))).counts) == issue_type


async def test_a_damaged_journal_is_not_exported(tutoring: Tenant, sealed: list[str]) -> None:
    await tamper(tutoring, "update journal set user_id = 'eve' where app_id = :app and id = :id", id=sealed[4])
    with pytest.raises(JournalDamaged, match=sealed[4]):
        await export(tutoring)


@pytest.mark.parametrize("lines", [[], ["\n"], ["[]\n"], ['{"end":{}}\n'], ['{"journal":{"format":9}}\n'], ["\x00"]])
def test_a_file_that_is_not_an_export_is_rejected(lines: list[str]) -> None:
    with pytest.raises(ExportUnreadable):
        export_format.verify_export(lines)
