"""A room that was opened while the response was lost is closed: found by its name, in every state of its session."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import text

from polling import eventually
from tenants import MovableClock, Sandbox, Tenant
from videobroker.domain.apps import ProviderName
from videobroker.domain.diagnostics import CheckStatus
from videobroker.domain.ids import RoomId, SessionId, uuid7
from videobroker.domain.lifecycle import CONFIRMATION_DELAY
from videobroker.domain.rooms import Room, RoomState, build_room_name
from videobroker.storage.calls import rooms
from videobroker.usecases.calls.orphaned_rooms import close_orphaned_rooms_of
from videobroker.usecases.operations.diagnostics import MAX_CLOSING_DELAY, MAX_STEP_RETRY_DELAY, check_rooms

LESSON = "/v1/bookings/lesson-1"
LATER = timedelta(seconds=1)
MAX_ATTEMPTS = 4
"""Of the client, at one request."""


@pytest.fixture
async def lesson(tutoring: Tenant, sandbox: Sandbox) -> Tenant:
    """A booking whose room was opened, but the responses were lost."""
    await tutoring.book()
    await lose_responses_to_join(tutoring, sandbox)
    return tutoring


async def lose_responses_to_join(tenant: Tenant, sandbox: Sandbox, operation: str = "create_room") -> None:
    await sandbox.inject_fault("drop", operation=operation, times=MAX_ATTEMPTS, after=True)
    assert (await tenant.join()).status_code == 503
    assert await is_open(tenant)


async def session_of(tenant: Tenant) -> SessionId:
    (session_id,) = await tenant._sessions()
    return session_id


async def open_room_id(tenant: Tenant, session_id: SessionId | None = None) -> str | None:
    """The vendor's ID of the session's room, if it accepts joins."""
    name = build_room_name(tenant.app.id, session_id or await session_of(tenant))
    return await tenant.broker.provider(tenant.app, ProviderName.HMS).find_open_room(name)


async def is_open(tenant: Tenant, session_id: SessionId | None = None) -> bool:
    return await open_room_id(tenant, session_id) is not None


async def state_of(tenant: Tenant) -> str:
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        statement = text("select state from rooms where app_id = :app")
        return str((await unit_of_work.execute(statement, {"app": tenant.app.id})).scalar_one())


async def due_at_is_set(tenant: Tenant) -> bool:
    """Whether a worker will run the lifecycle of the session by the end of the delay."""
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        statement = text("select attend_at from sessions where app_id = :app")
        found = (await unit_of_work.execute(statement, {"app": tenant.app.id})).scalar_one()
    return found is not None and found <= tenant.broker.now() + CONFIRMATION_DELAY


async def pass_delay(tenant: Tenant, clock: MovableClock) -> None:
    clock.move(seconds=(CONFIRMATION_DELAY + LATER).total_seconds())
    await tenant.run_due_jobs()


async def test_it_is_closed_before_the_window_ends(lesson: Tenant, clock: MovableClock) -> None:
    await lesson.run_due_jobs()
    assert await is_open(lesson)
    assert await due_at_is_set(lesson)
    await pass_delay(lesson, clock)
    assert not await is_open(lesson)
    assert await state_of(lesson) == RoomState.CLOSED
    assert len(await lesson.events("room.closed")) == 1


async def test_the_next_join_opens_it_again(lesson: Tenant, sandbox: Sandbox, clock: MovableClock) -> None:
    room_id = await open_room_id(lesson)
    await pass_delay(lesson, clock)
    joined = (await lesson.join()).json()
    assert joined["room_id"] == room_id
    await sandbox.join_room(joined["room_id"], token=joined["token"])
    await pass_delay(lesson, clock)
    assert await is_open(lesson)


async def test_it_is_closed_when_the_session_is_canceled(lesson: Tenant, clock: MovableClock) -> None:
    assert (await lesson.post(f"{LESSON}/cancel")).status_code == 200
    await pass_delay(lesson, clock)
    assert not await is_open(lesson)


async def test_it_is_closed_long_after_the_session_is_over(lesson: Tenant, clock: MovableClock) -> None:
    clock.move(days=3)
    await lesson.run_due_jobs()
    assert not await is_open(lesson)


async def test_it_is_closed_for_a_group(tutoring: Tenant, sandbox: Sandbox, clock: MovableClock) -> None:
    await tutoring.create_group()
    await sandbox.inject_fault("drop", operation="create_room", times=MAX_ATTEMPTS, after=True)
    assert (await tutoring.post("/v1/groups/circle/join", {"user_id": "tutor-1"})).status_code == 503
    assert await due_at_is_set(tutoring)
    await pass_delay(tutoring, clock)
    assert not await is_open(tutoring)


async def test_people_with_former_tokens_are_disconnected(
    tutoring: Tenant, sandbox: Sandbox, clock: MovableClock
) -> None:
    await tutoring.book()
    former = (await tutoring.join()).json()
    await tutoring.post(f"{LESSON}/end")
    await lose_responses_to_join(tutoring, sandbox, "update_room")
    await sandbox.join_room(former["room_id"], token=former["token"])
    assert await tutoring.present_users(former["room_id"]) == ["tutor-1"]
    await pass_delay(tutoring, clock)
    assert await tutoring.present_users(former["room_id"]) == []
    assert not await is_open(tutoring)


async def test_it_is_closed_after_its_session_was_deleted(lesson: Tenant, clock: MovableClock) -> None:
    session_id = await session_of(lesson)
    assert (await lesson.send("DELETE", LESSON)).status_code == 204
    clock.move(hours=1)
    await close_orphaned_rooms_of(lesson.broker, lesson.app.id, session_id, now=lesson.broker.now())
    assert not await is_open(lesson, session_id)


async def test_a_room_that_may_still_be_opened_is_closed_after_its_session_was_deleted(
    tutoring: Tenant, sandbox: Sandbox, clock: MovableClock
) -> None:
    await tutoring.book()
    session_id = await session_of(tutoring)
    await sandbox.inject_fault("status", operation="create_room", times=1, status=400)
    await tutoring.join()
    assert (await tutoring.send("DELETE", LESSON)).status_code == 204
    # The request of a process that crashed arrives late.
    name = build_room_name(tutoring.app.id, session_id)
    await tutoring.broker.provider(tutoring.app, ProviderName.HMS).open_room(name)
    clock.move(hours=1)
    await close_orphaned_rooms_of(tutoring.broker, tutoring.app.id, session_id, now=tutoring.broker.now())
    assert not await is_open(tutoring, session_id)


async def test_closing_is_retried(lesson: Tenant, sandbox: Sandbox, clock: MovableClock) -> None:
    await sandbox.inject_fault("status", operation="list_rooms", status=503)
    await pass_delay(lesson, clock)
    await sandbox.clear_faults()
    await lesson.wait_for_probe()
    assert await is_open(lesson)
    await pass_delay(lesson, clock)
    assert not await is_open(lesson)


async def test_a_room_that_the_vendor_does_not_have_is_not_created(
    tutoring: Tenant, sandbox: Sandbox, clock: MovableClock
) -> None:
    await tutoring.book()
    await sandbox.inject_fault("status", operation="create_room", times=MAX_ATTEMPTS, status=503)
    assert (await tutoring.join()).status_code == 503
    await pass_delay(tutoring, clock)
    assert await open_room_id(tutoring) is None
    assert await state_of(tutoring) == RoomState.CLOSED
    assert await tutoring.events("room.closed") == []


async def test_a_room_that_a_process_is_opening_is_not_closed(tutoring: Tenant, sandbox: Sandbox) -> None:
    await tutoring.book()
    now = tutoring.broker.now()
    wanted = Room(RoomId(uuid7(now)), await session_of(tutoring), ProviderName.HMS, RoomState.PREPARING)
    async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
        claim = await rooms.claim_opening(
            unit_of_work,
            tutoring.app.id,
            wanted,
            holder=uuid4(),
            with_codes=False,
            awaited=None,
            now=now - CONFIRMATION_DELAY - LATER,
        )
    assert claim.is_ours
    await tutoring.run_due_jobs()
    assert await state_of(tutoring) == RoomState.PREPARING
    assert "list_rooms" not in await sandbox.counters()


async def test_a_join_waits_for_the_closing_and_opens_the_room(
    lesson: Tenant, sandbox: Sandbox, clock: MovableClock
) -> None:
    await sandbox.inject_fault("latency", operation="end_room", milliseconds=500, times=1)
    clock.move(seconds=(CONFIRMATION_DELAY + LATER).total_seconds())
    closing = asyncio.create_task(lesson.run_due_jobs())

    async def is_closing() -> bool:
        return bool((await sandbox.counters()).get("end_room"))

    await eventually(is_closing)
    joined = (await lesson.join()).json()
    await closing
    assert await is_open(lesson)
    await sandbox.join_room(joined["room_id"], token=joined["token"])


async def test_rooms_that_cannot_be_closed_are_reported(lesson: Tenant, sandbox: Sandbox, clock: MovableClock) -> None:
    await sandbox.inject_fault("status", operation="list_rooms", status=503)
    await pass_delay(lesson, clock)
    clock.move(seconds=MAX_CLOSING_DELAY.total_seconds())
    assert (await check_rooms(lesson.broker, now=lesson.broker.now())).verdict is CheckStatus.FAILED
    before = await overdue_rooms(lesson)
    await sandbox.clear_faults()
    await lesson.wait_for_probe()
    await lesson.run_due_jobs()
    assert await overdue_rooms(lesson) == before - 1


async def overdue_rooms(tenant: Tenant) -> int:
    """The number in all apps: tests share their database."""
    now = tenant.broker.now()
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        found = await rooms.overdue(
            unit_of_work, before=now - MAX_CLOSING_DELAY, steps_until=now + MAX_STEP_RETRY_DELAY
        )
    return found.count
