"""Registering a booking on a page: what is wrong stands beside its field, and nothing is half-written."""

import re
from html import unescape

import pytest

from consoles import OPERATOR, Console
from house import Tenant

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


async def send(console: Console, tenant: Tenant, **fields: str) -> tuple[int, str]:
    """Fill in the form like this; the status and the page."""
    app = str(tenant.app.id)
    answer = await console.post("/console/book", page=f"/console/book?app={app}", **{**FORM, "app": app, **fields})
    return answer.status_code, answer.text


def errors(page: str) -> dict[str, str]:
    """What is said beside the fields, by field; each is connected with it."""
    found = {name: unescape(text) for name, text in re.findall(r'class="error" id="(\w+)-error">([^<]+)<', page)}
    for name in found:
        (field,) = re.findall(rf'<(?:input|select) id="{name}"[^>]*>', page)
        assert 'aria-invalid="true"' in field
        assert f"{name}-error" in re.findall(r'aria-describedby="([^"]+)"', field)[0].split()
    return found


async def test_it_is_registered_and_everybody_gets_a_link(console: Console, tutoring: Tenant) -> None:
    status, page = await send(console, tutoring)
    assert status == 201
    assert "The booking is registered." in page
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


async def test_a_winter_start_has_the_offset_of_winter(console: Console, tutoring: Tenant) -> None:
    assert (await send(console, tutoring, starts="2027-01-04T14:30"))[0] == 201
    assert (await tutoring.get("/v1/bookings/lesson-9")).json()["starts_at"] == "2027-01-04T13:30:00Z"


@pytest.mark.parametrize(
    ("fields", "field", "says"),
    [
        ({"starts": ""}, "starts", "Give day and time"),
        ({"starts": "2027-02-30T10:00"}, "starts", "Give day and time"),
        ({"starts": "9999-12-31T23:00"}, "starts", "Give day and time"),
        # Clocks go from 2 to 3 o'clock on that day.
        ({"starts": "2027-03-28T02:30"}, "starts", "There is no such time on that day"),
        ({"zone": "Nowhere/Atlantis"}, "zone", "Choose a time zone"),
        ({"minutes": "0"}, "minutes", "whole minutes"),
        ({"minutes": "1.5"}, "minutes", "whole minutes"),
        ({"minutes": "99999999999999999999"}, "minutes", "whole minutes"),
        ({"title": "x" * 201}, "title", "at most 200"),
        ({"reference": "a/b"}, "reference", "must not hold"),
        ({"reference": ""}, "reference", "at least 1"),
        ({"provider": "agora"}, "provider", "no account"),
        ({"user_id_1": "tutor-1"}, "user_id_1", "twice"),
        ({"user_id_1": "a/b"}, "user_id_1", "must not hold"),
        ({"role_1": "doctor"}, "role_1", "role map"),
        ({"user_id_2": "", "display_name_2": "Cleo"}, "user_id_2", "Give the user id"),
    ],
)
async def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(
    console: Console, tutoring: Tenant, fields: dict[str, str], field: str, says: str
) -> None:
    status, page = await send(console, tutoring, **fields)
    assert status == 422
    found = errors(page)
    assert list(found) == [field]
    assert says in found[field]
    assert 'value="tutor-1"' in page
    assert 'role="alert"' in page
    assert (await tutoring.get("/v1/bookings/lesson-9")).status_code == 404


async def test_a_reference_that_is_taken_is_told_and_the_booking_stays_as_it_was(
    console: Console, tutoring: Tenant
) -> None:
    await tutoring.book("lesson-9", title="There before")
    status, page = await send(console, tutoring)
    assert status == 409
    assert "already" in errors(page)["reference"]
    assert (await tutoring.get("/v1/bookings/lesson-9")).json()["title"] == "There before"


async def test_the_same_form_sent_twice_makes_one_booking(console: Console, tutoring: Tenant) -> None:
    page = await console.get(f"/console/book?app={tutoring.app.id}")
    (reference,) = re.findall(r'name="reference" type="text" value="(console-\w+)"', page.text)
    first = await send(console, tutoring, reference=reference)
    second = await send(console, tutoring, reference=reference)
    assert (first[0], second[0]) == (201, 409)


@pytest.mark.parametrize(
    ("app", "status"), [("", 422), ("nonsense", 422), ("01a20000-0000-7000-8000-000000000000", 404)]
)
async def test_without_an_app_there_is_no_booking(console: Console, app: str, status: int) -> None:
    answer = await console.post("/console/book", page="/console/health", **{**FORM, "app": app})
    assert answer.status_code == status
