// A call at Agora, around Agora's Web SDK: in a frame of the page behind a link, which hands over the credentials.

import { AgoraCall } from "./agora-call.js";
import { Voice, chosenLanguage } from "./texts.js";

const $ = (id) => document.getElementById(id);
const meta = (name) => document.querySelector(`meta[name="videobroker-${name}"]`).content;

let voice = new Voice(chosenLanguage(navigator.languages));
let call = null;
let myName = null;
let strangers = 0;
const tiles = new Map();

function tell(type, detail = {}) {
  // The page around this one is of the same origin: it shows this one, and nobody else gets credentials.
  window.parent.postMessage({ source: "videobroker-call", type, ...detail }, location.origin);
}

function say(name) {
  $("told").textContent = name ? voice.say(name) : "";
}

function tile(uid, name) {
  if (!tiles.has(uid)) {
    const item = document.createElement("li");
    const label = document.createElement("span");
    label.className = "name";
    label.textContent = name;
    const picture = document.createElement("div");
    picture.className = "picture";
    item.append(picture, label);
    $("people").append(item);
    tiles.set(uid, item);
  }
  return tiles.get(uid).querySelector(".picture");
}

const hear = {
  state(state) {
    const texts = { connecting: "agora.connecting", reconnecting: "agora.reconnecting" };
    say(texts[state] ?? (call.alone ? "agora.alone" : null));
  },
  mine: () => tile("me", myName ?? voice.say("agora.you")),
  picture(uid) {
    if (!tiles.has(uid)) strangers += 1;
    return tile(uid, voice.say("agora.person", { number: strangers }));
  },
  gone(uid) {
    tiles.get(uid)?.remove();
    tiles.delete(uid);
    if (call.alone) say("agora.alone");
  },
  came: () => say(null),
  tokenWillExpire: () => tell("token-will-expire"),
  silenced: () => ($("hear").hidden = false),
  noDevices: () => say("agora.no_devices"),
  over(reason) {
    finish();
    tell(reason);
  },
};

function finish() {
  $("tools").hidden = true;
  $("people").replaceChildren();
  tiles.clear();
}

async function join({ name, lang, devices, ...keys }) {
  voice = new Voice(chosenLanguage([lang, ...navigator.languages].filter(Boolean)));
  document.documentElement.lang = voice.language;
  voice.fill(document);
  myName = name ?? null;
  const sdk = await loaded(meta("sdk"), meta("sdk-integrity"));
  if (!sdk) {
    say("agora.sdk_missing");
    tell("error", { code: "sdk_missing" });
    return;
  }
  call = new AgoraCall(sdk, hear);
  try {
    await call.join(keys, devices ?? {});
  } catch (error) {
    finish();
    say("agora.refused");
    tell("error", { code: String(error.code ?? "refused") });
    return;
  }
  // What is not there can be neither switched on nor off.
  $("mute").hidden = !call.has("audio");
  $("camera").hidden = !call.has("video");
  $("tools").hidden = false;
  tell("joined");
}

async function leave() {
  await call?.leave();
  finish();
  tell("left");
}

/** The SDK, once it is there; null when it cannot be had. */
function loaded(url, integrity) {
  return new Promise((resolve) => {
    const script = document.createElement("script");
    script.src = url;
    if (integrity) {
      script.integrity = integrity;
      script.crossOrigin = "anonymous";
    }
    script.onload = () => resolve(window.AgoraRTC ?? null);
    script.onerror = () => resolve(null);
    document.head.append(script);
  });
}

function pressed(button, isPressed, on, off) {
  button.setAttribute("aria-pressed", String(isPressed));
  button.textContent = voice.say(isPressed ? on : off);
}

$("mute").addEventListener("click", async () => {
  pressed($("mute"), await call.toggle("audio"), "agora.unmute", "agora.mute");
});
$("camera").addEventListener("click", async () => {
  pressed($("camera"), await call.toggle("video"), "agora.camera_on", "agora.camera_off");
});
$("leave").addEventListener("click", leave);
$("hear").addEventListener("click", () => {
  $("hear").hidden = true;
  call.playAll();
});

addEventListener("message", (event) => {
  if (event.source !== window.parent || event.origin !== location.origin) return;
  if (event.data?.source !== "videobroker") return;
  if (event.data.type === "join" && !call) join(event.data);
  if (event.data.type === "renew") call?.renew(event.data);
  if (event.data.type === "leave") leave();
});
voice.fill(document);
tell("ready");
