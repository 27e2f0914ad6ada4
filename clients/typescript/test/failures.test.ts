// The client when requests fail: retries, timeouts, and responses that it does not know.

import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import test, { after, beforeEach } from "node:test";

import {
  AccessDenied,
  Client,
  ConnectionFailed,
  RateLimited,
  RequestTimedOut,
  ServiceFailed,
  UnexpectedResponse,
} from "@videobroker/client";

type Behavior = (response: ServerResponse) => void;

const requests: IncomingMessage[] = [];
let next: Behavior[] = [];
let usual: Behavior = () => assert.fail("no behavior");
const server = createServer((request, response) => {
  requests.push(request);
  request.resume();
  (next.shift() ?? usual)(response);
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const client = new Client({ baseUrl, apiKey: "vb_key" });

after(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  requests.length = 0;
  next = [];
});

function problem(status: number, code: string, headers: Record<string, string> = {}, more: object = {}): Behavior {
  return (response) => {
    response.writeHead(status, { "content-type": "application/problem+json", ...headers });
    response.end(JSON.stringify({ status, code, title: "A title", detail: "What to do.", ...more }));
  };
}

const ok: Behavior = (response) => {
  response.writeHead(200, { "content-type": "application/json" }).end('{"id": "call-1", "a_new_field": 7}');
};

for (const [name, failure] of Object.entries<Behavior>({
  unavailable: problem(503, "storage_unavailable"),
  "rate limit": problem(429, "too_many_requests", { "retry-after": "0" }),
  "in flight": problem(409, "request_in_flight"),
  "cut off": (response) => response.destroy(),
})) {
  test(`a temporary failure is repeated with the same idempotency key: ${name}`, async () => {
    next = [failure, failure];
    usual = ok;
    const call = await client.bookings.endCall("a/b");
    assert.equal(call.id, "call-1");
    assert.equal(new Set(requests.map((each) => each.headers["idempotency-key"])).size, 1);
    assert.deepEqual(requests.map((each) => each.url), Array(3).fill("/v1/bookings/a%2Fb/end"));
    assert.match(requests[0]?.headers["user-agent"] ?? "", /^videobroker-client-typescript\//);
    await client.bookings.endCall("a/b", {}, { idempotencyKey: "mine" });
    assert.equal(requests[3]?.headers["idempotency-key"], "mine");
  });
}

test("other failures are thrown at once", async () => {
  usual = problem(503, "storage_unavailable", { "retry-after": "61" });
  await assert.rejects(client.bookings.get("lesson-1"), ServiceFailed);
  usual = problem(403, "too_early", {}, { access: { decision: "wait", reason: "too_early" } });
  await assert.rejects(client.bookings.join("lesson-1"), AccessDenied);
  assert.equal(requests.length, 2);
});

test("retries end", async () => {
  usual = problem(429, "too_many_requests", { "retry-after": "0", "x-request-id": "req-1" });
  const impatient = new Client({ baseUrl, apiKey: "vb_key", maxRetries: 1 });
  await assert.rejects(impatient.bookings.get("lesson-1"), (error) => {
    assert(error instanceof RateLimited);
    assert.deepEqual([error.retryAfter, error.requestId], [0, "req-1"]);
    return true;
  });
  assert.equal(requests.length, 2);
});

test("the service decides how long to wait", async () => {
  next = [problem(503, "storage_unavailable", { "retry-after": "1" })];
  usual = ok;
  const started = performance.now();
  await client.bookings.endCall("lesson-1");
  assert(performance.now() - started >= 990);
});

test("a request times out, and can be cancelled", async () => {
  usual = () => undefined;
  const impatient = new Client({ baseUrl, apiKey: "vb_key", maxRetries: 0, timeoutMs: 100 });
  await assert.rejects(impatient.bookings.get("lesson-1"), RequestTimedOut);
  const controller = new AbortController();
  const pending = client.bookings.get("lesson-1", { signal: controller.signal });
  controller.abort(new Error("enough"));
  await assert.rejects(pending, { message: "enough" });
});

test("a service that does not run", async () => {
  const nowhere = new Client({ baseUrl: "http://127.0.0.1:1", apiKey: "vb_key", maxRetries: 0 });
  await assert.rejects(nowhere.bookings.get("lesson-1"), ConnectionFailed);
  assert.throws(() => client.bookings.get(".."), RangeError);
});

test("a server that is not the service", async () => {
  usual = (response) => response.writeHead(404, { "content-type": "text/html" }).end("<h1>Not here</h1>");
  await assert.rejects(client.bookings.get("lesson-1"), UnexpectedResponse);
  usual = (response) => response.writeHead(200, { "content-type": "text/html" }).end("<h1>Welcome</h1>");
  await assert.rejects(client.bookings.get("lesson-1"), UnexpectedResponse);
});

test("a client needs one credential", () => {
  // @ts-expect-error no credential
  assert.throws(() => new Client({ baseUrl }), TypeError);
  // @ts-expect-error two credentials
  assert.throws(() => new Client({ baseUrl, apiKey: "vb_key", ticket: "vbt_ticket" }), TypeError);
});

test("the element can be imported where there is no browser", async () => {
  await import("@videobroker/client/element");
});
