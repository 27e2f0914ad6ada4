"""Finds the parts of an OpenAPI document."""

from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
_MEMBERS = ("items", "not", "contentSchema", "additionalProperties", "propertyNames")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")


def operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    """Path, method, and operation of every operation of the service."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                yield path, method, operation


def schemas(document: Json) -> Iterator[Json]:
    """Every schema object: components, their parts, and those in operations. Children come before their parents."""
    for schema in document["components"].get("schemas", {}).values():
        yield from nested(schema)
    for root in _roots(document):
        yield from nested(root)


def nested(schema: Any) -> Iterator[Json]:
    """A schema and all its parts. Children come before their parents."""
    if not isinstance(schema, dict):
        return
    for member in schema.get("properties", {}).values():
        yield from nested(member)
    for key in _MEMBERS:
        yield from nested(schema.get(key))
    for key in _LISTS:
        for member in schema.get(key, ()):
            yield from nested(member)
    yield schema


def _roots(node: Any) -> Iterator[Json]:
    """The values of `schema` in parameters, headers, and media types, outside of the component schemas."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "schema" and isinstance(value, dict):
                yield value
            elif key not in {"schemas", "example", "examples"}:
                yield from _roots(value)
    elif isinstance(node, list):
        for value in node:
            yield from _roots(value)


def references(node: Any) -> Iterator[Json]:
    """Every object with a `$ref`."""
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node
        for key, value in node.items():
            if key not in {"example", "examples"} or _is_map_of_objects(value):
                yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def _is_map_of_objects(value: Any) -> bool:
    """Whether `examples` are named Example Objects, which can be references."""
    return isinstance(value, dict)


def name_of(reference: str) -> str:
    """The last part of a reference: the name of the component."""
    return reference.rpartition("/")[2]


def pascal_case(text: str) -> str:
    """`X-User-Id` and `user_id` as `XUserId` and `UserId`."""
    words = text.replace("-", "_").replace(".", "_").split("_")
    return "".join(word[:1].upper() + word[1:] for word in words)
