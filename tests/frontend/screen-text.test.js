import assert from "node:assert/strict";
import { test } from "node:test";

import { screenText } from "../../src/videobroker/web/pages/static/screen-text.js";
import { visitWith } from "./pages.js";

const NOW = Date.parse("2030-03-12T13:00:00Z");
/** @typedef {import("../../src/videobroker/web/pages/static/screen-text.js").Facts} Facts */

/** @type {(changes?: Partial<Facts>) => Facts} */
const facts = (changes) => ({ visit: visitWith(), broken: null, asked: false, endedByMe: false, now: NOW, ...changes });
/** @param {string} opensAt */
const early = (opensAt) => visitWith({ decision: { decision: "wait", reason: "too_early", opens_at: opensAt } });

test("an early person reads the time, and the day if it is far away", () => {
  assert.equal(screenText("early", facts({ visit: early("2030-03-12T13:50:00Z") })).name, "early.text");
  const later = screenText("early", facts({ visit: early("2030-03-14T13:50:00Z") }));
  assert.equal(later.name, "early.text.day");
  assert.equal(later.moment?.toISOString(), "2030-03-14T13:50:00.000Z");
});

test("a session that was completed early names no end in the future", () => {
  assert.equal(screenText("over", facts()).name, "over.text.plain");
  assert.equal(screenText("over", facts({ now: NOW + 3 * 3_600_000 })).name, "over.text");
  const group = visitWith({ session: { ...visitWith().session, starts_at: null, ends_at: null } });
  assert.equal(screenText("over", facts({ visit: group })).name, "over.text.plain");
});

test("the page says that it sent the request only after the service has it", () => {
  assert.equal(screenText("admission", facts()).name, "admission.text.ask");
  assert.equal(screenText("admission", facts({ asked: true })).name, "admission.text.sending");
  const waiting = visitWith({ lobby: { state: "waiting" } });
  assert.equal(screenText("admission", facts({ asked: true, visit: waiting })).name, "admission.text.sent");
});

test("the page says that the host knows only if a host is present", () => {
  const present = visitWith({ lobby: { state: "waiting" }, host_present: true });
  assert.equal(screenText("admission", facts({ asked: true, visit: present })).name, "admission.text");
});

test("the end of a call has a text for the host who ended it", () => {
  assert.equal(screenText("ended", facts({ endedByMe: true })).name, "ended.text.you");
  assert.equal(screenText("ended", facts()).name, "ended.text.plain");
});

test("after a call, the text says how to join again", () => {
  /** @param {string} reason */
  const waiting = (reason) => visitWith({ decision: { decision: "wait", reason } });
  const running = visitWith({ call: { id: "call-2" } });
  const expected = {
    left: ["left.text.over", "left.text", "left.text.host", "left.text.admission", "left.text.host"],
    ended: ["ended.text.plain", "ended.text.new", "ended.text", "ended.text.admission", "ended.text.plain"],
    removed: Array(5).fill("removed.text"),
  };
  const visits = [visitWith(), running, ...["waiting_for_host", "waiting_for_admission", "later"].map(waiting)];
  for (const [screen, names] of Object.entries(expected)) {
    assert.deepEqual(
      visits.map((visit) => screenText(screen, facts({ visit })).name),
      names,
    );
  }
});

test("a misconfiguration names its code, also before a visit was loaded", () => {
  assert.deepEqual(screenText("setup", facts({ visit: null, broken: "call_url_missing" })), {
    name: "setup.text",
    code: "call_url_missing",
  });
});
