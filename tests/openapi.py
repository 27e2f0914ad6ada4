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
