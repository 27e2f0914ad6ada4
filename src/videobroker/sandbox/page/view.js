/** The preview before the call, and the card at the end. They render state, and decide nothing. */

import { h } from "../ui/dom.js";
import { initials } from "../ui/initials.js";
import { button, relabel } from "./dom.js";

/**
 * @typedef {import("./devices.js").Devices} Devices
 * @typedef {import("./devices.js").Kind} Kind
 * @typedef {{ say: (text: string, values?: Record<string, string>) => string }} Texts
 * @typedef {{ element: HTMLElement, focus?: () => void, close?: () => void }} View
 */

/** @type {Kind[]} */
const BOTH = ["audio", "video"];
/** @type {Record<Kind, Record<string, string>>} */
const NOTES = {
  video: {
    denied: "Your camera is blocked.",
    missing: "No camera found.",
    busy: "Another app is using your camera.",
    insecure: "A camera works only on https pages and on localhost.",
  },
  audio: {
    denied: "Your microphone is blocked.",
    missing: "No microphone found.",
    busy: "Another app is using your microphone.",
    insecure: "A microphone works only on https pages and on localhost.",
  },
};
const KINDS = { video: "Camera", audio: "Microphone" };

/**
 * A card with a title, a sentence and perhaps something to do.
 * @param {string} title
 * @param {string} sentence
 * @param {...HTMLElement} actions
 * @returns {View}
 */
export function card(title, sentence, ...actions) {
  const heading = h("h1", { tabIndex: -1 }, title);
  const element = h("main", { className: "card" }, heading, h("p", { role: "status" }, sentence));
  if (actions.length) element.append(h("div", { className: "actions" }, ...actions));
  return { element, focus: () => heading.focus() };
}

/** Camera, microphone and name, before the call. */
export class Preview {
  #devices;
  #texts;
  #video = h("video", { autoplay: true, muted: true, playsInline: true });
  #avatar = h("div", { className: "avatar" });
  #notes = h("div", { className: "notes", role: "status" });
  #level = h("i");
  #mic;
  #camera;
  #choices = h("div", { className: "choices" });
  #frame = 0;
  #join = h("button", { className: "primary", type: "submit" });

  /**
   * @param {{ title: string, role?: string, name: string, locked: boolean, devices: Devices, texts: Texts,
   *   join: (name: string) => void, retry: () => void }} options
   */
  constructor({ title, role, name, locked, devices, texts, join, retry }) {
    this.#devices = devices;
    this.#texts = texts;
    this.#video.setAttribute("aria-label", texts.say("Your camera"));
    this.#join.textContent = texts.say("Join");
    this.#mic = button("mic", texts.say("Mute"), () => devices.set("audio", !devices.on("audio")), { className: "tool" });
    this.#camera = button("camera", texts.say("Camera off"), () => devices.set("video", !devices.on("video")), {
      className: "tool",
    });
    this.retry = h("button", { type: "button", className: "link", onclick: retry }, texts.say("Try again"));
    this.name = h("input", {
      id: "name",
      name: "name",
      value: name,
      required: true,
      maxLength: 100,
      autocomplete: "name",
      dir: "auto",
      readOnly: locked,
      oninput: () => this.update(),
    });
    const form = h(
      "form",
      {
        onsubmit: (/** @type {SubmitEvent} */ event) => {
          event.preventDefault();
          join(this.name.value.trim());
        },
      },
      h("label", { for: "name" }, texts.say("Your name")),
      this.name,
      this.#choices,
      this.#join,
    );
    this.element = h(
      "main",
      { className: "preview" },
      h("header", {}, h("h1", {}, title), role ? h("p", {}, texts.say("Role: {role}", { role })) : null),
      h(
        "section",
        { className: "tile self", "aria-label": texts.say("Preview") },
        this.#video,
        this.#avatar,
        h("div", { className: "level", "aria-hidden": "true" }, this.#level),
        h("div", { className: "tools" }, this.#mic, this.#camera),
      ),
      h("div", { className: "side" }, this.#notes, form),
    );
    this.update();
    this.#listen();
  }

  /** @param {boolean} busy */
  busy(busy) {
    this.#join.disabled = busy;
    this.#join.textContent = this.#texts.say(busy ? "Joining..." : "Join");
  }

  update() {
    const devices = this.#devices;
    show(this.#video, devices.tracks.video);
    this.element.querySelector(".tile")?.classList.toggle("dark", !devices.on("video"));
    this.#avatar.textContent = this.name.value.trim() ? initials(this.name.value) : "";
    label(this.#mic, this.#camera, devices, this.#texts);
    const notes = BOTH.flatMap((kind) => NOTES[kind][devices.problems[kind]] ?? []);
    if (Object.values(devices.problems).includes("denied")) notes.push("Allow access in the address bar of your browser.");
    if (notes.length) notes.push("You can join without.");
    const sentences = notes.map((note) => this.#texts.say(note)).join(" ");
    this.#notes.replaceChildren(...(notes.length ? [h("p", {}, sentences), this.retry] : []));
    this.#choose();
  }

  focus() {
    (this.name.value ? this.#join : this.name).focus();
  }

  close() {
    cancelAnimationFrame(this.#frame);
    this.#video.srcObject = null;
  }

  async #choose() {
    const lists = await Promise.all(BOTH.map(async (kind) => ({ kind, devices: await this.#devices.list(kind) })));
    const fields = lists.reverse().map(({ kind, devices }) => {
      if (devices.length < 2) return [];
      const options = devices.map((each) => h("option", { value: each.id, selected: each.chosen }, each.label));
      const select = h("select", { id: kind, onchange: () => this.#devices.choose(kind, select.value) }, ...options);
      return [h("label", { for: kind }, this.#texts.say(KINDS[kind])), select];
    });
    // Not while the list is in use: it would close.
    if (!this.#choices.contains(document.activeElement)) this.#choices.replaceChildren(...fields.flat());
  }

  #listen() {
    this.#level.style.transform = `scaleX(${this.#devices.level().toFixed(2)})`;
    this.#frame = requestAnimationFrame(() => this.#listen());
  }
}

/**
 * @param {HTMLElement} mic
 * @param {HTMLElement} camera
 * @param {Devices} devices
 * @param {Texts} texts
 */
function label(mic, camera, devices, texts) {
  const [unmuted, seen] = [devices.on("audio"), devices.on("video")];
  relabel(mic, unmuted ? "mic" : "mic-off", texts.say(unmuted ? "Mute" : "Unmute"));
  relabel(camera, seen ? "camera" : "camera-off", texts.say(seen ? "Camera off" : "Camera on"));
  mic.classList.toggle("off", !unmuted);
  camera.classList.toggle("off", !seen);
}

/**
 * @param {HTMLVideoElement} video
 * @param {MediaStreamTrack | null} track
 */
function show(video, track) {
  const shown = video.srcObject instanceof MediaStream ? (video.srcObject.getVideoTracks()[0] ?? null) : null;
  if (shown !== track) video.srcObject = track && new MediaStream([track]);
}
