import assert from "node:assert/strict";
import { test } from "node:test";

import { SCREENS, callChange, rejoinText, screenOf, shouldJoin } from "../../src/videobroker/web/pages/static/screens.js";
import { stateWith, visitWith } from "./pages.js";

/** @typedef {import("videobroker-models").JoinCredentials} JoinCredentials */

/** What the pages read of the credentials. */
const CALL = /** @type {JoinCredentials} */ ({ provider: "100ms", call: { id: "call-1" } });
/** @param {string} reason */
const refused = (reason) => visitWith({ decision: { decision: "refuse", reason } });
/** @param {string} reason */
const waiting = (reason) => visitWith({ decision: { decision: "wait", reason } });

test("the screen follows from the access decision", () => {
  const expected = {
    too_early: "early",
    waiting_for_host: "host",
    waiting_for_admission: "admission",
    a_reason_of_the_future: "host",
  };
  for (const [reason, screen] of Object.entries(expected)) {
    assert.equal(screenOf(stateWith({ visit: waiting(reason) })), screen, reason);
  }
  assert.equal(screenOf(stateWith({ visit: refused("session_cancelled") })), "cancelled");
  assert.equal(screenOf(stateWith({ visit: refused("a_reason_of_the_future") })), "refused");
  assert.equal(screenOf(stateWith()), "ready");
  assert.equal(screenOf(stateWith({ visit: null })), "loading");
});

test("a running call goes on without a valid ticket, until its credentials expire", () => {
  assert.equal(screenOf(stateWith({ gone: "ticket_expired", call: CALL })), "call");
  assert.equal(screenOf(stateWith({ gone: "ticket_expired" })), "ticket_expired");
});

test("a person who was removed sees that, whatever the decision is now", () => {
  assert.equal(screenOf(stateWith({ after: "removed" })), "removed");
  assert.equal(screenOf(stateWith({ visit: refused("participant_removed") })), "removed");
});

test("every screen that a state leads to exists", () => {
  const states = [
    ...["left", "ended", "removed", "elsewhere"].map((after) => stateWith({ after })),
    ...["ticket_expired", "ticket_invalid"].map((gone) => stateWith({ gone })),
    stateWith({ joining: new AbortController() }),
    stateWith({ joining: new AbortController(), moved: true }),
    stateWith({ broken: "call_url_missing" }),
  ];
  for (const state of states) assert.ok(SCREENS[screenOf(state)], JSON.stringify(state));
});

test("only a person who asked, and may join now, joins automatically", () => {
  assert.equal(shouldJoin(stateWith({ asked: true })), true);
  assert.equal(shouldJoin(stateWith()), false);
  assert.equal(shouldJoin(stateWith({ asked: true, visit: waiting("too_early") })), false);
  for (const blocked of [{ after: "left" }, { call: CALL }, { broken: "x" }, { gone: "ticket_expired" }]) {
    assert.equal(shouldJoin(stateWith({ asked: true, ...blocked })), false, JSON.stringify(blocked));
  }
});

test("a call has ended when another visit no longer has it, but not before one had it", () => {
  const without = visitWith();
  assert.equal(callChange(without, CALL, true), "ended");
  assert.equal(callChange(without, CALL, false), null);
  assert.equal(callChange(visitWith({ call: { id: "call-1" } }), CALL, true), null);
});

test("a call that continues at another provider has moved", () => {
  assert.equal(callChange(visitWith({ provider: "agora", call: { id: "call-1" } }), CALL, true), "moved");
});

test("a person who has joined with newer credentials is elsewhere", () => {
  const mine = { ...CALL, join_id: "join-1" };
  /** @type {(latest_join: string | null, id?: string) => import("./pages.js").Visit} */
  const visit = (latest_join, id = "call-1") => visitWith({ call: { id }, latest_join });
  assert.equal(callChange(visit("join-1"), mine, true), null);
  assert.equal(callChange(visit(null), mine, true), null);
  assert.equal(callChange(visit("join-2"), mine, true), "elsewhere");
  assert.equal(callChange(visit("join-2"), mine, false), "elsewhere");
  assert.equal(callChange(visit("join-2", "call-2"), mine, true), "ended");
});

test("a removal comes before a move", () => {
  const visit = { ...refused("participant_removed"), provider: "agora" };
  assert.equal(callChange(visit, CALL, true), "removed");
});

test("after a call, the label says what the button does now", () => {
  const running = visitWith({ call: { id: "call-2" } });
  const expected = {
    left: { admit: "ended.join", running: "left.join" },
    ended: { admit: "ended.join", running: "ended.join.new" },
    removed: { admit: "ended.join", running: "left.join" },
  };
  for (const [screen, labels] of Object.entries(expected)) {
    assert.equal(rejoinText(screen, visitWith()), labels.admit, screen);
    assert.equal(rejoinText(screen, running), labels.running, screen);
    assert.equal(rejoinText(screen, waiting("waiting_for_host")), "rejoin.host", screen);
    assert.equal(rejoinText(screen, waiting("waiting_for_admission")), "removed.join", screen);
    assert.equal(rejoinText(screen, waiting("too_early")), "rejoin.early", screen);
    assert.equal(rejoinText(screen, waiting("a_reason_of_the_future")), "rejoin.host", screen);
    assert.equal(rejoinText(screen, refused("participant_removed")), null, screen);
    assert.ok(SCREENS[screen].rejoins, screen);
  }
});

test("a session that was moved to a later time is early again, except for those who were removed", () => {
  const visit = waiting("too_early");
  const screens = ["left", "ended", "removed"].map((after) => screenOf(stateWith({ after, visit })));
  assert.deepEqual(screens, ["early", "early", "removed"]);
});
