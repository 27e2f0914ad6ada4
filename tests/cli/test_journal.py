"""`videobroker journal`: output and exit codes."""

import asyncio
import json
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from cli.program import CommandRunner

WRITE = """
insert into journal (app_id, id, type, occurred_at, kind, reference, user_id, data)
select apps.id, gen_random_uuid(), 'credentials.issued', now() - interval '40 days', 'booking', 'lesson-' || n % 2,
       'user-' || n, '{"role": "student"}'
from apps, generate_series(1, 4) n where name = 'acme'
"""


def change(url: str, *statements: str) -> None:
    """Change the database as a superuser, without the service."""

    async def work() -> None:
        connection = await asyncpg.connect(url)
        try:
            for statement in statements:
                await connection.execute(statement)
        finally:
            await connection.close()

    asyncio.run(work())


@pytest.fixture(autouse=True)
def acme(videobroker: CommandRunner, own_database: str) -> None:
    """An app with four events."""
    videobroker.succeed("apps", "create", "acme")
    # Without the event of its set-up, so that counts do not include it.
    change(own_database, "set session_replication_role = replica", "delete from journal", WRITE)


@pytest.fixture
def sealed(videobroker: CommandRunner) -> None:
    """The events, sealed."""
    while "4" not in videobroker.succeed("journal", "seal", "--app", "acme").out:
        pass  # a transaction in another database of the server is still running


WITHOUT_TRIGGERS = "set session_replication_role = replica"


def verified(videobroker: CommandRunner, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code, and the result for the app."""
    outcome = videobroker("journal", "verify", "--app", "acme", "--json", *arguments)
    (result,) = json.loads(outcome.out)
    return outcome.code, result


@pytest.mark.usefixtures("sealed")
def test_an_intact_journal_exits_with_0(videobroker: CommandRunner) -> None:
    assert "intact acme: checked 4 events in 1 seal." in videobroker.succeed("journal", "verify").out
    code, result = verified(videobroker)
    assert (code, result["whole"], result["events"], result["wrong"]) == (0, True, 4, {})


def test_unsealed_events_are_only_counted(videobroker: CommandRunner) -> None:
    code, result = verified(videobroker)
    assert (code, result["events"], result["unsealed"]) == (0, 0, 4)


@pytest.mark.usefixtures("sealed")
@pytest.mark.parametrize(
    ("statement", "issue_type"),
    [
        ("update journal set user_id = 'eve' where user_id = 'user-2'", "changed"),
        ("delete from journal where user_id = 'user-2'", "removed"),
        ("update journal_seals set root = sha256('x')", "seal_broken"),
    ],
)
def test_a_damaged_journal_exits_with_1_and_says_why(
    videobroker: CommandRunner, own_database: str, statement: str, issue_type: str
) -> None:
    change(own_database, WITHOUT_TRIGGERS, statement)
    outcome = videobroker("journal", "verify")
    assert (outcome.code, outcome.out.split()[0]) == (1, issue_type)
    code, result = verified(videobroker)
    assert (code, result["wrong"], len(result["findings"])) == (1, {issue_type: 1}, 1)


@pytest.mark.usefixtures("sealed")
def test_the_head_is_the_only_output_and_can_be_verified(videobroker: CommandRunner) -> None:
    head = videobroker.succeed("journal", "head", "--app", "acme").out.strip()
    assert json.loads(videobroker.succeed("journal", "head", "--app", "acme", "--json").out) == {
        "seal": 1,
        "hash": head,
    }
    assert verified(videobroker, "--head", head)[0] == 0
    code, result = verified(videobroker, "--head", "0" * 64)
    assert (code, result["wrong"]) == (1, {"head_missing": 1})


def log_line(videobroker: CommandRunner, app_id: str) -> str:
    """What a worker logged when it wrote the newest seal."""
    head = videobroker.succeed("journal", "head", "--app", "acme").out.strip()
    return json.dumps({"app": app_id, "seal": 1, "hash": head, "rows": 4, "event": "journal.sealed", "level": "info"})


def id_of_acme(url: str) -> str:
    async def work() -> str:
        connection = await asyncpg.connect(url)
        try:
            return str(await connection.fetchval("select id from apps where name = 'acme'"))
        finally:
            await connection.close()

    return asyncio.run(work())


@pytest.mark.usefixtures("sealed")
def test_heads_of_the_log_prove_that_nothing_was_cut_off(
    videobroker: CommandRunner, own_database: str, tmp_path: Path
) -> None:
    log = tmp_path / "worker.log"
    log.write_text(f'{{"event": "health.started"}}\nno JSON\n{log_line(videobroker, id_of_acme(own_database))}\n')
    assert videobroker("journal", "verify", "--heads", str(log)).code == 0
    change(
        own_database,
        WITHOUT_TRIGGERS,
        "delete from journal_seals",
        "delete from journal_leaves",
        "delete from journal_salts",
        "delete from journal",
    )
    assert videobroker("journal", "verify").code == 0
    outcome = videobroker("journal", "verify", "--heads", str(log))
    assert outcome.code == 1
    assert "head_missing" in outcome.out


@pytest.mark.usefixtures("sealed")
def test_a_head_of_a_removed_app_is_reported(videobroker: CommandRunner, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    log.write_text(log_line(videobroker, "0195d3c2-0000-7000-8000-00000000000a"))
    outcome = videobroker("journal", "verify", "--heads", str(log))
    assert outcome.code == 1
    assert "0195d3c2-0000-7000-8000-00000000000a" in outcome.err


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"event": "journal.sealed", "app": "a", "hash": "0a"}', "Line 1 is damaged"),
        ('{"event": "health.started"}', "no line with the event"),
    ],
)
def test_a_file_without_readable_heads_is_refused(
    videobroker: CommandRunner, tmp_path: Path, line: str, message: str
) -> None:
    log = tmp_path / "worker.log"
    log.write_text(line)
    outcome = videobroker("journal", "verify", "--heads", str(log))
    assert outcome.code == 2
    assert message in outcome.err


def test_without_a_seal_there_is_no_head(videobroker: CommandRunner) -> None:
    outcome = videobroker("journal", "head", "--app", "acme")
    assert (outcome.code, outcome.out) == (1, "")
    assert "The journal of acme has no seal yet." in outcome.err


@pytest.mark.usefixtures("sealed")
def test_an_export_is_verified_without_a_database(videobroker: CommandRunner, tmp_path: Path) -> None:
    file = tmp_path / "acme.jsonl"
    videobroker.succeed("journal", "export", "--app", "acme", "--output", str(file))
    head = videobroker.succeed("journal", "head", "--app", "acme").out.strip()
    nowhere = {"DATABASE_URL": "postgresql://user@127.0.0.1:1/nothing"}
    output = videobroker.succeed("journal", "check", str(file), "--head", head, **nowhere).out
    assert "checked 4 events in 1 seal." in output
    exported = file.read_bytes()
    file.write_bytes(exported.replace(b"user-2", b"user-3"))
    outcome = videobroker("journal", "check", str(file), "--json", **nowhere)
    assert (outcome.code, json.loads(outcome.out)["wrong"]) == (1, {"changed": 1})
    # A flipped bit makes the line invalid UTF-8: the line is still reported, and the rest is checked.
    file.write_bytes(exported.replace(b"user-2", b"user-\xb2"))
    outcome = videobroker("journal", "check", str(file), "--json", **nowhere)
    assert (outcome.code, json.loads(outcome.out)["wrong"]["changed"]) == (1, 1)


@pytest.mark.usefixtures("sealed")
def test_an_export_goes_to_stdout_and_can_omit_personal_data(videobroker: CommandRunner) -> None:
    exported = ("journal", "export", "--app", "acme")
    everything = videobroker.succeed(*exported).out
    assert everything.count('{"event"') == 4
    assert "user-2" not in videobroker.succeed(*exported, "--without-personal").out
    assert videobroker.succeed(*exported, "--reference", "lesson-1").out.count('{"event"') == 2


def test_a_file_that_is_not_an_export_is_refused(videobroker: CommandRunner, tmp_path: Path) -> None:
    for content in (b"", b"nonsense", b"\xff\xfe"):
        (tmp_path / "file").write_bytes(content)
        outcome = videobroker("journal", "check", str(tmp_path / "file"))
        assert (outcome.code, outcome.out) == (1, "")
        assert outcome.err.startswith("error: The file is ")
        assert "Traceback" not in outcome.err


@pytest.mark.usefixtures("sealed")
def test_a_person_is_erased_and_the_receipt_is_shown_once(videobroker: CommandRunner) -> None:
    outcome = videobroker.succeed("journal", "erase", "--app", "acme", "--user", "user-2")
    first, receipt = outcome.out.splitlines()
    assert first == "Erased 1 field from 1 event."
    assert len(receipt) == 64
    code, result = verified(videobroker)
    assert (code, result["erased"], result["unsealed"]) == (0, 1, 1)
    again = json.loads(videobroker.succeed("journal", "erase", "--app", "acme", "--user", "user-2", "--json").out)
    nothing = {"rows": 0, "fields": 0, "records": 0, "mentions": [], "webhooks": 0, "unprocessed": 0}
    assert again == nothing | {"event": None, "receipt": None}


def test_the_latest_events_are_shown_in_order(videobroker: CommandRunner) -> None:
    show = ("journal", "show", "--app", "acme")
    events = json.loads(videobroker.succeed(*show, "--json", "--limit", "2").out)
    assert [event["user_id"] for event in events] == ["user-3", "user-4"]
    videobroker.succeed("apps", "create", "globex")
    (created,) = json.loads(videobroker.succeed("journal", "show", "--app", "globex", "--json").out)
    assert (created["type"], created["data"]["via"]) == ("app_settings.created", "command_line")
    assert "credentials.issued" in videobroker.succeed(*show).out
    assert videobroker.succeed(*show, "--type", "call.started").out == "No matching events.\n"
    assert videobroker(*show, "--type", "nonsense").code == 2


def test_the_service_has_its_own_journal(videobroker: CommandRunner) -> None:
    assert videobroker.succeed("journal", "show", "--app", "@service").out == "No matching events.\n"
    videobroker.succeed("journal", "retain", "--app", "@service", "--class", "authentication", "--days", "30")
    (changed,) = json.loads(videobroker.succeed("journal", "show", "--app", "@service", "--json").out)
    assert (changed["type"], changed["data"]["class"], changed["data"]["days"]) == (
        "retention.changed",
        "authentication",
        30,
    )
    assert {each["app"] for each in json.loads(videobroker.succeed("journal", "verify", "--json").out)} == {
        "acme",
        "@service",
    }
    assert videobroker("apps", "create", "@service").code == 1


def test_a_retention_is_set_shown_and_removed(videobroker: CommandRunner) -> None:
    retain = ("journal", "retain", "--app", "acme")
    assert videobroker.succeed(*retain).out == "All events are stored forever.\n"
    videobroker.succeed(*retain, "--class", "credentials", "--days", "30")
    assert json.loads(videobroker.succeed(*retain, "--json").out) == [{"class": "credentials", "days": 30}]
    refused = videobroker(*retain, "--class", "journal", "--days", "30")
    assert (refused.code, "never removed" in refused.err) == (1, True)
    assert (
        videobroker.succeed(*retain, "--class", "credentials", "--for-good").out == "All events are stored forever.\n"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("verify", "--head", "0" * 64),
        ("verify", "--app", "acme", "--head", "nonsense"),
        ("verify", "--heads", "missing.log"),
        ("retain", "--app", "acme", "--days", "30"),
        ("retain", "--app", "acme", "--class", "call"),
        ("retain", "--app", "acme", "--class", "call", "--days", "30", "--for-good"),
        ("check", "missing.jsonl"),
        ("erase", "--app", "acme"),
    ],
    ids=" ".join,
)
def test_a_usage_error_exits_with_2(videobroker: CommandRunner, arguments: tuple[str, ...]) -> None:
    outcome = videobroker("journal", *arguments)
    assert (outcome.code, outcome.out) == (2, "")
    assert "Traceback" not in outcome.err


def test_an_unknown_app_is_an_error(videobroker: CommandRunner) -> None:
    for command in ("verify", "head", "seal", "export", "retain"):
        outcome = videobroker("journal", command, "--app", "unknown")
        assert outcome.code == 1
        assert "App 'unknown' not found." in outcome.err
