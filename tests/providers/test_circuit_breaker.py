"""The circuit breaker of an account: which results open it, and what it does to requests."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime

import httpx
import pytest
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from polling import eventually
from videobroker.domain.circuit_breaker import CircuitLimits, CircuitState
from videobroker.errors import ProviderRefused, ProviderUnavailable
from videobroker.providers.circuit_breaker import UNANSWERED_AFTER_SECONDS, CircuitBreaker
from videobroker.providers.hms.client import MAX_CONNECTIONS, HmsClient
from videobroker.providers.hms.tokens import AccountKeys, ManagementTokens
from videobroker.providers.retrying import RetryPolicy

FAILURES = CircuitLimits().failures
KEYS = AccountKeys("65f0c1a2b3d4e5f607182900", "c2VjcmV0LXVzZWQtYXMtaXQtc3RhbmRz_-invented")
OK = httpx.Response(200, json={"id": "room-1", "name": "lesson", "enabled": True})
AT_ONCE = RetryPolicy(initial_wait=0, max_wait=0, jitter=0)


class Clock:
    """A manual clock."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Vendor(httpx.AsyncBaseTransport):
    """A network whose responses a test sets."""

    def __init__(self) -> None:
        self.respond: Callable[[], httpx.Response | Exception | Awaitable[httpx.Response]] = lambda: OK
        self.requests = 0
        self.waiting = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Count the request, and respond."""
        self.requests += 1
        response = self.respond()
        if isinstance(response, Exception):
            raise response
        if isinstance(response, httpx.Response):
            return httpx.Response(response.status_code, headers=response.headers, content=response.content)
        self.waiting += 1
        try:
            return await response
        finally:
            self.waiting -= 1


async def silence() -> httpx.Response:
    """No response, for as long as the client waits."""
    await asyncio.Event().wait()
    raise AssertionError("the event is never set")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vendor() -> Vendor:
    return Vendor()


def new_client(vendor: Vendor, clock: Clock, policy: RetryPolicy = AT_ONCE) -> HmsClient:
    tokens = ManagementTokens(KEYS, lambda: datetime(2026, 3, 12, tzinfo=UTC))
    return HmsClient(
        "https://api.100ms.test/v2",
        tokens,
        lambda: datetime(2026, 3, 12, tzinfo=UTC),
        retry_policy=policy,
        transport=vendor,
        circuit_breaker=CircuitBreaker("100ms", KEYS.access_key, clock=clock),
    )


@pytest.fixture
async def client(vendor: Vendor, clock: Clock) -> AsyncIterator[HmsClient]:
    client = new_client(vendor, clock)
    yield client
    await client.aclose()


def count(name: str) -> float:
    return REGISTRY.get_sample_value(f"videobroker_vendor_circuit_{name}_total", {"vendor": "100ms"}) or 0


async def fail(client: HmsClient, *, times: int = 1) -> None:
    for _ in range(times):
        with pytest.raises(ProviderUnavailable):
            await client.create_room("lesson", None)


async def open_circuit(client: HmsClient, vendor: Vendor) -> None:
    vendor.respond = lambda: httpx.Response(503)
    await fail(client, times=FAILURES // AT_ONCE.attempts)
    assert vendor.requests == FAILURES
    assert client.circuit.state is CircuitState.OPEN
    vendor.requests = 0


async def test_after_consecutive_failures_nothing_is_sent(client: HmsClient, vendor: Vendor) -> None:
    before = count("openings"), count("rejections")
    with capture_logs() as logs:
        await open_circuit(client, vendor)
        with pytest.raises(
            ProviderUnavailable, match=f"not sent, because the last {FAILURES} requests failed"
        ) as error:
            await client.create_room("lesson", None)
    assert vendor.requests == 0
    assert error.value.retry_after == 1.0
    assert (count("openings"), count("rejections")) == (before[0] + 1, before[1] + 1)
    opened = [each for each in logs if each["event"] == "provider.circuit_opened"]
    assert [(each["account"], each["failures"]) for each in opened] == [(KEYS.access_key, FAILURES)]


async def test_an_operation_stops_its_attempts_when_the_circuit_opens(client: HmsClient, vendor: Vendor) -> None:
    vendor.respond = lambda: httpx.ConnectError("refused")
    await asyncio.gather(*(fail(client) for _ in range(FAILURES)))
    assert vendor.requests == FAILURES


async def test_a_successful_probe_closes_the_circuit(client: HmsClient, vendor: Vendor, clock: Clock) -> None:
    await open_circuit(client, vendor)
    vendor.respond = lambda: OK
    clock.now += 1
    with capture_logs() as logs:
        for _ in range(3):
            await client.create_room("lesson", None)
    assert client.circuit.state is CircuitState.CLOSED
    assert vendor.requests == 3
    assert [each["event"] for each in logs] == ["provider.circuit_closed"]


async def test_a_failed_probe_is_not_retried_and_doubles_the_wait(
    client: HmsClient, vendor: Vendor, clock: Clock
) -> None:
    await open_circuit(client, vendor)
    clock.now += 1
    await fail(client)
    assert vendor.requests == 1
    assert client.circuit.wait_seconds == 2


async def test_only_one_probe_is_sent_at_a_time(client: HmsClient, vendor: Vendor, clock: Clock) -> None:
    await open_circuit(client, vendor)
    clock.now += 1
    vendor.respond = silence
    probe = asyncio.create_task(client.create_room("lesson", None))
    await eventually(lambda: vendor.waiting == 1)
    await fail(client, times=3)
    assert vendor.requests == 1
    assert client.circuit.is_rejecting
    probe.cancel()
    await asyncio.wait([probe])
    assert not client.circuit.is_rejecting


@pytest.mark.parametrize(
    "answer",
    [httpx.Response(404), httpx.Response(403), httpx.Response(429), httpx.Response(200, text="<html>")],
    ids=lambda answer: str(answer.status_code),
)
async def test_answers_of_a_healthy_vendor_do_not_open_the_circuit(
    client: HmsClient, vendor: Vendor, answer: httpx.Response
) -> None:
    vendor.respond = lambda: answer
    for _ in range(FAILURES):
        with pytest.raises((ProviderRefused, ProviderUnavailable)):
            await client.create_room("lesson", None)
    assert client.circuit.failures == 0


@pytest.mark.parametrize(
    "error", [httpx.ConnectTimeout("slow"), httpx.ReadTimeout("slow"), httpx.RemoteProtocolError("closed")], ids=repr
)
async def test_every_request_without_an_answer_counts(client: HmsClient, vendor: Vendor, error: Exception) -> None:
    vendor.respond = lambda: error
    await fail(client, times=2)
    assert client.circuit.state is CircuitState.OPEN


async def test_waiting_for_a_connection_of_this_process_is_no_failure_of_the_vendor(
    client: HmsClient, vendor: Vendor
) -> None:
    vendor.respond = lambda: httpx.PoolTimeout("busy")
    await fail(client, times=FAILURES)
    assert client.circuit.failures == 0


@pytest.mark.parametrize(("seconds", "failures"), [(UNANSWERED_AFTER_SECONDS, 1), (UNANSWERED_AFTER_SECONDS - 0.1, 0)])
async def test_a_canceled_request_counts_if_it_waited_for_long(
    client: HmsClient, vendor: Vendor, clock: Clock, seconds: float, failures: int
) -> None:
    vendor.respond = silence
    task = asyncio.create_task(client.create_room("lesson", None))
    await eventually(lambda: vendor.waiting == 1)
    clock.now += seconds
    task.cancel()
    await asyncio.wait([task])
    assert client.circuit.failures == failures


async def test_the_time_limit_of_an_operation_counts(vendor: Vendor, clock: Clock) -> None:
    client = new_client(vendor, clock, RetryPolicy(total=0.05))

    async def pass_time() -> httpx.Response:
        clock.now += UNANSWERED_AFTER_SECONDS
        return await silence()

    vendor.respond = pass_time
    await fail(client)
    assert client.circuit.failures == 1
    await client.aclose()


async def test_requests_that_wait_for_others_are_not_sent_after_these_failed(vendor: Vendor, clock: Clock) -> None:
    client = new_client(vendor, clock, RetryPolicy(attempts=1))
    answered = asyncio.Event()

    async def fail_later() -> httpx.Response:
        await answered.wait()
        return httpx.Response(503)

    vendor.respond = fail_later
    calls = [asyncio.create_task(fail(client)) for _ in range(3 * MAX_CONNECTIONS)]
    await eventually(lambda: vendor.waiting == MAX_CONNECTIONS)
    answered.set()
    await asyncio.gather(*calls)
    assert vendor.requests == MAX_CONNECTIONS
    await client.aclose()
