/** Creates elements. */

const ICONS = {
  mic: "M12 15a3 3 0 0 0 3-3V6a3 3 0 0 0-6 0v6a3 3 0 0 0 3 3Zm6-3a6 6 0 0 1-12 0m6 6v3",
  micOff: "M15 10V6a3 3 0 0 0-5.9-.8M9 9v3a3 3 0 0 0 4.5 2.6M18 12a6 6 0 0 1-.6 2.6M6 12a6 6 0 0 0 9 5.2M12 18v3M4 4l16 16",
  camera: "M4 7h9a2 2 0 0 1 2 2v6a2 2 0 0 1-2 2H4a2 2 0 0 1-2-2V9a2 2 0 0 1 2-2Zm11 4 6-3.5v9L15 13",
  cameraOff: "M9.5 7H13a2 2 0 0 1 2 2v3.5l6 4v-9L15 11M15 15.5A2 2 0 0 1 13 17H4a2 2 0 0 1-2-2V9a2 2 0 0 1 2-2M4 4l16 16",
  screen: "M4 5h16a1 1 0 0 1 1 1v10a1 1 0 0 1-1 1H4a1 1 0 0 1-1-1V6a1 1 0 0 1 1-1Zm8 9V8m0 0-3 3m3-3 3 3M9 20h6",
  chat: "M5 5h14a2 2 0 0 1 2 2v8a2 2 0 0 1-2 2h-6l-5 4v-4H5a2 2 0 0 1-2-2V7a2 2 0 0 1 2-2Z",
  leave: "M3 14.5c5.4-4.6 12.6-4.6 18 0l-2.5 2.7-4-1.700V13a9 9 0 0 0-5 0v2.500l-4 1.700Z",
  end: "M12 3a9 9 0 1 1 0 18 9 9 0 0 1 0-18Zm-3 6 6 6m0-6-6 6",
  close: "M6 6l12 12M18 6 6 18",
  send: "M4 12 20 4l-5 16-3.5-6.500Zm7.5 1.500L20 4",
  remove: "M10 12a4 4 0 1 0 0-8 4 4 0 0 0 0 8Zm-7 8a7 7 0 0 1 12-4.900M16 18h6",
};

/** An element with properties, attributes (`aria-…`, `data-…`), listeners (`onclick`) and children. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.includes("-") || name === "role" || name === "for") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A decorative icon, hidden from screen readers. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button with an icon above its text. */
export function button(name, label, onclick, properties = {}) {
  return h("button", { type: "button", onclick, ...properties }, icon(name), h("span", {}, label));
}

/** Change the icon and the text of a button, if they differ. */
export function relabel(element, name, label) {
  if (element.dataset.icon === name && element.lastChild.textContent === label) return;
  element.dataset.icon = name;
  element.firstChild.replaceWith(icon(name));
  element.lastChild.textContent = label;
}
