"""Our RTC tokens are equal to those of the official builders (`tests/vectors/agora.json`).

The sandbox reads all vectors, those with other services as well: `tests/sandbox/test_agora_tokens.py`.
"""

import base64
import hmac
import json
import re
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from videobroker.providers.agora.rtc_token import Role, build_rtc_token
from videobroker.providers.agora.token import AccessToken, RtcService, signing_key
from videobroker.sandbox.agora.tokens import read_token

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "agora.json").read_text())
TOKENS: list[dict[str, Any]] = [
    vector
    for vector in VECTORS["access_token2"]
    if [service["type"] for service in vector["expected"]["decoded"]["services"]] == [RtcService.TYPE]
]
DERIVATION: dict[str, str] = TOKENS[0]["expected"]["derivation"]

ISSUED = (
    "rtc-uid-publisher",
    "rtc-uid-subscriber",
    "rtc-uid-1",
    "rtc-uid-max",
    "rtc-channel-special",
    "rtc-channel-63",
    "rtc-privilege-shorter",
    "rtc-24h",
    "rtc-uppercase-ids",
)
"""The vectors that the strict builder accepts."""

STOCK_ZLIB = re.fullmatch(r"1(\.\d+)+", zlib.ZLIB_RUNTIME_VERSION) is not None

every_token = pytest.mark.parametrize("vector", TOKENS, ids=lambda vector: vector["id"])


def test_the_vectors_are_complete() -> None:
    assert len(TOKENS) == 35


@every_token
def test_a_built_token_has_the_official_content(vector: dict[str, Any]) -> None:
    token = token_of(vector["inputs"], vector["builder"])
    assert inflated(token.encode(certificate_of(vector))).hex() == vector["expected"]["content_hex"]


@every_token
@pytest.mark.skipif(not STOCK_ZLIB, reason="this Python compresses with another zlib than the stock one")
def test_a_built_token_has_the_official_text(vector: dict[str, Any]) -> None:
    token = token_of(vector["inputs"], vector["builder"])
    assert token.encode(certificate_of(vector)) == vector["expected"]["token"]


@every_token
def test_the_signing_key_is_the_official_one(vector: dict[str, Any]) -> None:
    inputs = vector["inputs"]
    key = signing_key(certificate_of(vector), issue_ts=inputs["issue_ts"], salt=inputs["salt"])
    assert key.hex() == vector["expected"]["signing_key_hex"]


@every_token
def test_building_twice_gives_a_valid_token_twice(vector: dict[str, Any]) -> None:
    token = token_of(vector["inputs"], vector["builder"])
    first, second = token.encode(certificate_of(vector)), token.encode(certificate_of(vector))
    assert first == second
    token_read = read_token(second)
    assert token_read.signed_with(certificate_of(vector))
    assert not token_read.signed_with("0" * 32)


@pytest.mark.parametrize("identifier", ISSUED)
def test_the_strict_builder_agrees_with_the_official_one(identifier: str) -> None:
    vector = next(vector for vector in TOKENS if vector["id"] == identifier)
    inputs = vector["inputs"]
    token = build_rtc_token(
        app_id=inputs["app_id"],
        channel=inputs["channel_name"],
        uid=inputs["uid"],
        role=Role(inputs["role"]),
        issue_ts=inputs["issue_ts"],
        expire=inputs["token_expire"],
        privilege_expire=inputs["privilege_expire"],
        salt=inputs["salt"],
    )
    assert inflated(token.encode(certificate_of(vector))).hex() == vector["expected"]["content_hex"]


class TestFirstVectorStepByStep:
    inputs = TOKENS[0]["inputs"]

    def test_the_numbers_are_little_endian(self) -> None:
        assert self.inputs["issue_ts"].to_bytes(4, "little").hex() == DERIVATION["issue_ts_le_hex"]
        assert self.inputs["salt"].to_bytes(4, "little").hex() == DERIVATION["salt_le_hex"]

    def test_the_first_step_signs_the_certificate_with_the_time_of_issue(self) -> None:
        assert self.key_after_issue_ts().hex() == DERIVATION["key_after_issue_ts_hex"]

    def test_the_salt_is_the_key_of_the_second_step(self) -> None:
        key = hmac.digest(bytes.fromhex(DERIVATION["salt_le_hex"]), self.key_after_issue_ts(), "sha256")
        assert key.hex() == DERIVATION["key_after_salt_hex"]
        assert key == signing_key(
            self.inputs["app_certificate"], issue_ts=self.inputs["issue_ts"], salt=self.inputs["salt"]
        )

    def test_the_signed_body_is_everything_but_the_signature(self) -> None:
        token = token_of(self.inputs, "rtc_with_uid")
        assert token.signed_body().hex() == DERIVATION["signed_body_hex"]
        assert read_token(TOKENS[0]["expected"]["token"]).body.hex() == DERIVATION["signed_body_hex"]

    def test_the_key_signs_the_body(self) -> None:
        token = token_of(self.inputs, "rtc_with_uid")
        text = token.encode(self.inputs["app_certificate"])
        key = bytes.fromhex(DERIVATION["key_after_salt_hex"])
        assert hmac.digest(key, token.signed_body(), "sha256").hex() == DERIVATION["signature_hex"]
        assert read_token(text).signature.hex() == DERIVATION["signature_hex"]

    def key_after_issue_ts(self) -> bytes:
        certificate: str = self.inputs["app_certificate"]
        return hmac.digest(bytes.fromhex(DERIVATION["issue_ts_le_hex"]), certificate.encode(), "sha256")


def inflated(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text.removeprefix("007")))


def certificate_of(vector: Mapping[str, Any]) -> str:
    certificate: str = vector["inputs"]["app_certificate"]
    return certificate


def token_of(inputs: Mapping[str, Any], builder: str) -> AccessToken:
    """The token of the official builder with this name."""
    return AccessToken(
        app_id=inputs["app_id"],
        issue_ts=inputs["issue_ts"],
        expire=inputs["token_expire"],
        salt=inputs["salt"],
        service=service_of(inputs, builder),
    )


def service_of(inputs: Mapping[str, Any], builder: str) -> RtcService:
    match builder:
        case "rtc_with_uid" | "rtc_with_user_account":
            return rtc_by_role(inputs)
        case "rtc_with_uid_and_privilege" | "rtc_with_user_account_and_privilege":
            return rtc_by_privilege(inputs, "publisher")
        case "services":
            (service,) = inputs["services"]
            return listed(service)
    raise AssertionError(f"the vectors have a new builder: {builder}")


def rtc_by_role(inputs: Mapping[str, Any]) -> RtcService:
    numbers = (1, 2, 3, 4) if inputs["role"] == "publisher" else (1,)
    privileges = dict.fromkeys(numbers, inputs["privilege_expire"])
    return RtcService(channel=inputs["channel_name"], uid=uid_of(inputs), privileges=privileges)


def rtc_by_privilege(inputs: Mapping[str, Any], role: str) -> RtcService:
    names = ("join_channel", "pub_audio", "pub_video", "pub_data_stream")
    granted = names if role == "publisher" else names[:1]
    privileges = {number: inputs[f"{name}_privilege_expire"] for number, name in enumerate(granted, start=1)}
    return RtcService(channel=inputs["channel_name"], uid=uid_of(inputs), privileges=privileges)


def uid_of(inputs: Mapping[str, Any]) -> str:
    if "uid" in inputs:
        return "" if inputs["uid"] == 0 else str(inputs["uid"])
    return str(inputs["account"])


def listed(service: Mapping[str, Any]) -> RtcService:
    pairs = service.get("privileges_in_order") or service["privileges"].items()
    privileges = {int(number): seconds for number, seconds in pairs}
    return RtcService(channel=service["channel_name"], uid=service["uid"], privileges=privileges)
