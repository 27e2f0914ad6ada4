"""`deploy/rehearse_restore.py` proves that a backup can be restored, and finds out if it cannot."""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.program import CommandRunner, administer, environment, fetch_rows
from scaling.local_proxies import ROOT
from videobroker.storage.postgres.embedded import embedded_postgres
from videobroker.storage.postgres.embedded_server import bin_directory
from videobroker.storage.postgres.encryption import new_key

pytestmark = pytest.mark.long

SCRIPT = ROOT / "deploy" / "rehearse_restore.py"
SCRIPT_SECONDS = 400.0
"""A generous timeout."""
AGORA = {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4}


@pytest.fixture(scope="module")
def second_server() -> Iterator[str]:
    """The URL of a database of another server."""
    with tempfile.TemporaryDirectory(prefix="videobroker-pg-") as folder, embedded_postgres(Path(folder) / "pg") as url:
        yield url


@dataclass(frozen=True)
class Deployment:
    """A database of the service with an app, an account with secrets, and a sealed journal."""

    url: str
    secret_key: str
    head: str
    """Of the app's journal."""
    folder: Path

    def dump(self) -> Path:
        """A backup."""
        file = self.folder / "videobroker.dump"
        command = [str(bin_directory() / "pg_dump"), "--format=custom", f"--file={file}", self.url]
        subprocess.run(command, check=True, timeout=SCRIPT_SECONDS)
        return file

    def rehearse(self, *options: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run the script, with PostgreSQL's and our programs in its PATH."""
        programs = (str(bin_directory()), str(Path(sys.executable).parent), os.environ["PATH"])
        given = {"PATH": os.pathsep.join(programs), "VIDEOBROKER_SECRET_KEY": self.secret_key, **variables}
        return subprocess.run(
            [sys.executable, str(SCRIPT), *options],
            cwd=self.folder,
            env=environment(**given),
            capture_output=True,
            text=True,
            timeout=SCRIPT_SECONDS,
            check=False,
        )


@pytest.fixture
def deployment(videobroker: CommandRunner, variables: dict[str, str], tmp_path: Path) -> Deployment:
    videobroker.succeed("apps", "create", "acme")
    videobroker.succeed("keys", "create", "acme")
    videobroker.succeed("accounts", "set", "acme", "agora", stdin=json.dumps(AGORA))
    videobroker.succeed("journal", "seal", "--app", "acme")
    head = json.loads(videobroker.succeed("journal", "head", "--app", "acme", "--json").out)["hash"]
    return Deployment(variables["DATABASE_URL"], variables["VIDEOBROKER_SECRET_KEY"], head, tmp_path)


def databases(server: str) -> set[str]:
    return {name for (name,) in fetch_rows(server, "select datname from pg_database")}


@pytest.mark.representative
def test_the_database_of_a_running_service_is_backed_up_and_restored(
    deployment: Deployment, second_server: str
) -> None:
    before = databases(second_server)
    done = deployment.rehearse("--server", second_server, DATABASE_URL=deployment.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "The backup can be restored." in done.stdout
    assert "Find the head of acme" in done.stdout
    assert databases(second_server) == before


def test_a_backup_of_a_destroyed_database_is_restored(deployment: Deployment, second_server: str) -> None:
    options = ("--server", second_server, "--dump", str(deployment.dump()))
    asyncio.run(administer(deployment.url, "drop schema public cascade"))
    done = deployment.rehearse(*options, "--head", f"acme={deployment.head}")
    assert done.returncode == 0, done.stdout + done.stderr
    done = deployment.rehearse(*options, "--head", f"acme={'0' * len(deployment.head)}")
    assert done.returncode == 1
    assert "The rehearsal failed: `videobroker journal verify` failed" in done.stderr


def test_failures_are_reported_and_leave_no_database(deployment: Deployment, second_server: str) -> None:
    before = databases(second_server)
    dump = deployment.dump()
    damaged = deployment.folder / "damaged.dump"
    damaged.write_bytes(dump.read_bytes()[: dump.stat().st_size // 2])
    done = deployment.rehearse("--server", second_server, "--dump", str(damaged))
    assert done.returncode == 1
    assert "The rehearsal failed: `pg_restore` failed" in done.stderr
    done = deployment.rehearse("--server", second_server, "--dump", str(dump), VIDEOBROKER_SECRET_KEY=new_key())
    assert done.returncode == 1
    assert "The rehearsal failed:" in done.stderr
    assert "keys that are not configured" in done.stderr
    assert databases(second_server) == before


def test_a_change_of_the_journal_is_found(deployment: Deployment, second_server: str) -> None:
    change = "update journal set type = 'api_key.revoked' where type = 'api_key.created'"
    forbidden = "alter table journal {} trigger user"
    asyncio.run(
        administer(deployment.url, "; ".join([forbidden.format("disable"), change, forbidden.format("enable")]))
    )
    done = deployment.rehearse("--server", second_server, "--dump", str(deployment.dump()))
    assert done.returncode == 1
    assert "The rehearsal failed: `videobroker journal verify` failed" in done.stderr


def test_what_it_needs_is_named(deployment: Deployment, second_server: str) -> None:
    done = deployment.rehearse("--server", second_server)
    assert done.returncode == 2
    assert "set DATABASE_URL" in done.stderr
    options = ("--server", second_server, "--dump", str(deployment.dump()))
    done = deployment.rehearse(*options, PATH=str(deployment.folder))
    assert done.returncode == 1
    assert "`createdb` is not installed" in done.stderr
