"""Structured logging to stdout, one line per event. Log records of libraries use the same format."""

import json
import logging
import sys
from typing import Any

import msgspec
import structlog

from videobroker.cli.terminal import is_plain
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
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redacted,
    ]
    last: structlog.types.Processor = structlog.dev.ConsoleRenderer(
        colors=sys.stdout.isatty() and not is_plain(),
        # The default formatter prints local variables, which may contain secrets.
        exception_formatter=structlog.dev.plain_traceback,
    )
    if settings.log_format == "json":
        last = structlog.processors.JSONRenderer(serializer=_json)
    # Our events bypass `logging`, which would take four times as long. Every request logs a line.
    structlog.configure(
        processors=[*shared, last],
        wrapper_class=structlog.make_filtering_bound_logger(settings.log_level),
        logger_factory=structlog.WriteLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stdout)
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
