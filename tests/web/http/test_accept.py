"""`Accept` chooses the media type. If it excludes all, nothing happens."""

import pytest

from tenants import Tenant, error_code
from videobroker.web.http.accept import JSON_TYPES, preferred_type

JOIN = "/v1/bookings/lesson-1/join"
ORIGIN = {"Origin": "https://page.example"}
"""Such a request does not use the fast path."""
ACCEPTABLE = [
    "",
    "*/*",
    "application/*",
    "application/json",
    "APPLICATION/JSON",
    "application/json; charset=utf-8",
    "application/problem+json",
    "application/vnd.api+json",
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "text/html, application/json;q=0.1",
    "not a media type",
    "*",
]


@pytest.mark.parametrize("accept", ACCEPTABLE)
def test_json_is_acceptable_unless_it_is_excluded(accept: str) -> None:
    assert preferred_type(accept, JSON_TYPES) is not None


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("text/csv, application/json", "application/json"),
        ("text/csv, application/json;q=0.5", "text/csv"),
        ("text/*", "text/csv"),
        ("image/png", None),
    ],
)
def test_the_best_of_several_types_is_chosen(accept: str, expected: str | None) -> None:
    assert preferred_type(accept, ("text/csv", *JSON_TYPES)) == expected


@pytest.mark.parametrize("origin", [{}, ORIGIN])
@pytest.mark.parametrize("accept", ACCEPTABLE)
async def test_operations_accept_it(tutoring: Tenant, accept: str, origin: dict[str, str]) -> None:
    await tutoring.book()
    response = await tutoring.post(JOIN, {"user_id": "tutor-1"}, headers={"Accept": accept, **origin})
    assert response.status_code == 200, response.text


@pytest.mark.parametrize("origin", [{}, ORIGIN])
@pytest.mark.parametrize("accept", ["text/html", "application/xml, text/*", "application/json;q=0"])
async def test_operations_reject_any_other_before_they_do_anything(
    tutoring: Tenant, accept: str, origin: dict[str, str]
) -> None:
    await tutoring.book()
    before = await tutoring.events()
    headers = {"Accept": accept, **origin}
    response = await tutoring.post(JOIN, {"user_id": "tutor-1"}, headers=headers)
    assert (response.status_code, error_code(response)) == (406, "not_acceptable")
    assert "`application/json`" in response.json()["detail"]
    assert response.headers["content-type"] == "application/problem+json"
    deletion = await tutoring.send("DELETE", "/v1/bookings/lesson-1", headers=headers)
    assert deletion.status_code == 406
    assert await tutoring.events() == before


async def test_a_request_without_credentials_gets_that_error_first(tutoring: Tenant) -> None:
    response = await tutoring.api.get("/v1/bookings", headers={"Accept": "text/html"})
    assert (response.status_code, error_code(response)) == (401, "api_key_missing")


async def test_attendance_is_available_as_csv(tutoring: Tenant) -> None:
    await tutoring.book()
    path = "/v1/bookings/lesson-1/attendance"
    for accept, query, expected in (
        ("text/csv", "", "text/csv; charset=utf-8"),
        ("text/csv", "?format=json", "application/json"),
        ("*/*", "", "application/json"),
        ("*/*", "?format=csv", "text/csv; charset=utf-8"),
        ("application/json", "", "application/json"),
    ):
        response = await tutoring.get(path + query, headers={"Accept": accept})
        assert (response.status_code, response.headers["content-type"]) == (200, expected), (accept, query)
    refused = await tutoring.get(path, headers={"Accept": "image/png"})
    assert refused.status_code == 406
    assert "`text/csv`" in refused.json()["detail"]


async def test_streams_are_event_streams(tutoring: Tenant) -> None:
    for accept, status in (("text/event-stream", 200), ("image/png", 406)):
        response = await tutoring.send("HEAD", "/v1/events/stream", headers={"Accept": accept})
        assert response.status_code == status


async def test_legacy_endpoints_ignore_it(tutoring: Tenant) -> None:
    await tutoring.book(status="confirmed")
    body = {"bookingId": "lesson-1", "userId": "tutor-1"}
    answers = [
        (await tutoring.post("/api/100ms/token", body, headers={"Accept": accept})).status_code
        for accept in ("*/*", "text/html")
    ]
    assert answers[0] == answers[1] != 406
