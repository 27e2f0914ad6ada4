"""Our tokens, held against those of the official builders (`tests/vectors/agora.json`)."""

import base64
import hmac
import json
import re
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from videobroker.providers.agora.legacy import parse_006
from videobroker.providers.agora.rtc_token import ANYONE, Role, rtc_token
from videobroker.providers.agora.services import Chat, Rtc, Rtm, Rtm2, Service
from videobroker.providers.agora.token import AccessToken, parse, signing_key

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "agora.json").read_text())
TOKENS: list[dict[str, Any]] = VECTORS["access_token2"]
LEGACY: list[dict[str, Any]] = VECTORS["legacy_006"]
DERIVATION: dict[str, str] = TOKENS[0]["expected"]["derivation"]

ISSUED = (
    "rtc-uid-publisher",
    "rtc-uid-subscriber",
    "rtc-uid-1",
    "rtc-uid-max",
    "rtc-uid-0-subscriber",
    "rtc-channel-special",
    "rtc-channel-63",
    "rtc-privilege-shorter",
    "rtc-24h",
    "rtc-uppercase-ids",
)
"""The vectors that are also fit to be issued."""

STOCK_ZLIB = re.fullmatch(r"1(\.\d+)+", zlib.ZLIB_RUNTIME_VERSION) is not None

every_token = pytest.mark.parametrize("vector", TOKENS, ids=lambda vector: vector["id"])
every_legacy_token = pytest.mark.parametrize("vector", LEGACY, ids=lambda vector: vector["id"])


def test_the_vectors_are_all_there() -> None:
    assert (len(TOKENS), len(LEGACY)) == (46, 4)


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
@pytest.mark.parametrize("spelling", ["token", "token_node18_and_later"])
def test_an_official_token_says_what_was_put_into_it(vector: dict[str, Any], spelling: str) -> None:
    expected = vector["expected"]
    parsed = parse(expected[spelling])
    assert plain(parsed.token) == expected["decoded"]
    assert parsed.signature.hex() == expected["signature_hex"]
    assert parsed.unread_services == 0


@every_token
@pytest.mark.parametrize("spelling", ["token", "token_node18_and_later"])
def test_an_official_token_verifies_with_its_certificate_alone(vector: dict[str, Any], spelling: str) -> None:
    parsed = parse(vector["expected"][spelling])
    assert parsed.verify(certificate_of(vector))
    assert not parsed.verify("0" * 32)


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
    assert parse(second).verify(certificate_of(vector))


@pytest.mark.parametrize("identifier", ISSUED)
def test_the_strict_builder_agrees_with_the_official_one(identifier: str) -> None:
    vector = next(vector for vector in TOKENS if vector["id"] == identifier)
    inputs = vector["inputs"]
    token = rtc_token(
        app_id=inputs["app_id"],
        channel=inputs["channel_name"],
        uid=inputs["uid"] or ANYONE,
        role=Role(inputs["role"]),
        issue_ts=inputs["issue_ts"],
        expire=inputs["token_expire"],
        privilege_expire=inputs["privilege_expire"],
        salt=inputs["salt"],
    )
    assert inflated(token.encode(certificate_of(vector))).hex() == vector["expected"]["content_hex"]


class TestTheFirstVectorStepByStep:
    inputs = TOKENS[0]["inputs"]

    def test_the_numbers_are_little_endian(self) -> None:
        assert self.inputs["issue_ts"].to_bytes(4, "little").hex() == DERIVATION["issue_ts_le_hex"]
        assert self.inputs["salt"].to_bytes(4, "little").hex() == DERIVATION["salt_le_hex"]

    def test_the_time_of_issue_is_the_key_and_the_certificate_the_message(self) -> None:
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
        assert parse(TOKENS[0]["expected"]["token"]).signed_body.hex() == DERIVATION["signed_body_hex"]

    def test_the_key_signs_the_body(self) -> None:
        token = token_of(self.inputs, "rtc_with_uid")
        text = token.encode(self.inputs["app_certificate"])
        key = bytes.fromhex(DERIVATION["key_after_salt_hex"])
        assert hmac.digest(key, token.signed_body(), "sha256").hex() == DERIVATION["signature_hex"]
        assert parse(text).signature.hex() == DERIVATION["signature_hex"]

    def key_after_issue_ts(self) -> bytes:
        certificate: str = self.inputs["app_certificate"]
        return hmac.digest(bytes.fromhex(DERIVATION["issue_ts_le_hex"]), certificate.encode(), "sha256")


@every_legacy_token
def test_a_legacy_token_says_what_was_put_into_it(vector: dict[str, Any]) -> None:
    expected = vector["expected"]["decoded"]
    token = parse_006(vector["expected"]["token"])
    assert token.app_id == expected["app_id"]
    assert (token.salt, token.expires_ts) == (expected["salt"], expected["ts"])
    assert (token.channel_crc, token.uid_crc) == (expected["crc_channel"], expected["crc_uid"])
    assert token.channel_crc == crc32(vector["inputs"]["channel_name"].encode())
    assert token.signature.hex() == expected["signature_hex"]
    assert {str(number): end for number, end in token.privileges.items()} == expected["privileges"]


@every_legacy_token
def test_a_legacy_token_verifies_for_its_channel_and_uid_alone(vector: dict[str, Any]) -> None:
    inputs = vector["inputs"]
    certificate, channel, uid = inputs["app_certificate"], inputs["channel_name"], str(inputs["uid"] or "")
    token = parse_006(vector["expected"]["token"])
    assert token.verify(certificate, channel=channel, uid=uid)
    assert not token.verify(certificate, channel=channel, uid=uid + "1")
    assert not token.verify(certificate, channel="another", uid=uid)
    assert not token.verify("0" * 32, channel=channel, uid=uid)


def inflated(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text.removeprefix("007")))


def certificate_of(vector: Mapping[str, Any]) -> str:
    certificate: str = vector["inputs"]["app_certificate"]
    return certificate


def token_of(inputs: Mapping[str, Any], builder: str) -> AccessToken:
    """The token which the official builder of that name makes of `inputs`."""
    return AccessToken(
        app_id=inputs["app_id"],
        issue_ts=inputs["issue_ts"],
        expire=inputs.get("token_expire") or inputs.get("rtc_token_expire", 0),
        salt=inputs["salt"],
        services=tuple(services_of(inputs, builder)),
    )


def services_of(inputs: Mapping[str, Any], builder: str) -> list[Service]:
    seconds = inputs.get("token_expire", 0)
    makers: dict[str, Callable[[], list[Service]]] = {
        "rtc_with_uid": lambda: [rtc_by_role(inputs)],
        "rtc_with_user_account": lambda: [rtc_by_role(inputs)],
        "rtc_with_uid_and_privilege": lambda: [rtc_by_privilege(inputs, "publisher")],
        "rtc_with_user_account_and_privilege": lambda: [rtc_by_privilege(inputs, "publisher")],
        "rtm": lambda: [rtm(inputs["user_id"], seconds)],
        "rtc_with_rtm": lambda: [rtc_by_role(inputs), rtm(inputs["account"], seconds)],
        "rtc_with_rtm2": lambda: [
            rtc_by_privilege(inputs, inputs["rtc_role"]),
            rtm(inputs["rtm_user_id"], inputs["rtm_token_expire"]),
        ],
        "rtm2_permissions": lambda: [rtm2(inputs)],
        "chat_user": lambda: [Chat(user_id=inputs["user_id"], privileges={1: seconds})],
        "chat_app": lambda: [Chat(user_id="", privileges={2: seconds})],
        "services": lambda: [listed(service) for service in inputs["services"]],
    }
    return makers[builder]()


def rtc_by_role(inputs: Mapping[str, Any]) -> Rtc:
    numbers = (1, 2, 3, 4) if inputs["role"] == "publisher" else (1,)
    privileges = dict.fromkeys(numbers, inputs["privilege_expire"])
    return Rtc(channel=inputs["channel_name"], uid=uid_of(inputs), privileges=privileges)


def rtc_by_privilege(inputs: Mapping[str, Any], role: str) -> Rtc:
    names = ("join_channel", "pub_audio", "pub_video", "pub_data_stream")
    granted = names if role == "publisher" else names[:1]
    privileges = {number: inputs[f"{name}_privilege_expire"] for number, name in enumerate(granted, start=1)}
    return Rtc(channel=inputs["channel_name"], uid=uid_of(inputs), privileges=privileges)


def uid_of(inputs: Mapping[str, Any]) -> str:
    if "uid" in inputs:
        return "" if inputs["uid"] == 0 else str(inputs["uid"])
    return str(inputs["account"] if "account" in inputs else inputs["rtc_account"])


def rtm(user_id: str, seconds: int) -> Rtm:
    return Rtm(user_id=user_id, privileges={1: seconds})


def rtm2(inputs: Mapping[str, Any]) -> Rtm2:
    permissions: dict[int, dict[int, tuple[str, ...]]] = {}
    for resource, kind, names in reversed(inputs["permissions"]):
        permissions.setdefault(resource, {})[kind] = tuple(names)
    return Rtm2(user_id=inputs["user_id"], permissions=permissions, privileges={1: inputs["token_expire"]})


def listed(service: Mapping[str, Any]) -> Service:
    pairs = service.get("privileges_in_order") or service["privileges"].items()
    privileges = {int(number): seconds for number, seconds in pairs}
    if service["type"] == Rtm.TYPE:
        return Rtm(user_id=service["user_id"], privileges=privileges)
    return Rtc(channel=service["channel_name"], uid=service["uid"], privileges=privileges)


def plain(token: AccessToken) -> dict[str, Any]:
    """The token as the vectors spell it."""
    return {
        "version": "007",
        "app_id": token.app_id,
        "issue_ts": token.issue_ts,
        "expire": token.expire,
        "salt": token.salt,
        "services": [plain_service(service) for service in token.services],
    }


def plain_service(service: Service) -> dict[str, Any]:
    head = {
        "type": service.TYPE,
        "name": type(service).__name__.lower(),
        "privileges": {str(number): seconds for number, seconds in service.privileges.items()},
    }
    match service:
        case Rtc(channel=channel, uid=uid):
            return head | {"channel_name": channel, "uid": uid}
        case Rtm2(user_id=user_id, permissions=permissions):
            return head | {"user_id": user_id, "permissions": plain_permissions(permissions)}
        case Rtm(user_id=user_id) | Chat(user_id=user_id):
            return head | {"user_id": user_id}
    raise AssertionError(f"the vectors have a new service: {service}")


def plain_permissions(permissions: Mapping[int, Mapping[int, tuple[str, ...]]]) -> dict[str, Any]:
    return {
        str(resource): {str(kind): list(names) for kind, names in kinds.items()}
        for resource, kinds in permissions.items()
    }
