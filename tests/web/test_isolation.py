"""What belongs to another app looks exactly like what does not exist, whatever is asked and however."""

import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tenants import LESSON, Tenant
from videobroker.domain.events import SET_UP_EVENTS
from videobroker.domain.times import rfc3339

THEIRS, NOBODYS = "theirs-1", "nobody-1"
"""A reference of the first app, and one of nobody; of the same length, and nowhere else in an answer."""


@dataclass(frozen=True)
class Question:
    """A request about a session; `{}` stands for its reference, in the path and as a member of the body."""

    method: str
    path: str
    body: Any = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    async def ask(self, tenant: Tenant, reference: str, **how: Any) -> httpx.Response:
        """Ask it about this reference."""
        body = self.body
        if isinstance(body, dict):
            body = {name: reference if value == "{}" else value for name, value in body.items()}
        return await tenant.send(self.method, self.path.format(reference), json=body, **how)


def about(session: str) -> list[Question]:
    """Everything that can be asked about a session that has to exist."""
    return [
        Question("GET", session),
        Question("PATCH", session, {"title": "Mine now"}),
        Question("PATCH", session, {"metadata": {"mine": True}, "policy": {"guests_allowed": True}}),
        Question("POST", f"{session}/cancel"),
        Question("GET", f"{session}/participants"),
        Question("GET", f"{session}/participants?limit=1"),
        Question("GET", f"{session}/participants/tutor-1"),
        Question("PUT", f"{session}/participants/tutor-1", {"role": "student"}),
        Question("PUT", f"{session}/participants/intruder", {"role": "tutor"}),
        Question("PUT", f"{session}/participants/intruder", {"role": "a role without a mapping"}),
        Question("DELETE", f"{session}/participants/tutor-1"),
        Question("DELETE", f"{session}/participants/nobody"),
        Question("POST", f"{session}/access", {"user_id": "tutor-1"}),
        Question("POST", f"{session}/access", {}),
        Question("POST", f"{session}/join", {"user_id": "tutor-1"}),
        Question("POST", f"{session}/join", {"user_id": "intruder"}),
        Question("POST", f"{session}/join", {"user_id": "tutor-1", "surface": "prebuilt"}),
        Question("POST", f"{session}/guests", {"name": "Intruder"}),
        Question("POST", f"{session}/links", {"user_id": "tutor-1"}),
        Question("POST", f"{session}/links", {"guest": {"display_name": "Intruder"}}),
        Question("POST", f"{session}/guests", {"name": "Intruder", "guest_id": "tutor-1"}),
        Question("GET", f"{session}/lobby"),
        Question("POST", f"{session}/lobby/admit"),
        Question("POST", f"{session}/lobby/0195d3c2-9c10-7c55-9c1e-6f2b8d1e4a81/admit"),
        Question("POST", f"{session}/lobby/0195d3c2-9c10-7c55-9c1e-6f2b8d1e4a81/deny"),
        Question("POST", f"{session}/start"),
        Question("POST", f"{session}/start", {"user_id": "tutor-1"}),
        Question("POST", f"{session}/end"),
        Question("POST", f"{session}/end", {"user_id": "tutor-1"}),
        Question("POST", f"{session}/end", {"user_id": "intruder"}),
        Question("GET", f"{session}/calls"),
    ]


QUESTIONS = [
    *about("/v1/bookings/{}"),
    *about("/v1/groups/{}"),
    Question("GET", "/v1/events?kind=booking&reference={}"),
    Question("GET", "/v1/events?kind=group&reference={}"),
    Question("GET", "/v1/events?kind=group&reference={}&user_id=tutor-1&type=credentials.issued"),
    Question("POST", "/v1/events", {"kind": "booking", "reference": "{}", "event": "noted"}),
    Question("POST", "/v1/events", {"kind": "group", "reference": "{}", "event": "noted", "user_id": "tutor-1"}),
]


@pytest.fixture
async def lived_in(tutoring: Tenant) -> Tenant:
    """The first app: a booking and a group that were joined, by somebody who repeats requests safely."""
    await tutoring.book(THEIRS, policy={"guests_allowed": True})
    await tutoring.create_group(THEIRS, policy={"guests_allowed": True})
    for kind in ("bookings", "groups"):
        headers = {"Idempotency-Key": f"join-{kind}"}
        joined = await tutoring.send("POST", f"/v1/{kind}/{THEIRS}/join", json={"user_id": "tutor-1"}, headers=headers)
        assert joined.status_code == 200, joined.text
    return tutoring


async def everything(tenant: Tenant) -> list[Any]:
    """All that the app has."""
    paths = [
        "/v1/bookings",
        "/v1/groups",
        "/v1/events",
        *(f"/v1/{kind}/{THEIRS}{part}" for kind in ("bookings", "groups") for part in ("/participants", "/calls")),
    ]
    responses = [await tenant.get(path, params={"limit": 100}) for path in paths]
    assert {response.status_code for response in responses} <= {200, 404}
    return [response.json() for response in responses]


def told_apart(response: httpx.Response) -> tuple[int, dict[str, str], str]:
    """All that a caller sees of an answer, without the reference it sent itself."""
    return response.status_code, dict(response.headers), response.text.replace(THEIRS, NOBODYS)


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
async def test_another_apps_session_looks_like_none(lived_in: Tenant, other: Tenant, question: Question) -> None:
    before = await everything(lived_in)
    theirs, nobodys = await question.ask(other, THEIRS), await question.ask(other, NOBODYS)
    assert theirs.status_code == 404
    assert theirs.json()["code"] == "session_not_found"
    assert told_apart(theirs) == told_apart(nobodys)
    assert await everything(lived_in) == before
    assert await other.events() == []


@pytest.mark.parametrize("question", QUESTIONS, ids=str)
async def test_the_owner_is_not_told_that_there_is_none(lived_in: Tenant, question: Question) -> None:
    """The questions are real ones: nothing in this file passes because a path is misspelt."""
    response = await question.ask(lived_in, THEIRS)
    assert "code" not in (response.json() if response.content else {}) or response.json()["code"] in {
        "role_not_mapped",
        "participant_not_found",
        "not_a_participant",
        "entry_not_found",
    }


async def test_another_apps_call_looks_like_none(lived_in: Tenant, other: Tenant) -> None:
    calls = (await lived_in.get(f"/v1/bookings/{THEIRS}/calls")).json()["data"]
    assert (await lived_in.get(f"/v1/calls/{calls[0]['id']}")).status_code == 200
    theirs = await other.get(f"/v1/calls/{calls[0]['id']}")
    nobodys = await other.get(f"/v1/calls/{uuid4()}")
    assert theirs.status_code == 404
    assert theirs.json()["code"] == "call_not_found"
    assert told_apart(theirs) == told_apart(nobodys)


@pytest.mark.parametrize(
    "path",
    [
        "/v1/bookings",
        "/v1/bookings?participant=tutor-1",
        "/v1/bookings?status=confirmed",
        "/v1/bookings?starts_after=2000-01-01T00:00:00Z",
        "/v1/groups",
        "/v1/groups?participant=tutor-1",
        "/v1/events",
        "/v1/events?user_id=tutor-1",
        "/v1/events?type=credentials.issued&type=call.started",
        "/v1/events?since=2000-01-01T00:00:00Z",
    ],
)
async def test_lists_show_nothing_of_another_app(lived_in: Tenant, other: Tenant, path: str) -> None:
    assert (await lived_in.get(path)).json()["data"] != []
    assert await of_sessions(other, path) == []


async def of_sessions(tenant: Tenant, path: str, **params: str) -> list[Any]:
    """All items, without the events about the set-up of the app itself."""
    response = (await tenant.get(path, params=params)).json()
    assert response["next"] is None
    return [item for item in response["data"] if item.get("type") not in SET_UP_EVENTS]


async def test_a_cursor_of_another_app_opens_nothing(lived_in: Tenant, other: Tenant) -> None:
    for path in ("/v1/bookings", "/v1/groups", "/v1/events"):
        if path != "/v1/events":
            await lived_in.send(
                "PUT",
                f"{path}/second",
                json={"participants": LESSON}
                | ({"starts_at": "2030-03-12T14:00:00Z", "duration_minutes": 60} if path == "/v1/bookings" else {}),
            )
        cursor = (await lived_in.get(path, params={"limit": 1})).json()["next"]
        assert cursor
        assert await of_sessions(other, path, cursor=cursor) == []


async def test_an_idempotency_key_of_another_app_repeats_nothing(lived_in: Tenant, other: Tenant) -> None:
    headers = {"Idempotency-Key": "shared"}
    first = await lived_in.send("POST", f"/v1/groups/{THEIRS}/join", json={"user_id": "tutor-1"}, headers=headers)
    assert first.status_code == 200
    theirs = await other.send("POST", f"/v1/groups/{THEIRS}/join", json={"user_id": "tutor-1"}, headers=headers)
    assert theirs.json()["code"] == "session_not_found"
    assert "idempotency-replayed" not in theirs.headers
    again = await lived_in.send("POST", f"/v1/groups/{THEIRS}/join", json={"user_id": "tutor-1"}, headers=headers)
    assert again.json() == first.json()


async def test_the_same_reference_in_two_apps_is_two_sessions(lived_in: Tenant, other: Tenant) -> None:
    before = await everything(lived_in)
    mine = await other.create_group(THEIRS, title="Mine", participants=[])
    booked = await other.book(THEIRS, title="Mine too", participants=[])
    assert mine["version"] == booked["version"] == 1
    assert mine["participants"] == booked["participants"] == []
    assert (await other.post(f"/v1/groups/{THEIRS}/join", {"user_id": "tutor-1"})).json()["code"] == "not_a_participant"
    assert (await other.post(f"/v1/groups/{THEIRS}/end")).json()["code"] == "call_not_found"
    assert (await other.get(f"/v1/groups/{THEIRS}/calls")).json()["data"] == []
    assert (await other.post(f"/v1/groups/{THEIRS}/cancel")).status_code == 200
    assert (await other.post(f"/v1/bookings/{THEIRS}/cancel")).status_code == 200
    assert await everything(lived_in) == before


async def test_two_apps_with_the_same_reference_meet_in_two_rooms(lived_in: Tenant, other: Tenant) -> None:
    await other.create_group(THEIRS)
    rooms = {
        (await tenant.post(f"/v1/groups/{THEIRS}/join", {"user_id": "tutor-1"})).json()["room_id"]
        for tenant in (lived_in, other)
    }
    assert len(rooms) == 2


async def test_a_booking_and_a_group_with_the_same_reference_are_two_sessions(tutoring: Tenant) -> None:
    await tutoring.create_group(THEIRS)
    assert (await tutoring.get(f"/v1/bookings/{THEIRS}")).json()["code"] == "session_not_found"
    await tutoring.book(THEIRS)
    await tutoring.post(f"/v1/bookings/{THEIRS}/cancel")
    assert (await tutoring.get(f"/v1/groups/{THEIRS}")).json()["cancelled"] is False


# --- any request at all -----------------------------------------------------------------------------------------------

users = st.sampled_from(["tutor-1", "student-1", "intruder", "tutor-%31"])
segments = st.sampled_from(
    ["participants", "calls", "join", "access", "guests", "start", "end", "cancel", "participants/tutor-1", "lobby", ""]
)
bodies = st.one_of(
    st.none(),
    st.fixed_dictionaries({"user_id": users}),
    st.fixed_dictionaries({"name": st.text(min_size=1, max_size=10)}),
    st.fixed_dictionaries({"role": st.sampled_from(["tutor", "student", "pilot"])}),
    st.fixed_dictionaries({"user_id": users, "surface": st.sampled_from(["sdk", "prebuilt", "carrier pigeon"])}),
    st.dictionaries(
        st.sampled_from(["title", "metadata", "status", "video_enabled"]), st.booleans() | st.text(max_size=5)
    ),
)
anything = st.builds(
    lambda method, kind, segment, body: Question(method, f"/v1/{kind}/{{}}/{segment}".rstrip("/"), body),
    st.sampled_from(["GET", "PATCH", "POST", "DELETE", "PUT"]),
    st.sampled_from(["bookings", "groups"]),
    segments,
    bodies,
).filter(lambda question: question.method != "PUT" or "participants" in question.path)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    questions=st.lists(anything | st.sampled_from(QUESTIONS), min_size=1, max_size=6),
    key=st.sampled_from([None, "join-bookings", "join-groups", "k"]),
    acting_for=st.sampled_from([None, "tutor-1", "intruder"]),
)
async def test_no_request_of_another_app_tells_a_session_from_none(
    lived_in: Tenant, other: Tenant, questions: list[Question], key: str | None, acting_for: str | None
) -> None:
    before = await everything(lived_in)
    sent = {"Idempotency-Key": key, "X-User-Id": acting_for}
    headers = {name: value for name, value in sent.items() if value is not None}
    for question in questions:
        theirs = await question.ask(other, THEIRS, headers=headers)
        nobodys = await question.ask(other, NOBODYS, headers=headers)
        assert 400 <= theirs.status_code < 500
        assert told_apart(theirs) == told_apart(nobodys)
    assert await everything(lived_in) == before
    assert await other.events() == []


async def test_the_journal_of_one_app_never_names_another(lived_in: Tenant, other: Tenant) -> None:
    await other.book("mine-1", starts_in=timedelta(hours=1))
    assert {event["session"]["reference"] for event in await other.events()} == {"mine-1"}
    assert "mine-1" not in json.dumps(await lived_in.events())
    assert (await other.get("/v1/events", params={"since": rfc3339(other.broker.now() + timedelta(days=1))})).json()[
        "data"
    ] == []
