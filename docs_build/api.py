"""Pages of the API reference, one per tag and one with all schemas, from `openapi.yaml`. Only the site has them."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

Json = Mapping[str, Any]
_METHODS = ("get", "put", "post", "patch", "delete")
_CODE = re.compile(r"`(\w+)`")


class ApiReference:
    """The OpenAPI document as Markdown pages."""

    def __init__(self, document: Json) -> None:
        self._document = document

    @classmethod
    def read(cls, text: str) -> "ApiReference":
        return cls(yaml.load(text, Loader=yaml.CSafeLoader))

    @property
    def document(self) -> Json:
        return self._document

    def tags(self) -> list[tuple[str, str]]:
        """Name and description of each tag with operations."""
        used = {tag for operation in self.operations() for tag in operation["tags"]}
        return [(tag["name"], tag["description"]) for tag in self._document["tags"] if tag["name"] in used]

    def operations(self) -> Iterator[Json]:
        """All operations, each with its `path` and `method`."""
        for path, item in self._document["paths"].items():
            for method in _METHODS:
                if method in item:
                    yield {"path": path, "method": method.upper(), **item[method]}

    def operations_with(self, code: str) -> list[Json]:
        """The operations that document an error code."""
        return [
            operation
            for operation in self.operations()
            for status, response in operation["responses"].items()
            if status[0] in "45" and code in _CODE.findall(self._resolve(response)["description"])
        ]

    def pages(self) -> Iterator[tuple[str, str]]:
        """File name and Markdown of each page."""
        for name, description in self.tags():
            own = [operation for operation in self.operations() if name in operation["tags"]]
            parts = [f"# {title_of(name)}", description, *(self._operation(operation) for operation in own)]
            yield f"{name}.md", "\n\n".join(parts) + "\n"
        schemas = self._document["components"]["schemas"]
        sections = [self._schema(name, schema) for name, schema in sorted(schemas.items())]
        yield "schemas.md", "\n\n".join(["# Schemas", *sections]) + "\n"

    def _resolve(self, node: Json) -> Json:
        if "$ref" not in node:
            return node
        found: Any = self._document
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        return self._resolve(found)

    def _operation(self, operation: Json) -> str:
        parts = [f"## {operation['summary']} {{ #{operation['operationId']} }}"]
        parts.append(f"```http\n{operation['method']} {operation['path']}\n```")
        marks = [f"Operation `{operation['operationId']}`", *self._marks(operation)]
        parts += [" · ".join(marks), operation.get("description", "")]
        parts += [*self._parameters(operation), *self._body(operation), *self._responses(operation)]
        return "\n\n".join(part for part in parts if part)

    def _marks(self, operation: Json) -> Iterator[str]:
        if operation.get("deprecated"):
            yield "**deprecated**"
        schemes = [name for requirement in operation.get("security", []) for name in requirement]
        if schemes:
            yield "credentials: " + ", ".join(f"`{name}`" for name in schemes)

    def _parameters(self, operation: Json) -> Iterator[str]:
        found = [self._resolve(parameter) for parameter in operation.get("parameters", [])]
        if found:
            rows = [
                f"| `{each['name']}` | {each['in']} | {self._type(each['schema'])} | {_required(each)} "
                f"| {_cell(each.get('description', ''))} |"
                for each in found
            ]
            head = ["| parameter | in | type | required | meaning |", "|---|---|---|---|---|"]
            yield "\n".join([*head, *rows])

    def _body(self, operation: Json) -> Iterator[str]:
        if "requestBody" not in operation:
            return
        body = self._resolve(operation["requestBody"])
        for media_type, content in body["content"].items():
            presence = "" if body.get("required") else " It can be omitted."
            yield f"**Body**: {self._type(content.get('schema', {}))}, `{media_type}`.{presence}"

    def _responses(self, operation: Json) -> Iterator[str]:
        rows = []
        for status, reference in operation["responses"].items():
            response = self._resolve(reference)
            if status[0] in "45" and not any(tag.startswith("legacy") for tag in operation["tags"]):
                codes = _CODE.findall(response["description"])
                rows.append(f"| {status} | {', '.join(f'[`{code}`](../errors/{code}.md)' for code in codes)} |")
            else:
                kinds = [self._type(content.get("schema", {})) for content in response.get("content", {}).values()]
                rows.append(f"| {status} | {', '.join(kinds) or _cell(response['description'])} |")
        yield "\n".join(["| status | response |", "|---|---|", *rows])

    def _schema(self, name: str, schema: Json) -> str:
        parts = [f"## {name} {{ #{name} }}", schema.get("description", "")]
        if "properties" in schema:
            required = schema.get("required", [])
            rows = [
                f"| `{field}` | {self._type(each)} | {'yes' if field in required else ''} "
                f"| {_cell(each.get('description', ''))} |"
                for field, each in schema["properties"].items()
            ]
            parts.append("\n".join(["| field | type | required | meaning |", "|---|---|---|---|", *rows]))
        else:
            parts.append(f"Type: {self._type(schema)}")
        return "\n\n".join(part for part in parts if part)

    def _type(self, schema: Json) -> str:
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[-1]
            return f"[`{name}`](schemas.md#{name})"
        if "enum" in schema or "const" in schema:
            return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
        for combination in ("anyOf", "oneOf", "allOf"):
            if combination in schema:
                return " or ".join(dict.fromkeys(self._type(each) for each in schema[combination]))
        kinds = schema.get("type", "any")
        names = [kinds] if isinstance(kinds, str) else kinds
        return " or ".join(self._plain_type(name, schema) for name in names)

    def _plain_type(self, name: str, schema: Json) -> str:
        if name == "array":
            return f"list of {self._type(schema.get('items', {}))}"
        return f"{name} ({schema['format']})" if name == "string" and "format" in schema else name


def title_of(tag: str) -> str:
    """A tag as a heading: `webhookEndpoints` is "Webhook endpoints"."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", tag).lower()
    return words[0].upper() + words[1:]


def _required(parameter: Json) -> str:
    return "yes" if parameter.get("required") else ""


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "&#124;")
