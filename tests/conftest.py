"""What tests share: real PostgreSQL, the sandbox behind a socket, the service on both, and a clock that moves."""

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

import httpx
import pytest
import stamina
import structlog
from fastapi import FastAPI
from sqlalchemy.engine import make_url
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cli.program import administer, new_database
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
from videobroker.sandbox import SandboxState, create_sandbox, demo_config, server_config
from videobroker.settings import Settings
from videobroker.storage.postgres.embedded import embedded_postgres
from videobroker.storage.postgres.encryption import new_key
from videobroker.web.app import create_app

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
    "packaging/test_benchmarks.py",
    "browser/test_hosted_lobby.py",
    "storage/postgres/test_migrations.py",
    "cli/test_openapi.py",
)
"""Files that take long come first: one that begins when all others are done is waited for by everybody.

Those that wait for other programs stand beside those that keep a processor busy.
"""

# Some tests start PostgreSQL through the library, which has a lock file in this directory; each user has their own.
_RUNTIME = Path(tempfile.gettempdir()) / f"videobroker-tests-{os.getuid()}"
_RUNTIME.mkdir(mode=0o700, exist_ok=True)
os.environ.setdefault("XDG_RUNTIME_DIR", str(_RUNTIME))

# Ctrl-C is ignored in whatever a script runs in the background, and in all that it starts; some tests stop programs so.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first; each stays as it is, and so do all others."""
    # Of tests with the same id only one is run in parallel, and nobody hears of the others.
    assert len({item.nodeid for item in items}) == len(items), "two tests have the same id"
    here = Path(__file__).parent
    places = {here / name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path, len(LONG)))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is there before the first test stays until the last: the collector need not look through it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


if os.environ.get("PYTEST_LOOP") == "uvloop":
    # The loop that the service runs on; the tests' usual one is the standard library's. `make loops` takes both.
    def pytest_asyncio_loop_factories() -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
        """On which event loop tests run."""
        return {"uvloop": StrictLoop}


@pytest.fixture(scope="session", autouse=True)
def guard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Nothing that this test process starts outlives it."""
    with guarded(tmp_path_factory.getbasetemp()):
        yield


@pytest.fixture(scope="session")
def log_folder(guard: None) -> Iterator[Path]:
    """Where the log of this test run is kept, also that of the programs it starts; no secret may stand there."""
    with tempfile.TemporaryDirectory(prefix="videobroker-log-") as folder:
        yield Path(folder)
        for file in Path(folder).iterdir():
            found = SECRETS.findall(file.read_bytes())
            assert not found, f"{file.name} holds {len(found)} secrets, the first begins with {found[0][:6]!r}"


@pytest.fixture(scope="session", autouse=True)
def log(log_folder: Path) -> Iterator[Path]:
    """Everything that is logged in this process goes to one file, at the lowest level."""
    file = log_folder / "tests.log"
    handler = logging.FileHandler(file)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.DEBUG)
    # As in the service: they tell whole addresses, and the tests' own clients ask for some that hold a room code.
    for client in ("httpx", "httpcore", "urllib3", "websockets"):
        logging.getLogger(client).setLevel(logging.WARNING)
    # The lowest level of a WebSocket is what people say on it: their codes and tokens, too.
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
    """Attempts at a vendor follow each other at once, as many as ever; the tests of providers take the waits away
    themselves, and count them."""
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL of this test process, with an empty database."""
    with tempfile.TemporaryDirectory(prefix="videobroker-pg-") as folder, embedded_postgres(Path(folder) / "pg") as url:
        # A process that dies takes nothing with it that was written: only where the power fails does it matter whether
        # the disk has it. No test takes the power away, and none need wait for a disk at every commit. Everything else
        # stays as it is elsewhere: a commit is handed to the system before it is answered, and pages are kept whole.
        asyncio.run(administer(url, "alter system set fsync = off"))
        asyncio.run(administer(url, "select pg_reload_conf()"))
        yield url


@pytest.fixture(scope="session")
def template_database(postgres: str) -> Iterator[str]:
    """The name of a database at the newest revision that nobody uses: a copy is made sooner than it is migrated."""
    with new_database(postgres) as url:
        asyncio.run(wiring.migrate(url))
        yield str(make_url(url).database)


@pytest.fixture(scope="session")
async def database(postgres: str) -> str:
    """The URL of a database at the newest revision. Tests share it: every one has apps of its own."""
    await wiring.migrate(postgres)
    return postgres


@pytest.fixture(scope="session")
def session_clock() -> MovableClock:
    """The one clock of the service and of the sandbox."""
    return MovableClock()


@pytest.fixture
def clock(session_clock: MovableClock) -> Iterator[MovableClock]:
    """The time, which a test may move; it is back afterwards."""
    yield session_clock
    session_clock.reset()


@pytest.fixture(scope="session")
def deferred_app() -> DeferredApp:
    """Where the sandbox finds the service."""
    return DeferredApp()


@pytest.fixture(scope="session")
async def _sandbox(session_clock: MovableClock, deferred_app: DeferredApp) -> AsyncIterator[Sandbox]:
    config = with_five_roles(demo_config())
    messenger = httpx.AsyncClient(transport=httpx.ASGITransport(deferred_app))
    app = create_sandbox(config, SandboxState(config, now=session_clock), webhook_client=messenger)
    # uvicorn renews its date once a second, while the loop runs: between tests it does not, and the date grows old.
    server = server_config(_dated(app), log_config=None, lifespan="off", date_header=False)
    async with (
        messenger,
        serving(server) as url,
        httpx.AsyncClient(base_url=url) as client,
        httpx.AsyncClient(base_url=url, transport=httpx.ASGITransport(app)) as switches,
    ):
        yield Sandbox(url, client, config.workspaces[0], config.agora, switches)


def _dated(app: ASGIApp) -> ASGIApp:
    """The app, whose answers tell the real time, whatever its clock says."""

    async def dated(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"date", formatdate(usegmt=True).encode())]
            await send(message)

        await app(scope, receive, send_dated)

    return dated


@pytest.fixture
async def sandbox(_sandbox: Sandbox) -> AsyncIterator[Sandbox]:
    """The pretend 100ms: its counters begin at zero, its faults are gone afterwards."""
    await _sandbox.reset()
    yield _sandbox
    await _sandbox.reset()


@pytest.fixture(scope="session")
def settings() -> Settings:
    """Settings that owe nothing to the environment."""
    return Settings(_env_file=None, secret_key=new_key())


@pytest.fixture(scope="session")
async def broker(settings: Settings, database: str, session_clock: MovableClock) -> AsyncIterator[Broker]:
    """The service without its entrances."""
    async with wiring.broker(settings, database, clock=session_clock) as broker:
        yield broker


@pytest.fixture(scope="session")
def app(broker: Broker, deferred_app: DeferredApp) -> FastAPI:
    """The service."""

    @asynccontextmanager
    async def lifetime() -> AsyncIterator[Broker]:
        yield broker

    service = create_app(lifetime)
    service.state.broker = broker
    deferred_app.service = service
    return service


@pytest.fixture
async def api(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the service that sends no key."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://videobroker") as client:
        yield client


@pytest.fixture
async def tutoring(broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox) -> Tenant:
    """An app of a tutoring product on 100ms: tutor -> teacher, student -> student; guests are students."""
    accounts = {ProviderName.HMS: sandbox.account("tutoring", prebuilt=True)}
    return await make_tenant(broker, api, accounts, {ProviderName.HMS: HMS_ROLES})


@pytest.fixture
async def webhook_tenant(tutoring: Tenant, sandbox: Sandbox) -> Tenant:
    """The same, and 100ms tells it who comes and goes."""
    return await with_webhooks(tutoring, sandbox)


@pytest.fixture
def hooked(webhook_tenant: Tenant) -> Tenant:
    """The name of `webhook_tenant` in files that are not on `main` yet."""
    return webhook_tenant


@pytest.fixture
async def agora_webhook_tenant(agora: Tenant, sandbox: Sandbox) -> Tenant:
    """The product on Agora, which tells it who comes and goes, and which can be asked."""
    return await with_notifications(agora, sandbox)


@pytest.fixture
async def agora(broker: Broker, api: httpx.AsyncClient) -> Tenant:
    """The same product on Agora."""
    accounts = {ProviderName.AGORA: {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4}}
    return await make_tenant(
        broker,
        api,
        accounts,
        {ProviderName.AGORA: {"tutor": "publisher", "student": "publisher", "guest": "subscriber"}},
    )


@pytest.fixture
async def other(broker: Broker, api: httpx.AsyncClient, sandbox: Sandbox) -> Tenant:
    """Another product, which must never see anything of the first."""
    accounts = {ProviderName.HMS: sandbox.account("tutoring")}
    return await make_tenant(broker, api, accounts, {ProviderName.HMS: HMS_ROLES})
