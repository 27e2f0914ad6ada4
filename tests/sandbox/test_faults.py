"""Injected faults, and counters of requests."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from videobroker.sandbox.faults import Fault, FaultKind, FaultPlan

SERVERS = ["h11", "httptools"]


async def _order(client: httpx.AsyncClient, **fault: Any) -> None:
    response = await client.post("/_sandbox/faults", json=fault)
    assert response.status_code == 200


async def _read_into(received: bytearray, response: httpx.Response) -> None:
    async for chunk in response.aiter_raw():
        received += chunk


async def test_a_status_fault_replaces_the_response_of_the_vendor(vendor: httpx.AsyncClient) -> None:
    await _order(vendor, kind="status", operation="create_room", status=429, retry_after=7, times=1)
    refused = await vendor.post("/v2/rooms", json={"name": "a"})
    assert refused.status_code == refused.json()["code"] == 429
    assert refused.headers["retry-after"] == "7"
    assert (await vendor.get("/v2/rooms")).json()["data"] is None
    assert (await vendor.post("/v2/rooms", json={"name": "a"})).status_code == 200


async def test_an_after_fault_does_the_work_and_loses_the_response(vendor: httpx.AsyncClient) -> None:
    await _order(vendor, kind="status", operation="create_room", status=503, times=1, after=True)
    assert (await vendor.post("/v2/rooms", json={"name": "a"})).status_code == 503
    [room] = (await vendor.get("/v2/rooms")).json()["data"]
    assert room["name"] == "a"


async def test_a_fault_without_an_operation_applies_to_the_vendor_but_not_to_the_control_api(
    vendor: httpx.AsyncClient,
) -> None:
    await _order(vendor, kind="status", status=500)
    for response in (await vendor.get("/v2/rooms"), await vendor.post("/v2/token", json={})):
        assert response.status_code == 500
    assert response.headers["access-control-allow-origin"] == "*"
    assert (await vendor.get("/healthz")).status_code == 200
    assert (await vendor.delete("/_sandbox/faults")).json() == {"faults": []}
    assert (await vendor.get("/v2/rooms")).status_code == 200


async def test_pending_faults_are_listed_with_their_remaining_times(vendor: httpx.AsyncClient) -> None:
    await _order(vendor, kind="status", operation="list_rooms", status=503, times=2)
    await vendor.get("/v2/rooms")
    [fault] = (await vendor.get("/_sandbox/faults")).json()["faults"]
    assert fault == {
        "kind": "status",
        "operation": "list_rooms",
        "times": 1,
        "milliseconds": 0,
        "status": 503,
        "retry_after": None,
        "after": False,
    }
    await vendor.get("/v2/rooms")
    assert (await vendor.get("/_sandbox/faults")).json() == {"faults": []}


async def test_latency_delays_a_request_before_the_next_fault_applies(vendor: httpx.AsyncClient) -> None:
    await _order(vendor, kind="latency", operation="list_rooms", milliseconds=60)
    await _order(vendor, kind="status", operation="list_rooms", status=503, times=1)
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert (await vendor.get("/v2/rooms")).status_code == 503
    assert loop.time() - started >= 0.06
    assert (await vendor.get("/v2/rooms")).status_code == 200
    assert loop.time() - started >= 0.12


def test_faults_of_an_operation_apply_in_the_order_they_were_added() -> None:
    plan = FaultPlan()
    first = Fault(FaultKind.STATUS, "list_rooms", times=1, status=429)
    other = Fault(FaultKind.STATUS, "get_room", times=1)
    second = Fault(FaultKind.STATUS, times=1, status=503)
    for fault in (first, other, second):
        plan.add(fault)
    assert plan.take("list_rooms") == (first,)
    assert plan.take("list_rooms") == (second,)
    assert plan.take("list_rooms") == ()
    assert plan.pending() == (other,)


@pytest.mark.parametrize(
    "fault",
    [
        {},
        {"kind": "explode"},
        {"kind": "drop", "operation": "no_such_operation"},
        {"kind": "drop", "operation": []},
        {"kind": "status", "status": 200},
        {"kind": "status", "status": 599},
        {"kind": "drop", "times": 0},
        {"kind": "drop", "times": True},
        {"kind": "latency", "milliseconds": -1},
        {"kind": "drop", "after": "yes"},
        {"kind": "drop", "percent": 50},
    ],
)
async def test_an_invalid_fault_is_refused(vendor: httpx.AsyncClient, fault: dict[str, Any]) -> None:
    assert (await vendor.post("/_sandbox/faults", json=fault)).status_code == 400
    assert (await vendor.get("/_sandbox/faults")).json() == {"faults": []}


async def test_requests_are_counted_by_operation_including_failed_ones(vendor: httpx.AsyncClient) -> None:
    await _order(vendor, kind="status", operation="create_room", status=503, times=1)
    for _ in range(3):
        await vendor.post("/v2/rooms", json={"name": "a"})
    await vendor.post("/v2/rooms", json={"name": "b"}, headers={"authorization": "Bearer rubbish"})
    await vendor.options("/v2/token")
    assert (await vendor.get("/_sandbox/counters")).json() == {
        "create_room": 4,
        "faulted": {"create_room": 1},
        "rooms_created": 1,
    }
    assert (await vendor.post("/_sandbox/counters/reset")).json() == {"faulted": {}, "rooms_created": 0}


async def test_the_latest_requests_are_listed_without_secrets(vendor: httpx.AsyncClient, sign_token: Any) -> None:
    await vendor.get("/v2/rooms?name=hidden")
    await vendor.get("/v2/nowhere")
    response = await vendor.get("/_sandbox/requests")
    assert response.json() == {
        "requests": [
            {"method": "GET", "path": "/v2/rooms", "status": 200, "operation": "list_rooms"},
            {"method": "GET", "path": "/v2/nowhere", "status": 404, "operation": None},
        ]
    }


async def test_without_a_connection_a_drop_raises_in_the_calling_test(vendor: httpx.AsyncClient) -> None:
    await _order(vendor, kind="drop", operation="list_rooms", times=1)
    with pytest.raises(ConnectionResetError):
        await vendor.get("/v2/rooms")
    assert (await vendor.get("/v2/rooms")).status_code == 200


@pytest.mark.parametrize("http", SERVERS)
@pytest.mark.parametrize("after", [False, True])
async def test_a_drop_closes_the_connection_without_a_response(
    app: FastAPI, vendor: httpx.AsyncClient, serve: Callable[..., Any], http: str, after: bool
) -> None:
    with serve(app, http) as url:
        async with httpx.AsyncClient(base_url=url, headers=vendor.headers, trust_env=False) as client:
            assert (await client.get("/v2/rooms")).status_code == 200
            await _order(client, kind="drop", operation="create_room", times=1, after=after)
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                await client.post("/v2/rooms", json={"name": "a"})
            rooms = (await client.get("/v2/rooms")).json()["data"] or []
            assert len(rooms) == int(after)
            counters = (await client.get("/_sandbox/counters")).json()
            assert counters["faulted"] == {"create_room": 1}
            sdk_results = (await client.get("/_sandbox/requests")).json()["requests"]
            assert {"method": "POST", "path": "/v2/rooms", "status": None, "operation": "create_room"} in sdk_results


@pytest.mark.parametrize("http", SERVERS)
async def test_a_truncated_response_announces_more_than_it_sends(
    app: FastAPI, vendor: httpx.AsyncClient, serve: Callable[..., Any], http: str
) -> None:
    with serve(app, http) as url:
        async with httpx.AsyncClient(base_url=url, headers=vendor.headers, trust_env=False) as client:
            await _order(client, kind="latency", operation="create_room", milliseconds=5)
            await _order(client, kind="truncate", operation="create_room", times=1)
            received = bytearray()
            async with client.stream("POST", "/v2/rooms", json={"name": "a"}) as response:
                announced = int(response.headers["content-length"])
                with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                    await _read_into(received, response)
            assert len(received) == announced // 2
            assert (await client.get("/v2/rooms")).json()["data"][0]["name"] == "a"
