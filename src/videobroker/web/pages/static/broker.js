// What the page asks the service, with the ticket as the only credential.

/** A refusal, or the lack of an answer. */
export class Problem extends Error {
  constructor(status, code, { access = null, retryAfter = null } = {}) {
    super(code);
    this.status = status;
    this.code = code;
    /** The access decision, where the refusal is one. */
    this.access = access;
    /** Milliseconds after which asking again makes sense; null when nobody said. */
    this.retryAfter = retryAfter;
  }

  /** The ticket itself is no good, now and for ever. */
  get isAboutTicket() {
    return this.status === 401;
  }

  /** Asking again later may help, with nobody doing anything. */
  get isPassing() {
    return [0, 409, 429, 500, 503].includes(this.status);
  }
}

export const MOST_UIDS = 100; // per request
const SILENCE = 45_000; // ms; the stream sends a sign of life far more often

export class Broker {
  #ticket;
  // The service may stand behind a path of its proxy.
  #base = new URL("..", import.meta.url).href.replace(/\/$/, "");

  constructor(ticket) {
    this.#ticket = ticket;
  }

  /** The session as this person finds it. */
  visit() {
    return this.#ask("GET", "/v1/visit");
  }

  /** Ask to be let in; the visit as it stands then. */
  knock() {
    return this.#ask("POST", "/v1/visit/knock");
  }

  /** Withdraw the request to be admitted; the visit as it is then. */
  withdraw() {
    return this.#ask("DELETE", "/v1/visit/knock");
  }

  /** The people with these uids in the call, as far as the service knows them. */
  async people(uids) {
    const query = uids.slice(0, MOST_UIDS).map((uid) => `uid=${encodeURIComponent(uid)}`);
    const { data } = await this.#ask("GET", `/v1/visit/people?${query.join("&")}`);
    return data;
  }

  /** Join credentials; a `Problem` with `access` when the person may not enter now. */
  join(session, surface) {
    return this.#ask("POST", `${sessionPath(session)}/join`, { surface });
  }

  /** Those who wait to be let in, also who gave no sign lately; for hosts. */
  async lobby(session) {
    const { data } = await this.#ask("GET", `${sessionPath(session)}/lobby`);
    return data.filter((each) => each.state === "waiting" || each.state === "stranded");
  }

  admit(session, entry) {
    return this.#ask("POST", `${sessionPath(session)}/lobby/${encodeURIComponent(entry)}/admit`);
  }

  deny(session, entry) {
    return this.#ask("POST", `${sessionPath(session)}/lobby/${encodeURIComponent(entry)}/deny`);
  }

  admitAll(session) {
    return this.#ask("POST", `${sessionPath(session)}/lobby/admit`);
  }

  end(session) {
    return this.#ask("POST", `${sessionPath(session)}/end`);
  }

  /** Every change of the visit, as soon as it happens, until the stream ends or breaks off. */
  async *visits(signal) {
    const giveUp = new AbortController();
    const abort = () => giveUp.abort();
    signal.addEventListener("abort", abort);
    let silence = setTimeout(abort, SILENCE);
    try {
      const answer = await this.#send("GET", "/v1/visit/stream", undefined, giveUp.signal);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      const parser = new EventParser();
      for (;;) {
        const { value, done } = await reader.read();
        if (done) return;
        clearTimeout(silence);
        silence = setTimeout(abort, SILENCE);
        for (const event of parser.take(value)) {
          if (event.type === "visit") yield JSON.parse(event.data);
        }
      }
    } finally {
      clearTimeout(silence);
      signal.removeEventListener("abort", abort);
      giveUp.abort();
    }
  }

  async #ask(method, path, body) {
    const answer = await this.#send(method, path, body);
    try {
      return answer.status === 204 ? null : await answer.json();
    } catch {
      throw new Problem(0, "cut_off");
    }
  }

  async #send(method, path, body, signal) {
    const headers = { Authorization: `Bearer ${this.#ticket}` };
    if (method === "POST") headers["Content-Type"] = "application/json";
    let answer;
    try {
      answer = await fetch(this.#base + path, {
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
    if (!answer.ok) throw await problemOf(answer);
    return answer;
  }
}

/** Reads server-sent events out of pieces of text. */
export class EventParser {
  #rest = "";
  #type = "message";
  #data = [];

  /** The events that are complete with this piece. */
  take(piece) {
    const events = [];
    const lines = (this.#rest + piece).split(/\r\n|\n|\r(?!$)/);
    this.#rest = lines.pop();
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

  #field(line) {
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.#type = value;
    if (name === "data") this.#data.push(value);
  }
}

/** A wait that doubles with every failure, and is never the same for two pages. */
export function backoff(failures, { least = 500, most = 15_000 } = {}) {
  return Math.min(most, least * 2 ** failures) * (0.75 + Math.random() / 2);
}

function sessionPath(session) {
  return `/v1/${session.kind}s/${encodeURIComponent(session.reference)}`;
}

async function problemOf(answer) {
  const body = await answer.json().catch(() => ({}));
  const seconds = Number(answer.headers.get("Retry-After"));
  return new Problem(answer.status, body.code ?? `http_${answer.status}`, {
    access: body.access ?? null,
    retryAfter: seconds > 0 ? seconds * 1000 : null,
  });
}
