"""Names, descriptions, and examples of schemas, in a form that all generators read."""

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from videobroker.web.http.problems import Problem
from videobroker.web.http.schemas import ROLE_SCHEMA
from videobroker.web.legacy.groups import GroupGuestInput
from videobroker.web.openapi import walk
from videobroker.web.openapi.descriptions import COMMON, ENUMS, OPEN_ENUM, SPECIFIC
from videobroker.web.openapi.walk import Json

REF = "#/components/schemas/"
_SUFFIX = "Out"
"""Of response models in the code whose names belong to values of the domain."""


def add_models(document: Json) -> None:
    """Add the schemas that no route declares, and remove those that no response has."""
    schemas = document["components"]["schemas"]
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    merge(document, [Problem, GroupGuestInput])
    schemas["SessionPolicy"] = _policy_of_responses(schemas["PolicyInput"])
    # FastAPI drops nulls, also those that an example needs to match its schema.
    for model in _models(BaseModel):
        if model.__name__ in schemas and (extra := model.model_config.get("json_schema_extra")):
            schemas[model.__name__].update(extra)


def _policy_of_responses(requested: Json) -> Json:
    """The policy of a session in responses: the same settings as in requests, without those that are not set.

    Not a model: responses contain the stored settings as they are, also those that only another version knows.
    """
    settings = {}
    for name, setting in deepcopy(requested["properties"]).items():
        (value,) = (member for member in setting["anyOf"] if member != {"type": "null"})
        settings[name] = {**value, "description": setting["description"]}
    return {"type": "object", "description": requested["description"], "properties": settings}


def merge(document: Json, models: list[type[BaseModel]]) -> None:
    """Add the schemas of these models, and of the models that they contain."""
    _, found = models_json_schema([(model, "serialization") for model in models], ref_template=REF + "{model}")
    for name, schema in found["$defs"].items():
        document["components"]["schemas"].setdefault(name, schema)


def _models(root: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for model in root.__subclasses__():
        if model.__module__.startswith("videobroker.web"):
            yield model
        yield from _models(model)


def rename(document: Json) -> None:
    """Drop the suffix of response models: the schema of `BookingOut` is `Booking`."""
    schemas = document["components"]["schemas"]
    names = {name: name.removesuffix(_SUFFIX) for name in schemas}
    if len(set(names.values())) < len(names):
        raise ValueError("two schemas have the same name")
    document["components"]["schemas"] = {names[name]: schema for name, schema in schemas.items()}
    for reference in walk.references(document):
        if reference["$ref"].startswith(REF):
            reference["$ref"] = REF + names[walk.name_of(reference["$ref"])]


def simplify(document: Json) -> None:
    """Remove titles, write nullable types as a list of types, and inline what only says "any value"."""
    schemas = document["components"]["schemas"]
    schemas.pop("JsonValue", None)
    for schema in walk.schemas(document):
        _simplify(schema)
    requested = _reachable(document, _request_roots(document))
    for name, schema in schemas.items():
        if name not in requested:
            # Responses can get new fields.
            for part in walk.nested(schema):
                if part.get("additionalProperties") is False:
                    del part["additionalProperties"]
    for _, _, operation in walk.operations(document):
        _simplify_body(operation)


def _simplify(schema: Json) -> None:
    schema.pop("title", None)
    if "default" in schema and schema["default"] is None:
        del schema["default"]
    if schema.get("$ref") == REF + "JsonValue":
        del schema["$ref"]
    if "patternProperties" in schema:
        # The keys are roles. Generators ignore `propertyNames`, but fail on `patternProperties`.
        (schema["additionalProperties"],) = schema.pop("patternProperties").values()
        _simplify(schema["additionalProperties"])
        schema["propertyNames"] = ROLE_SCHEMA
    if schema.get("additionalProperties") == {}:
        schema["additionalProperties"] = True
    for bound in ("minimum", "maximum"):
        # FastAPI writes the bounds of integers as floats.
        if schema.get("type") == "integer" and bound in schema:
            schema[bound] = int(schema[bound])
    if schema.get("type") == "null":
        # A field that is null today, and can become a string.
        schema["type"] = ["string", "null"]
    if schema.get("anyOf") == [{"type": "integer"}, {"type": "number"}]:
        # In JSON, every integer is a number.
        del schema["anyOf"]
        schema["type"] = "number"
    members = schema.get("anyOf", [])
    nulls = [member for member in members if member == {"type": ["string", "null"]}]
    others = [member for member in members if member not in nulls]
    if nulls and len(others) == 1 and isinstance(others[0].get("type"), str) and "const" not in others[0]:
        del schema["anyOf"]
        merged = {**others[0], **schema, "type": [others[0]["type"], "null"]}
        if "enum" in merged:
            merged["enum"] = [*merged["enum"], None]
        schema.clear()
        schema.update(merged)
    else:
        for null in nulls:
            null["type"] = "null"


def _simplify_body(operation: Json) -> None:
    """An optional body is described by `required`, not as nullable."""
    body: Json = operation.get("requestBody", {})
    for content in body.get("content", {}).values():
        members = [each for each in content["schema"].get("anyOf", ()) if each.get("type") != "null"]
        if len(members) == 1:
            content["schema"] = members[0]
            body["required"] = False


def _request_roots(document: Json) -> list[Any]:
    return [operation.get("requestBody") for _, _, operation in walk.operations(document)]


def _reachable(document: Json, roots: Any) -> set[str]:
    """The names of the schemas that these parts of the document use."""
    found: set[str] = set()
    pending = [walk.name_of(each["$ref"]) for each in walk.references(roots)]
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            schema = document["components"]["schemas"].get(name)
            pending += [walk.name_of(each["$ref"]) for each in walk.references(schema)]
    return found


def describe(document: Json) -> None:
    """Describe the properties that have no description of their own, and mark enums as open."""
    for name, schema in document["components"]["schemas"].items():
        if name in ENUMS:
            schema["description"] = ENUMS[name]
        for part in walk.nested(schema):
            for field, member in part.get("properties", {}).items():
                text = SPECIFIC.get(f"{name}.{field}") or member.get("description") or COMMON.get(field)
                if text is not None:
                    member["description"] = text
        if "enum" in schema:
            schema["description"] = f"{schema['description']} {OPEN_ENUM}"
            schema["x-extensible-enum"] = list(schema["enum"])


def add_examples(document: Json) -> None:
    """Give every list an example made of its items."""
    schemas = document["components"]["schemas"]
    for schema in schemas.values():
        items = schema.get("properties", {}).get("data", {}).get("items", {})
        if "$ref" in items and "examples" not in schema:
            cursor = {"next": None} if "next" in schema["properties"] else {}
            schema["examples"] = [{"data": schemas[walk.name_of(items["$ref"])]["examples"][:1], **cursor}]
    for schema in _response_schemas(document):
        if schema.get("type") == "array" and "$ref" in schema["items"]:
            schema["examples"] = [schemas[walk.name_of(schema["items"]["$ref"])]["examples"]]


def _response_schemas(document: Json) -> Iterator[Json]:
    for _, _, operation in walk.operations(document):
        for response in operation["responses"].values():
            for content in response.get("content", {}).values():
                yield content.get("schema", {})
