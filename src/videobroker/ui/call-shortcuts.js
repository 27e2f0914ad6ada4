// Keyboard shortcuts of a single character. WCAG 2.1.4: they can be turned off, and never act while a person is typing.

/** @typedef {"microphone" | "camera" | "chat" | "hand" | "share" | "people" | "help"} ShortcutAction */

/** @type {Record<string, ShortcutAction>} */
export const SHORTCUTS = {
  m: "microphone",
  v: "camera",
  s: "share",
  h: "hand",
  c: "chat",
  p: "people",
  "?": "help",
};

const STORAGE_KEY = "videobroker-shortcuts";
const TYPING = "input:not([type=checkbox], [type=radio], [type=button]), textarea, select, [contenteditable]";

/**
 * The action of a key press, or null.
 * @param {{ key: string, ctrlKey: boolean, metaKey: boolean, altKey: boolean, repeat: boolean, target: EventTarget | null }} event
 * @returns {ShortcutAction | null}
 */
export function shortcutOf({ key, ctrlKey, metaKey, altKey, repeat, target }) {
  if (ctrlKey || metaKey || altKey || repeat) return null;
  if (/** @type {Element | null} */ (target)?.closest?.(TYPING)) return null;
  const name = key.toLowerCase();
  return Object.hasOwn(SHORTCUTS, name) ? SHORTCUTS[name] : null;
}

/** Whether the person wants shortcuts. Browsers may deny access to the storage, for example in a frame. */
export function loadShortcuts() {
  try {
    return localStorage.getItem(STORAGE_KEY) !== "off";
  } catch {
    return true;
  }
}

/** @param {boolean} isOn */
export function saveShortcuts(isOn) {
  try {
    localStorage.setItem(STORAGE_KEY, isOn ? "on" : "off");
  } catch {
    // The choice applies to this call only.
  }
}
