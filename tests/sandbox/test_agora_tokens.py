"""Which tokens the emulated Agora accepts for a channel."""

import base64
import json
import tracemalloc
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox.agora_tokens import PUBLISHER, SUBSCRIBER, make_token
from videobroker.sandbox import demo_config
from videobroker.sandbox.agora.tokens import RTC, InvalidAgoraToken, check_token, read_token

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "agora.json").read_text())
PROJECT = demo_config().agora
NOW = 1_700_000_000


def _named(vectors: list[dict[str, Any]]) -> list[Any]:
    return [pytest.param(vector, id=vector["id"]) for vector in vectors]


@pytest.mark.parametrize("vector", _named(VECTORS["access_token2"]))
def test_tokens_of_the_official_builders_are_accepted(vector: dict[str, Any]) -> None:
    decoded = vector["expected"]["decoded"]
    expected = [service for service in decoded["services"] if service["type"] == RTC]
    for text in (vector["expected"]["token"], vector["expected"]["token_node18_and_later"]):
        token = read_token(text)
        assert (token.app_id, token.issued, token.expire) == (
            decoded["app_id"],
            decoded["issue_ts"],
            decoded["expire"],
        )
        assert [(service.channel, service.uid) for service in token.services] == [
            (service["channel_name"], service["uid"]) for service in expected
        ]
        assert token.signed_with(vector["inputs"]["app_certificate"])
        assert not token.signed_with("0" * 32)


@pytest.mark.parametrize("vector", _named(VECTORS["invalid_inputs"]["parser"]))
def test_an_invalid_token_is_refused(vector: dict[str, Any]) -> None:
    text = vector["token"]
    inputs = VECTORS["invalid_inputs"]["base_inputs"]
    try:
        token = read_token(text)
    except InvalidAgoraToken:
        return
    sign_token = token.signed_with(inputs["app_certificate"])
    assert sign_token == vector["official_python"].get("signature_ok", False)


def _wrapped(content: bytes) -> str:
    return "007" + base64.b64encode(zlib.compress(content, 9)).decode()


def test_a_truncated_token_is_rejected() -> None:
    content = zlib.decompress(base64.b64decode(_token()[3:]))
    for length in range(len(content)):
        with pytest.raises(InvalidAgoraToken, match="malformed"):
            read_token(_wrapped(content[:length]))


def test_a_small_token_that_inflates_to_a_large_one_is_rejected_cheaply() -> None:
    bomb = _wrapped(bytes(40 * 2**20))
    assert len(bomb) < 65_536
    tracemalloc.start()
    try:
        with pytest.raises(InvalidAgoraToken, match="malformed"):
            read_token(bomb)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**21


@given(st.one_of(st.text(max_size=200), st.binary(max_size=200).map(_wrapped)))
@settings(deadline=None)
def test_other_text_is_not_a_token(text: str) -> None:
    with pytest.raises(InvalidAgoraToken):
        read_token(text)


def _check(token: str, channel: str = "c-1", uid: int = 7, now: int = NOW) -> None:
    moment = datetime.fromtimestamp(now, UTC)
    check_token(token, PROJECT.app_id, PROJECT.app_certificate, channel, uid, moment)


def _token(channel: str = "c-1", uid: int | str = 7, **other: Any) -> str:
    return make_token(PROJECT, channel, uid, NOW, **other)


@pytest.mark.parametrize(
    ("token", "why"),
    [
        (_token(app_id="0" * 32), "another App ID"),
        (_token(certificate="0" * 32), "signature"),
        (_token("c-2"), "another channel"),
        (_token(uid=8), "another channel or uid"),
        (_token(privileges={2: 3600}), "join"),
        ("006" + _token()[3:], "no 007 token"),
        (_token()[:-8], "malformed"),
    ],
)
def test_a_token_for_another_channel_or_user_is_refused(token: str, why: str) -> None:
    with pytest.raises(InvalidAgoraToken, match=why):
        _check(token)


@pytest.mark.parametrize("token", [_token(uid=0), _token("*"), _token(""), _token(uid="*")])
def test_a_wildcard_matches_everything(token: str) -> None:
    _check(token)


@pytest.mark.parametrize(
    ("token", "life"),
    [
        (_token(), 3600),
        (_token(expire=7200), 3600),
        (_token(privileges={1: 600}), 600),
        (_token(privileges={1: 0}), 3600),
        (_token(expire=604_800, privileges={1: 604_800}), 86_400),
        (_token(privileges=SUBSCRIBER), 3600),
        (_token(privileges=PUBLISHER), 3600),
    ],
)
def test_a_token_is_valid_for_its_lifetime_and_at_most_a_day(token: str, life: int) -> None:
    _check(token, now=NOW + life - 1)
    with pytest.raises(InvalidAgoraToken, match="expired"):
        _check(token, now=NOW + life)
