"""The connection pool, and units of work on it."""

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from videobroker.domain.ids import AppId
from videobroker.errors import BrokerError, SessionNotFound, StorageUnavailable
from videobroker.storage.postgres import pgbouncer
from videobroker.storage.postgres.encryption import SecretBox
from videobroker.storage.postgres.unit_of_work import UnitOfWork

POOL_SIZE = 10
"""Connections per process. Fewer keep two cores of PostgreSQL busy; more only queue inside the server."""
POOL_TIMEOUT_SECONDS = 5.0
STATEMENT_TIMEOUT_MS = 5_000
"""Our statements take milliseconds. One that takes this long is stuck, and its caller has given up."""


def database_url(url: str | URL, *, name: str = "DATABASE_URL") -> URL:
    """The URL with our driver, for any spelling of the scheme; `name` is the setting, for error messages."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(f"{name} must be of the form postgresql://user:password@host:5432/name") from None
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise ValueError(f"{name} must begin with postgresql://")
    return parsed.set(drivername="postgresql+asyncpg")


def _no_listeners(_: Collection[AppId]) -> None:
    """The default of `on_journal`."""


class Store:
    """The database. One per process; the creator closes it."""

    def __init__(
        self,
        url: str,
        *,
        direct: str | URL | None = None,
        pool_size: int = POOL_SIZE,
        on_journal: Callable[[Collection[AppId]], None] = _no_listeners,
        secret_box: SecretBox | None = None,
    ) -> None:
        """`on_journal` is called after every commit with the apps into whose journals it wrote; usually none.

        Without `secret_box`, encrypted columns can be neither read nor written. With `direct`, the URL of PostgreSQL
        itself, `url` may lead through a pooler in transaction mode.
        """
        self.url = database_url(url)
        # For what needs a session of its own: LISTEN, session locks, prepared statements.
        self.direct = self.url if direct is None else database_url(direct)
        self.is_pooled = direct is not None
        self.on_journal = on_journal
        self.secret_box = secret_box
        # Also for connections outside of the pool.
        self.connect_args: dict[str, Any] = {
            "timeout": POOL_TIMEOUT_SECONDS,
            "server_settings": {
                "application_name": "videobroker",
                "timezone": "UTC",
                "statement_timeout": str(STATEMENT_TIMEOUT_MS),
            },
        }
        self.engine: AsyncEngine = create_async_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT_SECONDS,
            # Parameters may be secrets or personal data, which do not belong in logs.
            hide_parameters=True,
            connect_args=pgbouncer.connect_args(self.connect_args) if self.is_pooled else self.connect_args,
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[UnitOfWork]:
        """A unit of work: committed when the block ends, rolled back when it raises.

        Raises `StorageUnavailable` when the database is lost. A commit whose answer was lost counts as failed, so
        whatever is written must be safe to write again.
        """
        async with self.translated(), self.engine.begin() as connection:
            unit_of_work = UnitOfWork(connection, self.secret_box)
            yield unit_of_work
        # After the commit: readers that wake up must find the new events.
        self.on_journal(unit_of_work.journaled_app_ids)

    @asynccontextmanager
    async def translated(self) -> AsyncIterator[None]:
        """Translates errors of the driver.

        Raises `StorageUnavailable` when the database is lost, or refuses the connection, and `SessionNotFound` when a
        row was to be written about a session that was deleted meanwhile.
        """
        try:
            yield
        except (TimeoutError, OperationalError, InterfaceError, PoolTimeout, OSError) as error:
            raise _unavailable() from error
        except asyncpg.InternalClientError as error:
            # The server has announced that it closes the connection, and the driver has not seen it closed yet.
            raise _unavailable() from error
        except asyncpg.InterfaceError as error:
            if isinstance(error, ValueError):
                raise  # a value that does not fit its type; the query was not sent
            raise _unavailable() from error
        except asyncpg.PostgresError as error:
            translated = _translated(error)
            if translated is None:
                raise
            raise translated from error
        except DBAPIError as error:
            translated = _translated(getattr(error.orig, "__cause__", None) or error.orig)
            if translated is None and not error.connection_invalidated:
                raise
            raise translated or _unavailable() from error

    async def ping(self) -> None:
        """Raises `StorageUnavailable`."""
        async with self.transaction() as unit_of_work:
            await unit_of_work.execute(text("select 1"))

    async def aclose(self) -> None:
        """Close all connections."""
        await self.engine.dispose()


def _translated(error: BaseException | None) -> BrokerError | None:
    """The error of the catalog for an error of the server or the pooler; None for a fault of the program."""
    state = getattr(error, "sqlstate", None)
    if _is_from_pooler(error):
        return _pooler_answers(error)
    if _means_shutdown(state):
        return _unavailable()
    if _means_refusal(state):
        return _refused(error)
    if _is_about_deleted_session(error):
        return SessionNotFound("The session was deleted.")
    return None


def _means_shutdown(state: str | None) -> bool:
    # Class 57: operator intervention (shutdown, crash recovery, statement timeout); class 08: connection trouble;
    # 53300: too many connections; class 40: rolled back because of a conflict with another transaction.
    return (state or "").startswith(("57", "08", "40")) or state == "53300"


def _is_from_pooler(error: BaseException | None) -> bool:
    # A message of PgBouncer: PostgreSQL supports the parameters that we send.
    return "unsupported startup parameter" in str(error)


def _pooler_answers(error: BaseException | None) -> StorageUnavailable:
    return StorageUnavailable(
        f"A connection pooler answers: {error}. Set VIDEOBROKER_DIRECT_DATABASE_URL to the URL of PostgreSQL itself; "
        "DATABASE_URL may lead through the pooler then."
    )


def _means_refusal(state: str | None) -> bool:
    # Class 28: authentication; 3D000: no such database.
    return (state or "").startswith("28") or state == "3D000"


def _is_about_deleted_session(error: BaseException | None) -> bool:
    """Whether a row could not be written because its session was deleted after it had been read."""
    if not isinstance(error, asyncpg.ForeignKeyViolationError):
        return False
    return str(error.constraint_name).endswith("_session_id_fkey")


def _refused(reason: BaseException | None) -> StorageUnavailable:
    return StorageUnavailable(f"PostgreSQL refuses the connection: {reason}. Check DATABASE_URL.")


def _unavailable() -> StorageUnavailable:
    return StorageUnavailable("The database does not answer just now. Nothing was changed; try again.", retry_after=2)
