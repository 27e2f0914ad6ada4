"""Generated valid and invalid requests: every response matches the OpenAPI document.

The service runs on a port in its own thread, because schemathesis is synchronous and a broker belongs to one event
loop. The app is on Agora: its tokens are signed locally, so that no request waits for a vendor.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from threading import Thread
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import (
    content_type_conformance,
    not_a_server_error,
    response_schema_conformance,
    status_code_conformance,
)

from openapi import openapi_document
from polling import eventually_blocking
from tenants import MovableClock, Tenant, free_port, make_tenant
from videobroker import wiring
from videobroker.broker import Broker
from videobroker.cli.serve import KEEP_ALIVE_SECONDS
from videobroker.domain.apps import ProviderName
from videobroker.settings import Settings
from videobroker.usecases.joining import visits as visiting
from videobroker.usecases.journal import stream as following
from videobroker.web.app import create_app
from videobroker.web.v1 import stream, visits

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
ACCOUNT = {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4}
ROLES = dict.fromkeys(("tutor", "student", "admin", "member", "guest"), "publisher")

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "12"))
"""The number of requests for each operation. `make fuzz` sends more."""


# The document is generated without a broker, so that every operation is a separate test.
contract = schemathesis.openapi.from_dict(deepcopy(openapi_document()))


@pytest.fixture(scope="module")
def address(settings: Settings, database: str, session_clock: MovableClock) -> Iterator[str]:
    """The URL of the service."""
    # Streams end long before the timeout of the client.
    with pytest.MonkeyPatch.context() as patch:
        for module in (stream, visits):
            patch.setattr(module, "MAX_STREAM_SECONDS", 0.1)
        for source in (following, visiting):
            patch.setattr(source, "POLL_SECONDS", 0.1)
        with _served(settings, database, session_clock) as url:
            yield url


@contextmanager
def _served(settings: Settings, database: str, session_clock: MovableClock) -> Iterator[str]:
    port = free_port()
    app = create_app(lambda: wiring.broker(settings, database, clock=session_clock))
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            port=port,
            log_level="warning",
            access_log=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            log_config=None,
        )
    )
    thread = Thread(target=server.run)
    thread.start()
    eventually_blocking(lambda: server.started or not thread.is_alive())
    assert thread.is_alive(), "the service did not start"
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture
async def tenant(broker: Broker, api: httpx.AsyncClient) -> Tenant:
    """An app with the sessions that the examples of the document mention, and a call in each of them."""
    tenant = await make_tenant(broker, api, {ProviderName.AGORA: ACCOUNT}, {ProviderName.AGORA: ROLES})
    await tenant.book("lesson-1", policy={"guests_allowed": True})
    await tenant.create_group("lesson-1", policy={"guests_allowed": True})
    for kind in ("bookings", "groups"):
        assert (await tenant.post(f"/v1/{kind}/lesson-1/start")).status_code == 200
    return tenant


def operation_ids() -> list[str]:
    """The operation IDs of the document."""
    document = contract.raw_schema
    return [operation["operationId"] for path in document["paths"].values() for operation in path.values()]


def conformance_test(operation_id: str) -> Any:
    """The test of an operation, with the examples of the document and with requests generated from its schemas."""

    @contract.include(operation_id=operation_id).parametrize()
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    def check_conformance(case: schemathesis.Case[Any], address: str, tenant: Tenant) -> None:
        case.call_and_validate(
            base_url=address, headers={"Authorization": f"Bearer {tenant.key}"}, checks=CHECKS, timeout=10
        )

    return check_conformance


# A function for each operation: schemathesis gives all tests of one function the same ID, and only one of several
# tests with the same ID runs in parallel.
globals().update({f"test_{each}_keeps_to_its_contract": conformance_test(each) for each in operation_ids()})
