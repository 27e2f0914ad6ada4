"""`videobroker journal ...`."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from videobroker.broker import Broker
from videobroker.cli.starting import with_broker
from videobroker.cli.terminal import AsJson, counted, print_error, print_json, show, stderr, stdout
from videobroker.domain.actors import Actor
from videobroker.domain.apps import App
from videobroker.domain.events import EventType, RecordedEvent
from videobroker.domain.journal_proof import export_format
from videobroker.domain.journal_proof.heads import read_heads
from videobroker.domain.journal_proof.verification import ChainHead, ProofIssue, ProofResult
from videobroker.errors import ExportUnreadable
from videobroker.usecases import tenants
from videobroker.usecases.context import RequestContext
from videobroker.usecases.journal import retention
from videobroker.usecases.journal.erasure import ErasureResult, erase_person
from videobroker.usecases.journal.export import export_journal
from videobroker.usecases.journal.queries import read_latest
from videobroker.usecases.journal.sealing import seal_journal
from videobroker.usecases.journal.verification import count_sealed, journal_head, verify_journal

MAX_MENTIONS_SHOWN = 20

cli = typer.Typer(
    help="Query, verify, and export the journal of events. See docs/explanation/journal.md.",
    no_args_is_help=True,
)

AppName = Annotated[
    str,
    typer.Option(
        "--app", help="Name of the app. `@service` is the journal of the service: sign-ins, unknown credentials."
    ),
]
StoredHead = Annotated[
    str | None,
    typer.Option(
        "--head", help="Hash of a seal that you stored elsewhere (`journal head`). The journal must contain it."
    ),
]


@cli.command("verify")
def verify(
    app_name: Annotated[str | None, typer.Option("--app", help="Verify only this app. Default: all apps.")] = None,
    head: StoredHead = None,
    heads: Annotated[
        typer.FileText | None,
        typer.Option(
            help="File with lines of the log, or `-`. The journals must contain the head of each `journal.sealed`."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Verify that no event of the journal was changed, removed, inserted, or reordered, and that no seal is broken.

    Lists every violation. Exit code 0 if there is none, otherwise 1.
    """
    wanted = _hash(head)
    if wanted is not None and app_name is None:
        raise typer.BadParameter("requires --app", param_hint="--head")
    exported: Mapping[str, frozenset[bytes]] = {} if heads is None else _heads_of(heads)

    async def work(broker: Broker) -> list[tuple[App, ProofResult]]:
        apps = (
            [await tenants.find_journal(broker, app_name)]
            if app_name
            else [*await tenants.list_apps(broker), tenants.SERVICE]
        )
        if not app_name and (unknown := exported.keys() - {str(app.id) for app in apps}):
            print_error(f"The database has no app with the ID {', '.join(sorted(unknown))}, of which there are heads.")
            raise typer.Exit(1)
        verdicts = []
        for app in apps:
            stored = exported.get(str(app.id), frozenset()) | (frozenset() if wanted is None else {wanted})
            with _progress(app.name, await count_sealed(broker, app.id)) as advanced:
                verdicts.append((app, await verify_journal(broker, app, heads=stored, advanced=advanced)))
        return verdicts

    verdicts = with_broker(work)
    if as_json:
        print_json([{"app": app.name, **_verdict_row(verdict)} for app, verdict in verdicts])
    else:
        for app, verdict in verdicts:
            _print_verdict(app.name, verdict)
    raise typer.Exit(0 if all(verdict.is_whole for _, verdict in verdicts) else 1)


@cli.command("show")
def show_events(
    app_name: AppName,
    event_type: Annotated[
        list[EventType] | None, typer.Option("--type", help="Only events of this type. Repeatable.", show_choices=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Maximum number of events.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Print the latest events in chronological order, with who caused them."""

    async def work(broker: Broker) -> list[RecordedEvent]:
        app = await tenants.find_journal(broker, app_name)
        return await read_latest(broker, app, types=event_type or (), limit=limit)

    events = [recorded.to_json() for recorded in with_broker(work)]
    if as_json:
        print_json(events)
    else:
        show([_event_row(event) for event in events], as_json=False, empty="No matching events.")


def _event_row(event: Mapping[str, Any]) -> dict[str, Any]:
    by = event["asked_by"]
    who = by["operator"] or by["user_id"] or by["ticket_id"] or by["key_id"] or ""
    return {
        "occurred_at": event["occurred_at"],
        "type": event["type"],
        "user_id": event["user_id"] or "",
        "by": who,
        "ip": by["ip"] or "",
        "data": json.dumps(event["data"], ensure_ascii=False),
    }


@cli.command("head")
def show_head(app_name: AppName, as_json: AsJson = False) -> None:
    """Print the hash of the latest seal. Store it where the owner of the database cannot change it."""

    async def work(broker: Broker) -> ChainHead | None:
        return await journal_head(broker, await tenants.find_journal(broker, app_name))

    head = with_broker(work)
    if as_json:
        print_json({"seal": head and head.number, "hash": head and head.hash.hex()})
    elif head is None:
        print_error(f"The journal of {app_name} has no seal yet.")
        raise typer.Exit(1)
    else:
        stderr.print(f"Seal {head.number} of {app_name}:")
        stdout.print(head.hash.hex())


@cli.command("seal")
def seal(app_name: AppName) -> None:
    """Seal new events now. The background jobs do this every ten seconds."""

    async def work(broker: Broker) -> int:
        app = await tenants.find_journal(broker, app_name)
        return await seal_journal(broker, app.id, now=broker.now())

    stdout.print(f"Sealed {counted(with_broker(work), 'event')} of {app_name}.")


@cli.command("export")
def export(
    app_name: AppName,
    output: Annotated[Path | None, typer.Option(help="File to write. Default: stdout.")] = None,
    reference: Annotated[
        str | None, typer.Option(help="Only events of sessions with this reference, each with its own proof.")
    ] = None,
    without_personal: Annotated[
        bool, typer.Option("--without-personal", help="Omit personal data. The export remains verifiable.")
    ] = False,
) -> None:
    """Export the sealed journal as JSON Lines with proofs, which `journal check` verifies without a database."""

    async def work(broker: Broker, file: TextIO) -> None:
        app = await tenants.find_journal(broker, app_name)
        lines = export_journal(broker, app, personal=not without_personal, reference=reference, now=broker.now())
        async for line in lines:
            file.write(line)

    with _opened(output) as file:
        with_broker(lambda broker: work(broker, file))


@cli.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="File written by `journal export`.", exists=True, dir_okay=False)],
    head: StoredHead = None,
    as_json: AsJson = False,
) -> None:
    """Verify an exported journal, without a database. Exit code 0 if it is intact, otherwise 1."""
    wanted = _hash(head)
    try:
        # Invalid UTF-8 is reported for its line, and does not prevent the check of other lines.
        with file.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
            verdict = export_format.verify_export(lines, head=wanted)
    except ExportUnreadable as error:
        print_error(error.detail)
        raise typer.Exit(1) from None
    if as_json:
        print_json(_verdict_row(verdict))
    else:
        _print_verdict(str(file), verdict)
    raise typer.Exit(0 if verdict.is_whole else 1)


@cli.command("erase")
def erase(
    app_name: AppName,
    user_id: Annotated[str, typer.Option("--user", help="The person's user ID in the app.")],
    reference: Annotated[
        list[str] | None,
        typer.Option(help="Session reference that identifies the person, to erase too. Repeatable."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Erase a person from the journal, sessions, attendance, links, waiting rooms, and provider webhooks.

    Run this after the person has left all calls. The journal remains verifiable. This cannot be undone.
    """

    async def work(broker: Broker) -> ErasureResult:
        app = await tenants.find_journal(broker, app_name)
        actor = Actor(app.id)
        return await erase_person(broker, app.id, user_id, references=reference or (), actor=actor, now=broker.now())

    erased = with_broker(work)
    if as_json:
        event_id = erased.event_id and str(erased.event_id)
        print_json(
            {
                "rows": erased.rows,
                "fields": erased.fields,
                "records": erased.records,
                "mentions": list(erased.mentions),
                "webhooks": erased.webhooks,
                "unprocessed": erased.unprocessed,
                "event": event_id,
                "receipt": erased.receipt,
            }
        )
        return
    stdout.print(f"Erased {counted(erased.fields, 'field')} from {counted(erased.rows, 'event')}.")
    if erased.records:
        stdout.print(f"Deleted or replaced {counted(erased.records, 'record')} in other tables.")
    if erased.webhooks:
        stdout.print(f"Emptied {counted(erased.webhooks, 'provider webhook')}.")
    if erased.unprocessed:
        stderr.print(f"Webhooks emptied before they were processed, which now have no effect: {erased.unprocessed:,}.")
    if erased.mentions:
        stderr.print(
            f"Sessions with the ID or name of the person in their title or metadata: {len(erased.mentions):,}. If they "
            f"refer to the person, change them with a PUT: {', '.join(erased.mentions[:MAX_MENTIONS_SHOWN])}"
            f"{', ...' if len(erased.mentions) > MAX_MENTIONS_SHOWN else ''}"
        )
    if erased.receipt is not None:
        stderr.print(f"Recorded as event {erased.event_id}. This receipt proves who was erased, and is not stored:")
        stdout.print(erased.receipt)


@cli.command("retain")
def retain(
    app_name: AppName,
    event_class: Annotated[
        str | None, typer.Option("--class", help="First part of the event type, such as `credentials`.")
    ] = None,
    days: Annotated[int | None, typer.Option(help="Days to store the events.")] = None,
    for_good: Annotated[bool, typer.Option("--for-good", help="Store the events forever.")] = False,
    as_json: AsJson = False,
) -> None:
    """Set the retention of a class of events, or without --class, show all retentions.

    Expired events are deleted hourly.
    """
    if event_class is None and (days is not None or for_good):
        raise typer.BadParameter("required with --days and --for-good", param_hint="--class")
    if event_class is not None and (days is None) != for_good:
        raise typer.BadParameter("specify either --days or --for-good", param_hint="--days")

    async def work(broker: Broker) -> list[dict[str, Any]]:
        app = await tenants.find_journal(broker, app_name)
        context = RequestContext.for_system(broker, app, broker.now())
        if event_class is not None:
            await retention.set_retention(context, event_class, days)
        return [{"class": each.event_class, "days": each.days} for each in await retention.list_retentions(context)]

    show(with_broker(work), as_json=as_json, empty="All events are stored forever.")


def _hash(text: str | None) -> bytes | None:
    try:
        found = None if text is None else bytes.fromhex(text)
    except ValueError:
        found = b""
    if found is not None and len(found) != 32:
        raise typer.BadParameter("must be 64 hexadecimal digits", param_hint="--head")
    return found


def _heads_of(lines: TextIO) -> Mapping[str, frozenset[bytes]]:
    try:
        found = read_heads(lines)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--heads") from None
    if not found:
        # Otherwise, a wrong file would seem to confirm the journal.
        raise typer.BadParameter("has no line with the event `journal.sealed`", param_hint="--heads")
    return found


@contextmanager
def _progress(name: str, total: int) -> Iterator[Any]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=stderr, transient=True) as progress:
        task = progress.add_task(name, total=total)
        yield lambda count: progress.advance(task, count)


@contextmanager
def _opened(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield typer.get_text_stream("stdout")
    else:
        with path.open("w", encoding="utf-8", newline="\n") as file:
            yield file


def _verdict_row(verdict: ProofResult) -> dict[str, Any]:
    return {
        "whole": verdict.is_whole,
        "events": verdict.rows,
        "seals": verdict.seals,
        "unsealed": verdict.unsealed,
        "erased": verdict.erased,
        "retired": verdict.retired,
        "head": None if verdict.head is None else {"seal": verdict.head.number, "hash": verdict.head.hash.hex()},
        "wrong": {issue_type.value: count for issue_type, count in verdict.counts.items()},
        "findings": [_finding_row(finding) for finding in verdict.findings],
    }


def _finding_row(finding: ProofIssue) -> dict[str, Any]:
    return {
        "wrong": finding.issue_type.value,
        "event": finding.event_id,
        "position": finding.position,
        "seal": finding.seal,
        "sentence": finding.sentence,
    }


def _print_verdict(name: str, verdict: ProofResult) -> None:
    for finding in verdict.findings:
        stdout.print(Text.assemble((f"{finding.issue_type.value:12}", "red"), f" {finding.sentence}"))
    total = sum(verdict.counts.values())
    if total > len(verdict.findings):
        stdout.print(f"{counted(total - len(verdict.findings), 'more issue')} not shown.")
    parts = [f"checked {counted(verdict.rows, 'event')} in {counted(verdict.seals, 'seal')}"]
    parts += [f"{counted(verdict.erased, 'field')} erased"] if verdict.erased else []
    parts += [f"{counted(verdict.retired, 'event')} deleted by retention"] if verdict.retired else []
    parts += [f"{counted(verdict.unsealed, 'event')} not sealed yet"] if verdict.unsealed else []
    outcome = ("intact", "green") if verdict.is_whole else (counted(total, "issue"), "red")
    stdout.print(Text.assemble(outcome, f" {name}: {'; '.join(parts)}."))
