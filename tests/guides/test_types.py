"""The examples in TypeScript that no other test runs."""

import subprocess

import pytest

from docs_build.examples import EXAMPLES
from node_packages import node_modules


@pytest.mark.long
def test_the_types_of_the_example_are_correct() -> None:
    folder = EXAMPLES / "react-native"
    node_modules(folder)
    done = subprocess.run(["npm", "run", "build"], cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["src/agora.ts", "src/api.ts", "src/reasons.ts"])
def test_react_and_vue_share_what_needs_no_framework(name: str) -> None:
    assert (EXAMPLES / "react" / name).read_text() == (EXAMPLES / "vue" / name).read_text()
