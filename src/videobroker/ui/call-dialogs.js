// The dialogs of the call: devices, and keyboard shortcuts.

import { SHORTCUTS } from "./call-shortcuts.js";
import { dialog } from "./dialogs.js";
import { h } from "./dom.js";

/** @type {import("./call-session.js").DeviceKind[]} */
const KINDS = ["camera", "microphone", "speaker"];

/**
 * Lists the keyboard shortcuts, and turns them on or off.
 * @param {import("./call-texts.js").CallTexts} texts
 * @param {{ isOn: boolean, set: (isOn: boolean) => void }} setting
 */
export function shortcutsDialog(texts, { isOn, set }) {
  const rows = Object.entries(SHORTCUTS).map(([key, action]) =>
    h("div", {}, h("dt", {}, h("kbd", {}, key.toUpperCase())), h("dd", {}, texts.say(`shortcuts.${action}`))),
  );
  const box = h("input", { type: "checkbox", id: "use-shortcuts", checked: isOn, onchange: () => set(box.checked) });
  const element = dialog(
    { title: texts.say("shortcuts.heading") },
    h("dl", { className: "shortcuts" }, ...rows),
    h("label", { className: "check", for: "use-shortcuts" }, box, texts.say("shortcuts.enable")),
  );
  element.append(closing(element, texts.say("shortcuts.close")));
  return element;
}

/** Chooses camera, microphone, and speaker during the call. */
export class DevicesDialog {
  #texts;
  #session;
  #fields = h("div", { className: "fields" });
  #failed;

  /**
   * @param {import("./call-texts.js").CallTexts} texts
   * @param {import("./call-session.js").CallSession} session
   */
  constructor(texts, session) {
    this.#texts = texts;
    this.#session = session;
    this.#failed = h("p", { className: "field-error", role: "alert", hidden: true }, texts.say("devices.failed"));
    this.element = dialog({ title: texts.say("devices.heading") }, this.#fields, this.#failed);
    this.element.append(closing(this.element, texts.say("devices.close")));
  }

  async open() {
    this.#failed.hidden = true;
    await this.refresh(true);
    this.element.showModal();
  }

  /**
   * Show the devices that exist now.
   * @param {boolean} [always] also while the dialog is closed
   */
  async refresh(always = false) {
    if (!always && !this.element.open) return;
    const lists = await Promise.all(KINDS.map((kind) => this.#session.devices(kind)));
    const fields = KINDS.flatMap((kind, index) => (lists[index].length > 0 ? [this.#field(kind, lists[index])] : []));
    const focused = this.#fields.contains(document.activeElement) ? document.activeElement?.id : null;
    this.#fields.replaceChildren(...(fields.length > 0 ? fields : [h("p", {}, this.#texts.say("devices.none"))]));
    if (focused) document.getElementById(focused)?.focus();
  }

  /**
   * @param {import("./call-session.js").DeviceKind} kind
   * @param {import("./call-session.js").Device[]} devices
   */
  #field(kind, devices) {
    const id = `device-${kind}`;
    const options = devices.map(
      (each) => new Option(each.label || this.#texts.say("devices.default"), each.id, false, each.isActive),
    );
    const select = h("select", { id, className: "select", onchange: () => this.#choose(kind, select.value) }, ...options);
    return h("div", { className: "field" }, h("label", { className: "label", for: id }, this.#texts.say(`devices.${kind}`)), select);
  }

  /**
   * @param {import("./call-session.js").DeviceKind} kind
   * @param {string} id
   */
  async #choose(kind, id) {
    this.#failed.hidden = true;
    try {
      await this.#session.switchDevice(kind, id);
    } catch {
      this.#failed.hidden = false;
    }
    await this.refresh();
  }
}

/**
 * @param {HTMLDialogElement} element
 * @param {string} label
 */
function closing(element, label) {
  const button = h("button", { type: "button", className: "button primary", onclick: () => element.close() }, label);
  return h("div", { className: "actions" }, button);
}
