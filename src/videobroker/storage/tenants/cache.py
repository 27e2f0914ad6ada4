"""Apps and keys that were asked for a moment ago, so that not every request has to ask for them.

What is remembered is dropped when somebody changes it: at once in this process, and in every other as soon as it hears
of it (LISTEN/NOTIFY). Should it not hear, everything is asked for again before a second has passed: a key that was
revoked is refused everywhere within a second, whatever happens. What does not exist is not remembered.
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

TRUSTED_SECONDS = 0.9
"""So long something is believed, counted from before it was asked for."""
RENEWED_AFTER_SECONDS = 0.7
"""Who uses something older has it asked for again, and does not wait for it."""
MOST_REMEMBERED = 10_000

ASKED = Counter("videobroker_known_asked", "Look-ups of keys and apps that went to the database.")

Name = TypeVar("Name")
Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class _Remembered(Generic[Thing]):
    thing: Thing
    app_id: AppId
    asked_at: float


class Memory(Generic[Name, Thing]):
    """Things that belong to apps, by name."""

    def __init__(
        self,
        ask: Callable[[Name], Coroutine[Any, Any, Thing | None]],
        app_of: Callable[[Thing], AppId],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`clock` tells seconds that never go back."""
        self._ask = ask
        self._app_of = app_of
        self._clock = clock
        self._remembered: dict[Name, _Remembered[Thing]] = {}
        self._asking: dict[Name, asyncio.Task[Thing | None]] = {}
        self._tasks: set[asyncio.Task[Thing | None]] = set()
        self._changes = 0

    async def find(self, name: Name) -> Thing | None:
        """What is called so."""
        known = self._remembered.get(name)
        if known is not None:
            age = self._clock() - known.asked_at
            if age < TRUSTED_SECONDS:
                if age > RENEWED_AFTER_SECONDS and name not in self._asking:
                    self._start_asking(name)
                return known.thing
        # Whoever comes meanwhile waits for the same answer; who gives up leaves the others theirs.
        return await asyncio.shield(self._asking.get(name) or self._start_asking(name))

    def forget(self, app_id: AppId) -> None:
        """Something of the app was changed."""
        for name in [name for name, known in self._remembered.items() if known.app_id == app_id]:
            del self._remembered[name]
        self._changed()

    def forget_all(self) -> None:
        """Something may have been changed."""
        self._remembered.clear()
        self._changed()

    async def aclose(self) -> None:
        """Ask for nothing any more."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    def _changed(self) -> None:
        # What is being asked for now may be what stood there before.
        self._changes += 1
        self._asking.clear()

    def _start_asking(self, name: Name) -> "asyncio.Task[Thing | None]":
        task = asyncio.create_task(self._look(name), name="known")
        self._asking[name] = task
        self._tasks.add(task)
        task.add_done_callback(lambda done: self._asked(name, done))
        return task

    def _asked(self, name: Name, task: "asyncio.Task[Thing | None]") -> None:
        self._tasks.discard(task)
        if self._asking.get(name) is task:
            del self._asking[name]
        if not task.cancelled():
            # Who waits for it gets the error; of an answer that nobody waits for, there is nothing to tell.
            task.exception()

    async def _look(self, name: Name) -> Thing | None:
        changes, asked_at = self._changes, self._clock()
        ASKED.inc()
        thing = await self._ask(name)
        if changes == self._changes:
            self._remembered.pop(name, None)
            if thing is not None:
                while len(self._remembered) >= MOST_REMEMBERED:
                    del self._remembered[next(iter(self._remembered))]
                self._remembered[name] = _Remembered(thing, self._app_of(thing), asked_at)
        return thing


class TenantCache:
    """What this process remembers of apps and keys."""

    def __init__(
        self,
        store: Store,
        listener: Listener,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._keys = Memory[bytes, tuple[ApiKey, App]](self._ask_for_key, lambda found: found[1].id, clock)
        self._named = Memory[str, App](self._ask_for_app, lambda app: app.id, clock)
        listener.follow_apps(self.forget, self.forget_all)

    async def by_key(self, digest: bytes) -> tuple[ApiKey, App] | None:
        """The key with this digest, which may have expired, and its app."""
        return await self._keys.find(digest)

    async def by_name(self, name: str) -> App | None:
        """The app that is called so."""
        return await self._named.find(name)

    def forget(self, app_id: AppId) -> None:
        """The app, a key of it or an account of it was changed."""
        self._keys.forget(app_id)
        self._named.forget(app_id)

    def forget_all(self) -> None:
        """Changes may have been missed."""
        self._keys.forget_all()
        self._named.forget_all()

    async def aclose(self) -> None:
        """Ask for nothing any more."""
        await self._keys.aclose()
        await self._named.aclose()

    async def _ask_for_key(self, digest: bytes) -> tuple[ApiKey, App] | None:
        async with self._store.transaction() as unit:
            return await apps.find_by_key(unit, digest)

    async def _ask_for_app(self, name: str) -> App | None:
        async with self._store.transaction() as unit:
            return await apps.find_app(unit, name)
