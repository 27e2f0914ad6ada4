"""Job queue (PgQueuer, in the PostgreSQL schema `jobs`).

A job is written in the transaction that makes it necessary. Jobs are hints: a worker reads our own tables to find what
is to be done, so that running a job twice is harmless, and a periodic sweep finds what has no job.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

import asyncpg
import structlog
from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment, QueryQueueBuilder, QuerySchedulerBuilder
from pgqueuer.db import AsyncpgDriver, AsyncpgPoolDriver, Driver
from pgqueuer.domain.settings import DBSettings, Durability
from pgqueuer.queries import Queries
from sqlalchemy import (
    ARRAY,
    CTE,
    ColumnElement,
    FromClause,
    TableClause,
    Text,
    Uuid,
    column,
    distinct,
    func,
    insert,
    literal_column,
    select,
    table,
    text,
)
from sqlalchemy import cast as sql_cast
from sqlalchemy.engine import URL

from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import AppId, CallId, EndpointId, SessionId
from videobroker.storage.postgres.connection import ANSWER_SECONDS, STATEMENT_SECONDS, connect_args
from videobroker.storage.postgres.unit_of_work import UnitOfWork

log = structlog.get_logger(__name__)

# Complete, because the library reads missing names from environment variables such as CHANNEL.
SETTINGS = DBSettings(
    prefix="",
    db_schema="jobs",
    channel="videobroker_jobs",
    function="queue_changed",
    statistics_table="statistics",
    queue_status_type="job_status",
    queue_table="queue",
    queue_table_log="log",
    trigger="queue_changed",
    schedules_table="schedules",
    durability=Durability.durable,
    widen_id=True,
)

MAX_WORKER_CONNECTIONS = 4
"""Per worker."""
CLOSE_SECONDS = 5.0
"""How long a worker that stops waits for its connections to close."""
HEARTBEAT_SECONDS = 5.0
"""Between two checks that a worker's connections still answer."""
HEARTBEAT_CHANNEL = "videobroker_worker_heartbeat"
SWEEP = "sweep"
"""The schedule whose last run shows that a worker runs."""
LOG_RETENTION_DAYS = 7
"""Of the library's log of finished jobs."""


class JobKind(StrEnum):
    """What a job does; the values are the entry points in the queue."""

    PROCESS_WEBHOOKS = "apply"
    """Process the pending webhooks of sessions."""
    RUN_DUE_STEPS = "attend"
    """Run the lifecycle step that is due for a session."""
    RECONCILE = "ask"
    """Reconcile a call with the provider."""
    ENFORCE_REMOVALS = "expel"
    """Enforce removals: disconnect people who came back to a session."""
    CLOSE_ORPHANED_ROOMS = "orphan"
    """Close the rooms of a deleted session."""
    DELIVER = "deliver"
    """Attempt the due deliveries of a webhook endpoint."""


JOB_NAMES: Mapping[str, str] = {kind.value: kind.name.lower() for kind in JobKind}
"""Readable names of the entry points."""
PRIORITIES = {JobKind.ENFORCE_REMOVALS: 2, JobKind.RUN_DUE_STEPS: 1, JobKind.RECONCILE: -1}
"""Higher numbers first; the default is 0. Reconciliation is the slowest, and the least urgent."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job about one session, or one webhook endpoint to deliver to. A job that processes webhooks may have more
    sessions.
    """

    kind: JobKind
    app_id: AppId
    subject: SessionId | EndpointId
    call_id: CallId | None = None
    others: tuple[SessionId, ...] = ()
    provider: ProviderName | None = None
    """The provider that the job calls, if it is known when the job is written."""

    @property
    def name(self) -> str:
        """Equal for jobs that do the same."""
        return f"{self.kind}:{self.app_id}:{self.subject}:{self.call_id}"

    @property
    def session_id(self) -> SessionId:
        return SessionId(self.subject)

    @property
    def session_ids(self) -> tuple[SessionId, ...]:
        return self.session_id, *self.others

    @property
    def endpoint_id(self) -> EndpointId:
        return EndpointId(self.subject)

    def payload(self) -> bytes:
        call = {} if self.call_id is None else {"call": str(self.call_id)}
        provider = {} if self.provider is None else {"provider": self.provider}
        return json.dumps({"app": str(self.app_id), "subject": str(self.subject), **call, **provider}).encode()

    @classmethod
    def read(cls, kind: JobKind, payload: bytes | None) -> "Job":
        """The inverse of `payload`."""
        body = json.loads(payload or b"{}")
        call_id = CallId(UUID(body["call"])) if "call" in body else None
        others = tuple(SessionId(UUID(each)) for each in body.get("others", ()))
        provider = ProviderName(body["provider"]) if "provider" in body else None
        return cls(kind, AppId(UUID(body["app"])), SessionId(UUID(body["subject"])), call_id, others, provider)


def queries(driver: Driver) -> Queries:
    """The operations of the library, on our table names."""
    return Queries(
        driver,
        qbe=QueryBuilderEnvironment(settings=SETTINGS),
        qbq=QueryQueueBuilder(settings=SETTINGS),
        qbs=QuerySchedulerBuilder(settings=SETTINGS),
    )


async def enqueue(
    unit_of_work: UnitOfWork, *jobs: Job, unless_queued: bool = False, after: timedelta = timedelta(0)
) -> None:
    """Write jobs, which may run once the transaction has committed, and `after` has passed.

    `unless_queued` skips jobs that are queued but not started. A running job may have read before our write, so it does
    not count.
    """
    if not jobs:
        return
    await queries(AsyncpgDriver(await unit_of_work.driver_connection())).enqueue(
        [job.kind.value for job in jobs],
        [job.payload() for job in jobs],
        [PRIORITIES.get(job.kind, 0) for job in jobs],
        execute_after=[after for _ in jobs],
        dedupe_key=[job.name if unless_queued else None for job in jobs],
        on_conflict="skip",
    )


def enqueue_processing(pending: FromClause) -> tuple[CTE, CTE]:
    """Common table expressions that enqueue the processing of webhooks: one job for each app, naming its sessions.

    `pending` has `app_id` and `session_id`. Does what the library does to enqueue, which offers it only as a statement
    of its own.
    """
    queue, log = (_library_table(name) for name in (SETTINGS.queue_table, SETTINGS.queue_table_log))
    session_ids = func.array_agg(distinct(pending.c.session_id), type_=ARRAY(Uuid)).label("ids")
    per_app = select(pending.c.app_id, session_ids).group_by(pending.c.app_id).subquery("per_app")
    named = func.json_build_object(
        literal_column("'app'"),
        per_app.c.app_id,
        literal_column("'subject'"),
        per_app.c.ids[literal_column("1")],
        literal_column("'others'"),
        func.to_json(literal_column("ids[2:]")),
    )
    payload = func.convert_to(sql_cast(named, Text), literal_column("'UTF8'"))
    kind: ColumnElement[str] = literal_column(f"'{JobKind.PROCESS_WEBHOOKS}'")
    priority: ColumnElement[int] = literal_column(str(PRIORITIES.get(JobKind.PROCESS_WEBHOOKS, 0)))
    queued = (
        insert(queue)
        .from_select(
            ["entrypoint", "priority", "payload", "headers", "status"],
            select(kind, priority, payload, literal_column("'null'::jsonb"), _QUEUED),
        )
        .returning(queue.c.id)
        .cte("queued")
    )
    logged = (
        insert(log)
        .from_select(["job_id", "entrypoint", "priority", "status"], select(queued.c.id, kind, priority, _QUEUED))
        .cte("logged")
    )
    return queued, logged


@asynccontextmanager
async def drivers(url: URL, *, on_heartbeat: Callable[[], None] = lambda: None) -> AsyncIterator[Driver]:
    """Connections of a worker: one listens, the others fetch jobs and report on them.

    `on_heartbeat` is called every few seconds while they answer.
    """
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
    arguments = connect_args(STATEMENT_SECONDS, application_name="videobroker worker")
    pool = await asyncpg.create_pool(dsn, min_size=2, max_size=MAX_WORKER_CONNECTIONS, **arguments)
    try:
        # Entered here as well: a queue that fails at its start never enters it, and so would not close it.
        async with AsyncpgPoolDriver(pool) as driver:
            # Before any queue starts. Each queue notifies itself to check that it listens, while it starts to listen on
            # another connection. If that takes longer, it misses its notification, and fails after ten seconds.
            await driver.add_listener(SETTINGS.channel, _ignore)
            received = asyncio.Event()
            await driver.add_listener(HEARTBEAT_CHANNEL, lambda _: received.set())
            heartbeat = asyncio.create_task(
                _terminate_when_silent(pool, driver, received, on_heartbeat), name="worker heartbeat"
            )
            try:
                yield driver
            finally:
                heartbeat.cancel()
                # `wait` instead of `await`: it does not raise the cancellation of the task.
                await asyncio.wait([heartbeat])
    finally:
        # `close` waits for every connection that was not returned, without end; a timeout terminates them.
        with suppress(TimeoutError):
            await asyncio.wait_for(pool.close(), CLOSE_SECONDS)


async def _terminate_when_silent(
    pool: "asyncpg.Pool", driver: Driver, received: asyncio.Event, on_heartbeat: Callable[[], None]
) -> None:
    """Terminate the connections once a heartbeat does not arrive, so that the queues fail.

    They would notice nothing: a connection that has gone silent brings no notification, and no error. `received` is set
    by each heartbeat.
    """
    try:
        while True:
            received.clear()
            async with asyncio.timeout(STATEMENT_SECONDS + ANSWER_SECONDS):
                await driver.notify(HEARTBEAT_CHANNEL, "")
                await received.wait()
            on_heartbeat()
            await asyncio.sleep(HEARTBEAT_SECONDS)
    except Exception as error:  # noqa: BLE001  without a heartbeat, nothing would notice silent connections
        log.warning("worker.database_silent", error=type(error).__name__)
        pool.terminate()


async def install(connection: "asyncpg.Connection") -> None:
    """Create or upgrade the queue's tables, outside of any transaction; any number of times."""
    library = queries(AsyncpgDriver(connection))
    if await library.schema_is_installed():
        await library.apply_upgrade()
    else:
        await library.install()


async def is_installed(unit_of_work: UnitOfWork) -> bool:
    """Whether the queue's tables exist."""
    found = await unit_of_work.execute(text("select to_regclass(:queue) is not null"), {"queue": _QUEUE})
    return bool(found.scalar_one())


@dataclass(frozen=True, slots=True)
class QueuedJobs:
    """Queued jobs of one kind that may run."""

    kind: str
    count: int
    longest_wait: timedelta

    @property
    def name(self) -> str:
        """A readable name of the kind: one of a few."""
        return JOB_NAMES.get(self.kind, "other")


async def queued_jobs(unit_of_work: UnitOfWork) -> list[QueuedJobs]:
    """How many jobs of each kind are queued, and how long the oldest of them could have run already."""
    found = await unit_of_work.execute(
        text(
            "select entrypoint, count(*) as number, now() - min(execute_after) as longest "  # noqa: S608  our own name
            f"from {_QUEUE} where status = 'queued' and execute_after <= now() "
            "group by entrypoint order by entrypoint"
        )
    )
    return [QueuedJobs(row.entrypoint, row.number, row.longest) for row in found]


async def prune(unit_of_work: UnitOfWork, *, limit: int) -> int:
    """Delete old rows of the library's log and statistics; returns an upper bound of how many of either."""
    return max(
        [
            await _prune(unit_of_work, table, limit)
            for table in (SETTINGS.qualified.queue_table_log, SETTINGS.qualified.statistics_table)
        ]
    )


async def _prune(unit_of_work: UnitOfWork, table: str, limit: int) -> int:
    statement = (
        f"delete from {table} where id in "  # noqa: S608  our own name
        f"(select id from {table} where created < now() - make_interval(days => :days) limit :limit)"
    )
    return (await unit_of_work.execute(text(statement), {"days": LOG_RETENTION_DAYS, "limit": limit})).rowcount


def _ignore(_: object) -> None:
    """Keeps the connection listening; the queues add their own handlers."""


_QUEUE = SETTINGS.qualified.queue_table
_QUEUED: ColumnElement[Any] = literal_column(f"'queued'::{SETTINGS.qualified.queue_status_type}")


def _library_table(name: str) -> TableClause:
    columns = ("id", "job_id", "entrypoint", "priority", "payload", "headers", "status")
    return table(name, *(column(each) for each in columns), schema=SETTINGS.db_schema)
