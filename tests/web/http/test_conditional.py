"""Conditional requests: `ETag`, `If-Match`, and `If-None-Match` (RFC 9110, section 13), and `Location`."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest

from openapi import openapi_paths
from tenants import LESSON, Tenant, context_of, create_link, send_as
from videobroker.domain.user_tokens import TokenRules
from videobroker.usecases import management

BOOKING = "/v1/bookings/lesson-1"
GROUP = "/v1/groups/circle"
PERSON = f"{BOOKING}/participants/tutor-1"
BOOKED = {"starts_at": "2030-03-12T14:00:00Z", "duration_minutes": 60, "participants": LESSON}
STALE = '"AAAAAAAAAAAAAAAAAAAAAA"'


async def etag_of(tenant: Tenant, path: str = BOOKING, **options: Any) -> str:
    response = await tenant.get(path, **options)
    assert response.status_code == 200, response.text
    return str(response.headers["etag"])


@pytest.fixture
async def endpoint(tutoring: Tenant) -> str:
    """The URL of a webhook endpoint."""
    response = await tutoring.post("/v1/webhook-endpoints", {"url": "https://backend.example/hooks"})
    assert response.status_code == 201, response.text
    return f"/v1/webhook-endpoints/{response.json()['id']}"


@pytest.fixture
async def resources(tutoring: Tenant, endpoint: str) -> dict[str, tuple[str, dict[str, Any]]]:
    """Resources with an entity tag: a path, and a body that changes it."""
    await tutoring.send("PUT", BOOKING, json=BOOKED)
    await tutoring.create_group()
    return {
        "booking": (BOOKING, {"title": "New"}),
        "group": (GROUP, {"title": "New"}),
        "participant": (PERSON, {"role": "student"}),
        "endpoint": (endpoint, {"description": "New"}),
    }


NAMES = pytest.mark.parametrize("name", ["booking", "group", "participant", "endpoint"])


async def change(tenant: Tenant, path: str, body: dict[str, Any], **headers: str) -> httpx.Response:
    method = "PUT" if "/participants/" in path else "PATCH"
    return await tenant.send(method, path, json=body, headers=headers)


class TestEntityTags:
    @NAMES
    async def test_a_tag_is_strong_and_changes_with_the_resource(
        self, tutoring: Tenant, resources: dict[str, Any], name: str
    ) -> None:
        path, body = resources[name]
        before = await etag_of(tutoring, path)
        assert before == await etag_of(tutoring, path)
        assert before.startswith('"')
        changed = await change(tutoring, path, body)
        assert changed.status_code == 200
        assert changed.headers["etag"] == await etag_of(tutoring, path) != before

    async def test_the_tag_of_a_put_is_that_of_a_get(self, tutoring: Tenant) -> None:
        """Also if the database orders the members of objects differently."""
        body = BOOKED | {
            "metadata": {"zeta": 1, "a": {"long name": 2.50, "b": 1e2}, "list": [1.0, True, None]},
            "policy": {"waiting_room": "admit", "host_roles": ["tutor"], "grace_seconds": 60},
            "starts_at": "2030-03-12T15:00:00.123456789+01:00",
        }
        created = await tutoring.send("PUT", BOOKING, json=body)
        assert created.headers["etag"] == await etag_of(tutoring)
        replaced = await tutoring.send("PUT", BOOKING, json=body | {"title": "Other"})
        assert replaced.headers["etag"] == await etag_of(tutoring)
        unchanged = await tutoring.send("PUT", BOOKING, json=body | {"title": "Other"})
        assert unchanged.headers["etag"] == replaced.headers["etag"]

    async def test_a_participant_changes_the_tag_of_the_session(self, tutoring: Tenant) -> None:
        await tutoring.book()
        before = await etag_of(tutoring)
        await tutoring.send("PUT", f"{BOOKING}/participants/new", json={"role": "student"})
        assert await etag_of(tutoring) != before

    async def test_the_first_room_changes_the_tag_of_the_session(self, tutoring: Tenant) -> None:
        await tutoring.book()
        before = await etag_of(tutoring)
        await tutoring.join()
        assert await etag_of(tutoring) != before

    async def test_each_view_has_its_own_tag(self, tutoring: Tenant) -> None:
        secret = f"a-secret-of-the-apps-identity-provider-{tutoring.app.id}"
        await management.set_token_rules(context_of(tutoring.broker, tutoring.app), TokenRules(secret=secret))
        await tutoring.book(policy={"host_roles": ["tutor"]})
        expires_at = tutoring.broker.now().timestamp() + 3600
        tags = [await etag_of(tutoring)]
        for user_id in ("tutor-1", "student-1"):
            token = jwt.encode({"sub": user_id, "exp": expires_at}, secret)
            tags.append((await send_as(tutoring, token, "GET", BOOKING)).headers["etag"])
        assert len(set(tags)) == 3
        shared = await send_as(tutoring, token, "GET", BOOKING, **{"If-None-Match": tags[0]})
        assert shared.status_code == 200

    async def test_a_list_and_a_credential_have_no_tag(self, tutoring: Tenant) -> None:
        await tutoring.book()
        for response in (await tutoring.get("/v1/bookings"), await tutoring.join()):
            assert "etag" not in response.headers


class TestReads:
    @NAMES
    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    async def test_a_current_version_is_a_304_without_a_body(
        self, tutoring: Tenant, resources: dict[str, Any], name: str, method: str
    ) -> None:
        path, _ = resources[name]
        tag = await etag_of(tutoring, path)
        for value in (tag, f"W/{tag}", f"{STALE}, {tag}", "*"):
            response = await tutoring.send(method, path, headers={"If-None-Match": value})
            assert (response.status_code, response.content) == (304, b""), value
            assert response.headers["etag"] == tag

    @NAMES
    async def test_another_version_is_a_200(self, tutoring: Tenant, resources: dict[str, Any], name: str) -> None:
        path, _ = resources[name]
        response = await tutoring.get(path, headers={"If-None-Match": STALE})
        assert response.status_code == 200
        assert response.json()

    async def test_a_read_can_require_a_version(self, tutoring: Tenant) -> None:
        await tutoring.book()
        tag = await etag_of(tutoring)
        assert (await tutoring.get(BOOKING, headers={"If-Match": tag})).status_code == 200
        refused = await tutoring.get(BOOKING, headers={"If-Match": STALE})
        assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")

    async def test_a_call_is_not_modified_until_it_ends(self, tutoring: Tenant) -> None:
        await tutoring.book()
        call = (await tutoring.post(f"{BOOKING}/start")).json()
        path = f"/v1/calls/{call['id']}"
        tag = await etag_of(tutoring, path)
        assert (await tutoring.get(path, headers={"If-None-Match": tag})).status_code == 304
        await tutoring.post(f"{BOOKING}/end")
        ended = await tutoring.get(path, headers={"If-None-Match": tag})
        assert (ended.status_code, ended.json()["end_reason"]) == (200, "requested")

    async def test_errors_are_not_conditional(self, tutoring: Tenant) -> None:
        response = await tutoring.get(BOOKING, headers={"If-None-Match": "*"})
        assert (response.status_code, response.json()["code"]) == (404, "session_not_found")


class TestChanges:
    @NAMES
    async def test_a_change_of_the_current_version_succeeds(
        self, tutoring: Tenant, resources: dict[str, Any], name: str
    ) -> None:
        path, body = resources[name]
        tag = await etag_of(tutoring, path)
        changed = await change(tutoring, path, body, **{"If-Match": f"{STALE} , {tag}"})
        assert changed.status_code == 200
        again = await change(tutoring, path, body, **{"If-Match": "*"})
        assert again.status_code == 200

    @NAMES
    @pytest.mark.parametrize("weak", [False, True])
    async def test_a_change_of_another_version_does_nothing(
        self, tutoring: Tenant, resources: dict[str, Any], name: str, weak: bool
    ) -> None:
        """A weak tag does not identify a version."""
        path, body = resources[name]
        tag = await etag_of(tutoring, path)
        refused = await change(tutoring, path, body, **{"If-Match": f"W/{tag}" if weak else STALE})
        assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
        assert await etag_of(tutoring, path) == tag

    @NAMES
    async def test_only_the_current_version_is_deleted(
        self, tutoring: Tenant, resources: dict[str, Any], name: str
    ) -> None:
        path, _ = resources[name]
        tag = await etag_of(tutoring, path)
        refused = await tutoring.send("DELETE", path, headers={"If-Match": STALE})
        assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
        assert await etag_of(tutoring, path) == tag
        assert (await tutoring.send("DELETE", path, headers={"If-Match": tag})).status_code == 204
        assert (await tutoring.get(path)).status_code == 404

    async def test_of_concurrent_changes_of_one_version_one_succeeds(self, tutoring: Tenant) -> None:
        await tutoring.book()
        tag = await etag_of(tutoring)
        responses = await asyncio.gather(
            *(change(tutoring, BOOKING, {"title": f"Title {n}"}, **{"If-Match": tag}) for n in range(20))
        )
        assert sorted(each.status_code for each in responses) == [200] + [412] * 19
        (winner,) = (each for each in responses if each.is_success)
        assert (await tutoring.get(BOOKING)).json()["title"] == winner.json()["title"]

    async def test_a_user_changes_the_version_that_they_see(self, tutoring: Tenant) -> None:
        secret = f"a-secret-of-the-apps-identity-provider-{tutoring.app.id}"
        await management.set_token_rules(context_of(tutoring.broker, tutoring.app), TokenRules(secret=secret))
        await tutoring.book(policy={"booking_roles": ["tutor"]})
        token = jwt.encode({"sub": "tutor-1", "exp": tutoring.broker.now().timestamp() + 3600}, secret)
        tag = (await send_as(tutoring, token, "GET", BOOKING)).headers["etag"]
        changed = await send_as(tutoring, token, "PATCH", BOOKING, {"title": "Mine"}, **{"If-Match": tag})
        assert changed.status_code == 200
        assert changed.headers["etag"] == (await send_as(tutoring, token, "GET", BOOKING)).headers["etag"]

    async def test_a_backend_that_acts_for_a_user_has_the_tag_of_that_view(self, tutoring: Tenant) -> None:
        await tutoring.book()
        headers = {"X-User-Id": "student-1"}
        tag = await etag_of(tutoring, headers=headers)
        assert tag != await etag_of(tutoring)
        changed = await change(tutoring, BOOKING, {"title": "New"}, **headers, **{"If-Match": tag})
        assert changed.status_code == 200
        assert changed.headers["etag"] == await etag_of(tutoring, headers=headers)

    async def test_what_does_not_exist_has_no_version(self, tutoring: Tenant) -> None:
        for value in ("*", STALE):
            created = await tutoring.send("PUT", BOOKING, json=BOOKED, headers={"If-Match": value})
            assert (created.status_code, created.json()["code"]) == (412, "precondition_failed")
            for method in ("PATCH", "DELETE"):
                response = await tutoring.send(method, BOOKING, json={}, headers={"If-Match": value})
                assert (response.status_code, response.json()["code"]) == (404, "session_not_found")
        assert (await tutoring.get(BOOKING)).status_code == 404

    async def test_a_change_that_is_not_allowed_stays_not_allowed(self, tutoring: Tenant) -> None:
        await tutoring.book()
        link = await create_link(tutoring)
        response = await send_as(tutoring, link, "PATCH", BOOKING, {"title": "Mine"}, **{"If-Match": STALE})
        assert (response.status_code, response.json()["code"]) == (403, "role_may_not")


class TestCreation:
    @pytest.mark.parametrize(
        ("path", "body"), [(BOOKING, BOOKED), (GROUP, {"title": "Circle"}), (PERSON, {"role": "tutor"})]
    )
    async def test_it_creates_and_never_replaces(self, tutoring: Tenant, path: str, body: dict[str, Any]) -> None:
        if path == PERSON:
            await tutoring.book(participants=[])
        only_create = {"If-None-Match": "*"}
        created = await tutoring.send("PUT", path, json=body, headers=only_create)
        assert (created.status_code, created.headers["location"]) == (201, path)
        refused = await tutoring.send("PUT", path, json=body, headers=only_create)
        assert (refused.status_code, refused.json()["code"]) == (412, "precondition_failed")
        assert await etag_of(tutoring, path) == created.headers["etag"]

    async def test_of_concurrent_creations_one_succeeds(self, tutoring: Tenant) -> None:
        responses = await asyncio.gather(
            *(
                tutoring.send("PUT", BOOKING, json=BOOKED | {"title": f"{n}"}, headers={"If-None-Match": "*"})
                for n in range(20)
            )
        )
        assert sorted(each.status_code for each in responses) == [201] + [412] * 19
        assert (await tutoring.get(BOOKING)).json()["version"] == 1


class TestHeaders:
    @pytest.mark.parametrize("name", ["If-Match", "If-None-Match"])
    @pytest.mark.parametrize("value", ["abc", '"abc', "*, *", '*,"a"', '"a" "b"', 'w/"a"', ""])
    async def test_a_header_that_cannot_be_read_is_not_ignored(self, tutoring: Tenant, name: str, value: str) -> None:
        await tutoring.book()
        response = await tutoring.send("PUT", BOOKING, json=BOOKED, headers={name: value})
        assert (response.status_code, response.json()["code"]) == (422, "invalid_request")

    @pytest.mark.parametrize("spell", [lambda tag: f'"x",{tag}', lambda tag: f' "x" ,, {tag} ,', lambda tag: f"{tag},"])
    async def test_a_list_can_be_spelled_in_several_ways(self, tutoring: Tenant, spell: Callable[[str], str]) -> None:
        await tutoring.book()
        tag = await etag_of(tutoring)
        assert (await tutoring.get(BOOKING, headers={"If-None-Match": spell(tag)})).status_code == 304

    async def test_several_lines_are_one_list(self, tutoring: Tenant) -> None:
        await tutoring.book()
        tag = await etag_of(tutoring)
        headers = [("Authorization", f"Bearer {tutoring.key}"), ("If-None-Match", STALE), ("If-None-Match", tag)]
        assert (await tutoring.api.get(BOOKING, headers=headers)).status_code == 304


class TestLocation:
    async def test_a_201_has_the_url_of_what_was_created(self, tutoring: Tenant) -> None:
        """As it was requested: names in it are percent-encoded."""
        path = "/v1/bookings/l%C3%A9%20%3F%231"
        created = await tutoring.send("PUT", path, json=BOOKED)
        assert (created.status_code, created.headers["location"]) == (201, path)
        assert "location" not in (await tutoring.send("PUT", path, json=BOOKED)).headers
        person = await tutoring.send("PUT", f"{path}/participants/a%20b", json={"role": "tutor"})
        assert person.headers["location"] == f"{path}/participants/a%20b"

    async def test_of_a_link_is_where_it_can_be_revoked(self, tutoring: Tenant) -> None:
        await tutoring.book()
        key = {"Idempotency-Key": "1"}
        body = {"user_id": "tutor-1"}
        created, repeated = [await tutoring.post(f"{BOOKING}/links", body, headers=key) for _ in range(2)]
        location = created.headers["location"]
        assert location == repeated.headers["location"] == f"{BOOKING}/links/{created.json()['id']}"
        assert (await tutoring.send("DELETE", location)).is_success

    async def test_of_an_endpoint_is_its_url(self, tutoring: Tenant) -> None:
        created = await tutoring.post("/v1/webhook-endpoints", {"url": "https://backend.example/hooks"})
        assert (await tutoring.get(created.headers["location"])).json()["id"] == created.json()["id"]

    async def test_of_an_event_is_a_page_with_this_event(self, tutoring: Tenant) -> None:
        for name in ("first", "second", "third"):
            created = await tutoring.post("/v1/events", {"event": name})
            assert created.status_code == 201, created.text
            (found,) = (await tutoring.get(created.headers["location"])).json()["data"]
            assert found == created.json()

    def test_every_operation_of_v1_that_creates_is_covered(self) -> None:
        creating = {
            f"{method.upper()} {path}"
            for path, item in openapi_paths().items()
            for method, operation in item.items()
            if path.startswith("/v1") and "201" in operation.get("responses", {})
        }
        kinds = ("bookings", "groups")
        assert creating == {
            *(f"PUT /v1/{kind}/{{reference}}" for kind in kinds),
            *(f"PUT /v1/{kind}/{{reference}}/participants/{{user_id}}" for kind in kinds),
            *(f"POST /v1/{kind}/{{reference}}/links" for kind in kinds),
            "POST /v1/events",
            "POST /v1/webhook-endpoints",
            "POST /v1/admin/apps",
            "POST /v1/admin/apps/{app}/keys",
            "POST /v1/admin/apps/{app}/webhook-endpoints",
            "POST /v1/admin/operator-keys",
            "PUT /v1/admin/apps/{app}/accounts/{provider}",
            "PUT /v1/admin/apps/{app}/user-token-rules",
        }


class TestMethods:
    async def test_allow_has_every_method(self, tutoring: Tenant) -> None:
        response = await tutoring.send("POST", BOOKING)
        assert response.status_code == 405
        assert set(response.headers["allow"].split(", ")) >= {"GET", "HEAD", "PUT", "PATCH", "DELETE"}
