"""SQL functions that define positions in the journal: transaction IDs of this server, plus a shift.

Constants in their bodies, because PostgreSQL inlines them: neither writers nor readers query a table for them.
"""

from collections.abc import Sequence


def position_functions(*, shift: int, server: int | None) -> Sequence[str]:
    """Statements that define the functions, or replace them.

    `journal_xid()` is the position of the current transaction. `journal_horizon()` is the lowest position at which rows
    may still appear. `journal_server()` is the identifier of the server to which the shift belongs.
    """
    current, oldest = "pg_current_xact_id()", "pg_snapshot_xmin(pg_current_snapshot())"
    return (
        _function("journal_xid", "xid8", _shifted(current, shift)),
        _function("journal_horizon", "xid8", _shifted(oldest, shift)),
        _function("journal_server", "bigint", f"{'null' if server is None else server}::bigint"),
    )


def _shifted(xid: str, shift: int) -> str:
    return xid if shift == 0 else f"({xid}::text::bigint + {shift})::text::xid8"


def _function(name: str, result: str, expression: str) -> str:
    return f"create or replace function {name}() returns {result} language sql stable as 'select {expression}'"
