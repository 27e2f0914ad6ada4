"""How commands speak: tables for people, JSON for scripts, complaints on stderr."""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from videobroker import wiring
from videobroker.broker import Broker
from videobroker.errors import StorageUnavailable
from videobroker.settings import Settings
from videobroker.storage import jobs, schema

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
T = TypeVar("T")

# Names and sentences are printed as they are, and a table is as wide as it needs: an id must be whole to be copied.
stdout = Console(soft_wrap=True, highlight=False, markup=False, width=10_000)
stderr = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)


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


def with_broker(work: Callable[[Broker], Awaitable[T]]) -> T:
    """Do something with a broker on the configured database, brought up to date first."""
    settings = Settings()
    with wiring.database(settings) as url:
        return asyncio.run(_with_broker(settings, url, work))


async def _with_broker(settings: Settings, url: str, work: Callable[[Broker], Awaitable[T]]) -> T:
    async with wiring.broker(settings, url) as broker:
        await require_schema(broker)
        return await work(broker)


async def require_schema(broker: Broker) -> None:
    """Raise unless the database is at this program's schema."""
    current, newest = await schema.current_revision(broker.store), schema.newest_revision()
    if current != newest:
        raise StorageUnavailable(
            f"The database is at revision {current or 'none'}, this program needs {newest}. Run `videobroker migrate`."
        )
    async with broker.store.transaction() as transaction:
        if not await jobs.is_installed(transaction):
            raise StorageUnavailable("The database lacks the queue of the background work. Run `videobroker migrate`.")
