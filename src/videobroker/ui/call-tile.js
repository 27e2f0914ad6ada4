// A tile: the video of a person, or of a screen that they share.

import { mark, relabel, showTrack, tool } from "./call-dom.js";
import { h, setText } from "./dom.js";
import { hueOf, initials } from "./initials.js";

/**
 * @typedef {object} TileContent
 * @property {import("./call-session.js").Person} person
 * @property {string} name
 * @property {boolean} isSelf
 * @property {boolean} isScreen
 * @property {boolean} isPinned
 * @property {boolean} isRemovable
 * @property {boolean} isSpeaking
 */

export class Tile {
  #texts;
  #video = h("video", { autoplay: true, playsInline: true, muted: true, "aria-hidden": "true" });
  #avatar = h("div", { className: "avatar", "aria-hidden": "true" });
  #name = h("bdi", { className: "who" });
  #role = h("span", { className: "role" });
  #muted;
  #hand;
  #state = h("span", { className: "tile-state" });
  #pin;
  #remove;
  #playBlocked;

  /**
   * @param {string} id of the person
   * @param {import("./call-texts.js").CallTexts} texts
   * @param {{ pin: () => void, remove: () => void, playBlocked: () => void }} actions
   */
  constructor(id, texts, actions) {
    this.#texts = texts;
    this.#playBlocked = actions.playBlocked;
    this.#muted = mark("mic-off", "muted", texts.say("tile.muted"));
    this.#hand = mark("hand", "hand", texts.say("tile.hand"));
    this.#pin = tool("pin", "", actions.pin, { className: "on-tile pin" });
    this.#remove = tool("remove", "", actions.remove, { className: "on-tile remove", hidden: true });
    this.element = h(
      "li",
      { className: "tile" },
      this.#video,
      this.#avatar,
      this.#state,
      h("div", { className: "tile-name" }, this.#hand, this.#muted, this.#name, this.#role),
      h("div", { className: "tile-tools" }, this.#pin, this.#remove),
    );
    this.element.dataset.id = id;
  }

  /** The video element, for picture-in-picture. */
  get video() {
    return this.#video;
  }

  /** @param {TileContent} content */
  update({ person, name, isSelf, isScreen, isPinned, isRemovable, isSpeaking }) {
    const texts = this.#texts;
    const track = isScreen ? person.screenTrack : person.cameraTrack;
    const isVisible = track !== null && (isScreen || person.camera);
    this.#show(isVisible ? track : null);
    const classes = { screen: isScreen, self: isSelf, dark: !isVisible, pinned: isPinned, speaks: isSpeaking && !isScreen };
    for (const [each, isSet] of Object.entries(classes)) this.element.classList.toggle(each, isSet);
    this.#avatar.textContent = initials(name, texts.language);
    this.#avatar.dataset.hue = String(hueOf(name));
    const label = isScreen ? "tile.screen" : isSelf ? "call.name.you" : person.isGuest ? "call.name.guest" : null;
    setText(this.#name, label ? texts.say(label, { name }) : name);
    this.#role.textContent = isScreen ? "" : (person.role ?? "");
    this.#muted.hidden = isScreen || person.microphone;
    this.#hand.hidden = isScreen || !person.hand;
    this.#state.textContent = isScreen || isSelf ? "" : stateText(texts, person.connection);
    const shown = isScreen ? texts.say("tile.screen", { name }) : name;
    relabel(this.#pin, isPinned ? "unpin" : "pin", texts.say(isPinned ? "tile.unpin" : "tile.pin", { name: shown }));
    relabel(this.#remove, "remove", texts.say("tile.remove", { name }));
    this.#remove.hidden = isScreen || !isRemovable;
  }

  /** @param {boolean} isSpeaking */
  markSpeaking(isSpeaking) {
    this.element.classList.toggle("speaks", isSpeaking && !this.element.classList.contains("screen"));
  }

  /** @param {boolean} isHidden */
  hidePin(isHidden) {
    this.#pin.hidden = isHidden;
  }

  /** Play after the tap that the browser requires. */
  play() {
    if (this.#video.srcObject) this.#video.play().catch((error) => this.#failed(error));
  }

  close() {
    this.#video.srcObject = null;
    this.element.remove();
  }

  /** @param {MediaStreamTrack | null} track */
  #show(track) {
    showTrack(this.#video, track).catch((error) => this.#failed(error));
  }

  /** @param {DOMException} error */
  #failed(error) {
    if (error.name === "NotAllowedError") this.#playBlocked();
  }
}

/**
 * @param {import("./call-texts.js").CallTexts} texts
 * @param {import("./call-session.js").Person["connection"]} connection
 */
function stateText(texts, connection) {
  return connection === "connected" ? "" : texts.say(`tile.${connection}`);
}
