"""`videobroker doctor`: checks of the settings."""

from typing import Any
from uuid import UUID

import pytest

from videobroker.cli.doctor import examine_call_url
from videobroker.domain.apps import App, ProviderAccount, ProviderName
from videobroker.domain.diagnostics import CheckStatus
from videobroker.domain.ids import AccountId, AppId
from videobroker.settings import Settings

ADMIN_KEY = "an-admin-key-that-is-long-enough-for-every-rule"
PUBLIC = {"VIDEOBROKER_PUBLIC_URL": "https://video.example"}


def app_at(provider: ProviderName, **settings: str) -> App:
    account = ProviderAccount(AccountId(UUID(int=1)), provider, settings)
    return App(AppId(UUID(int=2)), "tutoring", {}, {}, {provider: account})


def settings_with(**values: str) -> Settings:
    given: dict[str, Any] = {"VIDEOBROKER_ADMIN_KEY": ADMIN_KEY, **values}
    return Settings(_env_file=None, **given)


@pytest.mark.parametrize("public", [PUBLIC, {}, {"VIDEOBROKER_PUBLIC_URL": "https://localhost.example"}])
def test_agora_calls_need_a_separate_host_name_from_the_console(public: dict[str, str]) -> None:
    (found,) = examine_call_url(settings_with(**public), app_at(ProviderName.AGORA))

    assert found.verdict is CheckStatus.WARNING
    assert "VIDEOBROKER_CALL_URL" in found.sentence


@pytest.mark.parametrize(
    "settings",
    [
        settings_with(**PUBLIC, VIDEOBROKER_CALL_URL="https://call.video.example"),
        settings_with(VIDEOBROKER_PUBLIC_URL="http://localhost:8000"),
        settings_with(VIDEOBROKER_PUBLIC_URL="http://127.0.0.1:8000"),
    ],
)
def test_a_second_host_name_or_localhost_is_enough(settings: Settings) -> None:
    assert examine_call_url(settings, app_at(ProviderName.AGORA)) == []


def test_other_accounts_and_services_without_a_console_need_no_second_host_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("VIDEOBROKER_ADMIN_KEY", raising=False)
    console = settings_with(**PUBLIC)

    assert examine_call_url(console, app_at(ProviderName.HMS)) == []
    assert examine_call_url(console, app_at(ProviderName.AGORA, prebuilt_url="https://page.example")) == []
    assert examine_call_url(Settings(_env_file=None), app_at(ProviderName.AGORA)) == []
