"""Operators create, list, and update apps."""

import json
import re
from pathlib import Path

import pytest

from cli.program import CommandRunner


def test_a_new_app_has_the_common_roles_by_default(videobroker: CommandRunner) -> None:
    created = json.loads(videobroker.succeed("apps", "create", "acme", "--json").out)
    assert (created["name"], created["accounts"], created["policy"]) == ("acme", [], {})
    assert created["role_maps"]["100ms"]["tutor"] == "teacher"
    assert created["role_maps"]["100ms"]["doctor"] == "host"
    assert created["role_maps"]["agora"]["tutor"] == "publisher"


def test_the_output_names_the_next_step(videobroker: CommandRunner) -> None:
    assert "videobroker accounts set acme" in videobroker.succeed("apps", "create", "acme").out


def test_roles_and_policy_can_be_set(videobroker: CommandRunner, tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"guests_allowed": True, "opens_before_seconds": 300}))
    roles = [
        *("--role", "100ms:tutor=teacher", "--role", "100ms:student=student", "--role", "100ms:guest=student"),
        *("--role", "agora:tutor=publisher", "--role", "agora:guest=subscriber"),
    ]
    created = json.loads(videobroker.succeed("apps", "create", "acme", *roles, "--policy", str(policy), "--json").out)
    assert created["role_maps"] == {
        "100ms": {"tutor": "teacher", "student": "student", "guest": "student"},
        "agora": {"tutor": "publisher", "guest": "subscriber"},
    }
    assert created["policy"] == {"guests_allowed": True, "opens_before_seconds": 300}


def test_an_update_changes_only_the_given_settings(videobroker: CommandRunner, tmp_path: Path) -> None:
    created = json.loads(videobroker.succeed("apps", "create", "acme", "--json").out)
    policy = tmp_path / "policy.json"
    policy.write_text('{"opens_before_seconds": 300}')
    with_policy = json.loads(videobroker.succeed("apps", "update", "acme", "--policy", str(policy), "--json").out)
    assert with_policy == {**created, "policy": {"opens_before_seconds": 300}}
    roles = json.loads(videobroker.succeed("apps", "update", "acme", "--role", "100ms:a=b", "--json").out)
    assert roles == {**with_policy, "role_maps": {"100ms": {"a": "b"}}}
    assert json.loads(videobroker.succeed("apps", "list", "--json").out) == [roles]


def test_origins_are_set_replaced_and_removed(videobroker: CommandRunner) -> None:
    origins = ["--origin", "https://shop.example", "--origin", "http://localhost:3000"]
    created = json.loads(videobroker.succeed("apps", "create", "acme", *origins, "--json").out)
    assert created["allowed_origins"] == ["https://shop.example", "http://localhost:3000"]
    updated = json.loads(videobroker.succeed("apps", "update", "acme", "--role", "100ms:a=b", "--json").out)
    assert updated["allowed_origins"] == created["allowed_origins"]
    other = videobroker.succeed("apps", "update", "acme", "--origin", "https://other.example", "--json")
    assert json.loads(other.out)["allowed_origins"] == ["https://other.example"]
    refused = videobroker("apps", "update", "acme", "--origin", "https://*.example")
    assert (refused.code, refused.out) == (1, "")
    assert "Write https://shop.example" in refused.output
    none = json.loads(videobroker.succeed("apps", "update", "acme", "--origin", "", "--json").out)
    assert none["allowed_origins"] == []


def test_the_list_is_sorted_by_name_as_a_table_and_as_json(videobroker: CommandRunner) -> None:
    assert videobroker.succeed("apps", "list").out == "There are no apps yet.\n"
    assert json.loads(videobroker.succeed("apps", "list", "--json").out) == []
    for name in ("zebra", "acme"):
        videobroker.succeed("apps", "create", name, "--role", "100ms:tutor=teacher")
    listed = json.loads(videobroker.succeed("apps", "list", "--json").out)
    assert [app["name"] for app in listed] == ["acme", "zebra"]
    table = videobroker.succeed("apps", "list").out
    assert table.index("acme") < table.index("zebra")


def test_a_second_app_of_the_same_name_is_refused(videobroker: CommandRunner) -> None:
    videobroker.succeed("apps", "create", "acme")
    again = videobroker("apps", "create", "acme")
    assert (again.code, again.out) == (1, "")
    assert again.err == "error: App 'acme' already exists. Choose another name, or change that one.\n"


def test_an_unknown_app_cannot_be_updated(videobroker: CommandRunner) -> None:
    outcome = videobroker("apps", "update", "unknown", "--role", "100ms:a=b")
    assert (outcome.code, outcome.out) == (1, "")
    assert "App 'unknown' not found." in outcome.err


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a" * 129])
def test_a_name_with_control_characters_is_refused(videobroker: CommandRunner, name: str) -> None:
    assert videobroker("apps", "create", name).code in {1, 2}
    assert json.loads(videobroker.succeed("apps", "list", "--json").out) == []


@pytest.mark.parametrize("name", ["[oops]", "[red]alert", "acme [eu]"])
def test_a_name_with_brackets_is_printed_unchanged(videobroker: CommandRunner, name: str) -> None:
    outcome = videobroker("keys", "list", name)
    assert (outcome.code, outcome.out) == (1, "")
    assert f"App {name!r} not found." in outcome.err
    assert name in videobroker.succeed("apps", "create", name).out
    assert name in videobroker.succeed("apps", "list").out


@pytest.mark.parametrize("text", ['{"opens_seconds_before": 1}', '{"opens_before_seconds": "soon"}', "{", "[]", ""])
def test_an_invalid_policy_is_refused_with_the_name_of_its_file(
    videobroker: CommandRunner, tmp_path: Path, text: str
) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text(text)
    outcome = videobroker("apps", "create", "acme", "--policy", str(policy))
    assert (outcome.code, outcome.out) == (2, "")
    # The message is wrapped in a frame.
    message = re.sub(r"[│\s]+", " ", outcome.err)
    assert "policy.json is not a valid policy: " in message or "policy.json is not valid JSON: " in message
    assert json.loads(videobroker.succeed("apps", "list", "--json").out) == []


def test_the_branding_is_set_shown_and_removed(videobroker: CommandRunner, tmp_path: Path) -> None:
    videobroker.succeed("apps", "create", "acme")
    logo = tmp_path / "logo.png"
    logo.write_bytes(b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR" + bytes(20))
    options = [
        *("--display-name", "Acme", "--color", "#F97316", "--return-url", "https://acme.example/{reference}"),
        *("--contact-email", "help@acme.example", "--language", "de", "--logo", str(logo)),
    ]
    out = videobroker.succeed("apps", "brand", "acme", *options).out
    assert "Updated the branding of acme." in out
    assert "In light mode, the page uses #" in out
    (listed,) = json.loads(videobroker.succeed("apps", "list", "--json").out)
    assert listed["branding"].pop("logo")["media_type"] == "image/png"
    assert listed["branding"] == {
        "display_name": "Acme",
        "color": "#f97316",
        "contact_email": "help@acme.example",
        "return_url": "https://acme.example/{reference}",
        "languages": ["de"],
    }
    changed = videobroker.succeed("apps", "brand", "acme", "--color", "", "--language", "", "--no-logo", "--json")
    assert json.loads(changed.out)["branding"] == {
        "display_name": "Acme",
        "contact_email": "help@acme.example",
        "return_url": "https://acme.example/{reference}",
    }


def test_an_invalid_branding_is_refused(videobroker: CommandRunner, tmp_path: Path) -> None:
    videobroker.succeed("apps", "create", "acme")
    refused = videobroker("apps", "brand", "acme", "--return-url", "http://acme.example/")
    assert (refused.code, refused.out) == (1, "")
    assert refused.err == "error: `return_url` must use https; plain http is for localhost.\n"
    image = tmp_path / "logo.svg"
    image.write_text("<svg/>")
    assert "PNG, JPEG, or WebP" in videobroker("apps", "brand", "acme", "--logo", str(image)).err
    assert json.loads(videobroker.succeed("apps", "list", "--json").out)[0]["branding"] == {}
