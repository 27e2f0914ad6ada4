"""The worker fans out new events soon after they are recorded, at a bounded rate."""

import asyncio
import time

import pytest

from polling import eventually
from tenants import Tenant
from videobroker import worker
from videobroker.broker import Broker
from videobroker.domain.actors import Actor
from videobroker.domain.events import Event, EventType
from videobroker.domain.ids import EventId, uuid7

GROWING_SECONDS = 0.5


async def test_a_constantly_growing_journal_is_fanned_out_at_a_limited_rate(
    tutoring: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = 0
    seen = written = 0

    async def count_run(_: Broker, **__: object) -> None:
        nonlocal runs, seen
        runs, seen = runs + 1, written

    monkeypatch.setattr(worker, "fan_out_all", count_run)
    broker = tutoring.broker
    await eventually(lambda: broker.listener.is_listening)
    began = time.monotonic()
    follower = asyncio.create_task(worker.follow_journal(broker))
    while time.monotonic() < began + GROWING_SECONDS:
        now = broker.now()
        await broker.journal_writer.record(
            Event(EventId(uuid7(now)), EventType.APP_REPORTED, now, Actor(tutoring.app.id))
        )
        written += 1
    await eventually(lambda: seen >= written)
    duration = time.monotonic() - began
    follower.cancel()
    await asyncio.gather(follower, return_exceptions=True)
    assert runs <= duration / worker.MIN_FAN_OUT_INTERVAL_SECONDS + 1
