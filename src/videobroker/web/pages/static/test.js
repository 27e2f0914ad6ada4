// The check of camera, microphone, speaker, connection, and browser, without a booking.

import { byId, setText } from "../ui/dom.js";
import { Devices } from "./devices.js";
import { NetworkPanel } from "./network-panel.js";
import { browserSupport, deviceResult, summaryText } from "./test-summary.js";
import { Voice, chosenLanguage } from "./texts.js";

const REFRESH_MS = 500;
const SUPPORT_TEXTS = {
  good: "test.browser.good",
  screen: "test.browser.screen",
  insecure: "test.browser.insecure",
  missing: "test.browser.missing",
};
const LEVEL_TEXTS = { good: "network.good", fair: "network.fair", poor: "network.poor" };

const requested = new URLSearchParams(location.search).get("lang");
const voice = new Voice(chosenLanguage([requested, ...navigator.languages]));
document.documentElement.lang = voice.language;
voice.fill(document);
document.title = voice.say("test.heading");

const devices = new Devices(byId("card"), voice);
const network = new NetworkPanel(byId("settings"), voice, drawSummary);
const support = browserSupport({
  isSecure: window.isSecureContext,
  hasMedia: Boolean(navigator.mediaDevices?.getUserMedia),
  hasWebRtc: typeof RTCPeerConnection !== "undefined",
  canShareScreen: Boolean(navigator.mediaDevices?.getDisplayMedia),
});
setText(byId("browser"), voice.say(SUPPORT_TEXTS[support]));

function summary() {
  const { cameraOff, microphoneOff } = devices.chosen;
  const checked = { ...devices.report, cameraOff, microphoneOff };
  const { report } = network;
  const connection = report
    ? `${voice.say(LEVEL_TEXTS[report.level])} ${network.details(report)}, WebRTC: ${report.webrtc}`
    : voice.say("test.result.unknown");
  const result = (/** @type {"camera" | "microphone"} */ role) => {
    const { text, name } = deviceResult(role, checked);
    return voice.say(text, { name });
  };
  return summaryText([
    [voice.say("devices.camera"), result("camera")],
    [voice.say("devices.microphone"), result("microphone")],
    [voice.say("test.connection"), connection],
    [voice.say("test.browser"), `${voice.say(SUPPORT_TEXTS[support])} ${navigator.userAgent}`],
  ]);
}

function drawSummary() {
  setText(byId("summary"), summary());
}

async function copy() {
  const text = summary();
  try {
    await navigator.clipboard.writeText(text);
    setText(byId("copied"), voice.say("test.copied"));
  } catch {
    setText(byId("copied"), voice.say("test.copy_failed"));
    getSelection()?.selectAllChildren(byId("summary"));
  }
}

byId("devices").hidden = false;
byId("settings").hidden = false;
byId("copy").addEventListener("click", copy);
drawSummary();
setInterval(drawSummary, REFRESH_MS);
devices.startIfAllowed();
