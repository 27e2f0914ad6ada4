"""Measures the database space that a lesson uses: runs complete lessons, from the booking to the seals."""

import asyncio
import contextlib
import os
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from benchmarks.environment import UNREACHABLE_LIMITS, ServerProcess, connect, start_sandbox, start_server
from videobroker import wiring
from videobroker.sandbox import demo_config
from videobroker.settings import Settings
from videobroker.storage.postgres.embedded import embedded_postgres
from videobroker.storage.postgres.encryption import new_key
from videobroker.usecases.journal.sealing import seal_journals

LESSONS = 400
CONCURRENT_LESSONS = 8
API_KEY = "vb_measured-lessons-0123456789012345678901234"
WEBHOOK_SECRET = "invented-hook-secret"  # noqa: S105
PARTICIPANTS = [
    {"user_id": "tutor-1", "role": "tutor", "display_name": "Ada"},
    {"user_id": "student-1", "role": "student", "display_name": "Ben"},
]

# Tables of the service, without those of the job queue, which are in another schema.
TABLE_SIZES = """
select relname, pg_total_relation_size(oid)::bigint from pg_class
where relkind = 'r' and relnamespace = current_schema()::regnamespace
"""


@dataclass(frozen=True, slots=True)
class TableGrowth:
    """The growth of one table."""

    table: str
    rows_per_lesson: float
    bytes_per_row: float

    @property
    def bytes_per_lesson(self) -> float:
        """Including indexes."""
        return self.rows_per_lesson * self.bytes_per_row


def measure(lessons: int = LESSONS) -> list[TableGrowth]:
    """Runs the lessons. Returns the tables that grow with them, the largest first."""
    with (
        tempfile.TemporaryDirectory(prefix="videobroker-growth-") as folder,
        embedded_postgres(Path(folder) / "pg") as url,
        start_sandbox(Path(folder)) as sandbox,
    ):
        asyncio.run(wiring.migrate(url))
        secret_key = new_key()
        with _start_service(url, sandbox, secret_key, Path(folder)) as service:
            before = asyncio.run(_table_sizes(url))
            asyncio.run(_run_lessons(service.url, sandbox.url, url, lessons))
        asyncio.run(_seal(url, secret_key))
        return asyncio.run(_growth(url, before, lessons))


def _start_service(
    url: str, sandbox: ServerProcess, secret_key: str, folder: Path
) -> contextlib.AbstractContextManager[ServerProcess]:
    """The service with background work, and an app that is configured with environment variables."""
    workspace = demo_config().workspaces[0]
    variables = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "DATABASE_URL": url,
        "VIDEOBROKER_SECRET_KEY": secret_key,
        "VIDEOBROKER_API_KEY": API_KEY,
        "HMS_ACCESS_KEY": workspace.access_key,
        "HMS_SECRET": workspace.secret,
        "HMS_TEMPLATE_ID": workspace.templates[0].id,
        "HMS_API_URL": f"{sandbox.url}/v2",
        "HMS_WEBHOOK_SECRET": WEBHOOK_SECRET,
        **UNREACHABLE_LIMITS,
    }
    return start_server(
        "videobroker", [sys.executable, "-m", "videobroker", "serve"], variables, folder, ready="/readyz"
    )


async def _run_lessons(service: str, sandbox: str, database: str, lessons: int) -> None:
    semaphore = asyncio.Semaphore(CONCURRENT_LESSONS)
    headers = {"Authorization": f"Bearer {API_KEY}"}
    async with (
        httpx.AsyncClient(base_url=service, headers=headers, timeout=60) as api,
        httpx.AsyncClient(base_url=f"{sandbox}/_sandbox", timeout=60) as sandbox_api,
    ):

        async def run(number: int) -> None:
            async with semaphore:
                await _run_lesson(api, sandbox_api, f"lesson-{number:08d}")

        target = {
            "url": f"{service}/hooks/100ms/default",
            "headers": {"Videobroker-Hook-Secret": WEBHOOK_SECRET},
        }
        await _json(sandbox_api.put("/webhooks", json=target))
        await asyncio.gather(*(run(number) for number in range(lessons)))
        await _json(sandbox_api.post("/webhooks/flush"))
    await _wait_until_processed(database)


async def _run_lesson(api: httpx.AsyncClient, sandbox_api: httpx.AsyncClient, reference: str) -> None:
    starts_at = (datetime.now(UTC) + timedelta(minutes=5)).isoformat().replace("+00:00", "Z")
    terms = {
        "title": "Geometry, third part",
        "starts_at": starts_at,
        "duration_minutes": 45,
        "participants": PARTICIPANTS,
    }
    await _json(api.put(f"/v1/bookings/{reference}", json=terms))
    peers = []
    for participant in PARTICIPANTS:
        joined = await _json(api.post(f"/v1/bookings/{reference}/join", json={"user_id": participant["user_id"]}))
        body = {"token": joined["token"], "name": participant["display_name"]}
        peer = await _json(sandbox_api.post(f"/rooms/{joined['room_id']}/peers", json=body))
        peers.append((joined["room_id"], peer["peer"]["id"]))
    for room_id, peer_id in peers:
        await _json(sandbox_api.delete(f"/rooms/{room_id}/peers/{peer_id}"))
    await _json(api.post(f"/v1/bookings/{reference}/end", json={"user_id": "tutor-1"}))


async def _json(request: Any) -> Any:
    response: httpx.Response = await request
    if not response.is_success:
        raise RuntimeError(
            f"{response.request.method} {response.request.url.path}: {response.status_code} {response.text}"
        )
    return response.json() if response.content else None


async def _wait_until_processed(database: str) -> None:
    async with connect(database) as connection:
        for _ in range(6_000):
            pending = await connection.fetchval("select count(*) from inbox where state = 'pending'")
            if not pending:
                return
            await asyncio.sleep(0.1)
    raise RuntimeError(f"{pending} webhooks were not processed in time")


async def _seal(url: str, secret_key: str) -> None:
    async with wiring.broker(Settings(_env_file=None, secret_key=secret_key), url) as broker:
        await seal_journals(broker, now=broker.now())


async def _table_sizes(url: str) -> dict[str, int]:
    async with connect(url) as connection:
        return dict(await connection.fetch(TABLE_SIZES))


async def _growth(url: str, before: dict[str, int], lessons: int) -> list[TableGrowth]:
    async with connect(url) as connection:
        # Removes dead rows, whose space VACUUM makes available to later rows.
        await connection.execute("vacuum full")
        tables = []
        for table, size in (await _table_sizes(url)).items():
            rows = await connection.fetchval(f'select count(*) from "{table}"')  # noqa: S608  our own tables
            if rows >= lessons:
                added_bytes = size - min(size, before.get(table, 0))
                tables.append(TableGrowth(table, rows / lessons, added_bytes / rows))
    return sorted(tables, key=lambda table: -table.bytes_per_lesson)
