import assert from "node:assert/strict";
import { test } from "node:test";

import { othersText } from "../../src/videobroker/web/pages/static/others.js";
import { staysAwake } from "../../src/videobroker/web/pages/static/staying-awake.js";
import { texts } from "../../src/videobroker/web/pages/static/texts.js";

const NOW = Date.parse("2030-03-12T13:00:00Z");

test("the page says who is in the call, as far as the person may know", () => {
  /** @type {(count: number, names: string[]) => string | null | undefined} */
  const shown = (count, names) => {
    const found = othersText({ count, names });
    return found && texts.en[found.text]?.replace(/\{(\w+)\}/g, (_match, key) => String(found.values[key]));
  };
  assert.equal(shown(1, ["Ada"]), "Ada is in the call.");
  assert.equal(shown(2, ["Ada", "Ben"]), "Ada and Ben are in the call.");
  assert.equal(shown(2, ["Ada"]), "Ada and 1 other are in the call.");
  assert.equal(shown(3, ["Ada", "Ben", "Cem"]), "Ada and 2 others are in the call.");
  assert.equal(shown(1, []), "1 person is in the call.");
  assert.equal(shown(12, []), "12 people are in the call.");
  assert.equal(shown(0, []), null);
  assert.equal(othersText(null), null);
});

test("the screen stays on in the call, and while something happens soon", () => {
  const soon = { opensAt: NOW + 600_000, now: NOW };
  const tomorrow = { opensAt: NOW + 86_400_000, now: NOW };
  for (const screen of ["call", "joining", "moved", "host", "admission"]) assert.ok(staysAwake(screen, tomorrow), screen);
  assert.equal(staysAwake("early", soon), true);
  assert.equal(staysAwake("early", tomorrow), false);
  for (const screen of ["ready", "left", "over", "loading", ""]) assert.equal(staysAwake(screen, soon), false, screen);
});
