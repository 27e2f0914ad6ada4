// Picture-in-picture: the person who speaks, in a small window above others.
//
// A window for documents needs a page that is not in a frame. Elsewhere, a video window shows those who have video. The
// call view loads this module when its menu opens.

import { documentWindows, showTrack } from "./call-dom.js";
import { h } from "./dom.js";
import { hueOf, initials } from "./initials.js";

const SIZE = { width: 320, height: 200 };
const LOAD_TIMEOUT_MS = 3000;

/** @typedef {{ track: MediaStreamTrack | null, name: string }} PipContent */

export class PictureInPicture {
  #texts;
  #changed;
  #video = h("video", { className: "pip-video", autoplay: true, playsInline: true, muted: true, "aria-hidden": "true" });
  #avatar = h("div", { className: "avatar", "aria-hidden": "true" });
  #name = h("bdi", { className: "tile-name" });
  #holder = h("div", { className: "pip-holder" }, this.#video);
  /** @type {Window | null} */
  #window = null;

  /**
   * @param {import("./call-texts.js").CallTexts} texts
   * @param {() => void} changed called when the window opens or closes
   */
  constructor(texts, changed) {
    this.#texts = texts;
    this.#changed = changed;
    this.element = this.#holder;
    this.#video.addEventListener("leavepictureinpicture", () => changed());
  }

  get isOpen() {
    return this.#window !== null || document.pictureInPictureElement === this.#video;
  }

  /**
   * Open or close the window. Rejects if the browser does not allow it.
   * @param {PipContent} content
   */
  async toggle(content) {
    if (this.isOpen) {
      await this.close();
      return;
    }
    const documents = documentWindows();
    if (documents) await this.#openDocument(documents, content);
    else await this.#openVideo(content);
    this.#changed();
  }

  /** @param {PipContent} content */
  show({ track, name }) {
    if (!this.isOpen) return;
    // A video window has only video: the last one stays until another person has some.
    if (this.#window || track) showTrack(this.#video, track).catch(() => {});
    this.#name.textContent = name;
    this.#avatar.textContent = initials(name, this.#texts.language);
    this.#avatar.dataset.hue = String(hueOf(name));
    this.#name.parentElement?.classList.toggle("dark", !track);
  }

  async close() {
    this.#window?.close();
    if (document.pictureInPictureElement === this.#video) await document.exitPictureInPicture();
    if (!this.#window) this.#video.srcObject = null;
  }

  /**
   * @param {NonNullable<Window["documentPictureInPicture"]>} documents
   * @param {PipContent} content
   */
  async #openDocument(documents, content) {
    const opened = await documents.requestWindow(SIZE);
    this.#window = opened;
    opened.document.documentElement.lang = this.#texts.language;
    opened.document.title = this.#texts.say("pip.title");
    for (const link of document.querySelectorAll("link[rel=stylesheet]")) {
      opened.document.head.append(h("link", { rel: "stylesheet", href: /** @type {HTMLLinkElement} */ (link).href }));
    }
    opened.document.body.append(h("div", { className: "call call-area pip" }, h("div", { className: "tile" }, this.#video, this.#avatar, this.#name)));
    opened.addEventListener("pagehide", () => this.#documentClosed());
    this.show(content);
    this.#video.play().catch(() => {});
  }

  #documentClosed() {
    this.#window = null;
    this.#video.srcObject = null;
    this.#holder.append(this.#video);
    this.#changed();
  }

  /** @param {PipContent} content */
  async #openVideo({ track }) {
    if (!track) throw new DOMException("No one has video.", "InvalidStateError");
    await showTrack(this.#video, track);
    if (this.#video.readyState < HTMLMediaElement.HAVE_METADATA) await loaded(this.#video);
    await this.#video.requestPictureInPicture();
  }
}

/** @param {HTMLVideoElement} video */
function loaded(video) {
  return new Promise((resolve, reject) => {
    video.addEventListener("loadedmetadata", () => resolve(undefined), { once: true });
    setTimeout(() => reject(new DOMException("The video did not load.", "TimeoutError")), LOAD_TIMEOUT_MS);
  });
}
