"""The call page of the sandbox: people meet with real media, and every obstacle is explained."""

import json
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from typing import Any

import pytest
from playwright.async_api import Page, WebSocketRoute, async_playwright, expect

from browser.conftest import LANGUAGE, PHONE, BrowserSession, OpenBrowser, accessibility_violations
from browser.sandbox_rooms import TIMEOUT_MS, Room, expect_video, make_room, request_hms
from browser.states import expect_state
from polling import eventually
from tenants import MovableClock, Sandbox, Tenant
from videobroker.sandbox.errors import VendorError
from videobroker.sandbox.meeting.refusals import refusal_of

pytestmark = pytest.mark.long


@pytest.fixture
async def room(sandbox: Sandbox) -> Room:
    """A room with a teacher and a student."""
    return await make_room(sandbox)


async def join_call(page: Page, name: str, url: str = "") -> None:
    """Open the page, enter a name, and join."""
    if url:
        await page.goto(url)
    await page.get_by_label("Your name").fill(name)
    await page.get_by_role("button", name="Join", exact=True).click()
    await expect(page.get_by_role("toolbar", name="Call")).to_be_visible(timeout=TIMEOUT_MS)


async def lesson(open_browser: OpenBrowser, room: Room) -> tuple[BrowserSession, BrowserSession]:
    """Ada teaches Ben."""
    ada, ben = await open_browser(), await open_browser()
    await join_call(ada.page, "Ada", room.url("teacher"))
    await join_call(ben.page, "Ben", room.url("student"))
    await expect(tile(ada.page, "Ben")).to_be_visible(timeout=TIMEOUT_MS)
    return ada, ben


def tile(page: Page, name: str) -> Any:
    """The tile of a person."""
    return page.get_by_role("list", name="People").get_by_role("listitem").filter(has_text=name)


async def expect_card(page: Page, title: str, sentence: str = "") -> None:
    """Wait for a card with this title."""
    await expect(page.get_by_role("heading", name=title, exact=True)).to_be_visible(timeout=TIMEOUT_MS)
    if sentence:
        await expect(page.locator(".card p")).to_contain_text(sentence, timeout=TIMEOUT_MS)


class TestMeeting:
    @pytest.mark.representative
    async def test_two_people_see_and_hear_each_other_and_the_vendor_sends_webhooks(
        self, open_browser: OpenBrowser, room: Room
    ) -> None:
        ada, ben = await open_browser(), await open_browser()
        await ada.page.goto(room.url("teacher", name="Ada Lovelace", userId="tutor/1"))
        await expect(ada.page.get_by_label("Your name")).to_have_value("Ada Lovelace")
        await expect(ada.page.get_by_label("Your name")).not_to_be_editable()
        await expect(ada.page.get_by_text("Role: teacher")).to_be_visible()
        await expect_state(ada.page, "sandbox-preview")
        await ada.page.get_by_role("button", name="Join", exact=True).click()
        await join_call(ben.page, "Ben", room.url("student", "preview", user_id="student-1"))
        await expect_video(ada.page)
        await expect_video(ben.page)
        audio_stats = "async () => Object.values((await document.querySelector('vb-call').stats()).people)[0].audio[0]"
        await eventually(lambda: _positive(ada.page, f"{audio_stats}.packetsReceived"))
        await expect(tile(ada.page, "Ben")).to_contain_text("student")
        await expect(tile(ben.page, "Ada Lovelace")).to_contain_text("teacher")
        await expect_state(ada.page, "sandbox-call")
        people = await room.people()
        assert {name: (peer["role"], peer["user_id"]) for name, peer in people.items()} == {
            "Ada Lovelace": ("teacher", "tutor/1"),
            "Ben": ("student", "student-1"),
        }
        assert await room.webhook_types() == ["session.open.success", "peer.join.success", "peer.join.success"]

    async def test_four_people_are_connected_to_each_other(self, open_browser: OpenBrowser, room: Room) -> None:
        ada, ben = await lesson(open_browser, room)
        cem, dana = await open_browser(), await open_browser()
        await join_call(cem.page, "Cem", room.url("student"))
        await join_call(dana.page, "Dana", room.url("student"))
        for each in (ada, ben, cem, dana):
            await expect_video(each.page, people=3)
        await expect(ada.page.get_by_text("4 people")).to_be_visible()
        sizes = await ada.page.evaluate(
            "[...document.querySelectorAll('.tiles video')]"
            ".map((each) => [each.videoWidth > 0, each.clientWidth, each.clientHeight])"
        )
        assert len(sizes) == 3
        assert all(has_frames and width >= 200 and height >= 150 for has_frames, width, height in sizes), sizes

    async def test_other_people_see_who_is_muted_or_has_the_camera_off(
        self, open_browser: OpenBrowser, room: Room
    ) -> None:
        ada, ben = await lesson(open_browser, room)
        await ada.page.get_by_role("button", name="Mute").click()
        await ada.page.get_by_role("button", name="Camera off").click()
        await expect(tile(ben.page, "Ada").get_by_text("muted")).to_be_attached(timeout=TIMEOUT_MS)
        await expect(tile(ben.page, "Ada").locator("video")).to_be_hidden(timeout=TIMEOUT_MS)
        await expect(ada.page.get_by_role("button", name="Unmute")).to_be_visible()
        await expect_state(ada.page, "sandbox-muted")
        await ada.page.get_by_role("button", name="Unmute").click()
        await ada.page.get_by_role("button", name="Camera on").click()
        await expect(tile(ben.page, "Ada").locator("video")).to_be_visible(timeout=TIMEOUT_MS)
        await expect_video(ben.page)

    async def test_two_people_can_share_their_screens_at_the_same_time(
        self, open_browser: OpenBrowser, room: Room
    ) -> None:
        ada, ben = await lesson(open_browser, room)
        for each in (ada, ben):
            await each.page.evaluate("document.querySelector('[aria-label=\"Share screen\"]').click()")
        await expect(ben.page.get_by_text("Ada is sharing their screen.")).to_be_attached(timeout=TIMEOUT_MS)
        await expect_video(ada.page, kind="screen")
        await expect_video(ben.page, kind="screen")
        await expect(tile(ben.page, "Ada's screen")).to_be_visible(timeout=TIMEOUT_MS)
        screen = await tile(ben.page, "Ada's screen").bounding_box()
        camera = await tile(ben.page, "teacher").bounding_box()
        assert screen is not None
        assert camera is not None
        assert screen["width"] > 2 * camera["width"]
        assert screen["x"] + screen["width"] <= camera["x"]
        await expect(ben.page.get_by_text("You're sharing your screen.")).to_be_visible()
        await expect_state(ben.page, "sandbox-shared")
        await ada.page.locator(".sharing").get_by_role("button", name="Stop sharing").click()
        await expect(tile(ben.page, "Ada's screen")).to_have_count(0, timeout=TIMEOUT_MS)
        await expect_video(ben.page)

    async def test_people_chat_with_each_other_and_the_rest_api(self, open_browser: OpenBrowser, room: Room) -> None:
        ada, ben = await lesson(open_browser, room)
        await ada.page.get_by_role("button", name="Chat", exact=True).click()
        await expect(ada.page.get_by_label("Message to everyone")).to_be_focused()
        await ada.page.keyboard.type("<b>Hello</b> Ben")
        await ada.page.keyboard.press("Enter")
        await expect(ben.page.get_by_role("button", name="Chat (1 new)")).to_be_visible(timeout=TIMEOUT_MS)
        await room.post("/active-rooms/{room}/send-message", message="Five minutes left", type="chat")
        await room.post("/active-rooms/{room}/send-message", message="not for eyes", type="custom")
        await ben.page.get_by_role("button", name="Chat (2 new)").click()
        log = ben.page.get_by_role("log", name="Messages")
        await expect(log.locator(".message b")).to_have_text(["Ada", "Message"])
        await expect(log.locator(".message p")).to_have_text(["<b>Hello</b> Ben", "Five minutes left"])
        await expect_state(ben.page, "sandbox-chat")
        await ben.page.keyboard.press("Escape")
        await expect(log).to_be_hidden()
        await expect(ben.page.get_by_role("button", name="Chat", exact=True)).to_be_focused()

    async def test_a_person_without_a_page_and_a_recording_are_shown(
        self, open_browser: OpenBrowser, sandbox: Sandbox, room: Room
    ) -> None:
        await sandbox.join_room(room.id, code=room.codes["student"], name="Cem")
        ada = await open_browser()
        await join_call(ada.page, "Ada", room.url("teacher"))
        await expect(tile(ada.page, "Cem")).to_contain_text("Not connected")
        await sandbox.client.post(f"/_sandbox/rooms/{room.id}/recorder")
        await expect(ada.page.get_by_text("Recording")).to_be_visible(timeout=TIMEOUT_MS)
        await expect(ada.page.get_by_text("2 people")).to_be_visible()
        await expect_state(ada.page, "sandbox-recorded")

    async def test_a_role_change_by_the_rest_api_applies_at_once(self, open_browser: OpenBrowser, room: Room) -> None:
        ada, ben = await lesson(open_browser, room)
        await expect(ben.page.get_by_role("button", name="End for everyone")).to_be_hidden()
        peer = (await room.people())["Ben"]["id"]
        await room.post(f"/active-rooms/{{room}}/peers/{peer}", role="teacher")
        await expect(ben.page.get_by_role("button", name="End for everyone")).to_be_visible(timeout=TIMEOUT_MS)
        await expect(tile(ada.page, "Ben")).to_contain_text("teacher", timeout=TIMEOUT_MS)


class TestWithTheService:
    async def test_people_on_the_pages_of_a_booking_are_in_its_attendance(
        self, open_browser: OpenBrowser, webhook_tenant: Tenant, sandbox: Sandbox
    ) -> None:
        await webhook_tenant.book()
        people = []
        for user_id in ("tutor-1", "student-1"):
            credentials = (await webhook_tenant.join(user_id=user_id, surface="prebuilt")).json()
            people.append(browser := await open_browser())
            await browser.page.goto(credentials["url"])
            await browser.page.get_by_role("button", name="Join", exact=True).click()
            await expect(browser.page.get_by_role("toolbar", name="Call")).to_be_visible(timeout=TIMEOUT_MS)
        ada, ben = people
        await expect_video(ada.page)
        await expect_video(ben.page)
        await ben.page.close()
        await expect(ada.page.get_by_text("You're the only one here")).to_be_visible(timeout=TIMEOUT_MS)
        await sandbox.deliver_webhooks()
        await webhook_tenant.run_due_jobs()
        request_hms = (await webhook_tenant.get(f"/v1/calls/{credentials['call']['id']}")).json()
        assert [(stay["user_id"], stay["reason"]) for stay in request_hms["attendance"]] == [
            ("tutor-1", None),
            ("student-1", "client request"),
        ]


async def _positive(page: Page, script: str) -> bool:
    return bool(await page.evaluate(f"async () => (await ({script.partition('.packets')[0]})()).packetsReceived > 0"))


class TestLeaving:
    async def test_a_person_who_leaves_is_removed_from_the_room_and_can_rejoin(
        self, open_browser: OpenBrowser, room: Room
    ) -> None:
        ada, ben = await lesson(open_browser, room)
        await ben.page.get_by_role("button", name="Leave").click()
        await expect_card(ben.page, "You left the call")
        await expect_state(ben.page, "sandbox-left")
        await room.expect_people("Ada")
        await expect(ada.page.get_by_text("Ben has left.")).to_be_attached(timeout=TIMEOUT_MS)
        await expect(tile(ada.page, "Ben")).to_have_count(0)
        assert (await room.webhook_types())[-1] == "peer.leave.success"
        await ben.page.get_by_role("button", name="Rejoin").click()
        await join_call(ben.page, "Ben")
        await expect_video(ada.page)
        await expect_video(ben.page)

    async def test_closing_the_tab_leaves_at_once(self, open_browser: OpenBrowser, room: Room) -> None:
        ada, ben = await lesson(open_browser, room)
        await ben.page.close()
        await room.expect_people("Ada")
        await ada.page.close()
        await room.expect_people()
        assert (await room.webhook_types())[-2:] == ["peer.leave.success", "session.close.success"]

    async def test_reloading_the_page_adds_no_second_person(self, open_browser: OpenBrowser, room: Room) -> None:
        ada, ben = await lesson(open_browser, room)
        await ben.page.reload()
        await join_call(ben.page, "Ben")
        await expect_video(ada.page)
        await expect_video(ben.page)
        await room.expect_people("Ada", "Ben")
        await expect(tile(ada.page, "Ben")).to_have_count(1)

    async def test_a_host_can_end_the_call_for_everyone(self, open_browser: OpenBrowser, room: Room) -> None:
        ada, ben = await lesson(open_browser, room)
        await ada.page.get_by_role("button", name="End for everyone").click()
        await ada.page.get_by_role("button", name="Cancel").click()
        await expect(ada.page.get_by_role("dialog")).to_be_hidden()
        await ada.page.get_by_role("button", name="End for everyone").click()
        await expect_state(ada.page, "sandbox-ending")
        await ada.page.get_by_role("dialog").get_by_role("button", name="End for everyone").click()
        await expect_card(ada.page, "The call has ended")
        await expect_state(ada.page, "sandbox-ended")
        await expect_card(ben.page, "The call has ended", "It was ended for everyone.")
        await room.expect_people()
        assert (await room.webhook_types())[3:] == [
            "room.end.success",
            "peer.leave.success",
            "peer.leave.success",
            "session.close.success",
        ]

    @pytest.mark.representative
    async def test_a_host_can_remove_a_person(self, open_browser: OpenBrowser, room: Room) -> None:
        ada, ben = await lesson(open_browser, room)
        await expect(ben.page.get_by_role("button", name="Remove Ada")).to_be_hidden()
        await ada.page.get_by_role("button", name="Remove Ben").click()
        await expect_card(ben.page, "You were removed")
        await expect_state(ben.page, "sandbox-removed")
        await expect(ben.page.get_by_role("button")).to_have_count(0)
        await room.expect_people("Ada")

    async def test_the_rest_api_removes_a_person_and_ends_the_room_with_its_reason(
        self, open_browser: OpenBrowser, room: Room
    ) -> None:
        ada, ben = await lesson(open_browser, room)
        peer = (await room.people())["Ben"]["id"]
        await room.post("/active-rooms/{room}/remove-peers", peer_id=peer, reason="Your lesson is over.")
        await expect_card(ben.page, "You were removed", "Reason: Your lesson is over.")
        await expect(ada.page.get_by_text("Ben was removed.")).to_be_attached(timeout=TIMEOUT_MS)
        await room.post("/active-rooms/{room}/end-room", reason="Closing time.", lock=True)
        await expect_card(ada.page, "The call has ended", "Closing time.")
        ben.expected_errors.append("403")
        await ben.page.reload()
        await expect_card(ben.page, "This meeting is closed")


class TestFailures:
    @pytest.mark.representative
    async def test_a_lost_connection_is_restored_and_no_one_has_left(
        self, open_browser: OpenBrowser, room: Room
    ) -> None:
        servers: list[WebSocketRoute] = []
        ada, ben = await open_browser(), await open_browser()

        def pass_through(page: WebSocketRoute) -> None:
            servers.append(page)
            page.connect_to_server()

        await ben.page.route_web_socket(re.compile("/page/socket"), pass_through)
        await join_call(ada.page, "Ada", room.url("teacher"))
        await join_call(ben.page, "Ben", room.url("student"))
        await expect_video(ben.page)
        peer = (await room.people())["Ben"]["id"]
        await servers[0].close(code=4999)
        await eventually(lambda: len(servers) > 1)
        await ben.page.get_by_role("button", name="Mute").click()
        await expect(tile(ada.page, "Ben").get_by_text("muted")).to_be_attached(timeout=TIMEOUT_MS)
        await expect(ben.page.get_by_role("alert")).to_be_hidden(timeout=TIMEOUT_MS)
        assert (await room.people())["Ben"]["id"] == peer
        assert "peer.leave.success" not in await room.webhook_types()
        await expect_video(ben.page)

    async def test_without_a_response_it_shows_the_problem_and_retries(
        self, open_browser: OpenBrowser, room: Room
    ) -> None:
        ada, ben = await lesson(open_browser, room)
        await ben.page.route_web_socket(re.compile("/page/socket"), lambda page: page.close(code=4999))
        peer = (await room.people())["Ben"]["id"]
        await room.sandbox.client.post(f"/_sandbox/rooms/{room.id}/peers/{peer}/drop", json={})
        await expect(ben.page.get_by_role("alert")).to_have_text("Connection lost. Reconnecting...", timeout=TIMEOUT_MS)
        await expect(ada.page.get_by_text("Ben lost the connection.")).to_be_attached(timeout=TIMEOUT_MS)
        await expect_state(ben.page, "sandbox-lost")

    async def test_a_person_who_joins_during_an_outage_is_informed_and_joins_afterwards(
        self, open_browser: OpenBrowser, room: Room
    ) -> None:
        ada = await open_browser()
        is_down = True

        def respond(page: WebSocketRoute) -> Any:
            return page.close(code=4999) if is_down else page.connect_to_server()

        await ada.page.route_web_socket(re.compile("/page/socket"), respond)
        await ada.page.goto(room.url("teacher", name="Ada", skip_preview_headful="true"))
        await expect_state(ada.page, "sandbox-away")
        is_down = False
        await expect(ada.page.get_by_role("toolbar", name="Call")).to_be_visible(timeout=TIMEOUT_MS)
        await expect_state(ada.page, "sandbox-alone")

    async def test_joining_shows_its_progress(self, open_browser: OpenBrowser, room: Room) -> None:
        ada = await open_browser()
        await ada.page.route_web_socket(re.compile("/page/socket"), lambda page: None)
        await ada.page.goto(room.url("teacher", name="Ada"))
        await ada.page.get_by_role("button", name="Join", exact=True).click()
        await expect_state(ada.page, "sandbox-joining")
        await expect(ada.page.get_by_role("button", name="Joining...")).to_be_disabled()

    async def test_a_browser_that_needs_a_tap_before_sound_shows_a_button(
        self, open_browser: OpenBrowser, room: Room
    ) -> None:
        ada = await open_browser()
        await ada.page.add_init_script(
            """const play = HTMLMediaElement.prototype.play;
            window.tapped = false;
            HTMLMediaElement.prototype.play = function () {
                return window.tapped ? play.call(this) : Promise.reject(new DOMException("no", "NotAllowedError"));
            };
            const button = "Tap to hear the others";
            addEventListener("click", (event) => { window.tapped = event.target.textContent === button; }, true);"""
        )
        await join_call(ada.page, "Ada", room.url("teacher"))
        await expect_state(ada.page, "sandbox-sound")
        await ada.page.get_by_role("button", name="Tap to hear the others").click()
        await expect(ada.page.get_by_role("button", name="Tap to hear the others")).to_be_hidden()

    @pytest.mark.parametrize(
        ("script", "state"),
        [
            (
                "navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('', 'NotReadableError'))",
                "sandbox-busy",
            ),
            ("Object.defineProperty(navigator, 'mediaDevices', { value: undefined })", "sandbox-insecure"),
        ],
    )
    async def test_problems_with_devices_are_explained(
        self, open_browser: OpenBrowser, room: Room, script: str, state: str
    ) -> None:
        ada = await open_browser()
        await ada.page.add_init_script(script)
        await ada.page.goto(room.url("teacher"))
        await expect_state(ada.page, state)

    async def test_a_person_who_was_dropped_by_the_vendor_reconnects_as_a_new_peer(
        self, open_browser: OpenBrowser, room: Room
    ) -> None:
        ada, ben = await lesson(open_browser, room)
        peer = (await room.people())["Ben"]["id"]
        await room.sandbox.client.post(f"/_sandbox/rooms/{room.id}/peers/{peer}/drop", json={})
        await room.expect_people("Ada", "Ben")
        await expect_video(ada.page)
        await expect_video(ben.page)
        assert (await room.people())["Ben"]["id"] != peer

    async def test_blocked_devices_are_explained_and_do_not_prevent_joining(
        self, open_browser: OpenBrowser, room: Room
    ) -> None:
        async with another_browser("--use-fake-device-for-media-stream=fps=10") as ada:
            await self._watch_and_be_seen_later(ada, await open_browser(), room)

    async def _watch_and_be_seen_later(self, ada: BrowserSession, ben: BrowserSession, room: Room) -> None:
        await ada.page.goto(room.url("teacher"))
        notes = ada.page.locator(".notes")
        await expect(notes).to_contain_text("Your microphone is blocked. Your camera is blocked.", timeout=TIMEOUT_MS)
        await expect_state(ada.page, "sandbox-blocked")
        await join_call(ada.page, "Ada")
        await room.expect_people("Ada")
        await join_call(ben.page, "Ben", room.url("student"))
        await expect_video(ada.page)
        await expect(tile(ben.page, "Ada").get_by_text("muted")).to_be_attached()
        await ada.context.grant_permissions(["camera", "microphone"])
        await ada.page.get_by_role("button", name="Camera on").click()
        await expect_video(ben.page)

    async def test_a_person_without_devices_can_watch(self, open_browser: OpenBrowser, room: Room) -> None:
        async with another_browser() as ada:
            await ada.context.grant_permissions(["camera", "microphone"])
            await ada.page.goto(room.url("teacher"))
            notes = ada.page.locator(".notes")
            await expect(notes).to_contain_text("No microphone found. No camera found.", timeout=TIMEOUT_MS)
            await expect_state(ada.page, "sandbox-missing")
            await join_call(ada.page, "Ada")
            ben = await open_browser()
            await join_call(ben.page, "Ben", room.url("student"))
            await expect_video(ada.page)

    @pytest.mark.parametrize(
        ("what", "status", "title", "sentence"),
        [
            ("unknown", 404, "Meeting not found", "Check the link."),
            ("code", 403, "This meeting is closed", "The room or its code is disabled."),
            ("room", 403, "This meeting is closed", "The room or its code is disabled."),
        ],
    )
    async def test_an_unusable_code_is_explained(
        self, open_browser: OpenBrowser, room: Room, what: str, status: int, title: str, sentence: str
    ) -> None:
        ada = await open_browser()
        ada.expected_errors.append(str(status))
        if what == "code":
            await room.post("/room-codes/code", code=room.codes["teacher"], enabled=False)
        if what == "room":
            await request_hms(room.sandbox, "POST", f"/rooms/{room.id}", {"enabled": False})
        url = f"{room.sandbox.url}/meeting/aaa-aaaa-aaa" if what == "unknown" else room.url("teacher")
        response = await ada.page.goto(url)
        assert response is not None
        assert response.status == status
        await expect_card(ada.page, title, sentence)
        await expect_state(ada.page, "sandbox-code-unknown" if what == "unknown" else "sandbox-closed")

    async def test_a_full_room_is_explained_and_can_be_retried(
        self, open_browser: OpenBrowser, sandbox: Sandbox
    ) -> None:
        room = await make_room(sandbox, size=1)
        peer = await sandbox.join_room(room.id, code=room.codes["student"])
        ada = await open_browser()
        await ada.page.goto(room.url("teacher"))
        await ada.page.get_by_label("Your name").fill("Ada")
        await ada.page.get_by_role("button", name="Join", exact=True).click()
        await expect_card(ada.page, "This meeting is full", "The room has no free place.")
        await expect_state(ada.page, "sandbox-room-full")
        await sandbox.leave_room(room.id, peer)
        await ada.page.get_by_role("button", name="Try again").click()
        await expect(ada.page.get_by_label("Your name")).to_have_value("Ada")
        await join_call(ada.page, "Ada")

    @pytest.mark.parametrize(
        ("problem", "state"),
        [
            (VendorError(403, "role limit reached"), "sandbox-role-full"),
            (VendorError(500, "Internal Server Error"), "sandbox-refused"),
        ],
    )
    async def test_every_other_refusal_of_the_vendor_is_explained(
        self, open_browser: OpenBrowser, room: Room, problem: VendorError, state: str
    ) -> None:
        ada = await open_browser()
        refusal = asdict(refusal_of(problem))
        message = {
            "type": "refused",
            "code": refusal["code"],
            "title": refusal["title"],
            "message": refusal["sentence"],
        }

        def refuse(page: WebSocketRoute) -> None:
            page.on_message(lambda _: page.send(json.dumps(message)))

        await ada.page.route_web_socket(re.compile("/page/socket"), refuse)
        await ada.page.goto(room.url("teacher", name="Ada"))
        await ada.page.get_by_role("button", name="Join", exact=True).click()
        await expect_state(ada.page, state)

    async def test_without_javascript_it_says_what_it_needs(self, open_browser: OpenBrowser, room: Room) -> None:
        ada = await open_browser(java_script_enabled=False)
        await ada.page.goto(room.url("teacher"))
        await expect_state(ada.page, "sandbox-no-javascript")

    async def test_a_code_that_is_disabled_after_the_preview_is_refused(
        self, open_browser: OpenBrowser, room: Room, clock: MovableClock
    ) -> None:
        ada = await open_browser()
        await ada.page.goto(room.url("teacher", name="Ada"))
        await room.post("/room-codes/code", code=room.codes["teacher"], enabled=False)
        await ada.page.get_by_role("button", name="Join", exact=True).click()
        await expect_card(ada.page, "This meeting is closed", "The room or its code is disabled.")


class TestAccessibility:
    @pytest.mark.parametrize("scheme", ["light", "dark"])
    async def test_preview_and_call_fit_a_phone_and_are_accessible(
        self, open_browser: OpenBrowser, room: Room, scheme: str
    ) -> None:
        ada = await open_browser(viewport=PHONE, color_scheme=scheme, reduced_motion="reduce")
        await room.sandbox.join_room(room.id, code=room.codes["student"], name="Ben")
        await ada.page.goto(room.url("teacher"))
        await expect(ada.page.locator(".preview video")).to_be_visible()
        assert await accessibility_violations(ada.page) == []
        await _fits(ada.page)
        await join_call(ada.page, "Ada")
        await expect(tile(ada.page, "Ben")).to_be_visible(timeout=TIMEOUT_MS)
        assert await accessibility_violations(ada.page) == []
        await _fits(ada.page)
        for button in await ada.page.get_by_role("toolbar").get_by_role("button").all():
            box = await button.bounding_box()
            assert box is not None
            assert min(box["width"], box["height"]) >= 44

    async def test_the_keyboard_is_sufficient(self, open_browser: OpenBrowser, room: Room) -> None:
        ada = await open_browser()
        await ada.page.goto(room.url("teacher"))
        await expect(ada.page.get_by_label("Your name")).to_be_focused()
        await ada.page.keyboard.type("Ada")
        await ada.page.keyboard.press("Enter")
        await expect(ada.page.get_by_role("button", name="Mute")).to_be_focused(timeout=TIMEOUT_MS)
        await ada.page.keyboard.press("Space")
        await expect(ada.page.get_by_role("button", name="Unmute")).to_be_focused()
        for key in ("End", "ArrowLeft"):
            await ada.page.keyboard.press(key)
        await expect(ada.page.get_by_role("button", name="Leave")).to_be_focused()
        await ada.page.keyboard.press("Enter")
        await expect(ada.page.get_by_role("heading", name="You left the call")).to_be_focused(timeout=TIMEOUT_MS)
        await ada.page.keyboard.press("Tab")
        await expect(ada.page.get_by_role("button", name="Rejoin")).to_be_focused()

    async def test_a_parameter_skips_the_preview(self, open_browser: OpenBrowser, room: Room) -> None:
        ada = await open_browser()
        await ada.page.goto(room.url("teacher", name="Ada", skip_preview_headful="true"))
        await expect(ada.page.get_by_role("toolbar", name="Call")).to_be_visible(timeout=TIMEOUT_MS)
        await room.expect_people("Ada")


async def _fits(page: Page) -> None:
    assert await page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert await page.evaluate("document.querySelector('vb-call').scrollWidth <= innerWidth")


@asynccontextmanager
async def another_browser(*switches: str) -> AsyncIterator[BrowserSession]:
    """A browser that asks for permission to use devices: without switches, it has no devices."""
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed")
    default_switches = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--allow-loopback-in-peer-connection"]
    default_switches.append("--disable-features=WebRtcHideLocalIpsWithMdns")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=[*default_switches, *switches])
        context = await browser.new_context(locale=LANGUAGE)
        session = BrowserSession(context, await context.new_page())
        session.collect_errors(session.page)
        yield session
        await browser.close()
        assert session.unexpected_errors() == []
