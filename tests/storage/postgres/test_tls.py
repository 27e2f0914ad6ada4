"""TLS to the database, as `DATABASE_URL` says."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import literal_column, select
from sqlalchemy.engine import URL, make_url

from polling import eventually
from videobroker.errors import StorageUnavailable
from videobroker.storage import jobs
from videobroker.storage.postgres.database import Store, database_url
from videobroker.storage.postgres.fast_query import DedicatedConnection, Query
from videobroker.storage.postgres.notifications import Listener

SSL_REQUEST = bytes([0, 0, 0, 8, 4, 210, 22, 47])
"""What a client sends before TLS: see "Message Formats" in PostgreSQL's manual."""


@dataclass(frozen=True)
class Certificate:
    """A self-signed certificate for 127.0.0.1."""

    certificate: Path
    key: Path


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    folder, key = tmp_path_factory.mktemp("tls"), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "database")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    made = Certificate(folder / "server.pem", folder / "server.key")
    made.certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    made.key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return made


@dataclass
class TlsServer:
    """PostgreSQL at a TCP port that accepts only TLS."""

    url: URL
    encrypted: int = 0
    refused: int = 0


@pytest.fixture
async def server(database: str, certificate: Certificate) -> AsyncIterator[TlsServer]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate.certificate, certificate.key)
    url = make_url(database)
    opened = TlsServer(url)

    async def copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while chunk := await source.read(65536):
                target.write(chunk)
                await target.drain()
        target.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(len(SSL_REQUEST)) != SSL_REQUEST:
            opened.refused += 1
            writer.close()
            return
        writer.write(b"S")
        try:
            await writer.start_tls(context)
        except OSError:
            # The client does not trust the certificate.
            writer.close()
            return
        opened.encrypted += 1
        up_reader, up_writer = await asyncio.open_unix_connection(f"{url.query['host']}/.s.PGSQL.{url.port or 5432}")
        await asyncio.gather(copy(reader, up_writer), copy(up_reader, writer))

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    opened.url = url.set(host="127.0.0.1", port=port, query={})
    yield opened
    listening.close()


async def use(url: str) -> None:
    """Open each kind of connection of the service."""
    store = Store(url, pool_size=1)
    connection, listener = DedicatedConnection(store), Listener(store.direct)
    try:
        await store.ping()
        await connection.fetch(Query(select(literal_column("1"))), {})
        listener.start()
        await eventually(lambda: listener.is_listening)
        async with jobs.drivers(store.direct):
            pass
    finally:
        await listener.aclose()
        await connection.aclose()
        await store.aclose()


@pytest.mark.parametrize("query", ["sslmode=verify-full&sslrootcert={}", "ssl=verify-full&sslrootcert={}"])
async def test_every_connection_verifies_the_server(server: TlsServer, certificate: Certificate, query: str) -> None:
    given = server.url.render_as_string(hide_password=False)
    await use(f"{given}?{query.format(certificate.certificate)}")
    assert server.encrypted >= 5
    assert server.refused == 0


async def test_without_verification_the_connections_are_encrypted(server: TlsServer) -> None:
    await use(server.url.update_query_dict({"sslmode": "require"}).render_as_string(hide_password=False))
    assert server.encrypted >= 5
    assert server.refused == 0


async def test_a_server_with_another_certificate_is_refused(server: TlsServer, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text(ssl.DER_cert_to_PEM_cert(ssl.create_default_context().get_ca_certs(binary_form=True)[0]))
    url = server.url.update_query_dict({"sslmode": "verify-full", "sslrootcert": str(other)})
    store = Store(url.render_as_string(hide_password=False), pool_size=1)
    try:
        with pytest.raises(StorageUnavailable):
            await store.ping()
    finally:
        await store.aclose()
    assert server.encrypted == 0


async def test_without_tls_the_server_refuses(server: TlsServer) -> None:
    store = Store(server.url.update_query_dict({"sslmode": "disable"}).render_as_string(hide_password=False))
    try:
        with pytest.raises(StorageUnavailable):
            await store.ping()
    finally:
        await store.aclose()
    assert (server.encrypted, server.refused) == (0, 1)


@pytest.mark.parametrize("name", ["sslmode", "ssl"])
def test_a_misspelled_mode_is_an_error_that_lists_the_modes(name: str) -> None:
    with pytest.raises(ValueError, match=r"DATABASE_URL has the sslmode 'verify'.*verify-full"):
        database_url(f"postgresql://db.example/videobroker?{name}=verify")
