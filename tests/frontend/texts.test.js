import assert from "node:assert/strict";
import { test } from "node:test";

import { Voice, chosenLanguage, isolated } from "../../src/videobroker/web/pages/static/texts.js";

test("the first language with texts is chosen", () => {
  assert.equal(chosenLanguage(["fr-FR", "de-AT", "en"]), "de");
  assert.equal(chosenLanguage([null, undefined, "tlh"]), "en");
  assert.equal(chosenLanguage(["__proto__"]), "en");
});

test("names of right-to-left scripts do not reorder the sentence around them", () => {
  assert.equal(isolated("Ada"), "Ada");
  assert.equal(isolated("\u05d0\u05d3\u05d4"), "\u2068\u05d0\u05d3\u05d4\u2069");
  assert.equal(isolated("\u202eAda"), "\u2068Ada\u2069");
});

test("a value with braces is not replaced again", () => {
  assert.equal(new Voice("en").say("session.you", { name: "{name}" }), "Joining as {name}");
});

test("an unknown text is an error", () => {
  assert.throws(() => new Voice("en").say("nothing.here"), /nothing\.here/);
});

test("durations are rounded up, so that a countdown never shows less time than there is", () => {
  const voice = new Voice("en");
  assert.equal(voice.length(59_001), "1\u00a0min");
  assert.equal(voice.length(1), "1\u00a0s");
  assert.equal(voice.length(-5), "0\u00a0s");
  assert.equal(voice.length(61 * 60_000), "1\u00a0h 1\u00a0min");
  assert.equal(voice.length(49 * 3_600_000), "2 days 1\u00a0h");
});
