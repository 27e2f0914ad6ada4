"""A visit as a stream: the states that a waiting page receives."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from tenants import MovableClock, Tenant, context_of, create_link, send_as
from videobroker.usecases.joining.links import ticket_holder
from videobroker.usecases.joining.visits import watch
from videobroker.web.v1 import visits

LESSON_1 = "/v1/bookings/lesson-1"
PATIENCE_SECONDS = 20.0


class Watcher:
    """A client of a visit stream."""

    def __init__(self, states: AsyncIterator[Any]) -> None:
        self._seen = states
        self._next: asyncio.Task[Any] | None = None

    async def next(self) -> dict[str, Any]:
        """The next state."""
        waiting = self._next or asyncio.ensure_future(anext(self._seen))
        self._next = None
        visit, now = await asyncio.wait_for(waiting, PATIENCE_SECONDS)
        return visits.visit_out(visit, now).model_dump(mode="json")

    async def until(self, reason: str | None, decision: str) -> dict[str, Any]:
        """The first state with this decision."""
        while True:
            state = await self.next()
            if (state["decision"]["decision"], state["decision"]["reason"]) == (decision, reason):
                return state

    async def quiet(self, seconds: float = 1.2) -> bool:
        """Whether no new state arrives for this time."""
        self._next = self._next or asyncio.ensure_future(anext(self._seen))
        done, _ = await asyncio.wait({self._next}, timeout=seconds)
        return not done

    async def end(self) -> bool:
        """Whether the stream ends."""
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while True:
                    await anext(self._seen)
        except StopAsyncIteration:
            return True


@asynccontextmanager
async def watching(tenant: Tenant, link: dict[str, Any], *, seconds: float = 60) -> AsyncIterator[Watcher]:
    """Open the stream for the duration of the block."""
    holder = await ticket_holder(tenant.broker, link["ticket"], now=tenant.broker.now())
    async with aclosing(watch(context_of(tenant.broker, holder.app), holder.ticket, seconds=seconds)) as states:
        watcher = Watcher(states)
        yield watcher
        if watcher._next is not None:
            watcher._next.cancel()
            await asyncio.gather(watcher._next, return_exceptions=True)


async def test_it_starts_with_the_visit_and_sends_nothing_while_nothing_changes(tutoring: Tenant) -> None:
    await tutoring.book(starts_in=timedelta(hours=1))
    async with watching(tutoring, await create_link(tutoring)) as watcher:
        assert (await watcher.next())["decision"]["reason"] == "too_early"
        assert await watcher.quiet()


async def test_it_follows_the_window_without_a_request(tutoring: Tenant, clock: MovableClock) -> None:
    await tutoring.book(starts_in=timedelta(minutes=10, seconds=2))
    async with watching(tutoring, await create_link(tutoring)) as watcher:
        await watcher.until("too_early", "wait")
        admitted = await watcher.until(None, "admit")
        assert admitted["decision"]["opens_at"] <= admitted["now"]
        clock.move(hours=1, minutes=30)
        await watcher.until("session_over", "refuse")


async def test_it_sends_changes_of_the_session(tutoring: Tenant) -> None:
    await tutoring.book(policy={"waiting_room": "until_host"})
    ben = await create_link(tutoring)
    async with watching(tutoring, ben) as watcher:
        await watcher.until("waiting_for_host", "wait")
        call = (await tutoring.join()).json()["call"]
        assert (await watcher.until(None, "admit"))["call"] == {"id": call["id"], "started_at": call["started_at"]}
        await tutoring.send("PATCH", LESSON_1, json={"title": "Geometry"})
        assert (await watcher.next())["session"]["title"] == "Geometry"
        await tutoring.post(f"{LESSON_1}/participants/student-1/remove", {"ban": True})
        await watcher.until("participant_removed", "refuse")
        await tutoring.post(f"{LESSON_1}/cancel")
        assert (await watcher.until("session_cancelled", "refuse"))["session"]["status"] == "cancelled"


async def test_changes_of_other_sessions_are_not_sent(tutoring: Tenant) -> None:
    await tutoring.book()
    await tutoring.book("lesson-2")
    async with watching(tutoring, await create_link(tutoring)) as watcher:
        await watcher.next()
        await tutoring.join("lesson-2")
        assert await watcher.quiet()


async def test_it_ends_when_the_ticket_expires(tutoring: Tenant, clock: MovableClock) -> None:
    await tutoring.book()
    async with watching(tutoring, await create_link(tutoring, expires_in_seconds=60)) as watcher:
        await watcher.next()
        clock.move(seconds=61)
        assert await watcher.end()


async def test_over_http_it_has_one_type_of_message_and_ends(tutoring: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(visits, "MAX_STREAM_SECONDS", 0.2)
    await tutoring.book()
    ben = await create_link(tutoring)
    response = await send_as(tutoring, ben, "GET", "/v1/visit/stream")
    assert response.headers["content-type"].startswith("text/event-stream")
    assert response.headers["cache-control"] == "no-store"
    assert response.text.startswith(": listening")
    (event,) = [part for part in response.text.replace("\r\n", "\n").split("\n\n") if "event: visit" in part]
    (data,) = [line.removeprefix("data: ") for line in event.splitlines() if line.startswith("data: ")]
    state, now = json.loads(data), (await send_as(tutoring, ben, "GET", "/v1/visit")).json()
    assert state | {"now": ""} == now | {"now": ""}
