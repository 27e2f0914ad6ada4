"""Policies: defaults, changes, windows, and token lifetimes."""

import json
from dataclasses import fields
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.policy import EMPTY_MAPPING, Policy, WaitingRoom

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)

_seconds = st.integers(0, 7 * 24 * 3600)
_roles = st.text(min_size=1, max_size=8)
_values: dict[str, st.SearchStrategy[Any]] = {
    "opens_before_seconds": _seconds,
    "opens_before_seconds_by_role": st.dictionaries(_roles, _seconds),
    "grace_seconds": _seconds,
    "overrun_seconds": _seconds,
    "waiting_room": st.sampled_from(["off", "until_host", "admit"]),
    "host_roles": st.lists(_roles),
    "call_roles": st.lists(_roles),
    "booking_roles": st.lists(_roles),
    "guests_allowed": st.booleans(),
    "token_seconds": _seconds,
    "ticket_seconds": st.integers(60, 30 * 86400),
    "guest_token_seconds": _seconds,
    "late_after_seconds": _seconds,
    "left_early_before_seconds": _seconds,
    "minimum_presence_seconds": _seconds,
    "no_show_after_seconds": _seconds,
    "empty_seconds": _seconds,
}
patches = st.fixed_dictionaries({}, optional=_values)
"""The stored policy changes of an app or a session."""


def as_json(policy: Policy) -> Any:
    """The policy as JSON."""
    expected = {name: getattr(policy, name) for name in _values}
    expected["opens_before_seconds_by_role"] = dict(policy.opens_before_seconds_by_role)
    return json.loads(json.dumps(expected))


def test_the_defaults_are_those_of_the_design() -> None:
    policy = Policy()
    assert policy.opens_before("student") == timedelta(minutes=10)
    assert policy.grace == timedelta(minutes=15)
    assert policy.overrun == HOUR
    assert policy.waiting_room is WaitingRoom.OFF
    assert not policy.guests_allowed
    assert policy.token_lifetime(guest=False, default=DAY) == DAY
    assert policy.token_lifetime(guest=True, default=DAY) == 2 * HOUR
    assert policy.late_after_seconds == 300
    assert policy.left_early_before == timedelta(minutes=5)
    assert policy.minimum_presence_seconds == 60
    assert policy.no_show_after == timedelta(minutes=10)
    assert policy.empty_for == timedelta(minutes=5)


@pytest.mark.parametrize("role", ["tutor", "teacher", "doctor", "therapist", "admin", "host", "moderator"])
def test_leading_roles_of_the_seed_data_are_hosts_by_default(role: str) -> None:
    assert role in Policy().host_roles


@pytest.mark.parametrize("role", ["student", "patient", "client", "member", "guest"])
def test_attending_roles_of_the_seed_data_are_not_hosts_by_default(role: str) -> None:
    assert role not in Policy().host_roles


# --- changes ----------------------------------------------------------------------------------------------------------


def test_the_property_tests_cover_every_field_of_a_policy() -> None:
    assert set(_values) == {field.name for field in fields(Policy)}


def test_a_patch_changes_only_the_fields_it_contains() -> None:
    changed = Policy(grace_seconds=60).with_changes({"opens_before_seconds": 0, "guests_allowed": True})
    assert changed == Policy(grace_seconds=60, opens_before_seconds=0, guests_allowed=True)


def test_json_values_are_converted() -> None:
    patch = json.loads('{"waiting_room": "until_host", "host_roles": ["chair"], "call_roles": []}')
    changed = Policy().with_changes(patch)
    assert changed.waiting_room is WaitingRoom.UNTIL_HOST
    assert changed.host_roles == ("chair",)
    assert changed.call_roles == ()


def test_a_field_of_a_newer_version_is_ignored() -> None:
    assert Policy().with_changes({"recording": "always", "grace_seconds": 1}) == Policy(grace_seconds=1)


def test_an_unknown_waiting_room_mode_is_rejected() -> None:
    with pytest.raises(ValueError, match="locked"):
        Policy().with_changes({"waiting_room": "locked"})


def test_openings_by_role_are_replaced_completely() -> None:
    policy = Policy(opens_before_seconds_by_role={"tutor": 3600, "guest": 0})
    assert policy.with_changes({"opens_before_seconds_by_role": {"tutor": 60}}).opens_before("guest") == timedelta(
        minutes=10
    )


def test_an_empty_patch_changes_nothing() -> None:
    assert Policy().with_changes(EMPTY_MAPPING) == Policy()
    with pytest.raises(TypeError):
        EMPTY_MAPPING["grace_seconds"] = 1  # type: ignore[index]


@given(patches)
def test_a_changed_policy_has_exactly_the_values_of_the_patch(patch: dict[str, Any]) -> None:
    assert as_json(Policy().with_changes(patch)) == {**as_json(Policy()), **patch}


@given(patches, patches)
def test_the_later_of_two_patches_wins(app: dict[str, Any], session: dict[str, Any]) -> None:
    assert Policy().with_changes(app).with_changes(session) == Policy().with_changes({**app, **session})


@given(patches)
def test_changing_a_policy_does_not_mutate_it(patch: dict[str, Any]) -> None:
    policy = Policy()
    policy.with_changes(patch)
    assert policy == Policy()


# --- windows ----------------------------------------------------------------------------------------------------------


def test_an_opening_by_role_does_not_affect_other_roles() -> None:
    policy = Policy(opens_before_seconds=300, opens_before_seconds_by_role={"tutor": 3600})
    assert policy.opens_before("tutor") == HOUR
    assert policy.opens_before("student") == timedelta(minutes=5)


def test_an_opening_of_zero_overrides_the_default() -> None:
    assert Policy(opens_before_seconds_by_role={"guest": 0}).opens_before("guest") == timedelta()


@given(patches, _roles)
def test_durations_are_whole_seconds(patch: dict[str, Any], role: str) -> None:
    policy = Policy().with_changes(patch)
    assert policy.grace == timedelta(seconds=policy.grace_seconds)
    assert policy.overrun == timedelta(seconds=policy.overrun_seconds)
    assert policy.left_early_before == timedelta(seconds=policy.left_early_before_seconds)
    assert policy.no_show_after == timedelta(seconds=policy.no_show_after_seconds)
    assert policy.empty_for == timedelta(seconds=policy.empty_seconds)
    assert policy.opens_before(role) in {
        timedelta(seconds=each) for each in (policy.opens_before_seconds, *policy.opens_before_seconds_by_role.values())
    }


# --- token lifetimes --------------------------------------------------------------------------------------------------


def test_the_default_token_lifetime_is_that_of_the_provider() -> None:
    assert Policy().token_lifetime(guest=False, default=HOUR) == HOUR


def test_a_policy_can_shorten_and_extend_token_lifetimes() -> None:
    assert Policy(token_seconds=60).token_lifetime(guest=False, default=DAY) == timedelta(minutes=1)
    assert Policy(token_seconds=86400).token_lifetime(guest=False, default=HOUR) == DAY


def test_a_token_lifetime_of_zero_overrides_the_default() -> None:
    assert Policy(token_seconds=0).token_lifetime(guest=False, default=DAY) == timedelta()


def test_the_guest_limit_does_not_affect_participants() -> None:
    assert Policy(guest_token_seconds=60).token_lifetime(guest=False, default=DAY) == DAY


@given(st.none() | _seconds, _seconds, st.timedeltas(timedelta(), 2 * DAY))
def test_a_guest_token_lives_at_most_as_long_as_a_participant_token_and_the_guest_limit(
    token_seconds: int | None, guest_token_seconds: int, default: timedelta
) -> None:
    policy = Policy(token_seconds=token_seconds, guest_token_seconds=guest_token_seconds)
    participant, guest = (policy.token_lifetime(guest=is_guest, default=default) for is_guest in (False, True))
    limit = timedelta(seconds=guest_token_seconds)
    assert guest <= participant
    assert guest <= limit
    assert guest in {participant, limit}


@pytest.mark.parametrize("field", ["host_roles", "call_roles", "booking_roles"])
def test_a_stored_list_of_roles_becomes_a_tuple(field: str) -> None:
    assert getattr(Policy().with_changes({field: ["tutor", "student"]}), field) == ("tutor", "student")
