"""What the response for a hosted page depends on: framing rules of the app, and whether the ticket is accepted."""

from dataclasses import dataclass
from datetime import datetime

from videobroker.broker import Broker
from videobroker.domain.apps import App
from videobroker.domain.ids import AppId
from videobroker.storage.tenants import apps
from videobroker.usecases.joining.links import find_ticket_app


@dataclass(frozen=True, slots=True)
class HostedPage:
    """Contains nothing about the session or the person, because the page is sent before the ticket is used."""

    app_id: AppId
    embedders: tuple[str, ...]
    """Origins that may embed the page (CSP `frame-ancestors`)."""
    call_pages: tuple[str, ...]
    """URLs that the page may embed: the call pages of the app's providers."""
    expired: bool
    """The ticket has expired or was revoked."""


async def hosted_page(broker: Broker, text: str, *, now: datetime) -> HostedPage:
    """Raises `TicketInvalid` for a malformed or unknown ticket; an expired or revoked one sets `expired`."""
    app, error = await find_ticket_app(broker, text, now=now)
    if error is not None:
        return HostedPage(app.id, app.allowed_origins, (), expired=True)
    return HostedPage(app.id, app.allowed_origins, _call_pages(broker, app), expired=False)


async def embedders_of(broker: Broker, app_id: AppId) -> tuple[str, ...] | None:
    """Origins that may embed the app's calls; None if there is no such app."""
    async with broker.store.transaction() as unit_of_work:
        app = await apps.app_by_id(unit_of_work, app_id)
    return None if app is None else app.allowed_origins


def _call_pages(broker: Broker, app: App) -> tuple[str, ...]:
    # Of all accounts: the session may move to another provider while the page is open.
    pages = [broker.provider(app, name).page_url for name in app.accounts]
    return tuple(page for page in pages if page is not None)
