// The call page with Agora's Web SDK. The hosted page shows it in a frame and passes the credentials. It has a separate
// origin, so that the vendor's code can access neither the hosted page nor the console.

import { CallTexts } from "../ui/call-texts.js";
import { CallView } from "../ui/call-view.js";
import { byId, meta } from "../ui/dom.js";
import { AgoraSession, codeOf } from "./agora-session.js";
import { Voice, chosenLanguage } from "./texts.js";

/**
 * @typedef {import("./agora-session.js").Sdk} Sdk
 * @typedef {import("./agora-session.js").Keys} Keys
 *
 * The message with which the page around this one starts the call.
 * @typedef {Keys & { name?: string, lang?: string, devices?: import("../ui/call-devices.js").DeviceChoices,
 *   may_end?: boolean }} JoinMessage
 */

// The parent page passes its origin in the fragment; only the service's own origins are accepted.
const PARENT = meta("parents")
  .split(" ")
  .find((origin) => origin !== "" && origin === decodeURIComponent(location.hash.slice(1)));

let voice = new Voice(chosenLanguage(navigator.languages));
/** @type {AgoraSession | null} */
let session = null;
/** @type {CallView | null} */
let view = null;
let isJoining = false;

/**
 * @param {string} type
 * @param {object} [detail]
 */
function notifyParent(type, detail = {}) {
  if (PARENT) window.parent.postMessage({ source: "videobroker-call", type, ...detail }, PARENT);
}

/**
 * Show a sentence in place of the call; null shows none.
 * @param {string | null} name
 */
function showStatus(name) {
  byId("status").textContent = name ? voice.say(name) : "";
  byId("status").hidden = !name;
}

/** @param {JoinMessage} message */
async function join({ name, lang, devices, may_end, ...keys }) {
  voice = new Voice(chosenLanguage(lang ? [lang, ...navigator.languages] : navigator.languages));
  document.documentElement.lang = voice.language;
  voice.fill(document);
  const sdk = await loadSdk(meta("sdk"), meta("sdk-integrity"));
  if (!sdk) {
    showStatus("agora.sdk_missing");
    notifyParent("error", { code: "sdk_missing" });
    return;
  }
  const opened = open(sdk, name ?? null, may_end === true);
  try {
    await opened.session.join(keys, devices ?? {});
  } catch (error) {
    close();
    showStatus("agora.refused");
    notifyParent("error", { code: codeOf(error) || "refused" });
    return;
  }
  opened.view.focus();
  notifyParent("joined");
  notifyParent("controls", { leave: true, end: may_end === true });
}

/**
 * @param {Sdk} sdk
 * @param {string | null} name
 * @param {boolean} mayEnd
 */
function open(sdk, name, mayEnd) {
  const texts = new CallTexts(voice.language);
  session = new AgoraSession(sdk, name, {
    leave,
    // That needs the ticket, which this page does not have.
    requestNames: (uids) => notifyParent("people", { uids }),
    tokenWillExpire: () => notifyParent("token-will-expire"),
    published: (media) => notifyParent("media", media),
    ...(mayEnd ? { end: () => notifyParent("end") } : {}),
    over(reason) {
      close();
      notifyParent(reason);
    },
  });
  view = new CallView({ session, texts, title: texts.say("pip.title") });
  showStatus(null);
  document.body.append(view.element);
  return { session, view };
}

function close() {
  view?.close();
  view = null;
}

async function leave() {
  await session?.close();
  close();
  notifyParent("left");
}

/**
 * Loads the SDK. Resolves to null if that fails.
 * @param {string} url
 * @param {string} integrity
 * @returns {Promise<Sdk | null>}
 */
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

addEventListener("message", (event) => {
  if (!PARENT || event.source !== window.parent || event.origin !== PARENT) return;
  if (event.data?.source !== "videobroker") return;
  if (event.data.type === "join" && !isJoining) {
    isJoining = true;
    join(event.data);
  }
  if (event.data.type === "names") session?.receiveNames(event.data.people);
  if (event.data.type === "renew") session?.renew(event.data);
  if (event.data.type === "leave") leave();
});
voice.fill(document);
showStatus("agora.connecting");
notifyParent("ready");
