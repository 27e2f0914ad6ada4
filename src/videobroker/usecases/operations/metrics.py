"""Metrics of the whole installation, read from the database: what waits for the background work.

Every process reports the same values. So a scraper can ask any of them, and a rule takes their maximum.
"""

import asyncio
import time
from collections.abc import Callable

import structlog
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from videobroker.broker import Broker
from videobroker.domain.apps import ProviderName
from videobroker.errors import StorageUnavailable
from videobroker.storage import background_work, jobs
from videobroker.storage.background_work import BackgroundWork, Backlog
from videobroker.storage.jobs import QueuedJobs
from videobroker.storage.journal import positions

TTL_SECONDS = 5.0
"""How old a value may be, so that frequent scrapes of one process cost one query."""
QUERY_SECONDS = 3.0
"""How long a scrape waits for the database. Prometheus gives up after ten seconds by default."""

_VENDORS = {ProviderName.HMS: "100ms", ProviderName.AGORA: "Agora"}
"""The label `vendor`, as in the metrics of requests."""

log = structlog.get_logger(__name__)


class DatabaseMetrics:
    """One per process. Values are absent while the database does not answer."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` returns monotonic seconds."""
        self._clock = clock
        self._lock = asyncio.Lock()
        self._text = b""
        self._read_at: float | None = None

    async def render(self, broker: Broker) -> bytes:
        """The metrics in the text format of Prometheus, at most `TTL_SECONDS` old, and the circuits of this process."""
        # One query at a time: concurrent scrapes use its result.
        async with self._lock:
            if self._read_at is None or self._clock() - self._read_at > TTL_SECONDS:
                self._text = await _read(broker)
                self._read_at = self._clock()
        return self._text + _render_circuits(broker)


def _render_circuits(broker: Broker) -> bytes:
    """The circuits of this process in the text format of Prometheus."""
    registry = CollectorRegistry()
    gauge = _gauge(
        registry, "vendor_open_circuits", "Accounts to which this process sends no requests but probes.", "vendor"
    )
    for name in ProviderName:
        gauge.labels(_VENDORS[name]).set(0)
    for each in broker.providers.circuits():
        if each.status.is_rejecting:
            gauge.labels(_VENDORS[each.provider]).inc()
    return generate_latest(registry)


async def _read(broker: Broker) -> bytes:
    registry = CollectorRegistry()
    is_up = _gauge(registry, "database_up", "1 if the database answered the query of these metrics.")
    try:
        async with (
            broker.store.translated(),
            asyncio.timeout(QUERY_SECONDS),
            broker.store.cross_app_transaction() as unit_of_work,
        ):
            work = await background_work.read(unit_of_work, now=broker.now())
            queued = await jobs.queued_jobs(unit_of_work)
            hidden = await positions.find_hidden(unit_of_work, now=broker.now())
    except StorageUnavailable:
        log.warning("metrics.query_failed")
    else:
        is_up.set(1)
        _add_background_work(registry, work)
        _add_jobs(registry, queued)
        _gauge(registry, "hidden_events_age_seconds", "Age of the oldest event that an open transaction hides.").set(
            0 if hidden is None else hidden.hidden_for.total_seconds()
        )
    return generate_latest(registry)


def _add_background_work(registry: CollectorRegistry, work: BackgroundWork) -> None:
    if work.worker_silence is not None:
        _gauge(registry, "worker_heartbeat_age_seconds", "Time since any worker has run the sweep.").set(
            work.worker_silence.total_seconds()
        )
    _add_backlog(registry, "unprocessed_webhooks", "Incoming webhooks to process", work.unprocessed_webhooks)
    _add_backlog(registry, "overdue_lifecycle_steps", "Due lifecycle steps that no worker has started", work.due_steps)
    _add_backlog(
        registry,
        "due_deliveries",
        "Due deliveries to working endpoints that no worker has started",
        work.due_deliveries,
    )
    _add_backlog(registry, "unsealed_journal_rows", "Journal rows that are not sealed", work.unsealed_rows)
    _gauge(registry, "journal_seals", "Sum of the numbers of the newest seals of all journals.").set(work.seals)
    _gauge(registry, "open_calls", "Calls that have not ended.").set(work.open_calls)
    endpoints = _gauge(registry, "webhook_endpoints", "Webhook endpoints by state.", "state")
    for state, number in work.endpoints.items():
        endpoints.labels(state).set(number)
    pending = _gauge(registry, "pending_deliveries", "Pending deliveries by the state of their endpoint.", "state")
    for state, number in work.pending_deliveries.items():
        pending.labels(state).set(number)


def _add_jobs(registry: CollectorRegistry, queued: list[QueuedJobs]) -> None:
    count = _gauge(registry, "queued_jobs", "Jobs that may run and have not started.", "kind")
    age = _gauge(registry, "queued_jobs_age_seconds", "How long the oldest of these jobs could have run.", "kind")
    for name in jobs.JOB_NAMES.values():
        count.labels(name).set(0)
        age.labels(name).set(0)
    for each in queued:
        count.labels(each.name).set(each.count)
        age.labels(each.name).set(each.longest_wait.total_seconds())


def _add_backlog(registry: CollectorRegistry, name: str, meaning: str, backlog: Backlog) -> None:
    _gauge(registry, name, f"{meaning}.").set(backlog.count)
    _gauge(registry, f"{name}_age_seconds", f"{meaning}: how long the oldest has waited.").set(
        backlog.longest_wait.total_seconds()
    )


def _gauge(registry: CollectorRegistry, name: str, meaning: str, *labels: str) -> Gauge:
    return Gauge(f"videobroker_{name}", meaning, labels, registry=registry)
