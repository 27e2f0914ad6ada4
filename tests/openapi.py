"""The OpenAPI document, generated once per test process, because that takes longer than most of its tests."""

from contextlib import AbstractAsyncContextManager
from functools import cache
from typing import Any

from videobroker.broker import Broker
from videobroker.web.app import create_app


def _no_broker() -> AbstractAsyncContextManager[Broker]:
    raise RuntimeError("the document is generated without a broker")


@cache
def openapi_document() -> dict[str, Any]:
    """The document of the service. Shared: do not modify it."""
    return create_app(_no_broker).openapi()


def component(reference: str) -> Any:
    """The part of the document that a reference like `#/components/schemas/Booking` names."""
    part: Any = openapi_document()
    for step in reference.removeprefix("#/").split("/"):
        part = part[step]
    return part


@cache
def openapi_paths() -> dict[str, dict[str, Any]]:
    """The paths of the document, with the components of their parameters, responses, and headers in place."""
    paths: dict[str, dict[str, Any]] = _in_place(openapi_document()["paths"])
    return paths


def _in_place(node: Any) -> Any:
    if isinstance(node, list):
        return [_in_place(each) for each in node]
    if not isinstance(node, dict):
        return node
    reference = str(node.get("$ref", ""))
    if reference.startswith("#/components/") and not reference.startswith("#/components/schemas/"):
        return _in_place(component(reference))
    return {key: _in_place(value) for key, value in node.items()}
