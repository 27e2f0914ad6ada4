"""Every visible state of every page: its name, its caption in the docs, and its texts.

A test that has reached a state calls `expect_state` with its name. That checks the texts, the layout on a desktop and a
phone, and the accessibility in both color schemes, and takes the screenshots. `test_states.py` fails if a
page has a state that is not listed here, or if no test reaches a listed one.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Frame, Page, ViewportSize

from browser import hosted_page
from browser.conftest import ALL_IMPACTS, DESKTOP, PHONE, accessibility_violations
from browser.screenshots import take_screenshot
from polling import eventually

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
SIZES = {"desktop": DESKTOP, "phone": PHONE}
ZOOMED: ViewportSize = {"width": 320, "height": 256}
"""A desktop at a zoom of 400 %, as in WCAG 1.4.10."""


@dataclass(frozen=True, slots=True)
class State:
    name: str
    """Also the name of its screenshots."""
    description: str
    """The caption in the docs: when the state occurs, and what the page does."""
    texts: tuple[str, ...] = ()
    """Names of texts of the hosted page."""
    sentences: tuple[str, ...] = ()
    """Other texts."""
    screen: str | None = None
    """The screen of the hosted page."""
    language: str = "en"
    scripts: bool = True
    """Whether JavaScript is enabled."""

    def patterns(self) -> list[re.Pattern[str]]:
        """Patterns that the visible text has to match."""
        texts = hosted_page.texts()[self.language] if self.texts else {}
        return [_pattern(text) for text in (*(texts[name] for name in self.texts), *self.sentences)]


def _pattern(sentence: str) -> re.Pattern[str]:
    parts = re.split(r"\{\w+\}", sentence)
    return re.compile(".+?".join(re.escape(part) for part in parts), re.IGNORECASE | re.DOTALL)


def _card(name: str, description: str, *more: str, screen: str | None = None) -> State:
    """A screen whose heading and text have its name as a prefix."""
    screen = screen or name.replace("-", "_")
    return State(name, description, (f"{screen}.heading", f"{screen}.text", *more), screen=screen)


HOSTED = (
    State("loading", "The page is loading.", ("page.loading", "page.loading.text"), screen="loading"),
    _card("unavailable", "The service cannot reach its database. The page reloads itself. Status 503."),
    _card(
        "early",
        "Too early. The page counts down to `opens_at` with the clock of the service, and then shows the button.",
        "early.countdown",
        "waiting.ask",
        "session.calendar",
        "session.you",
        "session.when",
        "devices.speak",
        "devices.camera",
        "devices.microphone",
    ),
    State("early-german", "Too early, in German.", ("early.heading", "early.text"), screen="early", language="de"),
    State(
        "early-another-day",
        "Too early by more than 12 hours. The session has no title.",
        ("early.heading", "early.text.day", "session.untitled"),
        screen="early",
    ),
    State(
        "early-asked",
        "The person has asked to join automatically.",
        ("early.heading", "waiting.asked", "waiting.stay"),
        screen="early",
    ),
    _card(
        "waiting-for-host", "The host has not joined yet (`waiting_room: until_host`).", "waiting.ask", screen="host"
    ),
    State(
        "asks-to-join",
        "The host admits each person (`waiting_room: admit`).",
        ("admission.heading", "admission.text.ask", "waiting.knock"),
        screen="admission",
    ),
    State(
        "asking-to-join",
        "The request to be admitted is on its way.",
        ("admission.heading", "admission.text.sending", "waiting.withdraw"),
        screen="admission",
    ),
    State(
        "waiting-for-admission",
        "The person has asked to be admitted. No host is in the call yet.",
        ("admission.heading", "admission.text.sent", "waiting.asked", "waiting.withdraw"),
        screen="admission",
    ),
    _card(
        "waiting-host-present", "The person has asked to be admitted, and a host is in the call.", screen="admission"
    ),
    _card(
        "ready", "Ready to join. A person who has asked to join automatically does not need the button.", "ready.join"
    ),
    State(
        "ready-call-runs", "Ready to join a call with other people.", ("ready.heading", "ready.running"), screen="ready"
    ),
    State(
        "devices-not-asked",
        "The camera and microphone are off until the person turns them on.",
        ("devices.invite", "devices.start"),
    ),
    State("devices-asking", "The browser asks for permission.", ("devices.asking",)),
    State(
        "devices-denied",
        "Permission denied. The page explains what to do. Joining without devices is possible.",
        ("devices.denied", "devices.again"),
    ),
    State("devices-none", "No camera and no microphone was found.", ("devices.none", "devices.again")),
    State("devices-busy", "Another app is using the devices.", ("devices.busy", "devices.again")),
    State("devices-no-camera", "A microphone, but no camera.", ("devices.no_camera",)),
    State("devices-no-microphone", "A camera, but no microphone.", ("devices.no_microphone",)),
    State(
        "devices-off",
        "The person has turned camera and microphone off. That also applies in the call.",
        ("devices.camera_off", "devices.both_off"),
    ),
    State("devices-microphone-off", "The microphone is off.", ("devices.microphone_off",)),
    State(
        "speaker-tested",
        "The speaker test has played three notes.",
        ("devices.speaker", "devices.speaker.test", "devices.speaker.played"),
    ),
    State("speaker-playing", "The speaker test is playing.", ("devices.speaker.playing",)),
    State("speaker-failed", "The speaker test could not play.", ("devices.speaker.failed",)),
    State("network-checking", "The connection is being measured.", ("network.check", "network.checking")),
    State(
        "network-good",
        "The connection is good enough for video.",
        ("network.good", "network.advice.none", "network.details"),
    ),
    State("network-slow", "A slow connection.", ("network.fair", "network.advice.slow", "network.details")),
    State("network-too-slow", "A connection that is too slow for video.", ("network.poor", "network.advice.too_slow")),
    State("network-delay", "A connection that responds slowly.", ("network.fair", "network.advice.delay")),
    State("network-firewall", "The browser offers no UDP.", ("network.fair", "network.advice.firewall")),
    State("network-no-webrtc", "The browser has no WebRTC.", ("network.poor", "network.advice.webrtc")),
    State("network-failed", "The service does not respond.", ("network.poor", "network.advice.failed")),
    State("others-one", "One person is in the call.", ("others.one",)),
    State("others-two", "Two people are in the call.", ("others.two",)),
    State("others-more-one", "Two people are in the call, one without a name.", ("others.more.one",)),
    State("others-more", "Three people are in the call.", ("others.more",)),
    State("others-count-one", "One person is in the call. A guest sees no names.", ("others.count.one",)),
    State("others-count", "Several people are in the call. A guest sees no names.", ("others.count",)),
    _card("connecting", "The page is requesting join credentials.", "joining.cancel", screen="joining"),
    State(
        "vendor-down",
        "The vendor does not respond. The page retries automatically, with growing delays, and shows the next attempt.",
        ("joining.heading", "joining.trouble", "joining.cancel"),
        screen="joining",
    ),
    _card("moved", "The session has moved to another provider. The page requests new credentials and joins there."),
    State("call", "In the call. It is in a frame, and has all buttons.", sentences=("the only one",), screen="call"),
    State(
        "call-host",
        "In the call, as a host. The lists are above the call; the button that ends it for everyone is in its bar.",
        sentences=("2 people",),
        screen="call",
    ),
    State(
        "call-vendor-page",
        "In the call, as a host, on a page of the vendor that has no messages for this one, such as 100ms Prebuilt: "
        "the buttons are above the frame.",
        ("call.leave", "call.end"),
        screen="call",
    ),
    State(
        "host-waiting-room",
        "A host sees who is waiting, and can admit or deny each person or admit everyone. The page title counts them.",
        ("lobby.heading", "lobby.admit", "lobby.deny", "lobby.admit_all.count", "lobby.guest", "lobby.sound"),
        screen="call",
    ),
    State(
        "host-waiting-room-stranded",
        "The connection of a person who waits is interrupted.",
        ("lobby.stranded", "session.you.host"),
    ),
    State("host-waiting-room-failed", "A person could not be admitted.", ("lobby.failed",)),
    State(
        "host-waiting-room-no-one", "The host has opened the list, and no one waits.", ("lobby.empty",), screen="call"
    ),
    State(
        "ending",
        "The page asks for confirmation before it ends the call for everyone.",
        ("call.end.question", "call.end.text", "call.end.yes", "call.end.no"),
    ),
    State("ending-failed", "The call could not be ended.", ("call.end.question", "call.end.failed")),
    _card("left", "The person has left, and can rejoin.", "left.join", "after.stayed", "after.question", "after.send"),
    State(
        "left-over",
        "The person has left, and the call has ended since. They can start another one.",
        ("left.heading", "left.text.over", "ended.join"),
        screen="left",
    ),
    State(
        "left-host",
        "The person has left, and the call has ended since. Only a host can start the next one.",
        ("left.heading", "left.text.host", "rejoin.host"),
        screen="left",
    ),
    State(
        "left-admission",
        "The person has left, and has to be admitted again.",
        ("left.heading", "left.text.admission", "removed.join"),
        screen="left",
    ),
    State(
        "feedback-empty",
        "Feedback without a rating and a problem.",
        ("left.heading", "after.empty", "after.problem"),
        screen="left",
    ),
    State(
        "feedback-problem",
        "After a bad rating, the page asks what went wrong.",
        (
            "after.comment",
            *(f"after.problem.{name}" for name in ("audio", "video", "connection", "screen_share", "people", "other")),
        ),
        screen="left",
    ),
    State("feedback-failed", "The feedback could not be sent.", ("after.failed",), screen="left"),
    State("feedback-given", "The feedback was sent.", ("after.thanks", "left.join"), screen="left"),
    State("branded", "An app with a branding.", ("ready.heading",), ("Algebra Club",), screen="ready"),
    State(
        "branded-left",
        "After the call, with the way back to the app and its contact.",
        ("left.heading", "back.to", "contact.questions", "contact.page"),
        ("help@algebra.example",),
        screen="left",
    ),
    State(
        "branded-expired",
        "An expired link of an app with a branding.",
        ("ticket_expired.heading", "back.plain", "contact.questions"),
        screen="ticket_expired",
    ),
    State(
        "host-people",
        "A host sees who is in the call, who is not, and who is blocked.",
        (
            *("people.heading", "people.in_call", "people.missing", "people.blocked", "people.unblock"),
            *("people.host", "people.you", "people.since"),
        ),
        screen="call",
    ),
    State(
        "host-people-unknown",
        "The provider has not reported who is in the call.",
        ("people.heading", "people.unknown"),
        screen="call",
    ),
    State("host-people-no-match", "A search without a result.", ("people.no_match",), screen="call"),
    State(
        "host-removes",
        "The page asks before it removes someone.",
        ("people.remove.question", "people.remove.text", "people.remove.yes", "people.cancel"),
    ),
    State(
        "host-blocks",
        "The page asks before it blocks someone.",
        ("people.block.question", "people.block.text", "people.block.yes"),
    ),
    State("host-blocks-failed", "Someone could not be blocked.", ("people.failed",)),
    _card("ended", "The host has ended the call. Only a host can start the next one.", "rejoin.host"),
    State(
        "ended-plain",
        "The call has ended, and the person can start another one.",
        ("ended.heading", "ended.text.plain", "ended.join"),
        screen="ended",
    ),
    State(
        "ended-new",
        "The call has ended, and another one has started.",
        ("ended.heading", "ended.text.new", "ended.join.new"),
        screen="ended",
    ),
    State(
        "ended-admission",
        "The call has ended, and the host admits each person to the next one.",
        ("ended.heading", "ended.text.admission", "removed.join"),
        screen="ended",
    ),
    State(
        "ended-by-me",
        "The host has ended the call, and can start another one.",
        ("ended.heading", "ended.text.you", "ended.join", "session.name.host"),
        screen="ended",
    ),
    _card("elsewhere", "The person has joined on another device, and can rejoin here.", "elsewhere.join"),
    _card("removed", "Removed, and can rejoin.", "left.join"),
    _card(
        "removed-asks",
        "Removed from a session with a waiting room, and can ask to rejoin.",
        "removed.join",
        screen="removed",
    ),
    _card("removed-early", "Removed, and the session was moved to a later time.", "rejoin.early", screen="removed"),
    State("removed-for-good", "Removed and blocked.", ("removed.heading", "removed.text"), screen="removed"),
    _card("denied", "The host has denied the request.", screen="denied"),
    _card("over", "The session is over."),
    State("over-early", "The session was completed early.", ("over.heading", "over.text.plain"), screen="over"),
    _card("cancelled", "The session is canceled."),
    _card(
        "not-confirmed",
        "The session is not confirmed. The page opens it automatically after the confirmation.",
        screen="unconfirmed",
    ),
    _card("video-off", "The session has no video."),
    _card("not-on-the-list", "The person is no longer a participant.", screen="stranger"),
    _card("no-guests", "Guests are no longer allowed.", screen="guests"),
    _card("refused", "Refused for a reason that the page does not know."),
    _card("setup", "The app's setup refuses everyone. The page shows the error code.", "setup.again"),
    State("offline", "No network. The page shows a banner, and reconnects automatically.", ("trouble.offline",)),
    State("service-disturbed", "The service does not respond. The page retries.", ("trouble.service",)),
    _card("link-expired", "The link has expired. Status 410.", screen="ticket_expired"),
    _card("link-broken", "The link is invalid. Status 404.", screen="ticket_invalid"),
    State(
        "test",
        "`/test`: the same check without a booking.",
        (
            *("test.heading", "test.text", "test.browser", "test.browser.good", "test.connection"),
            *("test.summary", "test.summary.text", "test.copy", "test.result.works", "test.result.unknown"),
        ),
    ),
    State("test-german", "`/test` in German.", ("test.heading", "test.result.works"), language="de"),
    State("test-copied", "The summary was copied.", ("test.copied",)),
    State("test-copy-failed", "The summary is selected, to be copied by hand.", ("test.copy_failed",)),
    State("test-off", "The camera is off.", ("test.result.off",)),
    State("test-denied", "Camera and microphone are blocked.", ("test.result.denied",)),
    State("test-busy", "Another app is using the devices.", ("test.result.busy",)),
    State("test-none", "A microphone, but no camera.", ("test.result.none",)),
    State("test-no-screen", "A browser that cannot share a screen.", ("test.browser.screen",)),
    State("test-no-calls", "A browser that cannot make calls.", ("test.browser.missing",)),
    State("test-insecure", "A page without https.", ("test.browser.insecure",)),
    State(
        "hosted-no-javascript",
        "JavaScript is disabled.",
        sentences=("This page needs JavaScript. Diese Seite braucht JavaScript.",),
        scripts=False,
    ),
)

AGORA = (
    State("agora-connecting", "The SDK is connecting.", sentences=("Connecting...",)),
    State("agora-alone", "No one else is in the call yet.", sentences=("You're the only one here",)),
    State("agora-muted", "Microphone and camera are off."),
    State("agora-person", "Another person, and the small video of this one.", sentences=("Ada", "2 people")),
    State("agora-unnamed", "Another person, whose name is not loaded yet.", sentences=("Participant",)),
    State("agora-tap", "The browser needs a tap before it plays sound.", sentences=("Tap to hear the others",)),
    State("agora-reconnecting", "The connection was lost.", sentences=("Connection lost. Reconnecting...",)),
    State(
        "agora-no-devices",
        "Neither a camera nor a microphone is available.",
        sentences=("We can't access your camera or microphone.",),
    ),
    State("agora-chat", "The chat. Agora keeps no messages.", sentences=("Chat", "People who join later don't see")),
    State("agora-people", "People, raised hands first.", sentences=("People (2)", "Ben (you)")),
    State("agora-sharing", "This person shares their screen.", sentences=("You're sharing your screen.",)),
    State("agora-screen", "Another person shares their screen.", sentences=("Ada's screen",)),
    State(
        "agora-devices", "Choosing devices during the call.", sentences=("Devices", "Camera", "Microphone", "Speaker")
    ),
    State("agora-refused", "Agora refuses the token.", ("agora.refused",)),
    State("agora-sdk-missing", "The SDK cannot be loaded, or does not match its hash.", ("agora.sdk_missing",)),
)
NOT_VISIBLE = {
    *(f"devices.{role}.turn_{state}" for role in ("camera", "microphone") for state in ("on", "off")),
    "devices.settings",
    # In the calendar file.
    "session.calendar.text",
    *("people.search", "people.remove", "people.block", "people.unblock.name", "people.toggle", "lobby.search"),
    "panel.close",
    # The name itself.
    "session.name",
    *(f"after.rating.{rating}" for rating in range(1, 6)),
    # The result of an action, which depends on the provider: see `test_hosted_host_tools.py`.
    *("people.removed", "people.banned", "people.unblocked", "people.pending", "people.impossible"),
    # Parts of other texts.
    *("contact.inviter", "contact.support"),
    *("page.main", "call.region", "call.frame", "devices.region", "devices.level", "devices.preview"),
    *("lobby.admit.name", "lobby.deny.name", "lobby.count"),
    # Until the SDK is loaded.
    "agora.connecting",
    # On a phone, an icon and a number replace it.
    "lobby.toggle",
    # Announced to screen readers only.
    *("lobby.arrived", "trouble.over", "waiting.withdraw_failed"),
    # Only with more people than the service lists.
    "lobby.admit_all",
    # Parts of other texts.
    *("lobby.since", "time.seconds", "time.minutes", "time.hours", "time.days"),
}
"""Texts for screen readers only, and parts of other texts."""

EMBEDDED = (State("embedded", "The element in a plain HTML page, as in the example above.", sentences=("Waiting",)),)

SANDBOX = (
    State("sandbox-preview", "Before the call.", sentences=("Your name", "Role:", "Join")),
    State("sandbox-joining", "Joining.", sentences=("Joining...",)),
    State(
        "sandbox-blocked", "Permission denied.", sentences=("Your microphone is blocked.", "Your camera is blocked.")
    ),
    State("sandbox-missing", "No devices were found.", sentences=("No microphone found.", "No camera found.")),
    State("sandbox-busy", "Another app is using the devices.", sentences=("Another app is using your camera.",)),
    State(
        "sandbox-insecure", "A page without HTTPS.", sentences=("A camera works only on https pages and on localhost.",)
    ),
    State(
        "sandbox-alone",
        "No one else is in the call.",
        sentences=("You're the only one here",),
    ),
    State("sandbox-call", "Two people. A host can end the call for everyone.", sentences=("2 people",)),
    State("sandbox-muted", "Microphone and camera are off."),
    State(
        "sandbox-shared", "A shared screen.", sentences=("Ada's screen", "You're sharing your screen.", "Stop sharing")
    ),
    State("sandbox-chat", "The chat.", sentences=("Chat", "Five minutes left")),
    State(
        "sandbox-recorded",
        "A person whose connection was lost, and a recording.",
        sentences=("Not connected", "Recording"),
    ),
    State("sandbox-sound", "The browser needs a tap before it plays sound.", sentences=("Tap to hear the others",)),
    State(
        "sandbox-ending",
        "The page asks for confirmation before it ends the call for everyone.",
        sentences=("End the call for everyone?", "This ends the call for everyone.", "Cancel", "End for everyone"),
    ),
    State("sandbox-lost", "The connection was lost.", sentences=("Connection lost. Reconnecting...",)),
    State("sandbox-away", "The sandbox does not respond.", sentences=("The sandbox isn't responding. Retrying...",)),
    State("sandbox-left", "The person has left.", sentences=("You left the call", "You can join again.", "Rejoin")),
    State("sandbox-ended", "The call has ended.", sentences=("The call has ended", "It was ended for everyone.")),
    State("sandbox-removed", "The person was removed.", sentences=("You were removed", "The host removed you.")),
    State(
        "sandbox-elsewhere",
        "The person has joined on another device.",
        sentences=("You joined on another device", "This page has left the call."),
    ),
    State(
        "sandbox-token-ended",
        "The token has expired during the call.",
        sentences=("Your invitation has expired", "Ask for a new one and join again."),
    ),
    State(
        "sandbox-code-unknown",
        "`code_unknown`",
        sentences=("Meeting not found", "Check the link."),
    ),
    State(
        "sandbox-closed",
        "`room_disabled`, `code_disabled`",
        sentences=("This meeting is closed", "The room or its code is disabled."),
    ),
    State(
        "sandbox-room-full",
        "`room_full`",
        sentences=("This meeting is full", "The room has no free place. Try again later.", "Try again"),
    ),
    State(
        "sandbox-role-full",
        "`role_full`",
        sentences=("This meeting is full", "Your role has no free place. Try again later."),
    ),
    State("sandbox-refused", "`refused`", sentences=("You can't join", "The sandbox says:")),
    State(
        "sandbox-other-app",
        "`token_refused`: another App ID",
        sentences=("Invalid invitation", "It is for another App ID. Ask for a new one."),
    ),
    State(
        "sandbox-other-person",
        "`token_refused`: another channel or uid",
        sentences=("Invalid invitation", "It is for another channel or another person. Ask for a new one."),
    ),
    State(
        "sandbox-no-token",
        "`token_refused`: not a token",
        sentences=("Invalid invitation", "Invalid token. Ask for a new one."),
    ),
    State(
        "sandbox-token-expired",
        "`token_expired`",
        sentences=("Your invitation has expired", "Ask for a new one and join again."),
    ),
    State(
        "sandbox-banned",
        "`banned`",
        sentences=("You can't join", "You were removed from this channel and can't rejoin yet."),
    ),
    State(
        "sandbox-no-credentials",
        "`/agora/meeting` without credentials.",
        sentences=("Invitation needed", "Add a join credential after # in the address"),
    ),
    State(
        "sandbox-framed",
        "A frame that waits for credentials from the page around it.",
        sentences=("Just a moment", "The page around this one says who joins."),
    ),
    State(
        "sandbox-no-javascript",
        "JavaScript is disabled.",
        sentences=("Just a moment", "The call needs JavaScript."),
        scripts=False,
    ),
)

CONSOLE = (
    State("console-sign-in", "Sign-in.", sentences=("Sign in to the console",)),
    State(
        "console-sign-in-oidc",
        "Sign-in with OpenID Connect; the admin key remains for emergencies.",
        sentences=("Sign in with 127.0.0.1", "Use the admin key instead"),
    ),
    State(
        "console-no-role",
        "Signed in at the identity provider, without a role here.",
        sentences=("No role for this account",),
    ),
    State("console-sign-in-canceled", "Canceled at the identity provider.", sentences=("Sign-in canceled",)),
    State("console-sign-in-expired", "A sign-in that took too long.", sentences=("This sign-in has expired",)),
    State(
        "console-signed-out", "Signed out here, but not at the identity provider.", sentences=("Sign out there, too",)
    ),
    State(
        "console-link",
        "Sign-in with a one-time link. With JavaScript, the link signs in by itself.",
        sentences=("Sign in with a link", "Paste the whole link from your terminal."),
    ),
    State(
        "console-link-used",
        "A one-time link that was used already.",
        sentences=("This sign-in link does not work",),
    ),
    State("console-start", "The start page at `/`.", sentences=("Console", "API documentation", "Health check")),
    State("console-wrong-key", "Wrong key.", sentences=("Wrong admin key.",)),
    State("console-too-many-tries", "Too many failed attempts.", sentences=("Too many failed attempts.",)),
    State("console-today", "Today: who is waiting, and sessions by status.", sentences=("Today", "Waiting now")),
    State("console-quiet", "Today, without a running call.", sentences=("Today", "No calls in progress.")),
    State("console-list", "All sessions with one status.", sentences=("Trigonometry",)),
    State("console-waiting", "Who waits now, in all sessions.", sentences=("Waiting now", "Admit")),
    State("console-search", "Search results: people and sessions.", sentences=("Algebra, lesson 1",)),
    State("console-nothing-found", "No search results.", sentences=("No results.",)),
    State("console-groups", "Groups.", sentences=("Evening circle",)),
    State(
        "console-session",
        "A session: attendance, activity, calls, participants, active links.",
        sentences=("Algebra, lesson 1",),
    ),
    State(
        "console-acted",
        "After an operator has removed a participant and ended the call.",
        sentences=("The call has ended.", "operator Olive"),
    ),
    State("console-edit", "Editing a session.", sentences=("Edit booking", "Save changes")),
    State(
        "console-edit-conflict",
        "Editing a session that someone else changed meanwhile: what they changed.",
        sentences=("Nothing was saved.", "Title: Algebra"),
    ),
    State("console-booking", "New booking.", sentences=("New booking",)),
    State("console-booking-errors", "New booking, with errors next to their fields.", sentences=("Enter the user ID",)),
    State("console-booked", "Booking created, with a link for each participant.", sentences=("Booking created.",)),
    State(
        "console-journal", "The audit log of an app, with filters and exports.", sentences=("Audit log", "Export CSV")
    ),
    State(
        "console-charts",
        "Joins, refusals, waits, minutes, no-shows, and vendor errors over time.",
        sentences=("Charts", "Joins"),
    ),
    State("console-choice", "Deliveries: choosing an app.", sentences=("Deliveries", "Choose the app.")),
    State("console-deliveries", "Webhook endpoints of an app.", sentences=("Deliveries", "The backend")),
    State(
        "console-all-deliveries",
        "All deliveries of an app, with filters and an export.",
        sentences=("All deliveries", "Export CSV"),
    ),
    State("console-no-endpoints", "An app without endpoints.", sentences=("No webhook endpoints.",)),
    State(
        "console-not-delivered", "An app with failed deliveries, which come first.", sentences=("session.registered",)
    ),
    State("console-endpoint", "An endpoint with its deliveries.", sentences=("The backend",)),
    State(
        "console-delivery",
        "A delivery: what was sent, and every attempt with its response.",
        sentences=("Resend", "Payload", "Request headers"),
    ),
    State("console-tested", "The result of a test event.", sentences=("Test event delivered: status 200",)),
    State("console-apps", "All apps.", sentences=("Apps", "New app")),
    State("console-app", "Managing an app: its settings and recent changes.", sentences=("Recent changes",)),
    State(
        "console-app-branding",
        "The hosted page of an app: origins, branding, and its logo on light and dark.",
        sentences=("Branding of the hosted page", "Logo of the hosted page", "Light", "Dark"),
    ),
    State(
        "console-app-conflict",
        "Settings that someone else saved while the form was open.",
        sentences=("Someone else changed this in the meantime", "Saved meanwhile: Acme Lessons"),
    ),
    State("console-app-section", "One section of an app: API keys.", sentences=("API keys",)),
    State(
        "console-viewer",
        "The settings of an app for operators who may not change them.",
        sentences=("Only administrators can change these settings.", "Not set"),
    ),
    State("console-operator-keys", "Keys for the management API.", sentences=("Operator keys",)),
    State("console-health", "Health: database, jobs, webhooks, seals.", sentences=("Health",)),
    State("console-diagnostics", "Diagnostics: every check of an app's setup.", sentences=("Diagnostics",)),
    State("console-no-such-page", "Page not found.", sentences=("The console has no page at this path.",)),
)

CONSOLE_PAGES = (
    ("/sign-in", "console-sign-in"),
    ("/link", "console-link"),
    ("/oidc/start", "console-sign-in-oidc"),
    ("/oidc/callback", "console-no-role"),
    ("", "console-today"),
    ("/list/{section}", "console-list"),
    ("/waiting", "console-waiting"),
    ("/search", "console-search"),
    ("/groups", "console-groups"),
    ("/sessions/{app_id}/{session_id}", "console-session"),
    ("/sessions/{app_id}/{session_id}/edit", "console-edit"),
    ("/book", "console-booking"),
    ("/sessions/{app_id}/{session_id}/attendance.csv", "console-session"),
    ("/export/sessions", "console-list"),
    ("/live", "console-today"),
    ("/charts", "console-charts"),
    ("/journal", "console-journal"),
    ("/journal/export/{file_format}", "console-journal"),
    ("/deliveries", "console-deliveries"),
    ("/deliveries/{app_id}/all", "console-all-deliveries"),
    ("/deliveries/{app_id}/export/deliveries.csv", "console-all-deliveries"),
    ("/deliveries/{app_id}/{endpoint_id}", "console-endpoint"),
    ("/deliveries/{app_id}/{endpoint_id}/{delivery_id}", "console-delivery"),
    ("/apps", "console-apps"),
    ("/apps/{app_id}", "console-app"),
    ("/apps/{app_id}/{part}", "console-app-section"),
    ("/operator-keys", "console-operator-keys"),
    ("/health", "console-health"),
    ("/diagnostics", "console-diagnostics"),
    ("/{path:path}", "console-no-such-page"),
)
"""The paths of the console, each with one of its states."""

DEMO = (
    State("demo", "The people of the demo, with a button for each.", sentences=("Demo", "A call in a minute")),
    State(
        "demo-phone",
        "The link of a person, as a QR code for a phone.",
        sentences=("Join on a phone", "Ada at Algebra, about to begin", "Scan this code with a phone"),
    ),
    State(
        "demo-phone-off",
        "How to start the demo so that phones can reach it.",
        sentences=("Phones cannot reach the demo", "make run DEMO_ADDRESS=192.168.1.20"),
    ),
)

FAMILIES = {
    "hosted": HOSTED,
    "agora": AGORA,
    "embedded": EMBEDDED,
    "sandbox": SANDBOX,
    "console": CONSOLE,
    "demo": DEMO,
}
STATES = {state.name: state for family in FAMILIES.values() for state in family}


async def expect_state(page: Page, name: str) -> None:
    """Wait until the page shows the state, check layout and accessibility, and take the screenshots.

    The desktop is checked in the light color scheme, the phone in the dark one. The layout of the pages of a call is
    also checked at a zoom of 400 %. The viewport is restored at the end.
    """
    state = STATES[name]
    # The console has wide tables.
    is_for_people = state not in (*CONSOLE, *DEMO)
    before = page.viewport_size
    for size, viewport in SIZES.items():
        await page.set_viewport_size(viewport)
        await page.emulate_media(color_scheme="light" if size == "desktop" else "dark", reduced_motion="reduce")
        await _expect_texts(page, state)
        # axe-core needs JavaScript.
        if state.scripts:
            violations = await accessibility_violations(page)
            assert violations == [], f"{name} on a {size}: {violations}"
        assert await horizontal_overflow(page) <= 0, f"{name} on a {size}"
        await take_screenshot(page, f"{name}-{size}")
        if is_for_people:
            assert await cut_off_controls(page) == [], f"{name} on a {size}"
    if is_for_people:
        await page.set_viewport_size(ZOOMED)
        assert await horizontal_overflow(page) <= 0, f"{name} at 400 %"
        assert await cut_off_controls(page) == [], f"{name} at 400 %"
        await take_screenshot(page, f"{name}-zoomed")
    await page.emulate_media(color_scheme="null", reduced_motion="null")
    if before is not None:
        await page.set_viewport_size(before)


async def page_problems(page: Page, name: str) -> list[str]:
    """What axe finds, also if it is not serious, and whether the page is too wide, in each color scheme and size."""
    found: list[str] = []
    for size, viewport in SIZES.items():
        await page.set_viewport_size(viewport)
        for scheme in SCHEMES:
            await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            found += [f"{name}, {size}, {scheme}: {each}" for each in await accessibility_violations(page, ALL_IMPACTS)]
        if await horizontal_overflow(page) > 0:
            found.append(f"{name}, {size}: too wide")
    await page.emulate_media(color_scheme="null", reduced_motion="null")
    await page.set_viewport_size(DESKTOP)
    return found


async def _expect_texts(page: Page, state: State) -> None:
    missing: Sequence[str] = ()

    async def complete() -> bool:
        nonlocal missing
        text = "\n".join([await _visible_text(frame) for frame in page.frames])
        missing = [each.pattern for each in state.patterns() if not each.search(text)]
        if state.screen is not None and await page.locator("body").get_attribute("data-screen") != state.screen:
            missing = [*missing, f"the screen {state.screen}"]
        return not missing

    try:
        await eventually(complete)
    except TimeoutError:
        raise AssertionError(f"{state.name} does not show {missing}") from None


async def _visible_text(frame: Frame) -> str:
    """The text of a frame, without live regions for screen readers."""
    try:
        # `page.frames` includes frames in shadow trees.
        text: str = await frame.evaluate(
            """() => [...(document.body?.children ?? [])]
                .filter((each) => each.id !== "announcement")
                .map((each) => each.innerText).join("\\n")"""
        )
    except PlaywrightError:
        if not frame.is_detached():
            raise
        return ""
    return text


_OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def horizontal_overflow(page: Page) -> int:
    """The pixels by which the page, or a frame in it, is wider than its window."""
    widest = 0
    for frame in page.frames:
        try:
            widest = max(widest, await frame.evaluate(_OVERFLOW))
        except PlaywrightError:
            if not frame.is_detached():
                raise
    return widest


_CUT_OFF = """() => {
    const isScrolled = (element) => {
        for (let each = element.parentElement; each; each = each.parentElement) {
            const { overflowX } = getComputedStyle(each);
            if (["auto", "scroll"].includes(overflowX) && each.scrollWidth > each.clientWidth) return true;
        }
        return false;
    };
    const cutOff = (element) => {
        const { left, right, width, height } = element.getBoundingClientRect();
        if (width < 2 || height < 2 || !element.checkVisibility({ visibilityProperty: true })) return false;
        // A select shortens its value, and has it in its list.
        const isClipped = element.matches("button") && element.scrollWidth > element.clientWidth + 1;
        return left < -1 || right > document.documentElement.clientWidth + 1 || isClipped;
    };
    return [...document.querySelectorAll("button, a[href], input, select, textarea, summary")]
        .filter((each) => cutOff(each) && !isScrolled(each)).map((each) => each.outerHTML.slice(0, 200));
}"""


async def cut_off_controls(page: Page) -> list[str]:
    """The controls that are partly outside of the window, and cannot be scrolled to, or whose text is clipped."""
    found: list[str] = []
    for frame in page.frames:
        try:
            found += await frame.evaluate(_CUT_OFF)
        except PlaywrightError:
            if not frame.is_detached():
                raise
    return found


def table_of_states(family: str) -> str:
    """The states of a family, as a Markdown table. The name of a state is that of its screenshots."""
    rows = [f"| `{state.name}` | {state.description} |" for state in FAMILIES[family]]
    return "\n".join(["| state | what it is |", "|---|---|", *rows])
