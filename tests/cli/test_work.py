"""`videobroker work` runs background jobs. `videobroker serve` also does, unless this is disabled."""

import asyncio
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import httpx
import psutil
import pytest
from sqlalchemy import URL, text

from cli.program import CommandRunner, await_ready, fetch_rows, new_database, running_program, stop
from polling import eventually_blocking
from tenants import free_port
from videobroker import wiring
from videobroker.domain.ids import AppId, SessionId
from videobroker.storage.jobs import Job, JobKind, enqueue
from videobroker.storage.postgres.database import Store

WAITING = "select count(*) from jobs.queue"
WORKERS = "select count(*) from pg_stat_activity where application_name = 'videobroker worker'"
IDLE_SECONDS = 3.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """An empty folder outside of pytest's, which another test run makes inaccessible to PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="videobroker-work-", ignore_cleanup_errors=True) as name:
        yield Path(name)


def enqueue_job(url: str) -> None:
    """Enqueue a job that any worker completes immediately, because its session does not exist."""

    async def enqueue_one() -> None:
        store = Store(url, pool_size=1)
        try:
            async with store.cross_app_transaction() as unit_of_work:
                await enqueue(unit_of_work, Job(JobKind.RUN_DUE_STEPS, AppId(uuid4()), SessionId(uuid4())))
        finally:
            await store.aclose()

    asyncio.run(enqueue_one())


def count_pending_jobs(url: str) -> int:
    """The number of pending jobs."""
    ((count,),) = fetch_rows(url, WAITING)
    return int(count)


def count_worker_connections(url: str) -> int:
    """The number of connections of count_worker_connections; 0 while the database is missing."""
    try:
        ((count,),) = fetch_rows(url, WORKERS)
    except (OSError, asyncpg.PostgresError):
        return 0
    return int(count)


def processes_in(folder: Path) -> list[str]:
    """All processes of this folder. PostgreSQL is not a child of the program, but has the folder in its arguments."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
        except psutil.Error:
            continue
        if str(folder) in line and process.status() != psutil.STATUS_ZOMBIE:
            found.append(line)
    return found


def test_its_help_explains_what_it_does_and_how_to_stop_it(videobroker: CommandRunner) -> None:
    output = " ".join(videobroker.succeed("work", "--help").out.split())
    assert "Run background jobs" in output
    assert "--no-work" in output
    assert "SIGTERM" in output


def test_the_help_of_the_service_explains_how_to_disable_jobs(videobroker: CommandRunner) -> None:
    output = " ".join(videobroker.succeed("serve", "--help").out.split())
    assert "--no-work" in output
    assert "videobroker work" in output
    assert "VIDEOBROKER_WORK" in output


def test_without_tables_it_names_the_migration_command(videobroker: CommandRunner, variables: dict[str, str]) -> None:
    async def drop() -> None:
        store = Store(variables["DATABASE_URL"], pool_size=1)
        try:
            async with store.cross_app_transaction() as unit_of_work:
                await unit_of_work.execute(text("drop schema jobs cascade"))
        finally:
            await store.aclose()

    asyncio.run(drop())
    outcome = videobroker("work")
    assert outcome.code == 1
    assert "videobroker migrate" in outcome.err
    assert "Traceback" not in outcome.output


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
@pytest.mark.long
def test_with_an_embedded_database_no_process_remains_after_the_stop(
    folder: Path, log_folder: Path, how: signal.Signals
) -> None:
    log = log_folder / f"work-{how.name}.log"
    data = folder / ".videobroker" / "postgres"
    url = URL.create("postgresql", "postgres", database="postgres", query={"host": str(data)})
    address = url.render_as_string(hide_password=False)
    with running_program("work", cwd=folder, log=log, variables={}) as process:
        eventually_blocking(
            lambda: process.poll() is not None or count_worker_connections(address) > 0, context=log.read_text
        )
        enqueue_job(address)
        eventually_blocking(lambda: count_pending_jobs(address) == 0, context=log.read_text)
        assert stop(process, how) == 0, log.read_text()
    assert processes_in(folder) == []
    assert "Traceback" not in log.read_text()


def test_a_service_without_jobs_leaves_them_to_a_worker(
    own_database: str, variables: dict[str, str], folder: Path, log_folder: Path
) -> None:
    port = free_port()
    log = log_folder / "serve-no-work.log"
    beside = log_folder / "work-beside.log"
    with running_program(
        "serve", "--no-work", cwd=folder, log=log, variables={**variables, "PORT": str(port)}
    ) as service:
        await_ready(service, f"http://127.0.0.1:{port}/readyz", log)
        enqueue_job(own_database)
        # This time proves that nothing happens, so there is no condition to wait for.
        time.sleep(IDLE_SECONDS)
        assert (count_pending_jobs(own_database), count_worker_connections(own_database)) == (1, 0)
        with running_program("work", cwd=folder, log=beside, variables=variables) as worker:
            eventually_blocking(lambda: count_pending_jobs(own_database) == 0, context=beside.read_text)
            assert stop(worker, signal.SIGTERM) == 0, beside.read_text()
        assert stop(service, signal.SIGTERM) == 0, log.read_text()


@pytest.mark.parametrize(
    ("words", "setting"), [(("serve",), {}), (("serve", "--work"), {"VIDEOBROKER_WORK": "false"})], ids=" ".join
)
@pytest.mark.long
def test_a_service_runs_jobs_by_default(
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
    with running_program(*words, cwd=folder, log=log, variables=given) as service:
        await_ready(service, f"http://127.0.0.1:{port}/readyz", log)
        enqueue_job(own_database)
        eventually_blocking(lambda: count_pending_jobs(own_database) == 0, context=log.read_text)
        assert stop(service, signal.SIGTERM) == 0, log.read_text()


@pytest.mark.long
def test_jobs_can_be_disabled_by_the_environment(
    own_database: str, variables: dict[str, str], folder: Path, log_folder: Path
) -> None:
    port = free_port()
    log = log_folder / "serve-environment.log"
    given = {**variables, "VIDEOBROKER_WORK": "false", "PORT": str(port)}
    with running_program("serve", cwd=folder, log=log, variables=given) as service:
        await_ready(service, f"http://127.0.0.1:{port}/readyz", log)
        enqueue_job(own_database)
        # This time proves that nothing happens, so there is no condition to wait for.
        time.sleep(IDLE_SECONDS)
        assert (count_pending_jobs(own_database), count_worker_connections(own_database)) == (1, 0)
        assert stop(service, signal.SIGTERM) == 0, log.read_text()


@pytest.mark.parametrize("command", ["serve", "work"])
@pytest.mark.long
def test_with_wait_a_program_starts_after_the_migration(
    postgres: str, variables: dict[str, str], folder: Path, log_folder: Path, command: str
) -> None:
    log = log_folder / f"{command}-waits.log"
    with new_database(postgres) as empty:
        given = {**variables, "DATABASE_URL": empty, "PORT": str(free_port())}
        with running_program(command, "--wait", "120", cwd=folder, log=log, variables=given) as process:
            eventually_blocking(
                lambda: "database.check_failed" in log.read_text() or process.poll() is not None,
                context=log.read_text,
            )
            assert process.poll() is None, log.read_text()
            asyncio.run(wiring.migrate(empty))
            eventually_blocking(lambda: count_worker_connections(empty) > 0, context=log.read_text)
            assert stop(process, signal.SIGTERM) == 0, log.read_text()


def test_a_worker_reports_its_health_and_its_metrics(variables: dict[str, str], folder: Path, log_folder: Path) -> None:
    port = free_port()
    log = log_folder / "work-health.log"
    given = {**variables, "VIDEOBROKER_HEALTH_PORT": str(port)}
    with running_program("work", cwd=folder, log=log, variables=given) as worker:
        await_ready(worker, f"http://127.0.0.1:{port}/readyz", log)
        assert httpx.get(f"http://127.0.0.1:{port}/healthz").json() == {"status": "ok"}

        def has_swept() -> bool:
            return "videobroker_worker_heartbeat_age_seconds" in httpx.get(f"http://127.0.0.1:{port}/metrics").text

        eventually_blocking(has_swept, context=log.read_text)
        with running_program("work", "--health-port", str(port), cwd=folder, log=log, variables=variables) as second:
            assert second.wait() == 1
        assert f"Cannot listen on 127.0.0.1, port {port}" in log.read_text()
        assert stop(worker, signal.SIGTERM) == 0, log.read_text()
    assert "Traceback" not in log.read_text()
