"""The list of states is complete: it has every state of every page, each with a test."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from browser import hosted_page, states
from browser.screenshots import DOCS
from browser.states import FAMILIES, NOT_VISIBLE, STATES, table_of_states
from videobroker import sandbox
from videobroker.domain.access import AccessReason
from videobroker.sandbox.meeting import refusals
from videobroker.web import console

TESTS = Path(__file__).parent
SANDBOX_PAGE = Path(sandbox.__file__).parent / "page"
PAGES = {
    "hosted": "reference/hosted-page.md",
    "agora": "reference/hosted-page.md",
    "embedded": "how-to/embed-the-hosted-page.md",
    "sandbox": "reference/sandbox.md",
    "console": "reference/console.md",
    "demo": "reference/console.md",
}
WAITING = {AccessReason.TOO_EARLY, AccessReason.WAITING_FOR_HOST, AccessReason.WAITING_FOR_ADMISSION}


@cache
def _literals() -> set[str]:
    """Every string literal in the browser tests."""
    trees = [ast.parse(path.read_text()) for path in TESTS.glob("test_*.py") if path.name != Path(__file__).name]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _family(name: str) -> str:
    """All texts of a family's states."""
    return "\n".join(sentence for state in FAMILIES[name] for sentence in state.sentences)


@pytest.mark.parametrize("name", STATES)
def test_every_state_is_shown_by_a_test(name: str) -> None:
    is_console_page = name.startswith("console-") and name.removeprefix("console-") in _literals()
    assert name in _literals() or is_console_page


def test_names_of_states_are_unique() -> None:
    assert len(STATES) == sum(len(family) for family in FAMILIES.values())


def test_every_screen_of_the_hosted_page_is_a_state() -> None:
    assert {state.screen for state in STATES.values() if state.screen} == {*hosted_page.screens(), "call"}


def test_every_text_of_the_hosted_page_is_part_of_a_state() -> None:
    expect_state = {name for state in STATES.values() for name in state.texts}
    assert expect_state | NOT_VISIBLE == set(hosted_page.texts()["en"])
    assert expect_state & NOT_VISIBLE == set()


def test_every_reason_to_wait_or_refuse_has_its_own_screen() -> None:
    found = {
        reason: hosted_page.screen_of("wait" if reason in WAITING else "refuse", reason.value)
        for reason in AccessReason
    }
    # A completed session and a past one show one screen.
    assert found.pop(AccessReason.SESSION_COMPLETED) == found[AccessReason.SESSION_OVER]
    assert len(set(found.values())) == len(found)
    assert {"refused", "ready"} & set(found.values()) == set()
    assert hosted_page.screen_of("refuse", "reason_of_a_later_version") == "refused"


def test_every_refusal_of_the_sandbox_is_a_state() -> None:
    texts = _family("sandbox")
    for refusal in (*refusals.KNOWN_REFUSALS.values(), refusals._TOKEN):
        assert refusal.title in texts
        assert refusal.sentence in texts


def test_every_card_and_note_of_the_sandboxs_page_is_a_state() -> None:
    texts = _family("sandbox")
    call, view = (SANDBOX_PAGE / "call.js").read_text(), (SANDBOX_PAGE / "view.js").read_text()
    cards = set(re.findall(r'(?:#showEnd|#showCard)\(\s*"([^"]+)"', call))
    # One call has two titles.
    cards |= {title for pair in re.findall(r'#showCard\(framed \? "([^"]+)" : "([^"]+)"', call) for title in pair}
    assert len(cards) > 6
    assert {each for each in cards if each not in texts} == set()
    notes = re.search(r"const NOTES = \{.*?video: \{(.*?)\}", view, re.DOTALL)
    assert notes
    cameras = re.findall(r'"([^"]+)"', notes[1])
    assert len(cameras) == 4
    assert {each for each in cameras if each not in texts} == set()


def test_every_page_of_the_console_is_a_state() -> None:
    paths = {
        route.path
        for router in console.ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and not route.path.startswith("/static/")
    }
    assert paths == {path for path, _ in states.CONSOLE_PAGES}
    assert {name for _, name in states.CONSOLE_PAGES} <= set(STATES)


@pytest.mark.parametrize("family", FAMILIES)
def test_the_docs_show_every_state(family: str) -> None:
    path = DOCS / PAGES[family]
    begin, end = f"<!-- states of {family}: begin -->", f"<!-- states of {family}: end -->"
    current = path.read_text().partition(begin)[2].partition(end)[0]
    assert current.strip() == table_of_states(family)
