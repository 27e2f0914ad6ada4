"""Two processes behind nginx, with the files of `deploy/nginx`."""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from cli.program import answering, started
from polling import eventually
from scaling.local_proxies import (
    HTTP_CONF,
    LOCATIONS_CONF,
    MAIN_CONF,
    ROOT,
    Proxy,
    needs_nginx,
    nginx,
    nginx_command,
    write_nginx,
)
from tenants import Tenant, free_port
from videobroker.cli import serve
from videobroker.settings import Settings
from videobroker.web.http.requests import LARGEST_BODY

pytestmark = needs_nginx

JOIN = "/v1/bookings/lesson-1/join"
SHIPPED = ROOT / "deploy" / "nginx"


@dataclass(frozen=True)
class Replicas:
    """Two processes, and nginx in front of them."""

    processes: tuple[subprocess.Popen[bytes], ...]
    urls: tuple[str, ...]
    proxy: Proxy


@pytest.fixture(scope="module")
def replicas(
    database: str, settings: Settings, log_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Replicas]:
    """Two processes that leave the background work to others, and nginx."""
    folder = tmp_path_factory.mktemp("nginx")
    ports = (free_port(), free_port())
    with ExitStack() as stack:
        processes = []
        for port in ports:
            variables = {
                "DATABASE_URL": database,
                "PORT": str(port),
                "VIDEOBROKER_SECRET_KEY": settings.secret_key[0].get_secret_value(),
            }
            log = log_folder / f"behind-nginx-{port}.log"
            running = started("serve", "--no-work", cwd=folder, log=log, variables=variables)
            processes.append(stack.enter_context(running))
        urls = tuple(f"http://127.0.0.1:{port}" for port in ports)
        for process, url, port in zip(processes, urls, ports, strict=True):
            answering(process, f"{url}/readyz", log_folder / f"behind-nginx-{port}.log")
        yield Replicas(tuple(processes), urls, stack.enter_context(nginx(folder, ports)))


@asynccontextmanager
async def client(url: str, tenant: Tenant) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {tenant.key}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30, trust_env=False) as client:
        yield client


def certificate(folder: Path) -> None:
    """A certificate that nobody trusts, where the site wants it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "video.example.com")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "privkey.pem").write_bytes(key.private_bytes(*pem))


def test_nginx_accepts_the_whole_site(tmp_path: Path) -> None:
    write_nginx(tmp_path, ports=[free_port()], listen=free_port())
    certificate(tmp_path)
    site = (SHIPPED / "site.conf").read_text()
    assert set(re.findall(r"include /etc/nginx/videobroker/(\S+);", site)) == {HTTP_CONF, LOCATIONS_CONF}
    site = site.replace("/etc/nginx/videobroker/", f"{tmp_path}/").replace("/etc/ssl/videobroker/", f"{tmp_path}/")
    # Ports that this user may have, on the loopback.
    site = re.sub(r"listen \[::\]:\d+", lambda _: f"listen 127.0.0.1:{free_port()}", site)
    site = re.sub(r"listen (?:80|443)\b", lambda _: f"listen 127.0.0.1:{free_port()}", site)
    (tmp_path / "site.conf").write_text(site)
    (tmp_path / "nginx.conf").write_text(MAIN_CONF.format(folder=tmp_path, http=tmp_path / "site.conf", server=""))
    tested = subprocess.run(nginx_command("-t", folder=tmp_path), capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
    assert "[warn]" not in tested.stderr


def test_nginx_lets_go_of_an_idle_connection_before_the_service_does() -> None:
    (seconds,) = re.findall(r"\bkeepalive_timeout (\d+)s;", (SHIPPED / HTTP_CONF).read_text())
    assert int(seconds) < serve.KEEP_ALIVE_SECONDS


def test_nginx_takes_bodies_as_large_as_the_service_does() -> None:
    (megabytes,) = re.findall(r"client_max_body_size (\d+)m;", (SHIPPED / LOCATIONS_CONF).read_text())
    assert int(megabytes) * 1024 * 1024 == LARGEST_BODY


async def test_who_joined_at_one_process_is_refused_at_the_other_as_soon_as_the_booking_is_cancelled(
    tutoring: Tenant, replicas: Replicas
) -> None:
    await tutoring.book()
    async with (
        client(replicas.proxy.url, tutoring) as proxied,
        client(replicas.urls[0], tutoring) as one,
        client(replicas.urls[1], tutoring) as other,
    ):
        answers = await asyncio.gather(*(proxied.post(JOIN, json={"user_id": "tutor-1"}) for _ in range(30)))
        assert {answer.status_code for answer in answers} == {200}
        assert len({answer.json()["room_id"] for answer in answers}) == 1
        assert (await other.post(JOIN, json={"user_id": "student-1"})).status_code == 200
        assert (await one.post("/v1/bookings/lesson-1/cancel")).status_code == 200
        for asked in (other, proxied, one):
            refused = await asked.post(JOIN, json={"user_id": "student-1"})
            assert (refused.status_code, refused.json()["code"]) == (403, "session_cancelled")
    served = re.findall(r"POST /v1/bookings 200 .* upstream=(\S+) ", replicas.proxy.access_log.read_text())
    assert set(served) == {url.removeprefix("http://") for url in replicas.urls}


async def test_a_stream_through_nginx_tells_of_a_join_while_it_is_open(tutoring: Tenant, replicas: Replicas) -> None:
    await tutoring.book()
    async with (
        client(replicas.proxy.url, tutoring) as proxied,
        proxied.stream("GET", "/v1/events/stream") as answer,
        asyncio.timeout(30),
    ):
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        assert await anext(lines) == ": listening"
        assert (await proxied.post(JOIN, json={"user_id": "tutor-1"})).status_code == 200
        told: list[str] = []
        while "credentials.issued" not in told:
            line = await anext(lines)
            if line.startswith("data: "):
                told.append(json.loads(line[6:])["type"])


async def test_what_is_not_for_the_public_is_not_served(tutoring: Tenant, replicas: Replicas) -> None:
    async with client(replicas.proxy.url, tutoring) as proxied, client(replicas.urls[0], tutoring) as inside:
        assert (await proxied.get("/metrics")).status_code == 404
        assert (await inside.get("/metrics")).status_code == 200
        assert (await proxied.get("/healthz")).status_code == 200
        # From this machine.
        assert (await proxied.get("/readyz")).status_code == 200
        large = await proxied.put("/v1/bookings/lesson-1", content=b" " * (LARGEST_BODY + 1))
        assert large.status_code == 413


async def test_the_journal_has_the_address_that_nginx_saw_whatever_the_client_says(
    tutoring: Tenant, replicas: Replicas
) -> None:
    await tutoring.book()
    said = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9", "X-Forwarded-Proto": "https"}
    async with client(replicas.proxy.url, tutoring) as proxied:
        assert (await proxied.post(JOIN, json={"user_id": "tutor-1"}, headers=said)).status_code == 200
    (issued,) = await tutoring.events("credentials.issued")
    assert issued["asked_by"]["ip"] == "127.0.0.1"


async def test_no_ticket_no_reference_and_no_person_stands_in_nginx_logs(
    tutoring: Tenant, replicas: Replicas, tmp_path: Path
) -> None:
    secret, person = "the-ticket-that-lets-somebody-in", "a-person-of-that-name"
    paths = (f"/join/{secret}", f"/join/{secret}/enter", f"/v1/bookings/{secret}/participants/{person}")
    with nginx(tmp_path, [free_port()]) as nobody_behind:
        for proxy, status in ((replicas.proxy, {401, 404}), (nobody_behind, {502})):
            async with httpx.AsyncClient(base_url=proxy.url, trust_env=False) as visitor:
                for path in paths:
                    referring = {"Referer": f"{proxy.url}/join/{secret}"}
                    answer = await visitor.get(path, params={"who": person}, headers=referring)
                    assert answer.status_code in status
            logged = proxy.access_log.read_text() + proxy.error_log.read_text()
            assert "GET /join " in logged
            assert "GET /v1/bookings " in logged
            assert secret not in logged
            assert person not in logged


def connections_to(url: str) -> list[int | None]:
    """The processes that have a connection to this address."""
    port = urlsplit(url).port
    return [each.pid for each in psutil.net_connections("tcp") if each.raddr and each.raddr.port == port]


async def test_a_process_that_is_killed_is_missed_by_nobody(tutoring: Tenant, replicas: Replicas) -> None:
    """The last test here: one process is gone afterwards."""
    await tutoring.book()
    async with client(replicas.proxy.url, tutoring) as proxied:
        assert (await proxied.post(JOIN, json={"user_id": "tutor-1"})).status_code == 200
        replicas.processes[0].kill()
        replicas.processes[0].wait()
        # nginx has seen that the connections in its pool are closed.
        await eventually(lambda: not connections_to(replicas.urls[0]))
        answers = await asyncio.gather(*(proxied.post(JOIN, json={"user_id": "tutor-1"}) for _ in range(30)))
    assert [answer.status_code for answer in answers] == [200] * 30
