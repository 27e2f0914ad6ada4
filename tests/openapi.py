"""The OpenAPI document, generated once per test process: that takes longer than most tests that read it."""

from contextlib import AbstractAsyncContextManager
from functools import cache
from typing import Any

from videobroker.broker import Broker
from videobroker.web.app import create_app


def _no_broker() -> AbstractAsyncContextManager[Broker]:
    raise RuntimeError("the document is generated without a broker")


@cache
def openapi_document() -> dict[str, Any]:
    """The document of the service. Shared: do not change it."""
    return create_app(_no_broker).openapi()
