import assert from "node:assert/strict";
import { test } from "node:test";

import { screenText } from "../../src/videobroker/web/pages/static/screen-text.js";
import { visitWith } from "./pages.js";

const NOW = Date.parse("2030-03-12T13:00:00Z");
const facts = (changes) => ({ visit: visitWith(), broken: null, asked: false, endedByMe: false, now: NOW, ...changes });
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

test("a misconfiguration names its code, also before a visit was loaded", () => {
  assert.deepEqual(screenText("setup", facts({ visit: null, broken: "call_url_missing" })), {
    name: "setup.text",
    code: "call_url_missing",
  });
});
