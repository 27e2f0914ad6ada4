// The host's list of people in the waiting room.

import { part } from "../ui/dom.js";
import { isolated } from "./texts.js";

const MAX_LISTED = 1000;
const MIN_FOR_SEARCH = 11;

/**
 * @typedef {import("videobroker-models").LobbyEntry} LobbyEntry
 * @typedef {import("./texts.js").Voice} Voice
 * @typedef {{ admit: (entry: string) => Promise<unknown>, deny: (entry: string) => Promise<unknown>,
 *   admitAll: () => Promise<unknown>, arrived: (names: string[]) => void }} Actions
 */

export class Lobby {
  #root;
  #voice;
  #act;
  /** @type {Map<string, LobbyEntry>} */
  #entries = new Map();
  /** @type {Map<string, HTMLLIElement>} */
  #rows = new Map();

  /**
   * `act.arrived(names)` is called for new entries, once for each list that has some.
   * @param {HTMLElement} root
   * @param {Voice} voice
   * @param {Actions} act
   */
  constructor(root, voice, act) {
    this.#root = root;
    this.#voice = voice;
    this.#act = act;
    this.#part("search").addEventListener("input", () => this.#filter());
    this.#part("all").addEventListener("click", () => this.#do(() => act.admitAll(), [this.#part("all")]));
  }

  /**
   * Show these entries. `now` is the server's time in milliseconds.
   * @param {LobbyEntry[]} entries
   * @param {number} now
   */
  show(entries, now) {
    const arrived = entries.filter((each) => !this.#entries.has(each.entry));
    if (arrived.length > 0) this.#act.arrived(arrived.map(nameOf));
    this.#entries = new Map(entries.map((each) => [each.entry, each]));
    this.#draw(now);
    this.#part("empty").hidden = entries.length > 0;
    this.#part("all").hidden = entries.length < 2;
    this.#part("all").textContent = this.#allText(entries.length);
    this.#filter();
  }

  /** A search finds people in a long list. */
  #filter() {
    const field = /** @type {HTMLInputElement} */ (this.#part("search"));
    field.hidden = this.#entries.size < MIN_FOR_SEARCH && field.value === "";
    const wanted = field.value.trim().toLowerCase();
    for (const [id, row] of this.#rows) {
      const entry = this.#entries.get(id);
      row.hidden = entry !== undefined && !nameOf(entry).toLowerCase().includes(wanted);
    }
  }

  /**
   * No count for a full list: the service admits also the entries that it does not list.
   * @param {number} count
   */
  #allText(count) {
    return count < MAX_LISTED ? this.#voice.say("lobby.admit_all.count", { count }) : this.#voice.say("lobby.admit_all");
  }

  /**
   * Update how long each person has been waiting.
   * @param {number} now
   */
  tick(now) {
    for (const [id, row] of this.#rows) {
      const entry = this.#entries.get(id);
      if (!entry) continue;
      const { asked_at, state } = entry;
      const since = now - Date.parse(asked_at);
      // In whole minutes, so that the text does not change every second.
      const duration = since < 60_000 ? "" : this.#voice.say("lobby.since", { time: this.#voice.length(since - 59_000) });
      const status = state === "stranded" ? this.#voice.say("lobby.stranded") : duration;
      row.classList.toggle("stranded", state === "stranded");
      const element = row.querySelector("small");
      if (element && element.textContent !== status) element.textContent = status;
    }
  }

  /** @param {number} now */
  #draw(now) {
    const list = this.#part("list");
    const focused = document.activeElement;
    for (const [id, row] of this.#rows) {
      if (this.#entries.has(id)) continue;
      if (row.contains(focused)) this.#part("heading").focus();
      row.remove();
      this.#rows.delete(id);
    }
    for (const [id, entry] of this.#entries) {
      if (this.#rows.has(id)) continue;
      const row = this.#row(entry);
      this.#rows.set(id, row);
      list.append(row);
    }
    this.tick(now);
  }

  /** @param {LobbyEntry} entry */
  #row(entry) {
    const row = document.createElement("li");
    const name = document.createElement("span");
    name.className = "who";
    name.append(isolated(nameOf(entry)), entry.is_guest ? ` (${this.#voice.say("lobby.guest")})` : "");
    const since = document.createElement("small");
    name.append(since);
    const admit = this.#button("lobby.admit", "lobby.admit.name", entry, "primary");
    const deny = this.#button("lobby.deny", "lobby.deny.name", entry, "quiet");
    admit.addEventListener("click", () => this.#do(() => this.#act.admit(entry.entry), [admit, deny]));
    deny.addEventListener("click", () => this.#do(() => this.#act.deny(entry.entry), [admit, deny]));
    const buttons = document.createElement("span");
    buttons.className = "decide";
    buttons.append(admit, deny);
    row.append(name, buttons);
    return row;
  }

  /**
   * @param {string} text
   * @param {string} label
   * @param {LobbyEntry} entry
   * @param {string} kind
   */
  #button(text, label, entry, kind) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = `${kind} small`;
    button.textContent = this.#voice.say(text);
    button.setAttribute("aria-label", this.#voice.say(label, { name: nameOf(entry) }));
    return button;
  }

  /**
   * @param {() => Promise<unknown>} act
   * @param {HTMLElement[]} buttons
   */
  async #do(act, buttons) {
    for (const each of buttons) each.setAttribute("aria-disabled", "true");
    this.#part("status").textContent = "";
    try {
      await act();
    } catch {
      this.#part("status").textContent = this.#voice.say("lobby.failed");
    }
    for (const each of buttons) each.removeAttribute("aria-disabled");
  }

  /** @param {string} name */
  #part(name) {
    return part(this.#root, name);
  }
}

/** @param {LobbyEntry} entry */
function nameOf({ display_name, user_id }) {
  return display_name ?? user_id;
}
