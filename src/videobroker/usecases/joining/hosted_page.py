"""What the response for a hosted page depends on: framing rules of the app, and whether the ticket is accepted."""

from dataclasses import dataclass
from datetime import datetime

from videobroker.broker import Broker
from videobroker.domain.apps import App
from videobroker.domain.branding import NO_BRANDING, Branding
from videobroker.domain.ids import AppId
from videobroker.storage.tenants import apps
from videobroker.usecases.joining.links import find_ticket_app


@dataclass(frozen=True, slots=True)
class HostedPage:
    """Of the session, only its reference in the return URL: the page is sent before the ticket is used."""

    app_id: AppId
    embedders: tuple[str, ...]
    """Origins that may embed the page (CSP `frame-ancestors`)."""
    call_pages: tuple[str, ...]
    """URLs that the page may embed: the call pages of the app's providers."""
    expired: bool
    """The ticket has expired or was revoked."""
    branding: Branding = NO_BRANDING
    return_url: str | None = None
    """The branding's return URL for the session of the ticket."""


async def hosted_page(broker: Broker, text: str, *, now: datetime) -> HostedPage:
    """Raises `TicketInvalid` for a malformed or unknown ticket; an expired or revoked one sets `expired`."""
    app, error = await find_ticket_app(broker, text, now=now)
    return HostedPage(
        app.id,
        app.allowed_origins,
        () if error is not None else _call_pages(broker, app),
        expired=error is not None,
        branding=app.branding,
        # `find_ticket_app` has verified the signature of the ticket, which names the session.
        return_url=app.branding.return_url_for(broker.tickets.read(text).session.reference),
    )


async def embedders_of(broker: Broker, app_id: AppId) -> tuple[str, ...] | None:
    """Origins that may embed the app's calls; None if there is no such app."""
    async with broker.store.transaction(app_id) as unit_of_work:
        app = await apps.app_by_id(unit_of_work, app_id)
    return None if app is None else app.allowed_origins


def _call_pages(broker: Broker, app: App) -> tuple[str, ...]:
    # Of all accounts: the session may move to another provider while the page is open.
    pages = [broker.provider(app, name).page_url for name in app.accounts]
    return tuple(page for page in pages if page is not None)
