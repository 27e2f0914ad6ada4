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
PATIENCE = 60.0
"""Seconds for one delivery: more than any answer takes, however busy the machine is."""
LITTLE_PATIENCE = 0.5
"""Where it is to end."""


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    """A backend that answers 200."""
    async with start_backend() as backend:
        yield backend


@pytest.fixture
async def courier() -> AsyncIterator[WebhookSender]:
    """A courier that delivers on this machine."""
    courier = WebhookSender(allow_private=True, seconds=PATIENCE)
    yield courier
    await courier.aclose()


@pytest.fixture
async def hasty() -> AsyncIterator[WebhookSender]:
    """A courier that soon gives up."""
    courier = WebhookSender(allow_private=True, seconds=LITTLE_PATIENCE)
    yield courier
    await courier.aclose()


async def send(
    courier: WebhookSender, backend: Backend, *, body: str = BODY, secrets: tuple[str, ...] = (SECRET,), **ago: float
) -> SendResult:
    parcel = WebhookRequest(backend.url, EVENT, body, secrets, 1)
    return await courier.send(parcel, now=datetime.now(UTC) - timedelta(**ago))


class TestASignature:
    async def test_is_accepted_by_the_standards_library(self, courier: WebhookSender, backend: Backend) -> None:
        sent = await send(courier, backend)
        assert sent.attempt.is_accepted
        [received] = backend.received
        assert received.raw == BODY.encode()
        assert received.headers["content-type"] == "application/json"
        assert received.verified(SECRET) == received.body

    async def test_is_accepted_whichever_of_two_secrets_the_receiver_knows(
        self, courier: WebhookSender, backend: Backend
    ) -> None:
        former, stranger = generate_secret(), generate_secret()
        await send(courier, backend, secrets=(SECRET, former))
        [received] = backend.received
        assert received.verified(SECRET) == received.verified(former) == received.body
        with pytest.raises(WebhookVerificationError):
            received.verified(stranger)

    async def test_keeps_the_id_and_tells_the_time_of_each_attempt(
        self, courier: WebhookSender, backend: Backend
    ) -> None:
        await send(courier, backend, seconds=60)
        await send(courier, backend)
        first, second = backend.received
        assert first.id == second.id == EVENT
        assert 59 <= int(second.headers["webhook-timestamp"]) - int(first.headers["webhook-timestamp"]) <= 61
        assert second.verified(SECRET) == first.verified(SECRET)

    @pytest.mark.parametrize("minutes", [6, 60, -6], ids=["six minutes", "an hour", "from the future"])
    async def test_is_refused_when_it_is_old(self, courier: WebhookSender, backend: Backend, minutes: int) -> None:
        """Somebody who recorded a delivery cannot send it again later."""
        await send(courier, backend, minutes=minutes)
        with pytest.raises(WebhookVerificationError):
            backend.received[0].verified(SECRET)

    @pytest.mark.parametrize("what", ["body", "webhook-id", "webhook-timestamp", "webhook-signature"])
    async def test_is_refused_when_anything_was_changed(
        self, courier: WebhookSender, backend: Backend, what: str
    ) -> None:
        await send(courier, backend)
        [genuine] = backend.received
        signature = genuine.headers["webhook-signature"]
        changed = {
            "webhook-id": "0195d3c2-7a11-7f02-8f5d-0c9be3a41d21",
            "webhook-timestamp": str(int(genuine.headers["webhook-timestamp"]) + 1),
            "webhook-signature": signature[:10] + ("A" if signature[10] != "A" else "B") + signature[11:],
        }
        if what == "body":
            forged = Received(genuine.path, genuine.headers, genuine.raw.replace(b"app.reported", b"app.reportet"))
        else:
            forged = Received(genuine.path, {**genuine.headers, what: changed[what]}, genuine.raw)
        with pytest.raises(WebhookVerificationError):
            forged.verified(SECRET)

    async def test_signs_every_body_that_an_event_can_have(self, courier: WebhookSender, backend: Backend) -> None:
        for body in ("{}", '{"a":"\u0085\u2029\ufeff"}', '{"a":"' + "ü" * 100_000 + '"}'):
            await send(courier, backend, body=body)
            assert (
                Webhook(SECRET).verify(backend.received[-1].raw, backend.received[-1].headers)
                == backend.received[-1].body
            )

    async def test_gives_no_secret_away(self) -> None:
        assert SECRET not in repr(WebhookRequest("https://backend.example/", EVENT, BODY, [SECRET], 1))


class TestAnAnswer:
    @pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
    async def test_of_2xx_means_taken(self, courier: WebhookSender, backend: Backend, status: int) -> None:
        backend.default_behavior = respond(status)
        sent = await send(courier, backend)
        assert (sent.attempt.status, sent.attempt.is_accepted, sent.attempt.error) == (status, True, None)

    @pytest.mark.parametrize("status", [300, 301, 400, 401, 404, 409, 410, 429, 500, 503, 599])
    async def test_of_anything_else_means_not_taken(
        self, courier: WebhookSender, backend: Backend, status: int
    ) -> None:
        backend.default_behavior = respond(status, b"no")
        sent = await send(courier, backend)
        assert (sent.attempt.status, sent.attempt.is_accepted, sent.attempt.body) == (status, False, "no")

    async def test_is_kept_as_far_as_its_beginning_goes(self, courier: WebhookSender, backend: Backend) -> None:
        backend.default_behavior = respond(200, b"x" * 5000)
        assert (await send(courier, backend)).attempt.body == "x" * STORED_RESPONSE_BYTES

    async def test_is_text_that_can_be_kept(self, courier: WebhookSender, backend: Backend) -> None:
        backend.default_behavior = respond(200, b"a\x00b\xff\xfe\xed\xa0\x80")
        body = (await send(courier, backend)).attempt.body
        assert body.startswith("a\N{REPLACEMENT CHARACTER}b")
        assert "\x00" not in body
        body.encode()

    async def test_that_is_packed_is_not_unpacked(self, courier: WebhookSender, backend: Backend) -> None:
        backend.default_behavior = respond(200, gzip.compress(b"\0" * 10_000_000), content_encoding="gzip")
        sent = await send(courier, backend)
        assert sent.attempt.is_accepted
        assert len(sent.attempt.body) <= STORED_RESPONSE_BYTES

    async def test_takes_as_long_as_the_attempt_says(self, courier: WebhookSender, backend: Backend) -> None:
        async def slowly(received: Received, writer: asyncio.StreamWriter) -> None:
            # The duration that the attempt has to report.
            await asyncio.sleep(0.2)
            await respond(200)(received, writer)

        backend.default_behavior = slowly
        began = time.monotonic()
        sent = await send(courier, backend)
        took_ms = (time.monotonic() - began) * 1000
        assert 190 <= sent.attempt.latency_ms <= took_ms + 1


HEAD = b"HTTP/1.1 200 OK\r\n"


class TestABound:
    """Whatever a receiver does: the attempt ends in time, holds little, and is written down."""

    @pytest.mark.parametrize(
        "behaviour",
        [
            hang,
            send_raw(again=b"H", pause=0.02),
            send_raw(HEAD, again=b"x-drip: 1\r\n", pause=0.02),
            send_raw(again=b"HTTP/1.1 102 Processing\r\n\r\n", pause=0.02),
        ],
        ids=["silence", "a dripping line", "dripping headers", "endless 1xx"],
    )
    async def test_holds_for_time(self, hasty: WebhookSender, backend: Backend, behaviour: object) -> None:
        """All of them would go on for ever."""
        backend.default_behavior = behaviour  # type: ignore[assignment]
        async with asyncio.timeout(PATIENCE):
            sent = await send(hasty, backend)
        assert (sent.attempt.is_accepted, sent.attempt.error) == (False, "no response within 0.5 s")
        assert sent.attempt.latency_ms >= LITTLE_PATIENCE * 1000 - 10
        await eventually(lambda: backend.closed_by_client == backend.connections or behaviour is hang)

    @pytest.mark.parametrize(
        "behaviour",
        [
            send_raw(HEAD + b"content-length: 100000000000\r\n\r\n", again=b"x" * 65_536),
            send_raw(HEAD + b"transfer-encoding: chunked\r\n\r\n", again=b"10000\r\n" + b"x" * 65_536 + b"\r\n"),
            send_raw(HEAD + b"\r\n", again=b"x" * 65_536),
        ],
        ids=["of a length", "in chunks", "until the end"],
    )
    async def test_holds_for_an_endless_body(self, courier: WebhookSender, backend: Backend, behaviour: object) -> None:
        """Its beginning is enough: nobody waits for the rest, which never ends."""
        backend.default_behavior = behaviour  # type: ignore[assignment]
        sent = await send(courier, backend)
        assert sent.attempt.is_accepted
        assert sent.attempt.body == "x" * STORED_RESPONSE_BYTES
        await eventually(lambda: backend.closed_by_client == 1)

    @pytest.mark.parametrize(
        "behaviour",
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
    async def test_holds_for_what_is_not_http(
        self, courier: WebhookSender, backend: Backend, behaviour: object
    ) -> None:
        backend.default_behavior = behaviour  # type: ignore[assignment]
        sent = await send(courier, backend)
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
    async def test_a_status_decides_although_the_body_is_cut_off(
        self, courier: WebhookSender, backend: Backend, status: int, accepted: bool, rest: bytes, why: str
    ) -> None:
        backend.default_behavior = send_raw(f"HTTP/1.1 {status} Whatever\r\nretry-after: 7\r\n".encode() + rest)
        sent = await send(courier, backend)
        assert (sent.attempt.status, sent.attempt.is_accepted) == (status, accepted)
        if status != 204:  # which has no body
            assert sent.attempt.error == f"the response body was cut off ({why})"
            assert sent.attempt.body == "abc"
        assert sent.retry_after == timedelta(seconds=7)

    @pytest.mark.parametrize(
        "behaviour",
        [
            send_raw(HEAD + b"content-length: 1000000\r\n\r\n", again=b".", pause=0.02),
            send_raw(HEAD + b"transfer-encoding: chunked\r\n\r\n", again=b"1\r\n.\r\n", pause=0.02),
        ],
        ids=["a dripping body", "dripping chunks"],
    )
    async def test_a_status_decides_although_the_body_takes_too_long(
        self, hasty: WebhookSender, backend: Backend, behaviour: object
    ) -> None:
        backend.default_behavior = behaviour  # type: ignore[assignment]
        async with asyncio.timeout(PATIENCE):
            sent = await send(hasty, backend)
        assert sent.attempt.is_accepted
        assert sent.attempt.error == "the response body was cut off (no response within 0.5 s)"
        assert sent.attempt.body.startswith(".")

    async def test_holds_where_nobody_listens(self, courier: WebhookSender) -> None:
        port = free_port()
        sent = await send(courier, Backend(f"http://127.0.0.1:{port}/"))
        # What the operating system says may name addresses inside.
        assert (sent.attempt.status, sent.attempt.error) == (None, "ConnectError")

    async def test_holds_although_others_hang(self, courier: WebhookSender, backend: Backend) -> None:
        """Slow receivers cost the quick ones nothing: all of them still hang when the quick one has answered."""
        released = asyncio.Event()

        async def at_last(received: Received, writer: asyncio.StreamWriter) -> None:
            await released.wait()
            await respond(200)(received, writer)

        async with start_backend() as slow:
            slow.default_behavior = at_last
            hanging = [asyncio.create_task(send(courier, slow)) for _ in range(50)]
            await eventually(lambda: len(slow.received) == 50)
            sent = await send(courier, backend)
            assert sent.attempt.is_accepted
            assert not any(each.done() for each in hanging)
            released.set()
            outcomes = await asyncio.gather(*hanging)
        assert all(each.attempt.is_accepted for each in outcomes)

    async def test_begins_when_the_delivery_does(self, backend: Backend) -> None:
        """As long as all connections are taken by slow receivers, a quick one waits; it has not failed."""
        patience = 3.0
        courier = WebhookSender(allow_private=True, seconds=patience, queue_seconds=PATIENCE, connections=2)
        async with start_backend() as slow:
            slow.default_behavior = hang
            hanging = [asyncio.create_task(send(courier, slow)) for _ in range(4)]
            # One turn of the loop, in which all four begin to wait for a connection.
            await asyncio.sleep(0)
            # Two after two give up before it is the quick one's turn: it has waited for longer than it may take.
            sent = await send(courier, backend)
            # The fourth gives up at the same moment as the third, whose place it took: either may be the first.
            assert sum(each.done() for each in hanging) >= 3
        await courier.aclose()
        assert (sent.attempt.is_accepted, sent.attempt.error) == (True, None)
        assert sent.attempt.latency_ms < patience * 1000

    async def test_holds_for_the_wait_for_a_connection_too(self, backend: Backend) -> None:
        """A delivery that is sent long after it was taken up could come after a later one of its session."""
        courier = WebhookSender(allow_private=True, seconds=PATIENCE, queue_seconds=0.2, connections=1)
        async with start_backend() as slow:
            slow.default_behavior = hang
            hanging = asyncio.create_task(send(courier, slow))
            await eventually(lambda: len(slow.received) == 1)
            sent = await send(courier, backend)
            assert (sent.begun, sent.attempt.is_accepted, sent.attempt.error) == (
                False,
                False,
                "too many deliveries are in progress",
            )
            hanging.cancel()
            with pytest.raises(asyncio.CancelledError):
                await hanging
            assert backend.connections == 0
            # The connection is free again, and nobody keeps a place that was given up.
            assert (await send(courier, backend)).begun
        await courier.aclose()

    def test_is_over_before_anybody_else_tries(self) -> None:
        together = timedelta(seconds=MAX_QUEUE_SECONDS + MAX_DELIVERY_SECONDS)
        assert together < MAX_ATTEMPT_DURATION < LEASE_DURATION


class TestAConnection:
    async def test_serves_several_deliveries(self, courier: WebhookSender, backend: Backend) -> None:
        for _ in range(5):
            assert (await send(courier, backend)).attempt.is_accepted
        assert backend.connections == 1

    async def test_that_the_receiver_ended_is_replaced(self, courier: WebhookSender, backend: Backend) -> None:
        backend.default_behavior = send_raw(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        for n in range(5):
            assert (await send(courier, backend)).attempt.is_accepted
            await eventually(lambda n=n: backend.closed == n + 1)  # type: ignore[misc]
        assert backend.connections == 5

    async def test_that_was_idle_as_long_as_impatient_receivers_just_allow_is_replaced(
        self, courier: WebhookSender, backend: Backend, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Node and uvicorn end it after five seconds; what is on its way then would have failed."""
        await send(courier, backend)
        monkeypatch.setattr(
            "httpcore._async.http11.time", SimpleNamespace(monotonic=lambda: time.monotonic() + 0.9 * 5.0)
        )
        assert (await send(courier, backend)).attempt.is_accepted
        assert backend.connections == 2

    async def test_names_an_ipv6_host_as_http_wants_it(self, courier: WebhookSender) -> None:
        async with start_backend("::1") as backend:
            assert (await send(courier, backend)).attempt.is_accepted
        assert backend.received[0].headers["host"] == backend.url.split("/")[2]

    async def test_carries_path_and_query_as_they_were_registered(
        self, courier: WebhookSender, backend: Backend
    ) -> None:
        backend.url += "/a%20b/%C3%BC;v=1/c;d?tenant=1&x=%2F"
        await send(courier, backend)
        assert backend.received[0].path == "/hooks/a%20b/%C3%BC;v=1/c;d?tenant=1&x=%2F"

    async def test_without_a_path_asks_for_the_root(self, courier: WebhookSender, backend: Backend) -> None:
        backend.url = backend.url.removesuffix("/hooks")
        await send(courier, backend)
        assert backend.received[0].path == "/"


class TestAWishToBeAskedLater:
    async def test_comes_with_any_answer(self, courier: WebhookSender, backend: Backend) -> None:
        backend.next_behaviors = [respond(503, retry_after="120"), respond(429, retry_after="7"), respond(500)]
        wishes = [(await send(courier, backend)).retry_after for _ in range(3)]
        assert wishes == [timedelta(seconds=120), timedelta(seconds=7), None]
