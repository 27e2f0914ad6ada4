// A call with Agora's Web SDK, without a framework.

import AgoraRTC from "agora-rtc-sdk-ng";

import { AccessDenied, type AgoraCredentials } from "./api";

const RENEW_AFTER = 0.6; // of the lifetime of a token
const RETRY_MS = 5_000;

/** Join a call, and show its people in `container`. Returns a function that leaves the call. */
export async function joinAgora(
  container: HTMLElement,
  credentials: AgoraCredentials,
  renew: () => Promise<AgoraCredentials>,
): Promise<() => Promise<void>> {
  const tracks = credentials.role === "subscriber" ? [] : await AgoraRTC.createMicrophoneAndCameraTracks();
  const client = AgoraRTC.createClient({ mode: "rtc", codec: "vp8" });
  client.on("user-published", async (user, mediaType) => {
    await client.subscribe(user, mediaType);
    if (mediaType === "audio") user.audioTrack?.play();
    else user.videoTrack?.play(tile(container, user.uid));
  });
  client.on("user-unpublished", (user, mediaType) => {
    if (mediaType === "video") tile(container, user.uid).remove();
  });
  client.on("user-left", (user) => tile(container, user.uid).remove());

  let stopRenewing = () => {};
  const leave = async () => {
    stopRenewing();
    for (const track of tracks) track.close();
    await client.leave();
    container.replaceChildren();
  };
  try {
    // The channel, the token, and the uid belong together: another uid is refused.
    await client.join(credentials.app_id, credentials.channel, credentials.token, credentials.uid);
    if (tracks.length > 0) await client.publish(tracks);
  } catch (problem) {
    await leave();
    throw problem;
  }
  tracks[1]?.play(tile(container, credentials.uid));
  stopRenewing = keepRenewing(credentials.expires_at, async () => {
    const renewed = await renew();
    await client.renewToken(renewed.token);
    return renewed.expires_at;
  });
  return leave;
}

/** Renew well before the end. Access is decided again: a person who may no longer join gets no token. */
function keepRenewing(firstExpiry: string, renew: () => Promise<string>): () => void {
  let timer: ReturnType<typeof setTimeout>;
  const attempt = async () => {
    try {
      schedule(await renew());
    } catch (problem) {
      if (!(problem instanceof AccessDenied)) timer = setTimeout(attempt, RETRY_MS);
    }
  };
  const schedule = (expiry: string) => {
    timer = setTimeout(attempt, (new Date(expiry).getTime() - Date.now()) * RENEW_AFTER);
  };
  schedule(firstExpiry);
  return () => clearTimeout(timer);
}

/** The element of a person. It needs a height: the SDK fills it. */
function tile(container: HTMLElement, uid: string | number): HTMLElement {
  const id = `person-${uid}`;
  const existing = container.querySelector<HTMLElement>(`#${id}`);
  if (existing) return existing;
  const added = Object.assign(document.createElement("div"), { id });
  added.style.cssText = "width: 20rem; height: 15rem";
  container.append(added);
  return added;
}
