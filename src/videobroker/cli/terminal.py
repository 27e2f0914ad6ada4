"""Output of commands: tables, or JSON for scripts, on stdout; messages on stderr."""

import json
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]

# Text is printed without markup or wrapping, and tables are as wide as necessary, so that IDs can be copied.
stdout = Console(soft_wrap=True, highlight=False, markup=False, width=10_000)
stderr = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)


def is_plain() -> bool:
    """Whether escape sequences are disabled, even on a terminal (https://no-color.org)."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def print_error(sentence: str) -> None:
    """Print an error message to stderr."""
    stderr.print(Text.assemble(("error:", "red"), " ", sentence))


def counted(number: int, noun: str) -> str:
    """The number with thousands separators, and the noun in the singular or plural: `1 row`, `1,234 rows`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def show(rows: Sequence[dict[str, Any]], *, as_json: bool, empty: str = "None.") -> None:
    """Print rows as a table or as a JSON array; `empty` replaces a table without rows."""
    if as_json:
        print_json(list(rows))
    elif not rows:
        stdout.print(empty)
    else:
        table = Table(*rows[0], box=None, pad_edge=False)
        for row in rows:
            table.add_row(*(_cell(value) for value in row.values()))
        stdout.print(table)


def _cell(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(value)
    return "" if value is None else str(value)


def print_json(value: Any) -> None:
    stdout.print(json.dumps(value, indent=2, default=str), markup=False)


def read_texts() -> dict[str, str]:
    """Read a JSON object of strings from stdin, which keeps secrets out of the shell history."""
    texts = read_changes()
    if None in texts.values():
        raise typer.BadParameter("pass the settings on stdin, as a JSON object of strings")
    return {name: text for name, text in texts.items() if text is not None}


def read_changes() -> dict[str, str | None]:
    """Like `read_texts`, but values can be null, for settings that are removed."""
    try:
        texts = json.load(sys.stdin)
    except ValueError:
        texts = None
    if not isinstance(texts, dict) or not all(value is None or isinstance(value, str) for value in texts.values()):
        raise typer.BadParameter("pass the settings on stdin, as a JSON object of strings")
    return texts
