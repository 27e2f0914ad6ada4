"""A page of the calls of an app reads few rows of a large table, whatever the filters."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from cli.program import new_database
from database_roles import become_service
from videobroker import wiring
from videobroker.domain.apps import ProviderName
from videobroker.domain.calls import CallFilter, CallOrder
from videobroker.domain.ids import AppId
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.storage.calls import lists
from videobroker.storage.postgres.database import database_url

NOW = datetime(2026, 6, 1, tzinfo=UTC)
SESSIONS, CALLS_PER_SESSION = 20_000, 20
# Every twentieth session has calls.
MAX_ROWS_READ = 500
PAGE_ROWS = 51

FILL = (
    "insert into apps (id, name, policy, role_maps, created_at) values (:app, :name, '{}', '{}', now())",
    """
    insert into sessions (app_id, id, kind, reference, status, video, providers, policy, metadata, version,
                          created_at, updated_at)
    select :app, gen_random_uuid(), 'group', 'circle-' || n, 'confirmed', true, '{}', '{}', '{}', 1, now(), now()
    from generate_series(1, :sessions) as n
    """,
    """
    insert into calls (app_id, id, session_id, provider, started_at, ended_at)
    select :app, gen_random_uuid(), id, case when reference = 'circle-7740' then 'agora' else '100ms' end,
           cast(:now as timestamptz) - n * interval '1 hour' - hashtext(reference) % 3000 * interval '1 second',
           case when n > 1 or reference not like 'circle-99%' then cast(:now as timestamptz) + interval '1 day' end
    from sessions, generate_series(1, :calls) as n
    where app_id = :app and right(reference, 2) in ('00', '20', '40', '60', '80')
    """,
    """
    insert into attendance (app_id, call_id, connection, joined_at, session_id, provider_user_id, user_id,
                            joined_source, roles, evidence)
    select app_id, id, n::text, started_at, session_id, n::text,
           case n when 1 then 'tutor' else 'student-' || session_id end, 'webhook', '[]', '{}'
    from calls, generate_series(1, 2) as n where app_id = :app
    """,
)


@dataclass(frozen=True)
class Filled:
    """A database with many calls of two apps."""

    connection: AsyncConnection
    app_id: AppId
    student: str

    async def plan(self, chosen: CallFilter, order: CallOrder) -> dict[str, Any]:
        """The executed plan of a page."""
        statement = lists.select_page(self.app_id, chosen, order).limit(PAGE_ROWS)
        compiled = statement.compile(self.connection, compile_kwargs={"literal_binds": True})
        rows = await self.connection.execute(
            text("explain (analyze, format json) " + str(compiled).replace(":", "\\:"))
        )
        found: dict[str, Any] = rows.scalar_one()[0]["Plan"]
        return found


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
        apps = [AppId(uuid4()), AppId(uuid4())]
        for app in apps:
            values = {"app": app, "name": str(app), "now": NOW, "sessions": SESSIONS, "calls": CALLS_PER_SESSION}
            for statement in FILL:
                await connection.execute(text(statement), values)
        await connection.execute(text("vacuum analyze sessions, calls, attendance"))
        student = await connection.scalar(
            text("select user_id from attendance where app_id = :app and user_id <> 'tutor' limit 1"), {"app": apps[0]}
        )
        await become_service(connection, own_database, apps[0])
        yield Filled(connection, apps[0], str(student))
    await engine.dispose()


def nodes(plan: dict[str, Any]) -> list[dict[str, Any]]:
    return [plan, *(each for child in plan.get("Plans", ()) for each in nodes(child))]


def rows_read(plan: dict[str, Any]) -> int:
    """Rows that the scans of the plan returned or filtered out."""
    return sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"]
        for node in nodes(plan)
        if "Scan" in node["Node Type"]
    )


@pytest.mark.parametrize("order", CallOrder)
@pytest.mark.parametrize(
    ("case", "expected"),
    [
        ("nothing", PAGE_ROWS),
        ("session", CALLS_PER_SESSION),
        ("running", 5),
        ("ended", PAGE_ROWS),
        ("usual provider", PAGE_ROWS),
        ("rare provider", CALLS_PER_SESSION),
        ("usual person", PAGE_ROWS),
        ("rare person", CALLS_PER_SESSION),
        ("absent person", 0),
        ("period", PAGE_ROWS),
    ],
)
async def test_a_page_reads_few_rows(filled: Filled, case: str, expected: int, order: CallOrder) -> None:
    chosen = {
        "nothing": CallFilter(),
        "session": CallFilter(session=SessionKey(filled.app_id, SessionKind.GROUP, "circle-500")),
        "running": CallFilter(is_running=True),
        "ended": CallFilter(is_running=False),
        "usual provider": CallFilter(provider=ProviderName.HMS),
        "rare provider": CallFilter(provider=ProviderName.AGORA),
        "usual person": CallFilter(user_id="tutor"),
        "rare person": CallFilter(user_id=filled.student),
        "absent person": CallFilter(user_id="stranger"),
        "period": CallFilter(started_after=NOW - timedelta(hours=10), started_before=NOW - timedelta(hours=5)),
    }[case]
    plan = await filled.plan(chosen, order)
    shown = json.dumps(plan, indent=1)
    assert plan["Actual Rows"] == expected, shown
    assert not [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"], shown
    assert rows_read(plan) <= MAX_ROWS_READ, shown
