"""The connection pool, and units of work on it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import Any

import asyncpg
from sqlalchemy import event, text
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from videobroker.domain.ids import AppId
from videobroker.errors import BrokerError, SessionNotFound, StorageUnavailable
from videobroker.storage.postgres import app_scope, pgbouncer
from videobroker.storage.postgres.connection import (
    LONG_STATEMENT_SECONDS,
    STATEMENT_SECONDS,
    BoundedConnection,
    connect_args,
)
from videobroker.storage.postgres.encryption import SecretBox
from videobroker.storage.postgres.traced_statements import trace_statements
from videobroker.storage.postgres.unit_of_work import UnitOfWork

POOL_SIZE = 10
"""Connections per process. Fewer keep two cores of PostgreSQL busy; more only queue inside the server."""
POOL_TIMEOUT_SECONDS = 5.0
PING_SECONDS = 2.0
CLOSE_SECONDS = 5.0
"""For all connections of the pool together: a server that has gone silent does not answer."""


def database_url(url: str | URL, *, name: str = "DATABASE_URL") -> URL:
    """The URL with our driver, for any spelling of the scheme; `name` is the setting, for error messages."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise ValueError(f"{name} must be of the form postgresql://user:password@host:5432/name") from None
    if parsed.get_backend_name() not in {"postgresql", "postgres"}:
        raise ValueError(f"{name} must begin with postgresql://")
    return _with_ssl_mode(parsed, name).set(drivername="postgresql+asyncpg")


SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def _with_ssl_mode(url: URL, name: str) -> URL:
    """The URL with libpq's spelling `sslmode`, which the driver knows; some guides write `ssl`."""
    mode = url.query.get("sslmode", url.query.get("ssl"))
    if mode is None:
        return url
    if mode not in SSL_MODES:
        raise ValueError(f"{name} has the sslmode {mode!r}. It must be one of: {', '.join(SSL_MODES)}.")
    return url.difference_update_query(["ssl"]).update_query_dict({"sslmode": mode})


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
        self.connect_args = connect_args(STATEMENT_SECONDS)
        self.engine = self._engine(
            STATEMENT_SECONDS, pool_size=pool_size, max_overflow=0, pool_timeout=POOL_TIMEOUT_SECONDS
        )
        # Connections of their own: the driver's limit of an open connection cannot be changed.
        self.long_engine = self._engine(LONG_STATEMENT_SECONDS, poolclass=NullPool)

    def _engine(self, statement_seconds: float | None, **options: Any) -> AsyncEngine:
        arguments = connect_args(statement_seconds)
        # As a whole, because the driver itself understands all that libpq does, such as `sslmode` and `sslrootcert`.
        arguments["dsn"] = self.url.set(drivername="postgresql").render_as_string(hide_password=False)
        engine = create_async_engine(
            "postgresql+asyncpg://",
            # Parameters may be secrets or personal data, which do not belong in logs.
            hide_parameters=True,
            connect_args=pgbouncer.connect_args(arguments) if self.is_pooled else arguments,
            **options,
        )
        event.listen(engine.sync_engine, "handle_error", _drop_silent_connections)
        trace_statements(engine)
        return engine

    def transaction(
        self, app_id: AppId | None = None, *, long_statements: bool = False
    ) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work on the rows of one app: committed when the block ends, rolled back when it raises.

        Without an app, only tables without `app_id` have rows: see `app_scope`. A statement may run for
        `STATEMENT_SECONDS`; with `long_statements`, for `LONG_STATEMENT_SECONDS`, on a connection outside of the pool.

        Raises `StorageUnavailable` when the database is lost. A commit whose answer was lost counts as failed, so
        whatever is written must be safe to write again.
        """
        return self._transaction(() if app_id is None else (app_scope.one_app(app_id),), long_statements)

    def cross_app_transaction(self, *, long_statements: bool = False) -> AbstractAsyncContextManager[UnitOfWork]:
        """A `transaction` on the rows of every app, for work that no single app can do.

        `tests/storage/postgres/test_app_scope.py` lists every use.
        """
        return self._transaction((app_scope.every_app(),), long_statements)

    @asynccontextmanager
    async def _transaction(self, settings: Sequence[str], long_statements: bool) -> AsyncIterator[UnitOfWork]:
        engine = self.long_engine if long_statements else self.engine
        async with self.translated(), engine.begin() as connection:
            _bounded(connection).next_settings = settings
            unit_of_work = UnitOfWork(connection, self.secret_box)
            yield unit_of_work
        # After the commit: readers that wake up must find the new events.
        self.on_journal(unit_of_work.journaled_app_ids)

    @asynccontextmanager
    async def unlimited_connection(self) -> AsyncIterator[AsyncConnection]:
        """A connection outside of the pool whose statements may take hours, as those that create indexes do."""
        async with self._engine(None, poolclass=NullPool).connect() as connection:
            yield connection

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
        """Raises `StorageUnavailable` if the database does not answer within `PING_SECONDS`, or cannot be written."""
        async with self.translated(), asyncio.timeout(PING_SECONDS), self.transaction() as unit_of_work:
            if await unit_of_work.scalar(text("select current_setting('transaction_read_only')")) == "on":
                raise _cannot_write(READ_ONLY)

    async def aclose(self) -> None:
        """Close all connections."""
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self.engine.dispose()


def _bounded(connection: AsyncConnection) -> BoundedConnection:
    """The driver's connection. It is open already, so this neither waits nor begins a transaction."""
    opened = connection.sync_connection
    driver = None if opened is None else opened.connection.driver_connection
    assert isinstance(driver, BoundedConnection)  # noqa: S101  the class in `connect_args`
    return driver


def _drop_silent_connections(context: ExceptionContext) -> None:
    """Drop all connections of the pool if one did not answer in time.

    After an unannounced failover, none of them ever answers. By default, each would have to fail on its own.
    """
    if isinstance(context.original_exception, TimeoutError):
        context.is_disconnect = True
        context.invalidate_pool_on_disconnect = True


def _translated(error: BaseException | None) -> BrokerError | None:
    """The error of the catalog for an error of the server or the pooler; None for a fault of the program."""
    state = getattr(error, "sqlstate", None)
    if _is_from_pooler(error):
        return _pooler_answers(error)
    if _means_shutdown(state):
        return _unavailable()
    if _means_refusal(state) or _lacks_privilege(error):
        return _refused(error)
    if (obstacle := _write_obstacle(state)) is not None:
        return _cannot_write(obstacle)
    if _is_about_deleted_session(error):
        return SessionNotFound("The session was deleted.")
    return None


def _means_shutdown(state: str | None) -> bool:
    # Class 57: operator intervention (shutdown, crash recovery, statement timeout); class 08: connection trouble;
    # 53300: too many connections; class 40: rolled back because of a conflict with another transaction.
    return (state or "").startswith(("57", "08", "40")) or state == "53300"


READ_ONLY = "is read-only"


def _write_obstacle(state: str | None) -> str | None:
    """What keeps the server from writing, if that is the reason."""
    match state:
        case "53100":
            return "has no space left on its disk"
        case "25006":
            return READ_ONLY  # a standby, for example, after a failover
        case str() if state.startswith("53"):
            return "has no resources left, such as memory"
        case str() if state.startswith("58"):
            return "has trouble with its system, such as its disk"
        case _:
            return None


def _cannot_write(obstacle: str) -> StorageUnavailable:
    return StorageUnavailable(f"The database {obstacle}. Nothing was changed; try again.", retry_after=10)


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


def _lacks_privilege(error: BaseException | None) -> bool:
    # Rows of another app are refused with the same state. That is a fault of the program.
    return isinstance(error, asyncpg.InsufficientPrivilegeError) and str(error).startswith("permission denied")


def _is_about_deleted_session(error: BaseException | None) -> bool:
    """Whether a row could not be written because its session was deleted after it had been read."""
    if not isinstance(error, asyncpg.ForeignKeyViolationError):
        return False
    return str(error.constraint_name).endswith("_session_id_fkey")


def _refused(reason: BaseException | None) -> StorageUnavailable:
    if _lacks_privilege(reason):
        return StorageUnavailable(
            f"The role of DATABASE_URL lacks a privilege: {reason}. Run `videobroker migrate --grant-to` this role, "
            "with the URL of the owner."
        )
    return StorageUnavailable(f"PostgreSQL refuses the connection: {reason}. Check DATABASE_URL.")


def _unavailable() -> StorageUnavailable:
    return StorageUnavailable("The database does not answer just now. Nothing was changed; try again.", retry_after=2)
