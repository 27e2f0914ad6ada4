"""Executed plans of queries: which indexes they use, and how many rows they read."""

from typing import Any

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.elements import ClauseElement

Plan = dict[str, Any]
LARGE_ROWS = 1_000
"""PostgreSQL reads a table with fewer rows faster from its beginning."""


async def executed_plan(connection: AsyncConnection, statement: Executable) -> Plan:
    """The plan of a query, with the number of rows of each step."""
    assert isinstance(statement, ClauseElement)
    compiled = statement.compile(dialect=connection.dialect, compile_kwargs={"render_postcompile": True})
    parameters = tuple(compiled.params[name] for name in compiled.positiontup or ())  # type: ignore[attr-defined]
    return await plan_of(connection, str(compiled), parameters)


async def plan_of(connection: AsyncConnection, statement: str, parameters: Any) -> Plan:
    """The plan of a query as the driver got it."""
    rows = await connection.exec_driver_sql(f"explain (analyze, format json) {statement}", parameters)
    (plan,) = rows.scalar_one()
    found: Plan = plan["Plan"]
    return found


def nodes(plan: Plan) -> list[Plan]:
    """All steps of a plan."""
    return [plan, *(each for child in plan.get("Plans", ()) for each in nodes(child))]


def rows_read(plan: Plan) -> float:
    """Rows that the scans of the plan returned or filtered out."""
    total: float = sum(
        (node["Actual Rows"] + node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0))
        * node["Actual Loops"]
        for node in nodes(plan)
        if "Relation Name" in node
    )
    return total


def sequential_scans(plan: Plan) -> list[str]:
    """The large tables that the plan reads from their beginning."""
    return [
        node["Relation Name"]
        for node in nodes(plan)
        if node["Node Type"] == "Seq Scan"
        and (node["Actual Rows"] + node.get("Rows Removed by Filter", 0)) * node["Actual Loops"] > LARGE_ROWS
    ]
