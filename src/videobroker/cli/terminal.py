"""How commands speak: tables for people, JSON for scripts, complaints on stderr."""

import json
import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

# Names and sentences are printed as they are, and a table is as wide as it needs: an id must be whole to be copied.
stdout = Console(soft_wrap=True, highlight=False, markup=False, width=10_000)
stderr = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)


def is_plain() -> bool:
    """Whether to write no escape sequences, even to a terminal (https://no-color.org)."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


def complain(sentence: str) -> None:
    """Say what went wrong."""
    stderr.print(Text.assemble(("error:", "red"), " ", sentence))


def show(rows: Sequence[dict[str, Any]], *, as_json: bool, empty: str = "None.") -> None:
    """Print rows: as a table, or as a JSON array."""
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
    """Print a value as JSON."""
    stdout.print(json.dumps(value, indent=2, default=str), markup=False)


def read_texts() -> dict[str, str]:
    """A JSON object of texts from stdin: the way for secrets, which then stand in no shell's history."""
    try:
        texts = json.load(sys.stdin)
    except ValueError:
        texts = None
    if not isinstance(texts, dict) or not all(isinstance(value, str) for value in texts.values()):
        raise typer.BadParameter("send the settings on stdin, as a JSON object of texts")
    return texts
