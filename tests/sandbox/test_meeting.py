"""The socket of the call page: seats, reconnecting, and the webhooks of the vendors."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus

from polling import eventually
from sandbox.agora_tokens import make_token
from sandbox.conftest import Clock
from sandbox.receiver import Receiver
from servers import serving
from videobroker.sandbox import SandboxConfig

ANSWER_SECONDS = 20


class Person:
    """A client that behaves like the call page."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.entered: dict[str, Any] = {}
        self.last = 0
        """The number of the latest message."""

    async def send(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def receive(self, kind: str) -> dict[str, Any]:
        """The next message of a type. Skips other messages."""
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                message: dict[str, Any] = json.loads(await self.socket.recv())
                self.last = message.pop("n", self.last)
                if message["type"] == kind:
                    return message

    async def close_code(self) -> int | None:
        """Wait until the sandbox closes the socket."""
        async with asyncio.timeout(ANSWER_SECONDS):
            await self.socket.wait_closed()
        return self.socket.close_code

    @property
    def id(self) -> str:
        """The peer ID, or the uid."""
        return str(self.entered["you"]["id"])

    @property
    def seat(self) -> str:
        """The token with which a reconnecting page gets its place back."""
        return str(self.entered["seat"])

    async def disconnect(self) -> None:
        """Abort the connection, and give the sandbox, which runs in this loop, time to notice it."""
        self.socket.transport.abort()
        for _ in range(20):
            await asyncio.sleep(0.01)


OpenSocket = Callable[..., Awaitable[Person]]


@pytest.fixture
async def address(app: FastAPI) -> AsyncIterator[str]:
    """The WebSocket URL of the sandbox."""
    async with serving(app, log_level="warning", force_exit=True) as url:
        yield f"{url.replace('http', 'ws')}/page/socket"


@pytest.fixture
async def open_socket(address: str) -> AsyncIterator[OpenSocket]:
    """Opens sockets, and sends the first message."""
    people: list[Person] = []

    async def connect_page(**fields: Any) -> Person:
        person = Person(await connect(address, open_timeout=ANSWER_SECONDS))
        people.append(person)
        await person.send(**fields)
        return person

    yield connect_page
    for person in people:
        await person.socket.close()


@pytest.fixture
async def codes(vendor: httpx.AsyncClient, room: dict[str, Any]) -> dict[str, str]:
    """The codes of the room. Its webhooks go to the receiver."""
    updated = await vendor.post(f"/v2/rooms/{room['id']}", json={"webhook": {"url": "http://receiver/hooks"}})
    assert updated.status_code == 200
    response = await vendor.post(f"/v2/room-codes/room/{room['id']}")
    return {each["role"]: each["code"] for each in response.json()["data"]}


@pytest.fixture
def join_room(open_socket: OpenSocket, codes: dict[str, str]) -> OpenSocket:
    """Joins the room with the code of a role."""

    async def join(name: str, role: str = "student", **fields: Any) -> Person:
        person = await open_socket(code=codes[role], name=name, user_id=f"u-{name}", **fields)
        person.entered = await person.receive("entered")
        return person

    return join


@pytest.fixture
def join_channel(open_socket: OpenSocket, config: SandboxConfig, clock: Clock) -> OpenSocket:
    """Joins channel `c-1` with a valid token."""

    async def join(uid: int = 7, name: str = "Ada", **fields: Any) -> Person:
        token = make_token(config.agora, "c-1", uid, int(clock().timestamp()), expire=600)
        credentials = {"app_id": config.agora.app_id, "channel": "c-1", "uid": uid, "token": token}
        person = await open_socket(name=name, **credentials | fields)
        person.entered = await person.receive("entered")
        return person

    return join


@pytest.fixture
def sent_webhooks(anonymous: httpx.AsyncClient, receiver: Receiver) -> Callable[[], Awaitable[list[dict[str, Any]]]]:
    """Returns the bodies of all webhooks so far."""

    async def flush() -> list[dict[str, Any]]:
        assert (await anonymous.post("/_sandbox/webhooks/flush")).status_code == 200
        return [each.body for each in receiver.requests]

    return flush


async def names(vendor: httpx.AsyncClient, room: dict[str, Any]) -> list[str]:
    """The names of the peers in the room."""
    response = await vendor.get(f"/v2/active-rooms/{room['id']}/peers")
    return [] if response.status_code == 404 else sorted(peer["name"] for peer in response.json()["peers"].values())


class TestStays:
    async def test_a_stay_is_reported_with_its_person_and_that_they_left_by_themselves(
        self, join_room: OpenSocket, sent_webhooks: Any, clock: Clock
    ) -> None:
        ada = await join_room("Ada", "teacher")
        clock.forward(minutes=5)
        await ada.socket.close(1000)
        await eventually(lambda: _was_sent(sent_webhooks, "session.close.success"))
        response = {body["type"]: body["data"] for body in await sent_webhooks()}
        assert list(response) == [
            "session.open.success",
            "peer.join.success",
            "peer.leave.success",
            "session.close.success",
        ]
        left = response["peer.leave.success"]
        assert (left["user_id"], left["user_name"], left["role"]) == ("u-Ada", "Ada", "teacher")
        assert (left["reason"], left["duration"], left["peer_id"]) == ("client request", 300, ada.id)

    async def test_closing_the_tab_leaves(
        self, join_room: OpenSocket, vendor: httpx.AsyncClient, room: dict[str, Any]
    ) -> None:
        ada = await join_room("Ada")
        await ada.socket.close(1001)
        await eventually(lambda: _are(vendor, room, []))

    async def test_a_lost_connection_expires_after_a_minute(
        self, join_room: OpenSocket, sent_webhooks: Any, clock: Clock, vendor: httpx.AsyncClient, room: dict[str, Any]
    ) -> None:
        ada, ben = await join_room("Ada"), await join_room("Ben")
        await ada.disconnect()
        clock.forward(seconds=59)
        # No one may leave during this time.
        await asyncio.sleep(0.3)
        assert await names(vendor, room) == ["Ada", "Ben"]
        clock.forward(seconds=62)
        assert (await ben.receive("went")) == {"type": "went", "id": ada.id, "cause": "lost"}
        left = next(body["data"] for body in await sent_webhooks() if body["type"] == "peer.leave.success")
        assert (left["peer_id"], left["reason"]) == (ada.id, "websocket closed")

    async def test_a_person_who_reconnects_in_time_has_never_left(
        self, join_room: OpenSocket, sent_webhooks: Any, vendor: httpx.AsyncClient, room: dict[str, Any]
    ) -> None:
        ada, ben = await join_room("Ada"), await join_room("Ben")
        await ada.disconnect()
        await ben.send(type="chat", text="Are you still there?")
        second = await join_room("Ada", seat=ada.seat, received=ada.last)
        assert (second.entered["resumed"], second.id) == (True, ada.id)
        assert [each["name"] for each in second.entered["people"]] == ["Ben"]
        assert await names(vendor, room) == ["Ada", "Ben"]
        assert "peer.leave.success" not in [body["type"] for body in await sent_webhooks()]

    async def test_messages_of_the_meantime_arrive_after_reconnecting(
        self, join_room: OpenSocket, open_socket: OpenSocket
    ) -> None:
        ada, ben = await join_room("Ada"), await join_room("Ben")
        await ada.disconnect()
        await ben.send(type="chat", text="Are you still there?")
        await ben.receive("chat")
        second = await open_socket(seat=ada.seat, received=ada.last)
        assert (await second.receive("chat"))["text"] == "Are you still there?"
        assert (await second.receive("entered"))["resumed"] is True
        await second.send(type="ping", received=second.last)
        await second.receive("pong")
        await second.disconnect()
        once_more = await open_socket(seat=ada.seat, received=second.last)
        assert json.loads(await once_more.socket.recv())["type"] == "entered"

    async def test_the_newer_of_two_connections_to_a_seat_wins(
        self, join_room: OpenSocket, open_socket: OpenSocket
    ) -> None:
        ada = await join_room("Ada")
        second = await open_socket(seat=ada.seat, received=ada.last)
        assert (await second.receive("entered"))["resumed"] is True
        assert await ada.close_code() == 4001
        await second.send(type="ping")
        await second.receive("pong")

    async def test_a_reloaded_page_frees_its_former_seat(
        self, join_room: OpenSocket, vendor: httpx.AsyncClient, room: dict[str, Any]
    ) -> None:
        ada, ben = await join_room("Ada"), await join_room("Ben")
        await ada.disconnect()
        second = await join_room("Ada", instead_of=ada.seat)
        assert await names(vendor, room) == ["Ada", "Ben"]
        assert (await ben.receive("went"))["id"] == ada.id
        assert (await ben.receive("came"))["person"]["id"] == second.id

    async def test_a_copied_tab_does_not_free_an_occupied_seat(
        self, join_room: OpenSocket, vendor: httpx.AsyncClient, room: dict[str, Any]
    ) -> None:
        ada = await join_room("Ada")
        await join_room("Ada", instead_of=ada.seat)
        assert await names(vendor, room) == ["Ada", "Ada"]

    async def test_a_person_who_was_removed_while_disconnected_is_informed_and_cannot_reconnect(
        self,
        join_room: OpenSocket,
        open_socket: OpenSocket,
        vendor: httpx.AsyncClient,
        room: dict[str, Any],
        codes: dict[str, str],
    ) -> None:
        ada = await join_room("Ada")
        await ada.disconnect()
        body = {"peer_id": ada.id, "reason": "Enough"}
        assert (await vendor.post(f"/v2/active-rooms/{room['id']}/remove-peers", json=body)).status_code == 200
        second = await open_socket(code=codes["student"], name="Ada", seat=ada.seat)
        assert await second.receive("out") == {"type": "out", "cause": "removed", "message": "Enough"}
        assert await names(vendor, room) == []

    async def test_stopping_the_sandbox_ends_all_stays(
        self, app: FastAPI, join_room: OpenSocket, vendor: httpx.AsyncClient, room: dict[str, Any]
    ) -> None:
        await join_room("Ada")
        async with app.router.lifespan_context(app):
            assert await names(vendor, room) == ["Ada"]
        assert await names(vendor, room) == []


class TestSignals:
    async def test_signals_reach_their_addressees_only(self, join_room: OpenSocket) -> None:
        ada, ben, cem = await join_room("Ada"), await join_room("Ben"), await join_room("Cem")
        await ada.send(type="signal", to=ben.id, data={"candidate": {"candidate": "x"}})
        await ada.send(type="signal", to="unknown", data={})
        await ada.send(type="chat", text="done")
        assert await ben.receive("signal") == {
            "type": "signal",
            "from": ada.id,
            "data": {"candidate": {"candidate": "x"}},
        }
        assert json.loads(await cem.socket.recv())["type"] == "chat"

    async def test_signals_do_not_cross_rooms(
        self, join_room: OpenSocket, open_socket: OpenSocket, vendor: httpx.AsyncClient
    ) -> None:
        ada = await join_room("Ada")
        other = (await vendor.post("/v2/rooms", json={"name": "another"})).json()["id"]
        code = (await vendor.post(f"/v2/room-codes/room/{other}")).json()["data"][0]["code"]
        eve = await open_socket(code=code, name="Eve")
        assert (await eve.receive("entered"))["people"] == []
        await eve.send(type="signal", to=ada.id, data={})
        await eve.send(type="remove", id=ada.id)
        assert (await eve.receive("problem"))["message"] == "peer not found"
        await ada.send(type="ping")
        assert json.loads(await ada.socket.recv())["type"] == "pong"

    async def test_a_fifth_and_a_sixth_person_can_join(self, join_room: OpenSocket) -> None:
        people = [await join_room(f"P{number}") for number in range(6)]
        assert len(people[-1].entered["people"]) == 5

    @pytest.mark.parametrize("fields", [{"type": "end"}, {"type": "remove", "id": "?"}])
    async def test_a_role_without_permission_cannot_end_the_room_or_remove_others(
        self, join_room: OpenSocket, vendor: httpx.AsyncClient, room: dict[str, Any], fields: dict[str, str]
    ) -> None:
        ada, ben = await join_room("Ada", "teacher"), await join_room("Ben")
        assert ada.entered["may"] == {"publish": True, "end": True, "remove": True}
        assert ben.entered["may"] == {"publish": True, "end": False, "remove": False}
        await ben.send(**{**fields, **({"id": ada.id} if "id" in fields else {})})
        assert "your role may not" in (await ben.receive("problem"))["message"]
        assert await names(vendor, room) == ["Ada", "Ben"]

    async def test_the_webhook_names_the_host_who_has_ended_the_room(
        self, join_room: OpenSocket, sent_webhooks: Any
    ) -> None:
        ada, ben = await join_room("Ada", "teacher"), await join_room("Ben")
        await ada.send(type="end")
        assert (await ben.receive("out"))["cause"] == "ended"
        ended = next(body["data"] for body in await sent_webhooks() if body["type"] == "room.end.success")
        assert (ended["source"], ended["peer_id"], ended["user_id"]) == ("peer", ada.id, "u-Ada")
        assert ended["lock_room"] is False


class TestChatAndHands:
    async def test_people_who_join_later_get_the_messages_of_the_call(self, join_room: OpenSocket) -> None:
        ada = await join_room("Ada")
        assert ada.entered["messages"] == []
        await ada.send(type="chat", text="Page 12")
        await ada.receive("chat")
        ben = await join_room("Ben")
        assert [(each["name"], each["text"]) for each in ben.entered["messages"]] == [("Ada", "Page 12")]
        assert ben.entered["messages"][0]["at"] > 0

    async def test_the_next_call_starts_without_messages(self, join_room: OpenSocket) -> None:
        ada = await join_room("Ada", "teacher")
        await ada.send(type="chat", text="Page 12")
        await ada.send(type="end")
        await ada.receive("out")
        assert (await join_room("Ada")).entered["messages"] == []

    async def test_raised_hands_have_the_order_in_which_they_were_raised(self, join_room: OpenSocket) -> None:
        ada, ben = await join_room("Ada"), await join_room("Ben")
        await ben.send(type="hand", raised=True)
        first = (await ben.receive("hand"))["hand"]
        assert (await ada.receive("changed"))["person"]["hand"] == first
        await ada.send(type="hand", raised=True)
        assert (await ada.receive("hand"))["hand"] > first > 0
        cem = await join_room("Cem")
        assert [each["hand"] > 0 for each in cem.entered["people"]] == [True, True]
        await ben.send(type="hand", raised=False)
        assert (await ben.receive("hand"))["hand"] == 0

    async def test_a_hand_that_is_neither_raised_nor_lowered_closes_the_connection(self, join_room: OpenSocket) -> None:
        ada = await join_room("Ada")
        await ada.send(type="hand", raised="yes")
        assert await ada.close_code() == 1008


class TestChannels:
    async def test_a_lost_connection_expires_after_ten_seconds(
        self,
        join_channel: OpenSocket,
        anonymous: httpx.AsyncClient,
        receiver: Receiver,
        sent_webhooks: Any,
        clock: Clock,
    ) -> None:
        await anonymous.put("/_sandbox/agora/notifications", json={"url": "http://receiver/ncs"})
        ada, ben = await join_channel(7), await join_channel(8, "Ben")
        await ada.disconnect()
        clock.forward(seconds=11)
        assert (await ben.receive("went"))["cause"] == "lost"
        assert [(body["eventType"], body["payload"].get("reason")) for body in await sent_webhooks()] == [
            (101, None),
            (103, None),
            (103, None),
            (104, 2),
        ]

    async def test_the_stay_ends_when_the_token_expires(
        self, join_channel: OpenSocket, anonymous: httpx.AsyncClient, sent_webhooks: Any, clock: Clock
    ) -> None:
        await anonymous.put("/_sandbox/agora/notifications", json={"url": "http://receiver/ncs"})
        ada = await join_channel(7)
        clock.forward(seconds=571)
        assert (await ada.receive("token-will-expire"))["seconds"] == 29
        clock.forward(seconds=29)
        assert (await ada.receive("out"))["cause"] == "expired"
        left = (await sent_webhooks())[2]
        assert (left["eventType"], left["payload"]["reason"], left["payload"]["duration"]) == (104, 12, 600)

    async def test_a_person_without_a_uid_gets_one(self, join_channel: OpenSocket) -> None:
        ada = await join_channel(0)
        assert int(ada.id) > 0

    async def test_channels_cannot_be_ended_and_others_cannot_be_removed(self, join_channel: OpenSocket) -> None:
        ada, ben = await join_channel(7), await join_channel(8, "Ben")
        for fields in ({"type": "end"}, {"type": "remove", "id": ben.id}):
            await ada.send(**fields)
            assert "cannot" in (await ada.receive("problem"))["message"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("what", "code"),
        [
            ("expired", "token_expired"),
            ("other uid", "token_refused"),
            ("other channel", "token_refused"),
            ("other app", "token_refused"),
            ("other certificate", "token_refused"),
            ("no token", "token_refused"),
            ("banned", "banned"),
        ],
    )
    async def test_an_invalid_token_is_refused(
        self,
        open_socket: OpenSocket,
        config: SandboxConfig,
        clock: Clock,
        anonymous: httpx.AsyncClient,
        what: str,
        code: str,
    ) -> None:
        issued = int(clock().timestamp())
        fields = {
            "app_id": config.agora.app_id,
            "channel": "c-1",
            "uid": 7,
            "token": make_token(config.agora, "c-1", 7, issued, expire=60),
        }
        match what:
            case "expired":
                clock.forward(seconds=61)
            case "other uid":
                fields["uid"] = 8
            case "other channel":
                fields["channel"] = "c-2"
            case "other app":
                fields["app_id"] = "b" * 32
            case "other certificate":
                fields["token"] = make_token(config.agora, "c-1", 7, issued, certificate="e" * 32)
            case "no token":
                fields["token"] = "007nonsense"
            case "banned":
                rule = {"appid": config.agora.app_id, "cname": "c-1", "uid": 7, "privileges": ["join_channel"]}
                owner = (config.agora.customer_id, config.agora.customer_secret)
                assert (await anonymous.post("/dev/v1/kicking-rule", json=rule, auth=owner)).status_code == 200
        refused = await (await open_socket(name="Ada", **fields)).receive("refused")
        assert refused["code"] == code
        assert (await anonymous.get("/_sandbox/agora/c-1")).json()["users"] == []

    async def test_an_unknown_code_is_refused(self, open_socket: OpenSocket) -> None:
        refused = await (await open_socket(code="aaa-aaaa-aaa", name="Ada")).receive("refused")
        assert (refused["code"], refused["title"]) == ("code_unknown", "Meeting not found")

    @pytest.mark.parametrize("name", ["", "   ", None, "x" * 101])
    async def test_a_name_is_required(self, open_socket: OpenSocket, codes: dict[str, str], name: str | None) -> None:
        refused = await (await open_socket(code=codes["student"], name=name)).receive("refused")
        assert "a name has 1 to 100 characters" in refused["message"]

    async def test_a_full_role_is_reported_as_by_the_vendor(
        self,
        join_room: OpenSocket,
        open_socket: OpenSocket,
        codes: dict[str, str],
        vendor: httpx.AsyncClient,
        room: dict[str, Any],
        sent_webhooks: Any,
    ) -> None:
        await vendor.post(f"/v2/rooms/{room['id']}", json={"size": 1})
        await join_room("Ada")
        refused = await (await open_socket(code=codes["student"], name="Ben")).receive("refused")
        assert refused["code"] == "room_full"
        assert [body["type"] for body in await sent_webhooks()][-1] == "peer.join.failure"

    @pytest.mark.parametrize(
        "text",
        ["", "no json", "[]", '{"type": "unheard-of"}', '{"type": "signal", "to": "x", "data": 1}', "9" * 100_001],
    )
    async def test_an_invalid_message_closes_the_connection(self, join_room: OpenSocket, text: str) -> None:
        ada = await join_room("Ada")
        await ada.socket.send(text)
        assert await ada.close_code() == 1008

    async def test_an_invalid_request_gets_an_error(self, join_room: OpenSocket) -> None:
        ada = await join_room("Ada")
        await ada.send(type="chat")
        assert (await ada.receive("problem"))["message"] == "Invalid body param"

    async def test_pages_of_other_origins_are_refused(self, address: str) -> None:
        with pytest.raises(InvalidStatus, match="403"):
            await connect(address, origin="http://evil.example")  # type: ignore[arg-type]


async def _was_sent(sent_webhooks: Any, kind: str) -> bool:
    return kind in [body["type"] for body in await sent_webhooks()]


async def _are(vendor: httpx.AsyncClient, room: dict[str, Any], expected: list[str]) -> bool:
    return await names(vendor, room) == expected
