"""Apps: accounts, role map, policy, and origins."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.apps import App, ProviderAccount, ProviderName, normalize_origin
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


def test_the_policy_of_a_session_overrides_the_app_and_the_app_overrides_the_defaults() -> None:
    policy = APP.policy_for({"waiting_room": "off"})
    assert policy == Policy(grace_seconds=60, waiting_room=WaitingRoom.OFF)


def test_a_session_without_a_policy_has_the_policy_of_the_app() -> None:
    assert APP.policy_for({}) == Policy(grace_seconds=60, waiting_room=WaitingRoom.ADMIT)


def test_an_app_has_the_default_policy_with_its_own_changes() -> None:
    assert app_with().own_policy == Policy(grace_seconds=60, waiting_room=WaitingRoom.ADMIT)
    assert App(APP.id, APP.name, {}, {}, {}).own_policy == Policy()


@given(st.permutations([HMS, AGORA]), st.integers(0, 2))
def test_the_default_providers_are_the_accounts_in_a_fixed_order(
    accounts: list[ProviderAccount], how_many: int
) -> None:
    chosen = accounts[:how_many]
    expected = tuple(name for name in ("100ms", "agora") if name in {account.provider for account in chosen})
    assert app_with(*chosen).default_providers == expected


def test_the_role_map_determines_the_provider_role() -> None:
    assert APP.provider_role(ProviderName.HMS, "tutor") == "teacher"


@pytest.mark.parametrize(
    ("provider", "role"), [(ProviderName.HMS, "teacher"), (ProviderName.HMS, "Tutor"), (ProviderName.AGORA, "tutor")]
)
def test_an_unmapped_role_has_no_provider_role(provider: ProviderName, role: str) -> None:
    assert APP.provider_role(provider, role) is None


def test_the_repr_of_an_app_contains_no_secret() -> None:
    assert "tutoring" in repr(APP)
    assert "do-not-print" not in repr(APP)


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        ("HTTPS://Shop.Example/", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("https://shop.example:0443", "https://shop.example:443"),
        ("https://shop.example:8443", "https://shop.example:8443"),
        ("https://shop.example:1", "https://shop.example:1"),
        ("https://shop.example:65535", "https://shop.example:65535"),
        ("http://localhost:80", "http://localhost"),
        ("http://localhost:3000", "http://localhost:3000"),
        ("https://localhost:80", "https://localhost:80"),
    ],
)
def test_an_origin_is_normalized_to_the_form_that_browsers_send(text: str, origin: str) -> None:
    assert normalize_origin(text) == origin


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "https://shop.example/path",
            "'https://shop.example/path' is not an origin. Write https://shop.example: no path, no wildcard,"
            " ASCII only.",
        ),
        ("http://shop.example", "'http://shop.example' is not encrypted. Use https; plain http is for localhost."),
        ("https://shop.example:0", "'https://shop.example:0' has an invalid port. Use a number from 1 to 65535."),
        (
            "https://shop.example:65536",
            "'https://shop.example:65536' has an invalid port. Use a number from 1 to 65535.",
        ),
    ],
)
def test_invalid_origins_are_rejected(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match="shop") as refused:
        normalize_origin(text)
    assert str(refused.value) == sentence
