// Who speaks: pure functions of loudness and time.

const AUDIBLE = 0.02; // of a level from 0 to 1
const SPEAKING_MS = 700; // a person counts as speaking in the pauses between words
const TAKEOVER_MS = 800; // of speech by another person, before they become the active speaker
const LEAST_MS = 2000; // that the active speaker stays while others speak

/**
 * When each person who speaks began, and was last audible.
 * @typedef {Record<string, { from: number, until: number }>} Speech
 *
 * @typedef {object} SpeakerState
 * @property {string | null} active the person who speaks, or who spoke last
 * @property {number} since
 * @property {Speech} speech
 */

/** @type {SpeakerState} */
export const SILENCE = Object.freeze({ active: null, since: -Infinity, speech: {} });

/**
 * The state after measuring loudness. A short sound does not change the active speaker, and neither does a pause.
 * @param {SpeakerState} state
 * @param {Map<string, number>} levels of all people who can be the active speaker
 * @param {number} now in milliseconds
 * @returns {SpeakerState}
 */
export function speakerAfter(state, levels, now) {
  const speech = speechAt(state.speech, levels, now);
  const active = state.active !== null && levels.has(state.active) ? state.active : null;
  if (active !== null && (speech[active]?.until === now || now - state.since < LEAST_MS)) {
    return { active, since: active === state.active ? state.since : now, speech };
  }
  const next = loudest(speech, levels, now, active === null ? 0 : TAKEOVER_MS);
  return next === null || next === active ? { active, since: state.since, speech } : { active: next, since: now, speech };
}

/**
 * The people who speak.
 * @param {SpeakerState} state
 * @returns {Set<string>}
 */
export function speakers(state) {
  return new Set(Object.keys(state.speech));
}

/**
 * @param {Speech} before
 * @param {Map<string, number>} levels
 * @param {number} now
 */
function speechAt(before, levels, now) {
  /** @type {Speech} */
  const speech = {};
  for (const [id, level] of levels) {
    const isAudible = level > AUDIBLE;
    const known = before[id];
    if (isAudible) speech[id] = { from: known?.from ?? now, until: now };
    else if (known && now - known.until < SPEAKING_MS) speech[id] = known;
  }
  return speech;
}

/**
 * @param {Speech} speech
 * @param {Map<string, number>} levels
 * @param {number} now
 * @param {number} duration
 */
function loudest(speech, levels, now, duration) {
  const candidates = Object.entries(speech).filter(([, { from, until }]) => until === now && now - from >= duration);
  const level = (/** @type {string} */ id) => levels.get(id) ?? 0;
  return candidates.map(([id]) => id).sort((a, b) => level(b) - level(a))[0] ?? null;
}
