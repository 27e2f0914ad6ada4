"""Wakes who waits for something that another process does (PostgreSQL LISTEN/NOTIFY).

A wake-up is a hint, never a promise: the connection may be away at the wrong moment, and behind a transaction pooler
there is none at all. Whoever waits looks again after a while in any case.
"""

import asyncio
import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from uuid import UUID

import asyncpg
import structlog
from sqlalchemy import func, select
from sqlalchemy.engine import URL

from videobroker.domain.ids import AppId, RoomId
from videobroker.storage.postgres.unit_of_work import UnitOfWork

CHANNEL = "videobroker"
RECONNECT_SECONDS = 1.0

log = structlog.get_logger(__name__)


def room_topic(room_id: RoomId) -> str:
    """What is said when something about the room has changed."""
    return f"room:{room_id}"


JOURNAL = "journal"
"""What is said when any app's journal has become longer."""


def journal_topic(app_id: AppId) -> str:
    """What is said when this app's journal has become longer."""
    return f"journal:{app_id}"


_APP = "app:"


def app_topic(app_id: AppId) -> str:
    """What is said when the app, a key of it or an account of it was changed."""
    return f"{_APP}{app_id}"


async def notify(unit: UnitOfWork, topic: str) -> None:
    """Wake everybody who waits for the topic, in every process, when this transaction commits."""
    await unit.execute(select(func.pg_notify(CHANNEL, topic)))


class Listener:
    """One connection per process that hears every topic."""

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql")
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._task: asyncio.Task[None] | None = None
        self.is_listening = False
        self._following: list[tuple[Callable[[AppId], None], Callable[[], None]]] = []

    def start(self) -> None:
        """Begin to listen, in the background, for as long as the running event loop."""
        self._task = asyncio.create_task(self._listen(), name="listener")

    async def aclose(self) -> None:
        """Stop listening."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    @contextlib.contextmanager
    def subscribed(self, topic: str) -> Iterator[asyncio.Event]:
        """An event that is set when the topic is heard. Subscribe first, then look: no wake-up falls between."""
        event = asyncio.Event()
        self._waiting[topic].add(event)
        try:
            yield event
        finally:
            self._waiting[topic].discard(event)
            if not self._waiting[topic]:
                del self._waiting[topic]

    def follow_apps(self, changed: Callable[[AppId], None], missed: Callable[[], None]) -> None:
        """Call `changed` for every app that is said to have changed, and `missed` when something may not be heard."""
        self._following.append((changed, missed))

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError) as error:
                log.warning("database.listener_disconnected", error=type(error).__name__)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen_once(self) -> None:
        connection = await asyncpg.connect(self._url.render_as_string(hide_password=False), timeout=5)
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            await connection.add_listener(CHANNEL, self._heard)
            self.is_listening = True
            # What was said before is lost.
            self._missed_something()
            await lost.wait()
        finally:
            # Not `close()`: the server may be gone, and nothing is in flight.
            connection.terminate()
            self.is_listening = False
            self._missed_something()

    def _missed_something(self) -> None:
        for _, missed in self._following:
            missed()

    def _heard(self, _connection: object, _pid: int, _channel: str, topic: str) -> None:
        for event in self._waiting.get(topic, ()):
            event.set()
        if topic.startswith(_APP):
            for changed, _ in self._following:
                changed(AppId(UUID(topic.removeprefix(_APP))))
