import assert from "node:assert/strict";
import { test } from "node:test";

import { findDevice } from "../../src/videobroker/ui/call-devices.js";
import { arrange, clampPage, cornerAfter, fitGrid, nearestCorner, pageOf } from "../../src/videobroker/ui/call-layout.js";
import {
  MAX_PACKET_BYTES,
  PACKET_INTERVAL_MS,
  PacketQueue,
  PacketReader,
  chatPackets,
  statePacket,
} from "../../src/videobroker/ui/call-messages.js";
import { shortcutOf } from "../../src/videobroker/ui/call-shortcuts.js";
import { SILENCE, speakerAfter, speakers } from "../../src/videobroker/ui/call-speaker.js";

const SIZES = [
  [1256, 690],
  [374, 640],
  [304, 150],
  [1880, 900],
];

test("tiles of every number of people fit the area, and have pages if they would be too small", () => {
  for (const [width, height] of SIZES) {
    for (let count = 1; count <= 60; count += 1) {
      const grid = fitGrid(count, width, height);
      assert.equal(grid.pages, Math.ceil(count / grid.perPage));
      const columns = Math.max(1, Math.floor((width + 8) / (grid.width + 8)));
      const rows = Math.ceil(grid.perPage / columns);
      assert.ok(grid.width <= width && rows * (grid.height + 8) - 8 <= height, `${count} in ${width}x${height}`);
      if (grid.perPage > 1) assert.ok(grid.width >= 96 && grid.height >= 72, `${count} in ${width}x${height}`);
    }
  }
});

test("one tile fills the area, and people on a phone are above each other", () => {
  assert.deepEqual(fitGrid(1, 374, 640), { perPage: 1, pages: 1, width: 374, height: 640 });
  const two = fitGrid(2, 374, 640);
  assert.ok(two.width > 360, JSON.stringify(two));
  assert.ok(fitGrid(25, 1256, 690).pages === 1);
  assert.ok(fitGrid(25, 374, 640).pages > 1);
});

test("a pinned tile comes before a screen, and a screen before the speaker", () => {
  const tiles = ["a", "b", "c"].map((key) => ({ key, isScreen: false }));
  const screen = { key: "b screen", isScreen: true };
  /** @type {Parameters<typeof arrange>[0]} */
  const call = { tiles, layout: "grid", pinned: null, speaker: "b" };
  assert.deepEqual(arrange(call), { main: null, rest: ["a", "b", "c"] });
  assert.equal(arrange({ ...call, layout: "speaker" }).main, "b");
  assert.equal(arrange({ ...call, layout: "speaker", speaker: null }).main, "a");
  assert.equal(arrange({ ...call, tiles: [screen, ...tiles] }).main, "b screen");
  assert.equal(arrange({ ...call, tiles: [screen, ...tiles], pinned: "c" }).main, "c");
  assert.equal(arrange({ ...call, pinned: "gone" }).main, null);
  assert.deepEqual(arrange({ ...call, tiles: tiles.slice(0, 1), layout: "speaker" }), { main: null, rest: ["a"] });
});

test("a speaker of a later page is on the first one", () => {
  const keys = ["a", "b", "c", "d", "e"];
  assert.deepEqual(pageOf(keys, 0, 2), ["a", "b"]);
  assert.deepEqual(pageOf(keys, 2, 2), ["e"]);
  assert.deepEqual(pageOf(keys, 0, 2, "e"), ["a", "e"]);
  assert.deepEqual([0, 1, 2].flatMap((page) => pageOf(keys, page, 2, "e")).sort(), keys);
  assert.equal(clampPage(3, 2), 1);
  assert.equal(clampPage(0, 0), 0);
});

test("the small video snaps to the nearest corner, and arrow keys move it", () => {
  const area = { width: 100, height: 100 };
  assert.equal(nearestCorner({ x: 10, y: 90 }, area), "bottom-start");
  assert.equal(nearestCorner({ x: 10, y: 90 }, area, true), "bottom-end");
  assert.equal(cornerAfter("bottom-end", "ArrowUp"), "top-end");
  assert.equal(cornerAfter("top-end", "ArrowLeft"), "top-start");
  assert.equal(cornerAfter("top-end", "ArrowRight", true), "top-start");
  assert.equal(cornerAfter("top-end", "x"), "top-end");
});

/**
 * @typedef {[now: number, levels: Record<string, number>][]} Steps
 * @param {Steps} steps
 */
function measure(steps) {
  let state = SILENCE;
  for (const [now, levels] of steps) state = speakerAfter(state, new Map(Object.entries(levels)), now);
  return state;
}

test("the first person who speaks is the active speaker at once, and stays it in silence", () => {
  assert.equal(measure([[0, { a: 0, b: 0 }]]).active, null);
  /** @type {Steps} */
  const spoken = [[0, { a: 0, b: 0.5 }], [5000, { a: 0, b: 0 }]];
  assert.equal(measure(spoken).active, "b");
  assert.deepEqual(speakers(measure(spoken)), new Set());
});

test("a cough does not change the active speaker, but a second of speech after a pause does", () => {
  /** @type {Steps} */
  const before = [[0, { a: 0.5, b: 0 }], [2500, { a: 0, b: 0.6 }]];
  assert.equal(measure(before).active, "a");
  assert.equal(measure([...before, [3400, { a: 0, b: 0.6 }]]).active, "b");
  // As long as the active speaker is audible, louder people do not replace them.
  assert.equal(measure([...before, [2600, { a: 0.1, b: 0.6 }], [3400, { a: 0.1, b: 0.9 }]]).active, "a");
});

test("people are marked as speaking in the pauses between words", () => {
  assert.deepEqual(speakers(measure([[0, { a: 0.5 }], [400, { a: 0 }]])), new Set(["a"]));
  assert.deepEqual(speakers(measure([[0, { a: 0.5 }], [900, { a: 0 }]])), new Set());
});

test("an active speaker who leaves is replaced at once", () => {
  assert.equal(measure([[0, { a: 0.5, b: 0 }], [100, { b: 0.5 }]]).active, "b");
});

test("a message of any length and script arrives in packets of the allowed size, in any order", () => {
  for (const text of ["Hi", "x".repeat(2000), "\u{1F600}".repeat(900), '"\\\n'.repeat(600), "\u05d0".repeat(1999)]) {
    const packets = chatPackets("7", text);
    assert.ok(packets.every((each) => each.length <= MAX_PACKET_BYTES), String(packets.map((each) => each.length)));
    const reader = new PacketReader();
    const contents = [...packets].reverse().map((each) => reader.read("ada", each));
    assert.deepEqual(contents.filter(Boolean), [{ type: "chat", text: text.trim() }]);
  }
});

/** @param {ReturnType<PacketReader["read"]> | undefined} content */
function textOf(content) {
  assert.equal(content?.type, "chat");
  return content.text;
}

test("a longer text is cut between characters", () => {
  const reader = new PacketReader();
  const contents = chatPackets("1", "\u{1F600}".repeat(3000)).map((each) => reader.read("ada", each));
  assert.equal([...textOf(contents.at(-1))].length, 2000);
});

test("parts of two people are not mixed", () => {
  const reader = new PacketReader();
  const [first, second] = chatPackets("1", "x".repeat(1000));
  assert.equal(reader.read("ada", first), null);
  assert.equal(reader.read("ben", second), null);
  assert.equal(textOf(reader.read("ada", second)), "x".repeat(1000));
});

test("what no page of ours sends is ignored", () => {
  const reader = new PacketReader();
  /** @param {unknown} value */
  const encode = (value) => new TextEncoder().encode(typeof value === "string" ? value : JSON.stringify(value));
  const chat = { v: 1, type: "chat", id: "1", part: 0, of: 1, text: "Hi" };
  /** @type {unknown[]} */
  const wrong = ["", "null", "[]", "{", { ...chat, v: 2 }, { ...chat, type: "other" }, { ...chat, text: 1 }];
  wrong.push({ ...chat, of: 1e9 }, { ...chat, part: 1 }, { ...chat, part: -1 }, { ...chat, id: 5 }, { ...chat, text: " " });
  wrong.push({ v: 1, type: "state", hand: "1", screen: false }, { v: 1, type: "state", hand: 1 }, { v: 1, type: "state", hand: -1, screen: true });
  for (const each of wrong) assert.equal(reader.read("eve", encode(each)), null, JSON.stringify(each));
  assert.equal(reader.read("eve", new Uint8Array([0xff, 0xfe])), null);
  assert.deepEqual(reader.read("eve", statePacket(5, true)), { type: "state", hand: 5, screen: true });
});

test("unfinished messages do not fill the memory", () => {
  const reader = new PacketReader();
  const [first, second] = chatPackets("0", "x".repeat(1000));
  reader.read("eve", first);
  for (let id = 1; id <= 50; id += 1) reader.read("eve", chatPackets(String(id), "x".repeat(1000))[0]);
  assert.equal(reader.read("eve", second), null);
});

test("packets are sent one after the other with pauses, also after a failure", async () => {
  /** @type {(string | number)[]} */
  const log = [];
  /** @param {Uint8Array} bytes */
  const send = async (bytes) => {
    const text = new TextDecoder().decode(bytes);
    if (text === "bad") throw new Error("no");
    log.push(text);
  };
  /** @param {string[]} texts */
  const packets = (...texts) => texts.map((each) => new TextEncoder().encode(each));
  const queue = new PacketQueue(send, async (milliseconds) => void log.push(milliseconds));
  const [first, second, third] = [queue.push(packets("a", "b")), queue.push(packets("bad", "c")), queue.push(packets("d"))];
  await assert.rejects(second, /no/);
  await Promise.all([first, third]);
  assert.deepEqual(log, ["a", PACKET_INTERVAL_MS, "b", PACKET_INTERVAL_MS, "d", PACKET_INTERVAL_MS]);
});

test("shortcuts act on single keys only, and never while a person is typing", () => {
  const press = { key: "m", ctrlKey: false, metaKey: false, altKey: false, repeat: false, target: null };
  assert.equal(shortcutOf(press), "microphone");
  assert.equal(shortcutOf({ ...press, key: "M" }), "microphone");
  assert.equal(shortcutOf({ ...press, key: "?" }), "help");
  for (const change of [{ ctrlKey: true }, { metaKey: true }, { altKey: true }, { repeat: true }, { key: "x" }, { key: "toString" }]) {
    assert.equal(shortcutOf({ ...press, ...change }), null);
  }
  const typing = Object.assign(new EventTarget(), { closest: () => ({}) });
  assert.equal(shortcutOf({ ...press, target: typing }), null);
});

test("a chosen device is found by its label, and by its position among equal ones", () => {
  /** @type {(deviceId: string, label: string, kind?: MediaDeviceKind) => Pick<MediaDeviceInfo, "deviceId" | "kind" | "label">} */
  const device = (deviceId, label, kind = "videoinput") => ({ deviceId, label, kind });
  const devices = [device("1", "Cam"), device("2", "Cam"), device("3", "Cam", "audioinput")];
  assert.equal(findDevice(devices, "camera", { label: "Cam", index: 1 }), "2");
  assert.equal(findDevice(devices, "camera", { label: "Cam", index: 5 }), "1");
  assert.equal(findDevice(devices, "microphone", { label: "Cam", index: 0 }), "3");
  assert.equal(findDevice(devices, "camera", { label: "", index: 0 }), null);
  assert.equal(findDevice(devices, "camera", null), null);
});
