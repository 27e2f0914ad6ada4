/**
 * Full mesh: one RTCPeerConnection for each other person.
 *
 * Newcomers offer, those present answer; after that either side may offer at any time ("perfect negotiation":
 * when both do at once, the polite one gives way). There is no STUN and no TURN: host candidates have to do.
 */

/**
 * @typedef {"audio" | "camera" | "screen"} Kind
 * @typedef {Record<Kind, { track: MediaStreamTrack | null, stream: MediaStream }>} Outgoing
 * @typedef {{ description?: RTCSessionDescriptionInit, candidate?: RTCIceCandidateInit }} Signal
 */

/** @type {Kind[]} */
const KINDS = ["audio", "camera", "screen"];

export class Mesh {
  #me;
  #send;
  #changed;
  /** @type {Map<string, PeerLink>} */
  #links = new Map();
  #outgoing = /** @type {Outgoing} */ (
    Object.fromEntries(KINDS.map((kind) => [kind, { track: null, stream: new MediaStream() }]))
  );

  /**
   * `send(to, data)` carries a signal to a person; `changed(id)` reports a change of theirs.
   * @param {string} me
   * @param {(to: string, data: Signal) => void} send
   * @param {(id: string) => void} changed
   */
  constructor(me, send, changed) {
    this.#me = me;
    this.#send = send;
    this.#changed = changed;
    // Voice and face come in one stream, so that they stay together.
    this.#outgoing.audio.stream = this.#outgoing.camera.stream;
  }

  /** The ids of the streams in which the others get the camera and the screen. */
  get streams() {
    return { camera: this.#outgoing.camera.stream.id, screen: this.#outgoing.screen.stream.id };
  }

  /**
   * Connect to a person; `offering` if this page joined later.
   * @param {string} id
   * @param {boolean} offering
   */
  addPeer(id, offering) {
    this.removePeer(id);
    const link = new PeerLink(this.#me < id, (data) => this.#send(id, data), () => this.#changed(id), this.#outgoing);
    this.#links.set(id, link);
    if (offering) link.begin();
  }

  /**
   * A person has left.
   * @param {string} id
   */
  removePeer(id) {
    this.#links.get(id)?.close();
    this.#links.delete(id);
  }

  /**
   * A signal from another browser.
   * @param {string} id
   * @param {Signal} data
   */
  signal(id, data) {
    this.#links.get(id)?.receive(data);
  }

  /**
   * Send this track from now on; null sends nothing.
   * @param {Kind} kind
   * @param {MediaStreamTrack | null} track
   */
  async publish(kind, track) {
    this.#outgoing[kind].track = track;
    await Promise.all([...this.#links.values()].map((link) => link.publish(kind)));
  }

  /**
   * The media of a person in the stream with this ID.
   * @param {string} id
   * @param {string} streamId
   */
  stream(id, streamId) {
    return this.#links.get(id)?.streams.get(streamId) ?? null;
  }

  /**
   * `new`, `connecting`, `connected`, `disconnected` or `failed`.
   * @param {string} id
   */
  state(id) {
    return this.#links.get(id)?.state ?? "new";
  }

  /**
   * The volume of a person, from 0 to 1.
   * @param {string} id
   */
  level(id) {
    return this.#links.get(id)?.level() ?? 0;
  }

  /** The line is back: connections that were lost meanwhile are repaired. */
  repair() {
    for (const link of this.#links.values()) link.repair();
  }

  async stats() {
    const stats = [...this.#links].map(async ([id, link]) => /** @type {const} */ ([id, await link.stats()]));
    return Object.fromEntries(await Promise.all(stats));
  }

  close() {
    for (const id of [...this.#links.keys()]) this.removePeer(id);
  }
}

class PeerLink {
  /** @type {Map<string, MediaStream>} */
  streams = new Map();
  #pc = new RTCPeerConnection();
  #polite;
  #send;
  #outgoing;
  /** @type {Partial<Record<Kind, RTCRtpSender>>} */
  #senders = {};
  #begun = false;
  #offering = false;
  #deaf = false;
  #turn = Promise.resolve();

  /**
   * @param {boolean} polite
   * @param {(data: Signal) => void} send
   * @param {() => void} changed
   * @param {Outgoing} outgoing
   */
  constructor(polite, send, changed, outgoing) {
    this.#polite = polite;
    this.#send = send;
    this.#outgoing = outgoing;
    const pc = this.#pc;
    pc.onnegotiationneeded = () => this.#offer();
    pc.onicecandidate = ({ candidate }) => candidate && send({ candidate: candidate.toJSON() });
    pc.ontrack = ({ streams }) => {
      for (const stream of streams) this.streams.set(stream.id, stream);
      changed();
    };
    pc.onconnectionstatechange = () => {
      if (pc.connectionState === "failed") pc.restartIce();
      changed();
    };
  }

  get state() {
    return this.#pc.connectionState;
  }

  begin() {
    this.#attach();
    // Who has no camera sees those of the others all the same.
    for (const kind of ["audio", "video"]) {
      const offered = this.#pc.getTransceivers().some((each) => each.receiver.track.kind === kind);
      if (!offered) this.#pc.addTransceiver(kind, { direction: "recvonly" });
    }
  }

  /** @param {Kind} kind */
  async publish(kind) {
    if (!this.#begun) return;
    const { track, stream } = this.#outgoing[kind];
    const sender = this.#senders[kind];
    if (sender) await sender.replaceTrack(track);
    else if (track) this.#senders[kind] = this.#pc.addTrack(track, stream);
  }

  /** @param {Signal} data */
  receive(data) {
    // One after the other: an answer must not overtake its candidates.
    this.#turn = this.#turn.then(() => this.#onSignal(data)).catch((error) => {
      if (this.#pc.signalingState !== "closed") console.warn("A signal was not understood:", error);
    });
  }

  repair() {
    if (!["connected", "new"].includes(this.state)) this.#pc.restartIce();
  }

  level() {
    const [voice] = this.#pc.getReceivers().filter((each) => each.track.kind === "audio");
    return voice?.getSynchronizationSources()[0]?.audioLevel ?? 0;
  }

  async stats() {
    const incoming = [...(await this.#pc.getStats()).values()].filter((each) => each.type === "inbound-rtp");
    const streamOf = (/** @type {string} */ track) => [...this.streams.values()].find((each) => each.getTrackById(track))?.id ?? "";
    return {
      state: this.state,
      video: incoming
        .filter((each) => each.kind === "video")
        .map((each) => ({ stream: streamOf(each.trackIdentifier), framesDecoded: each.framesDecoded ?? 0 })),
      audio: incoming
        .filter((each) => each.kind === "audio")
        .map((each) => ({ packetsReceived: each.packetsReceived ?? 0, level: each.audioLevel ?? 0 })),
    };
  }

  close() {
    this.#pc.close();
  }

  #attach() {
    this.#begun = true;
    for (const kind of KINDS) this.publish(kind);
  }

  async #offer() {
    try {
      this.#offering = true;
      await this.#pc.setLocalDescription();
      this.#sendDescription();
    } catch (error) {
      if (this.#pc.signalingState !== "closed") throw error;
    } finally {
      this.#offering = false;
    }
  }

  #sendDescription() {
    const description = this.#pc.localDescription;
    if (description) this.#send({ description: description.toJSON() });
  }

  /** @param {Signal} data */
  async #onSignal({ description, candidate }) {
    const pc = this.#pc;
    if (description) {
      const glare = description.type === "offer" && (this.#offering || pc.signalingState !== "stable");
      this.#deaf = glare && !this.#polite;
      if (this.#deaf) return;
      await pc.setRemoteDescription(description);
      if (description.type !== "offer") return;
      if (!this.#begun) this.#attach();
      await pc.setLocalDescription();
      this.#sendDescription();
    } else if (candidate) {
      try {
        await pc.addIceCandidate(candidate);
      } catch (error) {
        // Candidates of an offer that was passed over belong to nothing.
        if (!this.#deaf) throw error;
      }
    }
  }
}
