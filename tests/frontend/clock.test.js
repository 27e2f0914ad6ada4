import assert from "node:assert/strict";
import { mock, test } from "node:test";

import { ServerClock } from "../../src/videobroker/web/pages/static/clock.js";

test("it has the time of the server, whatever the clock of the device says", () => {
  const clock = new ServerClock();
  clock.set("2040-01-01T00:00:00Z");
  assert.ok(Math.abs(clock.now() - Date.parse("2040-01-01T00:00:00Z")) < 1000);
});

test("a clock that was set is noticed once", () => {
  const clock = new ServerClock();
  assert.equal(clock.jumped(), false);
  const real = Date.now;
  const wall = mock.method(Date, "now", () => real() + 3_600_000);
  assert.equal(clock.jumped(), true);
  assert.equal(clock.jumped(), false);
  wall.mock.restore();
});

test("an ordinary second is no jump", () => {
  const clock = new ServerClock();
  clock.jumped();
  const [wall, process] = [Date.now(), performance.now()];
  const mocks = [
    mock.method(Date, "now", () => wall + 1000),
    mock.method(performance, "now", () => process + 1000),
  ];
  assert.equal(clock.jumped(), false);
  for (const each of mocks) each.mock.restore();
});
