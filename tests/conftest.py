"""Shared fixtures: PostgreSQL, the sandbox on a port, the service on both, and a clock that tests move."""

import asyncio
import gc
import logging
import os
import re
import signal
import tempfile
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path
from unittest.mock import Mock
from uuid import UUID

import httpx
import pytest
import stamina
import structlog
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.engine import make_url
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cli.program import administer, new_database
from database_roles import as_service_role
from guard import guarded
from servers import serving
from strict_loop import StrictLoop
from tenants import (
    HMS_ROLES,
    DeferredApp,
    MovableClock,
    Sandbox,
    Tenant,
    make_tenant,
    with_five_roles,
    with_notifications,
    with_webhooks,
)
from videobroker import wiring
from videobroker.broker import Broker
from videobroker.domain.apps import ProviderName
from videobroker.domain.rate_limits import UNLIMITED
from videobroker.sandbox import SandboxState, create_sandbox, demo_config, server_config
from videobroker.settings import Settings
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.embedded import embedded_postgres
from videobroker.storage.postgres.encryption import new_key
from videobroker.web.app import create_app

SAME_REQUEST_ID = UUID("0199d1c4-6f0e-7c31-9a57-2d0f0a4b8c11")
SECRETS = re.compile(
    rb"eyJ[\w-]{10,}\.[\w-]{10,}"  # a JSON Web Token
    rb"|007eJ[\w+/=]{20,}"  # an Agora token
    rb"|vb_[\w-]{30,}"  # an API key
    rb"|vbt_[\w-]{30,}"  # a ticket
    rb"|whsec_[\w+/=]{30,}"  # the secret of a webhook endpoint
    rb"|sandbox-secret"  # the account's secret
    rb"|\b[a-z]{3}-[a-z]{4}-[a-z]{3}\b"  # a room code
)


LONG = (
    "acceptance/test_worker_survives.py",
    "usecases/test_crashes.py",
    "acceptance/test_delivery_survives.py",
    "cli/test_demo.py",
    "acceptance/test_stream_survives.py",
    "web/http/test_bad_input.py",
    "web/test_fuzz_api.py",
    "acceptance/test_one_room.py",
    "web/http/test_keys_and_scopes.py",
    "web/test_authorization.py",
    "usecases/calls/test_room_generations.py",
    "web/v1/test_stream.py",
    "browser/test_sandbox_call.py",
    "browser/test_hosted_call.py",
    "web/test_isolation.py",
    "cli/test_work.py",
    "cli/test_settings.py",
    "web/v1/test_webhooks.py",
    "guides/test_backends.py",
    "documentation/test_blocks.py",
    "browser/test_guide_nextjs.py",
    "packaging/test_benchmarks.py",
    "browser/test_guides.py",
    "browser/test_hosted_lobby.py",
    "storage/postgres/test_migrations.py",
    "cli/test_openapi.py",
    "clients/test_bruno.py",
    "clients/test_typescript.py",
)
"""Slow files, which start first, so that the test run does not end with one of them.

Files that wait for other programs alternate with files that use the processor.
"""

# The library that starts PostgreSQL has a lock file in this directory. Each user has their own.
_RUNTIME = Path(tempfile.gettempdir()) / f"videobroker-tests-{os.getuid()}"
_RUNTIME.mkdir(mode=0o700, exist_ok=True)
os.environ.setdefault("XDG_RUNTIME_DIR", str(_RUNTIME))

# Ctrl+C is ignored by background processes of a script and their children. Some tests stop programs with it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort slow files first, without changing the order of other files or within a file."""
    # Of several tests with the same ID, only one runs in parallel, without a warning.
    assert len({item.nodeid for item in items}) == len(items), "two tests have the same id"
    here = Path(__file__).parent
    places = {here / name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path, len(LONG)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Objects that exist before the first test remain until the end: the garbage collector skips them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


if os.environ.get("PYTEST_LOOP") == "uvloop":
    # The event loop of the service. By default, tests use the loop of the standard library. `make loops` uses this one.
    def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
        """The event loop of asynchronous tests."""
        return {"uvloop": StrictLoop}


@pytest.fixture(scope="session", autouse=True)
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Ends every process that this test process has started."""
    with guarded(tmp_path_factory.getbasetemp()):
        yield


@pytest.fixture(scope="session")
def log_folder(guard: None) -> Iterator[Path]:
    """The directory of the logs of this test run, including those of programs. Fails if a log contains a secret."""
    with tempfile.TemporaryDirectory(prefix="videobroker-log-") as folder:
        yield Path(folder)
        for file in Path(folder).iterdir():
            found = SECRETS.findall(file.read_bytes())
            assert not found, f"{file.name} holds {len(found)} secrets, the first begins with {found[0][:6]!r}"


@pytest.fixture(scope="session", autouse=True)
def log(log_folder: Path) -> Iterator[Path]:
    """Logs everything in this process to one file, at the lowest level."""
    file = log_folder / "tests.log"
    handler = logging.FileHandler(file)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.DEBUG)
    # As in the service: these libraries log whole URLs, and some URLs of the tests contain room codes.
    for client in ("httpx", "httpcore", "urllib3", "websockets"):
        logging.getLogger(client).setLevel(logging.WARNING)
    # At the lowest level, uvicorn logs WebSocket messages, which contain codes and tokens.
    logging.getLogger("uvicorn.error").setLevel(logging.INFO)
    factory = structlog.stdlib.LoggerFactory()
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=repr)],
        wrapper_class=structlog.make_filtering_bound_logger("debug"),
        logger_factory=factory,
    )
    yield file
    assert structlog.get_config()["logger_factory"] is factory, "a test made the log go elsewhere, for all after it"
    logging.getLogger().removeHandler(handler)
    handler.close()


@pytest.fixture(autouse=True)
def no_backoff() -> Iterator[None]:
    """Retries of provider requests have no delay. Tests of retries replace the delays themselves, and count them."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of the PostgreSQL of this test process, with an empty database."""
    with tempfile.TemporaryDirectory(prefix="videobroker-pg-") as folder, embedded_postgres(Path(folder) / "pg") as url:
        # A process that crashes loses nothing that was written: whether the disk has it matters only after a power
        # failure. No test simulates that, and none has to wait for the disk at every commit. Everything else is as in
        # production: a commit reaches the operating system before its response, and full pages are written.
        asyncio.run(administer(url, "alter system set fsync = off"))
        asyncio.run(administer(url, "select pg_reload_conf()"))
        yield url


@pytest.fixture(scope="session")
def template_database(postgres: str) -> Iterator[str]:
    """The name of a database at the newest revision without connections: a copy is faster than a migration."""
    with new_database(postgres) as url:
        asyncio.run(wiring.migrate(url))
        yield str(make_url(url).database)


@pytest.fixture(scope="session")
async def database(postgres: str) -> str:
    """The URL of a database at the newest revision. Tests share it, each with its own apps."""
    await wiring.migrate(postgres)
    return postgres


@pytest.fixture(scope="session")
async def service_database(database: str) -> str:
    """The URL of `database` for the role of the service, to which row-level security applies."""
    return await as_service_role(database)


@pytest.fixture(scope="session")
def session_clock() -> MovableClock:
    """The clock of the service and of the sandbox."""
    return MovableClock()


@pytest.fixture
def clock(session_clock: MovableClock) -> Iterator[MovableClock]:
    """The clock, which a test can move. It is reset afterwards."""
    yield session_clock
    session_clock.reset()


@pytest.fixture(scope="session")
def deferred_app() -> DeferredApp:
    """The application to which the sandbox sends webhooks."""
    return DeferredApp()


@pytest.fixture(scope="session")
async def _sandbox(session_clock: MovableClock, deferred_app: DeferredApp) -> AsyncIterator[Sandbox]:
    config = with_five_roles(demo_config())
    # Rooms whose webhooks a test only reads can send some after it: people leave when their browser is closed. Without
    # an answer, they would be repeated during the next test.
    ignoring = httpx.MockTransport(lambda _: httpx.Response(200))
    webhook_client = httpx.AsyncClient(
        transport=httpx.ASGITransport(deferred_app), mounts={"all://receiver.invalid": ignoring}
    )
    app = create_sandbox(config, SandboxState(config, now=session_clock), webhook_client=webhook_client)
    # uvicorn updates its date once a second while the loop runs. Between tests, it does not run.
    server = server_config(_dated(app), log_config=None, lifespan="off", date_header=False)
    async with (
        webhook_client,
        serving(server) as url,
        # Delivering webhooks takes long while browsers use the machine.
        httpx.AsyncClient(base_url=url, timeout=60) as client,
        httpx.AsyncClient(base_url=url, transport=httpx.ASGITransport(app)) as switches,
    ):
        yield Sandbox(url, client, config.workspaces[0], config.agora, switches)


def _dated(app: ASGIApp) -> ASGIApp:
    """The app with real dates in its responses, whatever its clock shows."""

    async def dated(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"date", formatdate(usegmt=True).encode())]
            await send(message)

        await app(scope, receive, send_dated)

    return dated


@pytest.fixture
async def sandbox(_sandbox: Sandbox) -> AsyncIterator[Sandbox]:
    """The sandbox, with empty counters. Its faults are cleared afterwards."""
    await _sandbox.reset()
    yield _sandbox
    await _sandbox.reset()


@pytest.fixture(scope="session")
def settings() -> Settings:
    """Settings that do not depend on the environment.

    Without rate limits: responses are compared as a whole, and all tests share one address, also wrong credentials.
    """
    return Settings(
        _env_file=None,
        secret_key=new_key(),
        rate_limit_api_key=UNLIMITED,
        rate_limit_user=UNLIMITED,
        rate_limit_ticket=UNLIMITED,
        rate_limit_address=UNLIMITED,
        failed_attempts="1000000/minute",
    )


@pytest.fixture(scope="session")
async def broker(settings: Settings, service_database: str, session_clock: MovableClock) -> AsyncIterator[Broker]:
    """The broker of the service, as a role that does not own the tables."""
    async with wiring.broker(settings, service_database, clock=session_clock) as broker:
        yield broker


@pytest.fixture(scope="session")
async def owner_store(database: str) -> AsyncIterator[Store]:
    """The database as the owner of its tables, for what the service must not do."""
    store = Store(database, pool_size=2)
    yield store
    await store.aclose()


@pytest.fixture
async def no_failed_attempts(broker: Broker) -> None:
    """No wrong credentials have been counted."""
    async with broker.store.cross_app_transaction() as unit_of_work:
        await unit_of_work.execute(text("delete from failed_attempts"))


@pytest.fixture(scope="session")
def app(broker: Broker, deferred_app: DeferredApp) -> FastAPI:
    """The web application of the service."""

    @asynccontextmanager
    async def lifetime() -> AsyncIterator[Broker]:
        yield broker

    service = create_app(lifetime)
    service.state.broker = broker
    deferred_app.service = service
    return service


@pytest.fixture
def same_ids(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every request has the same request ID and the same trace, so that responses can be compared."""
    monkeypatch.setattr("videobroker.web.http.request_ids.random", Mock(randbytes=lambda length: b"\7" * length))
    monkeypatch.setattr("videobroker.web.http.request_ids.uuid_utils", Mock(uuid7=lambda: SAME_REQUEST_ID))


@pytest.fixture
async def api(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service without a key."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://videobroker") as client:
        yield client


@pytest.fixture
async def tutoring(broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox) -> Tenant:
    """An app for tutoring on 100ms: tutor -> teacher, student -> student. Guests are students."""
    accounts = {ProviderName.HMS: sandbox.account("tutoring", prebuilt=True)}
    return await make_tenant(broker, api, accounts, {ProviderName.HMS: HMS_ROLES})


@pytest.fixture
async def webhook_tenant(tutoring: Tenant, sandbox: Sandbox) -> Tenant:
    """The app `tutoring`, with webhooks of 100ms."""
    return await with_webhooks(tutoring, sandbox)


@pytest.fixture
def hooked(webhook_tenant: Tenant) -> Tenant:
    """The former name of `webhook_tenant`, for `test_fast_path.py` and `test_http_bytes.py`."""
    return webhook_tenant


@pytest.fixture
async def agora_webhook_tenant(agora: Tenant, sandbox: Sandbox) -> Tenant:
    """The app `agora`, with notifications of Agora and credentials for its REST API."""
    return await with_notifications(agora, sandbox)


@pytest.fixture
async def agora(broker: Broker, api: httpx.AsyncClient) -> Tenant:
    """An app for tutoring on Agora."""
    accounts = {ProviderName.AGORA: {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4}}
    return await make_tenant(
        broker,
        api,
        accounts,
        {ProviderName.AGORA: {"tutor": "publisher", "student": "publisher", "guest": "subscriber"}},
    )


@pytest.fixture
async def other(broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox) -> Tenant:
    """Another app, which must never access data of the first."""
    accounts = {ProviderName.HMS: sandbox.account("tutoring")}
    return await make_tenant(broker, api, accounts, {ProviderName.HMS: HMS_ROLES})
