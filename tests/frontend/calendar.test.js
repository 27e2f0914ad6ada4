import assert from "node:assert/strict";
import { test } from "node:test";

import { calendarUid, icsOf } from "../../src/videobroker/web/pages/static/calendar.js";
import { visitWith } from "./pages.js";

const ENTRY = {
  uid: "booking/lesson-1/student-1@video.example",
  title: "Algebra",
  starts: new Date("2030-03-12T14:00:00.500Z"),
  ends: new Date("2030-03-12T15:00:00Z"),
  url: "https://video.example/join/vbt_abc",
  description: "Join.",
  now: new Date("2030-03-01T08:00:00Z"),
};

/**
 * Undo the folding of RFC 5545, section 3.1.
 * @param {string} text
 */
const unfolded = (text) => text.replaceAll("\r\n ", "").split("\r\n");

test("times are in UTC, and lines end with CR and LF", () => {
  const text = icsOf(ENTRY);
  assert.deepEqual(unfolded(text), [
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    "PRODID:-//videobroker//hosted page//EN",
    "METHOD:PUBLISH",
    "BEGIN:VEVENT",
    "UID:booking/lesson-1/student-1@video.example",
    "DTSTAMP:20300301T080000Z",
    "DTSTART:20300312T140000Z",
    "DTEND:20300312T150000Z",
    "SUMMARY:Algebra",
    "DESCRIPTION:Join.",
    "LOCATION:https://video.example/join/vbt_abc",
    "URL:https://video.example/join/vbt_abc",
    "END:VEVENT",
    "END:VCALENDAR",
    "",
  ]);
  assert.doesNotMatch(text, /[^\r]\n/);
});

test("a title cannot add lines or properties", () => {
  const title = "Math; a, b \\ c\r\nATTENDEE:mailto:eve@example.com\u0007";
  const lines = unfolded(icsOf({ ...ENTRY, title }));
  assert.ok(lines.includes("SUMMARY:Math\\; a\\, b \\\\ c\\nATTENDEE:mailto:eve@example.com"));
  assert.equal(lines.filter((line) => line.startsWith("ATTENDEE")).length, 0);
});

test("lines have at most 75 bytes, and no character is cut", () => {
  const title = "Größe, \u{1f4d0}, Ärger, ".repeat(8);
  const text = icsOf({ ...ENTRY, title });
  for (const line of text.split("\r\n")) assert.ok(new TextEncoder().encode(line).length <= 75, line);
  const summary = unfolded(text).find((line) => line.startsWith("SUMMARY:"));
  assert.equal(summary, `SUMMARY:${title.replaceAll(",", "\\,")}`);
});

test("the ID depends on the session and the person, not on the time", () => {
  const visit = visitWith();
  const moved = visitWith({ session: { ...visit.session, starts_at: "2030-04-01T10:00:00Z" } });
  assert.equal(calendarUid(visit, "video.example"), calendarUid(moved, "video.example"));
  const other = visitWith({ visitor: { ...visit.visitor, user_id: "student/2" } });
  assert.equal(calendarUid(other, "video.example"), "booking/lesson-1/student%2F2@video.example");
});
