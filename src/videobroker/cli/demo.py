"""`videobroker demo`, which `make run` starts."""

import asyncio
import contextlib
import fcntl
import json
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx
import typer
import uvicorn
from pydantic import SecretStr
from rich.table import Table

from videobroker import wiring
from videobroker.broker import Broker
from videobroker.cli import logs
from videobroker.cli.serve import server_config, service
from videobroker.cli.starting import prepare
from videobroker.cli.terminal import stderr, stdout
from videobroker.domain.api_keys import Scope
from videobroker.domain.apps import App, LegacyFamily, ProviderName, RoleMap
from videobroker.domain.operators import OperatorIdentity, OperatorRole
from videobroker.domain.sessions import Participant, SessionKey, SessionKind, SessionStatus, SessionTerms
from videobroker.domain.user_tokens import TokenRules
from videobroker.errors import AppNotFound, BrokerError, StartupFailed
from videobroker.sandbox import demo_config
from videobroker.settings import MIN_ADMIN_KEY_CHARACTERS, Settings
from videobroker.usecases import management, registration, tenants
from videobroker.usecases.context import RequestContext
from videobroker.usecases.operations import sign_in_links
from videobroker.web.demo import DemoPlan, install

READY_MESSAGE = "Press Ctrl+C to stop. Data is stored in .videobroker/."
"""The last line of the output, when everything has started."""
SANDBOX_START_SECONDS = 15.0
STOP_SECONDS = 5.0
ALL_ADDRESSES = "0.0.0.0"  # noqa: S104  only if HOST is set to it, or with `--address`
GROUP_WITH_VIDEO = "0b7c2f6e-5d1a-4a53-9f0e-1c2d3e4f5a6b"
GROUP_WITHOUT_VIDEO = "6f1e0d9c-8b7a-4965-8473-62514f3e2d1c"


Entry = dict[str, str]
"""An entry of `demo.json`: the credentials of one app."""


@dataclass(frozen=True, slots=True)
class DemoSession:
    """A session of the demo. Times are relative to the start of the demo."""

    reference: str
    people: Sequence[Participant]
    kind: SessionKind = SessionKind.BOOKING
    title: str | None = None
    status: SessionStatus = SessionStatus.CONFIRMED
    video: bool = True
    starts_in: timedelta | None = timedelta(minutes=5)
    lasts: timedelta = timedelta(minutes=60)
    policy: dict[str, Any] | None = None

    def terms(self, now: datetime) -> SessionTerms:
        """The terms that the app would register at `now`."""
        starts_at = None if self.starts_in is None else now + self.starts_in
        return SessionTerms(
            title=self.title,
            status=self.status,
            video=self.video,
            starts_at=starts_at,
            ends_at=None if starts_at is None else starts_at + self.lasts,
            policy=self.policy or {},
        )


@dataclass(frozen=True, slots=True)
class DemoApp:
    """An app of the demo, with its sessions."""

    name: str
    provider: ProviderName
    roles: RoleMap
    sessions: Sequence[DemoSession]
    template: str | None = None
    """The sandbox's template; None for Agora."""
    room_code_prefix: str | None = None
    legacy: LegacyFamily = LegacyFamily.TUTORING
    policy: Mapping[str, Any] = field(default_factory=dict)


# In these apps, students can also start a call. Only hosts can end it for everyone.
_ANYONE_STARTS = {"call_roles": ["tutor", "student"]}
_LESSON = (Participant("tutor-1", "tutor", "Ada"), Participant("student-1", "student", "Ben"))
_VISIT = (Participant("doctor-1", "doctor", "Dr. Curie"), Participant("patient-1", "patient", "Dan"))
_CHAT = (Participant("admin-1", "admin", "Eve"), Participant("member-1", "member", "Finn"))
_THERAPY = (Participant("therapist-1", "therapist", "Gina"), Participant("client-1", "client", "Hugo"))

DEMO_APPS = (
    DemoApp(
        "tutoring-100ms",
        ProviderName.HMS,
        {"tutor": "teacher", "student": "student"},
        (
            DemoSession("lesson-1", _LESSON, title="Algebra, about to begin"),
            DemoSession("lesson-2", _LESSON, title="Algebra, not confirmed", status=SessionStatus.PENDING),
            DemoSession("lesson-3", _LESSON, title="Algebra, tomorrow", starts_in=timedelta(days=1)),
        ),
        template="tutoring",
        policy=_ANYONE_STARTS,
    ),
    DemoApp(
        "appointments",
        ProviderName.HMS,
        {"doctor": "host", "patient": "guest"},
        (
            DemoSession("1", _VISIT, title="Check-up by video"),
            DemoSession("2", _VISIT, title="Check-up at the practice", video=False),
            DemoSession("3", _VISIT, title="Consultation with a waiting room", policy={"waiting_room": "admit"}),
        ),
        template="appointments",
        legacy=LegacyFamily.APPOINTMENTS,
    ),
    DemoApp(
        "groups",
        ProviderName.HMS,
        {"admin": "host", "member": "guest", "guest": "guest"},
        (
            DemoSession(
                GROUP_WITH_VIDEO,
                _CHAT,
                SessionKind.GROUP,
                "Evening circle",
                starts_in=None,
                policy={"guests_allowed": True},
            ),
            DemoSession(GROUP_WITHOUT_VIDEO, _CHAT, SessionKind.GROUP, "Book club", video=False, starts_in=None),
        ),
        template="groups",
        legacy=LegacyFamily.GROUPS,
    ),
    DemoApp(
        "therapy",
        ProviderName.HMS,
        {"therapist": "host", "client": "guest"},
        (DemoSession("therapy-1", _THERAPY, title="First session", starts_in=timedelta(minutes=8)),),
        template="therapy",
        room_code_prefix="therabook",
        legacy=LegacyFamily.THERAPY,
        policy={"booking_roles": ["therapist"]},
    ),
    DemoApp(
        "tutoring-agora",
        ProviderName.AGORA,
        {"tutor": "publisher", "student": "publisher"},
        (DemoSession("lesson-1", _LESSON, title="Algebra, about to begin"),),
        policy=_ANYONE_STARTS,
    ),
)


def demo(
    sandbox_port: Annotated[
        int, typer.Option(envvar="SANDBOX_PORT", min=1, max=65535, help="Port of the emulated providers.")
    ] = 8081,
    address: Annotated[
        str | None,
        typer.Option(
            envvar="DEMO_ADDRESS",
            help="Address of this machine in its network, such as 192.168.1.20. Other devices in the network, such as "
            "phones, can then open the demo and join as anyone. Default: only this machine can.",
        ),
    ] = None,
) -> None:
    """Start the service on this machine with five demo apps, emulated providers, and PostgreSQL.

    Requires no other service and no account. Stores data in .videobroker/. Each start moves the demo sessions to the
    present. Press Ctrl+C to stop everything.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings = _near(Settings())
    logs.configure(settings.model_copy(update={"log_format": "console", "log_level": "warning"}))
    with contextlib.suppress(KeyboardInterrupt), _only_demo_in(settings.data_dir):
        _run(settings, sandbox_port, address)
    stderr.print("Stopped. The data is stored in", str(settings.data_dir))


def _run(settings: Settings, sandbox_port: int, address: str | None) -> None:
    if settings.port == sandbox_port:
        raise StartupFailed(f"PORT and SANDBOX_PORT are both {sandbox_port}. Change one of them.")
    for name, port in (("PORT", settings.port), ("SANDBOX_PORT", sandbox_port)):
        _require_free(name, port)
    if address is not None:
        _require_own(address)
        settings = settings.model_copy(update={"host": ALL_ADDRESSES})
    host = address or "127.0.0.1"
    base_url, sandbox_url = f"http://{host}:{settings.port}", f"http://{host}:{sandbox_port}"
    file = settings.data_dir / "demo.json"
    admin_key = _admin_key(settings, file)
    settings = settings.model_copy(update={"admin_key": SecretStr(admin_key)})
    with (
        stderr.status("Starting PostgreSQL") as status,
        wiring.database(settings) as url,
    ):
        status.update("Migrating the database")
        asyncio.run(wiring.migrate(wiring.past_the_pooler(settings, url)))
        status.update("Starting the sandbox")
        with _sandbox(settings, sandbox_port, sandbox_url):
            status.update("Registering the demo apps")
            entries = asyncio.run(_register_all(settings, url, base_url, sandbox_url))
            sign_in = base_url + asyncio.run(_sign_in_path(settings, url))
            content = {"base_url": base_url, "sandbox_url": sandbox_url, "admin_key": admin_key, "apps": entries}
            _write_privately(file, json.dumps(content, indent=2))
            shell = _shell_variables(settings, base_url, sandbox_url, entries)
            _write_privately(file.with_suffix(".env"), shell)
            _expect_notifications(base_url, sandbox_url)
            status.update("Starting the service")

            def welcome() -> None:
                status.stop()
                _welcome(base_url, sandbox_url, file, entries, admin_key, sign_in)

            asyncio.run(prepare(settings, url))
            plan = DemoPlan(
                _all_sessions(), sandbox_url, _reschedule, network_url=None if address is None else base_url
            )
            app = service(settings, url)
            install(app, plan)
            _Server(server_config(settings, app), welcome).run()


def _near(settings: Settings) -> Settings:
    """Allow webhooks to a backend on this machine, unless configured otherwise."""
    is_configured = "webhooks_anywhere" in settings.model_fields_set
    return settings if is_configured else settings.model_copy(update={"webhooks_anywhere": True})


@contextmanager
def _only_demo_in(data_dir: Path) -> Iterator[None]:
    """Lock the data directory. A second demo would replace the keys and URLs of the first one."""
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
        lock = (data_dir / "demo.lock").open("a")
    except OSError as error:
        raise StartupFailed(
            f"Cannot write to {data_dir}: {error.strerror}. Make it writable, or choose another directory with "
            "VIDEOBROKER_DATA_DIR."
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StartupFailed(
                f"Another `make run` uses {data_dir}. Stop it with Ctrl+C, or choose another directory with "
                "VIDEOBROKER_DATA_DIR."
            ) from None
        yield


def _require_free(name: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise StartupFailed(
                f"Port {port} is already in use. Choose another one: `make run {name}={port + 10}`."
            ) from None


def _require_own(address: str) -> None:
    with socket.socket() as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            raise StartupFailed(
                f"{address} is not an IPv4 address of this machine. Use the one in its network settings."
            ) from None


@contextmanager
def _sandbox(settings: Settings, port: int, url: str) -> Iterator[None]:
    state = settings.data_dir / "sandbox.json"
    # In a container, both ports are published, so the sandbox must also listen on all addresses.
    host = ALL_ADDRESSES if settings.host == ALL_ADDRESSES else "127.0.0.1"
    command = [sys.executable, "-m", "videobroker", "sandbox"]
    command += ["--host", host, "--port", str(port), "--state", str(state)]
    # Its stdin is our pipe. However this process ends, the pipe closes, and the sandbox stops.
    process = subprocess.Popen(  # noqa: S603  our own command
        [*command, "--until-stdin-closes"], stdin=subprocess.PIPE, start_new_session=True
    )
    is_stopping = threading.Event()
    has_ended = threading.Event()

    def watch() -> None:
        process.wait()
        if not is_stopping.is_set():
            # Without the sandbox, no demo app works: end as after SIGTERM.
            has_ended.set()
            os.kill(os.getpid(), signal.SIGTERM)

    try:
        _await_answer(process, f"{url}/healthz")
        threading.Thread(target=watch, name="sandbox", daemon=True).start()
        yield
    finally:
        is_stopping.set()
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
        if has_ended.is_set():
            raise StartupFailed(
                f"The sandbox has ended with code {process.returncode}, so the demo was stopped. Its error is above. "
                "Start the demo again."
            )


def _await_answer(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + SANDBOX_START_SECONDS
    with httpx.Client(timeout=1, trust_env=False) as client:
        while time.monotonic() < deadline and process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if client.get(url).is_success:
                    return
            time.sleep(0.05)
    raise StartupFailed("The sandbox did not start. Run `videobroker sandbox` to see the error.")


async def _register_all(settings: Settings, url: str, base_url: str, sandbox_url: str) -> dict[str, Entry]:
    file = settings.data_dir / "demo.json"
    known = _known_entries(file)
    async with wiring.broker(settings, url) as broker:
        return {
            demo_app.name: await _register(broker, demo_app, base_url, sandbox_url, known.get(demo_app.name, {}))
            for demo_app in DEMO_APPS
        }


async def _sign_in_path(settings: Settings, url: str) -> str:
    async with wiring.broker(settings, url) as broker:
        return await sign_in_links.create(broker, OperatorIdentity("Demo", OperatorRole.ADMIN), now=broker.now())


def _admin_key(settings: Settings, file: Path) -> str:
    """The admin key of the settings, otherwise that of the last start, otherwise a new one."""
    if settings.admin_key is not None:
        return settings.admin_key.get_secret_value()
    try:
        known = json.loads(file.read_text())["admin_key"]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        known = None
    return known if isinstance(known, str) and len(known) >= MIN_ADMIN_KEY_CHARACTERS else secrets.token_urlsafe(32)


def _all_sessions() -> list[tuple[str, SessionKind, str]]:
    """App, kind, and reference of every session, for the demo page."""
    return [(demo_app.name, each.kind, each.reference) for demo_app in DEMO_APPS for each in demo_app.sessions]


async def _reschedule(broker: Broker) -> None:
    """Move the demo sessions to the present."""
    for demo_app in DEMO_APPS:
        await _register_sessions(broker, await tenants.find_app(broker, demo_app.name), demo_app, broker.now())


async def _register_sessions(broker: Broker, app: App, demo_app: DemoApp, now: datetime) -> None:
    context = RequestContext.for_system(broker, app, now)
    for session in demo_app.sessions:
        key = SessionKey(app.id, session.kind, session.reference)
        await registration.register(context, key, session.terms(now), session.people)


def _expect_notifications(base_url: str, sandbox_url: str) -> None:
    """Set the notification URL of the emulated Agora. For 100ms, each room has its webhook URL."""
    agora = next(each for each in DEMO_APPS if each.provider is ProviderName.AGORA)
    target = {"url": f"{base_url}/hooks/agora/{agora.name}", "secret": demo_config().agora.notifications_secret}
    httpx.put(f"{sandbox_url}/_sandbox/agora/notifications", json=target, trust_env=False).raise_for_status()


def _known_entries(file: Path) -> dict[str, Entry]:
    try:
        return {name: dict(entry) for name, entry in json.loads(file.read_text())["apps"].items()}
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _shell_variables(settings: Settings, base_url: str, sandbox_url: str, entries: dict[str, Entry]) -> str:
    """A file for the shell's `.`, with the variables that the documentation uses in its commands."""
    variables = {
        "BASE": base_url,
        "KEY": entries[DEMO_APPS[0].name]["api_key"],
        "SANDBOX": sandbox_url,
        # So that `videobroker` finds this demo from any folder, and does not start a database of its own there.
        "VIDEOBROKER_DATA_DIR": str(settings.data_dir.resolve()),
    }
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in variables.items()]
    return "".join([*lines, f'export PATH={shlex.quote(str(Path(sys.executable).parent))}:"$PATH"\n'])


def _write_privately(file: Path, content: str) -> None:
    aside = file.with_suffix(".tmp")
    with os.fdopen(os.open(aside, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "w") as stream:
        stream.write(content)
    aside.replace(file)


async def _register(broker: Broker, demo_app: DemoApp, base_url: str, sandbox_url: str, known: Entry) -> Entry:
    now = broker.now()
    role_maps = {demo_app.provider: demo_app.roles}
    try:
        app = await tenants.find_app(broker, demo_app.name)
    except AppNotFound:
        app = await management.create_app(
            RequestContext.for_system(broker, tenants.SERVICE, now),
            demo_app.name,
            policy=demo_app.policy,
            role_maps=role_maps,
            legacy_families={demo_app.legacy},
        )
    webhook_secret = known.get("webhook_secret") or secrets.token_urlsafe(32)
    account = _account(demo_app, sandbox_url, hook=f"{base_url}/hooks/100ms/{demo_app.name}", secret=webhook_secret)
    app = await management.set_account(RequestContext.for_system(broker, app, now), demo_app.provider, account)
    await _register_sessions(broker, app, demo_app, now)
    user_token_secret = known.get("user_token_secret") or secrets.token_urlsafe(32)
    await management.set_token_rules(RequestContext.for_system(broker, app, now), TokenRules(secret=user_token_secret))
    api_key = await _key(broker, app, known.get("api_key"), now)
    return {"api_key": api_key, "user_token_secret": user_token_secret, "webhook_secret": webhook_secret}


def _account(demo_app: DemoApp, sandbox_url: str, *, hook: str, secret: str) -> dict[str, str]:
    if demo_app.provider is ProviderName.AGORA:
        project = demo_config().agora
        return {
            "app_id": project.app_id,
            "app_certificate": project.app_certificate,
            "customer_id": project.customer_id,
            "customer_secret": project.customer_secret,
            "notifications_secret": project.notifications_secret,
            "api_url": sandbox_url,
            # A call page for Agora, too. The real Agora has only an SDK.
            "prebuilt_url": f"{sandbox_url}/agora/meeting",
        }
    workspace = demo_config().workspaces[0]
    template = next(each for each in workspace.templates if each.name == demo_app.template)
    return {
        "access_key": workspace.access_key,
        "secret": workspace.secret,
        "template_id": template.id,
        "api_url": f"{sandbox_url}/v2",
        "prebuilt_url": sandbox_url,
        "webhook_url": hook,
        "webhook_secret": secret,
        **({"room_code_prefix": demo_app.room_code_prefix} if demo_app.room_code_prefix else {}),
    }


async def _key(broker: Broker, app: App, known_key: str | None, now: datetime) -> str:
    if known_key is not None:
        with contextlib.suppress(BrokerError):
            _, owner = await tenants.authenticate(broker, known_key, now=now)
            if owner.id == app.id:
                return known_key
    secret, _ = await management.create_key(
        RequestContext.for_system(broker, app, now), "demo", scopes=Scope, expires_at=None
    )
    return secret


class _Server(uvicorn.Server):
    """A uvicorn server with a callback for when it starts to listen."""

    def __init__(self, config: uvicorn.Config, listening: Callable[[], object]) -> None:
        super().__init__(config)
        self._listening = listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._listening()


def _welcome(
    base_url: str, sandbox_url: str, file: Path, entries: dict[str, Entry], admin_key: str, sign_in: str
) -> None:
    stdout.print(f"\nDemo (start here)  {base_url}/demo\n", style="bold", highlight=False)
    links = Table(box=None, show_header=False, pad_edge=False)
    links.add_row("Console", sign_in)
    links.add_row("", f"signs you in once, within {sign_in_links.LIFETIME.seconds // 60} minutes")
    links.add_row("Console key", admin_key)
    links.add_row("API documentation", f"{base_url}/docs")
    links.add_row("Sandbox", sandbox_url)
    links.add_row("API keys", str(file))
    links.add_row("For your shell", f". {file.with_suffix('.env')}")
    stdout.print(links, soft_wrap=True)
    stdout.print("\nGet join credentials for the tutor of lesson-1:\n")
    stdout.print(
        f"curl -s -X POST {base_url}/v1/bookings/lesson-1/join "
        f"-H 'Authorization: Bearer {entries['tutoring-100ms']['api_key']}' "
        "-H 'Content-Type: application/json' -d '{\"user_id\": \"tutor-1\"}'\n",
        markup=False,
        soft_wrap=True,
    )
    stdout.print(READY_MESSAGE)
