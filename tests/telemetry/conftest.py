"""Spans in memory, and a service that was started with tracing."""

from collections.abc import AsyncIterator, Iterator

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from servers import service_on
from tenants import HMS_ROLES, MovableClock, Sandbox, Tenant, make_tenant
from videobroker import tracing
from videobroker.domain.apps import ProviderName
from videobroker.settings import Settings


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """The spans that ended."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracing.configure(provider)
    yield exporter
    tracing.configure(None)
    provider.shutdown()


@pytest.fixture
async def traced(
    spans: InMemorySpanExporter, database: str, settings: Settings, clock: MovableClock, sandbox: Sandbox
) -> AsyncIterator[Tenant]:
    """An app of a service that records spans."""
    # Webhooks go to this machine.
    local = settings.model_copy(update={"webhooks_anywhere": True})
    async with service_on(local, database, clock=clock) as (broker, client):
        account = {ProviderName.HMS: sandbox.account("tutoring")}
        tenant = await make_tenant(broker, client, account, {ProviderName.HMS: HMS_ROLES})
        spans.clear()
        yield tenant
