"""What a browser has to be told about an app before it shows the page behind one of its links."""

from dataclasses import dataclass
from datetime import datetime

from videobroker.broker import Broker
from videobroker.domain.apps import App
from videobroker.domain.ids import AppId
from videobroker.storage.tenants import apps
from videobroker.usecases.joining.links import find_ticket_app


@dataclass(frozen=True, slots=True)
class HostedPage:
    """Nothing of it is about the session, or about the person."""

    app_id: AppId
    embedders: tuple[str, ...]
    """Origins whose pages may show it in a frame."""
    call_pages: tuple[str, ...]
    """Addresses of the pages that it may show in a frame: those on which the app's calls take place."""
    expired: bool
    """The ticket has expired or was revoked."""


async def hosted_page(broker: Broker, text: str, *, now: datetime) -> HostedPage:
    """How the page behind this ticket is shown. Raises `TicketInvalid` for what never was a ticket."""
    app, error = await find_ticket_app(broker, text, now=now)
    if error is not None:
        return HostedPage(app.id, app.allowed_origins, (), expired=True)
    return HostedPage(app.id, app.allowed_origins, _call_pages(broker, app), expired=False)


async def embedders_of(broker: Broker, app_id: AppId) -> tuple[str, ...] | None:
    """Origins whose pages may show the app's calls in a frame; None when there is no such app."""
    async with broker.store.transaction() as transaction:
        app = await apps.app_by_id(transaction, app_id)
    return None if app is None else app.allowed_origins


def _call_pages(broker: Broker, app: App) -> tuple[str, ...]:
    # All of the app's accounts: a session may move while the page is open.
    pages = [broker.provider(app, name).page_url for name in app.accounts]
    return tuple(page for page in pages if page is not None)
