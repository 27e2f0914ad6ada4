"""The overview: sessions by phase, for one app or all, on a day in the operator's time zone."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from consoles import Console, csrf_of
from tenants import MovableClock, Sandbox, Tenant
from videobroker.domain.overview import MAX_TIME_RANGE, Section, TimeRange
from videobroker.usecases.operations import overviews
from videobroker.web.console import today

DAY = timedelta(days=1)


def titles(page: str) -> list[str]:
    """The titles on a page, in order."""
    return re.findall(r'<a href="/console/sessions/[^"]+"><strong><bdi>([^<]+)</bdi></strong>', page)


def tile_counts(page: str) -> dict[str, int]:
    """The numbers in the tiles."""
    found = re.findall(
        r'tile-(\w+)[^"]*"><a href="[^"]+"><span class="tile-name">[^<]+</span> <strong[^>]*>(\d+)', page
    )
    return {name: int(number) for name, number in found}


async def every_phase(tenant: Tenant, clock: MovableClock) -> None:
    """Sessions in every phase."""
    await tenant.book("completed", title="was completed", starts_in=timedelta(minutes=30))
    await tenant.send("PATCH", "/v1/bookings/completed", json={"status": "completed"})
    await tenant.book("cancelled", title="was cancelled", starts_in=timedelta(minutes=30))
    await tenant.post("/v1/bookings/cancelled/cancel")
    await tenant.book("over", title="is over", starts_in=timedelta(minutes=-70))
    await tenant.book("running", title="runs", starts_in=timedelta(minutes=1))
    await tenant.join("running")
    await tenant.book("soon", title="starts soon", starts_in=timedelta(minutes=20))
    await tenant.book("late", title="no one joined", starts_in=timedelta(minutes=-5))
    await tenant.book("pending", title="not confirmed", status="pending", starts_in=timedelta(minutes=25))
    await tenant.book("practice", title="at the practice", modality="physical", starts_in=timedelta(minutes=26))
    await tenant.create_group("circle", title="the circle")
    await tenant.post("/v1/groups/circle/join", {"user_id": "tutor-1"})
    await tenant.create_group("quiet", title="the quiet circle")


async def join_and_report(tenant: Tenant, sandbox: Sandbox, user_id: str) -> None:
    """Let a person join the lesson, and process the webhooks about it."""
    joined = (await tenant.join(user_id=user_id)).json()
    await sandbox.join_room(joined["room_id"], token=joined["token"])
    await sandbox.deliver_webhooks()
    await tenant.run_due_jobs()


@pytest.fixture(autouse=True)
def noon(clock: MovableClock) -> None:
    """A time far from midnight, so that all sessions of the test are on one day."""
    now = clock()
    clock.move(seconds=(now.replace(hour=12, minute=0, second=0) + DAY - now).total_seconds())


class TestToday:
    async def test_every_session_is_listed_under_its_phase(
        self, console: Console, tutoring: Tenant, clock: MovableClock
    ) -> None:
        await every_phase(tutoring, clock)
        page = (await console.get(f"/console?app={tutoring.app.id}")).text
        parts = dict(re.findall(r'<h2 id="(\w+)">(.*?)</section>', page, re.DOTALL))
        assert set(titles(parts["in_progress"])) == {"runs", "the circle"}
        assert titles(parts["upcoming"]) == ["starts soon", "not confirmed", "at the practice"]
        assert titles(parts["late"]) == ["no one joined"]
        assert set(titles(parts["completed"])) == {"was completed", "is over"}
        assert titles(parts["cancelled"]) == ["was cancelled"]
        assert tile_counts(page) == {
            "in_progress": 2,
            "late": 1,
            "waiting": 0,
            "no_show": 0,
            "upcoming": 3,
            "completed": 2,
            "cancelled": 1,
        }
        assert parts["late"].count("Late: no one has joined") == 1
        assert "Not confirmed" in parts["upcoming"]
        assert "In person" in parts["upcoming"]

    async def test_it_counts_present_people(self, console: Console, webhook_tenant: Tenant, sandbox: Sandbox) -> None:
        await webhook_tenant.book()
        for user_id in ("tutor-1", "student-1"):
            joined = (await webhook_tenant.join(user_id=user_id)).json()
            await sandbox.join_room(joined["room_id"], token=joined["token"])
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        page = (await console.get(f"/console?app={webhook_tenant.app.id}")).text
        assert tile_counts(page)["in_progress"] == 1
        assert '</strong> <span class="small quiet">2 people</span>' in page
        assert "2 in call" in page

    async def test_a_session_without_its_host_is_late_although_others_joined(
        self, console: Console, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book(title="no host", starts_in=timedelta(minutes=1))
        await join_and_report(webhook_tenant, sandbox, "student-1")
        page = (await console.get(f"/console/list/late?app={webhook_tenant.app.id}")).text
        assert titles(page) == []
        clock.move(minutes=2)
        page = (await console.get(f"/console/list/late?app={webhook_tenant.app.id}")).text
        assert titles(page) == ["no host"]
        assert "Late: host not in call" in page
        await join_and_report(webhook_tenant, sandbox, "tutor-1")
        page = (await console.get(f"/console?app={webhook_tenant.app.id}")).text
        assert tile_counts(page)["late"] == 0
        assert tile_counts(page)["in_progress"] == 1

    async def test_no_shows_are_listed_once_they_are_reported_and_after_the_end(
        self, console: Console, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book(title="one is missing", starts_in=timedelta(minutes=1))
        await webhook_tenant.book("later", title="later", starts_in=timedelta(hours=3))
        await join_and_report(webhook_tenant, sandbox, "tutor-1")
        path = f"/console/list/no_show?app={webhook_tenant.app.id}"
        clock.move(minutes=12)
        assert titles((await console.get(path)).text) == []
        await webhook_tenant.run_due_jobs()
        page = (await console.get(path)).text
        assert titles(page) == ["one is missing"]
        assert "1 no-show" in page
        clock.move(minutes=120)
        await webhook_tenant.run_due_jobs()
        await console.sign_in()
        assert titles((await console.get(path)).text) == ["one is missing"]
        await webhook_tenant.post("/v1/bookings/lesson-1/cancel")
        assert titles((await console.get(path)).text) == []

    async def test_a_no_show_who_arrives_is_none(
        self, console: Console, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        await webhook_tenant.book(title="one is late", starts_in=timedelta(minutes=1))
        await join_and_report(webhook_tenant, sandbox, "tutor-1")
        clock.move(minutes=12)
        await webhook_tenant.run_due_jobs()
        await join_and_report(webhook_tenant, sandbox, "student-1")
        assert titles((await console.get(f"/console/list/no_show?app={webhook_tenant.app.id}")).text) == []

    async def test_without_an_app_it_shows_all_apps(self, console: Console, tutoring: Tenant, other: Tenant) -> None:
        await tutoring.book(title="mine", starts_in=timedelta(minutes=1))
        await other.book(title="yours", starts_in=timedelta(minutes=2))
        page = (
            await overviews.list_section(
                tutoring.broker,
                [tutoring.app.id, other.app.id],
                TimeRange(tutoring.broker.now() - DAY, tutoring.broker.now() + DAY),
                Section.UPCOMING,
                now=tutoring.broker.now(),
                limit=10,
            )
        ).listed
        assert [each.session.terms.title for each in page] == ["mine", "yours"]
        shown = (await console.get("/console")).text
        assert tile_counts(shown)["upcoming"] >= 2
        only = (await console.get(f"/console?app={other.app.id}")).text
        assert titles(only) == ["yours"]

    async def test_a_day_is_that_of_the_operators_time_zone(self, signed_out: Console, tutoring: Tenant) -> None:
        start = datetime(2027, 3, 12, 23, 30, tzinfo=UTC)
        await tutoring.book(title="late at night", starts_in=start - tutoring.broker.now())
        app = tutoring.app.id
        await signed_out.sign_in(zone="Europe/Berlin")
        assert titles((await signed_out.get(f"/console?app={app}&day=2027-03-12")).text) == []
        berlin = (await signed_out.get(f"/console?app={app}&day=2027-03-13")).text
        assert titles(berlin) == ["late at night"]
        assert "00:30" in berlin
        await signed_out.sign_in(zone="UTC")
        assert titles((await signed_out.get(f"/console?app={app}&day=2027-03-12")).text) == ["late at night"]

    async def test_another_day_shows_nothing_of_now(
        self, console: Console, tutoring: Tenant, clock: MovableClock
    ) -> None:
        await tutoring.book("running", title="runs", starts_in=timedelta(minutes=1))
        await tutoring.join("running")
        yesterday = (clock() - DAY).date().isoformat()
        page = (await console.get(f"/console?app={tutoring.app.id}&day={yesterday}")).text
        assert titles(page) == []
        assert {"in_progress", "waiting"}.isdisjoint(tile_counts(page))
        assert {"in_progress", "waiting"} <= tile_counts(
            (await console.get(f"/console?app={tutoring.app.id}")).text
        ).keys()

    @pytest.mark.parametrize("query", ["day=1999-12-31", "day=2200-01-01", "day=yesterday", "app=nothing", "cursor=x"])
    async def test_invalid_parameters_show_a_page(self, console: Console, query: str) -> None:
        path = "/console/list/upcoming" if query.startswith("cursor") else "/console"
        response = await console.get(f"{path}?{query}")
        assert response.status_code == 422
        assert response.headers["content-type"].startswith("text/html")

    async def test_an_unknown_app_is_reported(self, console: Console) -> None:
        response = await console.get("/console?app=01a20000-0000-7000-8000-000000000000")
        assert response.status_code == 404
        assert "No app has this ID." in response.text


class TestWaitingRoom:
    async def test_people_of_all_sessions_are_listed_and_admitted(
        self, console: Console, tutoring: Tenant, other: Tenant, clock: MovableClock
    ) -> None:
        for number, tenant in enumerate((tutoring, other, tutoring)):
            await tenant.book(
                f"lesson-{number}",
                title=f"Lesson {number}",
                starts_in=timedelta(minutes=1),
                policy={"waiting_room": "admit"},
            )
            await tenant.join(f"lesson-{number}", "student-1")
            clock.move(seconds=1)
        page = (await console.get("/console/waiting")).text
        sessions = re.findall(r"<a href=\"/console/sessions/[^\"]+\"><bdi>([^<]+)", page)
        assert [each for each in sessions if each.startswith("Lesson ")][-3:] == ["Lesson 0", "Lesson 1", "Lesson 2"]
        own = f"/console?app={tutoring.app.id}"
        page = (await console.get(own)).text
        assert tile_counts(page)["waiting"] == 2
        path, entry = re.findall(r'action="(/console/sessions/[^"]+/admit)">.*?name="entry" value="([^"]+)"', page)[0]
        token = csrf_of(await console.get(own))
        done = await console.client.post(path, data={"csrf": token, "entry": entry, "page": own})
        assert done.status_code == 303
        done = await console.client.get(done.headers["location"])
        assert "Admitted." in done.text
        assert tile_counts((await console.get(own)).text)["waiting"] == 1
        assert (await tutoring.join("lesson-0", "student-1")).status_code == 200

    async def test_people_who_left_are_not_listed(
        self, console: Console, tutoring: Tenant, clock: MovableClock
    ) -> None:
        await tutoring.book(starts_in=timedelta(minutes=1), policy={"waiting_room": "admit"})
        await tutoring.join(user_id="student-1")
        path = f"/console/waiting?app={tutoring.app.id}"
        assert "Away" not in (await console.get(path)).text
        clock.move(seconds=45)
        assert "Away" in (await console.get(path)).text
        clock.move(minutes=11)
        assert "No one is waiting." in (await console.get(path)).text


class TestLists:
    @pytest.mark.parametrize("section", [each for each in Section if each is not Section.NO_SHOW])
    async def test_pages_contain_every_session_once(
        self, console: Console, tutoring: Tenant, section: Section, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(today, "ROWS_PER_PAGE", 2)
        for number in range(5):
            reference = f"lesson-{number}"
            since = {Section.COMPLETED: -90, Section.LATE: -9}.get(section, 1)
            await tutoring.book(reference, title=reference, starts_in=timedelta(minutes=since + number))
            if section is Section.CANCELLED:
                await tutoring.post(f"/v1/bookings/{reference}/cancel")
            if section is Section.IN_PROGRESS:
                await tutoring.join(reference)
        assert await self.walk(console, f"/console/list/{section.value}?app={tutoring.app.id}") == [
            f"lesson-{number}" for number in range(5)
        ]

    async def test_groups_are_listed_newest_first(
        self, console: Console, tutoring: Tenant, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(today, "ROWS_PER_PAGE", 2)
        for number in range(3):
            clock.move(seconds=1)
            await tutoring.create_group(f"circle-{number}", title=f"circle-{number}")
        found = await self.walk(console, f"/console/groups?app={tutoring.app.id}")
        assert found == ["circle-2", "circle-1", "circle-0"]

    async def walk(self, console: Console, path: str) -> list[str]:
        found: list[str] = []
        pages = 0
        while path:
            response = await console.get(path)
            assert response.status_code == 200
            found += titles(response.text)
            following = re.search(r'rel="next" href="([^"]+)"', response.text)
            path = following[1].replace("&amp;", "&") if following else ""
            pages += 1
        assert pages >= 2
        return found


@pytest.mark.parametrize("length", [timedelta(0), -DAY, MAX_TIME_RANGE + timedelta(seconds=1)])
def test_a_period_has_limits(length: timedelta) -> None:
    start = datetime(2026, 3, 12, tzinfo=UTC)
    with pytest.raises(ValueError, match="period"):
        TimeRange(start, start + length)
