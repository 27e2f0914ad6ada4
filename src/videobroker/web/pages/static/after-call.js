// After the call: how long it was, and what the person says about it.

import { byId, h, setText } from "../ui/dom.js";
import { icon } from "../ui/icons.js";
import { Problem } from "./broker.js";

const RATINGS = [1, 2, 3, 4, 5];
const BAD_RATING = 3; // up to this rating, the page asks what went wrong
const PROBLEMS = ["audio", "video", "connection", "screen_share", "people", "other"];
const MAX_COMMENT_LENGTH = 1000;

/**
 * @typedef {import("./texts.js").Voice} Voice
 * @typedef {import("./broker.js").Broker} Broker
 * @typedef {import("videobroker-models").JoinCredentials} JoinCredentials
 */

export class AfterCall {
  #voice;
  #broker;
  /** @type {JoinCredentials | null} */
  #call = null;
  #joinedAt = 0;
  /** @type {number | null} */
  #stayed = null;
  /** The IDs of the calls about which the person has given feedback. @type {Set<string>} */
  #given = new Set();
  /** @type {HTMLFormElement | null} */
  #form = null;

  /**
   * @param {Voice} voice
   * @param {Broker} broker
   */
  constructor(voice, broker) {
    this.#voice = voice;
    this.#broker = broker;
  }

  /**
   * The person has joined. A token that was renewed belongs to the same call.
   * @param {JoinCredentials} call
   * @param {number} now
   */
  joined(call, now) {
    if (this.#call?.call.id !== call.call.id) this.#reset();
    this.#call = call;
    this.#joinedAt = now;
    this.#stayed = null;
  }

  /** @param {number} now */
  left(now) {
    this.#stayed = now - this.#joinedAt;
  }

  /** @param {boolean} isShown whether the screen is one after a call */
  draw(isShown) {
    const hasCall = isShown && this.#call !== null && this.#stayed !== null;
    byId("after").hidden = !hasCall;
    if (!hasCall) return;
    setText(byId("stayed"), this.#voice.say("after.stayed", { time: this.#voice.length(this.#stayed ?? 0) }));
    if (!this.#form && !this.#given.has(this.#call?.call.id ?? "")) this.#addForm();
  }

  #reset() {
    this.#form?.remove();
    this.#form = null;
    setText(byId("feedback-status"), "");
  }

  #addForm() {
    const form = h("form", { className: "feedback", noValidate: true });
    const details = h(
      "details",
      {},
      h("summary", {}, this.#voice.say("after.problem")),
      h("div", { className: "problems" }, ...PROBLEMS.map((each) => this.#problem(each))),
      this.#comment(),
    );
    form.append(this.#ratings(), details, h("button", { type: "submit", className: "button small" }, this.#voice.say("after.send")));
    form.addEventListener("change", () => {
      const rating = ratingOf(form);
      if (rating !== null && rating <= BAD_RATING) details.open = true;
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send(form);
    });
    byId("after").insertBefore(form, byId("feedback-status"));
    this.#form = form;
  }

  #ratings() {
    const stars = RATINGS.map((rating) =>
      h(
        "label",
        { title: this.#voice.say(`after.rating.${rating}`) },
        h("input", {
          type: "radio",
          name: "rating",
          value: String(rating),
          className: "visually-hidden",
          "aria-label": this.#voice.say(`after.rating.${rating}`),
        }),
        icon("star"),
      ),
    );
    return h(
      "fieldset",
      { className: "rating" },
      h("legend", {}, this.#voice.say("after.question")),
      h("div", { className: "stars" }, ...stars),
    );
  }

  /** @param {string} name */
  #problem(name) {
    return h(
      "label",
      { className: "check" },
      h("input", { type: "checkbox", name: "problem", value: name }),
      this.#voice.say(`after.problem.${name}`),
    );
  }

  #comment() {
    const field = h("textarea", { className: "input", name: "comment", rows: 3, maxLength: MAX_COMMENT_LENGTH });
    return h("label", { className: "label" }, this.#voice.say("after.comment"), field);
  }

  /** @param {HTMLFormElement} form */
  async #send(form) {
    const call = this.#call;
    if (!call || form.ariaBusy === "true") return;
    const comment = String(new FormData(form).get("comment") ?? "").trim();
    const body = {
      call: call.call.id,
      rating: ratingOf(form),
      problems: new FormData(form).getAll("problem").map(String),
      comment: comment === "" ? null : comment,
    };
    if (body.rating === null && body.problems.length === 0 && body.comment === null) {
      this.#say("after.empty");
      return;
    }
    form.ariaBusy = "true";
    this.#say(null);
    try {
      await this.#broker.giveFeedback(call.session, body);
      this.#thank(call.call.id);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (problem.code === "feedback_already_given") this.#thank(call.call.id);
      else this.#say("after.failed");
    }
    form.ariaBusy = null;
  }

  /** @param {string} call */
  #thank(call) {
    this.#given.add(call);
    this.#form?.remove();
    this.#form = null;
    this.#say("after.thanks");
    // The button that had the focus is gone.
    byId("feedback-status").focus();
  }

  /** @param {string | null} text */
  #say(text) {
    setText(byId("feedback-status"), text === null ? "" : this.#voice.say(text));
  }
}

/** @param {HTMLFormElement} form */
function ratingOf(form) {
  const value = new FormData(form).get("rating");
  return value === null ? null : Number(value);
}
