"""Tickets: signing, verification, and key rotation."""

import base64
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.ids import AppId
from videobroker.domain.sessions import SessionKey, SessionKind
from videobroker.domain.tickets import Ticket, is_ticket
from videobroker.errors import TicketInvalid
from videobroker.identity.tickets import TicketSigner
from videobroker.storage.postgres.encryption import new_key

NOW = datetime(2026, 3, 12, 14, tzinfo=UTC)
OLD, NEW = new_key(), new_key()
LESSON = SessionKey(AppId(UUID(int=7)), SessionKind.BOOKING, "lesson-1")
BENS = Ticket(UUID(int=9), LESSON, "student-1", "Ben", False, NOW, NOW + timedelta(hours=1))

names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=128)
moments = st.datetimes(datetime(2000, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 Hypothesis wants them bare


@given(
    st.builds(
        Ticket,
        st.uuids(),
        st.builds(SessionKey, st.uuids().map(AppId), st.sampled_from(SessionKind), names),
        names,
        st.none() | names,
        st.booleans(),
        moments.map(lambda moment: moment.replace(microsecond=0)),
        moments.map(lambda moment: moment.replace(microsecond=0)),
    )
)
def test_a_signed_ticket_round_trips(ticket: Ticket) -> None:
    tickets = TicketSigner([NEW])
    text = tickets.sign(ticket)
    assert tickets.read(text) == ticket
    assert is_ticket(text)
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


def test_a_ticket_with_the_longest_names_fits_into_a_url() -> None:
    key = SessionKey(LESSON.app_id, LESSON.kind, "用" * 128)
    text = TicketSigner([NEW]).sign(Ticket(uuid4(), key, "户" * 128, "😀" * 200, True, NOW, NOW))
    assert len(text) < 3000
    assert TicketSigner([NEW]).read(text).display_name == "😀" * 200


def test_an_ordinary_ticket_is_short() -> None:
    assert len(TicketSigner([NEW]).sign(BENS)) < 300


def test_the_first_key_signs_and_all_keys_verify() -> None:
    before, during, after = TicketSigner([OLD]), TicketSigner([NEW, OLD]), TicketSigner([NEW])
    assert during.read(before.sign(BENS)) == BENS
    assert after.read(during.sign(BENS)) == BENS
    with pytest.raises(TicketInvalid):
        before.read(during.sign(BENS))


def test_a_ticket_of_another_deployment_is_rejected() -> None:
    with pytest.raises(TicketInvalid):
        TicketSigner([OLD]).read(TicketSigner([NEW]).sign(BENS))


def test_any_changed_character_is_rejected() -> None:
    tickets = TicketSigner([NEW])
    text = tickets.sign(BENS)
    # The last character has two unused bits.
    for place in range(len(text) - 1):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        with pytest.raises(TicketInvalid):
            tickets.read(changed)


def test_the_signing_key_is_derived_from_the_secret_key() -> None:
    payload = TicketSigner([NEW]).sign(BENS).removeprefix("vbt_").partition(".")[0]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    for key in (NEW.encode(), base64.urlsafe_b64decode(NEW)):
        forged = jwt.encode(claims, key, headers={"typ": ""})
        with pytest.raises(TicketInvalid):
            TicketSigner([NEW]).read("vbt_" + forged.partition(".")[2])


@pytest.mark.parametrize(
    "text", ["", "vbt_", "vbt_.", "vbt_a.b", "vb_x", "vbt_" + "a" * 9000, "vbt_é.ü", "vbt_..", "\x00"]
)
def test_a_text_that_is_not_a_ticket_is_rejected(text: str) -> None:
    with pytest.raises(TicketInvalid):
        TicketSigner([NEW]).read(text)


@pytest.mark.parametrize("claims", [{}, [], {"app": "x"}, {"app": 1, "kind": "booking"}])
def test_signed_but_invalid_claims_are_rejected(claims: object) -> None:
    tickets = TicketSigner([NEW])
    signed = jwt.PyJWS().encode(json.dumps(claims).encode(), tickets._keys[0], "HS256", headers={"typ": ""})
    with pytest.raises(TicketInvalid):
        tickets.read("vbt_" + signed.partition(".")[2])
