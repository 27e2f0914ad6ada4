"""`GET /v1/calls`: the calls of all sessions of an app."""

from typing import Any

import pytest

from tenants import MovableClock, Sandbox, Tenant, send_as
from videobroker.domain.api_keys import Scope

PATH = "/v1/calls"


async def listed(tenant: Tenant, **params: Any) -> list[str]:
    """The references of the sessions of the calls."""
    response = await tenant.get(PATH, params=params)
    assert response.status_code == 200, response.text
    return [each["session"]["reference"] for each in response.json()["data"]]


@pytest.fixture
async def school(webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock) -> Tenant:
    """A call in a that has ended, a call in b in which Ada is, and one in the group circle."""
    tenant = webhook_tenant
    await tenant.book("a")
    await tenant.join("a", "student-1")
    await tenant.post("/v1/bookings/a/end")
    clock.move(minutes=1)
    await tenant.book("b")
    joined = (await tenant.join("b")).json()
    await sandbox.join_room(joined["room_id"], token=joined["token"])
    await sandbox.deliver_webhooks()
    await tenant.run_due_jobs()
    clock.move(minutes=1)
    await tenant.create_group("circle")
    await tenant.post("/v1/groups/circle/start")
    return tenant


async def test_the_newest_calls_of_all_sessions_come_first(school: Tenant) -> None:
    assert await listed(school) == ["circle", "b", "a"]
    assert await listed(school, sort="started_at") == ["a", "b", "circle"]
    call = (await school.get(PATH)).json()["data"][1]
    assert call == (await school.get("/v1/bookings/b/calls")).json()["data"][0]
    assert (call["session"], call["present"]) == ({"kind": "booking", "reference": "b"}, 1)


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"running": "true"}, ["circle", "b"]),
        ({"running": "false"}, ["a"]),
        ({"provider": "100ms"}, ["circle", "b", "a"]),
        ({"provider": "agora"}, []),
        ({"participant": "tutor-1"}, ["b"]),
        ({"participant": "student-1"}, []),
        ({"kind": "booking", "reference": "a"}, ["a"]),
        ({"kind": "group", "reference": "circle", "running": "true"}, ["circle"]),
    ],
    ids=str,
)
async def test_filters_narrow_the_list(school: Tenant, params: dict[str, str], expected: list[str]) -> None:
    assert await listed(school, **params) == expected


async def test_a_period_includes_its_start_and_not_its_end(school: Tenant) -> None:
    (_, b, a) = (await school.get(PATH)).json()["data"]
    assert await listed(school, started_after=b["started_at"]) == ["circle", "b"]
    assert await listed(school, started_before=b["started_at"]) == ["a"]
    assert await listed(school, started_after=a["started_at"], started_before=b["started_at"]) == ["a"]


@pytest.mark.parametrize("sort", ["started_at", "-started_at"])
async def test_pages_continue_without_gaps_or_repetition(school: Tenant, sort: str) -> None:
    for limit in (1, 2, 3):
        seen: list[str] = []
        cursor: str | None = ""
        while cursor is not None:
            params = {"sort": sort, "limit": limit, **({"cursor": cursor} if cursor else {})}
            page = (await school.get(PATH, params=params)).json()
            seen += [each["session"]["reference"] for each in page["data"]]
            cursor = page["next"]
        assert seen == (["a", "b", "circle"] if sort == "started_at" else ["circle", "b", "a"])


@pytest.mark.parametrize(
    "others",
    [
        {"sort": "started_at"},
        {"running": "true"},
        {"provider": "100ms"},
        {"participant": "tutor-1"},
        {"kind": "booking", "reference": "a"},
        {"started_after": "2026-01-01T00:00:00Z"},
    ],
    ids=str,
)
async def test_a_cursor_of_another_list_is_refused(school: Tenant, others: dict[str, str]) -> None:
    cursor = (await school.get(PATH, params={"limit": 1})).json()["next"]
    response = await school.get(PATH, params={"cursor": cursor, **others})
    assert (response.status_code, response.json()["code"]) == (422, "invalid_cursor")


async def test_invalid_filters_are_refused(school: Tenant) -> None:
    for params, code in (
        ({"kind": "booking"}, "invalid_request"),
        ({"reference": "a"}, "invalid_request"),
        ({"kind": "booking", "reference": "unknown"}, "session_not_found"),
        ({"running": "maybe"}, "invalid_request"),
        ({"sort": "people"}, "invalid_request"),
        ({"session": "a"}, "invalid_request"),
    ):
        assert (await school.get(PATH, params=params)).json()["code"] == code, params


async def test_other_apps_see_none_of_them(school: Tenant, other: Tenant) -> None:
    assert await listed(other) == []
    response = await other.get(PATH, params={"kind": "booking", "reference": "a"})
    assert response.json()["code"] == "session_not_found"


async def test_a_key_needs_the_scope(school: Tenant) -> None:
    key = await school.create_key(scopes=set(Scope) - {Scope.CALLS_READ})
    response = await send_as(school, key, "GET", PATH)
    assert (response.status_code, response.json()["code"]) == (403, "scope_missing")
