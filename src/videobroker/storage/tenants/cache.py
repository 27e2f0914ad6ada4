"""TTL cache of API keys and apps, so that a request does not need a query for its credentials.

An entry is dropped when its app changes: at once in this process, and through LISTEN/NOTIFY in the others. A process
that misses the notification queries again before a second has passed, so a revoked key is refused everywhere within a
second. Absent keys and apps are not cached.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from prometheus_client import Counter

from videobroker.domain.api_keys import ApiKey
from videobroker.domain.apps import App
from videobroker.domain.ids import AppId
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.notifications import Listener
from videobroker.storage.tenants import apps

TTL_SECONDS = 0.9
"""Measured from before the query was sent."""
REFRESH_AFTER_SECONDS = 0.7
"""A hit on an older entry starts a query in the background (stale-while-revalidate)."""
MAX_ENTRIES = 10_000

QUERIES = Counter("videobroker_tenant_cache_queries", "Lookups of API keys and apps that queried the database.")

Key = TypeVar("Key")
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[Value]):
    value: Value
    app_id: AppId
    queried_at: float


class TtlCache(Generic[Key, Value]):
    """Values that belong to apps. Concurrent lookups of the same key share one query (single-flight)."""

    def __init__(
        self,
        query: Callable[[Key], Coroutine[Any, Any, Value | None]],
        app_of: Callable[[Value], AppId],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` returns monotonic seconds."""
        self._query = query
        self._app_of = app_of
        self._clock = clock
        self._entries: dict[Key, _Entry[Value]] = {}
        self._current: dict[Key, asyncio.Task[Value | None]] = {}
        """Queries that later callers may share: started after the last invalidation."""
        self._tasks: set[asyncio.Task[Value | None]] = set()
        self._invalidations = 0

    async def find(self, key: Key) -> Value | None:
        """The value, from the cache or the database."""
        entry = self._entries.get(key)
        if entry is not None:
            age = self._clock() - entry.queried_at
            if age < TTL_SECONDS:
                if age > REFRESH_AFTER_SECONDS and key not in self._current:
                    self._start_query(key)
                return entry.value
        # Shielded: a caller that is canceled does not cancel the query of the others.
        return await asyncio.shield(self._current.get(key) or self._start_query(key))

    def invalidate(self, app_id: AppId) -> None:
        """Drop all entries of an app."""
        for key in [key for key, entry in self._entries.items() if entry.app_id == app_id]:
            del self._entries[key]
        self._abandon_queries()

    def invalidate_all(self) -> None:
        """Drop all entries."""
        self._entries.clear()
        self._abandon_queries()

    async def aclose(self) -> None:
        """Cancel all queries."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _abandon_queries(self) -> None:
        # Queries that were sent before the change may return the old value: it is neither cached nor shared.
        self._invalidations += 1
        self._current.clear()

    def _start_query(self, key: Key) -> "asyncio.Task[Value | None]":
        task = asyncio.create_task(self._query_and_cache(key), name="tenant cache")
        self._current[key] = task
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._query_done(key, done))
        return task

    def _query_done(self, key: Key, task: "asyncio.Task[Value | None]") -> None:
        self._tasks.discard(task)
        if self._current.get(key) is task:
            del self._current[key]
        if not task.cancelled():
            # Waiting callers get the exception. Retrieving it here keeps asyncio from logging it when there are none.
            task.exception()

    async def _query_and_cache(self, key: Key) -> Value | None:
        invalidations, queried_at = self._invalidations, self._clock()
        QUERIES.inc()
        value = await self._query(key)
        if invalidations == self._invalidations:
            self._entries.pop(key, None)
            if value is not None:
                while len(self._entries) >= MAX_ENTRIES:
                    del self._entries[next(iter(self._entries))]
                self._entries[key] = _Entry(value, self._app_of(value), queried_at)
        return value


class TenantCache:
    """The apps and API keys that this process has cached."""

    def __init__(self, store: Store, listener: Listener, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._keys = TtlCache[bytes, tuple[ApiKey, App]](self._query_key, lambda found: found[1].id, clock)
        self._apps = TtlCache[str, App](self._query_app, lambda app: app.id, clock)
        listener.on_app_change(self.invalidate, self.invalidate_all)

    async def by_key(self, digest: bytes) -> tuple[ApiKey, App] | None:
        """The key with this digest, which may have expired, and its app."""
        return await self._keys.find(digest)

    async def by_name(self, name: str) -> App | None:
        """The app with this name."""
        return await self._apps.find(name)

    def invalidate(self, app_id: AppId) -> None:
        """Drop the entries of an app: it, one of its keys, or one of its accounts was changed."""
        self._keys.invalidate(app_id)
        self._apps.invalidate(app_id)

    def invalidate_all(self) -> None:
        """Drop all entries: notifications of changes may have been missed."""
        self._keys.invalidate_all()
        self._apps.invalidate_all()

    async def aclose(self) -> None:
        """Cancel all queries."""
        await self._keys.aclose()
        await self._apps.aclose()

    async def _query_key(self, digest: bytes) -> tuple[ApiKey, App] | None:
        async with self._store.cross_app_transaction() as unit_of_work:
            return await apps.find_by_key(unit_of_work, digest)

    async def _query_app(self, name: str) -> App | None:
        async with self._store.cross_app_transaction() as unit_of_work:
            return await apps.find_app(unit_of_work, name)
