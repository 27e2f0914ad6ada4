"""Pages of other origins ask from a browser (CORS)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest

from tenants import Tenant, create_link, send_as
from videobroker.broker import Broker
from videobroker.errors import InvalidInput
from videobroker.usecases import tenants
from videobroker.web.app import create_app
from videobroker.web.http import cors

ASK = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}


@pytest.fixture
async def browser(broker: Broker) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a service that lets one origin ask."""

    @asynccontextmanager
    async def lifetime() -> AsyncIterator[Broker]:
        yield broker

    service = create_app(lifetime, allowed_origins=["https://app.example"])
    service.state.broker = broker
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url="http://videobroker") as client:
        yield client


async def test_a_page_of_an_allowed_origin_may_ask(browser: httpx.AsyncClient) -> None:
    headers = ASK | {"Origin": "https://app.example"}
    allowed = await browser.options("/v1/bookings/lesson-1/join", headers=headers)
    assert allowed.status_code == 200
    assert allowed.headers["access-control-allow-origin"] == "https://app.example"
    refused = await browser.get("/v1/bookings", headers={"Origin": "https://app.example"})
    assert (refused.status_code, refused.headers["access-control-allow-origin"]) == (401, "https://app.example")


@pytest.fixture
async def shop(tutoring: Tenant, monkeypatch: pytest.MonkeyPatch) -> Tenant:
    """An app with pages of its own."""
    monkeypatch.setattr(cors, "ORIGINS_TTL_SECONDS", 0.0)
    await tutoring.book()
    return await having(tutoring, f"https://{tutoring.app.id}.example")


async def having(tenant: Tenant, *allowed: str) -> Tenant:
    """The app with these origins."""
    app = tenant.app
    changed = await tenants.change_app(
        tenant.broker,
        app,
        policy=app.policy,
        role_maps=app.role_maps,
        allowed_origins=allowed,
        now=tenant.broker.now(),
    )
    return replace(tenant, app=changed)


async def stored_origins(tenant: Tenant) -> tuple[str, ...]:
    return (await tenants.find_app_by_id(tenant.broker, tenant.app.id)).allowed_origins


def reader(response: httpx.Response) -> str | None:
    """Whose pages may read this."""
    origin: str | None = response.headers.get("access-control-allow-origin")
    return origin


async def test_a_page_of_an_app_may_ask_for_its_own_users_and_for_those_of_no_other_app(
    shop: Tenant, other: Tenant
) -> None:
    await other.book()
    (own,) = shop.app.allowed_origins
    join = "/v1/bookings/lesson-1/join"
    preflight = await shop.api.options(join, headers=ASK | {"Origin": own})
    assert (preflight.status_code, reader(preflight)) == (200, own)
    mine, theirs = await create_link(shop), await create_link(other)
    joined = await send_as(shop, mine, "POST", join, Origin=own)
    assert (joined.status_code, reader(joined)) == (200, own)
    assert reader(await send_as(shop, mine, "GET", "/v1/visit", Origin=own)) == own
    assert reader(await send_as(shop, theirs, "GET", "/v1/visit", Origin=own)) is None
    assert reader(await send_as(shop, theirs, "POST", join, Origin=own)) is None


async def test_a_page_of_an_app_may_read_why_its_user_was_refused(shop: Tenant) -> None:
    (own,) = shop.app.allowed_origins
    for text, status in (("vbt_nonsense", 401), ((await create_link(shop))["ticket"], 403)):
        refused = await send_as(shop, text, "GET", "/v1/bookings", Origin=own)
        assert (refused.status_code, reader(refused)) == (status, own)


async def test_no_page_of_an_app_uses_a_key_or_the_old_endpoints(shop: Tenant) -> None:
    (own,) = shop.app.allowed_origins
    assert reader(await shop.get("/v1/bookings", headers={"Origin": own})) is None
    old = await shop.api.options("/api/100ms/token", headers=ASK | {"Origin": own})
    assert (old.status_code >= 400, reader(old)) == (True, None)
    assert reader(await shop.api.get("/healthz", headers={"Origin": own})) is None


async def test_an_origin_that_was_taken_away_may_not_ask_any_more(shop: Tenant) -> None:
    (own,) = shop.app.allowed_origins
    ben = await create_link(shop)
    await having(shop)
    preflight = await shop.api.options("/v1/visit", headers=ASK | {"Origin": own})
    assert (preflight.status_code, reader(preflight)) == (400, None)
    assert reader(await send_as(shop, ben, "GET", "/v1/visit", Origin=own)) is None
    assert await stored_origins(shop) == ()


async def test_pages_of_the_deployment_may_ask_for_every_app(
    browser: httpx.AsyncClient, shop: Tenant, other: Tenant
) -> None:
    await other.book()
    for tenant in (shop, other):
        ticket = (await create_link(tenant))["ticket"]
        headers = {"Origin": "https://app.example", "Authorization": f"Bearer {ticket}"}
        assert reader(await browser.get("/v1/visit", headers=headers)) == "https://app.example"


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
async def test_what_is_no_origin_is_refused_and_nothing_is_changed(shop: Tenant, wrong: str) -> None:
    with pytest.raises(InvalidInput):
        await having(shop, "https://fine.example", wrong)
    assert await stored_origins(shop) == shop.app.allowed_origins


async def test_an_origin_is_kept_as_browsers_send_it(shop: Tenant) -> None:
    written = ["HTTPS://Shop.Example/", "https://shop.example:443", "http://localhost:3000", "http://[::1]:80"]
    changed = await having(shop, *written)
    assert changed.app.allowed_origins == ("https://shop.example", "http://localhost:3000", "http://[::1]")


async def test_a_page_of_another_origin_may_not(browser: httpx.AsyncClient, api: httpx.AsyncClient) -> None:
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
async def test_a_page_may_send_what_tracing_libraries_add(shop: Tenant, names: str) -> None:
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
