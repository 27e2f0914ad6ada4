"""The OpenAPI document is created without a database, and is the same in all formats."""

import json
from pathlib import Path
from typing import Any

import yaml
from openapi_spec_validator import OpenAPIV30SpecValidator, validate

from cli.program import CommandRunner, run


def load_yaml(text: str) -> Any:
    """With the parser in C, which is ten times as fast."""
    return yaml.load(text, Loader=yaml.CSafeLoader)


def test_the_document_goes_to_stdout_as_yaml_and_needs_no_settings(tmp_path: Path) -> None:
    outcome = run("openapi", cwd=tmp_path)
    assert (outcome.code, outcome.err) == (0, "")
    document = load_yaml(outcome.out)
    validate(document)
    assert "/v1/bookings/{reference}/join" in document["paths"]
    assert list(tmp_path.iterdir()) == []


def test_output_writes_the_same_document_to_a_file(videobroker: CommandRunner, tmp_path: Path) -> None:
    outcome = videobroker.succeed("openapi", "--output", "openapi.yaml")
    assert outcome.out == ""
    printed = videobroker.succeed("openapi").out
    assert (tmp_path / "openapi.yaml").read_text().rstrip("\n") == printed.rstrip("\n")


def test_json_is_the_same_document(videobroker: CommandRunner) -> None:
    as_json = json.loads(videobroker.succeed("openapi", "--json").out)
    assert as_json == load_yaml(videobroker.succeed("openapi").out)


def test_an_unwritable_file_is_an_error(videobroker: CommandRunner) -> None:
    outcome = videobroker("openapi", "--output", "missing/openapi.yaml")
    assert outcome.code in {1, 2}
    assert "missing" in outcome.err
    assert "Traceback" not in outcome.err


def test_version_3_0_is_valid_and_has_the_same_operations(videobroker: CommandRunner) -> None:
    older = load_yaml(videobroker.succeed("openapi", "--openapi-version", "3.0").out)
    assert older["openapi"].startswith("3.0.")
    OpenAPIV30SpecValidator(older).validate()
    newer = load_yaml(videobroker.succeed("openapi").out)
    assert operation_ids(older) == operation_ids(newer)


def operation_ids(document: dict[str, Any]) -> list[str]:
    return [operation["operationId"] for item in document["paths"].values() for operation in item.values()]
