// The bar with the tools of the call, and the menu with the rest of them.

import { item, setItem, tool } from "./call-dom.js";
import { h } from "./dom.js";

/**
 * A toolbar with one tab stop: the arrow keys, Home, and End move along it.
 * @param {string} label
 * @param {...HTMLElement} tools
 */
export function toolbar(label, ...tools) {
  const element = h("div", { className: "toolbar", role: "toolbar", "aria-label": label }, ...tools);
  element.addEventListener("keydown", (event) => walk(element, event));
  element.addEventListener("focusin", (event) => makeTabStop(element, event.target));
  return element;
}

/**
 * Give the toolbar a tab stop that is visible. Before the toolbar is on the page, that is its first tool.
 * @param {HTMLElement} element
 */
export function refreshTabStop(element) {
  const visible = visibleTools(element);
  const current = visible.find((each) => each.tabIndex === 0) ?? visible[0] ?? toolsOf(element)[0];
  if (current) makeTabStop(element, current);
}

/**
 * @param {HTMLElement} element
 * @param {EventTarget | null} target
 */
function makeTabStop(element, target) {
  const chosen = target instanceof Element ? target.closest(".icon-button") : null;
  if (!chosen || !element.contains(chosen)) return;
  for (const each of toolsOf(element)) each.tabIndex = each === chosen ? 0 : -1;
}

/** @param {HTMLElement} element */
function toolsOf(element) {
  return /** @type {NodeListOf<HTMLElement>} */ (element.querySelectorAll(".icon-button"));
}

/** @param {HTMLElement} element */
function visibleTools(element) {
  // Not `hidden` alone: on narrow screens, the style sheet moves some tools to the menu.
  return [...toolsOf(element)].filter((each) => !each.hidden && each.getClientRects().length > 0);
}

/**
 * @param {HTMLElement} element
 * @param {KeyboardEvent} event
 */
function walk(element, event) {
  const tools = visibleTools(element);
  const position = tools.findIndex((each) => each === document.activeElement);
  if (position < 0) return;
  const isRightToLeft = getComputedStyle(element).direction === "rtl";
  const forward = isRightToLeft ? "ArrowLeft" : "ArrowRight";
  const backward = isRightToLeft ? "ArrowRight" : "ArrowLeft";
  const step = event.key === forward ? 1 : event.key === backward ? -1 : 0;
  const ends = event.key === "Home" ? 0 : event.key === "End" ? tools.length - 1 : null;
  const next = ends ?? (position + step + tools.length) % tools.length;
  if (next === position) return;
  event.preventDefault();
  tools[next]?.focus();
}

/** A menu of more actions: a group of buttons that a button shows. */
export class MoreMenu {
  #items;
  #layouts;
  #narrow;

  /**
   * @param {import("./call-texts.js").CallTexts} texts
   * @param {{ opened: () => void, layout: (layout: "grid" | "speaker") => void, pip: () => void, devices: () => void, shortcuts: () => void,
   *   share: () => void, hand: () => void, people: () => void }} actions
   */
  constructor(texts, actions) {
    this.button = tool("more", texts.say("tool.more"), () => this.toggle(), {
      "aria-expanded": "false",
      "aria-controls": "more-menu",
    });
    this.#layouts = {
      grid: item("layout", texts.say("more.grid"), () => actions.layout("grid")),
      speaker: item("layout-speaker", texts.say("more.speaker"), () => actions.layout("speaker")),
    };
    this.pip = item("pip", texts.say("more.pip"), this.#closing(actions.pip));
    // On narrow screens, the bar has no room for these.
    this.#narrow = {
      share: item("screen", texts.say("tool.share"), this.#closing(actions.share)),
      hand: item("hand", texts.say("tool.hand"), this.#closing(actions.hand)),
      people: item("people", texts.say("tool.people"), this.#closing(actions.people)),
    };
    for (const each of Object.values(this.#narrow)) each.classList.add("narrow-only");
    this.#items = h(
      "div",
      { id: "more-menu", className: "menu", hidden: true, role: "group", "aria-label": texts.say("tool.more") },
      h("div", { className: "layouts", role: "group", "aria-label": texts.say("more.layout") }, ...Object.values(this.#layouts)),
      ...Object.values(this.#narrow),
      this.pip,
      item("settings", texts.say("more.devices"), this.#closing(actions.devices)),
      item("keyboard", texts.say("more.shortcuts"), this.#closing(actions.shortcuts)),
    );
    this.element = this.#items;
    this.element.addEventListener("keydown", (event) => this.#pressed(event));
    this.#texts = texts;
    this.#opened = actions.opened;
  }

  #texts;
  #opened;

  get isOpen() {
    return !this.#items.hidden;
  }

  toggle() {
    this.#items.hidden = this.isOpen;
    this.button.setAttribute("aria-expanded", String(this.isOpen));
    if (!this.isOpen) return;
    this.#items.querySelector("button")?.focus();
    this.#opened();
  }

  /** @param {boolean} [focusesButton] */
  close(focusesButton = false) {
    if (this.isOpen) this.toggle();
    if (focusesButton) this.button.focus();
  }

  /**
   * @param {"grid" | "speaker"} layout
   * @param {{ isOpen: boolean, isSupported: boolean }} pip
   */
  update(layout, pip) {
    for (const [name, button] of Object.entries(this.#layouts)) button.setAttribute("aria-pressed", String(name === layout));
    setItem(this.pip, this.#texts.say(pip.isOpen ? "more.pip.close" : "more.pip"));
    this.pip.hidden = !pip.isSupported;
  }

  /**
   * The labels of the tools that are in the menu on narrow screens, and whether the person may share a screen.
   * @param {{ share: string, hand: string, mayShare: boolean }} tools
   */
  updateTools({ share, hand, mayShare }) {
    setItem(this.#narrow.share, share);
    setItem(this.#narrow.hand, hand);
    this.#narrow.share.hidden = !mayShare;
  }

  // The focus returns to the button before a dialog opens: it comes back here when that closes.
  /** @param {() => void} action */
  #closing(action) {
    return () => {
      this.close(true);
      action();
    };
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const items = [...this.#items.querySelectorAll("button")].filter((each) => each.getClientRects().length > 0);
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (event.key === "Escape") {
      event.stopPropagation();
      this.close(true);
    } else if (step !== 0) {
      event.preventDefault();
      const position = items.findIndex((each) => each === document.activeElement);
      items[(position + step + items.length) % items.length]?.focus();
    }
  }
}
