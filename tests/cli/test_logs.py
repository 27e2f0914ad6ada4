"""The log: one line of JSON for each event, in ASCII, without values that a repr hides."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

PREAMBLE = """
from dataclasses import dataclass, field
import structlog
from videobroker.cli import logs
from videobroker.domain.struct import Struct
from videobroker.settings import Settings

@dataclass
class Keys:
    name: str
    secret: str = field(repr=False)

class Record(Struct):
    name: str
    secret: str
    hidden_from_repr = ("secret",)

logs.configure(Settings(_env_file=None))
log = structlog.get_logger("test")
"""


def lines_of(program: str) -> list[dict[str, Any]]:
    """The log of these statements on an ASCII terminal."""
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + program],
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert b"hush" not in done.stdout
    return [json.loads(line) for line in done.stdout.decode("ascii").splitlines()]


def test_a_line_has_fields_level_and_time() -> None:
    (line,) = lines_of("log.warning('request.completed', operation='join', status=200, ms=1.5, late=None, done=True)")
    moment = line.pop("timestamp")
    assert moment.endswith("Z")
    assert line == {
        "event": "request.completed",
        "level": "warning",
        "operation": "join",
        "status": 200,
        "ms": 1.5,
        "late": None,
        "done": True,
    }


def test_any_text_can_be_logged_on_any_terminal() -> None:
    text = 'Z\u00fcrich \u2028 \U0001f600 "quoted"\n\t\x7f\\'
    (line,) = lines_of(f"log.info('message', text={text!r})")
    assert line["text"] == text


@pytest.mark.parametrize("value", ["Keys('me', 'hush')", "Record('me', 'hush')"])
def test_values_hidden_by_a_repr_are_not_logged(value: str) -> None:
    found = lines_of(f"log.info('a', of={value}); log.info('b', of=[{value}]); log.info('c', of={{'x': {value}}})")
    assert ["me" in json.dumps(line) for line in found] == [True] * 3
