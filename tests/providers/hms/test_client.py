"""The REST client of 100ms: requests, retries, and time limits."""

import asyncio
import json
from collections.abc import MutableMapping
from datetime import timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import jwt
import pytest
import respx

from videobroker.errors import ProviderRefused, ProviderUnavailable
from videobroker.providers.hms.client import HmsClient
from videobroker.providers.hms.errors import HmsForbidden, HmsNotFound
from videobroker.providers.hms.responses import ActiveRoom, HmsRoomCode, HmsTemplate
from videobroker.providers.hms.tokens import AccountKeys, ManagementTokens
from videobroker.providers.retrying import RetryPolicy

from .conftest import API, Clock

ROOM = "65f0c1a2b3d4e5f60718293a"
TEMPLATE = "64d1f1b23c5b7e9012ab34d0"
ROOM_BODY = {
    "id": ROOM,
    "name": "lesson-0042",
    "enabled": True,
    "template_id": TEMPLATE,
    "webhook": {"url": "https://broker.example/hooks/100ms", "headers": {"x-hook": "s3cr3t"}},
    "recording_info": {"enabled": True, "upload_info": {"credentials": {"key": "k", "secret": "buck3t"}}},
}
Logs = list[MutableMapping[str, Any]]

pytestmark = pytest.mark.usefixtures("waits")


def only_request(vendor: respx.MockRouter) -> httpx.Request:
    assert vendor.calls.call_count == 1
    request = vendor.calls.last.request
    assert isinstance(request, httpx.Request)
    return request


def bearer(request: httpx.Request) -> str:
    scheme, token = request.headers["Authorization"].split(" ")
    assert scheme == "Bearer"
    return str(token)


class SilentServer:
    """A server that never responds."""

    def __init__(self) -> None:
        self.requests = 0
        self.received = asyncio.Event()

    async def __call__(self, _: httpx.Request) -> httpx.Response:
        self.requests += 1
        self.received.set()
        await asyncio.Event().wait()
        raise AssertionError("the event is never set")


# --- requests


async def test_create_room_sends_name_and_template(client: HmsClient, vendor: respx.MockRouter) -> None:
    vendor.post("/rooms").respond(json=ROOM_BODY)
    room = await client.create_room("lesson-0042", TEMPLATE)
    request = only_request(vendor)
    assert str(request.url) == f"{API}/rooms"
    assert request.headers["Content-Type"] == "application/json"
    assert json.loads(request.content) == {"name": "lesson-0042", "template_id": TEMPLATE}
    assert (room.id, room.enabled, room.template_id) == (ROOM, True, TEMPLATE)


async def test_create_room_without_a_template_uses_that_of_the_workspace(
    client: HmsClient, vendor: respx.MockRouter
) -> None:
    vendor.post("/rooms").respond(json=ROOM_BODY)
    await client.create_room("lesson-0042", None)
    assert json.loads(only_request(vendor).content) == {"name": "lesson-0042"}


@pytest.mark.parametrize("enabled", [True, False])
async def test_rooms_are_enabled_and_disabled_by_update(
    client: HmsClient, vendor: respx.MockRouter, enabled: bool
) -> None:
    vendor.post(f"/rooms/{ROOM}").respond(json={**ROOM_BODY, "enabled": enabled})
    room = await (client.enable_room(ROOM) if enabled else client.disable_room(ROOM))
    assert json.loads(only_request(vendor).content) == {"enabled": enabled}
    assert room.enabled is enabled


async def test_create_codes_sends_no_body(client: HmsClient, vendor: respx.MockRouter) -> None:
    code = {"code": "qzt-mbwr-kfa", "room_id": ROOM, "role": "teacher", "enabled": True}
    vendor.post(f"/room-codes/room/{ROOM}").respond(json={"data": [code]})
    assert await client.create_codes(ROOM) == (HmsRoomCode("teacher", enabled=True, code="qzt-mbwr-kfa"),)
    assert only_request(vendor).content == b""


async def test_null_is_an_empty_list_of_codes(client: HmsClient, vendor: respx.MockRouter) -> None:
    vendor.post(f"/room-codes/room/{ROOM}").respond(json={"data": None})
    assert await client.create_codes(ROOM) == ()


async def test_end_room_sends_reason_and_lock(client: HmsClient, vendor: respx.MockRouter) -> None:
    vendor.post(f"/active-rooms/{ROOM}/end-room").respond(json={"message": "session is ending"})
    await client.end_room(ROOM, "time is up", lock=True)
    assert json.loads(only_request(vendor).content) == {"reason": "time is up", "lock": True}


async def test_a_templates_roles_are_the_keys_of_its_map(client: HmsClient, vendor: respx.MockRouter) -> None:
    body = {"id": TEMPLATE, "name": "clinic", "roles": {"doctor": {"priority": 1}, "patient": {}}}
    vendor.get(f"/templates/{TEMPLATE}").respond(json=body)
    assert await client.get_template(TEMPLATE) == HmsTemplate(TEMPLATE, "clinic", frozenset({"doctor", "patient"}))


@pytest.mark.parametrize("peers", [["p1", "p2"], {"p1": {}, "p2": {}}])
async def test_an_active_room_has_a_session_with_any_type_of_peers(
    client: HmsClient, vendor: respx.MockRouter, peers: object
) -> None:
    vendor.get(f"/active-rooms/{ROOM}").respond(json={"id": ROOM, "session": {"id": "s1", "peers": peers}})
    assert await client.get_active_room(ROOM) == ActiveRoom("s1")


async def test_an_idle_room_is_not_active(client: HmsClient, vendor: respx.MockRouter) -> None:
    vendor.get(f"/active-rooms/{ROOM}").respond(404, json={"code": 404, "message": "session not found"})
    assert await client.get_active_room(ROOM) is None


async def test_ids_are_escaped_in_the_path(client: HmsClient, vendor: respx.MockRouter) -> None:
    vendor.route().respond(json=ROOM_BODY)
    await client.enable_room("a/b?c#d")
    assert only_request(vendor).url.raw_path == b"/v2/rooms/a%2Fb%3Fc%23d"


async def test_operations_share_one_management_token(
    client: HmsClient, vendor: respx.MockRouter, keys: AccountKeys
) -> None:
    vendor.post("/rooms").respond(json=ROOM_BODY)
    for _ in range(3):
        await client.create_room("lesson-0042", None)
    tokens = {bearer(call.request) for call in vendor.calls}
    assert len(tokens) == 1
    options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    claims = jwt.decode(tokens.pop(), keys.secret, algorithms=["HS256"], options=options)  # type: ignore[arg-type]
    assert claims["type"] == "management"


# --- retries


async def test_two_consecutive_failures_are_retried(
    client: HmsClient, vendor: respx.MockRouter, waits: list[float]
) -> None:
    route = vendor.post("/rooms")
    route.side_effect = [
        httpx.Response(500, text="oops"),
        httpx.RemoteProtocolError("Server disconnected without sending a response."),
        httpx.Response(200, json=ROOM_BODY),
    ]
    assert (await client.create_room("lesson-0042", None)).id == ROOM
    assert route.call_count == 3
    assert len(waits) == 2
    assert 0.1 <= waits[0] <= 0.5
    assert 0.2 <= waits[1] <= 0.6


@pytest.mark.parametrize(
    "failure",
    [
        httpx.ConnectError("refused"),
        httpx.ConnectTimeout("slow"),
        httpx.ReadTimeout("slow"),
        httpx.PoolTimeout("busy"),
        httpx.DecodingError("cut short"),
        httpx.Response(429),
        httpx.Response(503),
        httpx.Response(200, content=b'{"id": "65f0c1a2'),
        httpx.Response(200, json={"name": "lesson-0042"}),
    ],
    ids=lambda failure: type(failure).__name__ if isinstance(failure, Exception) else str(failure.status_code),
)
async def test_a_failing_vendor_is_unavailable_after_four_attempts(
    client: HmsClient, vendor: respx.MockRouter, failure: Exception | httpx.Response
) -> None:
    route = vendor.post("/rooms")
    route.side_effect = [failure] * 10
    with pytest.raises(ProviderUnavailable) as caught:
        await client.create_room("lesson-0042", None)
    assert route.call_count == 4
    assert caught.value.retry_after == 5


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
async def test_a_refusal_is_not_retried(client: HmsClient, vendor: respx.MockRouter, status: int) -> None:
    route = vendor.post("/rooms").respond(status, json={"code": status, "message": "no"})
    with pytest.raises(ProviderRefused):
        await client.create_room("lesson-0042", None)
    assert route.call_count == 1


@pytest.mark.parametrize("as_date", [False, True])
async def test_retry_after_is_respected_to_the_second(
    client: HmsClient, vendor: respx.MockRouter, waits: list[float], clock: Clock, as_date: bool
) -> None:
    header = format_datetime(clock.now + timedelta(seconds=2), usegmt=True) if as_date else "2"
    busy = httpx.Response(429, headers={"Retry-After": header})
    vendor.post("/rooms").side_effect = [busy, httpx.Response(200, json=ROOM_BODY)]
    await client.create_room("lesson-0042", None)
    assert waits == [2.0]


async def test_a_long_retry_after_is_passed_to_the_caller(
    client: HmsClient, vendor: respx.MockRouter, waits: list[float]
) -> None:
    route = vendor.post("/rooms").respond(429, headers={"Retry-After": "45"})
    with pytest.raises(ProviderUnavailable) as caught:
        await client.create_room("lesson-0042", None)
    assert caught.value.retry_after == 45
    assert route.call_count == 1
    assert waits == []


async def test_the_time_of_an_operation_is_limited(keys: AccountKeys, clock: Clock, vendor: respx.MockRouter) -> None:
    server = SilentServer()
    vendor.post("/rooms").mock(side_effect=server)
    client = HmsClient(API, ManagementTokens(keys, clock), clock, retry_policy=RetryPolicy(total=0.02))
    with pytest.raises(ProviderUnavailable, match=r"not completed within 0.02 s"):
        await client.create_room("lesson-0042", None)
    assert server.requests == 1
    await client.aclose()


async def test_a_cancellation_is_not_retried(client: HmsClient, vendor: respx.MockRouter) -> None:
    server = SilentServer()
    vendor.post("/rooms").mock(side_effect=server)
    task = asyncio.create_task(client.create_room("lesson-0042", None))
    await server.received.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert server.requests == 1


# --- authentication


async def test_a_401_is_retried_once_with_a_new_token(client: HmsClient, vendor: respx.MockRouter) -> None:
    unknown = httpx.Response(401, json={"code": 401, "message": "Token validation error"})
    vendor.post("/rooms").side_effect = [unknown, httpx.Response(200, json=ROOM_BODY)]
    await client.create_room("lesson-0042", None)
    first, second = (bearer(call.request) for call in vendor.calls)
    assert first != second
    assert vendor.calls[0].request.content == vendor.calls[1].request.content


async def test_a_repeated_401_is_a_refusal_after_two_requests(client: HmsClient, vendor: respx.MockRouter) -> None:
    body = {"code": 401, "message": "Token validation error", "details": ["not found"]}
    route = vendor.post("/rooms").respond(401, json=body)
    with pytest.raises(ProviderRefused, match=r"access key and the secret.*clock"):
        await client.create_room("lesson-0042", None)
    assert route.call_count == 2


async def test_a_403_is_not_retried_with_a_new_token(client: HmsClient, vendor: respx.MockRouter) -> None:
    route = vendor.post(f"/room-codes/room/{ROOM}").respond(403, json={"code": 403, "message": "Room is disabled"})
    with pytest.raises(HmsForbidden, match="disabled"):
        await client.create_codes(ROOM)
    assert route.call_count == 1


async def test_a_404_has_its_own_error(client: HmsClient, vendor: respx.MockRouter) -> None:
    vendor.post(f"/rooms/{ROOM}").respond(404, json={"code": 404, "message": "Error: Room not found"})
    with pytest.raises(HmsNotFound):
        await client.disable_room(ROOM)


# --- logs


async def test_each_failed_attempt_is_logged_once_with_its_operation(
    client: HmsClient, vendor: respx.MockRouter, logs: Logs
) -> None:
    vendor.post("/rooms").side_effect = [
        httpx.Response(500, json={"code": 500, "message": "hipaa enabled"}),
        httpx.ConnectTimeout(""),
        httpx.Response(400, json={"code": 400, "message": "no"}),
    ]
    with pytest.raises(ProviderRefused):
        await client.create_room("lesson-0042", None)
    seen = [(e["operation"], e["attempt"], e["status"], e["problem"], e["log_level"]) for e in logs]
    assert seen == [
        ("create_room", 1, 500, "hipaa enabled", "warning"),
        ("create_room", 2, None, "ConnectTimeout", "warning"),
        ("create_room", 3, 400, "no", "info"),
    ]


async def test_secrets_are_not_logged_printed_or_raised(
    client: HmsClient,
    vendor: respx.MockRouter,
    keys: AccountKeys,
    logs: Logs,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("DEBUG")
    vendor.post("/rooms").respond(401, json={"code": 401, "message": "Token validation error"})
    with pytest.raises(ProviderRefused) as caught:
        await client.create_room("lesson-0042", None)
    vendor.post("/rooms").respond(json=ROOM_BODY)
    room = await client.create_room("lesson-0042", None)
    captured = " ".join([repr(logs), caplog.text, repr(caught.value), caught.value.detail, repr(client), repr(room)])
    for secret in (keys.secret, "s3cr3t", "buck3t", *(bearer(call.request) for call in vendor.calls)):
        assert secret not in captured


def test_the_repr_of_a_room_code_does_not_contain_it() -> None:
    assert "qzt" not in repr(HmsRoomCode("teacher", enabled=True, code="qzt-mbwr-kfa"))
