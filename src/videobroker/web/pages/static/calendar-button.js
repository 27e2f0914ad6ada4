// Saves the session as a calendar file.

import { h } from "../ui/dom.js";
import { calendarUid, icsOf } from "./calendar.js";

const REVOKE_AFTER_MS = 10_000;

/**
 * @param {import("videobroker-models").Visit} visit
 * @param {{ now: number, title: string, description: string }} options
 */
export function saveCalendarFile(visit, { now, title, description }) {
  const { starts_at, ends_at } = visit.session;
  if (!starts_at || !ends_at) return;
  const content = icsOf({
    uid: calendarUid(visit, location.host),
    title,
    starts: new Date(starts_at),
    ends: new Date(ends_at),
    url: location.origin + location.pathname,
    description,
    now: new Date(now),
  });
  const url = URL.createObjectURL(new Blob([content], { type: "text/calendar;charset=utf-8" }));
  const link = h("a", { href: url, download: "session.ics", hidden: true });
  document.body.append(link);
  link.click();
  link.remove();
  // The browser may read it after this function has returned.
  setTimeout(() => URL.revokeObjectURL(url), REVOKE_AFTER_MS);
}
