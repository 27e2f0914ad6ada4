"""The README matches the program."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from polling import eventually_blocking
from tenants import free_port
from videobroker.cli import COMMANDS
from videobroker.domain.access import AccessReason
from videobroker.domain.attendance.verdicts import AttendanceVerdict, VerdictRule
from videobroker.domain.calls import EndReason
from videobroker.domain.policy import Policy
from videobroker.errors import CATALOG
from videobroker.settings import SYNONYMS, Settings
from videobroker.web.v1.session_schemas import PolicyInput

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


@pytest.fixture
def demo_folder(tmp_path: Path) -> Iterator[Path]:
    """A folder with a running `make run`."""
    ports = {"PORT": str(free_port()), "SANDBOX_PORT": str(free_port())}
    # Its output contains the demo key intentionally, and goes to the folder of the test, not to the searched log.
    with (tmp_path / "screen.txt").open("wb") as screen:
        process = subprocess.Popen(
            [sys.executable, "-m", "videobroker", "demo"],
            cwd=tmp_path,
            env={"PATH": os.environ["PATH"], **ports},
            stdout=screen,
            stderr=subprocess.STDOUT,
        )
    try:
        screen_text = (tmp_path / "screen.txt").read_text
        eventually_blocking(lambda: "Ctrl-C" in screen_text() or process.poll() is not None, context=screen_text)
        assert process.poll() is None, screen_text()
        yield tmp_path
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(30)


def table_under(heading: str) -> list[list[str]]:
    """The rows of the tables under a heading, cell by cell."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows if not set(row[0]) <= set("- ")]


def test_the_table_lists_exactly_the_settings() -> None:
    names = {field.alias or name.upper() for name, field in Settings.model_fields.items()}
    names |= {synonym for synonyms in SYNONYMS for synonym in synonyms}
    listed = {name for row in table_under("Settings")[1:] for name in re.findall(r"[A-Z][A-Z_0-9]+", row[0])}
    assert listed == names


def test_the_table_lists_all_policy_fields_with_defaults() -> None:
    rows = {row[0].strip("`"): row[2] for row in table_under("Who may enter") if len(row) == 4 and row[0] != "policy"}
    assert set(rows) == set(PolicyInput.model_fields)
    defaults = Policy()
    durations = {name for name in PolicyInput.model_fields if name.endswith("_seconds")} - {
        "token_seconds",
        "ticket_seconds",
    }
    assert len(durations) == 9
    for name in durations:
        assert rows[name] == str(getattr(defaults, name)), name
    assert rows["host_roles"] == ", ".join(defaults.host_roles)


def test_the_table_lists_all_access_reasons() -> None:
    rows = [row for row in table_under("Who may enter") if len(row) == 2]
    assert {reason.value for reason in AccessReason} <= {
        code for _, response in rows for code in re.findall(r"`(\w+)`", response)
    }


def test_the_table_lists_all_verdicts_with_their_rules() -> None:
    rows = [row for row in table_under("Who was there") if len(row) == 3 and row[0] != "verdict"]
    assert {verdict for verdict, *_ in rows} == {f"`{verdict}`" for verdict in AttendanceVerdict} | {"none"}
    assert {rule for _, rules, _ in rows for rule in re.findall(r"`(\w+)`", rules)} == {
        rule.value for rule in VerdictRule
    }


def test_the_table_lists_all_end_reasons() -> None:
    rows = table_under("When a call ends")[1:]
    assert {reason for reason, _ in rows} == {f"`{reason}`" for reason in EndReason}


def test_the_list_of_commands_is_complete() -> None:
    listed = set(re.findall(r"^videobroker (\S+)", README.split("\n## Running it\n")[1], flags=re.MULTILINE))
    assert listed == set(COMMANDS) - {"demo"}


def test_every_linked_page_exists() -> None:
    linked = re.findall(r"\]\(([\w/.-]+)", README)
    assert linked
    assert [page for page in linked if not (ROOT / page).is_file()] == []


def test_every_error_in_the_tables_has_the_correct_status() -> None:
    rows = table_under("When something goes wrong")[1:]
    for codes, status, _ in rows:
        for code in re.findall(r"`(\w+)`", codes):
            assert CATALOG[code].status == int(status), code


def test_every_line_of_the_walk_through_works(demo_folder: Path) -> None:
    section = README.split("\n## Five minutes\n")[1].split("\n## ")[0]
    blocks = re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    assert len(blocks) == 8
    script = "\necho; echo ----\n".join(blocks)
    ran = subprocess.run(
        ["bash", "-eu", "-c", script], cwd=demo_folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert ran.returncode == 0, ran.stderr
    responses: list[dict[str, Any]] = [json.loads(part) for part in ran.stdout.split("----")[1:] if part.strip()]
    booked, joined, page, refused, access, ended, journal = responses
    assert booked["version"] == 1
    assert (joined["type"], joined["role"]) == ("100ms_token", "teacher")
    assert (page["type"], page["room_id"]) == ("100ms_room_code", joined["room_id"])
    assert (refused["status"], refused["code"]) == (403, "not_a_participant")
    assert (access["decision"], access["reason"]) == ("wait", "too_early")
    assert (ended["id"], ended["ended_by"]) == (joined["call"]["id"], "ada")
    assert [event["type"] for event in journal["data"]].count("credentials.issued") == 2
