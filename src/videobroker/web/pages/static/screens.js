// The current screen: a pure function of the visit and of what the person did on this page.

/**
 * @typedef {import("videobroker-models").Visit} Visit
 * @typedef {import("videobroker-models").JoinCredentials} JoinCredentials
 * @typedef {{ icon: string, heading: string, text: string, devices?: boolean, joins?: boolean, countdown?: boolean, waits?: boolean,
 *   join?: string, again?: string, rejoins?: "primary" | "quiet", contact?: boolean, back?: boolean, after?: boolean }} Screen
 * @typedef {{ gone: string | null, call: JoinCredentials | null, joining: AbortController | null, broken: string | null,
 *   after: string | null, visit: Visit | null, moved: boolean, asked: boolean }} PageState
 */

/** @type {Record<string, string>} */
const SCREEN_OF_REFUSAL = {
  video_disabled: "video_off",
  session_cancelled: "cancelled",
  session_completed: "over",
  session_over: "over",
  session_not_confirmed: "unconfirmed",
  not_a_participant: "stranger",
  guests_not_allowed: "guests",
  participant_removed: "removed",
  admission_denied: "denied",
};
/** @type {Record<string, string>} */
const SCREEN_OF_WAIT = {
  too_early: "early",
  waiting_for_host: "host",
  waiting_for_admission: "admission",
};

const BEFORE_CALL = { devices: true, joins: true };
/** The page cannot help: the app may. */
const NO_HELP = { contact: true, back: true };
const AFTER_CALL = { ...NO_HELP, after: true };

/**
 * Icon, texts, and actions of each screen.
 * @type {Record<string, Screen>}
 */
export const SCREENS = {
  loading: { icon: "dots", heading: "page.loading", text: "page.loading.text" },
  unavailable: { icon: "cloud", heading: "unavailable.heading", text: "unavailable.text" },
  early: { icon: "sun", heading: "early.heading", text: "early.text", countdown: true, waits: true, ...BEFORE_CALL },
  host: { icon: "chair", heading: "host.heading", text: "host.text", waits: true, ...BEFORE_CALL },
  admission: { icon: "door", heading: "admission.heading", text: "admission.text", waits: true, ...BEFORE_CALL },
  ready: { icon: "door", heading: "ready.heading", text: "ready.text", join: "ready.join", ...BEFORE_CALL },
  joining: { icon: "dots", heading: "joining.heading", text: "joining.text", joins: true },
  moved: { icon: "dots", heading: "moved.heading", text: "moved.text", joins: true },
  left: { icon: "wave", heading: "left.heading", text: "left.text", rejoins: "primary", ...AFTER_CALL },
  ended: { icon: "check", heading: "ended.heading", text: "ended.text", rejoins: "quiet", ...AFTER_CALL },
  elsewhere: { icon: "wave", heading: "elsewhere.heading", text: "elsewhere.text", join: "elsewhere.join", back: true },
  removed: { icon: "closed", heading: "removed.heading", text: "removed.text", rejoins: "quiet", ...NO_HELP },
  denied: { icon: "closed", heading: "denied.heading", text: "denied.text", ...NO_HELP },
  over: { icon: "check", heading: "over.heading", text: "over.text", ...AFTER_CALL },
  cancelled: { icon: "closed", heading: "cancelled.heading", text: "cancelled.text", ...NO_HELP },
  unconfirmed: { icon: "sun", heading: "unconfirmed.heading", text: "unconfirmed.text", ...NO_HELP },
  video_off: { icon: "closed", heading: "video_off.heading", text: "video_off.text", ...NO_HELP },
  stranger: { icon: "closed", heading: "stranger.heading", text: "stranger.text", ...NO_HELP },
  guests: { icon: "closed", heading: "guests.heading", text: "guests.text", ...NO_HELP },
  refused: { icon: "closed", heading: "refused.heading", text: "refused.text", ...NO_HELP },
  setup: { icon: "cloud", heading: "setup.heading", text: "setup.text", again: "setup.again", ...NO_HELP },
  ticket_expired: { icon: "clock", heading: "ticket_expired.heading", text: "ticket_expired.text", ...NO_HELP },
  ticket_invalid: { icon: "closed", heading: "ticket_invalid.heading", text: "ticket_invalid.text" },
};

/**
 * The name of the screen: a card, or "call". `gone`: the screen for an invalid ticket. `after`: how the last call ended
 * for this person. `broken`: the error code of a misconfiguration.
 * @param {Omit<PageState, "asked">} state
 * @returns {string}
 */
export function screenOf({ gone, call, joining, broken, after, visit, moved }) {
  // A running call continues without a valid ticket until its credentials expire.
  if (call && !joining) return "call";
  if (gone) return gone;
  if (joining) return moved ? "moved" : "joining";
  if (!visit) return "loading";
  const decision = visit.decision;
  const refusal = decision.decision === "refuse" ? (SCREEN_OF_REFUSAL[decision.reason ?? ""] ?? "refused") : null;
  if (after === "removed" || refusal === "removed") return "removed";
  if (refusal) return refusal;
  if ((after === "ended" || after === "left") && decision.reason !== "too_early") return after;
  if (after === "elsewhere") return "elsewhere";
  if (broken) return "setup";
  if (decision.decision === "wait") return SCREEN_OF_WAIT[decision.reason ?? ""] ?? "host";
  return "ready";
}

/** @type {Record<string, string>} */
const REJOIN_OF_WAIT = {
  too_early: "rejoin.early",
  waiting_for_host: "rejoin.host",
  waiting_for_admission: "removed.join",
};

/**
 * The label for joining again after a call: it says what the button does now. Null for people who cannot join.
 * @param {string} screen "left", "ended", or "removed"
 * @param {Visit} visit
 */
export function rejoinText(screen, { decision, call }) {
  if (decision.decision === "refuse") return null;
  if (decision.decision === "wait") return REJOIN_OF_WAIT[decision.reason ?? ""] ?? "rejoin.host";
  if (!call) return "ended.join";
  return screen === "ended" ? "ended.join.new" : "left.join";
}

/**
 * Whether a person who chose to join automatically should join now.
 * @param {Omit<PageState, "moved">} state
 */
export function shouldJoin({ asked, after, call, joining, broken, gone, visit }) {
  return Boolean(asked && !after && !call && !joining && !broken && !gone && visit?.decision.decision === "admit");
}

/**
 * How a new visit, which was requested after the call began here, changes the call; null for no change.
 *
 * "elsewhere": the person has joined on another page since. All visits name the same page, so that one of them stays.
 *
 * `seen`: an earlier visit had this call. One that was sent before the call started does not have it yet.
 * @param {Visit} visit
 * @param {JoinCredentials} call
 * @param {boolean} seen
 * @returns {"removed" | "ended" | "moved" | "elsewhere" | null}
 */
export function callChange(visit, call, seen) {
  const { decision, reason } = visit.decision;
  if (decision === "refuse" && reason === "participant_removed") return "removed";
  if (visit.provider && visit.provider !== call.provider) return "moved";
  if (seen && visit.call?.id !== call.call.id) return "ended";
  if (visit.call?.id === call.call.id && visit.latest_join && visit.latest_join !== call.join_id) return "elsewhere";
  return null;
}
