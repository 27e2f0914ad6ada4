"""Deleted sessions: everything but the journal is gone, the old room is closed, and the reference is free."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import func, insert, select

from tenants import MovableClock, Sandbox, Tenant, create_link, error_code, send_as
from videobroker.domain.actors import Actor
from videobroker.domain.api_keys import Scope
from videobroker.domain.ids import CallId, SessionId, uuid7
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.errors import RoleMayNot, SessionNotFound
from videobroker.providers.hms.provider import HmsProvider
from videobroker.storage.jobs import Job, JobKind
from videobroker.storage.sessions.deletion import OF_SESSION
from videobroker.storage.tables import inbox, metadata, orphaned_rooms, sessions
from videobroker.usecases import deletion
from videobroker.usecases.attendance.process_webhooks import process_session
from videobroker.usecases.operations.sweeper import sweep
from videobroker.worker import run_job

PATH = "/v1/bookings/lesson-1"
STAY = {"journal", "deliveries", "orphaned_rooms", "inbox"}
"""Tables that keep rows about a deleted session. Of the inbox, webhooks that were processed."""


async def delete(tenant: Tenant, path: str = PATH, **headers: str) -> int:
    response = await tenant.send("DELETE", path, headers=headers)
    return response.status_code


def key_of(tenant: Tenant) -> SessionKey:
    return SessionKey(tenant.app.id, SessionKind.BOOKING, "lesson-1")


async def session_id_of(tenant: Tenant, reference: str = "lesson-1") -> SessionId:
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        return SessionId(
            await unit_of_work.scalar(
                select(sessions.c.id).where(sessions.c.app_id == tenant.app.id, sessions.c.reference == reference)
            )
        )


async def rows_about(tenant: Tenant, session_id: SessionId) -> dict[str, int]:
    """The number of rows about a session, by table."""
    found: dict[str, int] = {}
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        for table in metadata.sorted_tables:
            if "session_id" in table.c:
                count = select(func.count()).where(table.c.app_id == tenant.app.id, table.c.session_id == session_id)
                found[table.name] = await unit_of_work.scalar(count)
    return {name: number for name, number in found.items() if number}


class Crash(BaseException):
    """The process dies."""


async def crash(*_: object) -> None:
    raise Crash


class TestWhatIsDeleted:
    async def test_the_session_is_gone(self, tutoring: Tenant) -> None:
        await tutoring.book()
        assert await delete(tutoring) == 204
        for path in (PATH, f"{PATH}/participants", f"{PATH}/calls", f"{PATH}/attendance"):
            assert (await tutoring.get(path)).json()["code"] == "session_not_found", path
        assert (await tutoring.get("/v1/bookings")).json()["data"] == []
        assert (await tutoring.join()).json()["code"] == "session_not_found"
        assert await delete(tutoring) == 404

    async def test_no_row_about_it_is_left(self, webhook_tenant: Tenant, sandbox: Sandbox) -> None:
        tenant = webhook_tenant
        await tenant.book(policy={"guests_allowed": True, "waiting_room": "admit"})
        session_id = await session_id_of(tenant)
        joined = (await tenant.join()).json()
        await sandbox.join_room(joined["room_id"], token=joined["token"])
        await sandbox.deliver_webhooks()
        await tenant.run_due_jobs()
        await create_link(tenant)
        await tenant.join(user_id="student-1")
        await tenant.post(f"{PATH}/participants/student-1/remove", {"ban": True})
        await tenant.post(f"{PATH}/guests", {"name": "Gus"})
        before = await rows_about(tenant, session_id)
        assert {"participants", "rooms", "calls", "attendance", "tickets", "lobby", "removals"} <= before.keys()
        assert await delete(tenant) == 204
        assert (await rows_about(tenant, session_id)).keys() <= STAY

    def test_every_table_about_sessions_is_known(self) -> None:
        tables = {table.name for table in metadata.sorted_tables if "session_id" in table.c}
        assert tables == {table.name for table in OF_SESSION} | STAY

    async def test_the_journal_stays_and_ends_with_the_deletion(self, tutoring: Tenant) -> None:
        await tutoring.book()
        await tutoring.join()
        await delete(tutoring)
        events = await tutoring.events()
        assert [each["type"] for each in events][-3:] == ["call.ended", "session.deleted", "room.closed"]
        deleted = events[-2]
        assert deleted["session"] == {"kind": "booking", "reference": "lesson-1"}
        assert deleted["data"] == {"version": 1, "status": "confirmed"}
        assert events[-3]["data"]["reason"] == "session_shut"  # codespell:ignore shut

    async def test_other_sessions_stay(self, tutoring: Tenant, other: Tenant) -> None:
        for tenant in (tutoring, other):
            await tenant.book()
        await tutoring.book("lesson-2")
        await tutoring.create_group("lesson-1")
        await delete(tutoring)
        assert (await tutoring.get("/v1/bookings/lesson-2")).status_code == 200
        assert (await tutoring.get("/v1/groups/lesson-1")).status_code == 200
        assert (await other.get(PATH)).status_code == 200

    async def test_a_group_can_be_deleted(self, tutoring: Tenant) -> None:
        await tutoring.create_group()
        assert await delete(tutoring, "/v1/groups/circle") == 204
        assert (await tutoring.get("/v1/groups/circle")).status_code == 404


class TestRooms:
    async def test_the_room_is_closed_and_no_one_can_enter_it(self, tutoring: Tenant, sandbox: Sandbox) -> None:
        await tutoring.book()
        joined = (await tutoring.join()).json()
        await sandbox.join_room(joined["room_id"], token=joined["token"])
        await delete(tutoring)
        assert await tutoring.present_users(joined["room_id"]) == []
        response = await sandbox.client.post(
            f"/_sandbox/rooms/{joined['room_id']}/peers", json={"name": "Ada", "token": joined["token"]}
        )
        assert response.status_code == 403, response.text

    async def test_a_new_session_with_the_reference_gets_a_new_room(self, tutoring: Tenant) -> None:
        await tutoring.book()
        first = (await tutoring.join()).json()
        await delete(tutoring)
        booked = await tutoring.book()
        second = (await tutoring.join()).json()
        assert booked["version"] == 1
        assert second["room_id"] != first["room_id"]
        assert second["call"]["id"] != first["call"]["id"]

    async def test_a_room_that_the_provider_does_not_close_is_closed_later(
        self, tutoring: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await tutoring.book()
        session_id = await session_id_of(tutoring)
        joined = (await tutoring.join()).json()
        await sandbox.join_room(joined["room_id"], token=joined["token"])
        await sandbox.inject_fault("status", status=500)
        assert await delete(tutoring) == 204
        assert (await rows_about(tutoring, session_id)).keys() >= {"orphaned_rooms"}
        assert not await tutoring.events("room.closed")
        await sandbox.clear_faults()
        clock.move(minutes=2)
        await sweep(tutoring.broker, now=tutoring.broker.now())
        await run_job(tutoring.broker, Job(JobKind.CLOSE_ORPHANED_ROOMS, tutoring.app.id, session_id))
        assert await tutoring.present_users(joined["room_id"]) == []
        assert (await rows_about(tutoring, session_id)).keys() <= {"journal"}
        assert len(await tutoring.events("room.closed")) == 1

    async def test_a_process_that_crashes_before_it_closes_the_room_leaves_it_to_the_sweep(
        self, tutoring: Tenant, monkeypatch: pytest.MonkeyPatch, clock: MovableClock
    ) -> None:
        await tutoring.book()
        session_id = await session_id_of(tutoring)
        await tutoring.join()

        with monkeypatch.context() as patched:
            patched.setattr(deletion, "close_orphaned_rooms", crash)
            with pytest.raises(Crash):
                await deletion.delete_session(tutoring.context, key_of(tutoring))
        assert (await tutoring.get(PATH)).status_code == 404
        clock.move(minutes=2)
        assert await sweep(tutoring.broker, now=tutoring.broker.now()) >= 1
        await run_job(tutoring.broker, Job(JobKind.CLOSE_ORPHANED_ROOMS, tutoring.app.id, session_id))
        assert len(await tutoring.events("room.closed")) == 1
        async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
            left = select(func.count()).where(orphaned_rooms.c.app_id == tutoring.app.id)
            assert await unit_of_work.scalar(left) == 0

    async def test_a_room_that_opens_meanwhile_is_closed(
        self, tutoring: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The provider creates the room after the deletion has committed."""
        await tutoring.book()
        open_room, opened = HmsProvider.open_room, []

        async def delete_meanwhile(self: HmsProvider, name: str, **options: Any) -> str:
            room_id = await open_room(self, name, **options)
            assert await delete(tutoring) == 204
            opened.append(room_id)
            return room_id

        monkeypatch.setattr(HmsProvider, "open_room", delete_meanwhile)
        joined = await tutoring.join()
        assert joined.json()["code"] == "session_not_found"
        assert opened
        assert [each["type"] for each in await tutoring.events("session.deleted", "room.opened", "room.closed")] == [
            "session.deleted",
            "room.closed",
        ]


class TestLateRequests:
    async def test_a_webhook_about_the_old_room_changes_nothing(self, webhook_tenant: Tenant, sandbox: Sandbox) -> None:
        tenant = webhook_tenant
        await tenant.book()
        joined = (await tenant.join()).json()
        await sandbox.join_room(joined["room_id"], token=joined["token"])
        await delete(tenant)
        await tenant.book()
        await sandbox.deliver_webhooks()
        await tenant.run_due_jobs()
        assert (await tenant.get(f"{PATH}/calls")).json()["data"] == []
        assert not await tenant.events("participant.joined")

    async def test_a_webhook_that_was_stored_during_the_deletion_is_ignored(self, tutoring: Tenant) -> None:
        """It was attributed to the session before, and stored after it was deleted."""
        await tutoring.book()
        session_id = await session_id_of(tutoring)
        await delete(tutoring)
        now = tutoring.broker.now()
        row = {
            "app_id": tutoring.app.id,
            "id": uuid7(now),
            "provider": "100ms",
            "event_id": "late",
            "type": "peer.join.success",
            "session_id": session_id,
            "received_at": now,
            "body": b"{}",
            "state": "pending",
        }
        async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
            await unit_of_work.execute(insert(inbox).values(row))
        assert await process_session(tutoring.broker, tutoring.app.id, session_id, now=now) == 1
        async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
            noted = select(inbox.c.state, inbox.c.note).where(inbox.c.app_id == tutoring.app.id)
            assert tuple((await unit_of_work.execute(noted)).one()) == ("ignored", "session was deleted")

    async def test_a_repeated_join_gets_credentials_of_the_new_session(self, tutoring: Tenant) -> None:
        key = {"Idempotency-Key": "join-1"}
        body = {"user_id": "tutor-1"}
        await tutoring.book()
        first = (await tutoring.post(f"{PATH}/join", body, headers=key)).json()
        await delete(tutoring)
        assert (await tutoring.post(f"{PATH}/join", body, headers=key)).json()["code"] == "session_not_found"
        await tutoring.book()
        second = (await tutoring.post(f"{PATH}/join", body, headers=key)).json()
        assert second["room_id"] != first["room_id"]

    @pytest.mark.parametrize("operation", ["cancel", "start", "end", "participants/tutor-1/remove"])
    async def test_a_repeated_request_is_about_the_new_session(self, tutoring: Tenant, operation: str) -> None:
        key = {"Idempotency-Key": "1"}
        await tutoring.book()
        await tutoring.post(f"{PATH}/start")
        first = await tutoring.post(f"{PATH}/{operation}", headers=key)
        repeated = await tutoring.post(f"{PATH}/{operation}", headers=key)
        assert (first.status_code, repeated.headers["idempotency-replayed"]) == (200, "true"), first.text
        await delete(tutoring)
        await tutoring.book()
        await tutoring.post(f"{PATH}/start")
        done = await tutoring.post(f"{PATH}/{operation}", headers=key)
        assert (done.status_code, done.headers.get("idempotency-replayed")) == (200, None)
        again = await tutoring.post(f"{PATH}/{operation}", headers=key)
        assert (again.headers["idempotency-replayed"], again.json()) == ("true", done.json())

    async def test_a_link_to_the_old_session_does_not_open_the_new_one(self, tutoring: Tenant) -> None:
        await tutoring.book()
        link = await create_link(tutoring)
        await delete(tutoring)
        await tutoring.book()
        response = await send_as(tutoring, link, "POST", f"{PATH}/join", {})
        assert (response.status_code, response.json()["code"]) == (401, "ticket_invalid")

    async def test_queued_jobs_about_it_do_nothing(self, tutoring: Tenant) -> None:
        await tutoring.book()
        session_id = await session_id_of(tutoring)
        await tutoring.join()
        call_id = CallId(UUID((await tutoring.get(f"{PATH}/calls")).json()["data"][0]["id"]))
        await delete(tutoring)
        before = await tutoring.events()
        for kind in set(JobKind) - {JobKind.DELIVER}:
            await run_job(tutoring.broker, Job(kind, tutoring.app.id, session_id, call_id))
        assert await tutoring.events() == before

    async def test_concurrent_requests_succeed_before_or_find_nothing_after(self, tutoring: Tenant) -> None:
        await tutoring.book(policy={"guests_allowed": True})
        requests = [
            tutoring.join(),
            tutoring.join(user_id="student-1"),
            tutoring.post(f"{PATH}/guests", {"name": "Gus"}),
            tutoring.post(f"{PATH}/links", {"user_id": "tutor-1"}),
            tutoring.post(f"{PATH}/start"),
            tutoring.post(f"{PATH}/participants/student-1/remove", {"ban": True}),
            tutoring.send("PUT", f"{PATH}/participants/new", json={"role": "student"}),
            tutoring.send("DELETE", PATH),
            tutoring.send("DELETE", PATH),
        ]
        responses = await asyncio.gather(*requests)
        codes = {error_code(each) for each in responses if not each.is_success}
        assert codes <= {"session_not_found", "room_not_ready", "participant_removed", "storage_unavailable"}, codes
        assert sorted(each.status_code for each in responses[-2:]) == [204, 404]
        assert (await tutoring.get(PATH)).status_code == 404

    @pytest.mark.parametrize(
        "write",
        [
            lambda tenant: tenant.join(),
            lambda tenant: tenant.post(f"{PATH}/links", {"user_id": "tutor-1"}),
            lambda tenant: tenant.post(f"{PATH}/start"),
        ],
        ids=["join", "link", "start"],
    )
    async def test_a_row_that_is_written_about_a_deleted_session_is_a_404(
        self, tutoring: Tenant, monkeypatch: pytest.MonkeyPatch, write: Callable[[Tenant], Awaitable[httpx.Response]]
    ) -> None:
        """The session is deleted after the request has read it."""
        await tutoring.book()
        read = type(tutoring.broker.join_contexts).read

        async def read_before(self: Any, key: SessionKey, user_id: str | None) -> Any:
            found = await read(self, key, user_id)
            with suppress(SessionNotFound):
                await deletion.delete_session(tutoring.context, key)
            return found

        monkeypatch.setattr(type(tutoring.broker.join_contexts), "read", read_before)
        response = await write(tutoring)
        assert (response.status_code, response.json()["code"]) == (404, "session_not_found")


class TestAuthorization:
    async def test_a_key_needs_the_scope(self, tutoring: Tenant) -> None:
        await tutoring.book()
        narrow = await tutoring.create_key(scopes=set(Scope) - {Scope.SESSIONS_WRITE})
        response = await send_as(tutoring, narrow, "DELETE", PATH)
        assert (response.status_code, response.json()["code"]) == (403, "scope_missing")
        assert (await tutoring.get(PATH)).status_code == 200

    async def test_the_use_case_refuses_users(self, tutoring: Tenant) -> None:
        """Whatever route calls it."""
        await tutoring.book(policy={"booking_roles": ["tutor"]})
        actor = Actor(tutoring.app.id, user_id="tutor-1")
        with pytest.raises(RoleMayNot):
            await deletion.delete_session(replace(tutoring.context, actor=actor), key_of(tutoring))
        assert (await tutoring.get(PATH)).status_code == 200

    async def test_another_app_finds_nothing(self, tutoring: Tenant, other: Tenant) -> None:
        await tutoring.book()
        assert await delete(other) == 404
        assert (await tutoring.get(PATH)).status_code == 200
