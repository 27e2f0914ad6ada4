// Our own icons, as SVG elements. Each is one path on a grid of 24, drawn with lines. `.icon` in kit.css styles them.

/** @type {Record<string, string>} */
const PATHS = {
  mic: "M12 15a3 3 0 0 0 3-3V6a3 3 0 0 0-6 0v6a3 3 0 0 0 3 3Zm6-3a6 6 0 0 1-12 0m6 6v3",
  "mic-off":
    "M15 10V6a3 3 0 0 0-5.9-.8M9 9v3a3 3 0 0 0 4.5 2.6M18 12a6 6 0 0 1-.6 2.6M6 12a6 6 0 0 0 9 5.2M12 18v3M4 4l16 16",
  camera: "M4 7h9a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V9a2 2 0 0 1 2-2Zm11 4 6-3.5v9L15 13",
  "camera-off":
    "M9.5 7H13a2 2 0 0 1 2 2v3.5l6 4v-9L15 11M15 15.5A2 2 0 0 1 13 17H4a2 2 0 0 1-2-2V9a2 2 0 0 1 2-2M4 4l16 16",
  screen: "M4 5h16a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1Zm8 9V8m0 0-3 3m3-3 3 3M9 20h6",
  "screen-off": "M4 5h16a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1Zm5.5 3.5 5 5m0-5-5 5M9 20h6",
  hand: "M8 12.5V6a1.5 1.5 0 0 1 3 0v5m0-6.5a1.5 1.5 0 0 1 3 0V11m0-5a1.5 1.5 0 0 1 3 0v8a7 7 0 0 1-7 7c-3 0-4.5-1.5-5.5-3.5L3.7 14a1.5 1.5 0 0 1 2.5-1.6L8 14.5",
  chat: "M5 5h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-6l-5 4v-4H5a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2Z",
  people:
    "M9 11.8a3.3 3.3 0 1 0 0-6.6 3.3 3.3 0 0 0 0 6.6ZM2.8 19.5c.6-3.5 3-5.3 6.2-5.3s5.6 1.8 6.2 5.3M16 5.5a3.2 3.2 0 0 1 0 6M17.5 14.5c2 .6 3.3 2.2 3.7 5",
  person: "M12 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-7.5 8.5c.8-4 3.6-6 7.5-6s6.7 2 7.5 6",
  settings:
    "M4 7h9m4 0h3M4 17h3m4 0h9M15 9.5a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Zm-6 10a2.5 2.5 0 1 0 0-5 2.5 2.5 0 0 0 0 5Z",
  pin: "M9 4h6l-1 6 3 3v2H7v-2l3-3-1-6Zm3 11v6",
  unpin: "M9.5 7 9 4h6l-.8 5M10 10l-3 3v2h8m2-2-1.5-1.5M12 15v6M4 4l16 16",
  layout: "M4 4h7v7H4Zm9 0h7v7h-7ZM4 13h7v7H4Zm9 0h7v7h-7Z",
  "layout-speaker": "M4 5h16v9H4Zm0 12h4v3H4Zm6 0h4v3h-4Zm6 0h4v3h-4Z",
  pip: "M20 11V6a1 1 0 0 0-1-1H4a1 1 0 0 0-1 1v11a1 1 0 0 0 1 1h6M14 14h7v6h-7Z",
  leave: "M3 14.5c5.4-4.6 12.6-4.6 18 0l-2.5 2.7-4-1.7V13a9 9 0 0 0-5 0v2.5l-4 1.7Z",
  end: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18ZM9 9l6 6m0-6-6 6",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  check: "M5 12.5 10 17.5 19.5 7",
  close: "M6 6l12 12M18 6 6 18",
  send: "M4 12 20 4l-5 16-3.5-6.5Zm7.5 1.5L20 4",
  copy: "M9 9h11v11H9ZM5 15H4V4h11v1",
  calendar: "M4 6h16v14H4Zm0 4.5h16M8.5 3v4m7-4v4",
  clock: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18Zm0 4v5l3.2 2",
  block: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18ZM5.7 5.7l12.6 12.6",
  remove: "M10 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-7 8a7 7 0 0 1 12-4.9M16 18h6",
  star: "M12 3.5l2.6 5.4 5.9.8-4.3 4.1 1 5.9-5.2-2.8-5.2 2.8 1-5.9L3.5 9.7l5.9-.8Z",
  keyboard: "M3 6h18v12H3Zm4 4h.01M11 10h.01M15 10h.01M18 10h.01M7 14h10",
  previous: "m15 5-7 7 7 7",
  next: "m9 5 7 7-7 7",
  move: "M12 3v18M3 12h18M9 6l3-3 3 3M9 18l3 3 3-3M6 9l-3 3 3 3m12-6 3 3-3 3",
};

const SVG = "http://www.w3.org/2000/svg";

/** The names of all icons. */
export const ICON_NAMES = Object.freeze(Object.keys(PATHS));

/**
 * A decorative icon, hidden from screen readers: the control around it has the name.
 * @param {string} name
 * @returns {SVGSVGElement}
 */
export function icon(name) {
  const path = PATHS[name];
  if (path === undefined) throw new Error(`There is no icon ${name}.`);
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.dataset.icon = name;
  const shape = document.createElementNS(SVG, "path");
  shape.setAttribute("d", path);
  svg.append(shape);
  return svg;
}

/**
 * Put an icon at the beginning of an element, or replace the one that it has.
 * @param {Element} element
 * @param {string} name
 */
export function setIcon(element, name) {
  const current = element.querySelector(":scope > svg.icon");
  if (current instanceof SVGElement && current.dataset.icon === name) return;
  if (current) current.replaceWith(icon(name));
  else element.prepend(icon(name));
}
