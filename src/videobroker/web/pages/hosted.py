"""The page behind a link, and the files it is made of."""

from dataclasses import dataclass
from html import escape
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from videobroker.broker import Broker
from videobroker.domain.ids import AppId
from videobroker.errors import PathNotFound, StorageUnavailable, TicketInvalid
from videobroker.usecases.joining.hosted_page import HostedPage, embedders_of, hosted_page
from videobroker.web.http.problems import headers_of, log_failure
from videobroker.web.http.requests import by_name
from videobroker.web.pages.assets import asset, sent, template
from videobroker.web.pages.call_site import CallSite
from videobroker.web.pages.policy import Sdk, agora_headers, lobby_headers, refusal_headers

PINNED_AGORA_SDK = Sdk(
    "https://cdn.jsdelivr.net/npm/agora-rtc-sdk-ng@4.24.8/AgoraRTC_N-production.js",
    "sha384-LLetIWljRRsVdAiDUW5qNfAuV8n0YvSPGr6vd4Fy/COvGIGaW1RJtURRgB76/YVU",
)
"""The file of Agora's npm package. That CDN serves packages unchanged, so its digest can be checked against npm."""

ANYWHERE = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}


router = APIRouter(include_in_schema=False, generate_unique_id_function=by_name)
"""Not part of the API's contract: its clients are browsers. The pages themselves call `/v1`."""


@dataclass(frozen=True, slots=True)
class PageSettings:
    """What the deployment configures about the pages."""

    site: CallSite
    agora_sdk: Sdk


async def _settings(request: Request) -> PageSettings:
    settings: PageSettings = request.app.state.pages
    return settings


Settings = Annotated[PageSettings, Depends(_settings)]


async def _find_page(request: Request, ticket: str) -> HostedPage | Response:
    broker: Broker = request.app.state.broker
    try:
        page = await hosted_page(broker, ticket, now=broker.now())
    except TicketInvalid:
        return _shell("ticket_invalid", 404, refusal_headers())
    except StorageUnavailable as error:
        log_failure(error)
        return _shell("unavailable", 503, {**refusal_headers(), **headers_of(error, 503)})
    if page.expired:
        return _shell("ticket_expired", 410, refusal_headers(embedders=page.embedders), page.embedders)
    return page


@router.get("/join/{ticket}")
async def show_hosted_page(request: Request, ticket: str, settings: Settings) -> Response:
    page = await _find_page(request, ticket)
    if isinstance(page, Response):
        return page
    call_page = settings.site.page(str(request.url), page.app_id)
    elsewhere = [] if call_page is None or call_page.startswith("..") else [call_page]
    headers = lobby_headers(embedders=page.embedders, call_pages=[*page.call_pages, *elsewhere])
    return _shell("open", 200, headers, page.embedders, call_page)


@router.get("/call/agora/{app_id}")
async def show_agora_page(request: Request, app_id: UUID, settings: Settings) -> Response:
    parents, sdk = settings.site.parents(str(request.url)), settings.agora_sdk
    embedders = await embedders_of(request.app.state.broker, AppId(app_id))
    if embedders is None or not parents:
        raise PathNotFound("There is nothing at this path.")
    filled = _filled("agora.html", sdk=sdk.url, integrity=sdk.integrity or "", parents=" ".join(parents))
    return HTMLResponse(filled, headers=agora_headers(sdk, embedders=[*parents, *embedders]))


@router.get("/pages/{name}")
async def send_page_file(request: Request, name: str) -> Response:
    return _file(request, name)


@router.get("/embed.js")
async def send_embedding_script(request: Request) -> Response:
    return _file(request, "embed.js", **ANYWHERE)


def _file(request: Request, name: str, **headers: str) -> Response:
    found = asset(name)
    if found is None:
        raise PathNotFound("There is nothing at this path.")
    return sent(found, request, **headers)


def _shell(
    state: str, status: int, headers: dict[str, str], embedders: tuple[str, ...] = (), call_page: str | None = None
) -> Response:
    filled = _filled("join.html", state=state, embedders=" ".join(embedders), call_page=call_page or "")
    return HTMLResponse(filled, status, headers=headers)


def _filled(name: str, **values: str) -> str:
    page = template(name)
    for key, value in values.items():
        page = page.replace(f"{{{key}}}", escape(value))
    return page
