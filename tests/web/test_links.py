"""Links: one person, one session, and at every use the decision anew."""

from datetime import timedelta
from typing import Any

import jwt
import pytest

from house import MovableClock, Sandbox, Tenant, ask_as, code_of, guest_link, linked, moment_of
from videobroker.domain.ids import AppId
from videobroker.domain.keys import Scope
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.domain.times import rfc3339
from videobroker.domain.users import TokenRules
from videobroker.usecases import tenants

LESSON_1 = "/v1/bookings/lesson-1"
LINKS = f"{LESSON_1}/links"


class TestGettingALink:
    async def test_it_is_an_address_of_the_page_that_was_asked(self, tutoring: Tenant, clock: MovableClock) -> None:
        await tutoring.book(title="Algebra")
        link = await linked(tutoring)
        assert link["url"] == f"http://videobroker/join/{link['ticket']}"
        assert (link["user_id"], link["session"]["title"]) == ("student-1", "Algebra")
        assert link["expires_at"].endswith(":" + link["expires_at"][-3:])
        again = await linked(tutoring)
        assert again["ticket"] != link["ticket"]

    async def test_it_lives_as_long_as_the_policy_says_or_as_the_request_says(
        self, tutoring: Tenant, clock: MovableClock
    ) -> None:
        await tutoring.book(policy={"ticket_seconds": 3600})
        usual, short = await linked(tutoring), await linked(tutoring, expires_in_seconds=60)
        clock.move(seconds=61)
        assert code_of(await ask_as(tutoring, short, "POST", f"{LESSON_1}/access", {})) == "ticket_expired"
        assert (await ask_as(tutoring, usual, "POST", f"{LESSON_1}/access", {})).status_code == 200
        clock.move(seconds=3600)
        expired = await ask_as(tutoring, usual, "POST", f"{LESSON_1}/access", {})
        assert (expired.status_code, code_of(expired)) == (401, "ticket_expired")

    @pytest.mark.parametrize(
        "body",
        [
            {"user_id": "student-1", "guest": {"display_name": "Gus"}},
            {"guest": {"display_name": "Gus"}, "display_name": "Gustav"},
            {"guest": {}},
            {"user_id": "student-1", "expires_in_seconds": 59},
            {"user_id": "student-1", "expires_in_seconds": 31 * 86400},
            {"user_id": "student-1", "expires_in_seconds": "60"},
            {},
        ],
    )
    async def test_a_body_that_names_nobody_or_two_or_no_sensible_life_is_refused(
        self, tutoring: Tenant, body: dict[str, Any]
    ) -> None:
        await tutoring.book(policy={"guests_allowed": True})
        refused = await tutoring.post(LINKS, body)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
        assert not await tutoring.events("link.issued")

    async def test_somebody_who_is_ruled_out_gets_none(self, tutoring: Tenant, clock: MovableClock) -> None:
        await tutoring.book()
        await tutoring.post(f"{LESSON_1}/participants/student-1/remove", {"ban": True})
        for body, reason in (
            ({"user_id": "stranger"}, "not_a_participant"),
            ({"guest": {"display_name": "Gus"}}, "guests_not_allowed"),
            ({"user_id": "student-1"}, "participant_removed"),
        ):
            refused = await tutoring.post(LINKS, body)
            assert (refused.status_code, refused.json()["code"]) == (403, reason)
            assert refused.json()["access"]["decision"] == "refuse"
        clock.move(days=1)
        assert (await tutoring.post(LINKS, {"user_id": "tutor-1"})).json()["code"] == "session_over"
        assert not await tutoring.events("link.issued")

    @pytest.mark.parametrize("policy", [{}, {"waiting_room": "admit"}, {"waiting_room": "until_host"}])
    async def test_who_has_to_wait_gets_one(self, tutoring: Tenant, policy: dict[str, Any]) -> None:
        await tutoring.book(starts_in=timedelta(days=3 if not policy else 0), policy=policy)
        await linked(tutoring)

    async def test_a_session_that_does_not_exist_has_none(self, tutoring: Tenant, other: Tenant) -> None:
        await other.book()
        missing = await tutoring.post(LINKS, {"user_id": "student-1"})
        assert (missing.status_code, missing.json()["code"]) == (404, "session_not_found")

    async def test_the_journal_names_the_ticket_and_does_not_hold_it(self, tutoring: Tenant) -> None:
        await tutoring.book()
        link = await linked(tutoring)
        (issued,) = await tutoring.events("link.issued")
        ticket = tutoring.broker.tickets.read(link["ticket"])
        assert issued["user_id"] == "student-1"
        assert issued["data"] == {
            "guest": False,
            "token_id": str(ticket.id),
            "expires_at": rfc3339(ticket.expires_at),
        }
        assert moment_of(ticket.id).replace(microsecond=0) == ticket.issued_at

    async def test_the_same_idempotency_key_gets_the_same_link(self, tutoring: Tenant) -> None:
        await tutoring.book(policy={"guests_allowed": True})
        body, headers = {"guest": {"display_name": "Gus"}}, {"Idempotency-Key": "1"}
        first, second = [await tutoring.post(LINKS, body, headers=headers) for _ in range(2)]
        assert (first.status_code, first.json()) == (second.status_code, second.json())
        assert second.headers["Idempotency-Replayed"] == "true"
        assert len(await tutoring.events("link.issued")) == 1
        assert (await guest_link(tutoring))["user_id"] != first.json()["user_id"]

    async def test_it_needs_the_scope_join(self, tutoring: Tenant) -> None:
        await tutoring.book()
        key = await tutoring.another_key(scopes=set(Scope) - {Scope.JOIN})
        refused = await tutoring.post(LINKS, {"user_id": "student-1"}, headers={"Authorization": f"Bearer {key}"})
        assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")

    async def test_a_user_gets_one_for_themselves_and_brings_no_guests(self, tutoring: Tenant) -> None:
        secret = f"a-secret-of-the-apps-identity-provider-{tutoring.app.id}"
        now = tutoring.broker.now()
        await tenants.set_token_rules(tutoring.broker, tutoring.app, TokenRules(secret=secret), now=now)
        await tutoring.book(policy={"guests_allowed": True})
        token = jwt.encode({"sub": "student-1", "exp": now.timestamp() + 60}, secret)
        own = await ask_as(tutoring, token, "POST", LINKS)
        assert (own.status_code, own.json()["user_id"]) == (201, "student-1")
        others = await ask_as(tutoring, token, "POST", LINKS, {"user_id": "tutor-1"})
        assert (others.status_code, code_of(others)) == (403, "not_yourself")
        guests = await ask_as(tutoring, token, "POST", LINKS, {"guest": {"display_name": "Gus"}})
        assert (guests.status_code, code_of(guests)) == (403, "api_key_needed")

    async def test_a_link_makes_no_other_link(self, tutoring: Tenant) -> None:
        await tutoring.book()
        refused = await ask_as(tutoring, await linked(tutoring), "POST", LINKS, {})
        assert (refused.status_code, code_of(refused)) == (403, "ticket_not_enough")


class TestUsingATicket:
    async def test_its_holder_joins_without_saying_who_they_are(self, tutoring: Tenant) -> None:
        await tutoring.book()
        joined = await ask_as(tutoring, await linked(tutoring), "POST", f"{LESSON_1}/join", {})
        assert (joined.status_code, joined.json()["user_id"], joined.json()["display_name"]) == (
            200,
            "student-1",
            "Ben",
        )
        (issued,) = await tutoring.events("credentials.issued")
        assert (issued["asked_by"]["user_id"], issued["asked_by"]["key_id"]) == ("student-1", None)

    async def test_the_name_of_the_link_is_the_name_in_the_call(self, tutoring: Tenant) -> None:
        await tutoring.book()
        link = await linked(tutoring, display_name="Benjamin")
        joined = await ask_as(tutoring, link, "POST", f"{LESSON_1}/join", {})
        assert (link["display_name"], joined.json()["display_name"]) == ("Benjamin", "Benjamin")

    @pytest.mark.parametrize("action", ["join", "access", "start", "end"])
    async def test_its_holder_speaks_for_nobody_else(self, tutoring: Tenant, action: str) -> None:
        await tutoring.book()
        link = await linked(tutoring)
        ways: list[tuple[dict[str, str], dict[str, str]]] = [
            ({"user_id": "tutor-1"}, {}),
            ({}, {"X-User-Id": "tutor-1"}),
        ]
        for body, headers in ways:
            refused = await ask_as(tutoring, link, "POST", f"{LESSON_1}/{action}", body, **headers)
            assert (refused.status_code, code_of(refused)) == (403, "not_yourself")

    async def test_its_holder_starts_and_ends_a_call_where_their_role_may(self, tutoring: Tenant) -> None:
        await tutoring.book(policy={"call_roles": ["tutor"]})
        ben, ada = await linked(tutoring), await linked(tutoring, "tutor-1")
        assert code_of(await ask_as(tutoring, ben, "POST", f"{LESSON_1}/start")) == "role_may_not"
        assert (await ask_as(tutoring, ada, "POST", f"{LESSON_1}/start")).json()["started_by"] == "tutor-1"
        assert (await ask_as(tutoring, ada, "POST", f"{LESSON_1}/end")).json()["ended_by"] == "tutor-1"

    @pytest.mark.parametrize(
        ("method", "action"),
        [
            ("GET", ""),
            ("GET", "/participants"),
            ("GET", "/participants/student-1"),
            ("GET", "/calls"),
            ("GET", "/attendance"),
            ("POST", "/join"),
            ("POST", "/access"),
            ("POST", "/start"),
            ("POST", "/end"),
            ("POST", "/links"),
            ("POST", "/participants/student-1/remove"),
        ],
    )
    async def test_every_other_session_looks_like_one_that_does_not_exist(
        self, tutoring: Tenant, method: str, action: str
    ) -> None:
        await tutoring.book()
        await tutoring.book("lesson-2")
        await tutoring.gather("lesson-1")
        ada = await linked(tutoring, "tutor-1")
        body: dict[str, str] | None = None if method == "GET" else {}
        nothing = await ask_as(tutoring, ada, method, f"/v1/bookings/nothing{action}", body)
        assert (nothing.status_code, code_of(nothing)) == (404, "session_not_found")
        for kind, reference in (("bookings", "lesson-2"), ("groups", "lesson-1")):
            if kind == "groups" and action == "/attendance":
                continue
            other = await ask_as(tutoring, ada, method, f"/v1/{kind}/{reference}{action}", body)
            assert other.status_code == 404
            assert other.json() | {"detail": ""} == nothing.json() | {"detail": ""}
            assert (
                other.json()["detail"].replace("group", "booking").replace(reference, "nothing")
                == (nothing.json()["detail"])
            )

    async def test_a_call_of_its_own_session_does_not_open_lists_and_old_endpoints(self, tutoring: Tenant) -> None:
        await tutoring.book()
        ada = await linked(tutoring, "tutor-1")
        call = (await ask_as(tutoring, ada, "POST", f"{LESSON_1}/join")).json()["call"]["id"]
        for method, path, body in (
            ("GET", "/v1/bookings", None),
            ("GET", "/v1/groups", None),
            ("GET", f"/v1/calls/{call}", None),
            ("POST", "/api/100ms/token", {"bookingId": "lesson-1"}),
            ("POST", "/api/video-sessions/start", {"bookingId": "lesson-1"}),
            ("GET", "/api/video-calls/rooms", None),
        ):
            refused = await ask_as(tutoring, ada, method, path, body)
            assert (path, refused.status_code, code_of(refused)) == (path, 403, "ticket_not_enough")

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("PUT", LESSON_1),
            ("PATCH", LESSON_1),
            ("POST", f"{LESSON_1}/cancel"),
            ("DELETE", f"{LESSON_1}/participants/student-1"),
            ("GET", "/v1/events"),
            ("GET", "/v1/events/stream"),
            ("GET", "/v1/webhook-endpoints"),
        ],
    )
    async def test_what_is_for_backends_stays_so(self, tutoring: Tenant, method: str, path: str) -> None:
        await tutoring.book()
        ada = await linked(tutoring, "tutor-1")
        refused = await ask_as(tutoring, ada, method, path, None if method == "GET" else {})
        assert (refused.status_code, code_of(refused)) == (403, "api_key_needed")

    async def test_every_use_repeats_the_decision(self, tutoring: Tenant) -> None:
        await tutoring.book()
        ben = await linked(tutoring)
        assert (await ask_as(tutoring, ben, "POST", f"{LESSON_1}/join")).status_code == 200
        await tutoring.post(f"{LESSON_1}/participants/student-1/remove", {"ban": True})
        assert code_of(await ask_as(tutoring, ben, "POST", f"{LESSON_1}/join")) == "participant_removed"
        await tutoring.send("DELETE", f"{LESSON_1}/participants/student-1")
        assert code_of(await ask_as(tutoring, ben, "POST", f"{LESSON_1}/join")) == "not_a_participant"
        assert (await ask_as(tutoring, ben, "GET", LESSON_1)).status_code == 404

    async def test_one_that_is_none_is_refused(self, tutoring: Tenant) -> None:
        await tutoring.book()
        ticket = (await linked(tutoring))["ticket"]
        for text in (ticket[:-5], "vbt_x.y", ticket.replace(".", "A.", 1)):
            refused = await ask_as(tutoring, text, "POST", f"{LESSON_1}/join")
            assert (refused.status_code, code_of(refused)) == (401, "ticket_invalid")
            assert refused.headers["WWW-Authenticate"] == "Bearer"

    async def test_a_ticket_of_an_app_that_is_not_here_is_refused(self, tutoring: Tenant) -> None:
        await tutoring.book()
        known = tutoring.broker.tickets.read((await linked(tutoring))["ticket"])
        elsewhere = SessionKey(AppId(known.id), SessionKind.BOOKING, "lesson-1")
        text = tutoring.broker.tickets.sign(
            type(known)(known.id, elsewhere, "student-1", None, False, known.issued_at, known.expires_at)
        )
        assert code_of(await ask_as(tutoring, text, "GET", "/v1/visit")) == "ticket_invalid"


class TestAGuestsTicket:
    async def test_it_is_the_same_guest_at_every_use(self, agora: Tenant) -> None:
        await agora.book(policy={"guests_allowed": True})
        gus = await guest_link(agora)
        assert gus["user_id"].startswith("guest-")
        first, second = [(await ask_as(agora, gus, "POST", f"{LESSON_1}/join")).json() for _ in range(2)]
        assert (first["user_id"], first["display_name"], first["role"]) == (
            gus["user_id"],
            "Gus (guest)",
            "subscriber",
        )
        assert (second["user_id"], second["uid"]) == (gus["user_id"], first["uid"])
        assert all(event["data"]["guest"] for event in await agora.events("credentials.issued"))

    async def test_a_guest_sees_nothing_but_the_way_in(self, tutoring: Tenant) -> None:
        await tutoring.book(policy={"guests_allowed": True})
        gus = await guest_link(tutoring)
        access = await ask_as(tutoring, gus, "POST", f"{LESSON_1}/access", {})
        assert access.json()["decision"] == "admit"
        for path in ("", "/participants", "/calls"):
            assert (await ask_as(tutoring, gus, "GET", f"{LESSON_1}{path}")).status_code == 404
        for action in ("start", "end"):
            refused = await ask_as(tutoring, gus, "POST", f"{LESSON_1}/{action}")
            assert (refused.status_code, code_of(refused)) == (403, "not_a_participant")

    async def test_a_guest_who_was_banned_does_not_come_back_with_it(self, tutoring: Tenant) -> None:
        await tutoring.book(policy={"guests_allowed": True})
        gus = await guest_link(tutoring)
        assert (await ask_as(tutoring, gus, "POST", f"{LESSON_1}/join")).status_code == 200
        await tutoring.post(f"{LESSON_1}/participants/{gus['user_id']}/remove", {"ban": True})
        assert code_of(await ask_as(tutoring, gus, "POST", f"{LESSON_1}/join")) == "participant_removed"

    async def test_guests_that_are_not_wanted_any_more_do_not_get_in_with_it(self, tutoring: Tenant) -> None:
        await tutoring.book(policy={"guests_allowed": True})
        gus = await guest_link(tutoring)
        await tutoring.send("PATCH", LESSON_1, json={"policy": {}})
        assert code_of(await ask_as(tutoring, gus, "POST", f"{LESSON_1}/join")) == "guests_not_allowed"


class TestTheVisit:
    async def test_it_shows_what_a_page_needs_before_the_window_opens(
        self, tutoring: Tenant, clock: MovableClock
    ) -> None:
        booked = await tutoring.book(starts_in=timedelta(minutes=30), title="Algebra")
        seen = (await ask_as(tutoring, await linked(tutoring), "GET", "/v1/visit")).json()
        assert seen["session"] == {
            "kind": "booking",
            "reference": "lesson-1",
            "title": "Algebra",
            "status": "confirmed",
            "starts_at": booked["starts_at"],
            "ends_at": booked["ends_at"],
        }
        assert (seen["visitor"]["display_name"], seen["visitor"]["role"]) == ("Ben", "student")
        assert not seen["visitor"]["is_host"]
        assert (seen["decision"]["decision"], seen["decision"]["reason"]) == ("wait", "too_early")
        assert seen["now"] < seen["decision"]["opens_at"] < booked["starts_at"]
        assert (seen["lobby"], seen["call"], seen["host_present"], seen["provider"]) == (None, None, None, "100ms")
        clock.move(minutes=25)
        seen = (await ask_as(tutoring, await linked(tutoring), "GET", "/v1/visit")).json()
        assert seen["decision"]["decision"] == "admit"

    async def test_it_tells_that_the_host_is_there(self, hooked: Tenant, sandbox: Sandbox) -> None:
        await hooked.book()
        ben, ada = await linked(hooked), await linked(hooked, "tutor-1")
        joined = (await ask_as(hooked, ada, "POST", f"{LESSON_1}/join")).json()
        seen = (await ask_as(hooked, ben, "GET", "/v1/visit")).json()
        assert (seen["call"]["id"], seen["host_present"]) == (joined["call"]["id"], None)
        await sandbox.enter(joined["room_id"], token=joined["token"])
        await sandbox.deliver()
        await hooked.settle()
        assert (await ask_as(hooked, ben, "GET", "/v1/visit")).json()["host_present"] is True
        assert (await ask_as(hooked, ada, "GET", "/v1/visit")).json()["visitor"]["is_host"] is True

    async def test_a_stranger_does_not_learn_the_title(self, tutoring: Tenant) -> None:
        await tutoring.book(title="Anxiety disorder, session 3")
        ben = await linked(tutoring)
        await tutoring.send("DELETE", f"{LESSON_1}/participants/student-1")
        seen = (await ask_as(tutoring, ben, "GET", "/v1/visit")).json()
        assert seen["decision"]["reason"] == "not_a_participant"
        assert (seen["session"]["title"], seen["visitor"]["role"]) == (None, None)

    async def test_it_is_for_tickets_alone(self, tutoring: Tenant) -> None:
        for path in ("/v1/visit", "/v1/visit/stream"):
            for answer in (await tutoring.get(path), await tutoring.api.get(path)):
                assert (answer.status_code, code_of(answer)) == (401, "ticket_invalid")
