"""`GET /v1/me`: what a credential is, and what it may do."""

from datetime import timedelta

import jwt
import pytest

from tenants import HMS_ROLES, MovableClock, Tenant, context_of, create_guest_link, create_link, send_as
from videobroker.domain.api_keys import Scope
from videobroker.domain.times import rfc3339
from videobroker.domain.user_tokens import TokenRules
from videobroker.usecases import management


async def test_a_key_learns_its_scopes_and_the_settings_of_its_app(tutoring: Tenant) -> None:
    app = await management.change_app(
        context_of(tutoring.broker, tutoring.app),
        role_maps=tutoring.app.role_maps,
        policy={"grace_seconds": 60, "host_roles": ["tutor"]},
        allowed_origins=["https://shop.example"],
    )
    expires_at = tutoring.broker.now() + timedelta(days=1)
    key = await tutoring.create_key(scopes=[Scope.JOIN, Scope.CALLS_READ], expires_at=expires_at)
    me = (await send_as(tutoring, key, "GET", "/v1/me")).json()
    assert me["type"] == "api_key"
    assert me["app"] == {"id": str(app.id), "name": app.name}
    assert (me["key_name"], me["key_hint"], me["scopes"]) == ("another", key[:9], ["calls:read", "join"])
    assert me["expires_at"] == rfc3339(expires_at)
    assert me["policy"]["grace_seconds"] == 60
    assert me["policy"]["host_roles"] == ["tutor"]
    assert me["policy"]["empty_seconds"] == 300
    assert me["providers"] == [{"provider": "100ms", "surfaces": ["sdk", "prebuilt"], "roles": HMS_ROLES}]
    assert me["legacy_families"] == ["appointments", "groups", "therapy", "tutoring"]
    assert me["allowed_origins"] == ["https://shop.example"]
    assert me["limits"]["participants_per_session"] == 10_000


async def test_it_has_no_secret(tutoring: Tenant, agora: Tenant) -> None:
    for tenant in (tutoring, agora):
        text = (await tenant.get("/v1/me")).text
        assert tenant.key not in text
        for account in tenant.app.accounts.values():
            secrets = {name: value for name, value in account.settings.items() if value.isalnum() and len(value) > 16}
            assert secrets
            assert not [name for name, value in secrets.items() if value in text]


async def test_agora_has_no_ready_made_page(agora: Tenant) -> None:
    (provider,) = (await agora.get("/v1/me")).json()["providers"]
    assert (provider["provider"], provider["surfaces"]) == ("agora", ["sdk"])


async def test_a_key_without_scopes_is_enough(tutoring: Tenant) -> None:
    key = await tutoring.create_key(scopes=[])
    response = await send_as(tutoring, key, "GET", "/v1/me")
    assert (response.status_code, response.json()["scopes"]) == (200, [])


async def test_a_user_learns_who_they_are_and_nothing_about_the_app(tutoring: Tenant) -> None:
    secret = f"a-secret-of-the-apps-identity-provider-{tutoring.app.id}"
    await management.set_token_rules(context_of(tutoring.broker, tutoring.app), TokenRules(secret=secret))
    expires_at = int(tutoring.broker.now().timestamp()) + 3600
    token = jwt.encode({"sub": "student-1", "exp": expires_at}, secret)
    me = (await send_as(tutoring, token, "GET", "/v1/me")).json()
    assert me.keys() == {"type", "app", "user_id", "expires_at"}
    assert (me["type"], me["user_id"], me["app"]["name"]) == ("user_token", "student-1", tutoring.app.name)


async def test_a_ticket_holder_learns_their_session_and_role(tutoring: Tenant) -> None:
    await tutoring.book(policy={"guests_allowed": True})
    link = await create_link(tutoring, "tutor-1")
    me = (await send_as(tutoring, link, "GET", "/v1/me")).json()
    assert me.pop("scopes") == sorted(Scope)
    assert me == {
        "type": "ticket",
        "app": {"id": str(tutoring.app.id), "name": tutoring.app.name},
        "ticket_id": link["id"],
        "session": {"kind": "booking", "reference": "lesson-1"},
        "user_id": "tutor-1",
        "role": "tutor",
        "is_guest": False,
        "expires_at": link["expires_at"],
    }
    guest = (await send_as(tutoring, await create_guest_link(tutoring), "GET", "/v1/me")).json()
    assert (guest["role"], guest["is_guest"]) == ("guest", True)
    await tutoring.send("DELETE", "/v1/bookings/lesson-1/participants/tutor-1")
    assert (await send_as(tutoring, link, "GET", "/v1/me")).json()["role"] is None


@pytest.mark.parametrize(
    ("credential", "code"),
    [("", "api_key_missing"), ("vb_" + "x" * 43, "api_key_invalid"), ("vbt_x", "ticket_invalid")],
)
async def test_an_invalid_credential_is_refused(tutoring: Tenant, credential: str, code: str) -> None:
    headers = {"Authorization": f"Bearer {credential}"} if credential else {}
    response = await tutoring.api.get("/v1/me", headers=headers)
    assert (response.status_code, response.json()["code"]) == (401, code)


async def test_an_expired_ticket_is_refused(tutoring: Tenant, clock: MovableClock) -> None:
    await tutoring.book()
    link = await create_link(tutoring)
    clock.move(days=1)
    response = await send_as(tutoring, link, "GET", "/v1/me")
    assert (response.status_code, response.json()["code"]) == (401, "ticket_expired")


async def test_head_has_the_headers_of_get(tutoring: Tenant) -> None:
    response = await tutoring.send("HEAD", "/v1/me")
    assert (response.status_code, response.content) == (200, b"")
    refused = await tutoring.send("POST", "/v1/me")
    assert (refused.status_code, set(refused.headers["allow"].split(", "))) == (405, {"GET", "HEAD", "OPTIONS"})
