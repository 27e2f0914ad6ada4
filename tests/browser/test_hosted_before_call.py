"""Before the call: the preview, device switches, speaker test, connection check, calendar file, and wake lock."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from browser.conftest import DESKTOP, PHONE, OpenBrowser
from browser.states import expect_state, horizontal_overflow
from browser.visitors import TIMEOUT_MS, DelayedRequests, Visitor, create_ticket
from polling import eventually
from tenants import Sandbox, Tenant, create_link, send_as

pytestmark = pytest.mark.long

RECORD_TRACKS = """
window.tracks = [];
navigator.mediaDevices.getUserMedia = new Proxy(navigator.mediaDevices.getUserMedia, {
    apply: async (open, target, values) => {
        const stream = await Reflect.apply(open, target, values);
        tracks.push(...stream.getTracks());
        return stream;
    },
});"""
LIVE_TRACKS = "() => window.tracks.filter((each) => each.readyState === 'live').map((each) => each.kind).sort().join()"
RECORD_PLAYBACK = """
window.played = [];
HTMLMediaElement.prototype.play = new Proxy(HTMLMediaElement.prototype.play, {
    apply(play, element, values) {
        const tracks = element.srcObject.getAudioTracks().length;
        if (element instanceof HTMLAudioElement) played.push([element.sinkId, tracks]);
        return %s;
    },
});"""
RECORD_WAKE_LOCKS = """
window.locks = [];
navigator.wakeLock.request = new Proxy(navigator.wakeLock.request, {
    apply: async (request, target, values) => {
        const lock = await Reflect.apply(request, target, values);
        locks.push(lock);
        return lock;
    },
});"""
ACTIVE_LOCKS = "() => window.locks.filter((lock) => !lock.released).length"
SLOW, TOO_SLOW, DISTANT = (
    {"latency": 20, "downloadThroughput": 1_500_000 / 8},
    {"latency": 20, "downloadThroughput": 300_000 / 8},
    {"latency": 300, "downloadThroughput": -1},
)


async def open_lobby(
    open_browser: OpenBrowser, service_url: str, tenant: Tenant, script: str = "", **options: Any
) -> Visitor:
    """The page of Ben, with the preview on, after this script."""
    browser = await open_browser(**options)
    if script:
        await browser.page.add_init_script(script)
    ben = Visitor(browser, "", f"{service_url}/join/{await create_ticket(tenant)}")
    await browser.page.goto(ben.url)
    await expect(ben.page.locator("#devices")).to_have_attribute("data-state", "on", timeout=TIMEOUT_MS)
    return ben


async def becomes(page: Page, script: str, expected: object) -> None:
    """Wait until the script returns this value."""

    async def equal() -> bool:
        return bool(await page.evaluate(script) == expected)

    await eventually(equal)


@pytest.mark.representative
async def test_the_preview_is_first_and_details_are_beside_or_below_it(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    ben = await open_lobby(open_browser, service_url, tutoring)

    for size, is_beside in ((DESKTOP, True), (PHONE, False)):
        await ben.page.set_viewport_size(size)
        preview, heading = await ben.page.locator(".mirror").bounding_box(), await ben.heading.bounding_box()
        assert preview
        assert heading
        if is_beside:
            assert preview["x"] + preview["width"] <= heading["x"]
            assert preview["width"] > DESKTOP["width"] * 0.4
        else:
            assert preview["y"] + preview["height"] <= heading["y"]
        button = await ben.button("Join now").bounding_box()
        assert button
        assert button["y"] + button["height"] <= size["height"], "joining needs no scrolling"


@pytest.mark.representative
async def test_devices_that_are_off_are_released_remembered_and_off_in_the_call(
    open_browser: OpenBrowser, service_url: str, agora: Tenant
) -> None:
    await agora.book(title="Algebra, lesson 1")
    ben = await open_lobby(open_browser, service_url, agora, RECORD_TRACKS)
    await ben.page.context.add_init_script(
        "window.received = []; addEventListener('message', ({ data }) => received.push(data));"
    )
    assert await ben.page.evaluate(LIVE_TRACKS) == "audio,video"

    await ben.button("Turn camera off").click()
    await becomes(ben.page, LIVE_TRACKS, "audio")
    await expect(ben.button("Turn camera on")).to_be_focused()
    await ben.button("Turn microphone off").click()
    await becomes(ben.page, LIVE_TRACKS, "")
    await expect_state(ben.page, "devices-off")
    await ben.button("Turn camera on").click()
    await becomes(ben.page, LIVE_TRACKS, "video")
    await expect_state(ben.page, "devices-microphone-off")
    await ben.page.reload()
    await becomes(ben.page, LIVE_TRACKS, "video")
    await ben.button("Join now").click()
    frame = await ben.call_frame()

    async def devices() -> Any:
        found = await frame.evaluate("() => window.received?.find((each) => each?.type === 'join')?.devices ?? null")
        return found is not None and found

    received = await _eventual(devices)
    assert received == {
        **{"camera": None, "microphone": None, "speaker": None},
        **{"cameraOff": False, "microphoneOff": True},
    }
    ben.browser.expected_errors.append("agora")


async def _eventual(find: Callable[[], Any]) -> Any:
    """The first true value."""
    value: Any = None

    async def found() -> bool:
        nonlocal value
        value = await find()
        return bool(value)

    await eventually(found)
    return value


async def test_the_speaker_test_plays_on_the_chosen_speaker(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    ben = await open_lobby(
        open_browser, service_url, tutoring, RECORD_PLAYBACK % "Reflect.apply(play, element, values)"
    )
    speaker = ben.page.locator("[data-part=speaker]")
    ids = await speaker.locator("option").evaluate_all("options => options.map((option) => option.value)")
    await speaker.select_option(ids[-1])

    await ben.button("Test speaker").click()

    await expect_state(ben.page, "speaker-tested")
    assert await ben.page.evaluate("played") == [[ids[-1], 1]]


@pytest.mark.parametrize(
    ("playback", "state"),
    [("new Promise(() => {})", "speaker-playing"), ("Promise.reject(new Error('no'))", "speaker-failed")],
)
async def test_the_speaker_test_says_what_happens(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, playback: str, state: str
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    ben = await open_lobby(open_browser, service_url, tutoring, RECORD_PLAYBACK % playback)
    await ben.button("Test speaker").click()
    await expect_state(ben.page, state)


@pytest.mark.parametrize(
    ("conditions", "script", "state"),
    [
        pytest.param(None, "", "network-good", marks=pytest.mark.representative),
        (SLOW, "", "network-slow"),
        (TOO_SLOW, "", "network-too-slow"),
        (DISTANT, "", "network-delay"),
        (None, "RTCPeerConnection.prototype.setLocalDescription = async () => {};", "network-firewall"),
        (None, "delete window.RTCPeerConnection;", "network-no-webrtc"),
    ],
)
async def test_the_connection_check_gives_a_verdict_and_says_what_to_do(
    open_browser: OpenBrowser,
    service_url: str,
    tutoring: Tenant,
    conditions: dict[str, Any] | None,
    script: str,
    state: str,
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    ben = await open_lobby(open_browser, service_url, tutoring, script)
    if conditions is not None:
        client = await ben.page.context.new_cdp_session(ben.page)
        values = {"offline": False, "uploadThroughput": -1, **conditions}
        await client.send("Network.emulateNetworkConditions", values)

    await ben.button("Check connection").click()

    await expect(ben.page.locator("[data-part=network-status] .badge")).to_be_visible(timeout=20_000)
    await expect_state(ben.page, state)


async def test_the_connection_check_shows_that_it_is_running_and_that_it_failed(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    ben = await open_lobby(open_browser, service_url, tutoring)
    ben.browser.expected_errors.append("test/ping")
    requests = DelayedRequests()
    await ben.page.route("**/test/ping", requests.delay)

    await ben.button("Check connection").click()
    await expect_state(ben.page, "network-checking")
    # A newer route takes precedence.
    await ben.page.route("**/test/ping", lambda route: route.abort())

    await expect_state(ben.page, "network-failed")
    await expect(ben.button("Check connection")).not_to_have_attribute("aria-disabled", "true")


@pytest.mark.parametrize(
    ("count", "names", "state"),
    [
        (1, ["Ada"], "others-one"),
        (2, ["Ada", "Dea"], "others-two"),
        (2, ["Ada"], "others-more-one"),
        (3, ["Ada", "Dea", "Eva"], "others-more"),
        (1, [], "others-count-one"),
        (5, [], "others-count"),
    ],
)
async def test_the_page_says_who_is_in_the_call(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, count: int, names: list[str], state: str
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    link = await create_link(tutoring)
    visit = (await send_as(tutoring, link, "GET", "/v1/visit")).json()
    visit["others"] = {"count": count, "names": names}
    browser = await open_browser()
    body = f"event: visit\r\ndata: {json.dumps(visit)}\r\n\r\n"
    await browser.page.route(
        "**/v1/visit/stream", lambda route: route.fulfill(body=body, content_type="text/event-stream")
    )

    await browser.page.goto(f"{service_url}/join/{link['ticket']}")

    await expect_state(browser.page, state)


@pytest.mark.representative
async def test_it_names_the_tutor_who_is_in_the_call(
    open_browser: OpenBrowser, service_url: str, webhook_tenant: Tenant, sandbox: Sandbox, fast_polling: None
) -> None:
    await webhook_tenant.book(title="Algebra, lesson 1")
    ben = await open_lobby(open_browser, service_url, webhook_tenant)
    others = ben.page.locator("#others")
    await expect(others).to_be_hidden()
    ada = await create_link(webhook_tenant, "tutor-1")
    joined = (await send_as(webhook_tenant, ada, "POST", "/v1/bookings/lesson-1/join")).json()

    await sandbox.join_room(joined["room_id"], token=joined["token"])
    await sandbox.deliver_webhooks()
    await webhook_tenant.run_due_jobs()

    await expect(others).to_have_text("Ada is in the call.", timeout=TIMEOUT_MS)
    await expect(others).to_have_attribute("role", "status")


async def test_the_session_can_be_saved_to_a_calendar(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, tmp_path: Path
) -> None:
    booked = await tutoring.book(title="Algebra; lesson 1", starts_in=timedelta(minutes=32))
    ben = await open_lobby(open_browser, service_url, tutoring, timezone_id="Europe/Berlin")
    await expect(ben.page.locator("#when")).to_contain_text("(Central European Time)")

    async with ben.page.expect_download() as started:
        await ben.button("Add to calendar").click()

    download = await started.value
    assert download.suggested_filename == "session.ics"
    await download.save_as(tmp_path / "session.ics")
    lines = (tmp_path / "session.ics").read_bytes().decode().replace("\r\n ", "").split("\r\n")
    starts = datetime.fromisoformat(booked["starts_at"]).astimezone(UTC)
    assert f"DTSTART:{starts:%Y%m%dT%H%M%SZ}" in lines
    assert "SUMMARY:Algebra\\; lesson 1" in lines
    assert f"URL:{ben.url}" in lines


async def test_the_screen_stays_on_while_the_person_waits_and_in_the_call(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    ben = await open_lobby(open_browser, service_url, tutoring, RECORD_WAKE_LOCKS)
    await ben.page.context.grant_permissions(["camera", "microphone", "screen-wake-lock"])
    await ben.expect_heading("Ready to join?")
    assert await ben.page.evaluate(ACTIVE_LOCKS) == 0

    await ben.join_call()
    await becomes(ben.page, ACTIVE_LOCKS, 1)
    # As the browser does when the page is hidden, and shown again.
    await ben.page.evaluate("() => window.locks.at(-1).release()")
    await ben.page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    await becomes(ben.page, "() => window.locks.length", 2)
    await becomes(ben.page, ACTIVE_LOCKS, 1)
    await ben.use_toolbar("Leave")

    await ben.expect_heading("You left the call")
    await becomes(ben.page, ACTIVE_LOCKS, 0)


async def test_the_devices_can_be_switched_and_chosen_with_the_keyboard_alone(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant
) -> None:
    await tutoring.book(title="Algebra, lesson 1")
    ben = await open_lobby(open_browser, service_url, tutoring, RECORD_TRACKS)
    reached = []
    for _ in range(8):
        await ben.page.keyboard.press("Tab")
        assert await ben.page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        reached.append(await ben.page.evaluate("document.activeElement.dataset.part ?? document.activeElement.id"))
    devices = ["toggle-microphone", "toggle-camera", "go", "camera", "microphone", "speaker"]
    assert reached == [*devices, "speaker-test", "network-check"]

    await ben.page.locator("[data-part=toggle-camera]").focus()
    await ben.page.keyboard.press("Space")

    await becomes(ben.page, LIVE_TRACKS, "audio")
    await expect(ben.page.locator("[data-part=toggle-camera]")).to_be_focused()


@pytest.mark.parametrize("path", ["lobby", "test"])
async def test_nothing_is_cut_off_at_200_and_400_percent(
    open_browser: OpenBrowser, service_url: str, tutoring: Tenant, path: str
) -> None:
    await tutoring.book(title="Trigonometriegrundlagenwiederholung, Stunde 1")
    url = f"{service_url}/test" if path == "test" else f"{service_url}/join/{await create_ticket(tutoring)}"
    for zoom in (2, 4):
        browser = await open_browser(
            viewport={"width": 1280 // zoom, "height": 1024 // zoom}, device_scale_factor=zoom, locale="de-DE"
        )
        await browser.page.goto(url)
        await expect(browser.page.locator("#devices")).to_have_attribute("data-state", "on", timeout=TIMEOUT_MS)
        assert await horizontal_overflow(browser.page) <= 0
        for name in ("toggle-camera", "speaker-test", "network-check"):
            button = browser.page.locator(f"[data-part={name}]")
            await button.scroll_into_view_if_needed()
            await expect(button).to_be_in_viewport(ratio=0.99)
