"""The search reads few rows of large tables, whatever the words."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from uuid import uuid4

import pytest
from sqlalchemy import Executable, select, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from cli.program import new_database
from database_roles import become_service
from plans import Plan, executed_plan, rows_read, sequential_scans
from videobroker import wiring
from videobroker.domain.ids import AppId
from videobroker.storage.postgres.database import database_url
from videobroker.storage.sessions import search
from videobroker.storage.tables import sessions

ROWS = 10_000
"""Sessions of each of two apps, each with one named participant and one guest."""
MAX_ROWS_READ = 300

FILL_APP = "insert into apps (id, name, policy, role_maps, created_at) values (:app, :name, '{}', '{}', now())"
FILL_SESSIONS = """
insert into sessions (app_id, id, kind, reference, title, status, video, starts_at, ends_at, providers, policy,
                      metadata, version, created_at, updated_at)
select :app, gen_random_uuid(), 'booking', 'lesson-' || n,
       case when n % 4000 = 0 then 'Träume, Teil ' || n else 'Algebra, lesson ' || n end, 'confirmed', true,
       now() + n * interval '1 minute', now() + n * interval '1 minute' + interval '1 hour', '{}', '{}', '{}', 1,
       now(), now()
from generate_series(1, :rows) as n
"""
FILL_PEOPLE = """
insert into participants (app_id, session_id, user_id, role, display_name)
select app_id, id, 'student-' || right(reference, 4), 'student',
       case when reference like '%5000' then 'José Núñez' else 'Student ' || right(reference, 4) end
from sessions where app_id = :app
"""
FILL_GUESTS = """
insert into uids (app_id, session_id, user_id, uid, guest_name)
select app_id, id, 'guest-1', 1, case when reference like '%7000' then 'Zoë Zimmer' else 'Guest' end
from sessions where app_id = :app
"""


@dataclass(frozen=True)
class Filled:
    """A database with many sessions of two apps."""

    connection: AsyncConnection
    app_ids: list[AppId]

    async def plan(self, statement: Executable) -> Plan:
        return await executed_plan(self.connection, statement)


@pytest.fixture(scope="module")
def own_database(postgres: str) -> Iterator[str]:
    """The URL of a database for this module."""
    with new_database(postgres) as url:
        yield url


@pytest.fixture(scope="module")
async def filled(own_database: str) -> AsyncIterator[Filled]:
    await wiring.migrate(own_database)
    engine = create_async_engine(database_url(own_database), isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        app_ids = [AppId(uuid4()), AppId(uuid4())]
        for app_id in app_ids:
            await connection.execute(text(FILL_APP), {"app": app_id, "name": str(app_id)})
            await connection.execute(text(FILL_SESSIONS), {"app": app_id, "rows": ROWS})
            await connection.execute(text(FILL_PEOPLE), {"app": app_id})
            await connection.execute(text(FILL_GUESTS), {"app": app_id})
        await connection.execute(text("vacuum analyze sessions, participants, uids"))
        await become_service(connection, own_database)
        yield Filled(connection, app_ids)
    await engine.dispose()


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("jose nun", 2),  # a participant
        ("traume", 4),  # a title
        ("zoe", 2),  # a guest
        ("lesson-4999", 2),  # a reference
        ("student-4999", 2),  # a user ID
        ("nothing of this kind", 0),
    ],
)
async def test_a_search_in_all_apps_uses_indexes_only(filled: Filled, words: str, found: int) -> None:
    plan = await filled.plan(search.select_matches(filled.app_ids, words))
    assert plan["Actual Rows"] == found
    assert sequential_scans(plan) == []
    assert rows_read(plan) < MAX_ROWS_READ


@pytest.mark.parametrize(("words", "found"), [("jose nun", 2), ("student-4999", 2), ("nothing of this kind", 0)])
async def test_a_search_for_people_uses_indexes_only(filled: Filled, words: str, found: int) -> None:
    plan = await filled.plan(search.select_people(filled.app_ids, words).limit(51))
    assert plan["Actual Rows"] == found
    assert sequential_scans(plan) == []
    assert rows_read(plan) < MAX_ROWS_READ


async def test_the_sessions_of_a_person_are_found_by_an_index(filled: Filled) -> None:
    plan = await filled.plan(search.select_sessions_of(filled.app_ids, "student-4999"))
    assert plan["Actual Rows"] == 2
    assert sequential_scans(plan) == []
    assert rows_read(plan) < MAX_ROWS_READ


async def test_the_latest_matches_are_found_by_an_index(filled: Filled) -> None:
    matches = await filled.connection.execute(select(sessions.c.app_id, sessions.c.id).limit(20))
    plan = await filled.plan(search.select_latest([(row.app_id, row.id) for row in matches], "lesson-1").limit(51))
    assert plan["Actual Rows"] == 20
    assert sequential_scans(plan) == []
    assert rows_read(plan) < MAX_ROWS_READ


async def test_a_word_that_everyone_has_reads_a_bounded_number_of_rows(filled: Filled) -> None:
    plan = await filled.plan(search.select_people(filled.app_ids, "stud").limit(51))
    assert plan["Actual Rows"] == 51
    assert rows_read(plan) < 10 * search.MAX_MATCHES
