"""The console: server-rendered pages for operators, without a build step."""

from fastapi import FastAPI

from videobroker.web.console import (
    app_credentials,
    app_settings,
    booking,
    deliveries,
    diagnostics,
    editing,
    exporting,
    journal,
    link,
    live,
    login,
    managed_apps,
    oidc,
    operator_keys,
    search,
    session,
    today,
    trends,
)
from videobroker.web.console.access import ConsoleAccess

PATH = "/console"
_MODULES = (
    login,
    link,
    oidc,
    today,
    search,
    session,
    exporting,
    editing,
    booking,
    journal,
    live,
    trends,
    deliveries,
    diagnostics,
    managed_apps,
    app_settings,
    app_credentials,
    operator_keys,
)
ROUTERS = (*(module.router for module in _MODULES), login.not_found)
"""The last one handles all other paths."""


def install(app: FastAPI, access: ConsoleAccess) -> None:
    """Add the console to the service. It is not part of the API's contract."""
    app.state.console = access
    app.state.console_check_runs = {}
    app.state.console_streams = live.OpenStreams()
    for router in ROUTERS:
        app.include_router(router, prefix=PATH, include_in_schema=False)
