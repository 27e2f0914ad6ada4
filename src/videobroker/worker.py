"""Background jobs in PgQueuer, and a periodic sweep that finds work without a job.

Any number of workers share the queue. If a worker crashes, another one takes over its jobs when their heartbeat stops.
Therefore every job may run twice.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta

import structlog
from pgqueuer import DatabaseRetryEntrypointExecutor, PgQueuer
from pgqueuer import Job as QueuedJob
from pgqueuer.db import Driver
from pgqueuer.executors import EntrypointExecutorParameters
from pgqueuer.models import Schedule
from pgqueuer.qm import QueueManager

from videobroker.broker import Broker
from videobroker.concurrency.supervised import Backoff, SupervisedTask, supervise
from videobroker.errors import StorageUnavailable
from videobroker.storage import jobs
from videobroker.storage.jobs import Job, JobKind
from videobroker.storage.postgres.notifications import JOURNAL_TOPIC
from videobroker.usecases.attendance.process_webhooks import process_all
from videobroker.usecases.attendance.reconciliation import reconcile_call
from videobroker.usecases.calls.orphaned_rooms import close_orphaned_rooms_of
from videobroker.usecases.joining.moderation import enforce_removals
from videobroker.usecases.journal.retention import retire
from videobroker.usecases.journal.sealing import seal_journals
from videobroker.usecases.lifecycle import run_due_steps
from videobroker.usecases.operations.cleanup import delete_expired_history
from videobroker.usecases.operations.secret_keys import encrypt_plain_room_codes
from videobroker.usecases.operations.statistics import update_statistics
from videobroker.usecases.operations.sweeper import delete_expired_rows, sweep
from videobroker.usecases.webhooks.delivery import deliver, fan_out_all

SWEEP_SCHEDULE = "* * * * * */5"
"""Every five seconds. Time-driven steps are at most this late."""
DELETE_EXPIRED_SCHEDULE = "17 * * * *"
"""Once an hour."""
SEAL_SCHEDULE = "* * * * * */10"
"""Every ten seconds. Newer events are not sealed yet."""
ENCRYPT_SCHEDULE = "*/5 * * * *"
"""Every five minutes. During an upgrade, an older version may still write room codes in plain text."""
RETIRE_SCHEDULE = "37 * * * *"
"""Once an hour."""
DELETE_HISTORY_SCHEDULE = "47 * * * *"
"""Once an hour."""
STATISTICS_SCHEDULE = "* * * * * */15"
"""Every fifteen seconds. Charts of the console are at most this late."""
MAX_CONCURRENT_JOBS = 10
MAX_CONCURRENT_RECONCILIATIONS = 8
"""Limit across all workers, so that a slow provider does not delay other jobs."""
MAX_CONCURRENT_DELIVERY_JOBS = 200
DEQUEUE_BATCH_SIZE = 5
MIN_FAN_OUT_INTERVAL_SECONDS = 0.1
"""Minimum time between two reads of the journals. Each read covers every app with endpoints."""
SHORT_FAN_OUT_INTERVAL_SECONDS = 0.2
MAX_FAN_OUT_INTERVAL_SECONDS = 2.0
"""Maximum time between two reads of the journals, in case a notification is lost or early."""
HEARTBEAT_TIMEOUT = timedelta(seconds=10)
"""Another worker takes over a job after its worker has sent no heartbeat for this long."""
DEQUEUE_TIMEOUT = timedelta(seconds=10)
"""Maximum time between two reads of the queue, in case a notification is lost."""
RESTART_BACKOFF = Backoff(first_seconds=2.0, max_seconds=10.0)
GRACE_SECONDS = 10.0
"""How long running jobs may take to finish when the worker stops."""

log = structlog.get_logger(__name__)


async def run_job(broker: Broker, job: Job) -> None:
    """Run a job. If it raises, the job is run again."""
    now = broker.now()
    match job.kind:
        case JobKind.PROCESS_WEBHOOKS:
            await process_all(broker, job.app_id, job.session_ids, now=now)
        case JobKind.RUN_DUE_STEPS:
            await run_due_steps(broker, job.app_id, job.session_id, now=now)
        case JobKind.RECONCILE if job.call_id is not None:
            await reconcile_call(broker, job.app_id, job.session_id, job.call_id, now=now)
        case JobKind.ENFORCE_REMOVALS:
            await enforce_removals(broker, job.app_id, job.session_id, now=now)
        case JobKind.CLOSE_ORPHANED_ROOMS:
            await close_orphaned_rooms_of(broker, job.app_id, job.session_id, now=now)
        case JobKind.DELIVER:
            while await deliver(broker, job.app_id, job.endpoint_id, now=broker.now()):
                pass
        case _:
            raise LookupError(f"a job of the kind {job.kind} names no object")


def queues(broker: Broker, driver: Driver) -> list[tuple[PgQueuer, int]]:
    """The queues of a worker, not started, with their concurrency.

    Deliveries have their own queue: slow endpoints must not delay other work.
    """
    main_queue = _queue(broker, driver, [kind for kind in JobKind if kind is not JobKind.DELIVER])
    delivery_queue = _queue(broker, driver, [JobKind.DELIVER])

    async def run_sweep(_: Schedule) -> None:
        await sweep(broker, now=broker.now())

    async def run_delete_expired_rows(_: Schedule) -> None:
        await delete_expired_rows(broker)

    async def run_seal_journals(_: Schedule) -> None:
        await seal_journals(broker, now=broker.now())

    async def run_retire(_: Schedule) -> None:
        await retire(broker, now=broker.now())

    async def run_encrypt_room_codes(_: Schedule) -> None:
        await encrypt_plain_room_codes(broker)

    async def run_delete_expired_history(_: Schedule) -> None:
        await delete_expired_history(broker, now=broker.now())

    async def run_update_statistics(_: Schedule) -> None:
        await update_statistics(broker)

    main_queue.schedule("statistics", STATISTICS_SCHEDULE)(run_update_statistics)
    main_queue.schedule(jobs.SWEEP, SWEEP_SCHEDULE)(run_sweep)
    main_queue.schedule("tidy", DELETE_EXPIRED_SCHEDULE)(run_delete_expired_rows)
    main_queue.schedule("seal", SEAL_SCHEDULE)(run_seal_journals)
    main_queue.schedule("retire", RETIRE_SCHEDULE)(run_retire)
    main_queue.schedule("encrypt", ENCRYPT_SCHEDULE)(run_encrypt_room_codes)
    main_queue.schedule("clear", DELETE_HISTORY_SCHEDULE)(run_delete_expired_history)
    return [(main_queue, MAX_CONCURRENT_JOBS), (delivery_queue, MAX_CONCURRENT_DELIVERY_JOBS)]


def _queue(broker: Broker, driver: Driver, kinds: Iterable[JobKind]) -> PgQueuer:
    queue = PgQueuer(driver, channel=jobs.SETTINGS.channel, queries=jobs.queries(driver))
    for kind in kinds:
        limit = MAX_CONCURRENT_RECONCILIATIONS if kind is JobKind.RECONCILE else 0
        queue.entrypoint(kind.value, concurrency_limit=limit, executor_factory=_persistent)(_handler(broker, kind))
    return queue


def _persistent(parameters: EntrypointExecutorParameters) -> DatabaseRetryEntrypointExecutor:
    """Retries with increasing delays. If all attempts fail, the sweep finds the work again."""
    return DatabaseRetryEntrypointExecutor(parameters, max_attempts=20, max_delay=timedelta(minutes=5))


def _handler(broker: Broker, kind: JobKind) -> Callable[[QueuedJob], Awaitable[None]]:
    async def handle(queued: QueuedJob) -> None:
        await run_job(broker, Job.read(kind, queued.payload))

    return handle


async def work(
    broker: Broker,
    open_driver: Callable[[], contextlib.AbstractAsyncContextManager[Driver]],
    *,
    on_start: Callable[[], None] = lambda: None,
) -> None:
    """Run jobs until canceled; restart after any failure. Running jobs have `GRACE_SECONDS` to finish.

    `on_start` is called before each start.
    """

    async def work_once() -> None:
        on_start()
        async with open_driver() as driver:
            await _work_once(broker, queues(broker, driver))

    await supervise("worker", work_once, backoff=RESTART_BACKOFF)


async def _work_once(broker: Broker, queues_with_limits: Sequence[tuple[PgQueuer, int]]) -> None:
    """Run until one of the queues fails, or the task is canceled."""
    tasks = [
        asyncio.create_task(_run(queue if queue.sm.registry else queue.qm, max_concurrent_jobs), name="worker")
        for queue, max_concurrent_jobs in queues_with_limits
    ]
    fan_out_task = SupervisedTask("fan-out", lambda: follow_journal(broker))
    fan_out_task.start()
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for queue, _ in queues_with_limits:
            queue.shutdown.set()
        await fan_out_task.aclose()
        unfinished = (await asyncio.wait(tasks, timeout=GRACE_SECONDS))[1]
        for task in unfinished:
            # Another worker repeats interrupted jobs.
            task.cancel()
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


async def _run(queue: PgQueuer | QueueManager, max_concurrent_jobs: int) -> None:
    await queue.run(
        dequeue_timeout=DEQUEUE_TIMEOUT,
        batch_size=DEQUEUE_BATCH_SIZE,
        max_concurrent_tasks=max_concurrent_jobs,
        heartbeat_timeout=HEARTBEAT_TIMEOUT,
        shutdown_on_listener_failure=True,
        # The statistics of PgQueuer are not used, and would add a row per second of work.
        log_aggregation_interval=timedelta(0),
    )


async def follow_journal(broker: Broker) -> None:
    """Turn new events into deliveries to webhook endpoints, until canceled."""
    with broker.listener.subscribed(JOURNAL_TOPIC) as wake_event:
        pause = MAX_FAN_OUT_INTERVAL_SECONDS
        while True:
            wake_event.clear()
            try:
                await fan_out_all(broker, now=broker.now())
            except StorageUnavailable:
                log.warning("journal.follow_failed")
            # A wake-up during the pause is not lost.
            await asyncio.sleep(MIN_FAN_OUT_INTERVAL_SECONDS)
            try:
                await asyncio.wait_for(wake_event.wait(), pause)
                # Committed events become visible when older transactions end: check again soon.
                pause = SHORT_FAN_OUT_INTERVAL_SECONDS
            except TimeoutError:
                pause = MAX_FAN_OUT_INTERVAL_SECONDS
