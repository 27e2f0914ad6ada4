"""Start-up of commands that need the database. Errors are raised as `BrokerError` with a hint, not as a traceback."""

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
from videobroker.storage.journal import positions
from videobroker.storage.postgres import migrations

RETRY_SECONDS = 1.0
EMPTY_DATABASE = (
    "The database is empty. If the service uses another one, set DATABASE_URL, or VIDEOBROKER_DATA_DIR for the "
    "embedded server. Otherwise, run `videobroker migrate`."
)
"""Without a setting, a command in another folder than the service's gets an embedded server of its own there."""

OTHER_SERVER = (
    "The database was restored on another server, so that new events would be ordered before old ones. "
    "Run `videobroker migrate`."
)

Wait = Annotated[
    int,
    typer.Option(min=0, max=3600, help="Seconds to wait for the database and its migrations."),
]
T = TypeVar("T")

log = structlog.get_logger(__name__)


def with_broker(work: Callable[[Broker], Awaitable[T]]) -> T:
    """Run `work` with a broker on the configured database. Raises `StorageUnavailable` if it is not migrated."""
    settings = Settings()
    with wiring.database(settings) as url:
        return asyncio.run(_with_broker(settings, url, work))


async def _with_broker(settings: Settings, url: str, work: Callable[[Broker], Awaitable[T]]) -> T:
    async with wiring.broker(settings, url) as broker:
        await require_schema(broker)
        return await work(broker)


async def require_schema(broker: Broker) -> None:
    """Raise `StorageUnavailable` unless the database has the schema of this version, and the job queue."""
    current, newest = await migrations.current_revision(broker.store), migrations.newest_revision()
    if current is None:
        raise StorageUnavailable(EMPTY_DATABASE)
    if not migrations.is_known(current):
        minimum = await migrations.minimum_revision(broker.store)
        if not migrations.may_run(minimum):
            raise StorageUnavailable(migrations.describe_newer(current, minimum))
        log.warning("database.schema_ahead", revision=current, own_revision=newest, minimum=minimum)
    elif current != newest:
        raise StorageUnavailable(
            f"The database is at revision {current}, but this version needs {newest}. Run `videobroker migrate`."
        )
    async with broker.store.cross_app_transaction() as unit_of_work:
        if not await jobs.is_installed(unit_of_work):
            raise StorageUnavailable("The job queue is not installed in the database. Run `videobroker migrate`.")
        if not await positions.belong_to_this_server(unit_of_work):
            raise StorageUnavailable(OTHER_SERVER)


def leave(*_: object) -> NoReturn:
    """Signal handler that exits with code 0, and runs all cleanup."""
    # uvicorn finishes running requests and raises the signal again. Only the database is still open then.
    raise SystemExit(0)


async def prepare(settings: Settings, url: str, *, wait: int = 0) -> None:
    """Check the database, and create the app of the environment, before the server starts.

    An error is printed as a message here, but as a traceback if the server's lifespan raises it. `wait` is how many
    seconds to wait for the database, and for its migration by another process.
    """
    deadline = time.monotonic() + wait
    async with wiring.broker(settings, url) as broker:
        while True:
            try:
                await require_schema(broker)
                await wiring.ensure_environment_app(broker, settings)
                break
            except StorageUnavailable as error:
                if time.monotonic() >= deadline:
                    raise
                log.info("database.check_failed", detail=error.detail)
                await asyncio.sleep(RETRY_SECONDS)


def event_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    """The factory of event loops, chosen like uvicorn chooses: uvloop if it is installed, otherwise asyncio."""
    # Imported here, because most commands do not need it.
    with suppress(ImportError):
        import uvloop  # noqa: PLC0415

        return uvloop.new_event_loop
    return None
