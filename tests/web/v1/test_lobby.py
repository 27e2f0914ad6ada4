"""The waiting room: who asks is let in by somebody, or not at all."""

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
from videobroker.usecases import tenants
from videobroker.usecases.joining.links import ticket_holder
from videobroker.usecases.joining.visits import watch
from videobroker.usecases.journal.erasure import erase_person
from videobroker.usecases.operations.sweeper import delete_expired_rows

LESSON_1 = "/v1/bookings/lesson-1"
LOBBY = f"{LESSON_1}/lobby"
KEPT = {"waiting_room": "admit", "guests_allowed": True}


@pytest.fixture
async def kept(tutoring: Tenant) -> Tenant:
    """A product whose booking lets people in one by one."""
    await tutoring.book(policy=KEPT)
    return tutoring


@pytest.mark.parametrize("crowd", [1_050, 5_000])
async def test_admitting_all_admits_everyone_who_waits_with_one_event_each(kept: Tenant, crowd: int) -> None:
    async with kept.broker.store.transaction() as unit_of_work:
        session = await sessions.find(unit_of_work, SessionKey(kept.app.id, SessionKind.BOOKING, "lesson-1"))
        assert session is not None
        now = kept.broker.now()
        waiting = [
            {
                "app_id": kept.app.id,
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
    admitted = (await kept.post(f"{LOBBY}/admit")).json()["data"]
    assert len(admitted) == len({entry["user_id"] for entry in admitted}) == crowd
    assert {entry["state"] for entry in admitted} == {"admitted"}
    async with kept.broker.store.transaction() as unit_of_work:
        states = (
            (await unit_of_work.execute(select(tables.lobby.c.state).where(tables.lobby.c.app_id == kept.app.id)))
            .scalars()
            .all()
        )
        events = (
            await unit_of_work.execute(
                select(tables.journal.c.user_id).where(
                    tables.journal.c.app_id == kept.app.id, tables.journal.c.type == EventType.PARTICIPANT_ADMITTED
                )
            )
        ).scalars()
    assert set(states) == {"admitted"}
    assert sorted(events) == sorted(f"guest-{n}" for n in range(crowd))
    assert (await kept.post(f"{LOBBY}/admit")).json()["data"] == []


async def waits(tenant: Tenant, who: str = "student-1") -> dict[str, Any]:
    """Somebody asks to be let in; their entry."""
    refused = await tenant.join(user_id=who)
    assert (refused.status_code, error_code(refused)) == (403, "waiting_for_admission"), refused.text
    (entry,) = [entry for entry in await lobby(tenant) if entry["user_id"] == who]
    return entry


async def guest_waits(tenant: Tenant, name: str = "Gus", **fields: Any) -> str:
    """A guest asks to be let in; who they are from now on."""
    refused = await tenant.post(f"{LESSON_1}/guests", {"name": name, **fields})
    assert (refused.status_code, error_code(refused)) == (403, "waiting_for_admission"), refused.text
    return str(refused.json()["guest_id"])


async def lobby(tenant: Tenant, path: str = LOBBY) -> list[dict[str, Any]]:
    """Who is in the waiting room."""
    response = await tenant.get(path)
    assert response.status_code == 200, response.text
    entries: list[dict[str, Any]] = response.json()["data"]
    return entries


async def states(tenant: Tenant) -> dict[str, str]:
    """The same by person."""
    return {entry["user_id"]: entry["state"] for entry in await lobby(tenant)}


async def turn(tenant: Tenant, entry: dict[str, Any], verb: str) -> httpx.Response:
    """Admit somebody, or deny."""
    return await tenant.post(f"{LOBBY}/{entry['entry']}/{verb}")


class TestWaiting:
    async def test_whoever_asks_to_join_waits_and_is_told_so(self, kept: Tenant) -> None:
        entry = await waits(kept)
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
        (told,) = await kept.events("participant.waiting")
        assert (told["user_id"], told["data"]) == (
            "student-1",
            {"entry": entry["entry"], "guest": False, "role": "student"},
        )

    async def test_asking_again_is_the_same_entry_and_no_further_event(self, kept: Tenant, clock: MovableClock) -> None:
        first = await waits(kept)
        clock.move(seconds=10)
        again = await waits(kept)
        assert (again["entry"], again["asked_at"]) == (first["entry"], first["asked_at"])
        assert again["seen_at"] > first["seen_at"]
        assert len(await kept.events("participant.waiting")) == 1

    async def test_a_host_never_waits(self, kept: Tenant) -> None:
        assert (await kept.join()).status_code == 200
        assert await lobby(kept) == []

    async def test_the_access_decision_alone_puts_nobody_into_the_waiting_room(self, kept: Tenant) -> None:
        asked = await kept.post(f"{LESSON_1}/access", {"user_id": "student-1"})
        assert asked.json()["reason"] == "waiting_for_admission"
        assert (await lobby(kept), await kept.events("participant.waiting")) == ([], [])

    async def test_who_is_kept_out_by_something_else_does_not_wait(self, tutoring: Tenant) -> None:
        await tutoring.book(starts_in=timedelta(hours=1), policy=KEPT)
        assert error_code(await tutoring.join(user_id="student-1")) == "too_early"
        assert error_code(await tutoring.join(user_id="stranger")) == "not_a_participant"
        assert await lobby(tutoring) == []

    async def test_a_drop_of_ten_seconds_strands_nobody_and_longer_silence_does_until_the_next_sign(
        self, kept: Tenant, clock: MovableClock
    ) -> None:
        await waits(kept)
        clock.move(seconds=5 + 10)
        assert await states(kept) == {"student-1": "waiting"}
        clock.move(seconds=16)
        assert await states(kept) == {"student-1": "stranded"}
        assert (await kept.post(f"{LESSON_1}/access", {"user_id": "student-1"})).status_code == 200
        assert await states(kept) == {"student-1": "waiting"}
        assert len(await kept.events("participant.waiting")) == 1

    async def test_somebody_who_was_stranded_can_still_be_let_in(self, kept: Tenant, clock: MovableClock) -> None:
        entry = await waits(kept)
        clock.move(minutes=2)
        assert (await turn(kept, entry, "admit")).json()["state"] == "admitted"
        assert (await kept.join(user_id="student-1")).status_code == 200

    async def test_an_open_stream_is_the_sign_of_whoever_waits(self, kept: Tenant, clock: MovableClock) -> None:
        ben = await create_link(kept)
        assert error_code(await send_as(kept, ben, "POST", f"{LESSON_1}/join")) == "waiting_for_admission"
        holder = await ticket_holder(kept.broker, ben["ticket"], now=kept.broker.now())
        async with aclosing(watch(context_of(kept.broker, holder.app), holder.ticket, seconds=60)) as seen:
            visit, _ = await anext(seen)
            assert visit.entry is not None
            listening = asyncio.ensure_future(anext(seen))
            clock.move(seconds=40)

            async def waits() -> bool:
                return await states(kept) == {"student-1": "waiting"}

            await eventually(waits)
            await turn(kept, {"entry": visit.entry.id}, "admit")
            visit, _ = await asyncio.wait_for(listening, 20)
            assert visit.entry is not None
            assert visit.entry.state == "admitted"
        assert (await send_as(kept, ben, "POST", f"{LESSON_1}/join")).status_code == 200

    async def test_a_visit_tells_where_one_stands_and_hosts_how_many_wait(self, kept: Tenant) -> None:
        ben, ada = await create_link(kept), await create_link(kept, "tutor-1")
        before = (await send_as(kept, ben, "GET", "/v1/visit")).json()
        assert (before["decision"]["reason"], before["lobby"], before["waiting"]) == (
            "waiting_for_admission",
            None,
            None,
        )
        entry = await waits(kept)
        during = (await send_as(kept, ben, "GET", "/v1/visit")).json()
        assert during["lobby"] == {"entry": entry["entry"], "state": "waiting", "since": entry["asked_at"]}
        assert (await send_as(kept, ada, "GET", "/v1/visit")).json()["waiting"] == 1
        await turn(kept, entry, "deny")
        after = (await send_as(kept, ben, "GET", "/v1/visit")).json()
        assert (after["decision"]["decision"], after["decision"]["reason"]) == ("refuse", "admission_denied")
        assert after["lobby"]["state"] == "denied"
        assert (await send_as(kept, ada, "GET", "/v1/visit")).json()["waiting"] == 0


class TestDeciding:
    async def test_who_is_admitted_gets_in_and_stays_in(self, kept: Tenant) -> None:
        entry = await waits(kept)
        admitted = await turn(kept, entry, "admit")
        assert (admitted.status_code, admitted.json()["state"]) == (200, "admitted")
        for _ in range(2):
            assert (await kept.join(user_id="student-1")).status_code == 200
        (told,) = await kept.events("participant.admitted")
        assert (told["user_id"], told["data"]) == ("student-1", {"entry": entry["entry"], "guest": False})

    async def test_who_is_denied_is_told_so_and_asking_again_changes_nothing(self, kept: Tenant) -> None:
        entry = await waits(kept)
        assert (await turn(kept, entry, "deny")).json()["state"] == "denied"
        for _ in range(2):
            refused = await kept.join(user_id="student-1")
            assert (refused.status_code, error_code(refused)) == (403, "admission_denied")
            assert refused.json()["access"]["decision"] == "refuse"
        assert await states(kept) == {"student-1": "denied"}
        assert len(await kept.events("participant.denied")) == 1

    async def test_deciding_twice_is_the_same_as_once(self, kept: Tenant) -> None:
        entry = await waits(kept)
        for verb, state in (("deny", "denied"), ("admit", "admitted")):
            first, second = [await turn(kept, entry, verb) for _ in range(2)]
            assert (first.status_code, first.json()["state"]) == (200, state)
            assert second.json() == first.json()
        assert len(await kept.events("participant.denied", "participant.admitted")) == 2

    async def test_somebody_who_was_denied_can_be_admitted_and_not_the_other_way(self, kept: Tenant) -> None:
        entry = await waits(kept)
        await turn(kept, entry, "deny")
        await turn(kept, entry, "admit")
        refused = await turn(kept, entry, "deny")
        assert (refused.status_code, error_code(refused)) == (409, "already_admitted")
        assert (await kept.join(user_id="student-1")).status_code == 200

    async def test_everybody_who_waits_is_let_in_at_once_and_nobody_who_was_denied(
        self, kept: Tenant, clock: MovableClock
    ) -> None:
        denied = await waits(kept)
        await turn(kept, denied, "deny")
        gus = await guest_waits(kept)
        clock.move(seconds=40)
        eve = await guest_waits(kept, "Eve")
        response = await kept.post(f"{LOBBY}/admit")
        assert [(each["user_id"], each["state"]) for each in response.json()["data"]] == [
            (gus, "admitted"),
            (eve, "admitted"),
        ]
        assert await states(kept) == {"student-1": "denied", gus: "admitted", eve: "admitted"}
        assert (await kept.post(f"{LOBBY}/admit")).json() == {"data": [], "next": None}

    async def test_who_waits_longest_comes_first_and_those_who_wait_come_before_the_others(
        self, kept: Tenant, clock: MovableClock
    ) -> None:
        names = []
        for name in ("Ann", "Bob", "Cy"):
            names.append(await guest_waits(kept, name))
            clock.move(seconds=1)
        await turn(kept, (await lobby(kept))[0], "admit")
        assert [entry["user_id"] for entry in await lobby(kept)] == [names[1], names[2], names[0]]

    async def test_there_is_nothing_to_decide_about_an_entry_that_is_not_there(
        self, kept: Tenant, other: Tenant
    ) -> None:
        entry = await waits(kept)
        await other.book(policy=KEPT)
        await kept.book("lesson-2", policy=KEPT)
        for tenant, path in (
            (kept, f"{LOBBY}/{uuid4()}"),
            (kept, f"/v1/bookings/lesson-2/lobby/{entry['entry']}"),
            (other, f"{LOBBY}/{entry['entry']}"),
        ):
            for verb in ("admit", "deny"):
                response = await tenant.post(f"{path}/{verb}")
                assert (response.status_code, error_code(response)) == (404, "entry_not_found")
        assert (await kept.post(f"{LOBBY}/nonsense/admit")).status_code == 422
        assert await states(kept) == {"student-1": "waiting"}


class TestWhoDecides:
    async def test_a_host_decides_with_their_own_token_and_the_entry_says_who_it_was(self, kept: Tenant) -> None:
        secret = f"a-secret-of-the-apps-identity-provider-{kept.app.id}"
        now = kept.broker.now()
        await tenants.set_token_rules(kept.broker, kept.app, TokenRules(secret=secret), now=now)
        tokens = {
            who: jwt.encode({"sub": who, "exp": now.timestamp() + 60}, secret) for who in ("tutor-1", "student-1")
        }
        entry = await waits(kept)
        assert (await send_as(kept, tokens["tutor-1"], "GET", LOBBY)).json()["data"] == [entry]
        for method, path in (("GET", ""), ("POST", "/admit"), ("POST", f"/{entry['entry']}/admit")):
            refused = await send_as(kept, tokens["student-1"], method, f"{LOBBY}{path}")
            assert (refused.status_code, error_code(refused)) == (403, "waiting_for_admission")
        admitted = await send_as(kept, tokens["tutor-1"], "POST", f"{LOBBY}/{entry['entry']}/admit")
        assert admitted.json()["decided_by"] == "tutor-1"
        (told,) = await kept.events("participant.admitted")
        assert told["asked_by"]["user_id"] == "tutor-1"

    async def test_a_host_decides_with_their_ticket_and_nobody_else_does(self, kept: Tenant) -> None:
        ada, ben, gus = await create_link(kept, "tutor-1"), await create_link(kept), await create_guest_link(kept)
        entry = await waits(kept)
        for link, status in ((ben, 403), (gus, 403)):
            assert (await send_as(kept, link, "GET", LOBBY)).status_code == status
            assert (await send_as(kept, link, "POST", f"{LOBBY}/{entry['entry']}/admit")).status_code == status
        assert await states(kept) == {"student-1": "waiting"}
        assert (await send_as(kept, ada, "POST", f"{LOBBY}/{entry['entry']}/admit")).status_code == 200

    async def test_a_backend_needs_the_scope(self, kept: Tenant) -> None:
        entry = await waits(kept)
        key = await kept.create_key(scopes=set(Scope) - {Scope.MODERATION_WRITE})
        for method, path in (("GET", ""), ("POST", "/admit"), ("POST", f"/{entry['entry']}/deny")):
            refused = await kept.send(method, f"{LOBBY}{path}", headers={"Authorization": f"Bearer {key}"})
            assert (refused.status_code, error_code(refused)) == (403, "scope_missing")


class TestGuests:
    async def test_a_guest_who_waits_is_told_who_they_are_and_is_the_same_with_it(self, kept: Tenant) -> None:
        gus = await guest_waits(kept)
        assert await guest_waits(kept, guest_id=gus) == gus
        (entry,) = await lobby(kept)
        assert (entry["user_id"], entry["display_name"], entry["role"], entry["is_guest"]) == (
            gus,
            "Gus",
            "guest",
            True,
        )
        await turn(kept, entry, "admit")
        joined = await kept.post(f"{LESSON_1}/guests", {"name": "Gus", "guest_id": gus})
        assert (joined.status_code, joined.json()["user_id"]) == (200, gus)

    async def test_without_it_they_are_somebody_new(self, kept: Tenant) -> None:
        assert await guest_waits(kept) != await guest_waits(kept)
        assert len(await lobby(kept)) == 2

    async def test_the_name_that_they_give_now_is_the_one_that_is_shown(self, kept: Tenant) -> None:
        gus = await guest_waits(kept)
        await guest_waits(kept, "Gustav", guest_id=gus)
        assert [entry["display_name"] for entry in await lobby(kept)] == ["Gustav"]

    async def test_an_id_that_was_not_given_here_is_refused(self, kept: Tenant) -> None:
        gus = await guest_waits(kept)
        await kept.book("lesson-2", policy=KEPT)
        for path, guest in ((f"{LESSON_1}/guests", f"guest-{uuid4()}"), ("/v1/bookings/lesson-2/guests", gus)):
            for known in (guest, "student-1", "tutor-1"):
                refused = await kept.post(path, {"name": "Gus", "guest_id": known})
                assert (refused.status_code, error_code(refused)) == (404, "participant_not_found")

    async def test_a_guest_who_is_too_early_keeps_their_id_as_well(self, tutoring: Tenant, clock: MovableClock) -> None:
        await tutoring.book(starts_in=timedelta(minutes=30), policy={"guests_allowed": True})
        early = await tutoring.post(f"{LESSON_1}/guests", {"name": "Gus"})
        clock.move(minutes=25)
        joined = await tutoring.post(f"{LESSON_1}/guests", {"name": "Gus", "guest_id": early.json()["guest_id"]})
        assert joined.json()["user_id"] == early.json()["guest_id"]

    async def test_a_guests_ticket_is_one_entry(self, kept: Tenant) -> None:
        gus = await create_guest_link(kept)
        for _ in range(2):
            assert error_code(await send_as(kept, gus, "POST", f"{LESSON_1}/join")) == "waiting_for_admission"
        (entry,) = await lobby(kept)
        assert (entry["user_id"], entry["display_name"], entry["is_guest"]) == (gus["user_id"], "Gus", True)
        await turn(kept, entry, "admit")
        joined = await send_as(kept, gus, "POST", f"{LESSON_1}/join")
        assert (joined.status_code, joined.json()["user_id"]) == (200, gus["user_id"])

    async def test_a_guest_who_waits_can_be_kept_away_for_good(self, kept: Tenant) -> None:
        gus = await guest_waits(kept)
        removed = await kept.post(f"{LESSON_1}/participants/{gus}/remove", {"ban": True})
        assert removed.status_code == 200
        refused = await kept.post(f"{LESSON_1}/guests", {"name": "Gus", "guest_id": gus})
        assert error_code(refused) == "participant_removed"
        assert await lobby(kept) == []


class TestHowLongItHolds:
    async def test_when_the_call_ends_everybody_has_to_ask_again(self, kept: Tenant) -> None:
        await kept.join()
        await turn(kept, await waits(kept), "admit")
        assert (await kept.join(user_id="student-1")).status_code == 200
        gus = await guest_waits(kept)
        await kept.post(f"{LESSON_1}/end")
        assert await lobby(kept) == []
        assert (await waits(kept))["state"] == "waiting"
        assert await guest_waits(kept, guest_id=gus) == gus
        assert len(await kept.events("participant.waiting")) == 4

    async def test_somebody_who_was_denied_may_ask_again_then(self, kept: Tenant) -> None:
        await kept.join()
        await turn(kept, await waits(kept), "deny")
        await kept.post(f"{LESSON_1}/end")
        await waits(kept)

    async def test_when_the_window_is_over_nobody_is_listed(self, kept: Tenant, clock: MovableClock) -> None:
        entry = await waits(kept)
        clock.move(hours=2)
        assert await lobby(kept) == []
        assert error_code(await turn(kept, entry, "admit")) == "entry_not_found"
        await kept.run_due_jobs()
        await kept.book(policy=KEPT)
        assert (await waits(kept))["entry"] != entry["entry"]

    @pytest.mark.parametrize(
        "change",
        [
            {"status": "cancelled"},
            {"modality": "physical"},
            {"starts_at": "2190-01-01T10:00:00Z", "duration_minutes": 60},
        ],
        ids=["cancelled", "made physical", "moved"],
    )
    async def test_a_session_that_does_not_take_place_has_an_empty_waiting_room_and_begins_anew(
        self, kept: Tenant, change: dict[str, Any]
    ) -> None:
        await turn(kept, await waits(kept), "admit")
        assert (await kept.send("PATCH", LESSON_1, json=change)).status_code == 200
        assert await lobby(kept) == []
        await kept.book(policy=KEPT)
        await waits(kept)

    async def test_who_was_put_out_has_to_be_let_in_again(self, kept: Tenant) -> None:
        await turn(kept, await waits(kept), "admit")
        assert (await kept.join(user_id="student-1")).status_code == 200
        await kept.post(f"{LESSON_1}/participants/student-1/remove")
        assert (await waits(kept))["state"] == "waiting"

    async def test_who_is_banned_or_off_the_roster_is_not_listed(self, kept: Tenant) -> None:
        entry = await waits(kept)
        await kept.send("DELETE", f"{LESSON_1}/participants/student-1")
        assert await lobby(kept) == []
        assert error_code(await turn(kept, entry, "admit")) == "entry_not_found"

    async def test_where_the_waiting_room_is_switched_off_nobody_waits(self, kept: Tenant) -> None:
        await turn(kept, await waits(kept), "deny")
        await kept.send("PATCH", LESSON_1, json={"policy": {}})
        assert await lobby(kept) == []
        assert (await kept.join(user_id="student-1")).status_code == 200

    async def test_a_group_keeps_who_was_let_in_until_its_call_ends(self, tutoring: Tenant) -> None:
        await tutoring.create_group(policy=KEPT)
        circle = "/v1/groups/circle"
        assert error_code(await tutoring.post(f"{circle}/join", {"user_id": "student-1"})) == "waiting_for_admission"
        await tutoring.post(f"{circle}/lobby/admit")
        assert (await tutoring.post(f"{circle}/join", {"user_id": "student-1"})).status_code == 200
        await tutoring.post(f"{circle}/end")
        assert error_code(await tutoring.post(f"{circle}/join", {"user_id": "student-1"})) == "waiting_for_admission"

    async def test_an_entry_that_everybody_has_forgotten_goes_with_its_name(
        self, tutoring: Tenant, clock: MovableClock
    ) -> None:
        await tutoring.create_group(policy=KEPT)
        await tutoring.post("/v1/groups/circle/guests", {"name": "Gus"})
        clock.move(hours=23)
        await delete_expired_rows(tutoring.broker)
        assert len(await lobby(tutoring, "/v1/groups/circle/lobby")) == 1
        clock.move(hours=2)
        await delete_expired_rows(tutoring.broker)
        assert await lobby(tutoring, "/v1/groups/circle/lobby") == []

    async def test_a_person_who_is_erased_leaves_the_waiting_room(self, kept: Tenant) -> None:
        gus = await guest_waits(kept)
        await waits(kept)
        app = kept.app
        await erase_person(kept.broker, app.id, gus, actor=Actor(app.id), now=kept.broker.now())
        assert await states(kept) == {"student-1": "waiting"}
        assert all(event["user_id"] != gus for event in await kept.events())


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


class TestNobodyGetsInBefore:
    @pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
    @pytest.mark.parametrize("state", ["new", "waiting", "denied"])
    async def test_by_no_way(self, kept: Tenant, way: Way, state: str) -> None:
        await kept.join()
        if state != "new":
            entry = await waits(kept)
            if state == "denied":
                await turn(kept, entry, "deny")
        before = len(await kept.events("credentials.issued"))
        response = await way(kept)
        assert response.status_code == 403, response.text
        assert len(await kept.events("credentials.issued")) == before

    async def test_a_guest_gets_in_by_no_way(self, kept: Tenant) -> None:
        await kept.join()
        before = len(await kept.events("credentials.issued"))
        for surface in ("sdk", "prebuilt"):
            response = await kept.post(f"{LESSON_1}/guests", {"name": "Gus", "surface": surface})
            assert (response.status_code, error_code(response)) == (403, "waiting_for_admission")
        assert len(await kept.events("credentials.issued")) == before

    async def test_a_waiting_room_until_the_host_is_there_is_opened_by_the_host_and_nobody_else(
        self, tutoring: Tenant
    ) -> None:
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

    async def test_those_who_were_admitted_before_ask_again_and_start_no_call_until_a_host_admits_them(
        self, kept: Tenant
    ) -> None:
        await kept.join()
        await turn(kept, await waits(kept), "admit")
        assert (await kept.join(user_id="student-1")).status_code == 200
        await kept.post(f"{LESSON_1}/end", {"user_id": "tutor-1"})
        entry = await waits(kept)
        refused = await kept.post(f"{LESSON_1}/start", {"user_id": "student-1"})
        assert (refused.status_code, error_code(refused)) == (403, "waiting_for_admission")
        assert len(await kept.events("call.started")) == 1
        await turn(kept, entry, "admit")
        assert (await kept.join(user_id="student-1")).status_code == 200


PRACTICE_ROLES = {"doctor": "host", "patient": "guest", "therapist": "host", "client": "guest"}


@pytest.fixture
async def practice(broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox) -> Tenant:
    """A practice with the ready-made page, which lets its patients and clients in one by one."""
    accounts = {ProviderName.HMS: sandbox.account("therapy", prebuilt=True)}
    return await make_tenant(
        broker, api, accounts, {ProviderName.HMS: PRACTICE_ROLES}, policy={"waiting_room": "admit"}
    )


class TestRoomCodes:
    """They never expire and admit whoever has them: none leaves for somebody who has to wait."""

    async def booked(self, practice: Tenant) -> None:
        """A session of Thea and Cli, whose codes are there."""
        people = [{"user_id": "thea", "role": "therapist"}, {"user_id": "cli", "role": "client"}]
        await practice.book("s-1", participants=people)
        joined = await practice.join("s-1", "thea", surface="prebuilt")
        assert joined.status_code == 200, joined.text

    async def code_for(self, practice: Tenant, **headers: str) -> Any:
        """What the old endpoint of one session shows."""
        response = await practice.get("/api/video-calls/booking/s-1", headers=headers)
        assert response.status_code == 200, response.text
        return response.json()

    async def test_a_list_shows_none_to_who_waits_and_to_nobody_in_particular(self, practice: Tenant) -> None:
        await self.booked(practice)
        before = len(await practice.events("credentials.issued"))
        for headers in ({"X-User-Id": "cli"}, {}):
            listed = await practice.get("/api/video-calls/rooms?clientId=cli", headers=headers)
            assert [each["roomCode"] for each in listed.json()] == [None]
            assert (await self.code_for(practice, **headers))["roomCode"] is None
        assert len(await practice.events("credentials.issued")) == before

    async def test_who_is_let_in_and_the_host_see_it(self, practice: Tenant) -> None:
        await self.booked(practice)
        assert error_code(await practice.join("s-1", "cli")) == "waiting_for_admission"
        assert (await self.code_for(practice, **{"X-User-Id": "cli"}))["roomCode"] is None
        await practice.post("/v1/bookings/s-1/lobby/admit")
        for who in ("cli", "thea"):
            assert (await self.code_for(practice, **{"X-User-Id": who}))["roomCode"]
        issued = await practice.events("credentials.issued")
        assert {event["user_id"] for event in issued[-2:]} == {"cli", "thea"}

    async def test_an_appointment_is_made_without_a_code_for_who_has_to_wait(self, practice: Tenant) -> None:
        body = {
            "patientId": 7,
            "doctorId": "d-1",
            "dateTime": (practice.broker.now() + timedelta(minutes=5)).isoformat(),
            "type": "VIRTUAL",
        }
        made = await practice.post("/api/bookings", body)
        assert (made.status_code, made.json()["videoRoomId"]) == (201, None), made.text
        assert not await practice.events("credentials.issued")
        bookings = (await practice.get("/v1/bookings")).json()["data"]
        assert [booking["status"] for booking in bookings] == ["confirmed"]
        refused = await practice.get(f"/api/bookings/video/info/{bookings[0]['reference']}")
        assert refused.status_code == 403, refused.text


class TestRaces:
    async def test_a_hundred_who_ask_at_once_are_as_many_entries_and_one_event_each(self, kept: Tenant) -> None:
        links = [await create_guest_link(kept, f"Guest {number}") for number in range(5)]
        responses = await asyncio.gather(
            *(send_as(kept, link, "POST", f"{LESSON_1}/join") for link in links for _ in range(10))
        )
        assert {error_code(response) for response in responses} == {"waiting_for_admission"}
        assert sorted(await states(kept)) == sorted(link["user_id"] for link in links)
        assert len(await kept.events("participant.waiting")) == 5

    async def test_two_hosts_who_disagree_leave_one_decision_which_the_credentials_follow(self, kept: Tenant) -> None:
        await kept.join()
        for _ in range(5):
            entry = await waits(kept)
            admitted, denied = await asyncio.gather(turn(kept, entry, "admit"), turn(kept, entry, "deny"))
            assert admitted.status_code == 200
            assert denied.status_code in {200, 409}
            assert await states(kept) == {"student-1": "admitted"}
            told = [event["type"] for event in await kept.events("participant.admitted", "participant.denied")]
            assert told[-1] == "participant.admitted"
            await kept.post(f"{LESSON_1}/participants/student-1/remove")

    @pytest.mark.parametrize("shut", ["cancel", "end", "participants/student-1/remove"])
    async def test_who_is_let_in_while_the_door_is_shut_has_nothing_of_it_afterwards(
        self, kept: Tenant, shut: str
    ) -> None:
        await kept.join()
        entry = await waits(kept)
        admitted, closed = await asyncio.gather(turn(kept, entry, "admit"), kept.post(f"{LESSON_1}/{shut}"))
        assert closed.status_code == 200
        assert admitted.status_code == 200 or error_code(admitted) == "entry_not_found"
        assert await lobby(kept) == []
        refused = await kept.join(user_id="student-1")
        assert refused.status_code == 403, refused.text

    async def test_nobody_who_was_never_admitted_gets_a_credential_whatever_happens_at_once(self, kept: Tenant) -> None:
        await kept.join()
        entry = await waits(kept)
        responses = await asyncio.gather(
            *(kept.join(user_id="student-1") for _ in range(10)),
            turn(kept, entry, "deny"),
            *(kept.join(user_id="student-1", surface="prebuilt") for _ in range(10)),
            kept.post(f"{LESSON_1}/participants/student-1/remove"),
            *(kept.join(user_id="student-1") for _ in range(10)),
            kept.post(f"{LESSON_1}/end"),
        )
        assert all(response.status_code in {200, 403, 404} for response in responses)
        assert {event["user_id"] for event in await kept.events("credentials.issued")} == {"tutor-1"}
