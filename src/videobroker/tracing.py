"""Spans of OpenTelemetry. Off unless `configure` is called: a span then costs one comparison.

Attributes are chosen by hand, and never contain a path, a query, a header, a SQL parameter, or the message of an error:
these can contain credentials and personal data. Instrumentation packages record some of them.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from videobroker.domain.redaction import redact
from videobroker.errors import BrokerError

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span as OtelSpan
    from opentelemetry.trace import SpanContext, Tracer, TracerProvider

AttributeValue = str | int | float | bool
Attributes = Mapping[str, AttributeValue | None]
"""None: the span does not have the attribute."""

SAMPLED = 0b1
"""The only flag of level 1 of W3C Trace Context."""

INSTRUMENTATION = "videobroker"
"""The name of the instrumentation scope."""


class SpanKind(StrEnum):
    """The part that this service has in an operation, as OpenTelemetry defines it."""

    SERVER = "SERVER"
    CLIENT = "CLIENT"
    CONSUMER = "CONSUMER"
    INTERNAL = "INTERNAL"


class TraceIds(NamedTuple):
    """The IDs of a span in hexadecimal digits, as in `traceparent`."""

    trace_id: str
    span_id: str
    flags: str

    @property
    def traceparent(self) -> str:
        """The value of the header (W3C Trace Context, level 1)."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags}"


class TraceSpan:
    """A span that is not recorded, because tracing is off."""

    ids: TraceIds | None = None

    def rename(self, name: str) -> None:
        """Replace the name, which must have few values."""

    def set(self, attributes: Attributes) -> None:
        """Set attributes."""

    def fail(self, error_type: str) -> None:
        """Mark the operation as failed, unless it is. `error_type` is a status, a code, or a class, never a message."""

    def end(self, error: BaseException | None = None) -> None:
        """End a span of `start_span`; with `error`, as failed with its type."""


class _RecordedSpan(TraceSpan):
    def __init__(self, span: "OtelSpan") -> None:
        self._span = span
        self._has_failed = False
        self.ids = _ids_of(span.get_span_context())

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, attributes: Attributes) -> None:
        self._span.set_attributes(_clean(attributes))

    def fail(self, error_type: str) -> None:
        from opentelemetry.trace import StatusCode  # noqa: PLC0415  an optional extra

        if self._has_failed:
            return
        self._has_failed = True
        self._span.set_attribute("error.type", redact(error_type))
        self._span.set_status(StatusCode.ERROR)

    def end(self, error: BaseException | None = None) -> None:
        if error is not None:
            self.fail(_error_type(error))
        self._span.end()


NOT_RECORDED = TraceSpan()
_OFF: AbstractContextManager[TraceSpan] = nullcontext(NOT_RECORDED)
_tracer: "Tracer | None" = None


def configure(provider: "TracerProvider | None") -> None:
    """Record spans with this provider; None turns tracing off.

    Call it before connections and applications are created, because they decide then whether to record spans.
    """
    global _tracer  # noqa: PLW0603  one tracer per process, like loggers and metrics
    _tracer = None if provider is None else provider.get_tracer(INSTRUMENTATION)


def is_enabled() -> bool:
    """Whether spans are recorded."""
    return _tracer is not None


def span(
    name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Attributes | None = None
) -> AbstractContextManager[TraceSpan]:
    """A span around a block, as a child of the current one. An error that the block raises makes it fail."""
    return _OFF if _tracer is None else _recorded(_tracer, name, kind, attributes or {})


def start_span(name: str, kind: SpanKind, attributes: Attributes) -> TraceSpan:
    """A child of the current span that does not become the current one. The caller ends it.

    It is not recorded outside of another span: a trace of one statement explains nothing.
    """
    if _tracer is None or current_ids() is None:
        return NOT_RECORDED
    from opentelemetry.trace import SpanKind as OtelSpanKind  # noqa: PLC0415  an optional extra

    return _RecordedSpan(_tracer.start_span(name, kind=OtelSpanKind[kind], attributes=_clean(attributes)))


def server_span(name: str, attributes: Attributes, traceparent: str | None) -> AbstractContextManager[TraceSpan]:
    """The span of a request, which continues the trace of its header. Other headers, such as baggage, are ignored."""
    if _tracer is None:
        return _OFF
    from opentelemetry.context import Context  # noqa: PLC0415  an optional extra
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    carrier = {} if traceparent is None else {"traceparent": traceparent}
    parent = TraceContextTextMapPropagator().extract(carrier, Context())
    return _recorded(_tracer, name, SpanKind.SERVER, attributes, parent)


def root_span(name: str, kind: SpanKind, attributes: Attributes) -> AbstractContextManager[TraceSpan]:
    """A span that begins a trace of its own."""
    if _tracer is None:
        return _OFF
    from opentelemetry.context import Context  # noqa: PLC0415  an optional extra

    return _recorded(_tracer, name, kind, attributes, Context())


def shared_span(name: str, parents: Sequence[object], attributes: Attributes) -> AbstractContextManager[TraceSpan]:
    """A span of work for several operations: a child of the first, with links to the others.

    `parents` are values of `current_context`.
    """
    if _tracer is None:
        return _OFF
    from opentelemetry.context import Context  # noqa: PLC0415  an optional extra
    from opentelemetry.trace import get_current_span  # noqa: PLC0415

    contexts = [each for each in parents if isinstance(each, Context)]
    traced = [each for each in contexts if get_current_span(each).get_span_context().is_valid]
    return _recorded(_tracer, name, SpanKind.INTERNAL, attributes, traced[0], traced[1:]) if traced else _OFF


def current_context() -> object:
    """The context of the current span, for `shared_span`; None if tracing is off."""
    if _tracer is None:
        return None
    from opentelemetry.context import get_current  # noqa: PLC0415  an optional extra

    return get_current()


def current_ids() -> TraceIds | None:
    """The IDs of the current span; None if there is none."""
    if _tracer is None:
        return None
    from opentelemetry.trace import get_current_span  # noqa: PLC0415  an optional extra

    context = get_current_span().get_span_context()
    return _ids_of(context) if context.is_valid else None


@contextmanager
def _recorded(
    tracer: "Tracer",
    name: str,
    kind: SpanKind,
    attributes: Attributes,
    parent: "Context | None" = None,
    linked: "Sequence[Context]" = (),
) -> Iterator[TraceSpan]:
    from opentelemetry.trace import Link, get_current_span  # noqa: PLC0415  an optional extra
    from opentelemetry.trace import SpanKind as OtelSpanKind  # noqa: PLC0415

    with tracer.start_as_current_span(
        name,
        context=parent,
        kind=OtelSpanKind[kind],
        attributes=_clean(attributes),
        links=[Link(get_current_span(each).get_span_context()) for each in linked],
        # The message and the stack of an error can contain credentials.
        record_exception=False,
        set_status_on_exception=False,
    ) as started:
        recorded = _RecordedSpan(started)
        try:
            yield recorded
        except BaseException as error:
            recorded.fail(_error_type(error))
            raise


def _error_type(error: BaseException) -> str:
    return error.code if isinstance(error, BrokerError) else type(error).__qualname__


def _clean(attributes: Attributes) -> dict[str, AttributeValue]:
    return {
        name: redact(value) if isinstance(value, str) else value
        for name, value in attributes.items()
        if value is not None
    }


def _ids_of(context: "SpanContext") -> TraceIds:
    return TraceIds(f"{context.trace_id:032x}", f"{context.span_id:016x}", f"{context.trace_flags & SAMPLED:02x}")
