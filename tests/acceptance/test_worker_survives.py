"""Workers that are killed while they work, a service that is down, a worker that comes late: nothing is lost."""

import asyncio
import os
import random
import signal
import subprocess
import sys
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

from guard import marks
from polling import eventually
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
"""After so long the window of a booking that people come to closes: when they have stopped coming and going."""
SETTLED_SECONDS = 150.0
"""Far more than it takes: a job of a worker that was killed is taken again after ten seconds."""
STRICT = {"grace_seconds": 0, "overrun_seconds": 0, "no_show_after_seconds": 3600}
"""When the booking ends, its window closes, whoever is there."""
PEOPLE = [
    {"user_id": "tutor-1", "role": "tutor"},
    *({"user_id": f"student-{number}", "role": "student"} for number in (1, 2, 3)),
]
ROUNDING = timedelta(seconds=1, milliseconds=500)
"""100ms tells some moments in whole seconds."""


@dataclass
class Program:
    """One of our programs, as a process that may be killed and started anew."""

    command: list[str]
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "videobroker", *self.command],
                env=self.environment,
                cwd=self.log.parent,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        assert self.process.poll() is None, f"{self.command} had ended by itself"
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(60)

    def stop(self) -> None:
        """As an orchestrator would."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(60)


@dataclass(frozen=True)
class House:
    """A database of its own, a sandbox and a service on loopback, and the programs that were started."""

    broker: Broker
    url: str
    api: httpx.AsyncClient
    sandbox: Sandbox
    service: Program
    new_worker: Callable[[], Program]
    programs: list[Program] = field(default_factory=list)

    async def open_service(self) -> None:
        """Start the service, and wait until it answers."""
        self.service.start()
        await eventually(lambda: _answers(self.api, "/readyz"), seconds=START_SECONDS)

    def start_worker(self) -> Program:
        """One more worker."""
        worker = self.new_worker()
        self.programs.append(worker)
        worker.start()
        return worker

    async def tenant_at_100ms(self) -> Tenant:
        """An app whose rooms tell the service who comes and goes."""
        accounts = {ProviderName.HMS: self.sandbox.account("tutoring", prebuilt=True)}
        tenant = await make_tenant(self.broker, self.api, accounts, {ProviderName.HMS: HMS_ROLES})
        return await with_webhooks(tenant, self.sandbox, webhook_url=f"{self.url}/hooks/100ms/{tenant.app.name}")

    async def tenant_at_agora(self) -> Tenant:
        """An app that Agora tells who comes and goes."""
        roles = {ProviderName.AGORA: {"tutor": "publisher", "student": "publisher"}}
        tenant = await with_notifications(await make_tenant(self.broker, self.api, {}, roles), self.sandbox)
        target = {"url": f"{self.url}/hooks/agora/{tenant.app.name}"}
        answer = await self.sandbox.client.put("/_sandbox/agora/notifications", json=target)
        assert answer.status_code == 200, answer.text
        return tenant


@pytest.fixture
async def own_database(postgres: str, template_database: str) -> str:
    """A database that nothing is in: what other tests left behind would keep the workers busy."""
    name = f"survivors_{uuid4().hex[:12]}"
    connection = await asyncpg.connect(postgres)
    await connection.execute(f"create database {name} template {template_database}")
    await connection.close()
    return make_url(postgres).set(database=name).render_as_string(hide_password=False)


@pytest.fixture
async def sandbox_process(log_folder: Path) -> AsyncIterator[Sandbox]:
    """The sandbox as a process; it keeps its real time."""
    port = free_port()
    program = Program(
        ["sandbox", "--port", str(port)], {"PATH": os.environ["PATH"], **marks()}, log_folder / f"sandbox-{port}.log"
    )
    program.start()
    config = demo_config()
    try:
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            await eventually(lambda: _answers(client, "/_sandbox/counters"), seconds=START_SECONDS)
            yield Sandbox(f"http://127.0.0.1:{port}", client, config.workspaces[0], config.agora, client)
    finally:
        program.stop()


@pytest.fixture
async def house(
    own_database: str, sandbox_process: Sandbox, settings: Settings, log_folder: Path
) -> AsyncIterator[House]:
    """Everything on loopback; whatever was started is stopped afterwards."""
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
        house = House(broker, url, api, sandbox_process, service, lambda: program("worker", "work"))
        try:
            yield house
        finally:
            for each in (*house.programs, service):
                each.stop()


async def _answers(client: httpx.AsyncClient, path: str) -> bool:
    try:
        return (await client.get(path)).is_success
    except httpx.TransportError:
        return False


# People


@dataclass
class Lesson:
    """A booking that people come to, and what they did at the provider."""

    tenant: Tenant
    reference: str
    credentials: dict[str, dict[str, Any]] = field(default_factory=dict)
    peers: dict[str, str] = field(default_factory=dict)
    """Who is there at 100ms, and as which peer."""
    entered: Counter[str] = field(default_factory=Counter)

    @property
    def call_id(self) -> str:
        """The call that everybody got credentials for."""
        (found,) = {mine["call"]["id"] for mine in self.credentials.values()}
        return str(found)

    @property
    def room_id(self) -> str:
        """100ms' id of the room."""
        return str(next(iter(self.credentials.values()))["room_id"])

    async def call(self) -> dict[str, Any]:
        """The call with its attendance."""
        answer = await self.tenant.get(f"/v1/calls/{self.call_id}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def journal(self) -> Counter[tuple[str, str | None]]:
        """How often the journal tells what of whom."""
        lines: Counter[tuple[str, str | None]] = Counter()
        cursor: dict[str, str] = {}
        while True:
            chosen = {"kind": "booking", "reference": self.reference, "limit": 100, **cursor}
            page = (await self.tenant.get("/v1/events", params=chosen)).json()
            lines.update((event["type"], event["user_id"]) for event in page["data"])
            if page["next"] is None:
                return lines
            cursor = {"cursor": page["next"]}


async def lesson(tenant: Tenant, reference: str, *, lasts: float, **join: Any) -> Lesson:
    """A booking of one minute that is over in so many seconds, to which everybody has credentials."""
    ends_at = datetime.now(UTC) + timedelta(seconds=lasts)
    booked = {"starts_at": rfc3339(ends_at - timedelta(minutes=1)), "duration_minutes": 1, "policy": STRICT}
    answer = await tenant.send("PUT", f"/v1/bookings/{reference}", json={**booked, "participants": PEOPLE})
    assert answer.status_code == 201, answer.text
    held = Lesson(tenant, reference)
    for person in PEOPLE:
        joined = await tenant.join(reference, person["user_id"], **join)
        assert joined.status_code == 200, joined.text
        held.credentials[person["user_id"]] = joined.json()
    return held


async def come_and_go(held: Lesson, sandbox: Sandbox, chance: random.Random, *, until: float) -> None:
    """People enter and leave a 100ms room again and again; whoever is there in the end stays."""
    while time.monotonic() < until:
        user_id = chance.choice(PEOPLE)["user_id"]
        if user_id in held.peers:
            await sandbox.leave_room(held.room_id, held.peers.pop(user_id))
        else:
            held.peers[user_id] = await sandbox.join_room(held.room_id, token=held.credentials[user_id]["token"])
            held.entered[user_id] += 1
        await asyncio.sleep(chance.uniform(0.05, 0.4))


async def come_once(held: Lesson, sandbox: Sandbox, chance: random.Random) -> None:
    """Everybody enters an Agora channel, and all but the tutor leave it."""
    for person in PEOPLE:
        await asyncio.sleep(chance.uniform(0.5, 2))
        await sandbox.join_channel(held.credentials[person["user_id"]])
        held.entered[person["user_id"]] += 1
    for person in PEOPLE[1:]:
        await asyncio.sleep(chance.uniform(1.5, 2.5))
        await sandbox.leave_channel(held.credentials[person["user_id"]])


async def kill_now_and_then(workers: list[Program], chance: random.Random) -> None:
    """One of them is killed at a random moment, and started anew; so many times."""
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(1.5, 5))
        doomed = chance.choice(workers)
        await asyncio.to_thread(doomed.kill)
        doomed.start()


async def peers_at_100ms(held: Lesson, sandbox: Sandbox) -> list[HmsPeer]:
    """Everybody who was ever in the room, as the provider's REST API tells it."""
    async with rest(sandbox) as client:
        briefs = [
            *await client.list_sessions(held.room_id, active=True),
            *await client.list_sessions(held.room_id, active=False),
        ]
        return [peer for brief in briefs for peer in (await client.get_session(brief.id)).peers]


@asynccontextmanager
async def rest(sandbox: Sandbox) -> AsyncIterator[HmsClient]:
    """100ms' REST API, on behalf of nobody in particular."""
    keys = AccountKeys(sandbox.workspace.access_key, sandbox.workspace.secret)
    client = HmsClient(f"{sandbox.url}/v2", ManagementTokens(keys, wiring.utc_now), wiring.utc_now)
    try:
        yield client
    finally:
        await client.aclose()


def same_moment(ours: str | None, theirs: datetime | None) -> bool:
    """Whether these are the same, as exactly as the provider tells it."""
    if ours is None or theirs is None:
        return ours is None and theirs is None
    return abs(datetime.fromisoformat(ours) - theirs) <= ROUNDING


async def is_over(held: Lesson) -> bool:
    """The call has ended, nobody is in it as far as we know, and the room is shut."""
    call, journal = await held.call(), await held.journal()
    everybody_left = sum(count for (kind, _), count in journal.items() if kind == "participant.left")
    return (
        call["ended_at"] is not None
        and call["present"] == 0
        and journal["room.closed", None] >= 1
        and everybody_left >= held.entered.total()
    )


async def assert_told_once(held: Lesson) -> None:
    """Each arrival and each departure stands in the journal once, and so does everything that happened to the call."""
    journal = await held.journal()
    for user_id, times in held.entered.items():
        assert journal["participant.joined", user_id] == times, user_id
        assert journal["participant.left", user_id] == times, user_id
    kinds = Counter(dict.fromkeys(("call.started", "call.ended", "room.opened", "room.closed"), 0))
    for (kind, _), count in journal.items():
        if kind in kinds:
            kinds[kind] += count
    assert set(kinds.values()) == {1}, kinds


# What is promised


@pytest.mark.representative
async def test_workers_that_are_killed_again_and_again_lose_nothing_and_do_nothing_twice(house: House) -> None:
    """While people come and go at both providers, and while the windows of their bookings close."""
    chance = random.Random(20)
    await house.open_service()
    workers = [house.start_worker(), house.start_worker()]
    hms, agora = await house.tenant_at_100ms(), await house.tenant_at_agora()
    lessons = [await lesson(hms, f"lesson-{number}", lasts=WINDOW_SECONDS) for number in (1, 2, 3)]
    channel = await lesson(agora, "channel", lasts=WINDOW_SECONDS)
    until = time.monotonic() + TRAFFIC_SECONDS
    await asyncio.gather(
        kill_now_and_then(workers, chance),
        come_once(channel, house.sandbox, chance),
        *(come_and_go(each, house.sandbox, chance, until=until) for each in lessons),
    )
    assert sum(each.entered.total() for each in lessons) > 30
    for each in (*lessons, channel):
        await eventually(lambda each=each: is_over(each), seconds=SETTLED_SECONDS)  # type: ignore[misc]
        await assert_told_once(each)
        assert (await each.call())["end_reason"] == "window_closed"
    for each in lessons:
        stays = {stay["connection"]: stay for stay in (await each.call())["attendance"]}
        theirs = {peer.id: peer for peer in await peers_at_100ms(each, house.sandbox)}
        assert stays.keys() == theirs.keys()
        for peer_id, peer in theirs.items():
            assert stays[peer_id]["user_id"] == peer.user_id
            assert same_moment(stays[peer_id]["joined_at"], peer.joined_at), peer_id
            assert same_moment(stays[peer_id]["left_at"], peer.left_at), peer_id
    assert Counter(stay["user_id"] for stay in (await channel.call())["attendance"]) == channel.entered
    path = f"/_sandbox/agora/{next(iter(channel.credentials.values()))['channel']}"
    assert (await house.sandbox.client.get(path)).json()["users"] == []


async def test_what_was_told_while_the_service_was_down_is_found_out_by_asking(house: House) -> None:
    """100ms has given up sending; the worker that starts with the service calls the roll."""
    await house.open_service()
    held = await lesson(await house.tenant_at_100ms(), "lesson", lasts=50)
    await house.sandbox.set_webhook_behavior(retry_scale=0.01)
    house.service.kill()
    for user_id in ("tutor-1", "student-1"):
        token = held.credentials[user_id]["token"]
        held.peers[user_id] = await house.sandbox.join_room(held.room_id, token=token)
    await house.sandbox.leave_room(held.room_id, held.peers["student-1"])
    await house.sandbox.deliver_webhooks()
    outbox = (await house.sandbox.client.get("/_sandbox/webhooks", params={"room_id": held.room_id})).json()["events"]
    assert {(each["state"], each["attempts"]) for each in outbox} == {("failed", 4)}
    await house.open_service()
    house.start_worker()

    async def everything_is_known() -> bool:
        return len((await held.call())["attendance"]) == 2

    await eventually(everything_is_known, seconds=SETTLED_SECONDS)
    stays = {stay["user_id"]: stay for stay in (await held.call())["attendance"]}
    theirs = {peer.user_id: peer for peer in await peers_at_100ms(held, house.sandbox)}
    assert stays.keys() == theirs.keys() == {"tutor-1", "student-1"}
    for user_id, stay in stays.items():
        assert stay["connection"] == held.peers[user_id]
        assert stay["source"] == "reconciled"
        assert same_moment(stay["joined_at"], theirs[user_id].joined_at)
        assert same_moment(stay["left_at"], theirs[user_id].left_at)
    assert stays["tutor-1"]["left_at"] is None
    journal = await held.journal()
    told = [
        (kind, who) for (kind, who), count in journal.items() if kind.startswith("participant.") for _ in range(count)
    ]
    assert sorted(told) == [
        ("participant.joined", "student-1"),
        ("participant.joined", "tutor-1"),
        ("participant.left", "student-1"),
    ]


async def test_a_window_that_ended_while_no_worker_ran_is_closed_when_one_starts(house: House) -> None:
    """The call ends, everybody is sent out, and no room code opens anything."""
    await house.open_service()
    held = await lesson(await house.tenant_at_100ms(), "lesson", lasts=6, surface="prebuilt")
    code = held.credentials["tutor-1"]["room_code"]
    await house.sandbox.join_room(held.room_id, code=code, user_id="tutor-1")
    held.entered["tutor-1"] += 1
    await house.sandbox.deliver_webhooks()
    answer = await held.tenant.get("/v1/bookings/lesson")
    ends_at = datetime.fromisoformat(answer.json()["ends_at"])

    async def the_window_has_ended() -> bool:
        return datetime.now(UTC) > ends_at + timedelta(seconds=1)

    await eventually(the_window_has_ended, seconds=10)
    assert (await held.call())["ended_at"] is None, "somebody closed it, and no worker runs"
    house.start_worker()
    await eventually(lambda: is_over(held), seconds=SETTLED_SECONDS)
    call = await held.call()
    assert call["end_reason"] == "window_closed"
    await assert_told_once(held)
    (tutor,) = await peers_at_100ms(held, house.sandbox)
    assert tutor.left_at is not None
    refused = await house.sandbox.client.post("/v2/token", json={"code": code})
    assert refused.status_code in {403, 404}
