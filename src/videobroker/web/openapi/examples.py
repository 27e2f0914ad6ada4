"""Examples that are built from schemas."""

from typing import Any

from videobroker.web.openapi import walk
from videobroker.web.openapi.walk import Json

BY_NAME: dict[str, Any] = {
    "user_id": "student-1",
    "reference": "lesson-1",
    "role": "student",
    "display_name": "Ben",
    "name": "backend",
    "host": "backend.example",
    "ip": "203.0.113.7",
    "user_agent": "acme-backend/2.1",
    "cursor": "Wzc3MSwgMTJd",
    "scopes": ["join"],
    "event": "whiteboard.opened",
    "details": {"page": 3},
    "operator": None,
    "operator_subject": None,
    "ticket_id": None,
    "reason": None,
    "digest": "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef",
    "recording": "65f0ca10b3d4e5f607182b11",
    "class": "participant",
    "changed": ["secret"],
    "token_id": "5f1d7e84-7a34-4e53-9c53-6e6f0c6f9a55",
}
"""Values of fields by name, where the schema accepts them."""
MOMENT, UUID = "2030-03-12T14:00:00Z", "0195d3c2-7a11-7f02-8f5d-0c9be3a41d20"
_BY_FORMAT = {"date-time": MOMENT, "uuid": UUID}
_BY_TYPE: dict[str, Any] = {"string": "example", "integer": 1, "number": 1, "boolean": False, "null": None}


def example_of(schema: Json, schemas: Json, field: str = "") -> Any:
    """A value that matches the schema. Uses the schema's own example if it has one."""
    while "$ref" in schema:
        schema = schemas[walk.name_of(schema["$ref"])]
    fixed = _fixed_values(schema)
    if fixed:
        return fixed[0]
    if members := schema.get("oneOf") or schema.get("anyOf"):
        return example_of(members[0], schemas, field)
    types = schema.get("type", "object")
    types = [types] if isinstance(types, str) else types
    if field in BY_NAME and _matches(BY_NAME[field], types):
        return BY_NAME[field]
    if types[0] == "object":
        return {name: example_of(member, schemas, name) for name, member in schema.get("properties", {}).items()}
    if types[0] == "array":
        return [example_of(schema["items"], schemas)]
    return _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE[types[0]])


def _fixed_values(schema: Json) -> list[Any]:
    """The values that the schema itself names."""
    named = [schema[key] for key in ("const", "default") if key in schema]
    return [*schema.get("examples", []), *named, *schema.get("enum", [])]


def _matches(value: Any, types: list[str]) -> bool:
    kinds = {str: "string", dict: "object", list: "array", type(None): "null"}
    return kinds[type(value)] in types
