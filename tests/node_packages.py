"""Official JavaScript packages, with which some tests compare the service."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

_FOLDER = Path(__file__).parent / "node"


def node_modules() -> Path:
    """The folder with the installed packages. The first test that asks installs them; all others wait for it.

    Without node and npm, or when the packages cannot be had, the asking test is skipped and says why.
    """
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    modules = _FOLDER / "node_modules"
    modules.mkdir(exist_ok=True)
    with (modules / ".installing").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _installed_for_this_manifest(modules):
            _install(modules)
    return modules


def _installed_for_this_manifest(modules: Path) -> bool:
    finished = modules / ".installed"
    return finished.exists() and finished.read_text() == _manifest()


def _install(modules: Path) -> None:
    command = ["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--ignore-scripts"]
    done = subprocess.run(command, cwd=_FOLDER, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        pytest.skip(f"npm could not install the packages: {done.stderr.strip()[-300:]}")
    (modules / ".installed").write_text(_manifest())


def _manifest() -> str:
    return (_FOLDER / "package.json").read_text()
