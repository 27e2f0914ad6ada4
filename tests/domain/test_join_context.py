"""The join context: the state from which a join is decided."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from videobroker.domain.access import AccessContext
from videobroker.domain.apps import App, ProviderAccount, ProviderName
from videobroker.domain.calls import Call
from videobroker.domain.ids import AccountId, AppId, CallId, RoomId, SessionId
from videobroker.domain.join_context import JoinContext, build_access_context, select_next_providers, select_providers
from videobroker.domain.policy import Policy
from videobroker.domain.rooms import Room, RoomState
from videobroker.domain.sessions import Modality, Session, SessionKey, SessionKind, SessionStatus, SessionTerms

NOW = datetime(2026, 3, 12, 14, tzinfo=UTC)
APP = App(
    id=AppId(UUID(int=1)),
    name="tutoring",
    policy={"grace_seconds": 60},
    role_maps={},
    accounts={name: ProviderAccount(AccountId(UUID(int=2)), name, {}) for name in ProviderName},
)
LESSON = Session(
    id=SessionId(UUID(int=3)),
    key=SessionKey(APP.id, SessionKind.BOOKING, "lesson-1"),
    terms=SessionTerms(
        status=SessionStatus.PENDING,
        video=False,
        starts_at=NOW,
        ends_at=NOW + timedelta(hours=1),
        policy={"overrun_seconds": 0},
    ),
    provider=None,
    version=1,
    created_at=NOW,
    updated_at=NOW,
)
CALL = Call(CallId(UUID(int=4)), LESSON.id, ProviderName.HMS, started_at=NOW, started_by=None)
ROOM = Room(RoomId(UUID(int=5)), LESSON.id, ProviderName.HMS, RoomState.READY)
EMPTY = JoinContext(LESSON, participant=None, room=None, call=None, uid=None)


def test_the_access_context_combines_the_session_and_both_policies() -> None:
    assert EMPTY.access_context(APP) == AccessContext(
        status=SessionStatus.PENDING,
        video=False,
        starts_at=NOW,
        ends_at=NOW + timedelta(hours=1),
        policy=Policy(grace_seconds=60, overrun_seconds=0),
        call_running=False,
    )


def test_an_end_for_everyone_is_part_of_the_access_context() -> None:
    ended = replace(LESSON, ended_for_all_at=NOW)
    assert build_access_context(APP, ended, call_running=False).ended_for_all_at == NOW
    assert replace(EMPTY, session=ended).access_context(APP) == build_access_context(APP, ended, call_running=False)


def test_an_open_call_counts_as_running() -> None:
    assert replace(EMPTY, call=CALL).access_context(APP).call_running


@pytest.mark.parametrize("state", RoomState)
def test_only_a_ready_room_can_be_joined(state: RoomState) -> None:
    room = replace(ROOM, state=state)
    assert replace(EMPTY, room=room).ready_room == (room if state is RoomState.READY else None)


def test_before_the_first_join_there_is_no_usable_room() -> None:
    assert EMPTY.ready_room is None


# --- provider ---------------------------------------------------------------------------------------------------------


def test_a_session_without_providers_uses_those_of_the_app() -> None:
    assert select_providers(APP, LESSON) == (ProviderName.HMS, ProviderName.AGORA)


def test_a_session_uses_its_providers_in_order() -> None:
    preferring = replace(LESSON, terms=replace(LESSON.terms, providers=(ProviderName.AGORA, ProviderName.HMS)))
    assert select_providers(APP, preferring) == (ProviderName.AGORA, ProviderName.HMS)


def test_a_session_that_had_a_room_prefers_its_provider() -> None:
    settled = replace(LESSON, provider=ProviderName.AGORA, terms=replace(LESSON.terms, providers=(ProviderName.HMS,)))
    assert select_providers(APP, settled) == (ProviderName.AGORA,)
    assert select_next_providers(APP, settled, []) == (ProviderName.AGORA, ProviderName.HMS)


@pytest.mark.parametrize(
    ("roles", "can_move"), [(["student"], True), (["tutor", "student"], False), (["student", "unmapped"], True)]
)
def test_a_session_moves_only_to_a_provider_that_maps_the_roles_of_its_people(roles: list[str], can_move: bool) -> None:
    role_maps = {ProviderName.HMS: {"tutor": "host", "student": "guest"}, ProviderName.AGORA: {"student": "publisher"}}
    app, settled = replace(APP, role_maps=role_maps), replace(LESSON, provider=ProviderName.HMS)
    others = (ProviderName.AGORA,) if can_move else ()
    assert select_next_providers(app, settled, roles) == (ProviderName.HMS, *others)
    assert select_next_providers(app, LESSON, roles) == (ProviderName.HMS, ProviderName.AGORA)


@pytest.mark.parametrize("state", RoomState)
@pytest.mark.parametrize("call", [None, CALL])
def test_only_without_an_open_room_and_call_another_provider_can_be_used(state: RoomState, call: Call | None) -> None:
    settled = replace(LESSON, provider=ProviderName.HMS)
    context = replace(EMPTY, session=settled, room=replace(ROOM, state=state), call=call)
    stays = call is not None or state is RoomState.READY
    expected = (ProviderName.HMS,) if stays else (ProviderName.HMS, ProviderName.AGORA)
    assert context.selectable_providers(APP) == expected


# --- texts ------------------------------------------------------------------------------------------------------------


def test_texts_name_a_session_by_kind_and_reference() -> None:
    assert LESSON.key.label == "booking 'lesson-1'"
    assert SessionKey(APP.id, SessionKind.GROUP, "circle").label == "group 'circle'"


@pytest.mark.parametrize(("video", "modality"), [(True, Modality.VIRTUAL), (False, Modality.PHYSICAL)])
def test_a_booking_is_virtual_when_it_has_video_and_physical_otherwise(video: bool, modality: Modality) -> None:
    assert replace(LESSON, terms=replace(LESSON.terms, video=video)).modality is modality
