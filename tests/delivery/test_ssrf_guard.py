"""The SSRF guard: no delivery reaches a private address, whatever the format of the URL and the DNS answer."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpcore
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from delivery.backend import Backend, respond, start_backend
from videobroker.delivery.sender import SendResult, WebhookRequest, WebhookSender
from videobroker.delivery.ssrf_guard import PrivateAddress, Resolver, SsrfGuard, is_public
from videobroker.domain.webhooks import generate_secret

PUBLIC, ALSO_PUBLIC = "93.184.216.34", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"


class RecordingNetwork(httpcore.AsyncNetworkBackend):
    """Records the target of every connection, and connects all of them to one local backend, or fails."""

    def __init__(self, backend: Backend | None = None, *, unreachable: Iterable[str] = ()) -> None:
        self.opened: list[str] = []
        self._port = None if backend is None else urlsplit(backend.url).port
        self._dead = set(unreachable)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        self.opened.append(host)
        if self._port is None or host in self._dead:
            raise httpcore.ConnectError("the host is unreachable")
        return await httpcore.AnyIOBackend().connect_tcp("127.0.0.1", self._port, timeout)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class FakeResolver:
    """A resolver that returns these results one after the other, and then repeats the last one."""

    def __init__(self, *results: Sequence[str]) -> None:
        self._results = list(results)
        self.queries: list[str] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.queries.append(host)
        return self._results.pop(0) if len(self._results) > 1 else self._results[0]


async def send(sender: WebhookSender, url: str) -> SendResult:
    request = WebhookRequest(url, "0195d3c2-7a11-7f02-8f5d-0c9be3a41d20", "{}", [generate_secret()], 1)
    return await sender.send(request, now=datetime.now(UTC))


@asynccontextmanager
async def guarded(network: RecordingNetwork, resolver: Resolver | None = None) -> AsyncIterator[WebhookSender]:
    """A sender as in production, with this network backend."""
    sender = WebhookSender(network=network) if resolver is None else WebhookSender(network=network, resolve=resolver)
    try:
        yield sender
    finally:
        await sender.aclose()


# --- addresses --------------------------------------------------------------------------------------------------------

CLOSED = {
    "this host": ["0.0.0.0", "0.1.2.3", "::"],  # noqa: S104  nothing listens here
    "loopback": ["127.0.0.1", "127.255.255.254", "::1"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fd12:3456::1"],
    "link-local": ["169.254.0.1", "fe80::1", "fe80::1%eth0"],
    "site-local": ["fec0::1", "feff::1"],
    "carrier-grade NAT": ["100.64.0.1", "100.127.255.254"],
    "cloud metadata": ["169.254.169.254", "169.254.170.2", "100.100.100.200", "192.0.0.192", "fd00:ec2::254"],
    "the host beneath": ["168.63.129.16"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"],
    "benchmarks": ["198.18.0.1", "198.19.255.254"],
    "multicast": ["224.0.0.1", "239.255.255.255", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "192.0.0.1", "192.88.99.1", "100::1", "4000::1", "5f00::1"],
    "IPv4-mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:a9fe:a9fe"],
    "IPv4-compatible": ["::127.0.0.1", "::10.0.0.1", "::ffff:0:127.0.0.1"],
    "NAT64": ["64:ff9b::127.0.0.1", "64:ff9b::a00:1", "64:ff9b::169.254.169.254", "64:ff9b:1::10.0.0.1"],
    "6to4": ["2002:7f00:1::", "2002:a00:1::1", "2002:a9fe:a9fe::", "2002:c0a8:101::1"],
    "Teredo": ["2001:0:4136:e378:8000:63bf:f5ff:fffe", "2001::1"],
}


@pytest.mark.parametrize("address", [each for group in CLOSED.values() for each in group])
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", PUBLIC, "100.63.255.255", "172.32.0.1", "192.0.1.1", ALSO_PUBLIC])
def test_a_public_address_is_allowed(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_checked_in_every_ipv6_form(address: object) -> None:
    """A machine without IPv4 reaches all IPv4 addresses through NAT64."""
    assert is_public(f"64:ff9b::{address}") == is_public(str(address))
    assert not is_public(f"::ffff:{address}")


# --- formats ----------------------------------------------------------------------------------------------------------

PRIVATE_HOSTS = [
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7F.0x0.0x0.0x1",
    "017700000001",
    "0177.0.0.1",
    "0177.0.0.01",
    "0",
    "0.0.0.0",  # noqa: S104  nothing listens here
    "localhost",
    "LOCALHOST",
    "localhost.",
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.254.43518",
    "10.0.0.1",
    "167772161",
    "192.168.0.1",
    "[::1]",
    "[::]",
    "[0:0:0:0:0:0:0:1]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:169.254.169.254]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b::169.254.169.254]",
    "[64:ff9b:1::10.0.0.1]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]",
    "[fd00:ec2::254]",
    "[fc00::1]",
    "[fe80::1]",
    "[fec0::1]",
]


@pytest.mark.parametrize("host", PRIVATE_HOSTS)
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_no_format_of_a_private_address_opens_a_connection(host: str, scheme: str) -> None:
    async with start_backend() as backend:
        network = RecordingNetwork(backend)
        async with guarded(network) as sender:
            sent = await send(sender, f"{scheme}://{host}:{urlsplit(backend.url).port}/")
    assert network.opened == []
    assert backend.connections == 0
    assert not sent.attempt.is_accepted
    assert sent.attempt.status is None
    assert sent.attempt.error is not None


async def test_the_real_network_is_not_reached() -> None:
    async with start_backend() as backend:
        sender = WebhookSender()
        sent = await send(sender, backend.url)
        await sender.aclose()
        assert backend.connections == 0
    assert sent.attempt.error == "PrivateAddress: The host is in a private network, or has an address there."


# --- resolver ---------------------------------------------------------------------------------------------------------


async def test_the_connection_uses_the_checked_address() -> None:
    """The name is resolved once, and the connection uses the resolved address."""
    resolver = FakeResolver([PUBLIC], ["127.0.0.1"])
    async with start_backend() as backend:
        network = RecordingNetwork(backend)
        async with guarded(network, resolver) as sender:
            sent = await send(sender, "http://backend.example/")
    assert sent.attempt.is_accepted
    assert (resolver.queries, network.opened) == (["backend.example"], [PUBLIC])
    assert backend.received[0].headers["host"] == "backend.example"


@pytest.mark.parametrize("private", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "fd00:ec2::254"])
async def test_a_name_that_becomes_private_between_two_deliveries_is_refused(private: str) -> None:
    async with start_backend() as backend:
        backend.default_behavior = respond(200, connection="close")
        network = RecordingNetwork(backend)
        async with guarded(network, FakeResolver([PUBLIC], [private])) as sender:
            first = await send(sender, "http://rebinding.example/")
            second = await send(sender, "http://rebinding.example/")
    assert (first.attempt.status, second.attempt.status) == (200, None)
    assert network.opened == [PUBLIC]
    assert len(backend.received) == 1


@pytest.mark.parametrize("addresses", [[PUBLIC, "127.0.0.1"], ["10.0.0.1", PUBLIC], [PUBLIC, "::1"], ["fe80::1%2"]])
async def test_a_name_with_one_private_address_is_refused(addresses: list[str]) -> None:
    network = RecordingNetwork()
    async with guarded(network, FakeResolver(addresses)) as sender:
        sent = await send(sender, "https://both.example/")
    assert network.opened == []
    assert (sent.attempt.error or "").startswith("PrivateAddress")


async def test_if_one_address_is_unreachable_the_next_is_tried() -> None:
    async with start_backend() as backend:
        network = RecordingNetwork(backend, unreachable=[ALSO_PUBLIC])
        async with guarded(network, FakeResolver([ALSO_PUBLIC, PUBLIC])) as sender:
            sent = await send(sender, "http://backend.example/")
    assert sent.attempt.is_accepted
    assert network.opened == [ALSO_PUBLIC, PUBLIC]


@pytest.mark.parametrize("host", ["unknown.invalid", "a..b", ".example", "x" * 64 + ".example", "xn--"])
async def test_a_name_without_an_address_is_a_failed_attempt(host: str) -> None:
    network = RecordingNetwork()
    async with guarded(network) as sender:
        sent = await send(sender, f"https://{host}/")
    assert network.opened == []
    assert sent.attempt.error is not None


@pytest.mark.parametrize("host", [".", "..", ".example"])
async def test_a_host_that_is_invalid_in_certificates_is_a_failed_attempt(host: str) -> None:
    async with start_backend() as backend, guarded(RecordingNetwork(backend), FakeResolver([PUBLIC])) as sender:
        sent = await send(sender, f"https://{host}/")
        assert backend.received == []
    assert sent.attempt.error == "ValueError"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    async with start_backend() as inside, start_backend() as backend:
        backend.default_behavior = respond(status, location=inside.url)
        network = RecordingNetwork(backend)
        async with guarded(network, FakeResolver([PUBLIC])) as sender:
            sent = await send(sender, "http://backend.example/")
        assert inside.connections == 0
    assert (sent.attempt.status, sent.attempt.is_accepted) == (status, False)
    assert network.opened == [PUBLIC]


# --- certificates -----------------------------------------------------------------------------------------------------


def self_signed(folder: Path, name: str) -> ssl.SSLContext:
    """A self-signed certificate."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


async def test_nothing_is_sent_to_a_server_with_an_untrusted_certificate(tmp_path: Path) -> None:
    async with start_backend(ssl=self_signed(tmp_path, "backend.example")) as backend:
        async with guarded(RecordingNetwork(backend), FakeResolver([PUBLIC])) as sender:
            sent = await send(sender, "https://backend.example/")
        assert backend.received == []
    assert sent.attempt.error == "ConnectError"


# --- exceptions in development ----------------------------------------------------------------------------------------


async def test_in_development_events_are_delivered_to_this_machine() -> None:
    async with start_backend() as backend:
        sender = WebhookSender(allow_private=True)
        sent = await send(sender, backend.url)
        await sender.aclose()
    assert sent.attempt.is_accepted


async def test_unix_sockets_are_never_opened() -> None:
    with pytest.raises(PrivateAddress):
        await SsrfGuard(allow_private=True).connect_unix_socket("/run/anything.sock")
