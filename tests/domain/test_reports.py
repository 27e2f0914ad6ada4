"""What an app reports never carries a credential into the journal."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.reports import REMOVED, without_secrets
from videobroker.domain.rooms import code_alias, code_behind, code_id

CODES = st.from_regex(r"[a-z]{3}-[a-z]{4}-[a-z]{3}", fullmatch=True)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@pytest.mark.parametrize(
    "value", ["joined", "2026-03-12T14:00:00Z", 7, 1.5, True, None, [], {}, {"device": ["tablet"]}]
)
def test_what_is_no_credential_stays(value: Any) -> None:
    assert without_secrets(value) == value


@given(JSON)
def test_taking_out_twice_is_the_same_as_once(value: Any) -> None:
    once = without_secrets(value)
    assert without_secrets(once) == once


@given(CODES, st.sampled_from(["{}", "therabook-{}", "https://x.app.100ms.live/meeting/{}?a=b", "code: {}."]))
def test_a_room_code_is_found_wherever_it_stands(code: str, text: str) -> None:
    for value in (text.format(code), [text.format(code)], {"a": {text.format(code): 1}}):
        assert code not in str(without_secrets(value))
        assert REMOVED in str(without_secrets(value))


@given(CODES, st.none() | st.just("") | st.from_regex(r"[a-z0-9]{1,12}", fullmatch=True))
def test_an_alias_leads_back_to_its_code(code: str, prefix: str | None) -> None:
    assert code_behind(code_alias(code, prefix), prefix) == code
    assert code_behind(code, prefix) == code or prefix == code[:3]


@given(CODES)
def test_the_name_of_a_code_does_not_give_it_away(code: str) -> None:
    assert code not in code_id(code)
    assert code_id(code) == code_id(code)
