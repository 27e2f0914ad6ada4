"""Unit of work: one open transaction, and what follows from its commit."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVarTuple, cast, overload

import asyncpg
from sqlalchemy import CursorResult, Executable, text
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.selectable import TypedReturnsRows

from videobroker.domain.ids import AppId
from videobroker.storage.postgres.encryption import SecretBox

Columns = TypeVarTuple("Columns")
AnyColumns = tuple[Any, ...]
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]


class UnitOfWork:
    """An open transaction, made by `Store.transaction`. Usable until that block ends, by one task at a time."""

    __slots__ = ("_connection", "_has_begun", "_journaled_app_ids", "_secret_box")

    def __init__(self, connection: AsyncConnection, secret_box: SecretBox | None = None) -> None:
        self._connection = connection
        self._secret_box = secret_box
        self._has_begun = False
        self._journaled_app_ids: set[AppId] = set()

    @property
    def secret_box(self) -> SecretBox:
        """Encrypts and decrypts columns that are encrypted at rest."""
        if self._secret_box is None:
            raise RuntimeError("This store was opened without secret keys; it cannot read or write encrypted columns.")
        return self._secret_box

    @overload
    async def execute(
        self, statement: "TypedReturnsRows[*Columns]", parameters: Parameters | None = None
    ) -> "CursorResult[*Columns]": ...

    @overload
    async def execute(
        self, statement: Executable, parameters: Parameters | None = None
    ) -> "CursorResult[*AnyColumns]": ...

    async def execute(self, statement: Executable, parameters: Parameters | None = None) -> "CursorResult[*AnyColumns]":
        """Run a statement; with a sequence of parameters, once for each of them, without rows."""
        result = await self._connection.execute(statement, parameters)
        self._has_begun = True
        return result

    async def scalar(self, statement: Executable, parameters: Parameters | None = None) -> Any:
        """The first column of the first row; None without a row."""
        return (await self.execute(statement, parameters)).scalar()

    async def driver_connection(self) -> "asyncpg.Connection":
        """The driver's connection, inside this transaction: for COPY, and for millions of rows."""
        if not self._has_begun:
            # SQLAlchemy begins a transaction with the first statement that it executes; the driver alone would commit
            # each of its own.
            await self.execute(text("select"))
        return cast("asyncpg.Connection", (await self._connection.get_raw_connection()).driver_connection)

    def add_journaled(self, app_id: AppId) -> None:
        """Note that this transaction writes into the app's journal: its readers are woken after the commit."""
        self._journaled_app_ids.add(app_id)

    @property
    def journaled_app_ids(self) -> frozenset[AppId]:
        """The apps into whose journals this transaction has written."""
        return frozenset(self._journaled_app_ids)
