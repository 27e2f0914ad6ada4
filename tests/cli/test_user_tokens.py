"""Rules of user tokens: set from stdin, refused with an error, and removed."""

import json

import pytest

from cli.program import CommandRunner

SECRET = "invented-secret-of-user-tokens-0123456789"


@pytest.fixture(autouse=True)
def apps(videobroker: CommandRunner) -> None:
    """Two apps."""
    for name in ("acme", "umbrella"):
        videobroker.succeed("apps", "create", name)


def rules(**values: object) -> str:
    return json.dumps(values)


def test_rules_are_set_replaced_and_removed(videobroker: CommandRunner) -> None:
    videobroker.succeed("user-tokens", "set", "acme", stdin=rules(secret=SECRET))
    output = videobroker.succeed(
        "user-tokens", "set", "acme", "--max-lifetime-seconds", "3600", stdin=rules(secret=SECRET, audience="video")
    ).output
    assert SECRET not in output
    videobroker.succeed("user-tokens", "remove", "acme")
    refused = videobroker("user-tokens", "remove", "acme")
    assert refused.code == 1
    assert "no rules" in refused.err


def test_rules_that_overlap_with_those_of_another_app_are_refused(videobroker: CommandRunner) -> None:
    videobroker.succeed("user-tokens", "set", "acme", stdin=rules(secret=SECRET))
    refused = videobroker("user-tokens", "set", "umbrella", stdin=rules(secret=SECRET, issuer="https://id.example"))
    assert refused.code == 1
    assert "Another app accepts the same user tokens" in refused.err
    assert SECRET not in refused.output
    videobroker.succeed("user-tokens", "remove", "acme")
    videobroker.succeed("user-tokens", "set", "umbrella", stdin=rules(secret=SECRET, issuer="https://id.example"))


@pytest.mark.parametrize(
    ("options", "sent", "output"),
    [
        ([], {"secret": "short"}, "32 bytes"),
        ([], {}, "either"),
        ([], {"secret": SECRET, "jwks": "https://id.example"}, "unknown: jwks"),
        ([], {"secret": SECRET, "max_lifetime_seconds": "60"}, "unknown: max_lifetime_seconds"),
        (["--max-lifetime-seconds", "0"], {"secret": SECRET}, "max-lifetime-seconds"),
        (["--max-lifetime-seconds", "2592001"], {"secret": SECRET}, "max-lifetime-seconds"),
    ],
)
def test_invalid_rules_are_refused_with_an_error(
    videobroker: CommandRunner, options: list[str], sent: dict[str, str], output: str
) -> None:
    refused = videobroker("user-tokens", "set", "acme", *options, stdin=rules(**sent))
    assert refused.code == 2
    assert output in refused.err
    assert SECRET not in refused.output
