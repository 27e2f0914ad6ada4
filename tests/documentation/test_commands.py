"""Commands, options, and make targets that the documentation names exist."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from documentation.test_blocks import PAGES, ROOT
from videobroker.cli import COMMANDS, load

_INLINE = re.compile(r"`([^`\n]+)`")
_TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def commands(page: str) -> Iterator[str]:
    """Lines of `sh` and `text` blocks, and inline code, that may be a command."""
    text = (ROOT / page).read_text()
    for block in PAGES[page]:
        if block.language == "sh":
            yield from re.sub(r"\\\n\s*", " ", block.code).splitlines()
    yield from _INLINE.findall(re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL))


def issue(command: str) -> str | None:
    """What is wrong with a command of `videobroker`; None if it exists."""
    found = re.search(r"(?:^\s*|[(|;&]\s*|bin/)videobroker ((?:[a-z][\w-]*|--?[\w-]+)\b.*)", command)
    if found is None:
        return None
    words = re.split(r"[|;>&)\"']", found[1])[0].split()
    if words[0].startswith("-"):
        return None
    if words[0] not in COMMANDS:
        return f"{command!r}: there is no command {words[0]}"
    known: Any = load(words[0])
    rest = words[1:]
    while hasattr(known, "commands") and rest and re.fullmatch(r"[a-z][a-z-]*", rest[0]):
        if rest[0] not in known.commands:
            return f"{command!r}: there is no command {rest[0]}"
        known, rest = known.commands[rest[0]], rest[1:]
    options = {"--help"} | {name for each in known.params for name in (*each.opts, *each.secondary_opts)}
    wrong = {word for word in rest if word.startswith("--") and word.split("=")[0].rstrip(".,]") not in options}
    return f"{command!r} has no option {', '.join(sorted(wrong))}" if wrong else None


@pytest.mark.parametrize("page", PAGES)
def test_every_command_exists(page: str) -> None:
    assert [found for command in commands(page) if (found := issue(command)) is not None] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_exists(page: str) -> None:
    named = {word for command in commands(page) for word in re.findall(r"^make ([a-z][a-z-]+)", command)}
    assert named - _TARGETS == set()


@pytest.mark.parametrize(
    ("command", "is_valid"),
    [
        ("videobroker keys create school --days 3", True),
        ("echo x | videobroker accounts set school 100ms", True),
        ("videobroker nothing", False),
        ("videobroker keys destroy school", False),
        ("videobroker keys create school --weeks 3", False),
        ("KEY=$(videobroker keys create school --json)", True),
        ("cd videobroker", True),
    ],
)
def test_wrong_commands_are_found(command: str, *, is_valid: bool) -> None:
    assert (issue(command) is None) is is_valid
