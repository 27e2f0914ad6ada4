"""Management over `/v1/admin`: who may, what is validated, what is journaled, and that secrets are shown once."""

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import jwt
import pytest
from sqlalchemy import func, select

from openapi import openapi_document
from tenants import HMS_ROLES, Sandbox, Tenant, context_of, create_link
from videobroker.broker import Broker
from videobroker.domain.ids import SERVICE_ID
from videobroker.domain.operators import OperatorRole
from videobroker.domain.policy import POLICY_SETTINGS, SettingKind
from videobroker.domain.times import rfc3339
from videobroker.storage.tables import metadata
from videobroker.usecases import management, tenants

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 20
UNKNOWN = "0195d3c2-9a10-7c55-9c1e-6f2b8d1e4a79"
BODIES: Mapping[str, Any] = {
    "createApp": {"name": "created"},
    "replaceOrigins": {"allowed_origins": ["https://shop.example"]},
    "replaceLegacyFamilies": {"legacy_families": []},
    "replaceAppPolicy": {"grace_seconds": 60},
    "updateAppPolicy": {"grace_seconds": 90},
    "replaceRoleMap": {"roles": HMS_ROLES},
    "updateRoleMap": {"roles": {"assistant": "teacher"}},
    "createApiKey": {"name": "another", "scopes": []},
    "setAccount": {"settings": {"access_key": "key", "secret": "invented-secret"}},
    "updateAccount": {"settings": {"subdomain": "acme"}},
    "setUserTokenRules": {"secret": "an-invented-secret-of-user-tokens-0123456789"},
    "updateUserTokenRules": {"audience": "lessons"},
    "replaceBranding": {"display_name": "Acme"},
    "setLogo": {"content": b64encode(PNG).decode()},
    "createAppWebhookEndpoint": {"url": "https://backend.example/hooks"},
    "updateAppWebhookEndpoint": {"ordered": True},
    "setRetention": {"days": 30},
    "createOperatorKey": {"name": "another", "role": "viewer"},
}


@dataclass(frozen=True)
class Operation:
    """An operation of the OpenAPI document."""

    id: str
    method: str
    path: str
    role: OperatorRole | None

    async def send(self, api: httpx.AsyncClient, credential: str | None, app: str) -> httpx.Response:
        """Send it about this app, and otherwise about things that do not exist."""
        places = {"app": app, "provider": "100ms", "event_class": "call"}
        path = re.sub(r"\{(\w+)\}", lambda place: places.get(place[1], UNKNOWN), self.path)
        headers = {} if credential is None else {"Authorization": f"Bearer {credential}"}
        return await api.request(self.method, path, json=BODIES.get(self.id), headers=headers)


def _operations() -> list[Operation]:
    return [
        Operation(
            operation["operationId"],
            method.upper(),
            path,
            OperatorRole(operation["x-required-role"]) if "x-required-role" in operation else None,
        )
        for path, item in openapi_document()["paths"].items()
        for method, operation in item.items()
        if isinstance(operation, dict) and "operationId" in operation and "stream" not in path
    ]


MANAGEMENT = [operation for operation in _operations() if operation.path.startswith("/v1/admin/")]
OTHERS = [
    operation
    for operation in _operations()
    if operation.path.startswith("/v1/") and not operation.path.startswith("/v1/admin/")
]


@dataclass(frozen=True)
class OperatorClient:
    """A program with an operator key, and the app that it manages."""

    api: httpx.AsyncClient
    key: str
    key_id: UUID
    app: str

    async def send(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Send a request about the app: `path` follows its name."""
        return await self.admin(method, f"/apps/{self.app}{path}", body, **headers)

    async def admin(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Send a request to `/v1/admin`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.api.request(
            method, f"/v1/admin{path}", json=body, headers={"Authorization": f"Bearer {self.key}", **sent}
        )


async def make_operator(tenant: Tenant, role: OperatorRole = OperatorRole.ADMIN) -> OperatorClient:
    """A program with a new key of this role."""
    context = context_of(tenant.broker, tenants.SERVICE)
    secret, key = await management.create_operator_key(context, "terraform", role=role, expires_at=None)
    return OperatorClient(tenant.api, secret, key.id, tenant.app.name)


@pytest.fixture
async def operator(tutoring: Tenant) -> OperatorClient:
    """A program that may do everything."""
    return await make_operator(tutoring)


async def rows(broker: Broker) -> dict[str, int]:
    """The number of rows in each table, but those in which requests leave traces."""
    async with broker.store.cross_app_transaction() as unit_of_work:
        return {
            table.name: int(await unit_of_work.scalar(select(func.count()).select_from(table)) or 0)
            for table in metadata.sorted_tables
            if table.name not in {"failed_attempts", "journal"}
        }


def code(response: httpx.Response) -> str | None:
    """The error code; None for a success."""
    return None if response.is_success else str(response.json()["code"])


class TestAuthorization:
    def test_every_operation_names_its_role(self) -> None:
        assert len(MANAGEMENT) > 40
        assert [operation.id for operation in MANAGEMENT if operation.role is None] == []
        for operation in MANAGEMENT:
            is_read = operation.method == "GET" or operation.id == "checkAccount"
            assert (operation.role is OperatorRole.VIEWER) is is_read, operation.id

    async def test_a_key_may_do_what_its_role_includes_and_nothing_else(self, tutoring: Tenant) -> None:
        clients = {role: await make_operator(tutoring, role) for role in OperatorRole}
        before = await rows(tutoring.broker)
        for operation in MANAGEMENT:
            for role in OperatorRole:
                if operation.role is not None and role.includes(operation.role):
                    continue
                response = await operation.send(tutoring.api, clients[role].key, tutoring.app.name)
                assert (response.status_code, code(response)) == (403, "operator_role_not_allowed"), operation
        assert await rows(tutoring.broker) == before
        for operation in (each for each in MANAGEMENT if each.id != "checkAccount"):
            assert operation.role is not None
            response = await operation.send(tutoring.api, clients[operation.role].key, tutoring.app.name)
            assert response.is_success or response.status_code == 404, f"{operation}: {response.text}"

    async def test_no_other_credential_is_accepted(self, tutoring: Tenant) -> None:
        await tutoring.book()
        link = await create_link(tutoring)
        token = jwt.encode({"sub": "tutor-1", "exp": tutoring.broker.now().timestamp() + 600}, "s" * 32)
        before = await rows(tutoring.broker)
        for operation in MANAGEMENT:
            missing = await operation.send(tutoring.api, None, tutoring.app.name)
            assert (missing.status_code, code(missing)) == (401, "operator_key_missing"), operation
        for credential in (tutoring.key, link["ticket"], token, f"vbo_{'A' * 43}"):
            for operation in (MANAGEMENT[0], *(each for each in MANAGEMENT if each.id == "createApiKey")):
                refused = await operation.send(tutoring.api, credential, tutoring.app.name)
                assert (refused.status_code, code(refused)) == (401, "operator_key_invalid"), operation
                assert credential not in refused.text
        assert await rows(tutoring.broker) == before

    async def test_an_operator_key_is_not_accepted_elsewhere(
        self, tutoring: Tenant, operator: OperatorClient, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(tutoring.broker.failed_attempts, "_sleep", _no_delay)
        accepted = []
        for each in (each for each in OTHERS if each.path.startswith(("/v1/bookings", "/v1/events", "/v1/me"))):
            response = await each.send(tutoring.api, operator.key, tutoring.app.name)
            if response.status_code not in {401, 429}:
                accepted.append((each.id, response.status_code))
        assert accepted == []

    async def test_revoked_and_expired_keys_are_refused(
        self, tutoring: Tenant, operator: OperatorClient, clock: Any
    ) -> None:
        body = {"name": "short", "role": "viewer", "expires_at": _in_seconds(tutoring, 60)}
        made = (await operator.admin("POST", "/operator-keys", body)).json()
        short = OperatorClient(operator.api, made["key"], UUID(made["id"]), operator.app)
        assert (await short.admin("GET", "/apps")).status_code == 200
        clock.move(seconds=61)
        assert code(await short.admin("GET", "/apps")) == "operator_key_expired"
        revoked = await operator.admin("POST", f"/operator-keys/{operator.key_id}/revoke")
        assert revoked.json()["revoked_at"] is not None
        assert code(await operator.admin("GET", "/apps")) == "operator_key_revoked"


async def _no_delay(_seconds: float) -> None:
    pass


def _in_seconds(tenant: Tenant, seconds: float) -> str:
    return rfc3339(tenant.broker.now() + timedelta(seconds=seconds))


class TestApps:
    async def test_an_app_is_created_once_and_found(self, operator: OperatorClient) -> None:
        name = f"shop {uuid4()}"
        body = {"name": name, "role_maps": {"100ms": HMS_ROLES}, "policy": {"grace_seconds": 60}}
        made = await operator.admin("POST", "/apps", body, Idempotency_Key="create")
        assert (made.status_code, made.json()["policy"]["grace_seconds"]) == (201, 60)
        assert made.json()["effective_policy"]["grace_seconds"] == 60
        assert made.json()["effective_policy"]["opens_before_seconds"] == 600
        again = await operator.admin("POST", "/apps", body, Idempotency_Key="create")
        assert (again.json(), again.headers["idempotency-replayed"]) == (made.json(), "true")
        found = await operator.api.get(made.headers["location"], headers={"Authorization": f"Bearer {operator.key}"})
        assert found.json() == made.json()
        assert code(await operator.admin("POST", "/apps", body)) == "app_exists"
        assert code(await operator.admin("GET", "/apps/unknown")) == "app_not_found"

    async def test_all_apps_are_listed_by_name_in_pages(self, operator: OperatorClient) -> None:
        names: list[str] = []
        cursor = ""
        while True:
            page = (await operator.admin("GET", f"/apps?limit=100{cursor}")).json()
            names += [app["name"] for app in page["data"]]
            if page["next"] is None:
                break
            cursor = f"&cursor={page['next']}"
        assert operator.app in names
        assert len(set(names)) == len(names)
        first = (await operator.admin("GET", "/apps?limit=1")).json()
        assert [app["name"] for app in first["data"]] == names[:1]

    async def test_invalid_apps_are_rejected(self, operator: OperatorClient) -> None:
        for body, expected in (
            ({"name": "@service"}, "invalid_request"),
            ({"name": "a/b"}, "invalid_request"),
            ({"name": "x", "policy": {"guests_allowed": True}, "role_maps": {"100ms": {"a": "b"}}}, "role_not_mapped"),
            ({"name": "x", "allowed_origins": ["http://shop.example"]}, "invalid_request"),
            ({"name": "x", "policy": {"unknown": 1}}, "invalid_request"),
        ):
            assert code(await operator.admin("POST", "/apps", body)) == expected, body

    async def test_the_policy_is_replaced_and_updated(self, tutoring: Tenant, operator: OperatorClient) -> None:
        replaced = await operator.send("PUT", "/policy", {"grace_seconds": 60, "waiting_room": "admit"})
        assert (replaced.json()["grace_seconds"], replaced.json()["waiting_room"]) == (60, "admit")
        updated = await operator.send("PATCH", "/policy", {"waiting_room": None, "host_roles": ["tutor"]})
        assert (updated.json()["waiting_room"], updated.json()["grace_seconds"]) == (None, 60)
        unchanged = await operator.send("PUT", "/policy", updated.json())
        assert unchanged.json() == updated.json()
        assert (await tutoring.get("/v1/me")).json()["policy"]["host_roles"] == ["tutor"]
        wrong = await operator.send("PATCH", "/policy", {"token_seconds": 5})
        assert (code(wrong), wrong.json()["errors"][0]["pointer"]) == ("invalid_request", "body/token_seconds")

    async def test_a_stale_change_is_rejected(self, operator: OperatorClient) -> None:
        read = await operator.send("GET", "/policy")
        tag = read.headers["etag"]
        assert (await operator.send("GET", "/policy", If_None_Match=tag)).status_code == 304
        first = await operator.send("PATCH", "/policy", {"grace_seconds": 61}, If_Match=tag)
        assert first.status_code == 200
        lost = await operator.send("PATCH", "/policy", {"grace_seconds": 62}, If_Match=tag)
        assert (lost.status_code, code(lost)) == (412, "precondition_failed")
        assert (await operator.send("GET", "/policy")).json()["grace_seconds"] == 61

    async def test_role_maps_are_replaced_and_updated(self, operator: OperatorClient) -> None:
        updated = await operator.send("PATCH", "/role-maps/100ms", {"roles": {"assistant": "teacher", "guest": None}})
        assert updated.json()["roles"] == {"tutor": "teacher", "student": "student", "assistant": "teacher"}
        guests = await operator.send("PATCH", "/policy", {"guests_allowed": True})
        assert code(guests) == "role_not_mapped"
        assert (await operator.send("GET", "/role-maps/agora")).json() == {"provider": "agora", "roles": {}}
        replaced = await operator.send("PUT", "/role-maps/agora", {"roles": {"tutor": "publisher"}})
        assert replaced.json()["roles"] == {"tutor": "publisher"}
        assert code(await operator.send("PUT", "/role-maps/100ms", {"roles": {"": "x"}})) == "invalid_request"
        assert (await operator.send("GET", "/role-maps/zoom")).status_code == 422

    async def test_origins_and_legacy_endpoints_are_replaced(self, tutoring: Tenant, operator: OperatorClient) -> None:
        origins = await operator.send("PUT", "/origins", {"allowed_origins": ["https://SHOP.example:443/"]})
        assert origins.json() == {"allowed_origins": ["https://shop.example"]}
        refused = await operator.send("PUT", "/origins", {"allowed_origins": ["https://*.example"]})
        assert code(refused) == "invalid_request"
        legacy = await operator.send("PUT", "/legacy", {"legacy_families": ["groups"]})
        assert legacy.json() == {"legacy_families": ["groups"]}
        assert (await tutoring.get("/v1/me")).json()["legacy_families"] == ["groups"]

    async def test_changes_are_journaled_under_the_name_of_the_key(
        self, tutoring: Tenant, operator: OperatorClient
    ) -> None:
        await operator.send("PATCH", "/policy", {"grace_seconds": 60})
        (event,) = await tutoring.events("app_settings.changed")
        assert event["data"]["via"] == "admin_api"
        assert event["data"]["changes"] == {"policy.grace_seconds": {"before": None, "after": 60}}
        asked_by = event["asked_by"]
        assert (asked_by["operator"], asked_by["key_id"]) == ("terraform", str(operator.key_id))


class TestKeys:
    async def test_lists_have_pages(self, tutoring: Tenant, operator: OperatorClient) -> None:
        for name in ("one", "two", "three"):
            assert (await operator.send("POST", "/keys", {"name": name, "scopes": []})).status_code == 201
            body = {"name": name, "role": "viewer"}
            assert (await operator.admin("POST", "/operator-keys", body)).status_code == 201
        for path in (f"/apps/{tutoring.app.name}/keys", "/operator-keys"):
            first = (await operator.admin("GET", f"{path}?limit=2")).json()
            found = list(first["data"])
            assert len(found) == 2
            page = first
            while page["next"]:
                page = (await operator.admin("GET", f"{path}?limit=2&cursor={page['next']}")).json()
                found += page["data"]
            ids = [each["id"] for each in found]
            assert len(set(ids)) == len(ids) >= 4
            assert ids == sorted(ids)
            assert [each["name"] for each in found][-3:] == ["one", "two", "three"]
            assert code(await operator.admin("GET", f"{path}?cursor=wrong")) == "invalid_cursor"

    async def test_keys_show_when_they_were_last_used(self, tutoring: Tenant, operator: OperatorClient) -> None:
        assert (await tutoring.get("/v1/bookings")).status_code == 200
        (listed,) = (await operator.send("GET", "/keys")).json()["data"]
        assert listed["last_used_at"] is None
        await tutoring.broker.key_usage.flush()
        for path in (f"/apps/{tutoring.app.name}/keys/{listed['id']}", f"/operator-keys/{operator.key_id}"):
            assert (await operator.admin("GET", path)).json()["last_used_at"] is not None
        made = (await operator.send("POST", "/keys", {"name": "another", "scopes": []})).json()
        assert made["last_used_at"] is None

    async def test_a_key_is_shown_once_and_works_until_it_is_revoked(
        self, tutoring: Tenant, operator: OperatorClient
    ) -> None:
        body = {"name": "backend", "scopes": ["sessions:read"]}
        made = await operator.send("POST", "/keys", body, Idempotency_Key="key")
        assert made.status_code == 201
        secret, key_id = made.json()["key"], made.json()["id"]
        assert (await operator.send("POST", "/keys", body, Idempotency_Key="key")).json()["key"] == secret
        listed = (await operator.send("GET", "/keys")).text
        assert key_id in listed
        assert secret not in listed
        headers = {"Authorization": f"Bearer {secret}"}
        assert (await tutoring.api.get("/v1/bookings", headers=headers)).status_code == 200
        revoked = await operator.send("POST", f"/keys/{key_id}/revoke")
        assert revoked.json()["revoked_at"] is not None
        assert (await operator.send("GET", f"/keys/{key_id}")).json() == revoked.json()
        assert code(await tutoring.api.get("/v1/bookings", headers=headers)) == "api_key_revoked"
        assert code(await operator.send("POST", "/keys", body, Idempotency_Key="key")) == "secret_replaced"
        assert code(await operator.send("POST", f"/keys/{UNKNOWN}/revoke")) == "key_not_found"

    async def test_invalid_keys_are_rejected(self, tutoring: Tenant, operator: OperatorClient) -> None:
        for fields in ({"name": " "}, {"scopes": ["fly"]}, {"expires_at": _in_seconds(tutoring, -1)}):
            body = {"name": "backend", "scopes": [], **fields}
            assert code(await operator.send("POST", "/keys", body)) == "invalid_request", fields

    async def test_operator_keys_are_journaled_by_the_service(self, tutoring: Tenant, operator: OperatorClient) -> None:
        body = {"name": "monitoring", "role": "viewer"}
        made = await operator.admin("POST", "/operator-keys", body)
        assert made.status_code == 201
        await operator.admin("POST", f"/operator-keys/{made.json()['id']}/revoke")
        async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
            journal = metadata.tables["journal"]
            statement = select(journal).where(journal.c.app_id == SERVICE_ID).order_by(journal.c.id)
            rows = [row._mapping for row in await unit_of_work.execute(statement)]
        stored = [row for row in rows if made.json()["id"] in str(row)]
        assert [row["type"] for row in stored] == ["operator_key.created", "operator_key.revoked"]
        text = json.dumps([{name: str(value) for name, value in row.items()} for row in stored])
        assert "monitoring" in text
        assert "terraform" in text
        assert made.json()["key"] not in text


class TestAccounts:
    async def test_secrets_are_never_returned(
        self, tutoring: Tenant, operator: OperatorClient, sandbox: Sandbox
    ) -> None:
        account = sandbox.account("tutoring")
        read = await operator.send("GET", "/accounts/100ms")
        assert account["secret"] not in read.text
        settings = {each["name"]: each for each in read.json()["settings"]}
        assert settings["access_key"]["value"] == account["access_key"]
        assert (settings["secret"]["is_set"], settings["secret"]["value"]) == (True, None)
        updated = await operator.send("PATCH", "/accounts/100ms", {"settings": {"subdomain": "acme"}})
        assert updated.json()["version"] == read.json()["version"] + 1
        assert (await tutoring.book())["reference"]
        assert (await tutoring.join()).status_code == 200

    async def test_an_account_is_checked_before_it_is_stored(self, tutoring: Tenant, operator: OperatorClient) -> None:
        for settings in ({}, {"access_key": "a", "secret": "b", "wrong": "c"}, {"access_key": "a\nb", "secret": "c"}):
            response = await operator.send("PUT", "/accounts/100ms", {"settings": settings})
            assert (response.status_code, code(response)) == (422, "account_invalid"), settings
        assert code(await operator.send("GET", "/accounts/agora")) == "account_not_found"
        settings = {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4}
        made = await operator.send("PUT", "/accounts/agora", {"settings": settings}, If_None_Match="*")
        assert (made.status_code, made.headers["location"]) == (201, f"/v1/admin/apps/{operator.app}/accounts/agora")
        again = await operator.send("PUT", "/accounts/agora", {"settings": settings}, If_None_Match="*")
        assert code(again) == "precondition_failed"
        assert [each["provider"] for each in (await operator.send("GET", "/accounts")).json()["data"]] == [
            "100ms",
            "agora",
        ]
        assert "d3300000" not in json.dumps(await tutoring.events("provider_account.changed"))

    async def test_an_account_is_checked_at_the_provider(self, operator: OperatorClient) -> None:
        checked = (await operator.send("POST", "/accounts/100ms/check")).json()
        assert "failed" not in {finding["verdict"] for finding in checked["findings"]}, checked
        assert len(checked["findings"]) > 1
        await operator.send("PATCH", "/accounts/100ms", {"settings": {"secret": "wrong-secret"}})
        wrong = (await operator.send("POST", "/accounts/100ms/check")).json()
        assert wrong["healthy"] is False


class TestUserTokenRules:
    async def test_rules_are_set_updated_and_removed(self, tutoring: Tenant, operator: OperatorClient) -> None:
        path, secret = "/user-token-rules", f"an-invented-secret-{tutoring.app.id}"
        assert code(await operator.send("GET", path)) == "user_token_rules_not_found"
        made = await operator.send("PUT", path, {"secret": secret})
        assert (made.status_code, made.json()["has_secret"]) == (201, True)
        assert secret not in made.text
        updated = await operator.send("PATCH", path, {"audience": "lessons"}, If_Match=made.headers["etag"])
        assert (updated.json()["audience"], updated.json()["has_secret"]) == ("lessons", True)
        claims = {"sub": "tutor-1", "aud": "lessons", "exp": tutoring.broker.now().timestamp() + 600}
        headers = {"Authorization": f"Bearer {jwt.encode(claims, secret)}"}
        assert (await tutoring.api.get("/v1/me", headers=headers)).json()["user_id"] == "tutor-1"
        stale = await operator.send("PATCH", path, {"audience": None}, If_Match=made.headers["etag"])
        assert code(stale) == "precondition_failed"
        keys = {"jwks_url": "https://id.example/keys", "issuer": f"https://id.example/{tutoring.app.id}"}
        assert (await operator.send("PATCH", path, keys)).json()["has_secret"] is False
        assert (await operator.send("DELETE", path)).status_code == 204
        assert code(await operator.send("DELETE", path)) == "user_token_rules_not_found"

    async def test_contradictory_and_overlapping_rules_are_rejected(
        self, tutoring: Tenant, other: Tenant, operator: OperatorClient
    ) -> None:
        path, secret = "/user-token-rules", f"an-invented-secret-{tutoring.app.id}"
        for body in (
            {},
            {"secret": secret, "jwks_url": "https://id.example/keys"},
            {"jwks_url": "https://id.example/keys"},
            {"jwks_url": "file:///etc/passwd", "issuer": "x"},
        ):
            assert code(await operator.send("PUT", path, body)) == "invalid_request", body
        assert (await operator.send("PUT", path, {"secret": secret})).status_code == 201
        second = await operator.admin("PUT", f"/apps/{other.app.name}{path}", {"secret": secret})
        assert (second.status_code, code(second)) == (409, "user_token_rules_overlap")


class TestOtherSettings:
    async def test_webhook_endpoints_of_an_app_are_managed(self, tutoring: Tenant, operator: OperatorClient) -> None:
        body = {"url": "https://backend.example/hooks", "types": ["call.started"]}
        made = await operator.send("POST", "/webhook-endpoints", body, Idempotency_Key="endpoint")
        assert made.status_code == 201
        again = await operator.send("POST", "/webhook-endpoints", body, Idempotency_Key="endpoint")
        assert again.json() == made.json()
        path = f"/webhook-endpoints/{made.json()['id']}"
        assert [each["id"] for each in (await tutoring.get("/v1/webhook-endpoints")).json()["data"]] == [
            made.json()["id"]
        ]
        changed = await operator.send("PATCH", path, {"ordered": True})
        assert changed.json()["ordered"] is True
        rotated = await operator.send("POST", f"{path}/rotate-secret", {"overlap_seconds": 0})
        assert rotated.json()["secret"] != made.json()["secret"]
        assert (await operator.send("DELETE", path)).status_code == 204
        assert code(await operator.send("GET", path)) == "endpoint_not_found"

    async def test_an_endpoint_of_another_app_does_not_exist(self, other: Tenant, operator: OperatorClient) -> None:
        made = (await other.post("/v1/webhook-endpoints", {"url": "https://backend.example/hooks"})).json()
        assert code(await operator.send("GET", f"/webhook-endpoints/{made['id']}")) == "endpoint_not_found"

    async def test_the_branding_is_replaced_and_keeps_its_logo(self, operator: OperatorClient) -> None:
        logo = await operator.send("PUT", "/branding/logo", {"content": b64encode(PNG).decode()})
        assert logo.json()["logo"]["media_type"] == "image/png"
        branding = await operator.send("PUT", "/branding", {"display_name": "Acme", "languages": ["de"]})
        assert branding.json()["logo"] == logo.json()["logo"]
        assert (await operator.send("GET", "/branding")).json() == branding.json()
        assert (await operator.send("DELETE", "/branding/logo")).json()["logo"] is None
        for body in ({"dark_color": "#000000"}, {"return_url": "http://shop.example"}):
            assert code(await operator.send("PUT", "/branding", body)) == "invalid_request"
        assert code(await operator.send("PUT", "/branding/logo", {"content": "PHN2Zy8+"})) == "invalid_request"

    @pytest.mark.parametrize(
        ("path", "first", "second"),
        [
            ("/branding", {"display_name": "Acme"}, {"display_name": "Other"}),
            ("/retention/call", {"days": 30}, {"days": 31}),
        ],
    )
    async def test_a_change_of_someone_else_is_not_overwritten(
        self, operator: OperatorClient, path: str, first: Any, second: Any
    ) -> None:
        tag = (await operator.send("GET", path)).headers["etag"]
        changed = await operator.send("PUT", path, first, If_Match=tag)
        stale = await operator.send("PUT", path, second, If_Match=tag)
        assert (changed.status_code, stale.status_code, code(stale)) == (200, 412, "precondition_failed")
        read = await operator.send("GET", path, If_None_Match=changed.headers["etag"])
        assert (read.status_code, read.headers["etag"]) == (304, changed.headers["etag"])

    async def test_a_logo_of_someone_else_is_not_overwritten(self, operator: OperatorClient) -> None:
        body = {"content": b64encode(PNG).decode()}
        tag = (await operator.send("GET", "/branding")).headers["etag"]
        assert (await operator.send("PUT", "/branding/logo", body, If_Match=tag)).status_code == 200
        assert code(await operator.send("PUT", "/branding/logo", body, If_Match=tag)) == "precondition_failed"
        assert code(await operator.send("DELETE", "/branding/logo", If_Match=tag)) == "precondition_failed"

    async def test_the_retention_of_events_is_set(self, tutoring: Tenant, operator: OperatorClient) -> None:
        set_ = await operator.send("PUT", "/retention/call", {"days": 30})
        assert set_.json() == (await operator.send("GET", "/retention/call")).json() == {"class": "call", "days": 30}
        assert (await operator.send("GET", "/retention")).json()["data"] == [set_.json()]
        assert (await operator.send("PUT", "/retention/call", {"days": None})).json()["days"] is None
        assert (await operator.send("GET", "/retention/call")).json() == {"class": "call", "days": None}
        assert (await operator.send("GET", "/retention")).json()["data"] == []
        assert code(await operator.send("GET", "/retention/unknown")) == "invalid_request"
        assert code(await operator.send("PUT", "/retention/unknown", {"days": 30})) == "invalid_request"
        assert [event["data"]["via"] for event in await tutoring.events("retention.changed")] == ["admin_api"] * 2


def test_the_schema_of_the_policy_has_the_bounds_of_the_use_case() -> None:
    fields = openapi_document()["components"]["schemas"]["AppPolicyInput"]["properties"]
    assert set(fields) == set(POLICY_SETTINGS)
    for name, setting in POLICY_SETTINGS.items():
        if setting.kind is SettingKind.SECONDS:
            assert (fields[name]["minimum"], fields[name]["maximum"]) == (setting.minimum, setting.maximum), name


def test_every_change_of_a_resource_can_be_conditional() -> None:
    """Lost updates: what can be replaced, changed, or deleted honors `If-Match`, and has an entity tag to read."""
    paths = openapi_document()["paths"]
    changes = {
        path: operation
        for path, item in paths.items()
        for method, operation in item.items()
        if path.startswith("/v1/admin/") and method in {"put", "patch", "delete"}
    }
    assert len(changes) > 8
    for path, operation in changes.items():
        # The logo is part of the branding.
        readable = paths[path.removesuffix("/logo")]["get"]
        assert "#/components/parameters/IfMatch" in _references(operation), path
        assert "#/components/parameters/IfNoneMatch" in _references(readable), path
        assert "412" in operation["responses"], path


def _references(operation: Mapping[str, Any]) -> set[str]:
    return {parameter.get("$ref", "") for parameter in operation["parameters"]}
