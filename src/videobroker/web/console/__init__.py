"""The console: what an operator sees and does, as pages. Rendered here, without a build step."""

from fastapi import FastAPI

from videobroker.web.console import booking, deliveries, diagnostics, login, session, today
from videobroker.web.console.access import ConsoleAccess

PATH = "/console"
_PARTS = (login, today, session, booking, deliveries, diagnostics)
ROUTERS = (*(part.router for part in _PARTS), login.nowhere)
"""The last one answers where no page does."""


def install(app: FastAPI, door: ConsoleAccess) -> None:
    """Give the service a console behind this door. It is no part of the API's contract."""
    app.state.console = door
    app.state.console_examinations = {}
    for router in ROUTERS:
        app.include_router(router, prefix=PATH, include_in_schema=False)
