"""How commands begin that need the database: with a broker, or with a sentence that says what is missing."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Annotated, NoReturn, TypeVar

import structlog
import typer

from videobroker import wiring
from videobroker.broker import Broker
from videobroker.errors import StorageUnavailable
from videobroker.settings import Settings
from videobroker.storage import jobs
from videobroker.storage.postgres import migrations

RETRY_SECONDS = 1.0

Wait = Annotated[
    int,
    typer.Option(min=0, max=3600, help="Seconds to wait for the database and its migrations, rather than give up."),
]
T = TypeVar("T")

log = structlog.get_logger(__name__)


def with_broker(work: Callable[[Broker], Awaitable[T]]) -> T:
    """Do something with a broker on the configured database, brought up to date first."""
    settings = Settings()
    with wiring.database(settings) as url:
        return asyncio.run(_with_broker(settings, url, work))


async def _with_broker(settings: Settings, url: str, work: Callable[[Broker], Awaitable[T]]) -> T:
    async with wiring.broker(settings, url) as broker:
        await require_schema(broker)
        return await work(broker)


async def require_schema(broker: Broker) -> None:
    """Raise unless the database is at this program's schema."""
    current, newest = await migrations.current_revision(broker.store), migrations.newest_revision()
    if current != newest:
        raise StorageUnavailable(
            f"The database is at revision {current or 'none'}, this program needs {newest}. Run `videobroker migrate`."
        )
    async with broker.store.transaction() as transaction:
        if not await jobs.is_installed(transaction):
            raise StorageUnavailable("The database lacks the queue of the background work. Run `videobroker migrate`.")


def leave(*_: object) -> NoReturn:
    """Stop in good order, and say that all is well."""
    # uvicorn finishes running requests, then raises the signal again: only the database is left to close.
    raise SystemExit(0)


async def prepare(settings: Settings, url: str, *, wait: int = 0) -> None:
    """Refuse to start where it cannot work: here an error is a sentence, in the server's lifespan it is a traceback.

    `wait` is how many seconds to wait for the database, and for its migration by another process.
    """
    deadline = time.monotonic() + wait
    async with wiring.broker(settings, url) as broker:
        while True:
            try:
                await require_schema(broker)
                break
            except StorageUnavailable as error:
                if time.monotonic() >= deadline:
                    raise
                log.info("database.check_failed", detail=error.detail)
                await asyncio.sleep(RETRY_SECONDS)
        await wiring.ensure_environment_app(broker, settings)


def event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """Makes the loop that the service runs on, by the same rule: uvloop, where there is one."""
    # Imported here, because commands that only query the database do not need it.
    with suppress(ImportError):
        import uvloop  # noqa: PLC0415

        return uvloop.new_event_loop
    return None
