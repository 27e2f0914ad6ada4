"""Links: for one person and one session, with a new access decision at every use."""

import asyncio
from contextlib import aclosing
from datetime import timedelta
from typing import Any

import httpx
import jwt
import pytest

from tenants import (
    MovableClock,
    Sandbox,
    Tenant,
    context_of,
    create_guest_link,
    create_link,
    error_code,
    send_as,
    uuid7_time,
)
from videobroker.domain.actors import Actor
from videobroker.domain.api_keys import Scope
from videobroker.domain.ids import AppId
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.domain.user_tokens import TokenRules
from videobroker.usecases import management
from videobroker.usecases.joining import links as linking
from videobroker.usecases.joining.links import ticket_holder
from videobroker.usecases.joining.visits import watch
from videobroker.usecases.journal.erasure import erase_person

# Responses are compared as a whole.
pytestmark = pytest.mark.usefixtures("same_ids")

LESSON_1 = "/v1/bookings/lesson-1"
LINKS = f"{LESSON_1}/links"


class TestCreation:
    async def test_a_link_is_a_url_of_the_hosted_page_at_the_requested_host(
        self, tutoring: Tenant, clock: MovableClock
    ) -> None:
        await tutoring.book(title="Algebra")
        link = await create_link(tutoring)
        assert link["url"] == f"http://videobroker/join/{link['ticket']}"
        assert (link["user_id"], link["session"]["title"]) == ("student-1", "Algebra")
        assert link["id"] == str(tutoring.broker.tickets.read(link["ticket"]).id)
        second = await create_link(tutoring)
        assert second["ticket"] != link["ticket"]

    async def test_its_lifetime_is_that_of_the_policy_or_of_the_request(
        self, tutoring: Tenant, clock: MovableClock
    ) -> None:
        await tutoring.book(policy={"ticket_seconds": 3600})
        default, short_lived = await create_link(tutoring), await create_link(tutoring, expires_in_seconds=60)
        clock.move(seconds=61)
        assert error_code(await send_as(tutoring, short_lived, "POST", f"{LESSON_1}/access", {})) == "ticket_expired"
        assert (await send_as(tutoring, default, "POST", f"{LESSON_1}/access", {})).status_code == 200
        clock.move(seconds=3600)
        expired = await send_as(tutoring, default, "POST", f"{LESSON_1}/access", {})
        assert (expired.status_code, error_code(expired)) == (401, "ticket_expired")

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
    async def test_an_invalid_person_or_lifetime_is_refused(self, tutoring: Tenant, body: dict[str, Any]) -> None:
        await tutoring.book(policy={"guests_allowed": True})
        refused = await tutoring.post(LINKS, body)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
        assert not await tutoring.events("link.issued")

    async def test_a_person_who_cannot_join_gets_no_link(self, tutoring: Tenant, clock: MovableClock) -> None:
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
    async def test_a_person_who_has_to_wait_gets_a_link(self, tutoring: Tenant, policy: dict[str, Any]) -> None:
        await tutoring.book(starts_in=timedelta(days=3 if not policy else 0), policy=policy)
        await create_link(tutoring)

    async def test_an_unknown_session_has_no_links(self, tutoring: Tenant, other: Tenant) -> None:
        await other.book()
        missing = await tutoring.post(LINKS, {"user_id": "student-1"})
        assert (missing.status_code, missing.json()["code"]) == (404, "session_not_found")

    async def test_the_journal_contains_the_id_of_the_ticket_but_not_the_ticket(self, tutoring: Tenant) -> None:
        await tutoring.book()
        link = await create_link(tutoring)
        (issued,) = await tutoring.events("link.issued")
        ticket = tutoring.broker.tickets.read(link["ticket"])
        assert issued["user_id"] == "student-1"
        assert issued["data"] == {
            "guest": False,
            "token_id": str(ticket.id),
            "expires_at": link["expires_at"],
        }
        assert uuid7_time(ticket.id).replace(microsecond=0) == ticket.issued_at

    async def test_an_idempotency_key_returns_the_same_link(self, tutoring: Tenant) -> None:
        await tutoring.book(policy={"guests_allowed": True})
        body, headers = {"guest": {"display_name": "Gus"}}, {"Idempotency-Key": "1"}
        first, second = [await tutoring.post(LINKS, body, headers=headers) for _ in range(2)]
        assert (first.status_code, first.json()) == (second.status_code, second.json())
        assert second.headers["Idempotency-Replayed"] == "true"
        issued = await tutoring.events("link.issued")
        assert [each["data"].get("replayed", False) for each in issued] == [False, True]
        assert (await create_guest_link(tutoring))["user_id"] != first.json()["user_id"]

    @pytest.mark.parametrize("scopes", [{Scope.JOIN}, set(Scope) - {Scope.LINKS_WRITE}])
    async def test_it_needs_the_scope_for_links(self, tutoring: Tenant, scopes: set[Scope]) -> None:
        await tutoring.book()
        key = await tutoring.create_key(scopes=scopes)
        refused = await tutoring.post(LINKS, {"user_id": "student-1"}, headers={"Authorization": f"Bearer {key}"})
        assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")

    async def test_a_user_gets_a_link_for_themselves_but_not_for_guests(self, tutoring: Tenant) -> None:
        secret = f"a-secret-of-the-apps-identity-provider-{tutoring.app.id}"
        now = tutoring.broker.now()
        await management.set_token_rules(context_of(tutoring.broker, tutoring.app, now=now), TokenRules(secret=secret))
        await tutoring.book(policy={"guests_allowed": True})
        token = jwt.encode({"sub": "student-1", "exp": now.timestamp() + 60}, secret)
        own_link = await send_as(tutoring, token, "POST", LINKS)
        assert (own_link.status_code, own_link.json()["user_id"]) == (201, "student-1")
        others = await send_as(tutoring, token, "POST", LINKS, {"user_id": "tutor-1"})
        assert (others.status_code, error_code(others)) == (403, "not_yourself")
        for body in ({"guest": {"display_name": "Gus"}}, {"display_name": "Ada (tutor)"}):
            refused = await send_as(tutoring, token, "POST", LINKS, body)
            assert (refused.status_code, error_code(refused)) == (403, "role_may_not")

    async def test_a_ticket_cannot_create_links(self, tutoring: Tenant) -> None:
        await tutoring.book()
        refused = await send_as(tutoring, await create_link(tutoring), "POST", LINKS, {})
        assert (refused.status_code, error_code(refused)) == (403, "ticket_not_enough")


class TestTickets:
    async def test_the_holder_joins_without_a_user_id(self, tutoring: Tenant) -> None:
        await tutoring.book()
        joined = await send_as(tutoring, await create_link(tutoring), "POST", f"{LESSON_1}/join", {})
        assert (joined.status_code, joined.json()["user_id"], joined.json()["display_name"]) == (
            200,
            "student-1",
            "Ben",
        )
        (issued,) = await tutoring.events("credentials.issued")
        assert (issued["asked_by"]["user_id"], issued["asked_by"]["key_id"]) == ("student-1", None)

    async def test_the_name_of_the_link_is_the_name_in_the_call(self, tutoring: Tenant) -> None:
        await tutoring.book()
        link = await create_link(tutoring, display_name="Benjamin")
        joined = await send_as(tutoring, link, "POST", f"{LESSON_1}/join", {})
        assert (link["display_name"], joined.json()["display_name"]) == ("Benjamin", "Benjamin")

    @pytest.mark.parametrize("action", ["join", "access", "start", "end"])
    async def test_the_holder_cannot_act_for_another_person(self, tutoring: Tenant, action: str) -> None:
        await tutoring.book()
        link = await create_link(tutoring)
        ways: list[tuple[dict[str, str], dict[str, str]]] = [
            ({"user_id": "tutor-1"}, {}),
            ({}, {"X-User-Id": "tutor-1"}),
        ]
        for body, headers in ways:
            refused = await send_as(tutoring, link, "POST", f"{LESSON_1}/{action}", body, **headers)
            assert (refused.status_code, error_code(refused)) == (403, "not_yourself")

    async def test_the_holder_starts_and_ends_a_call_if_their_role_may(self, tutoring: Tenant) -> None:
        await tutoring.book(policy={"call_roles": ["tutor"]})
        ben, ada = await create_link(tutoring), await create_link(tutoring, "tutor-1")
        assert error_code(await send_as(tutoring, ben, "POST", f"{LESSON_1}/start")) == "role_may_not"
        assert (await send_as(tutoring, ada, "POST", f"{LESSON_1}/start")).json()["started_by"] == "tutor-1"
        assert (await send_as(tutoring, ada, "POST", f"{LESSON_1}/end")).json()["ended_by"] == "tutor-1"

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
    async def test_every_other_session_gets_the_response_of_an_unknown_one(
        self, tutoring: Tenant, method: str, action: str
    ) -> None:
        await tutoring.book()
        await tutoring.book("lesson-2")
        await tutoring.create_group("lesson-1")
        ada = await create_link(tutoring, "tutor-1")
        body: dict[str, str] | None = None if method == "GET" else {}
        nothing = await send_as(tutoring, ada, method, f"/v1/bookings/nothing{action}", body)
        assert (nothing.status_code, error_code(nothing)) == (404, "session_not_found")
        for kind, reference in (("bookings", "lesson-2"), ("groups", "lesson-1")):
            if kind == "groups" and action == "/attendance":
                continue
            other = await send_as(tutoring, ada, method, f"/v1/{kind}/{reference}{action}", body)
            assert other.status_code == 404
            assert other.json() | {"detail": ""} == nothing.json() | {"detail": ""}
            assert (
                other.json()["detail"].replace("group", "booking").replace(reference, "nothing")
                == (nothing.json()["detail"])
            )

    async def test_a_call_of_its_session_gives_no_access_to_lists_and_legacy_endpoints(self, tutoring: Tenant) -> None:
        await tutoring.book()
        ada = await create_link(tutoring, "tutor-1")
        call = (await send_as(tutoring, ada, "POST", f"{LESSON_1}/join")).json()["call"]["id"]
        for method, path, body in (
            ("GET", "/v1/bookings", None),
            ("GET", "/v1/groups", None),
            ("GET", f"/v1/calls/{call}", None),
            ("POST", "/api/100ms/token", {"bookingId": "lesson-1"}),
            ("POST", "/api/video-sessions/start", {"bookingId": "lesson-1"}),
            ("GET", "/api/video-calls/rooms", None),
        ):
            refused = await send_as(tutoring, ada, method, path, body)
            assert (path, refused.status_code, error_code(refused)) == (path, 403, "ticket_not_enough")

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
    async def test_operations_for_backends_are_refused(self, tutoring: Tenant, method: str, path: str) -> None:
        await tutoring.book()
        ada = await create_link(tutoring, "tutor-1")
        refused = await send_as(tutoring, ada, method, path, None if method == "GET" else {})
        is_for_booking_roles = method == "PATCH" or path.endswith("/cancel")
        code = "role_may_not" if is_for_booking_roles else "api_key_needed"
        assert (refused.status_code, error_code(refused)) == (403, code)

    async def test_every_use_repeats_the_decision(self, tutoring: Tenant) -> None:
        await tutoring.book()
        ben = await create_link(tutoring)
        assert (await send_as(tutoring, ben, "POST", f"{LESSON_1}/join")).status_code == 200
        await tutoring.post(f"{LESSON_1}/participants/student-1/remove", {"ban": True})
        assert error_code(await send_as(tutoring, ben, "POST", f"{LESSON_1}/join")) == "participant_removed"
        await tutoring.send("DELETE", f"{LESSON_1}/participants/student-1")
        assert error_code(await send_as(tutoring, ben, "POST", f"{LESSON_1}/join")) == "not_a_participant"
        response = (await send_as(tutoring, ben, "GET", LESSON_1)).json()
        assert (response["reference"], response["participants"], response["participant_names"]) == (
            "lesson-1",
            None,
            None,
        )

    async def test_an_invalid_ticket_is_refused(self, tutoring: Tenant) -> None:
        await tutoring.book()
        ticket = (await create_link(tutoring))["ticket"]
        for text in (ticket[:-5], "vbt_x.y", ticket.replace(".", "A.", 1)):
            refused = await send_as(tutoring, text, "POST", f"{LESSON_1}/join")
            assert (refused.status_code, error_code(refused)) == (401, "ticket_invalid")
            assert refused.headers["WWW-Authenticate"] == "Bearer"

    async def test_a_ticket_of_an_unknown_app_is_refused(self, tutoring: Tenant) -> None:
        await tutoring.book()
        known = tutoring.broker.tickets.read((await create_link(tutoring))["ticket"])
        other_session = SessionKey(AppId(known.id), SessionKind.BOOKING, "lesson-1")
        text = tutoring.broker.tickets.sign(
            type(known)(known.id, other_session, "student-1", None, False, known.issued_at, known.expires_at)
        )
        assert error_code(await send_as(tutoring, text, "GET", "/v1/visit")) == "ticket_invalid"


class TestGuestTickets:
    async def test_it_identifies_the_same_guest_at_every_use(self, agora: Tenant) -> None:
        await agora.book(policy={"guests_allowed": True})
        gus = await create_guest_link(agora)
        assert gus["user_id"].startswith("guest-")
        first, second = [(await send_as(agora, gus, "POST", f"{LESSON_1}/join")).json() for _ in range(2)]
        assert (first["user_id"], first["display_name"], first["role"]) == (
            gus["user_id"],
            "Gus (guest)",
            "subscriber",
        )
        assert (second["user_id"], second["uid"]) == (gus["user_id"], first["uid"])
        assert all(event["data"]["guest"] for event in await agora.events("credentials.issued"))

    async def test_a_guest_can_only_join(self, tutoring: Tenant) -> None:
        await tutoring.book(policy={"guests_allowed": True})
        gus = await create_guest_link(tutoring)
        access = await send_as(tutoring, gus, "POST", f"{LESSON_1}/access", {})
        assert access.json()["decision"] == "admit"
        response = (await send_as(tutoring, gus, "GET", LESSON_1)).json()
        assert (response["title"], response["participants"], response["participant_names"]) == (None, None, None)
        for path in ("/participants", "/calls"):
            refused = await send_as(tutoring, gus, "GET", f"{LESSON_1}{path}")
            assert (refused.status_code, error_code(refused)) == (403, "role_may_not")
        for action in ("start", "end"):
            refused = await send_as(tutoring, gus, "POST", f"{LESSON_1}/{action}")
            assert (refused.status_code, error_code(refused)) == (403, "not_a_participant")

    async def test_a_blocked_guest_cannot_rejoin_with_it(self, tutoring: Tenant) -> None:
        await tutoring.book(policy={"guests_allowed": True})
        gus = await create_guest_link(tutoring)
        assert (await send_as(tutoring, gus, "POST", f"{LESSON_1}/join")).status_code == 200
        await tutoring.post(f"{LESSON_1}/participants/{gus['user_id']}/remove", {"ban": True})
        assert error_code(await send_as(tutoring, gus, "POST", f"{LESSON_1}/join")) == "participant_removed"

    async def test_guests_who_are_no_longer_allowed_cannot_join_with_it(self, tutoring: Tenant) -> None:
        await tutoring.book(policy={"guests_allowed": True})
        gus = await create_guest_link(tutoring)
        await tutoring.send("PATCH", LESSON_1, json={"policy": {}})
        assert error_code(await send_as(tutoring, gus, "POST", f"{LESSON_1}/join")) == "guests_not_allowed"


class TestVisits:
    async def test_it_contains_what_a_page_needs_before_the_window_opens(
        self, tutoring: Tenant, clock: MovableClock
    ) -> None:
        booked = await tutoring.book(starts_in=timedelta(minutes=30), title="Algebra")
        response = (await send_as(tutoring, await create_link(tutoring), "GET", "/v1/visit")).json()
        assert response["session"] == {
            "kind": "booking",
            "reference": "lesson-1",
            "title": "Algebra",
            "status": "confirmed",
            "starts_at": booked["starts_at"],
            "ends_at": booked["ends_at"],
        }
        assert (response["visitor"]["display_name"], response["visitor"]["role"]) == ("Ben", "student")
        assert not response["visitor"]["is_host"]
        assert (response["decision"]["decision"], response["decision"]["reason"]) == ("wait", "too_early")
        assert response["now"] < response["decision"]["opens_at"] < booked["starts_at"]
        assert (response["lobby"], response["call"], response["host_present"], response["provider"]) == (
            None,
            None,
            None,
            "100ms",
        )
        clock.move(minutes=25)
        response = (await send_as(tutoring, await create_link(tutoring), "GET", "/v1/visit")).json()
        assert response["decision"]["decision"] == "admit"

    async def test_it_shows_that_the_host_is_present(self, webhook_tenant: Tenant, sandbox: Sandbox) -> None:
        await webhook_tenant.book()
        ben, ada = await create_link(webhook_tenant), await create_link(webhook_tenant, "tutor-1")
        joined = (await send_as(webhook_tenant, ada, "POST", f"{LESSON_1}/join")).json()
        response = (await send_as(webhook_tenant, ben, "GET", "/v1/visit")).json()
        assert (response["call"]["id"], response["host_present"]) == (joined["call"]["id"], None)
        await sandbox.join_room(joined["room_id"], token=joined["token"])
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        assert (await send_as(webhook_tenant, ben, "GET", "/v1/visit")).json()["host_present"] is True
        assert (await send_as(webhook_tenant, ada, "GET", "/v1/visit")).json()["visitor"]["is_host"] is True

    async def test_it_shows_who_else_is_in_the_call(self, webhook_tenant: Tenant, sandbox: Sandbox) -> None:
        await webhook_tenant.book(policy={"guests_allowed": True})
        ben, ada = await create_link(webhook_tenant), await create_link(webhook_tenant, "tutor-1")
        gus = await create_guest_link(webhook_tenant)
        joined = (await send_as(webhook_tenant, ada, "POST", f"{LESSON_1}/join")).json()
        assert (await send_as(webhook_tenant, ben, "GET", "/v1/visit")).json()["others"] is None
        await sandbox.join_room(joined["room_id"], token=joined["token"])
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        others = {
            name: (await send_as(webhook_tenant, link, "GET", "/v1/visit")).json()["others"]
            for name, link in {"ben": ben, "ada": ada, "gus": gus}.items()
        }
        # A guest sees no names (docs/explanation/authorization.md).
        assert others == {
            "ben": {"count": 1, "names": ["Ada"]},
            "ada": {"count": 0, "names": []},
            "gus": {"count": 1, "names": []},
        }

    async def test_a_refused_person_does_not_learn_who_is_in_the_call(
        self, webhook_tenant: Tenant, sandbox: Sandbox
    ) -> None:
        await webhook_tenant.book()
        ben, ada = await create_link(webhook_tenant), await create_link(webhook_tenant, "tutor-1")
        joined = (await send_as(webhook_tenant, ada, "POST", f"{LESSON_1}/join")).json()
        await sandbox.join_room(joined["room_id"], token=joined["token"])
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        await webhook_tenant.send("DELETE", f"{LESSON_1}/participants/student-1")
        assert (await send_as(webhook_tenant, ben, "GET", "/v1/visit")).json()["others"] is None

    async def test_a_stranger_does_not_learn_the_title(self, tutoring: Tenant) -> None:
        await tutoring.book(title="Anxiety disorder, session 3")
        ben = await create_link(tutoring)
        await tutoring.send("DELETE", f"{LESSON_1}/participants/student-1")
        response = (await send_as(tutoring, ben, "GET", "/v1/visit")).json()
        assert response["decision"]["reason"] == "not_a_participant"
        assert (response["session"]["title"], response["visitor"]["role"]) == (None, None)

    async def test_it_is_for_tickets_only(self, tutoring: Tenant) -> None:
        for path in ("/v1/visit", "/v1/visit/stream"):
            for response in (await tutoring.get(path), await tutoring.api.get(path)):
                assert (response.status_code, error_code(response)) == (401, "ticket_invalid")


SECRET = "a-secret-of-the-apps-identity-provider-"


async def user_token(tenant: Tenant, who: str, *, seconds: float) -> str:
    """A token of the app's identity provider with this lifetime."""
    secret, now = f"{SECRET}{tenant.app.id}", tenant.broker.now()
    await management.set_token_rules(context_of(tenant.broker, tenant.app, now=now), TokenRules(secret=secret))
    return jwt.encode({"sub": who, "exp": int(now.timestamp() + seconds)}, secret)


async def with_key(tenant: Tenant, key: str, method: str, path: str, body: Any = None) -> httpx.Response:
    """A request with another key of the app."""
    return await tenant.api.request(method, path, json=body, headers={"Authorization": f"Bearer {key}"})


class TestLimitsOfTheIssuer:
    async def test_the_link_of_a_key_without_moderation_cannot_moderate(self, tutoring: Tenant) -> None:
        await tutoring.book()
        key = await tutoring.create_key(scopes={Scope.LINKS_WRITE, Scope.JOIN})
        ada = (await with_key(tutoring, key, "POST", LINKS, {"user_id": "tutor-1"})).json()
        assert (await send_as(tutoring, ada, "POST", f"{LESSON_1}/join")).status_code == 200
        for action in ("participants/student-1/remove", "end"):
            refused = await send_as(tutoring, ada, "POST", f"{LESSON_1}/{action}", {})
            assert (refused.status_code, error_code(refused)) == (403, "scope_missing")
        assert not await tutoring.events("participant.removed", "call.ended")

    async def test_the_link_of_a_user_expires_with_their_token(self, tutoring: Tenant, clock: MovableClock) -> None:
        await tutoring.book()
        token = await user_token(tutoring, "student-1", seconds=60)
        link = (await send_as(tutoring, token, "POST", LINKS, {"expires_in_seconds": 30 * 86400})).json()
        assert (await send_as(tutoring, link, "GET", "/v1/visit")).status_code == 200
        clock.move(seconds=60)
        for method, path in (("POST", f"{LESSON_1}/join"), ("GET", "/v1/visit")):
            assert error_code(await send_as(tutoring, link, method, path)) == "ticket_expired"

    async def test_the_link_of_a_key_expires_with_the_key(self, tutoring: Tenant, clock: MovableClock) -> None:
        await tutoring.book()
        key = await tutoring.create_key(expires_at=tutoring.broker.now() + timedelta(minutes=10))
        ben = (await with_key(tutoring, key, "POST", LINKS, {"user_id": "student-1"})).json()
        clock.move(minutes=10)
        assert error_code(await send_as(tutoring, ben, "POST", f"{LESSON_1}/join")) == "ticket_expired"

    async def test_a_host_creates_links_for_participants_of_the_session(self, tutoring: Tenant) -> None:
        await tutoring.book()
        token = await user_token(tutoring, "tutor-1", seconds=600)
        ben = await send_as(tutoring, token, "POST", LINKS, {"user_id": "student-1"})
        assert (ben.status_code, ben.json()["user_id"]) == (201, "student-1")
        refused = await send_as(tutoring, token, "POST", LINKS, {"user_id": "stranger"})
        assert error_code(refused) == "not_a_participant"
        await tutoring.post(f"{LESSON_1}/participants/tutor-1/remove", {"ban": True})
        assert (
            error_code(await send_as(tutoring, token, "POST", LINKS, {"user_id": "student-1"})) == "participant_removed"
        )


class TestValidity:
    async def test_it_follows_the_session_and_shows_for_a_day_that_it_is_over(
        self, tutoring: Tenant, clock: MovableClock
    ) -> None:
        await tutoring.book(starts_in=timedelta(days=2))
        ben = await create_link(tutoring)
        clock.move(days=2)
        joined = await send_as(tutoring, ben, "POST", f"{LESSON_1}/access", {})
        assert joined.json()["decision"] == "admit"
        assert joined.json()["closes_at"] == ben["expires_at"]
        await tutoring.book(starts_in=timedelta(days=5))
        clock.move(days=5)
        assert (await send_as(tutoring, ben, "POST", f"{LESSON_1}/access", {})).json()["decision"] == "admit"
        clock.move(hours=12)
        assert error_code(await send_as(tutoring, ben, "POST", f"{LESSON_1}/join")) == "ticket_expired"
        visit = await send_as(tutoring, ben, "GET", "/v1/visit")
        assert visit.json()["decision"]["reason"] == "session_over"
        assert (await tutoring.api.get(f"/join/{ben['ticket']}")).status_code == 200
        clock.move(days=1, hours=1)
        assert error_code(await send_as(tutoring, ben, "GET", "/v1/visit")) == "ticket_expired"
        assert (await tutoring.api.get(f"/join/{ben['ticket']}")).status_code == 410


class TestRevocation:
    async def test_a_revoked_link_is_refused_at_once_and_others_remain_valid(self, tutoring: Tenant) -> None:
        await tutoring.book()
        lost, other = await create_link(tutoring), await create_link(tutoring)
        for count in (1, 0):
            revoked = await tutoring.send("DELETE", f"{LINKS}/{lost['id']}")
            assert (revoked.status_code, revoked.json()) == (200, {"revoked": count})
        for method, path in (("POST", f"{LESSON_1}/join"), ("GET", "/v1/visit"), ("POST", "/v1/visit/knock")):
            refused = await send_as(tutoring, lost, method, path)
            assert (refused.status_code, error_code(refused)) == (401, "ticket_revoked")
        assert (await tutoring.api.get(f"/join/{lost['ticket']}")).status_code == 410
        assert (await send_as(tutoring, other, "GET", "/v1/visit")).status_code == 200
        (event,) = await tutoring.events("link.revoked")
        assert (event["user_id"], event["data"]) == ("student-1", {"guest": False, "token_id": lost["id"]})

    async def test_the_links_of_a_person_and_then_all_can_be_revoked(self, tutoring: Tenant) -> None:
        await tutoring.book()
        bens = [await create_link(tutoring) for _ in range(2)]
        ada = await create_link(tutoring, "tutor-1")
        assert (await tutoring.send("DELETE", f"{LINKS}?user_id=student-1")).json() == {"revoked": 2}
        assert {error_code(await send_as(tutoring, ben, "GET", "/v1/visit")) for ben in bens} == {"ticket_revoked"}
        assert (await send_as(tutoring, ada, "GET", "/v1/visit")).status_code == 200
        assert (await tutoring.send("DELETE", LINKS)).json() == {"revoked": 1}
        assert error_code(await send_as(tutoring, ada, "GET", "/v1/visit")) == "ticket_revoked"
        assert (await tutoring.send("DELETE", LINKS)).json() == {"revoked": 0}

    async def test_a_misspelled_filter_revokes_nothing(self, tutoring: Tenant) -> None:
        await tutoring.book()
        ben = await create_link(tutoring)
        assert (await tutoring.send("DELETE", f"{LINKS}?user=tutor-1")).status_code == 422
        assert (await send_as(tutoring, ben, "GET", "/v1/visit")).status_code == 200

    async def test_links_of_another_session_and_another_app_do_not_exist(self, tutoring: Tenant, other: Tenant) -> None:
        await tutoring.book()
        await tutoring.book("lesson-2")
        await other.book()
        ben = await create_link(tutoring)
        for tenant, path in ((tutoring, "/v1/bookings/lesson-2/links"), (other, LINKS)):
            refused = await tenant.send("DELETE", f"{path}/{ben['id']}")
            assert (refused.status_code, error_code(refused)) == (404, "link_not_found")
        assert (await send_as(tutoring, ben, "GET", "/v1/visit")).status_code == 200

    async def test_only_backends_with_the_scope_list_and_revoke(self, tutoring: Tenant) -> None:
        await tutoring.book()
        ada = await create_link(tutoring, "tutor-1")
        key = await tutoring.create_key(scopes=set(Scope) - {Scope.LINKS_WRITE})
        for method, path in (("GET", LINKS), ("DELETE", LINKS), ("DELETE", f"{LINKS}/{ada['id']}")):
            assert error_code(await send_as(tutoring, ada, method, path)) == "api_key_needed"
            assert error_code(await with_key(tutoring, key, method, path)) == "scope_missing"
        assert (await send_as(tutoring, ada, "GET", "/v1/visit")).status_code == 200

    async def test_the_list_contains_valid_links(self, tutoring: Tenant, clock: MovableClock) -> None:
        await tutoring.book(policy={"guests_allowed": True})
        ben, gus = await create_link(tutoring), await create_guest_link(tutoring)
        short_lived, revoked = await create_link(tutoring, expires_in_seconds=60), await create_link(tutoring)
        await tutoring.send("DELETE", f"{LINKS}/{revoked['id']}")
        assert len((await tutoring.get(LINKS)).json()["data"]) == 3
        clock.move(seconds=61)
        first = (await tutoring.get(f"{LINKS}?limit=1")).json()
        rest = (await tutoring.get(f"{LINKS}?cursor={first['next']}")).json()
        shown = [*first["data"], *rest["data"]]
        assert sorted(each["id"] for each in shown) == sorted([ben["id"], gus["id"]])
        assert short_lived["id"] not in {each["id"] for each in shown}
        of_gus = (await tutoring.get(f"{LINKS}?user_id={gus['user_id']}")).json()["data"]
        (only,) = of_gus
        assert (only["guest"], only["display_name"], only["expires_at"]) == (True, "Gus", gus["expires_at"])
        assert ben["ticket"] not in str(shown)

    async def test_an_open_stream_ends(self, tutoring: Tenant) -> None:
        await tutoring.book()
        ben = await create_link(tutoring)
        holder = await ticket_holder(tutoring.broker, ben["ticket"], now=tutoring.broker.now())
        async with aclosing(watch(context_of(tutoring.broker, holder.app), holder.ticket, seconds=60)) as response:
            await anext(response)
            await tutoring.send("DELETE", LINKS)
            async with asyncio.timeout(20):
                with pytest.raises(StopAsyncIteration):
                    await anext(response)

    async def test_the_links_of_an_erased_person_are_invalid(self, tutoring: Tenant) -> None:
        await tutoring.book()
        ben, ada = await create_link(tutoring), await create_link(tutoring, "tutor-1")
        app_id = tutoring.app.id
        await erase_person(tutoring.broker, app_id, "student-1", actor=Actor(app_id), now=tutoring.broker.now())
        assert error_code(await send_as(tutoring, ben, "GET", "/v1/visit")) == "ticket_invalid"
        assert (await send_as(tutoring, ada, "GET", "/v1/visit")).status_code == 200


class TestMaximumNumber:
    async def active(self, tenant: Tenant) -> list[str]:
        """The IDs of the valid links, oldest first."""
        return [each["id"] for each in (await tenant.get(f"{LINKS}?limit=100")).json()["data"]]

    async def test_the_next_link_replaces_the_oldest(self, tutoring: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(linking, "MAX_ACTIVE_TICKETS_PER_PERSON", 2)
        await tutoring.book(policy={"guests_allowed": True})
        ada, *guests = [await create_link(tutoring, "tutor-1"), *[await create_guest_link(tutoring) for _ in range(3)]]
        first, second, third = [await create_link(tutoring) for _ in range(3)]
        assert error_code(await send_as(tutoring, first, "GET", "/v1/visit")) == "ticket_revoked"
        for link in (ada, *guests, second, third):
            assert (await send_as(tutoring, link, "GET", "/v1/visit")).status_code == 200
        (event,) = await tutoring.events("link.revoked")
        assert event["data"] == {"guest": False, "token_id": first["id"], "replaced_by": third["id"]}

    async def test_invalid_links_do_not_count(
        self, tutoring: Tenant, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(linking, "MAX_ACTIVE_TICKETS_PER_PERSON", 2)
        await tutoring.book()
        first = await create_link(tutoring)
        await tutoring.send("DELETE", f"{LINKS}/{(await create_link(tutoring))['id']}")
        await create_link(tutoring, expires_in_seconds=60)
        clock.move(seconds=61)
        last = await create_link(tutoring)
        assert await self.active(tutoring) == [first["id"], last["id"]]

    async def test_a_replaced_link_is_not_returned_to_a_repeated_request(
        self, tutoring: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(linking, "MAX_ACTIVE_TICKETS_PER_PERSON", 1)
        await tutoring.book()
        body, headers = {"user_id": "student-1"}, {"Idempotency-Key": "1"}
        first = (await tutoring.post(LINKS, body, headers=headers)).json()
        await create_link(tutoring)
        second = (await tutoring.post(LINKS, body, headers=headers)).json()
        assert second["id"] != first["id"]
        assert await self.active(tutoring) == [second["id"]]

    async def test_concurrent_creation_does_not_exceed_the_maximum(
        self, tutoring: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(linking, "MAX_ACTIVE_TICKETS_PER_PERSON", 3)
        await tutoring.book()
        created = await asyncio.gather(*(create_link(tutoring) for _ in range(12)))
        active = await self.active(tutoring)
        assert len(active) == 3
        assert {each["id"] for each in created} >= set(active)
        assert len(await tutoring.events("link.revoked")) == 9

    async def test_one_hundred_links_are_valid_together(self, tutoring: Tenant) -> None:
        await tutoring.book()
        links = [await create_link(tutoring) for _ in range(101)]
        assert await self.active(tutoring) == [link["id"] for link in links[1:]]


async def test_the_journal_contains_the_ticket_that_was_used(tutoring: Tenant) -> None:
    await tutoring.book()
    ben = await create_link(tutoring)
    assert (await send_as(tutoring, ben, "POST", f"{LESSON_1}/join")).status_code == 200
    (used,) = await tutoring.events("credentials.issued")
    assert (used["asked_by"]["ticket_id"], used["asked_by"]["user_id"]) == (ben["id"], "student-1")
    assert "ticket" not in used["data"]
    (made,) = await tutoring.events("link.issued")
    assert made["asked_by"]["ticket_id"] is None


async def test_every_event_of_an_action_with_a_ticket_contains_its_id(tutoring: Tenant) -> None:
    await tutoring.book(policy={"waiting_room": "admit", "guests_allowed": True})
    host, student = await create_link(tutoring, "tutor-1"), await create_link(tutoring)
    before = {event["id"] for event in await tutoring.events()}

    async def act(link: dict[str, Any], method: str, path: str, body: Any = None, *, refused: bool = False) -> Any:
        response = await send_as(tutoring, link, method, path, body)
        assert response.is_success is not refused, response.text
        return response.json()

    await act(host, "POST", f"{LESSON_1}/start")
    await act(host, "POST", f"{LESSON_1}/join")
    await act(student, "POST", f"{LESSON_1}/join", refused=True)
    await act(student, "DELETE", "/v1/visit/knock")
    await act(student, "POST", "/v1/visit/knock")
    (entry,) = (await act(host, "GET", f"{LESSON_1}/lobby"))["data"]
    await act(host, "POST", f"{LESSON_1}/lobby/{entry['entry']}/deny")
    await act(host, "POST", f"{LESSON_1}/lobby/{entry['entry']}/admit")
    await act(host, "POST", f"{LESSON_1}/participants/student-1/remove", {"ban": True})
    await act(host, "POST", f"{LESSON_1}/participants/student-1/readmit")
    await act(host, "POST", f"{LESSON_1}/end")
    done = [event for event in await tutoring.events() if event["id"] not in before]
    by = {
        event["type"]: event["asked_by"]["ticket_id"]
        for event in done
        if event["asked_by"]["user_id"] is not None or event["asked_by"]["ticket_id"] is not None
    }
    students = {"participant.waiting", "participant.withdrew", "credentials.denied"}
    assert {
        kind: ticket == (student if kind in students else host)["id"] for kind, ticket in by.items()
    } == dict.fromkeys(by, True)
    assert {"call.started", "call.ended", "credentials.issued", *students} < set(by)
    assert {f"participant.{done}" for done in ("denied", "admitted", "removed", "readmitted")} < set(by)
    # Events without a ticket are those of the service itself.
    others = [event for event in done if event["asked_by"]["ticket_id"] is None]
    assert all(event["asked_by"]["key_id"] is None and event["asked_by"]["user_id"] is None for event in others)
