"""`videobroker secrets`, and the checks of `doctor` for old keys: output and exit codes."""

import json
from typing import Any

import pytest

from cli.program import CommandRunner, Outcome, fetch_rows
from videobroker.storage.postgres.encryption import SecretBox, new_key

ACCOUNT = json.dumps({"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4})
OLD, NEW = new_key(), new_key()


def with_keys(videobroker: CommandRunner, *arguments: str, keys: tuple[str, ...], **how: Any) -> Outcome:
    """Run a command with these secret keys."""
    return videobroker(*arguments, VIDEOBROKER_SECRET_KEY=",".join(keys), **how)


def key_id(key: str) -> str:
    return SecretBox([key]).key_id


@pytest.fixture
def acme(videobroker: CommandRunner) -> None:
    """An app with an account, encrypted with the old key."""
    assert with_keys(videobroker, "apps", "create", "acme", keys=(OLD,)).code == 0
    outcome = with_keys(videobroker, "accounts", "set", "acme", "agora", keys=(OLD,), stdin=ACCOUNT)
    assert outcome.code == 0, outcome.output


@pytest.mark.usefixtures("acme")
class TestStatus:
    def test_one_key_exits_with_0(self, videobroker: CommandRunner) -> None:
        outcome = with_keys(videobroker, "secrets", "status", "--json", keys=(OLD,))
        report = json.loads(outcome.out)
        assert (outcome.code, report["may_drop_old_keys"], report["outdated_rows"]) == (0, True, 0)
        assert report["keys"] == [key_id(OLD)]
        assert report["rows"] == [{"table": "provider_accounts", "key": key_id(OLD), "position": 1, "rows": 1}]

    def test_rows_that_need_an_old_key_exit_with_1(self, videobroker: CommandRunner) -> None:
        outcome = with_keys(videobroker, "secrets", "status", keys=(NEW, OLD))
        assert outcome.code == 1
        assert "Rows that need an old key: 1. Run `videobroker secrets rotate`." in outcome.err
        assert key_id(OLD) in outcome.out

    def test_a_missing_key_is_named(self, videobroker: CommandRunner) -> None:
        outcome = with_keys(videobroker, "secrets", "status", "--json", keys=(NEW,))
        report = json.loads(outcome.out)
        assert (outcome.code, report["missing_keys"], report["may_drop_old_keys"]) == (1, [key_id(OLD)], False)


@pytest.mark.usefixtures("acme")
class TestRotate:
    def test_everything_is_encrypted_with_the_first_key(self, videobroker: CommandRunner, own_database: str) -> None:
        outcome = with_keys(videobroker, "secrets", "rotate", keys=(NEW, OLD))
        assert outcome.code == 0, outcome.output
        assert outcome.out == f"Encrypted 1 row with the key {key_id(NEW)}.\n"
        assert "when the links that they signed have expired" in outcome.err
        assert fetch_rows(own_database, "select sealed_with from provider_accounts") == [(key_id(NEW),)]
        (row,) = fetch_rows(own_database, "select sealed_settings from provider_accounts")
        assert SecretBox([NEW]).decrypt(row[0]) == json.loads(ACCOUNT)
        again = with_keys(videobroker, "secrets", "rotate", "--json", keys=(NEW, OLD))
        assert (again.code, json.loads(again.out)["rotated"]) == (0, 0)
        assert with_keys(videobroker, "secrets", "status", keys=(NEW,)).code == 0

    def test_rows_that_no_key_decrypts_are_counted_and_unchanged(
        self, videobroker: CommandRunner, own_database: str
    ) -> None:
        before = fetch_rows(own_database, "select sealed_settings from provider_accounts")
        outcome = with_keys(videobroker, "secrets", "rotate", "--json", keys=(NEW,))
        report = json.loads(outcome.out)
        assert (outcome.code, report["rotated"], report["unreadable"]) == (1, 0, 1)
        outcome = with_keys(videobroker, "secrets", "rotate", "--quiet", keys=(NEW,))
        assert (outcome.code, "Could not decrypt 1 row with any of the keys." in outcome.err) == (1, True)
        assert fetch_rows(own_database, "select sealed_settings from provider_accounts") == before

    def test_no_key_is_printed(self, videobroker: CommandRunner) -> None:
        for arguments in (("rotate",), ("rotate", "--json"), ("status",), ("status", "--json")):
            outcome = with_keys(videobroker, "secrets", *arguments, keys=(NEW, OLD))
            assert OLD not in outcome.output
            assert NEW not in outcome.output


@pytest.mark.usefixtures("acme")
@pytest.mark.parametrize(
    ("keys", "status", "words"),
    [
        ((OLD,), "ok", "secret"),
        ((NEW, OLD), "warning", "videobroker secrets rotate"),
        ((NEW,), "failed", "VIDEOBROKER_SECRET_KEY"),
    ],
    ids=["one key", "an old key is needed", "the old key is missing"],
)
def test_doctor_reports_rows_that_depend_on_an_old_key(
    videobroker: CommandRunner, keys: tuple[str, ...], status: str, words: str
) -> None:
    outcome = with_keys(videobroker, "doctor", "--json", keys=keys)
    (check_result,) = [each for each in json.loads(outcome.out) if each["check"] == "secret keys"]
    assert check_result["verdict"] == status
    assert words in json.dumps(check_result)


def test_help_names_the_commands(videobroker: CommandRunner) -> None:
    outcome = videobroker("secrets", "--help")
    assert outcome.code == 0
    assert all(word in outcome.out for word in ("status", "rotate", "VIDEOBROKER_SECRET_KEY"))
    assert "Exit code 0" in videobroker("secrets", "status", "--help").out


def test_without_a_command_it_shows_help(videobroker: CommandRunner) -> None:
    assert "rotate" in videobroker("secrets").output
