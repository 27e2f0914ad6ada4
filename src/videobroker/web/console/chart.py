"""Attendance over time as a picture: where every bar lies. The template draws it, and a table says the same."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from videobroker.domain.attendance.observations import Source
from videobroker.domain.attendance.stays import Stay

LABELS = 140
"""So wide is the column of names."""
WIDTH = 760
EDGE = 20
"""The last moment on the axis needs some room."""
HEAD = 34
ROW = 34
NARROWEST = 2.0
"""Also a second is seen."""
MARGIN = timedelta(minutes=1)
MOST_TICKS = 8
STEPS = [timedelta(minutes=each) for each in (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080)]
MOST_ROWS = 60
"""More people than these are counted below the chart, and stand in the table."""


@dataclass(frozen=True, slots=True)
class Row:
    """One person."""

    name: str
    note: str
    """What is said of them: the verdict, for example."""
    mark: str
    """How that is painted."""
    stays: Sequence[Stay]


@dataclass(frozen=True, slots=True)
class Bar:
    """One stay."""

    x: float
    width: float
    source: Source
    open: bool
    """They are there still."""
    stay: Stay


@dataclass(frozen=True, slots=True)
class Line:
    """One person's line."""

    row: Row
    y: int
    bars: Sequence[Bar]


@dataclass(frozen=True, slots=True)
class Tick:
    """A moment on the axis."""

    x: float
    at: datetime


@dataclass(frozen=True, slots=True)
class Chart:
    """The whole picture."""

    lines: Sequence[Line]
    ticks: Sequence[Tick]
    height: int
    planned: tuple[float, float] | None
    """Where the booking lies, from its start to its end."""
    now: float | None
    """Where the present is, if it lies in the picture."""
    start: datetime
    end: datetime
    hidden: int
    """So many people have no line."""


def draw(rows: Sequence[Row], *, starts_at: datetime | None, ends_at: datetime | None, now: datetime) -> Chart | None:
    """The picture of these people's stays; None when there is nothing to draw."""
    span = _span(rows, starts_at, ends_at, now)
    if span is None:
        return None
    start, end = span
    scale = (WIDTH - LABELS - EDGE) / (end - start).total_seconds()

    def place(moment: datetime) -> float:
        inside = min(max(moment, start), end)
        return round(LABELS + (inside - start).total_seconds() * scale, 1)

    shown = rows[:MOST_ROWS]
    lines = [
        Line(row, HEAD + number * ROW, [_bar(stay, place, now) for stay in row.stays])
        for number, row in enumerate(shown)
    ]
    return Chart(
        lines=lines,
        ticks=[Tick(place(at), at) for at in _ticks(start, end)],
        height=HEAD + len(shown) * ROW + 8,
        planned=None if starts_at is None or ends_at is None else (place(starts_at), place(ends_at)),
        now=place(now) if start < now < end else None,
        start=start,
        end=end,
        hidden=len(rows) - len(shown),
    )


def _bar(stay: Stay, place: Callable[[datetime], float], now: datetime) -> Bar:
    x = place(stay.joined_at)
    width = place(stay.left_at or max(now, stay.joined_at)) - x
    return Bar(x, round(max(width, NARROWEST), 1), stay.source, stay.left_at is None, stay)


def _span(
    rows: Iterable[Row], starts_at: datetime | None, ends_at: datetime | None, now: datetime
) -> tuple[datetime, datetime] | None:
    stays = [stay for row in rows for stay in row.stays]
    firsts = [stay.joined_at for stay in stays] + ([starts_at] if starts_at else [])
    lasts = [stay.left_at or max(now, stay.joined_at) for stay in stays] + ([ends_at] if ends_at else [])
    if not firsts or not lasts:
        return None
    return min(firsts) - MARGIN, max(lasts) + MARGIN


def _ticks(start: datetime, end: datetime) -> list[datetime]:
    step = next((each for each in STEPS if (end - start) / each <= MOST_TICKS), STEPS[-1])
    first = datetime.fromtimestamp(-(-start.timestamp() // step.total_seconds()) * step.total_seconds(), start.tzinfo)
    found: list[datetime] = []
    while first <= end and len(found) <= 4 * MOST_TICKS:
        found.append(first)
        first += step
    return found
