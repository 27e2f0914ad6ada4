// What the measurements of a connection mean for a video call: a pure function.

/**
 * @typedef {"udp" | "tcp" | "none" | "unsupported"} WebRtc
 * @typedef {{ roundTripMs: number | null, jitterMs: number, megabits: number | null, webrtc: WebRtc }} Measurement
 * @typedef {"failed" | "webrtc" | "slow" | "delay" | "firewall" | "none"} Problem
 * @typedef {{ level: "good" | "fair" | "poor", problem: Problem }} Verdict
 */

/** A video of 360p needs about 0.5 Mbit/s in each direction, one of 720p about 2. */
const POOR_MEGABITS = 0.6;
const FAIR_MEGABITS = 2.5;
/** Above 400 ms (ITU-T G.114), people interrupt each other. */
const POOR_ROUND_TRIP_MS = 400;
const FAIR_ROUND_TRIP_MS = 200;
const FAIR_JITTER_MS = 80;

/**
 * The worst problem decides.
 * @param {Measurement} measured
 * @returns {Verdict}
 */
export function networkVerdict({ roundTripMs, jitterMs, megabits, webrtc }) {
  if (webrtc === "unsupported") return { level: "poor", problem: "webrtc" };
  if (roundTripMs === null || megabits === null) return { level: "poor", problem: "failed" };
  if (megabits < POOR_MEGABITS) return { level: "poor", problem: "slow" };
  if (roundTripMs > POOR_ROUND_TRIP_MS) return { level: "poor", problem: "delay" };
  if (megabits < FAIR_MEGABITS) return { level: "fair", problem: "slow" };
  if (roundTripMs > FAIR_ROUND_TRIP_MS || jitterMs > FAIR_JITTER_MS) return { level: "fair", problem: "delay" };
  if (webrtc !== "udp") return { level: "fair", problem: "firewall" };
  return { level: "good", problem: "none" };
}

/**
 * The median, and how much the values vary: the mean difference between one and the next.
 * @param {number[]} values
 * @returns {{ median: number, jitter: number } | null} null without values
 */
export function statistics(values) {
  const sorted = [...values].sort((one, other) => one - other);
  const median = sorted[Math.floor(sorted.length / 2)];
  if (median === undefined) return null;
  let total = 0;
  for (const [index, value] of values.entries()) total += index > 0 ? Math.abs(value - (values[index - 1] ?? value)) : 0;
  return { median, jitter: values.length > 1 ? total / (values.length - 1) : 0 };
}
