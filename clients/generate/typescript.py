"""Renders the TypeScript client: types, and resources. Values are the JSON of the wire, with its names."""

import json
import re
import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment

from generate.contract import (
    Choice,
    Contract,
    ListOf,
    LiteralType,
    MapOf,
    Model,
    Nullable,
    OneOf,
    Operation,
    Primitive,
    Property,
    Reference,
    Resource,
    Type,
    camel_case,
)

PACKAGE = Path("clients/typescript")
ELEMENT = Path("src/videobroker/web/pages/static/embed.js")
WIDTH = 120
ANNOTATIONS = {
    "str": "string",
    "int": "number",
    "float": "number",
    "bool": "boolean",
    "datetime": "string",
    "json": "unknown",
}


@dataclass(frozen=True)
class TypescriptTypes:
    """Expressions for the types of a contract."""

    contract: Contract

    def response(self, found: Type) -> str:
        """The type of a value in a response. Enumerations are open."""
        match found:
            case Primitive(name):
                return ANNOTATIONS[name]
            case LiteralType(values):
                return _literal(values) if len(values) == 1 else f"Open<{_literal(values)}>"
            case Reference(name):
                return f"Open<{name}>" if isinstance(self.contract.schemas[name], Choice) else name
            case ListOf(item):
                return _list(self.response(item))
            case MapOf(item):
                return f"Record<string, {self.response(item)}>"
            case Nullable(value):
                return _nullable(self.response(value))
            case OneOf(members):
                return " | ".join(dict.fromkeys(self.response(each) for each in members))

    def request(self, found: Type) -> str:
        """The type of a value in a request. Enumerations are closed."""
        match found:
            case Primitive("datetime"):
                return "string | Date"
            case Primitive(name):
                return ANNOTATIONS[name]
            case LiteralType(values):
                return _literal(values)
            case Reference(name):
                return self.input_name(name)
            case ListOf(item):
                return _list(self.request(item))
            case MapOf(item):
                return f"Record<string, {self.request(item)}>"
            case Nullable(value):
                return _nullable(self.request(value))
            case OneOf(members):
                return " | ".join(dict.fromkeys(self.request(each) for each in members))

    def input_name(self, name: str) -> str:
        is_shared = name in self.contract.responses and not isinstance(self.contract.schemas[name], Choice)
        return f"{name}Input" if is_shared else name

    def item(self, operation: Operation) -> Type | None:
        """The type of the items, if the result is a list with nothing else."""
        if not isinstance(operation.result, Reference):
            return None
        schema = self.contract.schemas[operation.result.name]
        if not isinstance(schema, Model) or {each.name for each in schema.properties} - {"data", "next"}:
            return None
        found = next((each.type for each in schema.properties if each.name == "data"), None)
        return found.item if isinstance(found, ListOf) else None

    def returns(self, operation: Operation) -> str:
        """The type that a method returns."""
        item = self.item(operation)
        if operation.result is None:
            return "Promise<void>"
        if operation.is_stream:
            return f"EventStream<{self.response(operation.result)}>"
        if item is not None:
            return (
                f"Paginator<{self.response(item)}>"
                if operation.is_paginated
                else f"Promise<{_list(self.response(item))}>"
            )
        return f"Promise<{self.response(operation.result)}>"


def _literal(values: Iterable[str]) -> str:
    return " | ".join(json.dumps(each) for each in values)


def _list(item: str) -> str:
    return f"Array<{item}>" if " " in item or "<" in item else f"{item}[]"


def _nullable(value: str) -> str:
    return value if value == "unknown" else f"{value} | null"


def comment(text: str, indent: int) -> str:
    """The text as a JSDoc comment."""
    prefix = " " * indent
    paragraphs = [" ".join(each.split()) for each in text.strip().replace("*/", "* /").split("\n\n")]
    width = WIDTH - indent - 6
    if len(paragraphs) == 1 and len(paragraphs[0]) <= width:
        return f"{prefix}/** {paragraphs[0]} */"
    lines = "\n\n".join(
        textwrap.fill(each, width, break_long_words=False, break_on_hyphens=False) for each in paragraphs
    )
    inner = "\n".join(f"{prefix} * {line}".rstrip() for line in lines.split("\n"))
    return f"{prefix}/**\n{inner}\n{prefix} */"


def parameters_of(operation: Operation) -> list[Property]:
    """The members of the object with parameters: required ones first."""
    found = [*operation.query, *(operation.body or ())]
    return sorted((each for each in found if each.name != "format"), key=lambda each: not each.required)


def path_expression(operation: Operation) -> str:
    path = operation.path
    for each in operation.path_parameters:
        path = path.replace(f"{{{each.name}}}", f"${{segment({camel_case(each.name)})}}")
    return f"`{path}`" if operation.path_parameters else f'"{path}"'


def render(contract: Contract, resources: Iterable[Resource], environment: Environment, root: Path) -> dict[Path, str]:
    """The generated files by path."""
    types = TypescriptTypes(contract)
    values = {
        "types": types,
        "resources": list(resources),
        "schemas": [contract.schemas[name] for name in contract.responses],
        "inputs": [contract.schemas[name] for name in contract.requests if _is_input(contract, name)],
        "kind": lambda schema: type(schema).__name__,
        "literal": _literal,
        "comment": comment,
        "parameters_of": parameters_of,
        "path_expression": path_expression,
        "camel_case": camel_case,
        "pascal_case": lambda name: name[:1].upper() + camel_case(name)[1:],
    }
    names = sorted({*contract.responses, *(types.input_name(name) for name in contract.requests)})
    resources_template = environment.get_template("typescript_resources.jinja")
    used = set(re.findall(r"\w+", resources_template.render(values, type_names=[])))
    return {
        PACKAGE / "src/models.ts": environment.get_template("typescript_models.jinja").render(values),
        PACKAGE / "src/resources.ts": resources_template.render(
            values, type_names=[name for name in names if name in used]
        ),
        PACKAGE / "src/client.ts": environment.get_template("typescript_client.jinja").render(values),
        PACKAGE / "element/index.js": _element((root / ELEMENT).read_text()),
    }


def _element(script: str) -> str:
    """The script of the element as a module, which can also be imported where there is no browser."""
    indented = textwrap.indent(script, "  ").rstrip()
    return (
        "// The script that the service has at /embed.js, as a module. Generated by `make clients`: do not edit.\n"
        'if (typeof HTMLElement !== "undefined") {\n' + indented + "\n}\n\nexport {};\n"
    )


def _is_input(contract: Contract, name: str) -> bool:
    return name not in contract.responses or not isinstance(contract.schemas[name], Choice)
