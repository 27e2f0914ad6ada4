/** The page around this one, if there is one: what it is told, and what it may say. */

const MINE = "videobroker-sandbox";
const THEIRS = "videobroker";

/** Whether this page is shown in a frame. */
export const framed = window.parent !== window;

/** Tell the page around this one. Any page may be there, so nothing secret is told. */
export function tell(type, detail = {}) {
  if (framed) window.parent.postMessage({ source: MINE, type, ...detail }, "*");
}

/** Hear what the page around this one says; nobody else is heard. */
export function listen(hear) {
  window.addEventListener("message", (event) => {
    if (framed && event.source === window.parent && event.data?.source === THEIRS) hear(event.data);
  });
}
