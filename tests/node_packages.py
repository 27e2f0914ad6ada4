"""Official JavaScript packages, with which some tests compare the service, and the packages of the examples."""

import fcntl
import shutil
import subprocess
from pathlib import Path

import pytest

_FOLDER = Path(__file__).parent / "node"


def node_modules(folder: Path = _FOLDER) -> Path:
    """The folder with the installed packages. The first test that asks installs them; all others wait for it.

    Without node and npm, or when the packages cannot be had, the asking test is skipped and says why.
    """
    if not shutil.which("node") or not shutil.which("npm"):
        pytest.skip("node and npm are not installed")
    modules = folder / "node_modules"
    modules.mkdir(exist_ok=True)
    with (modules / ".installing").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not _installed_for_this_manifest(folder):
            _install(folder)
    return modules


def _installed_for_this_manifest(folder: Path) -> bool:
    finished = folder / "node_modules" / ".installed"
    return finished.exists() and finished.read_text() == _manifest(folder)


def _install(folder: Path) -> None:
    # A lock file is used where there is one, and never written.
    lock = [] if (folder / "package-lock.json").exists() else ["--no-package-lock"]
    command = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *lock]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode != 0:
        pytest.skip(f"npm could not install the packages: {done.stderr.strip()[-300:]}")
    (folder / "node_modules" / ".installed").write_text(_manifest(folder))


def _manifest(folder: Path) -> str:
    files = (folder / name for name in ("package.json", "package-lock.json"))
    return "".join(file.read_text() for file in files if file.exists())
