"""Attendance, from the provider's webhooks to the verdict about every registered person."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import jwt
import pytest

from tenants import HOOK_SECRET, MovableClock, Sandbox, Tenant, context_of, error_code, with_webhooks
from videobroker.domain.times import rfc3339
from videobroker.domain.user_tokens import TokenRules
from videobroker.usecases import management


async def call_detail(tenant: Tenant, join: dict[str, Any]) -> dict[str, Any]:
    """The call with its attendance."""
    response = await tenant.get(f"/v1/calls/{join['call']['id']}")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def join(tenant: Tenant, user_id: str = "tutor-1", reference: str = "lesson-1", **fields: Any) -> dict[str, Any]:
    response = await tenant.join(reference, user_id, **fields)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


async def join_room(tenant: Tenant, sandbox: Sandbox, user_id: str = "tutor-1") -> tuple[dict[str, Any], str]:
    """Request credentials, and join the room with them."""
    credentials = await join(tenant, user_id)
    return credentials, await sandbox.join_room(credentials["room_id"], token=credentials["token"])


class TestCallAt100ms:
    async def test_everyone_who_joined_is_listed_with_the_evidence(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        tutor, tutor_peer = await join_room(webhook_tenant, sandbox)
        clock.move(minutes=1)
        student, student_peer = await join_room(webhook_tenant, sandbox, "student-1")
        clock.move(minutes=10)
        await sandbox.leave_room(student["room_id"], student_peer)
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        call = await call_detail(webhook_tenant, tutor)
        assert (call["people"], call["peak"], call["present"]) == (2, 2, 1)
        ada, ben = call["attendance"]
        assert (ada["user_id"], ada["connection"], ada["left_at"], ada["source"]) == (
            "tutor-1",
            tutor_peer,
            None,
            "observed",
        )
        assert (ben["user_id"], ben["reason"], ben["source"]) == ("student-1", "client request", "observed")
        assert 599 <= ben["present_seconds"] <= 630
        assert [(each["kind"], each["type"], each["sign"]) for each in ben["evidence"]] == [
            ("webhook", "peer.join.success", "arrived"),
            ("webhook", "peer.leave.success", "left"),
        ]
        assert len(call["provider_call_ids"]) == 1

    async def test_it_is_journaled_once(self, webhook_tenant: Tenant, sandbox: Sandbox) -> None:
        await sandbox.set_webhook_behavior(duplicates=2, shuffle=True, new_ids=True)
        await webhook_tenant.book()
        tutor, peer = await join_room(webhook_tenant, sandbox)
        await sandbox.leave_room(tutor["room_id"], peer)
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        events = await webhook_tenant.events("participant.joined", "participant.left")
        assert [(event["type"], event["user_id"]) for event in events] == [
            ("participant.joined", "tutor-1"),
            ("participant.left", "tutor-1"),
        ]

    async def test_stays_whose_webhooks_were_lost_are_found_by_reconciliation(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        await sandbox.set_webhook_behavior(
            drop_types=["peer.join.success", "peer.leave.success", "session.close.success"]
        )
        tutor, peer = await join_room(webhook_tenant, sandbox)
        clock.move(minutes=2)
        await sandbox.leave_room(tutor["room_id"], peer)
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        assert (await call_detail(webhook_tenant, tutor))["attendance"] == []
        await webhook_tenant.reconcile_calls()
        call = await call_detail(webhook_tenant, tutor)
        (ada,) = call["attendance"]
        assert (ada["user_id"], ada["source"], ada["evidence"][0]["kind"]) == ("tutor-1", "reconciled", "roll_call")
        assert 119 <= ada["present_seconds"] <= 150
        (event,) = await webhook_tenant.events("attendance.reconciled")
        assert event["data"]["learned"] == {"arrived": 1, "left": 1, "emptied": 1}

    async def test_a_recorder_is_not_listed(self, webhook_tenant: Tenant, sandbox: Sandbox) -> None:
        await webhook_tenant.book()
        tutor, _ = await join_room(webhook_tenant, sandbox)
        await sandbox.client.post(f"/_sandbox/rooms/{tutor['room_id']}/recorder")
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        await webhook_tenant.reconcile_calls()
        assert (await call_detail(webhook_tenant, tutor))["people"] == 1

    async def test_a_person_who_joins_with_a_room_code_starts_a_call(
        self, webhook_tenant: Tenant, sandbox: Sandbox
    ) -> None:
        await webhook_tenant.book()
        tutor = await join(webhook_tenant, surface="prebuilt")
        await webhook_tenant.post("/v1/bookings/lesson-1/end")
        second = await join(webhook_tenant, surface="prebuilt")
        assert second["room_code"] != tutor["room_code"]
        await sandbox.join_room(second["room_id"], code=second["room_code"], user_id="stranger")
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        (stranger,) = (await call_detail(webhook_tenant, second))["attendance"]
        assert (stranger["user_id"], stranger["provider_user_id"]) == (None, "stranger")

    async def test_after_settling_the_journal_contains_who_attended_and_for_how_long(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        tutor, _ = await join_room(webhook_tenant, sandbox)
        student, laptop = await join_room(webhook_tenant, sandbox, "student-1")
        clock.move(minutes=2)
        phone = await sandbox.join_room(student["room_id"], token=student["token"])
        clock.move(minutes=2)
        await sandbox.leave_room(student["room_id"], laptop)
        clock.move(minutes=2)
        await sandbox.leave_room(student["room_id"], phone)
        clock.move(minutes=4)
        await webhook_tenant.post("/v1/bookings/lesson-1/end")
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        assert await webhook_tenant.events("call.settled") == []
        clock.move(minutes=3)
        await webhook_tenant.reconcile_calls()
        (settled,) = await webhook_tenant.events("call.settled")
        ada, ben = settled["data"]["attendance"]
        assert (ada["user_id"], ben["user_id"]) == ("tutor-1", "student-1")
        assert 599 <= ada["present_seconds"] <= 630
        # Two devices, and two minutes with both: six minutes.
        assert 359 <= ben["present_seconds"] <= 390
        stays = (await call_detail(webhook_tenant, tutor))["attendance"]
        assert ben["joined_at"] == min(stay["joined_at"] for stay in stays if stay["user_id"] == "student-1")
        assert ben["left_at"] == max(stay["left_at"] for stay in stays if stay["user_id"] == "student-1")
        assert "provider_user_id" not in ben

    async def test_a_user_sees_their_own_stays_only(self, webhook_tenant: Tenant, sandbox: Sandbox) -> None:
        await webhook_tenant.book()
        tutor, _ = await join_room(webhook_tenant, sandbox)
        await join_room(webhook_tenant, sandbox, "student-1")
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        response = await webhook_tenant.get(f"/v1/calls/{tutor['call']['id']}", headers={"X-User-Id": "student-1"})
        assert [stay["user_id"] for stay in response.json()["attendance"]] == ["student-1"]


class TestCallAtAgora:
    async def test_uids_are_resolved_to_people(
        self, agora_webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await agora_webhook_tenant.book()
        tutor = await join(agora_webhook_tenant)
        await sandbox.join_channel(tutor)
        clock.move(minutes=3)
        await sandbox.leave_channel(tutor)
        await sandbox.deliver_webhooks()
        await agora_webhook_tenant.run_due_jobs()
        (ada,) = (await call_detail(agora_webhook_tenant, tutor))["attendance"]
        assert (ada["user_id"], ada["provider_user_id"], ada["source"]) == ("tutor-1", str(tutor["uid"]), "observed")
        assert 179 <= ada["present_seconds"] <= 210

    async def test_a_lost_departure_is_found_by_querying_the_channel(
        self, agora_webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await agora_webhook_tenant.book()
        tutor = await join(agora_webhook_tenant)
        await sandbox.join_channel(tutor)
        await sandbox.set_webhook_behavior(drop=9)
        clock.move(minutes=3)
        await sandbox.leave_channel(tutor)
        clock.move(minutes=1)
        await sandbox.deliver_webhooks()
        await agora_webhook_tenant.run_due_jobs()
        await agora_webhook_tenant.reconcile_calls()
        (ada,) = (await call_detail(agora_webhook_tenant, tutor))["attendance"]
        assert (ada["left_source"], ada["source"]) == ("reconciled", "reconciled")
        assert 239 <= ada["present_seconds"] <= 270

    async def test_a_lost_departure_of_a_person_who_joined_just_before_the_end_is_found_when_the_call_is_settled(
        self, agora_webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await agora_webhook_tenant.book()
        tutor = await join(agora_webhook_tenant)
        await sandbox.join_channel(tutor)
        await sandbox.deliver_webhooks()
        await sandbox.set_webhook_behavior(drop=9)
        await agora_webhook_tenant.post("/v1/bookings/lesson-1/end")
        await sandbox.deliver_webhooks()
        clock.move(minutes=3)
        await agora_webhook_tenant.run_due_jobs()
        await agora_webhook_tenant.reconcile_calls()
        call = await call_detail(agora_webhook_tenant, tutor)
        (settled,) = await agora_webhook_tenant.events("call.settled")
        (ada,) = call["attendance"]
        assert call["present"] == 0
        assert ada["left_source"] == "reconciled"
        assert ada["left_at"] <= call["ended_at"]
        assert settled["data"]["people"] == 1


class TestVerdicts:
    async def test_a_person_who_was_in_time_and_stayed_attended_and_a_person_who_did_not_join_was_absent(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        tutor, peer = await join_room(webhook_tenant, sandbox)
        await sandbox.deliver_webhooks()
        clock.move(minutes=66)
        await sandbox.leave_room(tutor["room_id"], peer)
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        found = await attendance(webhook_tenant)
        assert found["final"] is False
        assert verdicts(found) == {
            "student-1": ("absent", "never_there"),
            "tutor-1": ("attended", "there_in_time"),
        }
        clock.move(minutes=20)
        await webhook_tenant.run_due_jobs()
        clock.move(minutes=3)
        await webhook_tenant.run_due_jobs()
        found = await attendance(webhook_tenant)
        assert (found["final"], verdicts(found)["tutor-1"]) == (True, ("attended", "there_in_time"))
        (closed,) = await webhook_tenant.events("session.closed")
        assert closed["data"]["counts"] == {"attended": 1, "late": 0, "left_early": 0, "absent": 1}
        (missing,) = await webhook_tenant.events("participant.no_show")
        assert (missing["user_id"], missing["data"]["role"]) == ("student-1", "student")

    async def test_there_is_none_while_the_booking_runs(self, webhook_tenant: Tenant, sandbox: Sandbox) -> None:
        await webhook_tenant.book()
        await join_room(webhook_tenant, sandbox)
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        assert verdicts(await attendance(webhook_tenant))["tutor-1"] == (None, "not_over")

    async def test_there_is_none_for_a_canceled_booking(self, webhook_tenant: Tenant, clock: MovableClock) -> None:
        await webhook_tenant.book()
        await webhook_tenant.post("/v1/bookings/lesson-1/cancel")
        clock.move(hours=3)
        await webhook_tenant.run_due_jobs()
        assert verdicts(await attendance(webhook_tenant)) == {
            "student-1": (None, "cancelled"),
            "tutor-1": (None, "cancelled"),
        }
        assert await webhook_tenant.events("participant.no_show", "session.closed") == []

    async def test_there_is_none_without_a_source_of_attendance(self, agora: Tenant, clock: MovableClock) -> None:
        await agora.book()
        await join(agora)
        clock.move(hours=4)
        await agora.run_due_jobs()
        await agora.reconcile_calls()
        await agora.run_due_jobs()
        found = await attendance(agora)
        assert (found["final"], verdicts(found)["tutor-1"]) == (True, (None, "no_evidence"))
        assert await agora.events("participant.no_show") == []

    async def test_the_csv_table_contains_no_formulas(self, webhook_tenant: Tenant) -> None:
        name = 'Ada;=HYPERLINK("https://x.example")'
        await webhook_tenant.book(participants=[{"user_id": "t", "role": "tutor", "display_name": name}])
        response = await webhook_tenant.get("/v1/bookings/lesson-1/attendance", params={"format": "csv"})
        assert response.headers["content-type"] == "text/csv; charset=utf-8"
        assert response.content.startswith(b"\xef\xbb\xbf")
        header, line, end = response.content.decode("utf-8-sig").split("\r\n")
        assert header.startswith('"reference","user_id","role","display_name","verdict","rule","present_seconds"')
        cell = """"Ada;'=HYPERLINK(""https://x.example"")\""""
        assert line.startswith(f'"lesson-1","t","tutor",{cell},"","not_over","0","0",')
        assert end == ""

    async def test_a_booking_without_participants_ends_too(self, webhook_tenant: Tenant, clock: MovableClock) -> None:
        await webhook_tenant.book(participants=[])
        clock.move(hours=2)
        await webhook_tenant.run_due_jobs()
        (closed,) = await webhook_tenant.events("session.closed")
        assert (closed["data"]["verdicts"], closed["data"]["corrected"]) == ([], False)
        assert (await webhook_tenant.get("/v1/bookings/lesson-1/attendance")).json()["final"]


async def attendance(tenant: Tenant) -> dict[str, Any]:
    response = await tenant.get("/v1/bookings/lesson-1/attendance")
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def verdicts(found: dict[str, Any]) -> dict[str, tuple[str | None, str]]:
    return {each["user_id"]: (each["verdict"], each["rule"]) for each in found["participants"]}


class TestClosing:
    async def test_at_the_end_of_the_window_the_call_ends_and_room_codes_become_invalid(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        tutor = await join(webhook_tenant, surface="prebuilt")
        await sandbox.join_room(tutor["room_id"], code=tutor["room_code"], user_id="tutor-1")
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        clock.move(minutes=81)  # The end, and the grace period.
        await webhook_tenant.run_due_jobs()
        assert (await call_detail(webhook_tenant, tutor))[
            "ended_at"
        ] is None  # A person is in the call, which overruns.
        clock.move(minutes=60)
        await webhook_tenant.run_due_jobs()
        call = await call_detail(webhook_tenant, tutor)
        assert call["end_reason"] == "window_closed"
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        assert (await call_detail(webhook_tenant, tutor))["present"] == 0
        refused = await sandbox.client.post("/v2/token", json={"code": tutor["room_code"]})
        assert refused.status_code in {403, 404}

    async def test_an_empty_call_ends_with_the_window_at_the_time_the_last_person_left(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        tutor, peer = await join_room(webhook_tenant, sandbox)
        clock.move(minutes=20)
        await sandbox.leave_room(tutor["room_id"], peer)
        await sandbox.deliver_webhooks()
        clock.move(minutes=61)
        await webhook_tenant.run_due_jobs()
        call = await call_detail(webhook_tenant, tutor)
        assert (call["end_reason"], call["ended_at"]) == ("window_closed", call["last_left_at"])
        assert 1199 <= call["duration_seconds"] <= 1230

    async def test_a_rescheduled_booking_is_closed_and_reopens_under_its_reference(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        before = await join(webhook_tenant, surface="prebuilt")
        await webhook_tenant.book(starts_in=timedelta(hours=5))
        assert (await call_detail(webhook_tenant, before))["end_reason"] == "session_moved"
        refused = await sandbox.client.post("/v2/token", json={"code": before["room_code"]})
        assert refused.status_code in {403, 404}
        assert error_code(await webhook_tenant.join()) == "too_early"
        clock.move(hours=4, minutes=55)
        after = await join(webhook_tenant, surface="prebuilt")
        assert (after["room_id"], after["room_code"] != before["room_code"]) == (before["room_id"], True)
        assert (await sandbox.client.post("/v2/token", json={"code": after["room_code"]})).status_code == 200

    async def test_closing_a_room_is_retried(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book()
        tutor, _ = await join_room(webhook_tenant, sandbox)
        await sandbox.inject_fault("status", status=503)
        assert (await webhook_tenant.post("/v1/bookings/lesson-1/end")).status_code == 200
        await webhook_tenant.run_due_jobs()
        assert await webhook_tenant.events("room.closed") == []
        await sandbox.clear_faults()
        await webhook_tenant.wait_for_probe()
        clock.move(minutes=2)
        await webhook_tenant.run_due_jobs()
        assert len(await webhook_tenant.events("room.closed")) == 1
        assert await webhook_tenant.present_users(tutor["room_id"]) == []

    async def test_a_group_call_ends_after_it_was_empty_for_some_time(
        self, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.create_group()
        tutor = (await webhook_tenant.post("/v1/groups/circle/join", {"user_id": "tutor-1"})).json()
        peer = await sandbox.join_room(tutor["room_id"], token=tutor["token"])
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        clock.move(hours=5)
        await webhook_tenant.run_due_jobs()
        assert (await call_detail(webhook_tenant, tutor))["ended_at"] is None
        await sandbox.leave_room(tutor["room_id"], peer)
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        assert (await call_detail(webhook_tenant, tutor))["ended_at"] is None
        clock.move(minutes=6)
        await webhook_tenant.run_due_jobs()
        call = await call_detail(webhook_tenant, tutor)
        assert (call["end_reason"], call["ended_at"]) == ("empty", call["last_left_at"])

    async def test_agora_channels_are_closed_and_reopened_with_kicking_rules(
        self, agora_webhook_tenant: Tenant, sandbox: Sandbox
    ) -> None:
        await agora_webhook_tenant.book()
        tutor = await join(agora_webhook_tenant)
        await sandbox.join_channel(tutor)
        await agora_webhook_tenant.post("/v1/bookings/lesson-1/end")
        path = f"/_sandbox/agora/{tutor['channel']}"
        assert (await sandbox.client.get(path)).json()["users"] == []
        late = await sandbox.client.post(f"{path}/users", json={"token": tutor["token"], "uid": tutor["uid"]})
        assert late.status_code == 403
        await sandbox.join_channel(await join(agora_webhook_tenant))


class TestRemoval:
    async def test_every_device_leaves_and_a_block_prevents_rejoining(
        self, webhook_tenant: Tenant, sandbox: Sandbox
    ) -> None:
        await webhook_tenant.book()
        student, _ = await join_room(webhook_tenant, sandbox, "student-1")
        await sandbox.join_room(student["room_id"], token=student["token"])
        tutor, _ = await join_room(webhook_tenant, sandbox)
        removed = await webhook_tenant.post("/v1/bookings/lesson-1/participants/student-1/remove", {"ban": True})
        assert removed.status_code == 200, removed.text
        assert (removed.json()["banned"], removed.json()["enforcement"]) == (True, "done")
        assert await webhook_tenant.present_users(tutor["room_id"]) == ["tutor-1"]
        assert error_code(await webhook_tenant.join(user_id="student-1")) == "participant_removed"
        (event,) = await webhook_tenant.events("participant.removed")
        assert (event["user_id"], event["data"]) == ("student-1", {"ban": True})

    async def test_a_person_who_rejoins_with_an_old_token_is_removed_again(
        self, webhook_tenant: Tenant, sandbox: Sandbox
    ) -> None:
        await webhook_tenant.book()
        student, _ = await join_room(webhook_tenant, sandbox, "student-1")
        await webhook_tenant.post("/v1/bookings/lesson-1/participants/student-1/remove")
        await sandbox.join_room(student["room_id"], token=student["token"])
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        assert await webhook_tenant.present_users(student["room_id"]) == []
        await join_room(webhook_tenant, sandbox, "student-1")  # With new credentials, they can.
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        assert await webhook_tenant.present_users(student["room_id"]) == ["student-1"]

    async def test_the_room_code_they_know_becomes_invalid(self, webhook_tenant: Tenant, sandbox: Sandbox) -> None:
        await webhook_tenant.book()
        student = await join(webhook_tenant, "student-1", surface="prebuilt")
        await webhook_tenant.post("/v1/bookings/lesson-1/participants/student-1/remove")
        refused = await sandbox.client.post("/v2/token", json={"code": student["room_code"]})
        assert refused.status_code in {403, 404}
        second = await join(webhook_tenant, "student-1", surface="prebuilt")
        assert (await sandbox.client.post("/v2/token", json={"code": second["room_code"]})).status_code == 200

    async def test_at_agora_the_old_uid_is_invalid_and_a_new_one_is_assigned(
        self, agora_webhook_tenant: Tenant, sandbox: Sandbox
    ) -> None:
        await agora_webhook_tenant.book()
        student = await join(agora_webhook_tenant, "student-1")
        await sandbox.join_channel(student)
        await agora_webhook_tenant.post("/v1/bookings/lesson-1/participants/student-1/remove")
        path = f"/_sandbox/agora/{student['channel']}"
        assert (await sandbox.client.get(path)).json()["users"] == []
        back = await sandbox.client.post(f"{path}/users", json={"token": student["token"], "uid": student["uid"]})
        assert back.status_code == 403
        second = await join(agora_webhook_tenant, "student-1")
        assert second["uid"] != student["uid"]
        await sandbox.join_channel(second)
        await sandbox.deliver_webhooks()
        await agora_webhook_tenant.run_due_jobs()
        call = await call_detail(agora_webhook_tenant, second)
        assert {stay["user_id"] for stay in call["attendance"]} == {"student-1"}
        assert (call["people"], len(call["attendance"])) == (1, 2)

    async def test_a_removal_is_retried_while_the_provider_is_down(
        self, webhook_tenant: Tenant, sandbox: Sandbox
    ) -> None:
        await webhook_tenant.book()
        student, _ = await join_room(webhook_tenant, sandbox, "student-1")
        await sandbox.inject_fault("status", status=503)
        removed = await webhook_tenant.post("/v1/bookings/lesson-1/participants/student-1/remove", {"ban": True})
        assert (removed.status_code, removed.json()["enforcement"]) == (200, "pending")
        assert error_code(await webhook_tenant.join(user_id="student-1")) == "participant_removed"
        await sandbox.clear_faults()
        await webhook_tenant.run_due_jobs()
        assert await webhook_tenant.present_users(student["room_id"]) == []

    async def test_a_block_can_be_lifted(self, webhook_tenant: Tenant) -> None:
        await webhook_tenant.book()
        await webhook_tenant.post("/v1/bookings/lesson-1/participants/student-1/remove", {"ban": True})
        lifted = await webhook_tenant.post("/v1/bookings/lesson-1/participants/student-1/readmit")
        assert lifted.json() == {"user_id": "student-1", "was_banned": True}
        assert (await webhook_tenant.join(user_id="student-1")).status_code == 200

    async def test_an_unknown_person_cannot_be_removed(self, webhook_tenant: Tenant) -> None:
        await webhook_tenant.book()
        response = await webhook_tenant.post("/v1/bookings/lesson-1/participants/unknown/remove")
        assert (response.status_code, error_code(response)) == (404, "participant_not_found")


class TestProviderWebhooks:
    @pytest.mark.parametrize(
        ("headers", "status"),
        [
            ({}, 401),
            ({"Videobroker-Hook-Secret": "wrong"}, 401),
            ({"Videobroker-Hook-Secret": HOOK_SECRET}, 200),
        ],
    )
    async def test_only_requests_with_the_secret_are_accepted(
        self, webhook_tenant: Tenant, headers: dict[str, str], status: int
    ) -> None:
        body: dict[str, Any] = {"id": "e1", "type": "peer.join.success", "timestamp": None, "data": {}}
        response = await webhook_tenant.api.post(
            f"/hooks/100ms/{webhook_tenant.app.name}", content=json.dumps(body), headers=headers
        )
        assert response.status_code == status, response.text

    async def test_the_secret_of_another_app_is_refused(self, webhook_tenant: Tenant, other: Tenant) -> None:
        headers = {"Videobroker-Hook-Secret": HOOK_SECRET}
        body = json.dumps({"id": "e1", "type": "x", "data": {}})
        for name in (other.app.name, "unknown", "%00"):
            response = await webhook_tenant.api.post(f"/hooks/100ms/{name}", content=body, headers=headers)
            assert (response.status_code, error_code(response)) == (401, "webhook_refused"), name

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"\xff", b'{"id": 1}', b"x" * 300_000])
    async def test_an_unreadable_webhook_is_refused_and_not_stored(self, webhook_tenant: Tenant, body: bytes) -> None:
        headers = {"Videobroker-Hook-Secret": HOOK_SECRET}
        response = await webhook_tenant.api.post(
            f"/hooks/100ms/{webhook_tenant.app.name}", content=body, headers=headers
        )
        assert (response.status_code, error_code(response)) == (400, "webhook_unreadable")

    async def test_a_webhook_of_an_unknown_room_is_stored_and_changes_nothing(self, webhook_tenant: Tenant) -> None:
        headers = {"Videobroker-Hook-Secret": HOOK_SECRET}
        body: dict[str, Any] = {
            "id": "e1",
            "type": "peer.join.success",
            "data": {
                "room_id": "0" * 24,
                "session_id": "1" * 24,
                "peer_id": "p",
                "user_id": "u",
                "role": "student",
                "joined_at": "2026-11-21T00:00:00Z",
            },
        }
        response = await webhook_tenant.api.post(
            f"/hooks/100ms/{webhook_tenant.app.name}", content=json.dumps(body), headers=headers
        )
        assert response.json() == {"status": "kept"}  # codespell:ignore kept
        second = await webhook_tenant.api.post(
            f"/hooks/100ms/{webhook_tenant.app.name}", content=json.dumps(body), headers=headers
        )
        assert second.json() == {"status": "known"}

    async def test_an_outdated_webhook_is_refused_but_a_replay_is_accepted(
        self, webhook_tenant: Tenant, clock: MovableClock
    ) -> None:
        headers = {"Videobroker-Hook-Secret": HOOK_SECRET}
        sent = {"type": "session.open.success", "timestamp": rfc3339(webhook_tenant.broker.now()), "data": {}}
        clock.move(hours=25)
        path = f"/hooks/100ms/{webhook_tenant.app.name}"
        stale = await webhook_tenant.api.post(path, content=json.dumps(sent | {"id": "e1"}), headers=headers)
        assert (stale.status_code, error_code(stale)) == (400, "webhook_unreadable")
        replay = json.dumps(sent | {"id": "e2", "is_replay": True})
        assert (await webhook_tenant.api.post(path, content=replay, headers=headers)).status_code == 200

    async def test_an_unknown_webhook_is_stored_and_counted(self, webhook_tenant: Tenant) -> None:
        headers = {"Videobroker-Hook-Secret": HOOK_SECRET}
        for number in range(3):
            body = json.dumps({"id": f"e{number}", "type": "moon.rises", "data": {"room_id": "0" * 24}})
            await webhook_tenant.api.post(f"/hooks/100ms/{webhook_tenant.app.name}", content=body, headers=headers)
        (counted,) = (await webhook_tenant.get("/v1/diagnostics/webhooks")).json()["data"]
        assert (counted["type"], counted["state"], counted["count"]) == ("moon.rises", "ignored", 3)
        assert counted["note"] == "says nothing about who is in a call"


class TestPermissionToRemove:
    async def test_only_a_host_can_remove_people_with_their_own_token(self, webhook_tenant: Tenant) -> None:
        await webhook_tenant.book()
        token = await user_tokens(webhook_tenant)
        path = "/v1/bookings/lesson-1/participants/{}/remove"
        refused = await webhook_tenant.api.post(path.format("tutor-1"), headers=token("student-1"), json={})
        assert (refused.status_code, error_code(refused)) == (403, "role_may_not")
        stranger = await webhook_tenant.api.post(path.format("tutor-1"), headers=token("stranger"), json={})
        assert (stranger.status_code, error_code(stranger)) == (404, "session_not_found")
        removed = await webhook_tenant.api.post(path.format("student-1"), headers=token("tutor-1"), json={})
        assert removed.status_code == 200, removed.text
        (event,) = await webhook_tenant.events("participant.removed")
        assert (event["user_id"], event["asked_by"]["user_id"]) == ("student-1", "tutor-1")


async def user_tokens(tenant: Tenant) -> Callable[[str], dict[str, str]]:
    """Creates headers with a token of the app's own identity provider."""
    secret = f"invented-secret-of-the-identity-provider-{tenant.app.id}"
    await management.set_token_rules(context_of(tenant.broker, tenant.app), TokenRules(secret=secret))
    expires_at = tenant.broker.now() + timedelta(hours=1)

    def headers(user_id: str) -> dict[str, str]:
        claims = {"sub": user_id, "exp": int(expires_at.timestamp())}
        return {"Authorization": f"Bearer {jwt.encode(claims, secret)}"}

    return headers


class TestSharedRooms:
    """An account with a fixed room: all sessions of the app meet in one room."""

    async def test_a_person_counts_for_the_session_of_their_credentials(
        self, webhook_tenant: Tenant, sandbox: Sandbox
    ) -> None:
        await webhook_tenant.book("elsewhere")
        room_id = (await join(webhook_tenant, reference="elsewhere"))["room_id"]
        shared = await with_webhooks(webhook_tenant, sandbox, room_id=room_id)
        await shared.book("first", participants=[{"user_id": "ada", "role": "tutor"}])
        await shared.book("second", participants=[{"user_id": "ben", "role": "tutor"}])
        ada = await join(shared, "ada", "first")
        ben = await join(shared, "ben", "second")
        assert ada["room_id"] == ben["room_id"] == room_id
        for credentials in (ada, ben):
            await sandbox.join_room(room_id, token=credentials["token"])
        await sandbox.deliver_webhooks()
        await shared.run_due_jobs()
        await shared.reconcile_calls()
        assert [stay["user_id"] for stay in (await call_detail(shared, ada))["attendance"]] == ["ada"]
        assert [stay["user_id"] for stay in (await call_detail(shared, ben))["attendance"]] == ["ben"]


async def test_a_booking_that_is_confirmed_before_its_window_preserves_its_room_and_codes(
    webhook_tenant: Tenant, sandbox: Sandbox
) -> None:
    later = rfc3339(webhook_tenant.broker.now() + timedelta(days=2))
    people = [{"user_id": "doctor", "role": "tutor"}, {"user_id": "patient", "role": "student"}]
    await webhook_tenant.book("visit", starts_in=timedelta(days=1), status="pending", participants=people)
    await webhook_tenant.send("PATCH", "/v1/bookings/visit", json={"status": "confirmed"})
    await webhook_tenant.send("PATCH", "/v1/bookings/visit", json={"starts_at": later, "duration_minutes": 60})
    await webhook_tenant.run_due_jobs()
    assert await webhook_tenant.events("room.closed", "call.ended") == []


async def test_a_provider_that_cannot_remove_people_does_not_report_a_removal(agora: Tenant) -> None:
    await agora.book()
    await join(agora, "student-1")
    removed = await agora.post("/v1/bookings/lesson-1/participants/student-1/remove", {"ban": True})
    assert (removed.json()["banned"], removed.json()["enforcement"]) == (True, "impossible")
    assert error_code(await agora.join(user_id="student-1")) == "participant_removed"
