"""Editing a session: fields, participants, guest links, cancellation, and conflicts with other changes."""

import re
from dataclasses import dataclass
from datetime import timedelta
from html import unescape

import httpx
import pytest

from consoles import OPERATOR, Console
from tenants import Tenant

PEOPLE = [
    {"user_id": "tutor-1", "role": "tutor", "display_name": "Ada"},
    {"user_id": "student-1", "role": "student", "display_name": "Ben"},
]


@dataclass(frozen=True)
class Editor:
    """The page of one booking, and its forms."""

    console: Console
    tenant: Tenant
    path: str

    async def fields(self) -> dict[str, str]:
        """The values in the form for editing."""
        page = (await self.console.get(f"{self.path}/edit")).text
        inputs = re.findall(r'<input(?: id="\w+")?(?: type="hidden")? name="(\w+)"[^>]*? value="([^"]*)"', page)
        chosen = re.findall(r'<select id="(\w+)".*?<option value="([^"]*)" selected>', page)
        zone = re.search(r"<option selected>([^<]+)</option>", page)
        assert zone
        return {name: unescape(value) for name, value in (*inputs, *chosen)} | {"zone": zone[1]}

    async def save(self, fields: dict[str, str], **changes: str) -> httpx.Response:
        """Submit the form with these values and changes."""
        return await self.submit(
            "edit", **{name: value for name, value in (fields | changes).items() if name != "csrf"}
        )

    async def submit(self, action: str, **fields: str) -> httpx.Response:
        """Submit a form of the page."""
        return await self.console.post(f"{self.path}/{action}", **fields)

    async def booking(self) -> dict[str, object]:
        found: dict[str, object] = (await self.tenant.get("/v1/bookings/lesson-1")).json()
        return found


@pytest.fixture
async def editor(console: Console, tutoring: Tenant) -> Editor:
    """A booking tomorrow."""
    await tutoring.book(title="Algebra", starts_in=timedelta(days=1), participants=PEOPLE, metadata={"plan": "basic"})
    page = (await console.get(f"/console/search?q=lesson-1&app={tutoring.app.id}")).text
    found = re.search(rf"/console/sessions/{tutoring.app.id}/[0-9a-f-]+", page)
    assert found
    return Editor(console, tutoring, found[0])


class TestFields:
    async def test_the_form_changes_title_time_and_rules_and_nothing_else(self, editor: Editor) -> None:
        fields = await editor.fields()
        assert (fields["title"], fields["minutes"], fields["waiting_room"], fields["guests"]) == (
            "Algebra",
            "60",
            "",
            "",
        )
        saved = await editor.save(
            fields, title="Geometry", starts="2030-07-01T09:30", minutes="45", waiting_room="admit", guests="yes"
        )
        assert saved.status_code == 303
        assert "Changes saved." in (await editor.console.get(saved.headers["location"])).text
        booking = await editor.booking()
        assert (booking["title"], booking["starts_at"]) == ("Geometry", "2030-07-01T09:30:00Z")
        assert booking["ends_at"] == "2030-07-01T10:15:00Z"
        assert booking["policy"] == {"waiting_room": "admit", "guests_allowed": True}
        assert booking["metadata"] == {"plan": "basic"}
        assert booking["participant_count"] == 2
        (event,) = await editor.tenant.events("session.updated")
        assert event["asked_by"]["operator"] == OPERATOR
        fields = await editor.fields()
        assert (fields["waiting_room"], fields["guests"]) == ("admit", "yes")
        await editor.save(fields, waiting_room="", guests="")
        assert (await editor.booking())["policy"] == {}

    async def test_saving_without_a_change_records_nothing(self, editor: Editor) -> None:
        await editor.save(await editor.fields())
        assert await editor.tenant.events("session.updated") == []

    @pytest.mark.parametrize(
        ("changes", "sentence"),
        [
            ({"starts": "tomorrow"}, "Enter date and time"),
            ({"minutes": "0"}, "Enter a duration"),
            ({"starts": "2020-01-01T10:00"}, "already be over"),
            ({"zone": "Mars/Olympus"}, "Choose a time zone"),
            ({"waiting_room": "sometimes"}, "Choose one of the options."),
            ({"title": "x" * 300}, "200 characters"),
        ],
    )
    async def test_invalid_values_are_explained_and_nothing_is_saved(
        self, editor: Editor, changes: dict[str, str], sentence: str
    ) -> None:
        before = await editor.booking()
        response = await editor.save(await editor.fields(), **changes)
        assert response.status_code == 422
        assert sentence in response.text
        assert await editor.booking() == before

    async def test_a_stale_form_says_what_changed_and_can_be_saved_again(self, editor: Editor) -> None:
        fields = await editor.fields()
        await editor.tenant.send("PATCH", "/v1/bookings/lesson-1", json={"title": "Trigonometry"})
        response = await editor.save(fields, title="Geometry")
        assert response.status_code == 409
        page = response.text
        assert "Someone changed this session while you edited it." in page
        assert "Title: <bdi>Algebra</bdi> → <bdi>Trigonometry</bdi>" in page
        assert 'value="Geometry"' in page
        assert (await editor.booking())["title"] == "Trigonometry"
        version = re.search(r'name="version" value="(\d+)"', page)
        assert version
        again = await editor.save(fields, title="Geometry", version=version[1], base_title="Trigonometry")
        assert again.status_code == 303
        assert (await editor.booking())["title"] == "Geometry"


class TestCancellation:
    async def test_a_cancelled_booking_cannot_be_joined(self, editor: Editor) -> None:
        assert (await editor.submit("cancel")).status_code == 303
        assert (await editor.booking())["status"] == "cancelled"
        (event,) = await editor.tenant.events("session.cancelled")
        assert event["asked_by"]["operator"] == OPERATOR
        assert "Cancel session..." not in (await editor.console.get(editor.path)).text


class TestParticipants:
    async def test_people_are_added_changed_and_deleted(self, editor: Editor) -> None:
        added = await editor.submit("participants", user_id="student-2", role="student", display_name="Cleo")
        assert added.status_code == 303
        changed = await editor.submit(
            "participants/change",
            user_id="student-1",
            role="tutor",
            display_name="Benjamin",
            base_role="student",
            base_name="Ben",
        )
        assert changed.status_code == 303
        dropped = await editor.submit("participants/drop", user_id="tutor-1", base_role="tutor", base_name="Ada")
        assert dropped.status_code == 303
        people = (await editor.tenant.get("/v1/bookings/lesson-1/participants")).json()["data"]
        assert [(each["user_id"], each["role"], each["display_name"]) for each in people] == [
            ("student-1", "tutor", "Benjamin"),
            ("student-2", "student", "Cleo"),
        ]

    async def test_a_person_who_was_changed_meanwhile_is_left_alone(self, editor: Editor) -> None:
        await editor.tenant.send(
            "PUT", "/v1/bookings/lesson-1/participants/student-1", json={"role": "student", "display_name": "Bo"}
        )
        for action, status in (("change", 422), ("drop", 409)):
            response = await editor.submit(
                f"participants/{action}", user_id="student-1", role="tutor", base_role="student", base_name="Ben"
            )
            assert response.status_code == status
            assert "Someone else changed this person (now: Bo, student)." in response.text

    @pytest.mark.parametrize(
        ("fields", "sentence"),
        [
            ({"user_id": "", "role": "student"}, "Enter the user ID"),
            ({"user_id": "x" * 200, "role": "student"}, "128 characters"),
            ({"user_id": "student-9", "role": "pilot"}, "pilot"),
            ({"user_id": "student-1", "role": "student"}, "is already a participant"),
        ],
    )
    async def test_a_person_who_cannot_be_added_is_explained(
        self, editor: Editor, fields: dict[str, str], sentence: str
    ) -> None:
        response = await editor.submit("participants", **fields)
        assert response.status_code == 422
        assert sentence in response.text
        assert (await editor.booking())["participant_count"] == 2

    async def test_two_hundred_people_are_paged_and_filtered(self, editor: Editor) -> None:
        people = [
            {"user_id": f"student-{number:03}", "role": "student", "display_name": f"Person {number}"}
            for number in range(200)
        ]
        await editor.tenant.book(title="Algebra", starts_in=timedelta(days=1), participants=people)
        first = (await editor.console.get(editor.path)).text
        shown = re.findall(r'class="person-name">\s*<strong><bdi>(Person \d+)', first)
        assert (len(shown), "Page 1 of 4" in first) == (50, True)
        last = (await editor.console.get(f"{editor.path}?page=4")).text
        assert "Page 4 of 4" in last
        assert "Person 199" in last
        found = (await editor.console.get(f"{editor.path}?who=person+19")).text
        assert "11 of 200 match" in found


class TestGuestLinks:
    async def test_a_guest_gets_a_link_with_their_name_and_its_last_use_is_shown(self, editor: Editor) -> None:
        page = (await editor.console.get(editor.path)).text
        assert "Guests aren&#39;t allowed" in page or "Guests aren't allowed" in page
        refused = await editor.submit("guest-link", display_name="Gus")
        assert refused.status_code == 409
        await editor.tenant.send("PATCH", "/v1/bookings/lesson-1", json={"policy": {"guests_allowed": True}})
        created = await editor.submit("guest-link", display_name="Gus")
        assert created.status_code == 200
        ticket = re.search(r"/join/(vbt_[^\"]+)", created.text)
        assert ticket
        assert "Gus (guest)" in created.text
        assert "not used yet" in created.text
        await editor.tenant.api.post(
            "/v1/bookings/lesson-1/join", json={}, headers={"Authorization": f"Bearer {ticket[1]}"}
        )
        assert "last used" in (await editor.console.get(editor.path)).text
        assert (await editor.submit("guest-link", display_name=" ")).status_code == 422
