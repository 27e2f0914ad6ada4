"""`make bench`: measure, show tables, and keep the figures.

`--quick` measures less and keeps nothing; `--json` prints JSON alone; `--only joining` (or `attendance`, `journal`,
`pages`) leaves out the rest; `--sessions N` says how large the large tables are, once for each, instead of a million
and ten millions, which take 16 GB of disk; `--full` seals a million rows.

`--beside "NAME=COMMAND"` measures one more server among the contenders, as often as it is given: a program that gets
PORT and DATABASE_URL, answers `GET /healthz`, and does for `POST /join` what `benchmarks/contenders/floor.py` does.
"""

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
DOCUMENT = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "performance.svg"
PARTS = ("joining", "attendance", "journal", "pages")


def main() -> None:
    """Run every benchmark."""
    wanted = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    wanted.add_argument("--quick", action="store_true")
    wanted.add_argument("--json", action="store_true")
    wanted.add_argument("--full", action="store_true")
    wanted.add_argument("--only", choices=PARTS)
    wanted.add_argument("--sessions", action="append", default=[], type=int, metavar="N")
    wanted.add_argument("--beside", action="append", default=[], type=servers.brought, metavar="NAME=COMMAND")
    options = wanted.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    parts: tuple[str, ...] = PARTS if options.only is None else (options.only,)
    if options.only is None and pages.browser_program() is None:
        sys.stderr.write("No Chromium is installed: the pages are left out.\n")
        parts = tuple(each for each in parts if each != "pages")
    size = joining.QUICK if options.quick else joining.WHOLE
    if options.sessions:
        size = replace(size, many_sessions=tuple(options.sessions))
    try:
        results = _measured(parts, size, options.beside, quick=options.quick)
    except joining.NoRoom as error:
        sys.exit(f"error: {error}")
    if "joining" in results and not options.quick:
        _keep(results)
    if "pages" in results and not options.quick:
        _keep_pages(results["pages"])
    if options.json:
        sys.stdout.write(json.dumps(results, indent=2) + "\n")
    else:
        _show(Console(), results)


def _measured(
    parts: tuple[str, ...], size: joining.Size, beside: Sequence[servers.Contender], *, quick: bool
) -> dict[str, Any]:
    results: dict[str, Any] = {}
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task("Measuring", total=None)

        def report(doing: str) -> None:
            progress.update(task, description=doing)

        if "joining" in parts:
            results["joining"] = joining.run(size, beside, report)
        if "attendance" in parts:
            report("attendance: folding and applying")
            results["attendance"] = attendance.run()
        if "journal" in parts:
            report("journal: sealing and verifying")
            results["journal"] = journal.run()
        if "pages" in parts:
            results["pages"] = pages.run(report, quick=quick)
    return results


def _keep(results: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "latest.json").write_text(json.dumps(results, indent=1) + "\n")
    PICTURE.write_text(chart.joins(results["joining"]))
    tables.write(DOCUMENT, results["joining"])


def _keep_pages(result: dict[str, Any]) -> None:
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "pages.json").write_text(json.dumps(result, indent=1) + "\n")
    pages.write(DOCUMENT, result)


def _show(console: Console, results: dict[str, Any]) -> None:
    if "joining" in results:
        tables.show(console, results["joining"])
    figures = [*results.get("attendance", ()), *results.get("journal", ())]
    if figures:
        table = Table("operation", "seconds", "relative to", "ratio")
        for each in figures:
            ratio = "" if each["ratio"] is None else f"{each['ratio']:.1f}"
            table.add_row(each["what"], f"{each['seconds']:.4f}", each["against"] or "", ratio)
        console.print(table)
    if "pages" in results:
        heads, rows = pages.rows(results["pages"])
        table = Table(*heads, title="Page load times", title_justify="left")
        for row in rows:
            table.add_row(*row)
        console.print(table)


main()
