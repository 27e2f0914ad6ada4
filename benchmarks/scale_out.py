"""`make scale`: measures service processes behind nginx on one PostgreSQL, and computes larger deployments.

Prints the tables of docs/explanation/scaling.md. `--write` replaces them there, between their markers. `--short`
only checks that the benchmark works: its results mean nothing.
"""

import asyncio
import contextlib
import os
import re
import resource
import statistics
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
import structlog

from benchmarks import growth
from benchmarks.capacity import Costs, PeakLoad, connections, joins_per_second, required_resources
from benchmarks.environment import (
    ROOT,
    BenchmarkEnvironment,
    ServerProcess,
    connect,
    create_environment,
    start_server,
    start_worker,
)
from benchmarks.growth import TableGrowth
from benchmarks.load_generator import LoadResult, RequestTemplate, generator_name, run_load
from benchmarks.local_proxies import find_program, nginx, pgbouncer
from videobroker.storage.postgres.embedded import embedded_postgres

PAGE = ROOT / "docs" / "explanation" / "scaling.md"
BEGIN, END = "<!-- measured: {} -->", "<!-- end of {} -->"
CONNECTIONS = 64
"""Connections of the load generator, for all processes together."""
POOL_SIZE = 8
"""Connections from PgBouncer to PostgreSQL."""


@dataclass(frozen=True, slots=True)
class Size:
    """Number and length of the measurements, and size of the tables."""

    rounds: int
    seconds: float
    sessions: int
    lessons: int


DEFAULT = Size(rounds=5, seconds=5, sessions=10_000, lessons=300)
SHORT = Size(rounds=1, seconds=1, sessions=200, lessons=20)

Group = str
GROUPS: tuple[Group, ...] = ("service", "PostgreSQL", "nginx", "PgBouncer", "worker", "generator")


@dataclass(frozen=True, slots=True)
class Setup:
    """Requests, and the servers to send them to."""

    name: str
    urls: Sequence[str]
    templates: Sequence[RequestTemplate]
    relative_to: str | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """One round of one setup."""

    load_result: LoadResult
    processor_seconds: Mapping[Group, float]


@dataclass(frozen=True, slots=True)
class Result:
    """The medians of all rounds of one setup."""

    name: str
    relative_to: str | None
    per_second: float
    ratio: float | None
    """Throughput relative to the other setup in the same round."""
    p50: float
    p99: float
    processor_us: Mapping[Group, float]
    """Microseconds of processor time per request."""
    errors: int


def measure(size: Size) -> tuple[list[Result], Mapping[str, float]]:
    """Measures all setups in turns. Also returns the memory of one process of each kind, in megabytes."""
    with (
        tempfile.TemporaryDirectory(prefix="videobroker-scale-") as path,
        embedded_postgres(Path(path) / "pg") as url,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(path)
        # Warm joins do not need the vendor, so no sandbox listens on this port.
        environment = asyncio.run(create_environment(url, "http://127.0.0.1:9", sessions=size.sessions))
        pooler = stack.enter_context(pgbouncer(url, _create_folder(folder, "pgbouncer"), connections=POOL_SIZE))
        pooled_variables = {"DATABASE_URL": pooler.url(url), "VIDEOBROKER_DIRECT_DATABASE_URL": url}
        arguments = ("serve", "--no-work")
        one, two, pooled = (
            stack.enter_context(_start_broker(environment, folder, name, arguments, variables))
            for name, variables in (("one", {}), ("two", {}), ("pooled", pooled_variables))
        )
        worker = stack.enter_context(start_worker(environment, folder))
        nginx_one = stack.enter_context(nginx(_create_folder(folder, "nginx-1"), [_port(one.url)]))
        nginx_two = stack.enter_context(nginx(_create_folder(folder, "nginx-2"), [_port(one.url), _port(two.url)]))
        groups = {
            "service": [one.process.pid, two.process.pid, pooled.process.pid],
            "PostgreSQL": [_postmaster(folder / "pg")],
            "nginx": [nginx_one.process.pid, nginx_two.process.pid],
            "PgBouncer": [pooler.process.pid],
            "worker": [worker.process.pid],
        }
        joins = [
            RequestTemplate(f"/v1/bookings/{each}/join", '{"user_id":"tutor-1"}') for each in environment.references
        ]
        links = [
            RequestTemplate(f"/v1/bookings/{each}/links", '{"user_id":"tutor-1"}') for each in environment.references
        ]
        setups = [
            Setup("join, 1 process, direct", [one.url], joins),
            Setup("join, 1 process behind nginx", [nginx_one.url], joins, "join, 1 process, direct"),
            Setup("join, 2 processes, direct", [one.url, two.url], joins, "join, 1 process, direct"),
            Setup("join, 2 processes behind nginx", [nginx_two.url], joins, "join, 1 process behind nginx"),
            Setup("join, 1 process with PgBouncer", [pooled.url], joins, "join, 1 process, direct"),
            Setup("link, 1 process, direct", [one.url], links),
            Setup("link, 1 process with PgBouncer", [pooled.url], links, "link, 1 process, direct"),
        ]
        rounds = _run_interleaved(environment, setups, groups, size)
        memory = {"serve": one.megabytes, "work": worker.megabytes}
        asyncio.run(_check_journal(environment, rounds))
        check_pooler_use(rounds)
        return [_result(each, rounds) for each in setups], memory


def _run_interleaved(
    environment: BenchmarkEnvironment,
    setups: Sequence[Setup],
    groups: Mapping[Group, Sequence[int]],
    size: Size,
) -> dict[str, list[Round]]:
    for each in setups:
        _run_round(environment, each, groups, seconds=1, seed=0)
    rounds: dict[str, list[Round]] = {each.name: [] for each in setups}
    for number in range(size.rounds):
        # Every second round runs in reverse order, so that a drift of the machine affects all setups.
        for each in setups if number % 2 == 0 else reversed(setups):
            rounds[each.name].append(_run_round(environment, each, groups, seconds=size.seconds, seed=number * 997 + 1))
    return rounds


def _run_round(
    environment: BenchmarkEnvironment, setup: Setup, groups: Mapping[Group, Sequence[int]], *, seconds: float, seed: int
) -> Round:
    headers = {"Authorization": f"Bearer {environment.key}", "Content-Type": "application/json"}
    share = CONNECTIONS // len(setup.urls)
    results: list[LoadResult] = []

    def send(url: str, place: int) -> None:
        results.append(
            run_load(
                url,
                setup.templates,
                headers,
                connections=share,
                seconds=seconds,
                seed=seed + place * len(setup.templates) // 2,
            )
        )

    threads = [threading.Thread(target=send, args=(url, place)) for place, url in enumerate(setup.urls)]
    before = _processor_seconds(groups)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = _processor_seconds(groups)
    if len(results) != len(threads):
        raise RuntimeError(f"{setup.name}: the load generator failed")
    return Round(_total(results), {group: after[group] - before[group] for group in GROUPS})


def _total(results: Sequence[LoadResult]) -> LoadResult:
    return LoadResult(
        requests=sum(each.requests for each in results),
        seconds=max(each.seconds for each in results),
        errors=sum(each.errors for each in results),
        p50=statistics.mean(each.p50 for each in results),
        p99=max(each.p99 for each in results),
    )


def _processor_seconds(groups: Mapping[Group, Sequence[int]]) -> dict[Group, float]:
    """Processor time since the start. Processes of the load generator are included after their end."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = {group: sum(_processor_seconds_of_tree(pid) for pid in pids) for group, pids in groups.items()}
    return {**seconds, "generator": children.ru_utime + children.ru_stime}


def _processor_seconds_of_tree(pid: int) -> float:
    process = psutil.Process(pid)
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = each.cpu_times()
            total += times.user + times.system
    return total


def _result(setup: Setup, rounds: Mapping[str, Sequence[Round]]) -> Result:
    own_rounds = rounds[setup.name]
    ratio = None
    if setup.relative_to is not None:
        pairs = zip(own_rounds, rounds[setup.relative_to], strict=True)
        ratio = statistics.median(one.load_result.per_second / other.load_result.per_second for one, other in pairs)
    median: Callable[[Callable[[Round], float]], float] = lambda of: statistics.median(map(of, own_rounds))  # noqa: E731
    return Result(
        name=setup.name,
        relative_to=setup.relative_to,
        per_second=median(lambda each: each.load_result.per_second),
        ratio=ratio,
        p50=median(lambda each: each.load_result.p50),
        p99=median(lambda each: each.load_result.p99),
        processor_us={
            group: statistics.median(
                each.processor_seconds[group] / each.load_result.requests * 1e6 for each in own_rounds
            )
            for group in GROUPS
        },
        errors=sum(each.load_result.errors for each in own_rounds),
    )


async def _check_journal(environment: BenchmarkEnvironment, rounds: Mapping[str, Sequence[Round]]) -> None:
    """Checks that the journal has an event for each successful join. Raises `RuntimeError` if events are missing."""
    joins = sum(each.load_result.requests for name, some in rounds.items() if name.startswith("join") for each in some)
    async with connect(environment.database) as connection:
        written = await connection.fetchval("select count(*) from journal where type = 'credentials.issued'")
    if written < joins:
        raise RuntimeError(f"{joins} joins succeeded, but the journal has only {written} events")


def check_pooler_use(rounds: Mapping[str, Sequence[Round]]) -> None:
    """Checks that queries pass through PgBouncer. Raises `RuntimeError` if it used no processor time."""
    link_rounds = rounds["link, 1 process with PgBouncer"]
    requests, seconds = (
        sum(each.load_result.requests for each in link_rounds),
        sum(each.processor_seconds["PgBouncer"] for each in link_rounds),
    )
    if seconds / requests < 5e-6:
        raise RuntimeError("the requests did not pass through PgBouncer")


def _start_broker(
    environment: BenchmarkEnvironment, folder: Path, name: str, arguments: Sequence[str], variables: Mapping[str, str]
) -> contextlib.AbstractContextManager[ServerProcess]:
    command = [sys.executable, "-m", "videobroker", *arguments]
    return start_server(name, command, {**environment.variables, **variables}, folder, ready="/readyz")


def _create_folder(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    folder.chmod(0o755)
    return folder / name


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


def _postmaster(data: Path) -> int:
    return int((data / "postmaster.pid").read_text().splitlines()[0])


# -- output


def throughput_table(results: Sequence[Result]) -> str:
    """Throughput and latency of each setup."""
    lines = [
        "| setup | requests/s | ratio | relative to | p50 ms | p99 ms |",
        "|---|---:|---:|---|---:|---:|",
    ]
    for each in results:
        ratio = "" if each.ratio is None else f"{each.ratio:.2f}"
        latency = f"{each.p50:.1f} | {each.p99:.1f}"
        lines.append(f"| {each.name} | {each.per_second:,.0f} | {ratio} | {each.relative_to or ''} | {latency} |")
    return "\n".join(lines)


def processor_table(results: Sequence[Result]) -> str:
    """Processor time per request by group of processes, and the number of busy cores."""
    cores = os.cpu_count() or 1
    lines = [
        f"| setup | {' | '.join(f'{group} us' for group in GROUPS)} | busy cores of {cores} |",
        f"|---|{'---:|' * (len(GROUPS) + 1)}",
    ]
    for each in results:
        busy = sum(each.processor_us.values()) * each.per_second / 1e6
        times = " | ".join(f"{each.processor_us[group]:,.0f}" for group in GROUPS)
        lines.append(f"| {each.name} | {times} | {busy:.2f} |")
    return "\n".join(lines)


def costs_of(results: Sequence[Result]) -> Costs:
    """The costs of a join in the largest setup."""
    (largest,) = [each for each in results if each.name == "join, 2 processes behind nginx"]
    return Costs(
        service=largest.processor_us["service"],
        postgres=largest.processor_us["PostgreSQL"],
        nginx=largest.processor_us["nginx"],
    )


def capacity_tables(costs: Costs, memory: Mapping[str, float]) -> str:
    """Capacity by number of replicas, and the resources for peak loads."""
    lines = [
        f"A join costs {costs.service:,.0f} us in the service, {costs.postgres:,.0f} us in PostgreSQL and "
        f"{costs.nginx:,.0f} us in nginx. A process of `serve` uses {memory['serve']:.0f} MB, and one of `work` "
        f"{memory['work']:.0f} MB.",
        "",
        "| replicas | PostgreSQL cores | joins/s | connections without PgBouncer | with a pool of 16 |",
        "|---:|---:|---:|---:|---:|",
    ]
    for replicas, cores in ((1, 1), (2, 2), (4, 2), (4, 4), (8, 4), (16, 8), (32, 16)):
        opened = connections(replicas=replicas, workers=2, pool_size=10)
        lines.append(
            f"| {replicas} | {cores} | {joins_per_second(replicas, cores, costs):,.0f} | {opened.without_pooler} "
            f"| {opened.with_pooler(16)} |"
        )
    lines += [
        "",
        "| lessons at once | everyone joins within | peak joins/s | replicas | PostgreSQL cores | nginx cores |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for lessons in (1_000, 10_000, 100_000):
        for within in (300.0, 60.0):
            load = PeakLoad(lessons, within_seconds=within, peak_factor=3)
            resources = required_resources(load, costs)
            lines.append(
                f"| {lessons:,} | {within:.0f} s | {load.joins_per_second:,.0f} | {resources.replicas} "
                f"| {resources.postgres_cores} | {resources.nginx_cores} |"
            )
    return "\n".join(lines)


def growth_table(tables: Sequence[TableGrowth]) -> str:
    """Rows and bytes of a lesson with two participants, by table."""
    lines = [
        "| table | rows per lesson | bytes per row, with indexes | bytes per lesson |",
        "|---|---:|---:|---:|",
    ]
    lines += [
        f"| `{each.table}` | {each.rows_per_lesson:.1f} | {each.bytes_per_row:,.0f} | {each.bytes_per_lesson:,.0f} |"
        for each in tables
    ]
    total_bytes = sum(each.bytes_per_lesson for each in tables)
    lines += [
        f"| all | | | {total_bytes:,.0f} |",
        "",
        f"10,000 lessons use {total_bytes * 10_000 / 1e6:,.0f} MB. "
        f"10,000 lessons per day use {total_bytes * 3.65e6 / 1e9:,.0f} GB per year.",
    ]
    return "\n".join(lines)


def replace_section(page: str, name: str, text: str) -> str:
    """Replaces the text between the markers of a section. Raises `ValueError` if the page does not have them."""
    begin, end = BEGIN.format(name), END.format(name)
    if begin not in page or end not in page:
        raise ValueError(f"the page has no markers for {name}")
    return re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: f"{begin}\n{text}\n{end}", page, flags=re.DOTALL)


def main() -> None:
    """Measures, and prints the tables."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    missing = [name for name in ("nginx", "pgbouncer") if find_program(name) is None]
    if missing:
        sys.exit(f"error: {' and '.join(missing)} not installed. Try: apt-get install {' '.join(missing)} wrk")
    size = SHORT if "--short" in sys.argv[1:] else DEFAULT
    is_machine_busy = os.getloadavg()[0] > 1
    results, memory = measure(size)
    if errors := sum(each.errors for each in results):
        sys.exit(f"error: {errors} requests failed; the results mean nothing")
    conditions = (
        f"{os.cpu_count()} cores for all processes, including the load generator ({generator_name()}); "
        f"{CONNECTIONS} connections; {size.sessions:,} sessions; medians of {size.rounds} rounds "
        f"of {size.seconds:.0f} s in turns."
    )
    if is_machine_busy:
        conditions += " **The machine was busy: these results mean nothing. Run the benchmark again.**"
    sections = {
        "throughput": f"{conditions}\n\n{throughput_table(results)}",
        "processors": processor_table(results),
        "capacity": capacity_tables(costs_of(results), memory),
        "growth": growth_table(growth.measure(size.lessons)),
    }
    sys.stdout.write("\n\n".join(sections.values()) + "\n")
    if "--write" in sys.argv[1:]:
        page = PAGE.read_text()
        for name, text in sections.items():
            page = replace_section(page, name, text)
        PAGE.write_text(page)


if __name__ == "__main__":
    main()
