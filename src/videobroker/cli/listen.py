"""`videobroker listen`: forwards events to a server on this machine, signed like webhooks."""

import asyncio
import base64
import contextlib
import difflib
import hashlib
import hmac
import json
import re
import signal
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from rich.text import Text

from videobroker.cli.event_stream import Event, EventStream, StreamRejected
from videobroker.cli.terminal import AsJson, counted, print_error, stderr, stdout
from videobroker.delivery.sender import SendResult, WebhookRequest, WebhookSender
from videobroker.delivery.ssrf_guard import is_public, resolve_host
from videobroker.domain.events import OPT_IN_EVENTS, EventType
from videobroker.domain.webhooks import SECRET_PREFIX, DeliveryAttempt, check_endpoint_url, render_body
from videobroker.errors import BrokerError
from videobroker.settings import Settings

RETRY_SECONDS = 1.0
"""Between attempts to connect to the server of the developer."""
MAX_SHOWN_CHARACTERS = 120
"""Of a response that is not a success."""
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Source:
    """The service, and the key of the app whose events are followed."""

    url: str
    api_key: str = field(repr=False)


def listen(
    forward: Annotated[
        str | None,
        typer.Option(
            "--forward", "-f", metavar="URL", help="URL on this machine or network. Without it, events are only shown."
        ),
    ] = None,
    app_name: Annotated[
        str | None, typer.Option("--app", help="App of the demo. Without it, VIDEOBROKER_API_KEY selects the app.")
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(metavar="URL", help="URL of the service. Default: that of the demo, or VIDEOBROKER_PUBLIC_URL."),
    ] = None,
    events: Annotated[
        list[str] | None,
        typer.Option(metavar="TYPES", help="Event types, separated by commas. Default: those of a webhook endpoint."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Start with past events: 10m, 2h, 1d, or a time such as 2026-03-12T14:00Z."),
    ] = None,
    secret: Annotated[
        str | None,
        typer.Option(
            envvar="VIDEOBROKER_LISTEN_SECRET",
            metavar="WHSEC",
            help="Signing secret. Default: derived from the API key, so that it is the same at every start.",
        ),
    ] = None,
    print_secret: Annotated[bool, typer.Option("--print-secret", help="Print the signing secret, and exit.")] = False,
    as_json: AsJson = False,
) -> None:
    """Forward events to a server on this machine, signed like webhooks, during development.

    Follows the journal with an API key that has the scope events:read, so that the service needs no access to this
    machine. Each event is sent once: unlike a real delivery, it is not repeated after an error. While nothing accepts
    connections at the URL, events wait. Press Ctrl+C to stop. Exit code 1 if the service refuses the key or cannot be
    reached at the start.

    Examples:

    \b
      # Events of a demo app (`make run`), to a server on this machine
      videobroker listen --app tutoring-100ms --forward http://localhost:3000/webhooks/video

    \b
      # Another service: the key is read from the environment, never from the command line
      export VIDEOBROKER_API_KEY=vb_...
      videobroker listen --url https://video.example --forward http://localhost:3000/webhooks/video

    \b
      # Two types, including those of the last ten minutes
      videobroker listen --app tutoring-100ms --events call.started,call.ended --since 10m

    \b
      # The signing secret for the configuration of your server
      export VIDEOBROKER_WEBHOOK_SECRET=$(videobroker listen --app tutoring-100ms --print-secret)
    """
    types = _event_types(events or ())
    start = None if since is None else _parse_since(since, datetime.now(UTC))
    source = find_source(Settings(), app_name, url)
    signing_secret = _checked_secret(secret) if secret else derive_secret(source.api_key)
    if print_secret:
        stdout.print(signing_secret)
        return
    asyncio.run(_require_private_hosts(forward, source.url))
    forwarder = EventForwarder(source, forward, signing_secret, types, start, as_json)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with contextlib.suppress(KeyboardInterrupt):
            asyncio.run(forwarder.run())
    except StreamRejected as error:
        print_error(str(error))
        raise typer.Exit(1) from None
    stderr.print(f"Stopped after {counted(forwarder.count, 'event')}.")


@dataclass
class EventForwarder:
    """Shows events, and forwards them one after the other."""

    source: Source
    forward: str | None
    secret: str = field(repr=False)
    types: Sequence[str]
    since: datetime | None
    as_json: bool
    count: int = 0

    async def run(self) -> None:
        """Run until it is cancelled. Raises `StreamRejected`."""
        stream = EventStream(
            self.source.url,
            self.source.api_key,
            types=self.types,
            since=self.since,
            notify=_notify,
            connected=self._welcome,
        )
        sender = WebhookSender(allow_private=True)
        try:
            async for event in stream.events():
                if self._is_wanted(event):
                    self._show(event, await self._send(sender, event))
                    self.count += 1
        finally:
            await sender.aclose()

    def _is_wanted(self, event: Event) -> bool:
        # As for a webhook endpoint: without types, not those of the set-up. A newer service can have unknown types.
        return bool(self.types) or event["type"] not in OPT_IN_EVENTS

    async def _send(self, sender: WebhookSender, event: Event) -> DeliveryAttempt | None:
        if self.forward is None:
            return None
        is_waiting = False
        while (result := await self._attempt(sender, self.forward, event)).is_unreachable:
            if not is_waiting:
                _notify(f"Nothing accepts connections at {self.forward}. Start your server: events wait for it.")
                is_waiting = True
            await asyncio.sleep(RETRY_SECONDS)
        return result.attempt

    async def _attempt(self, sender: WebhookSender, url: str, event: Event) -> SendResult:
        request = WebhookRequest(
            url=url, event_id=event["id"], body=render_body(event), secrets=(self.secret,), number=1
        )
        return await sender.send(request, now=datetime.now(UTC))

    def _welcome(self) -> None:
        target = "Events are only shown; forward them with --forward." if self.forward is None else self.forward
        stderr.print(Text.assemble("Listening to ", (self.source.url, "bold"), " for ", (target, "bold")))
        if self.forward is not None:
            stderr.print(Text.assemble("Signing secret: ", (self.secret, "bold")))
        stderr.print("Press Ctrl+C to stop.")

    def _show(self, event: Event, attempt: DeliveryAttempt | None) -> None:
        if self.as_json:
            stdout.print(json.dumps(describe(event, attempt)))
        else:
            stdout.print(_line(event, attempt))


def describe(event: Event, attempt: DeliveryAttempt | None) -> dict[str, Any]:
    """The event, and the response of the server, for `--json`."""
    if attempt is None:
        return {"event": event, "response": None}
    response = {
        "status": attempt.status,
        "latency_ms": attempt.latency_ms,
        "body": attempt.body,
        "error": attempt.error,
    }
    return {"event": event, "response": response}


def _line(event: Event, attempt: DeliveryAttempt | None) -> Text:
    session = event["session"]
    about = [
        str(event["type"]),
        "" if session is None else f"{session['kind']} {session['reference']}",
        event["user_id"] or "",
    ]
    occurred_at = datetime.fromisoformat(event["occurred_at"]).astimezone()
    line = Text.assemble((f"{occurred_at:%H:%M:%S}", "dim"), "  ")
    if attempt is not None:
        status = "failed" if attempt.status is None else str(attempt.status)
        line.append(f"{status} {attempt.latency_ms:>4} ms", "green" if attempt.is_accepted else "red").append("  ")
    line.append("  ".join(_printable(part) for part in about if part))
    line.append(f"  {event['id']}", "dim")
    if attempt is not None and not attempt.is_accepted:
        reason = _printable(attempt.error or attempt.body)[:MAX_SHOWN_CHARACTERS]
        line.append(f"  {reason}", "red")
    return line


def _printable(text: str) -> str:
    return "".join(each if each.isprintable() else " " for each in text)


def _notify(sentence: str) -> None:
    stderr.print(Text(sentence, "yellow"))


def find_source(settings: Settings, app_name: str | None, url: str | None) -> Source:
    """The service and the key: of the app of the demo, otherwise from the settings. Raises `typer.BadParameter`."""
    file = settings.data_dir / "demo.json"
    if app_name is None and settings.api_key is not None:
        default = settings.public_url or f"http://127.0.0.1:{settings.port}"
        return Source((url or default).rstrip("/"), settings.api_key.get_secret_value())
    demo = _read_demo(file)
    if demo is None:
        raise typer.BadParameter(
            f"{file} does not exist. Start `make run`, or set VIDEOBROKER_API_KEY to a key with the scope events:read."
        )
    if app_name not in demo["apps"]:
        choices = ", ".join(demo["apps"])
        raise typer.BadParameter(f"choose an app of the demo: {choices}", param_hint="--app")
    return Source((url or demo["base_url"]).rstrip("/"), demo["apps"][app_name]["api_key"])


def _read_demo(file: Path) -> dict[str, Any] | None:
    try:
        demo: dict[str, Any] = json.loads(file.read_text())
    except FileNotFoundError:
        return None
    return demo


def derive_secret(api_key: str) -> str:
    """A signing secret that is the same at every start, from which the key cannot be computed."""
    digest = hmac.digest(api_key.encode(), b"videobroker listen", hashlib.sha256)
    return SECRET_PREFIX + base64.b64encode(digest).decode()


def _checked_secret(secret: str) -> str:
    try:
        is_valid = secret.startswith(SECRET_PREFIX) and base64.b64decode(secret[len(SECRET_PREFIX) :], validate=True)
    except ValueError:
        is_valid = False
    if not is_valid:
        raise typer.BadParameter(f"must be `{SECRET_PREFIX}` and base64", param_hint="--secret")
    return secret


def _event_types(texts: Sequence[str]) -> list[str]:
    types = [part.strip() for text in texts for part in text.split(",") if part.strip()]
    known = [each.value for each in EventType]
    for each in types:
        if each not in known:
            close = difflib.get_close_matches(each, known)
            hint = f"Did you mean {' or '.join(close)}?" if close else "docs/reference/events.md lists all types."
            raise typer.BadParameter(f"{each} is not an event type. {hint}", param_hint="--events")
    return types


def _parse_since(text: str, now: datetime) -> datetime:
    if found := re.fullmatch(r"(\d{1,6})([smhd])", text):
        return now - timedelta(**{UNITS[found[2]]: int(found[1])})
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("must be 90s, 10m, 2h, 1d, or an RFC 3339 time", param_hint="--since") from None
    if moment.tzinfo is None:
        raise typer.BadParameter("must have a time zone, such as `Z`", param_hint="--since")
    return moment


async def _require_private_hosts(forward: str | None, url: str) -> None:
    """Refuse to send events to the internet, and the API key over a connection that is not encrypted."""
    if forward is not None and await _is_on_the_internet(forward, "--forward"):
        raise typer.BadParameter(
            "is on the public internet. Register it as a webhook endpoint instead: POST /v1/webhook-endpoints.",
            param_hint="--forward",
        )
    if urlsplit(url).scheme == "http" and await _is_on_the_internet(url, "--url"):
        raise typer.BadParameter("must begin with https://: the API key would not be encrypted", param_hint="--url")


async def _is_on_the_internet(url: str, option: str) -> bool:
    try:
        parts = urlsplit(check_endpoint_url(url, allow_private=True))
    except BrokerError as error:
        raise typer.BadParameter(error.detail, param_hint=option) from None
    try:
        addresses = await resolve_host(parts.hostname or "", parts.port or 443)
    except (OSError, UnicodeError):
        raise typer.BadParameter(f"the host {parts.hostname} has no address", param_hint=option) from None
    return any(is_public(address) for address in addresses)
