"""The Python client as a package: types for pyright, and a wheel that works alone."""

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

import pytest

from node_packages import node_modules

PACKAGE = Path(__file__).parents[2] / "clients/python"


@pytest.mark.long
def test_pyright_accepts_the_client_and_a_program_that_uses_it() -> None:
    pyright = node_modules() / "pyright/index.js"
    command = ["node", str(pyright), "--project", str(PACKAGE), "--pythonpath", sys.executable]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stdout
    assert "0 errors, 0 warnings" in done.stdout


def test_the_wheel_has_types_and_works_alone(tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input"]
    build = [*pip, "wheel", "--no-deps", "--quiet", "--wheel-dir", str(tmp_path), str(PACKAGE)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=180, check=False)
    if done.returncode and "No matching distribution" in done.stderr:
        pytest.skip("the build backend is not installed and cannot be fetched")
    assert done.returncode == 0, done.stderr
    (wheel,) = tmp_path.iterdir()
    with ZipFile(wheel) as archive:
        assert "videobroker_client/py.typed" in archive.namelist()
    program = "from videobroker_client import Client, __version__; print(__version__, Client('http://x', api_key='k'))"
    environment = {"PYTHONPATH": str(wheel), "PYTHONSAFEPATH": "1"}
    ran = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == f"{wheel.name.split('-')[1]} Client('http://x')"
