// Values for tests of the hosted page.

/** A visit of a participant who may join, with changes. */
export function visitWith(changes = {}) {
  return {
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
    waiting: null,
    ...changes,
  };
}

/** The state of the page after it has loaded this visit. */
export function stateWith(changes = {}) {
  return {
    ...{ visit: visitWith(), gone: null, call: null, joining: null, broken: null, after: null },
    ...{ asked: false, moved: false },
    ...changes,
  };
}
