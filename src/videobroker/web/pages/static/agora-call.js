// A call on Agora's Web SDK 4.x: the participants, what they publish, and this person's own devices.

const REMOVED = new Set(["UID_BANNED", "IP_BANNED"]);
const KINDS = { audio: "audioinput", video: "videoinput" };

export class AgoraCall {
  #sdk;
  #on;
  #client;
  #tracks = {};
  #keys = null;
  #people = new Map();
  #left = false;

  /** Handlers in `on`: state, people, play, tokenWillExpire, autoplayBlocked, noDevices, over. */
  constructor(sdk, on) {
    this.#sdk = sdk;
    this.#on = on;
    sdk.setLogLevel?.(4);
    sdk.onAutoplayFailed = () => on.autoplayBlocked();
    this.#client = sdk.createClient({ mode: "rtc", codec: "vp8" });
    this.#addListeners();
  }

  /** The others in the channel, also those without a camera, as `{uid, audio, video}`. */
  get people() {
    return [...this.#people.values()];
  }

  /** Whether this person has "audio" or "video" to publish. */
  has(kind) {
    return kind in this.#tracks;
  }

  /** Whether this person's "audio" or "video" is published and on. */
  isOn(kind) {
    return Boolean(this.#tracks[kind]?.enabled);
  }

  /** Join with exactly this app_id, channel, token, and uid. Throws the errors of the SDK. */
  async join(keys, { camera, microphone }) {
    this.#keys = keys;
    await this.#client.join(keys.app_id, keys.channel, keys.token, keys.uid);
    if (keys.role === "subscriber") return;
    await this.#open("audio", microphone, (id) => this.#sdk.createMicrophoneAudioTrack(id ? { microphoneId: id } : {}));
    await this.#open("video", camera, (id) => this.#sdk.createCameraVideoTrack(id ? { cameraId: id } : {}));
    const tracks = Object.values(this.#tracks);
    if (tracks.length === 0) this.#on.noDevices();
    else await this.#client.publish(tracks);
    if (this.#tracks.video) this.#on.play("me", this.#tracks.video);
  }

  /** Use a newer token for the same channel and uid. If the old one has expired already, join again. */
  async renew({ token }) {
    this.#keys = { ...this.#keys, token };
    if (this.#client.connectionState === "CONNECTED") await this.#client.renewToken(token);
    else if (!this.#left) await this.#rejoin();
  }

  /** Turn "audio" or "video" off or on. Returns whether it is off now. */
  async toggle(kind) {
    const track = this.#tracks[kind];
    if (!track) return true;
    await track.setEnabled(!track.enabled);
    return !track.enabled;
  }

  /** Play everyone's sound, after the tap that the browser's autoplay policy requires. */
  playAll() {
    for (const user of this.#client.remoteUsers) user.audioTrack?.play();
  }

  async leave() {
    this.#left = true;
    for (const track of Object.values(this.#tracks)) track.close();
    this.#tracks = {};
    this.#people.clear();
    await this.#client.leave();
  }

  #addListeners() {
    this.#client.on("user-joined", (user) => this.#update(user));
    this.#client.on("user-left", (user) => {
      this.#people.delete(user.uid);
      this.#on.people();
    });
    this.#client.on("user-published", (user, kind) => this.#published(user, kind));
    this.#client.on("user-unpublished", (user, kind) => this.#update(user, { [kind]: false }));
    this.#client.on("user-info-updated", (uid, message) => this.#infoUpdated(uid, message));
    this.#client.on("token-privilege-will-expire", () => this.#on.tokenWillExpire());
    this.#client.on("token-privilege-did-expire", () => this.#on.tokenWillExpire());
    this.#client.on("connection-state-change", (state, _before, reason) => this.#changed(state, reason));
  }

  async #published(user, kind) {
    this.#update(user);
    try {
      await this.#client.subscribe(user, kind);
    } catch {
      // Unpublished in the meantime, or the connection broke: the SDK announces the track again.
      return;
    }
    if (!this.#people.has(user.uid)) return;
    const track = kind === "video" ? user.videoTrack : user.audioTrack;
    if (!track) return;
    this.#update(user, { [kind]: true });
    if (kind === "video") this.#on.play(user.uid, track);
    else track.play();
  }

  #infoUpdated(uid, message) {
    const [change, kind] = String(message).split("-");
    const person = this.#people.get(uid);
    if (!person || !(kind in KINDS) || !["mute", "unmute"].includes(change)) return;
    const user = this.#client.remoteUsers.find((each) => each.uid === uid);
    const track = kind === "video" ? user?.videoTrack : user?.audioTrack;
    this.#update({ uid }, { [kind]: change === "unmute" && Boolean(track) });
  }

  #update({ uid }, changes = {}) {
    const before = this.#people.get(uid) ?? { uid, audio: false, video: false };
    this.#people.set(uid, { ...before, ...changes });
    this.#on.people();
  }

  #changed(state, reason) {
    if (this.#left) return;
    if (state === "CONNECTED") this.#on.state("connected");
    if (state === "CONNECTING") this.#on.state("connecting");
    if (state === "RECONNECTING") this.#on.state("reconnecting");
    if (state !== "DISCONNECTED") return;
    if (REMOVED.has(reason)) this.#over("removed");
    else if (reason === "CHANNEL_BANNED") this.#over("ended");
    // With an expired token the SDK does not reconnect by itself.
    else if (reason === "TOKEN_EXPIRE") this.#on.tokenWillExpire();
  }

  #over(reason) {
    this.leave().finally(() => this.#on.over(reason));
  }

  async #rejoin() {
    const { app_id, channel, token, uid } = this.#keys;
    await this.#client.join(app_id, channel, token, uid);
    const tracks = Object.values(this.#tracks);
    if (tracks.length > 0) await this.#client.publish(tracks);
  }

  /** Open the chosen device, or else the default one. Without either, the person can still watch and listen. */
  async #open(kind, chosen, make) {
    const id = await deviceId(kind, chosen);
    for (const each of id ? [id, null] : [null]) {
      try {
        this.#tracks[kind] = await make(each);
        break;
      } catch {
        // The chosen device is gone or busy: try the default one.
      }
    }
    if (!chosen || id || !this.#tracks[kind]) return;
    // Some browsers name devices only while one is in use.
    const found = await deviceId(kind, chosen);
    await (found && this.#tracks[kind].setDevice?.(found).catch(() => {}));
  }
}

/** The ID of the device that was chosen on the parent page. IDs differ between origins; labels do not. */
async function deviceId(kind, chosen) {
  if (!chosen) return null;
  const found = await navigator.mediaDevices.enumerateDevices().catch(() => []);
  const named = found.filter((each) => each.kind === KINDS[kind] && each.label === chosen.label);
  return (named[chosen.index] ?? named[0])?.deviceId ?? null;
}
