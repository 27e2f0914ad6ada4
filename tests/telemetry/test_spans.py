"""Spans of requests, the database, vendors, jobs, and deliveries: their structure, and what they do not contain."""

from collections.abc import Iterable
from typing import Any
from uuid import uuid4

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from delivery.backend import deliver_due, respond, start_backend
from tenants import Sandbox, Tenant
from videobroker import tracing, worker
from videobroker.cli.logs import add_request
from videobroker.domain.ids import SessionId
from videobroker.storage.jobs import Job, JobKind

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"


def of_kind(spans: InMemorySpanExporter, kind: SpanKind) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.kind is kind]


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def trace_id_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


def span_id_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.span_id:016x}"


def parent_of(span: ReadableSpan) -> str | None:
    return None if span.parent is None else f"{span.parent.span_id:016x}"


def ancestors_of(span: ReadableSpan, spans: Iterable[ReadableSpan]) -> list[str]:
    """The names of the spans around this one, from the inside to the outside."""
    by_id = {span_id_of(each): each for each in spans}
    names = []
    parent = by_id.get(parent_of(span) or "")
    while parent is not None:
        names.append(parent.name)
        parent = by_id.get(parent_of(parent) or "")
    return names


# -- requests


async def test_a_join_continues_the_trace_of_its_caller(traced: Tenant, spans: InMemorySpanExporter) -> None:
    await traced.book()
    spans.clear()
    response = await traced.send(
        "POST", "/v1/bookings/lesson-1/join", json={"user_id": "tutor-1"}, headers={"traceparent": TRACEPARENT}
    )
    assert response.status_code == 200, response.text
    (request,) = of_kind(spans, SpanKind.SERVER)
    assert request.name == "POST /v1/bookings/{reference}/join"
    assert attributes_of(request) == {
        "http.request.method": "POST",
        "url.scheme": "http",
        "network.protocol.version": "1.1",
        "http.route": "/v1/bookings/{reference}/join",
        "http.response.status_code": 200,
        "videobroker.operation": "joinBooking",
    }
    assert (trace_id_of(request), parent_of(request)) == (TRACE, PARENT)
    assert {trace_id_of(span) for span in spans.get_finished_spans()} == {TRACE}
    # The response names the span, so that its caller can find it.
    assert response.headers["traceparent"] == f"00-{TRACE}-{span_id_of(request)}-01"


async def test_the_spans_of_a_join_are_in_the_span_of_its_request(traced: Tenant, spans: InMemorySpanExporter) -> None:
    await traced.book()
    spans.clear()
    assert (await traced.join()).status_code == 200
    finished = spans.get_finished_spans()
    (request,) = of_kind(spans, SpanKind.SERVER)
    assert all(ancestors_of(span, finished)[-1:] == [request.name] for span in finished if span is not request)
    batched = [span for span in finished if any(name.startswith("batch ") for name in ancestors_of(span, finished))]
    statements = [span for span in finished if "db.system.name" in attributes_of(span)]
    vendor = [span for span in finished if "videobroker.vendor" in attributes_of(span)]
    assert batched
    assert statements
    assert vendor
    assert {span.kind for span in (*statements, *vendor)} == {SpanKind.CLIENT}


async def test_a_request_without_a_valid_trace_begins_one(traced: Tenant, spans: InMemorySpanExporter) -> None:
    response = await traced.send("GET", "/v1/me", headers={"traceparent": "00-0-0-01"})
    (request,) = of_kind(spans, SpanKind.SERVER)
    assert request.name == "GET /v1/me"
    assert request.parent is None
    assert trace_id_of(request) in response.headers["traceparent"]


async def test_the_span_of_a_rejected_request_has_its_code_and_is_no_error(
    traced: Tenant, spans: InMemorySpanExporter
) -> None:
    assert (await traced.join("unknown")).status_code == 404
    (request,) = of_kind(spans, SpanKind.SERVER)
    assert attributes_of(request)["videobroker.error_code"] == "session_not_found"
    assert request.status.status_code is StatusCode.UNSET


async def test_a_failed_vendor_makes_the_spans_of_its_calls_fail(
    traced: Tenant, spans: InMemorySpanExporter, sandbox: Sandbox
) -> None:
    await traced.book()
    spans.clear()
    await sandbox.inject_fault("status", operation="create_room", status=500)
    assert (await traced.join()).status_code == 503
    (request,) = of_kind(spans, SpanKind.SERVER)
    assert request.status.status_code is StatusCode.ERROR
    assert attributes_of(request)["error.type"] == "503"
    calls = [span for span in spans.get_finished_spans() if "videobroker.vendor" in attributes_of(span)]
    failed = [span for span in calls if span.status.status_code is StatusCode.ERROR]
    assert [attributes_of(span).get("http.request.resend_count") for span in failed][:2] == [None, 1]
    assert {attributes_of(span)["http.response.status_code"] for span in failed} == {500}
    assert {attributes_of(span)["error.type"] for span in failed} == {"500"}


async def test_probes_are_not_traced(traced: Tenant, spans: InMemorySpanExporter) -> None:
    for path in ("/healthz", "/readyz", "/metrics"):
        assert (await traced.get(path)).status_code == 200
    assert spans.get_finished_spans() == ()


async def test_event_streams_are_not_traced(traced: Tenant, spans: InMemorySpanExporter) -> None:
    response = await traced.get("/v1/me", headers={"Accept": "text/event-stream, application/json"})
    assert response.status_code == 200
    assert spans.get_finished_spans() == ()


async def test_a_request_for_an_unknown_path_has_no_path_in_its_span(
    traced: Tenant, spans: InMemorySpanExporter
) -> None:
    assert (await traced.get("/v1/nothing/here")).status_code == 404
    (request,) = of_kind(spans, SpanKind.SERVER)
    assert request.name == "GET"


# -- shared work


async def test_a_batch_is_linked_with_the_operations_that_share_it(spans: InMemorySpanExporter) -> None:
    with tracing.server_span("GET", {}, None):
        first = tracing.current_context()
    with tracing.server_span("GET", {}, None):
        second = tracing.current_context()
    with tracing.shared_span("batch joins", [first, None, second], {"videobroker.batch_items": 3}):
        pass
    one, other, batch = spans.get_finished_spans()
    assert parent_of(batch) == span_id_of(one)
    assert [f"{link.context.span_id:016x}" for link in batch.links] == [span_id_of(other)]


# -- jobs and deliveries


async def test_a_job_is_a_trace_of_its_own_which_its_log_lines_name(
    traced: Tenant, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines: list[Any] = []

    async def run_job(*_: object) -> None:
        lines.append(add_request(None, "info", {}))
        raise LookupError("a-planted-message")

    monkeypatch.setattr(worker, "run_job", run_job)
    job = Job(JobKind.RUN_DUE_STEPS, traced.app.id, SessionId(uuid4()))
    with pytest.raises(LookupError):
        await worker.run_traced_job(traced.broker, job, 7)
    (span,) = of_kind(spans, SpanKind.CONSUMER)
    assert span.name == f"process {JobKind.RUN_DUE_STEPS.value}"
    assert span.parent is None
    assert lines == [{"trace_id": trace_id_of(span)}]
    assert attributes_of(span)["error.type"] == "LookupError"
    assert span.events == ()
    assert span.status.description is None


async def test_a_delivery_sends_its_trace(traced: Tenant, spans: InMemorySpanExporter) -> None:
    async with start_backend() as backend:
        created = await traced.post("/v1/webhook-endpoints", {"url": f"{backend.url}?key=planted-in-url"})
        assert created.status_code == 201, created.text
        await traced.book()
        spans.clear()
        backend.next_behaviors.append(respond(500))
        await deliver_due(traced)
        received = backend.received[0]
    delivery = next(span for span in spans.get_finished_spans() if span.name == "POST")
    assert received.headers["traceparent"] == f"00-{trace_id_of(delivery)}-{span_id_of(delivery)}-01"
    assert attributes_of(delivery)["http.response.status_code"] == 500
    assert attributes_of(delivery)["server.address"] == "127.0.0.1"
    assert delivery.status.status_code is StatusCode.ERROR
    assert "planted-in-url" not in delivery.to_json()


# -- secrets


def exported(spans: InMemorySpanExporter) -> str:
    """Everything that an exporter could send."""
    return "\n".join(span.to_json() for span in spans.get_finished_spans())


async def test_no_span_contains_a_secret_or_personal_data(
    traced: Tenant, spans: InMemorySpanExporter, sandbox: Sandbox
) -> None:
    people = [
        {"user_id": "planted-tutor", "role": "tutor", "display_name": "Planted Name"},
        {"user_id": "planted-student", "role": "student", "display_name": "Planted Name"},
    ]
    reference = "planted-reference"
    async with start_backend() as backend:
        endpoint = await traced.post("/v1/webhook-endpoints", {"url": f"{backend.url}/planted-path?key=planted-query"})
        await traced.book(reference, participants=people, title="Planted title", metadata={"note": "planted note"})
        joined = await traced.join(reference, "planted-tutor")
        link = await traced.post(f"/v1/bookings/{reference}/links", {"user_id": "planted-student"})
        await deliver_due(traced)
    url = link.json()["url"]
    ticket = link.json().get("ticket") or url.rpartition("/")[2].rpartition("=")[2]
    # In every place where a caller can put a secret.
    await traced.api.get(f"/v1/me?token={ticket}", headers={"Authorization": f"Bearer {ticket}"})
    await traced.api.get(
        f"/planted-path/{ticket}", headers={"Cookie": "planted-cookie=1", "User-Agent": "planted-agent"}
    )
    await traced.api.request("PLANTED", "/v1/me", headers={"baggage": "planted-baggage=1", "tracestate": "a=planted"})
    await traced.post(f"/v1/bookings/{reference}/join", {"user_id": ["planted-invalid"]})
    await sandbox.inject_fault("status", operation="create_room", status=500)
    await traced.book("planted-other", participants=people)
    await traced.join("planted-other", "planted-tutor")
    text = exported(spans)
    assert len(spans.get_finished_spans()) > 20
    account = sandbox.account("tutoring")
    secrets = [
        traced.key,
        endpoint.json()["secret"],
        joined.json()["token"],
        joined.json()["room_id"],
        account["access_key"],
        account["secret"],
        ticket,
        url,
    ]
    assert len(ticket) > 20
    assert [secret for secret in secrets if secret in text] == []
    assert "planted" not in text.lower()


async def test_attributes_are_redacted_as_the_last_resort(spans: InMemorySpanExporter) -> None:
    with tracing.root_span("a", tracing.SpanKind.INTERNAL, {"text": "vb_planted0123456789"}) as span:
        span.set({"other": "eyJhbGciOi.planted.token", "absent": None})
        span.fail("Bearer planted0123456789")
    (recorded,) = spans.get_finished_spans()
    assert set(attributes_of(recorded)) == {"text", "other", "error.type"}
    assert "planted" not in recorded.to_json()


# -- off


async def test_without_configuration_nothing_is_recorded_and_no_trace_is_sent(
    tutoring: Tenant, spans: InMemorySpanExporter
) -> None:
    tracing.configure(None)
    assert tracing.current_context() is None
    assert tracing.current_ids() is None
    off = tracing.span("a")
    assert off is tracing.root_span("b", tracing.SpanKind.CONSUMER, {}) is tracing.server_span("c", {}, TRACEPARENT)
    with off as span:
        assert span.ids is None
    response = await tutoring.send("GET", "/v1/me", headers={"traceparent": TRACEPARENT})
    assert response.headers["traceparent"].startswith(f"00-{TRACE}-")
    assert spans.get_finished_spans() == ()
