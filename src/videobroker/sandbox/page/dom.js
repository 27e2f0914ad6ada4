/** Elements of the preview. */

import { h } from "../ui/dom.js";
import { icon, setIcon } from "../ui/icons.js";

/**
 * A button with an icon above its text.
 * @param {string} name
 * @param {string} label
 * @param {() => void} onclick
 * @param {Record<string, unknown>} [properties]
 */
export function button(name, label, onclick, properties = {}) {
  return h("button", { type: "button", onclick, ...properties }, icon(name), h("span", {}, label));
}

/**
 * Change the icon and the text of a button, if they differ.
 * @param {HTMLElement} element
 * @param {string} name
 * @param {string} label
 */
export function relabel(element, name, label) {
  setIcon(element, name);
  const text = element.querySelector("span");
  if (text && text.textContent !== label) text.textContent = label;
}
