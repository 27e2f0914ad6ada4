/** The camera and the microphone of this person, and what is wrong with them. */

import { findDevice } from "../ui/call-devices.js";

/**
 * @typedef {"audio" | "video"} Kind
 * @typedef {import("../ui/call-devices.js").DeviceChoices} DeviceChoices
 * @typedef {import("../ui/call-session.js").DeviceKind} DeviceKind
 * @typedef {"" | "denied" | "missing" | "busy" | "insecure"} Problem
 */

/** @type {Record<string, Problem>} */
const PROBLEMS = {
  NotAllowedError: "denied",
  SecurityError: "denied",
  NotFoundError: "missing",
  OverconstrainedError: "missing",
};
/** @type {Record<Kind, "microphone" | "camera">} */
export const KINDS = { audio: "microphone", video: "camera" };
/** @type {Kind[]} */
const BOTH = ["audio", "video"];

export class Devices {
  /**
   * The track of the microphone (`audio`) and of the camera (`video`); null without one.
   * @type {Record<Kind, MediaStreamTrack | null>}
   */
  tracks = { audio: null, video: null };
  /** @type {Record<Kind, Problem>} */
  problems = { audio: "", video: "" };
  #chosen = { audio: "", video: "" };
  #wanted = { audio: true, video: true };
  #changed;
  #unplugged;
  /** @type {DeviceChoices} */
  #preferred = {};
  /** @type {ReturnType<typeof meter> | null} */
  #meter = null;

  /**
   * `changed()` reports every change; `unplugged(kind, label)` that a device is gone, and which replaces it, if any.
   * @param {() => void} changed
   * @param {(kind: DeviceKind, label: string) => void} [unplugged]
   */
  constructor(changed, unplugged) {
    this.#changed = changed;
    this.#unplugged = unplugged;
  }

  /**
   * Whether microphone (`audio`) or camera (`video`) is on and works.
   * @param {Kind} kind
   */
  on(kind) {
    return this.#wanted[kind] && this.tracks[kind] !== null;
  }

  /**
   * The ID of the device in use, or "".
   * @param {Kind} kind
   */
  idOf(kind) {
    return this.tracks[kind]?.getSettings().deviceId ?? this.#chosen[kind];
  }

  /**
   * Use what the person has chosen on the page around this one. Takes effect with `open`.
   * @param {DeviceChoices} choices
   */
  async prefer(choices) {
    this.#preferred = choices;
    this.#wanted = { audio: !choices.microphoneOff, video: !choices.cameraOff };
    await this.#findPreferred();
  }

  /** Request both. A missing or denied device is a problem, not an error. */
  async open() {
    if (!navigator.mediaDevices) {
      this.problems = { audio: "insecure", video: "insecure" };
    } else {
      const wanted = BOTH.filter((kind) => this.#wanted[kind] && !this.tracks[kind]);
      if (wanted.length === 2 && !(await this.#ask(wanted))) await this.#askApart();
      else if (wanted.length === 1) await this.#ask(wanted);
      // Browsers may name devices only while one is in use.
      for (const kind of await this.#findPreferred()) await this.choose(kind, this.#chosen[kind]);
    }
    this.#changed();
  }

  /**
   * Turn the microphone or the camera on or off. A camera that is off is released.
   * @param {Kind} kind
   * @param {boolean} on
   */
  async set(kind, on) {
    this.#wanted[kind] = on;
    if (on && !this.tracks[kind]) await this.#ask([kind]);
    if (!on && kind === "video") this.#drop("video");
    if (this.tracks.audio) this.tracks.audio.enabled = this.#wanted.audio;
    this.#changed();
  }

  /**
   * Use another device from now on. Returns whether that works; otherwise the default device is used, if any.
   * @param {Kind} kind
   * @param {string} id
   */
  async choose(kind, id) {
    this.#chosen[kind] = id;
    if (!this.tracks[kind]) return true;
    this.#drop(kind);
    const isOpen = await this.#ask([kind]);
    this.#changed();
    return isOpen && this.#chosen[kind] === id;
  }

  /**
   * The devices of a kind; without permission they have no names and are left out.
   * @param {Kind} kind
   */
  async list(kind) {
    const all = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
    const now = this.#chosen[kind] || this.tracks[kind]?.getSettings().deviceId;
    return all
      .filter((each) => each.kind === `${kind}input` && each.deviceId && each.label)
      .map(({ deviceId, label }) => ({ id: deviceId, label, chosen: deviceId === now }));
  }

  /** How loud the microphone is now, from 0 to 1. */
  level() {
    if (!this.on("audio") || !this.tracks.audio) return 0;
    this.#meter ??= meter(this.tracks.audio);
    return this.#meter.level();
  }

  close() {
    this.#drop("audio");
    this.#drop("video");
    this.#wanted = { audio: true, video: true };
  }

  /**
   * @param {Kind[]} kinds
   * @returns {Promise<boolean>}
   */
  async #ask(kinds) {
    const constraint = (/** @type {Kind} */ kind) => (this.#chosen[kind] ? { deviceId: { exact: this.#chosen[kind] } } : true);
    try {
      const stream = await navigator.mediaDevices.getUserMedia(
        Object.fromEntries(kinds.map((kind) => [kind, kind === "video" ? size(constraint(kind)) : constraint(kind)])),
      );
      for (const track of stream.getTracks()) this.#take(track);
      return true;
    } catch (error) {
      const name = error instanceof DOMException ? error.name : "";
      const gone = kinds.filter((kind) => this.#chosen[kind]);
      if (gone.length > 0 && ["OverconstrainedError", "NotFoundError"].includes(name)) {
        // The chosen device was unplugged: take the default one.
        for (const kind of gone) this.#chosen[kind] = "";
        return this.#ask(kinds);
      }
      for (const kind of kinds) this.problems[kind] = PROBLEMS[name] ?? "busy";
      return false;
    }
  }

  /** The kinds for which a preferred device was found that is not in use. */
  async #findPreferred() {
    const found = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
    return BOTH.flatMap((kind) => {
      const name = KINDS[kind];
      const id = findDevice(found, name, this.#preferred[name]);
      if (id === null || id === this.#chosen[kind]) return [];
      this.#chosen[kind] = id;
      return this.tracks[kind] && this.idOf(kind) !== id ? [kind] : [];
    });
  }

  // A missing or blocked device must not block the other. Do not ask again after a denial.
  async #askApart() {
    for (const kind of BOTH) {
      if (this.problems[kind] !== "denied" || (await granted(kind))) await this.#ask([kind]);
    }
  }

  /** @param {MediaStreamTrack} track */
  #take(track) {
    const kind = /** @type {Kind} */ (track.kind);
    this.tracks[kind] = track;
    this.problems[kind] = "";
    track.enabled = this.#wanted[kind];
    track.onended = () => this.#replace(kind);
  }

  /**
   * The device was unplugged: use the default one, if there is another.
   * @param {Kind} kind
   */
  async #replace(kind) {
    this.#drop(kind);
    this.problems[kind] = "missing";
    this.#chosen[kind] = "";
    this.#preferred = {};
    await this.#ask([kind]);
    this.#changed();
    this.#unplugged?.(KINDS[kind], this.tracks[kind]?.label ?? "");
  }

  /** @param {Kind} kind */
  #drop(kind) {
    const track = this.tracks[kind];
    this.tracks[kind] = null;
    if (track) {
      track.onended = null;
      track.stop();
    }
    if (kind === "audio") {
      this.#meter?.close();
      this.#meter = null;
    }
  }
}

// Everyone sends to everyone, perhaps on one machine: small pictures are enough.
/** @param {boolean | MediaTrackConstraints} constraint */
function size(constraint) {
  return { ...(typeof constraint === "boolean" ? {} : constraint), width: { ideal: 640 }, height: { ideal: 360 } };
}

/** @param {Kind} kind */
async function granted(kind) {
  try {
    return (await navigator.permissions.query({ name: /** @type {PermissionName} */ (/** @type {string} */ (KINDS[kind])) })).state === "granted";
  } catch {
    return false;
  }
}

/** @param {MediaStreamTrack} track */
function meter(track) {
  const context = new AudioContext();
  const node = new AnalyserNode(context, { fftSize: 512 });
  context.createMediaStreamSource(new MediaStream([track])).connect(node);
  const samples = new Float32Array(node.fftSize);
  return {
    level() {
      node.getFloatTimeDomainData(samples);
      return Math.min(1, Math.sqrt(samples.reduce((sum, each) => sum + each * each, 0) / samples.length) * 4);
    },
    close: () => context.close(),
  };
}
