import assert from "node:assert/strict";
import { test } from "node:test";

import { EventParser, Problem, backoff } from "../../src/videobroker/web/pages/static/broker.js";

test("events are parsed wherever the chunks are cut", () => {
  const text = 'event: visit\r\ndata: {"a":\r\ndata: 1}\r\n\r\n: ping\n\ndata: b\n\n';
  for (let cut = 0; cut <= text.length; cut += 1) {
    const parser = new EventParser();
    const found = [...parser.push(text.slice(0, cut)), ...parser.push(text.slice(cut))];
    const expected = [{ type: "visit", data: '{"a":\n1}' }, { type: "message", data: "b" }];
    assert.deepEqual(found, expected, `cut at ${cut}`);
  }
});

test("retries wait longer each time, up to a limit", () => {
  for (let failures = 0; failures < 20; failures += 1) {
    const wait = backoff(failures, { minimum: 1000, maximum: 8000 });
    const middle = Math.min(8000, 1000 * 2 ** failures);
    assert.ok(wait >= middle * 0.75 && wait <= middle * 1.25);
  }
});

test("only errors that may pass are retried", () => {
  assert.equal(new Problem(503, "storage_unavailable").isTransient, true);
  assert.equal(new Problem(0, "unreachable").isTransient, true);
  assert.equal(new Problem(403, "too_early").isTransient, false);
  assert.equal(new Problem(401, "ticket_expired").isTicketInvalid, true);
});
