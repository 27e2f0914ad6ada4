// What we want of a call, in the words of Agora's Web SDK 4.x.

const REMOVED = new Set(["UID_BANNED", "IP_BANNED"]);

export class AgoraCall {
  #sdk;
  #hear;
  #client;
  #tracks = {};
  #keys = null;
  #left = false;

  /** `hear` is told: state, mine, picture, gone, came, tokenWillExpire, silenced, noDevices, over. */
  constructor(sdk, hear) {
    this.#sdk = sdk;
    this.#hear = hear;
    sdk.setLogLevel?.(4);
    sdk.onAutoplayFailed = () => hear.silenced();
    this.#client = sdk.createClient({ mode: "rtc", codec: "vp8" });
    this.#listen();
  }

  /** Nobody else is in the channel. */
  get alone() {
    return this.#client.remoteUsers.length === 0;
  }

  /** Whether there is "audio" or "video" of this person. */
  has(kind) {
    return kind in this.#tracks;
  }

  /** Join with exactly this app_id, channel, token and uid. Raises what the SDK raises. */
  async join(keys, { camera, microphone }) {
    this.#keys = keys;
    await this.#client.join(keys.app_id, keys.channel, keys.token, keys.uid);
    if (keys.role === "subscriber") return;
    await this.#take("audio", () => this.#sdk.createMicrophoneAudioTrack(microphone ? { microphoneId: microphone } : {}));
    await this.#take("video", () => this.#sdk.createCameraVideoTrack(camera ? { cameraId: camera } : {}));
    const tracks = Object.values(this.#tracks);
    if (tracks.length === 0) this.#hear.noDevices();
    else await this.#client.publish(tracks);
    this.#tracks.video?.play(this.#hear.mine());
  }

  /** A newer token of the same channel and uid; when the old one has ended already, join again. */
  async renew({ token }) {
    this.#keys = { ...this.#keys, token };
    if (this.#client.connectionState === "CONNECTED") await this.#client.renewToken(token);
    else if (!this.#left) await this.#again();
  }

  /** Switch "audio" or "video" off, or on again; whether it is off now. */
  async toggle(kind) {
    const track = this.#tracks[kind];
    if (!track) return true;
    await track.setEnabled(!track.enabled);
    return !track.enabled;
  }

  /** Let everybody be heard, where the browser wanted a tap first. */
  playAll() {
    for (const user of this.#client.remoteUsers) user.audioTrack?.play();
  }

  async leave() {
    this.#left = true;
    for (const track of Object.values(this.#tracks)) track.close();
    this.#tracks = {};
    await this.#client.leave();
  }

  #listen() {
    this.#client.on("user-published", async (user, kind) => {
      await this.#client.subscribe(user, kind);
      if (kind === "video") user.videoTrack.play(this.#hear.picture(user.uid));
      else user.audioTrack.play();
    });
    this.#client.on("user-joined", () => this.#hear.came());
    this.#client.on("user-left", (user) => this.#hear.gone(user.uid));
    this.#client.on("token-privilege-will-expire", () => this.#hear.tokenWillExpire());
    this.#client.on("token-privilege-did-expire", () => this.#hear.tokenWillExpire());
    this.#client.on("connection-state-change", (state, _before, reason) => this.#changed(state, reason));
  }

  #changed(state, reason) {
    if (this.#left) return;
    if (state === "CONNECTED") this.#hear.state("connected");
    if (state === "CONNECTING") this.#hear.state("connecting");
    if (state === "RECONNECTING") this.#hear.state("reconnecting");
    if (state !== "DISCONNECTED") return;
    if (REMOVED.has(reason)) this.#over("removed");
    else if (reason === "CHANNEL_BANNED") this.#over("ended");
    // With a token that has ended the SDK does not come back by itself.
    else if (reason === "TOKEN_EXPIRE") this.#hear.tokenWillExpire();
  }

  #over(reason) {
    this.leave().finally(() => this.#hear.over(reason));
  }

  async #again() {
    const { app_id, channel, token, uid } = this.#keys;
    await this.#client.join(app_id, channel, token, uid);
    const tracks = Object.values(this.#tracks);
    if (tracks.length > 0) await this.#client.publish(tracks);
  }

  async #take(kind, make) {
    try {
      this.#tracks[kind] = await make();
    } catch {
      // Without a camera or a microphone one still sees and hears the others.
    }
  }
}
