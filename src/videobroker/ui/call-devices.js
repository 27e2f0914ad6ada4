// Devices that a person chose on another page.

/**
 * A choice without an ID, since a device has a different ID on each origin. `index` counts devices with the same label.
 * @typedef {{ label: string, index: number }} PortableChoice
 *
 * The devices in the message `join` of the hosted page. What is missing counts as null or false.
 * @typedef {object} DeviceChoices
 * @property {PortableChoice | null} [camera]
 * @property {PortableChoice | null} [microphone]
 * @property {PortableChoice | null} [speaker]
 * @property {boolean} [cameraOff] whether to join with the camera off
 * @property {boolean} [microphoneOff]
 */

/** @type {Record<import("./call-session.js").DeviceKind, MediaDeviceKind>} */
export const MEDIA_KINDS = { camera: "videoinput", microphone: "audioinput", speaker: "audiooutput" };

/**
 * The ID of the chosen device, or null if there is none with this name.
 * @param {Pick<MediaDeviceInfo, "deviceId" | "kind" | "label">[]} devices
 * @param {import("./call-session.js").DeviceKind} kind
 * @param {PortableChoice | null | undefined} choice
 */
export function findDevice(devices, kind, choice) {
  if (!choice || typeof choice.label !== "string" || choice.label === "") return null;
  const named = devices.filter((each) => each.kind === MEDIA_KINDS[kind] && each.label === choice.label);
  return (named[choice.index] ?? named[0])?.deviceId ?? null;
}

/**
 * The devices of a kind. Empty if the browser names none, or cannot choose speakers.
 * @param {import("./call-session.js").DeviceKind} kind
 */
export async function devicesOf(kind) {
  if (kind === "speaker" && !("setSinkId" in HTMLMediaElement.prototype)) return [];
  const found = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  return found.filter((each) => each.kind === MEDIA_KINDS[kind] && each.deviceId && each.label);
}
