"""The journal is append-only: triggers and privileges in PostgreSQL refuse everything else."""

from typing import Any, Protocol
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from tenants import Tenant
from videobroker.domain.actors import Actor
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import EventId, uuid7
from videobroker.errors import StorageUnavailable
from videobroker.storage.journal import journal
from videobroker.storage.postgres.database import Store
from videobroker.usecases.journal.erasure import erase_person
from videobroker.usecases.journal.sealing import seal_journal
from videobroker.usecases.journal.verification import verify_journal

REDACT = """
insert into journal_redactions (app_id, xid, seq, pointer, commitment, entry_id)
select app_id, xid, seq, :pointer, sha256('x'), :entry from journal where app_id = :app and id = :event
"""


@pytest.fixture
async def event_id(tutoring: Tenant) -> EventId:
    """The ID of a sealed event."""
    now = tutoring.broker.now()
    actor = Actor(tutoring.app.id, user_id="zoe", ip="192.0.2.7")
    event = Event(
        EventId(uuid7(now)), EventType.CREDENTIALS_ISSUED, now, actor, user_id="zoe", data={"role": "student"}
    )
    async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
        await journal.record(unit_of_work, event)
    while not (await verify_journal(tutoring.broker, tutoring.app)).rows:
        await seal_journal(tutoring.broker, tutoring.app.id, now=now)
    return event.id


class Run(Protocol):
    """Runs these statements in one transaction."""

    async def __call__(self, *statements: str, **parameters: Any) -> None: ...


def statements_of(store: Store, tenant: Tenant) -> Run:
    async def run(*statements: str, **parameters: Any) -> None:
        async with store.transaction(tenant.app.id) as unit_of_work:
            for statement in statements:
                used = {name: value for name, value in parameters.items() if f":{name}" in statement}
                given = {"app": tenant.app.id} | used if ":app" in statement else used
                await unit_of_work.execute(text(statement), given)

    return run


@pytest.fixture
def run(owner_store: Store, tutoring: Tenant) -> Run:
    """Runs statements as the owner of the tables."""
    return statements_of(owner_store, tutoring)


@pytest.fixture
def run_as_service(tutoring: Tenant) -> Run:
    """Runs statements as the role of the service."""
    return statements_of(tutoring.broker.store, tutoring)


@pytest.mark.parametrize(
    "statement",
    [
        "update journal set type = 'call.started' where app_id = :app",
        "update journal set user_id = null where app_id = :app",
        "update journal set ip = null where app_id = :app",
        "update journal set data = '{}' where app_id = :app",
        "update journal set user_id = user_id where app_id = :app",
        "delete from journal where app_id = :app",
        "truncate journal",
        "update journal_seals set count = 1 where app_id = :app",
        "delete from journal_seals where app_id = :app",
        "truncate journal_seals",
        "update journal_leaves set digest = sha256('x') where app_id = :app",
        "delete from journal_leaves where app_id = :app",
        "truncate journal_leaves",
        "update journal_redactions set pointer = '' where app_id = :app",
        "delete from journal_redactions where app_id = :app",
        "truncate journal_redactions",
    ],
)
async def test_rows_can_be_neither_changed_nor_deleted(
    tutoring: Tenant, run: Run, event_id: EventId, statement: str
) -> None:
    with pytest.raises(DBAPIError, match="append-only"):
        await run(statement)
    assert (await verify_journal(tutoring.broker, tutoring.app)).is_whole


ENTRY = """
insert into journal (app_id, id, type, occurred_at, data) values (:app, :entry, :type, now(), cast(:data as jsonb))
"""


@pytest.mark.parametrize(
    ("entry_type", "pointer", "change"),
    [
        # Another value than the event accounts for.
        ("person.erased", "/user_id", "update journal set ip = null where id = :event"),
        ("person.erased", "/user_id", "update journal set user_id = null, ip = null where id = :event"),
        ("person.erased", "/user_id", "update journal set user_id = 'eve' where id = :event"),
        ("person.erased", "/user_id", "update journal set user_id = null, type = 'x.y' where id = :event"),
        ("person.erased", "/user_id", "delete from journal where id = :event"),
        ("person.erased", "", "delete from journal where id = :event"),
        ("person.erased", "/type", "update journal set user_id = null where id = :event"),
        # An event that accounts for nothing.
        ("call.started", "/user_id", "update journal set user_id = null where id = :event"),
        ("call.started", "", "delete from journal where id = :event"),
        # Another class, and an event that is newer than the retirement permits.
        ("journal.retired", "", "delete from journal where id = :event"),
        ("journal.retired", "/user_id", "update journal set user_id = null where id = :event"),
    ],
)
@pytest.mark.parametrize(
    "data", ['{"class": "call", "before": "2150-01-01"}', '{"class": "credentials", "before": "2020-01-01"}']
)
async def test_redactions_without_an_event_that_accounts_for_them_are_refused(
    tutoring: Tenant, run: Run, event_id: EventId, entry_type: str, pointer: str, change: str, data: str
) -> None:
    with pytest.raises(DBAPIError, match=r"append-only|no personal part"):
        await run(ENTRY, REDACT, change, entry=uuid4(), type=entry_type, data=data, pointer=pointer, event=event_id)


async def test_the_event_must_be_written_in_the_same_transaction(tutoring: Tenant, run: Run, event_id: EventId) -> None:
    entry = uuid4()
    await run(ENTRY, entry=entry, type="person.erased", data="{}")
    change = "update journal set user_id = null where id = :event"
    with pytest.raises(DBAPIError, match="append-only"):
        await run(REDACT, change, entry=entry, pointer="/user_id", event=event_id)


async def test_redactions_that_an_event_accounts_for_are_allowed(tutoring: Tenant, run: Run, event_id: EventId) -> None:
    change = "update journal set user_id = null where id = :event"
    await run(
        ENTRY,
        REDACT,
        change,
        entry=uuid4(),
        type="person.erased",
        data="{}",
        pointer="/user_id",
        event=event_id,
    )


@pytest.mark.parametrize(
    "statement",
    [
        "update journal set user_id = null where app_id = :app",
        "delete from journal where app_id = :app",
        "truncate journal",
        "alter table journal disable trigger all",
        "set session_replication_role = replica",
        "delete from journal_seals where app_id = :app",
        "update journal_leaves set digest = digest where app_id = :app",
        "delete from journal_redactions where app_id = :app",
        "insert into journal (app_id, xid, id, type, occurred_at, data) values (:app, '1', :app, 'x.y', now(), '{}')",
        "insert into journal (app_id, seq, id, type, occurred_at, data) overriding system value "
        "values (:app, 1, :app, 'x.y', now(), '{}')",
    ],
)
async def test_the_role_of_the_service_cannot_change_the_journal(
    run_as_service: Run, event_id: EventId, statement: str
) -> None:
    with pytest.raises((DBAPIError, StorageUnavailable), match=r"permission denied|must be owner"):
        await run_as_service(statement)


async def test_the_role_of_the_service_can_write_seal_and_erase(
    tutoring: Tenant, event_id: EventId, run_as_service: Run
) -> None:
    with pytest.raises(StorageUnavailable, match="permission denied"):
        await run_as_service("delete from journal")
    now = tutoring.broker.now()
    actor = Actor(tutoring.app.id)
    assert (await tutoring.send("PUT", "/v1/groups/circle", json={"participants": []})).status_code == 201
    erased = await erase_person(tutoring.broker, tutoring.app.id, "zoe", actor=actor, now=now)
    assert (erased.rows, erased.fields) == (1, 3)
    while (result := await verify_journal(tutoring.broker, tutoring.app)).unsealed:
        await seal_journal(tutoring.broker, tutoring.app.id, now=now)
    # Three rows are about the set-up of the app.
    assert (result.is_whole, result.rows, result.erased) == (True, 6, 3)


async def test_writing_an_event_is_one_statement(tutoring: Tenant) -> None:
    from sqlalchemy import event as events

    seen: list[str] = []

    def record_statement(_: Any, __: Any, statement: str, *___: Any) -> None:
        seen.append(statement)

    engine = tutoring.broker.store.engine.sync_engine
    events.listen(engine, "before_cursor_execute", record_statement)
    try:
        now = tutoring.broker.now()
        async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
            await journal.record(
                unit_of_work, Event(EventId(uuid7(now)), EventType.CALL_STARTED, now, Actor(tutoring.app.id))
            )
    finally:
        events.remove(engine, "before_cursor_execute", record_statement)
    assert [statement.split()[0] for statement in seen] == ["INSERT"]
