"""Every POST operation supports `Idempotency-Key`, or is listed here with the reason why it does not need it."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from openapi import openapi_paths
from tenants import HMS_ROLES, MovableClock, Sandbox, Tenant, make_tenant
from videobroker.broker import Broker
from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import DeliveryId, EndpointId, uuid7
from videobroker.storage.journal import journal
from videobroker.storage.webhooks import deliveries

GROUP = "0b7c2f6e-5d1a-4a53-9f0e-1c2d3e4f5a6b"
WITHOUT_KEY = {
    "POST /v1/{kind}s/{reference}/access": "reads only",
    "POST /v1/admin/apps/{app}/accounts/{provider}/check": "reads only",
    "POST /v1/admin/apps/{app}/keys/{key_id}/revoke": "revoking twice changes nothing",
    "POST /v1/admin/operator-keys/{key_id}/revoke": "revoking twice changes nothing",
    "POST /v1/visit/knock": "asking twice leaves one entry in the waiting room",
    "POST /hooks/100ms/{app}": "the provider's own event ID is the key",
    "POST /hooks/agora/{app}": "the provider's own event ID is the key",
}


def by_kind(operations: dict[str, str]) -> dict[str, str]:
    return {
        name.replace("{kind}", kind): each
        for name, each in operations.items()
        for kind in (("booking", "group") if "{kind}" in name else ("",))
    }


POSTS: dict[str, dict[str, Any]] = {
    f"POST {path}": item["post"] for path, item in openapi_paths().items() if "post" in item
}
EXEMPT = by_kind(WITHOUT_KEY)
KEYED = [name for name in POSTS if name not in EXEMPT]


def takes_key(operation: dict[str, Any]) -> bool:
    return any(each["name"] == "Idempotency-Key" and each["in"] == "header" for each in operation.get("parameters", []))


def test_every_post_documents_the_header_or_is_listed_as_an_exception() -> None:
    assert {name for name, each in POSTS.items() if takes_key(each)} == set(KEYED)
    assert set(EXEMPT) <= set(POSTS)


@pytest.mark.parametrize("name", KEYED)
def test_the_problems_of_a_request_with_a_key_are_documented(name: str) -> None:
    responses = POSTS[name]["responses"]
    assert "idempotency_key_reused" in str(responses["422"])
    assert "request_in_flight" in str(responses["409"])


ROLES = {**HMS_ROLES, "doctor": "teacher", "patient": "student", "therapist": "teacher", "client": "student"}


@pytest.fixture
async def tenant(broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox) -> Tenant:
    """An app with a booking and a group that allow guests. Each has a call and a waiting person."""
    account = sandbox.account("tutoring", prebuilt=True)
    made = await make_tenant(broker, api, {ProviderName.HMS: account}, {ProviderName.HMS: ROLES})
    policy = {"guests_allowed": True, "waiting_room": "admit", "host_roles": ["tutor", "guest"]}
    await made.book(policy=policy)
    await made.create_group(GROUP, policy=policy)
    for path in ("/v1/bookings/lesson-1", f"/v1/groups/{GROUP}"):
        for user_id, status in (("tutor-1", 200), ("student-1", 403)):
            assert (await made.post(f"{path}/join", {"user_id": user_id})).status_code == status
    return made


async def entry_of(tenant: Tenant, path: str) -> str:
    listed = (await tenant.get(path.split("/{entry}", maxsplit=1)[0])).json()["data"]
    return str(listed[0]["entry"])


async def endpoint_of(tenant: Tenant) -> str:
    response = await tenant.post("/v1/webhook-endpoints", {"url": "https://backend.invalid/hooks"})
    return str(response.json()["id"])


async def delivery_of(tenant: Tenant) -> str:
    endpoint = EndpointId(UUID(await endpoint_of(tenant)))
    now = tenant.broker.now()
    delivery = DeliveryId(uuid7(now))
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        recorded, _ = await journal.page(unit_of_work, tenant.app.id, limit=1, cursor=None)
        await deliveries.create(unit_of_work, tenant.app.id, endpoint, [(delivery, recorded[0])], now=now)
    return str(delivery)


BODIES: dict[str, Any] = {
    "/join": {"user_id": "tutor-1"},
    "/guests": {"name": "Gus"},
    "/feedback": {"user_id": "tutor-1", "rating": 5},
    "/links": {"user_id": "student-1"},
    "/v1/events": {"event": "opened", "kind": "booking", "reference": "lesson-1"},
    "/v1/webhook-endpoints": {"url": "https://backend.invalid/hooks"},
    "/replay": {"since": "2020-01-01T00:00:00Z", "until": "2040-01-01T00:00:00Z"},
    "/api/100ms/token": {"bookingId": "lesson-1"},
    "/api/video-sessions/start": {"bookingId": "lesson-1"},
    "/api/video-sessions/end": {"bookingId": "lesson-1"},
    "/guest-token": {"guest_name": "Gus"},
    "/api/bookings": {"patientId": 7, "doctorId": "d-1", "dateTime": "2030-03-12T14:00:00.000Z", "type": "VIRTUAL"},
    "/api/video-calls/rooms": {
        "therapistId": "t-1",
        "clientId": "c-1",
        "scheduledTime": "2030-03-12T14:00:00.000Z",
    },
    "/api/video-calls/log": {"bookingId": "lesson-1", "event": "opened"},
}
ACTING_FOR_TUTOR = ("/api/100ms", "/api/agora", "/api/video-sessions", "/token")


async def concrete(tenant: Tenant, path: str) -> str:
    group = path.startswith(("/v1/groups", "/api/messenger"))
    path = path.replace("{reference}", GROUP if group else "lesson-1").replace("{group_id}", GROUP)
    path = path.replace("{user_id}", "student-1")
    if "{entry}" in path:
        path = path.replace("{entry}", await entry_of(tenant, path))
    if "{endpoint_id}" in path:
        path = path.replace("{endpoint_id}", await endpoint_of(tenant))
    if "{delivery_id}" in path:
        path = path.replace("{delivery_id}", await delivery_of(tenant))
    return path


def body_for(path: str) -> Any:
    return next((body for end, body in BODIES.items() if path.endswith(end)), {})


@pytest.mark.parametrize("name", [name for name in KEYED if "/agora/" not in name and "/admin/" not in name])
async def test_a_repeated_post_gets_the_stored_response_and_does_nothing(
    tenant: Tenant, clock: MovableClock, name: str
) -> None:
    path = await concrete(tenant, name.removeprefix("POST "))
    headers = {"Idempotency-Key": "k1"}
    if any(part in path for part in ACTING_FOR_TUTOR) and "/guest-token" not in path:
        headers["X-User-Id"] = "tutor-1"
    first = await tenant.post(path, body_for(path), headers=headers)
    assert first.is_success, first.text
    assert "Idempotency-Replayed" not in first.headers
    before = await tenant.events()
    clock.move(seconds=7)
    repeated = await tenant.post(path, body_for(path), headers=headers)
    assert (repeated.status_code, repeated.json()) == (first.status_code, first.json())
    assert repeated.headers["Idempotency-Replayed"] == "true"
    # A replayed credential is journaled, and nothing else happens.
    after = (await tenant.events())[len(before) :]
    assert [each["type"] for each in after if not each["data"].get("replayed")] == []


async def test_a_repeated_request_for_an_agora_token_gets_the_stored_token(agora: Tenant) -> None:
    await agora.book()
    headers = {"Idempotency-Key": "k1", "X-User-Id": "tutor-1"}
    responses = [await agora.post("/api/agora/token", {"bookingId": "lesson-1"}, headers=headers) for _ in range(2)]
    assert responses[0].status_code == 200, responses[0].text
    assert responses[1].json() == responses[0].json()
    assert responses[1].headers["Idempotency-Replayed"] == "true"


@pytest.mark.parametrize(
    ("path", "code"),
    [("/api/bookings", "videoRoomId"), ("/api/video-calls/rooms", "roomCode")],
    ids=["appointment", "therapy"],
)
async def test_a_repeated_creation_returns_no_room_code_of_a_canceled_session(
    tenant: Tenant, path: str, code: str
) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = await tenant.post(path, body_for(path), headers=headers)
    assert first.json()[code], first.text
    assert (await tenant.post(f"/v1/bookings/{first.json()['id']}/cancel")).status_code == 200
    repeated = await tenant.post(path, body_for(path), headers=headers)
    assert (repeated.status_code, repeated.json()) == (201, {**first.json(), code: None})
