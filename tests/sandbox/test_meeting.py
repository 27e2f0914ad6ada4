"""The socket of the call page: who holds a seat, and what the vendors tell about it."""

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
    """Somebody in front of a page; of the page, only its socket is here."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.entered: dict[str, Any] = {}
        self.last = 0
        """The number of the latest message."""

    async def say(self, **message: Any) -> None:
        """Say something."""
        await self.socket.send(json.dumps(message))

    async def hear(self, kind: str) -> dict[str, Any]:
        """The next message of a kind; those before it are passed over."""
        async with asyncio.timeout(ANSWER_SECONDS):
            while True:
                message: dict[str, Any] = json.loads(await self.socket.recv())
                self.last = message.pop("n", self.last)
                if message["type"] == kind:
                    return message

    async def ends_with(self) -> int | None:
        """The code with which the socket is closed."""
        async with asyncio.timeout(ANSWER_SECONDS):
            await self.socket.wait_closed()
        return self.socket.close_code

    @property
    def id(self) -> str:
        """The peer id, or the uid."""
        return str(self.entered["you"]["id"])

    @property
    def seat(self) -> str:
        """What the page shows to take its place again."""
        return str(self.entered["seat"])

    async def break_off(self) -> None:
        """The connection is gone without a word, and the sandbox, in the same loop, has had its turns to see it."""
        self.socket.transport.abort()
        for _ in range(20):
            await asyncio.sleep(0.01)


Dial = Callable[..., Awaitable[Person]]


@pytest.fixture
async def address(app: FastAPI) -> AsyncIterator[str]:
    """Where the sandbox of the test takes sockets."""
    async with serving(app, log_level="warning", force_exit=True) as url:
        yield f"{url.replace('http', 'ws')}/page/socket"


@pytest.fixture
async def dial(address: str) -> AsyncIterator[Dial]:
    """Opens sockets, and says the first word on them."""
    opened: list[Person] = []

    async def call(**wish: Any) -> Person:
        person = Person(await connect(address, open_timeout=ANSWER_SECONDS))
        opened.append(person)
        await person.say(**wish)
        return person

    yield call
    for person in opened:
        await person.socket.close()


@pytest.fixture
async def codes(vendor: httpx.AsyncClient, room: dict[str, Any]) -> dict[str, str]:
    """The codes of the room, whose webhooks are received."""
    told = await vendor.post(f"/v2/rooms/{room['id']}", json={"webhook": {"url": "http://receiver/hooks"}})
    assert told.status_code == 200
    response = await vendor.post(f"/v2/room-codes/room/{room['id']}")
    return {each["role"]: each["code"] for each in response.json()["data"]}


@pytest.fixture
def enter(dial: Dial, codes: dict[str, str]) -> Dial:
    """Joins the room with the code of a role."""

    async def walk_in(name: str, role: str = "student", **wish: Any) -> Person:
        person = await dial(code=codes[role], name=name, user_id=f"u-{name}", **wish)
        person.entered = await person.hear("entered")
        return person

    return walk_in


@pytest.fixture
def enter_channel(dial: Dial, config: SandboxConfig, clock: Clock) -> Dial:
    """Joins channel `c-1` with a good token."""

    async def walk_in(uid: int = 7, name: str = "Ada", **wish: Any) -> Person:
        token = make_token(config.agora, "c-1", uid, int(clock().timestamp()), expire=600)
        credentials = {"app_id": config.agora.app_id, "channel": "c-1", "uid": uid, "token": token}
        person = await dial(name=name, **credentials | wish)
        person.entered = await person.hear("entered")
        return person

    return walk_in


@pytest.fixture
def flushed(stranger: httpx.AsyncClient, receiver: Receiver) -> Callable[[], Awaitable[list[dict[str, Any]]]]:
    """The bodies of all webhooks so far."""

    async def flush() -> list[dict[str, Any]]:
        assert (await stranger.post("/_sandbox/webhooks/flush")).status_code == 200
        return [each.body for each in receiver.got]

    return flush


async def names(vendor: httpx.AsyncClient, room: dict[str, Any]) -> list[str]:
    """Who is in the room."""
    response = await vendor.get(f"/v2/active-rooms/{room['id']}/peers")
    return [] if response.status_code == 404 else sorted(peer["name"] for peer in response.json()["peers"].values())


class TestStays:
    async def test_a_stay_is_told_with_who_it_was_and_that_they_left_by_themselves(
        self, enter: Dial, flushed: Any, clock: Clock
    ) -> None:
        ada = await enter("Ada", "teacher")
        clock.forward(minutes=5)
        await ada.socket.close(1000)
        await eventually(lambda: _told(flushed, "session.close.success"))
        told = {body["type"]: body["data"] for body in await flushed()}
        assert list(told) == [
            "session.open.success",
            "peer.join.success",
            "peer.leave.success",
            "session.close.success",
        ]
        left = told["peer.leave.success"]
        assert (left["user_id"], left["user_name"], left["role"]) == ("u-Ada", "Ada", "teacher")
        assert (left["reason"], left["duration"], left["peer_id"]) == ("client request", 300, ada.id)

    async def test_a_closed_tab_leaves_too(self, enter: Dial, vendor: httpx.AsyncClient, room: dict[str, Any]) -> None:
        ada = await enter("Ada")
        await ada.socket.close(1001)
        await eventually(lambda: _are(vendor, room, []))

    async def test_a_broken_connection_is_given_up_after_a_minute(
        self, enter: Dial, flushed: Any, clock: Clock, vendor: httpx.AsyncClient, room: dict[str, Any]
    ) -> None:
        ada, ben = await enter("Ada"), await enter("Ben")
        await ada.break_off()
        clock.forward(seconds=59)
        # Nobody may leave in this time.
        await asyncio.sleep(0.3)
        assert await names(vendor, room) == ["Ada", "Ben"]
        clock.forward(seconds=62)
        assert (await ben.hear("went")) == {"type": "went", "id": ada.id, "cause": "lost"}
        left = next(body["data"] for body in await flushed() if body["type"] == "peer.leave.success")
        assert (left["peer_id"], left["reason"]) == (ada.id, "websocket closed")

    async def test_whoever_comes_back_in_time_has_never_left(
        self, enter: Dial, flushed: Any, vendor: httpx.AsyncClient, room: dict[str, Any]
    ) -> None:
        ada, ben = await enter("Ada"), await enter("Ben")
        await ada.break_off()
        await ben.say(type="chat", text="Are you still there?")
        again = await enter("Ada", seat=ada.seat, received=ada.last)
        assert (again.entered["resumed"], again.id) == (True, ada.id)
        assert [each["name"] for each in again.entered["people"]] == ["Ben"]
        assert await names(vendor, room) == ["Ada", "Ben"]
        assert "peer.leave.success" not in [body["type"] for body in await flushed()]

    async def test_what_was_said_meanwhile_is_heard_afterwards(self, enter: Dial, dial: Dial) -> None:
        ada, ben = await enter("Ada"), await enter("Ben")
        await ada.break_off()
        await ben.say(type="chat", text="Are you still there?")
        await ben.hear("chat")
        again = await dial(seat=ada.seat, received=ada.last)
        assert (await again.hear("chat"))["text"] == "Are you still there?"
        assert (await again.hear("entered"))["resumed"] is True
        await again.say(type="ping", received=again.last)
        await again.hear("pong")
        await again.break_off()
        once_more = await dial(seat=ada.seat, received=again.last)
        assert json.loads(await once_more.socket.recv())["type"] == "entered"

    async def test_of_two_connections_to_one_seat_the_newer_counts(self, enter: Dial, dial: Dial) -> None:
        ada = await enter("Ada")
        again = await dial(seat=ada.seat, received=ada.last)
        assert (await again.hear("entered"))["resumed"] is True
        assert await ada.ends_with() == 4001
        await again.say(type="ping")
        await again.hear("pong")

    async def test_a_page_that_is_loaded_anew_frees_the_seat_that_it_had(
        self, enter: Dial, vendor: httpx.AsyncClient, room: dict[str, Any]
    ) -> None:
        ada, ben = await enter("Ada"), await enter("Ben")
        await ada.break_off()
        again = await enter("Ada", instead_of=ada.seat)
        assert await names(vendor, room) == ["Ada", "Ben"]
        assert (await ben.hear("went"))["id"] == ada.id
        assert (await ben.hear("came"))["person"]["id"] == again.id

    async def test_a_seat_that_somebody_sits_on_is_not_freed_by_a_copy_of_the_tab(
        self, enter: Dial, vendor: httpx.AsyncClient, room: dict[str, Any]
    ) -> None:
        ada = await enter("Ada")
        await enter("Ada", instead_of=ada.seat)
        assert await names(vendor, room) == ["Ada", "Ada"]

    async def test_who_was_put_out_while_away_learns_it_and_does_not_come_back(
        self, enter: Dial, dial: Dial, vendor: httpx.AsyncClient, room: dict[str, Any], codes: dict[str, str]
    ) -> None:
        ada = await enter("Ada")
        await ada.break_off()
        body = {"peer_id": ada.id, "reason": "Enough"}
        assert (await vendor.post(f"/v2/active-rooms/{room['id']}/remove-peers", json=body)).status_code == 200
        again = await dial(code=codes["student"], name="Ada", seat=ada.seat)
        assert await again.hear("out") == {"type": "out", "cause": "removed", "message": "Enough"}
        assert await names(vendor, room) == []

    async def test_nobody_is_left_behind_by_a_sandbox_that_stops(
        self, app: FastAPI, enter: Dial, vendor: httpx.AsyncClient, room: dict[str, Any]
    ) -> None:
        await enter("Ada")
        async with app.router.lifespan_context(app):
            assert await names(vendor, room) == ["Ada"]
        assert await names(vendor, room) == []


class TestTheOthers:
    async def test_signals_reach_whom_they_are_for_and_nobody_else(self, enter: Dial) -> None:
        ada, ben, cem = await enter("Ada"), await enter("Ben"), await enter("Cem")
        await ada.say(type="signal", to=ben.id, data={"candidate": {"candidate": "x"}})
        await ada.say(type="signal", to="nobody", data={})
        await ada.say(type="chat", text="done")
        assert await ben.hear("signal") == {
            "type": "signal",
            "from": ada.id,
            "data": {"candidate": {"candidate": "x"}},
        }
        assert json.loads(await cem.socket.recv())["type"] == "chat"

    async def test_signals_do_not_cross_into_another_room(
        self, enter: Dial, dial: Dial, vendor: httpx.AsyncClient
    ) -> None:
        ada = await enter("Ada")
        other = (await vendor.post("/v2/rooms", json={"name": "another"})).json()["id"]
        code = (await vendor.post(f"/v2/room-codes/room/{other}")).json()["data"][0]["code"]
        eve = await dial(code=code, name="Eve")
        assert (await eve.hear("entered"))["people"] == []
        await eve.say(type="signal", to=ada.id, data={})
        await eve.say(type="remove", id=ada.id)
        assert (await eve.hear("problem"))["message"] == "peer not found"
        await ada.say(type="ping")
        assert json.loads(await ada.socket.recv())["type"] == "pong"

    async def test_a_fifth_and_a_sixth_person_get_in(self, enter: Dial) -> None:
        people = [await enter(f"P{number}") for number in range(6)]
        assert len(people[-1].entered["people"]) == 5

    @pytest.mark.parametrize("wish", [{"type": "end"}, {"type": "remove", "id": "?"}])
    async def test_who_may_not_end_the_room_or_remove_others_cannot(
        self, enter: Dial, vendor: httpx.AsyncClient, room: dict[str, Any], wish: dict[str, str]
    ) -> None:
        ada, ben = await enter("Ada", "teacher"), await enter("Ben")
        assert ada.entered["may"] == {"publish": True, "end": True, "remove": True}
        assert ben.entered["may"] == {"publish": True, "end": False, "remove": False}
        await ben.say(**{**wish, **({"id": ada.id} if "id" in wish else {})})
        assert "your role may not" in (await ben.hear("problem"))["message"]
        assert await names(vendor, room) == ["Ada", "Ben"]

    async def test_a_host_who_ends_the_room_is_named_in_the_webhook(self, enter: Dial, flushed: Any) -> None:
        ada, ben = await enter("Ada", "teacher"), await enter("Ben")
        await ada.say(type="end")
        assert (await ben.hear("out"))["cause"] == "ended"
        ended = next(body["data"] for body in await flushed() if body["type"] == "room.end.success")
        assert (ended["source"], ended["peer_id"], ended["user_id"]) == ("peer", ada.id, "u-Ada")
        assert ended["lock_room"] is False


class TestChannels:
    async def test_a_broken_connection_is_given_up_after_ten_seconds(
        self, enter_channel: Dial, stranger: httpx.AsyncClient, receiver: Receiver, flushed: Any, clock: Clock
    ) -> None:
        await stranger.put("/_sandbox/agora/notifications", json={"url": "http://receiver/ncs"})
        ada, ben = await enter_channel(7), await enter_channel(8, "Ben")
        await ada.break_off()
        clock.forward(seconds=11)
        assert (await ben.hear("went"))["cause"] == "lost"
        assert [(body["eventType"], body["payload"].get("reason")) for body in await flushed()] == [
            (101, None),
            (103, None),
            (103, None),
            (104, 2),
        ]

    async def test_the_end_of_the_token_is_the_end_of_the_stay(
        self, enter_channel: Dial, stranger: httpx.AsyncClient, flushed: Any, clock: Clock
    ) -> None:
        await stranger.put("/_sandbox/agora/notifications", json={"url": "http://receiver/ncs"})
        ada = await enter_channel(7)
        clock.forward(seconds=571)
        assert (await ada.hear("token-will-expire"))["seconds"] == 29
        clock.forward(seconds=29)
        assert (await ada.hear("out"))["cause"] == "expired"
        left = (await flushed())[2]
        assert (left["eventType"], left["payload"]["reason"], left["payload"]["duration"]) == (104, 12, 600)

    async def test_who_names_no_uid_is_given_one(self, enter_channel: Dial) -> None:
        ada = await enter_channel(0)
        assert int(ada.id) > 0

    async def test_nobody_ends_a_channel_or_removes_others(self, enter_channel: Dial) -> None:
        ada, ben = await enter_channel(7), await enter_channel(8, "Ben")
        for wish in ({"type": "end"}, {"type": "remove", "id": ben.id}):
            await ada.say(**wish)
            assert "cannot" in (await ada.hear("problem"))["message"]


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
    async def test_a_token_that_does_not_let_in_is_refused(
        self, dial: Dial, config: SandboxConfig, clock: Clock, stranger: httpx.AsyncClient, what: str, code: str
    ) -> None:
        issued = int(clock().timestamp())
        wish = {
            "app_id": config.agora.app_id,
            "channel": "c-1",
            "uid": 7,
            "token": make_token(config.agora, "c-1", 7, issued, expire=60),
        }
        match what:
            case "expired":
                clock.forward(seconds=61)
            case "other uid":
                wish["uid"] = 8
            case "other channel":
                wish["channel"] = "c-2"
            case "other app":
                wish["app_id"] = "b" * 32
            case "other certificate":
                wish["token"] = make_token(config.agora, "c-1", 7, issued, certificate="e" * 32)
            case "no token":
                wish["token"] = "007nonsense"
            case "banned":
                rule = {"appid": config.agora.app_id, "cname": "c-1", "uid": 7, "privileges": ["join_channel"]}
                owner = (config.agora.customer_id, config.agora.customer_secret)
                assert (await stranger.post("/dev/v1/kicking-rule", json=rule, auth=owner)).status_code == 200
        refused = await (await dial(name="Ada", **wish)).hear("refused")
        assert refused["code"] == code
        assert (await stranger.get("/_sandbox/agora/c-1")).json()["users"] == []

    async def test_an_unknown_code_is_refused(self, dial: Dial) -> None:
        refused = await (await dial(code="aaa-aaaa-aaa", name="Ada")).hear("refused")
        assert (refused["code"], refused["title"]) == ("code_unknown", "Meeting not found")

    @pytest.mark.parametrize("name", ["", "   ", None, "x" * 101])
    async def test_a_name_is_needed(self, dial: Dial, codes: dict[str, str], name: str | None) -> None:
        refused = await (await dial(code=codes["student"], name=name)).hear("refused")
        assert "a name has 1 to 100 characters" in refused["message"]

    async def test_a_full_role_is_told_as_the_vendor_tells_it(
        self,
        enter: Dial,
        dial: Dial,
        codes: dict[str, str],
        vendor: httpx.AsyncClient,
        room: dict[str, Any],
        flushed: Any,
    ) -> None:
        await vendor.post(f"/v2/rooms/{room['id']}", json={"size": 1})
        await enter("Ada")
        refused = await (await dial(code=codes["student"], name="Ben")).hear("refused")
        assert refused["code"] == "room_full"
        assert [body["type"] for body in await flushed()][-1] == "peer.join.failure"

    @pytest.mark.parametrize(
        "text",
        ["", "no json", "[]", '{"type": "unheard-of"}', '{"type": "signal", "to": "x", "data": 1}', "9" * 100_001],
    )
    async def test_what_no_page_says_ends_the_connection(self, enter: Dial, text: str) -> None:
        ada = await enter("Ada")
        await ada.socket.send(text)
        assert await ada.ends_with() == 1008

    async def test_what_is_wrong_with_a_message_is_answered(self, enter: Dial) -> None:
        ada = await enter("Ada")
        await ada.say(type="chat")
        assert (await ada.hear("problem"))["message"] == "Invalid body param"

    async def test_pages_of_other_origins_are_not_listened_to(self, address: str) -> None:
        with pytest.raises(InvalidStatus, match="403"):
            await connect(address, origin="http://evil.example")  # type: ignore[arg-type]


async def _told(flushed: Any, kind: str) -> bool:
    return kind in [body["type"] for body in await flushed()]


async def _are(vendor: httpx.AsyncClient, room: dict[str, Any], expected: list[str]) -> bool:
    return await names(vendor, room) == expected
