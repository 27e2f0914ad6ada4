"""Session lists read few rows of a large table, whatever the filters and the order."""

import json
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
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
from videobroker.domain.ids import AppId
from videobroker.domain.sessions import SessionFilter, SessionKind, SessionOrder, SessionStatus
from videobroker.storage.postgres.database import database_url
from videobroker.storage.sessions import lists

NOW = datetime(2026, 6, 1, tzinfo=UTC)
ROWS = 40_000
"""Of each of two apps."""
MAX_ROWS_READ = 1_000
UPCOMING_ROWS = 5_000
PAGE_ROWS = 51

FILL_APP = "insert into apps (id, name, policy, role_maps, created_at) values (:app, :name, '{}', '{}', now())"
FILL_BOOKINGS = """
insert into sessions (app_id, id, kind, reference, title, status, video, starts_at, ends_at, providers, provider,
                      policy, metadata, version, created_at, updated_at)
select :app, gen_random_uuid(), 'booking', 'lesson-' || n,
       case when n % 4000 = 0 then 'Rare Violin lesson' else 'Algebra, lesson ' || n end,
       case when n % 5000 = 0 then 'pending' else 'confirmed' end, true,
       cast(:now as timestamptz) + (n - 35000) * interval '1 hour',
       cast(:now as timestamptz) + (n - 35000) * interval '1 hour' + interval '30 minutes',
       '{}', case when n % 8000 = 0 then 'agora' when n % 3 > 0 then '100ms' end, '{}',
       jsonb_build_object('customer', n / 10, 'plan', case n % 2 when 0 then 'basic' else 'plus' end), 1,
       cast(:now as timestamptz) - interval '2 years' + n * interval '1 minute',
       cast(:now as timestamptz) - (n * 7919 % 40000) * interval '1 minute'
from generate_series(1, :rows) as n
"""
FILL_LONG = """
update sessions set starts_at = starts_at - interval '30 days' where kind = 'booking' and reference = 'lesson-35000'
"""
FILL_GROUPS = """
insert into sessions (app_id, id, kind, reference, title, status, video, providers, policy, metadata, version,
                      created_at, updated_at)
select :app, gen_random_uuid(), 'group', 'circle-' || n, 'Circle ' || n, 'confirmed', true, '{}', '{}', '{}', 1,
       cast(:now as timestamptz) + n * interval '1 minute', cast(:now as timestamptz) + n * interval '1 minute'
from generate_series(1, 200) as n
"""
FILL_PEOPLE = """
insert into participants (app_id, session_id, user_id, role)
select app_id, id, 'student-' || right(reference, 3), 'student' from sessions where app_id = :app and kind = 'booking'
"""


@dataclass(frozen=True)
class Filled:
    """A database with many sessions of two apps."""

    connection: AsyncConnection
    app_id: AppId

    async def plan(self, kind: SessionKind, chosen: SessionFilter, order: SessionOrder) -> dict[str, Any]:
        """The executed plan of a page."""
        statement = lists.select_page(self.app_id, kind, chosen, order, now=NOW).limit(PAGE_ROWS)
        compiled = statement.compile(self.connection, compile_kwargs={"literal_binds": True})
        rows = await self.connection.execute(
            text("explain (analyze, format json) " + str(compiled).replace(":", "\\:"))
        )
        (plan,) = rows.scalar_one()
        found: dict[str, Any] = plan["Plan"]
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
            await connection.execute(text(FILL_APP), {"app": app, "name": str(app)})
            await connection.execute(text(FILL_BOOKINGS), {"app": app, "now": NOW, "rows": ROWS})
            await connection.execute(text(FILL_GROUPS), {"app": app, "now": NOW})
            await connection.execute(text(FILL_PEOPLE), {"app": app})
        await connection.execute(text(FILL_LONG))
        await connection.execute(text("vacuum analyze sessions, participants"))
        await become_service(connection, own_database, apps[0])
        yield Filled(connection, apps[0])
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


ASCENDING, DESCENDING = SessionOrder.STARTS_AT, SessionOrder.STARTS_AT_DESCENDING
ALL = SessionFilter()
CASES = {
    "nothing": (ALL, None),
    "rare status": (replace(ALL, statuses=frozenset({SessionStatus.PENDING})), 8),
    "usual status": (replace(ALL, statuses=frozenset({SessionStatus.CONFIRMED})), None),
    "absent status": (replace(ALL, statuses=frozenset({SessionStatus.CANCELLED})), 0),
    "two statuses": (replace(ALL, statuses=frozenset({SessionStatus.PENDING, SessionStatus.CANCELLED})), 8),
    "rare provider": (replace(ALL, provider=ProviderName.AGORA), 5),
    "usual provider": (replace(ALL, provider=ProviderName.HMS), None),
    "rare metadata": (replace(ALL, metadata=frozenset({("customer", "1234")})), 10),
    "two metadata": (replace(ALL, metadata=frozenset({("customer", "1234"), ("plan", "basic")})), 5),
    "usual metadata": (replace(ALL, metadata=frozenset({("plan", "basic")})), None),
    "absent metadata": (replace(ALL, metadata=frozenset({("customer", "none")})), 0),
    "rare words": (replace(ALL, words="violin RARE"), 10),
    "usual words": (replace(ALL, words="algebra"), None),
    "absent words": (replace(ALL, words="chemistry"), 0),
    "reference": (replace(ALL, reference_prefix="lesson-1234"), 11),
    "participant": (replace(ALL, participant="student-123"), None),
    "participant in role": (replace(ALL, participant="student-123", role="student"), None),
    "absent participant": (replace(ALL, participant="stranger"), 0),
    "upcoming": (replace(ALL, has_ended=False), None),
    "ended": (replace(ALL, has_ended=True), None),
    "period": (replace(ALL, starts_after=NOW, starts_before=NOW + timedelta(days=1)), 23),
    "recently updated": (replace(ALL, updated_after=NOW - timedelta(minutes=30)), None),
}


@pytest.mark.parametrize("order", [ASCENDING, DESCENDING, SessionOrder.UPDATED_AT, SessionOrder.CREATED_AT_DESCENDING])
@pytest.mark.parametrize("case", CASES)
async def test_a_page_of_bookings_reads_few_rows(filled: Filled, case: str, order: SessionOrder) -> None:
    chosen, expected = CASES[case]
    plan = await filled.plan(SessionKind.BOOKING, chosen, order)
    shown = json.dumps(plan, indent=1)
    assert not [node for node in nodes(plan) if node["Node Type"] == "Seq Scan"], shown
    if expected is not None:
        assert plan["Actual Rows"] == expected, shown
    # Sessions that were created last are those that have not ended.
    skipped = UPCOMING_ROWS if (case, order) == ("ended", SessionOrder.CREATED_AT_DESCENDING) else 0
    assert rows_read(plan) <= MAX_ROWS_READ + skipped, shown


@pytest.mark.parametrize("order", [SessionOrder.CREATED_AT, SessionOrder.UPDATED_AT_DESCENDING])
async def test_a_page_of_groups_does_not_read_the_bookings(filled: Filled, order: SessionOrder) -> None:
    plan = await filled.plan(SessionKind.GROUP, ALL, order)
    assert plan["Actual Rows"] == PAGE_ROWS
    assert rows_read(plan) <= PAGE_ROWS
