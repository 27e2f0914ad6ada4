"""The guides show the examples that the tests run."""

import subprocess
from pathlib import Path

import pytest

from docs_build.examples import EXAMPLES, ROOT, folder_of, guides, shown_files, with_files

GUIDES = list(guides())
GENERATED = {EXAMPLES / "django" / "manage.py"}
"""Files that a command of the guide creates."""


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_a_guide_shows_the_files_of_its_example(page: Path) -> None:
    assert page.read_text() == with_files(page), "run `make guides`"


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_a_guide_shows_every_file_of_its_example(page: Path) -> None:
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", str(folder_of(page))]
    files = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()
    assert files
    needed = {ROOT / name for name in files if (ROOT / name).stat().st_size > 0}
    assert needed - GENERATED - shown_files(page) == set()


def test_every_example_has_a_guide() -> None:
    assert {folder_of(page) for page in GUIDES} == {path for path in EXAMPLES.iterdir() if path.is_dir()}
