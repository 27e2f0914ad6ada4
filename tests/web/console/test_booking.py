"""The form for a new booking: errors are next to their fields, and an invalid booking is not created."""

import re
from datetime import timedelta
from html import unescape

import pytest

from consoles import OPERATOR, Console
from tenants import Tenant

FORM = {
    "reference": "lesson-9",
    "title": "Algebra",
    "starts": "2027-07-01T14:30",
    "zone": "Europe/Berlin",
    "minutes": "45",
    "provider": "",
    "user_id_0": "tutor-1",
    "display_name_0": "Ada",
    "role_0": "tutor",
    "user_id_1": "student-1",
    "display_name_1": "",
    "role_1": "student",
    "role_2": "student",
}


async def submit(console: Console, tenant: Tenant, **fields: str) -> tuple[int, str]:
    """Submit the form with these fields. Returns the status and the page."""
    app = str(tenant.app.id)
    response = await console.post("/console/book", page=f"/console/book?app={app}", **{**FORM, "app": app, **fields})
    return response.status_code, response.text


def errors(page: str) -> dict[str, str]:
    """The errors by field. Each field refers to its error."""
    found = {name: unescape(text) for name, text in re.findall(r'class="error" id="(\w+)-error">([^<]+)<', page)}
    for name in found:
        (field,) = re.findall(rf'<(?:input|select) id="{name}"[^>]*>', page)
        assert 'aria-invalid="true"' in field
        assert f"{name}-error" in re.findall(r'aria-describedby="([^"]+)"', field)[0].split()
    return found


async def test_a_booking_is_created_and_everyone_gets_a_link(console: Console, tutoring: Tenant) -> None:
    status, page = await submit(console, tutoring)
    assert status == 201
    assert "Booking created." in page
    assert page.count('readonly value="http://videobroker/join/vbt_') == 2
    booked = (await tutoring.get("/v1/bookings/lesson-9")).json()
    assert (booked["title"], booked["starts_at"], booked["ends_at"]) == (
        "Algebra",
        "2027-07-01T12:30:00Z",
        "2027-07-01T13:15:00Z",
    )
    assert [(each["user_id"], each["role"], each["display_name"]) for each in booked["participants"]] == [
        ("student-1", "student", None),
        ("tutor-1", "tutor", "Ada"),
    ]
    (event,) = await tutoring.events("session.registered")
    assert event["asked_by"]["operator"] == OPERATOR


async def test_a_start_in_winter_has_the_offset_of_winter(console: Console, tutoring: Tenant) -> None:
    assert (await submit(console, tutoring, starts="2027-01-04T14:30"))[0] == 201
    assert (await tutoring.get("/v1/bookings/lesson-9")).json()["starts_at"] == "2027-01-04T13:30:00Z"


@pytest.mark.parametrize(
    ("fields", "field", "error"),
    [
        ({"starts": ""}, "starts", "Enter date and time"),
        ({"starts": "2027-02-30T10:00"}, "starts", "Enter date and time"),
        ({"starts": "9999-12-31T23:00"}, "starts", "Enter date and time"),
        # Clocks change from 2 to 3 o'clock on that day.
        ({"starts": "2027-03-28T02:30"}, "starts", "This time doesn't exist on that day"),
        ({"zone": "Nowhere/Atlantis"}, "zone", "Choose a time zone"),
        ({"minutes": "0"}, "minutes", "from 1 to 10,080 minutes"),
        ({"minutes": "1.5"}, "minutes", "from 1 to 10,080 minutes"),
        ({"minutes": "99999999999999999999"}, "minutes", "from 1 to 10,080 minutes"),
        ({"title": "x" * 201}, "title", "1 to 200 characters"),
        ({"reference": "a/b"}, "reference", "must not contain"),
        ({"reference": ""}, "reference", "1 to 128 characters"),
        ({"provider": "agora"}, "provider", "no account"),
        ({"user_id_1": "tutor-1"}, "user_id_1", "listed twice"),
        ({"user_id_1": "a/b"}, "user_id_1", "must not contain"),
        ({"role_1": "doctor"}, "role_1", "role map"),
        ({"user_id_2": "", "display_name_2": "Cleo"}, "user_id_2", "Enter the user ID"),
    ],
)
async def test_errors_are_next_to_their_fields_and_the_input_is_preserved(
    console: Console, tutoring: Tenant, fields: dict[str, str], field: str, error: str
) -> None:
    status, page = await submit(console, tutoring, **fields)
    assert status == 422
    found = errors(page)
    assert list(found) == [field]
    assert error in found[field]
    assert 'value="tutor-1"' in page
    assert 'role="alert"' in page
    assert (await tutoring.get("/v1/bookings/lesson-9")).status_code == 404


@pytest.mark.parametrize(
    ("starts", "minutes", "error"),
    [
        ("2024-02-29T14:30", "45", "would already be over"),
        ("2001-01-01T00:00", "10080", "would already be over"),
        ("{minute_ago}", "45", "This start is in the past"),
    ],
)
async def test_a_booking_in_the_past_requires_a_confirmation(
    console: Console, tutoring: Tenant, starts: str, minutes: str, error: str
) -> None:
    minute_ago = f"{tutoring.broker.now() - timedelta(minutes=1):%Y-%m-%dT%H:%M}"
    fields = {"starts": starts.format(minute_ago=minute_ago), "minutes": minutes, "zone": "UTC"}
    status, page = await submit(console, tutoring, **fields)
    assert status == 422
    assert error in errors(page)["starts"]
    assert f'value="{fields["starts"]}"' in page
    (box,) = re.findall(r'name="confirm_past" value="([^"]+)"', page)
    assert (await tutoring.get("/v1/bookings/lesson-9")).status_code == 404
    # The confirmation is for this start. Another start in the past needs its own.
    for other in ({"starts": "2003-03-03T03:00", "confirm_past": box}, {"confirm_past": "on"}):
        assert (await submit(console, tutoring, **{**fields, **other}))[0] == 422
    status, page = await submit(console, tutoring, **fields, confirm_past=box)
    assert status == 201
    assert "Booking created." in page
    assert (await tutoring.get("/v1/bookings/lesson-9")).status_code == 200


async def test_a_booking_that_starts_in_this_minute_needs_no_confirmation(console: Console, tutoring: Tenant) -> None:
    now = f"{tutoring.broker.now():%Y-%m-%dT%H:%M}"
    assert (await submit(console, tutoring, starts=now, zone="UTC"))[0] == 201


async def test_a_used_reference_is_reported_and_the_booking_is_not_changed(console: Console, tutoring: Tenant) -> None:
    await tutoring.book("lesson-9", title="There before")
    status, page = await submit(console, tutoring)
    assert status == 409
    assert "already" in errors(page)["reference"]
    assert (await tutoring.get("/v1/bookings/lesson-9")).json()["title"] == "There before"


async def test_submitting_a_form_twice_creates_one_booking(console: Console, tutoring: Tenant) -> None:
    page = await console.get(f"/console/book?app={tutoring.app.id}")
    (reference,) = re.findall(r'name="reference" type="text" value="(console-\w+)"', page.text)
    first = await submit(console, tutoring, reference=reference)
    second = await submit(console, tutoring, reference=reference)
    assert (first[0], second[0]) == (201, 409)


@pytest.mark.parametrize(
    ("app", "status"), [("", 422), ("nonsense", 422), ("01a20000-0000-7000-8000-000000000000", 404)]
)
async def test_without_an_app_no_booking_is_created(console: Console, app: str, status: int) -> None:
    response = await console.post("/console/book", page="/console/health", **{**FORM, "app": app})
    assert response.status_code == status
