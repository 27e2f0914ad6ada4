"""The list of states is whole: every state that a page has is on it, is shown by a test, and has its pictures."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from browser import catalogue, states
from browser.screens import DOCS, FOLDER, wanted
from browser.states import FAMILIES, SIZES, STATES, UNSEEN, gallery
from videobroker import sandbox
from videobroker.domain.access import Reason
from videobroker.sandbox.meeting import refusals
from videobroker.web import console

TESTS = Path(__file__).parent
SANDBOX_PAGE = Path(sandbox.__file__).parent / "page"
GALLERIES = {
    "hosted": "hosted-page.md",
    "agora": "hosted-page.md",
    "embedded": "embedding.md",
    "sandbox": "sandbox.md",
    "console": "console.md",
    "demo": "console.md",
}
WAITING = {Reason.TOO_EARLY, Reason.WAITING_FOR_HOST, Reason.WAITING_FOR_ADMISSION}


@cache
def _literals() -> set[str]:
    """Every string that stands in a test of a browser."""
    trees = [ast.parse(path.read_text()) for path in TESTS.glob("test_*.py") if path.name != Path(__file__).name]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    return {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _family(name: str) -> str:
    """What is said anywhere in a family's states."""
    return "\n".join(sentence for state in FAMILIES[name] for sentence in state.says)


@pytest.mark.parametrize("name", STATES)
def test_every_state_is_shown_by_a_test(name: str) -> None:
    on_a_page_of_the_console = name.startswith("console-") and name.removeprefix("console-") in _literals()
    assert name in _literals() or on_a_page_of_the_console


def test_no_name_stands_for_two_states() -> None:
    assert len(STATES) == sum(len(family) for family in FAMILIES.values())


def test_every_screen_of_the_hosted_page_is_a_state() -> None:
    assert {state.screen for state in STATES.values() if state.screen} == {*catalogue.screens(), "call"}


def test_every_sentence_of_the_hosted_page_stands_on_a_state() -> None:
    shown = {name for state in STATES.values() for name in state.texts}
    assert shown | UNSEEN == set(catalogue.texts()["en"])
    assert shown & UNSEEN == set()


def test_every_reason_why_somebody_is_not_admitted_has_a_screen_of_its_own() -> None:
    found = {reason: catalogue.screen_of("wait" if reason in WAITING else "refuse", reason.value) for reason in Reason}
    # Completed or past: for a person it is over.
    assert found.pop(Reason.SESSION_COMPLETED) == found[Reason.SESSION_OVER]
    assert len(set(found.values())) == len(found)
    assert {"refused", "ready"} & set(found.values()) == set()
    assert catalogue.screen_of("refuse", "of_a_later_version") == "refused"


def test_every_refusal_of_the_sandbox_is_a_state() -> None:
    said = _family("sandbox")
    for refusal in (*refusals._REFUSALS.values(), refusals._TOKEN):
        assert refusal.title in said
        assert refusal.sentence in said


def test_every_card_and_note_of_the_sandboxs_page_is_a_state() -> None:
    said = _family("sandbox")
    call, view = (SANDBOX_PAGE / "call.js").read_text(), (SANDBOX_PAGE / "view.js").read_text()
    cards = set(re.findall(r'(?:#over|card)\(\s*"([^"]+)"', call))
    # Either title of the one that has two.
    cards |= {title for pair in re.findall(r'card\(framed \? "([^"]+)" : "([^"]+)"', call) for title in pair}
    banners = set(re.findall(r'banner\("([^"]+)"\)', call))
    assert len(cards) > 5
    assert {each for each in cards | banners if each not in said} == set()
    notes = re.search(r"const NOTES = \{(.*?)\};", view, re.DOTALL)
    assert notes
    for before, after in re.findall(r"`(.*?)\$\{device\}(.*?)`", notes[1]):
        assert f"{before}camera{after}" in said


def test_every_page_of_the_console_is_a_state() -> None:
    paths = {
        route.path
        for router in console.ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()) and not route.path.startswith("/static/")
    }
    assert paths == {path for path, _ in states.PAGES_OF_THE_CONSOLE}
    assert {name for _, name in states.PAGES_OF_THE_CONSOLE} <= set(STATES)


def test_every_state_has_its_pictures_and_there_are_no_others() -> None:
    expected = {f"{name}-{size}.png" for name in STATES for size in SIZES}
    assert {path.name for path in FOLDER.glob("*.png")} == expected


def test_the_pictures_are_small() -> None:
    weights = {path.name: path.stat().st_size for path in FOLDER.glob("*.png")}
    assert {name: weight for name, weight in weights.items() if weight > 60_000} == {}


@pytest.mark.parametrize("family", FAMILIES)
def test_the_docs_show_every_state(family: str) -> None:
    path = DOCS / GALLERIES[family]
    begin, end = f"<!-- states of {family}: begin -->", f"<!-- states of {family}: end -->"
    text = path.read_text()
    head, _, rest = text.partition(begin)
    there, _, tail = rest.partition(end)
    if wanted():
        path.write_text(f"{head}{begin}\n\n{gallery(family)}\n\n{end}{tail}")
    else:
        assert there.strip() == gallery(family), "`make screens` writes it anew"
