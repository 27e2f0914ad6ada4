"""HEAD, OPTIONS, `Allow`, the headers of every response, and the external URL behind proxies."""

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
    """The path with values for its parameters."""
    for name, value in (("reference", "lesson-1"), ("user_id", "tutor-1"), ("provider", "100ms"), ("id", "1")):
        path = path.replace(f"{{{name}}}", value)
    return path.replace("{", "").replace("}", "")


@pytest.mark.parametrize("path", CONTRACT)
async def test_a_method_that_a_path_does_not_have_gets_405_with_the_allowed_methods(
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


async def test_an_unknown_path_allows_no_methods(api: httpx.AsyncClient, app: FastAPI) -> None:
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
        "/ui/tokens.css",
        "/join/vbt_nothing",
        "/problems/too_early",
        "/v1/bookings",
        "/v1/bookings/lesson-1",
        "/v1/bookings/nothing",
        "/v1/events",
        "/v1/events?limit=wrong",
    ],
)
async def test_head_equals_get_without_the_body(tutoring: Tenant, path: str, same_ids: None) -> None:
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


async def test_head_is_refused_where_get_does_not_exist(tutoring: Tenant) -> None:
    await tutoring.book()
    assert (await tutoring.send("HEAD", "/v1/bookings/lesson-1/cancel")).status_code == 405
    assert (await tutoring.get("/v1/bookings/lesson-1")).json()["status"] == "confirmed"


async def every_kind_of_response(tutoring: Tenant) -> list[httpx.Response]:
    """Responses of the fast path and of the framework, and problems of each."""
    await tutoring.book()
    return [
        await tutoring.join(),
        await tutoring.join(user_id="stranger"),
        await tutoring.post("/v1/bookings/lesson-1/join", {"user_id": "tutor-1"}, headers={"X-User-Id": "tutor-1"}),
        await tutoring.post("/v1/bookings/lesson-1/links", {"user_id": "tutor-1"}),
        await tutoring.post("/api/100ms/token", {"bookingId": "lesson-1"}),
        await tutoring.post("/hooks/100ms/unknown", {}),
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


async def test_every_response_forbids_content_sniffing_and_storing(tutoring: Tenant) -> None:
    for response in await every_kind_of_response(tutoring):
        assert response.headers.get_list("x-content-type-options") == ["nosniff"], response.request.url
        assert response.headers.get_list("cache-control") == ["no-store"], response.request.url


async def test_a_response_that_is_no_page_runs_and_loads_nothing_and_is_embedded_nowhere(tutoring: Tenant) -> None:
    policy = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    for response in await every_kind_of_response(tutoring):
        assert response.headers.get_list("content-security-policy") == [policy], response.request.url


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
async def test_the_api_documentation_loads_nothing_from_other_hosts(api: httpx.AsyncClient, path: str) -> None:
    page = await api.get(path)
    assert page.status_code == 200
    assert "http" not in page.text
    policy = dict(each.split(" ", 1) for each in page.headers["content-security-policy"].split("; "))
    assert (policy["default-src"], policy["script-src"], policy["connect-src"]) == ("'none'", "'self'", "'self'")
    assert policy["frame-ancestors"] == "'none'"
    sources = {source for value in policy.values() for source in value.split()}
    assert sources <= {"'none'", "'self'", "'unsafe-inline'", "data:", "blob:"}
    for name in ("swagger-ui-bundle.js", "redoc.standalone.js", "swagger-ui.css", "docs.css", "show-redoc.js"):
        file = await api.get(f"/docs/{name}", headers={"Accept-Encoding": "identity"})
        assert (file.status_code, file.headers["x-content-type-options"]) == (200, "nosniff")
        assert "cdn.redoc" not in file.text
        assert "etag" in file.headers
    assert (await api.get("/docs/__init__.py")).status_code == 404


# --- behind proxies ---------------------------------------------------------------------------------------------------


@dataclass
class ProxiedService:
    """The service behind proxies. It trusts those at these addresses."""

    app: FastAPI
    tenant: Tenant

    async def link(self, headers: list[tuple[str, str]], *, trusted: str = "127.0.0.1", peer: str = "127.0.0.1") -> str:
        """The URL of a link that the service creates."""
        transport = httpx.ASGITransport(ForwardedHeaders(self.app, trusted), client=(peer, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            response = await client.post(
                "/v1/bookings/lesson-1/links",
                json={"user_id": "tutor-1"},
                headers=[("Authorization", f"Bearer {self.tenant.key}"), *headers],
            )
            return str(response.json()["url"]).partition("/join/")[0]


@pytest.fixture
async def proxied(app: FastAPI, tutoring: Tenant) -> ProxiedService:
    await tutoring.book()
    return ProxiedService(app, tutoring)


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
        # The first address is set by the client, the second by our first proxy.
        ([(PROTO, "http, https"), (FOR, "198.51.100.1, 192.0.2.7")], "https"),
        ([(PROTO, "https, http"), (FOR, "198.51.100.1, 192.0.2.7")], "http"),
        ([(PROTO, "http, https, http"), (FOR, "198.51.100.1, 192.0.2.7, 127.0.0.1")], "https"),
    ],
)
async def test_links_have_the_scheme_that_the_first_trusted_proxy_received(
    proxied: ProxiedService, headers: list[tuple[str, str]], scheme: str
) -> None:
    assert await proxied.link(headers) == f"{scheme}://here"


async def test_an_untrusted_client_cannot_set_the_scheme(proxied: ProxiedService) -> None:
    assert await proxied.link([(PROTO, "https, http")], peer="203.0.113.9") == "http://here"
    assert await proxied.link([(PROTO, "https, http")], peer="203.0.113.9", trusted="*") == "https://here"
