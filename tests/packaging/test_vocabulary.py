"""`make check` runs codespell with the settings in pyproject.toml: American spelling, and the words to avoid."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()


def check(folder: Path, text: str) -> tuple[int, list[str]]:
    path = folder / "text.py"
    path.write_text(text)
    run = subprocess.run(
        [sys.executable, "-m", "codespell_lib", str(path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert run.stderr == ""
    return run.returncode, [line.removeprefix(f"{path}:") for line in run.stdout.splitlines()]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("# The backend is told.", "told"),  # codespell:ignore told
        ("# Kept for a day.", "Kept"),  # codespell:ignore kept
        ("was_kept = True", "kept"),  # codespell:ignore kept
        ("class StillHeld: ...", "Held"),  # codespell:ignore held
        ("isTold = true", "Told"),  # codespell:ignore told
        ("MOST_KEPT_HOURS = 3", "KEPT"),  # codespell:ignore kept
        ("# Somebody's link", "Somebody's"),  # codespell:ignore
        ("# It falls due at noon.", "falls due"),  # codespell:ignore
        ("# Lets go of the lock.", "Lets go of"),  # codespell:ignore
        ("# The session is shut.", "shut"),  # codespell:ignore shut
        ("# The colour of a button", "colour"),  # codespell:ignore colour
        ("# It has a mispelled word.", "mispelled"),  # codespell:ignore mispelled
    ],
)
def test_a_word_to_avoid_is_reported_with_its_line_and_a_replacement(tmp_path: Path, text: str, word: str) -> None:
    code, found = check(tmp_path, f"\n{text}\n")
    assert code != 0
    assert len(found) == 1
    assert re.fullmatch(rf"2: {re.escape(word)} ==> \S.*", found[0])


@pytest.mark.parametrize(
    "text",
    [
        "# Shuts down after the last request; see shutdown() and shut_down().",
        "# Look up the user. It looks like a token. def look_up(): ...",
        "# The address comes from the request.",
        "# A participant can be heard.",
        "connection.shutdown(socket.SHUT_RDWR)",
        'status = "cancelled"  # see asyncio.CancelledError',
        'digest = "1ded0kept2told3"',
        "# Others keep, hold, and tell: a withheld value, a stakeholder, a household.",
        "kept = 1  # codespell:ignore kept",
    ],
)
def test_standard_uses_pass(tmp_path: Path, text: str) -> None:
    assert check(tmp_path, text) == (0, [])


def test_every_word_of_the_list_is_found(tmp_path: Path) -> None:
    """A phrase is found only if the regular expression of the words has it: codespell reads single words otherwise."""
    entries = [line.split("->")[0] for line in (ROOT / ".ci/vocabulary.txt").read_text().splitlines()]
    assert len(entries) == len(set(entries)) > 40
    _, found = check(tmp_path, "\n".join(entries))
    assert [re.split(": | ==> ", line)[1] for line in found] == entries


def test_make_check_covers_every_folder_and_file() -> None:
    declared = re.search(r"^TEXTS := ((?:.*\\\n)*.*)", MAKEFILE, re.MULTILINE)
    assert declared
    covered = {Path(name) for name in declared[1].replace("\\\n", " ").split()}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    tops = {Path(Path(line).parts[0]) for line in listed.splitlines()}
    assert tops - covered <= {
        Path(".gitignore"),
        Path(".dockerignore"),
        Path("constraints.txt"),
        Path("requirements.lock"),
    }
    assert "$(BIN)/codespell --check-hidden $(TEXTS)" in MAKEFILE
