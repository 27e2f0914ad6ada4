// What a host sees beside the call: the waiting room, the list of people, and the button that ends the call for everyone.

import { confirmDialog } from "../ui/dialogs.js";
import { byId } from "../ui/dom.js";
import { setIcon } from "../ui/icons.js";
import { Chime } from "./chime.js";
import { Lobby } from "./lobby.js";

const REFRESH_MS = 4000; // of the waiting room, without a new visit
const PEOPLE_REFRESH_MS = 60_000; // of the list of people, in case a change was missed

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
  /** @type {import("./people-panel.js").PeoplePanel | null} */
  #people = null;
  #chime = new Chime();
  #loadedAt = 0;
  #peopleLoadedAt = 0;
  /** The version of the list of people that was loaded last. @type {string | null} */
  #peopleVersion = null;
  #showsPeople = false;
  #inCall = false;
  /** As the host chose; null: open while someone is waiting. @type {boolean | null} */
  #isOpen = null;
  #waiting = 0;
  #listed = 0;

  /**
   * `on.change()` is called when a list has changed, `on.announce(text)` with news to read aloud, and `on.end()` when the
   * host has confirmed; the dialog stays open until the promise is fulfilled, and shows an error if it is rejected.
   * @param {{ voice: Voice, broker: Broker, clock: ServerClock,
   *   on: { change: () => void, announce: (text: string) => void, end: () => Promise<void> } }} options
   */
  constructor({ voice, broker, clock, on }) {
    this.#voice = voice;
    this.#broker = broker;
    this.#clock = clock;
    this.#on = on;
    this.#lobby = new Lobby(byId("lobby"), voice, {
      admit: (entry) => this.#decide((session) => broker.admit(session, entry)),
      deny: (entry) => this.#decide((session) => broker.deny(session, entry)),
      admitAll: () => this.#decide((session) => broker.admitAll(session)),
      arrived: (names) => this.#arrived(names),
    });
    byId("toggle").addEventListener("click", () => this.#toggle());
    byId("people-toggle").addEventListener("click", () => this.#togglePeople());
    this.#addClosing("lobby", "toggle", () => this.#toggle());
    this.#addClosing("people", "people-toggle", () => this.#togglePeople());
    byId("end").addEventListener("click", () => this.confirmEnd());
    const sound = /** @type {HTMLInputElement} */ (byId("chime"));
    sound.checked = this.#chime.isOn;
    sound.addEventListener("change", () => this.#chime.turn(sound.checked));
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
    if (this.#inCall && this.#showsPeople && visit?.people_version !== this.#peopleVersion) this.#refreshPeople();
  }

  /** Once a second. */
  tick() {
    this.#lobby.tick(this.#clock.now());
    // There is no event when a waiting person goes away.
    if (!document.hidden && this.#listed > 0 && Date.now() - this.#loadedAt >= REFRESH_MS) this.#refresh();
    if (!document.hidden && this.#inCall && this.#showsPeople && Date.now() - this.#peopleLoadedAt >= PEOPLE_REFRESH_MS) {
      this.#refreshPeople();
    }
  }

  /** The call is over, or has another host. */
  close() {
    for (const each of document.querySelectorAll("dialog")) each.close();
  }

  /**
   * @param {boolean} inCall
   * @param {{ end: boolean }} controls what the page in the frame has
   */
  draw(inCall, controls) {
    const visit = this.#visit;
    this.#inCall = inCall;
    const isHost = Boolean(visit?.visitor.is_host);
    byId("people-toggle").hidden = !(inCall && isHost);
    byId("people-toggle").setAttribute("aria-expanded", String(this.#showsPeople));
    byId("people").hidden = !(inCall && isHost && this.#showsPeople);
    const hasLobby = isHost && visit?.waiting !== null;
    const isOpen = this.#isOpen ?? this.#listed > 0;
    byId("toggle").setAttribute("aria-expanded", String(isOpen));
    byId("end").hidden = !isHost || controls.end;
    byId("toggle").hidden = !(inCall && hasLobby);
    byId("lobby-close").hidden = !inCall;
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

  /**
   * One sound and one announcement for everyone who has arrived since the list was loaded.
   * @param {string[]} names
   */
  #arrived(names) {
    this.#on.announce(names.map((name) => this.#voice.say("lobby.arrived", { name })).join(" "));
    this.#chime.play().catch(() => {
      // The browser allows no sound yet. The list and the title of the page show the arrival.
    });
  }

  async #refreshPeople() {
    const visit = this.#visit;
    if (!visit?.visitor.is_host) return;
    this.#peopleLoadedAt = Date.now();
    this.#peopleVersion = visit.people_version;
    try {
      // Loaded when it is needed: the page starts without it.
      const { PeoplePanel } = await import("./people-panel.js");
      const people = await this.#broker.sessionPeople(visit.session);
      this.#people ??= new PeoplePanel(byId("people"), this.#voice, {
        remove: (userId, ban) => this.#moderate((session) => this.#broker.remove(session, userId, ban)),
        unblock: (userId) => this.#moderate((session) => this.#broker.unblock(session, userId)),
      });
      this.#people.show(people, visit.visitor.user_id);
    } catch {
      // Load it again at the next visit, or after `REFRESH_MS`.
      this.#peopleVersion = null;
      this.#peopleLoadedAt = Date.now() - PEOPLE_REFRESH_MS + REFRESH_MS;
    }
  }

  /**
   * @template Result
   * @param {(session: Visit["session"]) => Promise<Result>} act
   */
  async #moderate(act) {
    if (!this.#visit) throw new Error("There is no session to moderate.");
    const result = await act(this.#visit.session);
    await this.#refreshPeople();
    return result;
  }

  /** @param {(session: Visit["session"]) => Promise<unknown>} act */
  async #decide(act) {
    if (!this.#visit) return;
    await act(this.#visit.session);
    await this.#refresh();
  }

  /**
   * The button in a panel, and Escape, close it, and return the focus to the button that opens it.
   * @param {string} panel
   * @param {string} toggle
   * @param {() => void} close
   */
  #addClosing(panel, toggle, close) {
    const act = () => {
      close();
      byId(toggle).focus();
    };
    setIcon(byId(`${panel}-close`), "close");
    byId(`${panel}-close`).addEventListener("click", act);
    byId(panel).addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !this.#inCall) return;
      event.preventDefault();
      act();
    });
  }

  #toggle() {
    this.#isOpen = byId("lobby").hidden;
    // There is room for one list beside the call.
    if (this.#isOpen) this.#showsPeople = false;
    this.#on.change();
    if (this.#isOpen) byId("lobby-heading").focus();
  }

  #togglePeople() {
    this.#showsPeople = !this.#showsPeople;
    if (this.#showsPeople) this.#isOpen = false;
    this.#on.change();
    if (!this.#showsPeople) return;
    this.#refreshPeople();
    byId("people-heading").focus();
  }

  /** Ask the host, and end the call for everyone. */
  confirmEnd() {
    if (!this.#visit?.visitor.is_host || document.querySelector("dialog[open]")) return Promise.resolve(false);
    return confirmDialog({
      title: this.#voice.say("call.end.question"),
      text: this.#voice.say("call.end.text"),
      confirm: this.#voice.say("call.end.yes"),
      cancel: this.#voice.say("call.end.no"),
      danger: true,
      failed: this.#voice.say("call.end.failed"),
      act: () => this.#on.end(),
    });
  }
}
