// The style that the embedding page has chosen.

import { readableOn } from "./parent.js";

/**
 * Apply it to this page. The text on the accent color stays readable.
 * @param {import("./parent.js").EmbedStyle} chosen
 */
export function applyStyle({ accent, radius, scheme }) {
  const { style, dataset } = document.documentElement;
  if (scheme) dataset.scheme = scheme;
  else delete dataset.scheme;
  setOrRemove(style, "--radius", radius);
  setOrRemove(style, "--brand", accent);
  setOrRemove(style, "--on-brand", accent && readableOn(accent));
}

/**
 * @param {CSSStyleDeclaration} style
 * @param {string} name
 * @param {string | null} value
 */
function setOrRemove(style, name, value) {
  if (value) style.setProperty(name, value);
  else style.removeProperty(name);
}
