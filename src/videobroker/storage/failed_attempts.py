"""Slows down clients that send wrong credentials. The counts are in PostgreSQL: all replicas share them.

Correct credentials are verified first, and never counted or delayed: an attacker cannot lock anyone out, and a correct
request costs nothing. A wrong one costs a round trip for each limit until its network is blocked, and none afterwards.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from limits import RateLimitItem, parse_many
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter
from sqlalchemy import case, delete, literal, select
from sqlalchemy.dialects.postgresql import insert

from videobroker.domain.failed_attempts import AttemptKind, client_network
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.tables import failed_attempts

MAX_DELAY_SECONDS = 2.0
MAX_DELAYED = 20
"""Responses delayed at the same time; delaying more would let an attacker hold connections open."""
MAX_WRITERS = 2
"""Connections that wrong credentials can use at the same time. The pool is for correct ones."""
MAX_BLOCKED = 10_000
"""Blocked networks that a process remembers. Those that it forgets are counted in the database again."""
ALL_NETWORKS = "*"


@dataclass(frozen=True, slots=True)
class AttemptLimits:
    """How many wrong credentials of a kind are free, in the notation of `limits`: `30/minute; 300/hour`."""

    per_network: str
    total: str | None = None
    """Of all networks together. Beyond it, every sender of a wrong credential is slowed down."""


@dataclass(frozen=True, slots=True)
class Penalty:
    """What a sender of too many wrong credentials gets."""

    retry_after: float
    """Seconds until the next attempt is free."""
    was_delayed: bool
    """Whether the result was late. False if too many others are late already."""


class PostgresCounters(Storage):
    """A storage of `limits` in PostgreSQL."""

    STORAGE_SCHEME = None

    def __init__(self, store: Store, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._store = store
        self._now = now

    @property
    def base_exceptions(self) -> tuple[type[Exception], ...]:
        """Errors of the storage that the library would wrap: none. `StorageUnavailable` is for the caller."""
        return ()

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count, in a window that lasts `expiry` seconds. Returns the count."""
        now = self._now()
        row = insert(failed_attempts).values(key=key, count=amount, expires_at=now + timedelta(seconds=expiry))
        is_over = failed_attempts.c.expires_at <= now
        counted = row.on_conflict_do_update(
            index_elements=[failed_attempts.c.key],
            set_={
                "count": case((is_over, literal(amount)), else_=failed_attempts.c.count + amount),
                "expires_at": case((is_over, row.excluded.expires_at), else_=failed_attempts.c.expires_at),
            },
        ).returning(failed_attempts.c.count)
        async with self._store.transaction() as unit_of_work:
            return int(await unit_of_work.scalar(counted))

    async def get(self, key: str) -> int:
        """The count."""
        query = select(failed_attempts.c.count).where(
            failed_attempts.c.key == key, failed_attempts.c.expires_at > self._now()
        )
        async with self._store.transaction() as unit_of_work:
            return int(await unit_of_work.scalar(query) or 0)

    async def get_expiry(self, key: str) -> float:
        """The end of the window, in seconds since the epoch."""
        query = select(failed_attempts.c.expires_at).where(failed_attempts.c.key == key)
        async with self._store.transaction() as unit_of_work:
            ends_at: datetime = await unit_of_work.scalar(query) or self._now()
        return ends_at.timestamp()

    async def check(self) -> bool:
        """Whether the storage is usable. Raises `StorageUnavailable`."""
        await self._store.ping()
        return True

    async def reset(self) -> int:
        """Forget all counts. Returns how many."""
        async with self._store.transaction() as unit_of_work:
            return (await unit_of_work.execute(delete(failed_attempts))).rowcount

    async def clear(self, key: str) -> None:
        """Forget a count."""
        async with self._store.transaction() as unit_of_work:
            await unit_of_work.execute(delete(failed_attempts).where(failed_attempts.c.key == key))


class FailedAttempts:
    """Counts wrong credentials by network, and blocks networks that send too many."""

    def __init__(
        self,
        store: Store,
        limits: Mapping[AttemptKind, AttemptLimits],
        now: Callable[[], datetime],
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """Raises `ValueError` for a limit that is not valid."""
        self._per_network = {kind: parse_many(each.per_network) for kind, each in limits.items()}
        self._total = {kind: parse_many(each.total) if each.total else [] for kind, each in limits.items()}
        self._limiter = FixedWindowRateLimiter(PostgresCounters(store, now))
        self._now = now
        self._sleep = sleep
        self._writers = asyncio.Semaphore(MAX_WRITERS)
        self._blocked: dict[tuple[AttemptKind, str], datetime] = {}
        self._delayed = 0

    async def penalize(self, kind: AttemptKind, address: str | None) -> Penalty | None:
        """Count a wrong credential from this address, and delay the result if there were too many.

        Returns None while the next attempt is free. Raises `StorageUnavailable`.
        """
        network = client_network(address)
        until = self._blocked.get((kind, network))
        if until is None or until <= self._now():
            async with self._writers:
                until = await self._count(kind, network)
        if until is None:
            return None
        seconds = max(1.0, (until - self._now()).total_seconds())
        return Penalty(seconds, was_delayed=await self._delay(seconds))

    async def forgive(self, kind: AttemptKind, address: str | None) -> None:
        """Forget the wrong credentials of the network of this address. Raises `StorageUnavailable`."""
        network = client_network(address)
        self._blocked.pop((kind, network), None)
        for item in self._per_network[kind]:
            await self._limiter.clear(item, kind, network)

    async def _count(self, kind: AttemptKind, network: str) -> datetime | None:
        """Until when the sender is blocked."""
        ends = [await self._hit(item, kind, network) for item in self._per_network[kind]]
        ends += [await self._hit(item, kind, ALL_NETWORKS) for item in self._total[kind]]
        until = max((each for each in ends if each is not None), default=None)
        if until is not None:
            self._blocked.pop((kind, network), None)
            self._blocked[kind, network] = until
            if len(self._blocked) > MAX_BLOCKED:
                del self._blocked[next(iter(self._blocked))]
        return until

    async def _hit(self, item: RateLimitItem, kind: AttemptKind, network: str) -> datetime | None:
        """The end of the window if the limit is exceeded."""
        if await self._limiter.hit(item, kind, network):
            return None
        stats = await self._limiter.get_window_stats(item, kind, network)
        return datetime.fromtimestamp(stats.reset_time, UTC)

    async def _delay(self, seconds: float) -> bool:
        if self._delayed >= MAX_DELAYED:
            return False
        self._delayed += 1
        try:
            await self._sleep(min(seconds, MAX_DELAY_SECONDS))
        finally:
            self._delayed -= 1
        return True


async def delete_expired(unit_of_work: UnitOfWork, *, now: datetime, limit: int) -> None:
    """Delete counts whose windows are over."""
    expired = (
        select(failed_attempts.c.key)
        .where(failed_attempts.c.expires_at <= now)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    await unit_of_work.execute(delete(failed_attempts).where(failed_attempts.c.key.in_(expired)))
