"""The log of the service: one line an event, with ids as fields. Libraries write to the same place."""

import json
import logging
import sys
from typing import Any

import msgspec
import structlog

from videobroker.cli.terminal import is_plain
from videobroker.domain.redaction import redact
from videobroker.settings import Settings

# Lines are ASCII, whatever the encoding of stdout. The fast encoder knows too much: it would write all fields of an
# object, those as well that its repr hides. It gets what has none, which is nearly every line.
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
    """The line without credentials. What is logged for each request has no text that comes from outside."""
    if line.get("event") != "request.completed":
        for name, value in line.items():
            if isinstance(value, str):
                line[name] = redact(value)
    return line


def configure(settings: Settings) -> None:
    """Send every log line to stdout, as JSON or for the console."""
    shared: list[structlog.types.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redacted,
    ]
    last: structlog.types.Processor = structlog.dev.ConsoleRenderer(
        colors=sys.stdout.isatty() and not is_plain(),
        # The default shows the values of local variables, secrets among them.
        exception_formatter=structlog.dev.plain_traceback,
    )
    if settings.log_format == "json":
        last = structlog.processors.JSONRenderer(serializer=_json)
    # Ours go straight to stdout: the way through `logging` takes four times as long, and every request has a line.
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
    # They tell every request with its address; the provider client tells what matters of them.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("httpcore").setLevel(logging.WARNING)
