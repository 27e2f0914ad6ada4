// Keeps the state of the sessions on the demo page current: who is in a call, and who waits.

const REFRESH_MS = 4000;
const REQUEST_TIMEOUT_MS = 10000;

/** Replaces what has changed in the parts of the page that show state. Buttons stay, and so does the focus. */
async function refresh() {
  if (document.hidden) return;
  const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  const response = await fetch(location.pathname, { cache: "no-store", signal });
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  for (const part of document.querySelectorAll("[data-part]")) {
    const update = fresh.querySelector(`[data-part="${CSS.escape(part.getAttribute("data-part") ?? "")}"]`);
    if (update && update.textContent !== part.textContent) part.replaceChildren(...update.childNodes);
  }
}

async function watch() {
  await refresh().catch(() => {});
  setTimeout(watch, REFRESH_MS);
}

setTimeout(watch, REFRESH_MS);
document.addEventListener("visibilitychange", () => refresh().catch(() => {}));
