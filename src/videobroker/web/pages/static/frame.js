// The call itself, in a frame: the vendor's page, or ours around the vendor's SDK.
//
// Our own pages and the sandbox's tell what happens in them; that of 100ms tells nothing, and the service does.

const ALLOWED = ["camera", "microphone", "display-capture", "fullscreen", "autoplay", "clipboard-write"];
const SOURCES = new Set(["videobroker-sandbox", "videobroker-call"]);
const GOODBYE = 400; // ms for a page to say goodbye before it is taken away

export class CallFrame {
  #holder;
  #hear;
  #element = null;
  #origin = null;
  #greeting = null;

  /** `hear(type, detail)` is called with what the page in the frame tells. */
  constructor(holder, hear) {
    this.#holder = holder;
    this.#hear = hear;
    addEventListener("message", (event) => this.#heard(event));
  }

  /** Show the call. `options`: title, lang, devices, skipPreview, page: where ours is for providers without one. */
  open(credentials, options) {
    this.#remove();
    const url = addressOf(credentials, options);
    const element = document.createElement("iframe");
    // Our page around the vendor's SDK, on an origin of its own: it may neither navigate this page nor open others.
    if (!credentials.url && !credentials.page) element.sandbox = "allow-scripts allow-same-origin";
    element.title = options.title;
    element.allow = ALLOWED.map((each) => `${each} ${url.origin}`).join("; ");
    element.referrerPolicy = "no-referrer";
    element.src = url.href;
    this.#origin = url.origin;
    this.#element = element;
    this.#greeting = credentials.type === "agora_token" ? { ...keysOf(credentials), ...manner(options) } : null;
    this.#holder.replaceChildren(element);
    element.focus({ preventScroll: true });
  }

  /** Hand newer credentials to the page. */
  renew(credentials) {
    this.#tell("renew", keysOf(credentials));
  }

  /** Send the names of people in the call. */
  name(uids, people) {
    this.#tell("names", { uids, people });
  }

  /** Leave the call, and take the frame away. */
  close() {
    const element = this.#element;
    if (!element) return;
    this.#tell("leave", {});
    this.#element = null;
    element.hidden = true;
    setTimeout(() => element.remove(), GOODBYE);
  }

  #remove() {
    this.#element?.remove();
    this.#element = null;
  }

  #heard(event) {
    if (!this.#element || event.source !== this.#element.contentWindow || event.origin !== this.#origin) return;
    if (!SOURCES.has(event.data?.source)) return;
    if (event.data.type === "ready" && this.#greeting) this.#tell("join", this.#greeting);
    this.#hear(event.data.type, event.data);
  }

  #tell(type, detail) {
    this.#element?.contentWindow?.postMessage({ source: "videobroker", type, ...detail }, this.#origin);
  }
}

function addressOf(credentials, { page, skipPreview }) {
  const url = new URL(credentials.url ?? credentials.page ?? page, location.href);
  // Our own page accepts messages from this origin only.
  if (!credentials.url && !credentials.page) url.hash = encodeURIComponent(location.origin);
  // People who have just seen themselves here skip the vendor's preview, unless they chose a device: the vendor's page
  // documents no way to hand the choice over, so they choose there.
  if (credentials.url && skipPreview) url.searchParams.set("skip_preview_headful", "true");
  return url;
}

function keysOf({ app_id, channel, uid, token, role }) {
  return { app_id, channel, uid, token, role };
}

function manner({ name, lang, devices }) {
  return { name, lang, devices };
}
