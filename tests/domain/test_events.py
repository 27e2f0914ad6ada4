"""Journal events: type, session, time, and actor."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from tenants import uuid7_time
from videobroker.domain.actors import Actor
from videobroker.domain.events import Event, EventType, RecordedEvent, create_session_event
from videobroker.domain.ids import AppId, EventId, KeyId, SessionId, TicketId
from videobroker.domain.sessions import Session, SessionKey, SessionKind, SessionTerms

NOW = datetime(2026, 3, 12, 14, tzinfo=UTC)
APP_ID = AppId(UUID(int=1))
LESSON = Session(
    id=SessionId(UUID(int=2)),
    key=SessionKey(APP_ID, SessionKind.BOOKING, "lesson-1"),
    terms=SessionTerms(title="Algebra", metadata={"color": "blue"}),
    provider=None,
    version=1,
    created_at=NOW - timedelta(days=1),
    updated_at=NOW - timedelta(days=1),
)
BACKEND = Actor(APP_ID, KeyId(UUID(int=3)), ip="192.0.2.1", user_agent="curl/8")


def test_an_event_about_a_session_names_the_session_the_actor_and_the_user() -> None:
    event = create_session_event(
        LESSON, EventType.CREDENTIALS_ISSUED, actor=BACKEND, now=NOW, user_id="tutor-1", data={"role": "teacher"}
    )
    assert event == Event(
        id=event.id,
        type=EventType.CREDENTIALS_ISSUED,
        occurred_at=NOW,
        actor=BACKEND,
        session=LESSON.key,
        session_id=LESSON.id,
        user_id="tutor-1",
        data={"role": "teacher"},
    )


def test_an_event_has_no_user_and_no_data_by_default() -> None:
    event = create_session_event(LESSON, EventType.SESSION_CANCELLED, actor=BACKEND, now=NOW)
    assert event.user_id is None
    assert event.data is None


def test_the_id_of_an_event_contains_its_time() -> None:
    assert uuid7_time(create_session_event(LESSON, EventType.CALL_STARTED, actor=BACKEND, now=NOW).id) == NOW


def test_two_identical_events_have_different_ids() -> None:
    first, second = (create_session_event(LESSON, EventType.CALL_STARTED, actor=BACKEND, now=NOW) for _ in range(2))
    assert first.id != second.id


def test_later_events_have_greater_ids() -> None:
    ids = [
        create_session_event(LESSON, EventType.CALL_STARTED, actor=BACKEND, now=NOW + timedelta(milliseconds=passed)).id
        for passed in range(100)
    ]
    assert ids == sorted(ids)


OTHER_VERBS = {
    EventType.FEEDBACK_GIVEN: "given",
    EventType.OPERATOR_SIGNED_IN: "signed_in",
    EventType.OPERATOR_SIGNED_OUT: "signed_out",
    EventType.PARTICIPANT_LEFT: "left",
    EventType.PARTICIPANT_NO_SHOW: "no_show",
    EventType.PARTICIPANT_WAITING: "waiting",
    EventType.PARTICIPANT_WITHDREW: "withdrew",
    EventType.RECORDING_READY: "ready",
}
"""Words that do not end in -ed: irregular participles, states, and things that did not happen."""


@pytest.mark.parametrize("event_type", EventType)
def test_every_type_is_an_object_and_a_past_participle(event_type: EventType) -> None:
    thing, happened = event_type.value.split(".")
    assert thing.replace("_", "").isalpha()
    assert thing.islower()
    if event_type in OTHER_VERBS:
        assert happened == OTHER_VERBS[event_type]
    else:
        assert event_type.name == f"{thing}_{happened}".upper()
        assert happened.endswith("ed")


def test_a_stored_event_as_json_names_its_session_and_its_actor() -> None:
    actor = Actor(
        APP_ID,
        KeyId(UUID(int=3)),
        ip="192.0.2.1",
        user_agent="curl/8",
        user_id="ada",
        operator="Mia",
        ticket_id=TicketId(UUID(int=4)),
    )
    event = Event(
        EventId(UUID(int=5)), EventType.CALL_STARTED, NOW, actor, LESSON.key, LESSON.id, "tutor-1", {"by": "join"}
    )
    assert RecordedEvent(event, "cursor-1").to_json() == {
        "id": "00000000-0000-0000-0000-000000000005",
        "type": "call.started",
        "occurred_at": "2026-03-12T14:00:00Z",
        "session": {"kind": "booking", "reference": "lesson-1"},
        "user_id": "tutor-1",
        "asked_by": {
            "key_id": "00000000-0000-0000-0000-000000000003",
            "user_id": "ada",
            "operator": "Mia",
            "operator_subject": None,
            "ticket_id": "00000000-0000-0000-0000-000000000004",
            "ip": "192.0.2.1",
            "user_agent": "curl/8",
        },
        "data": {"by": "join"},
        "cursor": "cursor-1",
    }


def test_a_stored_event_without_session_and_key_has_nulls_and_empty_data() -> None:
    event = Event(EventId(UUID(int=5)), EventType.APP_REPORTED, NOW, Actor(APP_ID))
    shown = RecordedEvent(event, "c").to_json()
    assert (shown["session"], shown["user_id"], shown["data"]) == (None, None, {})
    assert set(shown["asked_by"].values()) == {None}
