"""Every page of the console reads few rows of a large database, and stays small."""

import re
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import event, text

from cli.program import new_database
from console_rows import SESSIONS_WITH_CALLS
from consoles import Console, service_with_console
from database_roles import SERVICE_ROLE, as_service_role
from plans import Plan, plan_of, rows_read, sequential_scans
from tenants import MovableClock, Tenant, make_tenant
from videobroker import wiring
from videobroker.broker import Broker
from videobroker.settings import Settings
from videobroker.storage.postgres import app_scope
from videobroker.usecases.webhooks import endpoints
from videobroker.usecases.webhooks.endpoints import EndpointRequest

SESSIONS = 50_000
TODAY = 300
MEMBERS = 200
"""Of the largest session."""
MAX_ROWS_READ = 60_000
"""Of one query. Searches in the audit log and in deliveries read at most 20,000 rows."""
MAX_PAGE_BYTES = 400_000
"""Before compression. The attendance of 200 people, as a chart and as a table, is the most."""

FILL = (
    *SESSIONS_WITH_CALLS,
    """
    insert into verdicts (app_id, session_id, user_id, role, verdict, rule, present_seconds, late_by_seconds,
                          left_early_by_seconds)
    select p.app_id, p.session_id, p.user_id, p.role, 'attended', 'there_in_time', 3600, 0, 0
    from participants p join sessions s on s.app_id = p.app_id and s.id = p.session_id
    where s.app_id = :app and s.concluded_at is not null
    """,
    """
    insert into journal (app_id, id, type, occurred_at, session_id, kind, reference, data)
    select s.app_id, gen_random_uuid(), each.type, s.created_at, s.id, s.kind, s.reference,
           '{"version": 1, "status": "confirmed", "starts_at": null, "ends_at": null}'
    from sessions s, (values ('session.registered'), ('session.changed')) as each (type)
    where s.app_id = :app order by s.starts_at
    """,
    """
    insert into journal (app_id, id, type, occurred_at, session_id, kind, reference, user_id, data)
    select s.app_id, gen_random_uuid(), 'participant.left', s.starts_at, s.id, s.kind, s.reference, 'member-1', '{}'
    from sessions s, generate_series(1, 1000) where s.app_id = :app and s.reference = 'lesson-1'
    """,
    """
    insert into deliveries (app_id, id, endpoint_id, event_id, xid, seq, type, session_id, state, attempts, failures,
                            next_at, created_at)
    select app_id, cast(lpad(to_hex((extract(epoch from occurred_at) * 1000)::bigint), 12, '0')
                        || right(replace(gen_random_uuid()::text, '-', ''), 20) as uuid),
           case when n % 1000 = 0 then cast(:quiet as uuid) else cast(:busy as uuid) end, id, xid::text::bigint, seq,
           type, session_id, case when n % 3000 = 0 then 'failed' else 'delivered' end, 1, 0, null, occurred_at
    from (select *, row_number() over (order by seq) as n from journal where app_id = :app) as numbered
    """,
    """
    insert into attempts (app_id, delivery_id, number, at, status, latency_ms, body)
    select app_id, id, 1, created_at, 200, 12, 'ok' from deliveries where app_id = :app
    """,
)


@dataclass
class Statements:
    """The queries of requests."""

    executed: list[tuple[str, Any]] = field(default_factory=list)

    def record(self, _connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if re.match(r"\s*(?:select|with)\b", statement, re.IGNORECASE):
            self.executed.append((statement, parameters))


@dataclass(frozen=True)
class LargeConsole:
    """A console with a large database."""

    console: Console
    tenant: Tenant
    statements: Statements
    pages: dict[str, str]

    async def plans(self, path: str) -> tuple[httpx.Response, list[tuple[str, Plan]]]:
        """The page, and the executed plan of each of its queries."""
        self.statements.executed.clear()
        page = await self.console.get(path)
        executed = list(self.statements.executed)
        async with self.tenant.broker.store.engine.begin() as connection:
            # As requests do.
            await connection.execute(text("set local plan_cache_mode = force_custom_plan"))
            await connection.execute(text(f"set local role {SERVICE_ROLE}"))
            await connection.execute(text(app_scope.every_app()))
            return page, [
                (statement, await plan_of(connection, statement, parameters)) for statement, parameters in executed
            ]


@pytest.fixture(scope="module")
def own_database(postgres: str) -> Iterator[str]:
    """The URL of a database for this module."""
    with new_database(postgres) as url:
        yield url


@pytest.fixture(scope="module")
async def large(own_database: str, settings: Settings, session_clock: MovableClock) -> AsyncIterator[LargeConsole]:
    await wiring.migrate(own_database)
    await as_service_role(own_database)
    async with wiring.broker(settings, own_database, clock=session_clock) as broker:
        service = service_with_console(broker)
        transport = httpx.ASGITransport(service)
        async with httpx.AsyncClient(transport=transport, base_url="http://videobroker") as client:
            tenant = await make_tenant(broker, client, {}, {})
            pages = await fill(broker, tenant)
            console = Console(client)
            await console.sign_in()
            statements = Statements()
            engine = broker.store.engine.sync_engine
            event.listen(engine, "before_cursor_execute", statements.record)
            yield LargeConsole(console, tenant, statements, pages)


async def fill(broker: Broker, tenant: Tenant) -> dict[str, str]:
    """Fill the database; returns the paths of pages."""
    busy, quiet = [
        await endpoints.create(tenant.context, EndpointRequest(f"https://{name}.example/hooks"))
        for name in ("busy", "quiet")
    ]
    app, now = tenant.app.id, broker.now()
    values = {
        **{"app": app, "now": now, "sessions": SESSIONS, "today": TODAY, "members": MEMBERS},
        **{"busy": busy.id, "quiet": quiet.id},
    }
    async with broker.store.unlimited_connection() as connection:
        await connection.execution_options(isolation_level="AUTOCOMMIT")
        for statement in FILL:
            names = {name for name in values if f":{name}" in statement}
            await connection.execute(text(statement), {name: values[name] for name in names})
        await connection.execute(text("vacuum analyze"))
        session = await connection.scalar(text("select id from sessions where reference = 'lesson-1'"))
        delivery = await connection.scalar(text("select id from deliveries where state = 'delivered' limit 1"))
    deliveries = f"/console/deliveries/{app}"
    return {
        "today": f"/console?app={app}",
        "today, all apps": "/console",
        "list": f"/console/list/completed?app={app}",
        "groups": f"/console/groups?app={app}",
        "session": f"/console/sessions/{app}/{session}",
        "search for a name": "/console/search?q=student+123",
        "search for a usual word": "/console/search?q=algebra",
        "search for a reference": "/console/search?q=lesson-4999",
        "search for nothing": "/console/search?q=nothing+of+this+kind",
        "audit log": f"/console/journal?app={app}",
        "audit log of a person": f"/console/journal?app={app}&person={uuid4()}",
        "audit log of a reference": f"/console/journal?app={app}&reference=lesson-40000",
        "deliveries": f"/console/deliveries?app={app}",
        "a busy endpoint": f"{deliveries}/{busy.id}",
        "a quiet endpoint": f"{deliveries}/{quiet.id}",
        "failed deliveries of an endpoint": f"{deliveries}/{busy.id}?state=failed",
        "pending deliveries of an endpoint": f"{deliveries}/{busy.id}?state=pending",
        "all deliveries": f"{deliveries}/all",
        "all failed deliveries": f"{deliveries}/all?state=failed",
        "deliveries of a rare type": f"{deliveries}/all?type=session.cancelled",
        "deliveries of a quiet endpoint": f"{deliveries}/all?endpoint={quiet.id}",
        "a delivery": f"{deliveries}/{busy.id}/{delivery}",
        "charts": f"/console/charts?app={app}",
        "health": "/console/health",
    }


A_TENTH_MATCHES = "search for a usual word"
"""Reading the table is faster then than finding each match by an index."""
PAGES = (
    *("today", "today, all apps", "list", "groups", "session"),
    *("search for a name", A_TENTH_MATCHES, "search for a reference", "search for nothing"),
    *("audit log", "audit log of a person", "audit log of a reference"),
    *("deliveries", "a busy endpoint", "a quiet endpoint"),
    *("failed deliveries of an endpoint", "pending deliveries of an endpoint"),
    *("all deliveries", "all failed deliveries", "deliveries of a rare type", "deliveries of a quiet endpoint"),
    *("a delivery", "charts", "health"),
)


@pytest.mark.long
@pytest.mark.parametrize("name", PAGES)
async def test_a_page_scans_no_large_table(large: LargeConsole, name: str) -> None:
    page, plans = await large.plans(large.pages[name])
    assert page.status_code == 200
    assert plans
    for statement, plan in plans:
        if name != A_TENTH_MATCHES:
            assert sequential_scans(plan) == [], statement
        assert rows_read(plan) < MAX_ROWS_READ, statement
    assert len(page.content) < MAX_PAGE_BYTES


@pytest.mark.long
async def test_today_and_the_largest_session_show_everything_that_the_tiles_count(large: LargeConsole) -> None:
    today = (await large.console.get(large.pages["today"])).text
    counts = re.findall(r"tile-(\w+)[^>]*>.*?<strong[^>]*>([\d,]+)", today)
    assert sum(int(number) for name, number in counts if name in {"upcoming", "completed", "late"}) == TODAY
    assert f'<span class="count">{MEMBERS}' in (await large.console.get(large.pages["session"])).text
