"""Which rows a transaction may see and write: those of one app, or of every app.

The policies of row-level security compare the `app_id` of a row with a setting of the transaction. Without the setting,
a statement fails. PostgreSQL applies policies to every role but the owner of the tables: see decision 53.
"""

from typing import Any, Final

from sqlalchemy import FromClause, Select, Subquery, Text, cast, func, literal_column, select

from videobroker.domain.ids import AppId

SETTING: Final = "videobroker.app_id"
EVERY_APP: Final = "*"
"""The value of the setting for work across apps."""
POLICY: Final = "app_scope"
FUNCTION: Final = "is_in_app_scope"


def one_app(app_id: AppId) -> str:
    """The statement that limits the rest of a transaction to an app."""
    # A text has no `hex`.
    return f"set local {SETTING} = '{app_id.hex}'"


def every_app() -> str:
    """The statement that lets the rest of a transaction work across apps."""
    return f"set local {SETTING} = '{EVERY_APP}'"


def scoped_rows(rows: FromClause, name: str) -> Subquery:
    """The rows of a batch, each of which limits what is done with it to its app. `rows` has `app_id`.

    The function is evaluated when a row is read, before it is joined with tables, or inserted: both happen row by row,
    in nested loops. OFFSET keeps PostgreSQL from evaluating conditions on the rows earlier.
    """
    scope = func.set_config(literal_column(f"'{SETTING}'"), cast(rows.c.app_id, Text), literal_column("true"))
    return select(*rows.c, scope.label("scope")).offset(literal_column("0")).subquery(name)


def rows_of_every_app(rows: "Select[*tuple[Any, ...]]", name: str) -> Subquery:
    """The rows, after which the statement may read every app."""
    scope = func.set_config(literal_column(f"'{SETTING}'"), literal_column(f"'{EVERY_APP}'"), literal_column("true"))
    return rows.add_columns(scope.label("scope")).offset(literal_column("0")).subquery(name)
