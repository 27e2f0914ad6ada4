"""docs/reference/logs.md lists every log event of the service with its level and fields."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "critical", "exception"}
ROW = re.compile(r"^\| `([^`]+)` \| ([\w, ]+) \| ([^|]*?) ?\| (page|watch|no) \| (\S.*\.) \|$", re.MULTILINE)


@dataclass
class Logged:
    levels: set[str] = field(default_factory=set)
    fields: set[str] = field(default_factory=set)


def _levels(call: ast.Call) -> set[str]:
    assert isinstance(call.func, ast.Attribute)
    if call.func.attr == "log":
        return {name.attr.lower() for name in ast.walk(call.args[0]) if isinstance(name, ast.Attribute)} & LEVELS
    return {call.func.attr}


def _calls() -> Iterator[tuple[str, ast.Call]]:
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=method)) if method in {*LEVELS, "log"}:
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node


def _written() -> dict[str, Logged]:
    found: dict[str, Logged] = defaultdict(Logged)
    for place, call in _calls():
        assert isinstance(call.func, ast.Attribute)
        event = call.args[1 if call.func.attr == "log" else 0]
        assert isinstance(event, ast.Constant), f"{place}: the event has to be a constant"
        assert isinstance(event.value, str), place
        assert re.fullmatch(r"[a-z_]+\.[a-z_]+", event.value), f"{place}: {event.value!r} is not area.verb_past"
        assert all(keyword.arg for keyword in call.keywords), f"{place}: the fields have to be named"
        found[event.value].levels |= _levels(call)
        found[event.value].fields |= {keyword.arg for keyword in call.keywords if keyword.arg}
    return found


def _documented() -> dict[str, Logged]:
    rows = ROW.findall((ROOT / "docs/reference/logs.md").read_text())
    assert len(rows) == len({event for event, *_ in rows})
    return {
        event: Logged(set(levels.split(", ")), set(re.findall(r"`(\w+)`", fields)))
        for event, levels, fields, *_ in rows
    }


def test_every_log_event_is_documented_with_its_level_and_fields() -> None:
    written = _written()
    assert len(written) > 30
    assert _documented() == written


def test_no_module_logs_under_another_name() -> None:
    """The test above finds calls of `log`. A logger with another name would not be found."""
    for path in sorted((ROOT / "src").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            match node:
                case ast.Assign(targets=[target], value=ast.Call(func=ast.Attribute(attr="get_logger"))):
                    assert isinstance(target, ast.Name), path
                    assert target.id == "log", path


def test_every_row_of_the_page_can_be_parsed() -> None:
    lines = (ROOT / "docs/reference/logs.md").read_text().splitlines()
    rows = [line for line in lines if line.startswith("| `")]
    assert [line for line in rows if not ROW.match(line)] == []
