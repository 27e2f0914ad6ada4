"""The document for tools that read OpenAPI 3.0 but not 3.1. Derived from the document of version 3.1."""

from copy import deepcopy
from typing import Any

from videobroker.web.openapi import walk
from videobroker.web.openapi.components import remove_unused
from videobroker.web.openapi.walk import Json

_MIT_URL = "https://spdx.org/licenses/MIT.html"
"""License identifiers are new in 3.1."""
_UNKNOWN_KEYWORDS = ("contentMediaType", "contentSchema", "propertyNames")


def as_version_3_0(document: Json) -> Json:
    """The same operations and schemas in OpenAPI 3.0. Webhooks are in `x-webhooks`, which Redoc shows."""
    converted: Json = deepcopy(document)
    converted["openapi"] = "3.0.3"
    del converted["info"]["summary"]
    converted["info"]["license"] = {"name": converted["info"]["license"]["name"], "url": _MIT_URL}
    converted["x-webhooks"] = converted.pop("webhooks")
    for schema in walk.schemas(converted):
        _convert(schema, converted["components"]["schemas"])
    remove_unused(converted)
    return converted


def _convert(schema: Json, schemas: Json) -> None:
    for keyword in _UNKNOWN_KEYWORDS:
        schema.pop(keyword, None)
    if "const" in schema:
        schema["enum"] = [schema.pop("const")]
    if "examples" in schema:
        schema["example"] = schema.pop("examples")[0]
    if isinstance(schema.get("type"), list):
        schema["type"] = next(each for each in schema["type"] if each != "null")
        schema["nullable"] = True
    _convert_nullable_union(schema, schemas)
    if "$ref" in schema and len(schema) > 1:
        # References cannot have siblings.
        schema["allOf"] = [{"$ref": schema.pop("$ref")}]


def _convert_nullable_union(schema: Json, schemas: Json) -> None:
    members: list[Any] = schema.get("anyOf", [])
    others = [member for member in members if member != {"type": "null"}]
    if len(others) == len(members):
        return
    if len(others) > 1:
        # `nullable` has an effect beside a type only.
        schema["anyOf"] = [{**member, "nullable": True} for member in others]
        return
    schema["nullable"] = True
    del schema["anyOf"]
    if "$ref" in others[0]:
        schema["type"] = schemas[walk.name_of(others[0]["$ref"])].get("type", "object")
        schema["allOf"] = others
    else:
        schema.update({**others[0], **schema})
