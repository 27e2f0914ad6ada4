import assert from "node:assert/strict";
import { test } from "node:test";

import { choiceOf, deviceIdOf, portableChoice, validChoice } from "../../src/videobroker/ui/device-choice.js";
import { attempts } from "../../src/videobroker/ui/media.js";
import { browserSupport, deviceResult, summaryText } from "../../src/videobroker/web/pages/static/test-summary.js";

const WEBCAMS = [
  { deviceId: "a", label: "Webcam" },
  { deviceId: "b", label: "Webcam" },
  { deviceId: "c", label: "Phone" },
];
const NOTHING = { camera: null, microphone: null, speaker: null, cameraOff: false, microphoneOff: false };

test("a stored choice of any form is read", () => {
  assert.deepEqual(validChoice(null), NOTHING);
  assert.deepEqual(validChoice("text"), NOTHING);
  assert.deepEqual(validChoice({ camera: { id: 1 }, cameraOff: "yes" }), NOTHING);
  const camera = { id: "a", label: "Webcam", index: 0 };
  assert.deepEqual(validChoice({ camera, microphoneOff: true }), { ...NOTHING, camera, microphoneOff: true });
});

test("two devices with one label are told apart on a page of another origin", () => { // codespell:ignore told
  const chosen = choiceOf("b", WEBCAMS);
  assert.deepEqual(chosen, { id: "b", label: "Webcam", index: 1 });
  const there = WEBCAMS.map((each) => ({ ...each, deviceId: `other-${each.deviceId}` }));
  assert.equal(deviceIdOf(portableChoice({ ...NOTHING, camera: chosen }).camera, there), "other-b");
});

test("the IDs of devices do not leave the page", () => {
  const portable = portableChoice({ ...NOTHING, camera: choiceOf("a", WEBCAMS), cameraOff: true });
  assert.deepEqual(portable, { ...NOTHING, camera: { label: "Webcam", index: 0 }, cameraOff: true });
});

test("an unplugged device is replaced by one with the same label, or by none", () => {
  assert.equal(deviceIdOf({ label: "Webcam", index: 5 }, WEBCAMS), "a");
  assert.equal(deviceIdOf({ label: "Gone", index: 0 }, WEBCAMS), null);
  assert.equal(deviceIdOf(null, WEBCAMS), null);
  assert.equal(choiceOf("gone", WEBCAMS), null);
});

test("the chosen devices are tried first, then the default ones, then one of them", () => {
  const camera = { id: "a", label: "Webcam", index: 0 };
  const kinds = attempts({ camera }).map((each) => Object.keys(each).sort().join("+"));
  assert.deepEqual(kinds, ["audio+video", "audio+video", "audio", "video", "video"]);
  assert.deepEqual(attempts({ camera })[0]?.video, { width: { ideal: 1280 }, height: { ideal: 720 }, deviceId: { exact: "a" } });
});

test("a device that is off is not requested", () => {
  assert.deepEqual(attempts({ wantsCamera: false }), [{ audio: true }]);
  assert.deepEqual(attempts({ wantsCamera: false, wantsMicrophone: false }), []);
});

test("a browser is judged by what a call needs", () => {
  const all = { isSecure: true, hasMedia: true, hasWebRtc: true, canShareScreen: true };
  assert.equal(browserSupport(all), "good");
  assert.equal(browserSupport({ ...all, canShareScreen: false }), "screen");
  assert.equal(browserSupport({ ...all, hasWebRtc: false }), "missing");
  assert.equal(browserSupport({ ...all, isSecure: false, hasMedia: false }), "insecure");
});

test("the summary has a result for each device", () => {
  const checked = /** @type {const} */ ({ state: "on", labels: { video: "Webcam" }, cameraOff: false, microphoneOff: true });
  assert.deepEqual(deviceResult("camera", checked), { text: "test.result.works", name: "Webcam" });
  assert.deepEqual(deviceResult("microphone", checked), { text: "test.result.off" });
  assert.deepEqual(deviceResult("camera", { ...checked, labels: {} }), { text: "test.result.none" });
  assert.deepEqual(deviceResult("camera", { ...checked, state: "denied" }), { text: "test.result.denied" });
  assert.deepEqual(deviceResult("camera", { ...checked, state: "idle" }), { text: "test.result.unknown" });
  assert.equal(summaryText([["A", "1"], ["B", "2"]]), "A: 1\nB: 2");
});
