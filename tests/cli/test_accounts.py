"""Accounts are read from stdin, checked, and stored encrypted."""

import json

import pytest

from cli.program import CommandRunner, fetch_rows

HMS = {
    "access_key": "5a0db0c5000000000000d03a",
    "secret": "a-secret-that-must-not-leak",
    "template_id": "5a0db0c50000000000000001",
}
AGORA = {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4}


@pytest.fixture(autouse=True)
def acme(videobroker: CommandRunner) -> None:
    """The app."""
    videobroker.succeed("apps", "create", "acme")


def listed(videobroker: CommandRunner) -> list[str]:
    """The accounts of the app."""
    (app,) = json.loads(videobroker.succeed("apps", "list", "--json").out)
    accounts: list[str] = app["accounts"]
    return accounts


def test_an_app_gets_an_account_with_each_provider(videobroker: CommandRunner) -> None:
    for provider, settings in (("agora", AGORA), ("100ms", HMS)):
        output = videobroker.succeed("accounts", "set", "acme", provider, stdin=json.dumps(settings)).out
        assert output == f"Set the {provider} account of acme.\n"
    assert listed(videobroker) == ["100ms", "agora"]


def test_the_database_contains_no_readable_secret(videobroker: CommandRunner, own_database: str) -> None:
    videobroker.succeed("accounts", "set", "acme", "100ms", stdin=json.dumps(HMS))
    tables = [
        name for (name,) in fetch_rows(own_database, "select tablename from pg_tables where schemaname = 'public'")
    ]
    rows = [row for table in tables for (row,) in fetch_rows(own_database, f"select t::text from {table} t")]  # noqa: S608
    accounts = [row for (row,) in fetch_rows(own_database, "select t::text from provider_accounts t")]
    assert accounts
    assert not any("access_key" in row for row in accounts)
    for text in (*HMS.values(), HMS["secret"].encode().hex()):
        assert not any(text in row for row in rows)


def test_another_secret_key_is_an_error_that_says_what_to_do(
    videobroker: CommandRunner, variables: dict[str, str]
) -> None:
    from videobroker.storage.postgres.encryption import new_key

    videobroker.succeed("accounts", "set", "acme", "100ms", stdin=json.dumps(HMS))
    other = new_key()
    outcome = videobroker("apps", "list", VIDEOBROKER_SECRET_KEY=other)
    assert (outcome.code, outcome.out) == (1, "")
    assert "VIDEOBROKER_SECRET_KEY" in outcome.err
    both = f"{other},{variables['VIDEOBROKER_SECRET_KEY']}"
    videobroker.succeed("apps", "list", VIDEOBROKER_SECRET_KEY=both)


def test_setting_an_account_again_replaces_it_and_equal_settings_change_nothing(
    videobroker: CommandRunner, own_database: str
) -> None:
    def version() -> int:
        ((version,),) = fetch_rows(own_database, "select version from provider_accounts")
        return int(version)

    for settings, expected in ((HMS, 1), (HMS, 1), (HMS | {"secret": "another"}, 2)):
        videobroker.succeed("accounts", "set", "acme", "100ms", stdin=json.dumps(settings))
        assert version() == expected


@pytest.mark.parametrize(
    ("provider", "settings", "named"),
    [
        ("100ms", {"access_key": HMS["access_key"]}, "secret"),
        ("100ms", {"secret": HMS["secret"]}, "access_key"),
        ("100ms", HMS | {"secret": " "}, "secret"),
        ("100ms", HMS | {"api_url": "ftp://example.test"}, "api_url"),
        ("100ms", HMS | {"templateid": HMS["template_id"]}, "templateid"),
        ("agora", {"app_id": "a60a" * 8}, "app_certificate"),
        ("agora", AGORA | {"app_id": "short"}, "app_id"),
        ("agora", AGORA | {"app_certificate": "not-hexadecimal"}, "app_certificate"),
    ],
)
def test_invalid_settings_are_refused_by_name(
    videobroker: CommandRunner, provider: str, settings: dict[str, str], named: str
) -> None:
    outcome = videobroker("accounts", "set", "acme", provider, stdin=json.dumps(settings))
    assert (outcome.code, outcome.out) == (1, "")
    assert named in outcome.err
    assert not any(value in outcome.err for value in settings.values() if value.strip())
    assert listed(videobroker) == []


@pytest.mark.parametrize("stdin", ["", "hunter2", "[]", '"hunter2"', '{"secret": 2}', '{"secret": null}', "{"])
def test_invalid_json_is_a_usage_error_and_not_repeated(videobroker: CommandRunner, stdin: str) -> None:
    outcome = videobroker("accounts", "set", "acme", "100ms", stdin=stdin)
    assert (outcome.code, outcome.out) == (2, "")
    assert "JSON object of strings" in outcome.err
    assert "hunter2" not in outcome.err


def test_an_unknown_app_is_an_error(videobroker: CommandRunner) -> None:
    outcome = videobroker("accounts", "set", "unknown", "100ms", stdin=json.dumps(HMS))
    assert (outcome.code, outcome.out) == (1, "")
    assert "App 'unknown' not found." in outcome.err
    assert HMS["secret"] not in outcome.err
