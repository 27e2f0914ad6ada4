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
from videobroker.cli.terminal import AsJson, complain, print_json, show, stderr, stdout
from videobroker.domain.actors import Actor
from videobroker.domain.apps import App
from videobroker.domain.events import EventType, RecordedEvent
from videobroker.domain.journal_proof import export_format
from videobroker.domain.journal_proof.verification import ProofIssue, ProofResult
from videobroker.errors import ExportUnreadable
from videobroker.usecases import tenants
from videobroker.usecases.journal import retention
from videobroker.usecases.journal.erasure import Erased, erase_person
from videobroker.usecases.journal.export import export_journal
from videobroker.usecases.journal.queries import read_latest
from videobroker.usecases.journal.sealing import seal_journal
from videobroker.usecases.journal.verification import count_sealed, journal_head, verify_journal

MENTIONS_SHOWN = 20

cli = typer.Typer(
    help="The journal, and the proof that nothing in it was changed. docs/journal.md tells how it works.",
    no_args_is_help=True,
)

AppName = Annotated[
    str, typer.Option("--app", help="The app. `@service` is the journal of the service: sign-ins, unknown credentials.")
]
StoredHead = Annotated[
    str | None,
    typer.Option(
        "--head", help="The hash of a seal that you stored elsewhere (`journal head`): it must be among them."
    ),
]


@cli.command("verify")
def verify(
    app_name: Annotated[str | None, typer.Option("--app", help="This app only; all when left out.")] = None,
    head: StoredHead = None,
    as_json: AsJson = False,
) -> None:
    """Find every event of the journal that was changed, removed, inserted or reordered, and every broken seal.

    Exit code 0 when there is none, 1 when there is.
    """
    wanted = _hash(head)
    if wanted is not None and app_name is None:
        raise typer.BadParameter("say with --app whose head it is", param_hint="--head")

    async def work(broker: Broker) -> list[tuple[App, ProofResult]]:
        apps = (
            [await tenants.find_journal(broker, app_name)]
            if app_name
            else [*await tenants.list_apps(broker), tenants.SERVICE]
        )
        verdicts = []
        for app in apps:
            with _progress(app.name, await count_sealed(broker, app.id)) as advanced:
                verdicts.append((app, await verify_journal(broker, app, head=wanted, advanced=advanced)))
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
        list[EventType] | None, typer.Option("--type", help="Only these types; repeat it.", show_choices=False)
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Print the newest events, the newest last: what happened, and who did it."""

    async def work(broker: Broker) -> list[RecordedEvent]:
        app = await tenants.find_journal(broker, app_name)
        return await read_latest(broker, app, types=event_type or (), limit=limit)

    events = [recorded.to_json() for recorded in with_broker(work)]
    if as_json:
        print_json(events)
    else:
        show([_event_row(event) for event in events], as_json=False, empty="There is no such event.")


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
    """Print the hash of the newest seal. Store it elsewhere, where the owner of the database cannot change it."""
    head = with_broker(lambda broker: _with_app(broker, app_name, journal_head))
    if as_json:
        print_json({"seal": head and head.number, "hash": head and head.hash.hex()})
    elif head is None:
        complain(f"Nothing of the journal of {app_name} was sealed yet.")
        raise typer.Exit(1)
    else:
        stderr.print(f"Seal {head.number} of {app_name}:")
        stdout.print(head.hash.hex())


@cli.command("seal")
def seal(app_name: AppName) -> None:
    """Seal what the journal has gained, without waiting for the background work, which does it every ten seconds."""

    async def work(broker: Broker) -> int:
        app = await tenants.find_journal(broker, app_name)
        return await seal_journal(broker, app.id, now=broker.now())

    stdout.print(f"Sealed {with_broker(work):,} events of {app_name}.")


@cli.command("export")
def export(
    app_name: AppName,
    output: Annotated[Path | None, typer.Option(help="Write into this file; to stdout when left out.")] = None,
    reference: Annotated[
        str | None, typer.Option(help="Only events about sessions with this reference, each with a proof of its own.")
    ] = None,
    without_personal: Annotated[
        bool, typer.Option("--without-personal", help="Withhold personal values; the rest is verifiable.")
    ] = False,
) -> None:
    """Write the sealed journal as JSON Lines that prove themselves: `journal check` needs no database."""

    async def work(broker: Broker, file: TextIO) -> None:
        app = await tenants.find_journal(broker, app_name)
        lines = export_journal(broker, app, personal=not without_personal, reference=reference, now=broker.now())
        async for line in lines:
            file.write(line)

    with _opened(output) as file:
        with_broker(lambda broker: work(broker, file))


@cli.command("check")
def check(
    file: Annotated[Path, typer.Argument(help="What `journal export` wrote.", exists=True, dir_okay=False)],
    head: StoredHead = None,
    as_json: AsJson = False,
) -> None:
    """Check an exported journal, without a database. Exit code 0 when it is whole, 1 when it is not."""
    wanted = _hash(head)
    try:
        # Bytes that are no UTF-8 are a finding about their line, and no reason to leave the other lines unchecked.
        with file.open(encoding="utf-8", errors="surrogateescape", newline="\n") as lines:
            verdict = export_format.verify_export(lines, head=wanted)
    except ExportUnreadable as error:
        complain(error.detail)
        raise typer.Exit(1) from None
    if as_json:
        print_json(_verdict_row(verdict))
    else:
        _print_verdict(str(file), verdict)
    raise typer.Exit(0 if verdict.is_whole else 1)


@cli.command("erase")
def erase(
    app_name: AppName,
    user_id: Annotated[str, typer.Option("--user", help="The app's id of the person.")],
    reference: Annotated[
        list[str] | None,
        typer.Option(help="A reference of sessions that tells who the person is, to be forgotten too; repeat it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Erase a person: from the journal, sessions, attendance, links, waiting rooms, and providers' webhooks.

    Run it when they have left their calls. The journal proves itself as before. It cannot be undone.
    """

    async def work(broker: Broker) -> Erased:
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
                "webhooks": erased.notices,
                "unprocessed": erased.unprocessed,
                "event": event_id,
                "receipt": erased.receipt,
            }
        )
        return
    stdout.print(f"Took {erased.fields} entries out of {erased.rows} events.")
    if erased.records:
        stdout.print(f"Deleted or replaced {erased.records} entries elsewhere.")
    if erased.notices:
        stdout.print(f"Emptied {erased.notices} webhooks of providers.")
    if erased.unprocessed:
        stderr.print(f"{erased.unprocessed} of these webhooks could not be processed before. They have no effect now.")
    if erased.mentions:
        stderr.print(
            f"The title or metadata of {len(erased.mentions)} sessions still contains their ID or name; change it with "
            f"a PUT if it means them: {', '.join(erased.mentions[:MENTIONS_SHOWN])}"
            f"{', ...' if len(erased.mentions) > MENTIONS_SHOWN else ''}"
        )
    if erased.receipt is not None:
        stderr.print(f"Event {erased.event_id} records it. The receipt proves whom it is about, and is not stored:")
        stdout.print(erased.receipt)


@cli.command("retain")
def retain(
    app_name: AppName,
    event_class: Annotated[
        str | None, typer.Option("--class", help="The first word of the events' type, `credentials` for example.")
    ] = None,
    days: Annotated[int | None, typer.Option(help="Keep them for so many days.")] = None,
    for_good: Annotated[bool, typer.Option("--for-good", help="Keep them for good.")] = False,
    as_json: AsJson = False,
) -> None:
    """Set the retention of a class of events; without --class, show it. Old events are deleted hourly."""
    if event_class is None and (days is not None or for_good):
        raise typer.BadParameter("name the class with --class", param_hint="--class")
    if event_class is not None and (days is None) != for_good:
        raise typer.BadParameter("say either --days or --for-good", param_hint="--days")

    async def work(broker: Broker) -> list[dict[str, Any]]:
        app = await tenants.find_journal(broker, app_name)
        if event_class is not None:
            await retention.set_retention(broker, app, event_class, days, now=broker.now())
        return [{"class": each.event_class, "days": each.days} for each in await retention.retentions(broker, app)]

    show(with_broker(work), as_json=as_json, empty="Everything is stored forever.")


async def _with_app(broker: Broker, name: str, work: Any) -> Any:
    return await work(broker, await tenants.find_journal(broker, name))


def _hash(text: str | None) -> bytes | None:
    try:
        found = None if text is None else bytes.fromhex(text)
    except ValueError:
        found = b""
    if found is not None and len(found) != 32:
        raise typer.BadParameter("a hash has 64 hexadecimal digits", param_hint="--head")
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
        "wrong": {wrong.value: count for wrong, count in verdict.counts.items()},
        "findings": [_finding_row(finding) for finding in verdict.findings],
    }


def _finding_row(finding: ProofIssue) -> dict[str, Any]:
    return {
        "wrong": finding.wrong.value,
        "event": finding.event_id,
        "position": finding.position,
        "seal": finding.seal,
        "sentence": finding.sentence,
    }


def _print_verdict(name: str, verdict: ProofResult) -> None:
    for finding in verdict.findings:
        stdout.print(Text.assemble((f"{finding.wrong.value:12}", "red"), f" {finding.sentence}"))
    total = sum(verdict.counts.values())
    if total > len(verdict.findings):
        stdout.print(f"{total - len(verdict.findings):,} more are not shown.")
    parts = [f"{verdict.rows:,} events in {verdict.seals:,} seals are as they were sealed"]
    parts += [f"{verdict.erased:,} entries were erased"] if verdict.erased else []
    parts += [f"{verdict.retired:,} events were retired"] if verdict.retired else []
    parts += [f"{verdict.unsealed:,} wait for their seal"] if verdict.unsealed else []
    outcome = ("whole", "green") if verdict.is_whole else (f"{total:,} wrong", "red")
    stdout.print(Text.assemble(outcome, f" {name}: {'; '.join(parts)}."))
