"""Shows the results: on the terminal, and in `docs/performance.md` between two markers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.joining import FLOOR, OURS

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def _ratio(value: float) -> str:
    return f"{value:.2f}"


def joins(result: dict[str, Any]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """The comparison."""
    rows: list[Sequence[str]] = []
    for line in result["joins"]:
        same = {each["name"]: each for each in result["joins"] if each["connections"] == line["connections"]}
        rows.append(
            (
                str(line["connections"]),
                line["name"],
                f"{line['per_second']:,.0f}",
                _ratio(same[OURS]["per_second"] / line["per_second"]),
                f"{line['p50']:.2f}",
                f"{line['p99']:.2f}",
            )
        )
    return ("connections", "server", "joins/s", "videobroker relative to it", "p50 ms", "p99 ms"), rows


def beside(result: dict[str, Any]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Other frequent requests."""
    join = result["beside"][0]["per_second"]
    rows: list[Sequence[str]] = [
        (
            each["name"],
            f"{each['per_second']:,.0f}",
            _ratio(each["per_second"] / join),
            f"{each['p50']:.2f}",
            f"{each['p99']:.2f}",
        )
        for each in result["beside"]
    ]
    signed = result["signatures_per_second"]
    rows.append(("signing a token, without a request", f"{signed:,.0f}", _ratio(signed / join), "", ""))
    return ("request, at 32 connections", "requests/s", "relative to a join", "p50 ms", "p99 ms"), rows


def behind(result: dict[str, Any]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Processor time of the worker for a join, and of the service."""
    rows: list[Sequence[str]] = [
        (each["name"], f"{each['service']:,.0f}", f"{each['worker']:,.0f}", _ratio(each["worker"] / each["service"]))
        for each in result["behind"]
    ]
    return ("during joins at 32 connections", "service, us per join", "worker, us per join", "worker / service"), rows


def growth(result: dict[str, Any]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Small tables and large ones."""
    rows: list[Sequence[str]] = [
        (
            str(line["connections"]),
            line["name"],
            f"{line['per_second']:,.0f}",
            _ratio(few["per_second"] / line["per_second"]),
            f"{line['p50']:.2f}",
        )
        for few, *more in _by_connections(result["growth"])
        for line in (few, *more)
    ]
    return ("connections", "table size", "joins/s", "relative cost", "p50 ms"), rows


def _by_connections(grown: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """At each number of connections: the smallest tables first."""
    lines, sizes = grown["joins"], len(grown["sessions"])
    return [lines[at : at + sizes] for at in range(0, len(lines), sizes)]


def processes(result: dict[str, Any]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Start time and memory of one process."""
    rows: list[Sequence[str]] = [
        (name, f"{result['start_seconds'][name]:.2f}", f"{idle:.0f}", f"{result['megabytes'][name]:.0f}")
        for name, idle in result["idle_megabytes"].items()
    ]
    return ("process", "seconds to start", "MB after start", "MB after load"), rows


def verdicts(result: dict[str, Any]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Each target, and whether this run meets it."""
    by = {(line["name"], line["connections"]): line for line in result["joins"]}
    others = {line["name"] for line in result["joins"]}
    rows: list[Sequence[str]] = []

    def add(target: str, value: float, bound: float, *, at_most: bool = False) -> None:
        is_met = value <= bound if at_most else value >= bound
        rows.append((target, f"{value:.2f}", f"{'at most' if at_most else 'at least'} {bound:.2f}", _yes(is_met)))

    for connections in (32, 128):
        ours, floor = by[OURS, connections], by[FLOOR, connections]
        add(f"throughput against the floor, {connections} connections", ours["per_second"] / floor["per_second"], 1.0)
        add(f"p99 against the floor's, {connections} connections", ours["p99"] / floor["p99"], 1.0, at_most=True)
        orm = next(name for name in others if "ORM" in name)
        add(
            f"throughput against FastAPI with the ORM, {connections} connections",
            ours["per_second"] / by[orm, connections]["per_second"],
            5.0,
        )
        node = [by[name, connections]["per_second"] for name in others if name.startswith("Node")]
        if node:
            add(f"throughput against the faster Node, {connections} connections", ours["per_second"] / max(node), 2.0)
    add("latency against the floor's, 1 connection", by[OURS, 1]["p50"] / by[FLOOR, 1]["p50"], 1.3, at_most=True)
    trips = result["round_trips_per_join"]
    add("round trips for a join, 1 connection", trips["1"], 2.05, at_most=True)
    add("round trips for a join, 32 connections", trips["32"], 0.5, at_most=True)
    storm = result["storm"]
    add("vendor calls in a cold storm", max(storm["vendor_calls"]), 1, at_most=True)
    add(
        f"seconds to the last of {storm['joins']} first joins",
        storm["last_answer_seconds"],
        storm["allowed_seconds"],
        at_most=True,
    )
    few, *more = _by_connections(result["growth"])[-1]
    for many in more:
        target = f"cost of a join at {many['name']} against {few['name']}"
        add(target, few["per_second"] / many["per_second"], 1.15, at_most=True)
    return ("target", "measured", "limit", "met"), rows


def _yes(is_met: bool) -> str:
    return "yes" if is_met else "no"


ALL = (
    ("Joins", joins),
    ("Other requests", beside),
    ("Background work of a join", behind),
    ("Growing tables", growth),
    ("One process", processes),
    ("Targets", verdicts),
)


def show(console: Console, result: dict[str, Any]) -> None:
    """Prints the tables to the terminal."""
    for title, of in ALL:
        heads, rows = of(result)
        table = Table(*heads, title=title, title_justify="left")
        for row in rows:
            table.add_row(*row)
        console.print(table)


def markdown(result: dict[str, Any]) -> str:
    """The tables of the document."""
    machine = result["machine"]
    text = (
        f"{machine['processor']}, {machine['cores']} cores shared by load generator ({machine['load_generator']}), "
        f"service and PostgreSQL {machine['postgresql']}; Python {machine['python']}, Node {machine['node']}; "
        f"{machine['measured_at']}, load average before: {machine['load_average_before']:.2f}. Medians of "
        f"{result['size']['rounds']} interleaved rounds of {result['size']['seconds']:.0f} s."
    )
    parts = [text]
    for title, of in ALL:
        heads, rows = of(result)
        lines = [heads, ["---"] * len(heads), *rows]
        parts.append(f"### {title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines))
    return "\n\n".join(parts)


def write(document: Path, result: dict[str, Any]) -> None:
    """Replaces the text between the markers of the document."""
    text = document.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    document.write_text(f"{head}{BEGIN}\n\n{markdown(result)}\n\n{END}{tail}")
