"""Renders the Python client: models, types of request bodies, and resources, synchronous and asynchronous."""

import keyword
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
    Union,
    snake_case,
)

PACKAGE = Path("clients/python/src/videobroker_client")
WIDTH = 120
SECRETS = frozenset({"token", "ticket", "secret", "room_code", "url", "page"})
"""Members of responses that are credentials, or contain one: they are not part of a repr."""
NOT_SECRET = frozenset({("WebhookEndpoint", "url"), ("WebhookEndpointWithSecret", "url")})
ANNOTATIONS = {"str": "str", "int": "int", "float": "float", "bool": "bool", "datetime": "datetime", "json": "Any"}


@dataclass(frozen=True)
class PythonTypes:
    """Expressions for the types of a contract."""

    contract: Contract

    def annotation(self, found: Type) -> str:
        """The type of a value in a response. Enumerations are open."""
        match found:
            case Primitive(name):
                return ANNOTATIONS[name]
            case LiteralType(values):
                return f"Literal[{', '.join(map(quoted, values))}] | str" if len(values) > 1 else _literal(values)
            case Reference(name):
                return f"{name} | str" if isinstance(self.contract.schemas[name], Choice) else name
            case ListOf(item):
                return f"list[{self.annotation(item)}]"
            case MapOf(item):
                return f"dict[str, {self.annotation(item)}]"
            case Nullable(value):
                return "Any" if value == Primitive("json") else f"{self.annotation(value)} | None"
            case OneOf(members):
                return " | ".join(dict.fromkeys(self.annotation(each) for each in members))

    def argument(self, found: Type) -> str:
        """The type of a value in a request. Enumerations are closed, and times can be strings."""
        match found:
            case Primitive("datetime"):
                return "datetime | str"
            case Primitive(name):
                return ANNOTATIONS[name]
            case LiteralType(values):
                return _literal(values)
            case Reference(name):
                return self.input_name(name)
            case ListOf(item):
                return f"Sequence[{self.argument(item)}]"
            case MapOf(item):
                return f"Mapping[str, {self.argument(item)}]"
            case Nullable(value):
                return "Any" if value == Primitive("json") else f"{self.argument(value)} | None"
            case OneOf(members):
                return " | ".join(dict.fromkeys(self.argument(each) for each in members))

    def input_name(self, name: str) -> str:
        """The name of the typed dictionary for a schema, or of its enumeration."""
        is_shared = name in self.contract.responses and not isinstance(self.contract.schemas[name], Choice)
        return f"{name}Input" if is_shared else name

    def decoder(self, found: Type) -> str | None:
        """An expression for the function that converts JSON to a value. None if it is the value."""
        match found:
            case Primitive("datetime"):
                return "parse_time"
            case Reference(name):
                match self.contract.schemas[name]:
                    case Model():
                        return f"{name}.from_json"
                    case Union():
                        return f"decode_{snake_case(name)}"
                    case Choice():
                        return None
            case ListOf(item):
                return _wrapped("list_of", self.decoder(item))
            case MapOf(item):
                return _wrapped("map_of", self.decoder(item))
            case Nullable(value):
                return _wrapped("nullable", self.decoder(value))
            case _:
                return None

    def decoded(self, each: Property) -> str:
        """An expression for the value of a member of `raw`."""
        value = f'raw["{each.name}"]' if each.required else f'raw.get("{each.name}")'
        found = each.type if each.required or isinstance(each.type, Nullable) else Nullable(each.type)
        decoder = self.decoder(found)
        return value if decoder is None else f"{decoder}({value})"

    def result(self, operation: Operation) -> str:
        """The type of the value that a method returns."""
        return "None" if operation.result is None else self.annotation(operation.result)

    def item(self, operation: Operation) -> Type | None:
        """The type of the items, if the result is a list with nothing else."""
        if not isinstance(operation.result, Reference):
            return None
        schema = self.contract.schemas[operation.result.name]
        if not isinstance(schema, Model) or {each.name for each in schema.properties} - {"data", "next"}:
            return None
        found = next((each.type for each in schema.properties if each.name == "data"), None)
        return found.item if isinstance(found, ListOf) else None


def _literal(values: Iterable[str]) -> str:
    return f"Literal[{', '.join(map(quoted, values))}]"


def _wrapped(function: str, decoder: str | None) -> str | None:
    return None if decoder is None else f"{function}({decoder})"


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def identifier(name: str) -> str:
    return f"{name}_" if keyword.iskeyword(name) else name


def docstring(text: str, indent: int) -> str:
    """The text as a docstring of lines that are indented by so many spaces."""
    prefix = " " * indent
    paragraphs = text.strip().replace("\\", "\\\\").replace('"""', "'''").split("\n\n")
    width = WIDTH - indent - 6
    lines = "\n\n".join(_wrap(paragraph, width) for paragraph in paragraphs)
    closing = '"""' if "\n" not in lines else f'\n{prefix}"""'
    end = " " if lines.endswith('"') and "\n" not in lines else ""
    return f'"""{textwrap.indent(lines, prefix).strip()}{end}{closing}'


def _wrap(paragraph: str, width: int) -> str:
    if paragraph.startswith(("Args:", "- ", "    ")):
        return "\n".join(
            textwrap.fill(line, width, subsequent_indent="        ", break_long_words=False, break_on_hyphens=False)
            for line in paragraph.split("\n")
        )
    return textwrap.fill(" ".join(paragraph.split()), width, break_long_words=False, break_on_hyphens=False)


def comment(text: str, indent: int) -> str:
    prefix = " " * indent + "# "
    return textwrap.fill(
        " ".join(text.split()),
        WIDTH,
        initial_indent=prefix,
        subsequent_indent=prefix,
        break_long_words=False,
        break_on_hyphens=False,
    )


def field_annotation(types: PythonTypes, each: Property) -> str:
    """The type of a field of a model. A member that a response can omit is None then."""
    found = each.type if each.required or isinstance(each.type, Nullable) else Nullable(each.type)
    return types.annotation(found)


def parameter(types: PythonTypes, each: Property) -> str:
    """The type and the default of a parameter of a method."""
    if each.required:
        return types.argument(each.type)
    if isinstance(each.type, Nullable):
        return f"{types.argument(each.type.value)} | Omit | None = OMIT"
    return f"{types.argument(each.type)} | Omit = OMIT"


def is_secret(model: Model, each: Property) -> bool:
    return each.name in SECRETS and (model.name, each.name) not in NOT_SECRET


def arguments_of(operation: Operation) -> list[Property]:
    """What a method takes as keyword arguments: required ones first."""
    found = [*operation.query, *(operation.body or ())]
    skipped = {"cursor", "format"} if operation.is_paginated else {"format"}
    taken = [each for each in found if each.name not in skipped or operation.is_stream]
    if operation.is_paginated:
        taken += [each for each in found if each.name == "cursor"]
    return sorted(taken, key=lambda each: not each.required)


def method_text(operation: Operation) -> str:
    """The docstring of a method."""
    text = f"{operation.summary}.\n\n{operation.description}".strip()
    listed = [*operation.path_parameters, *arguments_of(operation)]
    described = [f"    {identifier(each.name)}: {' '.join(each.description.split())}" for each in listed]
    described = [line for line in described if not line.endswith(": ")]
    return f"{text}\n\n" + "\n".join(["Args:", *described]) if described else text


def path_expression(operation: Operation) -> str:
    """The path as an expression: an f-string if it has parameters."""
    path = operation.path
    for each in operation.path_parameters:
        path = path.replace(f"{{{each.name}}}", f"{{segment({each.name})}}")
    return f'f"{path}"' if operation.path_parameters else f'"{path}"'


def render(contract: Contract, resources: Iterable[Resource], environment: Environment) -> dict[Path, str]:
    """The generated files by path."""
    types = PythonTypes(contract)
    listed = list(resources)
    values = {
        "types": types,
        "resources": listed,
        "schemas": [contract.schemas[name] for name in contract.responses],
        "inputs": [contract.schemas[name] for name in contract.requests if _is_input(contract, name)],
        "kind": lambda schema: type(schema).__name__,
        "identifier": identifier,
        "docstring": docstring,
        "quoted": quoted,
        "is_secret": is_secret,
        "arguments_of": arguments_of,
        "method_text": method_text,
        "path_expression": path_expression,
        "snake_case": snake_case,
        "class_name": _class_name,
        "field_annotation": field_annotation,
        "parameter": parameter,
        "comment": comment,
        "contract_choices": [
            name
            for name in contract.requests
            if name in contract.responses and isinstance(contract.schemas[name], Choice)
        ],
        "input_names": sorted(types.input_name(name) for name in contract.requests),
        "response_names": sorted(_names_of_responses(contract)),
        "decoders": sorted(
            f"decode_{snake_case(each.name)}" for each in contract.schemas.values() if isinstance(each, Union)
        ),
    }
    files = {
        "models.py": environment.get_template("python_models.jinja").render(values),
        "inputs.py": environment.get_template("python_inputs.jinja").render(values),
        "_client.py": environment.get_template("python_client.jinja").render(values),
        "_resources.py": environment.get_template("python_resources.jinja").render(values, is_async=False),
        "_async_resources.py": environment.get_template("python_resources.jinja").render(values, is_async=True),
    }
    return {PACKAGE / name: text for name, text in files.items()}


def _is_input(contract: Contract, name: str) -> bool:
    return name not in contract.responses or not isinstance(contract.schemas[name], Choice)


def _class_name(resource: Resource) -> str:
    return "".join(part.capitalize() for part in resource.name.split("_")) + "Resource"


def _names_of_responses(contract: Contract) -> Iterable[str]:
    for name in contract.responses:
        yield name
        if isinstance(contract.schemas[name], Union):
            yield f"Unknown{name}"
