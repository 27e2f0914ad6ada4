"""Background jobs in PgQueuer, and a periodic sweep that finds work without a job.

Any number of workers share the queue. If a worker crashes, another one takes over its jobs when their heartbeat stops.
Therefore every job may run twice.
"""

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import timedelta

import structlog
from pgqueuer import DatabaseRetryEntrypointExecutor, PgQueuer
from pgqueuer import Job as QueuedJob
from pgqueuer.db import Driver
from pgqueuer.errors import RetryRequested
from pgqueuer.executors import EntrypointExecutorParameters
from pgqueuer.models import Schedule
from pgqueuer.qm import QueueManager

from videobroker import tracing
from videobroker.broker import Broker
from videobroker.concurrency.slots import KeyedSlots, SlotLimits
from videobroker.concurrency.supervised import Backoff, SupervisedTask, supervise
from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import AppId
from videobroker.errors import StorageUnavailable
from videobroker.storage import jobs
from videobroker.storage.jobs import Job, JobKind
from videobroker.storage.postgres.notifications import JOURNAL_TOPIC
from videobroker.usecases.attendance.process_webhooks import process_all
from videobroker.usecases.attendance.reconciliation import reconcile_call
from videobroker.usecases.calls.orphaned_rooms import close_orphaned_rooms_of
from videobroker.usecases.joining.moderation import enforce_removals
from videobroker.usecases.journal.blocked import report_blocked
from videobroker.usecases.journal.retention import retire
from videobroker.usecases.journal.sealing import seal_journals, send_heads
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
SEND_HEADS_SCHEDULE = "27 * * * *"
"""Once an hour."""
ENCRYPT_SCHEDULE = "*/5 * * * *"
"""Every five minutes. During an upgrade, an older version may still write room codes in plain text."""
RETIRE_SCHEDULE = "37 * * * *"
"""Once an hour."""
DELETE_HISTORY_SCHEDULE = "47 * * * *"
"""Once an hour."""
STATISTICS_SCHEDULE = "* * * * * */15"
"""Every fifteen seconds. Charts of the console are at most this late."""
VENDOR_JOBS = frozenset(
    {JobKind.RUN_DUE_STEPS, JobKind.RECONCILE, JobKind.ENFORCE_REMOVALS, JobKind.CLOSE_ORPHANED_ROOMS}
)
"""Jobs that wait for responses of vendors."""
MAX_CONCURRENT_DATABASE_JOBS = 10
MAX_CONCURRENT_VENDOR_JOBS = 40
"""They wait for responses most of the time."""
ACCOUNT_LIMITS = SlotLimits(per_key=10, per_slow_key=2, all_slow_keys=20, slow_after_seconds=3.0)
"""Of vendor jobs, by provider account. When an account stops answering, it holds `per_key` slots until its first
requests time out, and fewer from then on."""
MAX_CONCURRENT_RECONCILIATIONS = 30
"""Limit across all workers: calls that are open for hours must not delay the closing of others."""
MAX_CONCURRENT_DELIVERY_JOBS = 200
SLOW_ACCOUNT_DELAY_SECONDS, MAX_SLOW_ACCOUNT_DELAY_SECONDS = 1.0, 30.0
"""After which a job of a slow account is tried again. Doubled with each attempt, with jitter."""
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

    Vendors and the endpoints of webhooks may be slow. They must not delay work that only needs the database, so jobs
    that wait for either have their own queues.
    """
    vendor_queue = _queue(broker, driver, VENDOR_JOBS)
    delivery_queue = _queue(broker, driver, {JobKind.DELIVER})
    database_queue = _queue(broker, driver, set(JobKind) - VENDOR_JOBS - {JobKind.DELIVER})

    async def run_sweep(_: Schedule) -> None:
        await sweep(broker, now=broker.now())

    async def run_delete_expired_rows(_: Schedule) -> None:
        await delete_expired_rows(broker)

    async def run_seal_journals(_: Schedule) -> None:
        await seal_journals(broker, now=broker.now())
        await report_blocked(broker, now=broker.now())

    async def run_send_heads(_: Schedule) -> None:
        await send_heads(broker, now=broker.now())

    async def run_retire(_: Schedule) -> None:
        await retire(broker, now=broker.now())

    async def run_encrypt_room_codes(_: Schedule) -> None:
        await encrypt_plain_room_codes(broker)

    async def run_delete_expired_history(_: Schedule) -> None:
        await delete_expired_history(broker, now=broker.now())

    async def run_update_statistics(_: Schedule) -> None:
        await update_statistics(broker)

    database_queue.schedule("statistics", STATISTICS_SCHEDULE)(run_update_statistics)
    database_queue.schedule(jobs.SWEEP, SWEEP_SCHEDULE)(run_sweep)
    database_queue.schedule("tidy", DELETE_EXPIRED_SCHEDULE)(run_delete_expired_rows)
    database_queue.schedule("seal", SEAL_SCHEDULE)(run_seal_journals)
    database_queue.schedule("heads", SEND_HEADS_SCHEDULE)(run_send_heads)
    database_queue.schedule("retire", RETIRE_SCHEDULE)(run_retire)
    database_queue.schedule("encrypt", ENCRYPT_SCHEDULE)(run_encrypt_room_codes)
    database_queue.schedule("clear", DELETE_HISTORY_SCHEDULE)(run_delete_expired_history)
    return [
        (database_queue, MAX_CONCURRENT_DATABASE_JOBS),
        (vendor_queue, MAX_CONCURRENT_VENDOR_JOBS),
        (delivery_queue, MAX_CONCURRENT_DELIVERY_JOBS),
    ]


def _queue(broker: Broker, driver: Driver, kinds: Collection[JobKind]) -> PgQueuer:
    queue = PgQueuer(driver, channel=jobs.SETTINGS.channel, queries=jobs.queries(driver))
    account_slots = KeyedSlots[tuple[AppId, ProviderName | None]](ACCOUNT_LIMITS)
    for kind in kinds:
        limit = MAX_CONCURRENT_RECONCILIATIONS if kind is JobKind.RECONCILE else 0
        handler = _vendor_handler(broker, kind, account_slots) if kind in VENDOR_JOBS else _handler(broker, kind)
        queue.entrypoint(kind.value, concurrency_limit=limit, executor_factory=_persistent)(handler)
    return queue


def _persistent(parameters: EntrypointExecutorParameters) -> DatabaseRetryEntrypointExecutor:
    """Retries with increasing delays. If all attempts fail, the sweep finds the work again."""
    return DatabaseRetryEntrypointExecutor(parameters, max_attempts=20, max_delay=timedelta(minutes=5))


def _handler(broker: Broker, kind: JobKind) -> Callable[[QueuedJob], Awaitable[None]]:
    async def handle(queued: QueuedJob) -> None:
        await run_traced_job(broker, Job.read(kind, queued.payload), queued.id)

    return handle


def _vendor_handler(
    broker: Broker, kind: JobKind, account_slots: KeyedSlots[tuple[AppId, ProviderName | None]]
) -> Callable[[QueuedJob], Awaitable[None]]:
    """A handler that runs a job in a slot of its provider account, or requests to run it later."""

    async def handle(queued: QueuedJob) -> None:
        job = Job.read(kind, queued.payload)
        async with account_slots.acquire((job.app_id, job.provider)) as acquired:
            if not acquired:
                raise RetryRequested(_slow_account_delay(queued.attempts), reason="the provider account is slow")
            await run_traced_job(broker, job, queued.id)

    return handle


async def run_traced_job(broker: Broker, job: Job, queued_id: int) -> None:
    """Run a job in a trace of its own: many changes can lead to one job."""
    attributes: tracing.Attributes = {
        "messaging.system": "pgqueuer",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": job.kind.value,
        "messaging.message.id": str(queued_id),
        "videobroker.app_id": str(job.app_id),
    }
    with tracing.root_span(f"process {job.kind.value}", tracing.SpanKind.CONSUMER, attributes):
        await run_job(broker, job)


def _slow_account_delay(attempts: int) -> timedelta:
    # The exponent is limited before the power is computed.
    seconds = min(SLOW_ACCOUNT_DELAY_SECONDS * 2 ** min(attempts, 10), MAX_SLOW_ACCOUNT_DELAY_SECONDS)
    return timedelta(seconds=seconds * random.uniform(0.5, 1.0))


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
