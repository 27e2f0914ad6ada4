"""The hosted page, the call page, and their static files."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse, Response

from videobroker import ui
from videobroker.broker import Broker
from videobroker.domain.failed_attempts import AttemptKind
from videobroker.domain.ids import AppId
from videobroker.errors import PathNotFound, StorageUnavailable, TicketInvalid
from videobroker.usecases.joining.hosted_page import HostedPage, embedders_of, hosted_page
from videobroker.web.http.problems import log_failure, retry_after_header, retry_after_seconds
from videobroker.web.http.requests import by_name
from videobroker.web.http.static_files import static_file
from videobroker.web.http.templates import template_environment
from videobroker.web.pages.branding import brand_json, style_path
from videobroker.web.pages.call_site import CallSite
from videobroker.web.pages.policy import SdkScript, agora_headers, lobby_headers, refusal_headers

PINNED_AGORA_SDK = SdkScript(
    "https://cdn.jsdelivr.net/npm/agora-rtc-sdk-ng@4.24.8/AgoraRTC_N-production.js",
    "sha384-LLetIWljRRsVdAiDUW5qNfAuV8n0YvSPGr6vd4Fy/COvGIGaW1RJtURRgB76/YVU",
)
"""From Agora's npm package. The CDN serves packages unchanged, so the digest can be verified against npm."""

STATIC = Path(__file__).parent / "static"
_ANY_ORIGIN = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
_templates = template_environment("videobroker.web.pages")

router = APIRouter(include_in_schema=False, generate_unique_id_function=by_name)
"""Not part of the API's contract: only browsers request these paths. The pages themselves call `/v1`."""


@dataclass(frozen=True, slots=True)
class PageSettings:
    """Settings of the deployment for the pages."""

    site: CallSite
    agora_sdk: SdkScript


async def _settings(request: Request) -> PageSettings:
    settings: PageSettings = request.app.state.pages
    return settings


Settings = Annotated[PageSettings, Depends(_settings)]


async def _find_page(request: Request, ticket: str) -> HostedPage | Response:
    broker: Broker = request.app.state.broker
    try:
        page = await hosted_page(broker, ticket, now=broker.now())
    except TicketInvalid:
        penalty = await broker.failed_attempts.penalize(
            AttemptKind.CREDENTIAL, request.client.host if request.client else None
        )
        if penalty is None or penalty.was_delayed:
            return _shell("ticket_invalid", 404, refusal_headers())
        headers = refusal_headers() | {"Retry-After": str(retry_after_seconds(penalty.retry_after))}
        return _shell("ticket_invalid", 429, headers)
    except StorageUnavailable as error:
        log_failure(error)
        return _shell("unavailable", 503, refusal_headers() | retry_after_header(error))
    if page.expired:
        return _shell("ticket_expired", 410, refusal_headers(embedders=page.embedders), page)
    return page


@router.get("/join/{ticket}")
async def show_hosted_page(request: Request, ticket: str, settings: Settings) -> Response:
    page = await _find_page(request, ticket)
    if isinstance(page, Response):
        return page
    call_page = settings.site.page(str(request.url), page.app_id)
    elsewhere = [] if call_page is None or call_page.startswith("..") else [call_page]
    headers = lobby_headers(embedders=page.embedders, call_pages=[*page.call_pages, *elsewhere])
    return _shell("open", 200, headers, page, call_page)


@router.get("/call/agora/{app_id}")
async def show_agora_page(request: Request, app_id: UUID, settings: Settings) -> Response:
    parents, sdk = settings.site.parents(str(request.url)), settings.agora_sdk
    embedders = await embedders_of(request.app.state.broker, AppId(app_id))
    if embedders is None or not parents:
        raise PathNotFound("Page not found.")
    content = _render(
        "agora.html",
        sdk=sdk.url,
        integrity=sdk.integrity or "",
        parents=" ".join(parents),
        call_modules=ui.CALL_MODULES,
    )
    return HTMLResponse(content, headers=agora_headers(sdk, embedders=[*parents, *embedders]))


@router.get("/pages/{name}")
async def send_page_file(request: Request, name: str) -> Response:
    return static_file(STATIC, name).response(request)


@router.get("/embed.js")
async def send_embedding_script(request: Request) -> Response:
    return static_file(STATIC, "embed.js").response(request, **_ANY_ORIGIN)


def _shell(
    state: str, status: int, headers: dict[str, str], page: HostedPage | None = None, call_page: str | None = None
) -> Response:
    content = _render(
        "join.html",
        state=state,
        embedders=" ".join(page.embedders) if page else "",
        call_page=call_page or "",
        brand=brand_json(page.app_id, page.branding, page.return_url) if page else "{}",
        brand_style=style_path(page.app_id, page.branding) if page else "",
    )
    return HTMLResponse(content, status, headers=headers)


def _render(name: str, **values: object) -> str:
    return _templates.get_template(name).render(values)
