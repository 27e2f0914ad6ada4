"""OpenTelemetry in the commands that run for long. Configured by the standard environment variables."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version

from videobroker import tracing
from videobroker.errors import StartupFailed

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
EXPORTERS = ("otlp", "console", "none")
PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
SUPPORTED_PROTOCOL = "http/protobuf"
SERVICE_NAME = "videobroker"


def exporter_name(environment: Mapping[str, str]) -> str | None:
    """The exporter of spans that the variables ask for; None if tracing is off.

    It is on if an endpoint or an exporter is set, so that a machine without a collector sends nothing. Raises
    `StartupFailed` for a value that is not supported.
    """
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    name = environment.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if not name:
        name = "otlp" if any(environment.get(each) for each in ENDPOINTS) else "none"
    if name not in EXPORTERS:
        raise StartupFailed(f"OTEL_TRACES_EXPORTER must be one of: {', '.join(EXPORTERS)}.")
    protocol = next((value for each in PROTOCOLS if (value := environment.get(each))), SUPPORTED_PROTOCOL)
    if name == "otlp" and protocol != SUPPORTED_PROTOCOL:
        raise StartupFailed(f"OTEL_EXPORTER_OTLP_PROTOCOL must be {SUPPORTED_PROTOCOL}.")
    return None if name == "none" else name


@contextmanager
def traced(environment: Mapping[str, str] | None = None) -> Iterator[None]:
    """Record and export spans while the block runs, if the environment asks for it. Sends the last ones at the end.

    Raises `StartupFailed` if the extra `telemetry` is not installed.
    """
    name = exporter_name(os.environ if environment is None else environment)
    if name is None:
        yield
        return
    try:
        # An optional extra.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter  # noqa: PLC0415
    except ImportError:
        raise StartupFailed(
            "OpenTelemetry is configured, but not installed: run `pip install 'videobroker[telemetry]'`."
        ) from None
    own = Resource({"service.name": SERVICE_NAME, "service.version": version("videobroker")})
    # Not `Resource.create`: it would name the program and its arguments, too.
    provider = TracerProvider(resource=own.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
    exporter = OTLPSpanExporter() if name == "otlp" else ConsoleSpanExporter()
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracing.configure(provider)
    try:
        yield
    finally:
        tracing.configure(None)
        provider.shutdown()
