"""A crash at any step loses nothing: a process that repeats the work reaches the same final state.

A step is an effect outside of the process: before and after a commit of a transaction that wrote something, before and
after a request to the provider, and between a finished job and its removal from the queue. Every scenario runs once
without a crash, and then once for each step: the process crashes there, another one repeats the work, and everything
that is observable afterwards must equal the run without a crash.

The clock moves only when a scenario moves it, so that times can be compared.
"""

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.types import Receive, Scope, Send

from tenants import (
    HMS_ROLES,
    DeferredApp,
    MovableClock,
    Sandbox,
    Tenant,
    context_of,
    make_tenant,
    with_notifications,
    with_webhooks,
)
from videobroker.broker import Broker
from videobroker.concurrency import lease
from videobroker.concurrency.singleflight import SingleFlight
from videobroker.domain.apps import App, ProviderAccount, ProviderName
from videobroker.domain.events import Event
from videobroker.domain.ids import AccountId, AppId
from videobroker.domain.sessions import SessionKey, SessionKind, SessionStatus
from videobroker.errors import AccessDenied, SessionNotFound
from videobroker.providers.agora.provider import AgoraProvider
from videobroker.providers.contract import AccountCircuit, AccountSetting, Provider, Surface
from videobroker.providers.hms.client import HmsClient
from videobroker.providers.hms.errors import HmsForbidden
from videobroker.providers.hms.provider import HmsProvider
from videobroker.providers.hms.tokens import AccountKeys, ManagementTokens
from videobroker.sandbox.agora.notifications import NotificationPublisher
from videobroker.storage.attendance.inbox_writer import InboxWriter, IncomingWebhook
from videobroker.storage.calls.room_codes import decrypt, stored_codes
from videobroker.storage.jobs import Job, JobKind
from videobroker.storage.journal.journal import JournalWriter
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.usecases import registration
from videobroker.usecases.attendance.receive_webhook import receive
from videobroker.usecases.calls import calls
from videobroker.usecases.calls.orphaned_rooms import CLAIM_DURATION
from videobroker.usecases.context import RequestContext
from videobroker.usecases.deletion import delete_session
from videobroker.usecases.joining import join as joining
from videobroker.usecases.joining import moderation, waiting_room
from videobroker.usecases.operations.sweeper import sweep
from videobroker.wiring import ProviderRegistry
from videobroker.worker import run_job

LESSON = SessionKind.BOOKING, "lesson-1"
CIRCLE = SessionKind.GROUP, "circle"
AGORA_ROLES = {"tutor": "publisher", "student": "publisher", "guest": "subscriber"}
WRITE_STEPS = ("committed", "responded")
"""Prefixes of the steps that follow a write."""
MAX_ROUNDS = 20
"""A worker that still finds jobs after this many rounds is in an endless loop."""


STRIDE = int(os.environ.get("CRASH_STRIDE", "16"))
"""Every how many steps a process crashes. `make full` tests more of the steps, and `make crashes` all.

The first step depends on the scenario."""


# Processes that crash


class Crash(BaseException):
    """The end of the process. No handler catches it, like `kill -9`."""


class CrashPoint:
    """Counts the steps of one process, and crashes it at one of them. A crashed process takes no further step."""

    def __init__(self, crash_step: int | None = None) -> None:
        self._crash_step = crash_step
        self.steps: list[str] = []

    def step(self, name: str) -> None:
        """Record a step that has an effect outside of the process."""
        self.steps.append(name)
        if self.has_crashed:
            raise Crash(name)

    @property
    def has_crashed(self) -> bool:
        """Whether the process has crashed."""
        return self._crash_step is not None and len(self.steps) >= self._crash_step


class CrashingStore(Store):
    """A store that may crash before and after each commit."""

    def __init__(self, store: Store, crash_point: CrashPoint) -> None:
        # It shares connections and settings with the original. Only the transactions differ.
        vars(self).update(vars(store))
        self._crash_point = crash_point

    def transaction(
        self, app_id: AppId | None = None, *, long_statements: bool = False
    ) -> AbstractAsyncContextManager[UnitOfWork]:
        """A transaction with a step before and after its commit, unless it only read."""
        return self._with_steps(super().transaction(app_id, long_statements=long_statements))

    def cross_app_transaction(self, *, long_statements: bool = False) -> AbstractAsyncContextManager[UnitOfWork]:
        """As `transaction`."""
        return self._with_steps(super().cross_app_transaction(long_statements=long_statements))

    @asynccontextmanager
    async def _with_steps(self, transaction: AbstractAsyncContextManager[UnitOfWork]) -> AsyncIterator[UnitOfWork]:
        async with transaction as unit_of_work:
            yield unit_of_work
            wrote = (await unit_of_work.execute(text("select pg_current_xact_id_if_assigned()::text"))).scalar_one()
            if wrote:
                self._crash_point.step("to be committed")
        if wrote:
            self._crash_point.step("committed")


class CrashingJournalWriter(JournalWriter):
    """A journal writer that may crash before and after each commit."""

    def __init__(self, writer: JournalWriter, crash_point: CrashPoint) -> None:
        vars(self).update(vars(writer))
        self._crash_point = crash_point

    async def record(self, event: Event) -> bool:
        """Record with a step before and after the commit."""
        self._crash_point.step("to be committed")
        written = await super().record(event)
        self._crash_point.step("committed")
        return written


class CrashingInboxWriter(InboxWriter):
    """An inbox writer that may crash before and after each commit."""

    def __init__(self, writer: InboxWriter, crash_point: CrashPoint) -> None:
        vars(self).update(vars(writer))
        self._crash_point = crash_point

    async def record(self, webhook: IncomingWebhook) -> bool:
        """Record with a step before and after the commit."""
        self._crash_point.step("to be committed")
        new = await super().record(webhook)
        self._crash_point.step("committed")
        return new


class CrashingTransport(httpx.AsyncBaseTransport):
    """A transport that may crash before each request and after each response."""

    def __init__(self, network: httpx.AsyncBaseTransport, crash_point: CrashPoint) -> None:
        self._network = network
        self._crash_point = crash_point

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send with a step before the request and after the response."""
        self._crash_point.step(f"to be sent: {request.method}")
        response = await self._network.handle_async_request(request)
        await response.aread()
        self._crash_point.step(f"responded: {request.method}")
        return response


class CrashingProviderRegistry:
    """A provider registry whose transport may crash."""

    def __init__(self, network: httpx.AsyncBaseTransport, clock: Callable[[], datetime]) -> None:
        self._network, self._clock = network, clock
        self._providers: dict[AccountId, Provider] = {}

    def provider(self, account: ProviderAccount) -> Provider:
        """The real provider on the transport that may crash."""
        if account.id not in self._providers:
            make = AgoraProvider if account.provider is ProviderName.AGORA else HmsProvider
            self._providers[account.id] = make.from_settings(
                account.settings, clock=self._clock, transport=self._network
            )
        return self._providers[account.id]

    def settings_of(self, name: ProviderName) -> Sequence[AccountSetting]:
        """The settings of real accounts."""
        return ProviderRegistry(self._clock).settings_of(name)

    def circuits(self) -> list[AccountCircuit]:
        """The circuits of these providers."""
        return [AccountCircuit(key, provider.name, provider.circuit) for key, provider in self._providers.items()]

    async def aclose(self) -> None:
        """Close all providers."""
        for provider in self._providers.values():
            await provider.aclose()


@dataclass(frozen=True)
class Process:
    """A worker, or a broker that serves requests, until it crashes."""

    app: App
    broker: Broker
    crash_point: CrashPoint

    async def work(self) -> None:
        """Work like a worker until no job is left: sweep, run the app's jobs, and delete them from the queue."""
        for _ in range(MAX_ROUNDS):
            await sweep(self.broker, now=self.broker.now())
            queued = await _queued_jobs(self.app, self.broker)
            if not queued:
                return
            for number, job in queued:
                await run_job(self.broker, job)
                self.crash_point.step(f"done, not deleted: {job.kind}")
                await _delete_job(self.broker, number)
        raise AssertionError("the worker is in an endless loop")

    @property
    def context(self) -> RequestContext:
        """The context of a use case that the app's backend runs now."""
        return context_of(self.broker, self.app)


@asynccontextmanager
async def start_process(env: "Environment", crash_point: CrashPoint) -> AsyncIterator[Process]:
    """A process that works for the tenant of this environment."""
    broker = env.tenant.broker
    registry = CrashingProviderRegistry(CrashingTransport(env.network, crash_point), broker.now)
    crashing_broker = replace(
        broker,
        store=CrashingStore(broker.store, crash_point),
        journal_writer=CrashingJournalWriter(broker.journal_writer, crash_point),
        inbox_writer=CrashingInboxWriter(broker.inbox_writer, crash_point),
        providers=registry,
        single_flight=SingleFlight(),
    )
    yield Process(env.tenant.app, crashing_broker, crash_point)
    await registry.aclose()


async def _queued_jobs(app: App, broker: Broker) -> list[tuple[int, Job]]:
    """The app's jobs, as a worker would take them, including those of crashed workers."""
    async with broker.store.cross_app_transaction() as unit_of_work:
        rows = await unit_of_work.execute(text("select id, entrypoint, payload from jobs.queue order by id"))
        jobs = [(row.id, Job.read(JobKind(row.entrypoint), row.payload)) for row in rows]
    return [(number, job) for number, job in jobs if job.app_id == app.id]


async def _delete_job(broker: Broker, number: int) -> None:
    # Not through the crashing store: the deletion of a job has its own step.
    async with broker.store.engine.begin() as unit_of_work:
        await unit_of_work.execute(text("delete from jobs.queue where id = :id"), {"id": number})


# Environments of the scenarios


class WebhookCollector:
    """Receives webhooks in place of the service, so that a test can deliver them itself."""

    def __init__(self) -> None:
        self.undelivered_webhooks: list[tuple[dict[str, str], bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Store one webhook."""
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        self.undelivered_webhooks.append((headers, body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b"{}"})


@dataclass(frozen=True)
class Environment:
    """A new tenant with its state before the scenario."""

    tenant: Tenant
    sandbox: Sandbox
    clock: MovableClock
    deferred_app: DeferredApp
    network: httpx.AsyncBaseTransport
    began_at: datetime
    credentials: dict[str, dict[str, Any]] = field(default_factory=dict)
    """The latest join credentials by user ID."""
    peers: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    """Issued room codes by user ID."""
    undelivered_webhooks: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    """Webhooks that were not delivered to the service: headers and body."""

    @property
    def at_agora(self) -> bool:
        """Whether the app uses Agora instead of 100ms."""
        return ProviderName.AGORA in self.tenant.app.accounts

    async def join(self, user_id: str, session: tuple[SessionKind, str] = LESSON, *, surface: str = "sdk") -> None:
        """Get join credentials."""
        kind, reference = session
        body = {"user_id": user_id, "surface": surface}
        response = await self.tenant.post(f"/v1/{kind}s/{reference}/join", body)
        assert response.status_code == 200, response.text
        self.credentials[user_id] = response.json()
        if surface == "prebuilt":
            self.codes[user_id] = response.json()["room_code"]

    async def join_and_enter(
        self, *people: str, session: tuple[SessionKind, str] = LESSON, surface: str = "sdk"
    ) -> None:
        """Get credentials and enter the room. The webhooks about it are not delivered yet."""
        for user_id in people:
            await self.join(user_id, session, surface=surface)
            await self.enter(user_id)

    async def enter(self, user_id: str) -> None:
        """Enter the room with the latest credentials."""
        credentials = self.credentials[user_id]
        if self.at_agora:
            await self.sandbox.join_channel(credentials)
        elif "room_code" in credentials:
            how = {"code": credentials["room_code"], "user_id": user_id}
            self.peers[user_id] = await self.sandbox.join_room(credentials["room_id"], **how)
        else:
            self.peers[user_id] = await self.sandbox.join_room(credentials["room_id"], token=credentials["token"])

    async def leave(self, user_id: str) -> None:
        """Leave the room."""
        credentials = self.credentials[user_id]
        if self.at_agora:
            await self.sandbox.leave_channel(credentials)
        else:
            await self.sandbox.leave_room(credentials["room_id"], self.peers[user_id])

    async def run_due_jobs(self) -> None:
        """Deliver the webhooks, and run all jobs that are due."""
        await self.sandbox.deliver_webhooks()
        async with start_process(self, CrashPoint()) as worker:
            await worker.work()

    async def catch_webhooks(self) -> None:
        """Deliver the pending webhooks to `undelivered_webhooks` instead of the service."""
        service, collector = self.deferred_app.service, WebhookCollector()
        self.deferred_app.service = collector
        try:
            await self.sandbox.deliver_webhooks()
        finally:
            self.deferred_app.service = service
        self.undelivered_webhooks.extend(collector.undelivered_webhooks)

    def key(self, session: tuple[SessionKind, str] = LESSON) -> SessionKey:
        """The key of the session."""
        return SessionKey(self.tenant.app.id, *session)

    async def rows(self, statement: str) -> list[dict[str, Any]]:
        """The rows of a query; `:app` is the ID of the app."""
        async with self.tenant.broker.store.cross_app_transaction() as unit_of_work:
            found = await unit_of_work.execute(text(statement), {"app": self.tenant.app.id})
            return [dict(row) for row in found.mappings()]


@pytest.fixture
def frozen_time(monkeypatch: pytest.MonkeyPatch, clock: MovableClock) -> datetime:
    """The time at which the clock of service and sandbox is stopped. Only the test moves it."""
    moment = datetime.now(UTC).replace(microsecond=0)
    monkeypatch.setattr(MovableClock, "__call__", lambda self: moment + self._moved)
    # The emulated Agora never repeats or decreases a time of sending; this test resets the clock.
    monkeypatch.setattr(NotificationPublisher, "_send_time", lambda self: int(self._state.now().timestamp() * 1000))
    # A slow machine would renew a lease, and take one step more than a fast one.
    monkeypatch.setattr(lease, "RENEWAL_INTERVAL_SECONDS", 60)
    assert clock() == moment
    return moment


@dataclass(frozen=True)
class EnvironmentFactory:
    """Creates identical environments."""

    broker: Broker
    api: httpx.AsyncClient
    sandbox: Sandbox
    clock: MovableClock
    deferred_app: DeferredApp
    network: httpx.AsyncBaseTransport
    began_at: datetime

    async def create(self, provider: ProviderName) -> Environment:
        """A new tenant at this provider, always at the same time. Its webhooks are not delivered automatically."""
        self.clock.reset()
        await self.sandbox.client.delete("/_sandbox/webhooks/outbox")
        await self.sandbox.reset()
        await self._complete_other_work()
        accounts = {ProviderName.HMS: self.sandbox.account("tutoring", prebuilt=True)}
        if provider is ProviderName.HMS:
            tenant = await make_tenant(self.broker, self.api, accounts, {provider: HMS_ROLES})
            tenant = await with_webhooks(tenant, self.sandbox)
        else:
            tenant = await make_tenant(self.broker, self.api, {}, {provider: AGORA_ROLES})
            tenant = await with_notifications(tenant, self.sandbox)
        # No webhook arrives while a process works: the time of its arrival would not be deterministic.
        await self.sandbox.set_webhook_behavior(hold=10_000)
        return Environment(tenant, self.sandbox, self.clock, self.deferred_app, self.network, self.began_at)

    async def _complete_other_work(self) -> None:
        """A sweep covers all apps: complete everything that is due for the apps of earlier tests."""
        async with self.broker.store.cross_app_transaction() as unit_of_work:
            for statement in (
                "update sessions set attend_at = null where attend_at is not null",
                "update calls set settled_at = started_at where settled_at is null",
                "update inbox set state = 'ignored' where state = 'pending'",
                "update deliveries set state = 'failed', next_at = null where state = 'pending'",
                "update removals set enforced_at = removed_at, came_back_at = null"
                " where enforced_at is null or came_back_at is not null",
                "delete from jobs.queue",
            ):
                await unit_of_work.execute(text(statement))


@pytest.fixture
async def environments(
    app: FastAPI,
    broker: Broker,
    api: httpx.AsyncClient,
    sandbox: Sandbox,
    clock: MovableClock,
    deferred_app: DeferredApp,
    frozen_time: datetime,
) -> AsyncIterator[EnvironmentFactory]:
    """A factory of identical environments."""
    async with httpx.AsyncHTTPTransport() as network:
        yield EnvironmentFactory(broker, api, sandbox, clock, deferred_app, network, frozen_time)


# Observable state


@dataclass(frozen=True)
class Outcome:
    """The observable state after a scenario, independent of its time and its tenant."""

    journal: Any
    state: Mapping[str, Any]


_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_VENDOR_ID = re.compile(r"[0-9a-f]{24}|[0-9]{2,}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_IGNORED_FIELDS = frozenset({"asked_by", "cursor", "occurred_at", "reference", "received_at", "token_id"})
_PROVENANCE_FIELDS = frozenset({"evidence", "joined_source", "left_source", "reason", "source"})
"""A process that repeats the work a minute later learns from the provider what a webhook would have reported."""


async def observe(env: Environment, *, session: tuple[SessionKind, str], timed: bool) -> Outcome:
    """The observable state: through the API, in the database, and at the provider."""
    kind, reference = session
    tenant, path = env.tenant, f"/v1/{kind}s/{reference}"
    journal = [each for each in await tenant.events() if timed or not each["type"].startswith("attendance.")]
    # A session that was deleted has none.
    found = (await tenant.get(f"{path}/calls")).json().get("data", [])
    state: dict[str, Any] = {
        "calls": [(await tenant.get(f"/v1/calls/{call['id']}")).json() for call in found],
        "attendance": (await tenant.get(f"{path}/attendance")).json() if kind is SessionKind.BOOKING else None,
        "sessions": await env.rows(
            "select status, no_shows_reported_for, concluded_at, attend_at, provider from sessions where app_id = :app"
        ),
        "rooms": await env.rows(
            "select state, generation, lease_holder, failure, closure is not null as is_closing,"
            " codes = '{}' and sealed_codes is null as no_codes from rooms where app_id = :app"
        ),
        "orphaned rooms": await env.rows("select provider from orphaned_rooms where app_id = :app"),
        "lobby": await env.rows("select user_id, state, decided_by from lobby where app_id = :app"),
        "removals": await env.rows("select user_id, banned, enforced_at from removals where app_id = :app"),
        "inbox": await env.rows(
            "select type, state, count(*) from inbox where app_id = :app"
            # 100ms also reports operations that it could not do because they were done already.
            " and note is distinct from 'says nothing about who is in a call' group by 1, 2"
        ),
        "queue": len(await _queued_jobs(tenant.app, tenant.broker)),
        "at the provider": await _observe_at_agora(env) if env.at_agora else await _observe_at_100ms(env),
    }
    if not timed:
        # The time of the next check depends on the time of the last one.
        state["sessions"] = [{**each, "attend_at": None} for each in state["sessions"]]
    return Outcome(_comparable(journal, env, timed), _comparable(state, env, timed))


async def _observe_at_100ms(env: Environment) -> dict[str, Any]:
    rooms = await env.rows("select provider_room_id, codes, sealed_codes from rooms where app_id = :app")
    former = await env.rows(
        "select provider_room_id, closed_at is not null as closed from former_rooms where app_id = :app"
    )
    issued = {f"issued to {name}": code for name, code in env.codes.items()}
    opened = [
        decrypt(env.tenant.broker.secret_box, stored_codes(room["codes"], room["sealed_codes"])) for room in rooms
    ]
    stored = {f"stored for {role}": code for codes in opened for role, code in sorted(codes.items())}
    return {
        "present": [await env.tenant.present_users(room["provider_room_id"]) for room in rooms],
        "present in rooms for which credentials were issued": [
            await env.tenant.present_users(room_id)
            for room_id in sorted({each["room_id"] for each in env.credentials.values()})
        ],
        "codes": {name: await _is_accepted(env.sandbox, code) for name, code in (issued | stored).items()},
        "former rooms": [(room["closed"], await _live_codes(env, room["provider_room_id"])) for room in former],
        "live codes by role": [await _live_codes(env, room["provider_room_id"]) for room in rooms],
    }


async def _is_accepted(sandbox: Sandbox, code: str) -> bool:
    """Whether 100ms gives a token for this room code."""
    response = await sandbox.client.post("/v2/token", json={"code": code})
    assert response.status_code in {200, 403, 404}, response.text
    return response.status_code == 200


@asynccontextmanager
async def _client(env: Environment) -> AsyncIterator[HmsClient]:
    account = env.sandbox.account("tutoring")
    keys, clock = AccountKeys(account["access_key"], account["secret"]), env.tenant.broker.now
    network = CrashingTransport(env.network, CrashPoint())
    client = HmsClient(account["api_url"], ManagementTokens(keys, clock), clock, transport=network)
    try:
        yield client
    finally:
        await client.aclose()


async def _live_codes(env: Environment, room_id: str) -> dict[str, int] | str:
    """The number of enabled codes of the room by role, including codes that the service does not know."""
    async with _client(env) as client:
        try:
            listed = await client.list_codes(room_id)
        except HmsForbidden:
            return "the room is closed"
    roles = [code.role for code in listed]
    return {role: roles.count(role) for role in sorted(set(roles))}


async def _observe_at_agora(env: Environment) -> dict[str, Any]:
    """Who is in the channel, and whose credentials are still accepted."""
    path = f"/_sandbox/agora/{next(iter(env.credentials.values()))['channel']}"
    users = {user["uid"] for user in (await env.sandbox.client.get(path)).json()["users"]}
    statuses: dict[str, int] = {}
    for user_id, credentials in env.credentials.items():
        if credentials["uid"] not in users:
            response = await env.sandbox.client.post(
                f"{path}/users", json={"token": credentials["token"], "uid": credentials["uid"]}
            )
            statuses[user_id] = response.status_code
    present = sorted(user_id for user_id, credentials in env.credentials.items() if credentials["uid"] in users)
    return {"present": present, "others": len(users) - len(present), "may enter": statuses}


def _comparable(value: Any, env: Environment, timed: bool) -> Any:
    """The value without IDs. Times are relative to the start, or omitted if they depend on the crash."""
    match value:
        case dict():
            left_out = _IGNORED_FIELDS if timed else _IGNORED_FIELDS | _PROVENANCE_FIELDS
            compared = {str(name): each for name, each in value.items() if name not in left_out}
            return {
                name: _comparable(each, env, timed)
                for name, each in compared.items()
                if timed or not name.endswith(("_seconds", "_minutes"))
            }
        case list() | tuple():
            # The order of simultaneous events is not defined.
            return sorted((_comparable(each, env, timed) for each in value), key=repr)
        case _:
            return _comparable_scalar(value, env, timed)


def _comparable_scalar(value: Any, env: Environment, timed: bool) -> Any:
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return (value - env.began_at).total_seconds() if timed else "a moment"
    if isinstance(value, UUID) or (isinstance(value, str) and _VENDOR_ID.fullmatch(value)):
        return "an id"
    return _UUID.sub("an id", value) if isinstance(value, str) else value


# Running a scenario


@dataclass(frozen=True)
class Scenario:
    """Work of a process that another process may have to repeat."""

    name: str
    prepare: Callable[[Environment], Awaitable[None]]
    """The setup. It never crashes."""
    work: Callable[[Environment, Process], Awaitable[None]]
    """The work, which is repeated after a crash."""
    event_type: str
    """The type of an event that the work must record."""
    provider: ProviderName = ProviderName.HMS
    session: tuple[SessionKind, str] = LESSON
    swept_after: timedelta = timedelta(seconds=61)
    """The time after which the sweep finds unfinished work whose jobs were lost."""
    at_least_once: Collection[str] = ()
    """Types of events that a crash may duplicate."""

    def __str__(self) -> str:
        return self.name


async def run_scenario(
    scenario: Scenario, environments: EnvironmentFactory, *, crash_step: int | None, jobs_are_lost: bool = False
) -> tuple[Outcome, CrashPoint]:
    """Run a scenario. Its process crashes at this step, and another one repeats the work."""
    env, crash_point = await environments.create(scenario.provider), CrashPoint(crash_step)
    await scenario.prepare(env)
    before = len(await env.tenant.events(scenario.event_type))
    async with start_process(env, crash_point) as first:
        with _catch_crash():
            await scenario.work(env, first)
    if crash_point.has_crashed:
        await _expire_leases(env)
        if jobs_are_lost:
            await _lose_jobs(env)
            await env.sandbox.deliver_webhooks()
            env.clock.move(seconds=scenario.swept_after.total_seconds())
        async with start_process(env, CrashPoint()) as second:
            await scenario.work(env, second)
    await env.run_due_jobs()
    assert crash_point.has_crashed or len(await env.tenant.events(scenario.event_type)) > before, (
        "the scenario had no effect"
    )
    outcome = await observe(env, session=scenario.session, timed=not jobs_are_lost)
    # The attempts to enter in `_observe_at_agora` are not part of the scenario.
    await env.sandbox.client.delete("/_sandbox/webhooks/outbox")
    return outcome, crash_point


@contextmanager
def _catch_crash() -> Iterator[None]:
    try:
        yield
    except Crash:
        return


async def _expire_leases(env: Environment) -> None:
    """Expire the leases of the crashed process."""
    async with env.tenant.broker.store.cross_app_transaction() as unit_of_work:
        await unit_of_work.execute(
            text("update rooms set lease_until = clock_timestamp() - interval '1 second' where lease_until is not null")
        )


async def _lose_jobs(env: Environment) -> None:
    async with env.tenant.broker.store.cross_app_transaction() as unit_of_work:
        await unit_of_work.execute(text("delete from jobs.queue"))


async def _assert_no_crash_changes_the_outcome(
    scenario: Scenario, environments: EnvironmentFactory, *, jobs_are_lost: bool = False
) -> None:
    expected, complete_run = await run_scenario(scenario, environments, crash_step=None, jobs_are_lost=jobs_are_lost)
    assert complete_run.steps, "the scenario has no steps"
    for number in _crash_steps(scenario, complete_run.steps, jobs_are_lost=jobs_are_lost):
        outcome, crash_point = await run_scenario(
            scenario, environments, crash_step=number, jobs_are_lost=jobs_are_lost
        )
        assert crash_point.has_crashed, (
            f"the scenario is not deterministic: {complete_run.steps}, then {crash_point.steps}"
        )
        context = f"after a crash at step {number} ({crash_point.steps[number - 1]})"
        journal = _without_permitted_duplicates(outcome.journal, expected.journal, scenario)
        assert not _excess(expected.journal, journal), f"missing {context}"
        assert not _excess(journal, expected.journal), f"too much {context}"
        for what, value in expected.state.items():
            assert outcome.state[what] == value, f"{what} {context}"


def _crash_steps(scenario: Scenario, steps: list[str], *, jobs_are_lost: bool) -> list[int]:
    """One step in `STRIDE`, and at least one of each scenario."""
    possible = [
        number for number, name in enumerate(steps, start=1) if not jobs_are_lost or name.startswith(WRITE_STEPS)
    ]
    chosen = [number for number in possible if (number + len(scenario.name)) % STRIDE == 0]
    return chosen or [possible[len(scenario.name) % len(possible)]]


def _excess(lines: list[Any], others: list[Any]) -> list[Any]:
    """Items that the first list contains more often than the second."""
    return [line for line in lines if lines.count(line) > others.count(line)]


def _without_permitted_duplicates(
    journal: list[dict[str, Any]], expected: list[dict[str, Any]], scenario: Scenario
) -> Any:
    """The journal without one duplicate of an event that the scenario permits."""
    for number, line in enumerate(journal):
        excess = journal.count(line) > expected.count(line)
        if line["type"] in scenario.at_least_once and excess and len(journal) == len(expected) + 1:
            return journal[:number] + journal[number + 1 :]
    return journal


async def work(_: Environment, worker: Process) -> None:
    """Run everything that a worker finds."""
    await worker.work()


# The scenarios


async def _people_joined_and_one_left(env: Environment) -> None:
    await env.tenant.book()
    await env.join_and_enter("tutor-1")
    await env.run_due_jobs()  # the presence was queried recently
    env.clock.move(seconds=20)
    await env.join_and_enter("student-1")
    env.clock.move(seconds=10)
    await env.leave("tutor-1")
    await env.sandbox.deliver_webhooks()


async def _a_webhook_is_undelivered(env: Environment) -> None:
    await env.tenant.book()
    await env.join_and_enter("tutor-1")
    await env.run_due_jobs()
    env.clock.move(seconds=20)
    await env.join_and_enter("student-1")
    await env.catch_webhooks()
    # A second webhook would trigger the processing of the first.
    assert len(env.undelivered_webhooks) == 1


async def _a_recording_is_ready(env: Environment) -> None:
    await env.tenant.book()
    await env.join_and_enter("tutor-1")
    await env.run_due_jobs()  # the presence was queried recently
    path = f"/_sandbox/rooms/{env.credentials['tutor-1']['room_id']}/recorder"
    await env.sandbox.client.post(path)
    env.clock.move(seconds=20)
    await env.sandbox.client.delete(path)
    await env.sandbox.deliver_webhooks()


async def _receive_and_work(env: Environment, process: Process) -> None:
    """The vendor resends webhooks without a response; here, all of them. Then a worker runs."""
    (name,) = process.app.default_providers
    for headers, body in env.undelivered_webhooks:
        await receive(process.broker, process.app.name, name, headers, body, now=process.broker.now())
    await process.work()


async def _webhooks_were_lost(env: Environment) -> None:
    await env.tenant.book()
    await env.sandbox.set_webhook_behavior(hold=10_000, drop=3)
    await env.join_and_enter("tutor-1", "student-1")
    env.clock.move(minutes=2)
    await env.leave("student-1")
    env.clock.move(seconds=30)
    await env.sandbox.deliver_webhooks()


async def _the_window_closed_during_a_call(env: Environment) -> None:
    await env.tenant.book()
    await env.join_and_enter("tutor-1", "student-1", surface="prebuilt")
    await env.run_due_jobs()
    env.clock.move(minutes=81)
    await env.run_due_jobs()
    env.clock.move(minutes=60)


async def _the_window_closed_after_all_left(env: Environment) -> None:
    await env.tenant.book()
    await env.join_and_enter("tutor-1", surface="sdk" if env.at_agora else "prebuilt")
    env.clock.move(minutes=30)
    await env.leave("tutor-1")
    await env.run_due_jobs()
    env.clock.move(minutes=51)


async def _a_call_is_running(env: Environment) -> None:
    await env.tenant.book()
    await env.join_and_enter("tutor-1", "student-1", surface="sdk" if env.at_agora else "prebuilt")
    await env.run_due_jobs()
    env.clock.move(minutes=7)
    await env.run_due_jobs()  # the presence was queried recently


async def _cancel(env: Environment, process: Process) -> None:
    """A backend without a response repeats the request only if the booking is not cancelled. Then a worker runs."""
    registered = await registration.find(process.context, env.key())
    if registered.session.terms.status is not SessionStatus.CANCELLED:
        await registration.cancel(process.context, env.key())
    await process.work()


async def _cancel_unconditionally(env: Environment, process: Process) -> None:
    """A backend without a response repeats the request. Then a worker runs."""
    await registration.cancel(process.context, env.key())
    await process.work()


async def _delete(env: Environment, process: Process) -> None:
    """A backend without a response repeats the request. A minute later, a worker runs."""
    with suppress(SessionNotFound):
        await delete_session(process.context, env.key())
    env.clock.move(seconds=CLAIM_DURATION.total_seconds() + 1)
    await process.work()


async def _end(env: Environment, process: Process) -> None:
    """A backend without a response repeats the request only if the call is still running. Then a worker runs."""
    _, page = await calls.list_calls(process.context, env.key(), limit=1, cursor=None)
    if page.items[0].ended_at is None:
        await _end_unconditionally(env, process)
    await process.work()


async def _end_unconditionally(env: Environment, process: Process) -> None:
    """A backend without a response repeats the request. Then a worker runs."""
    await calls.end_call(process.context, env.key(), user_id="tutor-1")
    await process.work()


async def _a_group_is_empty(env: Environment) -> None:
    await env.tenant.create_group()
    await env.join_and_enter("tutor-1", session=CIRCLE, surface="prebuilt")
    await env.run_due_jobs()
    env.clock.move(hours=3)
    await env.leave("tutor-1")
    await env.run_due_jobs()
    env.clock.move(minutes=6)


async def _a_participant_does_not_join(env: Environment) -> None:
    await env.tenant.book()
    await env.sandbox.set_webhook_behavior(hold=10_000, drop_types=["peer.join.success"])
    await env.join_and_enter("tutor-1")
    await env.run_due_jobs()
    env.clock.move(minutes=16)


async def _a_booking_is_over(env: Environment) -> None:
    await env.tenant.book()
    await env.join_and_enter("tutor-1")
    await env.run_due_jobs()
    env.clock.move(minutes=79)
    await env.leave("tutor-1")
    await env.run_due_jobs()
    env.clock.move(minutes=1)
    await env.run_due_jobs()
    assert await env.tenant.events("session.closed") == []
    env.clock.move(minutes=2)


async def _a_webhook_arrives_after_the_verdicts(env: Environment) -> None:
    """The webhooks about the student were lost, 100ms does not list the student, and the webhooks are replayed."""
    await env.tenant.book()
    await env.join_and_enter("tutor-1")
    await env.run_due_jobs()
    env.clock.move(minutes=1)
    await env.join_and_enter("student-1")
    env.clock.move(minutes=68)
    await env.leave("student-1")
    await env.catch_webhooks()
    env.clock.move(minutes=1)
    await env.leave("tutor-1")
    await env.sandbox.inject_fault("status", status=404, operation="list_sessions")
    await env.run_due_jobs()
    for minutes in (11, 3):
        env.clock.move(minutes=minutes)
        await env.run_due_jobs()
    await env.sandbox.clear_faults()
    assert len(await env.tenant.events("session.closed")) == 1


async def _remove(env: Environment, process: Process) -> None:
    """A backend repeats the removal only if it was not recorded. Then a worker runs."""
    if not await env.rows("select user_id from removals where app_id = :app"):
        now = process.broker.now()
        await moderation.remove(context_of(process.broker, process.app, now=now), env.key(), "student-1", ban=True)
    await process.work()


async def _a_participant_returned_after_a_removal(env: Environment) -> None:
    await env.tenant.book()
    await env.join_and_enter("tutor-1", "student-1")
    await env.run_due_jobs()
    env.clock.move(seconds=10)
    await env.tenant.post("/v1/bookings/lesson-1/participants/student-1/remove")
    await env.run_due_jobs()
    env.clock.move(seconds=20)
    await env.enter("student-1")
    await env.sandbox.deliver_webhooks()


async def _move(env: Environment, process: Process) -> None:
    """The backend repeats the same request until it gets a response. Then a worker runs."""
    later = env.began_at + timedelta(hours=5)
    await registration.amend(
        process.context,
        env.key(),
        lambda terms: replace(terms, starts_at=later, ends_at=later + timedelta(hours=1)),
    )
    await process.work()


async def _a_booking_was_moved(env: Environment) -> None:
    await _a_call_is_running(env)
    await env.tenant.book(starts_in=timedelta(hours=5))
    await env.run_due_jobs()
    env.clock.move(hours=5)


async def _a_room_has_no_codes_left(env: Environment) -> None:
    """The booking was moved, its room is closed, and 100ms creates only a few more codes in it."""
    await _a_call_is_running(env)
    await _use_up_codes(env, leave=3)
    await env.tenant.book(starts_in=timedelta(hours=5))
    await env.run_due_jobs()
    env.clock.move(hours=5)


async def _a_call_is_running_in_a_room_without_codes(env: Environment) -> None:
    await _a_call_is_running(env)
    await _use_up_codes(env, leave=0)


async def _use_up_codes(env: Environment, *, leave: int) -> None:
    (room,) = await env.rows("select provider_room_id from rooms where app_id = :app")
    await env.sandbox.use_up_codes(room["provider_room_id"], leave=leave)


async def _remove_and_join(env: Environment, process: Process) -> None:
    """The removal moves the session to a new room, which the next join opens."""
    await _remove(env, process)
    await _join_again(env, process)


async def _join_again(env: Environment, process: Process) -> None:
    """The frontend repeats the join until it gets a response. Then a worker runs."""
    surface = Surface.SDK if env.at_agora else Surface.PREBUILT
    requester, now = joining.JoinRequester("tutor-1"), process.broker.now()
    await joining.join(context_of(process.broker, process.app, now=now), env.key(), requester, surface=surface)
    await process.work()


async def _a_host_is_present(env: Environment) -> None:
    await env.tenant.book(policy={"waiting_room": "admit"})
    await env.join_and_enter("tutor-1")
    await env.run_due_jobs()


async def _be_admitted(env: Environment, process: Process) -> None:
    """A participant joins until they wait, the host admits all, and the participant joins. Then a worker runs."""
    key, now = env.key(), process.broker.now()

    async def join() -> None:
        requester = joining.JoinRequester("student-1")
        await joining.join(context_of(process.broker, process.app, now=now), key, requester, surface=Surface.SDK)

    if not await waiting_room.list_lobby(context_of(process.broker, process.app, now=now), key):
        with suppress(AccessDenied):
            await join()
    for entry, _ in await waiting_room.list_lobby(context_of(process.broker, process.app, now=now), key):
        await waiting_room.admit(context_of(process.broker, process.app, now=now), key, entry.id)
    await join()
    await process.work()


AGORA = ProviderName.AGORA
BY_REQUEST = [
    Scenario(
        "admitting a participant",
        _a_host_is_present,
        _be_admitted,
        "participant.admitted",
        at_least_once={"credentials.issued"},
    ),
    Scenario("cancelling a running call", _a_call_is_running, _cancel, "room.closed"),
    Scenario("cancelling a running call at Agora", _a_call_is_running, _cancel, "room.closed", AGORA),
    Scenario("cancelling until there is a response", _a_call_is_running, _cancel_unconditionally, "room.closed"),
    Scenario("deleting a session with a running call", _a_call_is_running, _delete, "room.closed"),
    Scenario("deleting a session with a running call at Agora", _a_call_is_running, _delete, "room.closed", AGORA),
    Scenario("ending a running call", _a_call_is_running, _end, "room.closed"),
    Scenario("ending until there is a response", _a_call_is_running, _end_unconditionally, "room.closed"),
    Scenario("moving a booking with a running call", _a_call_is_running, _move, "room.closed"),
    # A client without a response repeats the join and gets other credentials: the journal has to contain both.
    Scenario("reopening", _a_booking_was_moved, _join_again, "room.opened", at_least_once={"credentials.issued"}),
    Scenario(
        "leaving a room without codes",
        _a_room_has_no_codes_left,
        _join_again,
        "room.closed",
        at_least_once={"credentials.issued"},
    ),
    Scenario(
        "leaving a room without codes for a removal",
        _a_call_is_running_in_a_room_without_codes,
        _remove_and_join,
        "room.closed",
        at_least_once={"credentials.issued"},
    ),
    Scenario(
        "reopening at Agora",
        _a_booking_was_moved,
        _join_again,
        "room.opened",
        AGORA,
        at_least_once={"credentials.issued"},
    ),
    Scenario("removing and blocking", _a_call_is_running, _remove, "participant.removed"),
    Scenario("removing and blocking at Agora", _a_call_is_running, _remove, "participant.removed", AGORA),
]
IN_THE_BACKGROUND = [
    Scenario(
        "processing webhooks of 100ms",
        _people_joined_and_one_left,
        work,
        "participant.left",
        swept_after=timedelta(seconds=16),
    ),
    Scenario(
        "processing webhooks of Agora",
        _people_joined_and_one_left,
        work,
        "participant.left",
        AGORA,
        swept_after=timedelta(seconds=16),
    ),
    Scenario(
        "processing webhooks about a recording",
        _a_recording_is_ready,
        work,
        "recording.ready",
        swept_after=timedelta(seconds=16),
    ),
    Scenario("reconciling with 100ms", _webhooks_were_lost, work, "attendance.reconciled"),
    Scenario("reconciling with Agora", _webhooks_were_lost, work, "attendance.reconciled", AGORA),
    Scenario("closing with participants in the call", _the_window_closed_during_a_call, work, "room.closed"),
    Scenario("closing after all have left", _the_window_closed_after_all_left, work, "room.closed"),
    Scenario("closing at Agora", _the_window_closed_after_all_left, work, "room.closed", AGORA),
    Scenario("closing an empty group call", _a_group_is_empty, work, "room.closed", session=CIRCLE),
    Scenario("reporting a no-show", _a_participant_does_not_join, work, "participant.no_show"),
    Scenario("concluding with verdicts", _a_booking_is_over, work, "session.closed"),
    Scenario("correcting verdicts", _a_webhook_arrives_after_the_verdicts, _receive_and_work, "session.closed"),
    Scenario("removing a participant who returned", _a_participant_returned_after_a_removal, work, "participant.left"),
]
BY_WEBHOOK = [
    Scenario("receiving a webhook of 100ms", _a_webhook_is_undelivered, _receive_and_work, "participant.joined"),
    Scenario("receiving a webhook of Agora", _a_webhook_is_undelivered, _receive_and_work, "participant.joined", AGORA),
]


@pytest.mark.parametrize("scenario", [*BY_WEBHOOK, *IN_THE_BACKGROUND, *BY_REQUEST], ids=str)
async def test_a_crash_at_any_step_does_not_change_the_final_state(
    scenario: Scenario, environments: EnvironmentFactory
) -> None:
    """Calls, attendance, room, codes, verdicts, removals, and journal do not depend on the step of the crash."""
    await _assert_no_crash_changes_the_outcome(scenario, environments)


@pytest.mark.parametrize("scenario", [*IN_THE_BACKGROUND, *BY_REQUEST], ids=str)
async def test_the_sweep_finds_unfinished_work_whose_jobs_were_lost(
    scenario: Scenario, environments: EnvironmentFactory
) -> None:
    """Jobs are hints: if the queue is lost, the work is only delayed."""
    await _assert_no_crash_changes_the_outcome(scenario, environments, jobs_are_lost=True)
