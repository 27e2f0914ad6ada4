"""Which parts of rows and webhooks are about a person, and how they are replaced."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from videobroker.domain.journal_proof.erasure import DataSubject, create_pseudonym, iterate_texts, mentions
from videobroker.domain.journal_proof.proof import JournalRow

AT = datetime(2026, 3, 12, 14, tzinfo=UTC)
ZOE = DataSubject("zoe", {"session-1": ["4711"]}, references=["zoe-with-ada"])


def row(**fields: Any) -> JournalRow:
    usual: dict[str, Any] = dict.fromkeys(JournalRow._fields)
    usual |= {"xid": 1, "seq": 1, "id": "id", "type": "t.t", "occurred_at": AT, "data": "{}", "session_id": "session-1"}
    return JournalRow(**{**usual, **fields})


class TestRows:
    def test_a_reference_is_personal_only_if_it_was_named(self) -> None:
        assert ZOE.pointers(row(reference="zoe-with-ada")) == ["/reference"]
        assert ZOE.pointers(row(reference="zoe")) == []

    @pytest.mark.parametrize(
        ("fields", "is_personal"),
        [
            ({"data": '{"provider_user_id":"zoe"}'}, True),
            ({"data": '{"provider_user_id":"4711"}'}, True),
            ({"data": '{"provider_user_id":"4711"}', "session_id": "session-2"}, False),
            ({"data": '{"provider_user_id":"4711"}', "session_id": None}, False),
            ({"data": '{"provider_user_id":"ada"}'}, False),
        ],
    )
    def test_a_provider_user_id_is_personal_in_its_session(self, fields: dict[str, Any], is_personal: bool) -> None:
        assert ("/data/provider_user_id" in ZOE.pointers(row(**fields))) is is_personal

    def test_the_provider_user_id_of_a_row_about_a_person_is_personal(self) -> None:
        data = '{"provider_user_id":"any"}'
        assert ZOE.pointers(row(user_id="zoe", data=data)) == ["/data/provider_user_id", "/user_id"]

    @pytest.mark.parametrize(
        ("fields", "is_personal"),
        [
            ({"data": '{"details":{"note":"zoe"}}'}, True),
            ({"data": '{"details":{"zoe":1}}'}, True),
            ({"data": '{"details":{"people":["ada","zoe"]}}'}, True),
            ({"data": '{"details":{"note":"zoey"}}'}, False),
            ({"data": '{"details":{"note":"x"}}', "user_id": "zoe"}, True),
            ({"data": '{"details":{"note":"x"}}', "asked_by_user_id": "zoe"}, True),
            ({"data": '{"details":{"note":"x"}}', "user_id": "ada"}, False),
        ],
    )
    def test_reported_details_are_personal_if_they_or_the_row_name_the_person(
        self, fields: dict[str, Any], is_personal: bool
    ) -> None:
        assert ("/data/details" in ZOE.pointers(row(type="app.reported", **fields))) is is_personal


class TestWebhooks:
    @pytest.mark.parametrize(
        ("session_id", "body", "is_personal"),
        [
            ("session-1", {"data": {"user_id": "zoe"}}, True),
            (None, {"data": [{"user_id": "zoe"}]}, True),
            ("session-1", {"uid": 4711}, True),
            ("session-1", {"uid": "4711"}, True),
            ("session-2", {"uid": 4711}, False),
            (None, {"uid": 4711}, False),
            ("session-1", {"zoe": 1}, True),
            ("session-1", {"user_id": "zoey", "uid": 47110, "flag": True, "none": None, "share": 4711.5}, False),
        ],
    )
    def test_a_body_with_one_of_the_ids_is_personal(
        self, session_id: str | None, body: dict[str, Any], is_personal: bool
    ) -> None:
        assert ZOE.is_in_webhook(session_id, json.dumps(body).encode()) is is_personal

    def test_a_boolean_is_not_a_number(self) -> None:
        assert not DataSubject("True", {}).is_in_webhook(None, b'{"flag":true}')

    def test_a_body_that_is_not_json_is_not_personal(self) -> None:
        assert ZOE.is_in_webhook("session-1", b"zoe") is False


def test_an_id_is_replaced_only_in_strings_and_keys() -> None:
    value = {"zoe": ["zoe", "zoey", 1, None, {"by": "zoe"}], "ada": True}
    assert ZOE.replace_in(value, "erased-1") == {
        "erased-1": ["erased-1", "zoey", 1, None, {"by": "erased-1"}],
        "ada": True,
    }


def test_a_stored_pseudonym_starts_like_the_value() -> None:
    pseudonym = create_pseudonym("zoe")
    assert pseudonym.stored == f"erased-{pseudonym.value[:32]}"
    assert (len(pseudonym.value), len(pseudonym.receipt)) == (64, 64)


def test_every_string_and_key_of_a_value_is_a_text() -> None:
    assert list(iterate_texts({"a": ["b", {"c": "d"}], "e": 1, "f": None})) == ["a", "b", "c", "d", "e", "f"]


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("Lesson of Zoe", ["zoe"], True),
        ("zoe@school.example", ["zoe"], True),
        ("Zoey", ["zoe"], False),
        ("Alzoe", ["zoe"], False),
        ("a.b", ["a.b"], True),
        ("axb", ["a.b"], False),
        ("Ada and Zoe", ["ben", "zoe"], True),
        ("Ada", [], False),
    ],
)
def test_a_text_mentions_whole_words_in_any_case(text: str, words: list[str], expected: bool) -> None:
    assert mentions(text, words) is expected
