"""Room names that find a room after a crash, and provider uids of its participants."""

import re
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import AppId, RoomId, SessionId
from videobroker.domain.rooms import (
    MAX_PERSON_UID,
    Room,
    RoomState,
    add_code_prefix,
    build_room_name,
    compute_code_id,
    propose_uid,
    strip_code_prefix,
)

APP = AppId(UUID("01958a3e-8c00-7000-8000-000000000001"))
SESSION = SessionId(UUID("01958a3e-8c00-7000-8000-0000000000ff"))

uuids = st.sampled_from([UUID(int=0), UUID(int=1), UUID(int=(1 << 128) - 1)]) | st.uuids()
apps = uuids.map(AppId)
sessions = uuids.map(SessionId)
draws = st.integers(0, MAX_PERSON_UID - 1)


# --- names ------------------------------------------------------------------------------------------------------------


def test_the_format_of_room_names_is_stable() -> None:
    assert build_room_name(APP, SESSION) == "vb-01im53t300e008000000000001-01im53t300e00800000000007v"


def test_a_later_room_of_a_session_has_its_number_in_the_name() -> None:
    first = build_room_name(APP, SESSION)
    assert build_room_name(APP, SESSION, 0) == first
    assert build_room_name(APP, SESSION, 1) == f"{first}-1"
    assert build_room_name(APP, SESSION, 12) == f"{first}-12"


@given(apps, sessions)
def test_a_room_name_is_valid_at_100ms_and_agora(app_id: AppId, session_id: SessionId) -> None:
    name = build_room_name(app_id, session_id)
    assert re.fullmatch(r"vb-[0-9a-v]+-[0-9a-v]+", name)
    assert len(name.encode()) <= 63


@given(apps, sessions)
def test_a_room_name_is_deterministic(app_id: AppId, session_id: SessionId) -> None:
    assert build_room_name(app_id, session_id) == build_room_name(
        AppId(UUID(str(app_id))), SessionId(UUID(str(session_id)))
    )


@given(apps, sessions)
def test_a_room_name_contains_both_complete_ids(app_id: AppId, session_id: SessionId) -> None:
    _, app_part, session_part = build_room_name(app_id, session_id).split("-")
    assert int(app_part, 32) == app_id.int
    assert int(session_part, 32) == session_id.int


@given(apps, sessions, apps, sessions)
def test_names_are_unique_regardless_of_case(
    app_id: AppId, session_id: SessionId, other_app_id: AppId, other_session_id: SessionId
) -> None:
    same_name = build_room_name(app_id, session_id).upper() == build_room_name(other_app_id, other_session_id).upper()
    assert same_name == ((app_id, session_id) == (other_app_id, other_session_id))


@given(uuids, uuids)
def test_app_and_session_are_not_interchangeable_in_a_name(one: UUID, other: UUID) -> None:
    swapped = build_room_name(AppId(one), SessionId(other)) == build_room_name(AppId(other), SessionId(one))
    assert swapped == (one == other)


# --- codes ------------------------------------------------------------------------------------------------------------


def test_the_id_of_a_code_is_the_beginning_of_its_sha256() -> None:
    assert re.fullmatch(r"code:[0-9a-f]{12}", compute_code_id("qzt-mbwr-kfa"))
    assert compute_code_id("abc") == "code:ba7816bf8f01"


def test_a_code_has_the_prefix_of_the_app() -> None:
    assert add_code_prefix("qzt-mbwr-kfa", "therabook") == "therabook-qzt-mbwr-kfa"
    assert add_code_prefix("qzt-mbwr-kfa", None) == add_code_prefix("qzt-mbwr-kfa", "") == "qzt-mbwr-kfa"
    assert strip_code_prefix("therabook-qzt-mbwr-kfa", "therabook") == "qzt-mbwr-kfa"


def test_without_the_prefix_of_the_app_a_code_is_unchanged() -> None:
    assert strip_code_prefix("other-qzt-mbwr-kfa", "therabook") == "other-qzt-mbwr-kfa"
    assert strip_code_prefix("None-qzt-mbwr-kfa", None) == "None-qzt-mbwr-kfa"
    assert strip_code_prefix("-qzt", "") == "-qzt"


# --- uids -------------------------------------------------------------------------------------------------------------


def test_the_uid_range_leaves_space_for_recorders_below_the_signed_limit() -> None:
    assert 1_000_000 < MAX_PERSON_UID < 2**31 - 1 - 1_000_000


@given(sessions, draws)
def test_a_uid_is_never_zero_and_never_in_the_reserved_range(session_id: SessionId, draw: int) -> None:
    assert 1 <= propose_uid(session_id, draw) <= MAX_PERSON_UID


def test_the_whole_uid_range_is_used() -> None:
    assert propose_uid(SessionId(UUID(int=0)), 0) == 1
    assert propose_uid(SessionId(UUID(int=MAX_PERSON_UID - 1)), 0) == MAX_PERSON_UID


@given(sessions)
def test_ten_thousand_participants_get_distinct_uids(session_id: SessionId) -> None:
    assert len({propose_uid(session_id, draw) for draw in range(10_000)}) == 10_000


@given(sessions, draws, draws)
def test_two_draws_of_a_session_give_different_uids(session_id: SessionId, one: int, other: int) -> None:
    assert (propose_uid(session_id, one) == propose_uid(session_id, other)) == (one == other)


@given(sessions, draws)
def test_no_uid_repeats_before_all_were_used(session_id: SessionId, draw: int) -> None:
    number = propose_uid(session_id, draw)
    assert propose_uid(session_id, draw + MAX_PERSON_UID) == number
    # The length of any shorter cycle divides this one, so it would be found at one of these divisors.
    for prime in (2, 5):
        assert propose_uid(session_id, draw + MAX_PERSON_UID // prime) != number


def test_the_prime_factors_above_are_complete() -> None:
    assert MAX_PERSON_UID == 2**10 * 5**9


@given(sessions, draws)
def test_consecutive_uids_are_far_apart(session_id: SessionId, draw: int) -> None:
    apart = abs(propose_uid(session_id, draw) - propose_uid(session_id, draw + 1))
    assert min(apart, MAX_PERSON_UID - apart) > 1_000_000


@given(sessions, draws)
def test_the_same_draw_gives_the_same_uid(session_id: SessionId, draw: int) -> None:
    assert propose_uid(session_id, draw) == propose_uid(SessionId(UUID(str(session_id))), draw)


def test_sessions_start_at_different_uids() -> None:
    assert propose_uid(SESSION, 0) != propose_uid(SessionId(UUID(int=SESSION.int + 1)), 0)


# --- repr -------------------------------------------------------------------------------------------------------------


def test_the_repr_of_a_room_contains_no_codes() -> None:
    codes = {"teacher": "qzt-mbwr-kfa"}
    room = Room(RoomId(SESSION), SESSION, ProviderName.HMS, RoomState.READY, "65f0c1a2b3d4e5f60718293a", codes)
    assert "qzt" not in repr(room)
    assert "65f0c1a2b3d4e5f60718293a" in repr(room)
