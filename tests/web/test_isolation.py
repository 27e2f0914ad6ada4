"""Data of another app is indistinguishable from data that does not exist, in every operation."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.event import listen, remove

from tenants import LESSON, Tenant
from videobroker.domain.events import SET_UP_EVENTS
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.domain.times import rfc3339
from videobroker.storage.joining import join_context
from videobroker.storage.postgres.database import Store
from videobroker.storage.tables import sessions

# Responses are compared as a whole.
pytestmark = pytest.mark.usefixtures("same_ids")

EXISTING, UNKNOWN = "exists-1", "absent-1"
"""A reference of the first app, and an unknown one of the same length. Neither occurs elsewhere in a response."""


@dataclass(frozen=True)
class SessionRequest:
    """A request about a session. `{}` is its reference, in the path and in the body."""

    method: str
    path: str
    body: Any = None

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    async def send(self, tenant: Tenant, reference: str, **options: Any) -> httpx.Response:
        """Send it about this reference."""
        body = self.body
        if isinstance(body, dict):
            body = {name: reference if value == "{}" else value for name, value in body.items()}
        return await tenant.send(self.method, self.path.format(reference), json=body, **options)


def requests_about(session: str) -> list[SessionRequest]:
    """Every operation about an existing session."""
    return [
        SessionRequest("GET", session),
        SessionRequest("PATCH", session, {"title": "Mine now"}),
        SessionRequest("PATCH", session, {"metadata": {"mine": True}, "policy": {"guests_allowed": True}}),
        SessionRequest("POST", f"{session}/cancel"),
        SessionRequest("GET", f"{session}/participants"),
        SessionRequest("GET", f"{session}/participants?limit=1"),
        SessionRequest("GET", f"{session}/participants/tutor-1"),
        SessionRequest("PUT", f"{session}/participants/tutor-1", {"role": "student"}),
        SessionRequest("PUT", f"{session}/participants/intruder", {"role": "tutor"}),
        SessionRequest("PUT", f"{session}/participants/intruder", {"role": "a role without a mapping"}),
        SessionRequest("DELETE", f"{session}/participants/tutor-1"),
        SessionRequest("DELETE", f"{session}/participants/unknown"),
        SessionRequest("POST", f"{session}/access", {"user_id": "tutor-1"}),
        SessionRequest("POST", f"{session}/access", {}),
        SessionRequest("POST", f"{session}/join", {"user_id": "tutor-1"}),
        SessionRequest("POST", f"{session}/join", {"user_id": "intruder"}),
        SessionRequest("POST", f"{session}/join", {"user_id": "tutor-1", "surface": "prebuilt"}),
        SessionRequest("POST", f"{session}/guests", {"name": "Intruder"}),
        SessionRequest("POST", f"{session}/links", {"user_id": "tutor-1"}),
        SessionRequest("POST", f"{session}/links", {"guest": {"display_name": "Intruder"}}),
        SessionRequest("POST", f"{session}/guests", {"name": "Intruder", "guest_id": "tutor-1"}),
        SessionRequest("GET", f"{session}/lobby"),
        SessionRequest("POST", f"{session}/lobby/admit"),
        SessionRequest("POST", f"{session}/lobby/0195d3c2-9c10-7c55-9c1e-6f2b8d1e4a81/admit"),
        SessionRequest("POST", f"{session}/lobby/0195d3c2-9c10-7c55-9c1e-6f2b8d1e4a81/deny"),
        SessionRequest("POST", f"{session}/start"),
        SessionRequest("POST", f"{session}/start", {"user_id": "tutor-1"}),
        SessionRequest("POST", f"{session}/end"),
        SessionRequest("POST", f"{session}/end", {"user_id": "tutor-1"}),
        SessionRequest("POST", f"{session}/end", {"user_id": "intruder"}),
        SessionRequest("GET", f"{session}/calls"),
    ]


QUESTIONS = [
    *requests_about("/v1/bookings/{}"),
    *requests_about("/v1/groups/{}"),
    SessionRequest("GET", "/v1/events?kind=booking&reference={}"),
    SessionRequest("GET", "/v1/events?kind=group&reference={}"),
    SessionRequest("GET", "/v1/events?kind=group&reference={}&user_id=tutor-1&type=credentials.issued"),
    SessionRequest("POST", "/v1/events", {"kind": "booking", "reference": "{}", "event": "noted"}),
    SessionRequest("POST", "/v1/events", {"kind": "group", "reference": "{}", "event": "noted", "user_id": "tutor-1"}),
]


@pytest.fixture
async def used_app(tutoring: Tenant) -> Tenant:
    """The first app, with a booking and a group that were joined, and with an idempotency key."""
    await tutoring.book(EXISTING, policy={"guests_allowed": True})
    await tutoring.create_group(EXISTING, policy={"guests_allowed": True})
    for kind in ("bookings", "groups"):
        headers = {"Idempotency-Key": f"join-{kind}"}
        joined = await tutoring.send(
            "POST", f"/v1/{kind}/{EXISTING}/join", json={"user_id": "tutor-1"}, headers=headers
        )
        assert joined.status_code == 200, joined.text
    return tutoring


async def snapshot(tenant: Tenant) -> list[Any]:
    """All data of the app."""
    paths = [
        "/v1/bookings",
        "/v1/groups",
        "/v1/events",
        *(f"/v1/{kind}/{EXISTING}{part}" for kind in ("bookings", "groups") for part in ("/participants", "/calls")),
    ]
    responses = [await tenant.get(path, params={"limit": 100}) for path in paths]
    assert {response.status_code for response in responses} <= {200, 404}
    return [response.json() for response in responses]


def observable(response: httpx.Response) -> tuple[int, dict[str, str], str]:
    """Everything that a caller can observe of a response, without the reference that it has sent."""
    return response.status_code, dict(response.headers), response.text.replace(EXISTING, UNKNOWN)


@pytest.mark.parametrize("session_request", QUESTIONS, ids=str)
async def test_a_session_of_another_app_gets_the_response_of_an_unknown_one(
    used_app: Tenant, other: Tenant, session_request: SessionRequest
) -> None:
    before = await snapshot(used_app)
    existing, unknown = await session_request.send(other, EXISTING), await session_request.send(other, UNKNOWN)
    assert existing.status_code == 404
    assert existing.json()["code"] == "session_not_found"
    assert observable(existing) == observable(unknown)
    assert await snapshot(used_app) == before
    assert await other.events() == []


@pytest.mark.parametrize("session_request", QUESTIONS, ids=str)
async def test_the_owner_gets_other_responses(used_app: Tenant, session_request: SessionRequest) -> None:
    """The requests are valid: the tests above do not pass because of a misspelled path."""
    response = await session_request.send(used_app, EXISTING)
    assert "code" not in (response.json() if response.content else {}) or response.json()["code"] in {
        "role_not_mapped",
        "participant_not_found",
        "not_a_participant",
        "entry_not_found",
    }


async def test_a_call_of_another_app_gets_the_response_of_an_unknown_one(used_app: Tenant, other: Tenant) -> None:
    calls = (await used_app.get(f"/v1/bookings/{EXISTING}/calls")).json()["data"]
    assert (await used_app.get(f"/v1/calls/{calls[0]['id']}")).status_code == 200
    existing = await other.get(f"/v1/calls/{calls[0]['id']}")
    unknown = await other.get(f"/v1/calls/{uuid4()}")
    assert existing.status_code == 404
    assert existing.json()["code"] == "call_not_found"
    assert observable(existing) == observable(unknown)


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
async def test_lists_contain_nothing_of_another_app(used_app: Tenant, other: Tenant, path: str) -> None:
    assert (await used_app.get(path)).json()["data"] != []
    assert await of_sessions(other, path) == []


async def of_sessions(tenant: Tenant, path: str, **params: str) -> list[Any]:
    """All items, without events about the setup of the app itself."""
    response = (await tenant.get(path, params=params)).json()
    assert response["next"] is None
    return [item for item in response["data"] if item.get("type") not in SET_UP_EVENTS]


async def test_a_cursor_of_another_app_shows_nothing(used_app: Tenant, other: Tenant) -> None:
    for path in ("/v1/bookings", "/v1/groups", "/v1/events"):
        if path != "/v1/events":
            await used_app.send(
                "PUT",
                f"{path}/second",
                json={"participants": LESSON}
                | ({"starts_at": "2030-03-12T14:00:00Z", "duration_minutes": 60} if path == "/v1/bookings" else {}),
            )
        cursor = (await used_app.get(path, params={"limit": 1})).json()["next"]
        assert cursor
        assert await of_sessions(other, path, cursor=cursor) == []


async def test_an_idempotency_key_of_another_app_replays_nothing(used_app: Tenant, other: Tenant) -> None:
    headers = {"Idempotency-Key": "shared"}
    first = await used_app.send("POST", f"/v1/groups/{EXISTING}/join", json={"user_id": "tutor-1"}, headers=headers)
    assert first.status_code == 200
    existing = await other.send("POST", f"/v1/groups/{EXISTING}/join", json={"user_id": "tutor-1"}, headers=headers)
    assert existing.json()["code"] == "session_not_found"
    assert "idempotency-replayed" not in existing.headers
    repeated = await used_app.send("POST", f"/v1/groups/{EXISTING}/join", json={"user_id": "tutor-1"}, headers=headers)
    assert repeated.json() == first.json()


async def test_a_reference_in_two_apps_identifies_two_sessions(used_app: Tenant, other: Tenant) -> None:
    before = await snapshot(used_app)
    own = await other.create_group(EXISTING, title="Mine", participants=[])
    booked = await other.book(EXISTING, title="Mine too", participants=[])
    assert own["version"] == booked["version"] == 1
    assert own["participants"] == booked["participants"] == []
    assert (await other.post(f"/v1/groups/{EXISTING}/join", {"user_id": "tutor-1"})).json()[
        "code"
    ] == "not_a_participant"
    assert (await other.post(f"/v1/groups/{EXISTING}/end")).json()["code"] == "call_not_found"
    assert (await other.get(f"/v1/groups/{EXISTING}/calls")).json()["data"] == []
    assert (await other.post(f"/v1/groups/{EXISTING}/cancel")).status_code == 200
    assert (await other.post(f"/v1/bookings/{EXISTING}/cancel")).status_code == 200
    assert await snapshot(used_app) == before


async def test_two_apps_with_one_reference_get_two_rooms(used_app: Tenant, other: Tenant) -> None:
    await other.create_group(EXISTING)
    rooms = {
        (await tenant.post(f"/v1/groups/{EXISTING}/join", {"user_id": "tutor-1"})).json()["room_id"]
        for tenant in (used_app, other)
    }
    assert len(rooms) == 2


async def test_a_booking_and_a_group_with_one_reference_are_two_sessions(tutoring: Tenant) -> None:
    await tutoring.create_group(EXISTING)
    assert (await tutoring.get(f"/v1/bookings/{EXISTING}")).json()["code"] == "session_not_found"
    await tutoring.book(EXISTING)
    await tutoring.post(f"/v1/bookings/{EXISTING}/cancel")
    assert (await tutoring.get(f"/v1/groups/{EXISTING}")).json()["cancelled"] is False


# --- generated requests -----------------------------------------------------------------------------------------------

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
any_request = st.builds(
    lambda method, kind, segment, body: SessionRequest(method, f"/v1/{kind}/{{}}/{segment}".rstrip("/"), body),
    st.sampled_from(["GET", "PATCH", "POST", "DELETE", "PUT"]),
    st.sampled_from(["bookings", "groups"]),
    segments,
    bodies,
).filter(lambda session_request: session_request.method != "PUT" or "participants" in session_request.path)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    questions=st.lists(any_request | st.sampled_from(QUESTIONS), min_size=1, max_size=6),
    key=st.sampled_from([None, "join-bookings", "join-groups", "k"]),
    acting_for=st.sampled_from([None, "tutor-1", "intruder"]),
)
async def test_generated_requests_of_another_app_cannot_detect_a_session(
    used_app: Tenant, other: Tenant, questions: list[SessionRequest], key: str | None, acting_for: str | None
) -> None:
    before = await snapshot(used_app)
    sent = {"Idempotency-Key": key, "X-User-Id": acting_for}
    headers = {name: value for name, value in sent.items() if value is not None}
    for session_request in questions:
        existing = await session_request.send(other, EXISTING, headers=headers)
        unknown = await session_request.send(other, UNKNOWN, headers=headers)
        assert 400 <= existing.status_code < 500
        assert observable(existing) == observable(unknown)
    assert await snapshot(used_app) == before
    assert await other.events() == []


async def test_the_journal_of_an_app_never_mentions_another(used_app: Tenant, other: Tenant) -> None:
    await other.book("mine-1", starts_in=timedelta(hours=1))
    assert {event["session"]["reference"] for event in await other.events()} == {"mine-1"}
    assert "mine-1" not in json.dumps(await used_app.events())
    assert (await other.get("/v1/events", params={"since": rfc3339(other.broker.now() + timedelta(days=1))})).json()[
        "data"
    ] == []


OWN_APP = re.compile(r"\b(?:\w+\.)?app_id = (\$\d+(?:::\w+)?)")
"""A condition on the app, whose value is a parameter."""
SAME_APP = re.compile(r"\b\w+\.app_id = \w+\.app_id")


class FilterRemover:
    """Removes conditions on the app from statements. The parameters remain, because the driver counts them."""

    def __init__(self) -> None:
        self.removed = 0

    def __call__(self, statement: str) -> str:
        statement, own = OWN_APP.subn(r"\1 is not null", statement)
        statement, same = SAME_APP.subn("true", statement)
        self.removed += own + same
        return statement

    def rewrite(self, *event: Any) -> tuple[str, Any]:
        """A listener of `before_cursor_execute`."""
        return self(event[2]), event[3]


@contextmanager
def without_filters(store: Store) -> Iterator[FilterRemover]:
    """No query of the service is limited to an app."""
    remover, engine = FilterRemover(), store.engine.sync_engine
    texts = [(each, each.text) for each in (join_context.READ_ONE, join_context.READ_MANY)]
    listen(engine, "before_cursor_execute", remover.rewrite, retval=True)
    for query, statement in texts:
        query.text = remover(statement)
    try:
        yield remover
    finally:
        remove(engine, "before_cursor_execute", remover.rewrite)
        for query, statement in texts:
            query.text = statement


async def test_without_filters_another_app_still_finds_nothing(used_app: Tenant, other: Tenant) -> None:
    before = await snapshot(used_app)
    with without_filters(other.broker.store) as remover:
        for session_request in QUESTIONS:
            response = await session_request.send(other, EXISTING)
            assert response.status_code == 404, (str(session_request), response.text)
            assert response.json()["code"] == "session_not_found"
        for path in ("/v1/bookings", "/v1/groups", "/v1/events"):
            assert await of_sessions(other, path) == []
        # Joins have prepared queries, whose filters were removed once.
        assert remover.removed > len(QUESTIONS) / 2
    assert await snapshot(used_app) == before


async def test_without_filters_and_policies_another_app_finds_the_session(
    used_app: Tenant, other: Tenant, owner_store: Store
) -> None:
    """The test above does not pass because the filters are still there."""
    key = SessionKey(other.app.id, SessionKind.BOOKING, EXISTING)
    found = []
    for store in (owner_store, other.broker.store):
        with without_filters(store):
            async with store.transaction(other.app.id) as unit_of_work:
                statement = select(sessions.c.app_id).where(
                    sessions.c.app_id == key.app_id, sessions.c.reference == key.reference
                )
                found.append(set((await unit_of_work.execute(statement)).scalars()))
    assert used_app.app.id in found[0]
    assert found[1] == set()
