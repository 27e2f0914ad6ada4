"""`make bench`: measure, and show a table, or JSON with `--json`."""

import json
import sys

import structlog
from rich.console import Console
from rich.table import Table

from benchmarks import attendance, journal


def main() -> None:
    """Run every benchmark."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    console = Console(stderr=True)
    with console.status("Measuring (about two minutes)"):
        figures = [*attendance.run(), *journal.run()]
    if "--json" in sys.argv[1:]:
        sys.stdout.write(json.dumps(figures, indent=2) + "\n")
        return
    table = Table("what", "seconds", "against", "ratio")
    for each in figures:
        ratio = "" if each["ratio"] is None else f"{each['ratio']:.1f}"
        table.add_row(each["what"], f"{each['seconds']:.4f}", each["against"] or "", ratio)
    Console().print(table)


main()
