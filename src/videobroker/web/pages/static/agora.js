// The call page with Agora's Web SDK. The hosted page shows it in a frame and passes the credentials. It has a separate
// origin, so that the vendor's code can access neither the hosted page nor the console.

import { AgoraCall } from "./agora-call.js";
import { Voice, chosenLanguage } from "./texts.js";

const $ = (id) => document.getElementById(id);
const meta = (name) => document.querySelector(`meta[name="videobroker-${name}"]`).content;
// The parent page passes its origin in the fragment; only the service's own origins are accepted.
const PARENT = meta("parents")
  .split(" ")
  .find((origin) => origin !== "" && origin === decodeURIComponent(location.hash.slice(1)));
const STATES = { connecting: "agora.connecting", reconnecting: "agora.reconnecting" };

let voice = new Voice(chosenLanguage(navigator.languages));
let call = null;
let myName = null;
let isConnected = false;
const tiles = new Map();
const names = new Map();
const requested = new Set();

function notifyParent(type, detail = {}) {
  if (PARENT) window.parent.postMessage({ source: "videobroker-call", type, ...detail }, PARENT);
}

function showStatus(name) {
  $("status").textContent = name ? voice.say(name) : "";
}

// People.

function drawPeople() {
  const others = call?.people ?? [];
  const shown = new Set(["me", ...others.map((each) => String(each.uid))]);
  for (const [id, item] of tiles) {
    if (shown.has(id)) continue;
    item.remove();
    tiles.delete(id);
  }
  drawTile("me", { name: myName ?? voice.say("agora.you"), audio: call.isOn("audio"), video: call.isOn("video") });
  for (const person of others) drawTile(String(person.uid), { ...person, name: nameOf(person.uid) });
  $("count").textContent = voice.say("agora.count", { count: others.length + 1 });
  $("count").hidden = false;
  if (isConnected) showStatus(others.length === 0 ? "agora.alone" : null);
  requestNames(others);
}

function drawTile(id, { name, audio, video }) {
  const item = tiles.get(id) ?? newTile(id);
  item.classList.toggle("without-video", !video);
  item.querySelector("bdi").textContent = name;
  item.querySelector(".avatar").textContent = initials(name);
  item.querySelector(".muted").hidden = audio;
}

function newTile(id) {
  const item = document.createElement("li");
  item.dataset.id = id;
  item.append(element("div", "picture"), element("div", "avatar"), element("p", "name"));
  item.querySelector(".avatar").setAttribute("aria-hidden", "true");
  const muted = element("span", "muted");
  muted.textContent = voice.say("agora.muted");
  item.querySelector(".name").append(document.createElement("bdi"), " ", muted);
  $("people").append(item);
  tiles.set(id, item);
  return item;
}

function element(tag, className) {
  const made = document.createElement(tag);
  made.className = className;
  return made;
}

function nameOf(uid) {
  const person = names.get(uid);
  if (!person) return voice.say("agora.unnamed");
  return person.is_guest ? `${person.display_name} (${voice.say("lobby.guest")})` : person.display_name;
}

/** The first letters of the first and the last word: "Ada King" is "AK". */
function initials(name) {
  const words = name.split(/\s+/).filter((word) => /^[\p{L}\p{N}]/u.test(word));
  const letters = [words[0], words.length > 1 ? words.at(-1) : null].filter(Boolean).map((word) => [...word][0]);
  return letters.join("").toLocaleUpperCase(voice.language) || "?";
}

/** The parent page requests the names: that needs the ticket, which this page does not have. */
function requestNames(others) {
  const uids = others.map((each) => each.uid).filter((uid) => !names.has(uid) && !requested.has(uid));
  if (uids.length === 0) return;
  for (const uid of uids) requested.add(uid);
  notifyParent("people", { uids });
}

function receiveNames({ uids, people }) {
  for (const uid of uids) requested.delete(uid);
  for (const person of people) names.set(person.uid, person);
  if (call && !$("tools").hidden) drawPeople();
}

// The call.

const on = {
  state(state) {
    isConnected = state === "connected";
    showStatus(STATES[state] ?? null);
    if (isConnected) drawPeople();
  },
  people: drawPeople,
  play(uid, track) {
    drawPeople();
    const picture = tiles.get(String(uid))?.querySelector(".picture");
    if (picture) track.play(picture);
  },
  tokenWillExpire: () => notifyParent("token-will-expire"),
  autoplayBlocked: () => ($("unblock-sound").hidden = false),
  noDevices: () => {
    isConnected = false;
    showStatus("agora.no_devices");
  },
  over(reason) {
    finish();
    notifyParent(reason);
  },
};

function finish() {
  $("tools").hidden = true;
  $("count").hidden = true;
  $("people").replaceChildren();
  tiles.clear();
}

async function join({ name, lang, devices, ...keys }) {
  voice = new Voice(chosenLanguage([lang, ...navigator.languages].filter(Boolean)));
  document.documentElement.lang = voice.language;
  voice.fill(document);
  myName = name ?? null;
  const sdk = await loadSdk(meta("sdk"), meta("sdk-integrity"));
  if (!sdk) {
    showStatus("agora.sdk_missing");
    notifyParent("error", { code: "sdk_missing" });
    return;
  }
  call = new AgoraCall(sdk, on);
  try {
    await call.join(keys, devices ?? {});
  } catch (error) {
    isConnected = false;
    finish();
    showStatus("agora.refused");
    notifyParent("error", { code: String(error.code ?? "refused") });
    return;
  }
  // A missing device can be neither turned on nor off.
  $("mute").hidden = !call.has("audio");
  $("camera").hidden = !call.has("video");
  $("tools").hidden = false;
  drawPeople();
  notifyParent("joined");
}

async function leave() {
  await call?.leave();
  finish();
  notifyParent("left");
}

/** Loads the SDK. Resolves to null if that fails. */
function loadSdk(url, integrity) {
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

async function toggle(button, kind, on, off) {
  const isOff = await call.toggle(kind);
  button.setAttribute("aria-pressed", String(isOff));
  button.textContent = voice.say(isOff ? on : off);
  drawPeople();
}

$("mute").addEventListener("click", () => toggle($("mute"), "audio", "agora.unmute", "agora.mute"));
$("camera").addEventListener("click", () => toggle($("camera"), "video", "agora.camera_on", "agora.camera_off"));
$("leave").addEventListener("click", leave);
$("unblock-sound").addEventListener("click", () => {
  $("unblock-sound").hidden = true;
  call.playAll();
});

addEventListener("message", (event) => {
  if (!PARENT || event.source !== window.parent || event.origin !== PARENT) return;
  if (event.data?.source !== "videobroker") return;
  if (event.data.type === "join" && !call) join(event.data);
  if (event.data.type === "names") receiveNames(event.data);
  if (event.data.type === "renew") call?.renew(event.data);
  if (event.data.type === "leave") leave();
});
voice.fill(document);
notifyParent("ready");
