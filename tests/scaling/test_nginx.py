"""Two processes behind nginx, with the files of `deploy/nginx`."""

import asyncio
import json
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
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
from fastapi import FastAPI

from cli.program import await_ready, running_program
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
    start_listener,
    write_nginx,
)
from servers import serving
from tenants import Tenant, free_port
from videobroker import wiring
from videobroker.broker import Broker
from videobroker.cli import serve
from videobroker.settings import Settings
from videobroker.web.app import Service, create_app
from videobroker.web.http.http1_connection import DRAIN_SECONDS
from videobroker.web.http.requests import MAX_BODY_BYTES

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
    """Two processes without background jobs, and nginx."""
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
            running = running_program("serve", "--no-work", cwd=folder, log=log, variables=variables)
            processes.append(stack.enter_context(running))
        urls = tuple(f"http://127.0.0.1:{port}" for port in ports)
        for process, url, port in zip(processes, urls, ports, strict=True):
            await_ready(process, f"{url}/readyz", log_folder / f"behind-nginx-{port}.log")
        yield Replicas(tuple(processes), urls, stack.enter_context(nginx(folder, ports)))


@asynccontextmanager
async def client(url: str, tenant: Tenant) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {tenant.key}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30, trust_env=False) as client:
        yield client


def certificate(folder: Path) -> None:
    """An untrusted certificate at the path of the configuration."""
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


def write_site(folder: Path, *, http: int, https: int) -> None:
    """Writes a configuration with the shipped site, on unprivileged ports on loopback."""
    write_nginx(folder, ports=[free_port()], listen=free_port())
    certificate(folder)
    site = (SHIPPED / "site.conf").read_text()
    assert set(re.findall(r"include /etc/nginx/videobroker/(\S+);", site)) == {HTTP_CONF, LOCATIONS_CONF}
    site = site.replace("/etc/nginx/videobroker/", f"{folder}/").replace("/etc/ssl/videobroker/", f"{folder}/")
    site = re.sub(r"listen \[::\]:\d+", lambda _: f"listen 127.0.0.1:{free_port()}", site)
    site = re.sub(r"listen 80\b", f"listen 127.0.0.1:{http}", site)
    site = re.sub(r"listen 443\b", f"listen 127.0.0.1:{https}", site)
    (folder / "site.conf").write_text(site)
    (folder / "nginx.conf").write_text(MAIN_CONF.format(folder=folder, http=folder / "site.conf", server=""))


async def test_programs_are_not_redirected_to_https_and_browsers_remember_it(tmp_path: Path) -> None:
    http, https = free_port(), free_port()
    write_site(tmp_path, http=http, https=https)
    with start_listener(nginx_command(folder=tmp_path), https, tmp_path / "nginx.out"):
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:  # noqa: S501  a certificate of the test
            for path in (JOIN, "/api/100ms/token", "/hooks/100ms/school"):
                refused = await client.post(f"http://127.0.0.1:{http}{path}", headers={"Authorization": "Bearer vb_x"})
                assert (refused.status_code, "location" in refused.headers) == (403, False), path
            for path in ("/join/ticket", "/console", "/"):
                redirected = await client.get(f"http://127.0.0.1:{http}{path}")
                assert redirected.headers["location"] == f"https://127.0.0.1{path}"
            # There is no service, so this is an error of nginx, which has the header too.
            response = await client.get(f"https://127.0.0.1:{https}/")
    assert response.headers["strict-transport-security"] == "max-age=31536000; includeSubDomains"


def test_only_current_versions_of_tls_are_enabled() -> None:
    site = (SHIPPED / "site.conf").read_text()
    assert re.findall(r"ssl_protocols ([^;]+);", site) == ["TLSv1.2 TLSv1.3"] * site.count("listen 443 ssl")


def test_nginx_accepts_the_configuration(tmp_path: Path) -> None:
    write_site(tmp_path, http=free_port(), https=free_port())
    tested = subprocess.run(nginx_command("-t", folder=tmp_path), capture_output=True, text=True, check=False)
    assert tested.returncode == 0, tested.stderr
    assert "[warn]" not in tested.stderr


def test_nginx_closes_idle_connections_before_the_service_does() -> None:
    (seconds,) = re.findall(r"\bkeepalive_timeout (\d+)s;", (SHIPPED / HTTP_CONF).read_text())
    assert int(seconds) < serve.KEEP_ALIVE_SECONDS
    # Also when it stops: a POST on a connection that is being closed would be lost.
    assert int(seconds) < DRAIN_SECONDS


def test_nginx_accepts_bodies_as_large_as_the_service_does() -> None:
    (megabytes,) = re.findall(r"client_max_body_size (\d+)m;", (SHIPPED / LOCATIONS_CONF).read_text())
    assert int(megabytes) * 1024 * 1024 == MAX_BODY_BYTES


async def test_a_cancellation_applies_to_both_processes_immediately(tutoring: Tenant, replicas: Replicas) -> None:
    await tutoring.book()
    async with (
        client(replicas.proxy.url, tutoring) as proxied,
        client(replicas.urls[0], tutoring) as one,
        client(replicas.urls[1], tutoring) as other,
    ):
        responses = await asyncio.gather(*(proxied.post(JOIN, json={"user_id": "tutor-1"}) for _ in range(30)))
        assert {response.status_code for response in responses} == {200}
        assert len({response.json()["room_id"] for response in responses}) == 1
        assert (await other.post(JOIN, json={"user_id": "student-1"})).status_code == 200
        assert (await one.post("/v1/bookings/lesson-1/cancel")).status_code == 200
        for process_client in (other, proxied, one):
            refused = await process_client.post(JOIN, json={"user_id": "student-1"})
            assert (refused.status_code, refused.json()["code"]) == (403, "session_cancelled")
    served = re.findall(r"POST /v1/bookings 200 .* upstream=(\S+) ", replicas.proxy.access_log.read_text())
    assert set(served) == {url.removeprefix("http://") for url in replicas.urls}


async def test_nginx_does_not_buffer_streams(tutoring: Tenant, replicas: Replicas) -> None:
    await tutoring.book()
    async with (
        client(replicas.proxy.url, tutoring) as proxied,
        proxied.stream("GET", "/v1/events/stream") as response,
        asyncio.timeout(30),
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        lines = response.aiter_lines()
        assert await anext(lines) == ": listening"
        assert (await proxied.post(JOIN, json={"user_id": "tutor-1"})).status_code == 200
        event_types: list[str] = []
        while "credentials.issued" not in event_types:
            line = await anext(lines)
            if line.startswith("data: "):
                event_types.append(json.loads(line[6:])["type"])


async def test_private_paths_are_not_served(tutoring: Tenant, replicas: Replicas) -> None:
    async with client(replicas.proxy.url, tutoring) as proxied, client(replicas.urls[0], tutoring) as inside:
        assert (await proxied.get("/metrics")).status_code == 404
        assert (await inside.get("/metrics")).status_code == 200
        assert (await proxied.get("/healthz")).status_code == 200
        # Permitted for this machine.
        assert (await proxied.get("/readyz")).status_code == 200
        large = await proxied.put("/v1/bookings/lesson-1", content=b" " * (MAX_BODY_BYTES + 1))
        assert large.status_code == 413


async def test_the_journal_has_the_client_address_of_nginx_not_of_headers(tutoring: Tenant, replicas: Replicas) -> None:
    await tutoring.book()
    forwarded = {"X-Forwarded-For": "203.0.113.9", "Forwarded": "for=203.0.113.9", "X-Forwarded-Proto": "https"}
    async with client(replicas.proxy.url, tutoring) as proxied:
        assert (await proxied.post(JOIN, json={"user_id": "tutor-1"}, headers=forwarded)).status_code == 200
    (issued,) = await tutoring.events("credentials.issued")
    assert issued["asked_by"]["ip"] == "127.0.0.1"


async def test_nginx_logs_contain_no_tickets_references_and_user_ids(
    tutoring: Tenant, replicas: Replicas, tmp_path: Path
) -> None:
    secret, person = "the-ticket-of-a-participant", "a-person-of-that-name"
    paths = (f"/join/{secret}", f"/join/{secret}/enter", f"/v1/bookings/{secret}/participants/{person}")
    with nginx(tmp_path, [free_port()]) as proxy_without_service:
        for proxy, status in ((replicas.proxy, {401, 404}), (proxy_without_service, {502})):
            async with httpx.AsyncClient(base_url=proxy.url, trust_env=False) as browser:
                for path in paths:
                    referring = {"Referer": f"{proxy.url}/join/{secret}"}
                    response = await browser.get(path, params={"who": person}, headers=referring)
                    assert response.status_code in status
            logged = proxy.access_log.read_text() + proxy.error_log.read_text()
            assert "GET /join " in logged
            assert "GET /v1/bookings " in logged
            assert secret not in logged
            assert person not in logged


@dataclass(frozen=True)
class Unready:
    """nginx before one process that works, and one that has no database; and before two without a database."""

    one: Proxy
    both: Proxy


@pytest.fixture
async def unready(app: FastAPI, settings: Settings, tmp_path: Path) -> AsyncIterator[Unready]:
    async with AsyncExitStack() as stack:
        ports = []
        for _ in range(2):
            broker = await stack.enter_async_context(
                wiring.broker(settings, "postgresql://videobroker@127.0.0.1:1/none")
            )
            ports.append(port_of(await stack.enter_async_context(serving(service_of(broker)))))
        working = port_of(await stack.enter_async_context(serving(app)))
        one, both = tmp_path / "one", tmp_path / "both"
        one.mkdir()
        both.mkdir()
        yield Unready(stack.enter_context(nginx(one, [working, ports[0]])), stack.enter_context(nginx(both, ports)))


def service_of(broker: Broker) -> Service:
    @asynccontextmanager
    async def lifetime() -> AsyncIterator[Broker]:
        yield broker

    service = create_app(lifetime)
    service.state.broker = broker
    return service


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


async def test_joins_and_repeatable_requests_succeed_while_one_process_has_no_database(
    tutoring: Tenant, unready: Unready
) -> None:
    await tutoring.book()
    async with client(unready.one.url, tutoring) as proxied:
        joins = [await proxied.post(JOIN, json={"user_id": "tutor-1"}) for _ in range(20)]
        reads = [await proxied.get("/v1/bookings/lesson-1") for _ in range(20)]
        removals = [await proxied.delete("/v1/bookings/unknown") for _ in range(20)]
    assert [each.status_code for each in joins + reads] == [200] * 40
    assert {each.status_code for each in removals} == {404}
    assert len(await tutoring.events("credentials.issued")) == 20
    # The other process was asked as well: there is no active check.
    assert re.search(r"POST /v1/bookings 200 .* upstream=\S+, \S+ ", unready.one.access_log.read_text())


async def test_a_post_that_may_have_had_an_effect_is_not_repeated(tutoring: Tenant, unready: Unready) -> None:
    await tutoring.book()
    links = "/v1/bookings/lesson-1/links"
    async with client(unready.one.url, tutoring) as proxied:
        responses = [await proxied.post(links, json={"user_id": "tutor-1"}) for _ in range(20)]
    created = [each for each in responses if each.status_code == 201]
    failed = [each for each in responses if each.status_code == 503]
    assert len(created) + len(failed) == 20
    assert failed
    assert {each.json()["code"] for each in failed} == {"storage_unavailable"}
    assert len((await tutoring.get(links)).json()["data"]) == len(created)


async def test_without_a_ready_process_clients_get_its_503_however_often_they_ask(
    tutoring: Tenant, unready: Unready
) -> None:
    async with client(unready.both.url, tutoring) as proxied:
        responses = [await proxied.post(JOIN, json={"user_id": "tutor-1"}) for _ in range(20)]
        responses += [await proxied.get("/v1/bookings/lesson-1") for _ in range(20)]
    assert {each.status_code for each in responses} == {503}
    assert {each.json()["code"] for each in responses} == {"storage_unavailable"}
    assert all("Retry-After" in each.headers for each in responses)


def connections_to(url: str) -> list[int | None]:
    """The processes with a connection to this URL."""
    port = urlsplit(url).port
    return [each.pid for each in psutil.net_connections("tcp") if each.raddr and each.raddr.port == port]


@pytest.mark.long
async def test_killing_a_process_does_not_affect_clients(tutoring: Tenant, replicas: Replicas) -> None:
    """Must be the last test of this module, because it kills a process."""
    await tutoring.book()
    async with client(replicas.proxy.url, tutoring) as proxied:
        assert (await proxied.post(JOIN, json={"user_id": "tutor-1"})).status_code == 200
        replicas.processes[0].kill()
        replicas.processes[0].wait()
        # nginx has detected that its pooled connections are closed.
        await eventually(lambda: not connections_to(replicas.urls[0]))
        responses = await asyncio.gather(*(proxied.post(JOIN, json={"user_id": "tutor-1"}) for _ in range(30)))
    assert [response.status_code for response in responses] == [200] * 30
