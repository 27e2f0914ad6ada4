"""Apps with a client, a client of the sandbox, and a movable clock."""

import random
import socket
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import select
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as AsgiScope

from polling import eventually
from videobroker.broker import Broker
from videobroker.domain.actors import Actor
from videobroker.domain.api_keys import Scope
from videobroker.domain.apps import App, LegacyFamily, ProviderName
from videobroker.domain.events import OPT_IN_EVENTS, EventType
from videobroker.domain.ids import SessionId
from videobroker.domain.times import rfc3339
from videobroker.sandbox import AgoraProject, SandboxConfig, Workspace
from videobroker.storage.calls import calls
from videobroker.storage.tables import sessions
from videobroker.usecases import management, tenants
from videobroker.usecases.attendance.process_webhooks import process_session
from videobroker.usecases.attendance.reconciliation import reconcile_call
from videobroker.usecases.context import RequestContext
from videobroker.usecases.joining.moderation import enforce_removals
from videobroker.usecases.lifecycle import run_due_steps

HMS_ROLES = {"tutor": "teacher", "student": "student", "guest": "student"}
FIVE_ROLES = ("lead", "assistant", "speaker", "member", "listener")
LESSON = [
    {"user_id": "tutor-1", "role": "tutor", "display_name": "Ada"},
    {"user_id": "student-1", "role": "student", "display_name": "Ben"},
]


def with_five_roles(config: SandboxConfig) -> SandboxConfig:
    """The sandbox with an additional template, `school`, that has five roles."""
    workspace = config.workspaces[0]
    school = replace(workspace.templates[0], id=f"5a0db0c5{5:016x}", name="school", roles=FIVE_ROLES, default=False)
    school = replace(school, subdomain="sandbox-school")
    return replace(config, workspaces=(replace(workspace, templates=(*workspace.templates, school)),))


class MovableClock:
    """The real time, plus the duration by which a test has moved it."""

    def __init__(self) -> None:
        self._moved = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self._moved

    def move(self, **by: float) -> None:
        """Let time pass: `move(minutes=5)`."""
        self._moved += timedelta(**by)

    def reset(self) -> None:
        """Return to the real time."""
        self._moved = timedelta()


def uuid7_time(identifier: UUID) -> datetime:
    """The creation time of a UUIDv7 in UTC, in milliseconds (RFC 9562, section 5.7)."""
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, tz=UTC)


def error_code(response: httpx.Response) -> str:
    """The error code of a problem document, or of a legacy error, which has it in a header."""
    header = response.headers.get("Videobroker-Code")
    return str(response.json()["code"]) if header is None else header


def free_port() -> int:
    """A port on which nothing listens, and which this process has not returned before.

    It lies below the ports of outgoing connections: none of them can take it before the program that gets it listens.
    """
    while True:
        port = random.SystemRandom().randrange(10_000, _first_outgoing_port())
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _returned_ports:
                _returned_ports.add(port)
                return port


_returned_ports: set[int] = set()


def _first_outgoing_port() -> int:
    linux = Path("/proc/sys/net/ipv4/ip_local_port_range")
    return int(linux.read_text().split()[0]) if linux.exists() else 32_768


@dataclass(frozen=True)
class Sandbox:
    """A client of the emulated vendors and of their control API."""

    url: str
    client: httpx.AsyncClient
    workspace: Workspace
    agora: AgoraProject
    control: httpx.AsyncClient
    """A client of the control API, without a socket if possible: every test uses it twice."""

    def account(self, template: str, *, prebuilt: bool = False) -> dict[str, str]:
        """The settings of an account with this template."""
        template_id = next(each.id for each in self.workspace.templates if each.name == template)
        return {
            "access_key": self.workspace.access_key,
            "secret": self.workspace.secret,
            "template_id": template_id,
            "api_url": f"{self.url}/v2",
            **({"prebuilt_url": self.url} if prebuilt else {}),
        }

    async def reset(self) -> None:
        """Clear counters, faults, webhook behavior, and pending webhooks."""
        response = await self.control.post("/_sandbox/reset")
        assert response.status_code == 200, response.text

    async def join_room(self, room_id: str, **options: Any) -> str:
        """Join a 100ms room with a `token`, or with a `code` and an optional `user_id`. Returns the peer ID."""
        response = await self.client.post(f"/_sandbox/rooms/{room_id}/peers", json={"name": "A person", **options})
        assert response.status_code == 200, response.text
        return str(response.json()["peer"]["id"])

    async def leave_room(self, room_id: str, peer_id: str) -> None:
        response = await self.client.delete(f"/_sandbox/rooms/{room_id}/peers/{peer_id}")
        assert response.status_code == 200, response.text

    async def use_up_codes(self, room_id: str, *, leave: int) -> None:
        """Reduce the number of room codes that a 100ms room can still get."""
        response = await self.client.post(f"/_sandbox/rooms/{room_id}/used-up-codes", json={"leave": leave})
        assert response.status_code == 200, response.text

    async def join_channel(self, joined: Mapping[str, Any], **options: Any) -> None:
        """Join an Agora channel with these join credentials."""
        response = await self.client.post(
            f"/_sandbox/agora/{joined['channel']}/users",
            json={"token": joined["token"], "uid": joined["uid"], **options},
        )
        assert response.status_code == 200, response.text

    async def leave_channel(self, joined: Mapping[str, Any]) -> None:
        response = await self.client.delete(f"/_sandbox/agora/{joined['channel']}/users/{joined['uid']}")
        assert response.status_code == 200, response.text

    async def set_webhook_behavior(self, **behavior: Any) -> None:
        """Set how webhooks are delivered: `set_webhook_behavior(duplicates=2, shuffle=True)`."""
        response = await self.client.put("/_sandbox/webhooks/behaviour", json=behavior)
        assert response.status_code == 200, response.text

    async def deliver_webhooks(self) -> None:
        """Deliver all pending webhooks."""
        # Long enough for a machine that is busy with browsers.
        response = await self.client.post("/_sandbox/webhooks/flush", json={"timeout_seconds": 50})
        assert response.status_code == 200, response.text

    async def counters(self) -> dict[str, Any]:
        """The numbers of requests by operation."""
        counted: dict[str, Any] = (await self.client.get("/_sandbox/counters")).json()
        return counted

    async def inject_fault(self, kind: str, **options: Any) -> None:
        """Inject a fault: `inject_fault("status", status=500, times=2)`."""
        response = await self.client.post("/_sandbox/faults", json={"kind": kind, **options})
        assert response.status_code == 200, response.text

    async def clear_faults(self) -> None:
        await self.client.delete("/_sandbox/faults")


def context_of(broker: Broker, app: App, *, actor: Actor | None = None, now: datetime | None = None) -> RequestContext:
    """The request context of a use case, by default of the service itself and of the current time."""
    return RequestContext(broker, app, actor or Actor(app.id), now or broker.now())


@dataclass(frozen=True)
class Tenant:
    """An app, and a client with one of its keys."""

    app: App
    key: str
    api: httpx.AsyncClient
    broker: Broker = field(repr=False)

    @property
    def actor(self) -> Actor:
        """The actor of the service itself and of the command line."""
        return Actor(self.app.id)

    @property
    def context(self) -> RequestContext:
        """The request context of a use case that the service itself runs now."""
        return context_of(self.broker, self.app)

    async def send(self, method: str, path: str, **options: Any) -> httpx.Response:
        """Send a request with the app's key."""
        headers = {"Authorization": f"Bearer {self.key}", **options.pop("headers", {})}
        return await self.api.request(method, path, headers=headers, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        return await self.send("POST", path, json={} if body is None else body, **options)

    async def get(self, path: str, **options: Any) -> httpx.Response:
        return await self.send("GET", path, **options)

    async def book(
        self, reference: str = "lesson-1", *, starts_in: timedelta | None = None, **fields: Any
    ) -> dict[str, Any]:
        """Register a booking of one hour for Ada and Ben. By default, it starts in five minutes."""
        starts_at = self.broker.now() + (timedelta(minutes=5) if starts_in is None else starts_in)
        body = {"starts_at": rfc3339(starts_at), "duration_minutes": 60, "participants": LESSON, **fields}
        response = await self.send("PUT", f"/v1/bookings/{reference}", json=body)
        assert response.status_code in {200, 201}, response.text
        booked: dict[str, Any] = response.json()
        return booked

    async def create_group(self, reference: str = "circle", **fields: Any) -> dict[str, Any]:
        """Register a group of Ada and Ben."""
        response = await self.send("PUT", f"/v1/groups/{reference}", json={"participants": LESSON, **fields})
        assert response.status_code in {200, 201}, response.text
        gathered: dict[str, Any] = response.json()
        return gathered

    async def join(self, reference: str = "lesson-1", user_id: str = "tutor-1", **fields: Any) -> httpx.Response:
        """Request join credentials for a booking."""
        return await self.post(f"/v1/bookings/{reference}/join", {"user_id": user_id, **fields})

    async def events(self, *types: str, **filters: Any) -> list[dict[str, Any]]:
        """Events of these types, oldest first. Without types, all but those about the setup of the app."""
        wanted = list(types) or [each.value for each in EventType if each not in OPT_IN_EVENTS]
        response = await self.get("/v1/events", params={"type": wanted, "limit": 100, **filters})
        assert response.status_code == 200, response.text
        events: list[dict[str, Any]] = response.json()["data"]
        return events

    async def run_due_jobs(self) -> None:
        """Run all background work of this app that is due, as a worker does."""
        for _ in range(3):
            for session_id in await self._sessions():
                await process_session(self.broker, self.app.id, session_id, now=self.broker.now())
                await enforce_removals(self.broker, self.app.id, session_id, now=self.broker.now())
                await run_due_steps(self.broker, self.app.id, session_id, now=self.broker.now())

    async def wait_for_probe(self) -> None:
        """Wait until requests are sent to the accounts of the app, after failures that opened a circuit."""
        ids = {account.id for account in self.app.accounts.values()}
        circuits = self.broker.providers.circuits
        await eventually(lambda: not any(each.status.is_rejecting for each in circuits() if each.account_id in ids))

    async def reconcile_calls(self) -> None:
        """Reconcile every call of this app that is not settled."""
        for session_id in await self._sessions():
            async with self.broker.store.cross_app_transaction() as unit_of_work:
                found = await calls.newest_of_session(unit_of_work, self.app.id, session_id)
            for call in found:
                await reconcile_call(self.broker, self.app.id, session_id, call.id, now=self.broker.now())

    async def present_users(self, room_id: str) -> list[str]:
        """The provider user IDs of the people in a room, as reported by the provider."""
        (name,) = self.app.default_providers
        rolls = await self.broker.provider(self.app, name).fetch_presence(room_id, since=self.broker.now())
        return sorted(seen.provider_user_id for roll in rolls for seen in roll.people if seen.left_at is None)

    async def _sessions(self) -> list[SessionId]:
        async with self.broker.store.cross_app_transaction() as unit_of_work:
            statement = select(sessions.c.id).where(sessions.c.app_id == self.app.id)
            return list((await unit_of_work.execute(statement)).scalars())

    async def create_key(self, *, scopes: Iterable[Scope] = Scope, expires_at: datetime | None = None) -> str:
        """Create another key of the app. One that has expired was created before that."""
        now = self.broker.now()
        if expires_at is not None:
            now = min(now, expires_at - timedelta(seconds=1))
        secret, _ = await management.create_key(
            context_of(self.broker, self.app, now=now), "another", scopes=scopes, expires_at=expires_at
        )
        return secret

    # The former names, for `test_fast_path.py` and `test_http1_connection.py`.
    gather = create_group
    another_key = create_key


async def create_link(
    tenant: Tenant, user_id: str = "student-1", path: str = "/v1/bookings/lesson-1/links", **fields: Any
) -> dict[str, Any]:
    """A link for a participant."""
    response = await tenant.post(path, {"user_id": user_id, **fields})
    assert response.status_code == 201, response.text
    link: dict[str, Any] = response.json()
    return link


async def create_guest_link(
    tenant: Tenant, name: str = "Gus", path: str = "/v1/bookings/lesson-1/links"
) -> dict[str, Any]:
    """A link for a guest."""
    response = await tenant.post(path, {"guest": {"display_name": name}})
    assert response.status_code == 201, response.text
    link: dict[str, Any] = response.json()
    return link


async def send_as(
    tenant: Tenant, bearer: Any, method: str, path: str, body: Any = None, **headers: str
) -> httpx.Response:
    """Send a request with a ticket, or with a user token."""
    text = bearer if isinstance(bearer, str) else bearer["ticket"]
    return await tenant.api.request(method, path, json=body, headers={"Authorization": f"Bearer {text}", **headers})


class DeferredApp:
    """Forwards requests to a service that is set later."""

    service: ASGIApp

    async def __call__(self, scope: AsgiScope, receive: Receive, send: Send) -> None:
        await self.service(scope, receive, send)


HOOK_SECRET = "invented-hook-secret"


async def with_webhooks(tenant: Tenant, sandbox: Sandbox, **settings: str) -> Tenant:
    """The tenant with webhooks of 100ms."""
    account = {
        **sandbox.account("tutoring", prebuilt=True),
        "webhook_secret": HOOK_SECRET,
        "webhook_url": f"http://videobroker/hooks/100ms/{tenant.app.name}",
        **settings,
    }
    app = await management.set_account(context_of(tenant.broker, tenant.app), ProviderName.HMS, account)
    return replace(tenant, app=app)


async def with_notifications(tenant: Tenant, sandbox: Sandbox) -> Tenant:
    """The tenant with notifications of Agora and credentials for its REST API."""
    project = sandbox.agora
    account = {
        "app_id": project.app_id,
        "app_certificate": project.app_certificate,
        "customer_id": project.customer_id,
        "customer_secret": project.customer_secret,
        "notifications_secret": project.notifications_secret,
        "api_url": sandbox.url,
    }
    app = await management.set_account(context_of(tenant.broker, tenant.app), ProviderName.AGORA, account)
    target = {
        "url": f"http://videobroker/hooks/agora/{tenant.app.name}",
        "secret": project.notifications_secret,
    }
    response = await sandbox.client.put("/_sandbox/agora/notifications", json=target)
    assert response.status_code == 200, response.text
    return replace(tenant, app=app)


async def make_tenant(
    broker: Broker,
    api: httpx.AsyncClient,
    accounts: Mapping[ProviderName, Mapping[str, str]],
    role_maps: Mapping[ProviderName, Mapping[str, str]],
    *,
    policy: Mapping[str, Any] | None = None,
) -> Tenant:
    """A new app with these accounts, and a key with all scopes."""
    now = broker.now()
    app = await management.create_app(
        context_of(broker, tenants.SERVICE, now=now),
        f"app-{uuid4()}",
        policy=policy or {},
        role_maps=role_maps,
        legacy_families=frozenset(LegacyFamily),
    )
    for provider, settings in accounts.items():
        app = await management.set_account(context_of(broker, app, now=now), provider, settings)
    key, _ = await management.create_key(context_of(broker, app, now=now), "test", scopes=Scope, expires_at=None)
    return Tenant(app, key, api, broker)
