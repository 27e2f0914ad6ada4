/** The page around this one, if there is one: messages to it and from it. */

const MINE = "videobroker-sandbox";
const THEIRS = "videobroker";

/** Whether this page is shown in a frame. */
export const framed = window.parent !== window;

/**
 * Send to the page around this one. It can be any page, so nothing secret is sent.
 * @param {string} type
 * @param {object} [detail]
 */
export function postToParent(type, detail = {}) {
  if (framed) window.parent.postMessage({ source: MINE, type, ...detail }, "*");
}

/**
 * What the page around this one sends. It can be any page: nothing has to be there, or of this type.
 * @typedef {{ type?: unknown, app_id?: unknown, channel?: unknown, uid?: unknown, token?: unknown, name?: unknown, lang?: unknown,
 *   devices?: unknown, may_end?: unknown }} ParentMessage
 */

/**
 * Receive messages from the page around this one, and from no other.
 * @param {(message: ParentMessage) => void} handle
 */
export function onParentMessage(handle) {
  window.addEventListener("message", (event) => {
    if (framed && event.source === window.parent && event.data?.source === THEIRS) handle(event.data);
  });
}
