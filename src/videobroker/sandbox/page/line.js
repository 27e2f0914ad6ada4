/**
 * The connection to the sandbox: a WebSocket that reconnects until the stay ends.
 *
 * The first message on every socket says who is there. The sandbox answers with a seat, a secret with which the same
 * page takes its place again after the connection broke.
 */

const WAITS = [300, 1000, 2000, 4000, 5000];
const BEAT = 10_000;
const SILENCE = 25_000;
const SEAT = "videobroker-sandbox-seat";

export class Line {
  #request;
  #receive;
  #socket = null;
  #seat = "";
  #tries = 0;
  #timer = 0;
  #receivedAt = 0;
  #last = 0;
  #over = false;

  /** `request` identifies and authorizes the person; `receive` gets every message, and `{type: "lost"}` when the line broke. */
  constructor(request, receive) {
    this.#request = request;
    this.#receive = receive;
    this.#connect();
    this.#timer = setInterval(() => this.#beat(), BEAT);
  }

  /** Send a message, or drop it without a connection: reconnecting synchronizes everything. */
  say(message) {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }

  /** Leave. With `forget = false`, the page ends and may be reloaded: the next page frees the seat. */
  close(forget = true) {
    this.#stop();
    if (forget) remember("");
    this.#socket?.close(1000);
  }

  #connect() {
    const socket = new WebSocket(new URL("../page/socket", location.href).href.replace(/^http/, "ws"));
    this.#socket = socket;
    socket.onopen = () => {
      this.#receivedAt = Date.now();
      socket.send(JSON.stringify({ ...this.#request, seat: this.#seat, received: this.#last, instead_of: recall() }));
    };
    socket.onmessage = (event) => this.#got(JSON.parse(event.data));
    socket.onclose = () => this.#broke(socket);
  }

  #got(message) {
    this.#receivedAt = Date.now();
    // After a lost connection, messages that may not have arrived are sent again.
    if (message.n <= this.#last && message.resumed !== false) return;
    this.#last = message.n ?? this.#last;
    if (message.type === "pong") return;
    if (message.type === "entered") {
      this.#seat = message.seat;
      this.#tries = 0;
      remember(message.seat);
    }
    if (message.type === "out" && message.cause === "lost") {
      this.#seat = "";
      return;
    }
    if (message.type === "out" || message.type === "refused") {
      this.#stop();
      remember("");
    }
    this.#receive(message);
  }

  #broke(socket) {
    if (this.#over || socket !== this.#socket) return;
    this.#receive({ type: "lost" });
    const wait = WAITS[Math.min(this.#tries++, WAITS.length - 1)];
    setTimeout(() => this.#over || this.#connect(), wait);
  }

  #beat() {
    if (this.#socket?.readyState !== WebSocket.OPEN) return;
    if (Date.now() - this.#receivedAt > SILENCE) {
      const silent = this.#socket;
      silent.onclose = null;
      silent.close();
      this.#broke(silent);
    } else {
      this.say({ type: "ping", received: this.#last });
    }
  }

  #stop() {
    this.#over = true;
    clearInterval(this.#timer);
  }
}

// A reloaded page sends the previous seat, so that the sandbox frees it.
function remember(seat) {
  try {
    if (seat) sessionStorage.setItem(SEAT, seat);
    else sessionStorage.removeItem(SEAT);
  } catch {
    // Storage may be blocked in a cross-site frame; then the seat times out.
  }
}

function recall() {
  try {
    return sessionStorage.getItem(SEAT) ?? "";
  } catch {
    return "";
  }
}
