"""The contract as values that templates can render: the operations of `/v1`, and the schemas that they use.

Hides the variants of OpenAPI: components and inline definitions, `anyOf` with null and lists of types.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import yaml

JSON = "application/json"
CSV = "text/csv"
EVENT_STREAM = "text/event-stream"
PREFIX = "/v1/"
"""Clients have the operations below it: no legacy endpoints, no webhooks of providers, no health checks."""
MANAGEMENT = "/v1/admin/"
"""Not in the clients of apps: an operator key manages every app, and does not belong into the backend of one."""
METHODS = ("get", "put", "post", "patch", "delete")


@dataclass(frozen=True)
class Primitive:
    """`str`, `int`, `float`, `bool`, `datetime`, or `json`: any value."""

    name: str


@dataclass(frozen=True)
class LiteralType:
    """One of these strings."""

    values: tuple[str, ...]


@dataclass(frozen=True)
class Reference:
    """A schema with a name."""

    name: str


@dataclass(frozen=True)
class ListOf:
    item: "Type"


@dataclass(frozen=True)
class MapOf:
    """An object with any member names."""

    item: "Type"


@dataclass(frozen=True)
class Nullable:
    value: "Type"


@dataclass(frozen=True)
class OneOf:
    """One of several types that are distinguished by their JSON types."""

    members: tuple["Type", ...]


Type: TypeAlias = Primitive | LiteralType | Reference | ListOf | MapOf | Nullable | OneOf


@dataclass(frozen=True)
class Property:
    """A member of an object, or a parameter of an operation."""

    name: str
    type: Type
    required: bool
    description: str


@dataclass(frozen=True)
class Model:
    """An object."""

    name: str
    description: str
    properties: tuple[Property, ...]


@dataclass(frozen=True)
class Choice:
    """An enumeration of strings. A newer service can send others."""

    name: str
    description: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Union:
    """Objects that are distinguished by the value of one member."""

    name: str
    description: str
    discriminator: str
    members: Mapping[str, str]
    """Names of models by value."""
    common: tuple[Property, ...]
    """What all members have, apart from the discriminator. The type is `json` if it differs between them."""


Schema: TypeAlias = Model | Choice | Union


@dataclass(frozen=True)
class Operation:
    """A request that a client can send."""

    id: str
    tag: str
    method: str
    path: str
    summary: str
    description: str
    path_parameters: tuple[Property, ...]
    query: tuple[Property, ...]
    body: tuple[Property, ...] | None
    body_example: Any
    """None without a body, or without an example of it."""
    result: Type | None
    """None if the response has no body."""
    media_types: tuple[str, ...]
    """Of the response."""
    has_idempotency_key: bool
    conditions: tuple[str, ...]
    """`if_match` and `if_none_match`, where the operation honors them."""

    @property
    def is_stream(self) -> bool:
        return EVENT_STREAM in self.media_types

    @property
    def is_paginated(self) -> bool:
        return any(each.name == "cursor" for each in self.query) and not self.is_stream

    @property
    def is_repeatable(self) -> bool:
        """Whether two equal requests have the effect of one. A key makes a POST repeatable."""
        return self.method != "POST" or self.has_idempotency_key or self.id.startswith("check")


@dataclass(frozen=True)
class Contract:
    """The operations, and the schemas in their responses and in their requests."""

    operations: tuple[Operation, ...]
    schemas: Mapping[str, Schema]
    responses: tuple[str, ...]
    requests: tuple[str, ...]


class Reader:
    """Reads a document."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._schemas: Mapping[str, Any] = document["components"]["schemas"]

    def resolve(self, value: Mapping[str, Any]) -> Mapping[str, Any]:
        """The value, or the component that it refers to."""
        while "$ref" in value:
            _, *steps = value["$ref"].split("/")
            found: Any = self._document
            for step in steps:
                found = found[step]
            value = found
        return value

    def operations(self) -> Iterator[Operation]:
        for path, item in self._document["paths"].items():
            for method in METHODS:
                if method in item and path.startswith(PREFIX) and not path.startswith(MANAGEMENT):
                    yield self._operation(path, method, item[method], item.get("parameters", []))

    def _operation(self, path: str, method: str, raw: Mapping[str, Any], shared: list[Any]) -> Operation:
        parameters = [self.resolve(each) for each in [*shared, *raw.get("parameters", [])]]
        headers = {each["name"].lower() for each in parameters if each["in"] == "header"}
        media, result = self._result(raw)
        conditions = {"if_match": "if-match" in headers, "if_none_match": "if-none-match" in headers}
        return Operation(
            id=raw["operationId"],
            tag=raw["tags"][0],
            method=method.upper(),
            path=path,
            summary=raw["summary"],
            description=raw.get("description", ""),
            path_parameters=tuple(self._parameter(each) for each in parameters if each["in"] == "path"),
            query=tuple(self._parameter(each) for each in parameters if each["in"] == "query"),
            body=self._body(raw),
            body_example=self._body_example(raw),
            result=result,
            media_types=media,
            has_idempotency_key="idempotency-key" in headers,
            # A client does not need a 304: it has no response to use instead.
            conditions=tuple(name for name, has in conditions.items() if has and method != "get"),
        )

    def _parameter(self, raw: Mapping[str, Any]) -> Property:
        found = self.type(raw["schema"])
        # A parameter that may be null may be left out.
        return Property(
            raw["name"],
            found.value if isinstance(found, Nullable) else found,
            bool(raw.get("required", False)),
            raw.get("description", ""),
        )

    def _body(self, raw: Mapping[str, Any]) -> tuple[Property, ...] | None:
        if "requestBody" not in raw:
            return None
        schema = self.resolve(raw["requestBody"])["content"][JSON]["schema"]
        found = self.type(schema)
        if isinstance(found, Nullable):
            found = found.value
        if not isinstance(found, Reference):
            raise TypeError(f"the body of {raw['operationId']} has no name")
        return self._model(found.name, self._schemas[found.name]).properties

    def _body_example(self, raw: Mapping[str, Any]) -> Any:
        if "requestBody" not in raw:
            return None
        content = self.resolve(raw["requestBody"])["content"][JSON]
        examples = [each["value"] for each in map(self.resolve, content.get("examples", {}).values())]
        schema = self.resolve(content["schema"])
        return next(
            iter([*([content["example"]] if "example" in content else []), *examples, *schema.get("examples", [])]),
            None,
        )

    def _result(self, raw: Mapping[str, Any]) -> tuple[tuple[str, ...], Type | None]:
        for status, response in raw["responses"].items():
            if status.startswith("2"):
                content = self.resolve(response).get("content", {})
                schema = content.get(JSON, content.get(EVENT_STREAM, {})).get("schema")
                return tuple(content), None if schema is None else self.type(schema)
        raise ValueError(f"{raw['operationId']} has no successful response")

    def type(self, raw: Mapping[str, Any]) -> Type:
        """The type of a schema."""
        if "$ref" in raw:
            name = raw["$ref"].rsplit("/", 1)[-1]
            return Primitive("json") if name == "JsonValue" else self._reference(name)
        if "const" in raw:
            return LiteralType((raw["const"],))
        if "enum" in raw:
            values = tuple(each for each in raw["enum"] if each is not None)
            return Nullable(LiteralType(values)) if None in raw["enum"] else LiteralType(values)
        for keyword in ("anyOf", "oneOf", "allOf"):
            if keyword in raw:
                return self._alternatives(raw[keyword])
        return self._plain(raw)

    def _reference(self, name: str) -> Type:
        schema = self._schemas[name]
        if "properties" in schema or "enum" in schema or "discriminator" in schema or _is_open_enum(schema):
            return Reference(name)
        return self.type(schema)

    def _alternatives(self, members: list[Mapping[str, Any]]) -> Type:
        found = [self.type(each) for each in members if each.get("type") != "null"]
        is_nullable = len(found) < len(members)
        names = {each.name for each in found if isinstance(each, Primitive)}
        if names == {"int", "float"} and len(found) == 2:
            found = [Primitive("float")]
        if "json" in names:
            found = [Primitive("json")]
        value = found[0] if len(found) == 1 else OneOf(tuple(found))
        return Nullable(value) if is_nullable else value

    def _plain(self, raw: Mapping[str, Any]) -> Type:
        kind = raw.get("type")
        if isinstance(kind, list):
            value = self.type({**raw, "type": next(each for each in kind if each != "null")})
            return Nullable(value) if "null" in kind else value
        if kind == "array":
            return ListOf(self.type(raw.get("items", {})))
        if kind == "object":
            members = raw.get("additionalProperties", True)
            return MapOf(Primitive("json") if isinstance(members, bool) else self.type(members))
        if kind == "string":
            return Primitive("datetime" if raw.get("format") == "date-time" else "str")
        names = {"integer": "int", "number": "float", "boolean": "bool"}
        return Primitive(names.get(str(kind), "json"))

    def schema(self, name: str) -> Schema:
        """The schema of this name."""
        raw = self._schemas[name]
        if "discriminator" in raw:
            return self._union(name, raw)
        if "enum" in raw or _is_open_enum(raw):
            values = raw["enum"] if "enum" in raw else next(each["enum"] for each in raw["anyOf"] if "enum" in each)
            return Choice(name, raw.get("description", ""), tuple(values))
        return self._model(name, raw)

    def _model(self, name: str, raw: Mapping[str, Any]) -> Model:
        required = raw.get("required", ())
        properties = tuple(
            Property(each, self.type(value), each in required, value.get("description", ""))
            for each, value in raw.get("properties", {}).items()
        )
        return Model(name, raw.get("description", ""), properties)

    def _union(self, name: str, raw: Mapping[str, Any]) -> Union:
        members = {value: path.rsplit("/", 1)[-1] for value, path in raw["discriminator"]["mapping"].items()}
        discriminator = raw["discriminator"]["propertyName"]
        return Union(name, raw.get("description", ""), discriminator, members, self._common(members, discriminator))

    def _common(self, members: Mapping[str, str], discriminator: str) -> tuple[Property, ...]:
        models = [self._model(each, self._schemas[each]) for each in members.values()]
        by_name = [{each.name: each for each in model.properties} for model in models]
        return tuple(
            replace(first, type=self._shared_type([names[first.name].type for names in by_name]))
            for first in models[0].properties
            if first.name != discriminator and all(first.name in names for names in by_name)
        )

    def _shared_type(self, found: list[Type]) -> Type:
        """A type that has all values of these types."""
        if len(set(found)) == 1:
            return found[0]
        values = [each.value if isinstance(each, Nullable) else each for each in found]
        shared: Type = Primitive("str" if all(map(self._is_string, values)) else "json")
        return Nullable(shared) if values != found and shared == Primitive("str") else shared

    def _is_string(self, found: Type) -> bool:
        is_choice = isinstance(found, Reference) and isinstance(self.schema(found.name), Choice)
        return is_choice or isinstance(found, LiteralType) or found == Primitive("str")

    def reachable(self, *types: Type | None) -> list[str]:
        """The names of all schemas in these types, in the order of the document."""
        pending = [name for each in types if each is not None for name in _names(each)]
        found: set[str] = set()
        while pending:
            name = pending.pop()
            if name not in found:
                found.add(name)
                pending.extend(self._names_of(self.schema(name)))
        return [name for name in self._schemas if name in found]

    @staticmethod
    def _names_of(schema: Schema) -> list[str]:
        match schema:
            case Model():
                return [name for each in schema.properties for name in _names(each.type)]
            case Union():
                return [*schema.members.values(), *(name for each in schema.common for name in _names(each.type))]
            case Choice():
                return []


def _is_open_enum(raw: Mapping[str, Any]) -> bool:
    """Whether these are known values, and any other string."""
    members = raw.get("anyOf", ())
    return any("enum" in each for each in members) and any(each == {"type": "string"} for each in members)


def _names(found: Type) -> list[str]:
    match found:
        case Reference(name):
            return [name]
        case ListOf(inner) | MapOf(inner) | Nullable(inner):
            return _names(inner)
        case OneOf(members):
            return [name for each in members for name in _names(each)]
        case _:
            return []


STREAMED = {"streamEvents": "Event", "streamVisit": "Visit"}
"""The schemas in the messages of streams. OpenAPI 3.1 cannot describe them."""


WEBHOOKS = ("Event",)
"""The schemas in the bodies of webhooks."""


def read_contract(path: Path) -> Contract:
    """The contract of the file."""
    reader = Reader(yaml.safe_load(path.read_text()))
    operations = tuple(
        replace(each, result=Reference(STREAMED[each.id])) if each.is_stream else each for each in reader.operations()
    )
    inputs = [each.type for operation in operations for each in [*(operation.body or ()), *operation.query]]
    responses = reader.reachable(*(each.result for each in operations), *(Reference(name) for name in WEBHOOKS))
    requests = reader.reachable(*inputs)
    names = dict.fromkeys([*responses, *requests])
    return Contract(operations, {name: reader.schema(name) for name in names}, tuple(responses), tuple(requests))


@dataclass(frozen=True)
class Method:
    """An operation under its name in a resource, in snake_case."""

    name: str
    operation: Operation


@dataclass(frozen=True)
class Resource:
    """Operations that a client groups under one name, in snake_case."""

    name: str
    description: str
    methods: tuple[Method, ...]


GROUPS: Mapping[str, tuple[str, str]] = {
    "bookings": ("bookings", "Booking"),
    "groups": ("groups", "Group"),
    "visits": ("visit", "Visit"),
    "calls": ("calls", "Call"),
    "events": ("events", "Event"),
    "webhookEndpoints": ("webhook_endpoints", "Webhook(?:Endpoint)?"),
    "operations": ("diagnostics", "Diagnostics"),
    "getMe": ("me", "Me"),
}
"""By tag or operation: the resource, and the noun that its methods omit: `joinBooking` becomes `bookings.join`."""


def read_resources(contract: Contract) -> list[Resource]:
    """The operations by resource. Raises `KeyError` for a tag, and `ValueError` for a name, that has no place."""
    methods: dict[str, dict[str, Method]] = {}
    for operation in contract.operations:
        resource, noun = GROUPS.get(operation.id) or GROUPS[operation.tag]
        name = snake_case(re.sub(rf"{noun}s?(?=[A-Z]|$)", "", operation.id, count=1))
        if name in methods.setdefault(resource, {}):
            raise ValueError(f"two operations of {resource} have the name {name}")
        methods[resource][name] = Method(name, operation)
    return [Resource(name, "", tuple(found.values())) for name, found in methods.items()]


def snake_case(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(each.capitalize() for each in rest)
