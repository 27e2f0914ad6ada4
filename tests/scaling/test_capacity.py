"""The model of docs/scaling.md, and the page itself."""

import re

import pytest

from benchmarks.capacity import BUSY_AT_MOST, Costs, Rush, connections, joins_per_second, needed
from benchmarks.growth import Weight
from benchmarks.gun import Measured
from benchmarks.scale_out import (
    BEGIN,
    GROUPS,
    PAGE,
    Result,
    Round,
    capacity_tables,
    costs_of,
    growth_table,
    pooler_was_used,
    processor_table,
    put_into,
    throughput_table,
)
from videobroker.settings import Settings
from videobroker.wiring import WORKER_CONNECTIONS

COSTS = Costs(service=200, postgres=50, nginx=20)
PLACES = ("throughput", "processors", "capacity", "growth")


def test_whoever_is_full_first_says_how_many_joins_there_are() -> None:
    assert joins_per_second(1, 1, COSTS) == pytest.approx(BUSY_AT_MOST * 5_000)
    assert joins_per_second(2, 1, COSTS) == pytest.approx(BUSY_AT_MOST * 10_000)
    # Four processes fill a core of PostgreSQL; a fifth adds nothing, another core does.
    assert joins_per_second(5, 1, COSTS) == joins_per_second(4, 1, COSTS)
    assert joins_per_second(5, 2, COSTS) > joins_per_second(4, 2, COSTS)


@pytest.mark.parametrize("lessons", [10, 10_000, 1_000_000])
def test_what_a_rush_needs_carries_it_and_one_replica_less_does_not(lessons: int) -> None:
    rush = Rush(lessons, within_seconds=60, share_at_the_peak=3)
    need = needed(rush, COSTS)
    assert joins_per_second(need.replicas, need.postgres_cores, COSTS) >= rush.joins_per_second
    if need.replicas > 1:
        assert joins_per_second(need.replicas - 1, need.postgres_cores, COSTS) < rush.joins_per_second


def test_ten_thousand_lessons_of_two_who_come_within_a_minute_are_a_thousand_joins_in_the_busiest_second() -> None:
    assert Rush(10_000, within_seconds=60, share_at_the_peak=3).joins_per_second == pytest.approx(1_000)


def test_every_process_has_its_connections_counted() -> None:
    serving, working = (
        connections(replicas=1, workers=0, pool_size=10),
        connections(replicas=0, workers=1, pool_size=10),
    )
    assert (serving.shareable, working.shareable) == (10, 10 + WORKER_CONNECTIONS)
    both = connections(replicas=3, workers=2, pool_size=10)
    assert both.without_pooler == 3 * serving.without_pooler + 2 * working.without_pooler
    assert both.with_pooler(16) == 16 + both.direct


def test_the_page_tells_the_numbers_of_the_program() -> None:
    page = PAGE.read_text()
    pool_size = Settings.model_fields["pool_size"].default
    opened = {
        "`serve --no-work`": connections(replicas=1, workers=0, pool_size=pool_size),
        "`work`": connections(replicas=0, workers=1, pool_size=pool_size),
    }
    for who, counted in opened.items():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| {who} |")]
        _, through, past = (re.findall(r"\d+", cell) for cell in row.strip("|").split("|"))
        assert sum(map(int, through)) == counted.shareable, who
        assert sum(map(int, past)) == counted.direct, who
    assert "three replicas and two workers" in page
    three, two = (connections(replicas=n, workers=2, pool_size=pool_size).without_pooler for n in (3, 2))
    assert two < 100 - serving_at_most(pool_size) < three <= 100


def serving_at_most(pool_size: int) -> int:
    """Connections of one more replica."""
    return connections(replicas=1, workers=0, pool_size=pool_size).without_pooler


def test_every_place_of_the_page_is_written_anew_and_nothing_else() -> None:
    page = PAGE.read_text()
    for place in PLACES:
        once = put_into(page, place, "| a | b |")
        assert put_into(once, place, "| a | b |") == once
        assert "| a | b |" in once
        assert once.split(BEGIN.format(place))[0] == page.split(BEGIN.format(place))[0]
    with pytest.raises(ValueError, match="no place for nothing"):
        put_into(page, "nothing", "")


def result(name: str, **how: float) -> Result:
    spent = dict.fromkeys(GROUPS, 10.0) | {"service": 200.0, "PostgreSQL": 50.0, "nginx": 20.0}
    return Result(name, None, how.get("per_second", 1000.0), how.get("ratio"), 1.0, 2.0, spent, 0)


def test_the_tables_say_what_was_measured() -> None:
    results = [result("join, 2 processes behind nginx", ratio=1.5)]
    assert costs_of(results) == COSTS
    assert "| join, 2 processes behind nginx | 1,000 | 1.50 |" in throughput_table(results)
    # 300 us a thousand times a second are 0.3 of a core.
    assert processor_table(results).endswith("| 0.30 |")
    assert "| 1 | 1 | 3,500 |" in capacity_tables(COSTS, {"serve": 100.0, "work": 110.0})
    assert "| all | | | 3,000 |" in growth_table([Weight("journal", 10.0, 200.0), Weight("inbox", 2.0, 500.0)])


@pytest.mark.parametrize(("seconds", "is_used"), [(0.0, False), (0.001, False), (0.1, True)])
def test_a_measurement_of_the_pooler_that_did_no_work_is_none(seconds: float, is_used: bool) -> None:
    measured = Measured(requests=1000, seconds=1.0, errors=0, p50=1.0, p99=1.0)
    rounds = {"link, 1 process with PgBouncer": [Round(measured, {**dict.fromkeys(GROUPS, 1.0), "PgBouncer": seconds})]}
    if is_used:
        pooler_was_used(rounds)
    else:
        with pytest.raises(RuntimeError, match="did not pass through it"):
            pooler_was_used(rounds)
