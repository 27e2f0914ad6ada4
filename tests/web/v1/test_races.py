"""Concurrent requests, and requests in an unexpected order."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import jwt
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from polling import eventually
from tenants import HMS_ROLES, LESSON, MovableClock, Sandbox, Tenant, context_of, make_tenant
from videobroker.broker import Broker
from videobroker.concurrency.lease import renew_periodically
from videobroker.domain.apps import ProviderName
from videobroker.domain.events import Event, EventType, create_session_event
from videobroker.domain.sessions import Session, SessionKey, SessionKind
from videobroker.domain.user_tokens import TokenRules
from videobroker.errors import AccessDenied, RoleMayNot, StorageUnavailable
from videobroker.storage.calls import rooms
from videobroker.storage.joining import removals
from videobroker.storage.postgres.unit_of_work import UnitOfWork
from videobroker.storage.sessions import sessions
from videobroker.usecases import management
from videobroker.usecases.joining import moderation
from videobroker.usecases.legacy.progress import load_progress
from videobroker.usecases.legacy.room_codes import issue_existing_codes, issue_room_code

LESSON_1 = "/v1/bookings/lesson-1"
PATIENCE_SECONDS = 20


async def wait_for_request(sandbox: Sandbox, operation: str) -> None:
    async def was_called() -> bool:
        return operation in await sandbox.counters()

    await eventually(was_called)


async def open_calls(tenant: Tenant) -> int:
    calls = (await tenant.get(f"{LESSON_1}/calls")).json()["data"]
    return sum(call["ended_at"] is None for call in calls)


ClosingAction = Callable[[Tenant], Any]


class TestClosingWhileTheRoomOpens:
    @pytest.mark.parametrize(
        "close",
        [
            lambda tenant: tenant.post(f"{LESSON_1}/cancel"),
            lambda tenant: tenant.send("PATCH", LESSON_1, json={"status": "completed"}),
            lambda tenant: tenant.send("PATCH", LESSON_1, json={"modality": "physical"}),
        ],
        ids=["cancelled", "completed", "made physical"],
    )
    @pytest.mark.parametrize("way", ["join", "start"])
    async def test_no_one_joins_and_nothing_remains_open(
        self, tutoring: Tenant, sandbox: Sandbox, close: ClosingAction, way: str
    ) -> None:
        await tutoring.book()
        await sandbox.inject_fault("latency", operation="create_room", milliseconds=3000)
        entering = asyncio.create_task(tutoring.post(f"{LESSON_1}/{way}", {"user_id": "tutor-1"}))
        await wait_for_request(sandbox, "create_room")
        assert (await close(tutoring)).status_code == 200
        response = await entering
        assert (response.status_code, response.json()["code"]) == (503, "room_not_ready")
        assert (await tutoring.join()).status_code == 403
        assert await open_calls(tutoring) == 0
        assert not await tutoring.events("credentials.issued")
        assert len(await tutoring.events("room.closed")) == 1

    async def test_disabling_video_ends_the_call_and_closes_the_room(self, tutoring: Tenant, sandbox: Sandbox) -> None:
        await tutoring.create_group()
        joined = (await tutoring.post("/v1/groups/circle/join", {"user_id": "tutor-1"})).json()
        await tutoring.send("PATCH", "/v1/groups/circle", json={"video_enabled": False})
        peers = f"/_sandbox/rooms/{joined['room_id']}/peers"
        assert (await sandbox.client.post(peers, json={"token": joined["token"], "name": "Ada"})).status_code == 403
        (call,) = (await tutoring.get("/v1/groups/circle/calls")).json()["data"]
        assert call["ended_at"]


async def test_the_end_of_a_call_does_not_close_the_room_of_the_next_one(tutoring: Tenant) -> None:
    await tutoring.book()
    await tutoring.join()
    key = SessionKey(tutoring.app.id, SessionKind.BOOKING, "lesson-1")
    async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
        session = await sessions.find(unit_of_work, key)
        assert session is not None
        claimed = await rooms.claim_closing(
            unit_of_work, tutoring.app.id, session.id, ProviderName.HMS, holder=session.id, now=tutoring.broker.now()
        )
    assert claimed is None


async def test_replicas_whose_clocks_differ_agree_on_the_last_call(tutoring: Tenant, clock: MovableClock) -> None:
    await tutoring.book()
    ended: list[str] = []
    for _ in range(2):
        await tutoring.post(f"{LESSON_1}/start")
        clock.move(seconds=3)
        ended.append((await tutoring.post(f"{LESSON_1}/end")).json()["id"])
        clock.move(seconds=-3.5)
    assert ended[0] != ended[1]


async def test_an_idempotency_key_of_two_users_has_one_response_for_each(tutoring: Tenant) -> None:
    secret = f"a-secret-of-the-apps-identity-provider-{tutoring.app.id}"
    await management.set_token_rules(context_of(tutoring.broker, tutoring.app), TokenRules(secret=secret))
    await tutoring.book()

    async def join_as(user_id: str) -> httpx.Response:
        token = jwt.encode({"sub": user_id, "exp": tutoring.broker.now().timestamp() + 60}, secret)
        headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "1"}
        return await tutoring.api.post(f"{LESSON_1}/join", headers=headers)

    tutor, student, stranger = [await join_as(who) for who in ("tutor-1", "student-1", "stranger")]
    assert (tutor.json()["user_id"], student.json()["user_id"]) == ("tutor-1", "student-1")
    assert (stranger.status_code, stranger.json()["code"]) == (403, "not_a_participant")
    assert (await join_as("tutor-1")).json() == tutor.json()


class TestChangedApps:
    async def test_a_session_can_be_canceled_although_its_roles_were_removed(self, tutoring: Tenant) -> None:
        await tutoring.book()
        await management.change_app(
            context_of(tutoring.broker, tutoring.app), policy={}, role_maps={ProviderName.HMS: {"coach": "teacher"}}
        )
        cancelled = await tutoring.post(f"{LESSON_1}/cancel")
        assert (cancelled.status_code, cancelled.json()["status"]) == (200, "cancelled")

    async def test_a_new_account_does_not_affect_old_sessions(self, tutoring: Tenant) -> None:
        await tutoring.book()
        await tutoring.join()
        agora = {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4}
        now = tutoring.broker.now()
        await management.set_account(context_of(tutoring.broker, tutoring.app, now=now), ProviderName.AGORA, agora)
        assert (await tutoring.send("PATCH", LESSON_1, json={"title": "New"})).status_code == 200
        path = f"{LESSON_1}/participants/student-2"
        assert (await tutoring.send("PUT", path, json={"role": "student"})).status_code == 201

    async def test_a_new_participant_needs_a_mapped_role(self, tutoring: Tenant) -> None:
        await tutoring.book()
        people = [*LESSON, {"user_id": "janitor", "role": "janitor"}]
        body = {"starts_at": "2030-01-01T00:00:00Z", "duration_minutes": 5, "participants": people}
        response = await tutoring.send("PUT", LESSON_1, json=body)
        assert (response.status_code, response.json()["code"]) == (422, "role_not_mapped")

    async def test_an_app_without_roles_has_no_room_codes(
        self, broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox
    ) -> None:
        accounts = {ProviderName.HMS: sandbox.account("tutoring")}
        tenant = await make_tenant(broker, api, accounts, {ProviderName.HMS: HMS_ROLES})
        await tenant.book()
        await tenant.join()
        await management.change_app(context_of(broker, tenant.app), policy={}, role_maps={})
        assert (await tenant.get("/api/video-calls/rooms/any-code-xyz")).status_code == 404


async def test_requests_that_wait_for_a_slow_vendor_do_not_delay_others(tutoring: Tenant, sandbox: Sandbox) -> None:
    await tutoring.book()
    await sandbox.inject_fault("latency", operation="create_room", milliseconds=3500)
    responses = await asyncio.gather(*(tutoring.join() for _ in range(60)))
    assert {response.status_code for response in responses} == {200}
    assert (await sandbox.counters())["create_room"] == 1


class TestLeases:
    async def test_a_canceled_holder_stops_working(self) -> None:
        started = asyncio.Event()
        finished = False

        async def slow_renewal() -> None:
            await asyncio.Event().wait()

        async def work() -> None:
            nonlocal finished
            async with renew_periodically(slow_renewal):
                started.set()
                await asyncio.Event().wait()
                finished = True

        task = asyncio.create_task(work())
        await started.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not finished

    async def test_a_failed_renewal_does_not_undo_the_work(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("videobroker.concurrency.lease.RENEWAL_INTERVAL_SECONDS", 0.0)
        failures = iter([StorageUnavailable("away"), KeyError("unexpected")])
        done = asyncio.Event()

        async def failing() -> None:
            error = next(failures)
            if isinstance(error, KeyError):
                done.set()
            raise error

        async with renew_periodically(failing):
            await done.wait()


def journaled_items() -> float:
    """Events that were sent to the journal, including repeated attempts."""
    return REGISTRY.get_sample_value("videobroker_batch_items_total", {"batcher": "journal"}) or 0.0


class TestBlockWhileJoining:
    async def test_a_join_that_read_before_the_block_issues_nothing(
        self, tutoring: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await tutoring.book()
        await tutoring.join("lesson-1", "tutor-1")
        record, writer = tutoring.broker.journal_writer.record, tutoring.broker.journal_writer
        is_blocked = False

        async def block_first(event: Event) -> bool:
            nonlocal is_blocked
            if event.type is EventType.CREDENTIALS_ISSUED and not is_blocked:
                is_blocked = True
                blocked = await tutoring.post(f"{LESSON_1}/participants/student-1/remove", {"ban": True})
                assert blocked.status_code == 200
            return await record(event)

        monkeypatch.setattr(writer, "record", block_first)
        response = await tutoring.join("lesson-1", "student-1")
        assert (response.status_code, response.json()["code"]) == (403, "participant_removed")
        issued = await tutoring.events("credentials.issued")
        assert [event["user_id"] for event in issued] == ["tutor-1"]
        (denied,) = await tutoring.events("credentials.denied")
        assert (denied["user_id"], denied["data"]["reason"]) == ("student-1", "participant_removed")

    async def test_a_room_code_that_was_read_before_the_block_is_not_returned(
        self, tutoring: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broker, context = tutoring.broker, tutoring.context
        await tutoring.book()
        key = SessionKey(tutoring.app.id, SessionKind.BOOKING, "lesson-1")
        user_id: Any = {"role": "student", "user_id": "student-1"}
        await issue_room_code(context, key, **user_id)
        standing = await load_progress(context, key, roles=["student"], acting_for="student-1")
        record, before = broker.journal_writer.record, await tutoring.events("credentials.issued")

        async def block_first(event: Event) -> bool:
            if event.type is EventType.CREDENTIALS_ISSUED:
                await tutoring.post(f"{LESSON_1}/participants/student-1/remove", {"ban": True})
            return await record(event)

        monkeypatch.setattr(broker.journal_writer, "record", block_first)
        assert await issue_existing_codes(context, [standing], **user_id) == {}
        await tutoring.post(f"{LESSON_1}/participants/student-1/readmit")
        with pytest.raises(AccessDenied) as denied:
            await issue_room_code(context, key, **user_id)
        assert denied.value.decision.reason == "participant_removed"
        assert await tutoring.events("credentials.issued") == before

    async def test_nothing_is_issued_after_a_block_in_the_journal(self, tutoring: Tenant) -> None:
        for number in range(6):
            reference = f"lesson-{number}"
            await tutoring.book(reference)
            await tutoring.join(reference, "student-1")
            block = tutoring.post(f"/v1/bookings/{reference}/participants/student-1/remove", {"ban": True})
            joins = [tutoring.join(reference, "student-1") for _ in range(12)]
            await asyncio.gather(*joins[:6], block, *joins[6:])
        for number in range(6):
            seen = await tutoring.events(kind="booking", reference=f"lesson-{number}", user_id="student-1")
            order = [each["type"] for each in seen]
            assert "credentials.issued" not in order[order.index("participant.removed") :]

    @pytest.mark.parametrize("way", ["may_issue", "blocked_lines"])
    async def test_a_block_waits_for_credentials_that_are_being_journaled(self, tutoring: Tenant, way: str) -> None:
        await tutoring.book()
        await tutoring.join("lesson-1", "student-1")
        store = tutoring.broker.store
        async with store.cross_app_transaction() as issuing:
            session = await _lesson_1(issuing, tutoring)
            assert await _is_blocked(issuing, way, tutoring, session, "student-1") is False
            block = asyncio.create_task(tutoring.post(f"{LESSON_1}/participants/student-1/remove", {"ban": True}))
            async with store.cross_app_transaction() as observer:

                async def is_waiting() -> bool:
                    return bool((await observer.execute(_WAITING_FOR_ADVISORY_LOCK)).scalar_one())

                await eventually(is_waiting)
            assert not block.done()
        assert (await block).status_code == 200
        async with store.cross_app_transaction() as issuing:
            assert await _is_blocked(issuing, way, tutoring, session, "student-1") is True

    async def test_of_events_that_are_written_together_only_those_of_blocked_people_are_missing(
        self, tutoring: Tenant
    ) -> None:
        await tutoring.book()
        await tutoring.join("lesson-1", "student-1")
        await tutoring.post(f"{LESSON_1}/participants/student-1/remove", {"ban": True})
        before = len(await tutoring.events())
        async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
            session = await _lesson_1(unit_of_work, tutoring)
        lines = [
            create_session_event(session, kind, actor=tutoring.actor, now=tutoring.broker.now(), user_id=user_id)
            for kind in (EventType.CREDENTIALS_ISSUED, EventType.CREDENTIALS_DENIED)
            for user_id in ("tutor-1", "student-1", "student-2")
        ]
        written = await asyncio.gather(*(tutoring.broker.journal_writer.record(line) for line in lines))
        assert written == [True, False, True, True, True, True]
        assert [each["id"] for each in (await tutoring.events())[before:]] == [
            str(line.id) for line, is_written in zip(lines, written, strict=True) if is_written
        ]
        denied = [line for line in lines if line.type is EventType.CREDENTIALS_DENIED]
        assert all(await asyncio.gather(*(tutoring.broker.journal_writer.record(line) for line in denied)))

    @pytest.mark.parametrize("ban", [True, False])
    async def test_a_removal_that_waits_for_a_row_lock_delays_only_its_person(
        self, tutoring: Tenant, ban: bool
    ) -> None:
        await tutoring.book()
        await tutoring.book("lesson-2")
        await tutoring.join()
        await tutoring.join("lesson-2", "student-1")
        before = await tutoring.events("credentials.issued")
        store = tutoring.broker.store
        async with asyncio.timeout(PATIENCE_SECONDS), store.cross_app_transaction() as holder:
            session = await sessions.lock(holder, SessionKey(tutoring.app.id, SessionKind.BOOKING, "lesson-1"))
            assert session is not None
            removal = asyncio.create_task(tutoring.post(f"{LESSON_1}/participants/student-1/remove", {"ban": ban}))
            while not (await holder.execute(_WAITING_FOR_ROW_LOCK)).scalar_one():
                await asyncio.sleep(0.01)
            written = journaled_items()
            join = asyncio.create_task(tutoring.join("lesson-1", "student-1"))
            # Until its event was sent again: the first attempt was refused.
            while journaled_items() < written + 2:
                await asyncio.sleep(0.01)
            others = await asyncio.gather(
                *(tutoring.join() for _ in range(3)), tutoring.join("lesson-2", "student-1"), tutoring.join("lesson-2")
            )
            assert [response.status_code for response in others] == [200] * 5
            assert not removal.done()
            assert not join.done()
        assert (await removal).status_code == 200
        response = await join
        issued = await tutoring.events("credentials.issued")
        events = await tutoring.events("credentials.issued", kind="booking", reference="lesson-1", user_id="student-1")
        assert len(issued) - len(events) == len(before) + 5
        if ban:
            assert (response.status_code, response.json()["code"]) == (403, "participant_removed")
            assert events == []
        else:
            assert response.status_code == 200
            assert len(events) == 1

    async def test_of_events_that_are_written_together_only_those_of_a_person_being_removed_wait(
        self, tutoring: Tenant
    ) -> None:
        await tutoring.book()
        writer, store = tutoring.broker.journal_writer, tutoring.broker.store
        async with asyncio.timeout(PATIENCE_SECONDS), store.cross_app_transaction() as blocking:
            session = await _lesson_1(blocking, tutoring)
            await removals.lock_issuing(blocking, session.id, "student-1")
            contended, other = (
                asyncio.create_task(
                    writer.record(
                        create_session_event(
                            session,
                            EventType.CREDENTIALS_ISSUED,
                            actor=tutoring.actor,
                            now=tutoring.broker.now(),
                            user_id=user_id,
                        )
                    )
                )
                for user_id in ("student-1", "tutor-1")
            )
            assert await other is True
            assert not contended.done()
        assert await contended is True
        issued = await tutoring.events("credentials.issued")
        assert [event["user_id"] for event in issued] == ["tutor-1", "student-1"]

    async def test_a_join_waits_for_a_removal_no_longer_than_the_statement_timeout(
        self, tutoring: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("videobroker.storage.journal.journal.REMOVAL_TIMEOUT_SECONDS", 0.1)
        await tutoring.book()
        await tutoring.join()
        async with asyncio.timeout(PATIENCE_SECONDS), tutoring.broker.store.cross_app_transaction() as blocking:
            session = await _lesson_1(blocking, tutoring)
            await removals.lock_issuing(blocking, session.id, "student-1")
            response = await tutoring.join("lesson-1", "student-1")
        assert (response.status_code, response.json()["code"]) == (503, "storage_unavailable")
        assert response.headers["Retry-After"] == "1"
        issued = await tutoring.events("credentials.issued")
        assert [event["user_id"] for event in issued] == ["tutor-1"]
        assert (await tutoring.join("lesson-1", "student-1")).status_code == 200

    async def test_a_person_without_permission_to_block_delays_no_join(self, tutoring: Tenant) -> None:
        await tutoring.book()
        await tutoring.join()
        async with tutoring.broker.store.cross_app_transaction() as issuing:
            session = await _lesson_1(issuing, tutoring)
            assert await _is_blocked(issuing, "may_issue", tutoring, session, "tutor-1") is False
            student = replace(tutoring.actor, user_id="student-1")
            async with asyncio.timeout(PATIENCE_SECONDS):
                with pytest.raises(RoleMayNot):
                    await moderation.remove(
                        context_of(tutoring.broker, tutoring.app, actor=student, now=tutoring.broker.now()),
                        session.key,
                        "tutor-1",
                        ban=True,
                    )


async def _lesson_1(unit_of_work: UnitOfWork, tenant: Tenant) -> Session:
    session = await sessions.find(unit_of_work, SessionKey(tenant.app.id, SessionKind.BOOKING, "lesson-1"))
    assert session is not None
    return session


async def _is_blocked(unit_of_work: UnitOfWork, way: str, tenant: Tenant, session: Session, user_id: str) -> bool:
    """The query of the journal."""
    values = {"app": tenant.app.id, "session": session.id, "person": user_id}
    return bool((await unit_of_work.execute(_IS_BLOCKED[way], values)).scalar_one())


_IS_BLOCKED = {
    "may_issue": text("select not may_issue(:app, :session, :person)"),
    "blocked_lines": text(
        "select cardinality(blocked_lines(array[:session]::uuid[], array[:app]::uuid[], array[:session]::uuid[],"
        " array[:person]::text[])) = 1"
    ),
}
_WAITING_FOR_ROW_LOCK = text(
    "select exists (select from pg_locks waiting join pg_locks advisory using (pid) where not waiting.granted"
    " and waiting.locktype = 'transactionid' and advisory.granted and advisory.locktype = 'advisory'"
    " and advisory.database = (select oid from pg_database where datname = current_database()))"
)
_WAITING_FOR_ADVISORY_LOCK = text(
    "select exists (select from pg_locks where locktype = 'advisory' and not granted and"
    " database = (select oid from pg_database where datname = current_database()))"
)
