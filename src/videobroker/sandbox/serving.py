"""Server configuration of the sandbox."""

from typing import Any

import uvicorn
from starlette.types import ASGIApp

KEEP_ALIVE_SECONDS = 75
"""Longer than clients reuse an idle connection (httpx: 5 s, also uvicorn's default). The client must close it first:
otherwise a request that is sent at this moment is lost, and looks like a fault of the vendor."""


def server_config(app: ASGIApp, **how: Any) -> uvicorn.Config:
    """A server's configuration for `app`; `how` is passed on to uvicorn.

    Uses h11, because uvicorn with httptools drops the body of requests that offer HTTP/2 (`Upgrade: h2c`), as the JDK's
    client does.
    """
    return uvicorn.Config(app, **{"http": "h11", "access_log": False, "timeout_keep_alive": KEEP_ALIVE_SECONDS, **how})
