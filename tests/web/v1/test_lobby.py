"""The waiting room: people ask to join, and hosts or backends admit or deny them."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from sqlalchemy import insert, select

from polling import eventually
from tenants import (
    MovableClock,
    Sandbox,
    Tenant,
    context_of,
    create_guest_link,
    create_link,
    error_code,
    make_tenant,
    send_as,
)
from videobroker.broker import Broker
from videobroker.domain.actors import Actor
from videobroker.domain.api_keys import Scope
from videobroker.domain.apps import ProviderName
from videobroker.domain.events import EventType
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.domain.user_tokens import TokenRules
from videobroker.storage import tables
from videobroker.storage.sessions import sessions
from videobroker.usecases import management
from videobroker.usecases.joining.links import ticket_holder
from videobroker.usecases.joining.visits import watch
from videobroker.usecases.journal.erasure import erase_person
from videobroker.usecases.operations.sweeper import delete_expired_rows

LESSON_1 = "/v1/bookings/lesson-1"
LOBBY = f"{LESSON_1}/lobby"
LOBBY_POLICY = {"waiting_room": "admit", "guests_allowed": True}


@pytest.fixture
async def with_lobby(tutoring: Tenant) -> Tenant:
    """An app with a booking in which the host admits each person."""
    await tutoring.book(policy=LOBBY_POLICY)
    return tutoring


@pytest.mark.parametrize("crowd", [1_050, 5_000])
async def test_admitting_all_admits_everyone_who_waits_with_one_event_each(with_lobby: Tenant, crowd: int) -> None:
    async with with_lobby.broker.store.cross_app_transaction() as unit_of_work:
        session = await sessions.find(unit_of_work, SessionKey(with_lobby.app.id, SessionKind.BOOKING, "lesson-1"))
        assert session is not None
        now = with_lobby.broker.now()
        waiting = [
            {
                "app_id": with_lobby.app.id,
                "session_id": session.id,
                "user_id": f"guest-{n}",
                "id": uuid4(),
                "display_name": f"Guest {n}",
                "is_guest": True,
                "state": "waiting",
                "asked_at": now + timedelta(microseconds=n // 3),
                "seen_at": now,
            }
            for n in range(crowd)
        ]
        await unit_of_work.execute(insert(tables.lobby), waiting)
    admitted = (await with_lobby.post(f"{LOBBY}/admit")).json()["data"]
    assert len(admitted) == len({entry["user_id"] for entry in admitted}) == crowd
    assert {entry["state"] for entry in admitted} == {"admitted"}
    async with with_lobby.broker.store.cross_app_transaction() as unit_of_work:
        states = (
            (await unit_of_work.execute(select(tables.lobby.c.state).where(tables.lobby.c.app_id == with_lobby.app.id)))
            .scalars()
            .all()
        )
        events = (
            await unit_of_work.execute(
                select(tables.journal.c.user_id).where(
                    tables.journal.c.app_id == with_lobby.app.id,
                    tables.journal.c.type == EventType.PARTICIPANT_ADMITTED,
                )
            )
        ).scalars()
    assert set(states) == {"admitted"}
    assert sorted(events) == sorted(f"guest-{n}" for n in range(crowd))
    assert (await with_lobby.post(f"{LOBBY}/admit")).json()["data"] == []


async def ask_to_join(tenant: Tenant, user_id: str = "student-1") -> dict[str, Any]:
    """A person asks to join. Returns their entry."""
    refused = await tenant.join(user_id=user_id)
    assert (refused.status_code, error_code(refused)) == (403, "waiting_for_admission"), refused.text
    (entry,) = [entry for entry in await lobby(tenant) if entry["user_id"] == user_id]
    return entry


async def ask_to_join_as_guest(tenant: Tenant, name: str = "Gus", **fields: Any) -> str:
    """A guest asks to join. Returns their user ID."""
    refused = await tenant.post(f"{LESSON_1}/guests", {"name": name, **fields})
    assert (refused.status_code, error_code(refused)) == (403, "waiting_for_admission"), refused.text
    return str(refused.json()["guest_id"])


async def lobby(tenant: Tenant, path: str = LOBBY) -> list[dict[str, Any]]:
    """The entries of the waiting room."""
    response = await tenant.get(path)
    assert response.status_code == 200, response.text
    entries: list[dict[str, Any]] = response.json()["data"]
    return entries


async def states(tenant: Tenant) -> dict[str, str]:
    """The states of the entries by user ID."""
    return {entry["user_id"]: entry["state"] for entry in await lobby(tenant)}


async def decide(tenant: Tenant, entry: dict[str, Any], verb: str) -> httpx.Response:
    """Admit or deny a person."""
    return await tenant.post(f"{LOBBY}/{entry['entry']}/{verb}")


class TestWaiting:
    async def test_a_person_who_asks_to_join_waits_and_gets_the_reason(self, with_lobby: Tenant) -> None:
        entry = await ask_to_join(with_lobby)
        assert entry == {
            "entry": entry["entry"],
            "user_id": "student-1",
            "display_name": "Ben",
            "is_guest": False,
            "role": "student",
            "state": "waiting",
            "asked_at": entry["asked_at"],
            "seen_at": entry["asked_at"],
            "decided_at": None,
            "decided_by": None,
        }
        (event,) = await with_lobby.events("participant.waiting")
        assert (event["user_id"], event["data"]) == (
            "student-1",
            {"entry": entry["entry"], "guest": False, "role": "student"},
        )

    async def test_asking_again_changes_no_entry_and_journals_nothing(
        self, with_lobby: Tenant, clock: MovableClock
    ) -> None:
        first = await ask_to_join(with_lobby)
        clock.move(seconds=10)
        again = await ask_to_join(with_lobby)
        assert (again["entry"], again["asked_at"]) == (first["entry"], first["asked_at"])
        assert again["seen_at"] > first["seen_at"]
        assert len(await with_lobby.events("participant.waiting")) == 1
        assert len(await with_lobby.events("credentials.denied")) == 1

    async def test_a_host_never_waits(self, with_lobby: Tenant) -> None:
        assert (await with_lobby.join()).status_code == 200
        assert await lobby(with_lobby) == []

    async def test_an_access_decision_adds_no_one_to_the_waiting_room(self, with_lobby: Tenant) -> None:
        response = await with_lobby.post(f"{LESSON_1}/access", {"user_id": "student-1"})
        assert response.json()["reason"] == "waiting_for_admission"
        assert (await lobby(with_lobby), await with_lobby.events("participant.waiting")) == ([], [])

    async def test_a_person_who_is_refused_for_another_reason_does_not_wait(self, tutoring: Tenant) -> None:
        await tutoring.book(starts_in=timedelta(hours=1), policy=LOBBY_POLICY)
        assert error_code(await tutoring.join(user_id="student-1")) == "too_early"
        assert error_code(await tutoring.join(user_id="stranger")) == "not_a_participant"
        assert await lobby(tutoring) == []

    async def test_an_interruption_of_ten_seconds_strands_no_one_but_a_longer_one_does(
        self, with_lobby: Tenant, clock: MovableClock
    ) -> None:
        await ask_to_join(with_lobby)
        clock.move(seconds=5 + 10)
        assert await states(with_lobby) == {"student-1": "waiting"}
        clock.move(seconds=16)
        assert await states(with_lobby) == {"student-1": "stranded"}
        assert (await with_lobby.post(f"{LESSON_1}/access", {"user_id": "student-1"})).status_code == 200
        assert await states(with_lobby) == {"student-1": "waiting"}
        assert len(await with_lobby.events("participant.waiting")) == 1

    async def test_a_stranded_person_can_be_admitted(self, with_lobby: Tenant, clock: MovableClock) -> None:
        entry = await ask_to_join(with_lobby)
        clock.move(minutes=2)
        assert (await decide(with_lobby, entry, "admit")).json()["state"] == "admitted"
        assert (await with_lobby.join(user_id="student-1")).status_code == 200

    async def test_an_open_stream_counts_as_polling(self, with_lobby: Tenant, clock: MovableClock) -> None:
        ben = await create_link(with_lobby)
        assert error_code(await send_as(with_lobby, ben, "POST", f"{LESSON_1}/join")) == "waiting_for_admission"
        holder = await ticket_holder(with_lobby.broker, ben["ticket"], now=with_lobby.broker.now())
        async with aclosing(watch(context_of(with_lobby.broker, holder.app), holder.ticket, seconds=60)) as seen:
            visit, _ = await anext(seen)
            assert visit.entry is not None
            listening = asyncio.ensure_future(anext(seen))
            clock.move(seconds=40)

            async def ask_to_join() -> bool:
                return await states(with_lobby) == {"student-1": "waiting"}

            await eventually(ask_to_join)
            await decide(with_lobby, {"entry": visit.entry.id}, "admit")
            visit, _ = await asyncio.wait_for(listening, 20)
            assert visit.entry is not None
            assert visit.entry.state == "admitted"
        assert (await send_as(with_lobby, ben, "POST", f"{LESSON_1}/join")).status_code == 200

    async def test_a_visit_shows_the_own_state_and_to_hosts_the_number_of_waiting_people(
        self, with_lobby: Tenant
    ) -> None:
        ben, ada = await create_link(with_lobby), await create_link(with_lobby, "tutor-1")
        before = (await send_as(with_lobby, ben, "GET", "/v1/visit")).json()
        assert (before["decision"]["reason"], before["lobby"], before["waiting"]) == (
            "waiting_for_admission",
            None,
            None,
        )
        entry = await ask_to_join(with_lobby)
        during = (await send_as(with_lobby, ben, "GET", "/v1/visit")).json()
        assert during["lobby"] == {"entry": entry["entry"], "state": "waiting", "since": entry["asked_at"]}
        assert (await send_as(with_lobby, ada, "GET", "/v1/visit")).json()["waiting"] == 1
        await decide(with_lobby, entry, "deny")
        after = (await send_as(with_lobby, ben, "GET", "/v1/visit")).json()
        assert (after["decision"]["decision"], after["decision"]["reason"]) == ("refuse", "admission_denied")
        assert after["lobby"]["state"] == "denied"
        assert (await send_as(with_lobby, ada, "GET", "/v1/visit")).json()["waiting"] == 0


class TestDecisions:
    async def test_an_admitted_person_joins_and_remains_admitted(self, with_lobby: Tenant) -> None:
        entry = await ask_to_join(with_lobby)
        admitted = await decide(with_lobby, entry, "admit")
        assert (admitted.status_code, admitted.json()["state"]) == (200, "admitted")
        for _ in range(2):
            assert (await with_lobby.join(user_id="student-1")).status_code == 200
        (event,) = await with_lobby.events("participant.admitted")
        assert (event["user_id"], event["data"]) == ("student-1", {"entry": entry["entry"], "guest": False})

    async def test_a_denied_person_is_informed_and_asking_again_changes_nothing(self, with_lobby: Tenant) -> None:
        entry = await ask_to_join(with_lobby)
        assert (await decide(with_lobby, entry, "deny")).json()["state"] == "denied"
        for _ in range(2):
            refused = await with_lobby.join(user_id="student-1")
            assert (refused.status_code, error_code(refused)) == (403, "admission_denied")
            assert refused.json()["access"]["decision"] == "refuse"
        assert await states(with_lobby) == {"student-1": "denied"}
        assert len(await with_lobby.events("participant.denied")) == 1

    async def test_a_repeated_decision_changes_nothing(self, with_lobby: Tenant) -> None:
        entry = await ask_to_join(with_lobby)
        for verb, state in (("deny", "denied"), ("admit", "admitted")):
            first, second = [await decide(with_lobby, entry, verb) for _ in range(2)]
            assert (first.status_code, first.json()["state"]) == (200, state)
            assert second.json() == first.json()
        assert len(await with_lobby.events("participant.denied", "participant.admitted")) == 2

    async def test_a_denied_person_can_be_admitted_but_not_vice_versa(self, with_lobby: Tenant) -> None:
        entry = await ask_to_join(with_lobby)
        await decide(with_lobby, entry, "deny")
        await decide(with_lobby, entry, "admit")
        refused = await decide(with_lobby, entry, "deny")
        assert (refused.status_code, error_code(refused)) == (409, "already_admitted")
        assert (await with_lobby.join(user_id="student-1")).status_code == 200

    async def test_admitting_all_admits_everyone_who_waits_but_no_denied_person(
        self, with_lobby: Tenant, clock: MovableClock
    ) -> None:
        denied = await ask_to_join(with_lobby)
        await decide(with_lobby, denied, "deny")
        gus = await ask_to_join_as_guest(with_lobby)
        clock.move(seconds=40)
        eve = await ask_to_join_as_guest(with_lobby, "Eve")
        response = await with_lobby.post(f"{LOBBY}/admit")
        assert [(each["user_id"], each["state"]) for each in response.json()["data"]] == [
            (gus, "admitted"),
            (eve, "admitted"),
        ]
        assert await states(with_lobby) == {"student-1": "denied", gus: "admitted", eve: "admitted"}
        assert (await with_lobby.post(f"{LOBBY}/admit")).json() == {"data": [], "next": None}

    async def test_those_who_have_waited_longest_are_first_and_waiting_people_precede_others(
        self, with_lobby: Tenant, clock: MovableClock
    ) -> None:
        names = []
        for name in ("Ann", "Bob", "Cy"):
            names.append(await ask_to_join_as_guest(with_lobby, name))
            clock.move(seconds=1)
        await decide(with_lobby, (await lobby(with_lobby))[0], "admit")
        assert [entry["user_id"] for entry in await lobby(with_lobby)] == [names[1], names[2], names[0]]

    async def test_an_unknown_entry_cannot_be_decided(self, with_lobby: Tenant, other: Tenant) -> None:
        entry = await ask_to_join(with_lobby)
        await other.book(policy=LOBBY_POLICY)
        await with_lobby.book("lesson-2", policy=LOBBY_POLICY)
        for tenant, path in (
            (with_lobby, f"{LOBBY}/{uuid4()}"),
            (with_lobby, f"/v1/bookings/lesson-2/lobby/{entry['entry']}"),
            (other, f"{LOBBY}/{entry['entry']}"),
        ):
            for verb in ("admit", "deny"):
                response = await tenant.post(f"{path}/{verb}")
                assert (response.status_code, error_code(response)) == (404, "entry_not_found")
        assert (await with_lobby.post(f"{LOBBY}/nonsense/admit")).status_code == 422
        assert await states(with_lobby) == {"student-1": "waiting"}


class TestDeciders:
    async def test_a_host_decides_with_their_own_token_and_the_entry_contains_the_host(
        self, with_lobby: Tenant
    ) -> None:
        secret = f"a-secret-of-the-apps-identity-provider-{with_lobby.app.id}"
        now = with_lobby.broker.now()
        await management.set_token_rules(
            context_of(with_lobby.broker, with_lobby.app, now=now), TokenRules(secret=secret)
        )
        tokens = {
            user_id: jwt.encode({"sub": user_id, "exp": now.timestamp() + 60}, secret)
            for user_id in ("tutor-1", "student-1")
        }
        entry = await ask_to_join(with_lobby)
        assert (await send_as(with_lobby, tokens["tutor-1"], "GET", LOBBY)).json()["data"] == [entry]
        for method, path in (("GET", ""), ("POST", "/admit"), ("POST", f"/{entry['entry']}/admit")):
            refused = await send_as(with_lobby, tokens["student-1"], method, f"{LOBBY}{path}")
            assert (refused.status_code, error_code(refused)) == (403, "waiting_for_admission")
        admitted = await send_as(with_lobby, tokens["tutor-1"], "POST", f"{LOBBY}/{entry['entry']}/admit")
        assert admitted.json()["decided_by"] == "tutor-1"
        (event,) = await with_lobby.events("participant.admitted")
        assert event["asked_by"]["user_id"] == "tutor-1"

    async def test_only_a_host_decides_with_a_ticket(self, with_lobby: Tenant) -> None:
        ada, ben, gus = (
            await create_link(with_lobby, "tutor-1"),
            await create_link(with_lobby),
            await create_guest_link(with_lobby),
        )
        entry = await ask_to_join(with_lobby)
        for link, status in ((ben, 403), (gus, 403)):
            assert (await send_as(with_lobby, link, "GET", LOBBY)).status_code == status
            assert (await send_as(with_lobby, link, "POST", f"{LOBBY}/{entry['entry']}/admit")).status_code == status
        assert await states(with_lobby) == {"student-1": "waiting"}
        assert (await send_as(with_lobby, ada, "POST", f"{LOBBY}/{entry['entry']}/admit")).status_code == 200

    async def test_a_backend_needs_the_scope(self, with_lobby: Tenant) -> None:
        entry = await ask_to_join(with_lobby)
        key = await with_lobby.create_key(scopes=set(Scope) - {Scope.MODERATION_WRITE})
        for method, path in (("GET", ""), ("POST", "/admit"), ("POST", f"/{entry['entry']}/deny")):
            refused = await with_lobby.send(method, f"{LOBBY}{path}", headers={"Authorization": f"Bearer {key}"})
            assert (refused.status_code, error_code(refused)) == (403, "scope_missing")


class TestGuests:
    async def test_a_waiting_guest_gets_an_id_and_remains_one_person_with_it(self, with_lobby: Tenant) -> None:
        gus = await ask_to_join_as_guest(with_lobby)
        assert await ask_to_join_as_guest(with_lobby, guest_id=gus) == gus
        (entry,) = await lobby(with_lobby)
        assert (entry["user_id"], entry["display_name"], entry["role"], entry["is_guest"]) == (
            gus,
            "Gus",
            "guest",
            True,
        )
        await decide(with_lobby, entry, "admit")
        joined = await with_lobby.post(f"{LESSON_1}/guests", {"name": "Gus", "guest_id": gus})
        assert (joined.status_code, joined.json()["user_id"]) == (200, gus)

    async def test_without_it_they_are_another_person(self, with_lobby: Tenant) -> None:
        assert await ask_to_join_as_guest(with_lobby) != await ask_to_join_as_guest(with_lobby)
        assert len(await lobby(with_lobby)) == 2

    async def test_the_latest_name_of_a_guest_is_shown(self, with_lobby: Tenant) -> None:
        gus = await ask_to_join_as_guest(with_lobby)
        await ask_to_join_as_guest(with_lobby, "Gustav", guest_id=gus)
        assert [entry["display_name"] for entry in await lobby(with_lobby)] == ["Gustav"]

    async def test_an_unknown_guest_id_is_refused(self, with_lobby: Tenant) -> None:
        gus = await ask_to_join_as_guest(with_lobby)
        await with_lobby.book("lesson-2", policy=LOBBY_POLICY)
        for path, guest in ((f"{LESSON_1}/guests", f"guest-{uuid4()}"), ("/v1/bookings/lesson-2/guests", gus)):
            for known in (guest, "student-1", "tutor-1"):
                refused = await with_lobby.post(path, {"name": "Gus", "guest_id": known})
                assert (refused.status_code, error_code(refused)) == (404, "participant_not_found")

    async def test_a_guest_who_is_too_early_retains_their_id(self, tutoring: Tenant, clock: MovableClock) -> None:
        await tutoring.book(starts_in=timedelta(minutes=30), policy={"guests_allowed": True})
        early = await tutoring.post(f"{LESSON_1}/guests", {"name": "Gus"})
        clock.move(minutes=25)
        joined = await tutoring.post(f"{LESSON_1}/guests", {"name": "Gus", "guest_id": early.json()["guest_id"]})
        assert joined.json()["user_id"] == early.json()["guest_id"]

    async def test_a_guest_ticket_has_one_entry(self, with_lobby: Tenant) -> None:
        gus = await create_guest_link(with_lobby)
        for _ in range(2):
            assert error_code(await send_as(with_lobby, gus, "POST", f"{LESSON_1}/join")) == "waiting_for_admission"
        (entry,) = await lobby(with_lobby)
        assert (entry["user_id"], entry["display_name"], entry["is_guest"]) == (gus["user_id"], "Gus", True)
        await decide(with_lobby, entry, "admit")
        joined = await send_as(with_lobby, gus, "POST", f"{LESSON_1}/join")
        assert (joined.status_code, joined.json()["user_id"]) == (200, gus["user_id"])

    async def test_a_waiting_guest_can_be_blocked(self, with_lobby: Tenant) -> None:
        gus = await ask_to_join_as_guest(with_lobby)
        removed = await with_lobby.post(f"{LESSON_1}/participants/{gus}/remove", {"ban": True})
        assert removed.status_code == 200
        refused = await with_lobby.post(f"{LESSON_1}/guests", {"name": "Gus", "guest_id": gus})
        assert error_code(refused) == "participant_removed"
        assert await lobby(with_lobby) == []


class TestLifetimeOfDecisions:
    async def test_after_the_call_everyone_has_to_ask_again(self, with_lobby: Tenant) -> None:
        await with_lobby.join()
        await decide(with_lobby, await ask_to_join(with_lobby), "admit")
        assert (await with_lobby.join(user_id="student-1")).status_code == 200
        gus = await ask_to_join_as_guest(with_lobby)
        await with_lobby.post(f"{LESSON_1}/end")
        assert await lobby(with_lobby) == []
        assert (await ask_to_join(with_lobby))["state"] == "waiting"
        assert await ask_to_join_as_guest(with_lobby, guest_id=gus) == gus
        assert len(await with_lobby.events("participant.waiting")) == 4

    async def test_a_denied_person_can_then_ask_again(self, with_lobby: Tenant) -> None:
        await with_lobby.join()
        await decide(with_lobby, await ask_to_join(with_lobby), "deny")
        await with_lobby.post(f"{LESSON_1}/end")
        await ask_to_join(with_lobby)

    async def test_after_the_window_no_one_is_listed(self, with_lobby: Tenant, clock: MovableClock) -> None:
        entry = await ask_to_join(with_lobby)
        clock.move(hours=2)
        assert await lobby(with_lobby) == []
        assert error_code(await decide(with_lobby, entry, "admit")) == "entry_not_found"
        await with_lobby.run_due_jobs()
        await with_lobby.book(policy=LOBBY_POLICY)
        assert (await ask_to_join(with_lobby))["entry"] != entry["entry"]

    @pytest.mark.parametrize(
        "change",
        [
            {"status": "cancelled"},
            {"modality": "physical"},
            {"starts_at": "2190-01-01T10:00:00Z", "duration_minutes": 60},
        ],
        ids=["cancelled", "made physical", "moved"],
    )
    async def test_a_canceled_session_has_an_empty_waiting_room_and_starts_again(
        self, with_lobby: Tenant, change: dict[str, Any]
    ) -> None:
        await decide(with_lobby, await ask_to_join(with_lobby), "admit")
        assert (await with_lobby.send("PATCH", LESSON_1, json=change)).status_code == 200
        assert await lobby(with_lobby) == []
        await with_lobby.book(policy=LOBBY_POLICY)
        await ask_to_join(with_lobby)

    async def test_a_removed_person_has_to_be_admitted_again(self, with_lobby: Tenant) -> None:
        await decide(with_lobby, await ask_to_join(with_lobby), "admit")
        assert (await with_lobby.join(user_id="student-1")).status_code == 200
        await with_lobby.post(f"{LESSON_1}/participants/student-1/remove")
        assert (await ask_to_join(with_lobby))["state"] == "waiting"

    async def test_a_blocked_or_unregistered_person_is_not_listed(self, with_lobby: Tenant) -> None:
        entry = await ask_to_join(with_lobby)
        await with_lobby.send("DELETE", f"{LESSON_1}/participants/student-1")
        assert await lobby(with_lobby) == []
        assert error_code(await decide(with_lobby, entry, "admit")) == "entry_not_found"

    async def test_without_a_waiting_room_no_one_waits(self, with_lobby: Tenant) -> None:
        await decide(with_lobby, await ask_to_join(with_lobby), "deny")
        await with_lobby.send("PATCH", LESSON_1, json={"policy": {}})
        assert await lobby(with_lobby) == []
        assert (await with_lobby.join(user_id="student-1")).status_code == 200

    async def test_a_group_remembers_admissions_until_its_call_ends(self, tutoring: Tenant) -> None:
        await tutoring.create_group(policy=LOBBY_POLICY)
        circle = "/v1/groups/circle"
        assert error_code(await tutoring.post(f"{circle}/join", {"user_id": "student-1"})) == "waiting_for_admission"
        await tutoring.post(f"{circle}/lobby/admit")
        assert (await tutoring.post(f"{circle}/join", {"user_id": "student-1"})).status_code == 200
        await tutoring.post(f"{circle}/end")
        assert error_code(await tutoring.post(f"{circle}/join", {"user_id": "student-1"})) == "waiting_for_admission"

    async def test_an_old_entry_is_deleted_with_its_name(self, tutoring: Tenant, clock: MovableClock) -> None:
        await tutoring.create_group(policy=LOBBY_POLICY)
        await tutoring.post("/v1/groups/circle/guests", {"name": "Gus"})
        clock.move(hours=23)
        await delete_expired_rows(tutoring.broker)
        assert len(await lobby(tutoring, "/v1/groups/circle/lobby")) == 1
        clock.move(hours=2)
        await delete_expired_rows(tutoring.broker)
        assert await lobby(tutoring, "/v1/groups/circle/lobby") == []

    async def test_an_erased_person_leaves_the_waiting_room(self, with_lobby: Tenant) -> None:
        gus = await ask_to_join_as_guest(with_lobby)
        await ask_to_join(with_lobby)
        app = with_lobby.app
        await erase_person(with_lobby.broker, app.id, gus, actor=Actor(app.id), now=with_lobby.broker.now())
        assert await states(with_lobby) == {"student-1": "waiting"}
        assert all(event["user_id"] != gus for event in await with_lobby.events())


Way = Callable[[Tenant], Awaitable[httpx.Response]]
WAYS: dict[str, Way] = {
    "join": lambda tenant: tenant.join(user_id="student-1"),
    "join on the ready-made page": lambda tenant: tenant.join(user_id="student-1", surface="prebuilt"),
    "start": lambda tenant: tenant.post(f"{LESSON_1}/start", {"user_id": "student-1"}),
    "an old token of lessons": lambda tenant: tenant.post(
        "/api/100ms/token", {"bookingId": "lesson-1"}, headers={"X-User-Id": "student-1"}
    ),
    "an old start of lessons": lambda tenant: tenant.post(
        "/api/video-sessions/start", {"bookingId": "lesson-1"}, headers={"X-User-Id": "student-1"}
    ),
}


class TestNoOneJoinsBeforeAdmission:
    @pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
    @pytest.mark.parametrize("state", ["new", "waiting", "denied"])
    async def test_through_any_operation(self, with_lobby: Tenant, way: Way, state: str) -> None:
        await with_lobby.join()
        if state != "new":
            entry = await ask_to_join(with_lobby)
            if state == "denied":
                await decide(with_lobby, entry, "deny")
        before = len(await with_lobby.events("credentials.issued"))
        response = await way(with_lobby)
        assert response.status_code == 403, response.text
        assert len(await with_lobby.events("credentials.issued")) == before

    async def test_a_guest_through_any_operation(self, with_lobby: Tenant) -> None:
        await with_lobby.join()
        before = len(await with_lobby.events("credentials.issued"))
        for surface in ("sdk", "prebuilt"):
            response = await with_lobby.post(f"{LESSON_1}/guests", {"name": "Gus", "surface": surface})
            assert (response.status_code, error_code(response)) == (403, "waiting_for_admission")
        assert len(await with_lobby.events("credentials.issued")) == before

    async def test_only_the_host_ends_waiting_for_the_host(self, tutoring: Tenant) -> None:
        await tutoring.book(policy={"waiting_room": "until_host", "guests_allowed": True})
        ben = await create_link(tutoring)
        for _ in range(2):
            assert error_code(await send_as(tutoring, ben, "POST", f"{LESSON_1}/join")) == "waiting_for_host"
            assert error_code(await tutoring.post(f"{LESSON_1}/guests", {"name": "Gus"})) == "waiting_for_host"
        assert not await tutoring.events("credentials.issued", "call.started")
        assert await lobby(tutoring) == []
        assert (await tutoring.join()).status_code == 200
        assert (await send_as(tutoring, ben, "POST", f"{LESSON_1}/join")).status_code == 200


class TestAfterTheEndForEveryone:
    @pytest.mark.parametrize("waiting_room", ["off", "until_host"])
    async def test_participants_wait_for_the_host_and_not_for_an_admission(
        self, tutoring: Tenant, waiting_room: str
    ) -> None:
        await tutoring.book(policy={"waiting_room": waiting_room})
        await tutoring.join()
        await tutoring.post(f"{LESSON_1}/end", {"user_id": "tutor-1"})
        for action in ("join", "start"):
            refused = await tutoring.post(f"{LESSON_1}/{action}", {"user_id": "student-1"})
            assert (refused.status_code, error_code(refused)) == (403, "waiting_for_host")
        assert (await lobby(tutoring), await tutoring.events("participant.waiting")) == ([], [])
        assert (await tutoring.post(f"{LOBBY}/admit")).json()["data"] == []
        assert len(await tutoring.events("call.started")) == 1

    async def test_admitted_people_ask_again_and_cannot_start_a_call_until_a_host_admits_them(
        self, with_lobby: Tenant
    ) -> None:
        await with_lobby.join()
        await decide(with_lobby, await ask_to_join(with_lobby), "admit")
        assert (await with_lobby.join(user_id="student-1")).status_code == 200
        await with_lobby.post(f"{LESSON_1}/end", {"user_id": "tutor-1"})
        entry = await ask_to_join(with_lobby)
        refused = await with_lobby.post(f"{LESSON_1}/start", {"user_id": "student-1"})
        assert (refused.status_code, error_code(refused)) == (403, "waiting_for_admission")
        assert len(await with_lobby.events("call.started")) == 1
        await decide(with_lobby, entry, "admit")
        assert (await with_lobby.join(user_id="student-1")).status_code == 200


PRACTICE_ROLES = {"doctor": "host", "patient": "guest", "therapist": "host", "client": "guest"}


@pytest.fixture
async def clinic_with_lobby(broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox) -> Tenant:
    """An app with the prebuilt page, in which each patient and client has to be admitted."""
    accounts = {ProviderName.HMS: sandbox.account("therapy", prebuilt=True)}
    return await make_tenant(
        broker, api, accounts, {ProviderName.HMS: PRACTICE_ROLES}, policy={"waiting_room": "admit"}
    )


class TestRoomCodes:
    """Room codes never expire and admit everyone who has one: they are not given to people who have to wait."""

    async def booked(self, clinic_with_lobby: Tenant) -> None:
        """A session of Thea and Cli, whose room codes exist."""
        people = [{"user_id": "thea", "role": "therapist"}, {"user_id": "cli", "role": "client"}]
        await clinic_with_lobby.book("s-1", participants=people)
        joined = await clinic_with_lobby.join("s-1", "thea", surface="prebuilt")
        assert joined.status_code == 200, joined.text

    async def code_for(self, clinic_with_lobby: Tenant, **headers: str) -> Any:
        """The room code in the response of a legacy endpoint."""
        response = await clinic_with_lobby.get("/api/video-calls/booking/s-1", headers=headers)
        assert response.status_code == 200, response.text
        return response.json()

    async def test_a_list_contains_no_code_for_a_person_who_waits_or_without_a_user(
        self, clinic_with_lobby: Tenant
    ) -> None:
        await self.booked(clinic_with_lobby)
        before = len(await clinic_with_lobby.events("credentials.issued"))
        for headers in ({"X-User-Id": "cli"}, {}):
            listed = await clinic_with_lobby.get("/api/video-calls/rooms?clientId=cli", headers=headers)
            assert [each["roomCode"] for each in listed.json()] == [None]
            assert (await self.code_for(clinic_with_lobby, **headers))["roomCode"] is None
        assert len(await clinic_with_lobby.events("credentials.issued")) == before

    async def test_the_host_and_admitted_people_see_the_code(self, clinic_with_lobby: Tenant) -> None:
        await self.booked(clinic_with_lobby)
        assert error_code(await clinic_with_lobby.join("s-1", "cli")) == "waiting_for_admission"
        assert (await self.code_for(clinic_with_lobby, **{"X-User-Id": "cli"}))["roomCode"] is None
        await clinic_with_lobby.post("/v1/bookings/s-1/lobby/admit")
        for user_id in ("cli", "thea"):
            assert (await self.code_for(clinic_with_lobby, **{"X-User-Id": user_id}))["roomCode"]
        issued = await clinic_with_lobby.events("credentials.issued")
        assert {event["user_id"] for event in issued[-2:]} == {"cli", "thea"}

    async def test_a_new_appointment_has_no_code_for_a_person_who_has_to_wait(self, clinic_with_lobby: Tenant) -> None:
        body = {
            "patientId": 7,
            "doctorId": "d-1",
            "dateTime": (clinic_with_lobby.broker.now() + timedelta(minutes=5)).isoformat(),
            "type": "VIRTUAL",
        }
        created = await clinic_with_lobby.post("/api/bookings", body)
        assert (created.status_code, created.json()["videoRoomId"]) == (201, None), created.text
        assert not await clinic_with_lobby.events("credentials.issued")
        bookings = (await clinic_with_lobby.get("/v1/bookings")).json()["data"]
        assert [booking["status"] for booking in bookings] == ["confirmed"]
        refused = await clinic_with_lobby.get(f"/api/bookings/video/info/{bookings[0]['reference']}")
        assert refused.status_code == 403, refused.text


class TestRaces:
    async def test_a_hundred_concurrent_requests_are_one_entry_and_one_event_per_person(
        self, with_lobby: Tenant
    ) -> None:
        links = [await create_guest_link(with_lobby, f"Guest {number}") for number in range(5)]
        responses = await asyncio.gather(
            *(send_as(with_lobby, link, "POST", f"{LESSON_1}/join") for link in links for _ in range(10))
        )
        assert {error_code(response) for response in responses} == {"waiting_for_admission"}
        assert sorted(await states(with_lobby)) == sorted(link["user_id"] for link in links)
        assert len(await with_lobby.events("participant.waiting")) == 5

    async def test_contradicting_hosts_leave_one_decision_that_the_credentials_follow(self, with_lobby: Tenant) -> None:
        await with_lobby.join()
        for _ in range(5):
            entry = await ask_to_join(with_lobby)
            admitted, denied = await asyncio.gather(
                decide(with_lobby, entry, "admit"), decide(with_lobby, entry, "deny")
            )
            assert admitted.status_code == 200
            assert denied.status_code in {200, 409}
            assert await states(with_lobby) == {"student-1": "admitted"}
            types = [event["type"] for event in await with_lobby.events("participant.admitted", "participant.denied")]
            assert types[-1] == "participant.admitted"
            await with_lobby.post(f"{LESSON_1}/participants/student-1/remove")

    @pytest.mark.parametrize("closing_action", ["cancel", "end", "participants/student-1/remove"])
    async def test_an_admission_during_cancellation_gives_no_credentials(
        self, with_lobby: Tenant, closing_action: str
    ) -> None:
        await with_lobby.join()
        entry = await ask_to_join(with_lobby)
        admitted, closed = await asyncio.gather(
            decide(with_lobby, entry, "admit"), with_lobby.post(f"{LESSON_1}/{closing_action}")
        )
        assert closed.status_code == 200
        assert admitted.status_code == 200 or error_code(admitted) == "entry_not_found"
        assert await lobby(with_lobby) == []
        refused = await with_lobby.join(user_id="student-1")
        assert refused.status_code == 403, refused.text

    async def test_no_one_gets_credentials_without_admission_in_any_interleaving(self, with_lobby: Tenant) -> None:
        await with_lobby.join()
        entry = await ask_to_join(with_lobby)
        responses = await asyncio.gather(
            *(with_lobby.join(user_id="student-1") for _ in range(10)),
            decide(with_lobby, entry, "deny"),
            *(with_lobby.join(user_id="student-1", surface="prebuilt") for _ in range(10)),
            with_lobby.post(f"{LESSON_1}/participants/student-1/remove"),
            *(with_lobby.join(user_id="student-1") for _ in range(10)),
            with_lobby.post(f"{LESSON_1}/end"),
        )
        assert all(response.status_code in {200, 403, 404} for response in responses)
        assert {event["user_id"] for event in await with_lobby.events("credentials.issued")} == {"tutor-1"}
