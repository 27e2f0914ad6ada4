// The head of the page: which session this is, when it is, and who the person is.

import { byId, setText } from "../ui/dom.js";
import { isolated } from "./texts.js";

/**
 * @typedef {import("videobroker-models").Visit} Visit
 * @typedef {import("./texts.js").Voice} Voice
 */

/**
 * `isJoining`: the person has not joined yet.
 * @param {Visit} visit
 * @param {Voice} voice
 * @param {boolean} isJoining
 */
export function drawSession({ session, visitor }, voice, isJoining) {
  setText(byId("session"), session.title ? isolated(session.title) : voice.say("session.untitled"));
  const joining = visitor.is_host ? "session.you.host" : "session.you";
  const joined = visitor.is_host ? "session.name.host" : "session.name";
  const sentence = isJoining ? joining : joined;
  setText(byId("you"), visitor.display_name ? voice.say(sentence, { name: visitor.display_name }) : "");
  if (session.starts_at && session.ends_at) {
    const [starts, ends] = [new Date(session.starts_at), new Date(session.ends_at)];
    const times = { day: voice.day(starts), from: voice.clock(starts), to: voice.clock(ends), zone: voice.zone(starts) };
    setText(byId("when"), voice.say("session.when", times));
  }
}
