"""A process may die at every step of its work: whoever does the work anew brings it to the same end.

A step is a moment at which the world outside the process sees something: a transaction that wrote something is about to
be committed, or was; a request is about to be sent to the provider, or was answered; a job was done and still stands in
the queue. Every story is told once without a crash. Then it is told anew for every one of its steps: the process dies
there, another one does the same work again, and everything that can be seen afterwards is as if nothing had happened.

The clock stands still but for what a story says, so that moments can be compared as well.
"""

import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
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
from videobroker.domain.ids import AccountId
from videobroker.domain.sessions import SessionKey, SessionKind, SessionStatus
from videobroker.errors import AccessDenied
from videobroker.providers.agora.provider import AgoraProvider
from videobroker.providers.contract import Provider, Surface
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
from videobroker.usecases.context import RequestContext
from videobroker.usecases.joining import join as entering
from videobroker.usecases.joining import moderation, waiting_room
from videobroker.usecases.operations.sweeper import sweep
from videobroker.worker import run_job

LESSON = SessionKind.BOOKING, "lesson-1"
CIRCLE = SessionKind.GROUP, "circle"
AGORA_ROLES = {"tutor": "publisher", "student": "publisher", "guest": "subscriber"}
WRITTEN = ("committed", "answered")
"""Steps after which something stands somewhere that did not stand there before."""
ROUNDS = 20
"""A worker that still finds something to do after so many looks at the queue goes in circles."""


STRIDE = int(os.environ.get("CRASH_STRIDE", "16"))
"""A process dies at one step in this many. `make full` takes more of the steps, and `make crashes` all.

The first step differs from story to story."""


# What dies


class Crash(BaseException):
    """The process is gone. Nothing catches it, as nothing catches kill -9."""


class Fate:
    """Counts the steps of one process, and ends it at one of them. What is dead takes no further step."""

    def __init__(self, dies_at: int | None = None) -> None:
        self._dies_at = dies_at
        self.steps: list[str] = []

    def step(self, name: str) -> None:
        """The world outside sees something now."""
        self.steps.append(name)
        if self.came:
            raise Crash(name)

    @property
    def came(self) -> bool:
        """The process is dead."""
        return self._dies_at is not None and len(self.steps) >= self._dies_at


class MortalStore(Store):
    """The store of a process that may die before a commit, and right after it."""

    def __init__(self, store: Store, fate: Fate) -> None:
        # The same connections, the same settings: only its transactions are other ones.
        vars(self).update(vars(store))
        self._fate = fate

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[UnitOfWork]:
        """A transaction; a step before its commit and one after it, unless it only read."""
        async with super().transaction() as unit_of_work:
            yield unit_of_work
            wrote = (await unit_of_work.execute(text("select pg_current_xact_id_if_assigned()::text"))).scalar_one()
            if wrote:
                self._fate.step("to be committed")
        if wrote:
            self._fate.step("committed")


class MortalScribe(JournalWriter):
    """The scribe of a process that may die before its line is committed, and right after it."""

    def __init__(self, scribe: JournalWriter, fate: Fate) -> None:
        vars(self).update(vars(scribe))
        self._fate = fate

    async def record(self, event: Event) -> bool:
        """One step before the commit and one after it."""
        self._fate.step("to be committed")
        written = await super().record(event)
        self._fate.step("committed")
        return written


class MortalArrivals(InboxWriter):
    """The inbox of a process that may die before a notice is committed, and right after it."""

    def __init__(self, arrivals: InboxWriter, fate: Fate) -> None:
        vars(self).update(vars(arrivals))
        self._fate = fate

    async def record(self, arrived: IncomingWebhook) -> bool:
        """One step before the commit and one after it."""
        self._fate.step("to be committed")
        new = await super().record(arrived)
        self._fate.step("committed")
        return new


class MortalNetwork(httpx.AsyncBaseTransport):
    """The network of a process that may die before a request is sent, and right after the provider has answered."""

    def __init__(self, network: httpx.AsyncBaseTransport, fate: Fate) -> None:
        self._network = network
        self._fate = fate

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Two steps."""
        self._fate.step(f"to be sent: {request.method}")
        response = await self._network.handle_async_request(request)
        await response.aread()
        self._fate.step(f"answered: {request.method}")
        return response


class MortalDirectory:
    """The providers of a process that may die."""

    def __init__(self, network: httpx.AsyncBaseTransport, clock: Callable[[], datetime]) -> None:
        self._network, self._clock = network, clock
        self._kept: dict[AccountId, Provider] = {}

    def provider(self, account: ProviderAccount) -> Provider:
        """The genuine provider, on a network that may end with the process."""
        if account.id not in self._kept:
            make = AgoraProvider if account.provider is ProviderName.AGORA else HmsProvider
            self._kept[account.id] = make.from_settings(account.settings, clock=self._clock, transport=self._network)
        return self._kept[account.id]

    async def aclose(self) -> None:
        """Let go of all providers."""
        for provider in self._kept.values():
            await provider.aclose()


@dataclass(frozen=True)
class Process:
    """A worker, or a broker that serves requests: until it dies."""

    app: App
    broker: Broker
    fate: Fate

    async def work(self) -> None:
        """What a worker does until nothing is left: it sweeps, takes the app's jobs, crosses off what is done."""
        for _ in range(ROUNDS):
            await sweep(self.broker, now=self.broker.now())
            queued = await _queue_of(self.app, self.broker)
            if not queued:
                return
            for number, job in queued:
                await run_job(self.broker, job)
                self.fate.step(f"done, not crossed off: {job.kind}")
                await _cross_off(self.broker, number)
        raise AssertionError("the worker goes in circles")

    @property
    def context(self) -> RequestContext:
        """The context of a use case that the app's backend runs now."""
        return context_of(self.broker, self.app)


@asynccontextmanager
async def process(stage: "Stage", fate: Fate) -> AsyncIterator[Process]:
    """A process that works for this tenant."""
    broker = stage.tenant.broker
    directory = MortalDirectory(MortalNetwork(stage.network, fate), broker.now)
    mortal = replace(
        broker,
        store=MortalStore(broker.store, fate),
        journal_writer=MortalScribe(broker.journal_writer, fate),
        inbox_writer=MortalArrivals(broker.inbox_writer, fate),
        providers=directory,
        single_flight=SingleFlight(),
    )
    yield Process(stage.tenant.app, mortal, fate)
    await directory.aclose()


async def _queue_of(app: App, broker: Broker) -> list[tuple[int, Job]]:
    """The app's jobs, as a worker would take them: also those whose worker died."""
    async with broker.store.transaction() as unit_of_work:
        rows = await unit_of_work.execute(text("select id, entrypoint, payload from jobs.queue order by id"))
        jobs = [(row.id, Job.read(JobKind(row.entrypoint), row.payload)) for row in rows]
    return [(number, job) for number, job in jobs if job.app_id == app.id]


async def _cross_off(broker: Broker, number: int) -> None:
    # Not through the mortal store: that this may come too late is a step of its own.
    async with broker.store.engine.begin() as unit_of_work:
        await unit_of_work.execute(text("delete from jobs.queue where id = :id"), {"id": number})


# Where the stories play


class LetterBox:
    """Takes webhooks in place of the service, so that a test can hand them over itself."""

    def __init__(self) -> None:
        self.letters: list[tuple[dict[str, str], bytes]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Keep one."""
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        self.letters.append((headers, body))
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": b"{}"})


@dataclass(frozen=True)
class Stage:
    """A new tenant, and what became of it before the story begins."""

    tenant: Tenant
    sandbox: Sandbox
    clock: MovableClock
    deferred_app: DeferredApp
    network: httpx.AsyncBaseTransport
    began_at: datetime
    credentials: dict[str, dict[str, Any]] = field(default_factory=dict)
    """What each person got last."""
    peers: dict[str, str] = field(default_factory=dict)
    codes: dict[str, str] = field(default_factory=dict)
    """Room codes that people know, by what the test calls them."""
    letters: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    """Webhooks that nobody has heard yet."""

    @property
    def at_agora(self) -> bool:
        """Where the app's rooms are."""
        return ProviderName.AGORA in self.tenant.app.accounts

    async def join(self, user_id: str, session: tuple[SessionKind, str] = LESSON, *, surface: str = "sdk") -> None:
        """Somebody gets credentials."""
        kind, reference = session
        body = {"user_id": user_id, "surface": surface}
        answer = await self.tenant.post(f"/v1/{kind}s/{reference}/join", body)
        assert answer.status_code == 200, answer.text
        self.credentials[user_id] = answer.json()
        if surface == "prebuilt":
            self.codes[user_id] = answer.json()["room_code"]

    async def come(self, *people: str, session: tuple[SessionKind, str] = LESSON, surface: str = "sdk") -> None:
        """They get credentials, and enter with them; the webhooks about it are still on their way."""
        for user_id in people:
            await self.join(user_id, session, surface=surface)
            await self.enter(user_id)

    async def enter(self, user_id: str) -> None:
        """Somebody enters with the credentials that they have."""
        mine = self.credentials[user_id]
        if self.at_agora:
            await self.sandbox.join_channel(mine)
        elif "room_code" in mine:
            how = {"code": mine["room_code"], "user_id": user_id}
            self.peers[user_id] = await self.sandbox.join_room(mine["room_id"], **how)
        else:
            self.peers[user_id] = await self.sandbox.join_room(mine["room_id"], token=mine["token"])

    async def go(self, user_id: str) -> None:
        """Somebody leaves."""
        mine = self.credentials[user_id]
        if self.at_agora:
            await self.sandbox.leave_channel(mine)
        else:
            await self.sandbox.leave_room(mine["room_id"], self.peers[user_id])

    async def settle(self) -> None:
        """The webhooks arrive, and a worker does all that is due."""
        await self.sandbox.deliver_webhooks()
        async with process(self, Fate()) as worker:
            await worker.work()

    async def catch_webhooks(self) -> None:
        """What is on its way goes to `letters` instead of the service."""
        service, box = self.deferred_app.service, LetterBox()
        self.deferred_app.service = box
        try:
            await self.sandbox.deliver_webhooks()
        finally:
            self.deferred_app.service = service
        self.letters.extend(box.letters)

    def key(self, session: tuple[SessionKind, str] = LESSON) -> SessionKey:
        """What the use cases call the session."""
        return SessionKey(self.tenant.app.id, *session)

    async def rows(self, statement: str) -> list[dict[str, Any]]:
        """What stands in the database about this tenant: its id is `:app`."""
        async with self.tenant.broker.store.transaction() as unit_of_work:
            found = await unit_of_work.execute(text(statement), {"app": self.tenant.app.id})
            return [dict(row) for row in found.mappings()]


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch, clock: MovableClock) -> datetime:
    """The moment at which the clock of service and sandbox stands, until somebody moves it."""
    moment = datetime.now(UTC).replace(microsecond=0)
    monkeypatch.setattr(MovableClock, "__call__", lambda self: moment + self._moved)
    # The pretend Agora never names a moment twice, and so none before one that it has named: here time is turned back.
    monkeypatch.setattr(NotificationPublisher, "_send_time", lambda self: int(self._state.now().timestamp() * 1000))
    # A slow machine would renew a lease, and take a step more than a fast one.
    monkeypatch.setattr(lease, "RENEWAL_INTERVAL_SECONDS", 60)
    assert clock() == moment
    return moment


@dataclass(frozen=True)
class Theatre:
    """Makes stages, each like the other."""

    broker: Broker
    api: httpx.AsyncClient
    sandbox: Sandbox
    clock: MovableClock
    deferred_app: DeferredApp
    network: httpx.AsyncBaseTransport
    began_at: datetime

    async def stage(self, provider: ProviderName) -> Stage:
        """A new tenant at this provider, at the same moment as every other one; its webhooks wait to be delivered."""
        self.clock.reset()
        await self.sandbox.client.delete("/_sandbox/webhooks/outbox")
        await self.sandbox.reset()
        await self._let_everything_else_rest()
        accounts = {ProviderName.HMS: self.sandbox.account("tutoring", prebuilt=True)}
        if provider is ProviderName.HMS:
            tenant = await make_tenant(self.broker, self.api, accounts, {provider: HMS_ROLES})
            tenant = await with_webhooks(tenant, self.sandbox)
        else:
            tenant = await make_tenant(self.broker, self.api, {}, {provider: AGORA_ROLES})
            tenant = await with_notifications(tenant, self.sandbox)
        # None comes while a process works: it would come sooner or later, as the machine pleases.
        await self.sandbox.set_webhook_behavior(hold=10_000)
        return Stage(tenant, self.sandbox, self.clock, self.deferred_app, self.network, self.began_at)

    async def _let_everything_else_rest(self) -> None:
        """A sweep looks at all apps: nothing is due any more for those of earlier tests."""
        async with self.broker.store.transaction() as unit_of_work:
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
async def theatre(
    app: FastAPI,
    broker: Broker,
    api: httpx.AsyncClient,
    sandbox: Sandbox,
    clock: MovableClock,
    deferred_app: DeferredApp,
    stopped: datetime,
) -> AsyncIterator[Theatre]:
    """Where stories are told, again and again."""
    async with httpx.AsyncHTTPTransport() as network:
        yield Theatre(broker, api, sandbox, clock, deferred_app, network, stopped)


# What can be seen afterwards


@dataclass(frozen=True)
class Outcome:
    """Everything that a story leaves behind, in a form that does not depend on when and for whom it was told."""

    journal: Any
    state: Mapping[str, Any]


_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_VENDOR_ID = re.compile(r"[0-9a-f]{24}|[0-9]{2,}")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
_NOT_COMPARED = frozenset({"asked_by", "cursor", "occurred_at", "reference", "received_at", "token_id"})
_HOW_IT_IS_KNOWN = frozenset({"evidence", "joined_source", "left_source", "reason", "source"})
"""Whoever comes a minute later asks the provider first, and learns from it what a webhook would have told."""


async def seen(stage: Stage, *, session: tuple[SessionKind, str], timed: bool) -> Outcome:
    """What can be seen of a story: through the API, in the database, at the provider."""
    kind, reference = session
    tenant, path = stage.tenant, f"/v1/{kind}s/{reference}"
    journal = [each for each in await tenant.events() if timed or not each["type"].startswith("attendance.")]
    found = (await tenant.get(f"{path}/calls")).json()["data"]
    state: dict[str, Any] = {
        "calls": [(await tenant.get(f"/v1/calls/{call['id']}")).json() for call in found],
        "attendance": (await tenant.get(f"{path}/attendance")).json() if kind is SessionKind.BOOKING else None,
        "affairs": await stage.rows(
            "select status, no_shows_reported_for, concluded_at, attend_at, provider from sessions where app_id = :app"
        ),
        "rooms": await stage.rows(
            "select state, generation, lease_holder, failure, closure is not null as shut,"
            " codes = '{}' and sealed_codes is null as no_codes from rooms where app_id = :app"
        ),
        "lobby": await stage.rows("select user_id, state, decided_by from lobby where app_id = :app"),
        "removals": await stage.rows("select user_id, banned, enforced_at from removals where app_id = :app"),
        "inbox": await stage.rows(
            "select type, state, count(*) from inbox where app_id = :app"
            # 100ms also tells what it could not do because it was done already.
            " and note is distinct from 'says nothing about who is in a call' group by 1, 2"
        ),
        "queue": len(await _queue_of(tenant.app, tenant.broker)),
        "at the provider": await _seen_at_agora(stage) if stage.at_agora else await _seen_at_100ms(stage),
    }
    if not timed:
        # When somebody looks next depends on when somebody looked last.
        state["affairs"] = [{**each, "attend_at": None} for each in state["affairs"]]
    return Outcome(_comparable(journal, stage, timed), _comparable(state, stage, timed))


async def _seen_at_100ms(stage: Stage) -> dict[str, Any]:
    rooms = await stage.rows("select provider_room_id, codes, sealed_codes from rooms where app_id = :app")
    former = await stage.rows(
        "select provider_room_id, closed_at is not null as closed from former_rooms where app_id = :app"
    )
    known = {f"known to {name}": code for name, code in stage.codes.items()}
    opened = [
        decrypt(stage.tenant.broker.secret_box, stored_codes(room["codes"], room["sealed_codes"])) for room in rooms
    ]
    kept = {f"kept for {role}": code for codes in opened for role, code in sorted(codes.items())}
    return {
        "present": [await stage.tenant.present_users(room["provider_room_id"]) for room in rooms],
        "codes": {name: await _opens(stage.sandbox, code) for name, code in (known | kept).items()},
        "former rooms": [(room["closed"], await _live_codes(stage, room["provider_room_id"])) for room in former],
        "live codes by role": [await _live_codes(stage, room["provider_room_id"]) for room in rooms],
    }


async def _opens(sandbox: Sandbox, code: str) -> bool:
    """Whether 100ms gives a token for this room code."""
    answer = await sandbox.client.post("/v2/token", json={"code": code})
    assert answer.status_code in {200, 403, 404}, answer.text
    return answer.status_code == 200


@asynccontextmanager
async def _client(stage: Stage) -> AsyncIterator[HmsClient]:
    account = stage.sandbox.account("tutoring")
    keys, clock = AccountKeys(account["access_key"], account["secret"]), stage.tenant.broker.now
    network = MortalNetwork(stage.network, Fate())
    client = HmsClient(account["api_url"], ManagementTokens(keys, clock), clock, transport=network)
    try:
        yield client
    finally:
        await client.aclose()


async def _live_codes(stage: Stage, room_id: str) -> dict[str, int] | str:
    """How many enabled codes the room has, whether we know of them or not."""
    async with _client(stage) as client:
        try:
            listed = await client.list_codes(room_id)
        except HmsForbidden:
            return "the room is shut"
    roles = [code.role for code in listed]
    return {role: roles.count(role) for role in sorted(set(roles))}


async def _seen_at_agora(stage: Stage) -> dict[str, Any]:
    """Who is in the channel, and who could enter with what they have."""
    path = f"/_sandbox/agora/{next(iter(stage.credentials.values()))['channel']}"
    users = {user["uid"] for user in (await stage.sandbox.client.get(path)).json()["users"]}
    may_enter: dict[str, int] = {}
    for user_id, mine in stage.credentials.items():
        if mine["uid"] not in users:
            answer = await stage.sandbox.client.post(f"{path}/users", json={"token": mine["token"], "uid": mine["uid"]})
            may_enter[user_id] = answer.status_code
    present = sorted(user_id for user_id, mine in stage.credentials.items() if mine["uid"] in users)
    return {"present": present, "others": len(users) - len(present), "may enter": may_enter}


def _comparable(value: Any, stage: Stage, timed: bool) -> Any:
    """The same without ids; moments are counted from the beginning, or left out where they depend on the crash."""
    match value:
        case dict():
            left_out = _NOT_COMPARED if timed else _NOT_COMPARED | _HOW_IT_IS_KNOWN
            compared = {str(name): each for name, each in value.items() if name not in left_out}
            return {
                name: _comparable(each, stage, timed)
                for name, each in compared.items()
                if timed or not name.endswith(("_seconds", "_minutes"))
            }
        case list() | tuple():
            # What happens at one moment happens in any order.
            return sorted((_comparable(each, stage, timed) for each in value), key=repr)
        case _:
            return _comparable_scalar(value, stage, timed)


def _comparable_scalar(value: Any, stage: Stage, timed: bool) -> Any:
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        value = datetime.fromisoformat(value)
    if isinstance(value, datetime):
        return (value - stage.began_at).total_seconds() if timed else "a moment"
    if isinstance(value, UUID) or (isinstance(value, str) and _VENDOR_ID.fullmatch(value)):
        return "an id"
    return _UUID.sub("an id", value) if isinstance(value, str) else value


# How a story is told


@dataclass(frozen=True)
class Story:
    """Something that a process does, and that another one may have to do again."""

    name: str
    prepare: Callable[[Stage], Awaitable[None]]
    """What happened before. No process dies of it."""
    work: Callable[[Stage, Process], Awaitable[None]]
    """What is done, and done again after a crash."""
    brings: str
    """A line that it writes into the journal, lest the story be about nothing."""
    provider: ProviderName = ProviderName.HMS
    session: tuple[SessionKind, str] = LESSON
    found_after: timedelta = timedelta(seconds=61)
    """When the sweep finds what the process left, should its jobs be lost."""
    at_least_once: Collection[str] = ()
    """Lines of the journal that may stand there once more after a crash; the story says why."""

    def __str__(self) -> str:
        return self.name


async def tell(
    story: Story, theatre: Theatre, *, dies_at: int | None, jobs_are_lost: bool = False
) -> tuple[Outcome, Fate]:
    """Tell a story; its process dies at this step, and another one takes over."""
    stage, fate = await theatre.stage(story.provider), Fate(dies_at)
    await story.prepare(stage)
    before = len(await stage.tenant.events(story.brings))
    async with process(stage, fate) as first:
        with _death():
            await story.work(stage, first)
    if fate.came:
        await _let_leases_end(stage)
        if jobs_are_lost:
            await _lose_jobs(stage)
            await stage.sandbox.deliver_webhooks()
            stage.clock.move(seconds=story.found_after.total_seconds())
        async with process(stage, Fate()) as second:
            await story.work(stage, second)
    await stage.settle()
    assert fate.came or len(await stage.tenant.events(story.brings)) > before, "the story is about nothing"
    outcome = await seen(stage, session=story.session, timed=not jobs_are_lost)
    # Who tried to enter afterwards is no part of it.
    await stage.sandbox.client.delete("/_sandbox/webhooks/outbox")
    return outcome, fate


@contextmanager
def _death() -> Iterator[None]:
    try:
        yield
    except Crash:
        return


async def _let_leases_end(stage: Stage) -> None:
    """The three seconds pass for which the dead process keeps its room to itself."""
    async with stage.tenant.broker.store.transaction() as unit_of_work:
        await unit_of_work.execute(
            text("update rooms set lease_until = clock_timestamp() - interval '1 second' where lease_until is not null")
        )


async def _lose_jobs(stage: Stage) -> None:
    async with stage.tenant.broker.store.transaction() as unit_of_work:
        await unit_of_work.execute(text("delete from jobs.queue"))


async def _assert_every_crash_is_survived(story: Story, theatre: Theatre, *, jobs_are_lost: bool = False) -> None:
    expected, unharmed = await tell(story, theatre, dies_at=None, jobs_are_lost=jobs_are_lost)
    assert unharmed.steps, "there was nothing to do"
    for number in _steps_to_die_at(story, unharmed.steps, jobs_are_lost=jobs_are_lost):
        outcome, fate = await tell(story, theatre, dies_at=number, jobs_are_lost=jobs_are_lost)
        assert fate.came, f"the story is told otherwise each time: {unharmed.steps}, then {fate.steps}"
        where = f"after a crash at step {number} ({fate.steps[number - 1]})"
        journal = _without_repeats(outcome.journal, expected.journal, story)
        assert not _excess(expected.journal, journal), f"missing {where}"
        assert not _excess(journal, expected.journal), f"too much {where}"
        for what, value in expected.state.items():
            assert outcome.state[what] == value, f"{what} {where}"


def _steps_to_die_at(story: Story, steps: list[str], *, jobs_are_lost: bool) -> list[int]:
    """One step in `STRIDE`, and at least one of every story."""
    possible = [number for number, name in enumerate(steps, start=1) if not jobs_are_lost or name.startswith(WRITTEN)]
    chosen = [number for number in possible if (number + len(story.name)) % STRIDE == 0]
    return chosen or [possible[len(story.name) % len(possible)]]


def _excess(lines: list[Any], others: list[Any]) -> list[Any]:
    """What stands in the first list more often than in the second."""
    return [line for line in lines if lines.count(line) > others.count(line)]


def _without_repeats(journal: list[dict[str, Any]], expected: list[dict[str, Any]], story: Story) -> Any:
    """The journal without what may stand there twice in this story: one such line in excess is taken away."""
    for number, line in enumerate(journal):
        excess = journal.count(line) > expected.count(line)
        if line["type"] in story.at_least_once and excess and len(journal) == len(expected) + 1:
            return journal[:number] + journal[number + 1 :]
    return journal


async def work(_: Stage, worker: Process) -> None:
    """What a worker finds to do."""
    await worker.work()


# The stories


async def _people_came_and_one_left(stage: Stage) -> None:
    await stage.tenant.book()
    await stage.come("tutor-1")
    await stage.settle()  # the provider was asked lately
    stage.clock.move(seconds=20)
    await stage.come("student-1")
    stage.clock.move(seconds=10)
    await stage.go("tutor-1")
    await stage.sandbox.deliver_webhooks()


async def _a_webhook_is_on_its_way(stage: Stage) -> None:
    await stage.tenant.book()
    await stage.come("tutor-1")
    await stage.settle()
    stage.clock.move(seconds=20)
    await stage.come("student-1")
    await stage.catch_webhooks()
    # A second one would have what waits applied, whatever became of the first.
    assert len(stage.letters) == 1


async def _a_recording_is_ready(stage: Stage) -> None:
    await stage.tenant.book()
    await stage.come("tutor-1")
    await stage.settle()  # the provider was asked lately
    path = f"/_sandbox/rooms/{stage.credentials['tutor-1']['room_id']}/recorder"
    await stage.sandbox.client.post(path)
    stage.clock.move(seconds=20)
    await stage.sandbox.client.delete(path)
    await stage.sandbox.deliver_webhooks()


async def _hear_and_work(stage: Stage, one: Process) -> None:
    """The vendor sends again what was not answered; here, everything."""
    (name,) = one.app.default_providers
    for headers, body in stage.letters:
        await receive(one.broker, one.app.name, name, headers, body, now=one.broker.now())
    await one.work()


async def _webhooks_were_lost(stage: Stage) -> None:
    await stage.tenant.book()
    await stage.sandbox.set_webhook_behavior(hold=10_000, drop=3)
    await stage.come("tutor-1", "student-1")
    stage.clock.move(minutes=2)
    await stage.go("student-1")
    stage.clock.move(seconds=30)
    await stage.sandbox.deliver_webhooks()


async def _the_window_ends_with_somebody_in_it(stage: Stage) -> None:
    await stage.tenant.book()
    await stage.come("tutor-1", "student-1", surface="prebuilt")
    await stage.settle()
    stage.clock.move(minutes=81)
    await stage.settle()
    stage.clock.move(minutes=60)


async def _the_window_ends_when_all_have_gone(stage: Stage) -> None:
    await stage.tenant.book()
    await stage.come("tutor-1", surface="sdk" if stage.at_agora else "prebuilt")
    stage.clock.move(minutes=30)
    await stage.go("tutor-1")
    await stage.settle()
    stage.clock.move(minutes=51)


async def _a_call_is_running(stage: Stage) -> None:
    await stage.tenant.book()
    await stage.come("tutor-1", "student-1", surface="sdk" if stage.at_agora else "prebuilt")
    await stage.settle()
    stage.clock.move(minutes=7)
    await stage.settle()  # the provider was asked lately


async def _cancel(stage: Stage, one: Process) -> None:
    """A backend that got no answer looks, and asks again only if the booking still stands; then a worker works."""
    known = await registration.find(one.context, stage.key())
    if known.session.terms.status is not SessionStatus.CANCELLED:
        await registration.cancel(one.context, stage.key())
    await one.work()


async def _cancel_blindly(stage: Stage, one: Process) -> None:
    """A backend that got no answer asks again; then a worker works."""
    await registration.cancel(one.context, stage.key())
    await one.work()


async def _end(stage: Stage, one: Process) -> None:
    """A backend that got no answer looks, and asks again only if the call still runs; then a worker works."""
    _, page = await calls.list_calls(one.context, stage.key(), limit=1, cursor=None)
    if page.items[0].ended_at is None:
        await _end_blindly(stage, one)
    await one.work()


async def _end_blindly(stage: Stage, one: Process) -> None:
    """A backend that got no answer asks again; then a worker works."""
    await calls.end_call(one.context, stage.key(), user_id="tutor-1")
    await one.work()


async def _a_group_is_empty(stage: Stage) -> None:
    await stage.tenant.create_group()
    await stage.come("tutor-1", session=CIRCLE, surface="prebuilt")
    await stage.settle()
    stage.clock.move(hours=3)
    await stage.go("tutor-1")
    await stage.settle()
    stage.clock.move(minutes=6)


async def _somebody_does_not_come(stage: Stage) -> None:
    await stage.tenant.book()
    await stage.sandbox.set_webhook_behavior(hold=10_000, drop_types=["peer.join.success"])
    await stage.come("tutor-1")
    await stage.settle()
    stage.clock.move(minutes=16)


async def _a_booking_is_over(stage: Stage) -> None:
    await stage.tenant.book()
    await stage.come("tutor-1")
    await stage.settle()
    stage.clock.move(minutes=79)
    await stage.go("tutor-1")
    await stage.settle()
    stage.clock.move(minutes=1)
    await stage.settle()
    assert await stage.tenant.events("session.closed") == []
    stage.clock.move(minutes=2)


async def _a_webhook_comes_after_the_verdicts(stage: Stage) -> None:
    """The student's arrival and departure were lost, and 100ms does not know of them either: they are replayed."""
    await stage.tenant.book()
    await stage.come("tutor-1")
    await stage.settle()
    stage.clock.move(minutes=1)
    await stage.come("student-1")
    stage.clock.move(minutes=68)
    await stage.go("student-1")
    await stage.catch_webhooks()
    stage.clock.move(minutes=1)
    await stage.go("tutor-1")
    await stage.sandbox.inject_fault("status", status=404, operation="list_sessions")
    await stage.settle()
    for minutes in (11, 3):
        stage.clock.move(minutes=minutes)
        await stage.settle()
    await stage.sandbox.clear_faults()
    assert len(await stage.tenant.events("session.closed")) == 1


async def _put_out(stage: Stage, one: Process) -> None:
    """A backend asks again only if nothing says that it was heard; then a worker works."""
    if not await stage.rows("select user_id from removals where app_id = :app"):
        now = one.broker.now()
        await moderation.remove(context_of(one.broker, one.app, now=now), stage.key(), "student-1", ban=True)
    await one.work()


async def _somebody_comes_back_after_being_put_out(stage: Stage) -> None:
    await stage.tenant.book()
    await stage.come("tutor-1", "student-1")
    await stage.settle()
    stage.clock.move(seconds=10)
    await stage.tenant.post("/v1/bookings/lesson-1/participants/student-1/remove")
    await stage.settle()
    stage.clock.move(seconds=20)
    await stage.enter("student-1")
    await stage.sandbox.deliver_webhooks()


async def _move(stage: Stage, one: Process) -> None:
    """The backend sends the same booking until it is answered; then a worker works."""
    later = stage.began_at + timedelta(hours=5)
    await registration.amend(
        one.context,
        stage.key(),
        lambda terms: replace(terms, starts_at=later, ends_at=later + timedelta(hours=1)),
    )
    await one.work()


async def _a_booking_was_moved(stage: Stage) -> None:
    await _a_call_is_running(stage)
    await stage.tenant.book(starts_in=timedelta(hours=5))
    await stage.settle()
    stage.clock.move(hours=5)


async def _a_room_has_no_codes_left(stage: Stage) -> None:
    """The booking was moved, its room is closed, and 100ms creates only a few more codes in it."""
    await _a_call_is_running(stage)
    await _use_up_codes(stage, leave=3)
    await stage.tenant.book(starts_in=timedelta(hours=5))
    await stage.settle()
    stage.clock.move(hours=5)


async def _a_call_is_running_in_a_room_without_codes(stage: Stage) -> None:
    await _a_call_is_running(stage)
    await _use_up_codes(stage, leave=0)


async def _use_up_codes(stage: Stage, *, leave: int) -> None:
    (room,) = await stage.rows("select provider_room_id from rooms where app_id = :app")
    await stage.sandbox.use_up_codes(room["provider_room_id"], leave=leave)


async def _remove_and_join(stage: Stage, one: Process) -> None:
    """The removal leaves the room for a new one, which the next person opens."""
    await _put_out(stage, one)
    await _join_again(stage, one)


async def _join_again(stage: Stage, one: Process) -> None:
    """The frontend asks until it is answered; then a worker works."""
    surface = Surface.SDK if stage.at_agora else Surface.PREBUILT
    visitor, now = entering.JoinRequester("tutor-1"), one.broker.now()
    await entering.join(context_of(one.broker, one.app, now=now), stage.key(), visitor, surface=surface)
    await one.work()


async def _a_host_is_there_and_lets_people_in(stage: Stage) -> None:
    await stage.tenant.book(policy={"waiting_room": "admit"})
    await stage.come("tutor-1")
    await stage.settle()


async def _be_let_in(stage: Stage, one: Process) -> None:
    """Somebody asks until they wait, the host admits until nobody does, the frontend asks until it is answered."""
    key, now = stage.key(), one.broker.now()

    async def join() -> None:
        visitor = entering.JoinRequester("student-1")
        await entering.join(context_of(one.broker, one.app, now=now), key, visitor, surface=Surface.SDK)

    if not await waiting_room.list_lobby(context_of(one.broker, one.app, now=now), key):
        with suppress(AccessDenied):
            await join()
    for entry, _ in await waiting_room.list_lobby(context_of(one.broker, one.app, now=now), key):
        await waiting_room.admit(context_of(one.broker, one.app, now=now), key, entry.id)
    await join()
    await one.work()


AGORA = ProviderName.AGORA
BY_REQUEST = [
    Story(
        "letting somebody in",
        _a_host_is_there_and_lets_people_in,
        _be_let_in,
        "participant.admitted",
        at_least_once={"credentials.issued"},
    ),
    Story("cancelling a running call", _a_call_is_running, _cancel, "room.closed"),
    Story("cancelling a running call at Agora", _a_call_is_running, _cancel, "room.closed", AGORA),
    Story("cancelling until it is answered", _a_call_is_running, _cancel_blindly, "room.closed"),
    Story("ending a running call", _a_call_is_running, _end, "room.closed"),
    Story("ending until it is answered", _a_call_is_running, _end_blindly, "room.closed"),
    Story("moving a booking whose call runs", _a_call_is_running, _move, "room.closed"),
    # Whoever gets no answer asks again, and gets other credentials: the journal has to name both.
    Story("reopening", _a_booking_was_moved, _join_again, "room.opened", at_least_once={"credentials.issued"}),
    Story(
        "leaving a room without codes",
        _a_room_has_no_codes_left,
        _join_again,
        "room.closed",
        at_least_once={"credentials.issued"},
    ),
    Story(
        "leaving a room without codes for a removal",
        _a_call_is_running_in_a_room_without_codes,
        _remove_and_join,
        "room.closed",
        at_least_once={"credentials.issued"},
    ),
    Story(
        "reopening at Agora",
        _a_booking_was_moved,
        _join_again,
        "room.opened",
        AGORA,
        at_least_once={"credentials.issued"},
    ),
    Story("putting out with a ban", _a_call_is_running, _put_out, "participant.removed"),
    Story("putting out with a ban at Agora", _a_call_is_running, _put_out, "participant.removed", AGORA),
]
IN_THE_BACKGROUND = [
    Story(
        "applying webhooks of 100ms",
        _people_came_and_one_left,
        work,
        "participant.left",
        found_after=timedelta(seconds=16),
    ),
    Story(
        "applying webhooks of Agora",
        _people_came_and_one_left,
        work,
        "participant.left",
        AGORA,
        found_after=timedelta(seconds=16),
    ),
    Story(
        "applying webhooks about a recording",
        _a_recording_is_ready,
        work,
        "recording.ready",
        found_after=timedelta(seconds=16),
    ),
    Story("asking 100ms", _webhooks_were_lost, work, "attendance.reconciled"),
    Story("asking Agora", _webhooks_were_lost, work, "attendance.reconciled", AGORA),
    Story("closing with somebody in it", _the_window_ends_with_somebody_in_it, work, "room.closed"),
    Story("closing when all have gone", _the_window_ends_when_all_have_gone, work, "room.closed"),
    Story("closing at Agora", _the_window_ends_when_all_have_gone, work, "room.closed", AGORA),
    Story("closing an empty group call", _a_group_is_empty, work, "room.closed", session=CIRCLE),
    Story("reporting who does not come", _somebody_does_not_come, work, "participant.no_show"),
    Story("concluding with verdicts", _a_booking_is_over, work, "session.closed"),
    Story("correcting verdicts", _a_webhook_comes_after_the_verdicts, _hear_and_work, "session.closed"),
    Story("putting out who came back", _somebody_comes_back_after_being_put_out, work, "participant.left"),
]
HEARING = [
    Story("hearing a webhook of 100ms", _a_webhook_is_on_its_way, _hear_and_work, "participant.joined"),
    Story("hearing a webhook of Agora", _a_webhook_is_on_its_way, _hear_and_work, "participant.joined", AGORA),
]


@pytest.mark.parametrize("story", [*HEARING, *IN_THE_BACKGROUND, *BY_REQUEST], ids=str)
async def test_whoever_takes_over_from_a_dead_process_brings_it_to_the_same_end(story: Story, theatre: Theatre) -> None:
    """At whichever step it dies: calls, attendance, room, codes, verdicts, removals and journal are the same."""
    await _assert_every_crash_is_survived(story, theatre)


@pytest.mark.parametrize("story", [*IN_THE_BACKGROUND, *BY_REQUEST], ids=str)
async def test_the_sweep_finds_what_is_to_be_done_when_the_jobs_are_lost(story: Story, theatre: Theatre) -> None:
    """Jobs are hints: with an empty queue, all that is late is when it is done."""
    await _assert_every_crash_is_survived(story, theatre, jobs_are_lost=True)
