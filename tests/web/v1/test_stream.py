"""The journal as a stream: live, resumable at any event, without gaps and duplicates."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from polling import eventually
from servers import serving
from tenants import Tenant
from videobroker.broker import Broker
from videobroker.cli.serve import KEEP_ALIVE_SECONDS
from videobroker.domain.actors import Actor
from videobroker.domain.api_keys import Scope
from videobroker.domain.events import EventType, create_session_event
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.errors import StorageUnavailable
from videobroker.storage.journal import journal
from videobroker.storage.sessions import sessions
from videobroker.usecases.journal.stream import POLL_SECONDS
from videobroker.web.app import create_app
from videobroker.web.v1 import stream

STREAM = "/v1/events/stream"


@pytest.fixture(scope="module")
async def address(broker: Broker) -> AsyncIterator[str]:
    """The URL of the service: the client of the other tests would wait for the end of a stream."""

    def lifetime() -> AbstractAsyncContextManager[Broker]:
        raise RuntimeError("the broker is given")

    service = create_app(lifetime)
    service.state.broker = broker
    async with serving(service, timeout_keep_alive=KEEP_ALIVE_SECONDS) as url:
        yield url


@dataclass
class Message:
    """A message of a stream of server-sent events."""

    fields: dict[str, str] = field(default_factory=dict)
    comment: str = ""

    @property
    def event(self) -> dict[str, Any]:
        """The event in its data."""
        event: dict[str, Any] = json.loads(self.fields["data"])
        return event


async def parse_messages(lines: AsyncIterator[str]) -> AsyncIterator[Message]:
    """The messages, parsed as browsers do."""
    message = Message()
    async for line in lines:
        if not line:
            yield message
            message = Message()
        elif line.startswith(":"):
            message.comment = line[1:].strip()
        else:
            name, _, value = line.partition(": ")
            message.fields[name] = value if name not in message.fields else f"{message.fields[name]}\n{value}"


async def lines_of(response: httpx.Response) -> AsyncIterator[str]:
    """Lines as defined by the standard. Other line separators of Unicode are part of the text."""
    rest = b""
    async for part in response.aiter_bytes():
        *whole, rest = (rest + part).replace(b"\r\n", b"\n").split(b"\n")
        for line in whole:
            yield line.decode()


@dataclass
class Listener:
    """A client of the stream."""

    response: httpx.Response
    begun: Message
    rest: AsyncIterator[Message]

    async def message(self, seconds: float = 30.0) -> Message:
        """The next message of any type."""
        async with asyncio.timeout(seconds):
            return await anext(self.rest)

    async def next(self, count: int = 1) -> list[dict[str, Any]]:
        """The next events."""
        found: list[dict[str, Any]] = []
        while len(found) < count:
            message = await self.message()
            if "data" in message.fields:
                found.append(message.event)
        return found

    async def quiet(self, seconds: float = 0.5) -> bool:
        """Whether no message arrives for this time."""
        try:
            await self.message(seconds)
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def following(
    tenant: Tenant, address: str, *, last_event_id: str | None = None, **params: Any
) -> AsyncIterator[Listener]:
    """Follow the journal of an app."""
    headers = {"Authorization": f"Bearer {tenant.key}"}
    if last_event_id is not None:
        headers["Last-Event-ID"] = last_event_id
    async with (
        httpx.AsyncClient(base_url=address, timeout=60) as client,
        client.stream("GET", STREAM, headers=headers, params=params) as response,
    ):
        assert response.status_code == 200, await response.aread()
        found = parse_messages(lines_of(response))
        yield Listener(response, await anext(found), found)


async def request_stream(
    tenant: Tenant, address: str, headers: dict[str, str] | None = None, **params: Any
) -> httpx.Response:
    """The response to a stream request that is refused."""
    async with httpx.AsyncClient(base_url=address, timeout=60) as client:
        return await client.get(
            STREAM, headers={"Authorization": f"Bearer {tenant.key}", **(headers or {})}, params=params
        )


async def write_events(
    tenant: Tenant, *marks: str, wait: asyncio.Event | None = None, written: asyncio.Event | None = None
) -> None:
    """Journal events about a lesson. With `wait`, set `written`, and commit when `wait` is set."""
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        session = await sessions.find(unit_of_work, SessionKey(tenant.app.id, SessionKind.BOOKING, "lesson-1"))
        assert session is not None
        for mark in marks:
            event = create_session_event(
                session,
                EventType.APP_REPORTED,
                actor=Actor(tenant.app.id),
                now=tenant.broker.now(),
                data={"event": mark, "reported_at": None, "details": {}},
            )
            await journal.record(unit_of_work, event)
        if written is not None:
            written.set()
        if wait is not None:
            await wait.wait()


def marks(events: list[dict[str, Any]]) -> list[str]:
    return [event["data"]["event"] for event in events]


# --- content ----------------------------------------------------------------------------------------------------------


async def test_it_starts_immediately_with_a_message(agora: Tenant, address: str) -> None:
    await agora.book()
    async with following(agora, address) as listener:
        assert listener.response.headers["content-type"].startswith("text/event-stream")
        assert listener.response.headers["cache-control"] == "no-store"
        assert listener.begun.comment == "listening"
        assert listener.begun.fields["retry"] == "1000"
        assert listener.begun.fields["id"] == (await agora.events())[-1]["cursor"]


async def test_an_event_equals_that_of_the_list(agora: Tenant, address: str) -> None:
    async with following(agora, address) as listener:
        await agora.book(title="Zoë 🎓")
        await agora.join()
        unicode_lines = "one\u2028line\u2029by\u0085Unicode"  # codespell:ignore ine
        await write_events(agora, unicode_lines, "two\nlines", "two\r\nmore\rlines")
        received = [await listener.message() for _ in range(7)]
    listed = await agora.events()
    assert [message.event for message in received] == listed
    assert [message.fields["id"] for message in received] == [event["cursor"] for event in listed]
    assert [message.fields["event"] for message in received] == [event["type"] for event in listed]


async def test_an_event_arrives_soon(agora: Tenant, address: str) -> None:
    await agora.book()
    async with following(agora, address) as listener:
        loop = asyncio.get_running_loop()
        took = []
        for n in range(10):
            await write_events(agora, str(n))
            started_at = loop.time()
            assert marks(await listener.next()) == [str(n)]
            took.append(loop.time() - started_at)
    # Without a notification, events arrive by polling after two seconds. On a busy machine, not all ten take that long.
    assert min(took) < POLL_SECONDS / 2


async def test_earlier_events_are_not_sent_by_default(agora: Tenant, address: str) -> None:
    await agora.book()
    async with following(agora, address) as listener:
        assert await listener.quiet()
    [registered] = await agora.events()
    async with following(agora, address, cursor=registered["cursor"]) as listener:
        assert await listener.quiet()


async def test_events_of_another_app_are_never_sent(agora: Tenant, other: Tenant, address: str) -> None:
    await other.book("theirs")
    async with following(agora, address) as listener:
        await other.book("also-theirs")
        await agora.book("ours")
        assert [event["session"]["reference"] for event in await listener.next()] == ["ours"]
        await other.join("also-theirs")
        assert await listener.quiet()
    theirs = (await other.events())[0]["cursor"]
    async with following(agora, address, last_event_id=theirs) as listener:
        assert {event["session"]["reference"] for event in await listener.next()} == {"ours"}


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"type": "call.started"}, [("call.started", "a"), ("call.started", "b")]),
        ({"type": ["call.started", "call.ended"]}, [("call.started", "a"), ("call.started", "b"), ("call.ended", "a")]),
        ({"kind": "booking", "reference": "b", "type": "credentials.issued"}, [("credentials.issued", "b")]),
        ({"user_id": "student-1", "type": "credentials.issued"}, [("credentials.issued", "b")]),
        ({"kind": "group", "reference": "a"}, []),
    ],
    ids=str,
)
async def test_filters_select_events(
    agora: Tenant, address: str, filters: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    await agora.create_group("a")
    async with following(agora, address, **filters) as listener:
        await agora.book("a")
        await agora.book("b")
        await agora.join("a", "tutor-1")
        await agora.join("b", "student-1")
        await agora.post("/v1/bookings/a/end")
        events = await listener.next(len(expected))
        assert [(event["type"], event["session"]["reference"]) for event in events] == expected
        assert await listener.quiet()


# --- resuming ---------------------------------------------------------------------------------------------------------


async def test_it_resumes_after_any_event(agora: Tenant, address: str) -> None:
    await agora.book()
    await write_events(agora, *map(str, range(20)))
    all_events = await agora.events()
    for position in (0, 1, 10, 19):
        async with following(agora, address, last_event_id=all_events[position]["cursor"]) as listener:
            assert await listener.next(20 - position) == all_events[position + 1 :]


async def test_last_event_id_overrides_the_cursor_of_the_url(agora: Tenant, address: str) -> None:
    """A browser reconnects to the URL, and sends the ID of the last event in the header."""
    await agora.book()
    await write_events(agora, *"abc")
    first, _, second, third = await agora.events()
    async with following(agora, address, cursor=first["cursor"], last_event_id=second["cursor"]) as listener:
        assert await listener.next() == [third]


async def test_a_list_followed_by_a_stream_has_no_gap(agora: Tenant, address: str) -> None:
    await agora.book()
    last = (await agora.events())[-1]["cursor"]
    await write_events(agora, "between")
    async with following(agora, address, cursor=last) as listener:
        await write_events(agora, "after")
        assert marks(await listener.next(2)) == ["between", "after"]


async def test_a_client_that_started_with_an_empty_journal_misses_nothing(agora: Tenant, address: str) -> None:
    """The first message of a stream has a cursor, also with an empty journal."""
    async with following(agora, address) as listener:
        begun = listener.begun.fields["id"]
    await agora.book()
    async with following(agora, address, last_event_id=begun) as listener:
        assert [event["type"] for event in await listener.next()] == ["session.registered"]


async def test_a_slow_writer_delays_later_events_so_that_the_order_is_that_of_the_list(
    agora: Tenant, address: str
) -> None:
    """A transaction takes its number first and commits last: later events wait for it."""
    await agora.book()
    gate, written = asyncio.Event(), asyncio.Event()
    async with following(agora, address) as listener:
        slow = asyncio.create_task(write_events(agora, "slow", wait=gate, written=written))
        await written.wait()
        await write_events(agora, "quick")
        assert await listener.quiet()
        gate.set()
        await slow
    async with following(agora, address, last_event_id=listener.begun.fields["id"]) as listener:
        assert marks(await listener.next(2)) == ["slow", "quick"]


async def test_many_clients_get_the_same_events(agora: Tenant, address: str) -> None:
    await agora.book()
    ready = asyncio.Barrier(31)

    async def follow() -> list[dict[str, Any]]:
        async with following(agora, address) as listener:
            await ready.wait()
            return await listener.next(250)

    followers = [asyncio.create_task(follow()) for _ in range(30)]
    await ready.wait()
    for n in range(25):
        await asyncio.gather(*(write_events(agora, f"{n}-{m}") for m in range(10)))
    received = await asyncio.gather(*followers)
    assert all(each == received[0] for each in received)
    assert len({event["id"] for event in received[0]}) == 250


# --- the end ----------------------------------------------------------------------------------------------------------


async def test_keep_alive_comments_are_sent_while_nothing_happens(
    agora: Tenant, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "HEARTBEAT_SECONDS", 1)
    async with following(agora, address) as listener:
        message = await listener.message()
        assert message.comment.startswith("ping")
        assert message.fields == {}


async def test_it_ends_after_its_maximum_duration_and_can_be_resumed(
    agora: Tenant, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await agora.book()
    with monkeypatch.context() as patched:
        patched.setattr(stream, "MAX_STREAM_SECONDS", 0.3)
        async with following(agora, address) as listener:
            await _ended(listener)
    await write_events(agora, "while no client listened")
    async with following(agora, address, last_event_id=listener.begun.fields["id"]) as listener:
        assert marks(await listener.next()) == ["while no client listened"]


async def test_a_client_loses_nothing_with_the_database_connections(agora: Tenant, address: str) -> None:
    """A stream ends when it finds the loss, and its client resumes; otherwise, it goes on."""
    await agora.book()

    async def is_written() -> bool:
        await write_events(agora, "after")
        return True

    async with following(agora, address) as listener:
        await write_events(agora, "before")
        [before] = await listener.next()
        async with agora.broker.store.cross_app_transaction() as unit_of_work:
            await unit_of_work.execute(
                text(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where application_name = 'videobroker' and pid <> pg_backend_pid()"
                )
            )
        await eventually(is_written, ignoring=(StorageUnavailable,))
        with suppress(StopAsyncIteration):
            assert marks(await listener.next()) == ["after"]
    async with following(agora, address, last_event_id=before["cursor"]) as listener:
        assert marks(await listener.next()) == ["after"]


async def _ended(listener: Listener) -> None:
    async with asyncio.timeout(30):
        async for _ in listener.rest:
            pass


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("cursor", ["nonsense", "W10", "WzEsMl0x", "WyIxIiwyXQ", "-", "x" * 3000])
@pytest.mark.parametrize("where", ["cursor", "Last-Event-ID"])
async def test_an_invalid_cursor_is_refused_before_the_stream_starts(
    agora: Tenant, address: str, cursor: str, where: str
) -> None:
    if where == "cursor":
        refused = await request_stream(agora, address, cursor=cursor)
    else:
        refused = await request_stream(agora, address, {"Last-Event-ID": cursor})
    assert refused.status_code == 422
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["code"] in {"invalid_cursor", "invalid_request"}


async def test_kind_and_reference_must_be_used_together(agora: Tenant, address: str) -> None:
    refused = await request_stream(agora, address, reference="lesson-1")
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


async def test_an_unknown_type_is_refused(agora: Tenant, address: str) -> None:
    refused = await request_stream(agora, address, type="nothing.of.ours")
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


async def test_it_needs_a_key_with_the_scope_for_events(agora: Tenant, address: str) -> None:
    key = await agora.create_key(scopes=[each for each in Scope if each is not Scope.EVENTS_READ])
    refused = await request_stream(agora, address, {"Authorization": f"Bearer {key}"})
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    refused = await request_stream(agora, address, {"Authorization": "Bearer vb_" + "a" * 43})
    assert (refused.status_code, refused.json()["code"]) == (401, "api_key_invalid")
