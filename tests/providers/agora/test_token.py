"""Token building: invalid input, and the coverage of the signature.

The parser of the sandbox reads the tokens. It shares no code with the builder.
"""

import base64
import zlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videobroker.providers.agora.encoding import TokenInputError
from videobroker.providers.agora.token import AccessToken, RtcService
from videobroker.sandbox.agora.tokens import InvalidAgoraToken, read_token

CERTIFICATE = "fedcba9876543210fedcba9876543210"
RTC = RtcService(channel="room-1", uid="7", privileges={1: 3600})


def token(**changes: Any) -> AccessToken:
    fields: dict[str, Any] = {
        "app_id": "0123456789abcdef0123456789abcdef",
        "issue_ts": 1_700_000_000,
        "expire": 3600,
        "salt": 12345678,
        "service": RTC,
    }
    return AccessToken(**fields | changes)


def is_signed(text: str, certificate: str) -> bool:
    try:
        return read_token(text).signed_with(certificate)
    except InvalidAgoraToken:
        return False


class TestBuilding:
    @pytest.mark.parametrize(
        "changes",
        [
            {"app_id": ""},
            {"app_id": "g" * 32},
            {"app_id": "0123456789abcdef0123456789abcde\n"},
            {"app_id": "\N{ARABIC-INDIC DIGIT ZERO}" * 32},
            {"issue_ts": -1},
            {"issue_ts": 2**32},
            {"issue_ts": 1.5},
            {"issue_ts": True},
            {"expire": None},
            {"salt": 2**32},
        ],
        ids=str,
    )
    def test_a_field_that_does_not_fit_is_rejected(self, changes: dict[str, Any]) -> None:
        with pytest.raises(TokenInputError):
            token(**changes).encode(CERTIFICATE)

    @pytest.mark.parametrize("certificate", ["", "f" * 31, "f" * 33, "z" * 32, "f" * 31 + "\n", None])
    def test_a_malformed_certificate_is_rejected_and_not_repeated(self, certificate: Any) -> None:
        with pytest.raises(TokenInputError) as rejection:
            token().encode(certificate)
        assert not certificate or str(certificate) not in str(rejection.value)

    @pytest.mark.parametrize("channel", [None, 5, b"room", "c" * 65536, "\ud800"])
    def test_a_text_field_needs_a_string_that_fits(self, channel: Any) -> None:
        with pytest.raises(TokenInputError):
            token(service=RtcService(channel=channel, uid="7", privileges={1: 60})).encode(CERTIFICATE)

    @pytest.mark.parametrize("salt", [0, 1, 99_999_999, 100_000_000, 2**32 - 1])
    def test_every_salt_of_32_bits_is_encoded(self, salt: int) -> None:
        read = read_token(token(salt=salt).encode(CERTIFICATE))
        assert read.salt == salt
        assert read.signed_with(CERTIFICATE)


without_deadline = settings(deadline=None)
"""Slow examples are due to a busy machine."""

u16 = st.integers(0, 2**16 - 1)
u32 = st.integers(0, 2**32 - 1)
words = st.text(max_size=40)
hex_32 = st.text("0123456789abcdefABCDEF", min_size=32, max_size=32)
tokens = st.builds(
    AccessToken,
    app_id=hex_32,
    issue_ts=u32,
    expire=u32,
    salt=u32,
    service=st.builds(RtcService, channel=words, uid=words, privileges=st.dictionaries(u16, u32, max_size=5)),
)


class TestProperties:
    @without_deadline
    @given(tokens, hex_32)
    def test_the_token_has_the_given_content_and_signature(self, built: AccessToken, certificate: str) -> None:
        read = read_token(built.encode(certificate))
        (service,) = read.services
        assert (read.app_id, read.issued, read.expire, read.salt) == (
            built.app_id,
            built.issue_ts,
            built.expire,
            built.salt,
        )
        assert (service.channel, service.uid, service.privileges) == (
            built.service.channel,
            built.service.uid,
            built.service.privileges,
        )
        assert read.signed_with(certificate)

    @without_deadline
    @given(tokens, hex_32, hex_32)
    def test_another_certificate_does_not_verify(self, built: AccessToken, one: str, other: str) -> None:
        assert is_signed(built.encode(one), other) is (one == other)

    @without_deadline
    @given(tokens, st.data())
    def test_the_signature_covers_every_byte_of_the_content(self, built: AccessToken, data: st.DataObject) -> None:
        content = bytearray(zlib.decompress(base64.b64decode(built.encode(CERTIFICATE).removeprefix("007"))))
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] ^= data.draw(st.integers(1, 255))
        changed = "007" + base64.b64encode(zlib.compress(bytes(content))).decode()
        assert not is_signed(changed, CERTIFICATE)
