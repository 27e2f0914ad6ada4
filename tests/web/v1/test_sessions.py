"""Sessions: registered, read, changed, listed, canceled; and their participants."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event

from tenants import LESSON, MovableClock, Sandbox, Tenant, context_of, make_tenant, send_as
from videobroker.broker import Broker
from videobroker.domain.apps import ProviderName
from videobroker.errors import RoleNotMapped
from videobroker.usecases import management, tenants

BOOKING = {"starts_at": "2026-03-12T14:00:00Z", "duration_minutes": 60, "participants": LESSON}


async def put(tenant: Tenant, body: dict[str, Any], path: str = "/v1/bookings/lesson-1") -> tuple[int, dict[str, Any]]:
    response = await tenant.send("PUT", path, json=body)
    return response.status_code, response.json()


class TestRegistration:
    async def test_the_first_request_creates_and_the_second_changes_nothing(self, tutoring: Tenant) -> None:
        status, first = await put(tutoring, BOOKING)
        assert (status, first["version"]) == (201, 1)
        assert (await put(tutoring, BOOKING)) == (200, first)
        assert len(await tutoring.events("session.registered", "session.updated")) == 1

    async def test_the_order_of_participants_is_irrelevant(self, tutoring: Tenant) -> None:
        await put(tutoring, BOOKING)
        _, second = await put(tutoring, BOOKING | {"participants": LESSON[::-1]})
        assert second["version"] == 1

    async def test_an_equivalent_end_is_no_change(self, tutoring: Tenant) -> None:
        await put(tutoring, BOOKING)
        body = {key: value for key, value in BOOKING.items() if key != "duration_minutes"}
        _, second = await put(tutoring, body | {"ends_at": "2026-03-12T16:00:00+01:00"})
        assert second["version"] == 1

    async def test_another_body_replaces_the_former_one(self, tutoring: Tenant) -> None:
        await put(tutoring, BOOKING | {"title": "Old", "metadata": {"a": 1}})
        status, replaced = await put(tutoring, BOOKING | {"participants": LESSON[:1]})
        assert (status, replaced["version"]) == (200, 2)
        assert (replaced["title"], replaced["metadata"], len(replaced["participants"])) == (None, {}, 1)
        assert len(await tutoring.events("session.updated")) == 1

    async def test_a_body_without_participants_does_not_change_them(self, tutoring: Tenant) -> None:
        await put(tutoring, BOOKING)
        body = {key: value for key, value in BOOKING.items() if key != "participants"}
        _, current = await put(tutoring, body)
        assert (current["version"], len(current["participants"])) == (1, 2)

    async def test_an_empty_list_of_participants_removes_them(self, tutoring: Tenant) -> None:
        await put(tutoring, BOOKING)
        _, current = await put(tutoring, BOOKING | {"participants": []})
        assert (current["version"], current["participants"]) == (2, [])
        _, unchanged = await put(tutoring, BOOKING | {"participants": None})
        assert (unchanged["version"], unchanged["participants"]) == (2, [])

    @pytest.mark.parametrize("status", ["cancelled", "completed", "pending"])
    async def test_a_body_without_a_status_confirms_the_booking(self, tutoring: Tenant, status: str) -> None:
        """As every other field, an omitted status gets its default."""
        await put(tutoring, BOOKING | {"status": status})
        replaced_status, current = await put(tutoring, BOOKING)
        assert (replaced_status, current["status"], current["version"]) == (200, "confirmed", 2)
        assert (await put(tutoring, BOOKING | {"status": status}))[1]["status"] == status

    async def test_a_body_opens_a_cancelled_group(self, tutoring: Tenant) -> None:
        await tutoring.create_group(title="Circle", metadata={"a": 1})
        await tutoring.post("/v1/groups/circle/cancel")
        status, current = await put(tutoring, {}, "/v1/groups/circle")
        assert (status, current["cancelled"], len(current["participants"])) == (200, False, 2)
        assert (current["title"], current["metadata"], current["video_enabled"]) == (None, {}, True)

    async def test_an_omitted_field_gets_its_default(self, tutoring: Tenant) -> None:
        full = BOOKING | {
            "title": "Algebra",
            "modality": "physical",
            "providers": ["100ms"],
            "policy": {"grace_seconds": 60},
            "metadata": {"a": 1},
        }
        await put(tutoring, full)
        _, current = await put(tutoring, BOOKING)
        defaults: dict[str, Any] = {"title": None, "modality": "virtual", "providers": [], "policy": {}, "metadata": {}}
        assert {name: current[name] for name in defaults} == defaults

    async def test_a_session_is_read_as_it_was_registered(self, tutoring: Tenant) -> None:
        body = BOOKING | {
            "title": "Älgebra 数学",
            "status": "pending",
            "modality": "physical",
            "providers": ["100ms"],
            "policy": {"grace_seconds": 60, "waiting_room": "admit", "host_roles": ["tutor"]},
            "metadata": {"nested": {"list": [1, 2.5, None, True, "x"]}},
        }
        _, registered = await put(tutoring, body)
        read = (await tutoring.get("/v1/bookings/lesson-1")).json()
        assert read == registered
        for name in ("title", "status", "modality", "providers", "policy", "metadata", "starts_at", "duration_minutes"):
            assert read[name] == body[name], name
        assert read["ends_at"] == "2026-03-12T15:00:00Z"
        assert read["participants"] == sorted(LESSON, key=lambda person: person["user_id"])

    async def test_fifty_concurrent_registrations_create_one_session(self, tutoring: Tenant) -> None:
        responses = await asyncio.gather(*(put(tutoring, BOOKING) for _ in range(50)))
        assert sorted(status for status, _ in responses) == [200] * 49 + [201]
        assert {body["version"] for _, body in responses} == {1}
        assert len(await tutoring.events("session.registered")) == 1

    async def test_a_booking_and_a_group_can_have_one_reference(self, tutoring: Tenant) -> None:
        assert (await put(tutoring, BOOKING))[0] == 201
        assert (await put(tutoring, {"participants": LESSON}, "/v1/groups/lesson-1"))[0] == 201

    @pytest.mark.parametrize("reference", ["42", "0b7c2f6e-5d1a-4a53-9f0e-1c2d3e4f5a6b", "a b", "größe", "x" * 128])
    async def test_every_reference_of_up_to_128_characters_is_valid(self, tutoring: Tenant, reference: str) -> None:
        assert (await put(tutoring, BOOKING, f"/v1/bookings/{reference}"))[0] == 201
        assert (await tutoring.get(f"/v1/bookings/{reference}")).json()["reference"] == reference
        assert (await tutoring.get("/v1/bookings")).json()["data"][0]["reference"] == reference


class TestChanges:
    async def test_a_patch_changes_its_fields_only(self, tutoring: Tenant) -> None:
        await put(tutoring, BOOKING | {"title": "Algebra", "metadata": {"a": 1}})
        response = await tutoring.send("PATCH", "/v1/bookings/lesson-1", json={"status": "pending"})
        patched = response.json()
        assert (patched["status"], patched["title"], patched["metadata"]) == ("pending", "Algebra", {"a": 1})
        assert len(patched["participants"]) == 2

    async def test_a_patch_without_a_difference_changes_nothing(self, tutoring: Tenant) -> None:
        await put(tutoring, BOOKING)
        response = await tutoring.send("PATCH", "/v1/bookings/lesson-1", json={"status": "confirmed", "title": None})
        assert response.json()["version"] == 1

    async def test_rescheduling_preserves_the_room(self, tutoring: Tenant, clock: MovableClock) -> None:
        await tutoring.book()
        room_id = (await tutoring.join()).json()["room_id"]
        await tutoring.book(starts_in=timedelta(days=2))
        assert (await tutoring.join()).json()["code"] == "too_early"
        clock.move(days=2)
        assert (await tutoring.join()).json()["room_id"] == room_id

    async def test_a_start_after_the_end_is_refused_with_a_hint_to_move_both(self, tutoring: Tenant) -> None:
        await put(tutoring, BOOKING)
        patch = {"starts_at": "2026-03-12T18:00:00Z"}
        response = await tutoring.send("PATCH", "/v1/bookings/lesson-1", json=patch)
        assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
        assert "duration_minutes" in response.json()["detail"]
        moved = await tutoring.send("PATCH", "/v1/bookings/lesson-1", json=patch | {"duration_minutes": 30})
        assert moved.json()["ends_at"] == "2026-03-12T18:30:00Z"

    async def test_an_unknown_session_cannot_be_changed(self, tutoring: Tenant) -> None:
        for method, path in (("PATCH", "/v1/bookings/x"), ("GET", "/v1/bookings/x"), ("POST", "/v1/bookings/x/cancel")):
            response = await tutoring.send(method, path, json={} if method == "PATCH" else None)
            assert (response.status_code, response.json()["code"]) == (404, "session_not_found"), path

    async def test_disabling_video_refuses_at_once(self, tutoring: Tenant) -> None:
        await tutoring.create_group()
        assert (await tutoring.post("/v1/groups/circle/join", {"user_id": "tutor-1"})).status_code == 200
        await tutoring.send("PATCH", "/v1/groups/circle", json={"video_enabled": False})
        refused = await tutoring.post("/v1/groups/circle/join", {"user_id": "tutor-1"})
        assert refused.json()["code"] == "video_disabled"


class TestCancellation:
    async def test_canceling_ends_the_call_closes_the_room_and_refuses_everyone(
        self, tutoring: Tenant, sandbox: Sandbox
    ) -> None:
        await tutoring.book()
        code = (await tutoring.join(surface="prebuilt")).json()["room_code"]
        cancelled = await tutoring.post("/v1/bookings/lesson-1/cancel")
        assert cancelled.json()["status"] == "cancelled"
        assert (await tutoring.join()).json()["code"] == "session_cancelled"
        (call,) = (await tutoring.get("/v1/bookings/lesson-1/calls")).json()["data"]
        assert call["ended_at"] is not None
        assert (await sandbox.client.post("/v2/token", json={"code": code})).status_code == 403

    async def test_canceling_twice_changes_nothing(self, tutoring: Tenant) -> None:
        await tutoring.book()
        first, second = [(await tutoring.post("/v1/bookings/lesson-1/cancel")).json() for _ in range(2)]
        assert first == second
        assert len(await tutoring.events("session.cancelled")) == 1

    async def test_registering_again_reopens_the_session_with_its_room(self, tutoring: Tenant) -> None:
        await tutoring.book()
        room_id = (await tutoring.join()).json()["room_id"]
        await tutoring.post("/v1/bookings/lesson-1/cancel")
        await tutoring.book()
        assert (await tutoring.join()).json()["room_id"] == room_id


class TestLists:
    async def test_bookings_are_listed_by_start_in_pages_without_gaps_or_repetition(self, tutoring: Tenant) -> None:
        for day in (3, 1, 2, 5, 4, 1, 1):
            count = len((await tutoring.get("/v1/bookings")).json()["data"])
            await put(tutoring, BOOKING | {"starts_at": f"2026-03-{day:02}T14:00:00Z"}, f"/v1/bookings/b{count}")
        seen: list[tuple[str, str]] = []
        cursor: str | None = None
        while True:
            page = (
                await tutoring.get("/v1/bookings", params={"limit": 2, **({"cursor": cursor} if cursor else {})})
            ).json()
            seen += [(booking["starts_at"], booking["reference"]) for booking in page["data"]]
            cursor = page["next"]
            if cursor is None:
                break
        assert len(seen) == len(set(seen)) == 7
        assert [start for start, _ in seen] == sorted(start for start, _ in seen)

    async def test_filters_narrow_the_list(self, tutoring: Tenant) -> None:
        await put(tutoring, BOOKING, "/v1/bookings/a")
        await put(tutoring, BOOKING | {"status": "pending", "participants": LESSON[:1]}, "/v1/bookings/b")
        await put(tutoring, BOOKING | {"starts_at": "2026-04-01T00:00:00Z"}, "/v1/bookings/c")

        async def listed(**params: str) -> list[str]:
            found = (await tutoring.get("/v1/bookings", params=params)).json()["data"]
            return [booking["reference"] for booking in found]

        assert await listed() == ["a", "b", "c"]
        assert await listed(participant="student-1") == ["a", "c"]
        assert await listed(status="pending") == ["b"]
        assert await listed(starts_after="2026-04-01T00:00:00Z") == ["c"]
        assert await listed(starts_before="2026-04-01T00:00:00Z") == ["a", "b"]
        assert await listed(participant="student-1", starts_before="2026-04-01T00:00:00Z") == ["a"]
        assert await listed(participant="unknown") == []

    async def test_groups_are_listed_by_age(self, tutoring: Tenant) -> None:
        for name in ("x", "a", "m"):
            await tutoring.create_group(name)
        first = (await tutoring.get("/v1/groups", params={"limit": 2})).json()
        rest = (await tutoring.get("/v1/groups", params={"limit": 2, "cursor": first["next"]})).json()
        assert [group["reference"] for group in first["data"] + rest["data"]] == ["x", "a", "m"]
        assert rest["next"] is None


class TestParticipants:
    async def test_participants_are_added_and_removed_one_by_one(self, tutoring: Tenant) -> None:
        await tutoring.create_group(participants=[])
        path = "/v1/groups/circle/participants/tutor-1"
        assert (await tutoring.send("PUT", path, json={"role": "tutor"})).status_code == 201
        assert (await tutoring.send("PUT", path, json={"role": "tutor"})).status_code == 200
        assert (await tutoring.send("PUT", path, json={"role": "tutor", "display_name": "Ada"})).status_code == 200
        assert (await tutoring.get(path)).json() == {"user_id": "tutor-1", "role": "tutor", "display_name": "Ada"}
        assert (await tutoring.send("DELETE", path)).status_code == 204
        assert (await tutoring.get(path)).json()["code"] == "participant_not_found"
        assert (await tutoring.send("DELETE", path)).json()["code"] == "participant_not_found"
        kinds = [event["type"] for event in await tutoring.events(user_id="tutor-1")]
        assert kinds == ["participant.added", "participant.updated", "participant.dropped"]

    async def test_a_removed_participant_gets_no_more_credentials(self, tutoring: Tenant) -> None:
        await tutoring.book()
        assert (await tutoring.join(user_id="student-1")).status_code == 200
        await tutoring.send("DELETE", "/v1/bookings/lesson-1/participants/student-1")
        assert (await tutoring.join(user_id="student-1")).json()["code"] == "not_a_participant"

    async def test_many_participants_are_listed_in_pages(self, tutoring: Tenant) -> None:
        people = [{"user_id": f"u{n:04}", "role": "student"} for n in range(2500)]
        await tutoring.create_group(participants=people)
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            params = {"cursor": cursor} if cursor else {}
            page = (await tutoring.get("/v1/groups/circle/participants", params=params)).json()
            seen += [person["user_id"] for person in page["data"]]
            cursor = page["next"]
        assert seen == [person["user_id"] for person in people]

    async def test_fifty_concurrent_additions_are_all_stored(self, tutoring: Tenant) -> None:
        await tutoring.create_group(participants=[])
        await asyncio.gather(
            *(tutoring.send("PUT", f"/v1/groups/circle/participants/u{n}", json={"role": "student"}) for n in range(50))
        )
        assert (await tutoring.get("/v1/groups/circle")).json()["participant_count"] == 50


CROWD = [{"user_id": f"u{n:04}", "role": "student"} for n in range(2_500)]


class TestManyParticipants:
    async def test_lists_contain_the_number_of_participants_but_no_participants(self, tutoring: Tenant) -> None:
        for n in range(20):
            await tutoring.create_group(f"g{n}", participants=CROWD[: 100 * n])
        await tutoring.book(participants=LESSON)
        groups = await tutoring.get("/v1/groups")
        assert [group["participant_count"] for group in groups.json()["data"]] == [100 * n for n in range(20)]
        (booking,) = (await tutoring.get("/v1/bookings")).json()["data"]
        assert booking["participant_count"] == 2
        for listed in (*groups.json()["data"], booking):
            assert "participants" not in listed
            assert listed["participant"] is None
        assert len(groups.content) < 20_000

    async def test_a_list_of_a_users_sessions_contains_their_entries(self, tutoring: Tenant) -> None:
        await tutoring.create_group(
            "one", participants=[*CROWD, {"user_id": "zoe", "role": "tutor", "display_name": "Zoe"}]
        )
        await tutoring.create_group("two", participants=[{"user_id": "zoe", "role": "student"}])
        await tutoring.create_group("three")
        found = (await tutoring.get("/v1/groups", params={"participant": "zoe"})).json()["data"]
        assert [(group["reference"], group["participant"]) for group in found] == [
            ("one", {"user_id": "zoe", "role": "tutor", "display_name": "Zoe"}),
            ("two", {"user_id": "zoe", "role": "student", "display_name": None}),
        ]

    @pytest.mark.parametrize(("size", "embedded"), [(0, 0), (99, 99), (100, 100), (101, 100), (2_500, 100)])
    async def test_a_response_about_one_session_contains_the_first_hundred(
        self, tutoring: Tenant, size: int, embedded: int
    ) -> None:
        path = "/v1/groups/circle"
        body = {"participants": CROWD[:size]}
        responses = [
            await tutoring.send("PUT", path, json=body),
            await tutoring.send("PUT", path, json=body),
            await tutoring.send("PUT", path, json={"title": "Without participants"}),
            await tutoring.send("PATCH", path, json={"title": "Renamed"}),
            await tutoring.get(path),
            await tutoring.post(f"{path}/cancel"),
        ]
        for response in responses:
            fields = response.json()
            assert response.is_success
            assert fields["participants"] == [person | {"display_name": None} for person in CROWD[:embedded]]
            assert (fields["participant_count"], fields["participants_truncated"]) == (size, size > embedded)

    async def test_a_user_after_the_first_hundred_sees_their_entry(self, tutoring: Tenant) -> None:
        people = [*CROWD, {"user_id": "zoe", "role": "tutor", "display_name": "Zoe"}]
        await tutoring.create_group(participants=people)
        link = (await tutoring.post("/v1/groups/circle/links", {"user_id": "zoe"})).json()
        seen = await send_as(tutoring, link["ticket"], "GET", "/v1/groups/circle")
        assert seen.json()["participant"] == {"user_id": "zoe", "role": "tutor", "display_name": "Zoe"}

    async def test_a_list_needs_the_same_number_of_queries_for_one_session_and_for_many(self, tutoring: Tenant) -> None:
        async def queries(limit: int) -> int:
            count = 0

            def counted(_connection: object, _cursor: object, statement: str, *_: object) -> None:
                nonlocal count
                # The cache of API keys reads again from time to time.
                count += "api_keys" not in statement

            engine = tutoring.broker.store.engine.sync_engine
            event.listen(engine, "before_cursor_execute", counted)
            try:
                await tutoring.get("/v1/groups", params={"participant": "u0001", "limit": limit})
            finally:
                event.remove(engine, "before_cursor_execute", counted)
            return count

        for n in range(30):
            await tutoring.create_group(f"g{n}", participants=CROWD[:3])
        await queries(1)
        assert await queries(1) == await queries(30) == 3


class TestGuestRoles:
    """Where guests are allowed, a provider without a role for them is reported when it is saved, not at the join."""

    @pytest.fixture
    async def without(self, broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox) -> Tenant:
        accounts = {ProviderName.HMS: sandbox.account("tutoring")}
        role_map = {"tutor": "teacher", "student": "student"}
        return await make_tenant(broker, api, accounts, {ProviderName.HMS: role_map})

    @pytest.mark.parametrize("path", ["/v1/bookings/lesson-1", "/v1/groups/circle"])
    async def test_a_session_that_allows_guests_is_refused(self, without: Tenant, path: str) -> None:
        body = {"participants": LESSON} if "groups" in path else BOOKING
        refused = await without.send("PUT", path, json=body | {"policy": {"guests_allowed": True}})
        assert (refused.status_code, refused.json()["code"]) == (422, "role_not_mapped")
        assert (await without.get(path)).status_code == 404
        assert (await without.send("PUT", path, json=body)).status_code == 201
        patched = await without.send("PATCH", path, json={"policy": {"guests_allowed": True}})
        assert (patched.status_code, patched.json()["code"]) == (422, "role_not_mapped")
        assert (await without.get(path)).json()["policy"] == {}
        assert (await without.send("PATCH", path, json={"policy": {"guests_allowed": False}})).status_code == 200

    async def test_an_app_that_allows_guests_is_refused(self, without: Tenant) -> None:
        now, allowed = without.broker.now(), {"guests_allowed": True}
        with pytest.raises(RoleNotMapped, match="guest"):
            await management.change_app(
                context_of(without.broker, without.app, now=now), policy=allowed, role_maps=without.app.role_maps
            )
        with pytest.raises(RoleNotMapped, match="guest"):
            await management.change_app(context_of(without.broker, without.app, now=now), policy=allowed, role_maps={})
        with pytest.raises(RoleNotMapped, match="guest"):
            await management.create_app(
                context_of(without.broker, tenants.SERVICE, now=now),
                "guests",
                policy=allowed,
                role_maps=without.app.role_maps,
            )
        current = await management.change_app(
            context_of(without.broker, without.app, now=now),
            policy=allowed,
            role_maps={ProviderName.HMS: {**without.app.role_maps[ProviderName.HMS], "guest": "student"}},
        )
        assert current.own_policy.guests_allowed
