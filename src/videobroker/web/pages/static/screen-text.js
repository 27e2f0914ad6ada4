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
  if (screen === "ended" || screen === "left") return { name: afterCallText(screen, visit) };
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

/** @type {Record<string, Record<string, string>>} */
const AFTER_CALL_OF_WAIT = {
  left: { waiting_for_host: "left.text.host", waiting_for_admission: "left.text.admission" },
  ended: { waiting_for_host: "ended.text", waiting_for_admission: "ended.text.admission" },
};

/**
 * What happened to the call, and how to join again.
 * @param {"left" | "ended"} screen
 * @param {Visit} visit
 */
function afterCallText(screen, { decision, call }) {
  const isLeft = screen === "left";
  if (decision.decision === "wait") {
    return AFTER_CALL_OF_WAIT[screen][decision.reason ?? ""] ?? (isLeft ? "left.text.host" : "ended.text.plain");
  }
  if (isLeft) return call ? "left.text" : "left.text.over";
  return call ? "ended.text.new" : "ended.text.plain";
}
