// The panels beside the tiles: chat and people.

import { relabel, tool } from "./call-dom.js";
import { MAX_TEXT_CHARACTERS } from "./call-session.js";
import { h, iconButton, setText } from "./dom.js";
import { icon } from "./icons.js";

export class ChatPanel {
  #texts;
  #send;
  #log;
  #scrolled;
  #empty;
  #note;
  #failed;
  #text;

  /**
   * @param {import("./call-texts.js").CallTexts} texts
   * @param {{ close: () => void, send: (text: string) => Promise<void> }} actions
   */
  constructor(texts, { close, send }) {
    this.#texts = texts;
    this.#send = send;
    this.#log = h("div", { className: "log", role: "log", "aria-label": texts.say("chat.log"), tabIndex: 0 });
    this.#empty = h("p", { className: "quiet" }, texts.say("chat.empty"));
    this.#note = h("p", { className: "quiet note" }, texts.say("chat.no_history"));
    this.#failed = h("p", { className: "field-error", role: "alert", hidden: true }, texts.say("chat.failed"));
    this.#text = h("textarea", {
      id: "chat-text",
      name: "text",
      className: "input",
      rows: 1,
      maxLength: MAX_TEXT_CHARACTERS,
      autocomplete: "off",
      dir: "auto",
      placeholder: texts.say("chat.placeholder"),
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.#pressed(event),
    });
    this.#scrolled = h("div", { className: "scrolled" }, this.#empty, this.#log);
    this.element = h(
      "aside",
      { className: "side chat", hidden: true, "aria-label": texts.say("chat.heading") },
      h("header", {}, h("h2", {}, texts.say("chat.heading")), tool("close", texts.say("chat.close"), close)),
      this.#note,
      this.#scrolled,
      this.#failed,
      h(
        "form",
        {
          onsubmit: (/** @type {SubmitEvent} */ event) => {
            event.preventDefault();
            this.#submit();
          },
        },
        h("label", { for: "chat-text", className: "visually-hidden" }, texts.say("chat.label")),
        this.#text,
        iconButton("send", texts.say("chat.send"), { type: "submit", className: "send" }),
      ),
    );
    this.#log.hidden = true;
  }

  /** @param {boolean} hasHistory */
  update(hasHistory) {
    this.#note.hidden = hasHistory;
  }

  /** @param {import("./call-session.js").ChatMessage} message */
  add({ from, name, text, at, isMine }) {
    const texts = this.#texts;
    const sender = isMine ? texts.say("call.you") : (name ?? texts.say(from ? "call.unnamed" : "chat.service"));
    const time = h("time", { dateTime: new Date(at).toISOString() }, texts.clock(at));
    this.#log.append(
      h(
        "div",
        { className: isMine ? "message mine" : "message" },
        h("b", { dir: "auto" }, sender),
        " ",
        time,
        h("p", { dir: "auto" }, text),
      ),
    );
    this.#empty.hidden = true;
    this.#log.hidden = false;
    this.#scrolled.scrollTop = this.#scrolled.scrollHeight;
  }

  clear() {
    this.#log.replaceChildren();
    this.#log.hidden = true;
    this.#empty.hidden = false;
  }

  focus() {
    this.#text.focus();
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    this.#submit();
  }

  async #submit() {
    const text = this.#text.value.trim();
    if (text === "") return;
    this.#text.value = "";
    this.#failed.hidden = true;
    try {
      await this.#send(text);
    } catch {
      this.#failed.hidden = false;
      if (this.#text.value === "") this.#text.value = text;
    }
  }
}

/**
 * @typedef {object} Row
 * @property {import("./call-session.js").Person} person
 * @property {string} name
 * @property {boolean} isSelf
 * @property {boolean} isPinned
 * @property {boolean} isRemovable
 */

export class PeoplePanel {
  #texts;
  #actions;
  #heading = h("h2", { tabIndex: -1 });
  #list;
  /** @type {Map<string, PersonRow>} */
  #rows = new Map();

  /**
   * @param {import("./call-texts.js").CallTexts} texts
   * @param {{ close: () => void, pin: (id: string) => void, remove: (id: string) => void }} actions
   */
  constructor(texts, actions) {
    this.#texts = texts;
    this.#actions = actions;
    this.#list = h("ul", { className: "people-list", role: "list", "aria-label": texts.say("people.list") });
    this.element = h(
      "aside",
      { className: "side people", hidden: true, "aria-label": texts.say("call.people") },
      h("header", {}, this.#heading, tool("close", texts.say("people.close"), actions.close)),
      h("div", { className: "scrolled" }, this.#list),
    );
  }

  /**
   * People with raised hands come first, in their order.
   * @param {Row[]} rows
   */
  update(rows) {
    this.#heading.textContent = this.#texts.say("people.heading", { count: rows.length });
    const hands = rows.filter(({ person }) => person.hand).sort((a, b) => a.person.hand - b.person.hand);
    const order = [...hands, ...rows.filter(({ person }) => !person.hand)];
    const ids = new Set(order.map(({ person }) => person.id));
    for (const [id, row] of this.#rows) {
      if (ids.has(id)) continue;
      row.element.remove();
      this.#rows.delete(id);
    }
    order.forEach((row, position) => this.#place(row, position, hands.indexOf(row) + 1));
  }

  focus() {
    this.#heading.focus();
  }

  /**
   * @param {Row} content
   * @param {number} position
   * @param {number} handOrder
   */
  #place(content, position, handOrder) {
    const { id } = content.person;
    let row = this.#rows.get(id);
    if (!row) {
      row = new PersonRow(this.#texts, { pin: () => this.#actions.pin(id), remove: () => this.#actions.remove(id) });
      this.#rows.set(id, row);
    }
    row.update(content, handOrder);
    // Moving an element takes the focus from it: only if it is at another place.
    if (this.#list.children[position] !== row.element) this.#list.insertBefore(row.element, this.#list.children[position] ?? null);
  }
}

class PersonRow {
  #texts;
  #name = h("bdi", { className: "who" });
  #role = h("span", { className: "role" });
  #hand = h("span", { className: "hand-order", hidden: true });
  #microphone = h("span", { className: "mark" });
  #camera = h("span", { className: "mark" });
  #pin;
  #remove;

  /**
   * @param {import("./call-texts.js").CallTexts} texts
   * @param {{ pin: () => void, remove: () => void }} actions
   */
  constructor(texts, { pin, remove }) {
    this.#texts = texts;
    this.#pin = tool("pin", "", pin);
    this.#remove = tool("remove", "", remove, { hidden: true });
    this.element = h(
      "li",
      {},
      h("div", { className: "person" }, this.#name, this.#role),
      this.#hand,
      this.#microphone,
      this.#camera,
      this.#pin,
      this.#remove,
    );
  }

  /**
   * @param {Row} row
   * @param {number} handOrder
   */
  update({ person, name, isSelf, isPinned, isRemovable }, handOrder) {
    const texts = this.#texts;
    const label = isSelf ? "call.name.you" : person.isGuest ? "call.name.guest" : null;
    setText(this.#name, label ? texts.say(label, { name }) : name);
    this.#role.textContent = person.role ?? "";
    this.#hand.hidden = handOrder === 0;
    setMark(this.#hand, "hand", texts.say("people.hand", { order: handOrder }), String(handOrder));
    setMark(this.#microphone, ...device(texts, "microphone", person.microphone));
    setMark(this.#camera, ...device(texts, "camera", person.camera));
    this.#pin.hidden = isSelf;
    this.#pin.setAttribute("aria-pressed", String(isPinned));
    relabel(this.#pin, "pin", texts.say("tile.pin", { name }));
    relabel(this.#remove, "remove", texts.say("tile.remove", { name }));
    this.#remove.hidden = !isRemovable;
  }
}

/**
 * The icon and the text of a device.
 * @param {import("./call-texts.js").CallTexts} texts
 * @param {"microphone" | "camera"} kind
 * @param {boolean} isOn
 * @returns {[string, string]}
 */
function device(texts, kind, isOn) {
  const name = kind === "microphone" ? "mic" : "camera";
  return [isOn ? name : `${name}-off`, texts.say(`people.${kind}_${isOn ? "on" : "off"}`)];
}

/**
 * @param {HTMLElement} element
 * @param {string} name
 * @param {string} text
 * @param {string} [visible]
 */
function setMark(element, name, text, visible = "") {
  const state = `${name} ${text}`;
  if (element.dataset.state === state) return;
  element.dataset.state = state;
  const parts = [icon(name), h("span", { className: "visually-hidden" }, text)];
  if (visible) parts.push(h("span", { "aria-hidden": "true" }, visible));
  element.replaceChildren(...parts);
}
