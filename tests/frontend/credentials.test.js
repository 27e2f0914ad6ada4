import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { Problem } from "../../src/videobroker/web/pages/static/broker.js";
import { requestCredentials } from "../../src/videobroker/web/pages/static/credentials.js";

/**
 * @typedef {import("videobroker-models").JoinCredentials} JoinCredentials
 * @typedef {Parameters<typeof requestCredentials>[0]} Request
 */

const ROOM_CODE = /** @type {JoinCredentials} */ ({ type: "100ms_room_code", url: "https://acme.example/meeting/abc" });
const AGORA = /** @type {JoinCredentials} */ ({ type: "agora_token" });

/**
 * Request credentials from a service that answers with these, one after the other.
 * @param {(JoinCredentials | Error)[]} answers
 * @param {Partial<Request>} [options]
 */
async function requested(answers, options = {}) {
  /** @type {string[]} */
  const surfaces = [];
  /** @type {number[]} */
  const waits = [];
  /** @type {Request["request"]} */
  const request = async (surface) => {
    surfaces.push(surface);
    const answer = answers[surfaces.length - 1];
    assert.ok(answer);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  const { signal } = new AbortController();
  /** @param {number} milliseconds */
  const onRetry = (milliseconds) => waits.push(milliseconds);
  const base = { request, provider: "100ms", hasCallPage: true, signal, onRetry };
  mock.timers.enable({ apis: ["setTimeout"] });
  try {
    const done = requestCredentials({ ...base, ...options });
    for (let turn = 0; turn < 20; turn += 1) {
      await Promise.resolve();
      mock.timers.tick(30_000);
    }
    return { outcome: await done, surfaces, waits };
  } finally {
    mock.timers.reset();
  }
}

test("the surface is that of the provider", async () => {
  assert.deepEqual((await requested([ROOM_CODE])).surfaces, ["prebuilt"]);
  assert.deepEqual((await requested([AGORA], { provider: "agora" })).surfaces, ["sdk"]);
});

test("an unavailable service is asked again, after the time that it says", async () => {
  const busy = new Problem(503, "storage_unavailable", { retryAfter: 2000 });
  const { outcome, waits } = await requested([busy, busy, ROOM_CODE]);
  assert.deepEqual(outcome, { type: "granted", credentials: ROOM_CODE });
  assert.deepEqual(waits, [2000, 2000]);
});

test("while a vendor is unavailable, the other surface is tried, too", async () => {
  const down = new Problem(503, "provider_unavailable", { retryAfter: 1000 });
  const { surfaces } = await requested([down, AGORA]);
  assert.deepEqual(surfaces, ["prebuilt", "sdk"]);
});

test("a session that has moved offers the other surface: it is tried at once", async () => {
  const { surfaces, waits } = await requested([new Problem(409, "surface_not_offered"), AGORA]);
  assert.deepEqual([surfaces, waits], [["prebuilt", "sdk"], []]);
});

test("a changed access decision, an invalid ticket, and a misconfiguration end it", async () => {
  const access = { decision: "wait", reason: "too_early" };
  /** @type {(answer: JoinCredentials | Error, options?: Partial<Request>) => ReturnType<typeof requestCredentials>} */
  const outcomeOf = async (answer, options) => (await requested([answer], options)).outcome;
  assert.deepEqual(await outcomeOf(new Problem(403, "too_early", { access })), { type: "decided", access });
  assert.equal((await outcomeOf(new Problem(401, "ticket_expired"))).type, "ticket_invalid");
  assert.deepEqual(await outcomeOf(new Problem(422, "role_not_mapped")), { type: "misconfigured", code: "role_not_mapped" });
  assert.deepEqual(await outcomeOf(AGORA, { hasCallPage: false }), { type: "misconfigured", code: "call_url_missing" });
});

test("after the person has canceled, credentials are not used", async () => {
  const attempt = new AbortController();
  const request = async () => {
    attempt.abort();
    return ROOM_CODE;
  };
  const { outcome } = await requested([], { request, signal: attempt.signal });
  assert.deepEqual(outcome, { type: "aborted" });
});
