"""Charts over time: buckets in the operator's time zone, bars, and their tables."""

import itertools
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from consoles import Console
from tenants import Tenant
from videobroker.domain.access import AccessReason
from videobroker.domain.statistics import CountKey, Measure
from videobroker.usecases.operations.statistics import update_statistics_of
from videobroker.web.console.event_text import DENIED_TEXTS
from videobroker.web.console.trends import MAX_SERIES, ChartKind, Period, buckets, draw

BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("day", "hours"), [(datetime(2026, 3, 29, 12, tzinfo=UTC), 23), (datetime(2026, 10, 25, 12, tzinfo=UTC), 25)]
)
def test_a_day_of_a_clock_change_is_shorter_or_longer(day: datetime, hours: int) -> None:
    edges = buckets(day, Period.WEEK, BERLIN)
    assert len(edges) == 8
    assert edges[-1] - edges[-2] == timedelta(hours=hours)
    assert edges[-2] - edges[-3] == timedelta(hours=24)
    assert [each.astimezone(BERLIN).hour for each in edges] == [0] * 8


def test_a_day_has_the_last_24_hours() -> None:
    now = datetime(2026, 3, 12, 14, 30, tzinfo=UTC)
    edges = buckets(now, Period.DAY, BERLIN)
    assert (len(edges), edges[0], edges[-1]) == (
        25,
        datetime(2026, 3, 11, 15, tzinfo=UTC),
        datetime(2026, 3, 12, 15, tzinfo=UTC),
    )


def test_labels_are_stacked_and_rare_ones_are_combined() -> None:
    hour = datetime(2026, 3, 12, 14, tzinfo=UTC)
    edges = [hour, hour + timedelta(hours=1), hour + timedelta(hours=2)]
    totals = {CountKey(hour, Measure.DENIALS, f"reason-{n}"): n + 1 for n in range(8)}
    totals[CountKey(hour, Measure.JOINS, "100ms")] = 99
    totals[CountKey(hour - timedelta(hours=1), Measure.DENIALS, "reason-1")] = 99
    chart = draw(ChartKind.REFUSALS, totals, edges)
    assert [name for name, _ in chart.series] == [*(f"reason-{n}" for n in range(7, 2, -1)), "Other"]
    assert len(chart.series) == MAX_SERIES + 1
    assert (chart.total, chart.top) == (36, 50)
    assert [column.total for column in chart.columns] == [36, 0]
    ends = [(segment.y, round(segment.y + segment.height, 1)) for segment in chart.columns[0].segments]
    assert all(below[0] == pytest.approx(above[1], abs=0.2) for below, above in itertools.pairwise(ends))


def test_seconds_are_shown_as_minutes() -> None:
    hour = datetime(2026, 3, 12, 14, tzinfo=UTC)
    chart = draw(ChartKind.MINUTES, {CountKey(hour, Measure.SECONDS): 5400}, [hour, hour + timedelta(hours=1)])
    assert chart.total == 90


def test_waits_are_no_refusals() -> None:
    hour = datetime(2026, 3, 12, 14, tzinfo=UTC)
    totals = {CountKey(hour, Measure.DENIALS, reason.value): 1 for reason in AccessReason}
    edges = [hour, hour + timedelta(hours=1)]
    refusals, waits = (draw(kind, totals, edges) for kind in (ChartKind.REFUSALS, ChartKind.WAITS))
    assert (refusals.total, waits.total) == (len(AccessReason) - 3, 3)
    assert {name for name, _ in waits.series} == {"too early", "waiting for the host", "waiting for admission"}


def test_every_reason_has_a_text() -> None:
    assert set(DENIED_TEXTS) == set(AccessReason)


async def test_the_page_has_a_chart_and_a_table_for_each_measure(console: Console, tutoring: Tenant) -> None:
    await tutoring.book(starts_in=timedelta(minutes=1))
    await tutoring.join()
    await tutoring.book("lesson-2", starts_in=timedelta(days=1))
    await tutoring.join("lesson-2")
    await tutoring.join(user_id="stranger")
    await update_statistics_of(tutoring.broker, tutoring.app.id)
    for period in Period:
        page = (await console.get(f"/console/charts?app={tutoring.app.id}&period={period}")).text
        found = re.findall(r'<title id="(\w+)-title">([^<]+)</title>', page)
        assert dict(found) == {
            "joins": "Joins: 1",
            "refusals": "Refused joins by reason: 1",
            "waits": "Joins that have to wait, by reason: 1",
        }
        assert "too early" in page
        assert page.count("Nothing in this period.") == 3
    assert (await console.get("/console/charts?period=1y")).status_code == 422
