"""What a lesson leaves in the database: whole lessons are played, from the booking to the seals, and weighed."""

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

from benchmarks.stage import Served, connected, sandbox_in, served
from videobroker import wiring
from videobroker.broker import Broker
from videobroker.sandbox import demo_config
from videobroker.settings import Settings
from videobroker.storage.postgres.embedded import embedded_postgres
from videobroker.storage.postgres.encryption import new_key
from videobroker.usecases.journal.sealing import seal_journals

LESSONS = 400
AT_ONCE = 8
KEY = "vb_weighing-lessons-0123456789012345678901234"
HOOK = "invented-hook-secret"
PEOPLE = [
    {"user_id": "tutor-1", "role": "tutor", "display_name": "Ada"},
    {"user_id": "student-1", "role": "student", "display_name": "Ben"},
]

# Everything that belongs to the lessons: not the apps and keys, and not the queue, which is emptied.
WEIGH = """
select relname, pg_total_relation_size(oid)::bigint from pg_class
where relkind = 'r' and relnamespace = current_schema()::regnamespace
"""


@dataclass(frozen=True, slots=True)
class Weight:
    """One table, after so many lessons."""

    table: str
    rows_per_lesson: float
    bytes_per_row: float

    @property
    def bytes_per_lesson(self) -> float:
        """With indexes."""
        return self.rows_per_lesson * self.bytes_per_row


def weigh(lessons: int = LESSONS) -> list[Weight]:
    """The tables that lessons fill, heaviest first."""
    with (
        tempfile.TemporaryDirectory(prefix="videobroker-growth-") as folder,
        embedded_postgres(Path(folder) / "pg") as url,
        sandbox_in(Path(folder)) as sandbox,
    ):
        asyncio.run(wiring.migrate(url))
        secret_key = new_key()
        with _service(url, sandbox, secret_key, Path(folder)) as service:
            before = asyncio.run(_weights(url))
            asyncio.run(_play(service.url, sandbox.url, url, lessons))
        asyncio.run(_seal(url, secret_key))
        return asyncio.run(_compared(url, before, lessons))


def _service(url: str, sandbox: Served, secret_key: str, folder: Path) -> contextlib.AbstractContextManager[Served]:
    """The service with its background work, and an app that the environment names."""
    workspace = demo_config().workspaces[0]
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        "DATABASE_URL": url,
        "VIDEOBROKER_SECRET_KEY": secret_key,
        "VIDEOBROKER_API_KEY": KEY,
        "HMS_ACCESS_KEY": workspace.access_key,
        "HMS_SECRET": workspace.secret,
        "HMS_TEMPLATE_ID": workspace.templates[0].id,
        "HMS_API_URL": f"{sandbox.url}/v2",
        "HMS_WEBHOOK_SECRET": HOOK,
    }
    return served("weighed", [sys.executable, "-m", "videobroker", "serve"], environment, folder, ready="/readyz")


async def _play(service: str, sandbox: str, database: str, lessons: int) -> None:
    turns = asyncio.Semaphore(AT_ONCE)
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        httpx.AsyncClient(base_url=service, headers=headers, timeout=60) as api,
        httpx.AsyncClient(base_url=f"{sandbox}/_sandbox", timeout=60) as rooms,
    ):

        async def play(number: int) -> None:
            async with turns:
                await _lesson(api, rooms, f"lesson-{number:08d}")

        target = {
            "url": f"{service}/hooks/100ms/default",
            "headers": {"Videobroker-Hook-Secret": HOOK},
        }
        await _asked(rooms.put("/webhooks", json=target))
        await asyncio.gather(*(play(number) for number in range(lessons)))
        await _asked(rooms.post("/webhooks/flush"))
    await _all_applied(database)


async def _lesson(api: httpx.AsyncClient, rooms: httpx.AsyncClient, reference: str) -> None:
    starts_at = (datetime.now(UTC) + timedelta(minutes=5)).isoformat().replace("+00:00", "Z")
    terms = {"title": "Geometry, third part", "starts_at": starts_at, "duration_minutes": 45, "participants": PEOPLE}
    await _asked(api.put(f"/v1/bookings/{reference}", json=terms))
    peers = []
    for person in PEOPLE:
        joined = await _asked(api.post(f"/v1/bookings/{reference}/join", json={"user_id": person["user_id"]}))
        body = {"token": joined["token"], "name": person["display_name"]}
        entered = await _asked(rooms.post(f"/rooms/{joined['room_id']}/peers", json=body))
        peers.append((joined["room_id"], entered["peer"]["id"]))
    for room_id, peer_id in peers:
        await _asked(rooms.delete(f"/rooms/{room_id}/peers/{peer_id}"))
    await _asked(api.post(f"/v1/bookings/{reference}/end", json={"user_id": "tutor-1"}))


async def _asked(request: Any) -> Any:
    answer: httpx.Response = await request
    if not answer.is_success:
        raise RuntimeError(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text}")
    return answer.json() if answer.content else None


async def _all_applied(database: str) -> None:
    async with connected(database) as connection:
        for _ in range(6_000):
            waiting = await connection.fetchval("select count(*) from inbox where state = 'pending'")
            if not waiting:
                return
            await asyncio.sleep(0.1)
    raise RuntimeError(f"{waiting} notices were not applied in time")


async def _seal(url: str, secret_key: str) -> None:
    async with wiring.broker(Settings(_env_file=None, secret_key=secret_key), url) as broker:
        await _seal_with(broker)


async def _seal_with(broker: Broker) -> None:
    await seal_journals(broker, now=broker.now())


async def _weights(url: str) -> dict[str, int]:
    async with connected(url) as connection:
        return dict(await connection.fetch(WEIGH))


async def _compared(url: str, before: dict[str, int], lessons: int) -> list[Weight]:
    async with connected(url) as connection:
        # What updates leave behind, VACUUM would give back to later rows.
        await connection.execute("vacuum full")
        found = []
        for table, size in (await _weights(url)).items():
            rows = await connection.fetchval(f'select count(*) from "{table}"')  # noqa: S608  our own tables
            if rows >= lessons:
                grown = size - min(size, before.get(table, 0))
                found.append(Weight(table, rows / lessons, grown / rows))
    return sorted(found, key=lambda weight: -weight.bytes_per_lesson)
