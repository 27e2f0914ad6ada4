// Short messages at the edge of the page. Screen readers read them aloud.

import { h } from "./dom.js";

const SHOWN_FOR_MS = 6000;
const MAX_SHOWN = 3;

export class Toasts {
  #region = h("div", { className: "toasts", role: "status", "aria-live": "polite" });

  /** @param {ParentNode} [parent] */
  constructor(parent = document.body) {
    parent.append(this.#region);
  }

  /**
   * Show a message. It disappears after some seconds, unless the person points at it or has moved the focus into it; one
   * with an action stays until the person uses it.
   * @param {string} text
   * @param {{ label: string, act: () => void }} [action]
   * @returns {() => void} removes it
   */
  show(text, action) {
    const toast = h("div", { className: "toast" }, h("span", {}, text));
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    let timer;
    const remove = () => {
      clearTimeout(timer);
      toast.remove();
    };
    const restart = () => {
      clearTimeout(timer);
      if (!action) timer = setTimeout(remove, SHOWN_FOR_MS);
    };
    if (action) {
      const act = () => {
        remove();
        action.act();
      };
      toast.append(h("button", { type: "button", onclick: act }, action.label));
    }
    toast.addEventListener("mouseenter", () => clearTimeout(timer));
    toast.addEventListener("mouseleave", restart);
    this.#region.append(toast);
    while (this.#region.childElementCount > MAX_SHOWN) this.#region.firstElementChild?.remove();
    restart();
    return remove;
  }
}
