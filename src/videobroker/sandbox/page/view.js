/** The view: the preview, the call, and the card at the end. It renders state, and decides nothing. */

import { KINDS } from "./devices.js";
import { button, h, icon, relabel } from "./dom.js";

const NOTES = {
  denied: (device) => `Your ${device} is blocked.`,
  missing: (device) => `No ${device} found.`,
  busy: (device) => `Another app is using your ${device}.`,
  insecure: (device) => `A ${device} works only on https pages and on localhost.`,
};
const TOAST_MS = 4000;
const SPEAKING = 0.02;

/** A card with a title, a sentence and perhaps something to do. */
export function card(title, sentence, ...actions) {
  const heading = h("h1", { tabIndex: -1 }, title);
  const element = h("main", { className: "card" }, heading, h("p", { role: "status" }, sentence));
  if (actions.length) element.append(h("div", { className: "actions" }, ...actions));
  return { element, focus: () => heading.focus() };
}

/** Camera, microphone and name, before the call. */
export class Preview {
  #devices;
  #video = h("video", { autoplay: true, muted: true, playsInline: true, "aria-label": "Your camera" });
  #avatar = h("div", { className: "avatar" });
  #notes = h("div", { className: "notes", role: "status" });
  #level = h("i");
  #mic;
  #camera;
  #choices = h("div", { className: "choices" });
  #frame = 0;
  #join = h("button", { className: "primary", type: "submit" }, "Join");

  constructor({ title, role, name, locked, devices, join, retry }) {
    this.#devices = devices;
    this.#mic = button("mic", "Mute", () => devices.set("audio", !devices.on("audio")), { className: "tool" });
    this.#camera = button("camera", "Camera off", () => devices.set("video", !devices.on("video")), {
      className: "tool",
    });
    this.retry = h("button", { type: "button", className: "link", onclick: retry }, "Try again");
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
        onsubmit: (event) => {
          event.preventDefault();
          join(this.name.value.trim());
        },
      },
      h("label", { for: "name" }, "Your name"),
      this.name,
      this.#choices,
      this.#join,
    );
    this.element = h(
      "main",
      { className: "preview" },
      h("header", {}, h("h1", {}, title), role ? h("p", {}, "Role: ", h("b", {}, role)) : null),
      h(
        "section",
        { className: "tile self", "aria-label": "Preview" },
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

  busy(busy) {
    this.#join.disabled = busy;
    this.#join.textContent = busy ? "Joining…" : "Join";
  }

  update() {
    const devices = this.#devices;
    show(this.#video, devices.tracks.video);
    this.element.querySelector(".tile").classList.toggle("dark", !devices.on("video"));
    this.#avatar.textContent = initials(this.name.value);
    label(this.#mic, this.#camera, devices);
    const notes = ["audio", "video"].map((kind) => NOTES[devices.problems[kind]]?.(KINDS[kind])).filter(Boolean);
    const blocked = Object.values(devices.problems).includes("denied");
    const hint = blocked ? "Allow access in the address bar of your browser. " : "";
    this.#notes.replaceChildren(
      ...(notes.length ? [h("p", {}, `${notes.join(" ")} ${hint}You can join without.`), this.retry] : []),
    );
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
    const lists = await Promise.all(["video", "audio"].map((kind) => this.#devices.list(kind)));
    const fields = ["video", "audio"].map((kind, index) => {
      if (lists[index].length < 2) return [];
      const options = lists[index].map((each) => h("option", { value: each.id, selected: each.chosen }, each.label));
      const select = h("select", { id: kind, onchange: () => this.#devices.choose(kind, select.value) }, ...options);
      return [h("label", { for: kind }, KINDS[kind]), select];
    });
    // Not while the list is in use: it would close.
    if (!this.#choices.contains(document.activeElement)) this.#choices.replaceChildren(...fields.flat());
  }

  #listen() {
    this.#level.style.transform = `scaleX(${this.#devices.level().toFixed(2)})`;
    this.#frame = requestAnimationFrame(() => this.#listen());
  }
}

/** The call: tiles, toolbar, chat. */
export class Call {
  #tiles = new Map();
  #grid = h("div", { className: "grid", role: "list", "aria-label": "People" });
  #toasts = h("div", { className: "toasts", role: "status", "aria-live": "polite" });
  #banner = h("p", { className: "banner", role: "alert", hidden: true });
  #count = h("span");
  #recorded = h("span", { className: "recorded", hidden: true }, "Recording");
  #log = h("div", { className: "log", role: "log", "aria-label": "Messages", tabIndex: 0 });
  #text = h("input", { id: "text", name: "text", maxLength: 2000, autocomplete: "off", dir: "auto", placeholder: "Message everyone" });
  #unread = 0;
  #sound;

  constructor({ title, act }) {
    this.act = act;
    this.mic = button("mic", "Mute", () => act("mic"), { className: "tool" });
    this.camera = button("camera", "Camera off", () => act("camera"), { className: "tool" });
    this.screen = button("screen", "Share screen", () => act("screen"), { className: "tool" });
    this.chat = button("chat", "Chat", () => this.toggleChat(), { className: "tool", "aria-expanded": "false" });
    this.leave = button("leave", "Leave", () => act("leave"), { className: "tool danger" });
    this.end = button("end", "End for all", () => this.#dialog.showModal(), { className: "tool end", hidden: true });
    this.#sound = h("button", { type: "button", className: "primary sound", hidden: true, onclick: () => this.#play() });
    this.#sound.textContent = "Turn on sound";
    this.element = h(
      "main",
      { className: "call" },
      h("header", {}, h("h1", {}, title), h("p", {}, this.#count, this.#recorded)),
      h("div", { className: "stage" }, this.#grid, h("div", { className: "notices" }, this.#banner, this.#toasts), this.#sound),
      this.#panel,
      h(
        "div",
        { className: "bar", role: "toolbar", "aria-label": "Call", onkeydown: walk },
        this.mic,
        this.camera,
        this.screen,
        this.chat,
        this.leave,
        this.end,
      ),
      this.#dialog,
    );
  }

  #panel = h(
    "aside",
    { className: "chat", hidden: true, "aria-label": "Chat", onkeydown: (event) => this.#escape(event) },
    h("header", {}, h("h2", {}, "Chat"), button("close", "Close chat", () => this.toggleChat(), { className: "plain" })),
    this.#log,
    h(
      "form",
      {
        onsubmit: (event) => {
          event.preventDefault();
          if (this.#text.value.trim()) this.act("chat", this.#text.value.trim());
          this.#text.value = "";
        },
      },
      h("label", { for: "text", className: "unseen" }, "Message to everyone"),
      this.#text,
      h("button", { className: "plain send" }, icon("send"), h("span", {}, "Send")),
    ),
  );

  #dialog = h(
    "dialog",
    { "aria-labelledby": "end-title" },
    h("h2", { id: "end-title" }, "End the call for everyone?"),
    h("p", {}, "This ends the call for everyone."),
    h(
      "div",
      { className: "actions" },
      h("button", { type: "button", onclick: () => this.#dialog.close() }, "Cancel"),
      h(
        "button",
        {
          type: "button",
          className: "primary danger",
          onclick: () => {
            this.#dialog.close();
            this.act("end");
          },
        },
        "End for everyone",
      ),
    ),
  );

  focus() {
    this.mic.focus();
  }

  /** Show these people: `{id, name, role, self, media, camera, screen, state, removable, connects}` each. */
  people(people) {
    const wanted = new Map();
    for (const person of people) {
      wanted.set(person.id, { person, stream: person.camera, screen: false });
      if (person.screen) wanted.set(`${person.id} screen`, { person, stream: person.screen, screen: true });
    }
    for (const [key, tile] of this.#tiles) {
      if (!wanted.has(key)) {
        tile.close();
        this.#tiles.delete(key);
      }
    }
    for (const [key, { person, stream, screen }] of wanted) {
      let tile = this.#tiles.get(key);
      if (!tile) {
        tile = new Tile(person, screen, () => this.act("remove", person));
        this.#tiles.set(key, tile);
        this.#grid.append(tile.element);
      }
      tile.update(person, stream, () => (this.#sound.hidden = false));
    }
    const shared = people.some((person) => person.screen);
    this.#grid.dataset.count = Math.min(this.#tiles.size, 5);
    this.#grid.classList.toggle("shared", shared);
    this.#count.textContent = people.length === 1 ? "You're the only one here" : `${people.length} people`;
  }

  /** Mark who speaks; `level` is their loudness. */
  speaking(level) {
    for (const tile of this.#tiles.values()) tile.element.classList.toggle("speaks", level(tile.id) > SPEAKING);
  }

  /** What this person may do, and what is turned on. */
  tools({ devices, may, sharing, canShare }) {
    label(this.mic, this.camera, devices);
    relabel(this.screen, "screen", sharing ? "Stop sharing" : "Share screen");
    this.mic.hidden = this.camera.hidden = !may.publish;
    this.screen.hidden = !may.publish || !canShare;
    this.end.hidden = !may.end;
  }

  recorded(recorded) {
    this.#recorded.hidden = !recorded;
  }

  banner(sentence) {
    this.#banner.hidden = !sentence;
    this.#banner.textContent = sentence;
  }

  toast(...parts) {
    const toast = h("p", {}, ...parts);
    this.#toasts.append(toast);
    setTimeout(() => toast.remove(), TOAST_MS);
  }

  announce(name, ...words) {
    this.toast(h("bdi", {}, name), ...words);
  }

  addMessage(name, text, mine) {
    this.#log.append(h("div", { className: mine ? "message mine" : "message" }, h("b", { dir: "auto" }, mine ? "You" : name), h("p", { dir: "auto" }, text)));
    this.#log.scrollTop = this.#log.scrollHeight;
    if (this.#panel.hidden && !mine) {
      this.#unread += 1;
      this.announce(name, ": ", h("bdi", {}, text));
    }
    this.#labelChat();
  }

  toggleChat() {
    this.#panel.hidden = !this.#panel.hidden;
    this.#unread = 0;
    this.#labelChat();
    this.chat.setAttribute("aria-expanded", String(!this.#panel.hidden));
    this.element.classList.toggle("chatting", !this.#panel.hidden);
    (this.#panel.hidden ? this.chat : this.#text).focus();
  }

  close() {
    for (const tile of this.#tiles.values()) tile.close();
  }

  #labelChat() {
    relabel(this.chat, "chat", this.#unread ? `Chat (${this.#unread} new)` : "Chat");
    this.chat.classList.toggle("news", this.#unread > 0);
  }

  #escape(event) {
    if (event.key === "Escape") this.toggleChat();
  }

  #play() {
    this.#sound.hidden = true;
    for (const tile of this.#tiles.values()) tile.play(() => (this.#sound.hidden = false));
  }
}

class Tile {
  #video;
  #avatar = h("div", { className: "avatar", "aria-hidden": "true" });
  #name = h("span", { className: "who" });
  #role = h("span", { className: "role" });
  #muted = h("span", { className: "muted", hidden: true }, icon("micOff"), h("span", { className: "unseen" }, "muted"));
  #state = h("span", { className: "state" });
  #remove;
  #screen;

  constructor(person, screen, remove) {
    this.id = person.id;
    this.#screen = screen;
    this.#video = h("video", { autoplay: true, playsInline: true, muted: person.self });
    this.#video.setAttribute("aria-hidden", "true");
    this.#remove = button("remove", `Remove ${person.name}`, remove, { className: "plain remove", hidden: true });
    const line = h("div", { className: "name" }, this.#muted, this.#name, this.#role);
    this.element = h(
      "div",
      { role: "listitem", className: `tile${screen ? " screen" : ""}${person.self ? " self" : ""}` },
      this.#video,
      this.#avatar,
      this.#state,
      line,
      this.#remove,
    );
    this.#avatar.dataset.hue = [...person.id].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % 6;
  }

  update(person, stream, silenced) {
    const seen = Boolean(stream) && (this.#screen || person.media.video);
    if (this.#video.srcObject !== stream) {
      this.#video.srcObject = stream;
      if (stream) this.play(silenced);
    }
    this.element.classList.toggle("dark", !seen);
    this.#avatar.textContent = initials(person.name);
    const of = this.#screen ? (person.self ? "Your screen" : "’s screen") : person.self ? " (you)" : "";
    this.#name.replaceChildren(this.#screen && person.self ? "" : h("bdi", {}, person.name), of);
    this.#role.textContent = this.#screen ? "" : person.role;
    this.#muted.hidden = this.#screen || person.media.audio;
    this.#remove.hidden = this.#screen || !person.removable;
    this.#state.textContent = this.#screen ? "" : stateOf(person);
  }

  play(silenced) {
    this.#video.play().catch((error) => error.name === "NotAllowedError" && silenced());
  }

  close() {
    this.#video.srcObject = null;
    this.element.remove();
  }
}

/** Along a toolbar with the arrow keys. */
function walk({ key, currentTarget }) {
  const step = { ArrowRight: 1, ArrowLeft: -1 }[key] ?? 0;
  const tools = [...currentTarget.querySelectorAll("button:not([hidden])")];
  tools.at((tools.indexOf(document.activeElement) + step) % tools.length).focus();
}

function stateOf({ self, connects, state }) {
  if (self) return "";
  if (!connects) return "Not connected";
  return { new: "Connecting…", connecting: "Connecting…", disconnected: "Connection lost", failed: "Connection lost" }[
    state
  ] ?? "";
}

function label(mic, camera, devices) {
  const [unmuted, seen] = [devices.on("audio"), devices.on("video")];
  relabel(mic, unmuted ? "mic" : "micOff", unmuted ? "Mute" : "Unmute");
  relabel(camera, seen ? "camera" : "cameraOff", seen ? "Camera off" : "Camera on");
  mic.classList.toggle("off", !unmuted);
  camera.classList.toggle("off", !seen);
}

function show(video, track) {
  const shown = video.srcObject?.getVideoTracks()[0] ?? null;
  if (shown !== track) video.srcObject = track && new MediaStream([track]);
}

function initials(name) {
  const words = name.trim().split(/\s+/).filter(Boolean);
  return [words[0], words.length > 1 ? words.at(-1) : ""].map((word) => [...(word ?? "")][0] ?? "").join("").toUpperCase();
}
