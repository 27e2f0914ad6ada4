"""The call view on the sandbox: layouts, chat, hands, devices, keyboard, and what screen readers get."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from playwright.async_api import Locator, Page, ViewportSize, expect

from browser.conftest import DESKTOP, PHONE, OpenBrowser, accessibility_violations
from browser.sandbox_rooms import TIMEOUT_MS, Room, expect_video, make_room
from browser.states import horizontal_overflow
from browser.test_sandbox_call import join_call, lesson, tile
from polling import eventually
from tenants import Sandbox

pytestmark = pytest.mark.long

ZOOMED: ViewportSize = {"width": 320, "height": 256}
"""A window of 1280 by 1024 pixels at 400 % zoom."""
SIZES = (DESKTOP, PHONE, ZOOMED)
HIDDEN_TILES = """() => [...document.querySelectorAll(".tiles > .tile:not([hidden])")].filter((tile) => {
    const [box, stage] = [tile.getBoundingClientRect(), document.querySelector(".stage").getBoundingClientRect()];
    const isInside = box.left >= stage.left - 1 && box.right <= stage.right + 1 && box.top >= stage.top - 1;
    return !isInside || box.bottom > stage.bottom + 1 || box.width < 90 || box.height < 70;
}).length"""


@pytest.fixture
async def room(sandbox: Sandbox) -> Room:
    """A room with a teacher and a student."""
    return await make_room(sandbox)


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


async def open_alone(open_browser: OpenBrowser, room: Room, **options: Any) -> Page:
    """The page of Ada, who is alone in the call."""
    ada = await open_browser(**options)
    await join_call(ada.page, "Ada", room.url("teacher"))
    # Until the devices are open, both are off.
    for device in ("Mute", "Camera off"):
        await expect(button(ada.page, device)).to_be_visible(timeout=TIMEOUT_MS)
    return ada.page


async def open_devices(page: Page) -> None:
    await button(page, "More options").click()
    await button(page, "Devices").click()


class TestPeople:
    async def test_four_people_see_each_other(self, open_browser: OpenBrowser, room: Room) -> None:
        names = ("Ada", "Ben", "Cem", "Dora")
        browsers = [await open_browser() for _ in names]
        for name, browser in zip(names, browsers, strict=True):
            await join_call(browser.page, name, room.url("teacher" if name == "Ada" else "student"))
        await asyncio.gather(*(expect_video(browser.page, people=3) for browser in browsers))
        for name, browser in zip(names, browsers, strict=True):
            others = [each for each in names if each != name]
            tiles = browser.page.get_by_role("list", name="People").get_by_role("listitem").locator(".who")
            assert sorted(await tiles.all_text_contents()) == others
            sizes = await browser.page.evaluate(
                "[...document.querySelectorAll('.tiles video')].map((each) => [each.videoWidth, each.clientWidth])"
            )
            assert all(decoded > 0 and shown > 250 for decoded, shown in sizes), sizes

    @pytest.mark.parametrize("others", [1, 3, 8, 29])
    async def test_any_number_of_people_fits_every_window(
        self, open_browser: OpenBrowser, room: Room, others: int
    ) -> None:
        page = await open_alone(open_browser, room)
        for number in range(others):
            await room.sandbox.join_room(room.id, code=room.codes["student"], name=f"Student {number}")
        await expect(page.get_by_text(f"{others + 1} people")).to_be_visible(timeout=TIMEOUT_MS)
        for size in SIZES:
            await page.set_viewport_size(size)
            await eventually(lambda: _is_zero(page, HIDDEN_TILES))
            assert await horizontal_overflow(page) <= 0, size
            assert await accessibility_violations(page) == []
        if others < 8:
            return
        shown: set[str] = set()
        while True:
            names = page.locator(".tiles > .tile:not([hidden]) .who")
            shown |= set(await names.all_text_contents())
            if await button(page, "Next page").get_attribute("aria-disabled") == "true":
                break
            await button(page, "Next page").click()
        assert len(shown) == others
        await expect(button(page, "Next page")).to_be_focused()

    async def test_a_pinned_person_and_the_speaker_get_the_space(self, open_browser: OpenBrowser, room: Room) -> None:
        page = await open_alone(open_browser, room)
        for name in ("Ben", "Cem", "Dora"):
            await room.sandbox.join_room(room.id, code=room.codes["student"], name=name)
        await expect(tile(page, "Dora")).to_be_visible(timeout=TIMEOUT_MS)
        await tile(page, "Cem").get_by_role("button", name="Pin Cem").click()
        await expect(tile(page, "Cem").get_by_role("button", name="Unpin Cem")).to_be_focused()
        await _expect_larger(page, "Cem", ["Ben", "Dora"])
        await button(page, "Unpin Cem").click()
        widths = {name: await _width(page, name) for name in ("Ben", "Cem", "Dora")}
        assert len(set(widths.values())) == 1, widths
        await button(page, "More options").click()
        await button(page, "Speaker").click()
        await expect(button(page, "Speaker")).to_have_attribute("aria-pressed", "true")
        await page.keyboard.press("Escape")
        await expect(button(page, "More options")).to_be_focused()
        await _expect_larger(page, "Ben", ["Cem", "Dora"])

    async def test_the_small_video_moves_with_keys_and_pointer(self, open_browser: OpenBrowser, room: Room) -> None:
        ada, _ = await lesson(open_browser, room)
        own, move = ada.page.get_by_role("region", name="Your video"), button(ada.page, "Move your video")
        await expect(own).to_have_attribute("data-corner", "bottom-end")
        await move.focus()
        await ada.page.keyboard.press("ArrowUp")
        await expect(ada.page.get_by_role("status").filter(has_text="at the top right")).to_be_attached()
        await ada.page.keyboard.press("ArrowLeft")
        await expect(own).to_have_attribute("data-corner", "top-start")
        await expect(move).to_be_focused()
        box = await own.bounding_box()
        assert box is not None
        assert box["x"] < 100
        assert box["y"] < 150
        await ada.page.mouse.move(box["x"] + 40, box["y"] + 40)
        await ada.page.mouse.down()
        await ada.page.mouse.move(900, 600, steps=5)
        await ada.page.mouse.up()
        await expect(own).to_have_attribute("data-corner", "bottom-end")


class TestMessages:
    async def test_a_person_who_reloads_the_page_reads_the_messages_of_the_call(
        self, open_browser: OpenBrowser, room: Room
    ) -> None:
        ada, ben = await lesson(open_browser, room)
        await button(ada.page, "Chat").click()
        await ada.page.keyboard.type("Page 12")
        await ada.page.keyboard.press("Enter")
        await expect(button(ben.page, "Chat (1 new)")).to_be_visible(timeout=TIMEOUT_MS)
        await ben.page.reload()
        await join_call(ben.page, "Ben")
        await button(ben.page, "Chat").click()
        await expect(ben.page.locator(".message p")).to_have_text(["Page 12"])
        await expect(ben.page.get_by_text("People who join later")).to_be_hidden()
        # The next call starts without them.
        for browser in (ada, ben):
            await button(browser.page, "Leave").click()
        await room.expect_people()
        await button(ben.page, "Rejoin").click()
        await join_call(ben.page, "Ben")
        await button(ben.page, "Chat").click()
        await expect(ben.page.get_by_text("No messages yet.")).to_be_visible()

    async def test_a_message_that_was_not_sent_stays_in_the_field(self, open_browser: OpenBrowser, room: Room) -> None:
        page = await open_alone(open_browser, room)
        await button(page, "Chat").click()
        await page.context.set_offline(True)
        await expect(page.get_by_text("Connection lost.")).to_be_visible(timeout=TIMEOUT_MS)
        await page.keyboard.type("Hello")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("We couldn't send your message.")).to_be_visible()
        await expect(page.get_by_label("Message to everyone")).to_have_value("Hello")
        await page.context.set_offline(False)
        await expect(page.get_by_text("Connection lost.")).to_be_hidden(timeout=TIMEOUT_MS)
        await page.keyboard.press("Enter")
        await expect(page.locator(".message p")).to_have_text(["Hello"])

    async def test_raised_hands_have_an_order_and_are_announced(self, open_browser: OpenBrowser, room: Room) -> None:
        ada, ben = await lesson(open_browser, room)
        await button(ben.page, "Raise hand").click()
        await expect(button(ben.page, "Lower hand")).to_be_visible()
        await expect(ada.page.get_by_role("status").filter(has_text="Ben raised their hand.")).to_be_visible()
        await button(ada.page, "Raise hand").click()
        await expect(button(ada.page, "Lower hand")).to_be_visible()
        for page in (ada.page, ben.page):
            await button(page, "People").click()
            rows = page.get_by_role("list", name="Everyone in the call").get_by_role("listitem")
            await expect(rows.get_by_text("hand raised, number")).to_have_text(
                ["hand raised, number 1", "hand raised, number 2"]
            )
            assert (await rows.locator(".who").all_text_contents())[0].startswith("Ben")
        assert await accessibility_violations(ada.page) == []
        await button(ben.page, "Lower hand").click()
        await expect(tile(ada.page, "Ben").get_by_text("hand raised")).to_be_hidden()


class TestDevices:
    async def test_dialogs_are_loaded_again_after_a_failure(self, open_browser: OpenBrowser, room: Room) -> None:
        browser = await open_browser()
        browser.expected_errors.append("net::ERR_FAILED")
        page = browser.page
        await page.route("**/ui/call-dialogs.js", lambda route: route.abort())
        await join_call(page, "Ada", room.url("teacher"))
        await open_devices(page)
        await expect(page.get_by_text("This couldn't be loaded. Try again.").first).to_be_visible(timeout=TIMEOUT_MS)
        await page.unroute("**/ui/call-dialogs.js")
        await open_devices(page)
        await expect(page.get_by_role("dialog", name="Devices")).to_be_visible(timeout=TIMEOUT_MS)

    async def test_a_device_is_switched_and_an_unplugged_one_is_replaced(
        self, open_browser: OpenBrowser, room: Room
    ) -> None:
        ada, ben = await lesson(open_browser, room)
        await expect_video(ben.page)
        await open_devices(ada.page)
        microphone = ada.page.get_by_label("Microphone", exact=True)
        await microphone.select_option(label="Fake Audio Input 2")
        await expect(microphone.locator("option:checked")).to_have_text("Fake Audio Input 2")
        speaker = ada.page.get_by_label("Speaker", exact=True)
        await speaker.select_option(label="Fake Audio Output 2")
        await expect(speaker.locator("option:checked")).to_have_text("Fake Audio Output 2")
        assert await accessibility_violations(ada.page) == []
        await button(ada.page, "Done").click()
        await expect(button(ada.page, "More options")).to_be_focused()
        audio = "async () => Object.values((await document.querySelector('vb-call').stats()).people)[0].audio[0]"
        before = await ben.page.evaluate(audio)
        await eventually(lambda: _receives_more(ben.page, audio, before["packetsReceived"]))
        # As when the camera is unplugged: the fake camera is the default one, too.
        await ada.page.evaluate("""() => {
            const [track] = document.querySelector(".self-view video").srcObject.getVideoTracks();
            track.stop();
            track.dispatchEvent(new Event("ended"));
        }""")
        await expect(ada.page.get_by_text("Your camera was disconnected.")).to_be_visible()
        await expect(ada.page.get_by_text("Now using fake_device_0.")).to_be_visible(timeout=TIMEOUT_MS)
        await expect_video(ben.page)

    async def test_the_screen_is_no_longer_shared_when_the_browser_stops_it(
        self, open_browser: OpenBrowser, room: Room
    ) -> None:
        ada, ben = await lesson(open_browser, room)
        tracks = """() => {
            const share = navigator.mediaDevices.getDisplayMedia.bind(navigator.mediaDevices);
            navigator.mediaDevices.getDisplayMedia = async (options) => (window.shared = await share(options));
        }"""
        await ada.page.evaluate(tracks)
        await ada.page.keyboard.press("s")
        await expect(tile(ben.page, "Ada's screen")).to_be_visible(timeout=TIMEOUT_MS)
        await expect_video(ben.page, kind="screen")
        await ada.page.evaluate("shared.getTracks()[0].dispatchEvent(new Event('ended'))")
        await expect(tile(ben.page, "Ada's screen")).to_have_count(0, timeout=TIMEOUT_MS)
        await expect(button(ada.page, "Share screen")).to_be_visible()

    async def test_picture_in_picture_opens_a_window_with_the_other_person(
        self, open_browser: OpenBrowser, room: Room
    ) -> None:
        ada, _ = await lesson(open_browser, room)
        await expect_video(ada.page)
        await button(ada.page, "More options").click()
        async with ada.context.expect_page() as opening:
            await button(ada.page, "Picture-in-picture").click()
        window = await opening.value
        await expect(window.locator(".tile")).to_contain_text("Ben")
        video = window.locator("video")
        await expect(video).to_be_visible()
        await eventually(lambda: video.evaluate("video => video.videoWidth > 0 && !video.paused"))
        await button(ada.page, "More options").click()
        async with window.expect_event("close"):
            await button(ada.page, "Close picture-in-picture").click()
        await button(ada.page, "More options").click()
        await expect(button(ada.page, "Picture-in-picture")).to_be_visible()

    async def test_in_a_browser_without_document_windows_picture_in_picture_shows_a_video(
        self, open_browser: OpenBrowser, room: Room
    ) -> None:
        ada, _ = await lesson(open_browser, room)
        await expect_video(ada.page)
        await ada.page.evaluate("delete window.documentPictureInPicture")
        await button(ada.page, "More options").click()
        await button(ada.page, "Picture-in-picture").click()
        shown = "document.pictureInPictureElement?.srcObject.getVideoTracks()[0].id"
        await eventually(lambda: ada.page.evaluate(shown))
        theirs = "document.querySelector('.tiles video').srcObject.getVideoTracks()[0].id"
        assert await ada.page.evaluate(shown) == await ada.page.evaluate(theirs)
        await button(ada.page, "More options").click()
        await button(ada.page, "Close picture-in-picture").click()
        await eventually(lambda: ada.page.evaluate("document.pictureInPictureElement === null"))


class TestConnection:
    async def test_a_person_who_was_offline_is_connected_again(self, open_browser: OpenBrowser, room: Room) -> None:
        ada, ben = await lesson(open_browser, room)
        await expect_video(ada.page)
        peer = (await room.people())["Ben"]["id"]
        await ben.context.set_offline(True)
        alert = ben.page.get_by_role("alert")
        await expect(alert).to_have_text("Connection lost. Reconnecting...", timeout=TIMEOUT_MS)
        assert await accessibility_violations(ben.page) == []
        await ben.context.set_offline(False)
        await expect(alert).to_be_hidden(timeout=TIMEOUT_MS)
        await expect(ben.page.get_by_role("status").filter(has_text="You're connected again.")).to_be_visible()
        assert (await room.people())["Ben"]["id"] == peer
        await button(ben.page, "Mute").click()
        await expect(tile(ada.page, "Ben").get_by_text("muted")).to_be_attached(timeout=TIMEOUT_MS)
        await expect_video(ada.page)


class TestKeyboard:
    @pytest.mark.representative
    async def test_shortcuts_work_but_not_while_typing_and_can_be_turned_off(
        self, open_browser: OpenBrowser, room: Room
    ) -> None:
        page = await open_alone(open_browser, room)
        await page.keyboard.press("m")
        await expect(button(page, "Unmute")).to_be_visible()
        await page.keyboard.press("v")
        await expect(button(page, "Camera on")).to_be_visible()
        await page.keyboard.press("h")
        await expect(button(page, "Lower hand")).to_be_visible()
        await page.keyboard.press("p")
        await expect(page.get_by_role("heading", name="People (1)")).to_be_focused()
        await page.keyboard.press("c")
        await expect(page.get_by_label("Message to everyone")).to_be_focused()
        await page.keyboard.type("hmv")
        await expect(page.get_by_label("Message to everyone")).to_have_value("hmv")
        await expect(button(page, "Lower hand")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(button(page, "Chat")).to_be_focused()
        await page.keyboard.press("?")
        dialog = page.get_by_role("dialog", name="Keyboard shortcuts")
        assert await dialog.locator("kbd").all_text_contents() == ["M", "V", "S", "H", "C", "P", "?"]
        assert await accessibility_violations(page) == []
        await page.get_by_label("Use keyboard shortcuts").uncheck()
        await page.keyboard.press("Escape")
        await expect(button(page, "Chat")).to_be_focused()
        await page.keyboard.press("m")
        await page.keyboard.press("?")
        await expect(dialog).to_be_hidden()
        await expect(button(page, "Unmute")).to_be_visible()

    async def test_the_bar_is_one_tab_stop(self, open_browser: OpenBrowser, room: Room) -> None:
        page = await open_alone(open_browser, room)
        await expect(button(page, "Mute")).to_be_focused()
        await page.keyboard.press("ArrowRight")
        await expect(button(page, "Camera off")).to_be_focused()
        await page.keyboard.press("End")
        await expect(button(page, "End for everyone")).to_be_focused()
        await page.keyboard.press("ArrowRight")
        await expect(button(page, "Mute")).to_be_focused()
        assert await page.locator(".toolbar button[tabindex='0']").count() == 1

    async def test_a_panel_on_a_phone_covers_the_rest(self, open_browser: OpenBrowser, room: Room) -> None:
        page = await open_alone(open_browser, room, viewport=PHONE)
        # The bar of a phone has one row: the menu has the rest.
        await expect(button(page, "People")).to_have_count(0)
        await button(page, "More options").click()
        await page.get_by_role("group", name="More options").get_by_role("button", name="People").click()
        await expect(page.get_by_role("heading", name="People (1)")).to_be_focused()
        assert await page.evaluate("[...document.querySelectorAll('[inert]')].length") == 3
        await button(page, "Close people").click()
        await expect(button(page, "More options")).to_be_focused()
        assert await page.evaluate("[...document.querySelectorAll('[inert]')].length") == 0


class TestLanguages:
    async def test_it_is_german_in_a_german_browser(self, open_browser: OpenBrowser, room: Room) -> None:
        ada = await open_browser(locale="de-DE")
        await ada.page.goto(room.url("teacher", name="Ada", skip_preview_headful="true"))
        await expect(ada.page.get_by_role("toolbar", name="Gespräch")).to_be_visible(timeout=TIMEOUT_MS)
        await expect(button(ada.page, "Stumm schalten")).to_be_visible()
        assert await ada.page.evaluate("document.documentElement.lang") == "de"
        for size in SIZES:
            await ada.page.set_viewport_size(size)
            assert await horizontal_overflow(ada.page) <= 0
        assert await accessibility_violations(ada.page) == []


async def _is_zero(page: Page, script: str) -> bool:
    return bool(await page.evaluate(script) == 0)


async def _receives_more(page: Page, script: str, than: int) -> bool:
    return bool((await page.evaluate(script))["packetsReceived"] > than)


async def _width(page: Page, name: str) -> float:
    box = await tile(page, name).bounding_box()
    assert box is not None
    return float(round(box["width"]))


async def _expect_larger(page: Page, name: str, others: Sequence[str]) -> None:
    async def is_larger() -> bool:
        width = await _width(page, name)
        return all([width > 2 * await _width(page, each) for each in others])

    await eventually(is_larger)
