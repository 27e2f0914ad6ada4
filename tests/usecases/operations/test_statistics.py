"""Hourly counts follow the journal, and count each event once."""

import asyncio
from datetime import timedelta

import pytest

from tenants import MovableClock, Tenant
from videobroker.domain.statistics import Measure, hour_of
from videobroker.usecases.operations import statistics


async def totals(tenant: Tenant, measure: Measure) -> dict[str, int]:
    """The counts of a day, by label."""
    now = tenant.broker.now()
    found = await statistics.read_totals(
        tenant.broker, [tenant.app.id], [measure], since=now - timedelta(days=1), until=now + timedelta(days=1)
    )
    return {key.label: count for key, count in found.items()}


async def test_every_event_counts_once_whatever_the_batches_and_however_often_it_runs(
    tutoring: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statistics, "BATCH_ROWS", 2)
    await tutoring.book(starts_in=timedelta(minutes=1))
    for _ in range(3):
        await tutoring.join()
    await tutoring.book("lesson-2", starts_in=timedelta(days=1))
    await tutoring.join("lesson-2")
    # Not `update_statistics`: two rows at a time, the events of all other tests would take minutes.
    await asyncio.gather(*(statistics.update_statistics_of(tutoring.broker, tutoring.app.id) for _ in range(3)))
    await statistics.update_statistics_of(tutoring.broker, tutoring.app.id)
    assert await totals(tutoring, Measure.JOINS) == {"100ms": 3}
    assert await totals(tutoring, Measure.DENIALS) == {"too_early": 1}
    await tutoring.join()
    assert await statistics.update_statistics_of(tutoring.broker, tutoring.app.id) > 0
    assert await statistics.update_statistics_of(tutoring.broker, tutoring.app.id) == 0
    assert await totals(tutoring, Measure.JOINS) == {"100ms": 4}


async def test_counts_of_other_apps_and_other_hours_are_separate(
    tutoring: Tenant, other: Tenant, clock: MovableClock
) -> None:
    await tutoring.book(starts_in=timedelta(minutes=1))
    await tutoring.join()
    first = hour_of(clock())
    clock.move(hours=1)
    await tutoring.join()
    await statistics.update_statistics(tutoring.broker)
    found = await statistics.read_totals(
        tutoring.broker, [tutoring.app.id], [Measure.JOINS], since=first, until=first + timedelta(hours=1)
    )
    assert list(found.values()) == [1]
    assert await totals(other, Measure.JOINS) == {}
