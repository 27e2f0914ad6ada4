"""API keys: validity, expiry, revocation, and the scope that each operation requires."""

import base64
import json
import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest

from openapi import openapi_document
from tenants import LESSON, MovableClock, Tenant, context_of
from videobroker.domain.api_keys import ApiKey, Scope, generate_key
from videobroker.domain.user_tokens import TokenRules
from videobroker.errors import ApiKeyNotFound
from videobroker.usecases import management


@dataclass(frozen=True)
class Operation:
    """An operation of the OpenAPI document, as a valid request about the booking or group `lesson-1`."""

    method: str
    path: str
    scopes: tuple[str, ...]
    """The scopes that a key needs. Empty if the operation needs no key."""
    schemes: frozenset[str]
    """Other security schemes of the operation."""
    body: Any

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    async def send(self, api: httpx.AsyncClient, key: str | None) -> httpx.Response:
        headers = {} if key is None else {"Authorization": f"Bearer {key}"}
        return await api.request(self.method, self.path, json=self.body, headers=headers)


PLACES = {
    "reference": "lesson-1",
    "user_id": "tutor-1",
    "call_id": "0195d3c2-7a10-7c55-9c1e-6f2b8d1e4a77",
    "code": "too_early",
    "endpoint_id": "0195d3c2-9a10-7c55-9c1e-6f2b8d1e4a79",
    "entry": "0195d3c2-9c10-7c55-9c1e-6f2b8d1e4a81",
    "link_id": "0195d3c2-9d10-7c55-9c1e-6f2b8d1e4a82",
    "delivery_id": "0195d3c2-9b10-7c55-9c1e-6f2b8d1e4a80",
    "group_id": "lesson-1",
}
BODIES = {
    "BookingInput": {"starts_at": "2030-03-12T14:00:00Z", "duration_minutes": 60, "participants": LESSON},
    "BookingPatch": {"title": "Algebra"},
    "GroupInput": {"participants": LESSON},
    "GroupPatch": {"title": "Circle"},
    "ParticipantDetails": {"role": "student"},
    "AccessCheckInput": {"user_id": "tutor-1"},
    "JoinInput": {"user_id": "tutor-1"},
    "GuestJoinInput": {"name": "Grandma"},
    "LinkInput": {"user_id": "tutor-1"},
    "CallerOfCall": {"user_id": "tutor-1"},
    "FeedbackInput": {"user_id": "tutor-1", "rating": 5},
    "EventInput": {"event": "whiteboard.opened"},
    "WebhookEndpointInput": {"url": "https://backend.example/hooks"},
    "ReplayInput": {"since": "2026-03-12T00:00:00Z", "until": "2026-03-13T00:00:00Z"},
}
DOCUMENT: dict[str, Any] = openapi_document()
NOT_FOUND_CODES = {
    "/v1/calls/": "call_not_found",
    "/v1/bookings/lesson-1/lobby/0195": "entry_not_found",
    "/v1/groups/lesson-1/lobby/0195": "entry_not_found",
    "/v1/bookings/lesson-1/links/0195": "link_not_found",
    "/v1/groups/lesson-1/links/0195": "link_not_found",
    "/v1/webhook-endpoints/": "endpoint_not_found",
    "/v1/deliveries/": "delivery_not_found",
}
"""Codes for unknown IDs: operations whose IDs the service generates."""
STREAMS = {"/v1/events/stream", "/v1/visit/stream"}
"""Streams, whose responses do not end: `test_stream.py` and `test_links.py` test their access."""


def _body(operation: dict[str, Any]) -> Any:
    if "requestBody" not in operation:
        return None
    schema = operation["requestBody"]["content"]["application/json"]["schema"]
    return BODIES.get(schema.get("anyOf", [schema])[0].get("$ref", "").rpartition("/")[2], {})


def _operations() -> list[Operation]:
    return [
        Operation(
            method.upper(),
            re.sub(r"\{(\w+)\}", lambda place: PLACES.get(place[1], "lesson-1"), path),
            tuple(operation.get("x-required-scopes", ())),
            frozenset(scheme for requirement in operation.get("security", ()) for scheme in requirement) - {"apiKey"},
            _body(operation),
        )
        for path, item in DOCUMENT["paths"].items()
        for method, operation in item.items()
        if path not in STREAMS
    ]


GUARDED = [operation for operation in _operations() if operation.scopes and operation.path.startswith("/v1/")]
LEGACY = [operation for operation in _operations() if operation.scopes and not operation.path.startswith("/v1/")]
"""Legacy endpoints, which have their own error bodies: only their statuses are checked."""
HOOKS = [operation for operation in _operations() if operation.path.startswith("/hooks/")]
"""Operations for providers, which send a secret of the account instead of a key."""
OPEN = [operation for operation in _operations() if not operation.scopes and not operation.schemes]
each_guarded = pytest.mark.parametrize("operation", GUARDED, ids=str)
each_legacy = pytest.mark.parametrize("operation", LEGACY, ids=str)
LIST_OF_GROUPS = "/v1/groups"


def assert_unauthorized(response: httpx.Response, code: str, *secrets: str) -> None:
    assert response.status_code == 401, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["www-authenticate"] == "Bearer"
    assert response.headers["cache-control"] == "no-store"
    problem = response.json()
    assert problem["code"] == code
    assert problem["status"] == 401
    assert problem["type"] == f"/problems/{code}"
    assert len(problem["detail"].split()) >= 4
    for secret in secrets:
        assert secret not in response.text


async def make_key(tenant: Tenant, **fields: Any) -> tuple[str, ApiKey]:
    return await management.create_key(
        context_of(tenant.broker, tenant.app), "one of several", **{"scopes": Scope, "expires_at": None} | fields
    )


async def revoke(tenant: Tenant, key: ApiKey) -> None:
    await management.revoke_key(context_of(tenant.broker, tenant.app), key.id)


async def request_with(tenant: Tenant, key: str) -> httpx.Response:
    return await tenant.api.get(LIST_OF_GROUPS, headers={"Authorization": f"Bearer {key}"})


def test_the_document_has_operations_with_keys_without_keys_and_for_providers() -> None:
    assert {operation.path for operation in OPEN} == {"/healthz", "/readyz", "/metrics", "/problems/too_early"}
    assert {operation.path for operation in HOOKS} == {"/hooks/100ms/lesson-1", "/hooks/agora/lesson-1"}
    with_ticket = [operation.path for operation in _operations() if operation.schemes == {"ticket"}]
    assert set(with_ticket) == {"/v1/visit", "/v1/visit/knock", "/v1/visit/people"}
    assert {scope for operation in GUARDED for scope in operation.scopes} == set(Scope)


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(None, id="no header"),
        pytest.param(b"", id="an empty header"),
        pytest.param(b"Bearer", id="a scheme without a key"),
        pytest.param(b"Bearer ", id="a scheme and a space"),
        pytest.param(b"Basic dmI6dmI=", id="another scheme"),
        pytest.param(b"Token vb_0123456789abcdef0123456789abcdef", id="a scheme of its own"),
        pytest.param(b"vb_0123456789abcdef0123456789abcdef", id="a key without a scheme"),
        pytest.param(b"\x00\xff\xfe", id="garbage"),
    ],
)
async def test_without_a_key_the_code_is_api_key_missing(api: httpx.AsyncClient, header: bytes | None) -> None:
    response = await api.get(LIST_OF_GROUPS, headers={} if header is None else {b"Authorization": header})
    assert_unauthorized(response, "api_key_missing")


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(b"nonsense", id="not one of our keys"),
        pytest.param(b"vb_", id="a prefix alone"),
        pytest.param(b"vb_short", id="too short"),
        pytest.param(b"vb_" + b"a" * 126, id="too long"),
        pytest.param(b"vb_" + b"a" * 100_000, id="far too long"),
        pytest.param(b"vb_" + b"a" * 43, id="the right shape"),
        pytest.param(b"VB_" + b"a" * 43, id="another case"),
        pytest.param(b"vb_" + b"a" * 20 + b"\x00" + b"a" * 22, id="NUL inside"),
        pytest.param(b"vb_" + b"a" * 20 + b"\xff" * 23, id="not ASCII"),
        pytest.param("vb_ключключключключключключ".encode(), id="UTF-8"),
        pytest.param(b"vb_" + b"a" * 20 + b" " + b"a" * 22, id="a space inside"),
        pytest.param(b"'; drop table api_keys; --aaaaaaaaaaaaaaaa", id="SQL"),
        pytest.param(b"vb_%s%s%n{0}{key}aaaaaaaaaaaaaaaaaaaaaaaaa", id="format strings"),
    ],
)
async def test_with_an_unknown_key_the_code_is_api_key_invalid(api: httpx.AsyncClient, key: bytes) -> None:
    response = await api.get(LIST_OF_GROUPS, headers={b"Authorization": b"Bearer " + key})
    assert_unauthorized(response, "api_key_invalid")
    assert key.decode("latin-1")[4:] not in response.text or len(key) < 5


def token_of(header: Any, claims: Any, signature: bytes = b"signature") -> bytes:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)


HS256 = {"alg": "HS256", "typ": "JWT"}


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(b"..", id="dots"),
        pytest.param(b"a.b.c", id="letters"),
        pytest.param(b"\xff.\x00.\xff", id="garbage"),
        pytest.param(b"a" * 10_000 + b".b.c", id="far too long"),
        pytest.param(token_of([], []), id="lists"),
        pytest.param(token_of({"alg": "none"}, {"sub": "tutor-1", "exp": 4_000_000_000}, b""), id="unsigned"),
        pytest.param(token_of({"alg": []}, {"sub": "tutor-1"}), id="an algorithm that is a list"),
        pytest.param(token_of({"alg": "HS256", "kid": {}}, {"sub": "tutor-1"}), id="a key id that is an object"),
        pytest.param(token_of({"alg": "HS256", "b64": False, "crit": ["b64"]}, {}), id="a detached payload"),
        pytest.param(token_of(HS256, {"sub": "tutor-1", "exp": 4_000_000_000}), id="an invalid signature"),
        pytest.param(token_of(HS256, {"iss": "unknown"}), id="an unknown issuer"),
        pytest.param(token_of(HS256, {"iss": 5}), id="an issuer that is a number"),
        pytest.param(token_of(HS256, {"iss": "a\x00b"}), id="NUL in the issuer"),
        pytest.param(token_of(HS256, {"iss": "\ud800"}), id="a surrogate in the issuer"),
        pytest.param(token_of(HS256, {"iss": "a" * 5_000}), id="a long issuer"),
        pytest.param(token_of(HS256, {"iss": "x", "exp": float("nan")}), id="NaN"),
    ],
)
async def test_a_user_token_with_an_invalid_signature_is_refused(tutoring: Tenant, token: bytes) -> None:
    before = await tutoring.events()
    response = await tutoring.api.get(LIST_OF_GROUPS, headers={b"Authorization": b"Bearer " + token})
    assert_unauthorized(response, "user_token_invalid")
    assert await tutoring.events() == before


@pytest.mark.parametrize(
    ("expires_at", "code"),
    [
        pytest.param(1, "user_token_expired", id="long ago"),
        pytest.param(None, "user_token_invalid", id="null"),
        pytest.param(True, "user_token_invalid", id="true"),
        pytest.param("4000000000", "user_token_invalid", id="a text"),
        pytest.param(10**400, "user_token_invalid", id="a huge number"),
        pytest.param(float("nan"), "user_token_invalid", id="NaN"),
        pytest.param(float("inf"), "user_token_invalid", id="never"),
    ],
)
async def test_a_user_token_expires(tutoring: Tenant, expires_at: Any, code: str) -> None:
    secret = generate_key()
    now = tutoring.broker.now()
    await management.set_token_rules(context_of(tutoring.broker, tutoring.app, now=now), TokenRules(secret=secret))
    claims = json.dumps({"sub": "tutor-1", "exp": expires_at}).encode()
    token = jwt.api_jws.encode(claims, secret, algorithm="HS256")
    assert_unauthorized(await request_with(tutoring, token), code)


@pytest.mark.parametrize(
    "corrupt", [str.upper, str.swapcase, lambda key: key[:-1], lambda key: key + "A", lambda key: f'"{key}"']
)
async def test_a_modified_key_is_invalid(tutoring: Tenant, corrupt: Any) -> None:
    assert (await request_with(tutoring, tutoring.key)).status_code == 200
    assert_unauthorized(await request_with(tutoring, corrupt(tutoring.key)), "api_key_invalid", tutoring.key)


async def test_a_key_in_the_query_or_a_cookie_is_ignored(tutoring: Tenant) -> None:
    # The client of this test logs its URLs. The encoded key does not match the log check.
    encoded = tutoring.key.replace("_", "%5F")
    query = f"{LIST_OF_GROUPS}?api_key={encoded}&key={encoded}&access_token={encoded}"
    assert_unauthorized(await tutoring.api.get(query), "api_key_missing", tutoring.key)
    cookies = {"Cookie": f"Authorization=Bearer {tutoring.key}; apiKey={tutoring.key}"}
    assert_unauthorized(await tutoring.api.get(LIST_OF_GROUPS, headers=cookies), "api_key_missing", tutoring.key)


async def test_an_unknown_key_and_a_key_of_another_app_get_the_same_response(tutoring: Tenant) -> None:
    assert_unauthorized(await request_with(tutoring, generate_key()), "api_key_invalid")


async def test_two_keys_are_valid_until_one_is_revoked(tutoring: Tenant) -> None:
    old, stored = await make_key(tutoring)
    new, _ = await make_key(tutoring)
    assert [(await request_with(tutoring, key)).status_code for key in (old, new)] == [200, 200]
    await revoke(tutoring, stored)
    assert_unauthorized(await request_with(tutoring, old), "api_key_revoked", old)
    assert (await request_with(tutoring, new)).status_code == 200


async def test_a_key_expires_exactly_at_its_expiry(tutoring: Tenant, clock: MovableClock) -> None:
    key, _ = await make_key(tutoring, expires_at=clock() + timedelta(minutes=5))
    clock.move(minutes=4)
    assert (await request_with(tutoring, key)).status_code == 200
    clock.move(minutes=1)
    assert_unauthorized(await request_with(tutoring, key), "api_key_expired", key)
    assert (await request_with(tutoring, tutoring.key)).status_code == 200


async def test_a_revoked_key_remains_revoked_after_its_expiry(tutoring: Tenant, clock: MovableClock) -> None:
    key, stored = await make_key(tutoring, expires_at=clock() + timedelta(minutes=5))
    await revoke(tutoring, stored)
    clock.move(minutes=10)
    assert_unauthorized(await request_with(tutoring, key), "api_key_revoked", key)


async def test_an_app_cannot_revoke_the_key_of_another(tutoring: Tenant, other: Tenant) -> None:
    key, stored = await make_key(tutoring)
    with pytest.raises(ApiKeyNotFound):
        await revoke(other, stored)
    assert (await request_with(tutoring, key)).status_code == 200


@pytest.mark.parametrize("kind", ["revoked", "expired", "invalid"])
async def test_no_operation_accepts_an_invalid_key(tutoring: Tenant, kind: str) -> None:
    await tutoring.book()
    await tutoring.create_group("lesson-1")
    before = await tutoring.events()
    key, stored = await make_key(tutoring)
    if kind == "expired":
        key = await tutoring.create_key(expires_at=tutoring.broker.now())
    if kind == "revoked":
        await revoke(tutoring, stored)
    if kind == "invalid":
        key = generate_key()
    for operation in GUARDED:
        assert_unauthorized(await operation.send(tutoring.api, key), f"api_key_{kind}", key)
    assert await tutoring.events() == before


# --- scopes -----------------------------------------------------------------------------------------------------------


@each_guarded
async def test_an_operation_with_scopes_requires_a_key(api: httpx.AsyncClient, operation: Operation) -> None:
    assert_unauthorized(await operation.send(api, None), "api_key_missing")


@pytest.mark.parametrize("operation", OPEN, ids=str)
async def test_a_public_operation_needs_no_key(api: httpx.AsyncClient, operation: Operation) -> None:
    assert (await operation.send(api, None)).status_code == 200


@pytest.mark.parametrize("operation", HOOKS, ids=str)
async def test_webhooks_of_providers_do_not_accept_a_key(tutoring: Tenant, operation: Operation) -> None:
    own = replace(operation, path=operation.path.replace("lesson-1", tutoring.app.name))
    for hook in (operation, own):
        for key in (None, tutoring.key, generate_key()):
            response = await hook.send(tutoring.api, key)
            assert (response.status_code, response.json()["code"]) == (401, "webhook_refused")
            assert tutoring.key not in response.text
    assert await tutoring.events() == []


@each_guarded
async def test_all_other_scopes_together_are_insufficient(tutoring: Tenant, operation: Operation) -> None:
    await tutoring.book()
    await tutoring.create_group("lesson-1")
    before = await tutoring.events()
    for needed in operation.scopes:
        key = await tutoring.create_key(scopes=set(Scope) - {Scope(needed)})
        response = await operation.send(tutoring.api, key)
        assert response.status_code == 403, response.text
        assert response.headers["content-type"] == "application/problem+json"
        problem = response.json()
        assert problem["code"] == "scope_missing"
        assert problem["scope"] == needed
        assert f"`{needed}`" in problem["detail"]
        assert key not in response.text
    assert await tutoring.events() == before


@each_guarded
async def test_the_declared_scopes_alone_are_sufficient(tutoring: Tenant, operation: Operation) -> None:
    policy = {"guests_allowed": True}
    await tutoring.book(policy=policy)
    await tutoring.create_group("lesson-1", policy=policy)
    for kind in ("bookings", "groups"):
        assert (await tutoring.post(f"/v1/{kind}/lesson-1/start")).status_code == 200
        if operation.path.endswith("/feedback"):
            # Only people who were in the call can give it.
            assert (await tutoring.post(f"/v1/{kind}/lesson-1/join", {"user_id": "tutor-1"})).status_code == 200
    scopes = [Scope(needed) for needed in operation.scopes]
    response = await operation.send(tutoring.api, await tutoring.create_key(scopes=scopes))
    missing = next((code for start, code in NOT_FOUND_CODES.items() if operation.path.startswith(start)), None)
    if missing is not None:
        assert response.json()["code"] == missing
    else:
        assert response.is_success, response.text


@each_legacy
async def test_a_legacy_operation_requires_a_key_with_its_scope(tutoring: Tenant, operation: Operation) -> None:
    assert (await operation.send(tutoring.api, None)).status_code == 401
    assert (await operation.send(tutoring.api, generate_key())).status_code == 401
    (needed,) = operation.scopes
    key = await tutoring.create_key(scopes=set(Scope) - {Scope(needed)})
    assert (await operation.send(tutoring.api, key)).status_code == 403
    assert await tutoring.events() == []


async def test_a_key_without_scopes_is_refused_everywhere(tutoring: Tenant) -> None:
    key = await tutoring.create_key(scopes=[])
    codes = {(await operation.send(tutoring.api, key)).json()["code"] for operation in GUARDED}
    assert codes == {"scope_missing"}


async def test_a_missing_scope_is_reported_before_anything_about_the_session(tutoring: Tenant, same_ids: None) -> None:
    await tutoring.book()
    key = await tutoring.create_key(scopes=[Scope.EVENTS_READ])
    headers = {"Authorization": f"Bearer {key}"}
    existing, missing = [
        await tutoring.api.get(f"/v1/bookings/{reference}", headers=headers) for reference in ("lesson-1", "nope")
    ]
    assert existing.json() == missing.json()
    assert existing.status_code == 403
