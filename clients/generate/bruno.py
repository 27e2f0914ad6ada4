"""Renders a collection for Bruno: the tutorial, and every operation with an example."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from jinja2 import Environment

from generate.contract import Contract, Operation, Resource

COLLECTION = Path("clients/bruno")
MOMENTS = {"starts_at": "{{soon}}", "since": "{{hourAgo}}", "until": "{{now}}", "occurred_at": "{{now}}"}
"""Variables instead of the times of the examples, which have passed."""
CAPTURES = {
    "startBookingCall": ("call_id", "res.body.id"),
    "listCalls": ("call_id", "(res.body.data[0] || {}).id"),
    "createBookingLink": ("link_id", "res.body.id"),
    "createGroupLink": ("link_id", "res.body.id"),
    "listBookingLobby": ("entry", "(res.body.data[0] || {}).entry"),
    "listGroupLobby": ("entry", "(res.body.data[0] || {}).entry"),
    "createWebhookEndpoint": ("endpoint_id", "res.body.id"),
    "listWebhookDeliveries": ("delivery_id", "(res.body.data[0] || {}).id"),
}
"""By operation: the variable that its response sets, for the requests that need it."""
BY_TICKET = frozenset({"visits"})
"""Tags of operations that need a ticket."""


@dataclass(frozen=True)
class Step:
    """A request of the tutorial, and what its response must be."""

    name: str
    operation: str
    status: int
    body: Mapping[str, Any] | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, str] = field(default_factory=dict)
    """Expected values of the response, by path."""


TUTORIAL = (
    Step(
        "Register a booking",
        "createBooking",
        200,
        {
            "title": "Geometry",
            "starts_at": "{{soon}}",
            "duration_minutes": 45,
            "participants": [
                {"user_id": "ada", "role": "tutor", "display_name": "Ada"},
                {"user_id": "ben", "role": "student", "display_name": "Ben"},
            ],
        },
        values={"status": "confirmed"},
    ),
    Step("Join", "joinBooking", 200, {"user_id": "ada"}, values={"type": "100ms_token"}),
    Step("Join on the ready-made page", "joinBooking", 200, {"user_id": "ben", "surface": "prebuilt"}),
    Step("Refuse a stranger", "joinBooking", 403, {"user_id": "eve"}, values={"code": "not_a_participant"}),
    Step("Create a link", "createBookingLink", 201, {"user_id": "ben"}),
    Step("Check access", "checkBookingAccess", 200, {"user_id": "ada"}, values={"decision": "admit"}),
    Step("End the call", "endBookingCall", 200, {"user_id": "ada"}, values={"end_reason": "requested"}),
    Step("Read the journal", "listEvents", 200, query={"kind": "booking", "reference": "{{tutorial}}"}),
    Step("Read attendance", "getBookingAttendance", 200, values={"reference": "{{tutorial}}"}),
)


@dataclass(frozen=True)
class BrunoRequest:
    """The content of a file."""

    name: str
    sequence: int
    operation: Operation
    path: str
    path_values: Mapping[str, str]
    query: Mapping[str, str]
    body: str | None
    disabled: frozenset[str] = frozenset()
    """Parameters of the query that are there, but turned off."""
    status: int | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    capture: tuple[str, str] | None = None

    @property
    def url(self) -> str:
        """The path with the query: Bruno does not add parameters that only `params:query` has."""
        sent = "&".join(f"{name}={value}" for name, value in self.query.items() if name not in self.disabled)
        return f"{{{{baseUrl}}}}{self.path}{'?' if sent else ''}{sent}"

    @property
    def auth(self) -> str:
        return "bearer" if self.operation.tag in BY_TICKET else "inherit"


def render(contract: Contract, resources: Iterable[Resource], environment: Environment) -> dict[Path, str]:
    """The files of the collection by path."""
    template = environment.get_template("bruno_request.jinja")
    operations = {each.id: each for each in contract.operations}
    files = {COLLECTION / name: environment.get_template(f"bruno_{name}.jinja").render() for name in _FIXED}
    for number, step in enumerate(TUTORIAL, 1):
        path = COLLECTION / "Tutorial" / f"{number} {step.name}.bru"
        files[path] = template.render(request=_of_step(step, number, operations[step.operation]))
    for resource in resources:
        folder = resource.name.replace("_", " ").capitalize()
        methods = sorted((each.operation for each in resource.methods if not each.operation.is_stream), key=_order)
        for number, operation in enumerate(methods, 1):
            files[COLLECTION / folder / f"{operation.summary}.bru"] = template.render(request=_of(operation, number))
    return files


def _order(operation: Operation) -> int:
    """The order in a folder: what creates something comes first, and what deletes it last."""
    if operation.method == "PUT" or operation.id.startswith(("create", "start")):
        return 0
    return 2 if operation.method == "DELETE" or operation.id.startswith(("cancel", "end")) else 1


_FIXED = ("bruno.json", "collection.bru", "environments/demo.bru", "README.md")


def _of_step(step: Step, number: int, operation: Operation) -> BrunoRequest:
    return BrunoRequest(
        name=f"{number} {step.name}",
        sequence=number,
        operation=operation,
        path=_path(operation),
        path_values={each.name: "{{tutorial}}" for each in operation.path_parameters},
        query=step.query,
        body=None if step.body is None else _json(step.body),
        status=step.status,
        values=step.values,
    )


def _of(operation: Operation, number: int) -> BrunoRequest:
    example = operation.body_example
    return BrunoRequest(
        name=operation.summary,
        sequence=number,
        operation=operation,
        path=_path(operation),
        path_values={each.name: f"{{{{{each.name}}}}}" for each in operation.path_parameters},
        query={each.name: "1" if each.required else "" for each in operation.query},
        body=None if operation.body is None else _json(_moved({} if example is None else example)),
        disabled=frozenset(each.name for each in operation.query if not each.required),
        capture=CAPTURES.get(operation.id),
    )


def _path(operation: Operation) -> str:
    return operation.path.replace("{", ":").replace("}", "")


def _moved(example: Mapping[str, Any]) -> dict[str, Any]:
    return {name: MOMENTS.get(name, value) for name, value in example.items()}


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False)
