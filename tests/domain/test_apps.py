"""An app: its accounts, its role map, its policy."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.apps import App, ProviderAccount, ProviderName
from videobroker.domain.ids import AccountId, AppId
from videobroker.domain.policy import Policy, WaitingRoom

HMS = ProviderAccount(AccountId(UUID(int=1)), ProviderName.HMS, {"secret": "do-not-print"})
AGORA = ProviderAccount(AccountId(UUID(int=2)), ProviderName.AGORA, {"app_certificate": "do-not-print"})
APP = App(
    id=AppId(UUID(int=3)),
    name="tutoring",
    policy={"grace_seconds": 60, "waiting_room": "admit"},
    role_maps={ProviderName.HMS: {"tutor": "teacher", "student": "student"}},
    accounts={ProviderName.AGORA: AGORA, ProviderName.HMS: HMS},
)


def app_with(*accounts: ProviderAccount) -> App:
    """The app with these accounts, in this order."""
    return App(APP.id, APP.name, APP.policy, APP.role_maps, {account.provider: account for account in accounts})


def test_a_session_rule_wins_over_the_app_and_the_app_over_the_defaults() -> None:
    policy = APP.policy_for({"waiting_room": "off"})
    assert policy == Policy(grace_seconds=60, waiting_room=WaitingRoom.OFF)


def test_a_session_without_rules_of_its_own_has_those_of_the_app() -> None:
    assert APP.policy_for({}) == Policy(grace_seconds=60, waiting_room=WaitingRoom.ADMIT)


@given(st.permutations([HMS, AGORA]), st.integers(0, 2))
def test_the_providers_of_a_session_that_names_none_are_the_accounts_in_a_fixed_order(
    accounts: list[ProviderAccount], how_many: int
) -> None:
    chosen = accounts[:how_many]
    expected = tuple(name for name in ("100ms", "agora") if name in {account.provider for account in chosen})
    assert app_with(*chosen).default_providers == expected


def test_a_role_has_the_name_that_the_role_map_gives_it() -> None:
    assert APP.provider_role(ProviderName.HMS, "tutor") == "teacher"


@pytest.mark.parametrize(
    ("provider", "role"), [(ProviderName.HMS, "teacher"), (ProviderName.HMS, "Tutor"), (ProviderName.AGORA, "tutor")]
)
def test_a_role_that_the_map_does_not_name_is_never_guessed(provider: ProviderName, role: str) -> None:
    assert APP.provider_role(provider, role) is None


def test_a_printed_app_shows_no_secret() -> None:
    assert "tutoring" in repr(APP)
    assert "do-not-print" not in repr(APP)
