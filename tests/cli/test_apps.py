"""Operators make apps, look at them, and change their role maps and policies."""

import json
from pathlib import Path

import pytest

from cli.program import Here


def test_an_app_gets_the_roles_of_lessons_appointments_and_chats_when_none_are_named(videobroker: Here) -> None:
    made = json.loads(videobroker.succeed("apps", "create", "acme", "--json").out)
    assert (made["name"], made["accounts"], made["policy"]) == ("acme", [], {})
    assert made["role_maps"]["100ms"]["tutor"] == "teacher"
    assert made["role_maps"]["100ms"]["doctor"] == "host"
    assert made["role_maps"]["agora"]["tutor"] == "publisher"


def test_the_next_step_is_told(videobroker: Here) -> None:
    assert "videobroker accounts set acme" in videobroker.succeed("apps", "create", "acme").out


def test_roles_and_policy_can_be_named(videobroker: Here, tmp_path: Path) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text(json.dumps({"guests_allowed": True, "opens_before_seconds": 300}))
    roles = [
        *("--role", "100ms:tutor=teacher", "--role", "100ms:student=student", "--role", "100ms:guest=student"),
        *("--role", "agora:tutor=publisher", "--role", "agora:guest=subscriber"),
    ]
    made = json.loads(videobroker.succeed("apps", "create", "acme", *roles, "--policy", str(policy), "--json").out)
    assert made["role_maps"] == {
        "100ms": {"tutor": "teacher", "student": "student", "guest": "student"},
        "agora": {"tutor": "publisher", "guest": "subscriber"},
    }
    assert made["policy"] == {"guests_allowed": True, "opens_before_seconds": 300}


def test_an_update_replaces_what_it_names_and_leaves_the_rest(videobroker: Here, tmp_path: Path) -> None:
    made = json.loads(videobroker.succeed("apps", "create", "acme", "--json").out)
    policy = tmp_path / "policy.json"
    policy.write_text('{"opens_before_seconds": 300}')
    with_policy = json.loads(videobroker.succeed("apps", "update", "acme", "--policy", str(policy), "--json").out)
    assert with_policy == {**made, "policy": {"opens_before_seconds": 300}}
    roles = json.loads(videobroker.succeed("apps", "update", "acme", "--role", "100ms:a=b", "--json").out)
    assert roles == {**with_policy, "role_maps": {"100ms": {"a": "b"}}}
    assert json.loads(videobroker.succeed("apps", "list", "--json").out) == [roles]


def test_origins_are_named_replaced_and_taken_away(videobroker: Here) -> None:
    origins = ["--origin", "https://shop.example", "--origin", "http://localhost:3000"]
    made = json.loads(videobroker.succeed("apps", "create", "acme", *origins, "--json").out)
    assert made["allowed_origins"] == ["https://shop.example", "http://localhost:3000"]
    kept = json.loads(videobroker.succeed("apps", "update", "acme", "--role", "100ms:a=b", "--json").out)
    assert kept["allowed_origins"] == made["allowed_origins"]
    other = videobroker.succeed("apps", "update", "acme", "--origin", "https://other.example", "--json")
    assert json.loads(other.out)["allowed_origins"] == ["https://other.example"]
    refused = videobroker("apps", "update", "acme", "--origin", "https://*.example")
    assert (refused.code, refused.out) == (1, "")
    assert "Write https://shop.example" in refused.said
    none = json.loads(videobroker.succeed("apps", "update", "acme", "--origin", "", "--json").out)
    assert none["allowed_origins"] == []


def test_the_list_is_by_name_for_scripts_and_for_people(videobroker: Here) -> None:
    assert videobroker.succeed("apps", "list").out == "There are no apps yet.\n"
    assert json.loads(videobroker.succeed("apps", "list", "--json").out) == []
    for name in ("zebra", "acme"):
        videobroker.succeed("apps", "create", name, "--role", "100ms:tutor=teacher")
    listed = json.loads(videobroker.succeed("apps", "list", "--json").out)
    assert [app["name"] for app in listed] == ["acme", "zebra"]
    table = videobroker.succeed("apps", "list").out
    assert table.index("acme") < table.index("zebra")


def test_a_second_app_of_the_same_name_is_refused(videobroker: Here) -> None:
    videobroker.succeed("apps", "create", "acme")
    again = videobroker("apps", "create", "acme")
    assert (again.code, again.out) == (1, "")
    assert again.err == "error: There is an app 'acme' already. Choose another name, or change that one.\n"


def test_an_app_that_is_not_there_cannot_be_changed(videobroker: Here) -> None:
    outcome = videobroker("apps", "update", "nobody", "--role", "100ms:a=b")
    assert (outcome.code, outcome.out) == (1, "")
    assert "There is no app 'nobody'." in outcome.err


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a" * 129])
def test_a_name_that_nobody_can_type_again_is_refused(videobroker: Here, name: str) -> None:
    assert videobroker("apps", "create", name).code in {1, 2}
    assert json.loads(videobroker.succeed("apps", "list", "--json").out) == []


@pytest.mark.parametrize("name", ["[oops]", "[red]alert", "acme [eu]"])
def test_a_name_with_brackets_is_told_as_it_is(videobroker: Here, name: str) -> None:
    outcome = videobroker("keys", "list", name)
    assert (outcome.code, outcome.out) == (1, "")
    assert f"There is no app {name!r}." in outcome.err
    assert name in videobroker.succeed("apps", "create", name).out
    assert name in videobroker.succeed("apps", "list").out


@pytest.mark.parametrize("text", ['{"opens_befor_seconds": 1}', '{"opens_before_seconds": "soon"}', "{", "[]", ""])
def test_a_policy_that_is_none_is_refused_and_its_file_is_named(videobroker: Here, tmp_path: Path, text: str) -> None:
    policy = tmp_path / "policy.json"
    policy.write_text(text)
    outcome = videobroker("apps", "create", "acme", "--policy", str(policy))
    assert (outcome.code, outcome.out) == (2, "")
    assert "is not a valid policy" in outcome.err
    assert json.loads(videobroker.succeed("apps", "list", "--json").out) == []
