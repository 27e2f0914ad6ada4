// Values for tests of the hosted page.

/**
 * @typedef {import("videobroker-models").Visit} Visit
 * @typedef {import("../../src/videobroker/web/pages/static/screens.js").PageState} PageState
 * @typedef {Omit<Partial<Visit>, "call" | "lobby"> & { call?: { id: string } | null, lobby?: { state: string } | null }} VisitChanges
 *   What the pages read of the call and of the request to join.
 */

/**
 * A visit of a participant who may join, with changes.
 * @param {VisitChanges} [changes]
 * @returns {Visit}
 */
export function visitWith(changes = {}) {
  return /** @type {Visit} */ ({
    now: "2030-03-12T14:00:00Z",
    session: {
      kind: "booking",
      reference: "lesson-1",
      title: "Algebra",
      status: "confirmed",
      starts_at: "2030-03-12T14:00:00Z",
      ends_at: "2030-03-12T15:00:00Z",
    },
    visitor: { user_id: "student-1", display_name: "Ben", is_guest: false, role: "student", is_host: false },
    decision: { decision: "admit", reason: null },
    lobby: null,
    provider: "100ms",
    call: null,
    host_present: null,
    others: null,
    host_name: null,
    people_version: null,
    latest_join: null,
    waiting: null,
    ...changes,
  });
}

/**
 * The state of the page after it has loaded this visit.
 * @param {Partial<PageState>} [changes]
 * @returns {PageState}
 */
export function stateWith(changes = {}) {
  return {
    ...{ visit: visitWith(), gone: null, call: null, joining: null, broken: null, after: null },
    ...{ asked: false, moved: false },
    ...changes,
  };
}
