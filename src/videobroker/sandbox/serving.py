"""How the sandbox is served."""

from typing import Any

import uvicorn
from starlette.types import ASGIApp

KEEP_ALIVE_SECONDS = 75
"""Longer than clients keep an idle connection (httpx: 5 s, which is uvicorn's own default as well). The client has to
end it first: a request that is under way at that moment is lost, which appears like a disconnect by the vendor."""


def server_config(app: ASGIApp, **how: Any) -> uvicorn.Config:
    """A server's configuration for `app`; `how` is passed on to uvicorn.

    Over h11: uvicorn with httptools drops the body of a request that offers HTTP/2 (`Upgrade: h2c`), as the JDK's
    client does.
    """
    return uvicorn.Config(app, **{"http": "h11", "access_log": False, "timeout_keep_alive": KEEP_ALIVE_SECONDS, **how})
