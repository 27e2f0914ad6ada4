"""Every operation of the console as every role: allowed, or denied without any change."""

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from sqlalchemy import Select, Table, select

from consoles import ADMIN_KEY, Console, base_of, service_with_console
from delivery.backend import Backend, deliver_due, start_backend
from tenants import Tenant, context_of
from videobroker.broker import Broker
from videobroker.delivery.sender import WebhookSender
from videobroker.domain.ids import AppId
from videobroker.domain.operators import OperatorIdentity, OperatorRole, SignInMethod
from videobroker.storage.tables import metadata
from videobroker.usecases import management, tenants
from videobroker.usecases.management.keys import all_keys
from videobroker.usecases.operations.console_sessions import ClientInfo
from videobroker.web.console import ROUTERS
from videobroker.web.console.access import COOKIE, ConsoleAccess
from videobroker.web.console.app_page import AppSection, fingerprint

VIEWER, SUPPORT, ADMIN = OperatorRole
DELIVERY = "/console/deliveries/{app_id}/{endpoint_id}"
SESSION = "/console/sessions/{app_id}/{session_id}"

APP = "/console/apps/{app_id}"

LEAST_ROLES: Mapping[str, OperatorRole] = {
    "GET /console": VIEWER,
    "GET /console/search": VIEWER,
    "GET /console/list/{section}": VIEWER,
    "GET /console/waiting": VIEWER,
    "GET /console/groups": VIEWER,
    f"GET {SESSION}": VIEWER,
    f"GET {SESSION}/edit": SUPPORT,
    f"POST {SESSION}/links": SUPPORT,
    f"POST {SESSION}/links/revoke": SUPPORT,
    f"POST {SESSION}/deny": SUPPORT,
    f"POST {SESSION}/admit": SUPPORT,
    f"POST {SESSION}/end": SUPPORT,
    f"POST {SESSION}/remove": SUPPORT,
    f"POST {SESSION}/readmit": SUPPORT,
    "GET /console/book": SUPPORT,
    "POST /console/book": SUPPORT,
    "GET /console/export/sessions": SUPPORT,
    f"GET {SESSION}/attendance.csv": SUPPORT,
    "GET /console/charts": VIEWER,
    "GET /console/journal": VIEWER,
    "GET /console/journal/export/{file_format}": SUPPORT,
    "GET /console/deliveries": VIEWER,
    "GET /console/deliveries/{app_id}/all": VIEWER,
    "GET /console/deliveries/{app_id}/export/deliveries.csv": SUPPORT,
    f"GET {DELIVERY}": VIEWER,
    f"GET {DELIVERY}/{{delivery_id}}": VIEWER,
    f"POST {DELIVERY}/{{delivery_id}}/retry": SUPPORT,
    f"POST {DELIVERY}/test": SUPPORT,
    f"POST {DELIVERY}/switch": ADMIN,
    f"POST {DELIVERY}/replay": SUPPORT,
    # These last: the other operations need a session that can be joined.
    f"POST {SESSION}/participants": SUPPORT,
    f"POST {SESSION}/participants/change": SUPPORT,
    f"POST {SESSION}/participants/drop": SUPPORT,
    f"POST {SESSION}/edit": SUPPORT,
    f"POST {SESSION}/guest-link": SUPPORT,
    f"POST {SESSION}/cancel": SUPPORT,
    "GET /console/apps": VIEWER,
    "POST /console/apps": ADMIN,
    f"GET {APP}": VIEWER,
    f"GET {APP}/{{part}}": VIEWER,
    **dict.fromkeys(
        (
            f"POST {APP}/{action}"
            for action in (
                "roles",
                "policy",
                "origins",
                "legacy",
                "branding",
                "logo",
                "logo/remove",
                "journal",
                "keys",
                "accounts",
                "user-tokens",
                "user-tokens/remove",
                "webhooks",
                "webhooks/rotate",
                "webhooks/delete",
                "keys/revoke",
            )
        ),
        ADMIN,
    ),
    f"POST {APP}/accounts/check": VIEWER,
    "GET /console/operator-keys": VIEWER,
    "POST /console/operator-keys": ADMIN,
    "POST /console/operator-keys/revoke": ADMIN,
    "GET /console/health": VIEWER,
    "GET /console/diagnostics": VIEWER,
}
"""The least role of each operation, except signing in and out."""
FOR_EVERYONE = {
    # A stream does not end within a test; see test_live.py.
    "GET /console/live",
    "GET /console/static/{name}",
    "GET /console/sign-in",
    "POST /console/sign-in",
    "POST /console/sign-out",
    "GET /console/link",
    "POST /console/link",
    "GET /console/oidc/start",
    "GET /console/oidc/callback",
    "GET /console/{path:path}",
}
# `base` of some forms of an app is the section that has the current one.
FORMS: Mapping[str, Mapping[str, str]] = {
    f"{SESSION}/edit": {
        "version": "1",
        "title": "Geometry",
        "starts": "2030-03-12T14:00",
        "zone": "UTC",
        "minutes": "60",
        "waiting_room": "admit",
        "guests": "yes",
    },
    f"{SESSION}/participants": {"user_id": "student-9", "role": "student"},
    f"{SESSION}/participants/change": {
        "user_id": "student-1",
        "role": "student",
        "display_name": "Benjamin",
        "base_role": "student",
        "base_name": "Ben",
    },
    f"{SESSION}/participants/drop": {"user_id": "tutor-1", "base_role": "tutor", "base_name": "Ada"},
    f"{SESSION}/guest-link": {"display_name": "Gus"},
    f"{SESSION}/links": {"user_id": "tutor-1"},
    f"{SESSION}/links/revoke": {"all": "yes"},
    f"{SESSION}/deny": {"entry": "{entry}"},
    f"{SESSION}/remove": {"user_id": "student-1", "ban": "on"},
    f"{SESSION}/readmit": {"user_id": "student-1"},
    "/console/book": {
        "app": "{app_id}",
        "reference": "new-1",
        "starts": "2030-03-12T14:00",
        "zone": "UTC",
        "minutes": "60",
        "user_id-1": "tutor-1",
        "role-1": "tutor",
    },
    "/console/apps": {"name": "created-{app_id}"},
    f"{APP}/roles": {
        "provider": "100ms",
        "base": "{roles_base}",
        "100ms_role_0": "tutor",
        "100ms_mapped_0": "teacher",
        "100ms_role_1": "student",
        "100ms_mapped_1": "student",
    },
    f"{APP}/policy": {"base": "{policy_base}", "grace_seconds": "60"},
    f"{APP}/origins": {"base": "{origins_base}", "origins": "https://shop.example"},
    f"{APP}/legacy": {"base": "{legacy_base}"},
    f"{APP}/keys": {"name": "another"},
    f"{APP}/keys/revoke": {"key": "{key_id}"},
    f"{APP}/accounts": {
        "provider": "agora",
        "base": "0",
        "agora_app_id": "a60a" * 8,
        "agora_app_certificate": "d3300000" * 4,
    },
    f"{APP}/accounts/check": {"provider": "100ms"},
    f"{APP}/branding": {"base": "pages", "display_name": "Acme"},
    f"{APP}/logo": {"base": "pages"},
    f"{APP}/logo/remove": {"base": "pages"},
    f"{APP}/user-tokens/remove": {"base": "user-tokens"},
    f"{APP}/user-tokens": {
        "base": "user-tokens",
        "secret": "an-invented-secret-{app_id}",
        "max_lifetime_seconds": "60",
    },
    f"{APP}/webhooks": {"url": "https://backend.example/"},
    f"{APP}/webhooks/rotate": {"base": "webhooks", "endpoint": "{endpoint_id}"},
    f"{APP}/webhooks/delete": {"base": "webhooks", "endpoint": "{endpoint_id}"},
    f"{APP}/journal": {"base": "journal", "class": "call", "days": "30"},
    "/console/operator-keys": {"name": "another", "role": "viewer"},
    "/console/operator-keys/revoke": {"key": "{operator_key_id}"},
    f"{DELIVERY}/switch": {"enabled": "no"},
    f"{DELIVERY}/replay": {"since": "2026-03-12T00:00", "until": "2026-03-13T00:00"},
}
FILES = {f"{APP}/logo": {"logo": ("logo.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + b"\0" * 20, "image/png")}}
CODE = "operator_role_not_allowed"
PEOPLE = [
    {"user_id": "tutor-1", "role": "tutor", "display_name": "Ada"},
    {"user_id": "student-1", "role": "student", "display_name": "Ben"},
]


def operations() -> set[str]:
    """Every method and path of the console."""
    return {
        f"{method} /console{route.path}"
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }


def test_the_table_has_every_operation() -> None:
    assert operations() == LEAST_ROLES.keys() | FOR_EVERYONE


@dataclass(frozen=True)
class Scenario:
    """A session with a call, someone who waits, and an endpoint with a delivery; a client for each role."""

    tenant: Tenant
    places: Mapping[str, str]
    clients: Mapping[OperatorRole, Console] = field(repr=False)

    async def send(self, operation: str, role: OperatorRole) -> httpx.Response:
        """Send the request as this role, with the CSRF token of its session."""
        method, template = operation.split()
        path = self._filled(template)
        if method == "GET":
            suffix = (
                f"?app={self.tenant.app.id}"
                if path.split("/")[-1] in {"book", "diagnostics", "csv", "sessions"}
                else ""
            )
            return await self.clients[role].get(path + suffix)
        fields = {name: self._filled(value) for name, value in FORMS.get(template, {}).items()}
        if fields.get("base") in set(AppSection) and role is ADMIN:
            page = await self.clients[ADMIN].get(f"/console/apps/{self.tenant.app.id}/{fields['base']}")
            fields["base"] = base_of(page, path)
        return await self.clients[role].post(path, files=FILES.get(template), **fields)

    def _filled(self, template: str) -> str:
        return re.sub(r"\{(\w+)\}", lambda place: self.places[place[1]], template)

    async def snapshot(self) -> dict[str, list[str]]:
        """All rows of the app in the database. The use of its keys is written later, at any time."""
        async with self.tenant.broker.store.cross_app_transaction() as unit_of_work:
            return {
                table.name: sorted(map(repr, await unit_of_work.execute(_rows_without_use(table, self.tenant.app.id))))
                for table in metadata.sorted_tables
                if "app_id" in table.c
            }


def _rows_without_use(table: Table, app_id: AppId) -> Select[Any]:
    return select(*(column for column in table.c if column.name != "last_used_at")).where(table.c.app_id == app_id)


async def sign_in(broker: Broker, service: FastAPI, role: OperatorRole) -> Console:
    """A client of an operator with this role."""
    access: ConsoleAccess = service.state.console
    token = await access.start(
        broker,
        OperatorIdentity(f"Olive ({role})", role),
        SignInMethod.OPENID_CONNECT,
        zone="UTC",
        origin=ClientInfo(None, None),
        replaces=None,
        now=broker.now(),
    )
    transport = httpx.ASGITransport(service)
    client = httpx.AsyncClient(transport=transport, base_url="http://videobroker", cookies={COOKIE: token})
    return Console(client)


@pytest.fixture
async def backend(broker: Broker, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Backend]:
    """The app's backend on this machine, which the service can reach."""
    sender = WebhookSender(allow_private=True)
    monkeypatch.setattr(broker.webhook_sender, "send", sender.send)
    monkeypatch.setattr(broker.webhook_sender, "allow_private", True)
    async with start_backend() as backend:
        yield backend
    await sender.aclose()


@pytest.fixture
async def scenario(
    broker: Broker, tutoring: Tenant, backend: Backend, no_failed_attempts: None
) -> AsyncIterator[Scenario]:
    """One in which no request was sent yet."""
    tenant = tutoring
    await tenant.book(participants=PEOPLE, policy={"waiting_room": "admit"})
    endpoint = (await tenant.post("/v1/webhook-endpoints", {"url": backend.url})).json()["id"]
    await tenant.post("/v1/bookings/lesson-1/start")
    await tenant.post("/v1/bookings/lesson-1/join", {"user_id": "student-1"})
    (entry,) = (await tenant.get("/v1/bookings/lesson-1/lobby")).json()["data"]
    await tenant.post("/v1/bookings/lesson-1/links", {"user_id": "tutor-1"})
    await deliver_due(tenant)
    (delivery, *_) = (await tenant.get(f"/v1/webhook-endpoints/{endpoint}/deliveries")).json()["data"]
    service = service_with_console(broker, ConsoleAccess(ADMIN_KEY))
    clients = {role: await sign_in(tenant.broker, service, role) for role in OperatorRole}
    session = (await clients[ADMIN].get(f"/console/search?app={tenant.app.id}&q=lesson-1")).text
    found = re.search(rf"/console/sessions/{tenant.app.id}/([0-9a-f-]+)", session)
    assert found
    _, operator_key = await management.create_operator_key(
        context_of(broker, tenants.SERVICE), "program", role=VIEWER, expires_at=None
    )
    places = {
        "app_id": str(tenant.app.id),
        "session_id": found[1],
        "endpoint_id": endpoint,
        "delivery_id": delivery["id"],
        "entry": entry["entry"],
        "section": "upcoming",
        "file_format": "csv",
        "part": "policy",
        "key_id": str((await all_keys(tenant.context))[0].id),
        "operator_key_id": str(operator_key.id),
        **{
            f"{name}_base": fingerprint(tenant.app, prefix)
            for name, prefix in (
                ("roles", "role_maps."),
                ("policy", "policy."),
                ("origins", "allowed_origins"),
                ("legacy", "legacy"),
            )
        },
    }
    yield Scenario(tenant, places, clients)
    for client in clients.values():
        await client.client.aclose()


async def test_a_role_may_do_only_what_it_includes(scenario: Scenario) -> None:
    """Denied requests first, because allowed ones change what the others would find."""
    for operation, least in LEAST_ROLES.items():
        for role in OperatorRole:
            if role.includes(least):
                continue
            before = await scenario.snapshot()
            response = await scenario.send(operation, role)
            assert (response.status_code, CODE in response.text) == (403, True), (operation, role)
            assert f"it needs the role `{least}`" in response.text
            assert await scenario.snapshot() == before, (operation, role)
    for operation, least in LEAST_ROLES.items():
        for role in OperatorRole:
            if role.includes(least):
                response = await scenario.send(operation, role)
                assert CODE not in response.text, (operation, role)
                is_first = role is least
                assert response.status_code < (400 if is_first else 500), (operation, role, response.text)


DOWNLOADS = {
    "GET /console/export/sessions",
    f"GET {SESSION}/attendance.csv",
    "GET /console/journal/export/{file_format}",
    "GET /console/deliveries/{app_id}/export/deliveries.csv",
}


def operation_of(method: str, url: str) -> str | None:
    """The operation of a link or form; None for those of everyone, and for other parts of the service."""
    path = url.partition("?")[0].partition("#")[0]
    for operation in sorted(LEAST_ROLES, key=lambda each: each.count("{")):
        known, template = operation.split()
        if known == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", template), path):
            return operation
    return None


def operations_of(page: str) -> set[str]:
    """What the links and forms of a page lead to."""
    links = re.findall(r'<a [^>]*href="([^"]+)"', page)
    forms = re.findall(r'<form method="post" action="([^"]+)"', page) + re.findall(r'formaction="([^"]+)"', page)
    found = {operation_of("GET", each) for each in links} | {operation_of("POST", each) for each in forms}
    return {each for each in found if each is not None}


@pytest.mark.parametrize("role", OperatorRole)
async def test_a_page_shows_only_what_the_role_may_do(scenario: Scenario, role: OperatorRole) -> None:
    """A button that leads to an error, or a form that cannot be sent, is a dead end."""
    seen: set[str] = set()
    sections = [f"GET {APP}/{section.value}" for section in AppSection]
    views = [each for each in (*LEAST_ROLES, *sections) if each.startswith("GET ") and each not in DOWNLOADS]
    for view in views:
        if not role.includes(LEAST_ROLES.get(view, VIEWER)):
            continue
        page = await scenario.send(view, role)
        assert page.status_code == 200, (view, page.text)
        seen |= operations_of(page.text)
    assert {each for each in seen if not role.includes(LEAST_ROLES[each])} == set()
    assert f"GET {SESSION}" in seen
    # The pages do show forms and buttons to those who may use them.
    assert (f"POST {SESSION}/admit" in seen) == role.includes(SUPPORT)
    assert (f"POST {APP}/policy" in seen) == role.includes(ADMIN)
