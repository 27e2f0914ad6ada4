// Elements of the call view, beside those of the UI kit.

import { h, iconButton, setText } from "./dom.js";
import { icon, setIcon } from "./icons.js";

/**
 * A round button with an icon.
 * @param {string} name of the icon
 * @param {string} label
 * @param {() => void} onclick
 * @param {Record<string, unknown>} [properties]
 */
export function tool(name, label, onclick, properties = {}) {
  return iconButton(name, label, { onclick, ...properties });
}

/**
 * Change the icon and the label of such a button, if they differ.
 * @param {HTMLElement} element
 * @param {string} name
 * @param {string} label
 */
export function relabel(element, name, label) {
  setIcon(element, name);
  if (element.title === label) return;
  element.title = label;
  element.setAttribute("aria-label", label);
}

/**
 * A button with an icon and a visible label.
 * @param {string} name
 * @param {string} label
 * @param {() => void} onclick
 */
export function item(name, label, onclick) {
  return h("button", { type: "button", onclick }, icon(name), h("span", {}, label));
}

/**
 * Change the label of such a button.
 * @param {HTMLElement} element
 * @param {string} label
 */
export function setItem(element, label) {
  const text = element.querySelector("span");
  if (text) setText(text, label);
}

/**
 * An icon with a text for screen readers.
 * @param {string} name
 * @param {string} className
 * @param {string} text
 */
export function mark(name, className, text) {
  return h("span", { className: `mark ${className}` }, icon(name), h("span", { className: "visually-hidden" }, text));
}

/**
 * Show a track in a video element; null shows nothing. Returns the promise of its playing.
 * @param {HTMLVideoElement} video
 * @param {MediaStreamTrack | null} track
 */
export function showTrack(video, track) {
  const shown = video.srcObject instanceof MediaStream ? (video.srcObject.getVideoTracks()[0] ?? null) : null;
  if (shown === track) return Promise.resolve();
  video.srcObject = track && new MediaStream([track]);
  return track ? video.play() : Promise.resolve();
}

/** Opens windows for documents; null in a frame, and in browsers that have none. */
export function documentWindows() {
  return window.parent === window ? (window.documentPictureInPicture ?? null) : null;
}

/** Whether this browser has picture-in-picture at all. */
export function hasPictureInPicture() {
  return documentWindows() !== null || (document.pictureInPictureEnabled ?? false);
}
