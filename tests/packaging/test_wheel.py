"""The wheel works by itself: with its migrations, without the checkout."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from email import message_from_string
from pathlib import Path
from zipfile import ZipFile

import pytest

from cli.program import environment, new_database
from videobroker import ui
from videobroker.storage.postgres import migrations

ROOT = Path(__file__).parents[2]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input")
# The error of pip if the build backend is unavailable.
OFFLINE = re.compile(r"Could not find a version|No matching distribution|Connection|Temporary failure|timed out", re.I)


def build_wheel(folder: Path) -> Path:
    """Build the wheel of this checkout, or skip the test if the build backend is unavailable."""
    build = [*PIP, "wheel", "--no-deps", "--quiet", "--wheel-dir", str(folder), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True, timeout=180, check=False)
    if done.returncode and OFFLINE.search(done.stderr):
        pytest.skip("the build backend is not installed and cannot be fetched")
    assert done.returncode == 0, done.stderr
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return build_wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with only the wheel. Its dependencies are those of the tests."""
    folder = tmp_path_factory.mktemp("installed")
    install = [*PIP, "install", "--no-deps", "--no-index", "--quiet", "--target", str(folder), str(wheel)]
    subprocess.run(install, check=True, timeout=120)
    return folder


@pytest.fixture
def empty(postgres: str) -> Iterator[str]:
    """The URL of an empty database."""
    with new_database(postgres) as url:
        yield url


def python(*arguments: str, installed: Path, cwd: Path, **variables: str) -> str:
    """The output of Python if only the installed wheel is importable."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment(PYTHONPATH=str(installed), **variables),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


def names(wheel: Path) -> set[str]:
    """The names of its files."""
    with ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_it_contains_only_the_package_the_migrations_and_the_license(wheel: Path) -> None:
    info = f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"
    assert {name.split("/")[0] for name in names(wheel)} == {"videobroker", info}
    here = {
        f"videobroker/migrations/{path.relative_to(ROOT / 'migrations')}"
        for path in (ROOT / "migrations").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert {name for name in names(wheel) if "/migrations/" in name} == here
    assert f"{info}/licenses/LICENSE" in names(wheel)
    assert "videobroker/py.typed" in names(wheel)
    assert not [name for name in names(wheel) if name.endswith((".pyc", ".env", ".db"))]


def test_it_contains_every_file_of_the_sandbox_page(wheel: Path) -> None:
    page = ROOT / "src" / "videobroker" / "sandbox" / "page"
    assert {path.suffix for path in page.iterdir()} == {".js", ".css", ".svg"}
    assert {f"videobroker/sandbox/page/{path.name}" for path in page.iterdir()} <= names(wheel)


def test_it_contains_every_file_of_the_ui_kit(wheel: Path) -> None:
    files = [path for path in ui.FOLDER.iterdir() if path.suffix in {".js", ".css"}]
    assert {"tokens.css", "kit.css", "icons.js"} <= {path.name for path in files}
    assert {f"videobroker/ui/{path.name}" for path in files} <= names(wheel)


def test_its_metadata_names_the_license_and_the_command(wheel: Path) -> None:
    info = f"{'-'.join(wheel.name.split('-')[:2])}.dist-info"
    with ZipFile(wheel) as archive:
        metadata = message_from_string(archive.read(f"{info}/METADATA").decode())
        assert archive.read(f"{info}/licenses/LICENSE").decode() == (ROOT / "LICENSE").read_text()
        assert "videobroker = videobroker.cli:main" in archive.read(f"{info}/entry_points.txt").decode()
    assert (metadata["License-Expression"], metadata["License-File"]) == ("MIT", "LICENSE")
    assert metadata["Requires-Python"] == ">=3.11"


def test_two_builds_are_identical(wheel: Path, tmp_path: Path) -> None:
    build = [*PIP, "wheel", "--no-deps", "--quiet", "--wheel-dir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, timeout=180, env={**os.environ, "TZ": "Asia/Tokyo"})
    assert (tmp_path / wheel.name).read_bytes() == wheel.read_bytes()


def test_building_leaves_no_files_in_the_checkout(wheel: Path) -> None:
    assert wheel.is_file()
    # Other programs of ours write into other folders of `build`.
    assert not [each for name in ("build/lib", "build/bdist*", "dist") for each in ROOT.glob(name)]
    assert not list((ROOT / "src").glob("*.egg-info"))


def test_migrations_run_from_the_installed_wheel(installed: Path, empty: str, tmp_path: Path) -> None:
    script = "from videobroker.storage.postgres import migrations; print(migrations.migrations())"
    where = Path(python("-c", script, installed=installed, cwd=tmp_path).strip())
    assert where == installed / "videobroker" / "migrations"
    migrate = ("-m", "videobroker", "migrate", "--json")
    done = json.loads(python(*migrate, installed=installed, cwd=tmp_path, DATABASE_URL=empty))
    assert done == {"before": None, "after": migrations.newest_revision()}


def test_the_installed_command_runs(installed: Path, tmp_path: Path) -> None:
    script = installed / "bin" / "videobroker"
    assert "Run the service." in python(str(script), "--help", installed=installed, cwd=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_the_wheel_is_reproducible(wheel: Path, tmp_path: Path) -> None:
    digests = {hashlib.sha256(built.read_bytes()).hexdigest() for built in (wheel, build_wheel(tmp_path))}
    assert len(digests) == 1
