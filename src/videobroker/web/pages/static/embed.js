// <videobroker-call ticket="vbt_..." lang="de" skip-device-check auto-join>: embeds the hosted page.
//
// A classic script, because only those know their own URL. In a bundle, the attribute `origin` is required.

(() => {
  "use strict";

  const script = document.currentScript;
  const SCRIPT = script instanceof HTMLScriptElement ? script.src : "";
  const OPTIONS = ["skip-device-check", "auto-join"];
  const EVENTS = new Set(["joined", "left", "waiting", "error"]);
  const VARIABLES = { accent: "--videobroker-accent", radius: "--videobroker-radius", scheme: "--videobroker-scheme" };
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
  const READY_TIMEOUT_MS = 15_000; // until a page that sends no message counts as unreachable
  const MAX_READY_TIMEOUT_MS = 60_000;
  const STYLE = `
    :host { display: block; height: var(--videobroker-height, 40rem); }
    :host([hidden]) { display: none; }
    iframe { display: block; width: 100%; height: 100%; border: 0; border-radius: var(--videobroker-radius, 20px); }
  `;

  class VideobrokerCall extends HTMLElement {
    static observedAttributes = ["ticket", "lang", "origin", ...OPTIONS];

    /** @type {HTMLIFrameElement | null} */
    #frame = null;
    /** @type {URL | null} */
    #base = null;
    /** @type {number | undefined} */
    #timer;
    #timeout = READY_TIMEOUT_MS;
    #root = this.attachShadow({ mode: "open" });
    #listener = (/** @type {MessageEvent} */ event) => this.#receive(event);
    #isScheduled = false;

    constructor() {
      super();
      // A constructed style sheet needs no 'unsafe-inline' in the policy of the embedding page.
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(STYLE);
      this.#root.adoptedStyleSheets = [sheet];
    }

    get ticket() {
      return this.getAttribute("ticket");
    }

    set ticket(ticket) {
      if (ticket) this.setAttribute("ticket", ticket);
      else this.removeAttribute("ticket");
    }

    connectedCallback() {
      addEventListener("message", this.#listener);
      this.#scheduleOpen();
    }

    disconnectedCallback() {
      removeEventListener("message", this.#listener);
      this.#close();
    }

    /**
     * @param {string} name
     * @param {string | null} before
     * @param {string | null} after
     */
    attributeChangedCallback(name, before, after) {
      if (!this.isConnected || before === after) return;
      if (OPTIONS.includes(name)) this.#post({ type: "options", options: this.#options() });
      else this.#scheduleOpen();
    }

    /** Leave the call. The event `left` follows when that is done. */
    leave() {
      this.#post({ type: "leave" });
    }

    /** Apply the CSS variables after they have changed. */
    restyle() {
      this.#post({ type: "style", style: this.#style() });
    }

    /** Opens once for all attributes that are set in the same task. */
    #scheduleOpen() {
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      queueMicrotask(() => {
        this.#isScheduled = false;
        if (this.isConnected) this.#open();
      });
    }

    #open() {
      this.#close();
      if (!this.ticket) return;
      try {
        this.#base = new URL(this.getAttribute("origin") ?? SCRIPT);
      } catch {
        this.#emit("error", { code: "origin_missing" });
        return;
      }
      const url = new URL(`join/${encodeURIComponent(this.ticket)}`, new URL(".", this.#base));
      const lang = this.getAttribute("lang");
      if (lang) url.searchParams.set("lang", lang);
      const frame = document.createElement("iframe");
      frame.title = this.title || this.getAttribute("aria-label") || "Video call";
      frame.allow = ALLOWED.join("; ");
      frame.referrerPolicy = "no-referrer";
      // The page answers "ready". A page that was blocked or could not be loaded does not answer.
      frame.addEventListener("load", () => this.#post({ type: "hello", style: this.#style(), options: this.#options() }));
      frame.src = url.href;
      this.#frame = frame;
      this.#root.replaceChildren(frame);
      this.#timer = setTimeout(() => this.#retry(), this.#timeout);
    }

    #options() {
      return {
        skipsDeviceCheck: this.hasAttribute("skip-device-check"),
        joinsAutomatically: this.hasAttribute("auto-join"),
      };
    }

    #close() {
      clearTimeout(this.#timer);
      this.#frame?.remove();
      this.#frame = null;
    }

    #retry() {
      this.#emit("error", { code: "unreachable" });
      this.#timeout = Math.min(this.#timeout * 2, MAX_READY_TIMEOUT_MS);
      this.#open();
    }

    /** @param {MessageEvent} event */
    #receive(event) {
      if (!this.#frame || !this.#base || event.source !== this.#frame.contentWindow || event.origin !== this.#base.origin) return;
      if (event.data?.source !== "videobroker-page") return;
      if (event.data.type === "ready") {
        clearTimeout(this.#timer);
        this.#timeout = READY_TIMEOUT_MS;
      }
      if (EVENTS.has(event.data.type)) this.#emit(event.data.type, event.data.detail);
    }

    /**
     * @param {string} name
     * @param {unknown} detail
     */
    #emit(name, detail) {
      this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
    }

    /** @param {object} message */
    #post(message) {
      if (!this.#base) return;
      this.#frame?.contentWindow?.postMessage({ source: "videobroker-embed", ...message }, this.#base.origin);
    }

    #style() {
      const computed = getComputedStyle(this);
      const values = Object.entries(VARIABLES).map(([name, variable]) => [name, computed.getPropertyValue(variable).trim()]);
      return Object.fromEntries(values.filter(([, value]) => value));
    }
  }

  if (!customElements.get("videobroker-call")) customElements.define("videobroker-call", VideobrokerCall);
})();
