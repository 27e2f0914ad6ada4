// The frame with the call: the vendor's page, or our call page with the vendor's SDK.
//
// Our pages and those of the sandbox post messages about the call. The page of 100ms posts none: there, the visit stream
// is the only source.

// What a call needs: the same list as in `pages/policy.py`.
const ALLOWED = [
  "camera",
  "microphone",
  "display-capture",
  "fullscreen",
  "autoplay",
  "clipboard-write",
  "speaker-selection",
  "picture-in-picture",
  "screen-wake-lock",
];
const SOURCES = new Set(["videobroker-sandbox", "videobroker-call"]);
const NO_CONTROLS = { leave: false, end: false };
const LEAVE_TIMEOUT_MS = 400; // for the page to leave the call before its frame is removed

/**
 * @typedef {import("videobroker-models").JoinCredentials} JoinCredentials
 * @typedef {import("../ui/device-choice.js").CallDevices} CallDevices
 * @typedef {{ title: string, name: string, lang: string, devices: CallDevices, mayEnd: boolean,
 *   skipPreview: boolean, page: string }} FrameOptions
 */

export class CallFrame {
  #container;
  #onMessage;
  /** @type {HTMLIFrameElement | null} */
  #element = null;
  #origin = "";
  /** The response to "ready". @type {{ type: string, detail: Record<string, unknown> }} */
  #greeting = { type: "page", detail: {} };
  #controls = NO_CONTROLS;

  /**
   * `onMessage(type, detail)` is called for each message of the page in the frame.
   * @param {HTMLElement} container
   * @param {(type: string, detail: Record<string, unknown>) => void} onMessage
   */
  constructor(container, onMessage) {
    this.#container = container;
    this.#onMessage = onMessage;
    addEventListener("message", (event) => this.#receive(event));
  }

  /** Which buttons the page in the frame has, so that the page around it needs none. */
  get controls() {
    return this.#controls;
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
    this.#greeting =
      credentials.type === "agora_token"
        ? { type: "join", detail: { ...tokenFields(credentials), ...displayFields(options) } }
        : { type: "page", detail: { may_end: options.mayEnd } };
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
    this.#controls = NO_CONTROLS;
    element.hidden = true;
    setTimeout(() => element.remove(), LEAVE_TIMEOUT_MS);
  }

  #remove() {
    this.#element?.remove();
    this.#element = null;
    this.#controls = NO_CONTROLS;
  }

  /** @param {MessageEvent} event */
  #receive(event) {
    if (!this.#element || event.source !== this.#element.contentWindow || event.origin !== this.#origin) return;
    if (!SOURCES.has(event.data?.source)) return;
    if (event.data.type === "ready") this.#post(this.#greeting.type, this.#greeting.detail);
    if (event.data.type === "controls") {
      this.#controls = { leave: event.data.leave === true, end: event.data.end === true };
    }
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
function displayFields({ name, lang, devices, mayEnd }) {
  return { name, lang, devices, may_end: mayEnd };
}
