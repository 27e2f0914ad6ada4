// <videobroker-call ticket="vbt_..." lang="de">: the page behind a link, inside a page of yours.
//
// A classic script, so that it knows where it came from; where it is bundled instead, the attribute `origin` says it.

(() => {
  const SCRIPT = document.currentScript?.src ?? null;
  const EVENTS = new Set(["joined", "left", "waiting", "error"]);
  const VARIABLES = { accent: "--videobroker-accent", radius: "--videobroker-radius", scheme: "--videobroker-scheme" };
  const ALLOWED = ["camera", "microphone", "display-capture", "fullscreen", "autoplay", "clipboard-write"];
  const SILENCE = 15_000; // ms until a page that says nothing counts as unreachable
  const MOST_PATIENCE = 60_000;
  const LOOK = `
    :host { display: block; height: var(--videobroker-height, 40rem); }
    :host([hidden]) { display: none; }
    iframe { display: block; width: 100%; height: 100%; border: 0; border-radius: var(--videobroker-radius, 20px); }
  `;

  class VideobrokerCall extends HTMLElement {
    static observedAttributes = ["ticket", "lang", "origin"];

    #frame = null;
    #base = null;
    #impatience = null;
    #patience = SILENCE;
    #hear = (event) => this.#heard(event);
    #asked = false;

    constructor() {
      super();
      const root = this.attachShadow({ mode: "open" });
      // A constructed sheet needs no 'unsafe-inline' in the policy of the page around.
      const sheet = new CSSStyleSheet();
      sheet.replaceSync(LOOK);
      root.adoptedStyleSheets = [sheet];
    }

    get ticket() {
      return this.getAttribute("ticket");
    }

    set ticket(ticket) {
      if (ticket) this.setAttribute("ticket", ticket);
      else this.removeAttribute("ticket");
    }

    connectedCallback() {
      addEventListener("message", this.#hear);
      this.#openSoon();
    }

    disconnectedCallback() {
      removeEventListener("message", this.#hear);
      this.#close();
    }

    attributeChangedCallback(_, before, after) {
      if (this.isConnected && before !== after) this.#openSoon();
    }

    /** Leave the call; the event `left` tells when that is done. */
    leave() {
      this.#tell({ type: "leave" });
    }

    /** Hand on the CSS variables once more, after they have changed. */
    restyle() {
      this.#tell({ type: "style", style: this.#style() });
    }

    /** Once, however many attributes are set in one go. */
    #openSoon() {
      if (this.#asked) return;
      this.#asked = true;
      queueMicrotask(() => {
        this.#asked = false;
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
      // Answers "ready" when the page listens; a page that was refused, or is not there, answers nothing.
      frame.addEventListener("load", () => this.#tell({ type: "hello", style: this.#style() }));
      frame.src = url.href;
      this.#frame = frame;
      this.shadowRoot.replaceChildren(frame);
      this.#impatience = setTimeout(() => this.#unreachable(), this.#patience);
    }

    #close() {
      clearTimeout(this.#impatience);
      this.#frame?.remove();
      this.#frame = null;
    }

    #unreachable() {
      this.#emit("error", { code: "unreachable" });
      this.#patience = Math.min(this.#patience * 2, MOST_PATIENCE);
      this.#open();
    }

    #heard(event) {
      if (!this.#frame || event.source !== this.#frame.contentWindow || event.origin !== this.#base.origin) return;
      if (event.data?.source !== "videobroker-page") return;
      if (event.data.type === "ready") {
        clearTimeout(this.#impatience);
        this.#patience = SILENCE;
      }
      if (EVENTS.has(event.data.type)) this.#emit(event.data.type, event.data.detail);
    }

    #emit(name, detail) {
      this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
    }

    #tell(message) {
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
