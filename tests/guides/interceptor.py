"""A proxy between a product and the service, which can also respond itself."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import httpx


@dataclass
class Interceptor:
    """Forwards requests of a product to the demo, unless the test sets an answer."""

    upstream: str
    answer: tuple[int, dict[str, str], Any] | None = None
    """Status, headers, and JSON body."""

    @contextmanager
    def responding(self, status: int, body: Any, **headers: str) -> Iterator[None]:
        """Respond like this to all requests in the block."""
        self.answer = status, {name.replace("_", "-"): value for name, value in headers.items()}, body
        try:
            yield
        finally:
            self.answer = None

    @contextmanager
    def serving(self) -> Iterator[str]:
        """The URL of a server on this machine."""
        with httpx.Client(base_url=self.upstream, timeout=30, trust_env=False) as client:
            server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, self, client))
            thread = Thread(target=server.serve_forever)
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()
                server.server_close()


class _Handler(BaseHTTPRequestHandler):
    def __init__(self, interceptor: Interceptor, client: httpx.Client, *connection: Any) -> None:
        self._interceptor = interceptor
        self._client = client
        super().__init__(*connection)

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self._interceptor.answer is not None:
            status, headers, answer = self._interceptor.answer
            self._respond(status, {"content-type": "application/problem+json", **headers}, json.dumps(answer).encode())
            return
        # The demo has to see its own host: links begin with it.
        sent = {name: self.headers[name] for name in ("Authorization", "Content-Type")}
        response = self._client.request(self.command, self.path, content=body, headers=sent)
        self._respond(response.status_code, {"content-type": response.headers["content-type"]}, response.content)

    def do_PUT(self) -> None:
        self._forward()

    def do_POST(self) -> None:
        self._forward()

    def _respond(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Requests are not logged."""
