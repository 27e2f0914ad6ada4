"""Runs Spin, which explores every run of a model."""

import re
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

MODELS = Path(__file__).parent

needs_spin = pytest.mark.skipif(
    shutil.which("spin") is None or shutil.which("gcc") is None, reason="Spin and a C compiler are not installed"
)


def violations(model: str, folder: Path, *flags: str) -> list[str]:
    """The violated assertions in all runs of the model with these flags. `folder` is for temporary files."""
    source = MODELS / f"{model}.pml"
    for command in (["spin", "-a", *flags, str(source)], ["gcc", "-O1", "-DSAFETY", "-o", "pan", "pan.c"]):
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
    done = subprocess.run(["./pan", "-m100000"], cwd=folder, check=True, capture_output=True, text=True)
    assert "max search depth too small" not in done.stdout, done.stdout
    assert "errors: " in done.stdout, done.stdout
    found = re.findall(r"^pan:1: (.*?) \(at depth", done.stdout, re.MULTILINE)
    assert bool(found) == ("errors: 0" not in done.stdout), done.stdout
    return found


def random_run(model: str, seed: int, *flags: str) -> str:
    """What a random run prints. It may end with a violated assertion."""
    command = ["spin", f"-n{seed}", "-T", *flags, str(MODELS / f"{model}.pml")]
    # Spin writes a file in the working directory.
    with TemporaryDirectory() as folder:
        return subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True).stdout
