"""A model of the capacity of a deployment, based on the measurements of `benchmarks.scale_out`."""

import math
from dataclasses import dataclass

from videobroker.storage.attendance import inbox_writer
from videobroker.storage.jobs import MAX_WORKER_CONNECTIONS
from videobroker.storage.joining import join_context
from videobroker.storage.journal import journal
from videobroker.storage.webhooks import delivery_writer
from videobroker.wiring import WORKER_CONNECTIONS

MAX_UTILIZATION = 0.7
"""Share of a core. Above it, bursts wait noticeably longer."""
LISTENER_CONNECTIONS = 1
NOTIFIER_CONNECTIONS = 1
JOIN_CONNECTIONS = join_context.CONCURRENT_QUERIES + journal.CONCURRENT_QUERIES
WEBHOOK_CONNECTIONS = 2 * inbox_writer.CONCURRENT_QUERIES
"""Opened by the first webhook."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Processor time of one warm join in microseconds, by process."""

    service: float
    postgres: float
    nginx: float


@dataclass(frozen=True, slots=True)
class PeakLoad:
    """Lessons that start at the same time, and the interval in which their participants join."""

    lessons: int
    participants_per_lesson: int = 2
    within_seconds: float = 60.0
    peak_factor: float = 1.0
    """The rate in the busiest second, as a multiple of the average."""

    @property
    def joins_per_second(self) -> float:
        """In the busiest second."""
        return self.lessons * self.participants_per_lesson / self.within_seconds * self.peak_factor


@dataclass(frozen=True, slots=True)
class Resources:
    """The processes and cores that a peak load needs."""

    replicas: int
    postgres_cores: int
    nginx_cores: int


def joins_per_second(replicas: int, postgres_cores: int, costs: Costs) -> float:
    """The capacity at `MAX_UTILIZATION`, if each service process has its own core."""
    return MAX_UTILIZATION * 1e6 * min(replicas / costs.service, postgres_cores / costs.postgres)


def required_resources(load: PeakLoad, costs: Costs) -> Resources:
    """The smallest deployment that can serve this load at `MAX_UTILIZATION`."""
    rate = load.joins_per_second / MAX_UTILIZATION / 1e6
    replicas, postgres, nginx = (
        max(1, math.ceil(rate * cost)) for cost in (costs.service, costs.postgres, costs.nginx)
    )
    return Resources(replicas, postgres, nginx)


@dataclass(frozen=True, slots=True)
class Connections:
    """The maximum number of connections to PostgreSQL."""

    shareable: int
    """Connections that can use PgBouncer."""
    direct: int
    """Connections that always go to PostgreSQL."""

    @property
    def without_pooler(self) -> int:
        """The minimum of `max_connections` without PgBouncer."""
        return self.shareable + self.direct

    def with_pooler(self, pool_size: int) -> int:
        """The minimum of `max_connections` if PgBouncer opens so many connections."""
        return pool_size + self.direct


def connections(*, replicas: int, workers: int, pool_size: int) -> Connections:
    """For processes of `serve --no-work` (`replicas`) and of `work` (`workers`)."""
    return Connections(
        shareable=replicas * pool_size + workers * (pool_size + WORKER_CONNECTIONS),
        direct=replicas * (LISTENER_CONNECTIONS + NOTIFIER_CONNECTIONS + JOIN_CONNECTIONS + WEBHOOK_CONNECTIONS)
        + workers
        * (LISTENER_CONNECTIONS + NOTIFIER_CONNECTIONS + delivery_writer.CONCURRENT_QUERIES + MAX_WORKER_CONNECTIONS),
    )
