// What a person sends to support: the result of every check, as text.

/**
 * @typedef {import("./devices.js").CheckState} CheckState
 * @typedef {import("./network-check.js").NetworkReport} NetworkReport
 * @typedef {"good" | "screen" | "insecure" | "missing"} BrowserSupport
 * @typedef {{ state: CheckState, labels: Record<string, string>, cameraOff: boolean, microphoneOff: boolean }} DeviceReport
 */

/**
 * What this browser lacks for a call.
 * @param {{ isSecure: boolean, hasMedia: boolean, hasWebRtc: boolean, canShareScreen: boolean }} features
 * @returns {BrowserSupport}
 */
export function browserSupport({ isSecure, hasMedia, hasWebRtc, canShareScreen }) {
  if (!isSecure) return "insecure";
  if (!hasMedia || !hasWebRtc) return "missing";
  return canShareScreen ? "good" : "screen";
}

/**
 * The name of the text for a device, and the label of the device in it.
 * @param {"camera" | "microphone"} role
 * @param {DeviceReport} report
 * @returns {{ text: string, name?: string }}
 */
export function deviceResult(role, { state, labels, cameraOff, microphoneOff }) {
  if (state === "idle" || state === "asking") return { text: "test.result.unknown" };
  if (state === "denied") return { text: "test.result.denied" };
  if (state === "busy") return { text: "test.result.busy" };
  if (role === "camera" ? cameraOff : microphoneOff) return { text: "test.result.off" };
  const name = labels[role === "camera" ? "video" : "audio"];
  return name === undefined ? { text: "test.result.none" } : { text: "test.result.works", name };
}

/**
 * The lines of the summary: a label and a value each.
 * @param {readonly (readonly [string, string])[]} lines
 */
export function summaryText(lines) {
  return lines.map(([label, value]) => `${label}: ${value}`).join("\n");
}
