// What a host sees beside the call: the waiting room, and the button that ends the call for everyone.

import { byId } from "../ui/dom.js";
import { Lobby } from "./lobby.js";

const REFRESH_MS = 4000; // without a new visit

/**
 * @typedef {import("videobroker-models").Visit} Visit
 * @typedef {import("./texts.js").Voice} Voice
 * @typedef {import("./broker.js").Broker} Broker
 * @typedef {import("./clock.js").ServerClock} ServerClock
 */

export class HostTools {
  #voice;
  #broker;
  #clock;
  #on;
  #lobby;
  /** @type {Visit | null} */
  #visit = null;
  /** @type {HTMLDialogElement} */
  #ending;
  #loadedAt = 0;
  /** As the host chose; null: open while someone is waiting. @type {boolean | null} */
  #isOpen = null;
  #waiting = 0;
  #listed = 0;

  /**
   * `on.change()` is called when the list has changed, `on.announce(text)` with news to read aloud, and `on.end()` when the
   * host has confirmed; the dialog stays open until the promise is fulfilled, and shows an error if it is rejected.
   * @param {{ voice: Voice, broker: Broker, clock: ServerClock,
   *   on: { change: () => void, announce: (text: string) => void, end: () => Promise<void> } }} options
   */
  constructor({ voice, broker, clock, on }) {
    this.#voice = voice;
    this.#broker = broker;
    this.#clock = clock;
    this.#on = on;
    this.#ending = /** @type {HTMLDialogElement} */ (byId("ending"));
    this.#lobby = new Lobby(byId("lobby"), voice, {
      admit: (entry) => this.#decide((session) => broker.admit(session, entry)),
      deny: (entry) => this.#decide((session) => broker.deny(session, entry)),
      admitAll: () => this.#decide((session) => broker.admitAll(session)),
      arrived: (name) => on.announce(voice.say("lobby.arrived", { name })),
    });
    byId("toggle").addEventListener("click", () => this.#toggle());
    byId("end").addEventListener("click", () => this.#confirmEnd());
    byId("ending-no").addEventListener("click", () => this.#ending.close());
    byId("ending-yes").addEventListener("click", () => this.#end());
  }

  /** How many people wait. */
  get waiting() {
    return this.#waiting;
  }

  /**
   * A new visit; null if the ticket is no longer valid.
   * @param {Visit | null} visit
   */
  update(visit) {
    this.#visit = visit;
    this.#refresh();
  }

  /** Once a second. */
  tick() {
    this.#lobby.tick(this.#clock.now());
    // There is no event when a waiting person goes away.
    if (!document.hidden && this.#listed > 0 && Date.now() - this.#loadedAt >= REFRESH_MS) this.#refresh();
  }

  /** The call is over, or has another host. */
  close() {
    if (this.#ending.open) this.#ending.close();
  }

  /** @param {boolean} inCall */
  draw(inCall) {
    const visit = this.#visit;
    const isHost = Boolean(visit?.visitor.is_host);
    const hasLobby = isHost && visit?.waiting !== null;
    const isOpen = this.#isOpen ?? this.#listed > 0;
    byId("toggle").setAttribute("aria-expanded", String(isOpen));
    byId("end").hidden = !isHost;
    byId("toggle").hidden = !(inCall && hasLobby);
    byId("lobby").hidden = !(hasLobby && (inCall ? isOpen : this.#listed > 0));
    byId("count").textContent = this.#waiting > 0 ? String(this.#waiting) : "";
    const label = `${this.#voice.say("lobby.toggle")}: ${this.#voice.say("lobby.count", { count: this.#waiting })}`;
    byId("toggle").setAttribute("aria-label", label);
  }

  async #refresh() {
    const visit = this.#visit;
    // Null except for hosts of a session whose waiting room is `admit`.
    if ((visit?.waiting ?? null) === null || !visit) return;
    this.#loadedAt = Date.now();
    try {
      const found = await this.#broker.lobby(visit.session);
      this.#waiting = found.filter((each) => each.state === "waiting").length;
      this.#listed = found.length;
      this.#lobby.show(found, this.#clock.now());
      this.#on.change();
    } catch {
      // It is loaded again soon. If the service is unavailable, the page already shows that.
    }
  }

  /** @param {(session: Visit["session"]) => Promise<unknown>} act */
  async #decide(act) {
    if (!this.#visit) return;
    await act(this.#visit.session);
    await this.#refresh();
  }

  #toggle() {
    this.#isOpen = byId("lobby").hidden;
    this.#on.change();
    if (this.#isOpen) byId("lobby-heading").focus();
  }

  #confirmEnd() {
    byId("ending-status").textContent = "";
    this.#ending.showModal();
  }

  async #end() {
    try {
      await this.#on.end();
    } catch {
      byId("ending-status").textContent = this.#voice.say("call.end.failed");
    }
  }
}
