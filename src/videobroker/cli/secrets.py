"""`videobroker secrets ...`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from videobroker.broker import Broker
from videobroker.cli.starting import with_broker
from videobroker.cli.terminal import AsJson, counted, print_error, print_json, show, stderr, stdout
from videobroker.domain.secret_keys import KeyReport
from videobroker.usecases.operations.secret_keys import RotationResult, key_report, rotate

cli = typer.Typer(help="Inspect and rotate the keys in VIDEOBROKER_SECRET_KEY.", no_args_is_help=True)


@cli.callback()
def secrets() -> None:
    """Inspect and rotate the keys in VIDEOBROKER_SECRET_KEY. docs/how-to/rotate-keys.md has the steps."""


@cli.command("status")
def show_status(as_json: AsJson = False) -> None:
    """Show how many rows each secret key encrypts, and whether the old keys can be removed.

    Exit code 0 if every row is encrypted with the first key, otherwise 1.
    """
    report = with_broker(key_report)
    if as_json:
        print_json(_report_row(report))
    else:
        show(_rows(report), as_json=False, empty="Nothing is encrypted yet.")
        _print_conclusion(report)
    raise typer.Exit(0 if report.may_drop_old_keys else 1)


@cli.command("rotate")
def rotate_keys(
    as_json: AsJson = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Hide the progress bar.")] = False,
) -> None:
    """Encrypt all rows again with the first secret key, while the service runs.

    Safe to interrupt: the next run continues. Exit code 0 if every row is encrypted with the first key. Exit code 1 if
    a row cannot be decrypted with any of the keys, or if a process with another first key wrote a row in the meantime.
    """

    async def work(broker: Broker) -> RotationResult:
        total = (await key_report(broker)).outdated_rows
        with _progress(total, is_shown=not (quiet or as_json)) as advance:
            return await rotate(broker, advance=advance)

    rotated = with_broker(work)
    report = rotated.report
    if as_json:
        print_json({"rotated": rotated.rows, "unreadable": rotated.unreadable, **_report_row(report)})
    else:
        stdout.print(f"Encrypted {counted(rotated.rows, 'row')} with the key {report.key_ids[0]}.")
        if rotated.unreadable:
            print_error(
                f"Could not decrypt {counted(rotated.unreadable, 'row')} with any of the keys. Append the missing key "
                "to VIDEOBROKER_SECRET_KEY, and rotate again."
            )
        _print_conclusion(report)
    raise typer.Exit(0 if report.may_drop_old_keys else 1)


def _rows(report: KeyReport) -> list[dict[str, Any]]:
    positions = {key_id: number for number, key_id in enumerate(report.key_ids, start=1)}
    return [
        {"table": use.table, "key": use.key_id, "position": positions.get(use.key_id or ""), "rows": use.rows}
        for use in report.uses
    ]


def _report_row(report: KeyReport) -> dict[str, Any]:
    return {
        "keys": list(report.key_ids),
        "rows": _rows(report),
        "outdated_rows": report.outdated_rows,
        "missing_keys": list(report.missing_key_ids),
        "may_drop_old_keys": report.may_drop_old_keys,
    }


def _print_conclusion(report: KeyReport) -> None:
    if report.missing_key_ids:
        print_error(
            f"Rows are encrypted with keys that are not in VIDEOBROKER_SECRET_KEY: {', '.join(report.missing_key_ids)}."
        )
    if not report.may_drop_old_keys:
        stderr.print(f"Rows that need an old key: {report.outdated_rows:,}. Run `videobroker secrets rotate`.")
    elif len(report.key_ids) > 1:
        stderr.print(
            "No row needs an old key. Remove the old keys from VIDEOBROKER_SECRET_KEY when the links that they signed "
            "have expired; docs/how-to/rotate-keys.md explains when that is."
        )


@contextmanager
def _progress(total: int, *, is_shown: bool) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True, disable=not is_shown) as progress:
        task = progress.add_task("Encrypting", total=total)
        yield lambda count: progress.advance(task, count)
