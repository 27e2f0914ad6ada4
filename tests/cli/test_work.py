"""`videobroker work` does the background work that `videobroker serve` does as well, unless it is told not to."""

import asyncio
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import psutil
import pytest
from sqlalchemy import URL, text

from cli.program import Here, answering, ask, new_database, started, stop
from polling import eventually_blocking
from tenants import free_port
from videobroker import wiring
from videobroker.domain.ids import AppId, SessionId
from videobroker.storage.jobs import Job, JobKind, enqueue
from videobroker.storage.postgres.database import Store

WAITING = "select count(*) from jobs.queue"
WORKERS = "select count(*) from pg_stat_activity where application_name = 'videobroker worker'"
AT_REST_SECONDS = 3.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder; not pytest's, which is closed to PostgreSQL whenever another run of tests begins."""
    with tempfile.TemporaryDirectory(prefix="videobroker-work-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def leave_a_job(url: str) -> None:
    """Something to do that is done as soon as somebody looks: nobody knows the session."""

    async def leave() -> None:
        store = Store(url, pool_size=1)
        try:
            async with store.transaction() as unit_of_work:
                await enqueue(unit_of_work, Job(JobKind.RUN_DUE_STEPS, AppId(uuid4()), SessionId(uuid4())))
        finally:
            await store.aclose()

    asyncio.run(leave())


def waiting(url: str) -> int:
    """How many jobs are not done."""
    ((count,),) = ask(url, WAITING)
    return int(count)


def workers(url: str) -> int:
    """How many connections workers have; none while there is no database."""
    try:
        ((count,),) = ask(url, WORKERS)
    except (OSError, asyncpg.PostgresError):
        return 0
    return int(count)


def processes_in(folder: Path) -> list[str]:
    """Whatever still runs for this folder: PostgreSQL is no child of the program, but names it."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if str(folder) in line and process.status() != psutil.STATUS_ZOMBIE:
            found.append(line)
    return found


def test_its_help_says_what_it_does_and_how_to_stop_it(videobroker: Here) -> None:
    said = " ".join(videobroker.succeed("work", "--help").out.split())
    assert "Run background jobs" in said
    assert "--no-work" in said
    assert "SIGTERM" in said


def test_the_help_of_the_service_tells_how_to_leave_the_work_to_others(videobroker: Here) -> None:
    said = " ".join(videobroker.succeed("serve", "--help").out.split())
    assert "--no-work" in said
    assert "videobroker work" in said
    assert "VIDEOBROKER_WORK" in said


def test_it_needs_the_tables_and_says_how_to_get_them(videobroker: Here, variables: dict[str, str]) -> None:
    async def drop() -> None:
        store = Store(variables["DATABASE_URL"], pool_size=1)
        try:
            async with store.transaction() as unit_of_work:
                await unit_of_work.execute(text("drop schema jobs cascade"))
        finally:
            await store.aclose()

    asyncio.run(drop())
    outcome = videobroker("work")
    assert outcome.code == 1
    assert "videobroker migrate" in outcome.err
    assert "Traceback" not in outcome.said


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
def test_on_an_embedded_database_it_works_and_stops_leaving_nothing_behind(
    folder: Path, log_folder: Path, how: signal.Signals
) -> None:
    log = log_folder / f"work-{how.name}.log"
    data = folder / ".videobroker" / "postgres"
    url = URL.create("postgresql", "postgres", database="postgres", query={"host": str(data)})
    address = url.render_as_string(hide_password=False)
    with started("work", cwd=folder, log=log, variables={}) as process:
        eventually_blocking(lambda: process.poll() is not None or workers(address) > 0, context=log.read_text)
        leave_a_job(address)
        eventually_blocking(lambda: waiting(address) == 0, context=log.read_text)
        assert stop(process, how) == 0, log.read_text()
    assert processes_in(folder) == []
    assert "Traceback" not in log.read_text()


def test_a_service_that_does_not_work_leaves_it_to_a_worker_beside_it(
    own_database: str, variables: dict[str, str], folder: Path, log_folder: Path
) -> None:
    port = free_port()
    log = log_folder / "serve-no-work.log"
    beside = log_folder / "work-beside.log"
    with started("serve", "--no-work", cwd=folder, log=log, variables={**variables, "PORT": str(port)}) as service:
        answering(service, f"http://127.0.0.1:{port}/readyz", log)
        leave_a_job(own_database)
        # Nothing may happen in this time, so there is nothing to wait for.
        time.sleep(AT_REST_SECONDS)
        assert (waiting(own_database), workers(own_database)) == (1, 0)
        with started("work", cwd=folder, log=beside, variables=variables) as worker:
            eventually_blocking(lambda: waiting(own_database) == 0, context=beside.read_text)
            assert stop(worker, signal.SIGTERM) == 0, beside.read_text()
        assert stop(service, signal.SIGTERM) == 0, log.read_text()


@pytest.mark.parametrize(
    ("words", "setting"), [(("serve",), {}), (("serve", "--work"), {"VIDEOBROKER_WORK": "false"})], ids=" ".join
)
def test_a_service_works_unless_it_is_told_not_to(
    own_database: str,
    variables: dict[str, str],
    folder: Path,
    log_folder: Path,
    words: tuple[str, ...],
    setting: dict[str, str],
) -> None:
    port = free_port()
    log = log_folder / f"{'-'.join(words)}.log"
    given = {**variables, **setting, "PORT": str(port)}
    with started(*words, cwd=folder, log=log, variables=given) as service:
        answering(service, f"http://127.0.0.1:{port}/readyz", log)
        leave_a_job(own_database)
        eventually_blocking(lambda: waiting(own_database) == 0, context=log.read_text)
        assert stop(service, signal.SIGTERM) == 0, log.read_text()


def test_the_environment_may_say_it_as_well(
    own_database: str, variables: dict[str, str], folder: Path, log_folder: Path
) -> None:
    port = free_port()
    log = log_folder / "serve-environment.log"
    given = {**variables, "VIDEOBROKER_WORK": "false", "PORT": str(port)}
    with started("serve", cwd=folder, log=log, variables=given) as service:
        answering(service, f"http://127.0.0.1:{port}/readyz", log)
        leave_a_job(own_database)
        # Nothing may happen in this time, so there is nothing to wait for.
        time.sleep(AT_REST_SECONDS)
        assert (waiting(own_database), workers(own_database)) == (1, 0)
        assert stop(service, signal.SIGTERM) == 0, log.read_text()


@pytest.mark.parametrize("command", ["serve", "work"])
def test_who_is_told_to_wait_starts_as_soon_as_somebody_has_migrated(
    postgres: str, variables: dict[str, str], folder: Path, log_folder: Path, command: str
) -> None:
    log = log_folder / f"{command}-waits.log"
    with new_database(postgres) as empty:
        given = {**variables, "DATABASE_URL": empty, "PORT": str(free_port())}
        with started(command, "--wait", "120", cwd=folder, log=log, variables=given) as process:
            eventually_blocking(
                lambda: "database.check_failed" in log.read_text() or process.poll() is not None,
                context=log.read_text,
            )
            assert process.poll() is None, log.read_text()
            asyncio.run(wiring.migrate(empty))
            eventually_blocking(lambda: workers(empty) > 0, context=log.read_text)
            assert stop(process, signal.SIGTERM) == 0, log.read_text()
