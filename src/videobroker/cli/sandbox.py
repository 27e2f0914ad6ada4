"""`videobroker sandbox`."""

import sys
import threading
from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from videobroker.cli.terminal import is_plain
from videobroker.sandbox import create_sandbox, demo_config, server_config


def sandbox(
    host: Annotated[str, typer.Option(envvar="SANDBOX_HOST", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(envvar="SANDBOX_PORT", min=0, max=65535, help="Port to listen on.")] = 8081,
    state: Annotated[
        Path | None,
        typer.Option(help="File that preserves rooms and codes across restarts. Default: none."),
    ] = None,
    until_stdin_closes: Annotated[
        bool, typer.Option(help="Stop when stdin is closed, for example because the parent process exited.")
    ] = False,
) -> None:
    """Run emulated providers for development and tests.

    Point the service at it with HMS_API_URL=http://127.0.0.1:8081/v2. GET /_sandbox/counters counts the
    requests it received, POST /_sandbox/faults injects delays, errors, and timeouts, and PUT /_sandbox/webhooks enables
    webhooks. Do not use it in production: its secrets are public.
    """
    config = server_config(
        create_sandbox(demo_config(state)),
        host=host,
        port=port,
        log_level="warning",
        # None means colors on a terminal only.
        use_colors=False if is_plain() else None,
    )
    server = uvicorn.Server(config)
    if until_stdin_closes:
        threading.Thread(target=_stop_with_stdin, args=[server], daemon=True).start()
    server.run()


def _stop_with_stdin(server: uvicorn.Server) -> None:
    sys.stdin.buffer.read()
    server.should_exit = True
