"""Synonyms of settings: names that products already have in their `.env`."""

from datetime import timedelta
from pathlib import Path

import pytest

from videobroker.domain.apps import ProviderName
from videobroker.domain.retention import RetentionPolicy
from videobroker.errors import SettingsConflict
from videobroker.settings import SYNONYMS, Settings


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Remove the settings of this machine, and use only the `.env` of the test."""
    monkeypatch.chdir(tmp_path)
    for names in SYNONYMS:
        for name in names:
            monkeypatch.delenv(name, raising=False)


def hms_account() -> dict[str, str]:
    return Settings().accounts()[ProviderName.HMS]


@pytest.mark.parametrize("key", SYNONYMS[0])
@pytest.mark.parametrize("secret", SYNONYMS[1])
def test_each_name_of_the_100ms_account_is_accepted(monkeypatch: pytest.MonkeyPatch, key: str, secret: str) -> None:
    monkeypatch.setenv(key, "the-key")
    monkeypatch.setenv(secret, "the-secret")
    assert hms_account() == {"access_key": "the-key", "secret": "the-secret"}


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        ("HMS_TEMPLATE_ID", "template_id"),
        ("HMS_MANAGEMENT_TOKEN", "management_token"),
        ("HMS_SUBDOMAIN", "subdomain"),
        ("NEXT_PUBLIC_HMS_SUBDOMAIN", "subdomain"),
        ("HMS100_ROOM_ID", "room_id"),
        ("HMS_ROOM_CODE_PREFIX", "room_code_prefix"),
    ],
)
def test_each_other_name_is_accepted(monkeypatch: pytest.MonkeyPatch, name: str, setting: str) -> None:
    for variable, value in (("HMS_ACCESS_KEY", "k"), ("HMS_SECRET", "s"), (name, "some-value")):
        monkeypatch.setenv(variable, value)
    assert hms_account()[setting] == "some-value"


@pytest.mark.parametrize(("days", "retention"), [("7", timedelta(days=7)), ("2200", timedelta(days=2200)), ("0", None)])
def test_retention_is_set_in_days_and_zero_disables_deletion(
    monkeypatch: pytest.MonkeyPatch, days: str, retention: timedelta | None
) -> None:
    monkeypatch.setenv("VIDEOBROKER_INBOX_DAYS", days)
    assert Settings().retention_policy() == RetentionPolicy(webhooks=retention)
    monkeypatch.setenv("VIDEOBROKER_DELIVERIES_DAYS", days)
    assert Settings().retention_policy() == RetentionPolicy(webhooks=retention, deliveries=retention)


def test_the_agora_account_uses_the_names_of_agora(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGORA_APP_ID", "an-id")
    monkeypatch.setenv("AGORA_APP_CERTIFICATE", "a-certificate")
    account = Settings().accounts()[ProviderName.AGORA]
    assert account == {"app_id": "an-id", "app_certificate": "a-certificate"}


@pytest.mark.parametrize("names", [names[:2] for names in SYNONYMS] + [SYNONYMS[0][1:], SYNONYMS[1][1:]])
def test_two_names_with_different_values_are_an_error_that_names_both(
    monkeypatch: pytest.MonkeyPatch, names: tuple[str, str]
) -> None:
    monkeypatch.setenv(names[0], "one-value")
    monkeypatch.setenv(names[1], "another-value")
    with pytest.raises(SettingsConflict) as refused:
        Settings()
    assert names[0] in str(refused.value)
    assert names[1] in str(refused.value)
    assert "value" not in str(refused.value).replace("different values", "")


def test_an_env_file_that_contradicts_the_environment_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("HMS100_APP_SECRET=from-the-file\n")
    monkeypatch.setenv("HMS_SECRET", "from-the-environment")
    with pytest.raises(SettingsConflict, match="HMS100_APP_SECRET"):
        Settings()


def test_equal_values_and_empty_values_are_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("HMS_ACCESS_KEY", "k"), ("HMS100_APP_ID", "k"), ("HMS_SECRET", "s"), ("HMS_APP_SECRET", "")):
        monkeypatch.setenv(name, value)
    assert hms_account() == {"access_key": "k", "secret": "s"}


def test_production_requires_https(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HMS_ENVIRONMENT", "production")
    Settings()
    monkeypatch.setenv("HMS_API_URL", "http://sandbox:8081/v2")
    with pytest.raises(ValueError, match="https"):
        Settings()
