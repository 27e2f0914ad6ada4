// When the screen of the device has to stay on: a pure function.

import { SCREENS } from "./screens.js";

const SOON_MS = 3_600_000;

/**
 * In the call, and while the person waits for something that happens soon.
 * @param {string} screen
 * @param {{ opensAt: number | null, now: number }} times in milliseconds of the server
 */
export function staysAwake(screen, { opensAt, now }) {
  if (["call", "joining", "moved"].includes(screen)) return true;
  if (!SCREENS[screen]?.waits) return false;
  return screen !== "early" || (opensAt !== null && opensAt - now < SOON_MS);
}
