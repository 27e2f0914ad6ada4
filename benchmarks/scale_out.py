"""`make scale`: processes behind nginx on one PostgreSQL, really run, and what it means for larger deployments.

Prints the tables of docs/scaling.md; with `--write` it replaces them there, between their markers. `--short` is
for a look at whether it works: its figures mean nothing.
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
from benchmarks.capacity import Costs, Rush, connections, joins_per_second, needed
from benchmarks.growth import Weight
from benchmarks.load import Measured, Shot, generator, load
from benchmarks.loopback import nginx, pgbouncer, program
from benchmarks.stage import ROOT, Served, Stage, connected, prepared, served, worker_of
from videobroker.storage.postgres.embedded import embedded_postgres

PAGE = ROOT / "docs" / "scaling.md"
BEGIN, END = "<!-- measured: {} -->", "<!-- end of {} -->"
CONNECTIONS = 64
"""Of the generator, however many processes there are."""
POOLED = 8
"""Connections of the server behind PgBouncer."""


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is done."""

    rounds: int
    seconds: float
    sessions: int
    lessons: int


WHOLE = Extent(rounds=5, seconds=5, sessions=10_000, lessons=300)
SHORT = Extent(rounds=1, seconds=1, sessions=200, lessons=20)

Group = str
GROUPS: tuple[Group, ...] = ("service", "PostgreSQL", "nginx", "PgBouncer", "worker", "generator")


@dataclass(frozen=True, slots=True)
class Arrangement:
    """What is asked, and where."""

    name: str
    urls: Sequence[str]
    shots: Sequence[Shot]
    against: str | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """One arrangement, once."""

    measured: Measured
    spent: Mapping[Group, float]
    """Seconds of processor time."""


@dataclass(frozen=True, slots=True)
class Result:
    """Medians over all rounds."""

    name: str
    against: str | None
    per_second: float
    ratio: float | None
    """Of each round's throughput, against the other arrangement in the same round."""
    p50: float
    p99: float
    spent: Mapping[Group, float]
    """Microseconds of processor time for one request."""
    errors: int


def measure(extent: Extent) -> tuple[list[Result], Mapping[str, float]]:
    """Every arrangement, in turns; and what one process of each kind holds in memory, in megabytes."""
    with (
        tempfile.TemporaryDirectory(prefix="videobroker-scale-") as name,
        embedded_postgres(Path(name) / "pg") as url,
        contextlib.ExitStack() as stack,
    ):
        folder = Path(name)
        # Nothing is asked of a vendor: every room is ready.
        stage = asyncio.run(prepared(url, "http://127.0.0.1:9", sessions=extent.sessions))
        pooler = stack.enter_context(pgbouncer(url, _folder(folder, "pgbouncer"), connections=POOLED))
        through = {"DATABASE_URL": pooler.url(url), "VIDEOBROKER_DIRECT_DATABASE_URL": url}
        serve = ("serve", "--no-work")
        one, two, pooled = (
            stack.enter_context(_ours(stage, folder, title, serve, extra))
            for title, extra in (("one", {}), ("two", {}), ("pooled", through))
        )
        worker = stack.enter_context(worker_of(stage, folder))
        before_one = stack.enter_context(nginx(_folder(folder, "nginx-1"), [_port(one.url)]))
        before_two = stack.enter_context(nginx(_folder(folder, "nginx-2"), [_port(one.url), _port(two.url)]))
        groups = {
            "service": [one.process.pid, two.process.pid, pooled.process.pid],
            "PostgreSQL": [_postmaster(folder / "pg")],
            "nginx": [before_one.process.pid, before_two.process.pid],
            "PgBouncer": [pooler.process.pid],
            "worker": [worker.process.pid],
        }
        joins = [Shot(f"/v1/bookings/{each}/join", '{"user_id":"tutor-1"}') for each in stage.references]
        links = [Shot(f"/v1/bookings/{each}/links", '{"user_id":"tutor-1"}') for each in stage.references]
        arrangements = [
            Arrangement("join, 1 process, direct", [one.url], joins),
            Arrangement("join, 1 process behind nginx", [before_one.url], joins, "join, 1 process, direct"),
            Arrangement("join, 2 processes, direct", [one.url, two.url], joins, "join, 1 process, direct"),
            Arrangement("join, 2 processes behind nginx", [before_two.url], joins, "join, 1 process behind nginx"),
            Arrangement("join, 1 process with PgBouncer", [pooled.url], joins, "join, 1 process, direct"),
            Arrangement("link, 1 process, direct", [one.url], links),
            Arrangement("link, 1 process with PgBouncer", [pooled.url], links, "link, 1 process, direct"),
        ]
        rounds = _in_turns(stage, arrangements, groups, extent)
        memory = {"serve": one.megabytes, "work": worker.megabytes}
        asyncio.run(_nothing_lost(stage, rounds))
        pooler_was_used(rounds)
        return [_result(each, rounds) for each in arrangements], memory


def _in_turns(
    stage: Stage, arrangements: Sequence[Arrangement], groups: Mapping[Group, Sequence[int]], extent: Extent
) -> dict[str, list[Round]]:
    for each in arrangements:
        _one_round(stage, each, groups, seconds=1, seed=0)
    rounds: dict[str, list[Round]] = {each.name: [] for each in arrangements}
    for number in range(extent.rounds):
        # Every other round the other way about: whatever changes meanwhile touches all of them.
        for each in arrangements if number % 2 == 0 else reversed(arrangements):
            rounds[each.name].append(_one_round(stage, each, groups, seconds=extent.seconds, seed=number * 997 + 1))
    return rounds


def _one_round(
    stage: Stage, what: Arrangement, groups: Mapping[Group, Sequence[int]], *, seconds: float, seed: int
) -> Round:
    headers = {"Authorization": f"Bearer {stage.key}", "Content-Type": "application/json"}
    share = CONNECTIONS // len(what.urls)
    found: list[Measured] = []

    def fire(url: str, place: int) -> None:
        found.append(
            load(url, what.shots, headers, connections=share, seconds=seconds, seed=seed + place * len(what.shots) // 2)
        )

    threads = [threading.Thread(target=fire, args=(url, place)) for place, url in enumerate(what.urls)]
    before = _spent(groups)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    after = _spent(groups)
    if len(found) != len(threads):
        raise RuntimeError(f"{what.name}: the generator failed")
    return Round(_together(found), {group: after[group] - before[group] for group in GROUPS})


def _together(found: Sequence[Measured]) -> Measured:
    return Measured(
        requests=sum(each.requests for each in found),
        seconds=max(each.seconds for each in found),
        errors=sum(each.errors for each in found),
        p50=statistics.mean(each.p50 for each in found),
        p99=max(each.p99 for each in found),
    )


def _spent(groups: Mapping[Group, Sequence[int]]) -> dict[Group, float]:
    """Seconds of processor time so far. The generator's processes count when they have ended."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = {group: sum(_of_family(pid) for pid in pids) for group, pids in groups.items()}
    return {**spent, "generator": ended.ru_utime + ended.ru_stime}


def _of_family(pid: int) -> float:
    process = psutil.Process(pid)
    total = 0.0
    for member in (process, *process.children(recursive=True)):
        with contextlib.suppress(psutil.NoSuchProcess):
            times = member.cpu_times()
            total += times.user + times.system
    return total


def _result(what: Arrangement, rounds: Mapping[str, Sequence[Round]]) -> Result:
    mine = rounds[what.name]
    ratio = None
    if what.against is not None:
        pairs = zip(mine, rounds[what.against], strict=True)
        ratio = statistics.median(one.measured.per_second / other.measured.per_second for one, other in pairs)
    middle: Callable[[Callable[[Round], float]], float] = lambda of: statistics.median(map(of, mine))  # noqa: E731
    return Result(
        name=what.name,
        against=what.against,
        per_second=middle(lambda each: each.measured.per_second),
        ratio=ratio,
        p50=middle(lambda each: each.measured.p50),
        p99=middle(lambda each: each.measured.p99),
        spent={
            group: statistics.median(each.spent[group] / each.measured.requests * 1e6 for each in mine)
            for group in GROUPS
        },
        errors=sum(each.measured.errors for each in mine),
    )


async def _nothing_lost(stage: Stage, rounds: Mapping[str, Sequence[Round]]) -> None:
    """No credential without its line in the journal: there are as many lines as answers, or more."""
    joins = sum(each.measured.requests for name, some in rounds.items() if name.startswith("join") for each in some)
    async with connected(stage.database) as connection:
        written = await connection.fetchval("select count(*) from journal where type = 'credentials.issued'")
    if written < joins:
        raise RuntimeError(f"{joins} joins were answered, and {written} stand in the journal")


def pooler_was_used(rounds: Mapping[str, Sequence[Round]]) -> None:
    """Queries pass through PgBouncer as configured. Raises `RuntimeError` where it had nothing to do."""
    through = rounds["link, 1 process with PgBouncer"]
    requests, seconds = (
        sum(each.measured.requests for each in through),
        sum(each.spent["PgBouncer"] for each in through),
    )
    if seconds / requests < 5e-6:
        raise RuntimeError("links with PgBouncer did not pass through it")


def _ours(
    stage: Stage, folder: Path, title: str, words: Sequence[str], extra: Mapping[str, str]
) -> contextlib.AbstractContextManager[Served]:
    command = [sys.executable, "-m", "videobroker", *words]
    return served(title, command, {**stage.environment, **extra}, folder, ready="/readyz")


def _folder(folder: Path, name: str) -> Path:
    (folder / name).mkdir()
    folder.chmod(0o755)
    return folder / name


def _port(url: str) -> int:
    return int(url.rpartition(":")[2])


def _postmaster(data: Path) -> int:
    return int((data / "postmaster.pid").read_text().splitlines()[0])


# -- output


def throughput_table(results: Sequence[Result]) -> str:
    """Throughput and latency of each arrangement."""
    lines = [
        "| setup | requests/s | ratio | relative to | p50 ms | p99 ms |",
        "|---|---:|---:|---|---:|---:|",
    ]
    for each in results:
        ratio = "" if each.ratio is None else f"{each.ratio:.2f}"
        latency = f"{each.p50:.1f} | {each.p99:.1f}"
        lines.append(f"| {each.name} | {each.per_second:,.0f} | {ratio} | {each.against or ''} | {latency} |")
    return "\n".join(lines)


def processor_table(results: Sequence[Result]) -> str:
    """Processor time per request by group of processes, and the number of busy cores."""
    cores = os.cpu_count() or 1
    lines = [
        f"| setup | {' | '.join(f'{group} us' for group in GROUPS)} | busy cores of {cores} |",
        f"|---|{'---:|' * (len(GROUPS) + 1)}",
    ]
    for each in results:
        busy = sum(each.spent.values()) * each.per_second / 1e6
        spent = " | ".join(f"{each.spent[group]:,.0f}" for group in GROUPS)
        lines.append(f"| {each.name} | {spent} | {busy:.2f} |")
    return "\n".join(lines)


def costs_of(results: Sequence[Result]) -> Costs:
    """What a join costs in the largest arrangement that was run."""
    (largest,) = [each for each in results if each.name == "join, 2 processes behind nginx"]
    return Costs(service=largest.spent["service"], postgres=largest.spent["PostgreSQL"], nginx=largest.spent["nginx"])


def capacity_tables(costs: Costs, memory: Mapping[str, float]) -> str:
    """Capacity by number of replicas, and what a rush needs."""
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
            rush = Rush(lessons, within_seconds=within, share_at_the_peak=3)
            need = needed(rush, costs)
            lines.append(
                f"| {lessons:,} | {within:.0f} s | {rush.joins_per_second:,.0f} | {need.replicas} "
                f"| {need.postgres_cores} | {need.nginx_cores} |"
            )
    return "\n".join(lines)


def growth_table(weights: Sequence[Weight]) -> str:
    """Rows and bytes of a lesson of two people, by table."""
    lines = [
        "| table | rows per lesson | bytes per row, with indexes | bytes per lesson |",
        "|---|---:|---:|---:|",
    ]
    lines += [
        f"| `{each.table}` | {each.rows_per_lesson:.1f} | {each.bytes_per_row:,.0f} | {each.bytes_per_lesson:,.0f} |"
        for each in weights
    ]
    whole = sum(each.bytes_per_lesson for each in weights)
    lines += [
        f"| all | | | {whole:,.0f} |",
        "",
        f"10,000 lessons use {whole * 10_000 / 1e6:,.0f} MB. "
        f"10,000 lessons per day use {whole * 3.65e6 / 1e9:,.0f} GB per year.",
    ]
    return "\n".join(lines)


def put_into(page: str, name: str, text: str) -> str:
    """The page with this text between its markers."""
    begin, end = BEGIN.format(name), END.format(name)
    if begin not in page or end not in page:
        raise ValueError(f"the page has no place for {name}")
    return re.sub(f"{re.escape(begin)}.*?{re.escape(end)}", lambda _: f"{begin}\n{text}\n{end}", page, flags=re.DOTALL)


def main() -> None:
    """Measure, and tell."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    missing = [name for name in ("nginx", "pgbouncer") if program(name) is None]
    if missing:
        sys.exit(f"error: {' and '.join(missing)} not installed. Try: apt-get install {' '.join(missing)} wrk")
    extent = SHORT if "--short" in sys.argv[1:] else WHOLE
    disturbed = os.getloadavg()[0] > 1
    results, memory = measure(extent)
    if errors := sum(each.errors for each in results):
        sys.exit(f"error: {errors} requests were not answered as they should be; the figures mean nothing")
    conditions = (
        f"{os.cpu_count()} cores for everything, the generator ({generator()}) too; {CONNECTIONS} connections; "
        f"{extent.sessions:,} sessions; medians of {extent.rounds} rounds of {extent.seconds:.0f} s in turns."
    )
    if disturbed:
        conditions += " **Something else ran on the machine: these figures are worth nothing, measure again.**"
    sections = {
        "throughput": f"{conditions}\n\n{throughput_table(results)}",
        "processors": processor_table(results),
        "capacity": capacity_tables(costs_of(results), memory),
        "growth": growth_table(growth.weigh(extent.lessons)),
    }
    sys.stdout.write("\n\n".join(sections.values()) + "\n")
    if "--write" in sys.argv[1:]:
        page = PAGE.read_text()
        for name, text in sections.items():
            page = put_into(page, name, text)
        PAGE.write_text(page)


if __name__ == "__main__":
    main()
