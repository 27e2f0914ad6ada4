"""Spans of database statements. Their texts have placeholders, and parameters are not recorded."""

import re
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Connection, ExceptionContext
from sqlalchemy.ext.asyncio import AsyncEngine

from videobroker import tracing

MAX_TEXT_CHARACTERS = 1000

_SPANS = "videobroker_spans"
"""The key of the open spans of a connection."""
_VERB = re.compile(r"[a-z]+", re.I)
_TABLE = re.compile(r"\b(?:from|into|update)\s+(?P<table>[a-z_][a-z_.]*)\b(?!\()", re.I)


def start_statement_span(statement: str) -> tracing.TraceSpan:
    """A span of a statement; its caller ends it."""
    if not tracing.is_enabled():
        return tracing.NOT_RECORDED
    summary = summarize(statement)
    attributes: tracing.Attributes = {
        "db.system.name": "postgresql",
        "db.operation.name": summary.partition(" ")[0],
        "db.query.summary": summary,
        "db.query.text": statement[:MAX_TEXT_CHARACTERS],
    }
    return tracing.start_span(summary, tracing.SpanKind.CLIENT, attributes)


def summarize(statement: str) -> str:
    """The operation and its first table, such as `SELECT sessions`, or `WITH sessions`."""
    verb = _VERB.search(statement)
    table = _TABLE.search(statement)
    return " ".join([verb[0].upper() if verb else "SQL", *([table["table"]] if table else [])])


def trace_statements(engine: AsyncEngine) -> None:
    """Record spans of the statements of this engine, if tracing is on."""
    if tracing.is_enabled():
        event.listen(engine.sync_engine, "before_cursor_execute", _start)
        event.listen(engine.sync_engine, "after_cursor_execute", _finish)
        event.listen(engine.sync_engine, "handle_error", _fail)


def _start(connection: Connection, _: Any, statement: str, *__: Any) -> None:
    connection.info.setdefault(_SPANS, []).append(start_statement_span(statement))


def _finish(connection: Connection, *_: Any) -> None:
    connection.info[_SPANS].pop().end()


def _fail(context: ExceptionContext) -> None:
    spans = None if context.connection is None else context.connection.info.get(_SPANS)
    if spans:
        spans.pop().end(context.original_exception)
