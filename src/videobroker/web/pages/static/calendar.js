// A calendar entry of the session, as a file in the iCalendar format (RFC 5545).

const MAX_LINE_BYTES = 75;
const PRODUCT = "-//videobroker//hosted page//EN";

/**
 * @typedef {{ uid: string, title: string, starts: Date, ends: Date, url: string, description: string, now: Date }} CalendarEntry
 */

/**
 * The content of the file. Calendars replace an entry with the same `uid`.
 * @param {CalendarEntry} entry
 */
export function icsOf({ uid, title, starts, ends, url, description, now }) {
  const lines = [
    "BEGIN:VCALENDAR",
    "VERSION:2.0",
    `PRODID:${PRODUCT}`,
    "METHOD:PUBLISH",
    "BEGIN:VEVENT",
    `UID:${escaped(uid)}`,
    `DTSTAMP:${utc(now)}`,
    `DTSTART:${utc(starts)}`,
    `DTEND:${utc(ends)}`,
    `SUMMARY:${escaped(title)}`,
    `DESCRIPTION:${escaped(description)}`,
    `LOCATION:${escaped(url)}`,
    `URL:${url}`,
    "END:VEVENT",
    "END:VCALENDAR",
  ];
  return lines.map((line) => `${folded(line)}\r\n`).join("");
}

/**
 * A stable ID: of the session for this person, so that a changed session replaces its former entry.
 * @param {import("videobroker-models").Visit} visit
 * @param {string} host
 */
export function calendarUid({ session, visitor }, host) {
  const parts = [session.kind, session.reference, visitor.user_id].map(encodeURIComponent);
  return `${parts.join("/")}@${host}`;
}

/**
 * "20300312T140000Z".
 * @param {Date} moment
 */
function utc(moment) {
  return `${moment.toISOString().slice(0, 19).replace(/[-:]/g, "")}Z`;
}

/**
 * A value of type TEXT. Control characters are not allowed, except for line breaks.
 * @param {string} text
 */
function escaped(text) {
  return (
    text
      .replace(/\r\n?/g, "\n")
      // eslint-disable-next-line no-control-regex
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f]/g, "")
      .replace(/[\\;,]/g, (character) => `\\${character}`)
      .replace(/\n/g, "\\n")
  );
}

/**
 * The line in pieces of at most 75 bytes. Each further piece starts with a space, which belongs to its bytes.
 * @param {string} line
 */
function folded(line) {
  const encoder = new TextEncoder();
  const pieces = [""];
  let bytes = 0;
  for (const character of line) {
    const size = encoder.encode(character).length;
    if (bytes + size > MAX_LINE_BYTES) {
      pieces.push("");
      bytes = 1;
    }
    pieces[pieces.length - 1] += character;
    bytes += size;
  }
  return pieces.join("\r\n ");
}
