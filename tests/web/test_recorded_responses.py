"""Responses that clients rely on, byte for byte, as recorded in `recorded_responses.json`.

Every request is sent in two ways: as it is, and with an `Origin`, which the fast path passes on to the framework. Both
are sent to the application itself, and to granian, which adds the headers `server` and `date`. Values that differ from
run to run (times, identifiers, tokens) are replaced by their kind. `RECORD_RESPONSES=1` records the responses again; do
so only when the contract changes.
"""

import hashlib
import hmac
import json
import os
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from servers import serving_granian
from tenants import HOOK_SECRET, Sandbox, Tenant
from videobroker.domain.api_keys import Scope

RECORDED = Path(__file__).with_name("recorded_responses.json")
THROUGH_THE_FRAMEWORK = {"Origin": "https://page.example"}
NOT_RECORDED = {"content-length", "date", "server"}
VOLATILE = (
    ("jwt", r"eyJ[\w-]+\.[\w-]+\.[\w-]+"),
    ("agora token", r"007[\w+/=]{40,}"),
    ("trace", r"(?<=^00-)[0-9a-f]{32}-[0-9a-f]{16}(?=-00$)"),
    ("uuid", r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"),
    ("channel", r"vb-[0-9a-z]{26}-[0-9a-z]{26}"),
    ("time", r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"),
    ("code", r"\b[a-z]{3}-[a-z]{4}-[a-z]{3}\b"),
    ("sandbox", r"http://127\.0\.0\.1:\d+"),
    ("room", r'(?<="room_id":")[0-9a-f]{24}'),
    ("guest", r'(?<="user_id":")guest-[\w-]+'),
    ("seconds", r'(?<="retry_after":)\d+'),
    ("uid", r'(?<="uid":)\d+'),
)


def normalized(text: str) -> str:
    """The text with every volatile value replaced by its kind."""
    for kind, pattern in VOLATILE:
        text = re.sub(pattern, f"<{kind}>", text)
    return text


def recordable(response: httpx.Response) -> dict[str, Any]:
    """The part of a response that is recorded."""
    assert int(response.headers["content-length"]) == len(response.content)
    headers = {name: value for name, value in response.headers.multi_items() if name not in NOT_RECORDED}
    return {
        "status": response.status_code,
        "headers": {name: normalized(headers[name]) for name in sorted(headers)},
        "body": normalized(response.text),
    }


class Recorder:
    """Compares responses with the recorded ones, or records them."""

    def __init__(self, recorded: dict[str, Any], *, is_recording: bool) -> None:
        self._recorded = recorded
        self._is_recording = is_recording

    async def check(
        self, name: str, api: httpx.AsyncClient, path: str, body: bytes | Mapping[str, Any], headers: Mapping[str, str]
    ) -> None:
        """Send the request in both ways, and compare the responses."""
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        responses = [
            recordable(await api.post(path, content=content, headers={**headers, **more}))
            for more in ({}, THROUGH_THE_FRAMEWORK)
        ]
        assert responses[0] == responses[1], name
        if self._is_recording:
            self._recorded[name] = responses[0]
        assert responses[0] == self._recorded[name], name


@pytest.fixture(params=["application", "granian"])
async def api(app: FastAPI, request: pytest.FixtureRequest) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, or of a server."""
    if request.param == "application":
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://videobroker") as client:
            yield client
        return
    async with (
        serving_granian(app) as url,
        httpx.AsyncClient(base_url=url, headers={"Host": "videobroker"}, trust_env=False) as client,
    ):
        yield client


@pytest.fixture
def recorder() -> Any:
    is_recording = os.environ.get("RECORD_RESPONSES") == "1"
    recorded: dict[str, Any] = json.loads(RECORDED.read_text()) if RECORDED.exists() else {}
    yield Recorder(recorded, is_recording=is_recording)
    if is_recording:
        RECORDED.write_text(json.dumps(recorded, indent=1, ensure_ascii=False, sort_keys=True) + "\n")


def with_key(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def test_joins_of_every_provider_and_surface_are_unchanged(
    tutoring: Tenant, agora: Tenant, recorder: Recorder
) -> None:
    for name, tenant, surface in (
        ("100ms sdk", tutoring, "sdk"),
        ("100ms prebuilt", tutoring, "prebuilt"),
        ("agora sdk", agora, "sdk"),
        ("agora prebuilt", agora, "prebuilt"),
    ):
        await tenant.book(title="Über <alles> & mehr")
        await tenant.create_group(policy={"guests_allowed": True})
        body = {"user_id": "tutor-1", "surface": surface}
        headers = with_key(tenant.key)
        await recorder.check(f"join a booking: {name}", tenant.api, "/v1/bookings/lesson-1/join", body, headers)
        await recorder.check(f"join a group: {name}", tenant.api, "/v1/groups/circle/join", body, headers)
        guest = {"name": "Eva Grün", "surface": surface}
        await recorder.check(f"join as a guest: {name}", tenant.api, "/v1/groups/circle/guests", guest, headers)


async def test_access_decisions_are_unchanged(tutoring: Tenant, recorder: Recorder) -> None:
    await tutoring.book()
    await tutoring.book("waiting", policy={"waiting_room": "admit", "host_roles": []})
    headers = with_key(tutoring.key)
    for reference, user_id in (
        ("lesson-1", "tutor-1"),
        ("lesson-1", "stranger"),
        ("lesson-1", None),
        ("waiting", "student-1"),
        ("none", "tutor-1"),
    ):
        path = f"/v1/bookings/{reference}/access"
        await recorder.check(f"access: {reference}, {user_id}", tutoring.api, path, {"user_id": user_id}, headers)


async def test_refusals_are_unchanged(tutoring: Tenant, other: Tenant, recorder: Recorder) -> None:
    await tutoring.book()
    await tutoring.book("cancelled")
    await tutoring.post("/v1/bookings/cancelled/cancel")
    await tutoring.book("waiting", policy={"waiting_room": "admit", "host_roles": []})
    narrow = await tutoring.create_key(scopes=[Scope.SESSIONS_READ])
    expired = await tutoring.create_key(expires_at=tutoring.broker.now())
    tutor = {"user_id": "tutor-1"}
    for name, reference, key, body in (
        ("not a participant", "lesson-1", tutoring.key, {"user_id": "stranger"}),
        ("cancelled", "cancelled", tutoring.key, tutor),
        ("waiting", "waiting", tutoring.key, {"user_id": "student-1"}),
        ("no session", "none", tutoring.key, tutor),
        ("session of another app", "lesson-1", other.key, tutor),
        ("unknown key", "lesson-1", "vb_" + "x" * 43, tutor),
        ("expired key", "lesson-1", expired, tutor),
        ("scope missing", "lesson-1", narrow, tutor),
        ("no user", "lesson-1", tutoring.key, {}),
        ("unknown field", "lesson-1", tutoring.key, {"user": "tutor-1"}),
        ("invalid surface", "lesson-1", tutoring.key, {**tutor, "surface": "window"}),
        ("malformed JSON", "lesson-1", tutoring.key, b"{"),
        ("empty body", "lesson-1", tutoring.key, b""),
        ("null", "lesson-1", tutoring.key, b"null"),
    ):
        path = f"/v1/bookings/{reference}/join"
        await recorder.check(f"refusal: {name}", tutoring.api, path, body, with_key(key))
    await recorder.check("refusal: no key", tutoring.api, "/v1/bookings/lesson-1/join", tutor, {})


async def test_provider_webhooks_are_unchanged(
    webhook_tenant: Tenant, agora_webhook_tenant: Tenant, sandbox: Sandbox, other: Tenant, recorder: Recorder
) -> None:
    hms = json.dumps({"id": "e1", "type": "peer.join.success", "data": {}}).encode()
    agora = json.dumps({"noticeId": "n1", "productId": 1, "eventType": 103, "payload": {}}).encode()
    signature = hmac.new(sandbox.agora.notifications_secret.encode(), agora, hashlib.sha256).hexdigest()
    signed = {"Agora-Signature-V2": signature}
    secret = {"Videobroker-Hook-Secret": HOOK_SECRET}
    api = webhook_tenant.api
    first = recordable(await api.post(f"/hooks/100ms/{webhook_tenant.app.name}", content=hms, headers=secret))
    assert first["body"] == '{"status":"kept"}'  # codespell:ignore kept
    assert (
        await api.post(f"/hooks/agora/{agora_webhook_tenant.app.name}", content=agora, headers=signed)
    ).status_code == 200
    for name, path, body, headers in (
        ("100ms", f"/hooks/100ms/{webhook_tenant.app.name}", hms, secret),
        ("agora", f"/hooks/agora/{agora_webhook_tenant.app.name}", agora, signed),
        ("wrong secret", f"/hooks/100ms/{webhook_tenant.app.name}", hms, {"Videobroker-Hook-Secret": "wrong"}),
        ("no signature", f"/hooks/agora/{agora_webhook_tenant.app.name}", agora, {}),
        ("no account", f"/hooks/100ms/{other.app.name}", hms, secret),
        ("no app", "/hooks/100ms/unknown", hms, secret),
        ("unreadable", f"/hooks/100ms/{webhook_tenant.app.name}", b"[]", secret),
        ("name too long", "/hooks/100ms/" + "a" * 65, hms, secret),
    ):
        await recorder.check(f"webhook: {name}", api, path, body, headers)
