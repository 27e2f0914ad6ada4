"""HEAD, OPTIONS, `Allow`, and the headers of every answer; where the service is, behind proxies."""

from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from openapi import openapi_document
from tenants import Tenant
from videobroker.web.http.forwarded import ForwardedHeaders
from videobroker.web.http.methods import allowed_methods

CONTRACT: dict[str, dict[str, Any]] = openapi_document()["paths"]


def address(path: str) -> str:
    """The path with something in place of its parameters."""
    for name, value in (("reference", "lesson-1"), ("user_id", "tutor-1"), ("provider", "100ms"), ("id", "1")):
        path = path.replace(f"{{{name}}}", value)
    return path.replace("{", "").replace("}", "")


@pytest.mark.parametrize("path", CONTRACT)
async def test_a_method_that_a_path_does_not_have_is_answered_with_those_that_it_has(
    api: httpx.AsyncClient, path: str
) -> None:
    methods = {method.upper() for method in CONTRACT[path]}
    expected = methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set())
    for method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"} - expected:
        response = await api.request(method, address(path))
        assert (response.status_code, set(response.headers["allow"].split(", "))) == (405, expected), method
        assert method == "HEAD" or response.json()["code"] == "method_not_allowed"
    options = await api.options(address(path))
    assert (options.status_code, set(options.headers["allow"].split(", ")), options.content) == (204, expected, b"")


async def test_nothing_has_no_methods(api: httpx.AsyncClient, app: FastAPI) -> None:
    for method in ("OPTIONS", "DELETE", "HEAD"):
        response = await api.request(method, "/v1/nothing")
        assert (response.status_code, "allow" in response.headers) == (404, False)
    scope = {"type": "http", "path": "/v1/nothing", "root_path": "", "headers": [], "app": app}
    assert allowed_methods(app.router.routes, scope) == []


@pytest.mark.parametrize(
    "path",
    [
        "/healthz",
        "/readyz",
        "/docs",
        "/docs/swagger-ui.css",
        "/redoc",
        "/openapi.json",
        "/embed.js",
        "/pages/join.css",
        "/join/vbt_nothing",
        "/problems/too_early",
        "/v1/bookings",
        "/v1/bookings/lesson-1",
        "/v1/bookings/nothing",
        "/v1/events",
        "/v1/events?limit=wrong",
    ],
)
async def test_head_is_get_without_the_body(tutoring: Tenant, path: str) -> None:
    await tutoring.book()
    whole = {"Accept-Encoding": "identity"}
    get, head = [await tutoring.send(method, path, headers=whole) for method in ("GET", "HEAD")]
    assert (head.status_code, head.content) == (get.status_code, b"")
    assert head.headers == get.headers
    assert int(get.headers["content-length"]) == len(get.content) > 0


async def test_head_of_a_stream_ends(tutoring: Tenant) -> None:
    await tutoring.book()
    head = await tutoring.send("HEAD", "/v1/events/stream")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"].startswith("text/event-stream")


async def test_head_does_nothing_where_there_is_no_get(tutoring: Tenant) -> None:
    await tutoring.book()
    assert (await tutoring.send("HEAD", "/v1/bookings/lesson-1/cancel")).status_code == 405
    assert (await tutoring.get("/v1/bookings/lesson-1")).json()["status"] == "confirmed"


async def test_every_answer_says_that_its_type_is_its_type_and_that_nobody_may_store_it(tutoring: Tenant) -> None:
    await tutoring.book()
    responses = [
        await tutoring.join(),
        await tutoring.join(user_id="stranger"),
        await tutoring.post("/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}, headers={"X-User-Id": "tutor-1"}),
        await tutoring.post("/v1/bookings/lesson-1/links", {"user_id": "tutor-1"}),
        await tutoring.post("/api/100ms/token", {"bookingId": "lesson-1"}),
        await tutoring.post("/hooks/100ms/nobody", {}),
        *[
            await tutoring.get(path)
            for path in ("/v1/bookings", "/v1/bookings/lesson-1", "/v1/bookings/none", "/v1/events")
        ],
        *[
            await tutoring.get(path)
            for path in ("/healthz", "/metrics", "/nothing", "/v1/nothing", "/problems/too_early")
        ],
        await tutoring.send("OPTIONS", "/v1/bookings"),
        await tutoring.send("DELETE", "/v1/bookings"),
        await tutoring.send("PUT", "/v1/bookings/a%2Fb"),
    ]
    for response in responses:
        assert response.headers.get_list("x-content-type-options") == ["nosniff"], response.request.url
        assert response.headers.get_list("cache-control") == ["no-store"], response.request.url


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_the_pages_of_the_api_may_load_nothing_from_elsewhere(api: httpx.AsyncClient, path: str) -> None:
    page = await api.get(path)
    assert page.status_code == 200
    assert "http" not in page.text
    policy = dict(each.split(" ", 1) for each in page.headers["content-security-policy"].split("; "))
    assert (policy["default-src"], policy["script-src"], policy["connect-src"]) == ("'none'", "'self'", "'self'")
    assert policy["frame-ancestors"] == "'none'"
    sources = {word for value in policy.values() for word in value.split()}
    assert sources <= {"'none'", "'self'", "'unsafe-inline'", "data:", "blob:"}
    for name in ("swagger-ui-bundle.js", "redoc.standalone.js", "swagger-ui.css", "docs.css", "show-redoc.js"):
        file = await api.get(f"/docs/{name}", headers={"Accept-Encoding": "identity"})
        assert (file.status_code, file.headers["x-content-type-options"]) == (200, "nosniff")
        assert "cdn.redoc" not in file.text
        assert "etag" in file.headers
    assert (await api.get("/docs/__init__.py")).status_code == 404


# --- behind proxies ---------------------------------------------------------------------------------------------------


@dataclass
class Behind:
    """The service behind proxies: those at these addresses are trusted."""

    app: FastAPI
    tenant: Tenant

    async def link(self, headers: list[tuple[str, str]], *, trusted: str = "127.0.0.1", peer: str = "127.0.0.1") -> str:
        """Where a link leads."""
        transport = httpx.ASGITransport(ForwardedHeaders(self.app, trusted), client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            response = await client.post(
                "/v1/bookings/lesson-1/links",
                json={"user_id": "tutor-1"},
                headers=[("Authorization", f"Bearer {self.tenant.key}"), *headers],
            )
            return str(response.json()["url"]).partition("/join/")[0]


@pytest.fixture
async def behind(app: FastAPI, tutoring: Tenant) -> Behind:
    await tutoring.book()
    return Behind(app, tutoring)


FOR, PROTO = "X-Forwarded-For", "X-Forwarded-Proto"


@pytest.mark.parametrize(
    ("headers", "scheme"),
    [
        ([], "http"),
        ([(PROTO, "https")], "https"),
        ([(PROTO, "https, http")], "https"),
        ([(PROTO, "https,http")], "https"),
        ([(PROTO, "HTTPS , http")], "https"),
        ([(PROTO, "https"), (PROTO, "http")], "https"),
        ([(PROTO, "http, https")], "http"),
        ([(PROTO, "nonsense, https")], "http"),
        ([(PROTO, "https, http"), (FOR, "192.0.2.7, 127.0.0.1")], "https"),
        # What a client claims comes before what the first proxy of ours saw.
        ([(PROTO, "http, https"), (FOR, "198.51.100.1, 192.0.2.7")], "https"),
        ([(PROTO, "https, http"), (FOR, "198.51.100.1, 192.0.2.7")], "http"),
        ([(PROTO, "http, https, http"), (FOR, "198.51.100.1, 192.0.2.7, 127.0.0.1")], "https"),
    ],
)
async def test_links_begin_with_the_scheme_that_the_first_trusted_proxy_saw(
    behind: Behind, headers: list[tuple[str, str]], scheme: str
) -> None:
    assert await behind.link(headers) == f"{scheme}://here"


async def test_nobody_else_says_which_scheme_it_is(behind: Behind) -> None:
    assert await behind.link([(PROTO, "https, http")], peer="203.0.113.9") == "http://here"
    assert await behind.link([(PROTO, "https, http")], peer="203.0.113.9", trusted="*") == "https://here"
