// The device check: camera preview, microphone level, the choice of devices, and the sound of the speaker.

import {
  canChooseSpeaker,
  choiceOf,
  listDevices,
  loadChoice,
  portableChoice,
  saveChoice,
} from "../ui/device-choice.js";
import { part, setText } from "../ui/dom.js";
import { setIcon } from "../ui/icons.js";
import { LevelMeter, openMedia, playTestSound, stopStream } from "../ui/media.js";

const LEVELS_PER_SECOND = 12;

/**
 * @typedef {import("../ui/device-choice.js").CallDevices} CallDevices
 * @typedef {import("../ui/device-choice.js").DeviceRole} DeviceRole
 * @typedef {"camera" | "microphone"} InputRole
 * @typedef {"idle" | "asking" | "on" | "denied" | "none" | "busy" | "no_camera" | "no_microphone"} CheckState
 */

/** @type {InputRole[]} */
const INPUTS = ["camera", "microphone"];
/** @type {DeviceRole[]} */
const ROLES = ["camera", "microphone", "speaker"];
/** @type {CheckState[]} */
const FAILED = ["denied", "none", "busy"];
const OFF = { camera: "cameraOff", microphone: "microphoneOff" };

export class Devices {
  #root;
  #voice;
  /** @type {MediaStream | null} */
  #stream = null;
  #isRunning = false;
  /** @type {LevelMeter | null} */
  #meter = null;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #attempt = 0;
  #isPlaying = false;
  #choice = loadChoice();
  /** @type {CheckState} */
  #state = "idle";

  /**
   * @param {HTMLElement} root contains the elements with the `data-part` names below
   * @param {import("./texts.js").Voice} voice
   */
  constructor(root, voice) {
    this.#root = root;
    this.#voice = voice;
    this.#part("start").addEventListener("click", () => this.start());
    for (const role of ROLES) this.#part(role).addEventListener("change", () => this.#choose(role));
    for (const role of INPUTS) this.#part(`toggle-${role}`).addEventListener("click", () => this.#toggle(role));
    this.#part("speaker-test").addEventListener("click", () => this.#testSpeaker());
    setIcon(this.#part("blank-icon"), "camera-off");
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.#isRunning && this.#list());
    this.#show("idle");
  }

  /** Whether the check is running: with a preview, unless both devices are off. */
  get isOn() {
    return this.#isRunning;
  }

  /**
   * The choice for the call page.
   * @returns {CallDevices}
   */
  get chosen() {
    return portableChoice(this.#choice);
  }

  /** Whether the person chose a device, or turned one off. */
  get hasChoice() {
    return ROLES.some((role) => this.#choice[role]) || INPUTS.some((role) => this.#isOff(role));
  }

  /** The state of the check, and the label of each device in use. */
  get report() {
    const labels = (this.#stream?.getTracks() ?? []).map((track) => /** @type {const} */ ([track.kind, track.label]));
    return { state: this.#state, labels: Object.fromEntries(labels) };
  }

  /** Start the preview if permission was granted before, so that the browser does not prompt. */
  async startIfAllowed() {
    if (this.isOn) return;
    try {
      const names = /** @type {PermissionName[]} */ (/** @type {unknown} */ (INPUTS));
      const states = await Promise.all(names.map((name) => navigator.permissions.query({ name })));
      if (states.every(({ state }) => state === "granted")) await this.start();
    } catch {
      // The browser cannot query these permissions: the person can press the button.
    }
  }

  async start() {
    const attempt = ++this.#attempt;
    this.#release();
    const [wantsCamera, wantsMicrophone] = [!this.#isOff("camera"), !this.#isOff("microphone")];
    if (wantsCamera || wantsMicrophone) {
      this.#show("asking");
      const { stream, fault } = await openMedia({ ...this.#choice, wantsCamera, wantsMicrophone });
      if (attempt !== this.#attempt) {
        stopStream(stream);
        return;
      }
      if (!stream) {
        this.#show(fault);
        return;
      }
      this.#stream = stream;
    }
    this.#isRunning = true;
    const hasCamera = (this.#stream?.getVideoTracks().length ?? 0) > 0;
    const hasMicrophone = (this.#stream?.getAudioTracks().length ?? 0) > 0;
    this.#video.srcObject = hasCamera ? this.#stream : null;
    if (this.#stream && hasMicrophone) this.#measureLevel(this.#stream);
    await this.#list();
    if (attempt !== this.#attempt) return;
    if (wantsCamera && !hasCamera) this.#show("no_camera");
    else this.#show(wantsMicrophone && !hasMicrophone ? "no_microphone" : "on");
  }

  /** Release camera and microphone. */
  stop() {
    this.#attempt += 1;
    this.#release();
    this.#show("idle");
  }

  get #video() {
    return /** @type {HTMLVideoElement} */ (this.#part("preview"));
  }

  /** @param {InputRole} role */
  #isOff(role) {
    return role === "camera" ? this.#choice.cameraOff : this.#choice.microphoneOff;
  }

  /** @param {InputRole} role */
  async #toggle(role) {
    this.#choice = { ...this.#choice, [OFF[role]]: !this.#isOff(role) };
    saveChoice(this.#choice);
    if (this.#isRunning) await this.start();
    else this.#show(this.#state);
  }

  /** @param {DeviceRole} role */
  async #choose(role) {
    const { value } = /** @type {HTMLSelectElement} */ (this.#part(role));
    const device = choiceOf(value, await listDevices(role));
    if (!device) return;
    this.#choice = { ...this.#choice, [role]: device };
    if (role !== "speaker") this.#choice = { ...this.#choice, [OFF[role]]: false };
    saveChoice(this.#choice);
    if (role !== "speaker") await this.start();
  }

  async #testSpeaker() {
    if (this.#isPlaying) return;
    this.#isPlaying = true;
    this.#part("speaker-test").setAttribute("aria-disabled", "true");
    setText(this.#part("speaker-status"), this.#voice.say("devices.speaker.playing"));
    let result = "devices.speaker.played";
    try {
      await playTestSound(this.#choice.speaker?.id ?? null);
    } catch {
      result = "devices.speaker.failed";
    }
    this.#isPlaying = false;
    this.#part("speaker-test").removeAttribute("aria-disabled");
    setText(this.#part("speaker-status"), this.#voice.say(result));
  }

  #release() {
    stopStream(this.#stream);
    this.#stream = null;
    this.#isRunning = false;
    this.#video.srcObject = null;
    clearInterval(this.#timer);
    this.#meter?.close();
    this.#meter = null;
  }

  /** @param {MediaStream} stream */
  #measureLevel(stream) {
    const meter = new LevelMeter(stream);
    this.#meter = meter;
    const element = this.#part("level");
    this.#timer = setInterval(() => {
      const level = meter.level();
      element.style.setProperty("--level", `${level}%`);
      element.setAttribute("aria-valuenow", String(level));
    }, 1000 / LEVELS_PER_SECOND);
  }

  async #list() {
    const inUse = this.#stream?.getTracks().map((track) => track.getSettings().deviceId) ?? [];
    for (const role of ROLES) {
      const chosen = this.#choice[role]?.id;
      const devices = await listDevices(role);
      const options = devices.map((device, index) => {
        const name = device.label || `${this.#voice.say(`devices.${role}`)} ${index + 1}`;
        return new Option(name, device.deviceId, false, inUse.includes(device.deviceId) || device.deviceId === chosen);
      });
      this.#part(role).replaceChildren(...options);
      this.#part(`${role}-choice`).hidden = devices.length === 0 || (role === "speaker" && !canChooseSpeaker());
    }
  }

  /** @param {CheckState} state */
  #show(state) {
    this.#state = state;
    const isRunning = this.isOn;
    const hasFailed = FAILED.includes(state);
    const hasCamera = isRunning && state !== "no_camera" && !this.#isOff("camera");
    const hasMicrophone = isRunning && state !== "no_microphone" && !this.#isOff("microphone");
    this.#part("check").dataset.state = state;
    this.#part("choices").hidden = !isRunning;
    this.#part("level").hidden = !hasMicrophone;
    this.#part("preview").hidden = !hasCamera;
    this.#part("blank").hidden = hasCamera;
    setText(this.#part("blank-text"), this.#isOff("camera") && !hasFailed ? this.#voice.say("devices.camera_off") : "");
    this.#part("start").hidden = isRunning || state === "asking";
    setText(this.#part("start"), this.#voice.say(state === "idle" ? "devices.start" : "devices.again"));
    for (const role of INPUTS) this.#drawToggle(role, hasFailed || state === `no_${role}`);
    setText(this.#part("status"), this.#voice.say(this.#statusText(state)));
  }

  /**
   * @param {InputRole} role
   * @param {boolean} isHidden
   */
  #drawToggle(role, isHidden) {
    const isOff = this.#isOff(role);
    const button = this.#part(`toggle-${role}`);
    const icon = role === "camera" ? "camera" : "mic";
    const label = this.#voice.say(`devices.${role}.${isOff ? "turn_on" : "turn_off"}`);
    button.hidden = isHidden;
    button.classList.toggle("off", isOff);
    button.title = label;
    button.setAttribute("aria-label", label);
    setIcon(button, isOff ? `${icon}-off` : icon);
  }

  /** @param {CheckState} state */
  #statusText(state) {
    if (state === "idle") return "devices.invite";
    if (state !== "on") return `devices.${state}`;
    if (!this.#isOff("microphone")) return "devices.speak";
    return this.#isOff("camera") ? "devices.both_off" : "devices.microphone_off";
  }

  /** @param {string} name */
  #part(name) {
    return part(this.#root, name);
  }
}
