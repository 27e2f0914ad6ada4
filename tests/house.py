"""What the tests are told about: an app with its key, the sandbox, a clock that moves."""

import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx

from videobroker.broker import Broker
from videobroker.domain.apps import App, ProviderName
from videobroker.domain.keys import Scope
from videobroker.domain.times import rfc3339
from videobroker.sandbox import Workspace
from videobroker.usecases import tenants

HMS_ROLES = {"tutor": "teacher", "student": "student", "guest": "student"}
LESSON = [
    {"user_id": "tutor-1", "role": "tutor", "display_name": "Ada"},
    {"user_id": "student-1", "role": "student", "display_name": "Ben"},
]


class MovableClock:
    """Tells the real time, moved by as much as the test says."""

    def __init__(self) -> None:
        self._moved = timedelta()

    def __call__(self) -> datetime:
        """The time, here."""
        return datetime.now(UTC) + self._moved

    def move(self, **by: float) -> None:
        """Let time pass: `move(minutes=5)`."""
        self._moved += timedelta(**by)

    def reset(self) -> None:
        """Back to the real time."""
        self._moved = timedelta()


def moment_of(identifier: UUID) -> datetime:
    """The millisecond at which a UUIDv7 was made, in UTC (RFC 9562, section 5.7)."""
    return datetime.fromtimestamp((identifier.int >> 80) / 1000, tz=UTC)


def code_of(answer: httpx.Response) -> str:
    """Our stable code for an error: in a problem document, or beside an old answer."""
    beside = answer.headers.get("Videobroker-Code")
    return str(answer.json()["code"]) if beside is None else beside


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Sandbox:
    """The pretend 100ms, and its switches."""

    url: str
    client: httpx.AsyncClient
    workspace: Workspace

    def account(self, template: str, *, prebuilt: bool = False) -> dict[str, str]:
        """The settings of an account with it."""
        template_id = next(each.id for each in self.workspace.templates if each.name == template)
        return {
            "access_key": self.workspace.access_key,
            "secret": self.workspace.secret,
            "template_id": template_id,
            "api_url": f"{self.url}/v2",
            **({"prebuilt_url": self.url} if prebuilt else {}),
        }

    async def reset(self) -> None:
        """Count from zero, and behave."""
        await self.client.post("/_sandbox/counters/reset")
        await self.client.delete("/_sandbox/faults")

    async def counters(self) -> dict[str, Any]:
        """What was asked, by operation."""
        counted: dict[str, Any] = (await self.client.get("/_sandbox/counters")).json()
        return counted

    async def fault(self, kind: str, **how: Any) -> None:
        """Misbehave: `fault("status", status=500, times=2)`."""
        answer = await self.client.post("/_sandbox/faults", json={"kind": kind, **how})
        assert answer.status_code == 200, answer.text

    async def heal(self) -> None:
        """Behave again."""
        await self.client.delete("/_sandbox/faults")


@dataclass(frozen=True)
class Tenant:
    """An app, and a backend of it that has a key."""

    app: App
    key: str
    api: httpx.AsyncClient
    broker: Broker = field(repr=False)

    async def send(self, method: str, path: str, **how: Any) -> httpx.Response:
        """A request with the app's key."""
        headers = {"Authorization": f"Bearer {self.key}", **how.pop("headers", {})}
        return await self.api.request(method, path, headers=headers, **how)

    async def post(self, path: str, body: Any = None, **how: Any) -> httpx.Response:
        """POST this body as JSON."""
        return await self.send("POST", path, json={} if body is None else body, **how)

    async def get(self, path: str, **how: Any) -> httpx.Response:
        """GET."""
        return await self.send("GET", path, **how)

    async def book(
        self, reference: str = "lesson-1", *, starts_in: timedelta | None = None, **fields: Any
    ) -> dict[str, Any]:
        """Register a booking of one hour for Ada and Ben; it starts in five minutes."""
        starts_at = self.broker.now() + (timedelta(minutes=5) if starts_in is None else starts_in)
        body = {"starts_at": rfc3339(starts_at), "duration_minutes": 60, "participants": LESSON, **fields}
        answer = await self.send("PUT", f"/v1/bookings/{reference}", json=body)
        assert answer.status_code in {200, 201}, answer.text
        booked: dict[str, Any] = answer.json()
        return booked

    async def gather(self, reference: str = "circle", **fields: Any) -> dict[str, Any]:
        """Register a group of Ada and Ben."""
        answer = await self.send("PUT", f"/v1/groups/{reference}", json={"participants": LESSON, **fields})
        assert answer.status_code in {200, 201}, answer.text
        gathered: dict[str, Any] = answer.json()
        return gathered

    async def join(self, reference: str = "lesson-1", user_id: str = "tutor-1", **fields: Any) -> httpx.Response:
        """Ask for join credentials to a booking."""
        return await self.post(f"/v1/bookings/{reference}/join", {"user_id": user_id, **fields})

    async def events(self, *types: str, **filters: Any) -> list[dict[str, Any]]:
        """The journal, oldest first, as far as these types go."""
        answer = await self.get("/v1/events", params={"type": list(types), "limit": 100, **filters})
        assert answer.status_code == 200, answer.text
        events: list[dict[str, Any]] = answer.json()["data"]
        return events

    async def another_key(self, *, scopes: Iterable[Scope] = Scope, expires_at: datetime | None = None) -> str:
        """One more key of the app."""
        secret, _ = await tenants.create_key(
            self.broker, self.app, "another", scopes=scopes, expires_at=expires_at, now=self.broker.now()
        )
        return secret


async def make_tenant(
    broker: Broker,
    api: httpx.AsyncClient,
    accounts: Mapping[ProviderName, Mapping[str, str]],
    role_maps: Mapping[ProviderName, Mapping[str, str]],
    *,
    policy: Mapping[str, Any] | None = None,
) -> Tenant:
    """A new app with these accounts, and a key that may do everything."""
    now = broker.now()
    app = await tenants.create_app(broker, f"app-{uuid4()}", policy=policy or {}, role_maps=role_maps, now=now)
    for provider, settings in accounts.items():
        app = await tenants.set_account(broker, app, provider, settings, now=now)
    key, _ = await tenants.create_key(broker, app, "test", scopes=Scope, expires_at=None, now=now)
    return Tenant(app, key, api, broker)
