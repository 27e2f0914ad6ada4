"""What makes a token unbuildable or unreadable, and what never gets past the signature."""

import base64
import json
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from videobroker.providers.agora.encoding import TEXT_LIMIT, TokenFormatError, TokenInputError
from videobroker.providers.agora.legacy import parse_006
from videobroker.providers.agora.services import (
    KNOWN,
    Apaas,
    Chat,
    ConversationalAi,
    Fcdn,
    Fpa,
    Rtc,
    Rtm,
    Rtm2,
    Service,
    SpeechToText,
    Streaming,
)
from videobroker.providers.agora.token import CONTENT_LIMIT, AccessToken, ParsedToken, parse

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "agora.json").read_text())
CERTIFICATE = "fedcba9876543210fedcba9876543210"
GENUINE: str = VECTORS["access_token2"][0]["expected"]["token"]
GENUINE_006: str = VECTORS["legacy_006"][0]["expected"]["token"]

GENUINE_CONTENT = zlib.decompress(base64.b64decode(GENUINE.removeprefix("007")))
RTC = Rtc(channel="room-1", uid="7", privileges={1: 3600})

ACCEPTED = {"parse-level-9", "parse-stored"}
UNSIGNED = {"parse-signature-bit", "parse-content-bit"}


class OfTomorrow(Service):
    """A service that no builder knows yet."""

    TYPE = 4711


def token(*services: Service, **changes: Any) -> AccessToken:
    fields: dict[str, Any] = {
        "app_id": "0123456789abcdef0123456789abcdef",
        "issue_ts": 1_700_000_000,
        "expire": 3600,
        "salt": 12345678,
        "services": services or (RTC,),
    }
    return AccessToken(**fields | changes)


def content_of(text: str) -> bytes:
    return zlib.decompress(base64.b64decode(text.removeprefix("007")))


def text_of(content: bytes) -> str:
    return wrapped(zlib.compress(content))


def wrapped(compressed: bytes) -> str:
    return "007" + base64.b64encode(compressed).decode()


def believed(text: str) -> ParsedToken | None:
    """The token, when it can be read and was signed with `CERTIFICATE`."""
    try:
        parsed = parse(text)
    except TokenFormatError:
        return None
    return parsed if parsed.verify(CERTIFICATE) else None


class TestParsing:
    def test_the_malformed_tokens_are_all_there(self) -> None:
        assert len(VECTORS["invalid_inputs"]["parser"]) == 13

    @pytest.mark.parametrize("case", VECTORS["invalid_inputs"]["parser"], ids=lambda case: case["id"])
    def test_a_malformed_token_is_an_error_or_a_failed_signature_and_prints_nothing(
        self, case: dict[str, Any], capsys: pytest.CaptureFixture[str]
    ) -> None:
        if case["id"] in ACCEPTED | UNSIGNED:
            assert parse(case["token"]).verify(CERTIFICATE) is (case["id"] in ACCEPTED)
        else:
            with pytest.raises(TokenFormatError):
                parse(case["token"])
        assert capsys.readouterr() == ("", "")

    @pytest.mark.parametrize(
        "text",
        [
            pytest.param(GENUINE[3:], id="no version"),
            pytest.param(" " + GENUINE, id="leading space"),
            pytest.param(GENUINE + "\n", id="trailing line feed"),
            pytest.param(GENUINE.replace("+", "-"), id="URL-safe base64"),
            pytest.param(GENUINE + "=", id="too much padding"),
            pytest.param("007é", id="not ASCII"),
            pytest.param("007\ud800", id="half a character"),
            pytest.param("007" + "A" * TEXT_LIMIT, id="too long"),
            pytest.param(wrapped(b"no zlib stream"), id="not compressed"),
            pytest.param(wrapped(zlib.compress(GENUINE_CONTENT)[:-1]), id="checksum cut"),
            pytest.param(wrapped(zlib.compress(GENUINE_CONTENT) + b"\0"), id="bytes after the stream"),
            pytest.param(wrapped(zlib.compress(GENUINE_CONTENT) * 2), id="two streams"),
            pytest.param(text_of(b""), id="no content"),
            pytest.param(text_of(b"\x1f\x00" + GENUINE_CONTENT[3:]), id="signature of 31 bytes"),
            pytest.param(text_of(GENUINE_CONTENT.replace(b"0123456789", b"z123456789")), id="App ID not hex"),
            pytest.param(text_of(GENUINE_CONTENT.replace(b"room-1", b"room-\xff")), id="channel not UTF-8"),
            pytest.param(text_of(GENUINE_CONTENT.replace(b"\2\0\x10\x0e", b"\1\0\x10\x0e")), id="privilege twice"),
        ],
    )
    def test_what_is_not_exactly_one_token_is_refused(self, text: str) -> None:
        with pytest.raises(TokenFormatError):
            parse(text)

    def test_base64_has_one_spelling(self) -> None:
        texts = (token(issue_ts=second).encode(CERTIFICATE) for second in range(100))
        text = next(text for text in texts if text.endswith("=="))
        alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
        respelt = text[:-3] + alphabet[alphabet.index(text[-3]) + 1] + "=="
        assert base64.b64decode(respelt[3:]) == base64.b64decode(text[3:])
        with pytest.raises(TokenFormatError, match="base64"):
            parse(respelt)

    def test_a_cut_token_is_refused_wherever_it_is_cut(self) -> None:
        content = GENUINE_CONTENT
        for length in range(len(content)):
            with pytest.raises(TokenFormatError):
                parse(text_of(content[:length]))

    def test_a_service_of_an_unknown_type_is_refused(self) -> None:
        with pytest.raises(TokenFormatError, match="unknown type"):
            parse(token(RTC, OfTomorrow(privileges={1: 60})).encode(CERTIFICATE))

    def test_a_lenient_reader_stops_at_an_unknown_type_and_can_still_verify(self) -> None:
        text = token(RTC, OfTomorrow(privileges={1: 60}), OfTomorrow(privileges={})).encode(CERTIFICATE)
        parsed = parse(text, lenient=True)
        assert (parsed.token.services, parsed.unread_services) == ((RTC,), 2)
        assert parsed.verify(CERTIFICATE)

    @pytest.mark.parametrize("salt", [0, 1, 99_999_999, 100_000_000, 2**32 - 1])
    def test_every_salt_of_32_bits_is_read(self, salt: int) -> None:
        parsed = parse(token(salt=salt).encode(CERTIFICATE))
        assert parsed.token.salt == salt
        assert parsed.verify(CERTIFICATE)

    def test_a_certificate_that_cannot_be_one_is_an_error_not_a_no(self) -> None:
        with pytest.raises(TokenInputError):
            parse(GENUINE).verify("")


class TestBombs:
    def test_a_small_token_that_inflates_to_much_is_refused_cheaply(self) -> None:
        bomb = wrapped(zlib.compress(bytes(40 * 2**20), 9))
        assert len(bomb) < TEXT_LIMIT
        tracemalloc.start()
        try:
            with pytest.raises(TokenFormatError, match="no more than"):
                parse(bomb)
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert peak < 8 * CONTENT_LIMIT

    def test_the_limit_itself_is_not_a_bomb(self) -> None:
        with pytest.raises(TokenFormatError, match="signature"):
            parse(text_of(bytes(CONTENT_LIMIT)))
        with pytest.raises(TokenFormatError, match="no more than"):
            parse(text_of(bytes(CONTENT_LIMIT + 1)))

    def test_a_count_that_promises_too_much_is_refused(self) -> None:
        content = content_of(token().encode(CERTIFICATE))
        with pytest.raises(TokenFormatError, match="too early"):
            parse(text_of(content[:80] + b"\xff\xff" + content[82:]))


class TestBuilding:
    @pytest.mark.parametrize(
        "changes",
        [
            {"services": ()},
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
    def test_a_field_that_does_not_fit_is_refused(self, changes: dict[str, Any]) -> None:
        with pytest.raises(TokenInputError):
            token(**changes).encode(CERTIFICATE)

    @pytest.mark.parametrize("certificate", ["", "f" * 31, "f" * 33, "z" * 32, "f" * 31 + "\n", None])
    def test_a_malformed_certificate_is_refused_and_not_repeated(self, certificate: Any) -> None:
        with pytest.raises(TokenInputError) as refusal:
            token().encode(certificate)
        assert not certificate or str(certificate) not in str(refusal.value)

    @pytest.mark.parametrize("channel", [None, 5, b"room", "c" * 65536, "\ud800"])
    def test_a_text_that_is_none_is_refused(self, channel: Any) -> None:
        with pytest.raises(TokenInputError):
            token(Rtc(channel=channel, uid="7", privileges={1: 60})).encode(CERTIFICATE)

    def test_services_stand_in_the_order_of_their_types_and_then_of_their_insertion(self) -> None:
        rtm = Rtm(user_id="alice", privileges={1: 60})
        other = Rtc(channel="room-0", uid="8", privileges={1: 60})
        built = token(rtm, RTC, other).encode(CERTIFICATE)
        assert parse(built).token.services == (RTC, other, rtm)

    def test_neither_a_token_nor_its_parts_show_a_signature_or_a_certificate(self) -> None:
        parsed = parse(token().encode(CERTIFICATE))
        assert CERTIFICATE not in repr(parsed)
        assert "signature" not in repr(parsed)


class TestLegacyTokens:
    @pytest.mark.parametrize(
        "text",
        [
            pytest.param("", id="nothing"),
            pytest.param(GENUINE, id="007"),
            pytest.param("006", id="version alone"),
            pytest.param("006" + "z" * 32 + GENUINE_006[35:], id="App ID not hex"),
            pytest.param(GENUINE_006[:-4], id="cut"),
            pytest.param(GENUINE_006 + "AAAA", id="longer"),
            pytest.param(GENUINE_006[:50] + "\n" + GENUINE_006[50:], id="line feed inside"),
            pytest.param("006" + "A" * TEXT_LIMIT, id="too long"),
        ],
    )
    def test_what_is_not_exactly_one_006_token_is_refused(self, text: str) -> None:
        with pytest.raises(TokenFormatError):
            parse_006(text)

    def test_a_malformed_certificate_is_an_error_not_a_no(self) -> None:
        with pytest.raises(TokenInputError):
            parse_006(GENUINE_006).verify("", channel="room-1", uid="2882341273")


unhurried = settings(deadline=None)
"""A busy machine is no defect of a token."""

u16 = st.integers(0, 2**16 - 1)
u32 = st.integers(0, 2**32 - 1)
words = st.text(max_size=40)
names = st.lists(words, max_size=3).map(tuple)
privileges = st.dictionaries(u16, u32, max_size=5)
services = st.one_of(
    st.builds(Rtc, channel=words, uid=words, privileges=privileges),
    st.builds(Rtm, user_id=words, privileges=privileges),
    st.builds(Streaming, channel=words, account=words, privileges=privileges),
    st.builds(Fpa, privileges=privileges),
    st.builds(Chat, user_id=words, privileges=privileges),
    st.builds(Fcdn, channel=words, account=words, privileges=privileges),
    st.builds(
        Apaas,
        room_uuid=words,
        user_uuid=words,
        role=st.integers(-(2**15), 2**15 - 1),
        privileges=privileges,
    ),
    st.builds(
        Rtm2,
        user_id=words,
        permissions=st.dictionaries(u16, st.dictionaries(u16, names, max_size=2), max_size=3),
        privileges=privileges,
    ),
    st.builds(ConversationalAi, privileges=privileges),
    st.builds(SpeechToText, privileges=privileges),
)
blobs = st.binary(max_size=200)
hex_32 = st.text("0123456789abcdefABCDEF", min_size=32, max_size=32)
tokens = st.builds(
    AccessToken,
    app_id=hex_32,
    issue_ts=u32,
    expire=u32,
    salt=u32,
    services=st.lists(services, min_size=1, max_size=4).map(
        lambda several: tuple(sorted(several, key=lambda service: service.TYPE))
    ),
)


class TestProperties:
    def test_every_known_service_takes_part(self) -> None:
        assert sorted(KNOWN) == list(range(1, 11))

    @unhurried
    @given(tokens, hex_32)
    def test_what_is_built_is_read_back_and_verifies(self, built: AccessToken, certificate: str) -> None:
        parsed = parse(built.encode(certificate))
        assert (parsed.token, parsed.unread_services) == (built, 0)
        assert parsed.verify(certificate)

    @unhurried
    @given(tokens, hex_32, hex_32)
    def test_another_certificate_does_not_verify(self, built: AccessToken, one: str, other: str) -> None:
        assert parse(built.encode(one)).verify(other) is (one == other)

    @unhurried
    @given(tokens, st.data())
    def test_a_changed_byte_of_the_content_is_never_believed(self, built: AccessToken, data: st.DataObject) -> None:
        content = bytearray(content_of(built.encode(CERTIFICATE)))
        position = data.draw(st.integers(0, len(content) - 1))
        content[position] ^= data.draw(st.integers(1, 255))
        assert believed(text_of(bytes(content))) is None

    @unhurried
    @given(tokens, st.data())
    def test_a_changed_character_of_the_text_never_changes_what_is_believed(
        self, built: AccessToken, data: st.DataObject
    ) -> None:
        # Compression has bits without a meaning: the changed text may still be the very same token.
        text = built.encode(CERTIFICATE)
        position = data.draw(st.integers(0, len(text) - 1))
        changed = text[:position] + data.draw(st.characters(codec="ascii")) + text[position + 1 :]
        parsed = believed(changed)
        assert parsed is None or parsed == parse(text)

    @unhurried
    @given(st.one_of(st.text(max_size=200), blobs.map(wrapped), blobs.map(text_of)))
    def test_garbage_is_never_anything_but_a_format_error(self, text: str) -> None:
        with pytest.raises(TokenFormatError):
            parse(text)
