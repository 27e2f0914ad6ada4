"""The capacity model, and its tables in docs/explanation/scaling.md."""

import re

import pytest

from benchmarks.builtin_load_generator import LoadResult
from benchmarks.capacity import MAX_UTILIZATION, Costs, PeakLoad, connections, joins_per_second, required_resources
from benchmarks.growth import TableGrowth
from benchmarks.scale_out import (
    BEGIN,
    GROUPS,
    PAGE,
    Result,
    Round,
    capacity_tables,
    check_pooler_use,
    costs_of,
    growth_table,
    processor_table,
    replace_section,
    throughput_table,
)
from videobroker.settings import Settings
from videobroker.wiring import WORKER_CONNECTIONS

COSTS = Costs(service=200, postgres=50, nginx=20)
SECTIONS = ("throughput", "processors", "capacity", "growth")


def test_the_bottleneck_limits_the_joins_per_second() -> None:
    assert joins_per_second(1, 1, COSTS) == pytest.approx(MAX_UTILIZATION * 5_000)
    assert joins_per_second(2, 1, COSTS) == pytest.approx(MAX_UTILIZATION * 10_000)
    # Four processes use a whole core of PostgreSQL: only another core increases the capacity.
    assert joins_per_second(5, 1, COSTS) == joins_per_second(4, 1, COSTS)
    assert joins_per_second(5, 2, COSTS) > joins_per_second(4, 2, COSTS)


@pytest.mark.parametrize("lessons", [10, 10_000, 1_000_000])
def test_the_required_replicas_are_enough_and_one_less_is_not(lessons: int) -> None:
    load = PeakLoad(lessons, within_seconds=60, peak_factor=3)
    resources = required_resources(load, COSTS)
    assert joins_per_second(resources.replicas, resources.postgres_cores, COSTS) >= load.joins_per_second
    if resources.replicas > 1:
        assert joins_per_second(resources.replicas - 1, resources.postgres_cores, COSTS) < load.joins_per_second


def test_the_peak_rate_of_ten_thousand_lessons_within_a_minute_is_a_thousand_joins_per_second() -> None:
    assert PeakLoad(10_000, within_seconds=60, peak_factor=3).joins_per_second == pytest.approx(1_000)


def test_the_connections_of_all_processes_are_counted() -> None:
    serving, working = (
        connections(replicas=1, workers=0, pool_size=10),
        connections(replicas=0, workers=1, pool_size=10),
    )
    assert (serving.shareable, working.shareable) == (10, 10 + WORKER_CONNECTIONS)
    both = connections(replicas=3, workers=2, pool_size=10)
    assert both.without_pooler == 3 * serving.without_pooler + 2 * working.without_pooler
    assert both.with_pooler(16) == 16 + both.direct


def test_the_page_has_the_connection_counts_of_the_model() -> None:
    page = PAGE.read_text()
    pool_size = Settings.model_fields["pool_size"].default
    opened = {
        "`serve --no-work`": connections(replicas=1, workers=0, pool_size=pool_size),
        "`work`": connections(replicas=0, workers=1, pool_size=pool_size),
    }
    for command, counted in opened.items():
        (row,) = [line for line in page.splitlines() if line.startswith(f"| {command} |")]
        _, pooled, direct = (re.findall(r"\d+", cell) for cell in row.strip("|").split("|"))
        assert sum(map(int, pooled)) == counted.shareable, command
        assert sum(map(int, direct)) == counted.direct, command
    assert "three replicas and two workers" in page
    three, two = (connections(replicas=n, workers=2, pool_size=pool_size).without_pooler for n in (3, 2))
    assert two < 100 - connections_per_replica(pool_size) < three <= 100


def connections_per_replica(pool_size: int) -> int:
    """The maximum number of connections of one replica."""
    return connections(replicas=1, workers=0, pool_size=pool_size).without_pooler


def test_only_the_text_between_the_markers_is_replaced() -> None:
    page = PAGE.read_text()
    for section in SECTIONS:
        once = replace_section(page, section, "| a | b |")
        assert replace_section(once, section, "| a | b |") == once
        assert "| a | b |" in once
        assert once.split(BEGIN.format(section))[0] == page.split(BEGIN.format(section))[0]
    with pytest.raises(ValueError, match="no markers for nothing"):
        replace_section(page, "nothing", "")


def result(name: str, **how: float) -> Result:
    spent = dict.fromkeys(GROUPS, 10.0) | {"service": 200.0, "PostgreSQL": 50.0, "nginx": 20.0}
    return Result(name, None, how.get("per_second", 1000.0), how.get("ratio"), 1.0, 2.0, spent, 0)


def test_the_tables_contain_the_measurements() -> None:
    results = [result("join, 2 processes behind nginx", ratio=1.5)]
    assert costs_of(results) == COSTS
    assert "| join, 2 processes behind nginx | 1,000 | 1.50 |" in throughput_table(results)
    # A thousand times 300 us per second is 0.3 of a core.
    assert processor_table(results).endswith("| 0.30 |")
    assert "| 1 | 1 | 3,500 |" in capacity_tables(COSTS, {"serve": 100.0, "work": 110.0})
    assert "| all | | | 3,000 |" in growth_table(
        [TableGrowth("journal", 10.0, 200.0), TableGrowth("inbox", 2.0, 500.0)]
    )


@pytest.mark.parametrize(("seconds", "is_used"), [(0.0, False), (0.001, False), (0.1, True)])
def test_a_measurement_without_work_of_the_pooler_is_refused(seconds: float, is_used: bool) -> None:
    load_result = LoadResult(requests=1000, seconds=1.0, errors=0, p50=1.0, p99=1.0)
    rounds = {
        "link, 1 process with PgBouncer": [Round(load_result, {**dict.fromkeys(GROUPS, 1.0), "PgBouncer": seconds})]
    }
    if is_used:
        check_pooler_use(rounds)
    else:
        with pytest.raises(RuntimeError, match="did not pass through PgBouncer"):
            check_pooler_use(rounds)
