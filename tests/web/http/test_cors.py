"""Requests from pages of other origins (CORS)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest

from tenants import Tenant, context_of, create_link, send_as
from videobroker.broker import Broker
from videobroker.errors import InvalidInput
from videobroker.usecases import management, tenants
from videobroker.web.app import create_app
from videobroker.web.http import cors

ASK = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


@pytest.fixture
async def browser(broker: Broker) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that allows one origin."""

    @asynccontextmanager
    async def lifetime() -> AsyncIterator[Broker]:
        yield broker

    service = create_app(lifetime, allowed_origins=["https://app.example"])
    service.state.broker = broker
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url="http://videobroker") as client:
        yield client


async def test_a_page_of_an_allowed_origin_can_send_requests(browser: httpx.AsyncClient) -> None:
    headers = ASK | {"Origin": "https://app.example"}
    allowed = await browser.options("/v1/bookings/lesson-1/join", headers=headers)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    refused = await browser.get("/v1/bookings", headers={"Origin": "https://app.example"})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "https://app.example")


@pytest.fixture
async def shop(tutoring: Tenant, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    """An app with allowed origins."""
    monkeypatch.setattr(cors, "ORIGINS_TTL_SECONDS", 0.0)
    await tutoring.book()
    return await with_origins(tutoring, f"https://{tutoring.app.id}.example")


async def with_origins(tenant: Tenant, *allowed: str) -> Tenant:
    """The app with these allowed origins."""
    app = tenant.app
    changed = await management.change_app(
        context_of(tenant.broker, app), policy=app.policy, role_maps=app.role_maps, allowed_origins=allowed
    )
    return replace(tenant, app=changed)


async def stored_origins(tenant: Tenant) -> tuple[str, ...]:
    return (await tenants.find_app_by_id(tenant.broker, tenant.app.id)).allowed_origins


def allowed_reader(response: httpx.Response) -> str | None:
    """The origin whose pages can read the response."""
    origin: str | None = response.headers.get("access-control-allow-origin")
    return origin


async def test_a_page_of_an_app_can_send_requests_of_its_own_users_only(shop: Tenant, other: Tenant) -> None:
    await other.book()
    (own,) = shop.app.allowed_origins
    join = "/v1/bookings/lesson-1/join"
    preflight = await shop.api.options(join, headers=ASK | {"Origin": own})
    assert (preflight.status_code, allowed_reader(preflight)) == (200, own)
    own_link, foreign_link = await create_link(shop), await create_link(other)
    joined = await send_as(shop, own_link, "POST", join, Origin=own)
    assert (joined.status_code, allowed_reader(joined)) == (200, own)
    assert allowed_reader(await send_as(shop, own_link, "GET", "/v1/visit", Origin=own)) == own
    assert allowed_reader(await send_as(shop, foreign_link, "GET", "/v1/visit", Origin=own)) is None
    assert allowed_reader(await send_as(shop, foreign_link, "POST", join, Origin=own)) is None


async def test_a_page_of_an_app_can_read_why_its_user_was_refused(shop: Tenant) -> None:
    (own,) = shop.app.allowed_origins
    for text, status in (("vbt_nonsense", 401), ((await create_link(shop))["ticket"], 403)):
        refused = await send_as(shop, text, "GET", "/v1/bookings", Origin=own)
        assert (refused.status_code, allowed_reader(refused)) == (status, own)


async def test_a_page_of_an_app_can_use_neither_keys_nor_legacy_endpoints(shop: Tenant) -> None:
    (own,) = shop.app.allowed_origins
    assert allowed_reader(await shop.get("/v1/bookings", headers={"Origin": own})) is None
    old = await shop.api.options("/api/100ms/token", headers=ASK | {"Origin": own})
    assert (old.status_code >= 400, allowed_reader(old)) == (True, None)
    assert allowed_reader(await shop.api.get("/healthz", headers={"Origin": own})) is None


async def test_a_removed_origin_is_no_longer_allowed(shop: Tenant) -> None:
    (own,) = shop.app.allowed_origins
    ben = await create_link(shop)
    await with_origins(shop)
    preflight = await shop.api.options("/v1/visit", headers=ASK | {"Origin": own})
    assert (preflight.status_code, allowed_reader(preflight)) == (400, None)
    assert allowed_reader(await send_as(shop, ben, "GET", "/v1/visit", Origin=own)) is None
    assert await stored_origins(shop) == ()


async def test_pages_of_the_deployment_are_allowed_for_every_app(
    browser: httpx.AsyncClient, shop: Tenant, other: Tenant
) -> None:
    await other.book()
    for tenant in (shop, other):
        ticket = (await create_link(tenant))["ticket"]
        headers = {"Origin": "https://app.example", "Authorization": f"Bearer {ticket}"}
        assert allowed_reader(await browser.get("/v1/visit", headers=headers)) == "https://app.example"


@pytest.mark.parametrize(
    "wrong",
    [
        "shop.example",
        "https://",
        "https://*.example",
        "*",
        "null",
        "https://shop.example/path",
        "https://shop.example?x",
        "https://shop.example; script-src *",
        "https://a.example https://b.example",
        "http://shop.example",
        "https://shop.example:0",
        "https://shop.example:70000",
        "https://user@shop.example",
        "ftp://shop.example",
        "https://shöp.example",
        "https://shop.example\n",
    ],
)
async def test_an_invalid_origin_is_refused_and_changes_nothing(shop: Tenant, wrong: str) -> None:
    with pytest.raises(InvalidInput):
        await with_origins(shop, "https://fine.example", wrong)
    assert await stored_origins(shop) == shop.app.allowed_origins


async def test_an_origin_is_stored_as_browsers_send_it(shop: Tenant) -> None:
    written = ["HTTPS://Shop.Example/", "https://shop.example:443", "http://localhost:3000", "http://[::1]:80"]
    changed = await with_origins(shop, *written)
    assert changed.app.allowed_origins == ("https://shop.example", "http://localhost:3000", "http://[::1]")


async def test_a_page_of_another_origin_is_not_allowed(browser: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
    headers = ASK | {"Origin": "https://evil.example"}
    for client in (browser, api):
        response = await client.options("/v1/bookings/lesson-1/join", headers=headers)
        assert response.status_code >= 400
        assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    "names",
    [
        "traceparent",
        "traceparent, tracestate, baggage",
        "X-Request-Id",
        "authorization,idempotency-key,sentry-trace",
        "b3",
    ],
)
async def test_a_page_can_send_the_headers_of_tracing_libraries(shop: Tenant, names: str) -> None:
    (own,) = shop.app.allowed_origins
    headers = ASK | {"Access-Control-Request-Headers": names}
    allowed = await shop.api.options("/v1/bookings/lesson-1/join", headers=headers | {"Origin": own})
    assert (allowed.status_code, allowed.headers["access-control-allow-origin"]) == (200, own)
    granted = {name.strip().lower() for name in allowed.headers["access-control-allow-headers"].split(",")}
    assert {name.strip().lower() for name in names.split(",")} <= granted
    refused = await shop.api.options("/v1/visit", headers=headers | {"Origin": "https://evil.example"})
    assert refused.status_code == 400
    ben = await create_link(shop)
    read = await shop.api.get(
        "/v1/visit", headers={"Authorization": f"Bearer {ben['ticket']}", "traceparent": "00-1-1-01"}
    )
    assert read.status_code == 200
