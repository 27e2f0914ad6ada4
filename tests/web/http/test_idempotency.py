"""A repeated request with an `Idempotency-Key` gets the stored response, if it is still allowed."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import jwt
import pytest
from sqlalchemy import text

from tenants import LESSON, MovableClock, Sandbox, Tenant, context_of, make_tenant
from videobroker.broker import Broker
from videobroker.domain.api_keys import Scope
from videobroker.domain.apps import ProviderName
from videobroker.domain.user_tokens import TokenRules
from videobroker.usecases import management
from videobroker.usecases.joining import join

LESSON_1 = "/v1/bookings/lesson-1"


def keyed(key: str) -> dict[str, dict[str, str]]:
    return {"headers": {"Idempotency-Key": key}}


async def alter(tenant: Tenant, change: str) -> None:
    async with tenant.broker.store.cross_app_transaction() as unit_of_work:
        await unit_of_work.execute(
            text(f"update idempotency set {change} where app_id = :app_id"),  # noqa: S608  our own words
            {"app_id": tenant.app.id},
        )


async def test_a_repeated_request_gets_the_stored_response(tutoring: Tenant) -> None:
    await tutoring.book()
    first = await tutoring.post("/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}, **keyed("k1"))
    repeated_response = await tutoring.post("/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}, **keyed("k1"))
    assert repeated_response.json() == first.json()
    assert "Idempotency-Replayed" not in first.headers
    assert repeated_response.headers["Idempotency-Replayed"] == "true"
    issued, replayed = await tutoring.events("credentials.issued")
    assert "replayed" not in issued["data"]
    assert replayed["data"] == {**issued["data"], "replayed": True}
    assert (issued["user_id"], replayed["user_id"]) == ("tutor-1", "tutor-1")


async def test_another_body_or_path_with_the_key_is_refused(tutoring: Tenant) -> None:
    await tutoring.book()
    await tutoring.post("/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}, **keyed("k1"))
    for path, body in (
        ("/v1/bookings/lesson-1/join", {"user_id": "student-1"}),
        ("/v1/bookings/lesson-1/start", {"user_id": "tutor-1"}),
    ):
        response = await tutoring.post(path, body, **keyed("k1"))
        assert (response.status_code, response.json()["code"]) == (422, "idempotency_key_reused")


async def test_spacing_and_field_order_do_not_change_a_body(tutoring: Tenant) -> None:
    await tutoring.book()
    bodies = ('{"user_id":"tutor-1","surface":"sdk"}', '{ "surface": "sdk",\n "user_id": "tutor-1" }')
    responses = [
        await tutoring.send("POST", "/v1/bookings/lesson-1/join", content=body, **keyed("k1")) for body in bodies
    ]
    assert responses[0].json() == responses[1].json()


async def test_apps_do_not_share_keys(tutoring: Tenant, other: Tenant) -> None:
    for tenant in (tutoring, other):
        await tenant.book()
        response = await tenant.post("/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}, **keyed("same"))
        assert "Idempotency-Replayed" not in response.headers


async def test_twenty_concurrent_requests_create_one_guest(tutoring: Tenant) -> None:
    await tutoring.book(policy={"guests_allowed": True})
    responses = await asyncio.gather(
        *(tutoring.post("/v1/bookings/lesson-1/guests", {"name": "G"}, **keyed("k1")) for _ in range(20))
    )
    done = [response.json() for response in responses if response.status_code == 200]
    in_flight = [response for response in responses if response.status_code == 409]
    assert len(done) + len(in_flight) == 20
    assert len({guest["token"] for guest in done}) == 1
    issued = await tutoring.events("credentials.issued")
    assert len([event for event in issued if not event["data"].get("replayed")]) == 1
    assert len(issued) == len(done)
    for response in in_flight:
        assert response.json()["code"] == "request_in_flight"
        assert response.headers["Retry-After"] == "1"


async def test_a_refusal_is_not_stored(tutoring: Tenant) -> None:
    await tutoring.book(status="pending")
    path, body = "/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}
    assert (await tutoring.post(path, body, **keyed("k1"))).status_code == 403
    await tutoring.book()
    assert (await tutoring.post(path, body, **keyed("k1"))).status_code == 200


async def test_a_failure_of_the_vendor_is_not_stored(tutoring: Tenant, sandbox: Sandbox) -> None:
    await tutoring.book()
    path, body = "/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}
    await sandbox.inject_fault("status", status=500)
    assert (await tutoring.post(path, body, **keyed("k1"))).status_code == 503
    await sandbox.clear_faults()
    assert (await tutoring.post(path, body, **keyed("k1"))).status_code == 200


async def test_a_request_that_crashed_can_be_repeated_and_creates_one_guest(tutoring: Tenant) -> None:
    await tutoring.book(policy={"guests_allowed": True})
    path = "/v1/bookings/lesson-1/guests"
    first = (await tutoring.post(path, {"name": "G"}, **keyed("k1"))).json()
    # A crash between the work and its response leaves a lease that is not renewed.
    await alter(tutoring, "status = null, sealed_answer = null, lease_until = clock_timestamp() + interval '9 seconds'")
    in_flight = await tutoring.post(path, {"name": "G"}, **keyed("k1"))
    assert (in_flight.status_code, in_flight.json()["code"]) == (409, "request_in_flight")
    await alter(tutoring, "lease_until = clock_timestamp() - interval '1 second'")
    repeated_response = await tutoring.post(path, {"name": "G"}, **keyed("k1"))
    assert repeated_response.status_code == 200
    assert repeated_response.json()["user_id"] == first["user_id"]


async def test_stored_responses_are_unreadable_in_the_database(tutoring: Tenant) -> None:
    await tutoring.book()
    response = await tutoring.post("/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}, **keyed("k1"))
    async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
        stored = await unit_of_work.scalar(
            text("select sealed_answer from idempotency where app_id = :app_id"), {"app_id": tutoring.app.id}
        )
    assert stored
    assert response.json()["token"].encode() not in stored
    assert b"tutor-1" not in stored


@pytest.mark.parametrize("action", ["start", "end"])
async def test_every_post_that_changes_something_accepts_a_key(
    tutoring: Tenant, clock: MovableClock, action: str
) -> None:
    await tutoring.book()
    await tutoring.join()
    key = str(uuid4())
    first = await tutoring.post(f"/v1/bookings/lesson-1/{action}", **keyed(key))
    clock.move(minutes=1)
    repeated_response = await tutoring.post(f"/v1/bookings/lesson-1/{action}", **keyed(key))
    assert first.status_code == 200
    assert repeated_response.json() == first.json()
    assert repeated_response.headers["Idempotency-Replayed"] == "true"


# --- the decision is repeated before a stored response is replayed ----------------------------------------------------

Step = Callable[[Tenant], Awaitable[object]]
ME = {"user_id": "student-1"}
HOST = {"user_id": "tutor-1"}
"""The roles that can start another call after a host has ended one for everyone."""


async def start_another_call(tenant: Tenant) -> None:
    """End the call, and let the host start another one."""
    assert (await tenant.post(f"{LESSON_1}/end")).status_code == 200
    assert (await tenant.join()).status_code == 200


def remove(tenant: Tenant, *, ban: bool) -> Awaitable[httpx.Response]:
    return tenant.post(f"{LESSON_1}/participants/student-1/remove", {"ban": ban})


async def repeated(tenant: Tenant, path: str, body: Any, *between: Step) -> tuple[httpx.Response, httpx.Response]:
    """The responses to a request, and to its repetition after these steps."""
    first = await tenant.post(path, body, **keyed("k1"))
    assert first.is_success, first.text
    for step in between:
        response = await step(tenant)
        assert not isinstance(response, httpx.Response) or response.is_success, response.text
    return first, await tenant.post(path, body, **keyed("k1"))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda tenant: tenant.post(f"{LESSON_1}/cancel"), "session_cancelled"),
        (lambda tenant: tenant.send("PATCH", LESSON_1, json={"status": "completed"}), "session_completed"),
        (lambda tenant: tenant.send("PATCH", LESSON_1, json={"modality": "physical"}), "video_disabled"),
        (lambda tenant: tenant.send("DELETE", f"{LESSON_1}/participants/student-1"), "not_a_participant"),
        (lambda tenant: remove(tenant, ban=True), "participant_removed"),
        (lambda tenant: tenant.book(starts_in=timedelta(days=1)), "too_early"),
    ],
    ids=["cancelled", "completed", "made physical", "off the list", "blocked", "moved to tomorrow"],
)
async def test_a_join_that_would_now_be_refused_is_not_replayed(tutoring: Tenant, change: Step, code: str) -> None:
    await tutoring.book()
    first, repeated_response = await repeated(tutoring, f"{LESSON_1}/join", ME, change)
    assert (repeated_response.status_code, repeated_response.json()["code"]) == (403, code)
    assert first.json()["token"] not in repeated_response.text
    assert len(await tutoring.events("credentials.issued")) == 1


async def test_a_guest_is_refused_if_guests_are_no_longer_allowed(tutoring: Tenant) -> None:
    await tutoring.book(policy={"guests_allowed": True})
    _, repeated_response = await repeated(
        tutoring, f"{LESSON_1}/guests", {"name": "Gus"}, lambda tenant: tenant.book(policy={})
    )
    assert (repeated_response.status_code, repeated_response.json()["code"]) == (403, "guests_not_allowed")


@pytest.mark.parametrize(
    "change",
    [
        lambda tenant: remove(tenant, ban=False),
        start_another_call,
        lambda tenant: tenant.send(
            "PUT", f"{LESSON_1}/participants/student-1", json={"role": "tutor", "display_name": "Ben"}
        ),
    ],
    ids=["removed without a block", "call ended", "another role"],
)
async def test_outdated_credentials_are_replaced_under_the_key(tutoring: Tenant, change: Step) -> None:
    await tutoring.book()
    await tutoring.join()
    first, new = await repeated(tutoring, f"{LESSON_1}/join", ME, change)
    assert new.status_code == 200
    assert "Idempotency-Replayed" not in new.headers
    assert new.json()["token"] != first.json()["token"]
    third = await tutoring.post(f"{LESSON_1}/join", ME, **keyed("k1"))
    assert third.headers["Idempotency-Replayed"] == "true"
    assert third.json() == new.json()


async def test_a_lifted_block_makes_the_old_credentials_outdated(tutoring: Tenant) -> None:
    await tutoring.book()
    first, new = await repeated(
        tutoring,
        f"{LESSON_1}/join",
        ME,
        lambda tenant: remove(tenant, ban=True),
        lambda tenant: tenant.post(f"{LESSON_1}/participants/student-1/readmit"),
    )
    assert new.status_code == 200
    assert new.json()["token"] != first.json()["token"]


async def test_canceling_and_reopening_a_session_makes_credentials_outdated(tutoring: Tenant) -> None:
    await tutoring.book()
    first, new = await repeated(
        tutoring, f"{LESSON_1}/join", ME, lambda tenant: tenant.post(f"{LESSON_1}/cancel"), lambda tenant: tenant.book()
    )
    assert new.status_code == 200
    assert new.json()["token"] != first.json()["token"]
    assert new.json()["call"]["id"] != first.json()["call"]["id"]


async def test_a_window_that_ends_earlier_makes_credentials_outdated(tutoring: Tenant) -> None:
    await tutoring.book()
    first, new = await repeated(
        tutoring, f"{LESSON_1}/join", ME, lambda tenant: tenant.send("PATCH", LESSON_1, json={"duration_minutes": 20})
    )
    assert new.status_code == 200
    assert new.json()["expires_at"] < first.json()["expires_at"]


async def test_expired_credentials_are_replaced_and_the_guest_stays_the_same(
    tutoring: Tenant, clock: MovableClock
) -> None:
    await tutoring.create_group(policy={"guests_allowed": True, "guest_token_seconds": 600})
    path, body = "/v1/groups/circle/guests", {"name": "Gus"}
    first = (await tutoring.post(path, body, **keyed("k1"))).json()
    clock.move(seconds=590)
    assert (await tutoring.post(path, body, **keyed("k1"))).json() == first
    clock.move(seconds=6)
    new = await tutoring.post(path, body, **keyed("k1"))
    assert new.status_code == 200
    assert new.json()["token"] != first["token"]
    assert (new.json()["user_id"], new.json()["call"]) == (first["user_id"], first["call"])


async def test_another_provider_makes_credentials_outdated(
    broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox
) -> None:
    accounts = {
        ProviderName.HMS: sandbox.account("tutoring"),
        ProviderName.AGORA: {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4},
    }
    roles = {
        ProviderName.HMS: {"tutor": "teacher", "student": "student"},
        ProviderName.AGORA: {"tutor": "publisher", "student": "publisher"},
    }
    tenant = await make_tenant(broker, api, accounts, roles)
    await tenant.book(providers=["100ms"])

    async def switch(tenant: Tenant) -> None:
        assert (await tenant.post(f"{LESSON_1}/end")).status_code == 200
        async with tenant.broker.store.cross_app_transaction() as unit_of_work:
            moved = "update sessions set provider = null where app_id = :app_id"
            await unit_of_work.execute(text(moved), {"app_id": tenant.app.id})
        assert (await tenant.send("PATCH", LESSON_1, json={"providers": ["agora"]})).status_code == 200

    first, new = await repeated(tenant, f"{LESSON_1}/join", HOST, switch)
    assert new.status_code == 200
    assert (first.json()["provider"], new.json()["provider"]) == ("100ms", "agora")


async def test_a_disabled_room_code_is_not_replayed(webhook_tenant: Tenant) -> None:
    await webhook_tenant.book()
    body = {**HOST, "surface": "prebuilt"}
    first, new = await repeated(webhook_tenant, f"{LESSON_1}/join", body, lambda tenant: tenant.post(f"{LESSON_1}/end"))
    assert new.status_code == 200
    assert "Idempotency-Replayed" not in new.headers
    assert new.json()["call"]["id"] != first.json()["call"]["id"]


async def test_a_person_who_is_blocked_during_the_replay_is_refused(
    tutoring: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    await tutoring.book()
    assert (await tutoring.post(f"{LESSON_1}/join", ME, **keyed("k1"))).status_code == 200
    undisturbed = join._removed_at

    async def meanwhile(*about: Any) -> Any:
        found = await undisturbed(*about)
        assert (await remove(tutoring, ban=True)).is_success
        return found

    monkeypatch.setattr(join, "_removed_at", meanwhile)
    repeated_response = await tutoring.post(f"{LESSON_1}/join", ME, **keyed("k1"))
    assert (repeated_response.status_code, repeated_response.json()["code"]) == (403, "participant_removed")
    assert len(await tutoring.events("credentials.issued")) == 1


async def test_repeating_a_join_in_the_waiting_room_announces_the_person_once(tutoring: Tenant) -> None:
    await tutoring.book(policy={"waiting_room": "admit", "host_roles": ["tutor"]})
    for _ in range(2):
        response = await tutoring.post(f"{LESSON_1}/join", ME, **keyed("k1"))
        assert response.json()["code"] == "waiting_for_admission"
    assert len(await tutoring.events("participant.waiting")) == 1


async def test_a_person_whose_admission_was_withdrawn_waits_again(tutoring: Tenant) -> None:
    await tutoring.book(policy={"waiting_room": "admit", "host_roles": ["tutor"]})
    await tutoring.post(f"{LESSON_1}/join", ME)
    await tutoring.post(f"{LESSON_1}/lobby/admit")
    _, repeated_response = await repeated(tutoring, f"{LESSON_1}/join", ME, lambda tenant: remove(tenant, ban=False))
    assert (repeated_response.status_code, repeated_response.json()["code"]) == (403, "waiting_for_admission")


async def test_concurrent_repetitions_with_an_outdated_response_create_one_new_response(
    tutoring: Tenant, clock: MovableClock
) -> None:
    await tutoring.create_group(policy={"token_seconds": 600})
    path = "/v1/groups/circle/join"
    await tutoring.post(path, ME, **keyed("k1"))
    clock.move(seconds=700)
    responses = await asyncio.gather(*(tutoring.post(path, ME, **keyed("k1")) for _ in range(8)))
    assert {response.status_code for response in responses} <= {200, 409}
    assert len({response.json()["token"] for response in responses if response.status_code == 200}) == 1
    issued = [each for each in await tutoring.events("credentials.issued") if not each["data"].get("replayed")]
    assert len(issued) == 2


async def test_a_failure_while_an_outdated_response_is_replaced_releases_the_key(
    tutoring: Tenant, sandbox: Sandbox
) -> None:
    await tutoring.book()

    async def fail(tenant: Tenant) -> None:
        await tenant.post(f"{LESSON_1}/end")
        await sandbox.inject_fault("status", status=500)

    _, repeated_response = await repeated(tutoring, f"{LESSON_1}/join", HOST, fail)
    assert repeated_response.status_code == 503
    await sandbox.clear_faults()
    assert (await tutoring.post(f"{LESSON_1}/join", HOST, **keyed("k1"))).status_code == 200


# --- links ------------------------------------------------------------------------------------------------------------


async def test_a_replayed_link_is_journaled(tutoring: Tenant) -> None:
    await tutoring.book()
    first, repeated_response = await repeated(tutoring, f"{LESSON_1}/links", ME)
    assert repeated_response.json() == first.json()
    issued, replayed = await tutoring.events("link.issued")
    assert replayed["data"] == {**issued["data"], "replayed": True}


async def test_a_revoked_link_is_not_replayed(tutoring: Tenant) -> None:
    await tutoring.book(policy={"guests_allowed": True})
    body = {"guest": {"display_name": "Gus"}}
    first, new = await repeated(
        tutoring, f"{LESSON_1}/links", body, lambda tenant: tenant.send("DELETE", f"{LESSON_1}/links")
    )
    assert new.status_code == 201
    assert new.json()["ticket"] != first.json()["ticket"]
    assert new.json()["user_id"] == first.json()["user_id"]


async def test_an_expired_link_is_not_replayed(tutoring: Tenant, clock: MovableClock) -> None:
    await tutoring.book()
    body = {**ME, "expires_in_seconds": 60}
    first = await tutoring.post(f"{LESSON_1}/links", body, **keyed("k1"))
    clock.move(seconds=61)
    new = await tutoring.post(f"{LESSON_1}/links", body, **keyed("k1"))
    assert new.status_code == 201
    assert new.json()["ticket"] != first.json()["ticket"]


async def test_a_link_of_a_canceled_session_is_not_replayed(tutoring: Tenant) -> None:
    await tutoring.book()
    first, repeated_response = await repeated(
        tutoring, f"{LESSON_1}/links", ME, lambda tenant: tenant.post(f"{LESSON_1}/cancel")
    )
    assert (repeated_response.status_code, repeated_response.json()["code"]) == (403, "session_cancelled")
    assert first.json()["ticket"] not in repeated_response.text


async def test_a_replayed_link_has_its_current_expiry(tutoring: Tenant) -> None:
    await tutoring.book()
    first, repeated_response = await repeated(
        tutoring, f"{LESSON_1}/links", ME, lambda tenant: tenant.send("PATCH", LESSON_1, json={"duration_minutes": 90})
    )
    assert repeated_response.json()["ticket"] == first.json()["ticket"]
    assert repeated_response.json()["expires_at"] > first.json()["expires_at"]


# --- a key belongs to its caller --------------------------------------------------------------------------------------


async def as_user(tenant: Tenant, user_id: str, method: str, path: str, body: Any = None) -> httpx.Response:
    secret = f"a-secret-of-the-apps-identity-provider-{tenant.app.id}"
    await management.set_token_rules(context_of(tenant.broker, tenant.app), TokenRules(secret=secret))
    token = jwt.encode({"sub": user_id, "exp": tenant.broker.now().timestamp() + 60}, secret)
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "k1"}
    return await tenant.api.request(method, path, headers=headers, json=body)


async def test_two_api_keys_of_an_app_share_neither_responses_nor_guests(tutoring: Tenant) -> None:
    await tutoring.book(policy={"guests_allowed": True})
    path, body = f"{LESSON_1}/guests", {"name": "Gus"}
    first = await tutoring.post(path, body, **keyed("k1"))
    headers = {"Authorization": f"Bearer {await tutoring.create_key()}", "Idempotency-Key": "k1"}
    second = await tutoring.post(path, body, headers=headers)
    assert "Idempotency-Replayed" not in second.headers
    assert second.json()["user_id"] != first.json()["user_id"]


async def test_a_key_without_the_scope_gets_no_stored_response(tutoring: Tenant) -> None:
    await tutoring.book()
    await tutoring.post(f"{LESSON_1}/join", ME, **keyed("k1"))
    weak = await tutoring.create_key(scopes=[Scope.SESSIONS_READ])
    headers = {"Authorization": f"Bearer {weak}", "Idempotency-Key": "k1"}
    repeated_response = await tutoring.post(f"{LESSON_1}/join", ME, headers=headers)
    assert (repeated_response.status_code, repeated_response.json()["code"]) == (403, "scope_missing")


async def test_a_backend_and_a_user_do_not_share_responses(tutoring: Tenant) -> None:
    await tutoring.book()
    first = await tutoring.post(f"{LESSON_1}/join", ME, **keyed("k1"))
    own = await as_user(tutoring, "student-1", "POST", f"{LESSON_1}/join", ME)
    assert own.status_code == 200, own.text
    assert "Idempotency-Replayed" not in own.headers
    assert own.json()["token"] != first.json()["token"]


async def test_another_acting_user_with_the_key_is_refused(tutoring: Tenant) -> None:
    await tutoring.book()
    for user_id, status in (("student-1", 200), ("tutor-1", 422)):
        headers = {"Idempotency-Key": "k1", "X-User-Id": user_id}
        assert (await tutoring.post(f"{LESSON_1}/join", headers=headers)).status_code == status


async def test_two_tickets_of_a_person_do_not_share_responses(tutoring: Tenant) -> None:
    await tutoring.book()
    tokens = []
    for _ in range(2):
        link = (await tutoring.post(f"{LESSON_1}/links", ME)).json()
        headers = {"Authorization": f"Bearer {link['ticket']}", "Idempotency-Key": "k1"}
        response = await tutoring.api.post(f"{LESSON_1}/join", headers=headers, json={})
        assert "Idempotency-Replayed" not in response.headers
        tokens.append(response.json()["token"])
    assert tokens[0] != tokens[1]


async def test_a_user_who_has_lost_the_role_gets_no_stored_response(tutoring: Tenant) -> None:
    await tutoring.book(policy={"host_roles": ["tutor"], "waiting_room": "admit"})
    first = await as_user(tutoring, "tutor-1", "POST", f"{LESSON_1}/lobby/admit")
    assert first.status_code == 200, first.text
    demoted = [{**LESSON[0], "role": "student"}, LESSON[1]]
    await tutoring.book(policy={"host_roles": ["tutor"], "waiting_room": "admit"}, participants=demoted)
    repeated_response = await as_user(tutoring, "tutor-1", "POST", f"{LESSON_1}/lobby/admit")
    assert repeated_response.status_code == 403
    assert "Idempotency-Replayed" not in repeated_response.headers


async def test_the_row_contains_the_person_but_the_key_does_not(tutoring: Tenant) -> None:
    await tutoring.book()
    await as_user(tutoring, "student-1", "POST", f"{LESSON_1}/join")
    async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
        (row,) = await unit_of_work.execute(
            text("select key, user_id, credential::text as credential from idempotency where app_id = :app_id"),
            {"app_id": tutoring.app.id},
        )
    assert row.user_id == "student-1"
    assert "student-1" not in row.key
    assert "student-1" not in row.credential


# --- moderation, and webhook endpoints --------------------------------------------------------------------------------


async def test_a_repeated_removal_does_not_remove_the_person_again(tutoring: Tenant, clock: MovableClock) -> None:
    await tutoring.book()
    await tutoring.join(user_id="student-1")
    first = await tutoring.post(f"{LESSON_1}/participants/student-1/remove", {"ban": True}, **keyed("k1"))
    clock.move(seconds=1)
    await tutoring.post(f"{LESSON_1}/participants/student-1/readmit")
    assert (await tutoring.join(user_id="student-1")).status_code == 200
    repeated_response = await tutoring.post(f"{LESSON_1}/participants/student-1/remove", {"ban": True}, **keyed("k1"))
    assert repeated_response.json() == first.json()
    assert (await tutoring.join(user_id="student-1")).status_code == 200


ENDPOINTS = "/v1/webhook-endpoints"
ENDPOINT = {"url": "https://backend.example/hooks"}


async def test_a_webhook_endpoint_is_created_once_with_one_secret(tutoring: Tenant) -> None:
    first, repeated_response = await repeated(tutoring, ENDPOINTS, ENDPOINT)
    assert (repeated_response.status_code, repeated_response.json()) == (201, first.json())
    assert repeated_response.json()["secret"].startswith("whsec_")
    assert len((await tutoring.get(ENDPOINTS)).json()["data"]) == 1


@pytest.mark.parametrize("path", ["", "/{}/rotate-secret"], ids=["created", "rotated"])
async def test_a_secret_that_was_rotated_meanwhile_is_not_replayed(tutoring: Tenant, path: str) -> None:
    endpoint = (await tutoring.post(ENDPOINTS, ENDPOINT, **keyed("k0"))).json()
    target = f"{ENDPOINTS}{path}".format(endpoint["id"])
    body = ENDPOINT if path == "" else {}
    first = (await tutoring.post(target, body, **keyed("k1"))).json()
    same = (await tutoring.post(target, body, **keyed("k1"))).json()
    assert same["secret"] == first["secret"]
    await tutoring.post(f"{ENDPOINTS}/{first['id']}/rotate-secret")
    repeated_response = await tutoring.post(target, body, **keyed("k1"))
    assert (repeated_response.status_code, repeated_response.json()["code"]) == (409, "secret_replaced")
    assert first["secret"] not in repeated_response.text


async def test_the_secret_of_a_deleted_endpoint_is_not_replayed(tutoring: Tenant) -> None:
    first = (await tutoring.post(ENDPOINTS, ENDPOINT, **keyed("k1"))).json()
    await tutoring.send("DELETE", f"{ENDPOINTS}/{first['id']}")
    repeated_response = await tutoring.post(ENDPOINTS, ENDPOINT, **keyed("k1"))
    assert (repeated_response.status_code, repeated_response.json()["code"]) == (404, "endpoint_not_found")
    assert not (await tutoring.get(ENDPOINTS)).json()["data"]
