"""The page of a session, and the actions of operators, which are journaled with their names."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from consoles import OPERATOR, Console
from tenants import MovableClock, Sandbox, Tenant, create_guest_link, create_link, error_code, send_as
from videobroker.domain.events import EventType
from videobroker.usecases.joining import links, waiting_room
from videobroker.web.console import event_text, join_links, session

LESSON_1 = "/v1/bookings/lesson-1"


async def session_path(console: Console, tenant: Tenant, reference: str = "lesson-1") -> str:
    """The path of a session's page."""
    found = re.search(
        rf"/console/sessions/{tenant.app.id}/[0-9a-f-]+",
        (await console.client.get("/console/search", params={"q": reference, "app": str(tenant.app.id)})).text,
    )
    assert found
    return found[0]


def timeline(page: str) -> list[str]:
    """The sentences of the timeline."""
    found = re.findall(r'<div>\s*<p>(.*?)</p>\s*<div class="small quiet event-more', page)
    return [unescape(re.sub("</?bdi>", "", each)) for each in found]


async def submit(console: Console, path: str, verb: str, **fields: str) -> str:
    """Submit a form of this page. Returns the message that the page shows afterwards."""
    response = await console.post(f"{path}/{verb}", page=path, **fields)
    assert response.status_code == 303, response.text
    message = re.search(r'role="status"[^>]*>([^<]+)<', (await console.get(response.headers["location"])).text)
    assert message
    return message[1]


class TestPage:
    async def test_it_describes_every_event_with_the_raw_event(
        self, console: Console, webhook_tenant: Tenant, sandbox: Sandbox
    ) -> None:
        await webhook_tenant.book(title="Algebra")
        await webhook_tenant.join(user_id="stranger")
        joined = (await webhook_tenant.join()).json()
        peer = await sandbox.join_room(joined["room_id"], token=joined["token"])
        await sandbox.leave_room(joined["room_id"], peer)
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        path = await session_path(console, webhook_tenant)
        page = (await console.get(path)).text
        assert timeline(page) == [
            "Session created (confirmed).",
            "stranger couldn't join: not a participant.",
            "100ms room opened.",
            "Call started at 100ms.",
            "Ada was given access (100ms token, role teacher).",
            "Ada joined as teacher.",
            "Ada left.",
        ]
        assert "the app&#39;s backend" in page
        assert "&#34;type&#34;: &#34;participant.left&#34;" in page
        assert joined["token"] not in page

    async def test_a_person_who_has_to_wait_is_no_problem(self, console: Console, tutoring: Tenant) -> None:
        await tutoring.book("early", starts_in=timedelta(hours=3))
        await tutoring.book("host", policy={"waiting_room": "until_host"})
        await tutoring.book("admission", policy={"waiting_room": "admit"})
        for reference, reason in (
            ("early", "too early"),
            ("host", "waiting for the host"),
            ("admission", "waiting for admission"),
        ):
            await tutoring.join(reference, "student-1")
            await tutoring.join(reference, "stranger")
            page = (await console.get(await session_path(console, tutoring, reference))).text
            kinds = dict(zip(timeline(page), re.findall(r'class="event event-(\w+)', page), strict=True))
            assert kinds[f"Ben couldn't join yet: {reason}."] == "access"
            assert kinds["stranger couldn't join: not a participant."] == "trouble"

    async def test_long_timelines_have_pages(
        self, console: Console, tutoring: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(session, "MAX_EVENTS_SHOWN", 2)
        await tutoring.book()
        for user_id in ("one", "two", "three"):
            await tutoring.join(user_id=user_id)
        path = await session_path(console, tutoring)
        newest = (await console.get(path)).text
        assert [line.split()[0] for line in timeline(newest)] == ["two", "three"]
        (earlier,) = re.findall(r'href="([^"]+)">Earlier</a>', newest)
        older = (await console.get(unescape(earlier))).text
        assert timeline(older) == ["Session created (confirmed).", "one couldn't join: not a participant."]
        assert ">Earlier</a>" not in older

    async def test_text_of_participants_is_escaped(self, console: Console, tutoring: Tenant) -> None:
        nasty = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"
        people = [{"user_id": "<i>tutor", "role": "tutor", "display_name": nasty}]
        await tutoring.book(title=nasty, participants=people, metadata={"note": nasty})
        await tutoring.post("/v1/events", {"event": nasty, "kind": "booking", "reference": "lesson-1"})
        path = await session_path(console, tutoring)
        for page in ((await console.get(path)).text, (await console.get(f"/console?app={tutoring.app.id}")).text):
            assert "<script>alert" not in page
            assert "<img src=x" not in page
            assert "<i>tutor" not in page
            assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page

    async def test_it_is_not_found_under_another_app(self, console: Console, tutoring: Tenant, other: Tenant) -> None:
        await tutoring.book()
        path = await session_path(console, tutoring)
        response = await console.get(path.replace(str(tutoring.app.id), str(other.app.id)))
        assert response.status_code == 404
        assert "This app has no session with this ID." in response.text

    async def test_a_group_shows_the_attendance_of_one_call(
        self, console: Console, webhook_tenant: Tenant, sandbox: Sandbox
    ) -> None:
        await webhook_tenant.create_group(title="Circle")
        joined = (await webhook_tenant.post("/v1/groups/circle/join", {"user_id": "tutor-1"})).json()
        await sandbox.join_room(joined["room_id"], token=joined["token"])
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        page = (await console.get(await session_path(console, webhook_tenant, "circle"))).text
        assert 'data-person="Ada"' in page
        assert page.count('class="bar bar-observed bar-open"') == 1

    def test_every_type_of_event_has_its_own_sentence(self) -> None:
        without_session = {EventType.ENDPOINT_DISABLED, EventType.ENDPOINT_OPERATED}
        assert set(EventType) - set(event_text._SENTENCES) == without_session


class TestActions:
    async def test_a_call_is_ended_for_everyone(self, console: Console, tutoring: Tenant) -> None:
        await tutoring.book()
        await tutoring.join()
        path = await session_path(console, tutoring)
        assert await submit(console, path, "end") == "The call has ended."
        (event,) = await tutoring.events("call.ended")
        assert event["asked_by"] == {
            "key_id": None,
            "user_id": None,
            "operator": OPERATOR,
            "operator_subject": None,
            "ticket_id": None,
            "ip": "127.0.0.1",
            "user_agent": event["asked_by"]["user_agent"],
        }
        assert "operator" not in event["data"]
        assert f"operator <bdi>{OPERATOR}</bdi>" in (await console.get(path)).text
        assert await submit(console, path, "end") == "No call was running."
        assert len(await tutoring.events("call.ended")) == 1

    async def test_without_a_call_ending_is_refused(self, console: Console, tutoring: Tenant) -> None:
        await tutoring.book()
        assert await submit(console, await session_path(console, tutoring), "end") == "No call was running."

    async def test_a_person_is_removed_and_unblocked(self, console: Console, webhook_tenant: Tenant) -> None:
        await webhook_tenant.book()
        await webhook_tenant.join()
        path = await session_path(console, webhook_tenant)
        assert await submit(console, path, "remove", user_id="student-1", ban="on") == "Removed."
        assert error_code(await webhook_tenant.join(user_id="student-1")) == "participant_removed"
        assert "Blocked" in (await console.get(path)).text
        assert await submit(console, path, "readmit", user_id="student-1") == "Unblocked."
        assert (await webhook_tenant.join(user_id="student-1")).status_code == 200
        events = await webhook_tenant.events("participant.removed", "participant.readmitted")
        assert [(each["type"], each["user_id"], each["asked_by"]["operator"]) for each in events] == [
            ("participant.removed", "student-1", OPERATOR),
            ("participant.readmitted", "student-1", OPERATOR),
        ]
        assert await submit(console, path, "readmit", user_id="student-1") == "They were not blocked."

    async def test_without_blocking_they_can_rejoin(self, console: Console, webhook_tenant: Tenant) -> None:
        await webhook_tenant.book()
        await submit(console, await session_path(console, webhook_tenant), "remove", user_id="student-1")
        assert (await webhook_tenant.join(user_id="student-1")).status_code == 200

    async def test_a_provider_outage_is_reported_to_the_operator(
        self, console: Console, webhook_tenant: Tenant, sandbox: Sandbox
    ) -> None:
        await webhook_tenant.book()
        await webhook_tenant.join(user_id="student-1")
        await sandbox.inject_fault("status", status=503)
        message = await submit(console, await session_path(console, webhook_tenant), "remove", user_id="student-1")
        assert "isn't responding" in unescape(message)

    async def test_an_unknown_person_cannot_be_removed(self, console: Console, tutoring: Tenant) -> None:
        await tutoring.book()
        path = await session_path(console, tutoring)
        response = await console.post(f"{path}/remove", page=path, user_id="signed_out")
        assert response.status_code == 404
        assert "participant_not_found" in response.text

    async def test_links_are_shown_once_and_open_the_session(self, console: Console, tutoring: Tenant) -> None:
        await tutoring.book()
        path = await session_path(console, tutoring)
        single = await console.post(f"{path}/links", page=path, user_id="tutor-1")
        (url,) = re.findall(r'readonly value="([^"]+)"', single.text)
        assert url.startswith("http://videobroker/join/vbt_")
        joined = await send_as(tutoring, url.rpartition("/")[2], "POST", "/v1/bookings/lesson-1/join")
        assert joined.status_code == 200, joined.text
        assert joined.json()["user_id"] == "tutor-1"
        all_links = await console.post(f"{path}/links", page=path)
        assert all_links.text.count('readonly value="http') == 2
        assert "/join/vbt_" not in (await console.get(path)).text
        assert {each["asked_by"]["operator"] for each in await tutoring.events("link.issued")} == {OPERATOR}

    async def test_a_canceled_session_gives_no_links_and_says_why(self, console: Console, tutoring: Tenant) -> None:
        await tutoring.book()
        await tutoring.post("/v1/bookings/lesson-1/cancel")
        path = await session_path(console, tutoring)
        response = await console.post(f"{path}/links", page=path)
        assert response.status_code == 200
        assert "/join/" not in response.text
        assert "cancelled" in response.text

    async def test_links_for_everyone_report_the_people_without_a_link(
        self, console: Console, tutoring: Tenant, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(session, "MAX_LINKS", 3)
        names = ["a-1", "B-2", "c", "é-4", "\U0001f600-5", "\uffee-6", "z-7"]
        await tutoring.book(participants=[{"user_id": name, "role": "student"} for name in names])
        await tutoring.post("/v1/bookings/lesson-1/participants/c/remove", {"ban": True})
        path = await session_path(console, tutoring)
        pages, after = [], None
        while after is None or after:
            response = await console.post(f"{path}/links", page=path, **({"after": after} if after else {}))
            pages.append(response.text)
            following = re.search(r'name="after" value="([^"]+)"', response.text)
            after = unescape(following[1]) if following else ""
        found = [
            unescape(name)
            for page in pages
            for name in re.findall(
                r'<div class="copy"><div class="copy-who"><label for="[^"]+"><bdi>([^<]+)</bdi>', page
            )
        ]
        assert sorted(found) == sorted(set(names) - {"c"})
        assert "4 more participants have no link yet.</strong> At most 3 links are created at a time." in pages[0]
        assert "Participants 1\u20133 of 7, by user ID." in pages[0]
        assert "1 more participant has no link yet" in pages[1]
        assert "no link yet" not in pages[2]
        assert "Participants 7\u20137 of 7" in pages[2]
        assert sum("1 of them has no link; the reason is next to the name." in page for page in pages) == 1

    async def test_a_removal_without_a_block_is_reported_as_such(
        self, console: Console, webhook_tenant: Tenant, sandbox: Sandbox
    ) -> None:
        await webhook_tenant.book()
        await webhook_tenant.join(user_id="student-1")
        await sandbox.inject_fault("status", status=503)
        message = unescape(
            await submit(console, await session_path(console, webhook_tenant), "remove", user_id="student-1")
        )
        assert message == "Removed. The provider isn't responding; we'll keep trying to disconnect them."


class TestActiveLinks:
    @pytest.fixture
    async def path(self, console: Console, tutoring: Tenant) -> str:
        """The page of a booking with two links for Ben and one for a guest."""
        await tutoring.book(policy={"guests_allowed": True})
        return await session_path(console, tutoring)

    def active_link_ids(self, page: str) -> dict[str, list[str]]:
        """The IDs of the active links, by name and role."""
        card = re.search(r'aria-labelledby="active-links".*?</section>', page, re.DOTALL)
        found: dict[str, list[str]] = {}
        for holder in re.findall(r'<li class="person">.*?</ul>', card[0] if card else "", re.DOTALL):
            name, role = re.findall(r"<bdi>([^<]+)</bdi>", holder)[:2]
            found[f"{name} ({role})"] = re.findall(r'name="link" value="([^"]+)"', holder)
        return found

    async def test_they_are_listed_by_person_with_their_times(
        self, console: Console, tutoring: Tenant, clock: MovableClock, path: str
    ) -> None:
        assert "Active links" not in (await console.get(path)).text
        first = await create_link(tutoring)
        clock.move(minutes=5)
        second, gus = await create_link(tutoring, display_name="Benjamin"), await create_guest_link(tutoring)
        page = (await console.get(path)).text
        assert self.active_link_ids(page) == {"Ben (student)": [first["id"], second["id"]], "Gus (guest)": [gus["id"]]}
        assert 'Active links <span class="count">3</span>' in page
        assert f'Valid until <time datetime="{first["expires_at"]}"' in page
        issued = {each["issued_at"] for each in (await tutoring.get(f"{LESSON_1}/links")).json()["data"]}
        assert set(re.findall(r'Created <time datetime="([^"]+)"', page)) == issued
        assert "joins as <bdi>Benjamin</bdi>" in page
        assert first["ticket"] not in page

    async def test_new_links_show_their_expiry(self, console: Console, tutoring: Tenant, path: str) -> None:
        page = (await console.post(f"{path}/links", page=path, user_id="student-1")).text
        (link,) = (await tutoring.get(f"{LESSON_1}/links")).json()["data"]
        (card,) = re.findall(r'<section class="card links".*?</section>', page, re.DOTALL)
        assert f'Valid until <time datetime="{link["expires_at"]}"' in card

    async def test_a_link_of_a_person_who_cannot_join_is_marked(
        self, console: Console, tutoring: Tenant, path: str
    ) -> None:
        await create_link(tutoring)
        assert ">Active</span>" in (await console.get(path)).text
        await tutoring.post(f"{LESSON_1}/participants/student-1/remove", {"ban": True})
        page = (await console.get(path)).text
        assert self.active_link_ids(page).keys() == {"Ben (student)"}
        assert ">Active</span>" not in page
        await tutoring.post(f"{LESSON_1}/cancel")
        assert ">Session canceled</span>" in (await console.get(path)).text

    async def test_a_link_is_revoked(self, console: Console, tutoring: Tenant, path: str) -> None:
        revoked, other = await create_link(tutoring), await create_link(tutoring)
        assert await submit(console, f"{path}", "links/revoke", link=revoked["id"]) == "1 link revoked."
        assert error_code(await send_as(tutoring, revoked, "GET", "/v1/visit")) == "ticket_revoked"
        assert (await send_as(tutoring, other, "GET", "/v1/visit")).status_code == 200
        (event,) = await tutoring.events("link.revoked")
        assert (event["data"]["token_id"], event["asked_by"]["operator"]) == (revoked["id"], OPERATOR)
        repeated = await submit(console, f"{path}", "links/revoke", link=revoked["id"])
        assert repeated == "No links were revoked: none of them were valid anymore."

    async def test_a_replaced_link_is_explained(
        self, console: Console, tutoring: Tenant, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(links, "MAX_ACTIVE_TICKETS_PER_PERSON", 1)
        for _ in range(2):
            await create_link(tutoring)
        assert timeline((await console.get(path)).text)[-1] == "Join link of Ben revoked (replaced by a newer one)."

    async def test_all_links_of_a_person_or_of_the_session_are_revoked(
        self, console: Console, tutoring: Tenant, path: str
    ) -> None:
        bens = [await create_link(tutoring) for _ in range(2)]
        ada, gus = await create_link(tutoring, "tutor-1"), await create_guest_link(tutoring)
        assert await submit(console, path, "links/revoke", user_id="student-1") == "2 links revoked."
        assert {error_code(await send_as(tutoring, ben, "GET", "/v1/visit")) for ben in bens} == {"ticket_revoked"}
        assert self.active_link_ids((await console.get(path)).text).keys() == {"Ada (tutor)", "Gus (guest)"}
        assert await submit(console, path, "links/revoke", all="yes") == "2 links revoked."
        assert {error_code(await send_as(tutoring, each, "GET", "/v1/visit")) for each in (ada, gus)} == {
            "ticket_revoked"
        }
        assert "Active links" not in (await console.get(path)).text

    async def test_a_form_without_a_valid_link_revokes_nothing(
        self, console: Console, tutoring: Tenant, path: str
    ) -> None:
        ben = await create_link(tutoring)
        await tutoring.book("lesson-2")
        foreign = (await tutoring.post("/v1/bookings/lesson-2/links", {"user_id": "student-1"})).json()
        for fields, status in (
            ({}, 422),
            ({"user_id": ""}, 422),
            ({"link": "none"}, 422),
            ({"link": foreign["id"]}, 404),
        ):
            assert (await console.post(f"{path}/links/revoke", page=path, **fields)).status_code == status
        forged = await console.client.post(f"{path}/links/revoke", data={"csrf": "forged", "all": "yes"})
        assert forged.status_code == 403
        for link in (ben, foreign):
            assert (await send_as(tutoring, link, "GET", "/v1/visit")).status_code == 200

    async def test_links_that_are_not_shown_are_counted(
        self, console: Console, tutoring: Tenant, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(join_links, "MAX_LINKS_SHOWN", 2)
        monkeypatch.setattr(session, "MAX_LINKS_SHOWN", 2)
        for _ in range(3):
            await create_link(tutoring)
        page = (await console.get(path)).text
        assert 'Active links <span class="count">2+</span>' in page
        assert "Showing the first 2. Use the API for the rest." in page
        assert await submit(console, path, "links/revoke", user_id="student-1") == "3 links revoked."


class TestWaitingRoom:
    @pytest.fixture
    async def path(self, console: Console, tutoring: Tenant) -> str:
        """The page of a booking in which each person has to be admitted, with Ben and a guest waiting."""
        await tutoring.book(policy={"waiting_room": "admit", "guests_allowed": True})
        await tutoring.join(user_id="student-1")
        await tutoring.post("/v1/bookings/lesson-1/guests", {"name": "Gus"})
        return await session_path(console, tutoring)

    def entries(self, page: str) -> dict[str, str]:
        """The people who wait, and their positions."""
        (part,) = re.findall(r'<section class="card waiting".*?</section>', page, re.DOTALL)
        names = re.findall(r'<div class="person-name"><strong><bdi>([^<]+)', part)
        places = re.findall(r'name="entry" value="([^"]+)"><button class="primary', part)
        return dict(zip(names, places, strict=True))

    async def test_people_are_admitted_one_by_one(self, console: Console, tutoring: Tenant, path: str) -> None:
        waiting = self.entries((await console.get(path)).text)
        assert set(waiting) == {"Ben", "Gus"}
        assert await submit(console, path, "admit", entry=waiting["Ben"]) == "Admitted."
        assert (await tutoring.join(user_id="student-1")).status_code == 200
        assert await submit(console, path, "deny", entry=waiting["Gus"]) == "Request declined."
        events = await tutoring.events("participant.admitted", "participant.denied")
        assert [each["asked_by"]["operator"] for each in events] == [OPERATOR, OPERATOR]
        assert set(self.entries((await console.get(path)).text)) == {"Gus"}

    async def test_all_people_are_admitted_together(self, console: Console, tutoring: Tenant, path: str) -> None:
        assert "Admit all (2)" in (await console.get(path)).text
        assert await submit(console, path, "admit") == "2 people admitted."
        assert (await tutoring.join(user_id="student-1")).status_code == 200
        assert 'class="card waiting"' not in (await console.get(path)).text

    async def test_admitting_all_reports_what_was_done(
        self, console: Console, path: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        async def admit_none(*_: object, **__: object) -> list[object]:
            return []

        monkeypatch.setattr(waiting_room, "admit_all", admit_none)
        assert "still waiting" in await submit(console, path, "admit")

    async def test_admitting_all_counts_waiting_people_only(self, console: Console, path: str) -> None:
        waiting = self.entries((await console.get(path)).text)
        await submit(console, path, "deny", entry=waiting["Gus"])
        assert "Admit all" not in (await console.get(path)).text
        assert await submit(console, path, "admit") == "1 person admitted."
        assert await submit(console, path, "admit") == "No one was waiting."

    async def test_the_waiting_room_is_at_the_top(self, console: Console, path: str) -> None:
        page = (await console.get(path)).text
        assert page.index('class="card waiting"') < page.index('class="main-column"')

    async def test_an_unknown_person_cannot_be_admitted(self, console: Console, path: str) -> None:
        for entry, status in (("01a20000-0000-7000-8000-000000000000", 404), ("unknown", 422)):
            response = await console.post(f"{path}/admit", page=path, entry=entry)
            assert response.status_code == status


class TestChart:
    async def test_it_shows_every_stay_at_its_time(
        self, console: Console, webhook_tenant: Tenant, sandbox: Sandbox, clock: MovableClock
    ) -> None:
        booked = await webhook_tenant.book()
        clock.move(minutes=5)
        ada = await self.join_room(webhook_tenant, sandbox, "tutor-1")
        clock.move(minutes=20)
        ben = await self.join_room(webhook_tenant, sandbox, "student-1")
        clock.move(minutes=10)
        await sandbox.leave_room(*ben)
        clock.move(minutes=30)
        await sandbox.leave_room(*ada)
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        await console.sign_in()
        page = (await console.get(await session_path(console, webhook_tenant))).text
        bars = self.bars(page)
        planned = re.search(r'class="planned" x="([\d.]+)" y="24" width="([\d.]+)"', page)
        assert planned
        start, minute = float(planned[1]), float(planned[2]) / 60
        assert booked["starts_at"]
        (ada_bar,), (ben_bar,) = bars["Ada"], bars["Ben"]
        assert ada_bar[0] == pytest.approx(start, abs=minute)
        assert ada_bar[1] == pytest.approx(60 * minute, abs=minute)
        assert ben_bar[0] == pytest.approx(start + 20 * minute, abs=minute)
        assert ben_bar[1] == pytest.approx(10 * minute, abs=minute)
        assert {bar[2] for each in bars.values() for bar in each} == {"observed"}
        assert re.search(r"<title id=\"chart-title\">Attendance from ", page)
        assert re.search(r"Ben \([^)]+\): \d\d:\d\d to \d\d:\d\d \(Live\)\.", page)

    async def test_a_session_without_a_call_has_no_empty_chart(self, console: Console, webhook_tenant: Tenant) -> None:
        await webhook_tenant.book()
        page = (await console.get(await session_path(console, webhook_tenant))).text
        assert self.bars(page) == {}
        assert 'id="chart-title"' not in page

    async def test_an_absent_person_has_a_line_without_a_bar(
        self, console: Console, webhook_tenant: Tenant, sandbox: Sandbox
    ) -> None:
        await webhook_tenant.book()
        await self.join_room(webhook_tenant, sandbox, "tutor-1")
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        page = (await console.get(await session_path(console, webhook_tenant))).text
        bars = self.bars(page)
        assert set(bars) == {"Ada", "Ben"}
        assert bars["Ben"] == []

    async def join_room(self, tenant: Tenant, sandbox: Sandbox, user_id: str) -> tuple[str, str]:
        """Join the room. Returns what is needed to leave."""
        joined: dict[str, Any] = (await tenant.join(user_id=user_id)).json()
        return joined["room_id"], await sandbox.join_room(joined["room_id"], token=joined["token"])

    def bars(self, page: str) -> dict[str, list[tuple[float, float, str]]]:
        """For each person, the start, width, and source of every bar."""
        lines = re.findall(r'<g class="person-line" data-person="([^"]+)">(.*?)</g>', page, re.DOTALL)
        bar = r'class="bar bar-(\w+)[^"]*" x="([\d.]+)" y="\d+" width="([\d.]+)"'
        return {
            name: [(float(x), float(width), source) for source, x, width in re.findall(bar, line)]
            for name, line in lines
        }
