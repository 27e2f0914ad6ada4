"""Layout of the attendance chart, in SVG units. The template draws it, with a table as its accessible alternative."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from videobroker.domain.attendance.observations import EvidenceSource
from videobroker.domain.attendance.stays import Stay

LABEL_WIDTH = 140
WIDTH = 760
RIGHT_PADDING = 20
"""Room for the last label of the axis."""
AXIS_HEIGHT = 34
ROW_HEIGHT = 34
MIN_BAR_WIDTH = 2.0
"""Keeps stays of a second visible."""
MARGIN = timedelta(minutes=1)
MAX_TICKS = 8
STEPS = [timedelta(minutes=each) for each in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080)]
MAX_ROWS = 60
"""Further people are only in the table; the legend shows how many."""


@dataclass(frozen=True, slots=True)
class ChartPerson:
    """One person."""

    name: str
    note: str
    """The verdict, for example."""
    mark: str
    """Selects the CSS class of the note."""
    stays: Sequence[Stay]


@dataclass(frozen=True, slots=True)
class Bar:
    """One stay."""

    x: float
    width: float
    source: EvidenceSource
    open: bool
    """The person is still in the call."""
    stay: Stay


@dataclass(frozen=True, slots=True)
class ChartLine:
    """The line of one person."""

    row: ChartPerson
    y: int
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class Tick:
    """A moment on the axis."""

    x: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Chart:
    """The layout of the whole chart."""

    lines: Sequence[ChartLine]
    ticks: Sequence[Tick]
    height: int
    planned: tuple[float, float] | None
    """Left and right edge of the scheduled time."""
    now: float | None
    """Position of the current time, if it is within the chart."""
    start: datetime
    end: datetime
    hidden: int
    """How many people have no line."""


def draw(
    rows: Sequence[ChartPerson], *, starts_at: datetime | None, ends_at: datetime | None, now: datetime
) -> Chart | None:
    """The chart of these stays; None if it would have no time axis."""
    span = _span(rows, starts_at, ends_at, now)
    if span is None:
        return None
    start, end = span
    scale = (WIDTH - LABEL_WIDTH - RIGHT_PADDING) / (end - start).total_seconds()

    def position(moment: datetime) -> float:
        inside = min(max(moment, start), end)
        return round(LABEL_WIDTH + (inside - start).total_seconds() * scale, 1)

    shown = rows[:MAX_ROWS]
    lines = [
        ChartLine(row, AXIS_HEIGHT + number * ROW_HEIGHT, [_bar(stay, position, now) for stay in row.stays])
        for number, row in enumerate(shown)
    ]
    return Chart(
        lines=lines,
        ticks=[Tick(position(at), at) for at in _ticks(start, end)],
        height=AXIS_HEIGHT + len(shown) * ROW_HEIGHT + 8,
        planned=None if starts_at is None or ends_at is None else (position(starts_at), position(ends_at)),
        now=position(now) if start < now < end else None,
        start=start,
        end=end,
        hidden=len(rows) - len(shown),
    )


def _bar(stay: Stay, position: Callable[[datetime], float], now: datetime) -> Bar:
    x = position(stay.joined_at)
    width = position(stay.left_at or max(now, stay.joined_at)) - x
    return Bar(x, round(max(width, MIN_BAR_WIDTH), 1), stay.source, stay.left_at is None, stay)


def _span(
    rows: Iterable[ChartPerson], starts_at: datetime | None, ends_at: datetime | None, now: datetime
) -> tuple[datetime, datetime] | None:
    stays = [stay for row in rows for stay in row.stays]
    firsts = [stay.joined_at for stay in stays] + ([starts_at] if starts_at else [])
    lasts = [stay.left_at or max(now, stay.joined_at) for stay in stays] + ([ends_at] if ends_at else [])
    if not firsts or not lasts:
        return None
    return min(firsts) - MARGIN, max(lasts) + MARGIN


def _ticks(start: datetime, end: datetime) -> list[datetime]:
    step = next((each for each in STEPS if (end - start) / each <= MAX_TICKS), STEPS[-1])
    first = datetime.fromtimestamp(-(-start.timestamp() // step.total_seconds()) * step.total_seconds(), start.tzinfo)
    found: list[datetime] = []
    while first <= end and len(found) <= 4 * MAX_TICKS:
        found.append(first)
        first += step
    return found
