"""The erasure of a person: no table contains their data, and counts are unchanged."""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest
from sqlalchemy import text

from delivery.backend import deliver_due, respond, start_backend
from tenants import MovableClock, Sandbox, Tenant, create_guest_link, create_link, send_as
from videobroker.delivery.sender import WebhookSender
from videobroker.domain.actors import Actor
from videobroker.domain.events import EventType
from videobroker.domain.journal_proof.erasure import mentions
from videobroker.storage.journal.personal_data import COLUMNS, ErasureHandling
from videobroker.usecases.journal.erasure import ErasureResult, erase_person
from videobroker.usecases.journal.verification import verify_journal
from videobroker.usecases.webhooks import endpoints

LESSON_1 = "/v1/bookings/lesson-1"


@dataclass(frozen=True)
class Person:
    """A person with a unique ID and name."""

    marker: str

    @property
    def user_id(self) -> str:
        """Contains characters that are special in JSON, LIKE, and regular expressions."""
        return f'{self.marker}_"%\\.é'

    @property
    def name(self) -> str:
        """Their display name."""
        return f"Zoe {self.marker}"


@pytest.fixture
def zoe() -> Person:
    return Person(f"marker{uuid4().hex[:16]}")  # too short to look like a credential


async def columns_with(tenant: Tenant, marker: str) -> set[tuple[str, str]]:
    """Tables and columns of all apps that contain the marker, including encrypted responses and bytes."""
    found = set()
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        for table, columns in COLUMNS.items():
            tests = ", ".join(
                f"""bool_or("{name}"::text like :like or (pg_typeof("{name}") = 'bytea'::regtype
                and "{name}"::text like :hex))"""
                for name in columns
            )
            like = {"like": f"%{marker}%", "hex": f"%{marker.encode().hex()}%"}
            row = (await unit_of_work.execute(text(f"select {tests} from {table}"), like)).one()  # noqa: S608
            found |= {(table, column) for column, has_marker in zip(columns, row, strict=True) if has_marker}
        sealed = await unit_of_work.execute(
            text("select sealed_answer from idempotency where app_id = :app and sealed_answer is not null"),
            {"app": tenant.app.id},
        )
        if any(marker in json.dumps(tenant.broker.secret_box.decrypt(response)) for response in sealed.scalars()):
            found.add(("idempotency", "sealed_answer"))
    return found


async def erase(tenant: Tenant, user_id: str, **how: Any) -> ErasureResult:
    """Erase this person, as the command does."""
    return await erase_person(
        tenant.broker, tenant.app.id, user_id, actor=Actor(tenant.app.id), now=tenant.broker.now(), **how
    )


def participants_with(zoe: Person, role: str, other: str, other_role: str) -> list[dict[str, Any]]:
    return [
        {"user_id": zoe.user_id, "role": role, "display_name": zoe.name},
        {"user_id": other, "role": other_role, "display_name": "Ben"},
    ]


async def succeed(request: Any) -> dict[str, Any]:
    response = await request
    assert response.is_success, response.text
    found: dict[str, Any] = response.json() if response.content else {}
    return found


async def create_data(tenant: Tenant, sandbox: Sandbox, clock: MovableClock, zoe: Person) -> None:
    """Create data about Zoe in all tables: past and planned sessions, a group, a removal, and a waiting room."""
    agent = {"User-Agent": f"Firefox/140 {zoe.marker}"}
    lesson, other_lesson = (
        participants_with(zoe, "tutor", "student-1", "student"),
        participants_with(zoe, "student", "tutor-1", "tutor"),
    )
    await tenant.book(participants=lesson, metadata={"patient": zoe.user_id, zoe.user_id: [zoe.user_id], "n": 1})
    await tenant.book("blocked", participants=other_lesson)
    await tenant.create_group(participants=lesson)
    ticket = await create_link(tenant, zoe.user_id)
    join = await succeed(send_as(tenant, ticket, "POST", f"{LESSON_1}/join", **agent, **{"Idempotency-Key": "join"}))
    if "channel" in join:
        await sandbox.join_channel(join)
    else:
        await sandbox.join_room(join["room_id"], token=join["token"], name=zoe.name)
    report = {"kind": "booking", "reference": "lesson-1", "event": "mood", "details": {"of": {zoe.user_id: zoe.name}}}
    await succeed(tenant.post("/v1/events", report))
    await succeed(tenant.post(f"/v1/bookings/blocked/participants/{quote(zoe.user_id)}/remove", {"ban": True}))
    await sandbox.deliver_webhooks()
    await tenant.run_due_jobs()
    clock.move(minutes=10)
    await succeed(send_as(tenant, ticket, "POST", f"{LESSON_1}/end", **agent))
    await sandbox.deliver_webhooks()
    await tenant.run_due_jobs()
    clock.move(hours=3)
    await tenant.reconcile_calls()
    await tenant.run_due_jobs()
    await tenant.book("planned", participants=lesson, starts_in=timedelta(days=1))
    await tenant.book("now", participants=lesson, policy={"waiting_room": "admit"})
    await tenant.book("waiting", participants=other_lesson, policy={"waiting_room": "admit"})
    assert (await tenant.join("waiting", zoe.user_id)).status_code == 403
    assert (await tenant.join("now", "student-1")).status_code == 403
    ticket = await create_link(tenant, zoe.user_id, path="/v1/bookings/now/links")
    (entry,) = (await succeed(send_as(tenant, ticket, "GET", "/v1/bookings/now/lobby", **agent)))["data"]
    await succeed(send_as(tenant, ticket, "POST", f"/v1/bookings/now/lobby/{entry['entry']}/admit", **agent))


GUEST_COLUMNS = {("uids", "guest_name"), ("lobby", "display_name"), ("tickets", "display_name")}
TESTED_ELSEWHERE = {
    ("journal", "ip"),  # all requests of these tests have one
    ("journal", "reference"),
    ("journal_salts", "salts"),
    ("idempotency", "credential"),
    ("attempts", "body"),
}
OTHER_VENDOR_COLUMNS = {
    "100ms": {("uids", "user_id")},
    "agora": {("observations", "provider_user_id"), ("attendance", "provider_user_id"), ("inbox", "body")},
}


@pytest.mark.parametrize("vendor", ["100ms", "agora"])
async def test_no_table_names_an_erased_person(
    vendor: str,
    webhook_tenant: Tenant,
    agora_webhook_tenant: Tenant,
    sandbox: Sandbox,
    clock: MovableClock,
    zoe: Person,
) -> None:
    tenant = {"100ms": webhook_tenant, "agora": agora_webhook_tenant}[vendor]
    await create_data(tenant, sandbox, clock, zoe)
    erasable = {
        (table, column)
        for table, columns in COLUMNS.items()
        for column, treatment in columns.items()
        if treatment.handling in {ErasureHandling.DELETED, ErasureHandling.PSEUDONYM, ErasureHandling.REDACTED}
    }
    assert (
        await columns_with(tenant, zoe.marker)
        == erasable - (GUEST_COLUMNS - {("lobby", "display_name")}) - TESTED_ELSEWHERE - OTHER_VENDOR_COLUMNS[vendor]
    )
    erased = await erase(tenant, zoe.user_id)
    assert await columns_with(tenant, zoe.marker) == set()
    assert (erased.mentions, erased.unprocessed) == ((), 0)
    (event,) = await tenant.events("person.erased")
    assert event["data"]["records"] == erased.records > 0
    assert (await verify_journal(tenant.broker, tenant.app)).is_whole
    assert (await erase(tenant, zoe.user_id)).event_id is None


async def test_attendance_is_still_counted_under_a_pseudonym(
    webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock, zoe: Person
) -> None:
    await create_data(webhook_tenant, sandbox, clock, zoe)
    path = f"{LESSON_1}/attendance"
    before = (await succeed(webhook_tenant.get(path)))["participants"]
    await erase(webhook_tenant, zoe.user_id)
    after = (await succeed(webhook_tenant.get(path)))["participants"]
    (pseudonym,) = {each["user_id"] for each in after} - {"student-1"}
    (event,) = await webhook_tenant.events("person.erased")
    assert pseudonym == f"erased-{event['data']['person'][:32]}"
    for each in before:
        if each["user_id"] == zoe.user_id:
            each |= {"user_id": pseudonym, "display_name": None}
    assert sorted(after, key=lambda each: each["role"]) == sorted(before, key=lambda each: each["role"])
    lesson = await succeed(webhook_tenant.get(LESSON_1))
    assert lesson["metadata"] == {"patient": pseudonym, pseudonym: [pseudonym], "n": 1}
    for path in ("/v1/bookings/planned", "/v1/groups/circle"):
        session = await succeed(webhook_tenant.get(path))
        assert [person["user_id"] for person in session["participants"]] == ["student-1"]


@pytest.mark.parametrize("vendor", ["100ms", "agora"])
async def test_no_table_names_an_erased_guest(
    vendor: str, webhook_tenant: Tenant, agora_webhook_tenant: Tenant, sandbox: Sandbox, zoe: Person
) -> None:
    tenant = {"100ms": webhook_tenant, "agora": agora_webhook_tenant}[vendor]
    await tenant.book(policy={"guests_allowed": True})
    await tenant.book("waiting", policy={"waiting_room": "admit", "guests_allowed": True})
    link = await create_guest_link(tenant, zoe.name)
    join = await succeed(send_as(tenant, link, "POST", f"{LESSON_1}/join"))
    if "channel" not in join:
        await sandbox.join_room(join["room_id"], token=join["token"], name=zoe.name)
    waiting = await create_guest_link(tenant, zoe.name, "/v1/bookings/waiting/links")
    assert (await send_as(tenant, waiting, "POST", "/v1/bookings/waiting/join")).status_code == 403
    await sandbox.deliver_webhooks()
    await tenant.run_due_jobs()
    only = {"100ms": {("inbox", "body")}, "agora": {("uids", "guest_name")}}[vendor]
    assert await columns_with(tenant, zoe.marker) == GUEST_COLUMNS - {("uids", "guest_name")} | only
    for guest in (link, waiting):
        await erase(tenant, guest["user_id"])
    assert await columns_with(tenant, zoe.marker) == set()


async def test_data_of_others_is_unchanged(tutoring: Tenant, other: Tenant, zoe: Person) -> None:
    for tenant in (tutoring, other):
        await tenant.book(participants=participants_with(zoe, "student", f"{zoe.user_id}x", "tutor"), title="Zoe")
    await erase(tutoring, zoe.user_id)
    lesson = await succeed(tutoring.get(LESSON_1))
    assert [(each["user_id"], each["display_name"]) for each in lesson["participants"]] == [(f"{zoe.user_id}x", "Ben")]
    elsewhere = await succeed(other.get(LESSON_1))
    assert [each["user_id"] for each in elsewhere["participants"]] == [zoe.user_id, f"{zoe.user_id}x"]


async def test_texts_that_may_mention_the_person_are_reported(tutoring: Tenant, zoe: Person) -> None:
    await tutoring.book(
        "named", participants=participants_with(zoe, "student", "t", "tutor"), title=f"With {zoe.name}!"
    )
    await tutoring.book(
        "noted", participants=participants_with(zoe, "student", "t", "tutor"), metadata={"note": f"{zoe.name}?"}
    )
    await tutoring.book(
        "other", participants=participants_with(zoe, "student", "t", "tutor"), title=f"With {zoe.name}s"
    )
    erased = await erase(tutoring, zoe.user_id)
    assert sorted(erased.mentions) == ["booking 'named'", "booking 'noted'"]


@pytest.mark.parametrize(
    ("sentence", "found"),
    [("Lesson with Ada", True), ("ada", True), ("Adam", False), ("x-Ada-y", True), ("", False), ("Canada", False)],
)
def test_a_mention_is_a_whole_word(sentence: str, found: bool) -> None:
    assert mentions(sentence, {"Ada"}) is found


@pytest.mark.parametrize(("name", "other"), [("A.a", "Ada"), ("(Ada", "Ada"), ("[A-Z]da", "Ada"), ("Ada|Ben", "Ben")])
def test_a_mention_is_not_a_pattern(name: str, other: str) -> None:
    assert mentions(f"With {name}", {name})
    assert not mentions(f"With {other}", {name})


async def test_a_pending_removal_is_enforced_first(webhook_tenant: Tenant, sandbox: Sandbox, zoe: Person) -> None:
    await webhook_tenant.book(participants=participants_with(zoe, "student", "tutor-1", "tutor"))
    join = await succeed(webhook_tenant.join(user_id=zoe.user_id))
    await sandbox.join_room(join["room_id"], token=join["token"])
    await sandbox.inject_fault("status", status=500, times=100)
    await succeed(webhook_tenant.post(f"{LESSON_1}/participants/{quote(zoe.user_id)}/remove", {}))
    await sandbox.clear_faults()
    assert await webhook_tenant.present_users(join["room_id"]) == [zoe.user_id]
    await erase(webhook_tenant, zoe.user_id)
    assert await webhook_tenant.present_users(join["room_id"]) == []


async def interrupt_erasure(tenant: Tenant, user_id: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Interrupt an erasure after everything but the journal was erased."""

    async def fail(*_: object) -> None:
        raise RuntimeError("interrupted")

    with monkeypatch.context() as patch:
        patch.setattr("videobroker.storage.journal.seals.lock", fail)
        with pytest.raises(RuntimeError, match="interrupted"):
            await erase(tenant, user_id)


async def test_an_interrupted_erasure_is_completed_by_the_next_one(
    webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock, zoe: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = WebhookSender(allow_private=True, seconds=60.0)
    tenant = replace(webhook_tenant, broker=replace(webhook_tenant.broker, webhook_sender=sender))
    async with start_backend() as backend:
        backend.default_behavior = respond(200, f"saved {zoe.name}".encode())
        types = frozenset({EventType.CREDENTIALS_ISSUED, EventType.PARTICIPANT_JOINED, EventType.SESSION_REGISTERED})
        await endpoints.create(tenant.context, endpoints.EndpointRequest(backend.url, types=types))
        await create_data(tenant, sandbox, clock, zoe)
        await deliver_due(tenant)
    await sender.aclose()
    assert ("attempts", "body") in await columns_with(tenant, zoe.marker)
    await interrupt_erasure(tenant, zoe.user_id, monkeypatch)
    assert ("journal", "user_id") in await columns_with(tenant, zoe.marker)
    assert (await erase(tenant, zoe.user_id)).rows > 0
    assert await columns_with(tenant, zoe.marker) == set()


async def test_responses_of_receivers_are_erased_if_only_the_journal_connects_them_with_the_person(
    tutoring: Tenant, zoe: Person
) -> None:
    sender = WebhookSender(allow_private=True, seconds=60.0)
    tenant = replace(tutoring, broker=replace(tutoring.broker, webhook_sender=sender))
    async with start_backend() as backend:
        backend.default_behavior = respond(200, f"saved {zoe.name}".encode())
        types = frozenset({EventType.SESSION_REGISTERED})
        await endpoints.create(tenant.context, endpoints.EndpointRequest(backend.url, types=types))
        await tenant.book(participants=participants_with(zoe, "student", "tutor-1", "tutor"))
        await succeed(tenant.send("DELETE", f"{LESSON_1}/participants/{quote(zoe.user_id)}"))
        await deliver_due(tenant)
    await sender.aclose()
    assert ("attempts", "body") in await columns_with(tenant, zoe.marker)
    await erase(tenant, zoe.user_id)
    assert await columns_with(tenant, zoe.marker) == set()


async def test_pending_webhooks_under_a_legacy_id_are_processed_and_erased_first(
    webhook_tenant: Tenant, sandbox: Sandbox, zoe: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_id = zoe.marker
    await webhook_tenant.book(participants=[{"user_id": user_id, "role": "tutor", "display_name": zoe.name}])
    join = await succeed(
        webhook_tenant.post("/api/100ms/token", {"bookingId": "lesson-1"}, headers={"X-User-Id": user_id})
    )
    assert join["userId"].startswith(f"{user_id}-lesson-1")
    await sandbox.join_room(join["roomId"], token=join["token"], name=zoe.name)
    await sandbox.deliver_webhooks()
    assert ("inbox", "body") in await columns_with(webhook_tenant, zoe.marker)
    await interrupt_erasure(webhook_tenant, user_id, monkeypatch)
    assert {table for table, _ in await columns_with(webhook_tenant, zoe.marker)} == {"journal"}
    await erase(webhook_tenant, user_id)
    await webhook_tenant.run_due_jobs()
    assert await columns_with(webhook_tenant, zoe.marker) == set()
    (call,) = (await succeed(webhook_tenant.get(f"{LESSON_1}/calls")))["data"]
    assert call["people"] == 1
