"""Lists of sessions: filters, orders, and cursors that belong to one list."""

from datetime import timedelta
from typing import Any

import jwt
import pytest
from sqlalchemy import update

from tenants import LESSON, MovableClock, Tenant, context_of, send_as
from videobroker.domain.times import rfc3339
from videobroker.domain.user_tokens import TokenRules
from videobroker.storage.tables import sessions
from videobroker.usecases import management


async def references(tenant: Tenant, path: str = "/v1/bookings", **params: Any) -> list[str]:
    response = await tenant.get(path, params=params)
    assert response.status_code == 200, response.text
    return [each["reference"] for each in response.json()["data"]]


async def code_of(tenant: Tenant, path: str = "/v1/bookings", **params: Any) -> str:
    response = await tenant.get(path, params=params)
    assert response.status_code >= 400, response.text
    return str(response.json()["code"])


@pytest.fixture
async def school(tutoring: Tenant, clock: MovableClock) -> Tenant:
    """Four bookings: a is over, b is on, c is tomorrow, d is pending. They were created a minute apart."""
    await tutoring.book(
        "a", starts_in=timedelta(days=-1), title="Algebra for beginners", metadata={"customer": 42, "plan": "basic"}
    )
    clock.move(minutes=1)
    await tutoring.book(
        "b", starts_in=timedelta(minutes=-5), title="GEOMETRY, Élan vital", metadata={"customer": "42", "paid": True}
    )
    clock.move(minutes=1)
    await tutoring.book(
        "c", starts_in=timedelta(days=1), title="Linear algebra", metadata={"customer": 7, "a:b": "c:d", "n": None}
    )
    clock.move(minutes=1)
    await tutoring.book("d", starts_in=timedelta(days=2), status="pending", participants=LESSON[:1])
    return tutoring


class TestFilters:
    @pytest.mark.parametrize(
        ("params", "expected"),
        [
            ({"metadata": "customer:42"}, "ab"),
            ({"metadata": "customer:7"}, "c"),
            ({"metadata": "paid:true"}, "b"),
            ({"metadata": "customer:4"}, ""),
            ({"metadata": ["customer:42", "plan:basic"]}, "a"),
            ({"metadata": ["customer:7", "plan:basic"]}, ""),
            ({"metadata": "n:null"}, ""),
            ({"metadata": "plan:"}, ""),
            ({"q": "algebra"}, "ac"),
            ({"q": "ALGEBRA linear"}, "c"),
            ({"q": "alg"}, ""),
            ({"q": "geometry"}, "b"),
            ({"q": "élan"}, "b"),
            ({"q": "ÉLAN Vital"}, "b"),
            ({"q": "it's a \\ ' & | ! :* (test"}, ""),
            ({"q": "!!"}, ""),
            ({"status": "pending"}, "d"),
            ({"status": ["pending", "confirmed"]}, "abcd"),
            ({"status": "cancelled"}, ""),
            ({"ended": "true"}, "a"),
            ({"ended": "false"}, "bcd"),
            ({"participant": "student-1"}, "abc"),
            ({"participant": "tutor-1", "role": "tutor"}, "abcd"),
            ({"participant": "tutor-1", "role": "student"}, ""),
            ({"reference_prefix": "b"}, "b"),
            ({"reference_prefix": "x"}, ""),
            ({"provider": "100ms"}, ""),
            ({"q": "algebra", "ended": "false", "metadata": "customer:7"}, "c"),
        ],
        ids=str,
    )
    async def test_of_bookings(self, school: Tenant, params: dict[str, Any], expected: str) -> None:
        assert await references(school, **params) == list(expected)

    async def test_a_metadata_name_ends_at_the_first_colon(self, school: Tenant) -> None:
        assert await references(school, metadata="a:b") == []

    async def test_provider_is_that_of_the_room(self, school: Tenant) -> None:
        await school.join("b")
        assert await references(school, provider="100ms") == ["b"]
        assert await references(school, provider="agora") == []

    async def test_updated_is_for_synchronization(self, school: Tenant, clock: MovableClock) -> None:
        clock.move(minutes=1)
        since = rfc3339(school.broker.now())
        assert await references(school, updated_after=since) == []
        assert len(await references(school, updated_before=since)) == 4
        await school.send("PATCH", "/v1/bookings/c", json={"title": "New"})
        await school.send("PATCH", "/v1/bookings/a", json={"title": "New"})
        (c, a) = [(await school.get(f"/v1/bookings/{each}")).json()["updated_at"] for each in "ca"]
        assert await references(school, updated_after=since, sort="updated_at") == ["c", "a"]
        assert await references(school, updated_after=c, updated_before=a) == ["c"]

    async def test_a_long_booking_that_began_weeks_ago_has_not_ended(self, school: Tenant) -> None:
        now = school.broker.now()
        times = {"starts_at": rfc3339(now - timedelta(days=30)), "ends_at": rfc3339(now + timedelta(days=1))}
        await school.send("PUT", "/v1/bookings/long", json=times)
        assert await references(school, ended="false") == ["long", "b", "c", "d"]

    async def test_of_groups(self, school: Tenant) -> None:
        await school.create_group("one", title="Evening circle", metadata={"customer": 42})
        await school.create_group("two", title="Morning circle", participants=LESSON[:1])
        assert await references(school, "/v1/groups", q="circle") == ["one", "two"]
        assert await references(school, "/v1/groups", q="morning") == ["two"]
        assert await references(school, "/v1/groups", metadata="customer:42") == ["one"]
        assert await references(school, "/v1/groups", participant="student-1", role="student") == ["one"]
        assert await references(school, "/v1/groups", reference_prefix="t") == ["two"]
        for name in ("status", "ended", "starts_after"):
            assert await code_of(school, "/v1/groups", **{name: "true"}) == "invalid_request"

    async def test_another_apps_sessions_are_not_found(self, school: Tenant, other: Tenant) -> None:
        await other.book("theirs", title="Algebra", metadata={"customer": 42})
        for params in ({"q": "algebra"}, {"metadata": "customer:42"}, {"reference_prefix": "t"}):
            assert await references(other, **params) == (["theirs"])
            assert "theirs" not in await references(school, **params)

    @pytest.mark.parametrize(
        "params",
        [
            {"role": "tutor"},
            {"metadata": "customer"},
            {"metadata": ":42"},
            {"metadata": [f"a:{n}" for n in range(6)]},
            {"q": ""},
            {"q": "a\x00"},
            {"q": "a" * 201},
            {"sort": "title"},
            {"status": "unknown"},
            {"ended": "maybe"},
            {"provider": "zoom"},
            {"metadata[customer]": "42"},
        ],
        ids=str,
    )
    async def test_a_filter_that_is_not_understood_is_refused(self, school: Tenant, params: dict[str, Any]) -> None:
        assert await code_of(school, **params) == "invalid_request"


class TestOrders:
    @pytest.mark.parametrize(
        ("sort", "expected"),
        [
            ("starts_at", "abcd"),
            ("-starts_at", "dcba"),
            ("created_at", "abcd"),
            ("-created_at", "dcba"),
            ("updated_at", "acdb"),
            ("-updated_at", "bdca"),
        ],
    )
    async def test_pages_continue_without_gaps_or_repetition(
        self, school: Tenant, clock: MovableClock, sort: str, expected: str
    ) -> None:
        clock.move(minutes=1)
        await school.send("PATCH", "/v1/bookings/b", json={"status": "completed"})
        for limit in (1, 2, 3, 4):
            seen: list[str] = []
            cursor: str | None = ""
            while cursor is not None:
                params = {"sort": sort, "limit": limit, **({"cursor": cursor} if cursor else {})}
                page = (await school.get("/v1/bookings", params=params)).json()
                seen += [each["reference"] for each in page["data"]]
                cursor = page["next"]
            assert "".join(seen) == expected

    async def test_sessions_with_equal_times_are_not_lost_between_pages(self, tutoring: Tenant) -> None:
        for n in range(5):
            await tutoring.book(f"lesson-{n}")
        now = tutoring.broker.now()
        async with tutoring.broker.store.cross_app_transaction() as unit_of_work:
            await unit_of_work.execute(
                update(sessions).where(sessions.c.app_id == tutoring.app.id).values(updated_at=now, created_at=now)
            )
        for sort in ("updated_at", "-updated_at", "created_at", "-created_at"):
            first = (await tutoring.get("/v1/bookings", params={"sort": sort, "limit": 2})).json()
            rest = await references(tutoring, sort=sort, cursor=first["next"])
            assert len({each["reference"] for each in first["data"]} | set(rest)) == 5, sort

    async def test_groups_have_no_start(self, tutoring: Tenant) -> None:
        for name in ("one", "two"):
            await tutoring.create_group(name)
        assert await references(tutoring, "/v1/groups") == ["one", "two"]
        assert await references(tutoring, "/v1/groups", sort="-created_at") == ["two", "one"]
        await tutoring.create_group("one", title="New")
        assert await references(tutoring, "/v1/groups", sort="-updated_at") == ["one", "two"]
        assert await code_of(tutoring, "/v1/groups", sort="starts_at") == "invalid_request"


class TestCursors:
    @pytest.mark.parametrize(
        "others",
        [
            {"sort": "-starts_at"},
            {"sort": "updated_at"},
            {"participant": "tutor-1"},
            {"status": "confirmed"},
            {"ended": "false"},
            {"q": "algebra"},
            {"metadata": "customer:42"},
            {"reference_prefix": "a"},
            {"provider": "100ms"},
            {"starts_after": "2026-01-01T00:00:00Z"},
            {"updated_before": "2126-01-01T00:00:00Z"},
        ],
        ids=str,
    )
    async def test_a_cursor_of_another_list_is_refused(self, school: Tenant, others: dict[str, str]) -> None:
        cursor = (await school.get("/v1/bookings", params={"limit": 1})).json()["next"]
        response = await school.get("/v1/bookings", params={"cursor": cursor, **others})
        assert (response.status_code, response.json()["code"]) == (422, "invalid_cursor")
        assert "other filters or another order" in response.json()["detail"]
        assert await references(school, cursor=cursor, limit=50) == ["b", "c", "d"]

    async def test_a_cursor_of_bookings_is_not_one_of_groups(self, school: Tenant) -> None:
        for name in ("one", "two"):
            await school.create_group(name)
        cursor = (await school.get("/v1/groups", params={"limit": 1})).json()["next"]
        assert await code_of(school, cursor=cursor, sort="created_at") == "invalid_cursor"

    async def test_the_order_of_repeated_parameters_is_irrelevant(self, school: Tenant) -> None:
        params: dict[str, Any] = {"status": ["pending", "confirmed"], "metadata": ["customer:42"]}
        cursor = (await school.get("/v1/bookings", params={**params, "limit": 1})).json()["next"]
        assert await references(school, **params | {"status": ["confirmed", "pending"]}, cursor=cursor) == ["b"]


class TestUsers:
    async def test_a_user_finds_only_their_own_and_cannot_search_metadata(self, school: Tenant) -> None:
        secret = f"a-secret-of-the-apps-identity-provider-{school.app.id}"
        await management.set_token_rules(context_of(school.broker, school.app), TokenRules(secret=secret))
        expires_at = school.broker.now().timestamp() + 3600
        token = jwt.encode({"sub": "student-1", "exp": expires_at}, secret)

        async def get(query: str) -> Any:
            return (await send_as(school, token, "GET", f"/v1/bookings?{query}")).json()

        found = (await get("role=student&sort=-starts_at"))["data"]
        assert [each["reference"] for each in found] == ["c", "b", "a"]
        assert {each["metadata"] for each in found} == {None}
        assert [each["reference"] for each in (await get("q=algebra"))["data"]] == ["a", "c"]
        assert (await get("metadata=customer:42"))["code"] == "role_may_not"
        assert (await get("participant=tutor-1"))["code"] == "not_yourself"

    async def test_a_backend_for_a_user_searches_their_sessions(self, school: Tenant) -> None:
        response = await school.get(
            "/v1/bookings", params={"metadata": "customer:42"}, headers={"X-User-Id": "student-1"}
        )
        assert [each["reference"] for each in response.json()["data"]] == ["a", "b"]
