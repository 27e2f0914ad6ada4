// The frame with the call: the vendor's page, or our call page with the vendor's SDK.
//
// Our pages and those of the sandbox post messages about the call. The page of 100ms posts none: there, the visit stream
// is the only source.

const ALLOWED = ["camera", "microphone", "display-capture", "fullscreen", "autoplay", "clipboard-write"];
const SOURCES = new Set(["videobroker-sandbox", "videobroker-call"]);
const LEAVE_TIMEOUT_MS = 400; // for the page to leave the call before its frame is removed

/**
 * @typedef {import("videobroker-models").JoinCredentials} JoinCredentials
 * @typedef {import("../ui/device-choice.js").CallDevices} CallDevices
 * @typedef {{ title: string, name: string, lang: string, devices: CallDevices, skipPreview: boolean, page: string }} FrameOptions
 */

export class CallFrame {
  #container;
  #onMessage;
  /** @type {HTMLIFrameElement | null} */
  #element = null;
  #origin = "";
  /** @type {Record<string, unknown> | null} */
  #joinMessage = null;

  /**
   * `onMessage(type, detail)` is called for each message of the page in the frame.
   * @param {HTMLElement} container
   * @param {(type: string, detail: Record<string, any>) => void} onMessage
   */
  constructor(container, onMessage) {
    this.#container = container;
    this.#onMessage = onMessage;
    addEventListener("message", (event) => this.#receive(event));
  }

  /**
   * Show the call. `page` is the URL of our call page.
   * @param {JoinCredentials} credentials
   * @param {FrameOptions} options
   */
  open(credentials, options) {
    this.#remove();
    const url = urlOf(credentials, options);
    const element = document.createElement("iframe");
    // Our call page runs the vendor's SDK: it may neither navigate this page nor open others.
    if (isOurCallPage(credentials)) element.setAttribute("sandbox", "allow-scripts allow-same-origin");
    element.title = options.title;
    element.allow = ALLOWED.map((each) => `${each} ${url.origin}`).join("; ");
    element.referrerPolicy = "no-referrer";
    element.src = url.href;
    this.#origin = url.origin;
    this.#element = element;
    this.#joinMessage = credentials.type === "agora_token" ? { ...tokenFields(credentials), ...displayFields(options) } : null;
    this.#container.replaceChildren(element);
    element.focus({ preventScroll: true });
  }

  /**
   * Pass newer credentials to the page.
   * @param {JoinCredentials} credentials
   */
  renew(credentials) {
    if (credentials.type !== "agora_token") return;
    this.#post("renew", tokenFields(credentials));
  }

  /**
   * Send the names of people in the call.
   * @param {number[]} uids
   * @param {import("videobroker-models").CallPerson[]} people
   */
  name(uids, people) {
    this.#post("names", { uids, people });
  }

  /** Leave the call, and remove the frame. */
  close() {
    const element = this.#element;
    if (!element) return;
    this.#post("leave", {});
    this.#element = null;
    element.hidden = true;
    setTimeout(() => element.remove(), LEAVE_TIMEOUT_MS);
  }

  #remove() {
    this.#element?.remove();
    this.#element = null;
  }

  /** @param {MessageEvent} event */
  #receive(event) {
    if (!this.#element || event.source !== this.#element.contentWindow || event.origin !== this.#origin) return;
    if (!SOURCES.has(event.data?.source)) return;
    if (event.data.type === "ready" && this.#joinMessage) this.#post("join", this.#joinMessage);
    this.#onMessage(event.data.type, event.data);
  }

  /**
   * @param {string} type
   * @param {Record<string, unknown>} detail
   */
  #post(type, detail) {
    this.#element?.contentWindow?.postMessage({ source: "videobroker", type, ...detail }, this.#origin);
  }
}

/** @param {JoinCredentials} credentials */
function vendorPage(credentials) {
  if (credentials.type === "agora_token") return credentials.page ?? null;
  return credentials.type === "100ms_room_code" ? credentials.url : null;
}

/** @param {JoinCredentials} credentials */
function isOurCallPage(credentials) {
  return vendorPage(credentials) === null;
}

/**
 * @param {JoinCredentials} credentials
 * @param {FrameOptions} options
 */
function urlOf(credentials, { page, skipPreview }) {
  const url = new URL(vendorPage(credentials) ?? page, location.href);
  // Our call page accepts messages from this origin only.
  if (isOurCallPage(credentials)) url.hash = encodeURIComponent(location.origin);
  // People who have used the device check skip the vendor's preview, unless they chose a device: the vendor's page
  // documents no way to pass the choice, so they choose again there.
  if (credentials.type === "100ms_room_code" && skipPreview) url.searchParams.set("skip_preview_headful", "true");
  return url;
}

/** @param {import("videobroker-models").AgoraTokenCredentials} credentials */
function tokenFields({ app_id, channel, uid, token, role }) {
  return { app_id, channel, uid, token, role };
}

/** @param {FrameOptions} options */
function displayFields({ name, lang, devices }) {
  return { name, lang, devices };
}
