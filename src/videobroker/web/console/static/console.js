// Makes the pages a little more comfortable. Everything works without it, too.

/** The form that signs in tells the time zone of this browser. */
for (const field of document.querySelectorAll("[data-own-zone]")) {
  field.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

/** After an error the keyboard is at the first field to fix. */
document.querySelector('[aria-invalid="true"]')?.focus();

const REFRESH_MS = 15000;
const REQUEST_TIMEOUT_MS = 10000;
const AGE_EVERY_MS = 5000;

/** "40 s", "3 min", "2 h 05 min". */
function ageText(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/**
 * Refreshes the live part of a page, unless it is in use, and says so when what it shows is older than it should be.
 *
 * A refresh counts as activity only after the operator has done something: an unattended page is signed out.
 */
class LivePart {
  #element;
  #url;
  #every;
  #updatedAt = Date.now();
  #hasFailed = false;
  #isLoading = false;
  #wasUsed = false;

  constructor(element) {
    this.#element = element;
    this.#url = element.dataset.from || location.href;
    this.#every = Number(element.dataset.every) || REFRESH_MS;
    for (const type of ["pointerdown", "keydown", "wheel", "touchmove"]) {
      addEventListener(type, () => { this.#wasUsed = true; }, { capture: true, passive: true });
    }
    document.addEventListener("visibilitychange", () => this.#refresh());
    setInterval(() => this.#refresh(), this.#every);
    setInterval(() => this.#draw(), AGE_EVERY_MS);
  }

  async #refresh() {
    if (document.hidden || this.#isLoading) return;
    if (!this.#isInUse()) await this.#load();
    this.#draw();
  }

  async #load() {
    this.#isLoading = true;
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
      this.#element.replaceChildren(...fresh.childNodes);
      this.#updatedAt = Date.now();
      const note = document.querySelector("[data-refreshed]");
      if (note) note.textContent = `Updated at ${new Date().toLocaleTimeString()}.`;
    } catch {
      this.#hasFailed = true;
    } finally {
      this.#isLoading = false;
    }
  }

  /** Replacing what has the focus, or is open, would take it away. */
  #isInUse() {
    return this.#element.contains(document.activeElement) || Boolean(this.#element.querySelector("details[open]"));
  }

  #draw() {
    const banner = document.querySelector("[data-stale]");
    const age = Date.now() - this.#updatedAt;
    const isPaused = !this.#hasFailed && age > 2 * this.#every;
    const sentence = this.#hasFailed
      ? "Couldn't refresh. Showing older data."
      : isPaused ? "Updates are paused while you use this part of the page." : "";
    const message = banner.querySelector("[data-stale-message]");
    // Only a change is announced, not the age as it grows.
    if (message.textContent !== sentence) message.textContent = sentence;
    banner.querySelector("[data-stale-age]").textContent = `Last updated ${ageText(age)} ago.`;
    banner.hidden = sentence === "";
  }
}

const live = document.querySelector("[data-live]");
if (live && !("still" in live.dataset)) new LivePart(live);

/** A form shows a few people at first, and more on request. */
const people = document.querySelector("[data-people]");
const more = document.querySelector("[data-more]");
if (people && more) {
  const rows = [...people.children];
  const hide = (from) => rows.forEach((row, number) => { row.hidden = number >= from; });
  let shown = Number(people.dataset.people);
  hide(shown);
  more.hidden = shown >= rows.length;
  more.addEventListener("click", () => {
    shown += 1;
    hide(shown);
    more.hidden = shown >= rows.length;
    rows[shown - 1].querySelector("input").focus();
  });
}

/** Beside the start stands what that is in UTC. */
const starts = document.querySelector("[data-starts]");
const zone = document.querySelector("[data-zone]");
const utc = document.querySelector("[data-utc]");
if (starts && zone && utc) {
  const wallClock = (moment, name) => {
    const parts = Object.fromEntries(
      new Intl.DateTimeFormat("en-GB", { timeZone: name, dateStyle: "short", timeStyle: "medium", hourCycle: "h23" })
        .formatToParts(moment).map((part) => [part.type, part.value]),
    );
    return Date.UTC(+parts.year, +parts.month - 1, +parts.day, +parts.hour, +parts.minute, +parts.second);
  };
  const tell = () => {
    const wanted = Date.parse(`${starts.value}Z`);
    if (Number.isNaN(wanted)) { utc.textContent = ""; return; }
    // Twice: the first guess may lie on the other side of a change of the clocks.
    let moment = wanted;
    for (let round = 0; round < 2; round += 1) moment += wanted - wallClock(new Date(moment), zone.value);
    utc.textContent = `That is ${new Date(moment).toISOString().slice(0, 16).replace("T", " ")} UTC.`;
  };
  starts.addEventListener("input", tell);
  zone.addEventListener("change", tell);
  tell();
}

/** Links are copied with one press. */
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copy);
    const told = document.querySelector("[data-copied]");
    try {
      await navigator.clipboard.writeText(field.value);
      button.firstChild.textContent = "Copied";
      if (told) told.textContent = "Link copied.";
    } catch {
      field.select();
      if (told) told.textContent = "Couldn't copy. Press Ctrl+C to copy the selected link.";
    }
  });
}

/** Where nobody has said which zone they want, times are those of this machine. */
for (const time of document.querySelectorAll("time[data-local]")) {
  time.textContent = new Date(time.dateTime).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}
