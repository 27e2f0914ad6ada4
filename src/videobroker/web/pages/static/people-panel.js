// The host's list of people: who is in the call, who is not, and who is blocked. Hosts remove, block, and unblock here.

import { confirmDialog } from "../ui/dialogs.js";
import { h, iconButton, part, setText } from "../ui/dom.js";
import { isolated } from "./texts.js";

const MIN_FOR_SEARCH = 11;

/**
 * @typedef {import("videobroker-models").SessionPerson} Person
 * @typedef {import("./texts.js").Voice} Voice
 * @typedef {{ remove: (userId: string, ban: boolean) => Promise<{ enforcement: string }>,
 *   unblock: (userId: string) => Promise<unknown> }} Actions
 */

export class PeoplePanel {
  #root;
  #voice;
  #act;
  /** @type {Person[]} */
  #people = [];
  /** @type {string | null} */
  #me = null;
  #shown = "";

  /**
   * @param {HTMLElement} root
   * @param {Voice} voice
   * @param {Actions} act
   */
  constructor(root, voice, act) {
    this.#root = root;
    this.#voice = voice;
    this.#act = act;
    part(root, "search").addEventListener("input", () => this.#draw());
  }

  /**
   * @param {Person[]} people
   * @param {string} me the host's user ID
   */
  show(people, me) {
    this.#people = people;
    this.#me = me;
    this.#draw();
  }

  #draw() {
    const field = /** @type {HTMLInputElement} */ (part(this.#root, "search"));
    field.hidden = this.#people.length < MIN_FOR_SEARCH && field.value === "";
    const wanted = field.value.trim().toLowerCase();
    const found = this.#people.filter((each) => nameOf(each).toLowerCase().includes(wanted));
    part(this.#root, "empty").hidden = found.length > 0;
    // Redrawing would close nothing, but move the focus: only if something has changed.
    const state = JSON.stringify(found);
    if (state === this.#shown) return;
    this.#shown = state;
    const focused = document.activeElement instanceof HTMLElement ? document.activeElement : null;
    const hadFocus = focused !== null && part(this.#root, "groups").contains(focused);
    const groups = [
      this.#group("people.in_call", found.filter((each) => each.presence === "in_call" && !each.is_blocked)),
      this.#group("people.unknown", found.filter((each) => each.presence === "unknown" && !each.is_blocked)),
      this.#group("people.missing", found.filter((each) => each.presence === "absent" && !each.is_blocked)),
      this.#group("people.blocked", found.filter((each) => each.is_blocked)),
    ];
    part(this.#root, "groups").replaceChildren(...groups.filter((each) => each !== null));
    if (hadFocus) this.#refocus(focused);
  }

  /**
   * The same button in the new list, or the heading.
   * @param {HTMLElement} focused
   */
  #refocus({ dataset: { key } }) {
    const buttons = [...part(this.#root, "groups").querySelectorAll("button")];
    (buttons.find((each) => each.dataset.key === key) ?? part(this.#root, "heading")).focus();
  }

  /**
   * @param {string} heading
   * @param {Person[]} people
   */
  #group(heading, people) {
    if (people.length === 0) return null;
    const list = h("ul", {}, ...people.map((each) => this.#row(each)));
    return h("section", {}, h("h3", {}, this.#voice.say(heading, { count: people.length })), list);
  }

  /** @param {Person} person */
  #row(person) {
    const isMe = person.user_id === this.#me;
    const marks = [
      person.is_host ? this.#voice.say("people.host") : (person.role ?? this.#voice.say("lobby.guest")),
      isMe ? this.#voice.say("people.you") : null,
      person.in_call_since ? this.#since(person.in_call_since) : null,
    ].filter((each) => each !== null);
    const name = h("span", { className: "who" }, isolated(nameOf(person)), h("small", {}, marks.join(" · ")));
    return h("li", {}, name, ...(isMe ? [] : this.#buttons(person)));
  }

  /** @param {string} since */
  #since(since) {
    return this.#voice.say("people.since", { time: this.#voice.clock(new Date(since)) });
  }

  /** @param {Person} person */
  #buttons(person) {
    const name = nameOf(person);
    if (person.is_blocked) {
      const unblock = h(
        "button",
        { type: "button", className: "button small", "aria-label": this.#voice.say("people.unblock.name", { name }) },
        this.#voice.say("people.unblock"),
      );
      unblock.dataset.key = `unblock ${person.user_id}`;
      unblock.addEventListener("click", () => this.#unblock(person, unblock));
      return [unblock];
    }
    const block = iconButton("block", this.#voice.say("people.block", { name }));
    block.dataset.key = `block ${person.user_id}`;
    block.addEventListener("click", () => this.#confirmBlock(person));
    if (person.presence === "absent") return [block];
    const remove = iconButton("remove", this.#voice.say("people.remove", { name }));
    remove.dataset.key = `remove ${person.user_id}`;
    remove.addEventListener("click", () => this.#confirmRemoval(person));
    return [remove, block];
  }

  /** @param {Person} person */
  #confirmRemoval(person) {
    this.#confirm(person, { question: "people.remove.question", text: "people.remove.text", yes: "people.remove.yes", ban: false });
  }

  /** @param {Person} person */
  #confirmBlock(person) {
    this.#confirm(person, { question: "people.block.question", text: "people.block.text", yes: "people.block.yes", ban: true });
  }

  /**
   * @param {Person} person
   * @param {{ question: string, text: string, yes: string, ban: boolean }} texts
   */
  async #confirm(person, { question, text, yes, ban }) {
    const name = nameOf(person);
    let enforcement = "done";
    const confirmed = await confirmDialog({
      title: this.#voice.say(question, { name }),
      text: this.#voice.say(text, { name }),
      confirm: this.#voice.say(yes),
      cancel: this.#voice.say("people.cancel"),
      danger: true,
      failed: this.#voice.say("people.failed"),
      act: async () => {
        ({ enforcement } = await this.#act.remove(person.user_id, ban));
      },
    });
    if (!confirmed) return;
    const outcomes = { pending: "people.pending", impossible: "people.impossible" };
    const done = ban ? "people.banned" : "people.removed";
    const outcome = enforcement === "pending" || enforcement === "impossible" ? outcomes[enforcement] : done;
    this.#say(this.#voice.say(outcome, { name }));
    part(this.#root, "heading").focus();
  }

  /**
   * @param {Person} person
   * @param {HTMLButtonElement} button
   */
  async #unblock(person, button) {
    if (button.ariaDisabled === "true") return;
    button.ariaDisabled = "true";
    try {
      await this.#act.unblock(person.user_id);
      this.#say(this.#voice.say("people.unblocked", { name: nameOf(person) }));
      part(this.#root, "heading").focus();
    } catch {
      this.#say(this.#voice.say("people.failed"));
    }
    button.ariaDisabled = null;
  }

  /** @param {string} text */
  #say(text) {
    setText(part(this.#root, "status"), text);
  }
}

/** @param {Person} person */
function nameOf({ display_name, user_id }) {
  return display_name ?? user_id;
}
