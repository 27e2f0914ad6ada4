/**
 * The sandbox's call page, in place of 100ms Prebuilt or of a page made with Agora's Web SDK. `docs/reference/sandbox.md` has its
 * addresses, its parameters, and the messages that it exchanges with a page around it.
 *
 * For tests, `document.querySelector("vb-call").stats()` promises `{people: {[id]: {name, state, video, audio}}}` with
 * `video: [{kind: "camera" | "screen" | "none", framesDecoded}]` and `audio: [{packetsReceived, level}]`.
 */

import { CallTexts } from "../ui/call-texts.js";
import { CallView } from "../ui/call-view.js";
import { h, mayMoveFocus } from "../ui/dom.js";
import { Connection } from "./connection.js";
import { Devices } from "./devices.js";
import { framed, onParentMessage, postToParent } from "./frame.js";
import { SandboxSession } from "./session.js";
import { PageTexts } from "./texts.js";
import { Preview, card } from "./view.js";

/**
 * @typedef {import("./connection.js").Message} Message
 * @typedef {import("./connection.js").EnteredMessage} EnteredMessage
 * @typedef {{ user_id: string, code: string } | { app_id: string, channel: string, uid: number, token: string }} Request
 *
 * What `sandbox/pages.py` knows: `refused` is the code of an error, with a card that says more.
 * @typedef {{ refused?: string, vendor: "100ms" | "agora", code: string, title: string, role?: string }} Config
 */

class VideobrokerCall extends HTMLElement {
  /** @type {Config} */
  #config = JSON.parse(this.dataset.config ?? "{}");
  #query = new URLSearchParams(location.search);
  /** Who joins, apart from the name. @type {Request | null} */
  #request = null;
  #name = "";
  #texts = new CallTexts(this.#query.get("lang") ?? navigator.language);
  #page = new PageTexts(this.#texts.language);
  #devices = new Devices(
    () => this.#devicesChanged(),
    (device, label) => this.#unplugged(device, label),
  );
  /** @type {Preview | CallView | import("./view.js").View | null} */
  #view = null;
  /** @type {Connection | null} */
  #connection = null;
  /** @type {SandboxSession | null} */
  #session = null;
  #mayEnd = false;

  connectedCallback() {
    document.documentElement.lang = this.#texts.language;
    if (this.#config.refused) {
      postToParent("error", { code: this.#config.refused, message: this.querySelector("p")?.textContent });
      for (const element of this.querySelectorAll("h1, p")) element.textContent = this.#page.say(element.textContent ?? "");
      document.title = this.#page.say(document.title);
      return;
    }
    document.documentElement.classList.toggle("framed", framed);
    onParentMessage((message) => this.#onParentMessage(message));
    // While the page closes, so that the others see it at once.
    window.addEventListener("pagehide", () => this.#connection?.close(false));
    window.addEventListener("pageshow", (event) => event.persisted && location.reload());
    if (this.#config.vendor === "agora") this.#beginAgora();
    else this.#beginRoom();
    postToParent("ready");
  }

  async stats() {
    return (await this.#session?.stats()) ?? { people: {} };
  }

  // Before the call

  #beginRoom() {
    const userId = this.#query.get("userId") ?? this.#query.get("user_id") ?? ownId();
    this.#request = { code: this.#config.code, user_id: userId };
    const skip = ["skip_preview_headful", "skip_preview"].some((each) => this.#query.get(each) === "true");
    if (skip) this.#join(this.#query.get("name") || "Beam");
    else this.#preview();
  }

  #beginAgora() {
    const given = Object.fromEntries(new URLSearchParams(location.hash.slice(1)));
    if (given.token) {
      // The token must not stay in the address bar.
      history.replaceState(null, "", location.pathname + location.search);
      this.#joinChannel(given);
      this.#preview(given.name);
    } else {
      const sentence = framed
        ? "The page around this one says who joins."
        : "Add a join credential after # in the address: app_id, channel, uid, and token.";
      this.#showCard(framed ? "Just a moment" : "Invitation needed", sentence);
    }
  }

  /** @param {import("./frame.js").ParentMessage} message */
  #joinChannel({ app_id, channel, uid, token }) {
    const title = String(channel ?? "");
    this.#request = { app_id: String(app_id ?? ""), channel: title, uid: Number(uid) || 0, token: String(token ?? "") };
    document.title = this.#config.title = title;
  }

  async #preview(name = this.#query.get("name") ?? "") {
    this.#show(
      new Preview({
        title: this.#config.title,
        role: this.#config.role,
        name,
        locked: this.#query.has("name") && Boolean(name),
        devices: this.#devices,
        texts: this.#page,
        join: (chosen) => chosen && this.#join(chosen),
        retry: () => this.#devices.open(),
      }),
      !framed,
    );
    await this.#devices.open();
  }

  // Joining, and messages from the sandbox

  /** @param {string} name */
  async #join(name) {
    this.#hangUp();
    this.#name = name;
    if (this.#view instanceof Preview) this.#view.busy(true);
    // Without the preview, devices were not requested yet.
    else await this.#devices.open();
    if (!this.#request) throw new Error("No one was named who joins.");
    this.#connection = new Connection({ ...this.#request, name }, (message) => this.#onMessage(message));
  }

  /** @param {Message} message */
  #onMessage(message) {
    switch (message.type) {
      case "entered":
        return this.#joined(message);
      case "refused":
        return this.#refused(message);
      case "out":
        return this.#removed(message);
      case "lost":
        return this.#connectionLost();
      case "problem":
        return this.#session?.notice("notice.problem", { reason: message.message });
      case "token-will-expire":
        postToParent("token-will-expire", { seconds: message.seconds });
        return this.#session?.notice("notice.token");
      case "renewed":
        return postToParent("renewed");
      case "not-renewed":
        postToParent("not-renewed", { message: message.message });
        return this.#session?.notice("notice.not_renewed", { reason: message.message });
    }
    const session = this.#session;
    session?.receive(message);
    if (session && ["came", "went"].includes(message.type)) this.#postCount(session);
    if (session && message.type === "may") this.#postControls(session);
  }

  /** @param {EnteredMessage} message */
  #joined(message) {
    const isNew = this.#session === null;
    const session = this.#session ?? this.#showCall(message.title);
    if (!isNew) postToParent("back");
    session.entered(message);
    if (isNew) this.#view?.focus?.();
    if (message.resumed) return;
    const { id, name, role } = message.you;
    postToParent("joined", { id, name, role });
    this.#postControls(session);
    this.#postCount(session);
  }

  /** @param {string} title */
  #showCall(title) {
    const session = new SandboxSession(this.#devices, (message) => this.#connection?.send(message), {
      leave: () => this.#leave(),
      renew: ({ token }) => this.#renew(token),
      ...(this.#mayEnd ? { end: () => postToParent("end") } : {}),
      published: ({ audio, video, screen }) => postToParent("media", { audio, video, screen: screen !== "" }),
    });
    this.#session = session;
    this.#show(new CallView({ session, texts: this.#texts, title }), false);
    return session;
  }

  #connectionLost() {
    if (this.#session) {
      this.#session.lost();
      postToParent("lost");
    } else if (!(this.#view instanceof Preview)) {
      this.#showCard("Just a moment", "The sandbox isn't responding. Retrying...");
    }
  }

  /**
   * The page around this one needs no buttons for what this page has.
   * @param {SandboxSession} session
   */
  #postControls(session) {
    postToParent("controls", { leave: true, end: session.snapshot().may.end });
  }

  /** @param {SandboxSession} session */
  #postCount(session) {
    postToParent("people", { count: session.count });
  }

  // The end

  /** @param {import("./connection.js").RefusedMessage} refusal */
  #refused({ code, title, message }) {
    this.#hangUp();
    postToParent("error", { code, message });
    this.#showEnd(title, this.#page.say(message), "Try again");
  }

  /** @param {{ cause: string, message?: string }} reason */
  #removed({ cause, message }) {
    this.#hangUp();
    const reason = message ? ` ${this.#page.say("Reason: {reason}", { reason: message })}` : "";
    if (cause === "left") {
      postToParent("left");
      this.#showEnd("You left the call", this.#page.say("You can join again."), "Rejoin");
    } else if (cause === "ended") {
      postToParent("ended", { message });
      this.#showEnd("The call has ended", this.#page.say("It was ended for everyone.") + reason);
    } else if (cause === "expired") {
      const sentence = "Ask for a new one and join again.";
      postToParent("error", { code: "token_expired", message: sentence });
      this.#showEnd("Your invitation has expired", this.#page.say(sentence));
    } else {
      postToParent("removed", { cause, message });
      if (cause === "replaced") {
        this.#showEnd("You joined on another device", this.#page.say("This page has left the call."), "Join here");
      } else this.#showEnd("You were removed", this.#page.say("The host removed you.") + reason);
    }
  }

  #leave() {
    this.#hangUp();
    this.#removed({ cause: "left" });
  }

  /**
   * @param {string} title
   * @param {string} sentence
   * @param {string} [again] the label of the button that joins again
   */
  #showEnd(title, sentence, again) {
    const actions = again && this.#config.vendor !== "agora" ? [h("button", { type: "button", className: "primary" }, this.#page.say(again))] : [];
    for (const action of actions) action.onclick = () => this.#preview(this.#name);
    this.#devices.close();
    this.#show(card(this.#page.say(title), sentence, ...actions), true);
  }

  #hangUp() {
    this.#connection?.close();
    this.#connection = null;
    this.#session?.close();
    this.#session = null;
  }

  #devicesChanged() {
    if (this.#view instanceof Preview) this.#view.update();
    this.#session?.publish();
  }

  /**
   * @param {import("../ui/call-session.js").DeviceKind} device
   * @param {string} label
   */
  #unplugged(device, label) {
    this.#session?.notice(`devices.unplugged.${device}`);
    if (label) this.#session?.notice("devices.switched", { label });
  }

  /**
   * Handle a message from the parent page.
   * @param {import("./frame.js").ParentMessage} message
   */
  #onParentMessage(message) {
    if (message.type === "leave" && this.#connection) this.#leave();
    else if (message.type === "renew") this.#renew(String(message.token ?? ""));
    else if (message.type === "page") this.#mayEnd = message.may_end === true;
    else if (message.type === "join" && this.#config.vendor === "agora") {
      this.#joinChannel(message);
      this.#mayEnd = message.may_end === true;
      if (typeof message.lang === "string") this.#speak(message.lang);
      this.#joinWith(message);
    }
  }

  /** @param {import("./frame.js").ParentMessage} message */
  async #joinWith({ name, uid, devices }) {
    if (devices && typeof devices === "object") await this.#devices.prefer(devices);
    await this.#join(String(name || `User ${uid}`));
  }

  /** @param {string} token */
  #renew(token) {
    if (!this.#request || !("token" in this.#request)) return;
    // A reconnect uses the new token, too.
    this.#request.token = token;
    this.#connection?.send({ type: "renew", token });
  }

  // Showing

  /** @param {string} language */
  #speak(language) {
    this.#texts = new CallTexts(language);
    this.#page = new PageTexts(this.#texts.language);
    document.documentElement.lang = this.#texts.language;
  }

  /**
   * @param {string} title
   * @param {string} sentence
   */
  #showCard(title, sentence) {
    this.#show(card(this.#page.say(title), this.#page.say(sentence)), false);
  }

  /**
   * @param {Preview | CallView | import("./view.js").View} view
   * @param {boolean} focus
   */
  #show(view, focus) {
    this.#view?.close?.();
    this.#view = view;
    this.replaceChildren(view.element);
    if (focus && mayMoveFocus()) view.focus?.();
  }
}

/** As at the vendor: without a `userId`, an ID for this tab. */
function ownId() {
  const key = "videobroker-sandbox-user-id";
  const fresh = crypto.randomUUID();
  try {
    const known = sessionStorage.getItem(key) ?? fresh;
    sessionStorage.setItem(key, known);
    return known;
  } catch {
    return fresh;
  }
}

customElements.define("vb-call", VideobrokerCall);
