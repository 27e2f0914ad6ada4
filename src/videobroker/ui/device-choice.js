// Which camera, microphone, and speaker a person has chosen, and what they turned off. Remembered for the next call.

/**
 * @typedef {"camera" | "microphone" | "speaker"} DeviceRole
 * @typedef {{ id: string, label: string, index: number }} ChosenDevice
 * @typedef {{ label: string, index: number }} PortableDevice
 * @typedef {{ camera: ChosenDevice | null, microphone: ChosenDevice | null, speaker: ChosenDevice | null,
 *   cameraOff: boolean, microphoneOff: boolean }} DeviceChoice
 * @typedef {{ camera: PortableDevice | null, microphone: PortableDevice | null, speaker: PortableDevice | null,
 *   cameraOff: boolean, microphoneOff: boolean }} CallDevices
 */

const STORAGE_KEY = "videobroker-devices";

/** @type {Record<DeviceRole, MediaDeviceKind>} */
export const DEVICE_KINDS = { camera: "videoinput", microphone: "audioinput", speaker: "audiooutput" };

/** @type {DeviceChoice} */
const NO_CHOICE = { camera: null, microphone: null, speaker: null, cameraOff: false, microphoneOff: false };

/**
 * The choice of an earlier visit. Browsers may deny access to the storage, for example in a frame.
 * @returns {DeviceChoice}
 */
export function loadChoice() {
  try {
    return validChoice(JSON.parse(localStorage.getItem(STORAGE_KEY) ?? "null"));
  } catch {
    return NO_CHOICE;
  }
}

/** @param {DeviceChoice} choice */
export function saveChoice(choice) {
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(choice));
  } catch {
    // The choice applies to this visit only.
  }
}

/**
 * Only what has the right form, also if an older version or another program has stored it.
 * @param {unknown} stored
 * @returns {DeviceChoice}
 */
export function validChoice(stored) {
  const fields = /** @type {Record<string, unknown>} */ (typeof stored === "object" && stored !== null ? stored : {});
  return {
    camera: validDevice(fields.camera),
    microphone: validDevice(fields.microphone),
    speaker: validDevice(fields.speaker),
    cameraOff: fields.cameraOff === true,
    microphoneOff: fields.microphoneOff === true,
  };
}

/**
 * @param {unknown} device
 * @returns {ChosenDevice | null}
 */
function validDevice(device) {
  const { id, label, index } = /** @type {Partial<ChosenDevice>} */ (device ?? {});
  return typeof id === "string" && typeof label === "string" && Number.isInteger(index)
    ? { id, label, index: Number(index) }
    : null;
}

/**
 * The choice for a page of another origin, where the same device has another ID: its label, and its index among devices
 * with the same label.
 * @param {DeviceChoice} choice
 * @returns {CallDevices}
 */
export function portableChoice({ camera, microphone, speaker, cameraOff, microphoneOff }) {
  /** @param {ChosenDevice | null} device */
  const portable = (device) => (device ? { label: device.label, index: device.index } : null);
  return {
    camera: portable(camera),
    microphone: portable(microphone),
    speaker: portable(speaker),
    cameraOff,
    microphoneOff,
  };
}

/**
 * The device with this ID as a choice; null if it is not among them.
 * @param {string} id
 * @param {readonly Pick<MediaDeviceInfo, "deviceId" | "label">[]} devices
 * @returns {ChosenDevice | null}
 */
export function choiceOf(id, devices) {
  const device = devices.find((each) => each.deviceId === id);
  if (!device) return null;
  const index = devices.filter((each) => each.label === device.label).indexOf(device);
  return { id, label: device.label, index };
}

/**
 * The ID of a chosen device on this page; null if it is unplugged.
 * @param {PortableDevice | null | undefined} chosen
 * @param {readonly Pick<MediaDeviceInfo, "deviceId" | "label">[]} devices
 * @returns {string | null}
 */
export function deviceIdOf(chosen, devices) {
  if (!chosen) return null;
  const same = devices.filter((each) => each.label === chosen.label);
  return (same[chosen.index] ?? same[0])?.deviceId ?? null;
}

/**
 * The devices of a role, without those that have no ID because there is no permission.
 * @param {DeviceRole} role
 * @returns {Promise<MediaDeviceInfo[]>}
 */
export async function listDevices(role) {
  const found = (await navigator.mediaDevices?.enumerateDevices()) ?? [];
  return found.filter((each) => each.kind === DEVICE_KINDS[role] && each.deviceId !== "");
}

/** Whether this browser can play sound on a chosen speaker. */
export function canChooseSpeaker() {
  return "setSinkId" in HTMLMediaElement.prototype;
}
