// Measures the connection between this device and the service: the round trip, and the speed of a bounded download.
//
// It does not measure the way to the video provider, which is known only in the call. Of WebRTC it finds whether the browser
// offers UDP at all: whether a firewall lets UDP through is known only with a server outside.

import { networkVerdict, statistics } from "./network-verdict.js";

/**
 * @typedef {import("./network-verdict.js").Measurement} Measurement
 * @typedef {import("./network-verdict.js").WebRtc} WebRtc
 * @typedef {Measurement & import("./network-verdict.js").Verdict} NetworkReport
 */

const PINGS = 6;
const PING_TIMEOUT_MS = 3000;
const MAX_DOWNLOADS = 4;
const DOWNLOAD_MS = 3000;
const ENOUGH_MS = 800;
const GATHERING_MS = 2500;
const BASE = new URL("../test/", import.meta.url);

/** @returns {Promise<NetworkReport>} */
export async function checkNetwork() {
  const gathering = webrtcSupport();
  const trips = statistics(await roundTrips());
  const megabits = trips ? await downloadSpeed() : null;
  const measured = {
    roundTripMs: trips ? Math.round(trips.median) : null,
    jitterMs: Math.round(trips?.jitter ?? 0),
    megabits,
    webrtc: await gathering,
  };
  return { ...measured, ...networkVerdict(measured) };
}

/** Milliseconds of some small requests, one after the other. The first one opens the connection and does not count. */
async function roundTrips() {
  const durations = [];
  for (let count = 0; count <= PINGS; count += 1) {
    const started = performance.now();
    try {
      await request("ping", AbortSignal.timeout(PING_TIMEOUT_MS));
    } catch {
      continue;
    }
    if (count > 0) durations.push(performance.now() - started);
  }
  return durations;
}

/** Megabits per second, of what arrives until there is enough of it; null if nothing arrives. */
async function downloadSpeed() {
  const signal = AbortSignal.timeout(DOWNLOAD_MS);
  const started = performance.now();
  let bytes = 0;
  try {
    for (let count = 0; count < MAX_DOWNLOADS && performance.now() - started < ENOUGH_MS; count += 1) {
      const { body } = await request("sample", signal);
      const reader = body?.getReader();
      for (let chunk = await reader?.read(); chunk && !chunk.done; chunk = await reader?.read()) {
        bytes += chunk.value.byteLength;
      }
    }
  } catch {
    // The time is over. What has arrived until then counts.
  }
  const milliseconds = Math.max(performance.now() - started, 1);
  return bytes === 0 ? null : Math.round((bytes * 8) / milliseconds / 100) / 10;
}

/**
 * @param {string} name
 * @param {AbortSignal} signal
 */
async function request(name, signal) {
  const options = /** @type {const} */ ({ cache: "no-store", credentials: "omit", referrerPolicy: "no-referrer" });
  const response = await fetch(new URL(name, BASE), { ...options, signal });
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response;
}

/**
 * Which transports this browser offers for a call.
 * @returns {Promise<WebRtc>}
 */
async function webrtcSupport() {
  if (typeof RTCPeerConnection === "undefined") return "unsupported";
  const connection = new RTCPeerConnection();
  /** @type {Set<string>} */
  const protocols = new Set();
  try {
    const gathered = new Promise((resolve) => {
      setTimeout(resolve, GATHERING_MS);
      connection.addEventListener("icecandidate", ({ candidate }) => {
        if (candidate?.protocol) protocols.add(candidate.protocol);
        if (!candidate || candidate.protocol === "udp") resolve(null);
      });
    });
    connection.createDataChannel("check");
    await connection.setLocalDescription(await connection.createOffer());
    await gathered;
  } catch {
    return "unsupported";
  } finally {
    connection.close();
  }
  if (protocols.has("udp")) return "udp";
  return protocols.has("tcp") ? "tcp" : "none";
}
