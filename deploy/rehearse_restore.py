#!/usr/bin/env python3
"""Restore a backup into a temporary database of another server, and check it. The service's database is only read.

Needs PostgreSQL's client programs, `videobroker` in the version of the service, and its VIDEOBROKER_SECRET_KEY.
docs/how-to/back-up-and-restore.md explains it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

CHECKS = {"database", "migrations", "journal", "secret keys"}
"""Of `videobroker doctor`. The others are about background work, which must not run on the copy, and about vendors."""
SERVICE_JOURNAL = "@service"


class RehearsalFailedError(Exception):
    """The backup cannot be restored, or is not complete."""


def main() -> int:
    """Run the rehearsal; returns the exit code."""
    options = parse_options()
    started = time.monotonic()
    try:
        with tempfile.TemporaryDirectory(prefix="videobroker-rehearsal-") as folder:
            heads = dict(options.head)
            dump = options.dump
            if dump is None:
                dump, heads = back_up(Path(folder) / "videobroker.dump")
            with temporary_database(options.server) as copy:
                restore(dump, copy)
                check(copy, heads)
    except RehearsalFailedError as error:
        print(f"The rehearsal failed: {error}", file=sys.stderr)
        return 1
    print(f"The backup can be restored. The rehearsal took {time.monotonic() - started:.1f} s.")
    return 0


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument(
        "--server",
        required=True,
        metavar="URL",
        help="A database of the other server, as a user who may create databases: postgresql://postgres@host/postgres",
    )
    parser.add_argument(
        "--dump",
        type=Path,
        metavar="FILE",
        help="A backup of `pg_dump --format=custom`. Default: dump DATABASE_URL now, which must name the owner.",
    )
    parser.add_argument(
        "--head",
        type=stored_head,
        action="append",
        default=[],
        metavar="APP=HASH",
        help="With --dump: a hash of `videobroker journal head` that the journal of this app must contain. Repeatable.",
    )
    options = parser.parse_args()
    if options.dump is None and options.head:
        parser.error("--head requires --dump: without it, the heads of DATABASE_URL are used")
    if options.dump is None and not os.environ.get("DATABASE_URL"):
        parser.error("set DATABASE_URL to the service's database, or name a backup with --dump")
    return options


def stored_head(text: str) -> tuple[str, str]:
    """The name of an app, and the hash of a seal."""
    app, separator, head = text.partition("=")
    if not (app and separator and head):
        raise argparse.ArgumentTypeError("write APP=HASH")
    return app, head


def back_up(dump: Path) -> tuple[Path, dict[str, str]]:
    """Dump the service's database; returns the file, and the heads of all journals from before."""
    heads = {}
    url = os.environ["DATABASE_URL"]
    for app in [*(each["name"] for each in json.loads(videobroker(url, "apps", "list", "--json"))), SERVICE_JOURNAL]:
        head = json.loads(videobroker(url, "journal", "head", "--app", app, "--json"))["hash"]
        if head is not None:
            heads[app] = head
    with step(f"Dump {database_name(url)}"):
        run("pg_dump", "--format=custom", f"--file={dump}", url)
    print(f"  {dump.stat().st_size:,} bytes")
    return dump, heads


@contextmanager
def temporary_database(server: str) -> Iterator[str]:
    """The URL of a new database of the server, which is dropped at the end."""
    name = f"videobroker_rehearsal_{datetime.now(UTC):%Y%m%d_%H%M%S}_{os.getpid()}"
    run("createdb", f"--maintenance-db={server}", name)
    try:
        yield urlsplit(server)._replace(path=f"/{name}").geturl()
    finally:
        with step(f"Drop {name}"):
            run("dropdb", f"--maintenance-db={server}", "--force", name)


def restore(dump: Path, copy: str) -> None:
    """Restore the dump, and let the journal continue on this server."""
    with step(f"Restore into {database_name(copy)}"):
        run("pg_restore", f"--dbname={copy}", "--no-owner", "--no-privileges", "--exit-on-error", str(dump))
    with step("Migrate"):
        videobroker(copy, "migrate")


def check(copy: str, heads: dict[str, str]) -> None:
    """Check the schema, the secret key, and the journals of all apps, which must contain these heads."""
    with step("Check the database and the secret key"):
        found = json.loads(videobroker(copy, "doctor", "--json", codes=(0, 1)))
        failed = [each for each in found if each["check"] in CHECKS and each["verdict"] == "failed"]
        if failed:
            raise RehearsalFailedError(
                " ".join(f"{each['sentence']} {each['next_step'] or ''}".strip() for each in failed)
            )
    with step("Verify the journals of all apps"):
        videobroker(copy, "journal", "verify")
    for app, head in heads.items():
        with step(f"Find the head of {app}"):
            videobroker(copy, "journal", "verify", "--app", app, "--head", head)


def videobroker(url: str, *arguments: str, codes: tuple[int, ...] = (0,)) -> str:
    """The output of a command of the service on this database."""
    # A copy has no pooler in front of it.
    environment = {name: value for name, value in os.environ.items() if name != "VIDEOBROKER_DIRECT_DATABASE_URL"}
    if url == os.environ.get("DATABASE_URL"):
        environment = dict(os.environ)
    return run("videobroker", *arguments, environment={**environment, "DATABASE_URL": url}, codes=codes)


def run(*command: str, environment: dict[str, str] | None = None, codes: tuple[int, ...] = (0,)) -> str:
    """The output of a program. Raises `RehearsalFailedError` with its messages if it fails."""
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise RehearsalFailedError(f"`{command[0]}` is not installed, or not in PATH.") from None
    if done.returncode not in codes:
        # Not the whole command: URLs contain passwords.
        words = " ".join(command[:1] if command[0] != "videobroker" else command[:3])
        raise RehearsalFailedError(f"`{words}` failed:\n{done.stdout}{done.stderr}".rstrip())
    return done.stdout


@contextmanager
def step(name: str) -> Iterator[None]:
    """Print what is done, and how long it took."""
    started = time.monotonic()
    print(f"{name} ...", flush=True)
    yield
    print(f"  done in {time.monotonic() - started:.1f} s")


def database_name(url: str) -> str:
    """The name of a database, without the password of its URL."""
    return urlsplit(url).path.removeprefix("/") or "the database"


if __name__ == "__main__":
    sys.exit(main())
