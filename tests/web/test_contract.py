"""The OpenAPI document is valid, complete, committed, and correct."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from openapi_spec_validator import OpenAPIV31SpecValidator

from openapi import component, openapi_document, openapi_paths
from videobroker.domain.api_keys import Scope
from videobroker.domain.events import EventType
from videobroker.domain.operators import OperatorRole
from videobroker.errors import CATALOG, Interface
from videobroker.web import error_reference
from videobroker.web.openapi.version_3_0 import as_version_3_0
from videobroker.web.v1 import event_catalog

COMMITTED = Path(__file__).parents[2] / "openapi.yaml"
METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
PROBLEM = {"$ref": "#/components/schemas/Problem"}
CODE = re.compile(r"`(\w+)`")
"""An error code in the description of a response."""


DOCUMENT: dict[str, Any] = openapi_document()
OPERATIONS: dict[str, dict[str, Any]] = {
    f"{method.upper()} {path}": operation
    for path, item in openapi_paths().items()
    for method, operation in item.items()
    if method in METHODS
}
NEW_OPERATIONS = {
    name: each for name, each in OPERATIONS.items() if not any(tag.startswith("legacy") for tag in each["tags"])
}
"""All operations but the legacy endpoints, which have their own error bodies."""
HOOKS = {name: each for name, each in OPERATIONS.items() if "incomingWebhooks" in each["tags"]}
"""Webhooks of providers: they need no key, but a secret of the account."""
VISITS = {name: each for name, each in OPERATIONS.items() if "visits" in each["tags"]}
"""Operations for holders of a ticket."""
MANAGEMENT = {name: each for name, each in OPERATIONS.items() if "management" in each["tags"]}
"""Operations with operator keys."""
GUARDED = {
    name: each
    for name, each in OPERATIONS.items()
    if "operations" not in each["tags"] and name not in HOOKS and name not in VISITS and name not in MANAGEMENT
}
each_operation = pytest.mark.parametrize("operation", OPERATIONS.values(), ids=OPERATIONS)
each_guarded_operation = pytest.mark.parametrize(
    "operation",
    [pytest.param(each, id=name) for name, each in GUARDED.items()],
)
each_new_operation = pytest.mark.parametrize("operation", NEW_OPERATIONS.values(), ids=NEW_OPERATIONS)
each_new_guarded_operation = pytest.mark.parametrize(
    "operation",
    [pytest.param(each, id=name) for name, each in NEW_OPERATIONS.items() if name in GUARDED],
)


def resolved(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, or the component that it references."""
    if "$ref" not in schema:
        return schema
    found: dict[str, Any] = component(schema["$ref"])
    return found


def examples_of(schema: dict[str, Any]) -> list[Any]:
    """The examples of a schema. For a union, those of its members, if every member has one (null needs none)."""
    schema = resolved(schema)
    if "examples" in schema:
        found: list[Any] = schema["examples"]
        return found
    members = [each for each in schema.get("anyOf", schema.get("oneOf", ())) if each.get("type") != "null"]
    shown = [examples_of(member) for member in members]
    return [example for examples in shown for example in examples] if all(shown) else []


def json_schemas(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The JSON schemas of the successful responses of an operation."""
    for status, response in operation["responses"].items():
        if status.startswith("2") and "application/json" in response.get("content", {}):
            yield response["content"]["application/json"]["schema"]


def schemas_with_examples(node: Any, where: str = "#") -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Every schema of the document that has an example, with the example and its location."""
    if isinstance(node, dict):
        if isinstance(node.get("examples"), list):
            for number, example in enumerate(node["examples"]):
                yield f"{where}/examples/{number}", node, example
        if "example" in node and "schema" in node:
            yield f"{where}/example", node["schema"], node["example"]
        for key, member in node.items():
            if key not in {"example", "examples"}:
                yield from schemas_with_examples(member, f"{where}/{key}")
    elif isinstance(node, list):
        for number, member in enumerate(node):
            yield from schemas_with_examples(member, f"{where}/{number}")


def test_the_document_is_valid_openapi_3_1() -> None:
    assert DOCUMENT["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(DOCUMENT).validate()


async def test_the_service_serves_this_document(api: httpx.AsyncClient) -> None:
    response = await api.get("/openapi.json")
    assert response.status_code == 200
    assert response.json() == DOCUMENT


def test_the_committed_documents_are_current() -> None:
    assert yaml.load(COMMITTED.read_text(), Loader=yaml.CSafeLoader) == DOCUMENT, "run make openapi"
    older = COMMITTED.with_name("openapi-3.0.yaml").read_text()
    assert yaml.load(older, Loader=yaml.CSafeLoader) == as_version_3_0(DOCUMENT), "run make openapi"


def test_the_document_of_version_3_0_uses_nothing_newer() -> None:
    text = json.dumps(as_version_3_0(DOCUMENT))
    for newer in ('"null"', '"const"', '"propertyNames"', '"contentSchema"', '"webhooks":'):
        assert newer not in text


@each_operation
def test_an_operation_has_a_summary_and_a_description(operation: dict[str, Any]) -> None:
    assert operation.get("summary", "").strip()
    assert operation.get("description", "").strip().endswith(".")
    assert operation["summary"] != operation["description"]
    assert operation["tags"]


def test_operation_ids_are_unique_method_names() -> None:
    webhooks = [item["post"]["operationId"] for item in DOCUMENT["webhooks"].values()]
    ids = [*(operation["operationId"] for operation in OPERATIONS.values()), *webhooks]
    assert len(set(ids)) == len(ids)
    assert [each for each in ids if not re.fullmatch(r"[a-z][A-Za-z0-9]+", each)] == []


def test_every_tag_has_a_description() -> None:
    explained = {tag["name"] for tag in DOCUMENT["tags"] if tag["description"]}
    assert {tag for operation in OPERATIONS.values() for tag in operation["tags"]} <= explained


@each_guarded_operation
def test_an_operation_requires_a_key_with_existing_scopes(operation: dict[str, Any]) -> None:
    assert {"apiKey": []} in operation["security"]
    scopes = operation["x-required-scopes"]
    assert scopes
    assert set(scopes) <= set(Scope)
    assert all(f"`{scope}`" in operation["description"] for scope in scopes)
    schemes = {scheme for requirement in operation["security"] for scheme in requirement}
    assert schemes <= set(DOCUMENT["components"]["securitySchemes"])


@each_new_guarded_operation
def test_an_operation_documents_its_problems(operation: dict[str, Any]) -> None:
    expected = {"401", "403", "422", "503"} | ({"400", "413"} if "requestBody" in operation else set())
    assert expected <= set(operation["responses"])


@pytest.mark.parametrize("operation", MANAGEMENT.values(), ids=MANAGEMENT)
def test_management_requires_an_operator_key_with_a_role(operation: dict[str, Any]) -> None:
    assert operation["security"] == [{"operatorKey": []}]
    assert f"needs the role `{OperatorRole(operation['x-required-role'])}`" in operation["description"]
    expected = {"401", "403", "422", "429", "503"} | ({"400", "413"} if "requestBody" in operation else set())
    assert expected <= set(operation["responses"])


def test_a_provider_webhook_requires_the_secret_of_its_provider_and_no_key() -> None:
    assert {name: operation["security"] for name, operation in HOOKS.items()} == {
        "POST /hooks/100ms/{app}": [{"hmsWebhook": []}],
        "POST /hooks/agora/{app}": [{"agoraWebhook": []}],
    }
    headers = {name: DOCUMENT["components"]["securitySchemes"][name] for name in ("hmsWebhook", "agoraWebhook")}
    assert {name: (scheme["type"], scheme["in"], scheme["name"]) for name, scheme in headers.items()} == {
        "hmsWebhook": ("apiKey", "header", "Videobroker-Hook-Secret"),
        "agoraWebhook": ("apiKey", "header", "Agora-Signature-V2"),
    }


@pytest.mark.parametrize("operation", VISITS.values(), ids=VISITS)
def test_a_visit_requires_a_ticket_and_no_key(operation: dict[str, Any]) -> None:
    assert operation["security"] == [{"ticket": []}]
    assert {"401", "404", "422", "503"} <= set(operation["responses"])


@pytest.mark.parametrize("operation", HOOKS.values(), ids=HOOKS)
def test_a_provider_webhook_documents_its_problems(operation: dict[str, Any]) -> None:
    assert {"400", "401", "413", "422", "503"} <= set(operation["responses"])


@each_new_operation
def test_every_documented_problem_is_a_problem_document(operation: dict[str, Any]) -> None:
    for status, response in operation["responses"].items():
        if status.startswith(("4", "5")):
            assert response["content"]["application/problem+json"]["schema"] == PROBLEM
            codes = CODE.findall(response["description"])
            assert {CATALOG[code].status for code in codes} == {int(status)}


@pytest.mark.parametrize(
    ("page", "current"), [("events.md", event_catalog.as_markdown), ("errors.md", error_reference.as_markdown)]
)
def test_a_generated_page_is_current(page: str, current: Callable[[], str]) -> None:
    assert (COMMITTED.with_name("docs") / "reference" / page).read_text() == current(), "run `make openapi`"


def test_the_page_of_errors_has_every_code_with_its_status() -> None:
    rows = re.findall(r"^\| <a id=\"(\w+)\"></a>`(\w+)` \| (\d+) \|", error_reference.as_markdown(), re.MULTILINE)
    assert sorted(rows) == sorted((code, code, str(kind.status)) for code, kind in CATALOG.items())


def documented_codes(operations: dict[str, dict[str, Any]]) -> set[str]:
    """The error codes that the responses of these operations mention."""
    return {
        code
        for operation in operations.values()
        for status, response in operation["responses"].items()
        if status.startswith(("4", "5"))
        for code in CODE.findall(response["description"])
    }


def test_the_document_mentions_every_error_of_endpoints_and_no_other() -> None:
    of_endpoints = {code for code, kind in CATALOG.items() if kind.interface is Interface.ENDPOINT}
    any_request = {"method_not_allowed"}
    assert documented_codes(NEW_OPERATIONS) - any_request == of_endpoints


def test_legacy_endpoints_mention_errors_of_the_catalog_and_every_one_of_their_own() -> None:
    documented = documented_codes(OPERATIONS) - documented_codes(NEW_OPERATIONS)
    of_legacy = {code for code, kind in CATALOG.items() if kind.interface is Interface.LEGACY}
    assert documented - of_legacy <= {code for code, kind in CATALOG.items() if kind.interface is Interface.ANY_REQUEST}
    assert of_legacy - documented <= {"legacy_disabled"}


@each_operation
def test_a_request_body_has_an_example(operation: dict[str, Any]) -> None:
    body = operation.get("requestBody")
    if body is not None:
        assert examples_of(body["content"]["application/json"]["schema"])


@each_operation
def test_a_success_has_an_example(operation: dict[str, Any]) -> None:
    assert all(examples_of(schema) for schema in json_schemas(operation))


@pytest.mark.parametrize(
    ("schema", "example"),
    [pytest.param(schema, example, id=where) for where, schema, example in schemas_with_examples(DOCUMENT)],
)
def test_an_example_matches_its_schema(schema: dict[str, Any], example: Any) -> None:
    shape = {key: value for key, value in schema.items() if key not in {"examples", "discriminator"}}
    validator = OAS31Validator({**shape, "components": DOCUMENT["components"]}, format_checker=oas31_format_checker)
    assert [error.message for error in validator.iter_errors(example)] == []


@pytest.mark.parametrize(
    ("schema", "example"),
    [pytest.param(schema, example, id=where) for where, schema, example in schemas_with_examples(DOCUMENT)],
)
def test_an_example_has_only_fields_of_its_schema(schema: dict[str, Any], example: Any) -> None:
    if "properties" in schema:
        assert set(example) <= set(schema["properties"])
        assert set(schema.get("required", ())) <= set(example)


def schemas_of(node: Any, where: str = "#") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every schema object below this part of the document, with its location."""
    if isinstance(node, dict):
        if where.endswith("/schema") or re.search(r"/schemas/\w+$|/properties/[\w-]+$|/(items|not)$|Of/\d+$", where):
            yield where, node
        for key, member in node.items():
            if key not in {"example", "examples", "default", "mapping"}:
                yield from schemas_of(member, f"{where}/{key}")
    elif isinstance(node, list):
        for number, member in enumerate(node):
            yield from schemas_of(member, f"{where}/{number}")


SCHEMAS = dict(schemas_of(DOCUMENT))


def test_the_committed_document_has_no_aliases() -> None:
    events = yaml.parse(COMMITTED.read_text(), Loader=yaml.CSafeLoader)
    assert not any(isinstance(event, yaml.AliasEvent) for event in events)


def test_schemas_have_no_titles() -> None:
    assert [where for where, schema in SCHEMAS.items() if isinstance(schema.get("title"), str)] == []


def test_every_property_and_every_schema_has_a_description() -> None:
    described = [(where, each) for where, each in SCHEMAS.items() if re.search(r"/(properties|schemas)/[\w-]+$", where)]
    assert len(described) > 1000
    assert [where for where, each in described if not each.get("description", "").endswith((".", ")"))] == []


def test_every_parameter_and_header_has_a_description() -> None:
    components = DOCUMENT["components"]
    inline = [(name, each) for name, operation in OPERATIONS.items() for each in operation.get("parameters", ())]
    shared = [*components["parameters"].items(), *components["headers"].items(), *components["responses"].items()]
    assert [name for name, each in [*inline, *shared] if not each.get("description")] == []


def test_every_component_is_used_and_every_reference_exists() -> None:
    used = set(re.findall(r'"(#/components/[^"]+)"', json.dumps(DOCUMENT)))
    for reference in used:
        component(reference)
    sections = ("schemas", "parameters", "headers", "responses")
    existing = {f"#/components/{section}/{name}" for section in sections for name in DOCUMENT["components"][section]}
    assert existing <= used


def test_patterns_mean_the_same_in_all_languages() -> None:
    """No lookarounds and no Unicode escapes. `not` is for validators, which follow ECMA-262; generators ignore it."""
    patterns = {where: each["pattern"] for where, each in SCHEMAS.items() if "pattern" in each and "/not" not in where}
    assert len(patterns) > 20
    assert [where for where, pattern in patterns.items() if re.search(r"\(\?|\\[upPk]|[^\x20-\x7e]", pattern)] == []


def test_only_requests_reject_unknown_fields() -> None:
    closed = {
        name for name, each in DOCUMENT["components"]["schemas"].items() if each.get("additionalProperties") is False
    }
    assert closed
    assert [name for name in closed if not re.search("(Input|Patch|Details)$", name)] == []


def test_enums_are_documented_as_open() -> None:
    enums = {name: each for name, each in DOCUMENT["components"]["schemas"].items() if "enum" in each}
    assert len(enums) > 15
    assert [name for name, each in enums.items() if "unknown values" not in each["description"]] == []


def test_cursors_are_a_string_or_null() -> None:
    pages = {where: each for where, each in SCHEMAS.items() if where.endswith("List/properties/next")}
    assert len(pages) > 8
    assert {tuple(each["type"]) for each in pages.values()} == {("string", "null")}


def test_bodies_are_optional_instead_of_nullable() -> None:
    for operation in OPERATIONS.values():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            assert "anyOf" not in content["schema"]


def test_legacy_operations_are_deprecated_and_name_their_replacement() -> None:
    ids = {operation["operationId"] for operation in NEW_OPERATIONS.values()}
    for operation in OPERATIONS.values():
        is_legacy = operation["tags"][0].startswith("legacy")
        assert operation.get("deprecated", False) is is_legacy
        if is_legacy:
            assert set(CODE.findall(operation["description"])) & ids


def test_the_discriminator_of_events_maps_every_type() -> None:
    union = DOCUMENT["components"]["schemas"]["Event"]
    mapping = union["discriminator"]["mapping"]
    assert set(mapping) == {*(each.value for each in EventType), "endpoint.test"} == set(DOCUMENT["webhooks"])
    assert [member["$ref"] for member in union["oneOf"]] == list(mapping.values())
    for name, reference in mapping.items():
        assert component(reference)["properties"]["type"]["const"] == name
