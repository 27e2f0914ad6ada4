"""The sandbox's page with Agora tokens, and in a frame of another origin: what it is told, and what it tells."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4

import pytest
from playwright.async_api import Page, expect
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

from browser.conftest import BrowserSession, OpenBrowser, accessibility_violations
from browser.sandbox_rooms import TIMEOUT_MS, Room, embedding_page, expect_video, make_room, serving_pages
from browser.states import expect_state
from polling import eventually
from sandbox.agora_tokens import SUBSCRIBER, make_token
from tenants import MovableClock, Sandbox

pytestmark = pytest.mark.long


@dataclass(frozen=True)
class Channel:
    """An Agora channel; what happens in it waits in the outbox."""

    sandbox: Sandbox
    clock: MovableClock
    name: str

    def credentials(self, uid: int, name: str, **token: Any) -> dict[str, Any]:
        """Join credentials as the broker gives them out."""
        issued = int(self.clock().timestamp())
        return {
            "app_id": self.sandbox.agora.app_id,
            "channel": self.name,
            "uid": uid,
            "token": make_token(self.sandbox.agora, self.name, uid, issued, **token),
            "name": name,
        }

    def url(self, credentials: dict[str, Any]) -> str:
        """The page, with the credentials where no server sees them."""
        return f"{self.sandbox.url}/agora/meeting#{urlencode(credentials)}"

    async def uids(self) -> list[int]:
        """Who is in the channel."""
        response = await self.sandbox.client.get(f"/_sandbox/agora/{self.name}")
        return sorted(user["uid"] for user in response.json()["users"])

    async def holds(self, *uids: int) -> None:
        """Wait until exactly these are in the channel."""

        async def there() -> bool:
            return await self.uids() == sorted(uids)

        await eventually(there)

    async def told(self) -> list[str]:
        """The types of the notifications, oldest first."""
        response = await self.sandbox.client.get("/_sandbox/webhooks", params={"room_id": self.name})
        return [event["type"] for event in response.json()["events"]]

    async def ban(self, uid: int, seconds: int) -> None:
        """Make a kicking rule."""
        project = self.sandbox.agora
        rule = {
            "appid": project.app_id,
            "cname": self.name,
            "uid": uid,
            "time_in_seconds": seconds,
            "privileges": ["join_channel"],
        }
        response = await self.sandbox.client.post(
            "/dev/v1/kicking-rule", json=rule, auth=(project.customer_id, project.customer_secret)
        )
        assert response.status_code == 200, response.text


@pytest.fixture
async def channel(sandbox: Sandbox, clock: MovableClock) -> Channel:
    """A channel whose notifications are kept back."""
    await sandbox.set_webhook_behavior(hold=10_000)
    await sandbox.client.put("/_sandbox/agora/notifications", json={"url": "http://nobody.invalid/hooks"})
    return Channel(sandbox, clock, f"lesson-{uuid4().hex[:8]}")


InFrame = Callable[[str], Awaitable[BrowserSession]]


@pytest.fixture(scope="module")
async def product() -> AsyncIterator[str]:
    """The address of a product, of another origin than the sandbox, that shows what it is asked for in a frame."""

    async def show(request: Request) -> Response:
        return HTMLResponse(embedding_page(request.query_params["frame"]))

    async with serving_pages(Route("/", show)) as url:
        yield url


@pytest.fixture
def in_frame(open_browser: OpenBrowser, product: str) -> InFrame:
    """Puts somebody in front of the product's page, which shows an address in a frame."""

    async def open_it(address: str) -> BrowserSession:
        one = await open_browser()
        await one.page.goto(f"{product}?{urlencode({'frame': address})}")
        return one

    return open_it


async def got(page: Page, kind: str) -> dict[str, Any]:
    """The latest message of a kind that the frame sent, once there is one."""
    script = "(kind) => window.got.filter((each) => each.type === kind).at(-1) ?? null"
    message: dict[str, Any] = await eventually(lambda: page.evaluate(script, kind))
    assert message.pop("source") == "videobroker-sandbox"
    return message


async def say(page: Page, **message: Any) -> None:
    """Say something to the frame."""
    await page.evaluate("(message) => window.say(message)", {"source": "videobroker", **message})


async def join(page: Page) -> None:
    """Join from the preview."""
    await page.get_by_role("button", name="Join", exact=True).click()
    await expect(page.get_by_role("toolbar", name="Call")).to_be_visible(timeout=TIMEOUT_MS)


class TestTokens:
    @pytest.mark.representative
    async def test_two_people_meet_and_the_channel_tells_of_them(
        self, open_browser: OpenBrowser, channel: Channel
    ) -> None:
        ada, ben = await open_browser(), await open_browser()
        credentials = channel.credentials(7, "Ada")
        await ada.page.goto(channel.url(credentials))
        await expect(ada.page.get_by_label("Your name")).to_have_value("Ada")
        assert credentials["token"] not in ada.page.url
        assert await accessibility_violations(ada.page) == []
        await join(ada.page)
        await ben.page.goto(channel.url(channel.credentials(8, "Ben")))
        await join(ben.page)
        await expect_video(ada.page)
        await expect_video(ben.page)
        people = ada.page.get_by_role("list", name="People")
        await expect(people.get_by_role("listitem").filter(has_text="Ben")).to_contain_text("host")
        await expect(ada.page.get_by_role("button", name="End for all")).to_be_hidden()
        assert await channel.uids() == [7, 8]
        await ben.page.get_by_role("button", name="Leave").click()
        await channel.holds(7)
        await ada.page.close()
        await channel.holds()
        assert await channel.told() == ["101", "103", "103", "104", "104", "102"]

    async def test_a_name_does_not_reorder_the_words_around_it(
        self, open_browser: OpenBrowser, channel: Channel
    ) -> None:
        name, text = "\u05e0\u05d5\u05e2\u05d4", "\u05e9\u05dc\u05d5\u05dd!"
        ada, noa = await open_browser(), await open_browser()
        for one, credentials in ((ada, channel.credentials(7, "Ada")), (noa, channel.credentials(8, name))):
            await one.page.goto(channel.url(credentials))
            await join(one.page)
        await expect(noa.page.locator(".self .who")).to_have_text(f"{name} (you)")
        await noa.page.get_by_role("button", name="Chat", exact=True).click()
        await noa.page.get_by_placeholder("Message everyone").fill(text)
        await noa.page.get_by_role("button", name="Send").click()
        for shown_text, place in ((name, ".who bdi"), (name, ".message b"), (text, ".message p")):
            element = ada.page.locator(place).filter(has_text=shown_text)
            await expect(element).to_have_text(shown_text, timeout=TIMEOUT_MS)
            assert await element.evaluate("element => getComputedStyle(element).unicodeBidi") in {
                "isolate",
                "plaintext",
            }

    async def test_who_may_only_listen_sends_nothing(self, open_browser: OpenBrowser, channel: Channel) -> None:
        ada, eve = await open_browser(), await open_browser()
        await ada.page.goto(channel.url(channel.credentials(7, "Ada")))
        await join(ada.page)
        await eve.page.goto(channel.url(channel.credentials(9, "Eve", privileges=SUBSCRIBER)))
        await join(eve.page)
        await expect_video(eve.page)
        await expect(eve.page.get_by_role("button", name="Mute")).to_be_hidden()
        await expect(eve.page.get_by_role("button", name="Share screen")).to_be_hidden()
        assert await channel.told() == ["101", "103", "105"]

    @pytest.mark.representative
    async def test_a_token_that_does_not_let_in_is_refused(
        self, open_browser: OpenBrowser, channel: Channel, clock: MovableClock
    ) -> None:
        ada = await open_browser()
        credentials = channel.credentials(7, "Ada", expire=60)
        wrongs: list[tuple[dict[str, Any], str]] = [
            ({"uid": 8}, "sandbox-other-person"),
            ({"app_id": "0" * 32}, "sandbox-other-app"),
            ({"token": "no token"}, "sandbox-no-token"),
            ({}, "sandbox-token-expired"),
        ]
        for wrong, state in wrongs:
            if not wrong:
                clock.move(seconds=61)
            await ada.page.goto("about:blank")
            await ada.page.goto(channel.url(credentials | wrong))
            await ada.page.get_by_role("button", name="Join", exact=True).click()
            await expect_state(ada.page, state)
            assert await channel.uids() == []

    async def test_a_kicking_rule_puts_out_whom_it_names(self, open_browser: OpenBrowser, channel: Channel) -> None:
        ada = await open_browser()
        await ada.page.goto(channel.url(channel.credentials(7, "Ada")))
        await join(ada.page)
        await channel.ban(7, seconds=0)
        await expect(ada.page.get_by_role("heading", name="You were removed")).to_be_visible(timeout=TIMEOUT_MS)
        await channel.ban(7, seconds=600)
        await ada.page.goto("about:blank")
        await ada.page.goto(channel.url(channel.credentials(7, "Ada")))
        await ada.page.get_by_role("button", name="Join", exact=True).click()
        await expect_state(ada.page, "sandbox-banned")

    async def test_the_same_uid_on_another_page_takes_the_place(
        self, open_browser: OpenBrowser, channel: Channel
    ) -> None:
        ada, again = await open_browser(), await open_browser()
        await ada.page.goto(channel.url(channel.credentials(7, "Ada")))
        await join(ada.page)
        await again.page.goto(channel.url(channel.credentials(7, "Ada")))
        await join(again.page)
        await expect(ada.page.get_by_role("heading", name="You joined on another device")).to_be_visible(
            timeout=TIMEOUT_MS
        )
        await expect_state(ada.page, "sandbox-elsewhere")
        assert await channel.uids() == [7]
        assert await channel.told() == ["101", "103", "104", "103"]

    async def test_without_credentials_it_says_what_is_missing(
        self, open_browser: OpenBrowser, sandbox: Sandbox
    ) -> None:
        ada = await open_browser()
        await ada.page.goto(f"{sandbox.url}/agora/meeting")
        await expect(ada.page.locator(".card p")).to_contain_text("app_id, channel, uid, and token")
        await expect_state(ada.page, "sandbox-no-credentials")


class TestInAFrame:
    async def test_a_token_is_handed_in_renewed_and_ends(
        self, in_frame: InFrame, channel: Channel, clock: MovableClock
    ) -> None:
        ada = await in_frame(f"{channel.sandbox.url}/agora/meeting")
        await got(ada.page, "ready")
        await expect_state(ada.page, "sandbox-framed")
        await say(ada.page, type="join", **channel.credentials(7, "Ada", expire=600))
        assert await got(ada.page, "joined") == {"type": "joined", "id": "7", "name": "Ada", "role": "host"}
        clock.move(seconds=575)
        assert 0 < (await got(ada.page, "token-will-expire"))["seconds"] <= 30
        await say(ada.page, type="renew", token=channel.credentials(8, "Ben")["token"])
        assert "another person" in (await got(ada.page, "not-renewed"))["message"]
        await say(ada.page, type="renew", token=channel.credentials(7, "Ada", expire=600)["token"])
        await got(ada.page, "renewed")
        clock.move(seconds=500)
        assert await channel.uids() == [7]
        clock.move(seconds=101)
        assert (await got(ada.page, "error"))["code"] == "token_expired"
        await expect_state(ada.page, "sandbox-token-ended")
        assert await channel.uids() == []
        assert await channel.told() == ["101", "103", "104", "102"]
        await say(ada.page, type="join", **channel.credentials(7, "Ada"))
        await channel.holds(7)
        await say(ada.page, type="leave")
        await got(ada.page, "left")
        await channel.holds()

    async def test_a_room_tells_the_page_around_it_what_happens_and_no_secret(
        self, in_frame: InFrame, sandbox: Sandbox
    ) -> None:
        room = await make_room(sandbox)
        ada = await in_frame(room.url("teacher", name="Ada", skip_preview_headful="true"))
        ben = await in_frame(room.url("student", name="Ben"))
        await got(ben.page, "ready")
        await ben.page.frame_locator("iframe").get_by_role("button", name="Join", exact=True).click()
        joined = await got(ben.page, "joined")
        assert (joined["name"], joined["role"]) == ("Ben", "student")
        for one in (ada, ben):
            frame = one.page.frames[1]
            await expect_video(frame)
        assert (await got(ada.page, "people"))["count"] == 2
        peer = (await room.people())["Ben"]["id"]
        await room.post("/active-rooms/{room}/remove-peers", peer_id=peer, reason="Enough")
        assert await got(ben.page, "removed") == {"type": "removed", "cause": "removed", "message": "Enough"}
        await room.post("/active-rooms/{room}/end-room", reason="Over")
        assert await got(ada.page, "ended") == {"type": "ended", "message": "Over"}
        told = await ada.page.evaluate("JSON.stringify(window.got)") + await ben.page.evaluate(
            "JSON.stringify(window.got)"
        )
        assert not [code for code in room.codes.values() if code in told]

    async def test_a_code_that_opens_nothing_is_told(self, in_frame: InFrame, room: Room) -> None:
        await room.post("/room-codes/code", code=room.codes["teacher"], enabled=False)
        ada = await in_frame(room.url("teacher"))
        ada.expected_errors.append("403")
        assert (await got(ada.page, "error"))["code"] == "code_disabled"

    async def test_nobody_but_the_page_around_it_is_heard(self, open_browser: OpenBrowser, channel: Channel) -> None:
        ada = await open_browser()
        await ada.page.goto(channel.url(channel.credentials(7, "Ada")))
        await join(ada.page)
        await ada.page.evaluate("postMessage({ source: 'videobroker', type: 'leave' }, '*')")
        await sees_nothing_happen(ada.page)
        assert await channel.uids() == [7]


@pytest.fixture
async def room(sandbox: Sandbox) -> Room:
    """A lesson of a teacher and a student."""
    return await make_room(sandbox)


async def sees_nothing_happen(page: Page) -> None:
    """The message was handled, and the call goes on."""
    await page.evaluate("new Promise((done) => { addEventListener('message', done); postMessage('last', '*'); })")
    await expect(page.get_by_role("toolbar", name="Call")).to_be_visible()
