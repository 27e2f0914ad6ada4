/** The call on the sandbox, as a `CallSession` for the call view. See `ui/call-session.js`. */

import { devicesOf } from "../ui/call-devices.js";
import { Mesh } from "./mesh.js";

/**
 * @typedef {import("../ui/call-session.js").CallListener} CallListener
 * @typedef {import("../ui/call-session.js").CallSnapshot} CallSnapshot
 * @typedef {import("../ui/call-session.js").DeviceKind} DeviceKind
 * @typedef {import("../ui/call-session.js").Permissions} Permissions
 * @typedef {import("../ui/call-session.js").Person} Person
 * @typedef {import("./devices.js").Devices} Devices
 * @typedef {"camera" | "microphone"} InputKind
 * @typedef {{ audio: boolean, video: boolean, camera: string, screen: string }} Media
 * @typedef {{ id: string, name: string, role: string, hand: number }} Identity
 * @typedef {Identity & { media: Media }} Me
 * @typedef {Identity & { media: Media, connects: boolean }} Peer
 * @typedef {{ from: string, name: string, text: string, at: number }} SentMessage
 * @typedef {import("./connection.js").CallMessage} CallMessage
 * @typedef {import("./connection.js").Message} Message
 */

/** @type {Media} */
const NO_MEDIA = { audio: false, video: false, camera: "", screen: "" };
/** @type {Record<InputKind, "video" | "audio">} */
const KINDS = { camera: "video", microphone: "audio" };
/** @type {Record<string, Person["connection"]>} */
const CONNECTIONS = { new: "connecting", connecting: "connecting", disconnected: "lost", failed: "lost" };
/** @type {Record<string, string>} */
const NOTICES = { removed: "notice.removed", lost: "notice.lost" };

export class SandboxSession {
  #devices;
  #send;
  #actions;
  /** @type {CallListener} */
  #listener = { changed() {}, message() {}, history() {}, notice() {}, soundBlocked() {} };
  /** @type {CallSnapshot["state"]} */
  #state = "connecting";
  /** @type {Me | null} */
  #me = null;
  /** @type {Partial<Permissions>} */
  #may = {};
  #isRecorded = false;
  /** @type {Map<string, Peer>} */
  #people = new Map();
  /** @type {Mesh | null} */
  #mesh = null;
  /** @type {MediaStreamTrack | null} */
  #screen = null;
  /** @type {Map<string, HTMLAudioElement>} */
  #sounds = new Map();
  #speaker = "";

  /**
   * `send` passes a message to the sandbox.
   * @param {Devices} devices
   * @param {(message: import("./connection.js").OwnMessage) => void} send
   * @param {{ leave: () => void, renew: (credentials: { token: string }) => void, published: (media: Media) => void,
   *   end?: () => void }} actions `end` if the page around this one ends the call
   */
  constructor(devices, send, actions) {
    this.#devices = devices;
    this.#send = send;
    this.#actions = actions;
  }

  /** @param {CallListener} listener */
  listen(listener) {
    this.#listener = listener;
  }

  /** @returns {CallSnapshot} */
  snapshot() {
    const may = { publish: false, end: false, remove: false, ...this.#may };
    may.end ||= this.confirmsEnd;
    return {
      state: this.#state,
      me: this.#own(),
      others: [...this.#people.values()].map((person) => this.#other(person)),
      may: { ...may, share: may.publish && Boolean(navigator.mediaDevices?.getDisplayMedia) },
      isRecorded: this.#isRecorded,
      hasHistory: true,
    };
  }

  /** @param {string} id */
  level(id) {
    return id === this.#me?.id ? this.#devices.level() : (this.#mesh?.level(id) ?? 0);
  }

  // Messages of the sandbox

  /**
   * The sandbox has a place for this person: a new one, or the one from before the connection was lost.
   * @param {import("./connection.js").EnteredMessage} message
   */
  entered({ resumed, you, may, people, recorded, messages }) {
    this.#me = { ...you, media: NO_MEDIA };
    this.#may = may;
    this.#isRecorded = recorded;
    this.#state = "connected";
    if (resumed) this.#resume(people);
    else this.#start(people, messages);
    this.publish();
  }

  lost() {
    this.#state = "reconnecting";
    this.#listener.changed();
  }

  /**
   * Handles a message about the running call; ignores others.
   * @param {Message} message
   */
  receive(message) {
    switch (message.type) {
      case "signal":
        this.#mesh?.signal(message.from, message.data);
        return;
      case "chat":
        this.#listener.message(this.#chatMessage(message));
        return;
      case "came":
        this.#joined(message.person);
        break;
      case "went":
        this.#left(message);
        break;
      case "changed":
        this.#people.set(message.person.id, message.person);
        break;
      case "may":
        this.#permissionsChanged(message);
        break;
      case "recorded":
        this.#isRecorded = message.recorded;
        break;
      case "hand":
        this.#handChanged(message.hand);
        break;
      default:
        return;
    }
    this.#draw();
  }

  /**
   * Announce a text of the call view.
   * @param {string} key
   * @param {Record<string, string>} [values]
   */
  notice(key, values) {
    this.#listener.notice(key, values);
  }

  get count() {
    return this.#people.size + 1;
  }

  get me() {
    return this.#me;
  }

  /** Send what the devices give now. */
  publish() {
    if (!this.#mesh || !this.#me) return;
    const { tracks } = this.#devices;
    const mayPublish = this.#may.publish;
    this.#mesh.publish("audio", mayPublish ? tracks.audio : null);
    this.#mesh.publish("camera", mayPublish ? tracks.video : null);
    this.#mesh.publish("screen", mayPublish ? this.#screen : null);
    this.#me.media = mayPublish ? this.#media() : NO_MEDIA;
    this.#send({ type: "media", ...this.#me.media });
    this.#actions.published(this.#me.media);
    this.#draw();
  }

  async stats() {
    const links = (await this.#mesh?.stats()) ?? {};
    const people = Object.entries(links).map(([id, link]) => {
      const { name, media } = this.#people.get(id) ?? { name: "", media: NO_MEDIA };
      const video = link.video.map(({ stream, framesDecoded }) => ({
        kind: stream === media.camera ? "camera" : stream === media.screen ? "screen" : "none",
        framesDecoded,
      }));
      return [id, { name, ...link, video }];
    });
    return { people: Object.fromEntries(people) };
  }

  close() {
    this.#mesh?.close();
    this.#mesh = null;
    this.#people.clear();
    for (const id of [...this.#sounds.keys()]) this.#silence(id);
    this.#stopSharing();
  }

  // Actions

  /** @param {boolean} isOn */
  async setMicrophone(isOn) {
    await this.#set("microphone", isOn);
  }

  /** @param {boolean} isOn */
  async setCamera(isOn) {
    await this.#set("camera", isOn);
  }

  /** @param {boolean} isOn */
  async shareScreen(isOn) {
    if (!isOn) {
      this.#share(null);
      return;
    }
    try {
      const stream = await navigator.mediaDevices.getDisplayMedia({ video: true });
      this.#share(stream.getVideoTracks()[0] ?? null);
    } catch (error) {
      // The person dismissed the browser's dialog.
      if (nameOf(error) !== "NotAllowedError") this.notice("share.failed");
    }
  }

  /** @param {DeviceKind} kind */
  async devices(kind) {
    const active = kind === "speaker" ? this.#speaker : this.#devices.idOf(KINDS[kind]);
    const found = await devicesOf(kind);
    return found.map(({ deviceId, label }, index) => ({
      id: deviceId,
      label,
      isActive: active ? deviceId === active : index === 0,
    }));
  }

  /**
   * @param {DeviceKind} kind
   * @param {string} id
   */
  async switchDevice(kind, id) {
    if (kind === "speaker") {
      await Promise.all([...this.#sounds.values()].map((sound) => sound.setSinkId(id)));
      this.#speaker = id;
    } else if (!(await this.#devices.choose(KINDS[kind], id))) {
      throw new DOMException("The device cannot be used.", "NotReadableError");
    }
  }

  /** @param {string} text */
  async sendMessage(text) {
    if (this.#state !== "connected") throw new DOMException("There is no connection.", "NetworkError");
    this.#send({ type: "chat", text });
  }

  /** @param {boolean} isRaised */
  raiseHand(isRaised) {
    this.#send({ type: "hand", raised: isRaised });
  }

  playSound() {
    for (const sound of this.#sounds.values()) this.#play(sound);
  }

  leave() {
    this.#actions.leave();
  }

  /** @param {string} id */
  remove(id) {
    this.#send({ type: "remove", id });
  }

  end() {
    if (this.#actions.end) {
      this.#actions.end();
      return;
    }
    this.#send({ type: "end" });
  }

  /** The page around this one ends the call, and asks before. */
  get confirmsEnd() {
    return this.#actions.end !== undefined;
  }

  /** @param {{ token: string }} credentials */
  renew(credentials) {
    this.#actions.renew(credentials);
  }

  // People

  /**
   * @param {Peer[]} people
   * @param {SentMessage[]} messages
   */
  #start(people, messages) {
    this.#mesh?.close();
    for (const id of [...this.#sounds.keys()]) this.#silence(id);
    const mesh = new Mesh(
      this.#me?.id ?? "",
      (to, data) => this.#send({ type: "signal", to, data }),
      () => this.#draw(),
    );
    this.#mesh = mesh;
    this.#people = new Map(people.map((person) => [person.id, person]));
    for (const person of people) if (person.connects) mesh.addPeer(person.id, true);
    this.#listener.history(messages.map((message) => this.#chatMessage(message)));
  }

  /**
   * Later changes follow as messages.
   * @param {Peer[]} people
   */
  #resume(people) {
    for (const person of people) if (this.#people.has(person.id)) this.#people.set(person.id, person);
    this.#mesh?.repair();
  }

  /** @param {Peer} person */
  #joined(person) {
    this.#people.set(person.id, person);
    if (person.connects) this.#mesh?.addPeer(person.id, false);
    this.notice("notice.joined", { name: person.name });
  }

  /** @param {{ id: string, cause: string }} message */
  #left({ id, cause }) {
    const person = this.#people.get(id);
    this.#people.delete(id);
    this.#mesh?.removePeer(id);
    this.#silence(id);
    if (person) this.notice(NOTICES[cause] ?? "notice.left", { name: person.name });
  }

  /** @param {number} hand */
  #handChanged(hand) {
    if (this.#me) this.#me.hand = hand;
  }

  /** @param {import("./connection.js").PermissionsMessage} message */
  #permissionsChanged({ may, role }) {
    this.#may = may;
    if (this.#me) this.#me.role = role;
    this.notice("notice.role", { role });
    this.publish();
  }

  /** @param {SentMessage} message */
  #chatMessage({ from, name, text, at }) {
    return { from, name: name || null, text, at, isMine: from !== "" && from === this.#me?.id };
  }

  /** @returns {Person} */
  #own() {
    const me = this.#me ?? { id: "me", name: "", role: "", hand: 0 };
    return {
      ...this.#common(me),
      microphone: this.#devices.on("audio"),
      camera: this.#devices.on("video"),
      cameraTrack: this.#devices.tracks.video,
      screenTrack: this.#screen,
      connection: "connected",
    };
  }

  /**
   * @param {Peer} person
   * @returns {Person}
   */
  #other(person) {
    const stream = (/** @type {string} */ id) => (id ? (this.#mesh?.stream(person.id, id)?.getVideoTracks()[0] ?? null) : null);
    const connection = CONNECTIONS[this.#mesh?.state(person.id) ?? "new"] ?? "connected";
    return {
      ...this.#common(person),
      microphone: person.media.audio,
      camera: person.media.video,
      cameraTrack: stream(person.media.camera),
      screenTrack: stream(person.media.screen),
      connection: person.connects ? connection : "absent",
    };
  }

  /** @param {Identity} identity */
  #common({ id, name, role, hand }) {
    return { id, name, role, hand };
  }

  #draw() {
    this.#playVoices();
    this.#listener.changed();
  }

  // Sound

  #playVoices() {
    for (const person of this.#people.values()) {
      const track = this.#mesh?.stream(person.id, person.media.camera)?.getAudioTracks()[0] ?? null;
      const sound = this.#sounds.get(person.id);
      const played = sound?.srcObject instanceof MediaStream ? sound.srcObject.getAudioTracks()[0] : null;
      if (!track || played === track) continue;
      this.#silence(person.id);
      this.#sounds.set(person.id, this.#makeSound(track));
    }
  }

  /** @param {MediaStreamTrack} track */
  #makeSound(track) {
    const sound = new Audio();
    sound.srcObject = new MediaStream([track]);
    if (this.#speaker) sound.setSinkId(this.#speaker).catch(() => (this.#speaker = ""));
    this.#play(sound);
    return sound;
  }

  /** @param {HTMLAudioElement} sound */
  #play(sound) {
    sound.play().catch((error) => nameOf(error) === "NotAllowedError" && this.#listener.soundBlocked());
  }

  /** @param {string} id */
  #silence(id) {
    const sound = this.#sounds.get(id);
    if (sound) sound.srcObject = null;
    this.#sounds.delete(id);
  }

  // This person's media

  /**
   * @param {InputKind} kind
   * @param {boolean} isOn
   */
  async #set(kind, isOn) {
    await this.#devices.set(KINDS[kind], isOn);
    if (isOn && !this.#devices.on(KINDS[kind])) this.notice(`devices.unavailable.${kind}`);
  }

  /** @param {MediaStreamTrack | null} track */
  #share(track) {
    this.#stopSharing();
    this.#screen = track;
    // Also if the person stops sharing in the browser's own controls.
    if (track) track.onended = () => this.#share(null);
    this.publish();
  }

  #stopSharing() {
    if (this.#screen) this.#screen.onended = null;
    this.#screen?.stop();
    this.#screen = null;
  }

  /** @returns {Media} */
  #media() {
    const { camera, screen } = this.#mesh?.streams ?? NO_MEDIA;
    const [audio, video] = [this.#devices.on("audio"), this.#devices.on("video")];
    return { audio, video, camera, screen: this.#screen ? screen : "" };
  }
}

/** @param {unknown} error */
function nameOf(error) {
  return error instanceof DOMException ? error.name : "";
}
