// Which text a screen shows below its heading: a pure function of what the page knows.

import { SCREENS } from "./screens.js";

const DAY_MS = 86_400_000;

/**
 * @typedef {import("videobroker-models").Visit} Visit
 * @typedef {{ visit: Visit | null, broken: string | null, asked: boolean, endedByMe: boolean, now: number }} Facts
 * @typedef {{ name: string, moment?: Date, code?: string }} ScreenText
 */

/**
 * The name of the text, and the moment or the error code in it. `now` is the server's time in milliseconds.
 * @param {string} screen
 * @param {Facts} facts
 * @returns {ScreenText}
 */
export function screenText(screen, { visit, broken, asked, endedByMe, now }) {
  const name = SCREENS[screen].text;
  if (screen === "setup") return { name, code: broken ?? "" };
  if (screen === "ended" && endedByMe) return { name: "ended.text.you" };
  if (!visit) return { name };
  if (screen === "ready" && visit.call) return { name: "ready.running" };
  if (screen === "ended" && visit.decision.reason !== "waiting_for_host") return { name: "ended.text.plain" };
  if (screen === "admission" && !asked) return { name: "admission.text.ask" };
  if (screen === "admission" && visit.lobby?.state !== "waiting") return { name: "admission.text.sending" };
  if (screen === "admission" && !visit.host_present) return { name: "admission.text.sent" };
  if (screen === "over") {
    const { ends_at } = visit.session;
    const past = ends_at !== null && Date.parse(ends_at) <= now;
    return past ? { name, moment: new Date(ends_at) } : { name: "over.text.plain" };
  }
  if (screen === "early") {
    const opens = Date.parse(visit.decision.opens_at ?? "");
    return { name: opens - now > DAY_MS / 2 ? "early.text.day" : name, moment: new Date(opens) };
  }
  return { name };
}
