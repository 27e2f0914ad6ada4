// The page that embeds this one: it receives events, and may set the style and leave the call.

const LENGTH = /^\d{1,3}(\.\d+)?(px|rem|em)$/;

/**
 * The style that an embedding page may set.
 * @typedef {{ accent: string | null, radius: string | null, scheme: "light" | "dark" | null }} EmbedStyle
 *
 * What an embedding page that knows the person may leave out: the device check, and the question whether to join.
 * @typedef {{ skipsDeviceCheck: boolean, joinsAutomatically: boolean }} EmbedOptions
 */

export class Parent {
  #allowed;
  /** @type {string | null} */
  #origin = null;
  /** @type {[string, object][]} */
  #queue = [];

  /**
   * `allowed`: the origins that may embed this page. `leave()`, `style(style)`, and `options(options)` handle their
   * messages.
   * @param {string[]} allowed
   * @param {{ leave: () => void, style: (style: EmbedStyle) => void, options: (options: EmbedOptions) => void }} handlers
   */
  constructor(allowed, { leave, style, options }) {
    this.#allowed = new Set([...allowed, location.origin]);
    if (window.parent === window) return;
    addEventListener("message", (event) => {
      // The browser enforces the same list for frames (frame-ancestors); this covers messages.
      if (event.source !== window.parent || !this.#allows(event.origin)) return;
      if (event.data?.source !== "videobroker-embed") return;
      if (event.data.type === "hello") this.#greet(event.origin);
      if (event.data.type === "hello" || event.data.type === "options") options(validOptions(event.data.options ?? {}));
      if (event.data.type === "leave") leave();
      if (event.data.type === "style" || event.data.type === "hello") style(validStyle(event.data.style ?? {}));
    });
  }

  /**
   * Post an event to the embedding page. Events before its "hello" are queued until then.
   * @param {string} type
   * @param {object} [detail]
   */
  notify(type, detail = {}) {
    if (window.parent === window) return;
    if (this.#origin === null) this.#queue.push([type, detail]);
    else window.parent.postMessage({ source: "videobroker-page", type, detail }, this.#origin);
  }

  /** @param {string} origin */
  #greet(origin) {
    this.#origin = origin;
    this.notify("ready");
    for (const [type, detail] of this.#queue.splice(0)) this.notify(type, detail);
  }

  /** @param {string} origin */
  #allows(origin) {
    return this.#allowed.has(origin);
  }
}

/**
 * Only the values that are a color, a length, or a scheme; null for the others.
 * @param {Record<string, unknown>} style
 * @returns {EmbedStyle}
 */
export function validStyle({ accent, radius, scheme }) {
  return {
    accent: typeof accent === "string" && CSS.supports("color", accent) ? accent : null,
    radius: typeof radius === "string" && LENGTH.test(radius) ? radius : null,
    scheme: scheme === "light" || scheme === "dark" ? scheme : null,
  };
}

/**
 * @param {Record<string, unknown>} options
 * @returns {EmbedOptions}
 */
export function validOptions({ skipsDeviceCheck, joinsAutomatically }) {
  return { skipsDeviceCheck: skipsDeviceCheck === true, joinsAutomatically: joinsAutomatically === true };
}

/**
 * Black or white, whichever has more contrast with the color.
 * @param {string} color
 */
export function readableOn(color) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d");
  if (!context) return "#000";
  context.fillStyle = color;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = [...context.getImageData(0, 0, 1, 1).data].map((each) => {
    const part = each / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return luminance > 0.179 ? "#000" : "#fff";
}
