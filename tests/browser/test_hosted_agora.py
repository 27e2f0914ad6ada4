"""Agora's Web SDK on the hosted page, as far as it works without Agora's network."""

import base64
import hashlib
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import URL
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Frame, Locator, Route, expect

from browser.conftest import BrowserSession, OpenBrowser
from browser.states import expect_state
from browser.visitors import TIMEOUT_MS, Visitor, create_ticket
from node_packages import node_modules
from polling import eventually
from servers import serving
from tenants import Tenant
from videobroker.broker import Broker
from videobroker.web.app import create_app
from videobroker.web.pages.policy import SdkScript

pytestmark = pytest.mark.long

NETWORK = ("agora.io", "sd-rtn.com")
SDK_URL = "https://cdn.example/AgoraRTC_N.js"


@pytest.fixture(scope="module")
def sdk() -> bytes:
    """The script that Agora publishes."""
    return (node_modules() / "agora-rtc-sdk-ng" / "AgoraRTC_N-production.js").read_bytes()


@asynccontextmanager
async def serving_sdk(broker: Broker, script: SdkScript) -> AsyncIterator[str]:
    """The URL of a service that pins this SDK."""

    @asynccontextmanager
    async def lifetime() -> AsyncIterator[Broker]:
        yield broker

    app: FastAPI = create_app(lifetime, agora_sdk=script)
    app.state.broker = broker
    async with serving(app, force_exit=True) as url:
        yield url


REFUSAL = {
    "detail": {},
    "enter_ts": 0,
    "leave_ts": 0,
    "opid": 1,
    # 201: the choice of a server; 9: not authorized.
    "response_body": [{"uri": 23, "buffer": {"flag": 4096, "code": 2_010_009, "detail": {}, "edges_services": []}}],
}
"""The response of Agora's access point to an invalid token, as its SDK expects it."""

FAKE_CLIENT = """
window.sdkCalls = [];
const record = (name, ...args) => window.sdkCalls.push([name, ...args]);
window.client = {
  remoteUsers: [], connectionState: "DISCONNECTED", listeners: {}, published: [],
  on(event, listener) { this.listeners[event] = listener; },
  emit(event, ...args) { this.listeners[event](...args); },
  async join(...args) {
    record("join", ...args);
    this.emit("connection-state-change", "CONNECTING", "DISCONNECTED");
    await this.beforeJoin?.();
    this.connectionState = "CONNECTED";
    this.emit("connection-state-change", "CONNECTED", "CONNECTING");
  },
  async publish(tracks) {
    record("publish", ...tracks.map((each) => each.trackMediaType));
    this.published.push(...tracks);
    // As in the SDK: one video for each client.
    if (this.published.filter((each) => each.trackMediaType === "video").length > 1) throw new Error("TWO_VIDEOS");
  },
  async unpublish(tracks) {
    record("unpublish", ...tracks.map((each) => each.trackMediaType));
    this.published = this.published.filter((each) => !tracks.includes(each));
  },
  async subscribe(user, kind) { record("subscribe", user.uid, kind); },
  async renewToken(token) { record("renewToken", token); },
  async sendStreamMessage(payload) {
    if (payload.length > 1024) throw new Error("INVALID_PARAMS");
    record("sendStreamMessage", JSON.parse(new TextDecoder().decode(payload)));
  },
  async leave() { record("leave"); this.published = []; },
};
AgoraRTC.createClient = (options) => { record("createClient", options); return window.client; };
const userOf = (uid) => client.remoteUsers.find((each) => each.uid === uid);
window.arrives = (uid, kinds = []) => {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  setInterval(() => { context.fillStyle = "teal"; context.fillRect(0, 0, canvas.width, canvas.height); }, 50);
  const [mediaStreamTrack] = canvas.captureStream(10).getVideoTracks();
  const audioTrack = {
    play() { record("play", uid); },
    getVolumeLevel: () => window.levels?.[uid] ?? 0,
    async setPlaybackDevice(id) { record("setPlaybackDevice", uid, id); },
  };
  const user = { uid, videoTrack: AgoraRTC.createCustomVideoTrack({ mediaStreamTrack }), audioTrack };
  client.remoteUsers.push(user);
  client.emit("user-joined", user);
  for (const kind of kinds) client.emit("user-published", user, kind);
};
window.publishes = (uid, kind) => client.emit("user-published", userOf(uid), kind);
window.unpublishes = (uid, kind) => client.emit("user-unpublished", userOf(uid), kind);
window.sends = (uid, content) =>
  client.emit("stream-message", uid, new TextEncoder().encode(JSON.stringify({ v: 1, ...content })));
window.leaves = (uid, reason = "Quit") => {
  const user = userOf(uid);
  client.remoteUsers = client.remoteUsers.filter((each) => each !== user);
  client.emit("user-left", user, reason);
};
window.lost = () => client.emit("connection-state-change", "RECONNECTING", "CONNECTED");
window.back = () => client.emit("connection-state-change", "CONNECTED", "RECONNECTING");
window.banned = () => client.emit("connection-state-change", "DISCONNECTED", "CONNECTED", "UID_BANNED");
"""
"""Replaces the client of the genuine SDK, which is its network. Its devices, tracks, and players are not replaced."""


async def sdk_calls(frame: Frame, name: str) -> list[list[Any]]:
    """The arguments of all calls of this method of the client."""
    calls: list[list[Any]] = await frame.evaluate("window.sdkCalls")
    return [each[1:] for each in calls if each[0] == name]


async def was_called_twice(frame: Frame, name: str) -> bool:
    """Whether this method of the client was called twice."""
    return len(await sdk_calls(frame, name)) > 1


@asynccontextmanager
async def open_with_sdk(
    open_browser: OpenBrowser, broker: Broker, tenant: Tenant, named: SdkScript, script: str | bytes, **responses: Any
) -> AsyncIterator[tuple[Visitor, list[str]]]:
    """A visitor whose browser gets this script as the SDK and reaches no other host, and the requested URLs."""
    browser = await open_browser()
    requested_urls: list[str] = []

    async def respond(route: Route) -> None:
        url = route.request.url
        requested_urls.append(url)
        if url == SDK_URL:
            headers = {"Access-Control-Allow-Origin": "*"}
            await route.fulfill(body=script, content_type="text/javascript", headers=headers)
        elif found := next((body for part, body in responses.items() if part in url), None):
            await route.fulfill(json=found, headers={"Access-Control-Allow-Origin": "*"})
        else:
            await route.abort()

    async with serving_sdk(broker, named) as address:
        own_origins = (f"{address}/", f"http://call.localhost:{URL(address).port}/")
        await browser.context.route(lambda url: not url.startswith(own_origins), respond)
        await browser.page.goto(f"{address}/join/{await create_ticket(tenant)}")
        try:
            yield Visitor(browser, "", ""), requested_urls
        finally:
            # Close the page before the service stops: otherwise the page reports an error.
            await browser.page.close()


async def test_the_genuine_sdk_is_loaded_and_its_refusal_is_shown_in_plain_words(
    open_browser: OpenBrowser, broker: Broker, agora: Tenant, sdk: bytes
) -> None:
    await agora.book(title="Algebra, lesson 1")
    digest = base64.b64encode(hashlib.sha384(sdk).digest()).decode()
    async with open_with_sdk(
        open_browser, broker, agora, SdkScript(SDK_URL, f"sha384-{digest}"), sdk, transpond=REFUSAL
    ) as (
        ben,
        requested_urls,
    ):
        # The SDK's statistics and other requests to its network fail here.
        ben.browser.expected_errors.append("net::ERR_FAILED")
        await ben.join_call()

        sdk_calls = ben.page.frame_locator("#call iframe").locator("#status")
        await expect(sdk_calls).to_have_text("The video service declined the connection.", timeout=TIMEOUT_MS)
        await expect_state(ben.page, "agora-refused")
        # The page has requested new credentials once, in case the first ones were outdated.
        assert requested_urls.count(SDK_URL) == 2
        assert {re.sub(r"^.*?([\w-]+\.\w+)$", r"\1", str(URL(each).host)) for each in requested_urls} <= {
            "cdn.example",
            *NETWORK,
        }
        assert not any("Content Security Policy" in each for each in ben.browser.errors)


@pytest.mark.representative
async def test_a_script_with_another_hash_does_not_run(
    open_browser: OpenBrowser, broker: Broker, agora: Tenant
) -> None:
    await agora.book()
    script = "window.AgoraRTC = {};"
    async with open_with_sdk(open_browser, broker, agora, SdkScript(SDK_URL, "sha384-" + "A" * 64), script) as (ben, _):
        ben.browser.expected_errors.append("integrity")
        frame = await ben.join_call()

        await expect(frame.locator("#status")).to_contain_text("couldn't load", timeout=TIMEOUT_MS)
        assert await frame.evaluate("typeof window.AgoraRTC") == "undefined"
        await expect_state(ben.page, "agora-sdk-missing")


@asynccontextmanager
async def call_of_ben(
    open_browser: OpenBrowser, broker: Broker, agora: Tenant, sdk: bytes, script: str = ""
) -> AsyncIterator[tuple[Visitor, Frame]]:
    """Ben in a call with the genuine SDK, whose client is replaced."""
    await agora.book(title="Algebra, lesson 1", policy={"guests_allowed": True})
    code = sdk.decode() + FAKE_CLIENT + script
    async with open_with_sdk(open_browser, broker, agora, SdkScript(SDK_URL), code) as (ben, _):
        # The SDK's statistics and other requests to its network fail here.
        ben.browser.expected_errors.append("net::ERR_FAILED")
        frame = await ben.join_call()
        await expect(frame.get_by_role("toolbar", name="Call")).to_be_visible(timeout=TIMEOUT_MS)
        yield ben, frame


async def uid_of_ada(agora: Tenant) -> int:
    uid: int = (await agora.join(user_id="tutor-1")).json()["uid"]
    return uid


def people(frame: Frame) -> Locator:
    """The tiles of people and screens."""
    return frame.get_by_role("list", name="People").get_by_role("listitem")


def button(frame: Frame, name: str) -> Locator:
    return frame.get_by_role("button", name=name, exact=True)


@pytest.mark.representative
async def test_the_page_joins_mutes_renews_and_leaves_with_the_sdk(
    open_browser: OpenBrowser, broker: Broker, agora: Tenant, sdk: bytes
) -> None:
    async with call_of_ben(open_browser, broker, agora, sdk) as (ben, frame):
        await expect(button(frame, "Mute")).to_be_visible(timeout=TIMEOUT_MS)
        await expect_state(ben.page, "agora-alone")
        ((app_id, channel, token, uid),) = await sdk_calls(frame, "join")
        joined = (await agora.join(user_id="student-1")).json()
        assert (app_id, channel, uid) == (joined["app_id"], joined["channel"], joined["uid"])
        assert await sdk_calls(frame, "publish") == [["audio", "video"]]

        await button(frame, "Mute").click()
        await expect(button(frame, "Unmute")).to_be_visible()
        await button(frame, "Camera off").click()
        await expect(button(frame, "Camera on")).to_be_visible()
        await expect_state(ben.page, "agora-muted")
        assert await frame.evaluate("client.published.map((each) => each.enabled)") == [False, False]
        ada = await uid_of_ada(agora)
        await frame.evaluate("(uid) => arrives(uid, ['video', 'audio'])", ada)
        await expect(people(frame)).to_have_count(1)
        await expect(people(frame)).to_contain_text("Ada", timeout=TIMEOUT_MS)
        await expect_state(ben.page, "agora-person")
        await frame.evaluate("() => arrives(7)")
        await expect_state(ben.page, "agora-unnamed")
        await frame.evaluate("() => leaves(7)")
        await expect(people(frame)).to_have_count(1)
        await frame.evaluate("AgoraRTC.onAutoplayFailed()")
        await expect_state(ben.page, "agora-tap")
        await button(frame, "Tap to hear the others").click()
        assert await sdk_calls(frame, "play") == [[ada], [ada]]
        await expect(button(frame, "Tap to hear the others")).to_be_hidden()
        await frame.evaluate("lost()")
        await expect_state(ben.page, "agora-reconnecting")
        await frame.evaluate("back()")
        await expect(frame.get_by_role("alert")).to_be_hidden()
        await expect(frame.get_by_text("You're connected again.")).to_be_visible()

        await frame.evaluate("client.emit('token-privilege-will-expire')")
        ((renewed,),) = await eventually(lambda: sdk_calls(frame, "renewToken"))
        assert renewed != token
        # After a token has expired, the SDK does not reconnect by itself.
        await frame.evaluate("""() => {
            client.connectionState = "DISCONNECTED";
            client.published = [];
            client.emit("connection-state-change", "DISCONNECTED", "CONNECTED", "TOKEN_EXPIRE");
        }""")
        await eventually(lambda: was_called_twice(frame, "join"))

        await frame.evaluate("banned()")
        await ben.expect_heading("You were removed from the call")


async def test_it_shows_that_it_connects_and_works_without_devices(
    open_browser: OpenBrowser, broker: Broker, agora: Tenant, sdk: bytes
) -> None:
    script = "client.beforeJoin = () => new Promise((go) => { window.go = go; });"
    for make in ("createMicrophoneAudioTrack", "createCameraVideoTrack"):
        script += f"AgoraRTC.{make} = async () => {{ throw new DOMException('no', 'NotFoundError'); }};"
    async with call_of_ben(open_browser, broker, agora, sdk, script) as (ben, frame):
        await expect_state(ben.page, "agora-connecting")
        await eventually(lambda: frame.evaluate("'go' in window"))
        await frame.evaluate("window.go()")

        await expect_state(ben.page, "agora-no-devices")
        assert await sdk_calls(frame, "publish") == []
        # The person can allow access later.
        await button(frame, "Camera on").click()
        await expect(frame.get_by_text("We can't access your camera. Check your browser's permission.")).to_be_visible()


async def test_leaving_releases_the_camera_and_microphone(
    open_browser: OpenBrowser, broker: Broker, agora: Tenant, sdk: bytes
) -> None:
    async with call_of_ben(open_browser, broker, agora, sdk) as (ben, frame):
        await expect(button(frame, "Mute")).to_be_visible(timeout=TIMEOUT_MS)
        await frame.evaluate("window.tracks = client.published.map((each) => each.getMediaStreamTrack())")
        assert await frame.evaluate("tracks.map((each) => each.readyState)") == ["live", "live"]
        # The hosted page removes the frame soon after the message.
        states = frame.evaluate("""() => new Promise((done) => {
            const leave = client.leave;
            client.leave = async () => { done(tracks.map((each) => each.readyState)); await leave.call(client); };
            document.querySelector("[aria-label=Leave]").click();
        })""")
        assert await states == ["ended", "ended"]

        await ben.expect_heading("You left the call")


@pytest.mark.parametrize(
    "message",
    [
        # At Agora, people in a closed channel get the message that removed people get.
        "banned()",
        "parent.postMessage({ source: 'videobroker-call', type: 'error', code: 'token_refused' }, '*')",
    ],
)
async def test_a_page_that_learns_of_the_end_from_the_vendor_starts_no_other_call(
    open_browser: OpenBrowser, broker: Broker, agora: Tenant, sdk: bytes, message: str
) -> None:
    async with call_of_ben(open_browser, broker, agora, sdk) as (ben, frame):
        await expect(button(frame, "Mute")).to_be_visible(timeout=TIMEOUT_MS)

        await agora.post("/v1/bookings/lesson-1/end")
        with suppress(PlaywrightError):  # unless the page has received the event already, and the frame is removed
            await frame.evaluate(message)

        await ben.expect_heading("The call has ended")
        assert len((await agora.get("/v1/bookings/lesson-1/calls")).json()["data"]) == 1


VIDEO_BOXES = """() => [...document.querySelectorAll(".tiles > .tile, .self-view")].map((tile) => {
    const [video, box] = [tile.querySelector("video"), tile.getBoundingClientRect()];
    const seen = video.getBoundingClientRect();
    return {
        name: tile.querySelector(".who").textContent,
        shown: getComputedStyle(video).visibility === "visible" && video.videoWidth > 0,
        fills: Math.abs(seen.width - box.width) < 4 && Math.abs(seen.height - box.height) < 4,
        width: seen.width, height: seen.height,
        inside: box.top >= 0 && box.bottom <= innerHeight && box.right <= innerWidth,
    };
})"""


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1366, 657), (360, 640)])
async def test_the_genuine_sdk_shows_the_video_of_everyone_in_full_size(
    open_browser: OpenBrowser, broker: Broker, agora: Tenant, sdk: bytes, width: int, height: int
) -> None:
    async with call_of_ben(open_browser, broker, agora, sdk) as (ben, frame):
        await ben.page.set_viewport_size({"width": width, "height": height})
        await expect(button(frame, "Mute")).to_be_visible(timeout=TIMEOUT_MS)

        async def shown(count: int) -> bool:
            return len([box for box in await frame.evaluate(VIDEO_BOXES) if box["shown"]]) == count

        # Alone, the person sees their own camera.
        await eventually(lambda: shown(1))
        own, _ = await frame.evaluate(VIDEO_BOXES)
        assert own["width"] > 300, own
        assert own["height"] > 200, own
        assert own["fills"], own
        assert own["inside"], own
        joined = await agora.post("/v1/bookings/lesson-1/guests", {"name": "Gus"})
        assert joined.status_code == 200, joined.text
        gus = joined.json()["uid"]
        ada = await uid_of_ada(agora)
        await frame.evaluate("(uid) => arrives(uid, ['video', 'audio'])", ada)
        await frame.evaluate("(uid) => arrives(uid, [])", gus)

        await eventually(lambda: shown(2))
        await expect(people(frame).locator(".who")).to_have_text(["Ada", "Gus (guest)"])
        remote, without, small = await frame.evaluate(VIDEO_BOXES)
        assert (remote["name"], small["name"]) == ("Ada", "You")
        for box in (remote, small):
            assert box["shown"], box
            assert box["fills"], box
            assert box["inside"], box
        assert remote["width"] > 150, remote
        assert remote["height"] > 110, remote
        assert small["width"] < remote["width"]
        assert not without["shown"]
        await expect(frame.get_by_text("3 people")).to_be_visible()
        guest = people(frame).nth(1)
        await expect(guest.locator(".avatar")).to_be_visible()
        await expect(guest.get_by_text("muted")).to_be_attached()

        await frame.evaluate("(uid) => unpublishes(uid, 'video')", ada)
        await expect(people(frame).first.locator("video")).to_be_hidden()
        await button(frame, "Camera off").click()
        await expect(frame.locator(".self-view .avatar")).to_be_visible()


async def test_people_chat_and_raise_hands_over_the_data_stream(
    open_browser: OpenBrowser, broker: Broker, agora: Tenant, sdk: bytes
) -> None:
    async with call_of_ben(open_browser, broker, agora, sdk) as (ben, frame):
        await expect(button(frame, "Mute")).to_be_visible(timeout=TIMEOUT_MS)
        ada = await uid_of_ada(agora)
        await frame.evaluate("(uid) => arrives(uid)", ada)
        await expect(people(frame)).to_contain_text("Ada", timeout=TIMEOUT_MS)
        text = {"type": "chat", "id": "1", "part": 0, "of": 1, "text": "<b>Hi</b>"}
        await frame.evaluate("([uid, content]) => sends(uid, content)", [ada, text])
        # What no page of ours sends changes nothing.
        await frame.evaluate("(uid) => client.emit('stream-message', uid, new Uint8Array([255, 0, 1]))", ada)
        await frame.evaluate("(uid) => sends(uid, { type: 'chat', text: 7 })", ada)

        await button(frame, "Chat (1 new)").click()
        await expect(frame.locator(".message b")).to_have_text(["Ada"])
        await expect(frame.locator(".message p")).to_have_text(["<b>Hi</b>"])
        await expect(frame.get_by_text("People who join later don't see earlier messages.")).to_be_visible()
        await frame.get_by_label("Message to everyone").fill("x" * 1500)
        await ben.page.keyboard.press("Enter")
        await expect(frame.locator(".message.mine p")).to_have_text("x" * 1500)
        sent = [content for (content,) in await sdk_calls(frame, "sendStreamMessage")]
        assert [(each["part"], each["of"]) for each in sent] == [(0, 3), (1, 3), (2, 3)]
        assert "".join(each["text"] for each in sent) == "x" * 1500
        await expect_state(ben.page, "agora-chat")
        await ben.page.keyboard.press("Escape")

        await frame.evaluate("(uid) => sends(uid, { type: 'state', hand: 5, screen: false })", ada)
        await expect(people(frame).get_by_text("hand raised")).to_be_attached()
        await expect(frame.get_by_text("Ada raised their hand.")).to_be_visible()
        await button(frame, "Raise hand").click()
        await button(frame, "People").click()
        rows = frame.get_by_role("list", name="Everyone in the call").get_by_role("listitem")
        await expect(rows.locator(".who")).to_have_text(["Ada", "Ben (you)"])
        await expect(rows.get_by_text("hand raised, number")).to_have_text(
            ["hand raised, number 1", "hand raised, number 2"]
        )
        await expect_state(ben.page, "agora-people")
        # A newcomer learns of the hand.
        before = len(await sdk_calls(frame, "sendStreamMessage"))
        await frame.evaluate("() => arrives(8)")

        async def has_repeated_its_state() -> bool:
            calls = await sdk_calls(frame, "sendStreamMessage")
            return len(calls) > before and calls[-1][0]["hand"] > 0

        await eventually(has_repeated_its_state)


async def test_a_shared_screen_replaces_the_camera_until_it_ends(
    open_browser: OpenBrowser, broker: Broker, agora: Tenant, sdk: bytes
) -> None:
    async with call_of_ben(open_browser, broker, agora, sdk) as (ben, frame):
        await expect(button(frame, "Mute")).to_be_visible(timeout=TIMEOUT_MS)
        ada = await uid_of_ada(agora)
        await frame.evaluate("(uid) => arrives(uid, ['video'])", ada)
        kind = "each.getMediaStreamTrack().getSettings().displaySurface ?? each.trackMediaType"
        published = f"client.published.map((each) => {kind})"
        await button(frame, "Share screen").click()
        await expect(frame.get_by_text("You're sharing your screen.")).to_be_visible(timeout=TIMEOUT_MS)
        assert await frame.evaluate(published) == ["audio", "monitor"]
        await expect_state(ben.page, "agora-sharing")
        await button(frame, "Camera on").click()
        await expect(frame.get_by_text("Your camera is off while you share your screen.")).to_be_visible()
        # As when the person stops in the browser's own controls.
        await frame.evaluate("client.published[1].getMediaStreamTrack().dispatchEvent(new Event('ended'))")
        await expect(frame.get_by_text("You're sharing your screen.")).to_be_hidden()
        await eventually(lambda: frame.evaluate(f"{published}.join() === 'audio,video'"))
        states = [call[0] for call in await sdk_calls(frame, "sendStreamMessage")]
        assert [each["screen"] for each in states] == [True, False]

        await frame.evaluate("(uid) => sends(uid, { type: 'state', hand: 0, screen: true })", ada)
        screen = people(frame).filter(has_text="Ada's screen")
        await expect(screen).to_be_visible()
        await expect(people(frame)).to_have_count(2)
        box, area = await screen.bounding_box(), await frame.locator(".stage").bounding_box()
        assert box is not None
        assert area is not None
        assert box["width"] > 0.7 * area["width"]
        await expect_state(ben.page, "agora-screen")


async def test_devices_are_switched_and_an_unplugged_one_is_replaced(
    open_browser: OpenBrowser, broker: Broker, agora: Tenant, sdk: bytes
) -> None:
    async with call_of_ben(open_browser, broker, agora, sdk) as (ben, frame):
        await expect(button(frame, "Mute")).to_be_visible(timeout=TIMEOUT_MS)
        await frame.evaluate("(uid) => arrives(uid, ['audio'])", await uid_of_ada(agora))
        await button(frame, "More options").click()
        await button(frame, "Devices").click()
        microphones = frame.get_by_label("Microphone", exact=True)
        await expect_state(ben.page, "agora-devices")
        await microphones.select_option(label="Fake Audio Input 2")
        label = "client.published[0].getTrackLabel()"
        await eventually(lambda: frame.evaluate(f"{label} === 'Fake Audio Input 2'"))
        await frame.get_by_label("Speaker", exact=True).select_option(label="Fake Audio Output 2")
        await eventually(lambda: sdk_calls(frame, "setPlaybackDevice"))
        await button(frame, "Done").click()
        await expect(button(frame, "More options")).to_be_focused()

        await frame.evaluate("""() => {
            const track = client.published[0].getMediaStreamTrack();
            track.stop();
            track.dispatchEvent(new Event("ended"));
        }""")
        await expect(frame.get_by_text("Your microphone was disconnected.")).to_be_visible()
        await expect(frame.get_by_text("Now using Fake Default Audio Input.")).to_be_visible(timeout=TIMEOUT_MS)
        kinds = "client.published.map((each) => each.trackMediaType).sort().join()"
        await eventually(lambda: frame.evaluate(f"{kinds} === 'audio,video'"))


async def test_a_person_joins_with_the_devices_that_they_chose_before_the_call(
    open_browser: OpenBrowser, broker: Broker, agora: Tenant, sdk: bytes
) -> None:
    choice = {
        "microphone": {"id": "2", "label": "Fake Audio Input 2", "index": 0},
        "speaker": {"id": "2", "label": "Fake Audio Output 2", "index": 0},
        "cameraOff": True,
    }
    chosen = f"localStorage.setItem('videobroker-devices', JSON.stringify({json.dumps(choice)}))"

    async def open_with_choice(**options: Any) -> BrowserSession:
        browser = await open_browser(**options)
        await browser.context.add_init_script(chosen)
        return browser

    async with call_of_ben(open_with_choice, broker, agora, sdk) as (_, frame):
        await expect(button(frame, "Camera on")).to_be_visible(timeout=TIMEOUT_MS)
        labels = "client.published.map((each) => each.getTrackLabel())"
        await eventually(lambda: frame.evaluate(f"{labels}.join() === 'Fake Audio Input 2'"))
        await frame.evaluate("(uid) => arrives(uid, ['audio'])", await uid_of_ada(agora))
        await eventually(lambda: sdk_calls(frame, "setPlaybackDevice"))
        await button(frame, "Camera on").click()
        await expect(button(frame, "Camera off")).to_be_visible(timeout=TIMEOUT_MS)
        assert await frame.evaluate("client.published.map((each) => each.trackMediaType)") == ["audio", "video"]


@pytest.mark.representative
async def test_the_vendors_script_has_another_origin_and_gets_no_ticket(
    open_browser: OpenBrowser, broker: Broker, agora: Tenant, sdk: bytes
) -> None:
    async with call_of_ben(open_browser, broker, agora, sdk) as (ben, frame):
        assert URL(frame.url).host == "call.localhost"
        assert "vbt_" not in frame.url
        assert await frame.evaluate("document.referrer") == ""
        reached = "() => { try { return parent.location.href } catch (error) { return error.name } }"
        assert await frame.evaluate(reached) == "SecurityError"
        fetch = "(url) => fetch(url, { credentials: 'include' }).then(() => 'answered', () => 'denied')"
        ben.browser.expected_errors.extend(["Content Security Policy", "Failed to fetch", "connect-src"])
        assert await frame.evaluate(fetch, f"{URL(ben.page.url).copy_with(path='/console')}") == "denied"


async def test_the_call_page_accepts_credentials_from_the_hosted_page_only(
    open_browser: OpenBrowser, broker: Broker, agora: Tenant
) -> None:
    await agora.book()
    async with serving_sdk(broker, SdkScript(SDK_URL)) as address:
        page = f"http://call.localhost:{URL(address).port}/call/agora/{agora.app.id}"
        browser = await open_browser()
        response = await browser.page.goto(f"{page}#https%3A%2F%2Fevil.example")

        assert response is not None
        ancestors = re.findall(r"frame-ancestors ([^;]*)", response.headers["content-security-policy"])
        assert "evil.example" not in ancestors[0]
        assert f"http://127.0.0.1:{URL(address).port}" in ancestors[0].split()
        await browser.page.evaluate("postMessage({ source: 'videobroker', type: 'join', app_id: 'x' }, '*')")
        await expect(browser.page.locator("script[src*=Agora]")).to_have_count(0)
        await browser.page.close()
