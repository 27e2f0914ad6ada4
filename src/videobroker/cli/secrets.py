"""`videobroker secrets ...`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from videobroker.broker import Broker
from videobroker.cli.starting import with_broker
from videobroker.cli.terminal import AsJson, complain, print_json, show, stderr, stdout
from videobroker.domain.secret_keys import KeyReport
from videobroker.usecases.operations.secret_keys import Rotated, key_report, rotate

cli = typer.Typer(help="The keys in VIDEOBROKER_SECRET_KEY, and how to replace one.", no_args_is_help=True)


@cli.callback()
def secrets() -> None:
    """The keys in VIDEOBROKER_SECRET_KEY, and how to replace one. docs/rotation.md has the steps."""


@cli.command("status")
def show_status(as_json: AsJson = False) -> None:
    """Show how many rows depend on each secret key, and whether the old keys may be dropped.

    Exit code 0 when every row is encrypted with the first key, 1 otherwise.
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
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress bar.")] = False,
) -> None:
    """Encrypt every row that depends on an old secret key with the first one, while the service runs.

    Interrupt it at any time: the next run continues. Exit code 0 when every row is encrypted with the first key, 1 when
    a row cannot be decrypted with any of the keys, or when a process with another first key wrote meanwhile.
    """

    async def work(broker: Broker) -> Rotated:
        total = (await key_report(broker)).outdated_rows
        with _progress(total, is_shown=not (quiet or as_json)) as advance:
            return await rotate(broker, advance=advance)

    rotated = with_broker(work)
    report = rotated.report
    if as_json:
        print_json({"rotated": rotated.rows, "unreadable": rotated.unreadable, **_report_row(report)})
    else:
        stdout.print(f"Encrypted {rotated.rows:,} rows with the key {report.key_ids[0]}.")
        if rotated.unreadable:
            complain(
                f"None of the keys decrypts {rotated.unreadable:,} rows. Add the key that encrypted them to the end of "
                "VIDEOBROKER_SECRET_KEY, and rotate again."
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
        complain(
            f"Rows depend on keys that VIDEOBROKER_SECRET_KEY does not contain: {', '.join(report.missing_key_ids)}."
        )
    if not report.may_drop_old_keys:
        stderr.print(f"{report.outdated_rows:,} rows need an old key. Run `videobroker secrets rotate`.")
    elif len(report.key_ids) > 1:
        stderr.print(
            "No row needs an old key. Keep it until the links that it signed have expired: docs/rotation.md says how "
            "long that takes. Then remove it from VIDEOBROKER_SECRET_KEY."
        )


@contextmanager
def _progress(total: int, *, is_shown: bool) -> Iterator[Callable[[int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True, disable=not is_shown) as progress:
        task = progress.add_task("Encrypting", total=total)
        yield lambda count: progress.advance(task, count)
