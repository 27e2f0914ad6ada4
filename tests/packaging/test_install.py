"""`.ci/install.py`, which the make targets run first, recovers from interruptions."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.program import TIMEOUT_SECONDS
from polling import eventually_blocking

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
BACKEND = """
import zipfile
from pathlib import Path
INFO = "tiny-1.dist-info"
def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(Path(folder, name), "w") as wheel:
        wheel.writestr("tiny.py", "")
        wheel.writestr(f"{INFO}/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\n")
        wheel.writestr(
            f"{INFO}/WHEEL",
            "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n",
        )
        wheel.writestr(f"{INFO}/RECORD", f"tiny.py,,\\n{INFO}/METADATA,,\\n{INFO}/WHEEL,,\\n{INFO}/RECORD,,\\n")
    return name
"""
PROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "tiny"
version = "1"
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with one module, which needs no network to install."""
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "backend.py").write_text(BACKEND)
    (tmp_path / "constraints.txt").touch()
    return tmp_path


def start(folder: Path, python: str = sys.executable, **variables: str) -> "subprocess.Popen[str]":
    """Start an installation in its own process group."""
    return subprocess.Popen(
        [python, str(ROOT / ".ci" / "install.py"), "run"],
        cwd=folder,
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def install(folder: Path, **variables: str) -> tuple[int, str]:
    """Install; returns the exit code and the output."""
    process = start(folder, **variables)
    output, _ = process.communicate(timeout=2 * TIMEOUT_SECONDS)
    return process.returncode, output


def is_installed(folder: Path) -> bool:
    """Whether the environment has the project and pip."""
    python = folder / ".venv" / "bin" / "python"
    return subprocess.run([python, "-c", "import pip, tiny"], check=False, capture_output=True).returncode == 0


def test_without_ensurepip_it_names_the_missing_package_and_works_once_that_is_installed(folder: Path) -> None:
    broken = folder / "broken"
    broken.mkdir()
    # Debian without python3-venv leaves an environment without pip behind.
    (broken / "venv.py").write_text(
        "import os, sys\n"
        "os.makedirs('.venv/bin', exist_ok=True)\n"
        "os.symlink(sys.executable, '.venv/bin/python')\n"
        "sys.exit('The virtual environment was not created successfully because ensurepip is not available.')\n"
    )
    code, output = install(folder, PYTHONPATH=str(broken))
    assert code == 1
    assert "apt install python3-venv" in output
    assert not (folder / ".venv").exists()
    code, output = install(folder)
    assert code == 0, output
    assert is_installed(folder)


def test_two_at_the_same_time_both_succeed_and_an_environment_without_pip_is_replaced(folder: Path) -> None:
    both = [start(folder), start(folder)]
    outputs = [process.communicate(timeout=2 * TIMEOUT_SECONDS)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    assert sum("waiting for it" in output for output in outputs) == 1
    assert sum("Installing" in output for output in outputs) == 1
    assert is_installed(folder)

    for pip in (folder / ".venv" / "lib").glob("*/site-packages/pip"):
        shutil.rmtree(pip)
    (folder / ".venv" / "run").unlink()
    code, output = install(folder)
    assert code == 0, output
    assert is_installed(folder)


@pytest.mark.representative
def test_an_interrupted_installation_is_repaired_by_the_next(folder: Path) -> None:
    config = folder / ".venv" / "pyvenv.cfg"
    for how in (signal.SIGINT, signal.SIGKILL):
        config.unlink(missing_ok=True)
        process = start(folder)
        eventually_blocking(config.exists)
        os.killpg(process.pid, how)
        process.communicate(timeout=TIMEOUT_SECONDS)
        assert not (folder / ".venv" / "run").exists()
    code, output = install(folder)
    assert code == 0, output
    assert is_installed(folder)
