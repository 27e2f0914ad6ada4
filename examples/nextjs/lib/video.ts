// The requests that this app sends to videobroker. They run on the server: the browser never gets the key.

import "server-only";

const TIMEOUT_MS = 10_000;

/** Why a person cannot join now. */
export interface Access {
  decision: "wait" | "refuse";
  reason: string;
  opens_at?: string | null;
  retry_after?: number | null;
}

/** This person has to wait, or is refused. */
export class AccessDenied extends Error {
  constructor(readonly access: Access) {
    super(access.reason);
  }
}

/** The booking is not registered. */
export class BookingNotFound extends Error {}

/** The request can be repeated after `retryAfter` seconds. */
export class VideoUnavailable extends Error {
  constructor(readonly retryAfter = "5") {
    super(`Retry after ${retryAfter} seconds.`);
  }
}

export interface Booking {
  title: string;
  starts_at: string;
  duration_minutes: number;
  participants: { user_id: string; role: string; display_name?: string }[];
}

/** Create the booking when your product confirms it, or replace it. Repeating the request changes nothing. */
export async function registerBooking(reference: string, booking: Booking): Promise<void> {
  await send("PUT", reference, "", { ...booking, status: "confirmed" });
}

/** Cancel the booking: no one can join it anymore. */
export async function cancelBooking(reference: string): Promise<void> {
  await send("POST", reference, "/cancel", {});
}

/** The ticket of one person for `<videobroker-call>`, and the URL of their hosted page. */
export async function createLink(reference: string, userId: string): Promise<{ ticket: string; url: string }> {
  return (await send("POST", reference, "/links", { user_id: userId })) as { ticket: string; url: string };
}

/** Credentials of one person for the vendor's SDK. */
export function join(reference: string, userId: string): Promise<unknown> {
  return send("POST", reference, "/join", { user_id: userId });
}

async function send(method: string, reference: string, path: string, body: object): Promise<unknown> {
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

async function request(method: string, path: string, body: object): Promise<Response> {
  try {
    return await fetch(process.env.VIDEOBROKER_URL + path, {
      method,
      headers: { Authorization: `Bearer ${process.env.VIDEOBROKER_API_KEY}`, "Content-Type": "application/json" },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
  } catch {
    throw new VideoUnavailable();
  }
}
