"""Every state of every page that a person can see: its pictures, and what it says.

This is the one list. A test that has reached a state calls `shown` with its name: the state says what it is to say,
fits a desk and a phone, has no serious fault for whoever cannot see, by day and at night, and is photographed for the
docs. `test_states.py` fails when a page has a state that is not listed here, or when no test shows a listed one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Frame, Page

from browser import catalogue
from browser.conftest import DESKTOP, PHONE, violations
from browser.screens import shot
from polling import eventually

SIZES = {"desktop": DESKTOP, "phone": PHONE}


@dataclass(frozen=True, slots=True)
class State:
    """What a person sees."""

    name: str
    """As its pictures are called."""
    told: str
    """For the docs: when it is seen, and what the page does about it."""
    texts: tuple[str, ...] = ()
    """The texts of the hosted page's catalogue that stand on it."""
    says: tuple[str, ...] = ()
    """Other sentences that stand on it."""
    screen: str | None = None
    """Which of the hosted page's screens it is."""
    language: str = "en"
    scripts: bool = True
    """Whether scripts run."""

    def sentences(self) -> list[re.Pattern[str]]:
        """What has to be read on the page."""
        known = catalogue.texts()[self.language] if self.texts else {}
        return [_pattern(text) for text in (*(known[name] for name in self.texts), *self.says)]


def _pattern(sentence: str) -> re.Pattern[str]:
    parts = re.split(r"\{\w+\}", sentence)
    return re.compile(".+?".join(re.escape(part) for part in parts), re.IGNORECASE | re.DOTALL)


def _card(name: str, told: str, *more: str, screen: str | None = None) -> State:
    """A screen whose heading and text stand in the catalogue under its own name."""
    screen = screen or name.replace("-", "_")
    return State(name, told, (f"{screen}.heading", f"{screen}.text", *more), screen=screen)


HOSTED = (
    State("loading", "The link was opened a moment ago.", ("page.loading", "page.loading.text"), screen="loading"),
    _card("unavailable", "The service cannot reach its database: the page loads itself again. Status 503."),
    _card(
        "early",
        "Too early: counts down to `opens_at` by the service's clock, then shows the button.",
        "early.countdown",
        "waiting.ask",
        "session.you",
        "session.when",
        "devices.speak",
        "devices.camera",
        "devices.microphone",
    ),
    State("early-german", "The same in German.", ("early.heading", "early.text"), screen="early", language="de"),
    State(
        "early-another-day",
        "Too early by more than half a day; a session without a title.",
        ("early.heading", "early.text.day", "session.untitled"),
        screen="early",
    ),
    State(
        "early-asked",
        "The person has asked to join automatically.",
        ("early.heading", "waiting.asked", "waiting.stay"),
        screen="early",
    ),
    _card("waiting-for-host", "The host has not joined yet; `waiting_room: until_host`.", "waiting.ask", screen="host"),
    State(
        "asks-to-be-let-in",
        "The host admits each person; `waiting_room: admit`.",
        ("admission.heading", "admission.text.ask", "waiting.knock"),
        screen="admission",
    ),
    State(
        "waiting-for-admission",
        "A request was sent; no host is known to be in the call.",
        ("admission.heading", "admission.text.sent", "waiting.asked", "waiting.stay"),
        screen="admission",
    ),
    _card("waiting-host-present", "A request was sent, and a host is in the call.", screen="admission"),
    _card("ready", "The button. A person who asked to join automatically does not need it.", "ready.join"),
    State("ready-call-runs", "The others are there already.", ("ready.heading", "ready.running"), screen="ready"),
    State("devices-not-asked", "No camera is turned on without a click.", ("devices.invite", "devices.start")),
    State("devices-asking", "The browser asks.", ("devices.asking",)),
    State(
        "devices-denied", "No permission: what to do; going on without is fine.", ("devices.denied", "devices.again")
    ),
    State("devices-none", "No camera and no microphone.", ("devices.none", "devices.again")),
    State("devices-busy", "Another program uses them.", ("devices.busy", "devices.again")),
    State("devices-no-camera", "A microphone alone.", ("devices.no_camera",)),
    State("devices-no-microphone", "A camera alone.", ("devices.no_microphone",)),
    _card("connecting", "Credentials are on their way.", "joining.cancel", screen="joining"),
    State(
        "vendor-down",
        "The vendor does not answer: tries again by itself, ever more seldom, and says when.",
        ("joining.heading", "joining.trouble", "joining.cancel"),
        screen="joining",
    ),
    _card("moved", "Moved to another provider: asks for new credentials and goes on there."),
    State("call", "In the call: the vendor's page in a frame.", ("call.leave",), screen="call"),
    State("call-host", "Hosts may end it for everyone.", ("call.leave", "call.end"), screen="call"),
    State(
        "host-lets-in",
        "Hosts see who waits: admit, deny, admit all. The title of the page counts them.",
        ("lobby.heading", "lobby.admit", "lobby.deny", "lobby.admit_all.count", "lobby.guest"),
        screen="call",
    ),
    State("host-lets-in-stranded", "A person who waits is away for a moment.", ("lobby.stranded", "session.you.host")),
    State("host-lets-in-failed", "Admitting failed.", ("lobby.failed",)),
    State("host-lets-in-no-one", "The list, opened by the host while no one waits.", ("lobby.empty",), screen="call"),
    State(
        "ending",
        "Ending for everyone asks for confirmation.",
        ("call.end.question", "call.end.text", "call.end.yes", "call.end.no"),
    ),
    State("ending-failed", "It could not be ended.", ("call.end.question", "call.end.failed")),
    _card("left", "The person has left: rejoin.", "left.join"),
    _card("ended", "The host has ended it: only a host starts the next call.", "waiting.ask"),
    State(
        "ended-plain",
        "It is over, and this person may start another one.",
        ("ended.heading", "ended.text.plain", "ended.join"),
        screen="ended",
    ),
    State("ended-by-me", "The same for the host.", ("ended.heading", "ended.text.you", "ended.join"), screen="ended"),
    _card("elsewhere", "Joined on another device: join here instead.", "elsewhere.join"),
    _card("removed", "Removed, and may join again.", "left.join"),
    _card("removed-asks", "Removed from a session with a waiting room: asks again.", "removed.join", screen="removed"),
    State("removed-for-good", "Taken out for good.", ("removed.heading", "removed.text"), screen="removed"),
    _card("not-let-in", "The host has declined.", screen="denied"),
    _card("over", "Its time has passed."),
    State("over-early", "Completed before its time.", ("over.heading", "over.text.plain"), screen="over"),
    _card("cancelled", "It does not take place."),
    _card("not-confirmed", "Not confirmed: opens by itself when that changes.", screen="unconfirmed"),
    _card("video-off", "A session without video."),
    _card("not-on-the-list", "Taken off the roster.", screen="stranger"),
    _card("no-guests", "Guests are not allowed any more.", screen="guests"),
    _card("refused", "Refused for a reason that this page does not know yet."),
    _card("setup", "The app's set-up refuses everyone: shows the code.", "setup.again"),
    State("offline", "No network: a word above everything else; goes on by itself.", ("trouble.offline",)),
    State("service-disturbed", "The service does not answer; keeps trying.", ("trouble.service",)),
    _card("link-expired", "The link's time is over. Status 410.", screen="ticket_expired"),
    _card("link-broken", "What never was a link. Status 404.", screen="ticket_invalid"),
    State(
        "hosted-no-javascript",
        "JavaScript is switched off.",
        says=("This page needs JavaScript. Diese Seite braucht JavaScript.",),
        scripts=False,
    ),
)

AGORA = (
    State("agora-connecting", "The SDK joins.", ("agora.connecting",)),
    State(
        "agora-alone",
        "No one else is there yet.",
        ("agora.alone", "agora.mute", "agora.camera_off", "agora.leave"),
    ),
    State("agora-muted", "Microphone and camera are off.", ("agora.unmute", "agora.camera_on")),
    State(
        "agora-person",
        "Others are there: one with a camera, one muted and without.",
        ("agora.muted", "agora.count"),
        says=("Ada",),
    ),
    State("agora-unnamed", "A person whose name is not known yet.", ("agora.unnamed",)),
    State("agora-tap", "The browser wants a tap before it plays sound.", ("agora.tap",)),
    State("agora-reconnecting", "The connection broke.", ("agora.reconnecting",)),
    State("agora-no-devices", "Neither camera nor microphone can be used.", ("agora.no_devices",)),
    State("agora-refused", "Agora does not let them in.", ("agora.refused",)),
    State("agora-sdk-missing", "The SDK cannot be loaded, or is not the one that was named.", ("agora.sdk_missing",)),
)
UNSEEN = {
    *("page.main", "call.region", "call.frame", "devices.region", "devices.level", "devices.preview"),
    *("lobby.admit.name", "lobby.deny.name", "lobby.count", "agora.region", "agora.tools"),
    # On a phone it is a picture and a number.
    "lobby.toggle",
    # Announced while something else is seen.
    *("lobby.arrived", "trouble.over", "waiting.withdraw_failed"),
    # With more people than the service lists.
    "lobby.admit_all",
    # A name that nobody has: the hosted page hands one over.
    "agora.you",
    # Parts of other texts.
    *("lobby.since", "time.seconds", "time.minutes", "time.hours", "time.days"),
}
"""Texts of the catalogue that are only read aloud, or stand inside of others."""

EMBEDDED = (State("embedded", "The element in a plain HTML page, as in the example above.", says=("Waiting",)),)

SANDBOX = (
    State("sandbox-preview", "Before the call.", says=("Your name", "Role:", "Join")),
    State("sandbox-joining", "On the way in.", says=("Joining…",)),
    State("sandbox-blocked", "No permission.", says=("Your microphone is blocked.", "Your camera is blocked.")),
    State("sandbox-missing", "No devices.", says=("No microphone found.", "No camera found.")),
    State("sandbox-busy", "Devices in use.", says=("Another app is using your camera.",)),
    State("sandbox-insecure", "A page without HTTPS.", says=("A camera works only on https pages and on localhost.",)),
    State("sandbox-alone", "No one else is there.", says=("You're the only one here", "Mute", "Camera off", "Leave")),
    State("sandbox-call", "Two people; a host may end the call for all.", says=("2 people", "End for all")),
    State("sandbox-muted", "Microphone and camera are off.", says=("Unmute", "Camera on")),
    State("sandbox-shared", "A shared screen.", says=("Ada\u2019s screen",)),
    State("sandbox-chat", "The chat.", says=("Chat", "Five minutes left", "Send")),
    State("sandbox-recorded", "A person who is not connected, and a recording.", says=("Not connected", "Recording")),
    State("sandbox-sound", "The browser wants a tap before it plays sound.", says=("Turn on sound",)),
    State(
        "sandbox-ending",
        "Ending for everyone asks for confirmation.",
        says=("End the call for everyone?", "This ends the call for everyone.", "Cancel", "End for everyone"),
    ),
    State("sandbox-lost", "The connection broke.", says=("Connection lost. Reconnecting…",)),
    State("sandbox-away", "The sandbox does not answer.", says=("The sandbox isn't responding. Retrying…",)),
    State("sandbox-left", "Left.", says=("You left the call", "You can join again.", "Rejoin")),
    State("sandbox-ended", "Ended.", says=("The call has ended", "It was ended for everyone.")),
    State("sandbox-removed", "Removed.", says=("You were removed", "The host removed you.")),
    State("sandbox-elsewhere", "Another page.", says=("You joined on another device", "This page has left the call.")),
    State(
        "sandbox-token-ended",
        "The token ended in the call.",
        says=("Your invitation has expired", "Ask for a new one and join again."),
    ),
    State(
        "sandbox-code-unknown",
        "`code_unknown`",
        says=("Meeting not found", "Check the link."),
    ),
    State(
        "sandbox-closed",
        "`room_disabled`, `code_disabled`",
        says=("This meeting is closed", "The room or its code is disabled."),
    ),
    State(
        "sandbox-room-full",
        "`room_full`",
        says=("This meeting is full", "The room has no free place. Try again later.", "Try again"),
    ),
    State(
        "sandbox-role-full",
        "`role_full`",
        says=("This meeting is full", "Your role has no free place. Try again later."),
    ),
    State("sandbox-refused", "`refused`", says=("You can't join", "The sandbox says:")),
    State(
        "sandbox-other-app",
        "`token_refused`: another App ID",
        says=("Invalid invitation", "It is for another App ID. Ask for a new one."),
    ),
    State(
        "sandbox-other-person",
        "`token_refused`: another channel or uid",
        says=("Invalid invitation", "It is for another channel or another person. Ask for a new one."),
    ),
    State(
        "sandbox-no-token",
        "`token_refused`: not a token",
        says=("Invalid invitation", "Invalid token. Ask for a new one."),
    ),
    State(
        "sandbox-token-expired",
        "`token_expired`",
        says=("Your invitation has expired", "Ask for a new one and join again."),
    ),
    State(
        "sandbox-banned",
        "`banned`",
        says=("You can't join", "You were removed from this channel and can't rejoin yet."),
    ),
    State(
        "sandbox-no-credentials",
        "`/agora/meeting` without credentials.",
        says=("Invitation needed", "Add a join credential after # in the address"),
    ),
    State("sandbox-framed", "The same in a frame.", says=("Just a moment", "The page around this one says who joins.")),
    State(
        "sandbox-no-javascript",
        "JavaScript is switched off.",
        says=("Just a moment", "The call needs JavaScript."),
        scripts=False,
    ),
)

CONSOLE = (
    State("console-sign-in", "Sign-in.", says=("Sign in to the console",)),
    State("console-wrong-key", "Wrong key.", says=("Wrong admin key.",)),
    State("console-too-many-tries", "Too many failed attempts.", says=("Too many failed attempts.",)),
    State("console-today", "Today: sessions by status, and who is present.", says=("Today",)),
    State("console-quiet", "Today, without a running call.", says=("Today", "No calls in progress.")),
    State("console-list", "All sessions with one status.", says=("Trigonometry",)),
    State("console-search", "Search results: references, titles, user IDs.", says=("Algebra, lesson 1",)),
    State("console-nothing-found", "No search results.", says=("No results.",)),
    State("console-groups", "Groups.", says=("Evening circle",)),
    State(
        "console-session",
        "A session: attendance, activity, calls, participants, active links.",
        says=("Algebra, lesson 1",),
    ),
    State(
        "console-acted",
        "After an operator has removed a participant and ended the call.",
        says=("The call has ended.", "operator Olive"),
    ),
    State("console-booking", "New booking.", says=("New booking",)),
    State("console-booking-errors", "New booking, with errors next to their fields.", says=("Enter the user ID",)),
    State("console-booked", "Booking created, with a link for each participant.", says=("Booking created.",)),
    State("console-choice", "Deliveries: choosing an app.", says=("Deliveries", "Choose the app.")),
    State("console-deliveries", "Webhook endpoints of an app.", says=("Deliveries", "The backend")),
    State("console-no-endpoints", "An app without endpoints.", says=("No webhook endpoints.",)),
    State("console-not-delivered", "An app with failed deliveries, which come first.", says=("session.registered",)),
    State("console-endpoint", "An endpoint with its deliveries.", says=("The backend",)),
    State("console-delivery", "A delivery with all its attempts.", says=("Resend",)),
    State("console-tested", "The result of a test event.", says=("Test event delivered: status 200",)),
    State("console-health", "Health: database, jobs, webhooks, seals.", says=("Health",)),
    State("console-diagnostics", "Diagnostics: every check of an app's setup.", says=("Diagnostics",)),
    State("console-no-such-page", "Page not found.", says=("The console has no page at this path.",)),
)

PAGES_OF_THE_CONSOLE = (
    ("/sign-in", "console-sign-in"),
    ("", "console-today"),
    ("/list/{phase}", "console-list"),
    ("/groups", "console-groups"),
    ("/sessions/{app_id}/{session_id}", "console-session"),
    ("/book", "console-booking"),
    ("/deliveries", "console-deliveries"),
    ("/deliveries/{app_id}/{endpoint_id}", "console-endpoint"),
    ("/deliveries/{app_id}/{endpoint_id}/{delivery_id}", "console-delivery"),
    ("/health", "console-health"),
    ("/diagnostics", "console-diagnostics"),
    ("/{path:path}", "console-no-such-page"),
)
"""What the console answers to which path, at its plainest."""

DEMO = (State("demo", "The people of the demo, with a button for each.", says=("Demo", "A call in a minute")),)

FAMILIES = {
    "hosted": HOSTED,
    "agora": AGORA,
    "embedded": EMBEDDED,
    "sandbox": SANDBOX,
    "console": CONSOLE,
    "demo": DEMO,
}
STATES = {state.name: state for family in FAMILIES.values() for state in family}


async def shown(page: Page, name: str) -> None:
    """This state is on the page: see that it is as it should be for everybody, and take its pictures.

    On a desk it is looked at by day, on a phone at night: both sizes, and both schemes. The page is left in the size
    in which it came.
    """
    state = STATES[name]
    before = page.viewport_size
    for size, viewport in SIZES.items():
        await page.set_viewport_size(viewport)
        await page.emulate_media(color_scheme="light" if size == "desktop" else "dark", reduced_motion="reduce")
        await _says(page, state)
        # Without scripts axe does not run either.
        if state.scripts:
            assert await violations(page) == [], f"{name} on a {size}"
        assert await overflow(page) <= 0, f"{name} on a {size}"
        await shot(page, f"{name}-{size}")
    await page.emulate_media(color_scheme="null", reduced_motion="null")
    if before is not None:
        await page.set_viewport_size(before)


async def _says(page: Page, state: State) -> None:
    missing: Sequence[str] = ()

    async def complete() -> bool:
        nonlocal missing
        text = "\n".join([await _read(frame) for frame in page.frames])
        missing = [each.pattern for each in state.sentences() if not each.search(text)]
        if state.screen is not None and await page.locator("body").get_attribute("data-screen") != state.screen:
            missing = [*missing, f"the screen {state.screen}"]
        return not missing

    try:
        await eventually(complete)
    except TimeoutError:
        raise AssertionError(f"{state.name} does not show {missing}") from None


async def _read(frame: Frame) -> str:
    """What is seen in a frame, without what is only announced."""
    try:
        # Shadow trees belong to frames' owners: their frames are listed by themselves.
        text: str = await frame.evaluate(
            """() => [...(document.body?.children ?? [])]
                .filter((each) => each.id !== "said")
                .map((each) => each.innerText).join("\\n")"""
        )
    except PlaywrightError:
        if not frame.is_detached():
            raise
        return ""
    return text


async def overflow(page: Page) -> int:
    """By how much the page is wider than the window."""
    wider: int = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wider


def gallery(family: str) -> str:
    """The family's states with their pictures, for the docs."""
    lines = ["| state | on a desktop | on a phone |", "|---|---|---|"]
    for state in FAMILIES[family]:
        label = state.told.replace('"', "")
        desktop, phone = (
            f'<img src="screens/{state.name}-{size}.png" alt="{_alt(label)}: {size}" width="{width}">'
            for size, width in (("desktop", 340), ("phone", 110))
        )
        lines.append(f"| {state.told} | {desktop} | {phone} |")
    return "\n".join(lines)


def _alt(label: str) -> str:
    return label.replace("`", "").rstrip(".")
