"""How much a deployment carries: a model on paper, fed with what `benchmarks.scale_out` measured."""

import math
from dataclasses import dataclass

from videobroker.storage.attendance import inbox_writer
from videobroker.storage.jobs import MAX_WORKER_CONNECTIONS
from videobroker.storage.joining import join_context
from videobroker.storage.journal import journal
from videobroker.storage.webhooks import delivery_writer
from videobroker.wiring import WORKER_CONNECTIONS

BUSY_AT_MOST = 0.7
"""Beyond this share of a core, bursts wait noticeably longer."""
LISTENER = 1
BELL = 1
HOT_PATH = join_context.CONCURRENT_QUERIES + journal.CONCURRENT_QUERIES
WEBHOOKS = 2 * inbox_writer.CONCURRENT_QUERIES
"""Opened with the first webhook."""


@dataclass(frozen=True, slots=True)
class Costs:
    """Processor time of one warm join, in microseconds, by who spends it."""

    service: float
    postgres: float
    nginx: float


@dataclass(frozen=True, slots=True)
class Rush:
    """Lessons that begin at the same moment, and their people, who come within a while."""

    lessons: int
    people_in_each: int = 2
    within_seconds: float = 60.0
    share_at_the_peak: float = 1.0
    """The rate in the busiest second, as a multiple of the average."""

    @property
    def joins_per_second(self) -> float:
        """In the busiest second."""
        return self.lessons * self.people_in_each / self.within_seconds * self.share_at_the_peak


@dataclass(frozen=True, slots=True)
class Needs:
    """What a rush takes."""

    replicas: int
    postgres_cores: int
    nginx_cores: int


def joins_per_second(replicas: int, postgres_cores: int, costs: Costs) -> float:
    """What so many processes, each on a core of its own, and so large a PostgreSQL carry."""
    return BUSY_AT_MOST * 1e6 * min(replicas / costs.service, postgres_cores / costs.postgres)


def needed(rush: Rush, costs: Costs) -> Needs:
    """What carries this rush, at `BUSY_AT_MOST`."""
    rate = rush.joins_per_second / BUSY_AT_MOST / 1e6
    replicas, postgres, nginx = (
        max(1, math.ceil(rate * spent)) for spent in (costs.service, costs.postgres, costs.nginx)
    )
    return Needs(replicas, postgres, nginx)


@dataclass(frozen=True, slots=True)
class Connections:
    """Connections to PostgreSQL at most: those that a pooler can share, and those that lead past it."""

    shareable: int
    direct: int

    @property
    def without_pooler(self) -> int:
        """What `max_connections` has to hold."""
        return self.shareable + self.direct

    def with_pooler(self, pool: int) -> int:
        """The same, where the shareable ones share so many."""
        return pool + self.direct


def connections(*, replicas: int, workers: int, pool_size: int) -> Connections:
    """What so many `serve --no-work` and `work` open at most."""
    serving = pool_size
    working = pool_size + WORKER_CONNECTIONS
    return Connections(
        shareable=replicas * serving + workers * working,
        direct=replicas * (LISTENER + BELL + HOT_PATH + WEBHOOKS)
        + workers * (LISTENER + BELL + delivery_writer.CONCURRENT_QUERIES + MAX_WORKER_CONNECTIONS),
    )
