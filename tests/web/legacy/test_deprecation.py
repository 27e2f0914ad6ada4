"""Every response of a legacy operation says that it is deprecated. No other does."""

from datetime import UTC, datetime

import httpx
import pytest

from openapi import openapi_document
from tenants import Tenant
from videobroker.web.legacy.errors import DEPRECATED_AT_SECONDS

DOCUMENT = openapi_document()
OPERATIONS = [
    (method.upper(), path, operation)
    for path, operations in DOCUMENT["paths"].items()
    for method, operation in operations.items()
]
LEGACY = [(method, path) for method, path, operation in OPERATIONS if path.startswith("/api/")]


def test_the_contract_says_it_of_the_same_operations() -> None:
    assert len(LEGACY) > 10
    assert [(method, path) for method, path, operation in OPERATIONS if operation.get("deprecated")] == LEGACY


@pytest.mark.parametrize(("method", "path"), LEGACY)
async def test_every_response_has_the_headers(tutoring: Tenant, api: httpx.AsyncClient, method: str, path: str) -> None:
    address = path.replace("{", "").replace("}", "")
    for response in (
        await api.request(method, address),
        await tutoring.send(method, address, content=b"{"),
        await tutoring.send(method, address, json={}),
    ):
        assert response.headers["deprecation"] == f"@{DEPRECATED_AT_SECONDS}", response.status_code
        assert response.headers["link"] == '</docs>; rel="deprecation"; type="text/html"'
        assert "sunset" not in response.headers
        assert (await api.get("/docs")).status_code == 200


def test_the_time_is_that_of_the_documentation() -> None:
    assert datetime.fromtimestamp(DEPRECATED_AT_SECONDS, UTC) == datetime(2026, 12, 1, tzinfo=UTC)


async def test_operations_of_v1_do_not_have_them(tutoring: Tenant) -> None:
    response = await tutoring.get("/v1/bookings")
    assert response.status_code == 200
    assert "deprecation" not in response.headers
