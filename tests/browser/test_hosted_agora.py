"""Agora's Web SDK on the hosted page, as far as it works without Agora's network."""

import base64
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from fastapi import FastAPI
from httpx import URL
from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Frame, Route, expect

from browser.conftest import OpenBrowser
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

STUB_SDK = """
window.sdkCalls = [];
const record = (name, ...args) => window.sdkCalls.push([name, ...args]);
class Track {
  enabled = true;
  constructor(kind) { this.trackMediaType = kind; }
  play() { record("play", this.trackMediaType); }
  async setEnabled(enabled) { this.enabled = enabled; record("setEnabled", this.trackMediaType, enabled); }
  close() { record("close", this.trackMediaType); }
}
window.client = {
  remoteUsers: [], connectionState: "DISCONNECTED", hear: {},
  on(event, hear) { this.hear[event] = hear; },
  async join(...args) { record("join", ...args); this.connectionState = "CONNECTED";
    this.hear["connection-state-change"]("CONNECTED", "CONNECTING"); },
  async publish(tracks) { record("publish", ...tracks.map((each) => each.trackMediaType)); },
  async subscribe(user, kind) { record("subscribe", user.uid, kind); },
  async renewToken(token) { record("renewToken", token); },
  async leave() { record("leave"); },
};
window.joins = (uid) => {
  const track = { play(element) { record("play", uid, Boolean(element)); } };
  const user = { uid, videoTrack: track, audioTrack: track };
  client.remoteUsers.push(user);
  client.hear["user-joined"](user);
};
const userOf = (uid) => client.remoteUsers.find((each) => each.uid === uid);
window.publishes = (uid, kind) => client.hear["user-published"](userOf(uid), kind);
window.unpublishes = (uid, kind) => client.hear["user-unpublished"](userOf(uid), kind);
window.leaves = (uid) => {
  const user = userOf(uid);
  client.remoteUsers = client.remoteUsers.filter((each) => each !== user);
  client.hear["user-left"](user);
};
window.AgoraRTC = {
  createClient: (options) => { record("createClient", options); return window.client; },
  createMicrophoneAudioTrack: async () => new Track("audio"),
  createCameraVideoTrack: async () => new Track("video"),
};
"""
"""A stub of the SDK with what the page uses. It records its calls."""


async def sdk_calls(frame: Frame, name: str) -> list[list[Any]]:
    """The arguments of all calls of this method of the stub."""
    calls: list[list[Any]] = await frame.evaluate("window.sdkCalls")
    return [each[1:] for each in calls if each[0] == name]


async def was_called_twice(frame: Frame, name: str) -> bool:
    """Whether this method of the stub was called twice."""
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
    async with open_with_sdk(open_browser, broker, agora, SdkScript(SDK_URL, "sha384-" + "A" * 64), STUB_SDK) as (
        ben,
        _,
    ):
        ben.browser.expected_errors.append("integrity")
        frame = await ben.join_call()

        await expect(frame.locator("#status")).to_contain_text("couldn't load", timeout=TIMEOUT_MS)
        assert await frame.evaluate("typeof window.AgoraRTC") == "undefined"
        await expect_state(ben.page, "agora-sdk-missing")


@pytest.mark.representative
async def test_the_page_joins_mutes_renews_and_leaves_with_the_sdk(
    open_browser: OpenBrowser, broker: Broker, agora: Tenant
) -> None:
    await agora.book()
    async with open_with_sdk(open_browser, broker, agora, SdkScript(SDK_URL), STUB_SDK) as (ben, _):
        frame = await ben.join_call()
        await expect(frame.get_by_role("button", name="Mute", exact=True)).to_be_visible(timeout=TIMEOUT_MS)
        await expect_state(ben.page, "agora-alone")
        ((app_id, channel, token, uid),) = await sdk_calls(frame, "join")
        joined = (await agora.join(user_id="student-1")).json()
        assert (app_id, channel, uid) == (joined["app_id"], joined["channel"], joined["uid"])
        assert await sdk_calls(frame, "publish") == [["audio", "video"]]

        await frame.get_by_role("button", name="Mute", exact=True).click()
        await expect(frame.get_by_role("button", name="Unmute")).to_have_attribute("aria-pressed", "true")
        await frame.get_by_role("button", name="Camera off").click()
        await expect(frame.get_by_role("button", name="Camera on")).to_be_visible()
        await expect_state(ben.page, "agora-muted")
        assert await sdk_calls(frame, "setEnabled") == [["audio", False], ["video", False]]
        ada = (await agora.join(user_id="tutor-1")).json()["uid"]
        await frame.evaluate("(uid) => joins(uid)", ada)
        await expect(frame.locator("#people li")).to_have_count(2)
        await frame.evaluate("(uid) => publishes(uid, 'video')", ada)
        await frame.evaluate("(uid) => publishes(uid, 'audio')", ada)
        await expect_state(ben.page, "agora-person")
        await frame.evaluate("() => joins(7)")
        await expect_state(ben.page, "agora-unnamed")
        await frame.evaluate("() => leaves(7)")
        await expect(frame.locator("#people li")).to_have_count(2)
        await frame.evaluate("AgoraRTC.onAutoplayFailed()")
        await expect_state(ben.page, "agora-tap")
        await frame.get_by_role("button", name="Tap to hear the others").click()
        await frame.evaluate("client.hear['connection-state-change']('RECONNECTING', 'CONNECTED')")
        await expect_state(ben.page, "agora-reconnecting")
        await frame.evaluate("client.hear['connection-state-change']('CONNECTED', 'RECONNECTING')")
        await expect(frame.locator("#status")).to_be_empty()

        await frame.evaluate("client.hear['token-privilege-will-expire']()")
        ((renewed,),) = await eventually(lambda: sdk_calls(frame, "renewToken"))
        assert renewed != token
        # After a token has expired, the SDK does not reconnect by itself.
        await frame.evaluate("""() => {
            client.connectionState = "DISCONNECTED";
            client.hear["connection-state-change"]("DISCONNECTED", "CONNECTED", "TOKEN_EXPIRE");
        }""")
        await eventually(lambda: was_called_twice(frame, "join"))

        await frame.evaluate("client.hear['connection-state-change']('DISCONNECTED', 'CONNECTED', 'UID_BANNED')")
        await ben.expect_heading("You were removed from the call")


async def test_it_shows_that_it_connects_and_works_without_devices(
    open_browser: OpenBrowser, broker: Broker, agora: Tenant
) -> None:
    await agora.book(title="Algebra, lesson 1")
    slowly = "async join(...args) { await new Promise((go) => { window.go = go; });"
    script = STUB_SDK.replace("async join(...args) {", slowly)
    for make in ("createMicrophoneAudioTrack", "createCameraVideoTrack"):
        script += f"window.AgoraRTC.{make} = async () => {{ throw new DOMException('no', 'NotFoundError'); }};"
    async with open_with_sdk(open_browser, broker, agora, SdkScript(SDK_URL), script) as (ben, _):
        frame = await ben.join_call()
        await expect_state(ben.page, "agora-connecting")
        await eventually(lambda: frame.evaluate("'go' in window"))
        await frame.evaluate("window.go()")

        await expect_state(ben.page, "agora-no-devices")
        await expect(frame.get_by_role("button")).to_have_text(["Leave"])
        assert await sdk_calls(frame, "publish") == []


async def test_leaving_releases_the_camera_and_microphone(
    open_browser: OpenBrowser, broker: Broker, agora: Tenant
) -> None:
    await agora.book()
    async with open_with_sdk(open_browser, broker, agora, SdkScript(SDK_URL), STUB_SDK) as (ben, _):
        frame = await ben.join_call()
        await frame.get_by_role("button", name="Leave", exact=True).click(timeout=TIMEOUT_MS)

        await ben.expect_heading("You left the call")


@pytest.mark.parametrize(
    "message",
    [
        # At Agora, people in a closed channel get the message that removed people get.
        "client.hear['connection-state-change']('DISCONNECTED', 'CONNECTED', 'UID_BANNED')",
        "parent.postMessage({ source: 'videobroker-call', type: 'error', code: 'token_refused' }, '*')",
    ],
)
async def test_a_page_that_learns_of_the_end_from_the_vendor_starts_no_other_call(
    open_browser: OpenBrowser, broker: Broker, agora: Tenant, message: str
) -> None:
    await agora.book()
    async with open_with_sdk(open_browser, broker, agora, SdkScript(SDK_URL), STUB_SDK) as (ben, _):
        frame = await ben.join_call()
        await expect(frame.get_by_role("button", name="Mute", exact=True)).to_be_visible(timeout=TIMEOUT_MS)

        await agora.post("/v1/bookings/lesson-1/end")
        with suppress(PlaywrightError):  # unless the page has received the event already, and the frame is removed
            await frame.evaluate(message)

        await ben.expect_heading("The call has ended")
        assert len((await agora.get("/v1/bookings/lesson-1/calls")).json()["data"]) == 1


STUBBED_NETWORK = """
window.client = {
  remoteUsers: [], connectionState: "DISCONNECTED", hear: {},
  on(event, hear) { this.hear[event] = hear; },
  async join() { this.connectionState = "CONNECTED"; this.hear["connection-state-change"]("CONNECTED", "CONNECTING"); },
  async publish() {}, async subscribe() {}, async renewToken() {}, async leave() {},
};
AgoraRTC.createClient = () => window.client;
window.arrives = async (uid, kinds) => {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d");
  setInterval(() => { context.fillStyle = "teal"; context.fillRect(0, 0, canvas.width, canvas.height); }, 50);
  const [mediaStreamTrack] = canvas.captureStream(10).getVideoTracks();
  const user = { uid, videoTrack: AgoraRTC.createCustomVideoTrack({ mediaStreamTrack }), audioTrack: { play() {} } };
  client.remoteUsers.push(user);
  client.hear["user-joined"](user);
  for (const kind of kinds) client.hear["user-published"](user, kind);
};
window.unpublishes = (uid, kind) =>
  client.hear["user-unpublished"](client.remoteUsers.find((each) => each.uid === uid), kind);
"""
"""Replaces the network of the genuine SDK. Its tracks and players are not replaced."""
VIDEO_BOXES = """() => [...document.querySelectorAll("#people li")].map((tile) => {
    const [video, box] = [tile.querySelector("video"), tile.getBoundingClientRect()];
    const seen = video?.getBoundingClientRect();
    return {
        name: tile.querySelector("bdi").textContent,
        shown: Boolean(video) && getComputedStyle(video).visibility === "visible",
        fills: Boolean(seen) && Math.abs(seen.width - box.width) < 2 && Math.abs(seen.height - box.height) < 2,
        width: seen?.width ?? 0, height: seen?.height ?? 0, decoded: video?.videoWidth ?? 0,
        inside: box.top >= 0 && box.bottom <= innerHeight && box.right <= innerWidth,
    };
})"""


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (1366, 657), (360, 640)])
async def test_the_genuine_sdk_shows_the_video_of_everyone_in_full_size(
    open_browser: OpenBrowser, broker: Broker, agora: Tenant, sdk: bytes, width: int, height: int
) -> None:
    await agora.book(title="Algebra, lesson 1", policy={"guests_allowed": True})
    script = sdk.decode() + STUBBED_NETWORK
    async with open_with_sdk(open_browser, broker, agora, SdkScript(SDK_URL), script) as (ben, _):
        ben.browser.expected_errors.append("net::ERR_FAILED")
        await ben.page.set_viewport_size({"width": width, "height": height})
        frame = await ben.join_call()
        await expect(frame.get_by_role("button", name="Mute", exact=True)).to_be_visible(timeout=TIMEOUT_MS)
        ada = (await agora.join(user_id="tutor-1")).json()["uid"]
        joined = await agora.post("/v1/bookings/lesson-1/guests", {"name": "Gus"})
        assert joined.status_code == 200, joined.text
        gus = joined.json()["uid"]
        await frame.evaluate("(uid) => arrives(uid, ['video', 'audio'])", ada)
        await frame.evaluate("(uid) => arrives(uid, [])", gus)

        async def both_play() -> bool:
            return len([box for box in await frame.evaluate(VIDEO_BOXES) if box["decoded"] > 0]) == 2

        await eventually(both_play)
        await expect(frame.locator("#people bdi")).to_have_text(["Ben", "Ada", "Gus (guest)"])
        own, remote, without = await frame.evaluate(VIDEO_BOXES)
        for box in (own, remote):
            assert box["shown"], box
            assert box["fills"], box
            assert box["width"] > 150, box
            assert box["height"] > 110, box
            assert box["inside"], box
        assert not without["shown"]
        await expect(frame.locator("#count")).to_have_text("3 in this call")
        guest = frame.locator(f"#people li[data-id='{gus}']")
        await expect(guest.locator(".avatar")).to_be_visible()
        await expect(guest.get_by_text("(muted)")).to_be_visible()

        await frame.evaluate("(uid) => unpublishes(uid, 'video')", ada)
        _, remote, _ = await frame.evaluate(VIDEO_BOXES)
        assert not remote["shown"]
        await frame.get_by_role("button", name="Camera off").click()
        await expect(frame.locator("#people li[data-id=me] .avatar")).to_be_visible()


@pytest.mark.representative
async def test_the_vendors_script_has_another_origin_and_gets_no_ticket(
    open_browser: OpenBrowser, broker: Broker, agora: Tenant
) -> None:
    await agora.book()
    async with open_with_sdk(open_browser, broker, agora, SdkScript(SDK_URL), STUB_SDK) as (ben, _):
        frame = await ben.join_call()
        await expect(frame.get_by_role("button", name="Mute", exact=True)).to_be_visible(timeout=TIMEOUT_MS)

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
