// Messages between call pages in packets of limited size, as for the data stream of Agora's SDK.
//
// A packet is JSON in UTF-8: `{v: 1, type, ...}`. A text that does not fit is sent in parts `{id, part, of}`.

import { MAX_TEXT_CHARACTERS } from "./call-session.js";

/** The SDK rejects larger packets. */
export const MAX_PACKET_BYTES = 1024;
/** Between two packets: at most 5 packets and 5 KB a second, below the documented 6 KB. */
export const PACKET_INTERVAL_MS = 200;

const VERSION = 1;
const PART_BYTES = 600; // JSON escapes can make a part larger
const MAX_PARTS = 32;
const MAX_ID_CHARACTERS = 64;
const MAX_UNFINISHED = 20;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * @typedef {{ type: "chat", text: string }} ChatContent
 * @typedef {{ type: "state", hand: number, screen: boolean }} StateContent
 */

/**
 * The packets of a chat message. Longer texts are cut.
 * @param {string} id unique among the messages of the sender
 * @param {string} text
 * @returns {Uint8Array[]}
 */
export function chatPackets(id, text) {
  const parts = splitText(clipText(text));
  return parts.map((each, part) => packet({ type: "chat", id, part, of: parts.length, text: each }));
}

/**
 * The packet with what a person shows to everyone: their raised hand, and whether their video is a screen.
 * @param {number} hand
 * @param {boolean} screen
 */
export function statePacket(hand, screen) {
  return packet({ type: "state", hand, screen });
}

/** @param {object} content */
function packet(content) {
  return encoder.encode(JSON.stringify({ v: VERSION, ...content }));
}

/**
 * A text without surrounding space, and no longer than allowed. Never cuts a character in half.
 * @param {string} text
 */
export function clipText(text) {
  return [...text.trim()].slice(0, MAX_TEXT_CHARACTERS).join("");
}

/**
 * @param {string} text
 * @returns {string[]}
 */
function splitText(text) {
  const parts = [""];
  let bytes = 0;
  for (const character of text) {
    const size = encoder.encode(JSON.stringify(character)).length - 2;
    if (bytes + size > PART_BYTES) {
      parts.push("");
      bytes = 0;
    }
    parts[parts.length - 1] += character;
    bytes += size;
  }
  return parts;
}

/** @typedef {{ texts: (string | null)[], missing: number }} Unfinished */

/** Puts packets together again. Ignores everything that no page of ours sends. */
export class PacketReader {
  /** @type {Map<string, Unfinished>} */
  #unfinished = new Map();

  /**
   * The content that is complete with this packet, or null.
   * @param {string} from the sender
   * @param {Uint8Array} bytes
   * @returns {ChatContent | StateContent | null}
   */
  read(from, bytes) {
    const content = parse(bytes);
    if (content === null) return null;
    if (content.type === "state") return stateOf(content);
    return content.type === "chat" ? this.#chat(from, content) : null;
  }

  /**
   * @param {string} from
   * @param {Record<string, unknown>} content
   */
  #chat(from, { id, part, of, text }) {
    if (typeof id !== "string" || id.length > MAX_ID_CHARACTERS || typeof text !== "string") return null;
    if (!isInteger(of, 1, MAX_PARTS) || !isInteger(part, 0, of - 1)) return null;
    const key = `${from} ${id}`;
    /** @type {Unfinished} */
    const message = this.#unfinished.get(key) ?? { texts: new Array(of).fill(null), missing: of };
    if (message.texts.length !== of || message.texts[part] !== null) return null;
    message.texts[part] = text;
    message.missing -= 1;
    if (message.missing > 0) {
      this.#keep(key, message);
      return null;
    }
    this.#unfinished.delete(key);
    const complete = clipText(message.texts.join(""));
    return complete === "" ? null : /** @type {ChatContent} */ ({ type: "chat", text: complete });
  }

  /**
   * @param {string} key
   * @param {Unfinished} message
   */
  #keep(key, message) {
    this.#unfinished.set(key, message);
    // A sender whose connection broke never completes their message.
    const [oldest] = this.#unfinished.keys();
    if (this.#unfinished.size > MAX_UNFINISHED && oldest !== undefined) this.#unfinished.delete(oldest);
  }
}

/**
 * @param {unknown} value
 * @param {number} low
 * @param {number} high
 * @returns {value is number}
 */
function isInteger(value, low, high) {
  return typeof value === "number" && Number.isInteger(value) && value >= low && value <= high;
}

/** @param {Record<string, unknown>} content */
function stateOf({ hand, screen }) {
  if (typeof hand !== "number" || !Number.isFinite(hand) || hand < 0 || typeof screen !== "boolean") return null;
  return /** @type {StateContent} */ ({ type: "state", hand, screen });
}

/** @param {Uint8Array} bytes */
function parse(bytes) {
  try {
    const content = JSON.parse(decoder.decode(bytes));
    return content !== null && typeof content === "object" && content.v === VERSION ? content : null;
  } catch {
    return null;
  }
}

/**
 * @param {number} milliseconds
 * @returns {Promise<void>}
 */
function wait(milliseconds) {
  return new Promise((done) => {
    setTimeout(done, milliseconds);
  });
}

/** Sends packets one after the other, with a pause between them. */
export class PacketQueue {
  #send;
  #pause;
  #last = Promise.resolve();

  /**
   * @param {(bytes: Uint8Array) => Promise<void>} send
   * @param {(milliseconds: number) => Promise<void>} [pause]
   */
  constructor(send, pause = wait) {
    this.#send = send;
    this.#pause = pause;
  }

  /**
   * Resolves when all of these packets are sent. Rejects with the error of the first that was not; the rest is dropped.
   * @param {Uint8Array[]} packets
   */
  push(packets) {
    const done = this.#last.then(() => this.#sendAll(packets));
    this.#last = done.catch(() => {});
    return done;
  }

  /** @param {Uint8Array[]} packets */
  async #sendAll(packets) {
    for (const each of packets) {
      await this.#send(each);
      await this.#pause(PACKET_INTERVAL_MS);
    }
  }
}
