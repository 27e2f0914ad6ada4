"""Generated valid and invalid requests: all checks of schemathesis, in all of its phases.

The service runs on a port in its own thread, because schemathesis is synchronous and a broker belongs to one event
loop. The app is on Agora: its tokens are signed locally, so that no request waits for a vendor.
"""

import os
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from copy import deepcopy
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from schemathesis.checks import CHECKS
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import response_schema_conformance

from openapi import openapi_document
from polling import eventually_blocking
from tenants import MovableClock, Tenant, context_of, free_port, make_tenant
from videobroker import wiring
from videobroker.broker import Broker
from videobroker.cli.serve import KEEP_ALIVE_SECONDS
from videobroker.domain.apps import ProviderName
from videobroker.domain.operators import OperatorRole
from videobroker.errors import AppExists
from videobroker.settings import Settings
from videobroker.usecases import management, tenants
from videobroker.usecases.joining import visits as visiting
from videobroker.usecases.journal import stream as following
from videobroker.web.app import create_app
from videobroker.web.v1 import stream, visits

ACCOUNT = {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4}
ROLES = dict.fromkeys(("tutor", "student", "admin", "member", "guest"), "publisher")

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "12"))
"""The number of requests for each operation. `make fuzz` sends more."""


CONFIG = Path(__file__).parents[2] / "schemathesis.toml"
CONFIG_VALUES = tomllib.loads(CONFIG.read_text())

# The document is generated without a broker, so that every operation is a separate test.
# Settings of single operations are applied below: with them, schemathesis configures each of the operations separately,
# and the collection of these tests takes minutes and gigabytes.
OPERATION_SETTINGS = CONFIG_VALUES.pop("operations")
contract = schemathesis.openapi.from_dict(
    deepcopy(openapi_document()), config=SchemathesisConfig.from_dict(CONFIG_VALUES)
)
STREAMS = frozenset(each for setting in OPERATION_SETTINGS for each in setting["include-operation-id"])
"""Operations whose responses are streams, which `response_schema_conformance` takes for single messages."""

UNSAYABLE_CODES = {
    "account_invalid",
    "duplicate_participant",
    "idempotency_key_reused",
    "invalid_cursor",
    "precondition_failed",
    "role_not_mapped",
    "surface_not_offered",
    "unknown_provider",
}
"""Codes of errors whose reason is not in the request alone, or that no schema can express."""
UNSAYABLE_DETAILS = re.compile(
    r"send either|send `participant` too|send a `rating`|must be after|`kind` and `reference`|different users"
    r"|Name the user|to select video calls|within the last|days ago|lies in the future|bytes|nested deeper|`url`"
    r"|as `name:value`|the year must be"
    r"|needs either|tokens need|requires the `issuer`|at least 32 bytes|within the next|is not an origin"
    r"|is not encrypted|has an invalid port|`dark_color` needs|must be base64|must be a (?:PNG|color|phone number|URL)"
    r"|must be an? (?:absolute|email)|must use https|may contain \{reference\}|`default_language`|each language once"
    r"|no events of the class|account for removed data|visible character"
    r"|list each provider only once|this date or time does not exist|must fit into 64 bits|2\^53|NUL"
    # The coverage phase replaces every header that has a pattern with quotation marks by `0`.
    r"|entity tags"
)
"""Of `invalid_request`, for the same reasons: fields that depend on each other, and limits of values as a whole."""


@schemathesis.check
def explained_rejection(
    _: schemathesis.CheckContext, response: schemathesis.Response, case: schemathesis.Case[Any]
) -> None:
    """A request that matches its schema is rejected for reasons only that no schema can express."""
    is_valid = case.meta is not None and case.meta.generation.mode.is_positive
    if is_valid and response.status_code in {400, 412, 422}:
        problem = response.json()
        code = problem.get("code") or response.headers["videobroker-code"][0]
        assert code in UNSAYABLE_CODES or UNSAYABLE_DETAILS.search(str(problem)), problem


def test_all_checks_are_enabled() -> None:
    assert {"positive_data_acceptance", "negative_data_rejection", "ignored_auth"} < set(CHECKS.get_all_names())
    assert len(CHECKS.get_all_names()) >= 15


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


CHECK = "checkAccount"
"""Left out: it sends requests to providers, with the generated accounts of other tests."""
MANAGED_APP = "tutoring"
"""The app that the examples of management operations name."""


@pytest.fixture
async def operator_key(broker: Broker) -> str:
    """A key for `/v1/admin`. The app of its examples exists."""
    context = context_of(broker, tenants.SERVICE)
    with suppress(AppExists):
        await management.create_app(context, MANAGED_APP, policy={}, role_maps={})
    key, _ = await management.create_operator_key(context, "fuzz", role=OperatorRole.ADMIN, expires_at=None)
    return key


@pytest.fixture
async def tenant(broker: Broker, api: httpx.AsyncClient) -> Tenant:
    return await tenant_of_examples(broker, api)


@pytest.fixture
async def fresh_tenants(broker: Broker, api: httpx.AsyncClient) -> Iterator[Tenant]:
    """More of them than sequences are generated."""
    return iter([await tenant_of_examples(broker, api) for _ in range(3 * EXAMPLES)])


async def tenant_of_examples(broker: Broker, api: httpx.AsyncClient) -> Tenant:
    """An app with the sessions that the examples of the document mention, and a call in each of them."""
    tenant = await make_tenant(broker, api, {ProviderName.AGORA: ACCOUNT}, {ProviderName.AGORA: ROLES})
    await tenant.book("lesson-1", policy={"guests_allowed": True})
    await tenant.create_group("lesson-1", policy={"guests_allowed": True})
    for kind in ("bookings", "groups"):
        assert (await tenant.post(f"/v1/{kind}/lesson-1/start")).status_code == 200
    return tenant


def operation_ids() -> list[str]:
    """The operation IDs of the document, without `CHECK`."""
    document = contract.raw_schema
    found = [operation["operationId"] for path in document["paths"].values() for operation in path.values()]
    return [each for each in found if each != CHECK]


def conformance_test(operation_id: str) -> Any:
    """The test of an operation, with the examples of the document and with requests generated from its schemas."""
    excluded = [response_schema_conformance] if operation_id in STREAMS else []

    @contract.include(operation_id=operation_id).parametrize()
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=(Phase.explicit, Phase.generate),
        suppress_health_check=list(HealthCheck),
    )
    def check_conformance(case: schemathesis.Case[Any], address: str, tenant: Tenant, operator_key: str) -> None:
        key = operator_key if case.path.startswith("/v1/admin/") else tenant.key
        case.call_and_validate(
            base_url=address, headers={"Authorization": f"Bearer {key}"}, timeout=10, excluded_checks=excluded
        )

    return check_conformance


# A function for each operation: schemathesis gives all tests of one function the same ID, and only one of several
# tests with the same ID runs in parallel.
globals().update({f"test_{each}_keeps_to_its_contract": conformance_test(each) for each in operation_ids()})


@pytest.mark.long
def test_sequences_of_requests_keep_to_the_contract(address: str, fresh_tenants: Iterator[Tenant]) -> None:
    """The stateful phase: each request uses what the responses before contain.

    Every sequence has an app of its own: hypothesis repeats the beginnings of sequences, and expects that the responses
    allow the same requests again. Management is left out, because all apps share it.
    """

    class Machine(contract.exclude(path_regex="^/v1/admin/").as_state_machine()):  # type: ignore[misc]  # made here
        def setup(self) -> None:
            super().setup()
            self.tenant = next(fresh_tenants)

        def get_call_kwargs(self, case: schemathesis.Case[Any]) -> dict[str, Any]:
            headers = {"Authorization": f"Bearer {self.tenant.key}"}
            return {"base_url": address, "headers": headers, "timeout": 10}

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=8,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
