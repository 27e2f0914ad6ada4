"""What it costs to seal the journal and to verify it, against only reading the same rows."""

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
from videobroker.usecases import tenants
from videobroker.usecases.journal.sealing import seal_journal
from videobroker.usecases.journal.verification import verify_journal

ROWS = 100_000
ALL_ROWS = 1_000_000
"""With `--full`."""
WRITTEN_AT_ONCE = 10_000
RECORDED = 500

# Credentials that were issued: five personal parts each.
WRITE = """
insert into journal (app_id, id, type, occurred_at, session_id, kind, reference, user_id, key_id, ip, user_agent, data)
select :app_id, gen_random_uuid(), 'credentials.issued', timestamptz '2026-03-12 14:00Z' + n * interval '1 second',
       gen_random_uuid(), 'booking', 'lesson-' || n, 'student-' || n % 5000, gen_random_uuid(), '192.0.2.' || n % 255,
       'Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0',
       jsonb_build_object('provider', '100ms', 'surface', 'sdk', 'role', 'teacher', 'guest', false,
                          'token_id', gen_random_uuid(), 'expires_at', '2026-03-12T15:15:00Z',
                          'provider_user_id', 'user-' || n % 5000)
from generate_series(cast(:first as bigint), cast(:last as bigint)) as n
"""


async def _timed(work: Callable[[], Awaitable[object]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def _write(broker: Broker, app: App, rows: int) -> None:
    for first in range(1, rows + 1, WRITTEN_AT_ONCE):
        async with broker.store.transaction() as unit_of_work:
            await seals.allow_long_statements(unit_of_work)
            last = min(rows, first + WRITTEN_AT_ONCE - 1)
            await unit_of_work.execute(text(WRITE), {"app_id": app.id, "first": first, "last": last})
    async with broker.store.engine.connect() as connection:
        await (await connection.execution_options(isolation_level="AUTOCOMMIT")).execute(text("vacuum analyze"))


async def _read(broker: Broker, app: App) -> None:
    """Everything that verifying reads, and nothing done with it."""
    async with seals.snapshot(broker.store) as connection:
        async for _ in seals.batches(connection, app.id):
            pass


async def _select(broker: Broker, app: App) -> None:
    """Only the rows, as a stream."""
    async with seals.snapshot(broker.store) as unit_of_work:
        driver = await unit_of_work.driver_connection()
        cursor = await driver.cursor("select * from journal where app_id = $1", app.id)
        while await cursor.fetch(seals.ROWS_PER_BATCH):
            pass


async def _verify(broker: Broker, app: App, rows: int) -> None:
    verdict = await verify_journal(broker, app)
    if not verdict.is_whole or verdict.rows != rows:
        raise RuntimeError(f"the journal was sealed and is not whole: {verdict.findings[:3]}")


async def _record(broker: Broker, app: App) -> float:
    """Seconds to write one event."""
    async with broker.store.transaction() as unit_of_work:
        began = time.perf_counter()
        for _ in range(RECORDED):
            now = broker.now()
            event = Event(EventId(uuid7(now)), EventType.CALL_STARTED, now, Actor(app.id), user_id="ada")
            await journal.record(unit_of_work, event)
        return (time.perf_counter() - began) / RECORDED


async def measure(rows: int) -> list[dict[str, Any]]:
    """Everything, on a fresh database."""
    with (
        tempfile.TemporaryDirectory(prefix="videobroker-bench-") as folder,
        embedded_postgres(Path(folder) / "pg") as url,
    ):
        await wiring.migrate(url)
        settings = Settings(_env_file=None, secret_key=new_key())
        async with wiring.broker(settings, url) as broker:
            app = await tenants.create_app(broker, f"bench-{uuid4()}", policy={}, role_maps={}, now=broker.now())
            await _write(broker, app, rows)
            sealing = await _timed(lambda: seal_journal(broker, app.id, now=broker.now()))
            selecting = await _timed(lambda: _select(broker, app))
            reading = await _timed(lambda: _read(broker, app))
            verifying = await _timed(lambda: _verify(broker, app, rows))
            recording = await _record(broker, app)
    return [
        _figure(f"select {rows:,} events of the journal, as a stream", selecting),
        _figure(f"seal them ({rows / sealing:,.0f} a second)", sealing, "select", sealing / selecting),
        _figure("read them with leaves and salts", reading, "select", reading / selecting),
        _figure(f"verify them ({rows / verifying:,.0f} a second)", verifying, "select", verifying / selecting),
        _figure("write one event", recording),
    ]


def _figure(what: str, seconds: float, against: str | None = None, ratio: float | None = None) -> dict[str, Any]:
    return {"what": what, "seconds": round(seconds, 4), "against": against, "ratio": ratio}


def run() -> list[dict[str, Any]]:
    """The figures, for a table or for JSON: of a million rows with `--full`, of a tenth otherwise."""
    return asyncio.run(measure(ALL_ROWS if "--full" in sys.argv[1:] else ROWS))
