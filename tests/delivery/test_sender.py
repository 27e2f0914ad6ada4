"""The webhook sender: signatures that the Standard Webhooks library accepts, and limits for every receiver."""

import asyncio
import gzip
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from delivery.backend import Backend, Received, hang, respond, send_raw, start_backend
from polling import eventually
from tenants import free_port
from videobroker.delivery.sender import (
    MAX_DELIVERY_SECONDS,
    MAX_QUEUE_SECONDS,
    STORED_RESPONSE_BYTES,
    SendResult,
    WebhookRequest,
    WebhookSender,
)
from videobroker.domain.webhooks import generate_secret
from videobroker.storage.webhooks.deliveries import LEASE_DURATION, MAX_ATTEMPT_DURATION

EVENT = "0195d3c2-7a11-7f02-8f5d-0c9be3a41d20"
SECRET = generate_secret()
BODY = '{"data":{"note":"Zoë 🎓 \u2028 \\u0000"},"type":"app.reported"}'
TIMEOUT_SECONDS = 60.0
"""A timeout that is never reached, even on a busy machine."""
SHORT_TIMEOUT_SECONDS = 0.5
"""A timeout that is meant to be reached."""


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    """A backend that responds with 200."""
    async with start_backend() as backend:
        yield backend


@pytest.fixture
async def sender() -> AsyncIterator[WebhookSender]:
    """A sender that may deliver to this machine."""
    sender = WebhookSender(allow_private=True, seconds=TIMEOUT_SECONDS)
    yield sender
    await sender.aclose()


@pytest.fixture
async def impatient_sender() -> AsyncIterator[WebhookSender]:
    """A sender with a short timeout."""
    sender = WebhookSender(allow_private=True, seconds=SHORT_TIMEOUT_SECONDS)
    yield sender
    await sender.aclose()


async def send(
    sender: WebhookSender, backend: Backend, *, body: str = BODY, secrets: tuple[str, ...] = (SECRET,), **ago: float
) -> SendResult:
    request = WebhookRequest(backend.url, EVENT, body, secrets, 1)
    return await sender.send(request, now=datetime.now(UTC) - timedelta(**ago))


class TestSignature:
    async def test_it_is_accepted_by_the_library_of_the_standard(self, sender: WebhookSender, backend: Backend) -> None:
        sent = await send(sender, backend)
        assert sent.attempt.is_accepted
        [received] = backend.received
        assert received.raw == BODY.encode()
        assert received.headers["content-type"] == "application/json"
        assert received.verified(SECRET) == received.body

    async def test_it_is_accepted_with_either_of_two_secrets(self, sender: WebhookSender, backend: Backend) -> None:
        previous, unknown = generate_secret(), generate_secret()
        await send(sender, backend, secrets=(SECRET, previous))
        [received] = backend.received
        assert received.verified(SECRET) == received.verified(previous) == received.body
        with pytest.raises(WebhookVerificationError):
            received.verified(unknown)

    async def test_each_attempt_has_the_same_id_and_its_own_timestamp(
        self, sender: WebhookSender, backend: Backend
    ) -> None:
        await send(sender, backend, seconds=60)
        await send(sender, backend)
        first, second = backend.received
        assert first.id == second.id == EVENT
        assert 59 <= int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) <= 61
        assert second.verified(SECRET) == first.verified(SECRET)

    @pytest.mark.parametrize("minutes", [6, 60, -6], ids=["six minutes", "an hour", "from the future"])
    async def test_an_old_timestamp_is_rejected(self, sender: WebhookSender, backend: Backend, minutes: int) -> None:
        """A recorded delivery cannot be replayed later."""
        await send(sender, backend, minutes=minutes)
        with pytest.raises(WebhookVerificationError):
            backend.received[0].verified(SECRET)

    @pytest.mark.parametrize("what", ["body", "webhook-id", "webhook-timestamp", "webhook-signature"])
    async def test_any_change_is_rejected(self, sender: WebhookSender, backend: Backend, what: str) -> None:
        await send(sender, backend)
        [original] = backend.received
        signature = original.headers["webhook-signature"]
        changed = {
            "webhook-id": "0195d3c2-7a11-7f02-8f5d-0c9be3a41d21",
            "webhook-timestamp": str(int(original.headers["webhook-timestamp"]) + 1),
            "webhook-signature": signature[:10] + ("A" if signature[10] != "A" else "B") + signature[11:],
        }
        if what == "body":
            forged = Received(original.path, original.headers, original.raw.replace(b"app.reported", b"app.reportet"))
        else:
            forged = Received(original.path, {**original.headers, what: changed[what]}, original.raw)
        with pytest.raises(WebhookVerificationError):
            forged.verified(SECRET)

    async def test_all_bodies_are_signed_correctly(self, sender: WebhookSender, backend: Backend) -> None:
        for body in ("{}", '{"a":"\u0085\u2029\ufeff"}', '{"a":"' + "ü" * 100_000 + '"}'):
            await send(sender, backend, body=body)
            assert (
                Webhook(SECRET).verify(backend.received[-1].raw, backend.received[-1].headers)
                == backend.received[-1].body
            )

    async def test_secrets_are_not_in_the_repr_of_a_request(self) -> None:
        assert SECRET not in repr(WebhookRequest("https://backend.example/", EVENT, BODY, [SECRET], 1))


class TestResponse:
    @pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
    async def test_a_2xx_status_is_accepted(self, sender: WebhookSender, backend: Backend, status: int) -> None:
        backend.default_behavior = respond(status)
        sent = await send(sender, backend)
        assert (sent.attempt.status, sent.attempt.is_accepted, sent.attempt.error) == (status, True, None)

    @pytest.mark.parametrize("status", [300, 301, 400, 401, 404, 409, 410, 429, 500, 503, 599])
    async def test_any_other_status_is_a_failure(self, sender: WebhookSender, backend: Backend, status: int) -> None:
        backend.default_behavior = respond(status, b"no")
        sent = await send(sender, backend)
        assert (sent.attempt.status, sent.attempt.is_accepted, sent.attempt.body) == (status, False, "no")

    async def test_only_the_start_of_the_body_is_stored(self, sender: WebhookSender, backend: Backend) -> None:
        backend.default_behavior = respond(200, b"x" * 5000)
        assert (await send(sender, backend)).attempt.body == "x" * STORED_RESPONSE_BYTES

    async def test_the_body_is_stored_as_valid_text(self, sender: WebhookSender, backend: Backend) -> None:
        backend.default_behavior = respond(200, b"a\x00b\xff\xfe\xed\xa0\x80")
        body = (await send(sender, backend)).attempt.body
        assert body.startswith("a\N{REPLACEMENT CHARACTER}b")
        assert "\x00" not in body
        body.encode()

    async def test_a_compressed_body_is_not_decompressed(self, sender: WebhookSender, backend: Backend) -> None:
        backend.default_behavior = respond(200, gzip.compress(b"\0" * 10_000_000), content_encoding="gzip")
        sent = await send(sender, backend)
        assert sent.attempt.is_accepted
        assert len(sent.attempt.body) <= STORED_RESPONSE_BYTES

    async def test_the_latency_is_the_duration_of_the_request(self, sender: WebhookSender, backend: Backend) -> None:
        async def respond_slowly(received: Received, writer: asyncio.StreamWriter) -> None:
            # The duration that the attempt has to report.
            await asyncio.sleep(0.2)
            await respond(200)(received, writer)

        backend.default_behavior = respond_slowly
        began = time.monotonic()
        sent = await send(sender, backend)
        took_ms = (time.monotonic() - began) * 1000
        assert 190 <= sent.attempt.latency_ms <= took_ms + 1


HEAD = b"HTTP/1.1 200 OK\r\n"


class TestLimits:
    """Whatever a receiver does, the attempt has limited time and memory, and a result."""

    @pytest.mark.parametrize(
        "behavior",
        [
            hang,
            send_raw(again=b"H", pause=0.02),
            send_raw(HEAD, again=b"x-drip: 1\r\n", pause=0.02),
            send_raw(again=b"HTTP/1.1 102 Processing\r\n\r\n", pause=0.02),
        ],
        ids=["silence", "a slow status line", "slow headers", "endless 1xx"],
    )
    async def test_time_is_limited(self, impatient_sender: WebhookSender, backend: Backend, behavior: object) -> None:
        """Without the timeout, none of them would end."""
        backend.default_behavior = behavior  # type: ignore[assignment]
        async with asyncio.timeout(TIMEOUT_SECONDS):
            sent = await send(impatient_sender, backend)
        assert (sent.attempt.is_accepted, sent.attempt.error) == (False, "no response within 0.5 s")
        assert sent.attempt.latency_ms >= SHORT_TIMEOUT_SECONDS * 1000 - 10
        await eventually(lambda: backend.closed_by_client == backend.connections or behavior is hang)

    @pytest.mark.parametrize(
        "behavior",
        [
            send_raw(HEAD + b"content-length: 100000000000\r\n\r\n", again=b"x" * 65_536),
            send_raw(HEAD + b"transfer-encoding: chunked\r\n\r\n", again=b"10000\r\n" + b"x" * 65_536 + b"\r\n"),
            send_raw(HEAD + b"\r\n", again=b"x" * 65_536),
        ],
        ids=["with a length", "in chunks", "until the end"],
    )
    async def test_an_endless_body_is_truncated(
        self, sender: WebhookSender, backend: Backend, behavior: object
    ) -> None:
        """Only the start of the body is read."""
        backend.default_behavior = behavior  # type: ignore[assignment]
        sent = await send(sender, backend)
        assert sent.attempt.is_accepted
        assert sent.attempt.body == "x" * STORED_RESPONSE_BYTES
        await eventually(lambda: backend.closed_by_client == 1)

    @pytest.mark.parametrize(
        "behavior",
        [
            send_raw(HEAD, again=b"x-more: " + b"y" * 1000 + b"\r\n"),
            send_raw(HEAD + b"x: ", again=b"y" * 65_536),
            send_raw(b"SSH-2.0-OpenSSH_9.2\r\n"),
            send_raw(b"HTTP/1.1 abc\r\n\r\n"),
            send_raw(b"HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n"),
            send_raw(b"\x00" * 100),
            send_raw(),
        ],
        ids=["endless headers", "an endless header", "SSH", "no status", "no length", "NUL", "the end"],
    )
    async def test_invalid_http_is_a_failure(self, sender: WebhookSender, backend: Backend, behavior: object) -> None:
        backend.default_behavior = behavior  # type: ignore[assignment]
        sent = await send(sender, backend)
        assert not sent.attempt.is_accepted
        assert sent.attempt.error == "RemoteProtocolError"

    @pytest.mark.parametrize(
        ("status", "accepted"), [(200, True), (204, True), (299, True), (410, False), (503, False)]
    )
    @pytest.mark.parametrize(
        ("rest", "why"),
        [
            (b"content-length: 10\r\n\r\nabc", "RemoteProtocolError"),
            (b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", "RemoteProtocolError"),
            (b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\nno chunk", "RemoteProtocolError"),
        ],
        ids=["half a body", "half of the chunks", "a broken chunk"],
    )
    async def test_the_status_counts_if_the_body_is_incomplete(
        self, sender: WebhookSender, backend: Backend, status: int, accepted: bool, rest: bytes, why: str
    ) -> None:
        backend.default_behavior = send_raw(f"HTTP/1.1 {status} Whatever\r\nretry-after: 7\r\n".encode() + rest)
        sent = await send(sender, backend)
        assert (sent.attempt.status, sent.attempt.is_accepted) == (status, accepted)
        if status != 204:  # 204 has no body
            assert sent.attempt.error == f"the response body was cut off ({why})"
            assert sent.attempt.body == "abc"
        assert sent.retry_after == timedelta(seconds=7)

    @pytest.mark.parametrize(
        "behavior",
        [
            send_raw(HEAD + b"content-length: 1000000\r\n\r\n", again=b".", pause=0.02),
            send_raw(HEAD + b"transfer-encoding: chunked\r\n\r\n", again=b"1\r\n.\r\n", pause=0.02),
        ],
        ids=["a slow body", "slow chunks"],
    )
    async def test_the_status_counts_if_the_body_takes_too_long(
        self, impatient_sender: WebhookSender, backend: Backend, behavior: object
    ) -> None:
        backend.default_behavior = behavior  # type: ignore[assignment]
        async with asyncio.timeout(TIMEOUT_SECONDS):
            sent = await send(impatient_sender, backend)
        assert sent.attempt.is_accepted
        assert sent.attempt.error == "the response body was cut off (no response within 0.5 s)"
        assert sent.attempt.body.startswith(".")

    async def test_a_refused_connection_is_a_failure(self, sender: WebhookSender) -> None:
        port = free_port()
        sent = await send(sender, Backend(f"http://127.0.0.1:{port}/"))
        # The message of the operating system may contain internal addresses.
        assert (sent.attempt.status, sent.attempt.error) == (None, "ConnectError")
        assert sent.is_unreachable

    async def test_a_receiver_without_tls_is_reachable(self, sender: WebhookSender, backend: Backend) -> None:
        sent = await send(sender, Backend(backend.url.replace("http:", "https:")))
        assert (sent.attempt.status, sent.is_unreachable) == (None, False)

    async def test_slow_receivers_do_not_delay_others(self, sender: WebhookSender, backend: Backend) -> None:
        """Slow receivers do not delay others: all of them are still waiting after the fast one has responded."""
        released = asyncio.Event()

        async def respond_late(received: Received, writer: asyncio.StreamWriter) -> None:
            await released.wait()
            await respond(200)(received, writer)

        async with start_backend() as slow_backend:
            slow_backend.default_behavior = respond_late
            waiting = [asyncio.create_task(send(sender, slow_backend)) for _ in range(50)]
            await eventually(lambda: len(slow_backend.received) == 50)
            sent = await send(sender, backend)
            assert sent.attempt.is_accepted
            assert not any(each.done() for each in waiting)
            released.set()
            outcomes = await asyncio.gather(*waiting)
        assert all(each.attempt.is_accepted for each in outcomes)

    async def test_the_timeout_starts_with_the_delivery(self, backend: Backend) -> None:
        """While slow receivers use all connections, a delivery waits. The wait does not count as its time."""
        timeout_seconds = 3.0
        sender = WebhookSender(
            allow_private=True, seconds=timeout_seconds, queue_seconds=TIMEOUT_SECONDS, connections=2
        )
        async with start_backend() as slow_backend:
            slow_backend.default_behavior = hang
            waiting = [asyncio.create_task(send(sender, slow_backend)) for _ in range(4)]
            # One iteration of the loop, in which all four start to wait for a connection.
            await asyncio.sleep(0)
            # Two after two time out before the fast delivery starts: it has waited for longer than its own timeout.
            sent = await send(sender, backend)
            # The third and the fourth time out simultaneously: either may be the first.
            assert sum(each.done() for each in waiting) >= 3
        await sender.aclose()
        assert (sent.attempt.is_accepted, sent.attempt.error) == (True, None)
        assert sent.attempt.latency_ms < timeout_seconds * 1000

    async def test_the_wait_for_a_connection_is_limited(self, backend: Backend) -> None:
        """A delivery that waits too long for a connection could arrive after a later one of its session."""
        sender = WebhookSender(allow_private=True, seconds=TIMEOUT_SECONDS, queue_seconds=0.2, connections=1)
        async with start_backend() as slow_backend:
            slow_backend.default_behavior = hang
            waiting = asyncio.create_task(send(sender, slow_backend))
            await eventually(lambda: len(slow_backend.received) == 1)
            sent = await send(sender, backend)
            assert (sent.begun, sent.attempt.is_accepted, sent.attempt.error) == (
                False,
                False,
                "too many deliveries are in progress",
            )
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            assert backend.connections == 0
            # The connection is free again, and the cancelled delivery uses no slot.
            assert (await send(sender, backend)).begun
        await sender.aclose()

    def test_an_attempt_ends_before_its_lease(self) -> None:
        together = timedelta(seconds=MAX_QUEUE_SECONDS + MAX_DELIVERY_SECONDS)
        assert together < MAX_ATTEMPT_DURATION < LEASE_DURATION


class TestConnections:
    async def test_a_connection_is_reused(self, sender: WebhookSender, backend: Backend) -> None:
        for _ in range(5):
            assert (await send(sender, backend)).attempt.is_accepted
        assert backend.connections == 1

    async def test_a_closed_connection_is_replaced(self, sender: WebhookSender, backend: Backend) -> None:
        backend.default_behavior = send_raw(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        for n in range(5):
            assert (await send(sender, backend)).attempt.is_accepted
            await eventually(lambda n=n: backend.closed == n + 1)  # type: ignore[misc]
        assert backend.connections == 5

    async def test_an_idle_connection_is_replaced_before_common_servers_close_it(
        self, sender: WebhookSender, backend: Backend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Node and uvicorn close idle connections after five seconds. A delivery at that time would fail."""
        await send(sender, backend)
        monkeypatch.setattr(
            "httpcore._async.http11.time", SimpleNamespace(monotonic=lambda: time.monotonic() + 0.9 * 5.0)
        )
        assert (await send(sender, backend)).attempt.is_accepted
        assert backend.connections == 2

    async def test_an_ipv6_host_is_in_brackets(self, sender: WebhookSender) -> None:
        async with start_backend("::1") as backend:
            assert (await send(sender, backend)).attempt.is_accepted
        assert backend.received[0].headers["host"] == backend.url.split("/")[2]

    async def test_path_and_query_are_sent_unchanged(self, sender: WebhookSender, backend: Backend) -> None:
        backend.url += "/a%20b/%C3%BC;v=1/c;d?tenant=1&x=%2F"
        await send(sender, backend)
        assert backend.received[0].path == "/hooks/a%20b/%C3%BC;v=1/c;d?tenant=1&x=%2F"

    async def test_without_a_path_the_root_is_requested(self, sender: WebhookSender, backend: Backend) -> None:
        backend.url = backend.url.removesuffix("/hooks")
        await send(sender, backend)
        assert backend.received[0].path == "/"


class TestRetryAfter:
    async def test_it_is_read_from_any_response(self, sender: WebhookSender, backend: Backend) -> None:
        backend.next_behaviors = [respond(503, retry_after="120"), respond(429, retry_after="7"), respond(500)]
        delays = [(await send(sender, backend)).retry_after for _ in range(3)]
        assert delays == [timedelta(seconds=120), timedelta(seconds=7), None]
