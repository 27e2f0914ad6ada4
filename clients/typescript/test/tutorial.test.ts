// The client runs the tutorial against the service at VIDEOBROKER_URL, with the key in VIDEOBROKER_API_KEY.

import assert from "node:assert/strict";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import test from "node:test";
import { inspect } from "node:util";

import {
  AccessDenied,
  AuthenticationFailed,
  BadRequest,
  Client,
  etagOf,
  type Event,
  InvalidWebhook,
  type JoinCredentials,
  NotFound,
  PreconditionFailed,
  verifyWebhook,
} from "@videobroker/client";

const baseUrl = process.env["VIDEOBROKER_URL"] ?? "";
const apiKey = process.env["VIDEOBROKER_API_KEY"] ?? "";
const client = new Client({ baseUrl, apiKey });
const soon = (): Date => new Date(Date.now() + 5 * 60_000);

test("the tutorial", async () => {
  const starts_at = soon();
  const booking = await client.bookings.create("lesson-1", {
    title: "Geometry",
    starts_at,
    duration_minutes: 45,
    participants: [
      { user_id: "ada", role: "tutor", display_name: "Ada" },
      { user_id: "ben", role: "student" },
    ],
  });
  assert.equal(booking.status, "confirmed");
  assert.equal(Date.parse(booking.starts_at), starts_at.getTime());

  const joined: JoinCredentials = await client.bookings.join("lesson-1", { user_id: "ada" });
  assert(joined.type === "100ms_token");
  assert.match(joined.token, /^eyJ/);
  const page = await client.bookings.join("lesson-1", { user_id: "ben", surface: "prebuilt" });
  assert(page.type === "100ms_room_code");
  assert.equal(page.call.id, joined.call.id);

  await assert.rejects(client.bookings.join("lesson-1", { user_id: "eve" }), (error) => {
    assert(error instanceof AccessDenied);
    assert.equal(error.status, 403);
    assert.equal(error.code, "not_a_participant");
    assert.equal(error.access.decision, "refuse");
    assert(error.requestId);
    assert(error.message.includes(error.detail));
    return true;
  });

  const link = await client.bookings.createLink("lesson-1", { user_id: "ben" });
  const visitor = new Client({ baseUrl, ticket: link.ticket });
  const visit = await visitor.visit.get();
  assert.deepEqual([visit.visitor.user_id, visit.decision.decision], ["ben", "admit"]);

  assert.equal((await client.bookings.checkAccess("lesson-1", { user_id: "ada" })).decision, "admit");
  const ended = await client.bookings.endCall("lesson-1", { user_id: "ada" });
  assert.equal(ended.end_reason, "requested");

  const events: Event[] = await client.events.list({ kind: "booking", reference: "lesson-1", limit: 2 }).all();
  assert.equal(events[0]?.type, "session.registered");
  for (const event of events) {
    if (event.type === "call.started") assert.equal(event.data.provider, "100ms");
  }
  const attendance = await client.bookings.getAttendance("lesson-1");
  assert.deepEqual(
    attendance.participants.map((each) => [each.user_id, each.verdict]),
    [
      ["ada", null],
      ["ben", null],
    ],
  );
  assert((await client.bookings.getAttendanceCsv("lesson-1")).split("\n").length > 2);

  const listed = await client.bookings.list({ participant: "ada" }).page();
  assert.deepEqual([listed.data.map((each) => each.reference), listed.next], [["lesson-1"], null]);
  const first = etagOf(booking);
  const updated = await client.bookings.update("lesson-1", { title: "Algebra" });
  const second = etagOf(updated);
  assert(first !== undefined && second !== undefined && first !== second);
  assert.equal(etagOf(await client.bookings.get("lesson-1")), second);
  await assert.rejects(client.bookings.delete("lesson-1", { ifMatch: first }), PreconditionFailed);
  await client.bookings.delete("lesson-1", { ifMatch: second });
  await assert.rejects(client.bookings.get("lesson-1"), NotFound);
});

test("a backend acts for a user", async () => {
  await client.groups.create("circle", { participants: [{ user_id: "ada", role: "tutor" }] });
  assert.equal((await client.asUser("ada").groups.get("circle")).participant?.user_id, "ada");
  await assert.rejects(client.asUser("eve").groups.get("circle"), NotFound);
  const started = await client.groups.startCall("circle");
  assert.equal((await client.groups.endCall("circle")).id, started.id);
});

test("errors have their own classes", async () => {
  await assert.rejects(client.bookings.create("lesson-2", { starts_at: "yesterday" }), (error) => {
    assert(error instanceof BadRequest);
    assert.equal(error.errors[0]?.pointer, "body/starts_at");
    return true;
  });
  const stranger = new Client({ baseUrl, apiKey: `vb_${"x".repeat(32)}` });
  await assert.rejects(stranger.bookings.get("lesson-1"), AuthenticationFailed);
});

test("a stream continues at its cursor", async () => {
  const first = await client.events.report({ event: "first" });
  await client.events.report({ event: "second" });
  const found: string[] = [];
  const stream = client.events.stream({ cursor: first.cursor ?? "", type: ["app.reported"] });
  for await (const event of stream) {
    assert(event.type === "app.reported");
    found.push(event.data.event);
    if (found.length === 1) await client.events.report({ event: "third" });
    else break;
  }
  assert.deepEqual(found, ["second", "third"]);
  assert.notEqual(stream.cursor, first.cursor);

  const controller = new AbortController();
  const cancelled = (async () => {
    for await (const _ of client.events.stream({}, { signal: controller.signal })) assert.fail();
  })();
  controller.abort(new Error("enough"));
  await assert.rejects(cancelled, { message: "enough" });
});

test("a webhook is verified", async () => {
  const received: Array<{ headers: IncomingHttpHeaders; body: Buffer<ArrayBuffer> }> = [];
  const server = createServer((request, response) => {
    const parts: Uint8Array[] = [];
    request.on("data", (part: Uint8Array) => parts.push(part));
    request.on("end", () => {
      received.push({ headers: request.headers, body: Buffer.from(Buffer.concat(parts)) });
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    const { port } = server.address() as AddressInfo;
    const endpoint = await client.webhookEndpoints.create({ url: `http://127.0.0.1:${port}/hooks` });
    assert((await client.webhookEndpoints.test(endpoint.id)).taken);
    assert.deepEqual((await client.webhookEndpoints.list()).map((each) => each.id), [endpoint.id]);
    const [message] = received;
    assert(message);
    const { headers, body } = message;
    const event = await verifyWebhook(headers, body, endpoint.secret);
    assert(event.type === "endpoint.test");
    assert.equal(event.data.endpoint, endpoint.id);
    const other = `whsec_${"A".repeat(32)}`;
    assert.equal((await verifyWebhook(headers, body.toString(), [other, endpoint.secret])).id, event.id);
    const strings = Object.entries(headers).map(([name, value]): [string, string] => [name, String(value)]);
    assert.equal((await verifyWebhook(new Headers(strings), body.toString(), endpoint.secret)).id, event.id);
    const late = { ...headers, "webhook-timestamp": String(Number(headers["webhook-timestamp"]) - 301) };
    for (const wrong of [
      () => verifyWebhook(headers, body, other),
      () => verifyWebhook(headers, `${body.toString()} `, endpoint.secret),
      () => verifyWebhook(late, body, endpoint.secret),
      () => verifyWebhook({}, body, endpoint.secret),
      () => verifyWebhook(headers, Uint8Array.of(0xff), endpoint.secret),
    ]) {
      await assert.rejects(wrong, InvalidWebhook);
    }
    await assert.rejects(verifyWebhook(headers, body, []), TypeError);
    await client.webhookEndpoints.delete(endpoint.id);
  } finally {
    server.close();
  }
});

test("no credential is printed", () => {
  assert(!inspect(client, { depth: 10, showHidden: true }).includes(apiKey));
  assert(!JSON.stringify(client).includes(apiKey));
});
