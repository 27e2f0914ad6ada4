import assert from "node:assert/strict";
import { test } from "node:test";

import { networkVerdict, statistics } from "../../src/videobroker/web/pages/static/network-verdict.js";

const FAST = /** @type {const} */ ({ roundTripMs: 30, jitterMs: 4, megabits: 40, webrtc: "udp" });

test("a fast connection is good", () => {
  assert.deepEqual(networkVerdict(FAST), { level: "good", problem: "none" });
});

test("the worst problem decides", () => {
  const cases = /** @type {const} */ ([
    [{ webrtc: "unsupported" }, "poor", "webrtc"],
    [{ roundTripMs: null }, "poor", "failed"],
    [{ megabits: null }, "poor", "failed"],
    [{ megabits: 0.5 }, "poor", "slow"],
    [{ roundTripMs: 401 }, "poor", "delay"],
    [{ megabits: 2.4, roundTripMs: 300 }, "fair", "slow"],
    [{ roundTripMs: 201 }, "fair", "delay"],
    [{ jitterMs: 90 }, "fair", "delay"],
    [{ webrtc: "tcp" }, "fair", "firewall"],
    [{ webrtc: "none" }, "fair", "firewall"],
    [{ webrtc: "none", megabits: 0.1 }, "poor", "slow"],
  ]);
  for (const [changes, level, problem] of cases) {
    assert.deepEqual(networkVerdict({ ...FAST, ...changes }), { level, problem }, JSON.stringify(changes));
  }
});

test("limits themselves are good enough", () => {
  assert.equal(networkVerdict({ ...FAST, megabits: 2.5, roundTripMs: 200, jitterMs: 80 }).level, "good");
});

test("one slow request does not change the median", () => {
  assert.deepEqual(statistics([20, 900, 22, 21, 20]), { median: 21, jitter: (880 + 878 + 1 + 1) / 4 });
  assert.deepEqual(statistics([20]), { median: 20, jitter: 0 });
  assert.equal(statistics([]), null);
});
