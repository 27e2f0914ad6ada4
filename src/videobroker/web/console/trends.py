"""Charts over time. Each bar is an hour or a day in the operator's time zone; a table has the same numbers."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from enum import StrEnum
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from videobroker.domain.access import WAIT_REASONS
from videobroker.domain.statistics import CountKey, Measure, hour_of
from videobroker.usecases.operations.statistics import read_totals
from videobroker.web.console.event_text import DENIED_TEXTS
from videobroker.web.console.i18n import N_
from videobroker.web.console.i18n import gettext as _
from videobroker.web.console.requests import ConsoleRoute, ViewRequest
from videobroker.web.console.templating import rendered
from videobroker.web.console.today import select_day
from videobroker.web.http.requests import by_name

router = APIRouter(prefix="/charts", route_class=ConsoleRoute, generate_unique_id_function=by_name)

WIDTH, HEIGHT, LEFT, BOTTOM, TOP = 720, 170, 44, 24, 12
MAX_SERIES = 5
"""Further labels are one series."""


class Period(StrEnum):
    """The time that the charts cover."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"


PERIODS = {Period.DAY: N_("24 hours"), Period.WEEK: N_("7 days"), Period.MONTH: N_("30 days")}


class ChartKind(StrEnum):
    """The charts, in the order of the page."""

    JOINS = "joins"
    REFUSALS = "refusals"
    WAITS = "waits"
    MINUTES = "minutes"
    NO_SHOWS = "no_shows"
    VENDOR_ERRORS = "vendor_errors"


_TITLES = {
    ChartKind.JOINS: N_("Joins"),
    ChartKind.REFUSALS: N_("Refused joins by reason"),
    ChartKind.WAITS: N_("Joins that have to wait, by reason"),
    ChartKind.MINUTES: N_("Minutes in calls"),
    ChartKind.NO_SHOWS: N_("No-shows"),
    ChartKind.VENDOR_ERRORS: N_("Vendor errors"),
}
_LABELS = {
    "provider.switched": N_("Switched provider"),
    "recording.failed": N_("Recording failed"),
    "": N_("Total"),
}


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar: one label in one bucket."""

    series: int
    y: float
    height: float


@dataclass(frozen=True, slots=True)
class BarColumn:
    """An hour or a day."""

    start: datetime
    x: float
    width: float
    total: int
    segments: Sequence[Segment]


@dataclass(frozen=True, slots=True)
class BarChart:
    """The layout of one chart, in SVG units."""

    kind: ChartKind
    title: str
    columns: Sequence[BarColumn]
    series: Sequence[tuple[str, Sequence[int]]]
    """The labels, the most frequent first, with a number for each bucket."""
    top: int
    """The number at the upper edge."""
    total: int


def buckets(now: datetime, period: Period, zone: tzinfo) -> list[datetime]:
    """The starts of the hours or days of this period, in UTC, oldest first, and the end of the last one.

    Days begin at local midnight: around a clock change, one has 23 or 25 hours.
    """
    if period is Period.DAY:
        last = hour_of(now)
        return [last - timedelta(hours=number) for number in range(23, -2, -1)]
    days = 7 if period is Period.WEEK else 30
    today = now.astimezone(zone).date()
    return [
        datetime.combine(today - timedelta(days=number), time(), zone).astimezone(UTC)
        for number in range(days - 1, -2, -1)
    ]


def draw(kind: ChartKind, totals: Mapping[CountKey, int], edges: Sequence[datetime]) -> BarChart:
    """A chart of these totals; `edges` are those of `buckets`."""
    number = len(edges) - 1
    by_label: dict[str, list[int]] = defaultdict(lambda: [0] * number)
    for key, count in totals.items():
        bucket = bisect_right(edges, key.hour) - 1
        if _kind_of(key) is kind and 0 <= bucket < number:
            by_label[key.label][bucket] += count
    if kind is ChartKind.MINUTES:
        by_label = defaultdict(list, {label: [round(n / 60) for n in each] for label, each in by_label.items()})
    ordered = sorted(by_label.items(), key=lambda item: (-sum(item[1]), item[0]))
    series = [(_label(label), values) for label, values in ordered[:MAX_SERIES]]
    if rest := [values for _label_, values in ordered[MAX_SERIES:]]:
        series.append((_("Other"), [sum(values) for values in zip(*rest, strict=True)]))
    sums = [sum(values[bucket] for _name, values in series) for bucket in range(number)]
    top = _nice(max(sums, default=0))
    return BarChart(kind, _(_TITLES[kind]), _columns(edges, series, sums, top), series, top, sum(sums))


def _kind_of(key: CountKey) -> ChartKind:
    """The chart that a count is part of."""
    match key.measure:
        case Measure.JOINS:
            return ChartKind.JOINS
        case Measure.DENIALS:
            return ChartKind.WAITS if key.label in WAIT_REASONS else ChartKind.REFUSALS
        case Measure.SECONDS:
            return ChartKind.MINUTES
        case Measure.NO_SHOWS:
            return ChartKind.NO_SHOWS
        case Measure.VENDOR_ERRORS:
            return ChartKind.VENDOR_ERRORS


def _columns(
    edges: Sequence[datetime], series: Sequence[tuple[str, Sequence[int]]], sums: Sequence[int], top: int
) -> list[BarColumn]:
    slot = (WIDTH - LEFT) / len(sums)
    scale = (HEIGHT - TOP - BOTTOM) / top
    columns = []
    for bucket, total in enumerate(sums):
        y, segments = float(HEIGHT - BOTTOM), []
        for index, (_name, values) in enumerate(series):
            height = values[bucket] * scale
            if height:
                y -= height
                segments.append(Segment(index, round(y, 1), round(max(height, 1.0), 1)))
        columns.append(
            BarColumn(edges[bucket], round(LEFT + bucket * slot + 1, 1), round(slot - 2, 1), total, segments)
        )
    return columns


def _nice(value: int) -> int:
    """The next of 1, 2, 5, 10, 20, 50, ..."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if factor * step >= value:
                return factor * step
        step *= 10


def _label(label: str) -> str:
    if label in _LABELS:
        return _(_LABELS[label])
    denied = next((text for reason, text in DENIED_TEXTS.items() if reason.value == label), None)
    return label if denied is None else _(denied)


@router.get("")
async def console_charts(
    console: ViewRequest,
    app: Annotated[UUID | Literal[""], Query()] = "",
    period: Annotated[Period, Query()] = Period.DAY,
) -> Response:
    """The charts of one app, or of all together."""
    choice = await select_day(console, app, "")
    edges = buckets(console.now, period, console.zone)
    totals = await read_totals(console.broker, choice.app_ids, list(Measure), since=hour_of(edges[0]), until=edges[-1])
    return rendered(
        "charts.html",
        operator=console.operator,
        here="charts",
        choice=choice,
        period=period,
        periods=PERIODS,
        charts=[draw(kind, totals, edges) for kind in ChartKind],
        hourly=period is Period.DAY,
        width=WIDTH,
        height=HEIGHT,
        left=LEFT,
        bottom=HEIGHT - BOTTOM,
        chart_top=TOP,
        now=console.now,
    )
