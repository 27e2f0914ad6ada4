// Progressive enhancement: the pages work without it.

/** @type {Record<string, string>} */
const MESSAGES = JSON.parse(document.getElementById("messages")?.textContent ?? "{}");
const LANGUAGE = document.documentElement.lang;

/**
 * The translation of a message. Tools find messages by the name of this function.
 * @param {string} message
 * @param {Record<string, string|number>} [values] replace `%(name)s`
 */
function _(message, values = {}) {
  return (MESSAGES[message] ?? message).replace(/%\((\w+)\)s/g, (_placeholder, name) => String(values[name]));
}

/** The sign-in form sends the time zone of this browser. */
for (const field of document.querySelectorAll("[data-own-zone]")) {
  if (field instanceof HTMLInputElement) field.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

for (const link of document.querySelectorAll("[data-own-zone-link]")) {
  if (!(link instanceof HTMLAnchorElement)) continue;
  const url = new URL(link.href);
  url.searchParams.set("zone", Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC");
  link.href = url.href;
}

/** A one-time link has its secret in the fragment. It is removed from the address, and submitted. */
const linkForm = document.querySelector("[data-sign-in-link]");
const secret = linkForm instanceof HTMLFormElement ? linkForm.elements.namedItem("token") : null;
if (linkForm instanceof HTMLFormElement && secret instanceof HTMLInputElement && location.hash.length > 1) {
  secret.value = location.hash.slice(1);
  history.replaceState(null, "", location.pathname);
  linkForm.requestSubmit();
}

/**
 * The first element of a selector, if there is one.
 * @param {string} selector
 * @returns {HTMLElement | null}
 */
function find(selector) {
  return document.querySelector(selector);
}

/** Focus the first invalid field. */
find('[aria-invalid="true"]')?.focus();

/** Focus a message that explains why nothing was saved. */
find("[data-focus]")?.focus();

/** Otherwise focus the result of an action: it is announced, and Tab continues from there. */
if (document.activeElement === document.body) find("[data-result]")?.focus();

/** Escape closes a question, and returns to the button that opened it. */
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !(event.target instanceof Element)) return;
  const question = event.target.closest("details.confirm[open]");
  if (!(question instanceof HTMLDetailsElement)) return;
  question.open = false;
  question.querySelector("summary")?.focus();
});

const REFRESH_MS = 15000;
/** While the stream of hints is open. Hints may get lost. */
const SLOW_REFRESH_MS = 60000;
const MIN_REFRESH_MS = 1500;
const STREAM_RETRY_MS = 60000;
const REQUEST_TIMEOUT_MS = 10000;
const AGE_INTERVAL_MS = 5000;

/**
 * "40 s", "3 min", "2 h 05 min".
 * @param {number} milliseconds
 */
function ageText(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return _("%(seconds)s s", { seconds });
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return _("%(minutes)s min", { minutes });
  const padded = String(minutes % 60).padStart(2, "0");
  return _("%(hours)s h %(minutes)s min", { hours: Math.floor(minutes / 60), minutes: padded });
}

/**
 * Refreshes the live part of a page unless it is in use, and shows a banner when its data is stale.
 *
 * A stream of server-sent hints says when to refresh. Without it, for example because too many pages are open, the page
 * polls. A refresh counts as activity only after the operator has done something: an unattended page is signed out.
 */
class LivePart {
  #element;
  #url;
  #every;
  #updatedAt = Date.now();
  #loadedAt = Date.now();
  #isScheduled = false;
  #hasFailed = false;
  /** @type {EventSource|undefined} */
  #stream;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #retry;
  #isLoading = false;
  #wasUsed = false;

  /** @param {HTMLElement} element */
  constructor(element) {
    this.#element = element;
    this.#url = element.dataset.from || location.href;
    this.#every = Number(element.dataset.every) || REFRESH_MS;
    for (const type of ["pointerdown", "keydown", "wheel", "touchmove"]) {
      addEventListener(type, () => { this.#wasUsed = true; }, { capture: true, passive: true });
    }
    document.addEventListener("visibilitychange", () => {
      this.#connect();
      this.#refresh();
    });
    setInterval(() => {
      if (!this.#isStreaming() || Date.now() - this.#updatedAt >= SLOW_REFRESH_MS) this.#refresh();
    }, this.#every);
    this.#connect();
    setInterval(() => this.#draw(), AGE_INTERVAL_MS);
  }

  #isStreaming() {
    return this.#stream?.readyState === EventSource.OPEN;
  }

  /** Open the stream of hints while the page is visible: browsers limit the connections to a host. */
  #connect() {
    const url = this.#element.dataset.stream;
    if (!url) return;
    clearTimeout(this.#retry);
    if (document.hidden) {
      this.#stream?.close();
      this.#stream = undefined;
      return;
    }
    if (this.#stream && this.#stream.readyState !== EventSource.CLOSED) return;
    const stream = new EventSource(url);
    this.#stream = stream;
    let wasOpen = false;
    stream.addEventListener("open", () => {
      // After an interruption, hints may have been missed.
      if (wasOpen) this.#schedule();
      wasOpen = true;
    });
    stream.addEventListener("changed", () => this.#schedule());
    stream.addEventListener("ended", () => {
      stream.close();
      this.#load();
    });
    stream.addEventListener("error", () => {
      // The browser reconnects by itself, except after an error response.
      if (stream.readyState === EventSource.CLOSED) this.#retry = setTimeout(() => this.#connect(), STREAM_RETRY_MS);
    });
  }

  /** Refresh soon, but not more often than every `MIN_REFRESH_MS`. */
  #schedule() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    const wait = Math.max(0, this.#loadedAt + MIN_REFRESH_MS - Date.now());
    setTimeout(() => {
      this.#isScheduled = false;
      this.#refresh();
    }, wait);
  }

  async #refresh() {
    if (document.hidden || this.#isLoading) return;
    if (!this.#isInUse()) await this.#load();
    this.#draw();
  }

  async #load() {
    this.#isLoading = true;
    this.#loadedAt = Date.now();
    /** @type {Record<string, string>} */
    const headers = this.#wasUsed ? {} : { "X-Background-Refresh": "1" };
    this.#wasUsed = false;
    try {
      const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
      const response = await fetch(this.#url, { credentials: "same-origin", cache: "no-store", headers, signal });
      if (response.status === 401 || new URL(response.url).pathname === "/console/sign-in") {
        location.assign(`/console/sign-in?ended=1&next=${encodeURIComponent(location.pathname + location.search)}`);
        return;
      }
      if (!response.ok) throw new Error(`status ${response.status}`);
      const page = new DOMParser().parseFromString(await response.text(), "text/html");
      const fresh = page.getElementById(this.#element.id);
      if (!fresh) throw new Error("not the page");
      this.#hasFailed = false;
      if (this.#isInUse()) return;
      const before = this.#announced();
      this.#element.replaceChildren(...fresh.childNodes);
      this.#announce(before);
      this.#updatedAt = Date.now();
      const note = document.querySelector("[data-refreshed]");
      if (note) note.textContent = _("Updated at %(time)s.", { time: new Date().toLocaleTimeString(LANGUAGE, { hourCycle: "h23" }) });
    } catch {
      this.#hasFailed = true;
    } finally {
      this.#isLoading = false;
    }
  }

  /** The numbers whose changes screen readers announce, by label. */
  #announced() {
    const found = [...this.#element.querySelectorAll("[data-announce]")];
    return new Map(found.map((each) => [each.getAttribute("data-announce"), each.textContent.trim()]));
  }

  /** @param {Map<string | null, string>} before */
  #announce(before) {
    const changed = [...this.#announced()].filter(([label, value]) => before.get(label) !== value);
    const status = document.querySelector("[data-announcement]");
    if (status && changed.length) status.textContent = changed.map(([label, value]) => `${label}: ${value}`).join(", ");
  }

  /** Refreshing would lose the focus and close open details. */
  #isInUse() {
    return this.#element.contains(document.activeElement) || Boolean(this.#element.querySelector("details[open]"));
  }

  #draw() {
    const banner = find("[data-stale]");
    const message = find("[data-stale] [data-stale-message]");
    const ageLine = find("[data-stale] [data-stale-age]");
    if (!banner || !message || !ageLine) return;
    const age = Date.now() - this.#updatedAt;
    const isPaused = !this.#hasFailed && age > 2 * this.#every && (this.#isInUse() || !this.#isStreaming());
    const sentence = this.#hasFailed
      ? _("Couldn't refresh. Showing older data.")
      : isPaused ? _("Updates are paused while you use this part of the page.") : "";
    // Screen readers announce each change of this text: the age is in another element.
    if (message.textContent !== sentence) message.textContent = sentence;
    ageLine.textContent = _("Last updated %(age)s ago.", { age: ageText(age) });
    banner.hidden = sentence === "";
  }
}

const live = find("[data-live]");
if (live && !("still" in live.dataset)) new LivePart(live);

/** Show the rows of further participants on request. */
const people = find("[data-people]");
const more = find("[data-more]");
if (people && more) {
  const rows = /** @type {HTMLElement[]} */ ([...people.children]);
  const hide = (/** @type {number} */ from) => rows.forEach((row, number) => { row.hidden = number >= from; });
  let shown = Number(people.dataset.people);
  hide(shown);
  more.hidden = shown >= rows.length;
  more.addEventListener("click", () => {
    shown += 1;
    hide(shown);
    more.hidden = shown >= rows.length;
    rows[shown - 1]?.querySelector("input")?.focus();
  });
}

/** Show the start in UTC. */
const starts = document.querySelector("[data-starts]");
const zone = document.querySelector("[data-zone]");
const utc = document.querySelector("[data-utc]");
const isValued = (/** @type {unknown} */ each) => each instanceof HTMLInputElement || each instanceof HTMLSelectElement;
if (isValued(starts) && isValued(zone) && utc) {
  const wallClock = (/** @type {Date} */ moment, /** @type {string} */ name) => {
    const parts = Object.fromEntries(
      new Intl.DateTimeFormat("en-GB", { timeZone: name, dateStyle: "short", timeStyle: "medium", hourCycle: "h23" })
        .formatToParts(moment).map((part) => [part.type, part.value]),
    );
    return Date.UTC(+parts.year, +parts.month - 1, +parts.day, +parts.hour, +parts.minute, +parts.second);
  };
  const showUtc = () => {
    const local = Date.parse(`${starts.value}Z`);
    if (Number.isNaN(local)) { utc.textContent = ""; return; }
    // Twice: the first guess may be on the other side of a clock change.
    let moment = local;
    for (let round = 0; round < 2; round += 1) moment += local - wallClock(new Date(moment), zone.value);
    utc.textContent = _("That is %(time)s UTC.", { time: new Date(moment).toISOString().slice(0, 16).replace("T", " ") });
  };
  starts.addEventListener("input", showUtc);
  zone.addEventListener("change", showUtc);
  showUtc();
}

/** Buttons that copy a link. */
for (const button of document.querySelectorAll("[data-copy]")) {
  if (!(button instanceof HTMLElement)) continue;
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copy ?? "");
    if (!(field instanceof HTMLInputElement)) return;
    const status = document.querySelector("[data-copied]");
    try {
      await navigator.clipboard.writeText(field.value);
      if (button.firstChild) button.firstChild.textContent = _("Copied");
      if (status) status.textContent = _("Link copied.");
    } catch {
      field.select();
      if (status) status.textContent = _("Couldn't copy. Press Ctrl+C to copy the selected link.");
    }
  });
}

/** Pages without a signed-in operator show times in the time zone of this browser. */
for (const time of document.querySelectorAll("time[data-local]")) {
  if (!(time instanceof HTMLTimeElement)) continue;
  time.textContent = new Date(time.dateTime).toLocaleString(LANGUAGE, { dateStyle: "medium", timeStyle: "short" });
}

export {};
