"""Metrics of a process: joins by outcome, requests to vendors, and repairs by reconciliation."""

from datetime import timedelta

from prometheus_client import REGISTRY

from tenants import Sandbox, Tenant
from videobroker.domain.access import AccessReason
from videobroker.errors import CATALOG


def joins(outcome: str, reason: str = "") -> float:
    return REGISTRY.get_sample_value("videobroker_joins_total", {"outcome": outcome, "reason": reason}) or 0


def vendor_requests(operation: str, outcome: str) -> float:
    labels = {"vendor": "100ms", "operation": operation, "outcome": outcome}
    return REGISTRY.get_sample_value("videobroker_vendor_request_seconds_count", labels) or 0


def repairs() -> float:
    return sum(
        sample.value
        for family in REGISTRY.collect()
        for sample in family.samples
        if sample.name == "videobroker_reconciliation_repairs_total"
    )


async def test_every_outcome_of_a_join_is_counted(tutoring: Tenant) -> None:
    await tutoring.book()
    await tutoring.book("later", starts_in=timedelta(days=1))
    counted = [
        ("admitted", ""),
        ("waiting", "too_early"),
        ("refused", "not_a_participant"),
        ("failed", "session_not_found"),
    ]
    before = [joins(*each) for each in counted]
    assert (await tutoring.join()).status_code == 200
    assert (await tutoring.join("later")).status_code == 403
    assert (await tutoring.join(user_id="stranger")).status_code == 403
    assert (await tutoring.join("unknown")).status_code == 404
    assert [joins(*each) for each in counted] == [value + 1 for value in before]


async def test_a_join_that_the_vendor_does_not_answer_is_counted_as_failed(tutoring: Tenant, sandbox: Sandbox) -> None:
    await tutoring.book()
    before = joins("failed", "provider_unavailable"), vendor_requests("create_room", "failed")
    await sandbox.inject_fault("status", status=500, times=20)
    assert (await tutoring.join()).status_code == 503
    assert joins("failed", "provider_unavailable") == before[0] + 1
    assert vendor_requests("create_room", "failed") > before[1]


async def test_requests_to_vendors_are_counted_by_operation_and_outcome(tutoring: Tenant, sandbox: Sandbox) -> None:
    await tutoring.book()
    before = vendor_requests("create_room", "ok"), vendor_requests("create_room", "throttled")
    await sandbox.inject_fault("status", status=429, times=1)
    assert (await tutoring.join()).status_code == 200
    assert vendor_requests("create_room", "ok") == before[0] + 1
    assert vendor_requests("create_room", "throttled") == before[1] + 1


async def test_repairs_by_reconciliation_are_counted(tutoring: Tenant, sandbox: Sandbox) -> None:
    # Without webhooks, only reconciliation finds people.
    await tutoring.book()
    joined = (await tutoring.join()).json()
    await sandbox.join_room(joined["room_id"], token=joined["token"])
    before = repairs()
    await tutoring.reconcile_calls()
    repaired = repairs() - before
    assert repaired >= 1
    await tutoring.reconcile_calls()
    assert repairs() - before == repaired


def test_reasons_of_joins_are_bounded() -> None:
    assert {reason.value for reason in AccessReason} <= set(CATALOG)
