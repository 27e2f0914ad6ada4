"""Runs the benchmarks, prints the tables, and writes them to the page on performance and `benchmarks/results`."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import structlog
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from benchmarks import attendance, chart, joining, journal, pages, tables
from benchmarks.contenders import servers

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
DOCUMENT = ROOT / "docs" / "explanation" / "performance.md"
CHART = ROOT / "docs" / "explanation" / "performance.svg"
BENCHMARKS = ("joining", "attendance", "journal", "pages")


def main() -> None:
    """Parses the options, and runs the benchmarks."""
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="measure less, and write nothing")
    parser.add_argument("--json", action="store_true", help="print JSON instead of tables")
    parser.add_argument("--full", action="store_true", help="seal and verify a million events instead of 100,000")
    parser.add_argument("--only", choices=BENCHMARKS, help="run one benchmark")
    parser.add_argument(
        "--sessions",
        action="append",
        default=[],
        type=int,
        metavar="N",
        help="size of a large table, can be repeated (default: 1000000 and 10000000, which need 16 GB of disk space)",
    )
    parser.add_argument(
        "--contender",
        "--beside",
        action="append",
        default=[],
        type=servers.parse_contender,
        metavar="NAME=COMMAND",
        help="measure another server, can be repeated: it gets PORT and DATABASE_URL, serves GET /healthz, "
        "and does the work of benchmarks/contenders/floor.py for POST /join",
    )
    options = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    names: tuple[str, ...] = BENCHMARKS if options.only is None else (options.only,)
    if options.only is None and pages.browser_program() is None:
        sys.stderr.write("Chromium is not installed: skipping the pages.\n")
        names = tuple(each for each in names if each != "pages")
    size = joining.QUICK if options.quick else joining.DEFAULT
    if options.sessions:
        size = replace(size, many_sessions=tuple(options.sessions))
    try:
        results = _run(names, size, options.contender, quick=options.quick)
    except joining.InsufficientDiskSpace as error:
        sys.exit(f"error: {error}")
    if options.json:
        sys.stdout.write(json.dumps(results, indent=2) + "\n")
    else:
        _show(Console(), results)


def _run(
    names: tuple[str, ...], size: joining.Size, contenders: Sequence[servers.Contender], *, quick: bool
) -> dict[str, Any]:
    results: dict[str, Any] = {}
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("Measuring", total=None)

        def report(activity: str) -> None:
            progress.update(task, description=activity)

        for name in names:
            results[name] = _measure(name, size, contenders, report, quick=quick)
            if not quick:
                # At once: the next benchmark may fail.
                _write(name, results[name])
    return results


def _measure(
    name: str, size: joining.Size, contenders: Sequence[servers.Contender], report: joining.Report, *, quick: bool
) -> Any:
    if name == "joining":
        return joining.run(size, contenders, report)
    if name == "pages":
        return pages.run(report, quick=quick)
    report(name)
    return attendance.run() if name == "attendance" else journal.run()


def _write(name: str, result: Any) -> None:
    RESULTS.mkdir(exist_ok=True)
    if name == "pages":
        (RESULTS / "pages.json").write_text(json.dumps(result, indent=1) + "\n")
        pages.write(DOCUMENT, result)
        return
    file = RESULTS / "latest.json"
    results = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps({**results, name: result}, indent=1) + "\n")
    if name == "joining":
        CHART.write_text(chart.joins(result))
        tables.write(DOCUMENT, result)


def _show(console: Console, results: dict[str, Any]) -> None:
    if "joining" in results:
        tables.show(console, results["joining"])
    measurements = [*results.get("attendance", ()), *results.get("journal", ())]
    if measurements:
        table = Table("operation", "seconds", "relative to", "ratio")
        for each in measurements:
            ratio = "" if each["ratio"] is None else f"{each['ratio']:.1f}"
            table.add_row(each["name"], f"{each['seconds']:.4f}", each["relative_to"] or "", ratio)
        console.print(table)
    if "pages" in results:
        headers, rows = pages.rows(results["pages"])
        table = Table(*headers, title="Page load times", title_justify="left")
        for row in rows:
            table.add_row(*row)
        console.print(table)


main()
