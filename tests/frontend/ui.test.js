import assert from "node:assert/strict";
import { test } from "node:test";

import { ICON_NAMES } from "../../src/videobroker/ui/icons.js";
import { hueOf, initials } from "../../src/videobroker/ui/initials.js";

test("initials are of the first and the last word", () => {
  assert.equal(initials("Ada King"), "AK");
  assert.equal(initials("Ada Augusta King"), "AK");
  assert.equal(initials("ada"), "A");
  assert.equal(initials("Gus (guest)"), "G");
  assert.equal(initials("  "), "?");
  assert.equal(initials("i\u0307lker", "tr"), "\u0130");
  assert.equal(initials("\u{20000}\u{20001}"), "\u{20000}");
});

test("a person has the same hue on every page", () => {
  assert.equal(hueOf("Ada"), hueOf("Ada"));
  const hues = new Set(Array.from({ length: 100 }, (_, index) => hueOf(`Person ${index}`)));
  assert.deepEqual([...hues].sort(), [0, 1, 2, 3, 4, 5]);
});

test("icons have unique names", () => {
  assert.equal(new Set(ICON_NAMES).size, ICON_NAMES.length);
});
