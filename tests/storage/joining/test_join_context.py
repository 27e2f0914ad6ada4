"""Join contexts and journal rows of concurrent requests share round trips, with the results of single requests."""

import asyncio
import json
import re
from dataclasses import replace
from uuid import uuid4

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import insert, text
from sqlalchemy.event import listen, remove
from sqlalchemy.ext.asyncio import AsyncConnection

from database_roles import SERVICE_ROLE
from polling import eventually
from tenants import Tenant
from videobroker.broker import Broker
from videobroker.domain.actors import Actor
from videobroker.domain.api_keys import compute_key_digest
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import EventId, uuid7
from videobroker.domain.join_context import JoinContext
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.storage.joining import join_context
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.fast_query import PLANNER_SETTINGS
from videobroker.storage.postgres.notifications import journal_topic
from videobroker.storage.tables import uids

JOINS = 32


def counted(what: str, batcher: str) -> float:
    return REGISTRY.get_sample_value(f"videobroker_batch_{what}_total", {"batcher": batcher}) or 0.0


def key_of(tenant: Tenant, reference: str, kind: SessionKind = SessionKind.BOOKING) -> SessionKey:
    return SessionKey(tenant.app.id, kind, reference)


def event_of(tenant: Tenant, user_id: str) -> Event:
    now = tenant.broker.now()
    return Event(EventId(uuid7(now)), EventType.APP_REPORTED, now, Actor(tenant.app.id), user_id=user_id, data={"n": 1})


SCOPE = r"CASE current_setting\('videobroker.app_id'::text\) WHEN '\*'::text THEN true ELSE \(app_id = .*::uuid\) END"
"""The condition of the policies: see decision 53."""
INEFFICIENT = re.compile(
    rf"Seq Scan|Hash|Merge|Sort|Filter: (?!\(*({SCOPE}|ended_at IS NULL|retired_at IS NULL| AND |[()])+$)", re.MULTILINE
)
"""Plan nodes that read more than the requested rows."""


async def plan_of_read(connection: AsyncConnection, *, of_one: bool) -> str:
    """The plan of reading the context of an unknown person, with the tables as they are in this transaction."""
    request = {"place": 0, "app_id": str(uuid4()), "kind": "booking", "reference": "a", "user_id": "b"}
    query = join_context.READ_ONE if of_one else join_context.READ_MANY
    given = [request[name] for name in query.parameters] if of_one else [json.dumps([request])]
    written = ", ".join(f"'{each}'" for each in given)
    for setting, value in PLANNER_SETTINGS.items():
        await connection.execute(text(f"set {setting} = {value}"))
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None
    await driver.execute(f"prepare read_context as {query.text}")
    rows = await driver.fetch(f"explain (costs off) execute read_context({written})")
    await driver.execute("deallocate read_context")
    return "\n".join(row[0] for row in rows)


def assert_uses_indexes(plan: str) -> None:
    """All seven tables are read by an index, those of people by session and person together, despite their policies."""
    assert len(re.findall(SCOPE, plan)) == 7, plan
    assert not INEFFICIENT.search(plan), plan
    assert len(re.findall(r"Index (Only )?Scan", plan)) == 7, plan
    of_people = r"Index Cond: (?=.*session_id >?= )(?=.*user_id >?= )"
    assert len(re.findall(of_people, plan)) == 4, plan


class TestJoinContextReader:
    async def test_concurrent_reads_return_what_single_reads_return(
        self, tutoring: Tenant, agora: Tenant, other: Tenant
    ) -> None:
        await tutoring.book()
        await tutoring.create_group("lesson-1")
        await tutoring.book("lesson-2", policy={"guests_allowed": True}, metadata={"a": [1, {"b": None}]})
        await agora.book()
        await tutoring.join()
        await agora.join(user_id="student-1")
        await tutoring.post("/v1/bookings/lesson-1/participants/student-1/remove", {"ban": True})
        requests = [
            (key_of(tenant, reference, kind), user_id)
            for tenant in (tutoring, agora, other)
            for kind in SessionKind
            for reference in ("lesson-1", "lesson-2", "none")
            for user_id in ("tutor-1", "student-1", "stranger", None)
        ]
        read = tutoring.broker.join_contexts.read
        alone = [await read(key, user_id) for key, user_id in requests]
        queries = counted("queries", "join_context")
        together = await asyncio.gather(*(read(key, user_id) for key, user_id in requests))
        assert counted("queries", "join_context") - queries <= 2
        assert together == alone
        seen = dict(zip(requests, alone, strict=True))
        ada, ben = (seen[key_of(tutoring, "lesson-1"), who] for who in ("tutor-1", "student-1"))
        assert ada is not None
        assert ben is not None
        assert (ada.participant and ada.participant.role, ada.banned) == ("tutor", False)
        assert (ben.participant and ben.participant.role, ben.banned) == ("student", True)
        assert ada.ready_room is not None
        assert ada.call is not None
        second = seen[key_of(tutoring, "lesson-2"), None]
        assert second is not None
        assert second.session.terms.metadata == {"a": [1, {"b": None}]}
        numbered = seen[key_of(agora, "lesson-1"), "student-1"]
        assert numbered is not None
        assert numbered.uid is not None
        assert all(each is None for (key, _), each in seen.items() if key.app_id == other.app.id)

    async def test_a_read_that_postgresql_rejects_fails_alone(self, tutoring: Tenant) -> None:
        await tutoring.book()
        read = tutoring.broker.join_contexts.read
        valid, bad, invalid, another = await asyncio.gather(
            read(key_of(tutoring, "lesson-1"), "tutor-1"),
            read(key_of(tutoring, "lesson\x00"), "tutor-1"),
            read(key_of(tutoring, "lesson\ud800"), "tutor-1"),
            read(key_of(tutoring, "lesson-1"), "student-1"),
            return_exceptions=True,
        )
        assert isinstance(bad, Exception)
        assert isinstance(invalid, Exception)
        assert isinstance(valid, JoinContext)
        assert isinstance(another, JoinContext)
        assert valid.participant is not None
        assert another.participant is not None

    @pytest.mark.parametrize("of_one", [True, False])
    async def test_every_table_is_read_by_an_index_on_all_conditions(self, tutoring: Tenant, of_one: bool) -> None:
        async with tutoring.broker.store.engine.connect() as connection:
            plan = await plan_of_read(connection, of_one=of_one)
        assert_uses_indexes(plan)

    @pytest.mark.parametrize("numbered", [0, 1, 2, 3, 8])
    @pytest.mark.parametrize("of_one", [True, False])
    async def test_a_nearly_empty_table_is_read_by_the_same_index(
        self, owner_store: Store, broker: Broker, of_one: bool, numbered: int
    ) -> None:
        app_id = uuid4()

        def someone(n: int) -> dict[str, object]:
            return {"app_id": app_id, "session_id": uuid4(), "user_id": f"user-{n}", "uid": n + 1}

        async with owner_store.engine.connect() as connection:
            # Without foreign keys, so that no sessions are needed. The transaction is rolled back.
            await connection.execute(text("set session_replication_role = replica"))
            await connection.execute(insert(uids), [someone(n) for n in range(1, 1000)])
            await connection.execute(text("delete from uids"))
            for n in range(numbered):
                await connection.execute(insert(uids), someone(n))
            await connection.execute(text("analyze uids"))
            await connection.execute(text(f"set local role {SERVICE_ROLE}"))
            plan = await plan_of_read(connection, of_one=of_one)
        assert_uses_indexes(plan)


class TestJournalWriter:
    async def test_concurrent_events_of_several_apps_are_written_to_their_own_journals(
        self, tutoring: Tenant, other: Tenant
    ) -> None:
        events = [event_of(tenant, f"user-{n}") for n in range(20) for tenant in (tutoring, other)]
        queries = counted("queries", "journal")
        await asyncio.gather(*(tutoring.broker.journal_writer.record(event) for event in events))
        assert counted("queries", "journal") - queries <= 2
        for tenant in (tutoring, other):
            written = await tenant.events("app.reported")
            assert [each["user_id"] for each in written] == [f"user-{n}" for n in range(20)]
            assert all(each["data"] == {"n": 1} for each in written)

    async def test_an_event_that_cannot_be_written_fails_alone_and_leaves_no_row(self, tutoring: Tenant) -> None:
        valid, another = event_of(tutoring, "valid"), event_of(tutoring, "another")
        bad = replace(event_of(tutoring, "bad"), data={"text": "NUL \x00"})
        record = tutoring.broker.journal_writer.record
        results = await asyncio.gather(record(valid), record(bad), record(another), return_exceptions=True)
        assert results[0] is True
        assert isinstance(results[1], Exception)
        assert results[2] is True
        assert [each["user_id"] for each in await tutoring.events("app.reported")] == ["valid", "another"]

    async def test_subscribers_of_the_journal_are_notified(self, tutoring: Tenant) -> None:
        await eventually(lambda: tutoring.broker.listener.is_listening)
        async with asyncio.timeout(20):
            with tutoring.broker.listener.subscribed(journal_topic(tutoring.app.id)) as notified:
                await tutoring.broker.journal_writer.record(event_of(tutoring, "student-1"))
                await notified.wait()


class TestRoundTrips:
    async def test_a_warm_join_makes_two_round_trips(self, tutoring: Tenant) -> None:
        await tutoring.book()
        await tutoring.join()
        made = await self._round_trips(tutoring, 1)
        assert (made["join_context"], made["journal"]) == (1, 1)
        # On a slow machine the cache entry of the key may expire.
        assert made["pool"] <= made["keys"] <= 1

    async def test_thirty_two_concurrent_joins_make_less_than_half_a_round_trip_each(self, tutoring: Tenant) -> None:
        await tutoring.book()
        await tutoring.join()
        made = await self._round_trips(tutoring, JOINS)
        assert (made["pool"] + made["join_context"] + made["journal"]) / JOINS < 0.5, made

    async def _round_trips(self, tenant: Tenant, joins: int) -> dict[str, float]:
        """Round trips to the database for concurrent joins, by who made them."""
        tenant.broker.tenant_cache.invalidate_all()
        await tenant.broker.tenant_cache.by_key(compute_key_digest(tenant.key))
        pool = 0

        def count(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            nonlocal pool
            # Notifications are sent at a fixed rate, independent of joins.
            pool += "pg_notify" not in statement

        def keys() -> float:
            return REGISTRY.get_sample_value("videobroker_tenant_cache_queries_total") or 0.0

        names = ("join_context", "journal")
        before, keys_before = {name: counted("queries", name) for name in names}, keys()
        engine = tenant.broker.store.engine.sync_engine
        listen(engine, "before_cursor_execute", count)
        try:
            responses = await asyncio.gather(*(tenant.join() for _ in range(joins)))
        finally:
            remove(engine, "before_cursor_execute", count)
        assert [response.status_code for response in responses] == [200] * joins
        shared = {name: counted("queries", name) - before[name] for name in names}
        return {"pool": pool, "keys": keys() - keys_before, **shared}


@pytest.mark.parametrize("user_id", ["tutor-1", "stranger"])
async def test_no_response_is_sent_before_its_journal_row_is_committed(tutoring: Tenant, user_id: str) -> None:
    await tutoring.book()
    await tutoring.join()
    response = await tutoring.join(user_id=user_id)
    async with tutoring.broker.store.cross_app_transaction() as another:
        statement = text(
            "select count(*) from journal where app_id = :app and user_id = :user and type like 'credentials.%'"
        )
        lines = await another.scalar(statement, {"app": tutoring.app.id, "user": user_id})
    assert response.status_code == (200 if user_id == "tutor-1" else 403)
    assert lines == (2 if user_id == "tutor-1" else 1)
