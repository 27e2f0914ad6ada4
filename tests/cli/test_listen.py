"""`videobroker listen`: forwards the events of a running service to a server on this machine."""

import asyncio
import json
import re
import shlex
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from cli.program import COMMAND, CommandRunner, environment
from delivery.backend import Backend, deliver_due, respond, start_backend
from guard import marks
from polling import eventually
from servers import serving
from tenants import Tenant, free_port, make_tenant
from videobroker.broker import Broker
from videobroker.cli.event_stream import PAGE_EVENTS
from videobroker.cli.listen import derive_secret
from videobroker.delivery.sender import WebhookSender
from videobroker.domain.api_keys import Scope
from videobroker.domain.apps import ProviderName
from videobroker.web.app import create_app

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
GUIDE = Path(__file__).parents[2] / "docs/how-to/forward-webhooks.md"
GUIDE_BLOCKS = re.findall(r"^```sh\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL)
KEY = "vb_" + "invented" * 4


@pytest.fixture(scope="module")
async def local_broker(broker: Broker) -> AsyncIterator[Broker]:
    """The service with a sender that can deliver to this machine, as in development."""
    sender = WebhookSender(allow_private=True)
    yield replace(broker, webhook_sender=sender)
    await sender.aclose()


@pytest.fixture(scope="module")
def service(local_broker: Broker) -> FastAPI:
    def lifetime() -> AbstractAsyncContextManager[Broker]:
        raise RuntimeError("the broker is given")

    service = create_app(lifetime)
    service.state.broker = local_broker
    return service


@pytest.fixture(scope="module")
async def address(service: FastAPI) -> AsyncIterator[str]:
    """The URL of the service."""
    async with serving(service, force_exit=True) as url:
        yield url


@pytest.fixture
async def tenant(local_broker: Broker, address: str) -> AsyncIterator[Tenant]:
    """An app with a client of the service."""
    accounts = {ProviderName.AGORA: {"app_id": "a60a" * 8, "app_certificate": "d3300000" * 4}}
    roles = {ProviderName.AGORA: {"tutor": "publisher", "student": "publisher"}}
    async with httpx.AsyncClient(base_url=address) as client:
        yield await make_tenant(local_broker, client, accounts, roles)


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    """The developer's server."""
    async with start_backend() as backend:
        yield backend


class Program:
    """A running `videobroker listen`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.out = bytearray()
        self.err = bytearray()
        self._readers = [
            asyncio.create_task(_copy(process.stdout, self.out)),
            asyncio.create_task(_copy(process.stderr, self.err)),
        ]

    @property
    def messages(self) -> str:
        """The output on stderr."""
        return self.err.decode()

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The output of `--json`."""
        return [json.loads(line) for line in self.out.decode().splitlines()]

    async def shows(self, text: str) -> None:
        """Wait for this text on stderr."""
        await eventually(lambda: text in self.messages, context=lambda: self.messages)

    async def end(self) -> int:
        """Wait for the end, and return the exit code."""
        code = await self.process.wait()
        await asyncio.gather(*self._readers)
        return code


async def _copy(stream: asyncio.StreamReader | None, target: bytearray) -> None:
    assert stream is not None
    while chunk := await stream.read(4096):
        target += chunk


Start = Callable[..., AbstractAsyncContextManager[Program]]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Starts the program with these arguments and settings, and stops it with a signal."""

    @asynccontextmanager
    async def running(
        *arguments: str, how: signal.Signals = signal.SIGTERM, **variables: str
    ) -> AsyncIterator[Program]:
        process = await asyncio.create_subprocess_exec(
            *COMMAND,
            "listen",
            *arguments,
            cwd=tmp_path,
            env={**environment(**variables), **marks()},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        program = Program(process)
        try:
            yield program
        finally:
            if process.returncode is None:
                process.send_signal(how)
            await program.end()

    return running


async def report(tenant: Tenant, *names: str) -> list[str]:
    """The IDs of new `app.reported` events."""
    ids = []
    for name in names:
        response = await tenant.post("/v1/events", {"event": name})
        assert response.status_code == 201, response.text
        ids.append(str(response.json()["id"]))
    return ids


async def test_events_arrive_like_real_deliveries(start: Start, address: str, tenant: Tenant, backend: Backend) -> None:
    async with (
        start("-f", backend.url, "--url", address, "--secret", SECRET, VIDEOBROKER_API_KEY=tenant.key) as listening,
        start_backend() as endpoint,
    ):
        await listening.shows("Listening to")
        registered = await tenant.post("/v1/webhook-endpoints", {"url": endpoint.url})
        await tenant.book()
        await tenant.join()
        await eventually(lambda: "credentials.issued" in backend.types, context=lambda: listening.messages)
        await deliver_due(tenant)
    # The change of the endpoint is an event, too. Endpoints and this command get such events only on request.
    assert set(backend.types) == {"session.registered", "room.opened", "call.started", "credentials.issued"}
    delivered = {each.id: each for each in endpoint.received}
    assert backend.ids == list(dict.fromkeys(backend.ids))
    assert set(backend.ids) == set(delivered)
    varying = {"webhook-timestamp", "webhook-signature", "host"}
    for forwarded in backend.received:
        real = delivered[forwarded.id]
        assert forwarded.raw == real.raw
        assert {name: value for name, value in forwarded.headers.items() if name not in varying} == {
            name: value for name, value in real.headers.items() if name not in varying
        }
        assert set(forwarded.headers) == set(real.headers)
        assert forwarded.verified(SECRET) == real.verified(registered.json()["secret"])
    assert "Stopped after 4 events." in listening.messages
    assert listening.process.returncode == 0


async def test_past_events_are_sent_once_and_before_new_ones(
    start: Start, address: str, tenant: Tenant, backend: Backend
) -> None:
    await asyncio.gather(*(report(tenant, f"past.{number}") for number in range(PAGE_EVENTS + 2)))
    async with start(
        "-f", backend.url, "--url", address, "--since", "10m", "--json", VIDEOBROKER_API_KEY=tenant.key
    ) as listening:
        await eventually(lambda: len(backend.received) >= PAGE_EVENTS + 2, context=lambda: listening.messages)
        past = backend.ids.copy()
        new = await report(tenant, "new")
        await eventually(lambda: listening.out.count(b"\n") == PAGE_EVENTS + 3)
    assert backend.ids == [*past, *new]
    assert len(set(backend.ids)) == PAGE_EVENTS + 3
    assert [(line["event"]["id"], line["response"]["status"]) for line in listening.lines] == [
        (each, 200) for each in [*past, *new]
    ]
    assert backend.received[0].verified(derive_secret(tenant.key))


async def test_only_chosen_types_are_sent(start: Start, address: str, tenant: Tenant, backend: Backend) -> None:
    wanted = "call.started,app.reported"
    async with start(
        "-f", backend.url, "--url", address, "--events", wanted, VIDEOBROKER_API_KEY=tenant.key
    ) as listening:
        await listening.shows("Listening to")
        await tenant.book()
        await tenant.join()
        await report(tenant, "last")
        await eventually(lambda: "app.reported" in backend.types)
    assert backend.types == ["call.started", "app.reported"]


async def test_events_wait_for_a_server_that_does_not_run(start: Start, address: str, tenant: Tenant) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}/hooks"
    async with start("-f", url, "--url", address, VIDEOBROKER_API_KEY=tenant.key) as listening:
        await listening.shows("Listening to")
        ids = await report(tenant, "first", "second")
        await listening.shows(f"Nothing accepts connections at {url}. Start your server: events wait for it.")
        async with start_backend(port=port) as backend:
            await eventually(lambda: len(backend.received) == 2)
            assert backend.ids == ids
    assert listening.messages.count("Nothing accepts connections") == 1


async def test_a_refused_event_is_shown_with_the_response_and_not_repeated(
    start: Start, address: str, tenant: Tenant, backend: Backend
) -> None:
    backend.next_behaviors = [respond(500, b"KeyError: \x1b[31m'user'\n")]
    async with start("-f", backend.url, "--url", address, VIDEOBROKER_API_KEY=tenant.key) as listening:
        await listening.shows("Listening to")
        ids = await report(tenant, "first", "second")
        await eventually(lambda: listening.out.count(b"\n") == 2)
    first, second = listening.out.decode().splitlines()
    assert "500" in first
    assert "app.reported" in first
    assert first.rstrip().endswith(f"{ids[0]}  KeyError:  [31m'user'")
    assert "200" in second
    assert second.endswith(ids[1])
    assert backend.ids == ids


async def test_without_a_target_events_are_only_shown(start: Start, address: str, tenant: Tenant) -> None:
    async with start("--url", address, "--json", VIDEOBROKER_API_KEY=tenant.key, how=signal.SIGINT) as listening:
        await listening.shows("Listening to")
        ids = await report(tenant, "first")
        await eventually(lambda: b"\n" in listening.out)
    assert [(line["event"]["id"], line["response"]) for line in listening.lines] == [(ids[0], None)]
    assert await listening.end() == 0
    assert "whsec_" not in listening.messages


@asynccontextmanager
async def tunnel(address: str, port: int) -> AsyncIterator[None]:
    """Forwards connections on a port to the service while the block runs, and cuts them at its end."""
    open_connections: set[asyncio.StreamWriter] = set()
    tasks: set[asyncio.Task[None]] = set()
    target = urlsplit(address)

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await reader.read(4096):
                writer.write(chunk)
                await writer.drain()
        writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        service_reader, service_writer = await asyncio.open_connection(target.hostname, target.port)
        open_connections.update((writer, service_writer))
        tasks.update(
            (asyncio.create_task(copy(reader, service_writer)), asyncio.create_task(copy(service_reader, writer)))
        )

    server = await asyncio.start_server(connect, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        for writer in open_connections:
            writer.transport.abort()
        await asyncio.gather(*tasks)


async def test_no_event_is_lost_while_the_connection_is_interrupted(
    start: Start, address: str, tenant: Tenant, backend: Backend
) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with start("-f", backend.url, "--url", url, VIDEOBROKER_API_KEY=tenant.key) as listening:
        async with tunnel(address, port):
            await listening.shows("Listening to")
            ids = await report(tenant, "before")
            await eventually(lambda: backend.ids == ids)
        ids += await report(tenant, "meanwhile")
        await listening.shows("Reconnecting in")
        async with tunnel(address, port):
            await eventually(lambda: backend.ids == ids)
    assert listening.messages.count("Listening to") == 1


async def test_a_refused_key_ends_it_with_the_reason(start: Start, address: str, tenant: Tenant) -> None:
    key = await tenant.create_key(scopes=[Scope.JOIN])
    async with start("--url", address, VIDEOBROKER_API_KEY=key) as without_scope:
        assert await without_scope.end() == 1
    assert "events:read" in without_scope.messages
    async with start("--url", address, VIDEOBROKER_API_KEY=KEY) as unknown:
        assert await unknown.end() == 1
    assert "error:" in unknown.messages
    assert "Traceback" not in without_scope.messages + unknown.messages
    assert KEY not in unknown.messages


async def test_a_service_that_does_not_run_ends_it_at_the_start(start: Start) -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with start("--url", url, VIDEOBROKER_API_KEY=KEY) as listening:
        assert await listening.end() == 1
    assert f"Cannot reach the service at {url}" in listening.messages


async def test_a_server_that_is_not_the_service_ends_it_at_the_start(start: Start) -> None:
    async with start_backend() as other:
        other.default_behavior = respond(404, b"<h1>Not here</h1>", content_type="text/html")
        async with start("--url", other.url, VIDEOBROKER_API_KEY=KEY) as listening:
            assert await listening.end() == 1
    assert "The response has the status 404: is this the address of videobroker?" in listening.messages


async def test_the_commands_of_the_guide(
    start: Start, address: str, tenant: Tenant, backend: Backend, tmp_path: Path
) -> None:
    written = {"base_url": address, "apps": {"tutoring-100ms": {"api_key": tenant.key}}}
    (tmp_path / ".videobroker").mkdir()
    (tmp_path / ".videobroker" / "demo.json").write_text(json.dumps(written))
    replaced = {"http://localhost:3000/webhooks/video": backend.url, "https://video.example": address}
    commands = re.findall(r"videobroker listen ([^\n)]+)", "".join(GUIDE_BLOCKS))
    assert len(commands) == 4
    for command in commands:
        arguments = [replaced.get(each, each) for each in shlex.split(command)]
        key = {} if "--app" in arguments else {"VIDEOBROKER_API_KEY": tenant.key}
        async with start(*arguments, **key) as listening:
            if "--print-secret" in arguments:
                assert await listening.end() == 0
                assert listening.out.decode().strip() == derive_secret(tenant.key)
            else:
                await listening.shows("Listening to")


@pytest.fixture
def variables() -> dict[str, str]:
    """Settings without an app."""
    return {}


@pytest.fixture
def demo(tmp_path: Path) -> dict[str, Any]:
    """The file of a running demo."""
    apps = {name: {"api_key": f"vb_{name}"} for name in ("groups", "therapy")}
    written = {"base_url": "http://127.0.0.1:1", "apps": apps}
    (tmp_path / ".videobroker").mkdir()
    (tmp_path / ".videobroker" / "demo.json").write_text(json.dumps(written))
    return written


@pytest.mark.usefixtures("demo")
def test_the_secret_of_an_app_is_the_same_at_every_start(videobroker: CommandRunner) -> None:
    printed = [
        videobroker.succeed("listen", "--app", app, "--print-secret").out.strip()
        for app in ("groups", "groups", "therapy")
    ]
    assert printed == [derive_secret("vb_groups"), derive_secret("vb_groups"), derive_secret("vb_therapy")]
    assert len(set(printed)) == 2
    assert videobroker.succeed("listen", "--print-secret", VIDEOBROKER_API_KEY="vb_therapy").out.strip() == printed[2]
    # The app of the demo wins over the key of the environment.
    both = videobroker.succeed("listen", "--app", "groups", "--print-secret", VIDEOBROKER_API_KEY="vb_therapy")
    assert both.out.strip() == printed[0]


def test_without_a_key_it_says_where_to_get_one(videobroker: CommandRunner) -> None:
    outcome = videobroker("listen")
    assert outcome.code == 2
    assert "VIDEOBROKER_API_KEY" in outcome.err


@pytest.mark.usefixtures("demo")
@pytest.mark.parametrize("arguments", [(), ("--app", "tutoring")], ids=str)
def test_an_app_of_the_demo_has_to_be_chosen(videobroker: CommandRunner, arguments: tuple[str, ...]) -> None:
    outcome = videobroker("listen", *arguments)
    assert outcome.code == 2
    assert "groups, therapy" in outcome.err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--forward", "http://1.1.1.1/hooks"), "POST /v1/webhook-endpoints"),
        (("--forward", "https://[2606:4700::1111]/hooks"), "POST /v1/webhook-endpoints"),
        (("--forward", "localhost:3000"), "must begin with"),
        (("--forward", "http://nowhere.invalid/hooks"), "nowhere.invalid has no address"),
        (("--url", "http://1.1.1.1"), "must begin with https://"),
        (("--events", "call.start"), "Did you mean call.started"),
        (("--events", "bogus"), "docs/reference/events.md"),
        (("--since", "yesterday"), "90s, 10m, 2h, 1d"),
        (("--since", "2026-03-12T14:00:00"), "time zone"),
        (("--secret", "whsec_?"), "base64"),
    ],
    ids=str,
)
def test_wrong_usage_is_refused_before_anything_is_sent(
    videobroker: CommandRunner, arguments: tuple[str, ...], reason: str
) -> None:
    outcome = videobroker("listen", *arguments, VIDEOBROKER_API_KEY=KEY)
    assert (outcome.code, outcome.out) == (2, "")
    assert reason in " ".join(outcome.err.translate(dict.fromkeys(map(ord, "│╭╮╰╯─"), " ")).split())
    assert KEY not in outcome.err
