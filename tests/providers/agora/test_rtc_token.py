"""The strict token builder: accepted and rejected input."""

import json
from pathlib import Path
from typing import Any

import pytest

from videobroker.providers.agora.encoding import TokenInputError
from videobroker.providers.agora.rtc_token import Role, build_rtc_token, check_channel
from videobroker.providers.agora.token import AccessToken
from videobroker.sandbox.agora.tokens import read_token

INVALID = json.loads((Path(__file__).parents[2] / "vectors" / "agora.json").read_text())["invalid_inputs"]
VALID: dict[str, Any] = INVALID["base_inputs"]


def built(inputs: dict[str, Any]) -> str:
    """The token for inputs in the format of the vectors; only role 1 is supported."""
    role = Role.PUBLISHER if inputs["role"] == 1 else inputs["role"]
    token = build_rtc_token(
        app_id=inputs["app_id"],
        channel=inputs["channel_name"],
        uid=inputs["uid"],
        role=role,
        issue_ts=inputs["issue_ts"],
        expire=inputs["token_expire"],
        privilege_expire=inputs["privilege_expire"],
        salt=inputs["salt"],
    )
    return token.encode(inputs["app_certificate"])


def issued(**changes: Any) -> AccessToken:
    inputs: dict[str, Any] = {
        "app_id": "0123456789abcdef0123456789abcdef",
        "channel": "room-1",
        "uid": 7,
        "role": Role.PUBLISHER,
        "issue_ts": 1_700_000_000,
        "expire": 3600,
        "salt": 12345678,
    }
    return build_rtc_token(**inputs | changes)


def test_the_unchanged_inputs_are_valid() -> None:
    assert read_token(built(VALID)).signed_with(VALID["app_certificate"])


def test_the_list_of_invalid_inputs_is_complete() -> None:
    assert len(INVALID["builder"]) == 34


@pytest.mark.parametrize("case", INVALID["builder"], ids=lambda case: case["id"])
def test_an_invalid_input_is_refused_without_revealing_the_certificate(case: dict[str, Any]) -> None:
    inputs = VALID | case["change"]
    if case["id"] == "channel-65536":  # the vectors only describe it
        inputs["channel_name"] = "c" * 65536
    with pytest.raises(TokenInputError) as refusal:
        built(inputs)
    assert not inputs["app_certificate"] or inputs["app_certificate"] not in str(refusal.value)


@pytest.mark.parametrize("uid", [None, True, False, "", "7", "*", 0, -1, 2**32, 7.0])
@pytest.mark.parametrize("role", Role)
def test_a_uid_is_a_number_of_32_bits_and_never_zero(uid: object, role: Role) -> None:
    with pytest.raises(TokenInputError, match="uid"):
        issued(uid=uid, role=role)


@pytest.mark.parametrize("uid", [1, 2**31 - 1, 2**31, 2**32 - 1])
def test_every_other_32_bit_number_is_a_uid(uid: int) -> None:
    assert issued(uid=uid).service.uid == str(uid)


@pytest.mark.parametrize("seconds", [0, -1, 86_401, True, 3600.0, "3600", None])
def test_a_token_lives_a_whole_number_of_seconds_up_to_a_day(seconds: object) -> None:
    with pytest.raises(TokenInputError, match="lifetime of the token"):
        issued(expire=seconds)


@pytest.mark.parametrize("seconds", [0, -1, 3601, True, 60.0, "60"])
def test_a_privilege_ends_no_later_than_the_token(seconds: object) -> None:
    with pytest.raises(TokenInputError, match="lifetime of the privileges"):
        issued(privilege_expire=seconds)


@pytest.mark.parametrize("seconds", [1, 3600, 86_400])
def test_privileges_have_the_lifetime_of_the_token_by_default(seconds: int) -> None:
    token = issued(expire=seconds)
    assert token.expire == seconds
    assert token.service.privileges == {1: seconds, 2: seconds, 3: seconds, 4: seconds}
    assert set(issued(expire=seconds, privilege_expire=1).service.privileges.values()) == {1}


def test_a_subscriber_may_only_join() -> None:
    assert issued(role=Role.SUBSCRIBER).service.privileges == {1: 3600}


def test_a_publisher_may_join_and_publish_audio_video_and_data() -> None:
    assert set(issued(role=Role.PUBLISHER).service.privileges) == {1, 2, 3, 4}


@pytest.mark.parametrize("role", ["publisher", "subscriber", 1, 2, 0, None, "host"])
def test_numbers_and_texts_are_not_roles(role: object) -> None:
    with pytest.raises(TokenInputError, match="role"):
        issued(role=role)


@pytest.mark.parametrize("salt", [0, -1, 100_000_000, True, 1.5])
def test_a_salt_is_drawn_from_1_to_99999999(salt: object) -> None:
    with pytest.raises(TokenInputError, match="salt"):
        issued(salt=salt)


@pytest.mark.parametrize("issue_ts", [-1, 2**32, 1_700_000_000.789, 1_700_000_000_000, None])
def test_a_token_is_issued_at_a_whole_unix_second(issue_ts: object) -> None:
    with pytest.raises(TokenInputError, match="time of issue"):
        issued(issue_ts=issue_ts)


@pytest.mark.parametrize("character", [*"/\\\"'*`", "\x00", "\n", "\x7f", "é", "к", "\ud800", "🙂"])
def test_a_channel_has_only_documented_characters(character: str) -> None:
    with pytest.raises(TokenInputError, match="channel"):
        check_channel(f"room{character}")


@pytest.mark.parametrize("name", ["", "c" * 64, None, 5, b"room"])
def test_a_channel_is_a_text_of_1_to_63_bytes(name: object) -> None:
    with pytest.raises(TokenInputError, match="channel"):
        check_channel(name)


@pytest.mark.parametrize("name", ["c", "c" * 63, "aZ09 !#$%&()+-:;<=.>?@[]^_{}|~,"])
def test_a_channel_keeps_its_name(name: str) -> None:
    assert check_channel(name) == name
