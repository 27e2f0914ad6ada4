"""A stream of the journal that is interrupted a hundred times misses and duplicates no events."""

import asyncio
import json
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import pytest

from polling import eventually
from tenants import Tenant
from videobroker.domain.actors import Actor
from videobroker.domain.events import EventType, create_session_event
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.storage.journal import journal
from videobroker.storage.sessions import sessions

from .conftest import StartBroker

pytestmark = pytest.mark.long

KILLS = 100
LIMIT_SECONDS = 120.0
"""A timeout that is never reached."""


@dataclass
class Follower:
    """Reads a stream byte by byte, and stores the same state as a browser."""

    key: str
    cursor: str | None = None
    ids: list[str] = field(default_factory=list)

    async def follow(self, url: str, *, seconds: float) -> None:
        """Read for this long after the start of the stream, and then cut the connection at any byte."""
        place = urlsplit(url)
        assert place.hostname is not None
        reader, writer = await asyncio.open_connection(place.hostname, place.port)
        resume = "" if self.cursor is None else f"Last-Event-ID: {self.cursor}\r\n"
        writer.write(
            f"GET /v1/events/stream HTTP/1.0\r\nHost: x\r\nAuthorization: Bearer {self.key}\r\n{resume}\r\n".encode()
        )
        try:
            async with asyncio.timeout(LIMIT_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                assert head.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")), head
            async with asyncio.timeout(seconds):
                while True:
                    self._read(await reader.readuntil(b"\r\n\r\n"))
        except (TimeoutError, asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.transport.abort()

    def _read(self, message: bytes) -> None:
        fields = dict(line.partition(": ")[::2] for line in message.decode().split("\r\n") if line[:1] not in {"", ":"})
        if "data" in fields:
            self.ids.append(json.loads(fields["data"])["id"])
        self.cursor = fields.get("id", self.cursor)


async def write(tenant: Tenant, rng: random.Random) -> None:
    """Write some events in one slow transaction: later transactions may commit before it."""
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        session = await sessions.find(unit_of_work, SessionKey(tenant.app.id, SessionKind.BOOKING, "lesson-1"))
        assert session is not None
        for _ in range(rng.randrange(1, 4)):
            event = create_session_event(
                session,
                EventType.APP_REPORTED,
                actor=Actor(tenant.app.id),
                now=tenant.broker.now(),
                data={"event": "load", "reported_at": None, "details": {}},
            )
            await journal.record(unit_of_work, event)
            # The duration of the transaction.
            await asyncio.sleep(rng.choice([0, 0, 0.005, 0.05]))


@asynccontextmanager
async def load(tenant: Tenant) -> AsyncIterator[None]:
    """Write events from four concurrent tasks while the block runs."""
    stopped = asyncio.Event()

    async def write_repeatedly(rng: random.Random) -> None:
        while not stopped.is_set():
            await write(tenant, rng)
            # Limits the rate of events.
            await asyncio.sleep(0.02)

    writers = [asyncio.create_task(write_repeatedly(random.Random(n))) for n in range(4)]
    try:
        yield
    finally:
        stopped.set()
        await asyncio.gather(*writers)


async def everything(tenant: Tenant) -> list[str]:
    """The IDs of all events in the order of the journal."""
    ids: list[str] = []
    cursor: str | None = None
    while page := await tenant.events(**({} if cursor is None else {"cursor": cursor})):
        ids += [event["id"] for event in page]
        cursor = page[-1]["cursor"]
    return ids


async def test_a_follower_with_a_hundred_interruptions_gets_each_event_once(
    agora: Tenant, start_broker: StartBroker
) -> None:
    replicas = [await asyncio.to_thread(start_broker) for _ in range(2)]
    follower = Follower(agora.key)
    await follower.follow(replicas[0].url, seconds=1)
    rng = random.Random(7)
    await agora.book()
    async with load(agora):
        for kill in range(KILLS):
            await follower.follow(replicas[kill % 2].url, seconds=rng.uniform(0.05, 0.4))
    in_between = len(follower.ids)
    whole = await everything(agora)
    deadline = time.monotonic() + LIMIT_SECONDS
    while len(follower.ids) < len(whole) and time.monotonic() < deadline:
        await follower.follow(replicas[0].url, seconds=0.5)
    assert follower.ids == whole
    assert len(set(follower.ids)) == len(follower.ids)
    # Most events arrived between the interruptions, not at the end.
    assert in_between > KILLS
    assert in_between > len(whole) / 2


async def test_a_follower_of_a_killed_replica_continues_at_another(agora: Tenant, start_broker: StartBroker) -> None:
    killed_replica, survivor = [await asyncio.to_thread(start_broker) for _ in range(2)]
    follower = Follower(agora.key)
    await follower.follow(survivor.url, seconds=1)
    await agora.book()
    async with load(agora):
        following = asyncio.create_task(follower.follow(killed_replica.url, seconds=LIMIT_SECONDS))
        await eventually(lambda: len(follower.ids) >= 20 or following.done())
        assert not following.done()
        killed_replica.kill()
        await following
        await follower.follow(survivor.url, seconds=2)
    whole = await everything(agora)
    deadline = time.monotonic() + LIMIT_SECONDS
    while len(follower.ids) < len(whole) and time.monotonic() < deadline:
        await follower.follow(survivor.url, seconds=0.5)
    assert follower.ids == whole


async def test_a_stopping_replica_does_not_wait_for_its_followers(agora: Tenant, start_broker: StartBroker) -> None:
    replica = await asyncio.to_thread(start_broker)
    follower = Follower(agora.key)
    following = asyncio.create_task(follower.follow(replica.url, seconds=2 * LIMIT_SECONDS))
    await eventually(lambda: follower.cursor is not None or following.done())
    assert not following.done()
    replica.process.terminate()
    # The follower would read for longer than this.
    assert await asyncio.to_thread(replica.process.wait, LIMIT_SECONDS) == 0
    await following
