"""Writes the results of the joining benchmarks to the terminal, and to the page on performance, between two markers."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.joining import FLOOR, VIDEOBROKER

BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"


def _ratio(value: float) -> str:
    return f"{value:.2f}"


def joins(result: dict[str, Any]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Joins of all servers."""
    rows: list[Sequence[str]] = []
    for line in result["joins"]:
        by_server = {each["name"]: each for each in result["joins"] if each["connections"] == line["connections"]}
        rows.append(
            (
                str(line["connections"]),
                line["name"],
                f"{line['per_second']:,.0f}",
                _ratio(by_server[VIDEOBROKER]["per_second"] / line["per_second"]),
                f"{line['p50']:.2f}",
                f"{line['p99']:.2f}",
            )
        )
    return ("connections", "server", "joins/s", "videobroker relative to it", "p50 ms", "p99 ms"), rows


def other_requests(result: dict[str, Any]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Other frequent requests."""
    join = result["other_requests"][0]["per_second"]
    rows: list[Sequence[str]] = [
        (
            each["name"],
            f"{each['per_second']:,.0f}",
            _ratio(each["per_second"] / join),
            f"{each['p50']:.2f}",
            f"{each['p99']:.2f}",
        )
        for each in result["other_requests"]
    ]
    signed = result["signatures_per_second"]
    rows.append(("signing a token, without a request", f"{signed:,.0f}", _ratio(signed / join), "", ""))
    return ("request, at 32 connections", "requests/s", "relative to a join", "p50 ms", "p99 ms"), rows


def background_work(result: dict[str, Any]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Processor time per join, of the service and of the worker."""
    rows: list[Sequence[str]] = [
        (each["name"], f"{each['service']:,.0f}", f"{each['worker']:,.0f}", _ratio(each["worker"] / each["service"]))
        for each in result["background_work"]
    ]
    return ("during joins at 32 connections", "service, us per join", "worker, us per join", "worker / service"), rows


def growth(result: dict[str, Any]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Joins by size of the tables."""
    rows: list[Sequence[str]] = [
        (
            str(line["connections"]),
            line["name"],
            f"{line['per_second']:,.0f}",
            _ratio(smallest["per_second"] / line["per_second"]),
            f"{line['p50']:.2f}",
        )
        for smallest, *larger in _by_connections(result["growth"])
        for line in (smallest, *larger)
    ]
    return ("connections", "table size", "joins/s", "relative cost", "p50 ms"), rows


def _by_connections(growth_result: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """One list for each number of connections, with the smallest tables first."""
    lines, size_count = growth_result["joins"], len(growth_result["sessions"])
    return [lines[first : first + size_count] for first in range(0, len(lines), size_count)]


def processes(result: dict[str, Any]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Start time and memory of one process."""
    rows: list[Sequence[str]] = [
        (name, f"{result['start_seconds'][name]:.2f}", f"{idle:.0f}", f"{result['megabytes'][name]:.0f}")
        for name, idle in result["idle_megabytes"].items()
    ]
    return ("process", "seconds to start", "MB after start", "MB after load"), rows


def targets(result: dict[str, Any]) -> tuple[Sequence[str], list[Sequence[str]]]:
    """Each target, and whether this run meets it."""
    results = {(line["name"], line["connections"]): line for line in result["joins"]}
    servers = {line["name"] for line in result["joins"]}
    rows: list[Sequence[str]] = []

    def add(target: str, value: float, limit: float, *, at_most: bool = False) -> None:
        is_met = value <= limit if at_most else value >= limit
        rows.append((target, f"{value:.2f}", f"{'at most' if at_most else 'at least'} {limit:.2f}", _yes(is_met)))

    for connections in (32, 128):
        videobroker, floor = results[VIDEOBROKER, connections], results[FLOOR, connections]
        add(
            f"throughput against the floor, {connections} connections",
            videobroker["per_second"] / floor["per_second"],
            1.0,
        )
        add(f"p99 against the floor's, {connections} connections", videobroker["p99"] / floor["p99"], 1.0, at_most=True)
        orm = next(name for name in servers if "ORM" in name)
        add(
            f"throughput against FastAPI with the ORM, {connections} connections",
            videobroker["per_second"] / results[orm, connections]["per_second"],
            5.0,
        )
        node = [results[name, connections]["per_second"] for name in servers if name.startswith("Node")]
        if node:
            add(
                f"throughput against the faster Node, {connections} connections",
                videobroker["per_second"] / max(node),
                2.0,
            )
    add(
        "latency against the floor's, 1 connection",
        results[VIDEOBROKER, 1]["p50"] / results[FLOOR, 1]["p50"],
        1.3,
        at_most=True,
    )
    round_trips = result["round_trips_per_join"]
    add("round trips for a join, 1 connection", round_trips["1"], 2.05, at_most=True)
    add("round trips for a join, 32 connections", round_trips["32"], 0.5, at_most=True)
    first_joins = result["first_joins"]
    add("vendor calls of concurrent first joins", max(first_joins["vendor_calls"]), 1, at_most=True)
    add(
        f"seconds to the last of {first_joins['joins']} first joins",
        first_joins["last_response_seconds"],
        first_joins["allowed_seconds"],
        at_most=True,
    )
    smallest, *larger = _by_connections(result["growth"])[-1]
    for line in larger:
        target = f"cost of a join at {line['name']} against {smallest['name']}"
        add(target, smallest["per_second"] / line["per_second"], 1.15, at_most=True)
    return ("target", "measured", "limit", "met"), rows


def _yes(is_met: bool) -> str:
    return "yes" if is_met else "no"


TABLES = (
    ("Joins", joins),
    ("Other requests", other_requests),
    ("Background work of a join", background_work),
    ("Growing tables", growth),
    ("One process", processes),
    ("Targets", targets),
)


def show(console: Console, result: dict[str, Any]) -> None:
    """Prints the tables."""
    for title, make_table in TABLES:
        headers, rows = make_table(result)
        table = Table(*headers, title=title, title_justify="left")
        for row in rows:
            table.add_row(*row)
        console.print(table)


def markdown(result: dict[str, Any]) -> str:
    """The conditions and the tables, in Markdown."""
    machine = result["machine"]
    text = (
        f"{machine['processor']}, {machine['cores']} cores shared by load generator ({machine['load_generator']}), "
        f"service and PostgreSQL {machine['postgresql']}; Python {machine['python']}, Node {machine['node']}; "
        f"{machine['measured_at']}, load average before: {machine['load_average_before']:.2f}. Medians of "
        f"{result['size']['rounds']} interleaved rounds of {result['size']['seconds']:.0f} s."
    )
    parts = [text]
    for title, make_table in TABLES:
        headers, rows = make_table(result)
        lines = [headers, ["---"] * len(headers), *rows]
        parts.append(f"### {title}\n\n" + "\n".join("| " + " | ".join(line) + " |" for line in lines))
    return "\n\n".join(parts)


def write(document: Path, result: dict[str, Any]) -> None:
    """Replaces the text between the markers of the document."""
    text = document.read_text()
    head, _, rest = text.partition(BEGIN)
    _, _, tail = rest.partition(END)
    document.write_text(f"{head}{BEGIN}\n\n{markdown(result)}\n\n{END}{tail}")
