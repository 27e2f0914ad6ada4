"""A command imports only what it needs: the help does not load a web server."""

import re
import signal
from pathlib import Path

import pytest

from cli.program import fetch_rows, run, running_program, stop
from polling import eventually_blocking

IMPORT_TIME = {"PYTHONPROFILEIMPORTTIME": "1"}
WEB = {"fastapi", "starlette", "uvicorn", "jinja2", "sse_starlette", "videobroker.web"}
DATABASE = {"sqlalchemy", "alembic", "asyncpg", "pgqueuer", "videobroker.storage", "videobroker.database"}
BROKER = {"httpx", "jwt", "stamina", "videobroker.providers", "videobroker.usecases", "videobroker.wiring"}
WORKERS = "select count(*) from pg_stat_activity where application_name = 'videobroker worker'"


def imported(output: str) -> set[str]:
    """The modules in the output of `-X importtime`."""
    return set(re.findall(r"^import time: +\d+ \| +\d+ \| +(\S+)$", output, flags=re.MULTILINE))


def test_help_about_all_commands_imports_none_of_them(tmp_path: Path) -> None:
    outcome = run("--help", cwd=tmp_path, **IMPORT_TIME)
    assert "Usage" in outcome.out
    modules = imported(outcome.err)
    assert "videobroker.cli" in modules
    assert not modules & (WEB | DATABASE | BROKER)


@pytest.mark.parametrize(
    ("command", "needed", "not_needed"),
    [
        ("serve", WEB | DATABASE | BROKER, {"videobroker.sandbox", "opentelemetry.sdk"}),
        ("work", DATABASE | BROKER, WEB | {"opentelemetry"}),
        ("migrate", DATABASE, WEB | BROKER),
        ("apps", DATABASE | BROKER, WEB),
        ("doctor", DATABASE | BROKER, WEB),
        ("journal", DATABASE | BROKER, WEB),
        (
            "listen",
            {"httpx", "httpx_sse", "videobroker.delivery"},
            WEB | {"videobroker.wiring", "videobroker.usecases"},
        ),
        ("openapi", {"fastapi", "videobroker.web"}, {"videobroker.wiring", "videobroker.providers.hms"}),
        ("sandbox", {"fastapi", "videobroker.sandbox"}, DATABASE | {"videobroker.web", "videobroker.wiring"}),
    ],
)
def test_a_command_imports_what_it_needs(tmp_path: Path, command: str, needed: set[str], not_needed: set[str]) -> None:
    modules = imported(run(command, "--help", cwd=tmp_path, **IMPORT_TIME).err)
    assert needed <= modules
    assert not modules & not_needed


def test_migrate_imports_only_the_database(tmp_path: Path, variables: dict[str, str]) -> None:
    outcome = run("migrate", cwd=tmp_path, **variables, **IMPORT_TIME)
    assert outcome.code == 0
    assert not imported(outcome.err) & (WEB | BROKER)


def test_a_running_worker_imports_neither_pages_nor_a_web_server(
    tmp_path: Path, log_folder: Path, variables: dict[str, str]
) -> None:
    log = log_folder / "imports-of-a-worker.log"
    with running_program("work", cwd=tmp_path, log=log, variables={**variables, **IMPORT_TIME}) as worker:
        eventually_blocking(lambda: fetch_rows(variables["DATABASE_URL"], WORKERS) != [(0,)], context=log.read_text)
        assert stop(worker, signal.SIGTERM) == 0
    modules = imported(log.read_text())
    assert {"videobroker.worker", "pgqueuer"} <= modules
    assert not modules & WEB
