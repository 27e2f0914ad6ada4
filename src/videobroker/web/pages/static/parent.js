// The page around this one, when it is embedded: it is told what happens, and may say how it looks, and "leave".

const LENGTH = /^\d{1,3}(\.\d+)?(px|rem|em)$/;

export class Parent {
  #allowed;
  #origin = null;
  #waiting = [];

  /** `allowed` are the origins that may embed this page; `leave` is what to do when they say so. */
  constructor(allowed, { leave, style }) {
    this.#allowed = new Set([...allowed, location.origin]);
    if (window.parent === window) return;
    addEventListener("message", (event) => {
      // The browser frames this page on allowed origins only; whoever else could send a message is not heard either.
      if (event.source !== window.parent || !this.#allows(event.origin)) return;
      if (event.data?.source !== "videobroker-embed") return;
      if (event.data.type === "hello") this.#greet(event.origin);
      if (event.data.type === "leave") leave();
      if (event.data.type === "style" || event.data.type === "hello") style(checkedStyle(event.data.style ?? {}));
    });
  }

  /** Tell the page around this one; what happened before it said hello is told then. */
  tell(type, detail = {}) {
    if (window.parent === window) return;
    if (this.#origin === null) this.#waiting.push([type, detail]);
    else window.parent.postMessage({ source: "videobroker-page", type, detail }, this.#origin);
  }

  #greet(origin) {
    this.#origin = origin;
    this.tell("ready");
    for (const [type, detail] of this.#waiting.splice(0)) this.tell(type, detail);
  }

  #allows(origin) {
    return this.#allowed.has(origin);
  }
}

/** What of a wished look is a colour, a length or a scheme, and nothing else. */
export function checkedStyle({ accent, radius, scheme }) {
  return {
    accent: typeof accent === "string" && CSS.supports("color", accent) ? accent : null,
    radius: typeof radius === "string" && LENGTH.test(radius) ? radius : null,
    scheme: scheme === "light" || scheme === "dark" ? scheme : null,
  };
}

/** Black or white, whichever can be read on a colour. */
export function readableOn(colour) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  const context = canvas.getContext("2d");
  context.fillStyle = colour;
  context.fillRect(0, 0, 1, 1);
  const [red, green, blue] = [...context.getImageData(0, 0, 1, 1).data].map((each) => {
    const part = each / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return luminance > 0.179 ? "#000" : "#fff";
}
