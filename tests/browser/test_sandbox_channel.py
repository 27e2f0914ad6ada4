"""The call page of the sandbox with Agora tokens, and in a frame of another origin."""

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
    """An Agora channel. Its notifications stay in the outbox."""

    sandbox: Sandbox
    clock: MovableClock
    name: str

    def credentials(self, uid: int, name: str, **token: Any) -> dict[str, Any]:
        """Join credentials in the format of the service."""
        issued = int(self.clock().timestamp())
        return {
            "app_id": self.sandbox.agora.app_id,
            "channel": self.name,
            "uid": uid,
            "token": make_token(self.sandbox.agora, self.name, uid, issued, **token),
            "name": name,
        }

    def url(self, credentials: dict[str, Any]) -> str:
        """The URL of the page, with the credentials in its fragment, which no server receives."""
        return f"{self.sandbox.url}/agora/meeting#{urlencode(credentials)}"

    async def uids(self) -> list[int]:
        """The uids in the channel."""
        response = await self.sandbox.client.get(f"/_sandbox/agora/{self.name}")
        return sorted(user["uid"] for user in response.json()["users"])

    async def expect_uids(self, *uids: int) -> None:
        """Wait until exactly these uids are in the channel."""

        async def is_complete() -> bool:
            return await self.uids() == sorted(uids)

        await eventually(is_complete)

    async def notification_types(self) -> list[str]:
        """The types of the notifications, oldest first."""
        response = await self.sandbox.client.get("/_sandbox/webhooks", params={"room_id": self.name})
        return [event["type"] for event in response.json()["events"]]

    async def ban(self, uid: int, seconds: int) -> None:
        """Create a kicking rule."""
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
    """A channel whose notifications are not sent."""
    await sandbox.set_webhook_behavior(hold=10_000)
    await sandbox.client.put("/_sandbox/agora/notifications", json={"url": "http://receiver.invalid/hooks"})
    return Channel(sandbox, clock, f"lesson-{uuid4().hex[:8]}")


InFrame = Callable[[str], Awaitable[BrowserSession]]


@pytest.fixture(scope="module")
async def product() -> AsyncIterator[str]:
    """The URL of a product of another origin. Its page shows the URL of its query in a frame."""

    async def show(request: Request) -> Response:
        return HTMLResponse(embedding_page(request.query_params["frame"]))

    async with serving_pages(Route("/", show)) as url:
        yield url


@pytest.fixture
def open_in_frame(open_browser: OpenBrowser, product: str) -> InFrame:
    """Opens the product's page, which shows a URL in a frame."""

    async def open_it(address: str) -> BrowserSession:
        browser = await open_browser()
        await browser.page.goto(f"{product}?{urlencode({'frame': address})}")
        return browser

    return open_it


async def last_message(page: Page, kind: str) -> dict[str, Any]:
    """Wait for a message of this kind from the frame. Returns the latest."""
    script = "(kind) => window.messages.filter((each) => each.type === kind).at(-1) ?? null"
    message: dict[str, Any] = await eventually(lambda: page.evaluate(script, kind))
    assert message.pop("source") == "videobroker-sandbox"
    return message


async def send_to_frame(page: Page, **message: Any) -> None:
    await page.evaluate("(message) => window.send(message)", {"source": "videobroker", **message})


async def join_from_preview(page: Page) -> None:
    await page.get_by_role("button", name="Join", exact=True).click()
    await expect(page.get_by_role("toolbar", name="Call")).to_be_visible(timeout=TIMEOUT_MS)


class TestTokens:
    @pytest.mark.representative
    async def test_two_people_meet_and_the_channel_sends_notifications(
        self, open_browser: OpenBrowser, channel: Channel
    ) -> None:
        ada, ben = await open_browser(), await open_browser()
        credentials = channel.credentials(7, "Ada")
        await ada.page.goto(channel.url(credentials))
        await expect(ada.page.get_by_label("Your name")).to_have_value("Ada")
        assert credentials["token"] not in ada.page.url
        assert await accessibility_violations(ada.page) == []
        await join_from_preview(ada.page)
        await ben.page.goto(channel.url(channel.credentials(8, "Ben")))
        await join_from_preview(ben.page)
        await expect_video(ada.page)
        await expect_video(ben.page)
        people = ada.page.get_by_role("list", name="People")
        await expect(people.get_by_role("listitem").filter(has_text="Ben")).to_contain_text("host")
        await expect(ada.page.get_by_role("button", name="End for everyone")).to_be_hidden()
        assert await channel.uids() == [7, 8]
        await ben.page.get_by_role("button", name="Leave").click()
        await channel.expect_uids(7)
        await ada.page.close()
        await channel.expect_uids()
        assert await channel.notification_types() == ["101", "103", "103", "104", "104", "102"]

    async def test_a_name_with_bidi_controls_does_not_reorder_the_text_around_it(
        self, open_browser: OpenBrowser, channel: Channel
    ) -> None:
        name, text = "\u05e0\u05d5\u05e2\u05d4", "\u05e9\u05dc\u05d5\u05dd!"
        ada, noa = await open_browser(), await open_browser()
        for browser, credentials in ((ada, channel.credentials(7, "Ada")), (noa, channel.credentials(8, name))):
            await browser.page.goto(channel.url(credentials))
            await join_from_preview(browser.page)
        await noa.page.get_by_role("button", name="People").click()
        await expect(noa.page.locator(".people-list .who").first).to_have_text(f"\u2068{name}\u2069 (you)")
        await noa.page.get_by_role("button", name="Chat", exact=True).click()
        await noa.page.get_by_placeholder("Message everyone").fill(text)
        await noa.page.get_by_role("button", name="Send").click()
        for shown_text, place in ((name, ".tiles .who"), (name, ".message b"), (text, ".message p")):
            element = ada.page.locator(place).filter(has_text=shown_text)
            await expect(element).to_have_text(shown_text, timeout=TIMEOUT_MS)
            assert await element.evaluate("element => getComputedStyle(element).unicodeBidi") in {
                "isolate",
                "plaintext",
            }

    async def test_a_subscriber_sends_no_media(self, open_browser: OpenBrowser, channel: Channel) -> None:
        ada, eve = await open_browser(), await open_browser()
        await ada.page.goto(channel.url(channel.credentials(7, "Ada")))
        await join_from_preview(ada.page)
        await eve.page.goto(channel.url(channel.credentials(9, "Eve", privileges=SUBSCRIBER)))
        await join_from_preview(eve.page)
        await expect_video(eve.page)
        await expect(eve.page.get_by_role("button", name="Mute")).to_be_hidden()
        await expect(eve.page.get_by_role("button", name="Share screen")).to_be_hidden()
        assert await channel.notification_types() == ["101", "103", "105"]

    @pytest.mark.representative
    async def test_an_invalid_token_is_refused(
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

    async def test_a_kicking_rule_removes_the_people_it_matches(
        self, open_browser: OpenBrowser, channel: Channel
    ) -> None:
        ada = await open_browser()
        await ada.page.goto(channel.url(channel.credentials(7, "Ada")))
        await join_from_preview(ada.page)
        await channel.ban(7, seconds=0)
        await expect(ada.page.get_by_role("heading", name="You were removed")).to_be_visible(timeout=TIMEOUT_MS)
        await channel.ban(7, seconds=600)
        await ada.page.goto("about:blank")
        await ada.page.goto(channel.url(channel.credentials(7, "Ada")))
        await ada.page.get_by_role("button", name="Join", exact=True).click()
        await expect_state(ada.page, "sandbox-banned")

    async def test_joining_with_the_uid_on_another_page_replaces_the_first(
        self, open_browser: OpenBrowser, channel: Channel
    ) -> None:
        ada, second = await open_browser(), await open_browser()
        await ada.page.goto(channel.url(channel.credentials(7, "Ada")))
        await join_from_preview(ada.page)
        await second.page.goto(channel.url(channel.credentials(7, "Ada")))
        await join_from_preview(second.page)
        await expect(ada.page.get_by_role("heading", name="You joined on another device")).to_be_visible(
            timeout=TIMEOUT_MS
        )
        await expect_state(ada.page, "sandbox-elsewhere")
        assert await channel.uids() == [7]
        assert await channel.notification_types() == ["101", "103", "104", "103"]

    async def test_without_credentials_it_says_what_is_missing(
        self, open_browser: OpenBrowser, sandbox: Sandbox
    ) -> None:
        ada = await open_browser()
        await ada.page.goto(f"{sandbox.url}/agora/meeting")
        await expect(ada.page.locator(".card p")).to_contain_text("app_id, channel, uid, and token")
        await expect_state(ada.page, "sandbox-no-credentials")


class TestInAFrame:
    async def test_a_frame_accepts_a_token_its_renewal_and_its_expiry(
        self, open_in_frame: InFrame, channel: Channel, clock: MovableClock
    ) -> None:
        ada = await open_in_frame(f"{channel.sandbox.url}/agora/meeting")
        await last_message(ada.page, "ready")
        await expect_state(ada.page, "sandbox-framed")
        await send_to_frame(ada.page, type="join", **channel.credentials(7, "Ada", expire=600))
        assert await last_message(ada.page, "joined") == {"type": "joined", "id": "7", "name": "Ada", "role": "host"}
        clock.move(seconds=575)
        assert 0 < (await last_message(ada.page, "token-will-expire"))["seconds"] <= 30
        await send_to_frame(ada.page, type="renew", token=channel.credentials(8, "Ben")["token"])
        assert "another person" in (await last_message(ada.page, "not-renewed"))["message"]
        await send_to_frame(ada.page, type="renew", token=channel.credentials(7, "Ada", expire=600)["token"])
        await last_message(ada.page, "renewed")
        clock.move(seconds=500)
        assert await channel.uids() == [7]
        clock.move(seconds=101)
        assert (await last_message(ada.page, "error"))["code"] == "token_expired"
        await expect_state(ada.page, "sandbox-token-ended")
        assert await channel.uids() == []
        assert await channel.notification_types() == ["101", "103", "104", "102"]
        await send_to_frame(ada.page, type="join", **channel.credentials(7, "Ada"))
        await channel.expect_uids(7)
        await send_to_frame(ada.page, type="leave")
        await last_message(ada.page, "left")
        await channel.expect_uids()

    async def test_a_frame_informs_its_parent_of_events_but_of_no_secret(
        self, open_in_frame: InFrame, sandbox: Sandbox
    ) -> None:
        room = await make_room(sandbox)
        ada = await open_in_frame(room.url("teacher", name="Ada", skip_preview_headful="true"))
        ben = await open_in_frame(room.url("student", name="Ben"))
        await last_message(ben.page, "ready")
        await ben.page.frame_locator("iframe").get_by_role("button", name="Join", exact=True).click()
        joined = await last_message(ben.page, "joined")
        assert (joined["name"], joined["role"]) == ("Ben", "student")
        for browser in (ada, ben):
            frame = browser.page.frames[1]
            await expect_video(frame)
        assert (await last_message(ada.page, "people"))["count"] == 2
        peer = (await room.people())["Ben"]["id"]
        await room.post("/active-rooms/{room}/remove-peers", peer_id=peer, reason="Enough")
        assert await last_message(ben.page, "removed") == {"type": "removed", "cause": "removed", "message": "Enough"}
        await room.post("/active-rooms/{room}/end-room", reason="Over")
        assert await last_message(ada.page, "ended") == {"type": "ended", "message": "Over"}
        messages = await ada.page.evaluate("JSON.stringify(window.messages)") + await ben.page.evaluate(
            "JSON.stringify(window.messages)"
        )
        assert not [code for code in room.codes.values() if code in messages]

    async def test_a_frame_informs_its_parent_of_an_unusable_code(self, open_in_frame: InFrame, room: Room) -> None:
        await room.post("/room-codes/code", code=room.codes["teacher"], enabled=False)
        ada = await open_in_frame(room.url("teacher"))
        ada.expected_errors.append("403")
        assert (await last_message(ada.page, "error"))["code"] == "code_disabled"

    async def test_a_frame_ignores_messages_of_other_windows(self, open_browser: OpenBrowser, channel: Channel) -> None:
        ada = await open_browser()
        await ada.page.goto(channel.url(channel.credentials(7, "Ada")))
        await join_from_preview(ada.page)
        await ada.page.evaluate("postMessage({ source: 'videobroker', type: 'leave' }, '*')")
        await expect_no_change(ada.page)
        assert await channel.uids() == [7]


@pytest.fixture
async def room(sandbox: Sandbox) -> Room:
    """A room with a teacher and a student."""
    return await make_room(sandbox)


async def expect_no_change(page: Page) -> None:
    """The message was processed, and the call continues."""
    await page.evaluate("new Promise((done) => { addEventListener('message', done); postMessage('last', '*'); })")
    await expect(page.get_by_role("toolbar", name="Call")).to_be_visible()
