"""Moves what several operations declare into components, each under one name."""

import json
import re
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from videobroker.errors import CATALOG
from videobroker.web.http.headers import REQUEST_ID
from videobroker.web.openapi import walk
from videobroker.web.openapi.walk import Json, pascal_case

_SECTIONS = ("schemas", "parameters", "headers", "responses")


def share(document: Json) -> None:
    """Replace parameters, errors, and headers of operations by references to components."""
    components = document["components"]
    errors = _Section(components, "responses", _error_name)
    parameters = _Section(components, "parameters", lambda parameter: pascal_case(parameter["name"]))
    for _, _, operation in walk.operations(document):
        for status, response in operation["responses"].items():
            if status[0] in "45":
                _explain(status, response)
                errors.collect(operation, response)
        for parameter in operation.get("parameters", ()):
            parameters.collect(operation, parameter)
    errors.name_all()
    parameters.name_all()
    for _, _, operation in walk.operations(document):
        responses = operation["responses"]
        operation["responses"] = {
            status: errors.reference(response) if status[0] in "45" else response
            for status, response in responses.items()
        }
        if "parameters" in operation:
            operation["parameters"] = [parameters.reference(each) for each in operation["parameters"]]
    _share_headers(document)


class _Section:
    """Gives equal objects one name: the most frequent one gets the plain name, others that of their first operation."""

    def __init__(self, components: Json, section: str, name_of: Callable[[Json], str]) -> None:
        self._target = components.setdefault(section, {})
        self._prefix = f"#/components/{section}/"
        self._name_of = name_of
        self._found: dict[str, tuple[Json, list[str]]] = {}
        self._names: dict[str, str] = {}

    def collect(self, operation: Json, part: Json) -> None:
        self._found.setdefault(_key(part), (part, []))[1].append(operation["operationId"])

    def name_all(self) -> None:
        """Give every object its name, the most frequent ones first."""
        for key, (part, users) in sorted(self._found.items(), key=lambda item: -len(item[1][1])):
            name = self._name_of(part)
            if name in self._target:
                kindless = re.sub("(Booking|Group)s?", "", users[0])
                name = kindless[:1].upper() + kindless[1:] + name
            if name in self._target:
                name = users[0][:1].upper() + users[0][1:] + self._name_of(part)
            if name in self._target:
                raise ValueError(f"two components have the name {name}")
            self._target[name] = part
            self._names[key] = self._prefix + name

    def reference(self, part: Json) -> Json:
        return {"$ref": self._names[_key(part)]}


def _key(part: Json) -> str:
    return json.dumps(part, sort_keys=True)


def _codes(response: Json) -> list[str]:
    return re.findall(r"`(\w+)`", response["description"])


def _explain(status: str, response: Json) -> None:
    """Describe an error by its status and its codes, with the problem document of the first code as an example."""
    codes = list(dict.fromkeys(_codes(response)))
    response["description"] = f"{HTTPStatus(int(status)).phrase}: {', '.join(f'`{code}`' for code in codes)}"
    for media_type, content in response["content"].items():
        if media_type == "application/problem+json":
            kind = CATALOG[codes[0]]
            content["example"] = {
                "type": f"/problems/{kind.code}",
                "title": kind.title,
                "status": kind.status,
                "code": kind.code,
                "detail": kind.hint,
                "request_id": REQUEST_ID.example,
            }


def _error_name(response: Json) -> str:
    codes = _codes(response)
    is_problem = "application/problem+json" in response["content"]
    phrase = response["description"].partition(":")[0]
    name = pascal_case(codes[0]) if len(codes) == 1 else pascal_case(phrase.replace(" ", "_"))
    return name if is_problem else f"Legacy{name}"


def _share_headers(document: Json) -> None:
    shared = document["components"].setdefault("headers", {})
    for response in _responses(document):
        for name, header in response.get("headers", {}).items():
            component = pascal_case(name)
            if shared.setdefault(component, header) != header:
                raise ValueError(f"two headers have the name {name}")
            response["headers"][name] = {"$ref": f"#/components/headers/{component}"}


def _responses(document: Json) -> Iterator[Json]:
    yield from document["components"].get("responses", {}).values()
    for _, _, operation in walk.operations(document):
        yield from (response for response in operation["responses"].values() if "$ref" not in response)


def remove_unused(document: Json) -> None:
    """Remove components that nothing uses, and sort the others."""
    components = document["components"]
    used: set[str] = set()
    pending: list[Any] = [part for key, part in document.items() if key != "components"]
    while pending:
        for reference in walk.references(pending.pop()):
            if reference["$ref"] not in used:
                used.add(reference["$ref"])
                _, _, section, name = reference["$ref"].split("/")
                pending.append(components[section][name])
    for section in _SECTIONS:
        components[section] = {
            name: part
            for name, part in sorted(components.get(section, {}).items())
            if f"#/components/{section}/{name}" in used
        }
