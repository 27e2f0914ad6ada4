// Makes the pages a little more comfortable. Everything works without it, too.

const REFRESH_MS = 15000;

/** The form that signs in tells the time zone of this browser. */
for (const field of document.querySelectorAll("[data-own-zone]")) {
  field.value = Intl.DateTimeFormat().resolvedOptions().timeZone || "UTC";
}

/** Lists stay fresh: the page is fetched again, and its live part replaced, unless somebody is just using it. */
const live = document.querySelector("[data-live]");
if (live && !("still" in live.dataset)) {
  const told = document.querySelector("[data-refreshed]");
  const busy = () => document.hidden || live.contains(document.activeElement) || live.querySelector("details[open]");
  setInterval(async () => {
    if (busy()) return;
    try {
      const answer = await fetch(live.dataset.from || location.href, { credentials: "same-origin" });
      if (!answer.ok || answer.redirected) throw new Error("not the page");
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const fresh = page.getElementById(live.id);
      if (fresh && !busy()) live.replaceChildren(...fresh.childNodes);
      if (told) told.textContent = `Updated at ${new Date().toLocaleTimeString()}.`;
    } catch {
      if (told) told.textContent = "This page could not be updated; it is as it was.";
    }
  }, Number(live.dataset.every) || REFRESH_MS);
}

/** A form shows a few people at first, and more on request. */
const people = document.querySelector("[data-people]");
const more = document.querySelector("[data-more]");
if (people && more) {
  const rows = [...people.children];
  const hide = (from) => rows.forEach((row, number) => { row.hidden = number >= from; });
  let shown = Number(people.dataset.people);
  hide(shown);
  more.hidden = shown >= rows.length;
  more.addEventListener("click", () => {
    shown += 1;
    hide(shown);
    more.hidden = shown >= rows.length;
    rows[shown - 1].querySelector("input").focus();
  });
}

/** Beside the start stands what that is in UTC. */
const starts = document.querySelector("[data-starts]");
const zone = document.querySelector("[data-zone]");
const utc = document.querySelector("[data-utc]");
if (starts && zone && utc) {
  const wallClock = (moment, name) => {
    const parts = Object.fromEntries(
      new Intl.DateTimeFormat("en-GB", { timeZone: name, dateStyle: "short", timeStyle: "medium", hourCycle: "h23" })
        .formatToParts(moment).map((part) => [part.type, part.value]),
    );
    return Date.UTC(+parts.year, +parts.month - 1, +parts.day, +parts.hour, +parts.minute, +parts.second);
  };
  const tell = () => {
    const wanted = Date.parse(`${starts.value}Z`);
    if (Number.isNaN(wanted)) { utc.textContent = ""; return; }
    // Twice: the first guess may lie on the other side of a change of the clocks.
    let moment = wanted;
    for (let round = 0; round < 2; round += 1) moment += wanted - wallClock(new Date(moment), zone.value);
    utc.textContent = `That is ${new Date(moment).toISOString().slice(0, 16).replace("T", " ")} UTC.`;
  };
  starts.addEventListener("input", tell);
  zone.addEventListener("change", tell);
  tell();
}

/** Links are copied with one press. */
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.copy);
    const told = document.querySelector("[data-copied]");
    try {
      await navigator.clipboard.writeText(field.value);
      button.firstChild.textContent = "Copied";
      if (told) told.textContent = "The link is copied.";
    } catch {
      field.select();
      if (told) told.textContent = "The browser did not allow it. The link is selected: copy it yourself.";
    }
  });
}

/** Where nobody has said which zone they want, times are those of this machine. */
for (const time of document.querySelectorAll("time[data-local]")) {
  time.textContent = new Date(time.dateTime).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
}
