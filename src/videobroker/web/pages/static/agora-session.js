// A call on Agora's Web SDK 4.x, as a `CallSession` for the call view. See `ui/call-session.js`.
//
// The SDK sends audio, video, and packets of a data stream. The packets carry chat, raised hands, and whether the video of
// a person is their screen. Agora keeps no packets: people who join later get what the others send from then on.

import { devicesOf, findDevice } from "../ui/call-devices.js";
import { PacketQueue, PacketReader, chatPackets, clipText, statePacket } from "../ui/call-messages.js";

/**
 * @typedef {import("agora-rtc-sdk-ng").IAgoraRTC} Sdk
 * @typedef {import("agora-rtc-sdk-ng").IAgoraRTCClient} Client
 * @typedef {import("agora-rtc-sdk-ng").IAgoraRTCRemoteUser} RemoteUser
 * @typedef {{ audio: import("agora-rtc-sdk-ng").IMicrophoneAudioTrack, video: import("agora-rtc-sdk-ng").ICameraVideoTrack }} Tracks
 * @typedef {Tracks[keyof Tracks]} InputTrack
 * @typedef {import("agora-rtc-sdk-ng").ILocalVideoTrack} ScreenTrack
 * @typedef {import("agora-rtc-sdk-ng").IRemoteAudioTrack} VoiceTrack
 * @typedef {import("agora-rtc-sdk-ng").UID} Uid
 * The SDK documents this method, but its type definitions lack it.
 * @typedef {Client & { sendStreamMessage: (bytes: Uint8Array) => Promise<void> }} StreamClient
 * @typedef {import("../ui/call-devices.js").DeviceChoices} DeviceChoices
 * @typedef {import("../ui/call-devices.js").PortableChoice} PortableChoice
 * @typedef {import("../ui/call-session.js").CallListener} CallListener
 * @typedef {import("../ui/call-session.js").CallSnapshot} CallSnapshot
 * @typedef {import("../ui/call-session.js").Device} Device
 * @typedef {import("../ui/call-session.js").DeviceKind} DeviceKind
 * @typedef {import("../ui/call-session.js").Person} Person
 * @typedef {import("videobroker-models").CallPerson} CallPerson
 * @typedef {import("videobroker-models").AgoraTokenCredentials} Credentials
 * @typedef {Pick<Credentials, "app_id" | "channel" | "uid" | "token" | "role">} Keys
 * @typedef {keyof Tracks} Kind
 * @typedef {{ uid: Uid, user: RemoteUser, audio: boolean, video: boolean, hand: number, isScreen: boolean }} RemotePerson
 *
 * What the page does for the session.
 * @typedef {object} Actions
 * @property {() => void} leave
 * @property {(uids: Uid[]) => void} requestNames the answer goes to `receiveNames`
 * @property {() => void} tokenWillExpire the newer token goes to `renew`
 * @property {(media: { audio: boolean, video: boolean, screen: boolean }) => void} published
 * @property {() => void} [end] for hosts: ends the call for everyone
 * @property {(reason: "removed" | "ended") => void} over the call is over for this person
 */

/** @type {ReadonlySet<string | undefined>} */
const REMOVED = new Set(["UID_BANNED", "IP_BANNED"]);
/** @type {Record<string, CallSnapshot["state"]>} */
const STATES = { CONNECTED: "connected", CONNECTING: "connecting", RECONNECTING: "reconnecting" };
/** @type {Record<"camera" | "microphone", Kind>} */
const MEDIA = { camera: "video", microphone: "audio" };
/** @type {Record<Kind, "camera" | "microphone">} */
const DEVICES = { video: "camera", audio: "microphone" };
const SETTLING_MS = 1500; // after joining: those who were there already are not announced
const NEWCOMER_MS = 1000; // until a newcomer receives packets

export class AgoraSession {
  #sdk;
  #actions;
  /** @type {Client} */
  #client;
  /** @type {CallListener} */
  #listener = { changed() {}, message() {}, history() {}, notice() {}, soundBlocked() {} };
  /** @type {CallSnapshot["state"]} */
  #state = "connecting";
  /** @type {string | null} */
  #problem = null;
  /** The credentials of the call; null before `join`. @type {Keys | null} */
  #keys = null;
  /** @type {DeviceChoices} */
  #choices = {};
  #name;
  /** @type {{ [K in Kind]: Tracks[K] | null }} */
  #tracks = { audio: null, video: null };
  /** @type {ScreenTrack | null} */
  #screen = null;
  #hand = 0;
  /** @type {Map<Uid, RemotePerson>} */
  #people = new Map();
  /** @type {Map<Uid, CallPerson>} */
  #names = new Map();
  /** @type {Set<Uid>} */
  #unannounced = new Set();
  #speaker = "";
  #joinedAt = Infinity;
  #isClosed = false;
  #messages = 0;
  #reader = new PacketReader();
  #queue = new PacketQueue((bytes) => this.#sendPacket(bytes));

  /**
   * @param {Sdk} sdk
   * @param {string | null} name
   * @param {Actions} actions
   */
  constructor(sdk, name, actions) {
    this.#sdk = sdk;
    this.#name = name;
    this.#actions = actions;
    sdk.setLogLevel?.(4);
    sdk.onAutoplayFailed = () => this.#listener.soundBlocked();
    this.#client = sdk.createClient({ mode: "rtc", codec: "vp8" });
    this.#addListeners();
  }

  /** @param {CallListener} listener */
  listen(listener) {
    this.#listener = listener;
  }

  /** @returns {CallSnapshot} */
  snapshot() {
    const publish = this.#keys?.role !== "subscriber" && this.#state !== "connecting";
    return {
      state: this.#state,
      me: this.#own(),
      others: [...this.#people.values()].map((person) => this.#other(person)),
      may: {
        publish,
        share: publish && Boolean(navigator.mediaDevices?.getDisplayMedia),
        end: Boolean(this.#actions.end),
        remove: false,
      },
      isRecorded: false,
      hasHistory: false,
      problem: this.#problem,
    };
  }

  /** @param {string} id */
  level(id) {
    const track = id === "me" ? this.#tracks.audio : this.#people.get(Number(id))?.user.audioTrack;
    return track?.getVolumeLevel() ?? 0;
  }

  /**
   * Join with exactly these credentials. Throws the errors of the SDK.
   * @param {Keys} keys
   * @param {DeviceChoices} choices
   */
  async join(keys, choices) {
    this.#keys = keys;
    this.#choices = choices;
    await this.#client.join(keys.app_id, keys.channel, keys.token, keys.uid);
    this.#joinedAt = performance.now();
    if (keys.role === "subscriber") return;
    if (!choices.microphoneOff) await this.#open("audio", choices.microphone);
    if (!choices.cameraOff) await this.#open("video", choices.camera);
    this.#speaker = findDevice(await devicesOf("speaker"), "speaker", choices.speaker) ?? "";
    await this.#publishAll();
    const isExpected = !choices.microphoneOff || !choices.cameraOff;
    this.#problem = isExpected && this.#published.length === 0 ? "devices.unavailable.both" : null;
    this.#changed();
  }

  /**
   * Use a newer token for the same channel and uid. If the old one has expired already, join again.
   * @param {{ token: string }} credentials
   */
  async renew({ token }) {
    if (!this.#keys) return;
    this.#keys = { ...this.#keys, token };
    if (this.#client.connectionState === "CONNECTED") await this.#client.renewToken(token);
    else if (!this.#isClosed) await this.#rejoin(this.#keys);
  }

  /**
   * The names of people in the call.
   * @param {CallPerson[]} people
   */
  receiveNames(people) {
    for (const person of people) this.#names.set(person.uid, person);
    for (const uid of [...this.#unannounced]) this.#announceJoin(uid);
    this.#changed();
  }

  async close() {
    this.#isClosed = true;
    for (const track of [this.#tracks.audio, this.#tracks.video, this.#screen]) track?.close();
    this.#tracks = { audio: null, video: null };
    this.#screen = null;
    this.#people.clear();
    await this.#client.leave();
  }

  // Actions

  /** @param {boolean} isOn */
  async setMicrophone(isOn) {
    await this.#set("audio", isOn);
  }

  /** @param {boolean} isOn */
  async setCamera(isOn) {
    // A client sends one video: the screen replaces the camera.
    if (this.#screen) this.#listener.notice("share.replaces_camera");
    else await this.#set("video", isOn);
  }

  /** @param {boolean} isOn */
  async shareScreen(isOn) {
    if (isOn) await this.#startSharing();
    else await this.#stopSharing();
  }

  /**
   * @param {DeviceKind} kind
   * @returns {Promise<Device[]>}
   */
  async devices(kind) {
    const active = kind === "speaker" ? this.#speaker : this.#tracks[MEDIA[kind]]?.getMediaStreamTrack().getSettings().deviceId;
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
    const track = kind === "speaker" ? null : this.#tracks[MEDIA[kind]];
    if (kind === "speaker") {
      this.#speaker = id;
      await Promise.all([...this.#people.values()].map(({ user }) => user.audioTrack?.setPlaybackDevice(id)));
    } else if (track) {
      await track.setDevice(id);
    } else {
      const label = (await devicesOf(kind)).find((each) => each.deviceId === id)?.label ?? "";
      this.#choices = { ...this.#choices, [kind]: { label, index: 0 } };
    }
    this.#changed();
  }

  /** @param {string} text */
  async sendMessage(text) {
    const content = clipText(text);
    await this.#queue.push(chatPackets(String((this.#messages += 1)), content));
    this.#listener.message({ from: "me", name: this.#name, text: content, at: Date.now(), isMine: true });
  }

  /** @param {boolean} isRaised */
  raiseHand(isRaised) {
    this.#hand = isRaised ? Date.now() : 0;
    this.#sendState();
    this.#changed();
  }

  playSound() {
    for (const { user } of this.#people.values()) user.audioTrack?.play();
  }

  leave() {
    this.#actions.leave();
  }

  remove() {
    throw new Error("People in a channel cannot remove each other.");
  }

  end() {
    this.#actions.end?.();
  }

  // Ending needs the ticket, which the page around this one has: it asks, too.
  get confirmsEnd() {
    return true;
  }

  // Snapshots

  /** @returns {Person} */
  #own() {
    return {
      id: "me",
      name: this.#name,
      role: "",
      microphone: Boolean(this.#tracks.audio?.enabled),
      camera: Boolean(this.#tracks.video?.enabled) && !this.#screen,
      hand: this.#hand,
      cameraTrack: this.#tracks.video?.getMediaStreamTrack() ?? null,
      screenTrack: this.#screen?.getMediaStreamTrack() ?? null,
      connection: "connected",
    };
  }

  /**
   * @param {RemotePerson} person
   * @returns {Person}
   */
  #other({ uid, user, audio, video, hand, isScreen }) {
    const known = this.#names.get(uid);
    const track = video ? (user.videoTrack?.getMediaStreamTrack() ?? null) : null;
    return {
      id: String(uid),
      name: known?.display_name ?? null,
      isGuest: Boolean(known?.is_guest),
      role: "",
      microphone: audio,
      camera: video && !isScreen,
      hand,
      cameraTrack: isScreen ? null : track,
      screenTrack: isScreen ? track : null,
      connection: "connected",
    };
  }

  #changed() {
    if (this.#isClosed) return;
    this.#listener.changed();
    const { microphone, camera, screenTrack } = this.#own();
    this.#actions.published({ audio: microphone, video: camera, screen: screenTrack !== null });
  }

  // Events of the SDK

  #addListeners() {
    const client = this.#client;
    client.on("user-joined", (user) => this.#joined(user));
    client.on("user-left", (user, reason) => this.#left(user, reason));
    client.on("user-published", (user, kind) => kind !== "datachannel" && this.#userPublished(user, kind));
    client.on("user-unpublished", (user, kind) => kind !== "datachannel" && this.#update(user, { [kind]: false }));
    client.on("user-info-updated", (uid, message) => this.#infoUpdated(uid, message));
    client.on("stream-message", (uid, payload) => this.#received(uid, payload));
    client.on("token-privilege-will-expire", () => this.#actions.tokenWillExpire());
    client.on("token-privilege-did-expire", () => this.#actions.tokenWillExpire());
    client.on("connection-state-change", (state, _before, reason) => this.#stateChanged(state, reason));
  }

  /** @param {RemoteUser} user */
  #joined(user) {
    this.#update(user);
    const unnamed = [...this.#people.keys()].filter((uid) => !this.#names.has(uid));
    if (unnamed.length > 0) this.#actions.requestNames(unnamed);
    if (performance.now() - this.#joinedAt > SETTLING_MS) {
      this.#unannounced.add(user.uid);
      if (this.#names.has(user.uid)) this.#announceJoin(user.uid);
    }
    // Newcomers do not know it yet.
    if (this.#hand || this.#screen) setTimeout(() => this.#sendState(), NEWCOMER_MS);
  }

  /** @param {Uid} uid */
  #announceJoin(uid) {
    this.#unannounced.delete(uid);
    const name = this.#names.get(uid)?.display_name;
    if (name && this.#people.has(uid)) this.#listener.notice("notice.joined", { name });
  }

  /**
   * @param {RemoteUser} user
   * @param {string} reason
   */
  #left(user, reason) {
    const name = this.#names.get(user.uid)?.display_name;
    this.#people.delete(user.uid);
    if (name) this.#listener.notice(reason === "ServerTimeOut" ? "notice.lost" : "notice.left", { name });
    this.#changed();
  }

  /**
   * @param {RemoteUser} user
   * @param {Kind} kind
   */
  async #userPublished(user, kind) {
    this.#update(user);
    try {
      await this.#client.subscribe(user, kind);
    } catch {
      // Unpublished in the meantime, or the connection broke: the SDK announces the track again.
      return;
    }
    if (!this.#people.has(user.uid)) return;
    if (!(kind === "video" ? user.videoTrack : user.audioTrack)) return;
    if (kind === "audio" && user.audioTrack) this.#playVoice(user.audioTrack);
    this.#update(user, { [kind]: true });
  }

  /** @param {VoiceTrack} track */
  #playVoice(track) {
    // A speaker that is gone: the default one plays.
    if (this.#speaker) track.setPlaybackDevice(this.#speaker).catch(() => (this.#speaker = ""));
    track.play();
  }

  /**
   * @param {Uid} uid
   * @param {string} message as "mute-audio"
   */
  #infoUpdated(uid, message) {
    const [change, kind] = String(message).split("-");
    const person = this.#people.get(uid);
    if (!person || (kind !== "audio" && kind !== "video") || (change !== "mute" && change !== "unmute")) return;
    const track = kind === "video" ? person.user.videoTrack : person.user.audioTrack;
    this.#update(person.user, { [kind]: change === "unmute" && Boolean(track) });
  }

  /**
   * @param {RemoteUser} user
   * @param {Partial<RemotePerson>} [changes]
   */
  #update(user, changes = {}) {
    const { uid } = user;
    const before = this.#people.get(uid) ?? { uid, audio: false, video: false, hand: 0, isScreen: false };
    this.#people.set(uid, { ...before, ...changes, user });
    this.#changed();
  }

  /**
   * @param {Uid} uid
   * @param {Uint8Array} payload
   */
  #received(uid, payload) {
    const content = this.#reader.read(String(uid), payload);
    const person = this.#people.get(uid);
    if (!content || !person) return;
    if (content.type === "state") {
      this.#update(person.user, { hand: content.hand, isScreen: content.screen });
      return;
    }
    const name = this.#names.get(uid)?.display_name ?? null;
    this.#listener.message({ from: String(uid), name, text: content.text, at: Date.now(), isMine: false });
  }

  /**
   * @param {string} state
   * @param {string} [reason]
   */
  #stateChanged(state, reason) {
    if (this.#isClosed) return;
    const shown = STATES[state];
    if (shown) {
      this.#state = shown;
      this.#changed();
    }
    if (state !== "DISCONNECTED") return;
    if (REMOVED.has(reason)) this.#over("removed");
    else if (reason === "CHANNEL_BANNED") this.#over("ended");
    // With an expired token the SDK does not reconnect by itself.
    else if (reason === "TOKEN_EXPIRE") this.#actions.tokenWillExpire();
  }

  /** @param {"removed" | "ended"} reason */
  #over(reason) {
    this.close().finally(() => this.#actions.over(reason));
  }

  // Packets

  /** @param {Uint8Array} bytes */
  async #sendPacket(bytes) {
    await /** @type {StreamClient} */ (this.#client).sendStreamMessage(bytes);
  }

  #sendState() {
    if (this.#isClosed) return;
    // If it fails, the others do not see the hand; the next change sends it again.
    this.#queue.push([statePacket(this.#hand, this.#screen !== null)]).catch(() => {});
  }

  // This person's media

  get #published() {
    return [this.#tracks.audio, this.#screen ?? this.#tracks.video].filter((each) => each !== null);
  }

  async #publishAll() {
    if (this.#published.length > 0) await this.#client.publish(this.#published);
  }

  /** @param {Keys} keys */
  async #rejoin({ app_id, channel, token, uid }) {
    await this.#client.join(app_id, channel, token, uid);
    await this.#publishAll();
  }

  /**
   * @param {Kind} kind
   * @param {boolean} isOn
   */
  async #set(kind, isOn) {
    const track = this.#tracks[kind];
    try {
      if (track) await track.setEnabled(isOn);
      else if (isOn) await this.#openAndPublish(kind, this.#choices[DEVICES[kind]]);
      if (isOn) this.#problem = null;
    } catch {
      this.#listener.notice(`devices.unavailable.${DEVICES[kind]}`);
    }
    this.#changed();
  }

  /**
   * @param {Kind} kind
   * @param {PortableChoice | null | undefined} choice
   */
  async #openAndPublish(kind, choice) {
    const track = await this.#open(kind, choice);
    if (!track) throw new DOMException("There is no such device.", "NotFoundError");
    if (!(kind === "video" && this.#screen)) await this.#client.publish([track]);
    return track;
  }

  /**
   * Open the chosen device, or else the default one. Without either, the person can still watch and listen.
   * @param {Kind} kind
   * @param {PortableChoice | null | undefined} choice
   */
  async #open(kind, choice) {
    const id = await this.#idOf(kind, choice);
    for (const each of id ? [id, null] : [null]) {
      try {
        this.#take(kind, await this.#make(kind, each));
        break;
      } catch {
        // The chosen device is gone or busy: try the default one.
      }
    }
    const track = this.#tracks[kind];
    if (!track || !choice || id) return track;
    // Some browsers name devices only while one is in use.
    const found = await this.#idOf(kind, choice);
    await (found && track.setDevice?.(found).catch(() => {}));
    return track;
  }

  /**
   * @param {Kind} kind
   * @param {string | null} id
   * @returns {Promise<InputTrack>}
   */
  #make(kind, id) {
    if (kind === "audio") return this.#sdk.createMicrophoneAudioTrack(id ? { microphoneId: id } : {});
    return this.#sdk.createCameraVideoTrack(id ? { cameraId: id } : {});
  }

  /**
   * @param {Kind} kind
   * @param {InputTrack} track
   */
  #take(kind, track) {
    Object.assign(this.#tracks, { [kind]: track });
    track.on?.("track-ended", () => this.#tracks[kind] === track && this.#replace(kind));
    track.on?.("track-updated", () => this.#changed());
  }

  /**
   * @param {Kind} kind
   * @param {PortableChoice | null | undefined} choice
   */
  async #idOf(kind, choice) {
    return findDevice(await devicesOf(DEVICES[kind]), DEVICES[kind], choice);
  }

  /**
   * The device was unplugged: use the default one, if there is another.
   * @param {Kind} kind
   */
  async #replace(kind) {
    const gone = this.#tracks[kind];
    if (!gone) return;
    const wasOn = gone.enabled;
    this.#tracks[kind] = null;
    if (!(kind === "video" && this.#screen)) await this.#client.unpublish([gone]).catch(() => {});
    gone.close();
    this.#listener.notice(`devices.unplugged.${DEVICES[kind]}`);
    const other = wasOn ? await this.#openAndPublish(kind, null).catch(() => null) : null;
    if (other) this.#listener.notice("devices.switched", { label: other.getTrackLabel() });
    this.#changed();
  }

  // The screen replaces the camera while it is shared.

  async #startSharing() {
    try {
      const screen = await this.#sdk.createScreenVideoTrack({ optimizationMode: "detail" }, "disable");
      this.#screen = screen;
      // Also if the person stops sharing in the browser's own controls.
      screen.on("track-ended", () => this.#stopSharing());
      this.#sendState();
      if (this.#tracks.video) await this.#client.unpublish([this.#tracks.video]);
      await this.#client.publish([screen]);
    } catch (error) {
      if (this.#screen) await this.#stopSharing();
      // The person dismissed the browser's dialog.
      if (!["PERMISSION_DENIED", "NotAllowedError"].includes(codeOf(error))) this.#listener.notice("share.failed");
    }
    this.#changed();
  }

  async #stopSharing() {
    const screen = this.#screen;
    if (!screen) return;
    this.#screen = null;
    await this.#client.unpublish([screen]).catch(() => {});
    screen.close();
    this.#sendState();
    if (this.#tracks.video) await this.#client.publish([this.#tracks.video]).catch(() => {});
    this.#changed();
  }
}

/**
 * The code of an error of the SDK, or the name of one of the browser; "" for others.
 * @param {unknown} error
 */
export function codeOf(error) {
  if (error instanceof DOMException) return error.name;
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
