"""Benchmarks of sealing and verifying the journal, relative to reading its rows."""

import asyncio
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import text

from videobroker import wiring
from videobroker.broker import Broker
from videobroker.domain.actors import Actor
from videobroker.domain.apps import App
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import EventId, uuid7
from videobroker.settings import Settings
from videobroker.storage.journal import journal, seals
from videobroker.storage.postgres.embedded import embedded_postgres
from videobroker.storage.postgres.encryption import new_key
from videobroker.usecases import management, tenants
from videobroker.usecases.context import RequestContext
from videobroker.usecases.journal.sealing import seal_journal
from videobroker.usecases.journal.verification import verify_journal

ROWS = 100_000
ALL_ROWS = 1_000_000
"""Number of rows with `--full`."""
ROWS_PER_INSERT = 10_000
RECORDED_EVENTS = 500

# Events `credentials.issued`, each with five parts of personal data.
INSERT_EVENTS = """
insert into journal (app_id, id, type, occurred_at, session_id, kind, reference, user_id, key_id, ip, user_agent, data)
select :app_id, gen_random_uuid(), 'credentials.issued', timestamptz '2026-03-12 14:00Z' + n * interval '1 second',
       gen_random_uuid(), 'booking', 'lesson-' || n, 'student-' || n % 5000, gen_random_uuid(), '192.0.2.' || n % 255,
       'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
       jsonb_build_object('provider', '100ms', 'surface', 'sdk', 'role', 'teacher', 'guest', false,
                          'token_id', gen_random_uuid(), 'expires_at', '2026-03-12T15:15:00Z',
                          'provider_user_id', 'user-' || n % 5000)
from generate_series(cast(:first as bigint), cast(:last as bigint)) as n
"""


async def _seconds(work: Callable[[], Awaitable[object]]) -> float:
    started_at = time.perf_counter()
    await work()
    return time.perf_counter() - started_at


async def _insert_events(broker: Broker, app: App, rows: int) -> None:
    for first in range(1, rows + 1, ROWS_PER_INSERT):
        async with broker.store.cross_app_transaction(long_statements=True) as unit_of_work:
            last = min(rows, first + ROWS_PER_INSERT - 1)
            await unit_of_work.execute(text(INSERT_EVENTS), {"app_id": app.id, "first": first, "last": last})
    async with broker.store.engine.connect() as connection:
        await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(text("vacuum analyze"))


async def _read(broker: Broker, app: App) -> None:
    """Reads everything that the verification reads."""
    async with seals.snapshot(broker.store, app.id) as connection:
        async for _ in seals.batches(connection, app.id):
            pass


async def _select(broker: Broker, app: App) -> None:
    """Reads only the rows of the journal, as a stream."""
    async with seals.snapshot(broker.store, app.id) as unit_of_work:
        driver = await unit_of_work.driver_connection()
        cursor = await driver.cursor("select * from journal where app_id = $1", app.id)
        while await cursor.fetch(seals.ROWS_PER_BATCH):
            pass


async def _verify(broker: Broker, app: App, rows: int) -> None:
    result = await verify_journal(broker, app)
    # The journal begins with events about the app itself.
    if not result.is_whole or result.rows < rows:
        raise RuntimeError(f"verified {result.rows} of {rows} rows of the sealed journal: {result.findings[:3]}")


async def _record(broker: Broker, app: App) -> float:
    """Seconds per recorded event."""
    async with broker.store.cross_app_transaction() as unit_of_work:
        started_at = time.perf_counter()
        for _ in range(RECORDED_EVENTS):
            now = broker.now()
            event = Event(EventId(uuid7(now)), EventType.CALL_STARTED, now, Actor(app.id), user_id="ada")
            await journal.record(unit_of_work, event)
        return (time.perf_counter() - started_at) / RECORDED_EVENTS


async def measure(rows: int) -> list[dict[str, Any]]:
    """Runs all measurements on a new database."""
    with (
        tempfile.TemporaryDirectory(prefix="videobroker-bench-") as folder,
        embedded_postgres(Path(folder) / "pg") as url,
    ):
        await wiring.migrate(url)
        settings = Settings(_env_file=None, secret_key=new_key())
        async with wiring.broker(settings, url) as broker:
            app = await management.create_app(
                RequestContext.for_system(broker, tenants.SERVICE, broker.now()),
                f"bench-{uuid4()}",
                policy={},
                role_maps={},
            )
            await _insert_events(broker, app, rows)
            sealing = await _seconds(lambda: seal_journal(broker, app.id, now=broker.now()))
            selecting = await _seconds(lambda: _select(broker, app))
            reading = await _seconds(lambda: _read(broker, app))
            verifying = await _seconds(lambda: _verify(broker, app, rows))
            recording = await _record(broker, app)
    return [
        _measurement(f"select {rows:,} events of the journal, as a stream", selecting),
        _measurement(f"seal them ({rows / sealing:,.0f} per second)", sealing, "select", sealing / selecting),
        _measurement("read them with leaves and salts", reading, "select", reading / selecting),
        _measurement(f"verify them ({rows / verifying:,.0f} per second)", verifying, "select", verifying / selecting),
        _measurement("write one event", recording),
    ]


def _measurement(
    name: str, seconds: float, relative_to: str | None = None, ratio: float | None = None
) -> dict[str, Any]:
    return {"name": name, "seconds": round(seconds, 4), "relative_to": relative_to, "ratio": ratio}


def run() -> list[dict[str, Any]]:
    """The measurements as JSON objects."""
    return asyncio.run(measure(ALL_ROWS if "--full" in sys.argv[1:] else ROWS))
