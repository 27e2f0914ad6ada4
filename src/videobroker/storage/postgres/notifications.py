"""Notifications between processes (PostgreSQL LISTEN/NOTIFY).

A notification is a hint, not a guarantee: it is lost while the connection is. Waiting code must poll as well.
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

from videobroker.concurrency.supervised import SupervisedTask
from videobroker.domain.ids import AppId, RoomId
from videobroker.storage.postgres.connection import ANSWER_SECONDS, STATEMENT_SECONDS, connect_args
from videobroker.storage.postgres.unit_of_work import UnitOfWork

CHANNEL = "videobroker"
RECONNECT_SECONDS = 1.0
HEARTBEAT_SECONDS = 5.0
"""Between two checks that the connection still answers: one that only listens would never notice."""

log = structlog.get_logger(__name__)


def room_topic(room_id: RoomId) -> str:
    """A room has changed."""
    return f"room:{room_id}"


JOURNAL_TOPIC = "journal"
"""Events were written into the journal of any app."""


def journal_topic(app_id: AppId) -> str:
    """Events were written into the journal of this app."""
    return f"journal:{app_id}"


_APP = "app:"


def app_topic(app_id: AppId) -> str:
    """The app, one of its keys, or one of its accounts was changed."""
    return f"{_APP}{app_id}"


async def notify(unit_of_work: UnitOfWork, topic: str) -> None:
    """Notify the subscribers of the topic in every process when the transaction commits."""
    await unit_of_work.execute(select(func.pg_notify(CHANNEL, topic)))


class Listener:
    """One connection per process that receives every topic."""

    def __init__(self, url: URL) -> None:
        self._url = url.set(drivername="postgresql")
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._task = SupervisedTask("listener", self._listen)
        self.is_listening = False
        self._app_callbacks: list[tuple[Callable[[AppId], None], Callable[[], None]]] = []

    def start(self) -> None:
        """Start listening, in a task of the running event loop."""
        self._task.start()

    async def aclose(self) -> None:
        """Stop listening."""
        await self._task.aclose()

    @contextlib.contextmanager
    def subscribed(self, topic: str) -> Iterator[asyncio.Event]:
        """An event that is set by each notification of the topic.

        Subscribe first, then read the state to wait for: otherwise a notification in between is missed.
        """
        event = asyncio.Event()
        self._waiting[topic].add(event)
        try:
            yield event
        finally:
            self._waiting[topic].discard(event)
            if not self._waiting[topic]:
                del self._waiting[topic]

    def on_app_change(self, changed: Callable[[AppId], None], missed: Callable[[], None]) -> None:
        """Call `changed` for every app that changes, and `missed` whenever notifications may have been lost."""
        self._app_callbacks.append((changed, missed))

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except (
                OSError,
                TimeoutError,
                asyncpg.PostgresError,
                asyncpg.InterfaceError,
                asyncpg.InternalClientError,
            ) as error:
                log.warning("database.listener_disconnected", error=type(error).__name__)
            await asyncio.sleep(RECONNECT_SECONDS)

    async def _listen_once(self) -> None:
        dsn = self._url.render_as_string(hide_password=False)
        connection = await asyncpg.connect(dsn, **connect_args(STATEMENT_SECONDS))
        lost = asyncio.Event()
        connection.add_termination_listener(lambda _: lost.set())
        try:
            await connection.add_listener(CHANNEL, self._receive)
            self.is_listening = True
            # Earlier notifications are lost.
            self._report_missed()
            await _until_lost(connection, lost)
        finally:
            # `close` waits for the server, which may be gone.
            connection.terminate()
            self.is_listening = False
            self._report_missed()

    def _report_missed(self) -> None:
        for _, missed in self._app_callbacks:
            missed()

    def _receive(self, _connection: object, _pid: int, _channel: str, topic: str) -> None:
        for event in self._waiting.get(topic, ()):
            event.set()
        if topic.startswith(_APP):
            for changed, _ in self._app_callbacks:
                changed(AppId(UUID(topic.removeprefix(_APP))))


async def _until_lost(connection: "asyncpg.Connection", lost: asyncio.Event) -> None:
    """Raises `TimeoutError` if the server stops answering without closing the connection."""
    while not lost.is_set():
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(lost.wait(), HEARTBEAT_SECONDS)
            return
        await connection.execute("select 1", timeout=ANSWER_SECONDS)
