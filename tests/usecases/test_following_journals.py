"""The worker looks at the journals soon after they have grown, and not more often than it has to."""

import asyncio
import time

import pytest

from house import Tenant
from polling import eventually
from videobroker import worker
from videobroker.broker import Broker
from videobroker.domain.actors import Actor
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import EventId, uuid7

GROWING_SECONDS = 0.5


async def test_a_journal_that_grows_all_the_time_is_looked_at_at_a_bounded_rate_and_to_its_end(
    tutoring: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0
    seen = written = 0

    async def look(_: Broker, **__: object) -> None:
        nonlocal looks, seen
        looks, seen = looks + 1, written

    monkeypatch.setattr(worker, "fan_out_all", look)
    broker = tutoring.broker
    await eventually(lambda: broker.listener.is_listening)
    began = time.monotonic()
    follower = asyncio.create_task(worker.follow(broker))
    while time.monotonic() < began + GROWING_SECONDS:
        now = broker.now()
        await broker.journal_writer.record(
            Event(EventId(uuid7(now)), EventType.APP_REPORTED, now, Actor(tutoring.app.id))
        )
        written += 1
    await eventually(lambda: seen >= written)
    took = time.monotonic() - began
    follower.cancel()
    await asyncio.gather(follower, return_exceptions=True)
    assert looks <= took / worker.REST_SECONDS + 1
