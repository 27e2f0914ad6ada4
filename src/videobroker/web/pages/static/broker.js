// The client of the API. Its only credential is the ticket.

/**
 * @typedef {import("videobroker-models").AccessDecision} AccessDecision
 * @typedef {import("videobroker-models").CallPerson} CallPerson
 * @typedef {import("videobroker-models").JoinCredentials} JoinCredentials
 * @typedef {import("videobroker-models").LobbyEntry} LobbyEntry
 * @typedef {import("videobroker-models").Visit} Visit
 * @typedef {{ kind: string, reference: string }} SessionName
 * @typedef {{ type: string, data: string }} ServerEvent
 */

/** An error response, or none: then `status` is 0. */
export class Problem extends Error {
  /**
   * @param {number} status
   * @param {string} code
   * @param {{ access?: AccessDecision | null, retryAfter?: number | null }} [details]
   */
  constructor(status, code, { access = null, retryAfter = null } = {}) {
    super(code);
    this.status = status;
    this.code = code;
    /** The access decision; null for other errors. */
    this.access = access;
    /** Milliseconds from the `Retry-After` header; null without one. */
    this.retryAfter = retryAfter;
  }

  /** The ticket is invalid, expired, or revoked. Retrying does not help. */
  get isTicketInvalid() {
    return this.status === 401;
  }

  /** Retrying may help without any other action. */
  get isTransient() {
    return [0, 409, 429, 500, 503].includes(this.status);
  }
}

export const MAX_UIDS_PER_REQUEST = 100;
const STREAM_TIMEOUT_MS = 45_000; // the stream sends keep-alive comments far more often

export class Broker {
  #ticket;
  // A proxy may serve the service below a path.
  #base = new URL("..", import.meta.url).href.replace(/\/$/, "");

  /** @param {string} ticket */
  constructor(ticket) {
    this.#ticket = ticket;
  }

  /**
   * The session from this person's point of view.
   * @returns {Promise<Visit>}
   */
  visit() {
    return this.#fetchJson("GET", "/v1/visit");
  }

  /**
   * Ask to join; returns the visit after that.
   * @returns {Promise<Visit>}
   */
  knock() {
    return this.#fetchJson("POST", "/v1/visit/knock");
  }

  /**
   * Withdraw the request to join; returns the visit after that.
   * @returns {Promise<Visit>}
   */
  withdraw() {
    return this.#fetchJson("DELETE", "/v1/visit/knock");
  }

  /**
   * Names of the participants with these uids; unknown uids are left out.
   * @param {number[]} uids
   * @returns {Promise<CallPerson[]>}
   */
  async people(uids) {
    const query = uids.slice(0, MAX_UIDS_PER_REQUEST).map((uid) => `uid=${encodeURIComponent(uid)}`);
    /** @type {{ data: CallPerson[] }} */
    const { data } = await this.#fetchJson("GET", `/v1/visit/people?${query.join("&")}`);
    return data;
  }

  /**
   * Join credentials. Throws a `Problem` with `access` if the person may not join now.
   * @param {SessionName} session
   * @param {"sdk" | "prebuilt"} surface
   * @returns {Promise<JoinCredentials>}
   */
  join(session, surface) {
    return this.#fetchJson("POST", `${sessionPath(session)}/join`, { surface });
  }

  /**
   * The people in the waiting room, including those who are away; for hosts only.
   * @param {SessionName} session
   * @returns {Promise<LobbyEntry[]>}
   */
  async lobby(session) {
    /** @type {{ data: LobbyEntry[] }} */
    const { data } = await this.#fetchJson("GET", `${sessionPath(session)}/lobby`);
    return data.filter((each) => each.state === "waiting" || each.state === "stranded");
  }

  /**
   * @param {SessionName} session
   * @param {string} entry
   */
  admit(session, entry) {
    return this.#fetchJson("POST", `${sessionPath(session)}/lobby/${encodeURIComponent(entry)}/admit`);
  }

  /**
   * @param {SessionName} session
   * @param {string} entry
   */
  deny(session, entry) {
    return this.#fetchJson("POST", `${sessionPath(session)}/lobby/${encodeURIComponent(entry)}/deny`);
  }

  /** @param {SessionName} session */
  admitAll(session) {
    return this.#fetchJson("POST", `${sessionPath(session)}/lobby/admit`);
  }

  /**
   * Who is in the call, who is missing, and who is blocked; for hosts only.
   * @param {SessionName} session
   * @returns {Promise<import("videobroker-models").SessionPerson[]>}
   */
  async sessionPeople(session) {
    /** @type {{ data: import("videobroker-models").SessionPerson[] }} */
    const { data } = await this.#fetchJson("GET", `${sessionPath(session)}/people`);
    return data;
  }

  /**
   * @param {SessionName} session
   * @param {string} userId
   * @param {boolean} ban whether they get no new credentials
   */
  remove(session, userId, ban) {
    return this.#fetchJson("POST", `${sessionPath(session)}/participants/${encodeURIComponent(userId)}/remove`, { ban });
  }

  /**
   * @param {SessionName} session
   * @param {string} userId
   */
  unblock(session, userId) {
    return this.#fetchJson("POST", `${sessionPath(session)}/participants/${encodeURIComponent(userId)}/readmit`);
  }

  /**
   * @param {SessionName} session
   * @param {object} feedback
   */
  giveFeedback(session, feedback) {
    return this.#fetchJson("POST", `${sessionPath(session)}/feedback`, feedback);
  }

  /** @param {SessionName} session */
  end(session) {
    return this.#fetchJson("POST", `${sessionPath(session)}/end`);
  }

  /**
   * The visit, and again after each change, until the stream ends.
   * @param {AbortSignal} signal
   * @returns {AsyncGenerator<Visit, void>}
   */
  async *visits(signal) {
    const attempt = new AbortController();
    const abort = () => attempt.abort();
    signal.addEventListener("abort", abort);
    let timeout = setTimeout(abort, STREAM_TIMEOUT_MS);
    try {
      const response = await this.#send("GET", "/v1/visit/stream", undefined, attempt.signal);
      if (!response.body) return;
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new EventParser();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        clearTimeout(timeout);
        timeout = setTimeout(abort, STREAM_TIMEOUT_MS);
        for (const event of parser.push(value)) {
          if (event.type === "visit") yield JSON.parse(event.data);
        }
      }
    } finally {
      clearTimeout(timeout);
      signal.removeEventListener("abort", abort);
      attempt.abort();
    }
  }

  /**
   * @template T
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @returns {Promise<T>}
   */
  async #fetchJson(method, path, body) {
    const response = await this.#send(method, path, body);
    try {
      return JSON.parse(response.status === 204 ? "null" : await response.text());
    } catch {
      throw new Problem(0, "cut_off");
    }
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @param {AbortSignal} [signal]
   */
  async #send(method, path, body, signal) {
    /** @type {Record<string, string>} */
    const headers = { Authorization: `Bearer ${this.#ticket}` };
    if (method === "POST") headers["Content-Type"] = "application/json";
    let response;
    try {
      response = await fetch(this.#base + path, {
        method,
        headers,
        body: method === "POST" ? JSON.stringify(body ?? {}) : undefined,
        signal,
        cache: "no-store",
        credentials: "omit",
        referrerPolicy: "no-referrer",
      });
    } catch {
      throw new Problem(0, "unreachable");
    }
    if (!response.ok) throw await problemOf(response);
    return response;
  }
}

/** Parses server-sent events from chunks of text. */
export class EventParser {
  #rest = "";
  #type = "message";
  /** @type {string[]} */
  #data = [];

  /**
   * Returns the events that this chunk completes.
   * @param {string} chunk
   */
  push(chunk) {
    /** @type {ServerEvent[]} */
    const events = [];
    const lines = (this.#rest + chunk).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line === "") {
        if (this.#data.length > 0) events.push({ type: this.#type, data: this.#data.join("\n") });
        this.#type = "message";
        this.#data = [];
      } else {
        this.#field(line);
      }
    }
    return events;
  }

  /** @param {string} line */
  #field(line) {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.#type = value;
    if (name === "data") this.#data.push(value);
  }
}

/**
 * Exponential backoff with jitter, in milliseconds.
 * @param {number} failures
 */
export function backoff(failures, { minimum = 500, maximum = 15_000 } = {}) {
  return Math.min(maximum, minimum * 2 ** failures) * (0.75 + Math.random() / 2);
}

/** @param {SessionName} session */
function sessionPath(session) {
  return `/v1/${session.kind}s/${encodeURIComponent(session.reference)}`;
}

/** @param {Response} response */
async function problemOf(response) {
  const body = await response.json().catch(() => ({}));
  const seconds = Number(response.headers.get("Retry-After"));
  return new Problem(response.status, body.code ?? `http_${response.status}`, {
    access: body.access ?? null,
    retryAfter: seconds > 0 ? seconds * 1000 : null,
  });
}
