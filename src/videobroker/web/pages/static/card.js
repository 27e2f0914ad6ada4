// The card: what is going on, and what the person can do. It shows every screen except the call.

import { byId, setText } from "../ui/dom.js";
import { setIcon } from "../ui/icons.js";
import { othersText } from "./others.js";
import { screenText } from "./screen-text.js";
import { SCREENS, rejoinText } from "./screens.js";

/**
 * @typedef {import("videobroker-models").Visit} Visit
 * @typedef {import("./texts.js").Voice} Voice
 * @typedef {import("./brand.js").Brand} Brand
 * @typedef {{ visit: Visit | null, broken: string | null, asked: boolean, endedByMe: boolean, isJoining: boolean,
 *   now: number }} CardFacts
 */

export class Card {
  #voice;
  #brand;
  /** @type {string | null} */
  #screen = null;
  #hadScreen = false; // other than "loading"
  /** @type {{ milliseconds: number } | null} */
  #retry = null;
  /** @type {Element | null} */
  #focused = null;

  /**
   * `go()`, `stay()`, and `saveToCalendar()` are called for the buttons.
   * @param {Voice} voice
   * @param {Brand} brand
   * @param {{ go: () => void, stay: () => void, saveToCalendar: () => void }} act
   */
  constructor(voice, brand, act) {
    this.#voice = voice;
    this.#brand = brand;
    byId("go").addEventListener("click", act.go);
    byId("stay").addEventListener("click", act.stay);
    byId("calendar").addEventListener("click", act.saveToCalendar);
    setIcon(byId("calendar"), "calendar");
  }

  get heading() {
    return byId("heading").textContent;
  }

  /** Heading and text, to be read aloud. */
  get summary() {
    const end = /[.?!]$/.test(this.heading) ? "" : ".";
    return `${this.heading}${end} ${byId("text").textContent}`;
  }

  /** Remember what has the focus, before the screen changes. */
  beforeChange() {
    this.#focused = document.activeElement;
  }

  /** @param {boolean} isHidden */
  hide(isHidden) {
    byId("card").hidden = isHidden;
    if (isHidden) this.#screen = null;
  }

  /**
   * @param {string} name
   * @param {CardFacts} facts
   */
  draw(name, facts) {
    const screen = SCREENS[name];
    const { visit, asked, isJoining } = facts;
    const waits = Boolean(screen.waits);
    if (name !== "joining") this.#retry = null;
    byId("icon").querySelector("use")?.setAttribute("href", `#icon-${screen.icon}`);
    byId("icon").classList.toggle("busy", screen.icon === "dots");
    setText(byId("heading"), this.#voice.say(screen.heading));
    setText(byId("text"), this.#text(name, facts));
    const hasTime = Boolean(visit?.session.starts_at);
    byId("when").hidden = !(hasTime && (waits || name === "ready" || name === "unconfirmed"));
    byId("calendar").hidden = !(hasTime && (name === "early" || name === "unconfirmed"));
    this.#drawOthers(waits || name === "ready" || name === "left" ? visit : null);
    byId("countdown").hidden = !screen.countdown;
    this.count(facts);
    byId("asked").hidden = !(waits && asked);
    const go = screen.join ?? screen.again ?? (waits && !asked ? askText(name) : null);
    const again = screen.rejoins && visit ? rejoinText(name, visit) : null;
    this.#button("go", go ?? again, screen.rejoins ?? "primary");
    this.#button("stay", isJoining ? "joining.cancel" : waits && asked ? stayText(name) : null, "quiet");
    this.#brand.draw(screen);
    this.#restoreFocus(name, name !== this.#screen);
    this.#screen = name;
  }

  /**
   * The service or the vendor did not respond; the next attempt is after this time.
   * @param {number} milliseconds
   */
  showRetry(milliseconds) {
    this.#retry = { milliseconds };
    setText(byId("text"), this.#retryText(milliseconds));
  }

  /**
   * Update the countdown. Returns whether it has ended.
   * @param {Pick<CardFacts, "visit" | "now">} facts
   */
  count({ visit, now }) {
    const opensAt = visit?.decision.opens_at;
    if (byId("countdown").hidden || !opensAt) return false;
    const left = Date.parse(opensAt) - now;
    setText(byId("remaining"), this.#voice.length(left));
    return left <= 0;
  }

  /**
   * @param {string} name
   * @param {CardFacts} facts
   */
  #text(name, facts) {
    if (name === "joining" && this.#retry) return this.#retryText(this.#retry.milliseconds);
    const { name: text, moment, code } = screenText(name, facts);
    const values = moment ? { time: this.#voice.clock(moment), day: this.#voice.day(moment) } : { code };
    return this.#voice.say(text, { contact: this.#brand.contact(facts.visit), ...values });
  }

  /** @param {Visit | null} visit */
  #drawOthers(visit) {
    const others = othersText(visit?.others);
    byId("others").hidden = others === null;
    setText(byId("others"), others ? this.#voice.say(others.text, others.values) : "");
  }

  /** @param {number} milliseconds */
  #retryText(milliseconds) {
    return this.#voice.say("joining.trouble", { seconds: Math.ceil(milliseconds / 1000) });
  }

  /**
   * @param {string} id
   * @param {string | null} text
   * @param {string} kind
   */
  #button(id, text, kind) {
    const button = byId(id);
    button.hidden = text === null;
    if (text === null) return;
    setText(button, this.#voice.say(text));
    button.className = kind;
  }

  /**
   * Focus the heading if the focused button is gone or has another action now.
   * @param {string} name
   * @param {boolean} changed
   */
  #restoreFocus(name, changed) {
    const focused = this.#focused;
    const wasOnPage = focused !== null && focused !== document.body && focused !== document.documentElement;
    const isGone = wasOnPage && (!focused.isConnected || focused.closest("[hidden], .unseen") !== null);
    const isReused = changed && focused === byId("go");
    // After a frame was removed, the browser has already moved the focus to the body.
    const isNowhere = changed && !wasOnPage && this.#hadScreen;
    this.#hadScreen ||= name !== "loading";
    if (!isGone && !isReused && !isNowhere) return;
    // Not another button: a second press would undo the first one.
    byId("heading").focus({ preventScroll: true });
  }
}

/** @param {string} name */
function askText(name) {
  return name === "admission" ? "waiting.knock" : "waiting.ask";
}

/** @param {string} name */
function stayText(name) {
  return name === "admission" ? "waiting.withdraw" : "waiting.stay";
}
