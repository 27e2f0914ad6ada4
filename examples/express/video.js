// The requests that this backend sends to videobroker.

const { VIDEOBROKER_URL, VIDEOBROKER_API_KEY } = process.env;
const TIMEOUT_MS = 10_000;

/** This person has to wait, or is refused. `access` has the decision and the reason. */
export class AccessDenied extends Error {
  constructor(access) {
    super(access.reason);
    this.access = access;
  }
}

/** The booking is not registered. */
export class BookingNotFound extends Error {}

/** The request can be repeated after `retryAfter` seconds. */
export class VideoUnavailable extends Error {
  constructor(retryAfter = "5", options = {}) {
    super(`Retry after ${retryAfter} seconds.`, options);
    this.retryAfter = retryAfter;
  }
}

/** Create the booking, or replace it. Repeating the request changes nothing. */
export async function registerBooking(reference, { title, startsAt, durationMinutes, participants }) {
  await send("PUT", reference, "", {
    title,
    status: "confirmed",
    starts_at: startsAt,
    duration_minutes: durationMinutes,
    participants,
  });
}

/** Cancel the booking: no one can join it anymore. */
export async function cancelBooking(reference) {
  await send("POST", reference, "/cancel", {});
}

/** Join credentials for one person. */
export function join(reference, userId) {
  return send("POST", reference, "/join", { user_id: userId });
}

/** The URL of the hosted page for one person, and its ticket. */
export function createLink(reference, userId) {
  return send("POST", reference, "/links", { user_id: userId });
}

async function send(method, reference, path, body) {
  const response = await request(method, `/v1/bookings/${encodeURIComponent(reference)}${path}`, body);
  if (response.status === 429 || response.status === 503) {
    throw new VideoUnavailable(response.headers.get("Retry-After") ?? "5");
  }
  if (response.status === 404) throw new BookingNotFound(reference);
  const answer = await response.json();
  // Other 403s, such as a missing scope of the key, have no access decision. They are mistakes in the setup.
  if (response.status === 403 && answer.access) throw new AccessDenied(answer.access);
  if (!response.ok) throw new Error(`videobroker: ${answer.status} ${answer.code}: ${answer.detail}`);
  return answer;
}

async function request(method, path, body) {
  try {
    return await fetch(VIDEOBROKER_URL + path, {
      method,
      headers: { Authorization: `Bearer ${VIDEOBROKER_API_KEY}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch (error) {
    throw new VideoUnavailable("5", { cause: error });
  }
}
