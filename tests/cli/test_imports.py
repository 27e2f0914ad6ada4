"""A command imports what it needs: whoever asks for help does not wait for a web server."""

import re
import signal
from pathlib import Path

import pytest

from cli.program import ask, run, started, stop
from polling import eventually_blocking

TELL_IMPORTS = {"PYTHONPROFILEIMPORTTIME": "1"}
WEB = {"fastapi", "starlette", "uvicorn", "jinja2", "sse_starlette", "videobroker.web"}
DATABASE = {"sqlalchemy", "alembic", "asyncpg", "pgqueuer", "videobroker.storage", "videobroker.database"}
BROKER = {"httpx", "jwt", "stamina", "videobroker.providers", "videobroker.usecases", "videobroker.wiring"}
WORKERS = "select count(*) from pg_stat_activity where application_name = 'videobroker worker'"


def imported(said: str) -> set[str]:
    """What a program says that it imported."""
    return set(re.findall(r"^import time: +\d+ \| +\d+ \| +(\S+)$", said, flags=re.MULTILINE))


def test_help_about_all_commands_imports_none_of_them(tmp_path: Path) -> None:
    outcome = run("--help", cwd=tmp_path, **TELL_IMPORTS)
    assert "Usage" in outcome.out
    modules = imported(outcome.err)
    assert "videobroker.cli" in modules
    assert not modules & (WEB | DATABASE | BROKER)


@pytest.mark.parametrize(
    ("command", "needed", "spared"),
    [
        ("serve", WEB | DATABASE | BROKER, {"videobroker.sandbox"}),
        ("work", DATABASE | BROKER, WEB),
        ("migrate", DATABASE, WEB | BROKER),
        ("apps", DATABASE | BROKER, WEB),
        ("doctor", DATABASE | BROKER, WEB),
        ("journal", DATABASE | BROKER, WEB),
        ("openapi", {"fastapi", "videobroker.web"}, {"videobroker.wiring", "videobroker.providers.hms"}),
        ("sandbox", {"fastapi", "videobroker.sandbox"}, DATABASE | {"videobroker.web", "videobroker.wiring"}),
    ],
)
def test_a_command_imports_what_it_needs(tmp_path: Path, command: str, needed: set[str], spared: set[str]) -> None:
    modules = imported(run(command, "--help", cwd=tmp_path, **TELL_IMPORTS).err)
    assert needed <= modules
    assert not modules & spared


def test_bringing_a_database_up_to_date_needs_no_more_than_the_database(
    tmp_path: Path, variables: dict[str, str]
) -> None:
    outcome = run("migrate", cwd=tmp_path, **variables, **TELL_IMPORTS)
    assert outcome.code == 0
    assert not imported(outcome.err) & (WEB | BROKER)


def test_a_worker_at_work_has_neither_pages_nor_a_web_server(
    tmp_path: Path, log_folder: Path, variables: dict[str, str]
) -> None:
    log = log_folder / "imports-of-a-worker.log"
    with started("work", cwd=tmp_path, log=log, variables={**variables, **TELL_IMPORTS}) as worker:
        eventually_blocking(lambda: ask(variables["DATABASE_URL"], WORKERS) != [(0,)], context=log.read_text)
        assert stop(worker, signal.SIGTERM) == 0
    modules = imported(log.read_text())
    assert {"videobroker.worker", "pgqueuer"} <= modules
    assert not modules & WEB
