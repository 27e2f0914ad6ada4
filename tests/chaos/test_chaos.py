"""Everything fails at once, drawn from one seed, while lessons run. Afterwards, without manual work, all is right.

`make chaos` runs it for ten minutes. CHAOS_SEED chooses the faults and what people do. The times of the processes are
real, so that a seed repeats the plan and not every interleaving.
"""

import asyncio
import os
import random
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from chaos.deployment import FAULTS, Deployment, start_deployment
from chaos.lessons import Answers, Lesson, run_lesson
from polling import eventually
from videobroker import wiring
from videobroker.domain.rooms import build_room_name
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.errors import StorageUnavailable
from videobroker.providers.hms.client import HmsClient
from videobroker.providers.hms.responses import HmsPeer
from videobroker.providers.hms.tokens import AccountKeys, ManagementTokens
from videobroker.storage.sessions import sessions

pytestmark = pytest.mark.long

SEED = os.environ.get("CHAOS_SEED", "1")
SECONDS = float(os.environ.get("CHAOS_SECONDS", "40"))
CONCURRENT_LESSONS = 6
MIN_WINDOW_SECONDS, MAX_WINDOW_SECONDS = 12.0, 30.0
RECOVERY_SECONDS = 300.0
"""A call is settled two minutes after its end, and some retries have delays of half a minute."""
ROUNDING = timedelta(seconds=1, milliseconds=500)
"""100ms reports some times in whole seconds."""


async def test_all_is_right_after_everything_has_failed(log_folder: Path) -> None:
    async with start_deployment(log_folder) as deployment:
        endpoint = {"url": f"{deployment.receiver.url}/ordered", "ordered": True}
        created = await deployment.tenant.post("/v1/webhook-endpoints", endpoint)
        assert created.status_code == 201, created.text
        answers = Answers()
        until = time.monotonic() + SECONDS
        injected, lessons = await asyncio.gather(
            inject_faults(deployment, until), run_lessons(deployment, answers, until)
        )
        recovering_since = time.monotonic()
        await deployment.recover()
        found = await Findings.collect(deployment, lessons)
        print_report(injected, answers, lessons, time.monotonic() - recovering_since)
        assert not answers.wrong
        assert sum(len(lesson.token_ids) for lesson in lessons) >= 5, "people got hardly any credentials"
        found.check()
        await verify_journal(deployment)


async def inject_faults(deployment: Deployment, until: float) -> Counter[str]:
    """Inject one fault after the other, with overlaps, until this monotonic time."""
    rng = random.Random(f"{SEED} faults")
    injected: Counter[str] = Counter()
    running: list[asyncio.Task[None]] = []
    # A process that is stopped, or a server that is down, is not the target of another fault of its kind.
    locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def inject(fault: Any) -> None:
        kind = "database" if "database" in fault.__name__ else fault.__name__.rsplit("_", 1)[-1]
        async with locks[kind]:
            await fault(deployment, rng)

    while time.monotonic() < until:
        await asyncio.sleep(rng.uniform(0.5, 3))
        (fault,) = rng.choices(list(FAULTS), list(FAULTS.values()))
        injected[fault.__name__] += 1
        running.append(asyncio.create_task(inject(fault)))
    await asyncio.gather(*running)
    return injected


async def run_lessons(deployment: Deployment, answers: Answers, until: float) -> list[Lesson]:
    """Run lessons in several rooms, each as soon as the previous one has ended. Returns all of them."""
    lessons: list[Lesson] = []

    async def run_room(room: int) -> None:
        rng = random.Random(f"{SEED} room {room}")
        number = 0
        while time.monotonic() < until:
            number += 1
            window = timedelta(seconds=rng.uniform(MIN_WINDOW_SECONDS, MAX_WINDOW_SECONDS))
            lesson = Lesson(f"room-{room}-{number}", (datetime.now(UTC) + window).replace(microsecond=0))
            lessons.append(lesson)
            await run_lesson(deployment, f"{SEED} {lesson.reference}", lesson, answers)

    await asyncio.gather(*(run_room(room) for room in range(CONCURRENT_LESSONS)))
    return lessons


@dataclass(frozen=True)
class Findings:
    """What the service, the vendor, and the receiver know in the end."""

    lessons: list[Lesson]
    events: list[dict[str, Any]]
    """The journal of the lessons."""
    delivered: list[str]
    """Event IDs in the order of their first delivery."""
    stays: dict[str, dict[str, dict[str, Any]]]
    """By lesson and peer ID."""
    peers: dict[str, dict[str, HmsPeer]]
    """The vendor's truth, by lesson and peer ID."""
    rooms: list[dict[str, Any]]
    """All rooms at the vendor."""
    room_names: dict[str, str]
    """By lesson."""

    @classmethod
    async def collect(cls, deployment: Deployment, lessons: list[Lesson]) -> "Findings":
        """Wait until the service is done with all lessons, and read everything."""
        found: Findings | None = None

        async def read() -> bool:
            nonlocal found
            found = await cls._read(deployment, lessons)
            return not found.unfinished()

        await eventually(
            read,
            seconds=RECOVERY_SECONDS,
            # A pooled connection of this process from before a restart fails once.
            ignoring=(httpx.TransportError, StorageUnavailable),
            context=lambda: None if found is None else found.unfinished(),
        )
        assert found is not None
        return found

    @classmethod
    async def _read(cls, deployment: Deployment, lessons: list[Lesson]) -> "Findings":
        stays, peers, names = {}, {}, {}
        async with vendor_client(deployment) as vendor:
            for lesson in lessons:
                stays[lesson.reference] = await stays_of(deployment, lesson)
                names[lesson.reference] = await room_name(deployment, lesson)
            rooms = await vendor_rooms(deployment)
            for lesson in lessons:
                own = [room["id"] for room in rooms if is_of(room, names[lesson.reference])]
                peers[lesson.reference] = {peer.id: peer for room_id in own for peer in await peers_in(vendor, room_id)}
        events = await journal(deployment)
        delivered = list(dict.fromkeys(deployment.receiver.ids))
        return cls(lessons, events, delivered, stays, peers, rooms, names)

    def unfinished(self) -> list[str]:
        """What is not yet as it must be in the end."""
        wrong = [f"room {room['name']} is open" for room in self.rooms if room["enabled"]]
        delivered = set(self.delivered)
        wrong += [f"{each['type']} {each['id']} not delivered" for each in self.events if each["id"] not in delivered]
        for lesson in self.lessons:
            wrong += self._wrong_attendance(lesson.reference)
        return wrong

    def _wrong_attendance(self, reference: str) -> list[str]:
        stays, peers = self.stays[reference], self.peers[reference]
        wrong = [f"{reference}: {peer_id} in one record only" for peer_id in stays.keys() ^ peers.keys()]
        for peer_id in stays.keys() & peers.keys():
            stay, peer = stays[peer_id], peers[peer_id]
            if not (is_same_time(stay["joined_at"], peer.joined_at) and is_same_time(stay["left_at"], peer.left_at)):
                recorded = f"{stay['joined_at']} to {stay['left_at']}"
                wrong.append(f"{reference}: {peer_id} was present {peer.joined_at} to {peer.left_at}, not {recorded}")
        return wrong

    def check(self) -> None:
        """Check what holds at every moment."""
        self._check_rooms()
        self._check_credentials()
        self._check_order()

    def _check_rooms(self) -> None:
        for reference, name in self.room_names.items():
            own = [room["name"] for room in self.rooms if is_of(room, name)]
            assert len(own) == len(set(own)) <= 1, f"{reference} has the rooms {own}"

    def _check_credentials(self) -> None:
        journaled = Counter(each["data"]["token_id"] for each in self.events if each["type"] == "credentials.issued")
        ends = {lesson.reference: lesson.ends_at for lesson in self.lessons}
        for lesson in self.lessons:
            assert set(lesson.token_ids) <= journaled.keys(), f"{lesson.reference}: credentials without an event"
        blocked: set[tuple[str, str]] = set()
        for each in self.events:
            reference, person = each["session"]["reference"], (each["session"]["reference"], each["user_id"])
            if each["type"] == "participant.removed" and each["data"]["ban"]:
                blocked.add(person)
            if each["type"] == "credentials.issued":
                assert person not in blocked, f"credentials after a block: {each}"
                assert datetime.fromisoformat(each["occurred_at"]) < ends[reference], f"outside of the window: {each}"

    def _check_order(self) -> None:
        """The receiver got the events of each session in the order of the journal."""
        sessions_of = {each["id"]: each["session"]["reference"] for each in self.events}
        expected, arrived = defaultdict(list), defaultdict(list)
        for each in self.events:
            expected[sessions_of[each["id"]]].append(each["id"])
        for event_id in self.delivered:
            if event_id in sessions_of:
                arrived[sessions_of[event_id]].append(event_id)
        assert arrived == expected


def print_report(injected: Counter[str], answers: Answers, lessons: list[Lesson], seconds: float) -> None:
    """What happened; `pytest -s` shows it."""
    issued = sum(len(each.token_ids) for each in lessons)
    report = [
        f"seed {SEED}, {SECONDS:.0f} s: {len(lessons)} lessons, {issued} credentials",
        f"faults: {dict(injected)}",
        f"responses: {dict(answers.statuses)}, {answers.lost} lost",
        f"everything was right {seconds:.0f} s after the last fault",
    ]
    sys.stdout.write("\n".join(report) + "\n")


# What is read in the end


def is_of(room: Mapping[str, Any], name: str) -> bool:
    """Whether a room at the vendor is one of the session with this room name, of any generation."""
    return bool(room["name"] == name or room["name"].startswith(f"{name}-"))


def is_same_time(recorded: str | None, reported: datetime | None) -> bool:
    if recorded is None or reported is None:
        return recorded is None and reported is None
    return abs(datetime.fromisoformat(recorded) - reported) <= ROUNDING


async def room_name(deployment: Deployment, lesson: Lesson) -> str:
    tenant = deployment.tenant
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        found = await sessions.find(unit_of_work, SessionKey(tenant.app.id, SessionKind.BOOKING, lesson.reference))
    # A booking that no replica could register has no room.
    return "never registered" if found is None else build_room_name(tenant.app.id, found.id)


async def stays_of(deployment: Deployment, lesson: Lesson) -> dict[str, dict[str, Any]]:
    """The attendance of all calls of a lesson, by peer ID."""
    stays: dict[str, dict[str, Any]] = {}
    found = await deployment.tenant.get(f"{lesson.path}/calls")
    for call in found.json().get("data", []):
        record = (await deployment.tenant.get(f"/v1/calls/{call['id']}")).json()
        stays |= {stay["connection"]: stay for stay in record["attendance"]}
    return stays


async def journal(deployment: Deployment) -> list[dict[str, Any]]:
    """All events of lessons, in their order."""
    found: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await deployment.tenant.get("/v1/events", params={"limit": 100, **cursor})).json()
        found += [each for each in page["data"] if each["session"] is not None]
        if page["next"] is None:
            return found
        cursor = {"cursor": page["next"]}


def _management_tokens(deployment: Deployment) -> ManagementTokens:
    workspace = deployment.sandbox.workspace
    return ManagementTokens(AccountKeys(workspace.access_key, workspace.secret), wiring.utc_now)


@asynccontextmanager
async def vendor_client(deployment: Deployment) -> AsyncIterator[HmsClient]:
    """A client of the REST API of 100ms."""
    client = HmsClient(f"{deployment.sandbox.url}/v2", _management_tokens(deployment), wiring.utc_now)
    try:
        yield client
    finally:
        await client.aclose()


async def vendor_rooms(deployment: Deployment) -> list[dict[str, Any]]:
    """All rooms at the vendor, open and closed."""
    found: list[dict[str, Any]] = []
    headers = {"Authorization": f"Bearer {_management_tokens(deployment).current()}"}
    for enabled in ("true", "false"):
        start: dict[str, str] = {}
        while True:
            params = {"enabled": enabled, "limit": "100", **start}
            page = (await deployment.sandbox.client.get("/v2/rooms", params=params, headers=headers)).json()
            # 100ms has null for an empty list.
            data = page["data"] or []
            found += data
            if len(data) < 100:
                break
            start = {"start": page["last"]}
    return found


async def peers_in(vendor: HmsClient, room_id: str) -> list[HmsPeer]:
    """All peers that were ever in a room."""
    summaries = [
        *await vendor.list_sessions(room_id, active=True),
        *await vendor.list_sessions(room_id, active=False),
    ]
    return [peer for summary in summaries for peer in (await vendor.get_session(summary.id)).peers]


async def verify_journal(deployment: Deployment) -> None:
    """The seals of the journal match its events."""
    environment = {**deployment.environment, "DATABASE_URL": deployment.database}
    command = [sys.executable, "-m", "videobroker", "journal", "verify", "--app", deployment.tenant.app.name]
    done = await asyncio.to_thread(
        subprocess.run, command, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
