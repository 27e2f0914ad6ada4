// The small video of the person themselves. It snaps to corners, and moves with the pointer or the arrow keys.

import { CORNERS, cornerAfter, nearestCorner } from "./call-layout.js";
import { mark, showTrack } from "./call-dom.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { hueOf, initials } from "./initials.js";

const DRAG_PIXELS = 6; // a shorter movement is a click

export class SelfView {
  #texts;
  #announce;
  #video = h("video", { autoplay: true, playsInline: true, muted: true, "aria-hidden": "true" });
  #avatar = h("div", { className: "avatar", "aria-hidden": "true" });
  #muted;
  #hand;
  #move;
  /** @type {import("./call-layout.js").Corner} */
  #corner = "bottom-end";
  /** @type {{ x: number, y: number, isMoving: boolean, stopped: AbortController } | null} */
  #drag = null;

  /**
   * @param {import("./call-texts.js").CallTexts} texts
   * @param {(key: string) => void} announce a text for screen readers
   */
  constructor(texts, announce) {
    this.#texts = texts;
    this.#announce = announce;
    this.#muted = mark("mic-off", "muted", texts.say("tile.muted"));
    this.#hand = mark("hand", "hand", texts.say("tile.hand"));
    this.#move = h("button", {
      type: "button",
      className: "self-move",
      "aria-label": texts.say("self.move"),
      "aria-describedby": "self-hint",
      onkeydown: (/** @type {KeyboardEvent} */ event) => this.#pressed(event),
      onclick: () => this.#next(),
    });
    this.#move.append(icon("move"));
    this.element = h(
      "section",
      {
        className: "self-view tile self",
        "aria-label": texts.say("self.region"),
        onpointerdown: (/** @type {PointerEvent} */ event) => this.#dragStarted(event),
      },
      this.#video,
      this.#avatar,
      h("div", { className: "tile-name" }, this.#hand, this.#muted, h("span", { className: "who" }, texts.say("call.you"))),
      this.#move,
      h("span", { id: "self-hint", hidden: true }, texts.say("self.hint")),
    );
    this.element.dataset.corner = this.#corner;
  }

  /**
   * @param {import("./call-session.js").Person} me
   * @param {string} name
   */
  update(me, name) {
    const track = me.camera ? me.cameraTrack : null;
    showTrack(this.#video, track).catch(() => {});
    this.element.classList.toggle("dark", !track);
    this.#avatar.textContent = initials(name, this.#texts.language);
    this.#avatar.dataset.hue = String(hueOf(name));
    this.#muted.hidden = me.microphone;
    this.#hand.hidden = !me.hand;
  }

  /** @param {boolean} isSpeaking */
  markSpeaking(isSpeaking) {
    this.element.classList.toggle("speaks", isSpeaking);
  }

  get #isRightToLeft() {
    return getComputedStyle(this.element).direction === "rtl";
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    const corner = cornerAfter(this.#corner, event.key, this.#isRightToLeft);
    if (!event.key.startsWith("Arrow")) return;
    event.preventDefault();
    this.#place(corner);
  }

  #next() {
    this.#place(CORNERS[(CORNERS.indexOf(this.#corner) + 1) % CORNERS.length]);
  }

  /** @param {import("./call-layout.js").Corner} corner */
  #place(corner) {
    this.#corner = corner;
    this.element.dataset.corner = corner;
    this.#announce(`self.at.${corner}`);
  }

  /** @param {PointerEvent} event */
  #dragStarted(event) {
    if (event.button !== 0) return;
    const stopped = new AbortController();
    this.#drag = { x: event.clientX, y: event.clientY, isMoving: false, stopped };
    // A fast pointer leaves the element before it has moved.
    const { signal } = stopped;
    document.addEventListener("pointermove", (move) => this.#dragged(move), { signal });
    document.addEventListener("pointerup", (up) => this.#dropped(up), { signal });
    document.addEventListener("pointercancel", () => this.#snap(), { signal });
  }

  /** @param {PointerEvent} event */
  #dragged(event) {
    if (!this.#drag) return;
    const [x, y] = [event.clientX - this.#drag.x, event.clientY - this.#drag.y];
    if (!this.#drag.isMoving && Math.hypot(x, y) < DRAG_PIXELS) return;
    this.#drag.isMoving = true;
    this.element.classList.add("dragged");
    this.element.style.translate = `${x}px ${y}px`;
  }

  /** @param {PointerEvent} event */
  #dropped(event) {
    const wasMoving = this.#drag?.isMoving;
    const box = this.element.getBoundingClientRect();
    this.#snap();
    if (!wasMoving) return;
    // The click that follows a drag must not move it again.
    const ignored = new AbortController();
    addEventListener("click", (click) => click.stopPropagation(), { capture: true, signal: ignored.signal });
    setTimeout(() => ignored.abort(), 0);
    const area = /** @type {Element} */ (this.element.parentElement).getBoundingClientRect();
    const center = { x: box.x + box.width / 2 - area.x, y: box.y + box.height / 2 - area.y };
    this.#place(nearestCorner(center, area, this.#isRightToLeft));
    event.preventDefault();
  }

  #snap() {
    this.#drag?.stopped.abort();
    this.#drag = null;
    this.element.classList.remove("dragged");
    this.element.style.translate = "";
  }
}
