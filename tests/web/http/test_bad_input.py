"""Every invalid request gets a 4xx problem with a stable code and a helpful sentence, and writes nothing."""

import base64
import gzip
import json
import os
import re
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tenants import LESSON, Sandbox, Tenant
from videobroker.errors import CATALOG

BOOKING: dict[str, Any] = {"starts_at": "2030-03-12T14:00:00Z", "duration_minutes": 60, "participants": LESSON}
GROUP: dict[str, Any] = {"participants": LESSON}
LEFT_OUT = object()
HUGE = 10**400
SESSIONS = ("/v1/bookings/lesson-1", "/v1/groups/circle")
CALL = "0195d3c2-7a10-7c55-9c1e-6f2b8d1e4a77"
PROBLEM = "application/problem+json"

EXAMPLES = int(os.environ.get("BODY_EXAMPLES", "30"))
"""Generated bodies, paths, or cursors for each property. `make full` and `make fuzz` generate more."""

prop = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def changed(body: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The body with these fields changed, or removed where the value is `LEFT_OUT`."""
    return {key: value for key, value in {**body, **changes}.items() if value is not LEFT_OUT}


def encode_cursor(position: Any) -> str:
    """A cursor in the service's own encoding."""
    return base64.urlsafe_b64encode(json.dumps(position).encode()).rstrip(b"=").decode()


def assert_problem(
    response: httpx.Response, status: int, code: str, pointer: str | None = None, *, tenant: Tenant | None = None
) -> dict[str, Any]:
    """The problem document of the response. Asserts its status, code, and pointer, and that its texts are complete."""
    assert (response.status_code, response.json().get("code")) == (status, code), response.text
    assert response.headers["content-type"] == PROBLEM
    assert response.headers["cache-control"] == "no-store"
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["type"] == f"/problems/{code}"
    assert problem["title"] == CATALOG[code].title
    assert 3 <= len(problem["detail"].split()) <= 100
    assert not re.search(r"Traceback|Error\b|asyncpg|sqlalchemy|pydantic|0x[0-9a-f]{6}|<class|NoneType", response.text)
    if tenant is not None:
        assert tenant.key not in response.text
    if pointer is not None:
        assert pointer in {part["pointer"] for part in problem["errors"]}
        assert all(part["message"] for part in problem["errors"])
    return problem


async def snapshot(tenant: Tenant) -> list[Any]:
    """The data of the app."""
    lists = [
        "/v1/bookings",
        "/v1/groups",
        "/v1/events",
        "/v1/bookings/lesson-1/participants",
        "/v1/groups/circle/participants",
        "/v1/bookings/lesson-1/calls",
        "/v1/groups/circle/calls",
    ]
    responses = [await tenant.get(path, params={"limit": 100}) for path in lists]
    assert {response.status_code for response in responses} == {200}
    return [response.json() for response in responses]


@asynccontextmanager
async def unchanged(tenant: Tenant) -> AsyncIterator[None]:
    """Nothing is written or journaled meanwhile."""
    before = await snapshot(tenant)
    yield
    assert await snapshot(tenant) == before


@pytest.fixture
async def school(tutoring: Tenant) -> Tenant:
    """An app with a booking `lesson-1` and a group `circle`."""
    await tutoring.book(policy={"guests_allowed": True})
    await tutoring.create_group(policy={"guests_allowed": True})
    return tutoring


# --- bodies that are not JSON objects ---------------------------------------------------------------------------------

WITH_BODY = [
    ("PUT", "/v1/bookings/lesson-1"),
    ("PATCH", "/v1/bookings/lesson-1"),
    ("PUT", "/v1/groups/circle"),
    ("PATCH", "/v1/groups/circle"),
    ("PUT", "/v1/bookings/lesson-1/participants/tutor-1"),
    ("POST", "/v1/bookings/lesson-1/access"),
    ("POST", "/v1/bookings/lesson-1/join"),
    ("POST", "/v1/groups/circle/guests"),
    ("POST", "/v1/groups/circle/start"),
    ("POST", "/v1/groups/circle/end"),
    ("POST", "/v1/events"),
]
WITH_A_BODY_THEY_NEED = [each for each in WITH_BODY if not each[1].endswith(("start", "end"))]

NO_JSON = {
    "half an object": b'{"title": "a"',
    "a lone bracket": b"{",
    "words": b"hello",
    "single quotes": b"{'title': 'a'}",
    "a trailing comma": b'{"title": "a",}',
    "a comment": b'{} // "title"',
    "two objects": b"{}{}",
    "NaN": b'{"title": NaN}',
    "Infinity": b'{"metadata": {"a": Infinity}}',
    "minus Infinity": b'{"metadata": {"a": -Infinity}}',
    "a lone high surrogate": b'{"title": "\\ud800"}',
    "a lone low surrogate": b'{"title": "\\udc00"}',
    "surrogates in the wrong order": b'{"title": "\\udc00\\ud800"}',
    "a surrogate in UTF-8": b'{"title": "\xed\xa0\x80"}',
    "a surrogate in a name": b'{"\\ud800": 1}',
    "a raw NUL": b'{"title": "\x00"}',
    "a raw line break": b'{"title": "\n"}',
    "Latin-1": '{"title": "é"}'.encode("latin-1"),
    "UTF-16": '{"title": "a"}'.encode("utf-16"),
    "UTF-32": '{"title": "a"}'.encode("utf-32"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "overlong UTF-8": b'{"title": "\xc0\xaf"}',
    "deep nesting": b'{"metadata":' + b'{"a":' * 50_000 + b"1" + b"}" * 50_001,
    "deep arrays": b"[" * 100_000,
    "a form": b"user_id=tutor-1&role=tutor",
    "XML": b"<booking/>",
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
    "NUL bytes": b"\x00" * 100,
    "spaces": b"   ",
    "a number of many digits, cut off": b'{"a": ' + b"9" * 5_000,
}


@pytest.mark.parametrize("raw", NO_JSON.values(), ids=NO_JSON)
async def test_a_body_that_is_not_json_is_malformed(school: Tenant, raw: bytes) -> None:
    async with unchanged(school):
        for method, path in WITH_BODY:
            problem = assert_problem(await school.send(method, path, content=raw), 400, "malformed_json", tenant=school)
            assert "UTF-8" in problem["detail"]
            assert len(problem["detail"]) < 300


@pytest.mark.parametrize("raw", [b"[]", b'[{"user_id": "tutor-1"}]', b'"tutor-1"', b"1", b"true", b"1e999"])
async def test_a_body_that_is_not_an_object_is_invalid(school: Tenant, raw: bytes) -> None:
    async with unchanged(school):
        for method, path in WITH_BODY:
            response = await school.send(method, path, content=raw)
            assert_problem(response, 422, "invalid_request", "body", tenant=school)


@pytest.mark.parametrize("raw", [b"", b"null"])
async def test_a_required_body_must_not_be_missing(school: Tenant, raw: bytes) -> None:
    async with unchanged(school):
        for method, path in WITH_A_BODY_THEY_NEED:
            response = await school.send(method, path, content=raw)
            # With a user token, a join needs no body: here, the user is missing.
            assert_problem(
                response, 422, "invalid_request", *([] if path.endswith("/join") else ["body"]), tenant=school
            )


JSON_TYPES = [
    "application/json",
    "Application/JSON",
    "application/json; charset=latin-1",
    "application/json;charset=utf-8",
    "application/merge-patch+json",
    "application/vnd.school.v2+json ; profile=x",
    "",
]
OTHER_TYPES = [
    "text/plain",
    "text/json",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/xml",
    "application/jsonp",
    "application/json-seq",
    "application/json, text/plain",
    "application/+json",
    "text/plain; application/json",
    "nonsense",
    "*/*",
]


@pytest.mark.parametrize("content_type", JSON_TYPES)
async def test_a_body_with_a_json_content_type_is_parsed_as_json(school: Tenant, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    async with unchanged(school):
        response = await school.send("PUT", "/v1/groups/new", content=b"title=Circle", headers=headers)
        assert_problem(response, 400, "malformed_json", tenant=school)
    response = await school.send("PUT", "/v1/groups/new", content='{"title": "é"}'.encode(), headers=headers)
    assert response.status_code == 201
    assert response.json()["title"] == "é"


@pytest.mark.parametrize("content_type", OTHER_TYPES)
async def test_a_body_with_another_content_type_is_an_unsupported_media_type(school: Tenant, content_type: str) -> None:
    headers = {"Content-Type": content_type}
    async with unchanged(school):
        for method, path in WITH_BODY:
            for content in (b"title=Circle", b'{"title": "Circle"}'):
                response = await school.send(method, path, content=content, headers=headers)
                problem = assert_problem(response, 415, "unsupported_media_type", tenant=school)
                assert "application/json" in problem["detail"]


async def test_legacy_endpoints_accept_json_only(school: Tenant) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    response = await school.send("POST", "/api/100ms/token", content=b"bookingId=1", headers=headers)
    assert_problem(response, 415, "unsupported_media_type", tenant=school)


async def test_the_content_type_of_an_empty_body_is_ignored(school: Tenant) -> None:
    headers = {"Content-Type": "text/plain"}
    assert (await school.send("GET", "/v1/groups/circle", headers=headers)).status_code == 200
    assert (await school.send("POST", "/v1/groups/circle/start", headers=headers)).status_code == 200
    assert (await school.send("POST", "/v1/groups/circle/cancel", content=b"x", headers=headers)).status_code == 200


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "deflate", "br", "x-unknown", "identity, gzip"])
async def test_a_compressed_body_is_refused_with_the_accepted_encodings(school: Tenant, coding: str) -> None:
    content = gzip.compress(b'{"user_id": "tutor-1"}')
    headers = {"Content-Encoding": coding, "Content-Type": "application/json"}
    async with unchanged(school):
        for method, path in WITH_BODY:
            response = await school.send(method, path, content=content, headers=headers)
            assert_problem(response, 415, "unsupported_content_encoding", tenant=school)
            assert response.headers["accept-encoding"] == "identity"


async def test_the_identity_encoding_is_accepted(school: Tenant) -> None:
    headers = {"Content-Encoding": "identity"}
    response = await school.send("PUT", "/v1/groups/new", json={"title": "Circle"}, headers=headers)
    assert response.status_code == 201


# --- integers ---------------------------------------------------------------------------------------------------------

SIXTY = ["60", "60.0", "6e1", "6E+1", "600e-1", "0.6e2", "60.000"]
NOT_SIXTY = ["60.5", '"60"', "true", "1e400", "-1e400", "[60]", "6e-1", "1e300", "null", "{}"]


def booking_with(duration: str) -> bytes:
    return json.dumps({**BOOKING, "duration_minutes": 0}).replace('minutes": 0', f'minutes": {duration}').encode()


@pytest.mark.parametrize("number", SIXTY)
async def test_a_number_without_a_fraction_is_an_integer_in_every_notation(school: Tenant, number: str) -> None:
    response = await school.send("PUT", "/v1/bookings/new", content=booking_with(number))
    assert response.status_code == 201, response.text
    assert response.json()["duration_minutes"] == 60
    policy = '{"policy": {"grace_seconds": %s, "token_seconds": %s, "opens_before_seconds_by_role": {"tutor": %s}}}'
    response = await school.send("PUT", "/v1/groups/new", content=(policy % (number, number, number)).encode())
    assert response.status_code == 201, response.text
    assert response.json()["policy"]["grace_seconds"] == 60
    assert "60.0" not in response.text
    link = '{"user_id": "tutor-1", "expires_in_seconds": %s}' % number  # noqa: UP031  braces
    assert (await school.send("POST", "/v1/groups/circle/links", content=link.encode())).status_code in {200, 201}


@pytest.mark.parametrize("number", NOT_SIXTY)
async def test_a_value_that_is_not_an_integer_is_refused(school: Tenant, number: str) -> None:
    async with unchanged(school):
        response = await school.send("PUT", "/v1/bookings/new", content=booking_with(number))
        assert (response.status_code, response.json()["code"]) == (422, "invalid_request"), response.text


async def test_numbers_that_the_app_stores_are_returned_as_they_were_sent(school: Tenant) -> None:
    response = await school.send("PUT", "/v1/groups/new", content=b'{"metadata": {"price": 60.0}}')
    assert '"price":60.0' in response.text


# --- bodies that are too large ----------------------------------------------------------------------------------------

TEN_MB = 10 * 1024 * 1024


async def in_pieces(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65_536):
        yield b" " * 65_536


async def test_a_body_of_ten_megabytes_is_too_large(school: Tenant) -> None:
    async with unchanged(school):
        for method, path in [*WITH_BODY, ("POST", "/v1/groups/circle/cancel")]:
            for content in (b" " * TEN_MB, in_pieces(TEN_MB)):
                response = await school.send(method, path, content=content)
                problem = assert_problem(response, 413, "body_too_large", tenant=school)
                assert "2097152" in problem["detail"]


async def test_a_large_body_without_a_key_is_refused(api: httpx.AsyncClient) -> None:
    assert_problem(await api.put("/v1/groups/new", content=b" " * TEN_MB), 413, "body_too_large")


async def test_a_body_can_have_the_documented_maximum_size(school: Tenant) -> None:
    largest = 2 * 1024 * 1024
    assert (await school.send("PUT", "/v1/groups/new", content=b"{}" + b" " * (largest - 2))).status_code == 201
    response = await school.send("PUT", "/v1/groups/new", content=b"{}" + b" " * (largest - 1))
    assert_problem(response, 413, "body_too_large", tenant=school)


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b'{"participants": [' + b"0," * 20_000 + b"0]}", id="participants"),
        pytest.param(b'{"participants": [' + b"{}," * 20_000 + b"{}]}", id="empty participants"),
        pytest.param(b'{"providers": [' + b"0," * 20_000 + b"0]}", id="providers"),
        pytest.param(b"{" + b",".join(b'"f%d": 0' % number for number in range(20_000)) + b"}", id="unknown fields"),
        pytest.param(b'{"' + b"f" * 1_000_000 + b'": 0}', id="an unknown field with a long name"),
    ],
)
async def test_the_response_to_many_mistakes_is_small(school: Tenant, raw: bytes) -> None:
    response = await school.send("PUT", "/v1/groups/new", content=raw)
    assert_problem(response, 422, "invalid_request", tenant=school)
    assert len(response.content) < 65_536


async def test_metadata_that_is_too_large_is_refused_quickly(school: Tenant) -> None:
    raw = b'{"metadata": {"a": ' + b"[" * 190 + b"0," * 300_000 + b"0" + b"]" * 190 + b"}}"
    started_at = time.process_time()
    response = await school.send("PUT", "/v1/groups/new", content=raw)
    assert_problem(response, 422, "invalid_request", "body/metadata", tenant=school)
    assert time.process_time() - started_at < 0.4


# --- fields -----------------------------------------------------------------------------------------------------------

# Invalid fields of a booking, changes of a valid one, and the expected pointers.
WRONG_BOOKINGS: list[tuple[str, dict[str, Any], str]] = [
    ("no start", {"starts_at": LEFT_OUT}, "body/starts_at"),
    ("a null start", {"starts_at": None}, "body/starts_at"),
    ("a start without a zone", {"starts_at": "2030-03-12T14:00:00"}, "body/starts_at"),
    ("a start that is a number", {"starts_at": 1_773_324_000}, "body/starts_at"),
    ("a start that is a huge number", {"starts_at": HUGE}, "body/starts_at"),
    ("a start that is a list", {"starts_at": []}, "body/starts_at"),
    ("an end without a zone", {"ends_at": "2030-03-12T15:00:00", "duration_minutes": LEFT_OUT}, "body/ends_at"),
    ("an end before the start", {"ends_at": "2030-03-12T13:00:00Z", "duration_minutes": LEFT_OUT}, "body"),
    ("an end at the start", {"ends_at": "2030-03-12T14:00:00Z", "duration_minutes": LEFT_OUT}, "body"),
    ("an end before, by the zone", {"ends_at": "2030-03-12T15:00:00+02:00", "duration_minutes": LEFT_OUT}, "body"),
    ("two ends", {"ends_at": "2030-03-12T15:00:00Z"}, "body"),
    ("no end", {"duration_minutes": LEFT_OUT}, "body"),
    ("null ends", {"duration_minutes": None, "ends_at": None}, "body"),
    ("no duration", {"duration_minutes": 0}, "body/duration_minutes"),
    ("a negative duration", {"duration_minutes": -60}, "body/duration_minutes"),
    ("more than a week", {"duration_minutes": 10_081}, "body/duration_minutes"),
    ("a huge duration", {"duration_minutes": HUGE}, "body/duration_minutes"),
    ("a broken duration", {"duration_minutes": 60.5}, "body/duration_minutes"),
    ("a duration in words", {"duration_minutes": "60"}, "body/duration_minutes"),
    ("a duration that is true", {"duration_minutes": True}, "body/duration_minutes"),
    ("an unknown status", {"status": "maybe"}, "body/status"),
    ("a status in capitals", {"status": "CONFIRMED"}, "body/status"),
    ("a null status", {"status": None}, "body/status"),
    ("an unknown modality", {"modality": "telepathic"}, "body/modality"),
    ("a field of a group", {"video_enabled": True}, "body/video_enabled"),
    ("a field of ours", {"version": 1}, "body/version"),
]

# Invalid fields that bookings and groups have in common.
WRONG_SESSIONS: list[tuple[str, dict[str, Any], str]] = [
    ("an unknown field", {"titel": "Algebra"}, "body/titel"),
    ("a field with an empty name", {"": 1}, "body/"),
    ("a reference", {"reference": "lesson-1"}, "body/reference"),
    ("an empty title", {"title": ""}, "body/title"),
    ("a title of 201 characters", {"title": "a" * 201}, "body/title"),
    ("a title that is a number", {"title": 5}, "body/title"),
    ("NUL in a title", {"title": "Alge\x00bra"}, "body/title"),
    ("a line break in a title", {"title": "Alge\nbra"}, "body/title"),
    ("participants that are an object", {"participants": {"tutor-1": "tutor"}}, "body/participants"),
    ("a participant that is a text", {"participants": ["tutor-1"]}, "body/participants/0"),
    ("a null participant", {"participants": [*LESSON, None]}, "body/participants/2"),
    ("a participant without a role", {"participants": [{"user_id": "a"}]}, "body/participants/0/role"),
    ("a participant without an id", {"participants": [{"role": "tutor"}]}, "body/participants/0/user_id"),
    ("a misspelt field", {"participants": [{**LESSON[0], "userid": "a"}]}, "body/participants/0/userid"),
    ("an empty user id", {"participants": [{"user_id": "", "role": "tutor"}]}, "body/participants/0/user_id"),
    ("a user id of 129", {"participants": [{"user_id": "a" * 129, "role": "tutor"}]}, "body/participants/0/user_id"),
    ("NUL in a user id", {"participants": [{"user_id": "a\x00", "role": "tutor"}]}, "body/participants/0/user_id"),
    ("an integer user id", {"participants": [{"user_id": 7, "role": "tutor"}]}, "body/participants/0/user_id"),
    ("an empty role", {"participants": [{"user_id": "a", "role": ""}]}, "body/participants/0/role"),
    ("a role of 65", {"participants": [{"user_id": "a", "role": "r" * 65}]}, "body/participants/0/role"),
    ("NUL in a role", {"participants": [{"user_id": "a", "role": "tutor\x00"}]}, "body/participants/0/role"),
    ("an empty name", {"participants": [{**LESSON[0], "display_name": ""}]}, "body/participants/0/display_name"),
    ("DEL in a name", {"participants": [{**LESSON[0], "display_name": "A\x7f"}]}, "body/participants/0/display_name"),
    ("a provider that is a number", {"providers": [100]}, "body/providers/0"),
    ("a provider twice", {"providers": ["100ms", "100ms"]}, "body/providers"),
    ("a provider that is not a list", {"providers": "100ms"}, "body/providers"),
    ("a policy that is a list", {"policy": []}, "body/policy"),
    ("an unknown rule", {"policy": {"guests": True}}, "body/policy/guests"),
    ("a rule in words", {"policy": {"guests_allowed": "yes"}}, "body/policy/guests_allowed"),
    ("a rule that is 1", {"policy": {"guests_allowed": 1}}, "body/policy/guests_allowed"),
    ("a negative grace", {"policy": {"grace_seconds": -1}}, "body/policy/grace_seconds"),
    ("a grace of weeks", {"policy": {"grace_seconds": 604_801}}, "body/policy/grace_seconds"),
    ("a huge grace", {"policy": {"grace_seconds": HUGE}}, "body/policy/grace_seconds"),
    ("a broken grace", {"policy": {"grace_seconds": 0.5}}, "body/policy/grace_seconds"),
    ("a token of no length", {"policy": {"token_seconds": 0}}, "body/policy/token_seconds"),
    ("a token of days", {"policy": {"token_seconds": 86_401}}, "body/policy/token_seconds"),
    ("an unknown waiting room", {"policy": {"waiting_room": "on"}}, "body/policy/waiting_room"),
    ("51 host roles", {"policy": {"host_roles": [f"r{n}" for n in range(51)]}}, "body/policy/host_roles"),
    ("NUL in a host role", {"policy": {"host_roles": ["\x00"]}}, "body/policy/host_roles/0"),
    (
        "51 openings by role",
        {"policy": {"opens_before_seconds_by_role": {f"r{number}": 1 for number in range(51)}}},
        "body/policy/opens_before_seconds_by_role",
    ),
    (
        "a negative opening",
        {"policy": {"opens_before_seconds_by_role": {"tutor": -1}}},
        "body/policy/opens_before_seconds_by_role/tutor",
    ),
    ("metadata that is a list", {"metadata": []}, "body/metadata"),
    ("metadata that is a text", {"metadata": "a"}, "body/metadata"),
    ("NUL in a value of the metadata", {"metadata": {"a": "b\x00c"}}, "body/metadata"),
    ("NUL in a name of the metadata", {"metadata": {"b\x00c": 1}}, "body/metadata"),
    ("NUL deep in the metadata", {"metadata": {"a": [{"b": ["\x00"]}]}}, "body/metadata"),
    ("NUL in a deep name of the metadata", {"metadata": {"a": [{"\x00": []}]}}, "body/metadata"),
    ("65 bits in the metadata", {"metadata": {"a": 1 << 63}}, "body/metadata"),
    ("minus 65 bits in the metadata", {"metadata": {"a": [-(1 << 63)]}}, "body/metadata"),
    ("a huge number in the metadata", {"metadata": {"a": HUGE}}, "body/metadata"),
    ("more than 16 KiB of metadata", {"metadata": {"a": "b" * 16_385}}, "body/metadata"),
    ("more than 16 KiB in bytes", {"metadata": {"a": "é" * 8_192}}, "body/metadata"),
    ("more than 16 KiB in names", {"metadata": {f"{number:08}": 0 for number in range(1_500)}}, "body/metadata"),
]


@pytest.mark.parametrize(
    ("changes", "pointer"), [pytest.param(*each[1:], id=each[0]) for each in WRONG_BOOKINGS + WRONG_SESSIONS]
)
async def test_an_invalid_booking_is_not_registered(school: Tenant, changes: dict[str, Any], pointer: str) -> None:
    body = changed(BOOKING, changes)
    async with unchanged(school):
        for reference in ("lesson-1", "new"):
            response = await school.send("PUT", f"/v1/bookings/{reference}", json=body)
            assert_problem(response, 422, "invalid_request", pointer, tenant=school)
        assert_problem(await school.get("/v1/bookings/new"), 404, "session_not_found", tenant=school)


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        *[pytest.param(*each[1:], id=each[0]) for each in WRONG_SESSIONS],
        pytest.param({"video_enabled": "yes"}, "body/video_enabled", id="video in words"),
        pytest.param({"video_enabled": 1}, "body/video_enabled", id="video that is 1"),
        pytest.param({"video_enabled": None}, "body/video_enabled", id="null video"),
        pytest.param({"starts_at": "2030-03-12T14:00:00Z"}, "body/starts_at", id="a schedule"),
        pytest.param({"status": "confirmed"}, "body/status", id="a status"),
    ],
)
async def test_an_invalid_group_is_not_registered(school: Tenant, changes: dict[str, Any], pointer: str) -> None:
    async with unchanged(school):
        for reference in ("circle", "new"):
            response = await school.send("PUT", f"/v1/groups/{reference}", json=changed(GROUP, changes))
            assert_problem(response, 422, "invalid_request", pointer, tenant=school)


@pytest.mark.parametrize("name", ["zoom", "100MS", "", "agora", "größe"])
async def test_a_provider_without_an_account_of_the_app_is_unknown(school: Tenant, name: str) -> None:
    async with unchanged(school):
        for path in SESSIONS:
            response = await school.send("PATCH", path, json={"providers": [name]})
            assert_problem(response, 422, "unknown_provider", tenant=school)
            assert "100ms" in response.json()["detail"]


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1e400", "9" * 400, "-" + "9" * 5_000])
async def test_numbers_that_are_not_finite_are_refused_in_metadata(school: Tenant, number: str) -> None:
    async with unchanged(school):
        response = await school.send("PUT", "/v1/groups/circle", content=f'{{"metadata": {{"a": [{number}]}}}}')
        assert response.status_code in {400, 422}
        assert_problem(response, response.status_code, response.json()["code"], tenant=school)


PATCHES_OF_SESSIONS = [each for each in WRONG_SESSIONS if "participants" not in each[1]]


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        *[pytest.param(*each[1:], id=each[0]) for each in PATCHES_OF_SESSIONS],
        pytest.param({"participants": LESSON}, "body/participants", id="a list of participants"),
    ],
)
async def test_an_invalid_change_changes_nothing(school: Tenant, changes: dict[str, Any], pointer: str) -> None:
    async with unchanged(school):
        for path in SESSIONS:
            response = await school.send("PATCH", path, json=changes)
            assert_problem(response, 422, "invalid_request", pointer, tenant=school)


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"ends_at": "2001-01-01T00:00:00Z"}, id="an end before the stored start"),
        pytest.param({"starts_at": "2190-01-01T00:00:00Z"}, id="a start after the stored end"),
        pytest.param({"starts_at": "2030-01-01T00:00:00Z", "ends_at": "2029-01-01T00:00:00Z"}, id="both"),
        pytest.param({"ends_at": "2190-01-01T00:00:00Z", "duration_minutes": 60}, id="two ends"),
        pytest.param({"starts_at": "2030-01-01T00:00:00"}, id="no zone"),
        pytest.param({"duration_minutes": 0}, id="no duration"),
        pytest.param({"title": "New", "status": "maybe"}, id="one right and one wrong"),
        pytest.param({"modality": 1}, id="a modality that is 1"),
    ],
)
async def test_an_invalid_change_of_a_booking_changes_nothing(school: Tenant, changes: dict[str, Any]) -> None:
    async with unchanged(school):
        response = await school.send("PATCH", "/v1/bookings/lesson-1", json=changes)
        assert_problem(response, 422, "invalid_request", tenant=school)


# --- checks that depend on the app's setup ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "code", "message"),
    [
        pytest.param({"participants": [LESSON[0], LESSON[0]]}, "duplicate_participant", "tutor-1", id="twice the same"),
        pytest.param(
            {"participants": [LESSON[0], {"user_id": "tutor-1", "role": "student"}]},
            "duplicate_participant",
            "tutor-1",
            id="twice in two roles",
        ),
        pytest.param(
            {"participants": [LESSON[0], {"user_id": "a", "role": "pilot"}]},
            "role_not_mapped",
            "pilot",
            id="no mapping",
        ),
        pytest.param(
            {"participants": [{"user_id": "a", "role": "Tutor"}]}, "role_not_mapped", "Tutor", id="another case"
        ),
        pytest.param(
            {"participants": [{"user_id": "a", "role": "teacher"}]},
            "role_not_mapped",
            "teacher",
            id="the vendor's role",
        ),
        pytest.param({"providers": ["agora"]}, "unknown_provider", "agora", id="a provider without an account"),
        pytest.param({"providers": ["100ms", "agora"]}, "unknown_provider", "agora", id="one of two providers"),
        pytest.param(
            {"participants": [{"user_id": f"u{number}", "role": "tutor"} for number in range(10_001)]},
            "invalid_request",
            "10000",
            id="10,001 participants",
        ),
    ],
)
async def test_a_session_that_does_not_fit_the_app_is_not_registered(
    school: Tenant, changes: dict[str, Any], code: str, message: str
) -> None:
    async with unchanged(school):
        for path, body in (
            ("/v1/bookings/lesson-1", BOOKING),
            ("/v1/bookings/new", BOOKING),
            ("/v1/groups/circle", GROUP),
            ("/v1/groups/new", GROUP),
        ):
            problem = assert_problem(
                await school.send("PUT", path, json=changed(body, changes)), 422, code, tenant=school
            )
            assert message in problem["detail"]


async def test_a_list_of_ten_thousand_participants_is_registered(school: Tenant) -> None:
    people = [{"user_id": f"u{number}", "role": "tutor"} for number in range(10_000)]
    response = await school.send("PUT", "/v1/groups/crowd", json={"participants": people})
    assert response.status_code == 201
    assert response.json()["participant_count"] == 10_000


@pytest.mark.parametrize(
    ("body", "code"),
    [
        pytest.param({"role": "pilot"}, "role_not_mapped", id="a role without a mapping"),
        pytest.param({}, "invalid_request", id="no role"),
        pytest.param({"role": None}, "invalid_request", id="a null role"),
        pytest.param({"role": "tutor", "user_id": "tutor-1"}, "invalid_request", id="a field that is part of the path"),
        pytest.param({"role": "tutor", "display_name": "a" * 201}, "invalid_request", id="a long name"),
    ],
)
async def test_an_invalid_participant_is_not_registered(school: Tenant, body: dict[str, Any], code: str) -> None:
    async with unchanged(school):
        for session in SESSIONS:
            for user in ("tutor-1", "new"):
                response = await school.send("PUT", f"{session}/participants/{user}", json=body)
                assert_problem(response, 422, code, tenant=school)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("join", {}, 422, "invalid_request"),
        ("join", {"user_id": ""}, 422, "invalid_request"),
        ("join", {"user_id": None}, 422, "invalid_request"),
        ("join", {"user_id": 7}, 422, "invalid_request"),
        ("join", {"user_id": ["tutor-1"]}, 422, "invalid_request"),
        ("join", {"user_id": "a" * 129}, 422, "invalid_request"),
        ("join", {"user_id": "tutor-1\x00"}, 422, "invalid_request"),
        ("join", {"user_id": "tutor-1", "surface": "hologram"}, 422, "invalid_request"),
        ("join", {"user_id": "tutor-1", "surface": None}, 422, "invalid_request"),
        ("join", {"user_id": "tutor-1", "role": "tutor"}, 422, "invalid_request"),
        ("join", {"user_id": "tutor-1", "display_name": "a" * 201}, 422, "invalid_request"),
        ("guests", {}, 422, "invalid_request"),
        ("guests", {"name": ""}, 422, "invalid_request"),
        ("guests", {"name": "Grand\x00ma"}, 422, "invalid_request"),
        ("guests", {"name": "Grandma", "user_id": "tutor-1"}, 422, "invalid_request"),
        ("guests", {"name": "Grandma", "role": "tutor"}, 422, "invalid_request"),
        ("access", {"user_id": 7}, 422, "invalid_request"),
        ("access", {"user_id": "\x00"}, 422, "invalid_request"),
        ("access", {"user": "tutor-1"}, 422, "invalid_request"),
        ("start", {"user_id": 7}, 422, "invalid_request"),
        ("start", {"user_id": "tutor-1", "at": "now"}, 422, "invalid_request"),
        ("start", {"user_id": "stranger"}, 403, "not_a_participant"),
        ("end", {"user_id": {}}, 422, "invalid_request"),
        ("end", {"user_id": "stranger"}, 403, "not_a_participant"),
        ("end", {}, 404, "call_not_found"),
    ],
)
async def test_an_invalid_join_request_opens_no_call(
    school: Tenant, sandbox: Sandbox, path: str, body: Any, status: int, code: str
) -> None:
    before = await sandbox.counters()
    async with unchanged(school):
        for session in SESSIONS:
            assert_problem(await school.post(f"{session}/{path}", body), status, code, tenant=school)
    assert await sandbox.counters() == before


async def test_a_stranger_is_refused_and_journaled_and_gets_no_room(school: Tenant) -> None:
    problem = assert_problem(await school.join(user_id="stranger"), 403, "not_a_participant", tenant=school)
    assert problem["access"] == {"decision": "refuse", "reason": "not_a_participant"}
    assert [event["type"] for event in await school.events()][-1] == "credentials.denied"
    assert (await school.get("/v1/bookings/lesson-1")).json()["provider"] is None


async def test_a_surface_that_the_provider_does_not_offer_is_refused(agora: Tenant) -> None:
    await agora.book()
    before = await agora.events("credentials.issued")
    assert_problem(await agora.join(surface="prebuilt"), 422, "surface_not_offered", tenant=agora)
    assert await agora.events("credentials.issued") == before


# --- timestamps -------------------------------------------------------------------------------------------------------

WRONG_MOMENTS = {
    "": "an empty text",
    "now": "a word",
    "2030-03-12": "a day",
    "14:00:00Z": "a time",
    "2030-03-12T14:00:00": "no zone",
    "2030-03-12T14:00Z": "no seconds",
    "2030-03-12T14Z": "an hour",
    "20300312T140000Z": "the basic format",
    "2030-W11-2T14:00:00Z": "a week",
    "2030-071T14:00:00Z": "a day of the year",
    "2030-02-30T14:00:00Z": "30 February",
    "2030-13-01T14:00:00Z": "month 13",
    "2030-03-12T25:00:00Z": "hour 25",
    "2030-03-12T24:00:00Z": "hour 24",
    "2030-03-12T14:60:00Z": "minute 60",
    "2030-06-30T23:59:60Z": "a leap second",
    "0000-01-01T00:00:00Z": "year 0",
    "0001-01-01T00:00:00Z": "year 1",
    "0001-01-01T00:00:00+14:00": "before year 1",
    "1999-12-31T23:59:59Z": "year 1999",
    "2200-01-01T00:00:00Z": "year 2200",
    "9999-12-31T23:59:59Z": "year 9999",
    "9999-12-31T23:59:59-14:00": "after year 9999",
    "10000-01-01T00:00:00Z": "year 10000",
    "-2030-03-12T14:00:00Z": "a negative year",
    "2030-03-12T14:00:00 00:00": "an offset with a blank, as `+` in a URL becomes",
    "2030-03-12T14:00:00+24:00": "an offset of a day",
    "2030-03-12T14:00:00+0100": "an offset without a colon",
    "2030-03-12T14:00:00+01": "an offset in hours",
    "2030-03-12T14:00:00+01:00:30": "an offset with seconds",
    "2030-03-12T14:00:00 Europe/Vienna": "a named zone",
    "2030-03-12T14:00:00,5Z": "a decimal comma",
    "2030-03-12T14:00:00.Z": "a point without digits",
    "2030-03-12T14:00:00.1234567890Z": "ten digits",
    "2030-03-12T14:00:00Z\n": "a line break behind it",
    "2030-03-12T14:00:00Z\x00": "NUL behind it",
    " 2030-03-12T14:00:00Z": "a blank before it",
    "\uff12\uff10\uff13\uff10-03-12T14:00:00Z": "full-width digits",
    "٢٠٣٠-03-12T14:00:00Z": "Arabic digits",
    "1773324000": "seconds",
    "2030-03-12T14:00:00Z" * 1_000: "much too long",
}
each_wrong_moment = pytest.mark.parametrize("moment", WRONG_MOMENTS, ids=WRONG_MOMENTS.values())


@each_wrong_moment
async def test_an_invalid_timestamp_is_refused_as_a_start(school: Tenant, moment: str) -> None:
    async with unchanged(school):
        response = await school.send("PUT", "/v1/bookings/new", json=BOOKING | {"starts_at": moment})
        assert_problem(response, 422, "invalid_request", "body/starts_at", tenant=school)


@each_wrong_moment
async def test_an_invalid_timestamp_is_refused_as_a_filter(tutoring: Tenant, moment: str) -> None:
    for path, name in (("bookings", "starts_after"), ("bookings", "starts_before"), ("events", "since")):
        response = await tutoring.get(f"/v1/{path}", params={name: moment})
        assert_problem(response, 422, "invalid_request", f"query/{name}", tenant=tutoring)


async def test_an_unencoded_plus_in_a_url_is_explained(school: Tenant) -> None:
    response = await school.get("/v1/events?since=2030-03-12T14:00:00+01:00")
    assert "%2B" in assert_problem(response, 422, "invalid_request", "query/since", tenant=school)["detail"]
    assert (await school.get("/v1/events?since=2030-03-12T14:00:00%2B01:00")).status_code == 200


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param("2030-03-12T14:00:00+05:99", id="an offset of 99 minutes"),
        pytest.param("2000-01-01T00:00:00+23:59", id="year 1999 in UTC"),
        pytest.param("2199-12-31T23:59:59-23:59", id="year 2200 in UTC"),
    ],
)
async def test_a_timestamp_is_validated_with_the_precision_in_which_it_is_stored(school: Tenant, moment: str) -> None:
    response = await school.send("PUT", "/v1/bookings/new", json=BOOKING | {"starts_at": moment})
    assert_problem(response, 422, "invalid_request", "body/starts_at", tenant=school)


async def test_the_representation_of_a_booking_can_be_sent_back(school: Tenant) -> None:
    body = BOOKING | {"starts_at": "2199-12-31T23:59:59Z"}
    shown = await school.send("PUT", "/v1/bookings/new", json=body)
    if shown.status_code == 201:
        again = {key: shown.json()[key] for key in ("starts_at", "ends_at", "participants")}
        assert (await school.send("PUT", "/v1/bookings/new", json=again)).status_code == 200
    else:
        assert_problem(shown, 422, "invalid_request", tenant=school)


# --- paths ------------------------------------------------------------------------------------------------------------

# Percent-encoded segments of the path.
WRONG_SEGMENTS = {
    "129 characters": "a" * 129,
    "129 characters of four bytes": quote("😀" * 129),
    "very long": "a" * 10_000,
    "NUL": "%00",
    "NUL inside": "a%00b",
    "a line break": "a%0Ab",
    "a line break behind it": "a%0A",
    "a tab": "%09",
    "an escape": "%1B%5B31m",
    "DEL": "%7F",
}
each_wrong_segment = pytest.mark.parametrize("segment", WRONG_SEGMENTS.values(), ids=WRONG_SEGMENTS)


@each_wrong_segment
@pytest.mark.parametrize("kind", ["bookings", "groups"])
async def test_an_invalid_reference_identifies_no_session(school: Tenant, kind: str, segment: str) -> None:
    session = f"/v1/{kind}/{segment}"
    body = BOOKING if kind == "bookings" else GROUP
    async with unchanged(school):
        for method, path, content in (
            ("PUT", session, body),
            ("GET", session, None),
            ("PATCH", session, {"title": "a"}),
            ("POST", f"{session}/cancel", None),
            ("GET", f"{session}/participants", None),
            ("PUT", f"{session}/participants/tutor-1", {"role": "tutor"}),
            ("POST", f"{session}/join", {"user_id": "tutor-1"}),
            ("POST", f"{session}/start", None),
            ("GET", f"{session}/calls", None),
        ):
            response = await school.send(method, path, json=content)
            assert_problem(response, 422, "invalid_request", "path/reference", tenant=school)
    response = await school.get(f"/v1/events?kind={kind[:-1]}&reference={segment}")
    assert_problem(response, 422, "invalid_request", "query/reference", tenant=school)


@each_wrong_segment
async def test_an_invalid_user_id_identifies_no_participant(school: Tenant, segment: str) -> None:
    path = f"/v1/groups/circle/participants/{segment}"
    async with unchanged(school):
        for method, content in (("PUT", {"role": "tutor"}), ("GET", None), ("DELETE", None)):
            response = await school.send(method, path, json=content)
            assert_problem(response, 422, "invalid_request", "path/user_id", tenant=school)
    for path in (f"/v1/groups?participant={segment}", f"/v1/bookings?participant={segment}"):
        assert_problem(await school.get(path), 422, "invalid_request", "query/participant", tenant=school)
    response = await school.get(f"/v1/events?user_id={segment}")
    assert_problem(response, 422, "invalid_request", "query/user_id", tenant=school)


@pytest.mark.parametrize(
    "reference",
    [
        "a" * 128,
        "😀" * 128,
        "урок-1",
        "日本",
        "é",
        "a b",
        "a+b",
        "a%b",
        "a?b",
        "a#b",
        "a&b=c",
        "a;b",
        "'\"<>\\",
        "{}",
    ],
)
async def test_every_other_reference_is_accepted_unchanged(school: Tenant, reference: str) -> None:
    path = f"/v1/groups/{quote(reference, safe='')}"
    put = await school.send("PUT", path, json=GROUP)
    assert put.status_code == 201
    assert put.json()["reference"] == reference
    assert (await school.get(path)).json() == put.json()
    found = await school.get("/v1/events", params={"kind": "group", "reference": reference})
    assert [event["session"]["reference"] for event in found.json()["data"]] == [reference]


@pytest.mark.parametrize("reference", ["a", "😀" * 128, "'\"<>&", "a b", "a+b%", "=?utf-8?"])
@pytest.mark.parametrize("surface", ["sdk", "prebuilt"])
async def test_a_participant_with_an_unusual_id_can_join(school: Tenant, reference: str, surface: str) -> None:
    await school.create_group("odd", participants=[{"user_id": reference, "role": "tutor", "display_name": reference}])
    response = await school.post("/v1/groups/odd/join", {"user_id": reference, "surface": surface})
    assert response.status_code == 200, response.text
    assert response.json()["user_id"] == response.json()["display_name"] == reference


@pytest.mark.parametrize("segment", ["%2E", "%2E%2E"])
async def test_a_reference_of_dots_is_not_a_path_segment(school: Tenant, segment: str) -> None:
    async with unchanged(school):
        response = await school.send("PUT", f"/v1/groups/{segment}", json=GROUP)
        assert_problem(response, 422, "invalid_request", tenant=school)


@pytest.mark.parametrize("segment", ["%FF", "%ED%A0%80", "%C0%AF", "%E9"])
async def test_a_url_that_is_not_utf8_is_refused(school: Tenant, segment: str) -> None:
    async with unchanged(school):
        for response in (
            await school.send("PUT", f"/v1/groups/{segment}", json=GROUP),
            await school.get(f"/v1/groups?participant={segment}"),
        ):
            assert response.status_code in {400, 422}
            assert_problem(response, response.status_code, response.json()["code"], tenant=school)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/bookings/lesson-1%2Fparticipants"),
        ("GET", "/v1/bookings/lesson-1%2Fcalls"),  # codespell:ignore alls
        ("GET", "/v1/groups/circle%2Fparticipants%2Ftutor-1"),
        ("POST", "/v1/groups/circle%2Fcancel"),
        ("POST", "/v1%2Fgroups%2Fcircle%2Fstart"),
    ],
)
async def test_an_encoded_slash_does_not_select_another_operation(school: Tenant, method: str, path: str) -> None:
    async with unchanged(school):
        response = await school.send(method, path)
        assert response.status_code in {404, 422}
        assert_problem(response, response.status_code, response.json()["code"], tenant=school)


@pytest.mark.parametrize("user_id", ["a/b", ".", ".."])
async def test_every_valid_user_id_can_be_part_of_a_path(school: Tenant, user_id: str) -> None:
    response = await school.send(
        "PUT", "/v1/groups/new", json={"participants": [{"user_id": user_id, "role": "tutor"}]}
    )
    if response.is_success:
        # As a client resolves it, according to RFC 3986.
        url = httpx.URL(f"http://videobroker/v1/groups/new/participants/{quote(user_id, safe='')}")
        assert (await school.get(url.raw_path.decode())).json().get("user_id") == user_id
    else:
        assert_problem(response, 422, "invalid_request", "body/participants/0/user_id", tenant=school)


@pytest.mark.parametrize(
    "path",
    [
        "/v1",
        "/v1/",
        "/v2/bookings",
        "/v1/bookings/",
        "/v1/bookings/lesson-1/",
        "/v1/Bookings",
        "/V1/bookings",
        "/v1/booking/lesson-1",
        "/v1/sessions",
        "/v1//bookings",
        "//v1/bookings",
        "/v1/bookings/a/b",
        "/v1/bookings/lesson-1/join/now",
        "/v1/events/1",
        "/.env",
        "/admin",
        "/etc/passwd",
        "/v1/bookings;a=b",
        "/%00",
        "/%F0%9F%98%80",
        "/" + "a" * 5_000,
        "/problems/nonsense",
        "/problems/%00",
    ],
)
async def test_an_unknown_path_is_not_found(tutoring: Tenant, path: str) -> None:
    for method in ("GET", "POST"):
        if method == "GET" or not path.startswith("/problems/"):
            assert_problem(await tutoring.send(method, path), 404, "path_not_found", tenant=tutoring)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/v1/bookings"),
        ("PUT", "/v1/bookings"),
        ("DELETE", "/v1/bookings"),
        ("POST", "/v1/bookings/lesson-1"),
        ("GET", "/v1/bookings/lesson-1/join"),
        ("PUT", "/v1/bookings/lesson-1/join"),
        ("GET", "/v1/groups/circle/cancel"),
        ("DELETE", "/v1/groups/circle/participants"),
        ("PATCH", "/v1/groups/circle/participants/tutor-1"),
        ("PUT", "/v1/events"),
        ("DELETE", "/v1/events"),
        ("DELETE", f"/v1/calls/{CALL}"),
        ("POST", "/healthz"),
        ("TRACE", "/v1/bookings"),
        ("PROPFIND", "/v1/bookings"),
        ("get", "/v1/bookings/lesson-1/join"),
    ],
)
async def test_a_method_that_a_path_does_not_have_is_refused(school: Tenant, method: str, path: str) -> None:
    async with unchanged(school):
        response = await school.send(method, path)
        assert_problem(response, 405, "method_not_allowed", tenant=school)
    assert response.headers["allow"]
    assert method.upper() not in response.headers["allow"].split(", ")


async def test_an_unknown_method_adds_no_label_to_the_metrics(api: httpx.AsyncClient) -> None:
    await api.request("INVENTED", "/v1/bookings")
    assert "INVENTED" not in (await api.get("/metrics")).text


@pytest.mark.parametrize(
    ("call", "status", "code"),
    [
        ("1", 422, "invalid_request"),
        ("null", 422, "invalid_request"),
        ("%00", 422, "invalid_request"),
        (f"{CALL}0", 422, "invalid_request"),
        ("a" * 5_000, 422, "invalid_request"),
        (quote("日本"), 422, "invalid_request"),
        (CALL, 404, "call_not_found"),
        ("00000000-0000-0000-0000-000000000000", 404, "call_not_found"),
        ("ffffffff-ffff-ffff-ffff-ffffffffffff", 404, "call_not_found"),
    ],
)
async def test_an_invalid_id_is_an_unknown_call(school: Tenant, call: str, status: int, code: str) -> None:
    assert_problem(await school.get(f"/v1/calls/{call}"), status, code, tenant=school)


# --- queries ----------------------------------------------------------------------------------------------------------

LISTS = [
    "/v1/bookings",
    "/v1/groups",
    "/v1/events",
    "/v1/bookings/lesson-1/participants",
    "/v1/groups/circle/calls",
]


@pytest.mark.parametrize(
    "limit", ["0", "101", "-1", "", "ten", "1e1", "0x10", "NaN", "true", "9" * 30, "9" * 5_000, "\x00"]
)
async def test_an_invalid_limit_is_refused(school: Tenant, limit: str) -> None:
    for path in LISTS:
        response = await school.get(path, params={"limit": limit})
        assert_problem(response, 422, "invalid_request", "query/limit", tenant=school)


@pytest.mark.parametrize(
    ("path", "pointer"),
    [
        ("/v1/bookings?status=maybe", "query/status/0"),
        ("/v1/bookings?status=", "query/status/0"),
        ("/v1/bookings?participant=", "query/participant"),
        ("/v1/groups?participant=", "query/participant"),
        ("/v1/events?type=session.exploded", "query/type/0"),
        ("/v1/events?type=session.registered&type=", "query/type/1"),
        ("/v1/events?kind=room&reference=a", "query/kind"),
        ("/v1/events?kind=group&reference=", "query/reference"),
        ("/v1/events?user_id=", "query/user_id"),
        ("/v1/events?kind=group", None),
        ("/v1/events?reference=circle", None),
    ],
)
async def test_an_invalid_filter_is_refused(school: Tenant, path: str, pointer: str | None) -> None:
    assert_problem(await school.get(path), 422, "invalid_request", pointer, tenant=school)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/bookings?particpant=tutor-1",  # codespell:ignore particpant
        "/v1/groups?status=confirmed",
        "/v1/events?participant=tutor-1",
        "/v1/bookings?participant=tutor-1&participant=student-1",
        "/v1/groups?limit=1&limit=2",
        "/v1/events?user_id=tutor-1&user_id=student-1",
    ],
)
async def test_an_unknown_query_parameter_is_refused(school: Tenant, path: str) -> None:
    assert_problem(await school.get(path), 422, "invalid_request", tenant=school)


WRONG_CURSORS = {
    "nothing": "",
    "a word": "next",
    "no base64": "***",
    "a blank": " ",
    "NUL": "\x00",
    "not ASCII": "日本",
    "random bytes": base64.urlsafe_b64encode(bytes(range(200, 250))).decode(),
    "no JSON": base64.urlsafe_b64encode(b"next").decode(),
    "deep JSON": base64.urlsafe_b64encode(b"[" * 700).decode(),
    "null": encode_cursor(None),
    "a number": encode_cursor(5),
    "a text": encode_cursor("next"),
    "an object": encode_cursor({}),
    "an empty list": encode_cursor([]),
    "a list of lists": encode_cursor([[], []]),
    "nulls": encode_cursor([None, None]),
    "booleans": encode_cursor([True, False]),
    "NaN": encode_cursor([float("nan"), float("inf")]),
    "three parts": encode_cursor(["2030-03-12T14:00:00+00:00", CALL, 1]),
    "parts in the wrong order": encode_cursor([CALL, "2030-03-12T14:00:00+00:00"]),
    "negative numbers": encode_cursor([-1, -1]),
    "broken numbers": encode_cursor([1.5, 1.5]),
    "65 bits": encode_cursor([1 << 63, 1]),
    "66 bits": encode_cursor([1, 1 << 64]),
    "huge numbers": encode_cursor([10**300, 10**300]),
    "SQL": encode_cursor(["1'::xid8); drop table journal; --", "1"]),
    "two texts with surrogates": encode_cursor(["\ud800", "\ud800"]),
    "two texts with NUL": encode_cursor(["\x00", "\x00"]),
}


@pytest.mark.parametrize("cursor", WRONG_CURSORS.values(), ids=WRONG_CURSORS)
async def test_a_cursor_that_is_not_ours_is_refused(school: Tenant, cursor: str) -> None:
    for path in LISTS:
        response = await school.get(path, params={"cursor": cursor})
        problem = assert_problem(response, 422, "invalid_cursor", tenant=school)
        assert "`next`" in problem["detail"]


@pytest.mark.parametrize(
    ("path", "position"),
    [
        pytest.param("/v1/bookings", ["2030-03-12T14:00:00+00:00", "5"], id="not a UUID"),
        pytest.param("/v1/bookings", ["2030-03-12T14:00:00+00:00", 5], id="a number for a UUID"),
        pytest.param("/v1/bookings", ["soon", CALL], id="not a timestamp"),
        pytest.param("/v1/bookings", [CALL], id="a group's cursor"),
        pytest.param("/v1/groups", ["2030-03-12T14:00:00+00:00", CALL], id="a booking's cursor"),
        pytest.param("/v1/groups/circle/participants", ["\x00"], id="NUL in a user id"),
        pytest.param("/v1/groups/circle/participants", ["\ud800"], id="a surrogate in a user id"),
        pytest.param("/v1/groups/circle/participants", [7], id="a number for a user id"),
        pytest.param(
            "/v1/groups/circle/participants",
            "5",
            id="a text for a list",
        ),
        pytest.param(
            "/v1/groups/circle/participants",
            {"a": 1},
            id="an object for a list",
        ),
        pytest.param(
            "/v1/bookings",
            ["0001-01-01T00:00:00+14:00", CALL],
            id="before year 1",
        ),
        pytest.param(
            "/v1/bookings",
            ["9999-12-31T23:59:59-14:00", CALL],
            id="after year 9999",
        ),
        pytest.param(
            "/v1/bookings",
            ["2030-03-12T14:00:00", CALL],
            id="no zone",
        ),
        pytest.param(
            "/v1/bookings",
            ["2030-03-12", CALL],
            id="a day",
        ),
    ],
)
async def test_a_cursor_with_an_invalid_position_is_refused(school: Tenant, path: str, position: Any) -> None:
    response = await school.get(path, params={"cursor": encode_cursor(position)})
    assert_problem(response, 422, "invalid_cursor", tenant=school)


async def test_a_cursor_that_is_too_long_is_refused(school: Tenant) -> None:
    for path in LISTS:
        response = await school.get(path, params={"cursor": "a" * 1_025})
        assert_problem(response, 422, "invalid_request", "query/cursor", tenant=school)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@prop
@given(position=json_values | st.lists(json_values, min_size=1, max_size=2))
async def test_no_generated_cursor_causes_a_server_error(school: Tenant, position: Any) -> None:
    cursor = encode_cursor(position)
    assume(len(cursor) <= 1_024)
    for path in LISTS:
        response = await school.get(path, params={"cursor": cursor})
        if response.status_code != 200:
            assert_problem(response, 422, "invalid_cursor", tenant=school)


# --- headers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [b"", b" ", b"a b", b"a\x00b", b"\xff", "ключ".encode(), b"a" * 256, b"a\tb", b"\x7f"],
    ids=["empty", "a blank", "a blank inside", "NUL", "not ASCII", "UTF-8", "256 characters", "a tab", "DEL"],
)
async def test_an_invalid_idempotency_key_is_refused(school: Tenant, key: bytes) -> None:
    headers = [(b"Authorization", f"Bearer {school.key}".encode()), (b"Idempotency-Key", key)]
    bodies = {"join": {"user_id": "tutor-1"}, "guests": {"name": "Grandma"}, "start": {}, "end": {}, "cancel": {}}
    async with unchanged(school):
        for path, body in bodies.items():
            response = await school.api.post(f"/v1/bookings/lesson-1/{path}", json=body, headers=headers)
            assert_problem(response, 422, "invalid_request", "header/Idempotency-Key", tenant=school)


@pytest.mark.parametrize(
    "user_id", [b"", b"a\x00b", b"\x7f", b"a" * 129], ids=["empty", "NUL", "DEL", "129 characters"]
)
async def test_an_invalid_acting_user_is_refused(school: Tenant, user_id: bytes) -> None:
    headers = [(b"Authorization", f"Bearer {school.key}".encode()), (b"X-User-Id", user_id)]
    async with unchanged(school):
        for path in ("join", "access", "start", "end"):
            response = await school.api.post(f"/v1/bookings/lesson-1/{path}", json={}, headers=headers)
            assert_problem(response, 422, "invalid_request", "header/X-User-Id", tenant=school)


@pytest.mark.parametrize("user_id", ["é", "日本", "ключ"])
async def test_an_acting_user_is_decoded_correctly_or_refused(school: Tenant, user_id: str) -> None:
    await school.create_group("new", participants=[{"user_id": user_id, "role": "tutor"}])
    headers = [(b"Authorization", f"Bearer {school.key}".encode()), (b"X-User-Id", user_id.encode())]
    response = await school.api.post("/v1/groups/new/access", json={}, headers=headers)
    if response.status_code == 200:
        assert response.json()["decision"] == "admit"
    else:
        assert_problem(response, 422, "invalid_request", "header/X-User-Id", tenant=school)


@pytest.mark.parametrize("raw", [b"{", b"\xff", b'{"user_id": "\\ud800"}', b'{"user_id": 7}', b"[]", b"NaN"])
@pytest.mark.parametrize("path", ["join", "start"])
async def test_an_invalid_body_does_not_use_up_its_idempotency_key(school: Tenant, path: str, raw: bytes) -> None:
    headers = {"Idempotency-Key": "once"}
    async with unchanged(school):
        response = await school.send("POST", f"/v1/bookings/lesson-1/{path}", content=raw, headers=headers)
        assert response.status_code in {400, 422}
        assert_problem(response, response.status_code, response.json()["code"], tenant=school)
    right = await school.send("POST", f"/v1/bookings/lesson-1/{path}", json={"user_id": "tutor-1"}, headers=headers)
    assert right.status_code == 200
    assert "idempotency-replayed" not in right.headers


@pytest.mark.parametrize("raw", [b"{", b"\xff\x00", b'{"a": "\\ud800"}', b"NaN", b"[" * 100_000])
async def test_an_unexpected_body_is_ignored(school: Tenant, raw: bytes) -> None:
    for headers in ({}, {"Idempotency-Key": "once"}):
        response = await school.send("POST", "/v1/groups/circle/cancel", content=raw, headers=headers)
        assert response.status_code < 500
        assert (await school.send("GET", "/v1/groups/circle", content=raw)).status_code == 200


async def test_an_idempotency_key_is_valid_for_one_request(school: Tenant) -> None:
    for reference in ("a?x", "a?y", "a#x", "a/../b"):
        await school.create_group(quote(reference, safe="") if "/" not in reference else "b")
    headers = {"Idempotency-Key": "once"}
    first = await school.send("POST", "/v1/groups/a%3Fx/start", headers=headers)
    assert first.status_code == 200
    for path in ("a%3Fy/start", "a%3Fx/end", "a%3Fx/join", "a%23x/start", "b/start"):
        response = await school.send("POST", f"/v1/groups/{path}", headers=headers, json={"user_id": "tutor-1"})
        assert_problem(response, 422, "idempotency_key_reused", tenant=school)


@pytest.mark.parametrize("host", ["[", "a/b", "a?b", "a#b", "a@b", "", "a:99999999", "\xff".encode().decode("latin-1")])
async def test_an_invalid_host_header_is_refused_and_changes_nothing(school: Tenant, host: str) -> None:
    headers = [
        (b"Authorization", f"Bearer {school.key}".encode()),
        (b"Idempotency-Key", b"once"),
        (b"Host", host.encode("latin-1")),
    ]
    async with unchanged(school):
        response = await school.api.post("/v1/groups/circle/start", headers=headers)
        assert_problem(response, 400, "malformed_request", tenant=school)


@pytest.mark.parametrize(
    "agent", [b"\x00", b"\xff\xfe", "браузер".encode(), b"a" * 100_000, b"'; drop table journal; --", b"%s%n{0}"]
)
async def test_a_user_agent_is_sanitized_before_it_is_stored(school: Tenant, agent: bytes) -> None:
    headers = [(b"Authorization", f"Bearer {school.key}".encode()), (b"User-Agent", agent)]
    response = await school.api.put("/v1/groups/new", json=GROUP, headers=headers)
    assert response.status_code == 201
    (event,) = await school.events(kind="group", reference="new")
    stored = event["asked_by"]["user_agent"]
    assert "\x00" not in stored
    assert stored == agent.decode("latin-1").replace("\x00", "")[:256]


# --- stored values round-trip -----------------------------------------------------------------------------------------

json_numbers = st.integers(-(1 << 63) + 1, (1 << 63) - 1) | st.floats(
    -(2.0**53) + 1, 2.0**53 - 1, allow_nan=False, allow_infinity=False
)
json_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
stored_metadata = st.dictionaries(
    json_texts,
    st.recursive(
        st.none() | st.booleans() | json_numbers | json_texts,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(json_texts, inner, max_size=4),
        max_leaves=10,
    ),
    max_size=5,
)


@prop
@given(metadata=stored_metadata)
async def test_metadata_is_returned_as_it_was_sent_and_sending_it_again_changes_nothing(
    school: Tenant, metadata: dict[str, Any]
) -> None:
    first = await school.send("PUT", "/v1/groups/stored", json={"metadata": metadata})
    read = await school.get("/v1/groups/stored")
    assert read.json()["metadata"] == metadata
    again = await school.send("PUT", "/v1/groups/stored", json={"metadata": metadata})
    assert again.json() == first.json() == read.json()


@pytest.mark.parametrize(
    "number", ["1e23", "1e308", "-1e300", "123456789012345678901234567890.5", "1.2345678901234567e17"]
)
async def test_sending_a_large_number_again_changes_nothing(school: Tenant, number: str) -> None:
    raw = f'{{"metadata": {{"a": {number}}}}}'
    first = await school.send("PUT", "/v1/groups/new", content=raw)
    if first.status_code == 201:
        again = await school.send("PUT", "/v1/groups/new", content=raw)
        assert again.json() == first.json() == (await school.get("/v1/groups/new")).json()
    else:
        assert_problem(first, 422, "invalid_request", "body/metadata", tenant=school)


@pytest.mark.parametrize(("before", "after"), [(1, True), (0, False), (True, 1), ([False], [0])])
async def test_true_and_one_are_different_metadata(school: Tenant, before: Any, after: Any) -> None:
    await school.create_group("new", metadata={"paid": before})
    await school.create_group("new", metadata={"paid": after})
    stored = (await school.get("/v1/groups/new")).json()["metadata"]["paid"]
    assert json.dumps(stored) == json.dumps(after)


@prop
@given(body=json_values)
@pytest.mark.parametrize(("method", "path"), WITH_BODY)
async def test_no_generated_json_causes_a_server_error(school: Tenant, method: str, path: str, body: Any) -> None:
    response = await school.send(method, path, content=json.dumps(body))
    if response.status_code != 200:
        assert 400 <= response.status_code < 500
        assert_problem(response, response.status_code, response.json()["code"], tenant=school)


# --- texts of problems ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        pytest.param("PUT", "/v1/groups/%00", {}, id="a control character in a reference"),
        pytest.param("PUT", "/v1/groups/new", {"title": "\x00"}, id="a control character in a title"),
        pytest.param("PUT", "/v1/groups/new", [], id="a list for a body"),
        pytest.param("PUT", "/v1/groups/new", {"participants": ["a"]}, id="a text for a participant"),
        pytest.param("PUT", "/v1/bookings/new", BOOKING | {"starts_at": "2030-03-12T14:00:00+24:00"}, id="an offset"),
        pytest.param("PUT", "/v1/bookings/new", BOOKING | {"starts_at": "٢٠٣٠-03-12T14:00:00Z"}, id="Arabic digits"),
    ],
)
async def test_a_mistake_is_explained_without_jargon(school: Tenant, method: str, path: str, body: Any) -> None:
    problem = assert_problem(await school.send(method, path, json=body), 422, "invalid_request", tenant=school)
    assert not re.search(r"pattern|dictionary|extract|timedelta|isoformat|\^\[", problem["detail"])


async def test_several_mistakes_are_reported_together(school: Tenant) -> None:
    body = BOOKING | {"titel": "a", "duration_minutes": 0, "participants": [{"user_id": "a"}]}
    response = await school.send("PUT", "/v1/bookings/new", json=body)
    problem = assert_problem(response, 422, "invalid_request", tenant=school)
    assert {part["pointer"] for part in problem["errors"]} == {
        "body/titel",
        "body/duration_minutes",
        "body/participants/0/role",
    }


async def test_a_problem_does_not_quote_values_of_the_request(school: Tenant) -> None:
    body = BOOKING | {"title": "hunter2" * 50, "status": "hunter2", "duration_minutes": "hunter2"}
    response = await school.send("PUT", "/v1/bookings/new", json=body)
    assert_problem(response, 422, "invalid_request", tenant=school)
    assert "hunter2" not in response.text
    response = await school.send("PUT", "/v1/bookings/new", content=b'{"title": "hunter2" hunter2')
    assert_problem(response, 400, "malformed_json", tenant=school)
    assert "hunter2" not in response.text
