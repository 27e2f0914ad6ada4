// Small helpers for the DOM.

import { icon } from "./icons.js";

/**
 * An element with properties (`className`, `onclick`, `hidden`), attributes (names with a hyphen, `role`, and `for`), and
 * children. Properties that are null or undefined are left out.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown>} [properties]
 * @param {...(Node | string | null | undefined)} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, String(value));
    else Object.assign(element, { [name]: value });
  }
  for (const child of children) {
    if (child !== null && child !== undefined) element.append(child);
  }
  return element;
}

/**
 * The element with this ID. Throws if there is none.
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`There is no element #${id}.`);
  return element;
}

/**
 * The element below `root` with this `data-part`. Throws if there is none.
 * @param {ParentNode} root
 * @param {string} name
 * @returns {HTMLElement}
 */
export function part(root, name) {
  const element = root.querySelector(`[data-part="${name}"]`);
  if (!(element instanceof HTMLElement)) throw new Error(`There is no part ${name}.`);
  return element;
}

/**
 * The content of the `<meta>` element `videobroker-{name}`, or "".
 * @param {string} name
 */
export function meta(name) {
  return document.querySelector(`meta[name="videobroker-${name}"]`)?.getAttribute("content") ?? "";
}

/**
 * Set the text if it differs: a live region reads an equal text again.
 * @param {Element} element
 * @param {string} text
 */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * A button with an icon. The label is its accessible name and its tooltip.
 * @param {string} iconName
 * @param {string} label
 * @param {Record<string, unknown>} [properties]
 */
export function iconButton(iconName, label, properties = {}) {
  const { className = "", ...rest } = properties;
  return h(
    "button",
    { type: "button", title: label, "aria-label": label, ...rest, className: `icon-button ${className}`.trim() },
    icon(iconName),
  );
}

/**
 * Whether the focus may move within this document. A frame that is not in use must not take the focus from the page
 * around it: someone may be typing there.
 */
export function mayMoveFocus() {
  return window.parent === window || document.hasFocus();
}
