// The requests of this app to your own backend.

const BACKEND = "https://product.example";

/** Why a person cannot join now. Show your own words for `reason`. */
export interface Access {
  decision: "wait" | "refuse";
  reason: string;
  opens_at?: string | null;
  retry_after?: number | null;
}

interface Joined {
  user_id: string;
  display_name: string;
  role: string;
  expires_at: string;
}

export interface HmsCredentials extends Joined {
  type: "100ms_token";
  token: string;
  room_id: string;
}

export interface AgoraCredentials extends Joined {
  type: "agora_token";
  app_id: string;
  channel: string;
  token: string;
  uid: number;
}

export type Credentials = HmsCredentials | AgoraCredentials;

export class AccessDenied extends Error {
  constructor(readonly access: Access) {
    super(access.reason);
  }
}

/** The URL of the hosted page for this person. */
export async function createLink(bookingId: string): Promise<string> {
  const { url } = (await post(bookingId, "link")) as { url: string };
  return url;
}

/** Credentials for a vendor's SDK. */
export async function join(bookingId: string): Promise<Credentials> {
  return (await post(bookingId, "join")) as Credentials;
}

async function post(bookingId: string, action: string): Promise<unknown> {
  const response = await fetch(`${BACKEND}/bookings/${encodeURIComponent(bookingId)}/${action}`, { method: "POST" });
  if (response.ok) return response.json();
  if (response.status === 403) throw new AccessDenied((await response.json()) as Access);
  throw new Error(response.status === 401 ? "Sign in first" : "Video is unavailable. Try again in a minute.");
}
