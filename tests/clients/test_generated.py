"""The generated parts of the clients follow the contract."""

from pathlib import Path

import pytest

from generate.__main__ import ROOT, render

FILES = render()


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_generated_file_is_current(path: Path) -> None:
    assert (ROOT / path).read_text() == FILES[path], "run `make clients`, and commit the result"
