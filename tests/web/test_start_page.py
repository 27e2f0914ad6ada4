"""The start page names what exists in this installation, for browsers and for programs."""

import httpx
from fastapi import FastAPI

from consoles import service_with_console
from videobroker.broker import Broker

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


async def get(service: FastAPI, **headers: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url="http://videobroker") as client:
        return await client.get("/", headers=headers)


async def test_programs_get_links_as_json(api: httpx.AsyncClient) -> None:
    response = await api.get("/")
    assert response.status_code == 200
    body = response.json()
    assert (body["name"], body["links"]) == (
        "videobroker",
        {"docs": "/docs", "openapi": "/openapi.json", "health": "/healthz"},
    )
    assert "Accept" in response.headers["vary"]


async def test_browsers_get_a_page_in_their_language(broker: Broker) -> None:
    service = service_with_console(broker)
    page = await get(service, **BROWSER)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert 'href="/console"' in page.text
    assert 'href="/demo"' not in page.text
    assert 'href="/docs"' in page.text
    german = await get(service, **BROWSER, **{"accept-language": "de"})
    assert '<html lang="de">' in german.text


async def test_a_service_without_a_console_has_a_start_page_too(api: httpx.AsyncClient) -> None:
    page = await api.get("/", headers=BROWSER)
    assert (page.status_code, 'href="/console"' in page.text) == (200, False)
    assert 'href="/docs"' in page.text


async def test_every_link_leads_somewhere(broker: Broker) -> None:
    service = service_with_console(broker)
    links = (await get(service)).json()["links"]
    async with httpx.AsyncClient(transport=httpx.ASGITransport(service), base_url="http://videobroker") as client:
        for path in links.values():
            assert (await client.get(path)).status_code in {200, 303}, path
