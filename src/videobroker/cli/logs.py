"""Structured logging to stdout, one line per event. Log records of libraries use the same format."""

import asyncio
import json
import logging
import sys
import time
from collections import deque
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, TextIO, cast

import msgspec
import structlog

from videobroker import tracing
from videobroker.cli.terminal import is_plain
from videobroker.current_request import CURRENT_REQUEST
from videobroker.domain.redaction import redact
from videobroker.settings import Settings

# Lines are ASCII, regardless of the encoding of stdout. The fast encoder would write all attributes of an object,
# including secrets that its repr hides. It is used only for lines of plain values, which are nearly all lines.
_FAST = msgspec.json.Encoder()
_CAREFUL = json.JSONEncoder(default=repr)
_BARE = frozenset({str, int, float, bool, type(None)})


def _json(line: dict[str, Any], **_: Any) -> str:
    if _BARE.issuperset(map(type, line.values())):
        written = _FAST.encode(line)
        if written.isascii():
            return written.decode()
    return _CAREFUL.encode(line)


ACCESS_LOG = "videobroker.web.http.access_log"
"""The name of the logger of `request.completed`. Not imported: commands without a server start faster."""


class LineStream:
    """A stream of whole lines. Lines of the access log are collected, and written once per turn of the event loop.

    A system call for each request would take a tenth of the time of a join. All other lines are written at once, after
    the collected ones. A process that is killed can lose the lines of one turn.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._collected: deque[str] = deque()

    def write(self, text: str) -> None:
        """Write text without flushing it."""
        self._stream.write(self._take() + text)

    def flush(self) -> None:
        """Write the collected lines, and flush."""
        self._stream.write(self._take())
        self._stream.flush()

    def collect(self, line: str) -> None:
        """Write the line at the end of this turn of the event loop; without a loop, at once."""
        self._collected.append(f"{line}\n")
        if len(self._collected) == 1:
            try:
                loop = asyncio.get_running_loop()
            except RuntimeError:
                self.flush()
            else:
                loop.call_soon(self.flush)

    def _take(self) -> str:
        # Other threads may write, too: each line is taken once.
        taken = [self._collected.popleft() for _ in range(len(self._collected))]
        return "".join(taken)


class _AccessLogger:
    """The logger of the access log, which has one event, of level info."""

    def __init__(self, stream: LineStream) -> None:
        self.info = stream.collect


def add_timestamp(_: object, __: str, line: structlog.types.EventDict) -> structlog.types.EventDict:
    """Add the time, in UTC with microseconds (RFC 3339)."""
    seconds, nanoseconds = divmod(time.time_ns(), 1_000_000_000)
    line["timestamp"] = f"{_second(seconds)}.{nanoseconds // 1000:06d}Z"
    return line


@lru_cache(maxsize=4)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def add_request(_: object, __: str, line: structlog.types.EventDict) -> structlog.types.EventDict:
    """Add the IDs of the current request and of its trace, or of the trace of the current job."""
    request = CURRENT_REQUEST.get()
    if request is not None:
        line["request_id"], line["trace_id"] = request.request_id, request.trace_id
    elif (span := tracing.current_ids()) is not None:
        line["trace_id"] = span.trace_id
    return line


def redacted(_: object, __: str, line: structlog.types.EventDict) -> structlog.types.EventDict:
    """Redact credentials. Skips `request.completed`, which has no text from outside, to save time on every request."""
    if line.get("event") != "request.completed":
        for name, value in line.items():
            if isinstance(value, str):
                line[name] = redact(value)
    return line


def configure(settings: Settings) -> None:
    """Configure structlog and `logging`: to stdout, as JSON or as console text."""
    shared: list[structlog.types.Processor] = [
        structlog.processors.add_log_level,
        add_timestamp,
        add_request,
        redacted,
    ]
    last: structlog.types.Processor = structlog.dev.ConsoleRenderer(
        colors=sys.stdout.isatty() and not is_plain(),
        # The default formatter prints local variables, which may contain secrets.
        exception_formatter=structlog.dev.plain_traceback,
    )
    if settings.log_format == "json":
        last = structlog.processors.JSONRenderer(serializer=_json)
    stream = LineStream(sys.stdout)

    def make_logger(name: str | None = None) -> Any:
        return _AccessLogger(stream) if name == ACCESS_LOG else structlog.WriteLogger(cast("TextIO", stream))

    # Our events bypass `logging`, which would take four times as long. Every request logs a line.
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=make_logger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level.upper(), force=True)
    # httpx logs the URL of every request. The provider clients log what is relevant.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("httpcore").setLevel(logging.WARNING)
