"""`videobroker --version` says which program, Python, and database schema a report is about."""

import platform
import re
from importlib.metadata import version
from pathlib import Path

from cli.program import run

VERSIONS = Path(__file__).parents[2] / "migrations/versions"


def test_the_versions_are_printed(tmp_path: Path) -> None:
    outcome = run("--version", cwd=tmp_path)
    newest = max(path.name[:4] for path in VERSIONS.glob("[0-9]*.py"))
    expected = f"videobroker {version('videobroker')} (Python {platform.python_version()}, database schema {newest})\n"
    assert (outcome.code, outcome.out, outcome.err) == (0, expected, "")


def test_it_is_in_the_help(tmp_path: Path) -> None:
    assert re.search(r"--version\s", run("--help", cwd=tmp_path).out)
