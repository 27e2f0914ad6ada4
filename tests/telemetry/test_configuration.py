"""Tracing is off by default, and configured by the standard environment variables."""

import asyncio
import builtins
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from servers import serving
from videobroker import tracing
from videobroker.cli.telemetry import exporter_name, traced
from videobroker.errors import StartupFailed

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({}, None),
        ({"OTEL_SERVICE_NAME": "video"}, None),
        (ENDPOINT, "otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, None),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "true"}, None),
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "otlp"),
    ],
)
def test_tracing_is_on_if_an_endpoint_or_an_exporter_is_set(environment: dict[str, str], name: str | None) -> None:
    assert exporter_name(environment) == name


@pytest.mark.parametrize(
    ("environment", "variable"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER"),
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL"),
        (ENDPOINT | {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "grpc"}, "OTEL_EXPORTER_OTLP_PROTOCOL"),
    ],
)
def test_an_unsupported_value_prevents_the_start(environment: dict[str, str], variable: str) -> None:
    with pytest.raises(StartupFailed, match=variable):
        exporter_name(environment)


def test_a_missing_extra_prevents_the_start_only_if_tracing_is_on(monkeypatch: pytest.MonkeyPatch) -> None:
    import_module = builtins.__import__

    def without_sdk(name: str, *arguments: Any, **options: Any) -> Any:
        if name.startswith("opentelemetry."):
            raise ImportError(name)
        return import_module(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without_sdk)
    with traced({}):
        assert not tracing.is_enabled()
    with pytest.raises(StartupFailed, match=r"videobroker\[telemetry\]"), traced(ENDPOINT):
        pass


@pytest.mark.parametrize(("variables", "name"), [({}, "videobroker"), ({"OTEL_SERVICE_NAME": "video-eu"}, "video-eu")])
async def test_spans_are_sent_to_the_collector_when_the_service_stops(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], name: str
) -> None:
    received: list[tuple[str, ExportTraceServiceRequest]] = []

    async def collector(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        received.append((request.url.path, ExportTraceServiceRequest.FromString(await request.body())))
        await Response(b"", media_type="application/x-protobuf")(scope, receive, send)

    async with serving(collector) as url:
        environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": url, **variables}
        for variable, value in environment.items():
            monkeypatch.setenv(variable, value)
        # In a thread: the exporter blocks, and the collector is in this event loop.
        await asyncio.to_thread(_record_one_span, environment)
    ((path, export),) = received
    assert path == "/v1/traces"
    (resource_spans,) = export.resource_spans
    resource = {each.key: each.value.string_value for each in resource_spans.resource.attributes}
    assert resource["service.name"] == name
    assert resource.keys() == {"service.name", "service.version"}
    assert [span.name for each in resource_spans.scope_spans for span in each.spans] == ["process deliver"]
    assert not tracing.is_enabled()


def _record_one_span(environment: dict[str, str]) -> None:
    with traced(environment), tracing.root_span("process deliver", tracing.SpanKind.CONSUMER, {}):
        pass
