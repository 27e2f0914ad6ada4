"""The products in `examples`: all have the same endpoints."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx

from cli.program import running_program
from guides.backends import Backend
from guides.demo import Demo
from guides.interceptor import Interceptor
from polling import eventually_blocking
from tenants import free_port

HOOK_PATH = "/webhooks/video"
SESSION_SECRET = "a secret of the test, 32 characters"


@dataclass(frozen=True)
class Product:
    """A running example that is connected to the demo."""

    url: str
    secret: str
    endpoint_id: str
    service: Interceptor
    log: Callable[[], str]

    @contextmanager
    def signed_in(self, user_id: str) -> Iterator["Visitor"]:
        """A browser of this person."""
        # uvicorn closes a connection after an exception of the application: a request that reuses it would fail.
        limits = httpx.Limits(max_keepalive_connections=0)
        with httpx.Client(base_url=self.url, timeout=30, trust_env=False, limits=limits) as client:
            visitor = Visitor(client)
            signed_in = visitor.post("/sign-in", {"user_id": user_id})
            assert signed_in.is_success, signed_in.text + self.log()
            yield visitor


@dataclass(frozen=True)
class Visitor:
    """Sends requests as a page of the product would: with cookies, and with the token against CSRF, if there is one."""

    client: httpx.Client

    def post(self, path: str, body: Any = None) -> httpx.Response:
        return self.client.post(path, json=body or {}, headers=self._csrf_headers())

    def _csrf_headers(self) -> dict[str, str]:
        # Django, and Rails as its guide sets the cookie.
        if token := self.client.cookies.get("csrftoken"):
            return {"X-CSRFToken": token, "X-CSRF-Token": unquote(token)}
        # Laravel.
        token = self.client.cookies.get("XSRF-TOKEN")
        return {"X-XSRF-TOKEN": unquote(token)} if token else {}

    def request_lesson(self, *, starts_in: timedelta = timedelta(minutes=5)) -> str:
        """Request a lesson with Ada. Returns its ID."""
        starts_at = (datetime.now(UTC) + starts_in).isoformat(timespec="seconds")
        response = self.post("/bookings", {"tutor_id": "ada", "starts_at": starts_at})
        assert response.status_code == 201, response.text
        return str(response.json()["id"])

    def lesson(self, booking_id: str) -> dict[str, Any]:
        response = self.client.get(f"/bookings/{booking_id}")
        assert response.status_code == 200, response.text
        lesson: dict[str, Any] = response.json()
        return lesson


@contextmanager
def running_product(backend: Backend, demo: Demo, *, public: Path | None = None) -> Iterator[Product]:
    """Run a copy of the example, after its webhook endpoint was created. It also serves the folder `public`."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    endpoint = demo.send("POST", "/v1/webhook-endpoints", {"url": url + HOOK_PATH, "types": ["call.ended"]})
    service = Interceptor(demo.url)
    with tempfile.TemporaryDirectory(prefix=f"videobroker-{backend.name}-") as name, service.serving() as service_url:
        folder = Path(name) / backend.name
        variables = {
            "VIDEOBROKER_URL": service_url,
            "VIDEOBROKER_API_KEY": demo.key,
            "VIDEOBROKER_WEBHOOK_SECRET": endpoint["secret"],
            "SESSION_SECRET": SESSION_SECRET,
            "PORT": str(port),
        }
        backend.copy_to(folder, variables)
        if public is not None:
            shutil.copytree(public, folder / "public")
        log = Path(name) / "log"
        command = backend.command(port)
        with running_program(cwd=folder, log=log, variables=variables, command=command) as process:
            eventually_blocking(lambda: process.poll() is not None or is_responding(url), context=log.read_text)
            assert process.poll() is None, log.read_text()
            yield Product(url, endpoint["secret"], endpoint["id"], service, log.read_text)
    demo.client.delete(f"/v1/webhook-endpoints/{endpoint['id']}")


def is_responding(url: str) -> bool:
    """Whether a server responds at the URL, with any status."""
    try:
        return bool(httpx.get(url, trust_env=False).status_code)
    except httpx.TransportError:
        return False
