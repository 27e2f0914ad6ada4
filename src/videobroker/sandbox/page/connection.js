/**
 * The connection to the sandbox: a WebSocket that reconnects until the stay ends.
 *
 * The first message on every socket identifies the person. The sandbox responds with a resume token (`seat`), with
 * which the same page resumes after a lost connection.
 */

/**
 * @typedef {import("./session.js").Peer} Peer
 * @typedef {import("./session.js").SentMessage} SentMessage
 * @typedef {import("../ui/call-session.js").Permissions} Permissions
 *
 * Messages of the sandbox (`sandbox/meeting`), and `lost` of this module. `n` counts those that are sent again after a
 * lost connection.
 * @typedef {{ type: "entered", resumed: boolean, seat: string, title: string, you: Peer, may: Omit<Permissions, "share">,
 *   people: Peer[], recorded: boolean, messages: SentMessage[] }} EnteredMessage
 * @typedef {{ type: "refused", code: string, title: string, message: string }} RefusedMessage
 * @typedef {{ type: "out", cause: string, message?: string }} OutMessage
 * @typedef {{ type: "came" | "changed", person: Peer } | { type: "went", id: string, cause: string }} PersonMessage
 * @typedef {{ type: "may", may: Omit<Permissions, "share">, role: string }} PermissionsMessage
 * @typedef {{ type: "signal", from: string, data: import("./mesh.js").Signal }} SignalMessage
 * @typedef {PersonMessage | PermissionsMessage | SignalMessage | ({ type: "chat" } & SentMessage)
 *   | { type: "recorded", recorded: boolean } | { type: "hand", hand: number }} CallMessage
 * @typedef {{ type: "problem" | "not-renewed", message: string } | { type: "token-will-expire", seconds: number }
 *   | { type: "renewed" | "pong" | "lost" }} NoticeMessage
 * @typedef {(EnteredMessage | RefusedMessage | OutMessage | CallMessage | NoticeMessage) & { n?: number }} Message
 *
 * Messages to the sandbox, and the first one, which identifies and authorizes the person.
 * @typedef {{ type: string, [field: string]: unknown }} OwnMessage
 * @typedef {{ name: string } & ({ code: string, user_id: string } | { app_id: string, channel: string, uid: number, token: string })} JoinRequest
 */

const RECONNECT_DELAYS_MS = [300, 1000, 2000, 4000, 5000];
const HEARTBEAT_INTERVAL_MS = 10_000;
const HEARTBEAT_TIMEOUT_MS = 25_000;
const NETWORK_LOST_CODE = 4000;
const RESUME_TOKEN_KEY = "videobroker-sandbox-seat";

export class Connection {
  #request;
  #receive;
  /** @type {WebSocket | null} */
  #socket = null;
  #resumeToken = "";
  #attempts = 0;
  /** @type {ReturnType<typeof setInterval> | undefined} */
  #timer;
  #receivedAt = 0;
  #last = 0;
  #isClosed = false;
  #isOffline = false;
  #stopped = new AbortController();

  /**
   * `request` identifies and authorizes the person; `receive` gets every message, and `{type: "lost"}` when the
   * connection is lost.
   * @param {JoinRequest} request
   * @param {(message: Message) => void} receive
   */
  constructor(request, receive) {
    this.#request = request;
    this.#receive = receive;
    this.#connect();
    // The browser notices a lost network long before the heartbeat does.
    addEventListener("offline", () => this.#onOffline(), { signal: this.#stopped.signal });
    addEventListener("online", () => this.#onOnline(), { signal: this.#stopped.signal });
    this.#timer = setInterval(() => this.#sendHeartbeat(), HEARTBEAT_INTERVAL_MS);
  }

  /**
   * Send a message, or drop it without a connection: reconnecting synchronizes everything.
   * @param {OwnMessage} message
   */
  send(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** Leave. With `forget = false`, the page ends and may be reloaded: the next page ends the previous stay. */
  close(forget = true) {
    this.#stop();
    if (forget) storeResumeToken("");
    this.#socket?.close(1000);
  }

  #connect() {
    const socket = new WebSocket(new URL("../page/socket", location.href).href.replace(/^http/, "ws"));
    this.#socket = socket;
    socket.onopen = () => {
      this.#receivedAt = Date.now();
      socket.send(JSON.stringify({ ...this.#request, seat: this.#resumeToken, received: this.#last, instead_of: loadResumeToken() }));
    };
    socket.onmessage = (event) => this.#onMessage(JSON.parse(event.data));
    socket.onclose = () => this.#onClose(socket);
  }

  /** @param {Message} message */
  #onMessage(message) {
    this.#receivedAt = Date.now();
    // After a lost connection, messages that may not have arrived are sent again.
    const isNewStay = message.type === "entered" && !message.resumed;
    if (message.n !== undefined && message.n <= this.#last && !isNewStay) return;
    this.#last = message.n ?? this.#last;
    if (message.type === "pong") return;
    if (message.type === "entered") {
      this.#resumeToken = message.seat;
      this.#attempts = 0;
      storeResumeToken(message.seat);
    }
    if (message.type === "out" && message.cause === "lost") {
      this.#resumeToken = "";
      return;
    }
    if (message.type === "out" || message.type === "refused") {
      this.#stop();
      storeResumeToken("");
    }
    this.#receive(message);
  }

  /** @param {WebSocket} socket */
  #onClose(socket) {
    if (this.#isClosed || socket !== this.#socket) return;
    this.#receive({ type: "lost" });
    if (this.#isOffline) return;
    const wait = RECONNECT_DELAYS_MS[Math.min(this.#attempts++, RECONNECT_DELAYS_MS.length - 1)];
    setTimeout(() => this.#isClosed || this.#isOffline || this.#connect(), wait);
  }

  #onOffline() {
    const lost = this.#socket;
    this.#isOffline = true;
    if (!lost) return;
    lost.onclose = null;
    // Any code but those of leaving: the place in the call stays free.
    lost.close(NETWORK_LOST_CODE);
    this.#onClose(lost);
  }

  #onOnline() {
    this.#isOffline = false;
    this.#attempts = 0;
    this.#connect();
  }

  #sendHeartbeat() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    if (Date.now() - this.#receivedAt > HEARTBEAT_TIMEOUT_MS) {
      const silent = this.#socket;
      silent.onclose = null;
      silent.close();
      this.#onClose(silent);
    } else {
      this.send({ type: "ping", received: this.#last });
    }
  }

  #stop() {
    this.#isClosed = true;
    this.#stopped.abort();
    clearInterval(this.#timer);
  }
}

// A reloaded page sends the previous token, so that the sandbox ends the previous stay.
/** @param {string} token */
function storeResumeToken(token) {
  try {
    if (token) sessionStorage.setItem(RESUME_TOKEN_KEY, token);
    else sessionStorage.removeItem(RESUME_TOKEN_KEY);
  } catch {
    // Storage may be blocked in a cross-site frame; then the stay times out.
  }
}

function loadResumeToken() {
  try {
    return sessionStorage.getItem(RESUME_TOKEN_KEY) ?? "";
  } catch {
    return "";
  }
}
