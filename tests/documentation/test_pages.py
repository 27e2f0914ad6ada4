"""The pages match the program."""

import re
from pathlib import Path

import pytest

from docs_build import reference
from videobroker.cli import COMMANDS
from videobroker.domain.access import AccessReason
from videobroker.domain.attendance.verdicts import AttendanceVerdict, VerdictRule
from videobroker.domain.authorization import RULES, Action, PermissionLevel
from videobroker.domain.calls import EndReason
from videobroker.domain.policy import Policy
from videobroker.settings import SYNONYMS, Settings
from videobroker.web.v1.session_schemas import PolicyInput

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"


def table(page: str, heading: str) -> list[list[str]]:
    """The rows of the first table under a heading, cell by cell, without its head."""
    section = (DOCS / f"{page}.md").read_text().split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = section.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith("|"))
    rows = []
    for line in lines[first:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows[2:]


def codes(text: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", text))


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= 6_000


@pytest.mark.parametrize("name", reference.PAGES)
def test_a_generated_page_is_current(name: str) -> None:
    assert (DOCS / "reference" / f"{name}.md").read_text() == reference.PAGES[name](), "run `make openapi`"


def test_the_page_lists_exactly_the_settings() -> None:
    names = {name for field, info in Settings.model_fields.items() for name in reference.names_of(field, info)}
    assert names >= {synonym for synonyms in SYNONYMS for synonym in synonyms}
    rows = re.findall(r"^\| (`[A-Z][^|]*) \|", reference.settings(), re.MULTILINE)
    listed = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert sorted(listed) == sorted(names)


def test_the_page_lists_all_policy_fields_with_their_defaults() -> None:
    rows = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([^|]+) \|", reference.policy(), re.MULTILINE)
    assert [name for name, _ in rows] == list(PolicyInput.model_fields)
    defaults = {name: default.strip("`") for name, default in rows}
    assert (defaults["grace_seconds"], defaults["waiting_room"]) == ("900", "off")
    assert codes(dict(rows)["host_roles"]) == set(Policy().host_roles)


def test_the_page_lists_all_commands() -> None:
    listed = re.findall(r"^## videobroker (\S+)$", reference.command_line(), re.MULTILINE)
    assert listed == list(COMMANDS)


def test_the_access_decision_has_all_reasons() -> None:
    rows = table("explanation/access-decision", "Who may join")
    assert {reason.value for reason in AccessReason} <= {code for _, answer in rows for code in codes(answer)}


ROWS_OF_AUTHORIZATION = {
    "see the session": Action.VIEW_SESSION,
    "its metadata and policy": Action.VIEW_DETAILS,
    "create, move, cancel it": Action.CREATE_SESSION,
    "change its metadata, policy, participants; delete it": Action.DELETE_SESSION,
    "start a call": Action.START_CALL,
    "end the call for everyone": Action.END_CALL,
    "see who is in the call; admit, deny, remove, block": Action.MODERATE,
    "calls and attendance": Action.VIEW_ATTENDANCE,
    "report an event": Action.REPORT_EVENT,
    "give feedback about a call": Action.GIVE_FEEDBACK,
    "create links": Action.CREATE_LINK,
    "bring a guest": Action.BRING_GUEST,
    "read the journal": Action.READ_EVENTS,
    "webhook endpoints": Action.MANAGE_ENDPOINTS,
}

WHOLE_APP = "all calls of the app"
"""The same action as for the calls of a session, for which only a key has the permission."""


def test_the_authorization_table_has_the_rules_of_the_code() -> None:
    rows = [row for row in table("explanation/authorization", "Who may do what") if row[0] != WHOLE_APP]
    assert [label for label, *_ in rows] == list(ROWS_OF_AUTHORIZATION)
    for label, key, *cells in rows:
        rule = RULES[ROWS_OF_AUTHORIZATION[label]]
        assert f"`{rule.scope}`" in key, label
        levels = (rule.host, rule.participant, rule.guest, rule.outsider)
        allowed = [level is not PermissionLevel.NO for level in levels]
        assert [cell != "no" for cell in cells] == allowed, label
        plain = {PermissionLevel.YES: "yes", PermissionLevel.IF_BOOKING_ROLE: "with `booking_roles`"}
        assert all(plain.get(level, cell) == cell for level, cell in zip(levels, cells, strict=True) if cell == "yes")


def test_attendance_has_all_verdicts_with_their_rules() -> None:
    rows = table("explanation/attendance", "From stays to verdicts")
    assert {verdict for verdict, *_ in rows} == {f"`{verdict}`" for verdict in AttendanceVerdict} | {"none"}
    assert {rule for _, rules, _ in rows for rule in codes(rules)} == {rule.value for rule in VerdictRule}


def test_calls_have_all_end_reasons() -> None:
    rows = table("explanation/calls", "When a call ends")
    assert {reason for reason, _ in rows} == {f"`{reason}`" for reason in EndReason}
