"""Nothing is lost if workers are killed, the service is down, or no worker runs for some time."""

import asyncio
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
from sqlalchemy.engine import make_url

from database_roles import as_service_role
from guard import marks
from polling import eventually
from programs import Program, responds
from tenants import HMS_ROLES, Sandbox, Tenant, free_port, make_tenant, with_notifications, with_webhooks
from videobroker import wiring
from videobroker.broker import Broker
from videobroker.domain.apps import ProviderName
from videobroker.domain.times import rfc3339
from videobroker.providers.hms.client import HmsClient
from videobroker.providers.hms.responses import HmsPeer
from videobroker.providers.hms.tokens import AccountKeys, ManagementTokens
from videobroker.sandbox import demo_config
from videobroker.settings import Settings

pytestmark = pytest.mark.long

START_SECONDS = 120.0
KILLS = 8
TRAFFIC_SECONDS = 20.0
WINDOW_SECONDS = 26.0
"""The time until the window of a booking closes, which is after the end of the traffic."""
SETTLED_SECONDS = 150.0
"""A generous timeout: a job of a killed worker is retried after ten seconds."""
STRICT = {"grace_seconds": 0, "overrun_seconds": 0, "no_show_after_seconds": 3600}
"""The window closes when the booking ends, even during a call."""
PEOPLE = [
    {"user_id": "tutor-1", "role": "tutor"},
    *({"user_id": f"student-{number}", "role": "student"} for number in (1, 2, 3)),
]
ROUNDING = timedelta(seconds=1, milliseconds=500)
"""100ms reports some times in whole seconds."""


@dataclass(frozen=True)
class Deployment:
    """A separate database, a sandbox and a service on loopback, and the started programs."""

    broker: Broker
    url: str
    api: httpx.AsyncClient
    sandbox: Sandbox
    service: Program
    new_worker: Callable[[], Program]
    programs: list[Program] = field(default_factory=list)

    async def start_service(self) -> None:
        """Start the service, and wait until it is ready."""
        self.service.start()
        await eventually(lambda: responds(self.api, "/readyz"), seconds=START_SECONDS)

    def start_worker(self) -> Program:
        """Start another worker."""
        worker = self.new_worker()
        self.programs.append(worker)
        worker.start()
        return worker

    async def tenant_at_100ms(self) -> Tenant:
        """An app with webhooks of 100ms."""
        accounts = {ProviderName.HMS: self.sandbox.account("tutoring", prebuilt=True)}
        tenant = await make_tenant(self.broker, self.api, accounts, {ProviderName.HMS: HMS_ROLES})
        return await with_webhooks(tenant, self.sandbox, webhook_url=f"{self.url}/hooks/100ms/{tenant.app.name}")

    async def tenant_at_agora(self) -> Tenant:
        """An app with webhooks of Agora."""
        roles = {ProviderName.AGORA: {"tutor": "publisher", "student": "publisher"}}
        tenant = await with_notifications(await make_tenant(self.broker, self.api, {}, roles), self.sandbox)
        target = {"url": f"{self.url}/hooks/agora/{tenant.app.name}"}
        response = await self.sandbox.client.put("/_sandbox/agora/notifications", json=target)
        assert response.status_code == 200, response.text
        return tenant


@pytest.fixture
async def own_database(postgres: str, template_database: str) -> str:
    """An empty database, so that workers do not process data of other tests, for the role of the service."""
    name = f"survivors_{uuid4().hex[:12]}"
    connection = await asyncpg.connect(postgres)
    await connection.execute(f"create database {name} template {template_database}")
    await connection.close()
    return await as_service_role(make_url(postgres).set(database=name).render_as_string(hide_password=False))


@pytest.fixture
async def sandbox_process(log_folder: Path) -> AsyncIterator[Sandbox]:
    """The sandbox as a process with real time."""
    port = free_port()
    program = Program(
        ["sandbox", "--port", str(port)], {"PATH": os.environ["PATH"], **marks()}, log_folder / f"sandbox-{port}.log"
    )
    program.start()
    config = demo_config()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            await eventually(lambda: responds(client, "/_sandbox/counters"), seconds=START_SECONDS)
            yield Sandbox(f"http://127.0.0.1:{port}", client, config.workspaces[0], config.agora, client)
    finally:
        program.stop()


@pytest.fixture
async def deployment(
    own_database: str, sandbox_process: Sandbox, settings: Settings, log_folder: Path
) -> AsyncIterator[Deployment]:
    """A deployment on loopback. All programs are stopped afterwards."""
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        **marks(),
        "DATABASE_URL": own_database,
        "PORT": str(port),
        "VIDEOBROKER_SECRET_KEY": settings.secret_key[0].get_secret_value(),
    }
    url = f"http://127.0.0.1:{port}"

    def program(name: str, *command: str) -> Program:
        return Program(list(command), environment, log_folder / f"{name}-{uuid4()}.log")

    async with (
        wiring.broker(settings, own_database) as broker,
        httpx.AsyncClient(base_url=url, timeout=30) as api,
    ):
        service = program("service", "serve", "--no-work")
        deployment = Deployment(broker, url, api, sandbox_process, service, lambda: program("worker", "work"))
        try:
            yield deployment
        finally:
            for each in (*deployment.programs, service):
                each.stop()


# Participants


@dataclass
class BookedLesson:
    """A booking with its credentials, and the actions of participants at the provider."""

    tenant: Tenant
    reference: str
    credentials: dict[str, dict[str, Any]] = field(default_factory=dict)
    peers: dict[str, str] = field(default_factory=dict)
    """The 100ms peer ID of each present user."""
    entered: Counter[str] = field(default_factory=Counter)

    @property
    def call_id(self) -> str:
        """The call of all credentials."""
        (found,) = {credentials["call"]["id"] for credentials in self.credentials.values()}
        return str(found)

    @property
    def room_id(self) -> str:
        """The room ID of 100ms."""
        return str(next(iter(self.credentials.values()))["room_id"])

    async def call(self) -> dict[str, Any]:
        """The call with its attendance."""
        response = await self.tenant.get(f"/v1/calls/{self.call_id}")
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    async def journal(self) -> Counter[tuple[str, str | None]]:
        """The number of events by type and user."""
        lines: Counter[tuple[str, str | None]] = Counter()
        cursor: dict[str, str] = {}
        while True:
            chosen = {"kind": "booking", "reference": self.reference, "limit": 100, **cursor}
            page = (await self.tenant.get("/v1/events", params=chosen)).json()
            lines.update((event["type"], event["user_id"]) for event in page["data"])
            if page["next"] is None:
                return lines
            cursor = {"cursor": page["next"]}


async def book_lesson(tenant: Tenant, reference: str, *, lasts: float, **join: Any) -> BookedLesson:
    """A booking of one minute that ends in `lasts` seconds, with credentials for all participants."""
    ends_at = datetime.now(UTC) + timedelta(seconds=lasts)
    schedule = {"starts_at": rfc3339(ends_at - timedelta(minutes=1)), "duration_minutes": 1, "policy": STRICT}
    response = await tenant.send("PUT", f"/v1/bookings/{reference}", json={**schedule, "participants": PEOPLE})
    assert response.status_code == 201, response.text
    lesson = BookedLesson(tenant, reference)
    for person in PEOPLE:
        joined = await tenant.join(reference, person["user_id"], **join)
        assert joined.status_code == 200, joined.text
        lesson.credentials[person["user_id"]] = joined.json()
    return lesson


async def join_and_leave_repeatedly(
    lesson: BookedLesson, sandbox: Sandbox, rng: random.Random, *, until: float
) -> None:
    """Let participants enter and leave a 100ms room repeatedly. Those present at the end stay."""
    while time.monotonic() < until:
        user_id = rng.choice(PEOPLE)["user_id"]
        if user_id in lesson.peers:
            await sandbox.leave_room(lesson.room_id, lesson.peers.pop(user_id))
        else:
            lesson.peers[user_id] = await sandbox.join_room(lesson.room_id, token=lesson.credentials[user_id]["token"])
            lesson.entered[user_id] += 1
        await asyncio.sleep(rng.uniform(0.05, 0.4))


async def join_and_leave_once(lesson: BookedLesson, sandbox: Sandbox, rng: random.Random) -> None:
    """Let all participants enter an Agora channel, and all but the tutor leave it."""
    for person in PEOPLE:
        await asyncio.sleep(rng.uniform(0.5, 2))
        await sandbox.join_channel(lesson.credentials[person["user_id"]])
        lesson.entered[person["user_id"]] += 1
    for person in PEOPLE[1:]:
        await asyncio.sleep(rng.uniform(1.5, 2.5))
        await sandbox.leave_channel(lesson.credentials[person["user_id"]])


async def kill_repeatedly(workers: list[Program], rng: random.Random) -> None:
    """Kill and restart random workers at random times."""
    for _ in range(KILLS):
        await asyncio.sleep(rng.uniform(1.5, 5))
        worker = rng.choice(workers)
        await asyncio.to_thread(worker.kill)
        worker.start()


async def peers_at_100ms(lesson: BookedLesson, sandbox: Sandbox) -> list[HmsPeer]:
    """All peers of the room from the REST API of 100ms, including former ones."""
    async with hms_client(sandbox) as client:
        summaries = [
            *await client.list_sessions(lesson.room_id, active=True),
            *await client.list_sessions(lesson.room_id, active=False),
        ]
        return [peer for summary in summaries for peer in (await client.get_session(summary.id)).peers]


@asynccontextmanager
async def hms_client(sandbox: Sandbox) -> AsyncIterator[HmsClient]:
    """A client of the REST API of 100ms."""
    keys = AccountKeys(sandbox.workspace.access_key, sandbox.workspace.secret)
    client = HmsClient(f"{sandbox.url}/v2", ManagementTokens(keys, wiring.utc_now), wiring.utc_now)
    try:
        yield client
    finally:
        await client.aclose()


def is_same_time(recorded: str | None, reported: datetime | None) -> bool:
    """Whether two times are equal, within the precision of the provider."""
    if recorded is None or reported is None:
        return recorded is None and reported is None
    return abs(datetime.fromisoformat(recorded) - reported) <= ROUNDING


async def is_over(lesson: BookedLesson) -> bool:
    """Whether the call has ended, no one is recorded as present, and the room is closed."""
    call, journal = await lesson.call(), await lesson.journal()
    leave_count = sum(count for (kind, _), count in journal.items() if kind == "participant.left")
    return (
        call["ended_at"] is not None
        and call["present"] == 0
        and journal["room.closed", None] >= 1
        and leave_count >= lesson.entered.total()
    )


async def assert_journaled_once(lesson: BookedLesson) -> None:
    """Check that the journal has each join, each leave, and each change of the call exactly once."""
    journal = await lesson.journal()
    for user_id, times in lesson.entered.items():
        assert journal["participant.joined", user_id] == times, user_id
        assert journal["participant.left", user_id] == times, user_id
    kinds = Counter(dict.fromkeys(("call.started", "call.ended", "room.opened", "room.closed"), 0))
    for (kind, _), count in journal.items():
        if kind in kinds:
            kinds[kind] += count
    assert set(kinds.values()) == {1}, kinds


# The tests


@pytest.mark.representative
async def test_repeatedly_killed_workers_lose_and_duplicate_nothing(deployment: Deployment) -> None:
    """Covers traffic at both providers, and the closing of windows."""
    rng = random.Random(20)
    await deployment.start_service()
    workers = [deployment.start_worker(), deployment.start_worker()]
    hms, agora = await deployment.tenant_at_100ms(), await deployment.tenant_at_agora()
    lessons = [await book_lesson(hms, f"lesson-{number}", lasts=WINDOW_SECONDS) for number in (1, 2, 3)]
    channel = await book_lesson(agora, "channel", lasts=WINDOW_SECONDS)
    until = time.monotonic() + TRAFFIC_SECONDS
    await asyncio.gather(
        kill_repeatedly(workers, rng),
        join_and_leave_once(channel, deployment.sandbox, rng),
        *(join_and_leave_repeatedly(each, deployment.sandbox, rng, until=until) for each in lessons),
    )
    assert sum(each.entered.total() for each in lessons) > 30
    for each in (*lessons, channel):
        await eventually(lambda each=each: is_over(each), seconds=SETTLED_SECONDS)  # type: ignore[misc]
        await assert_journaled_once(each)
        assert (await each.call())["end_reason"] == "window_closed"
    for each in lessons:
        stays = {stay["connection"]: stay for stay in (await each.call())["attendance"]}
        peers = {peer.id: peer for peer in await peers_at_100ms(each, deployment.sandbox)}
        assert stays.keys() == peers.keys()
        for peer_id, peer in peers.items():
            assert stays[peer_id]["user_id"] == peer.user_id
            assert is_same_time(stays[peer_id]["joined_at"], peer.joined_at), peer_id
            assert is_same_time(stays[peer_id]["left_at"], peer.left_at), peer_id
    assert Counter(stay["user_id"] for stay in (await channel.call())["attendance"]) == channel.entered
    path = f"/_sandbox/agora/{next(iter(channel.credentials.values()))['channel']}"
    assert (await deployment.sandbox.client.get(path)).json()["users"] == []


async def test_webhooks_lost_during_an_outage_are_reconciled(deployment: Deployment) -> None:
    """100ms has stopped retrying. The worker queries the presence after its start."""
    await deployment.start_service()
    lesson = await book_lesson(await deployment.tenant_at_100ms(), "lesson", lasts=50)
    await deployment.sandbox.set_webhook_behavior(retry_scale=0.01)
    deployment.service.kill()
    for user_id in ("tutor-1", "student-1"):
        token = lesson.credentials[user_id]["token"]
        lesson.peers[user_id] = await deployment.sandbox.join_room(lesson.room_id, token=token)
    await deployment.sandbox.leave_room(lesson.room_id, lesson.peers["student-1"])
    await deployment.sandbox.deliver_webhooks()
    outbox = (await deployment.sandbox.client.get("/_sandbox/webhooks", params={"room_id": lesson.room_id})).json()[
        "events"
    ]
    assert {(each["state"], each["attempts"]) for each in outbox} == {("failed", 4)}
    await deployment.start_service()
    deployment.start_worker()

    async def is_reconciled() -> bool:
        return len((await lesson.call())["attendance"]) == 2

    await eventually(is_reconciled, seconds=SETTLED_SECONDS)
    stays = {stay["user_id"]: stay for stay in (await lesson.call())["attendance"]}
    peers = {peer.user_id: peer for peer in await peers_at_100ms(lesson, deployment.sandbox)}
    assert stays.keys() == peers.keys() == {"tutor-1", "student-1"}
    for user_id, stay in stays.items():
        assert stay["connection"] == lesson.peers[user_id]
        assert stay["source"] == "reconciled"
        assert is_same_time(stay["joined_at"], peers[user_id].joined_at)
        assert is_same_time(stay["left_at"], peers[user_id].left_at)
    assert stays["tutor-1"]["left_at"] is None
    journal = await lesson.journal()
    events = [
        (kind, user_id)
        for (kind, user_id), count in journal.items()
        if kind.startswith("participant.")
        for _ in range(count)
    ]
    assert sorted(events) == [
        ("participant.joined", "student-1"),
        ("participant.joined", "tutor-1"),
        ("participant.left", "student-1"),
    ]


async def test_a_window_that_ended_without_a_worker_is_closed_after_its_start(deployment: Deployment) -> None:
    """The call ends, all participants are removed, and no room code is valid."""
    await deployment.start_service()
    lesson = await book_lesson(await deployment.tenant_at_100ms(), "lesson", lasts=6, surface="prebuilt")
    code = lesson.credentials["tutor-1"]["room_code"]
    await deployment.sandbox.join_room(lesson.room_id, code=code, user_id="tutor-1")
    lesson.entered["tutor-1"] += 1
    await deployment.sandbox.deliver_webhooks()
    response = await lesson.tenant.get("/v1/bookings/lesson")
    ends_at = datetime.fromisoformat(response.json()["ends_at"])

    async def has_window_ended() -> bool:
        return datetime.now(UTC) > ends_at + timedelta(seconds=1)

    await eventually(has_window_ended, seconds=10)
    assert (await lesson.call())["ended_at"] is None, "it was closed without a worker"
    deployment.start_worker()
    await eventually(lambda: is_over(lesson), seconds=SETTLED_SECONDS)
    call = await lesson.call()
    assert call["end_reason"] == "window_closed"
    await assert_journaled_once(lesson)
    (tutor,) = await peers_at_100ms(lesson, deployment.sandbox)
    assert tutor.left_at is not None
    refused = await deployment.sandbox.client.post("/v2/token", json={"code": code})
    assert refused.status_code in {403, 404}
