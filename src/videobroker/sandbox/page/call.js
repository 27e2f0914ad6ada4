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

class VideobrokerCall extends HTMLElement {
  #config = JSON.parse(this.dataset.config);
  #query = new URLSearchParams(location.search);
  #request = null;
  #name = "";
  #texts = new CallTexts(this.#query.get("lang") ?? navigator.language);
  #page = new PageTexts(this.#texts.language);
  #devices = new Devices(
    () => this.#devicesChanged(),
    (device, label) => this.#unplugged(device, label),
  );
  #view = null;
  #connection = null;
  #session = null;
  #mayEnd = false;

  connectedCallback() {
    document.documentElement.lang = this.#texts.language;
    if (this.#config.refused) {
      postToParent("error", { code: this.#config.refused, message: this.querySelector("p").textContent });
      for (const element of this.querySelectorAll("h1, p")) element.textContent = this.#page.say(element.textContent);
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

  #joinChannel({ app_id, channel, uid, token }) {
    this.#request = { app_id, channel, uid: Number(uid) || 0, token };
    document.title = this.#config.title = channel ?? "";
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

  async #join(name) {
    this.#hangUp();
    this.#name = name;
    if (this.#view instanceof Preview) this.#view.busy(true);
    // Without the preview, devices were not requested yet.
    else await this.#devices.open();
    this.#connection = new Connection({ ...this.#request, name }, (message) => this.#onMessage(message));
  }

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
    if (!this.#session?.receive(message)) return;
    if (["came", "went"].includes(message.type)) this.#postCount();
    if (message.type === "may") this.#postControls();
  }

  #joined(message) {
    const isNew = this.#session === null;
    if (isNew) this.#showCall(message.title);
    else postToParent("back");
    this.#session.entered(message);
    if (isNew) this.#view.focus();
    if (message.resumed) return;
    const { id, name, role } = message.you;
    postToParent("joined", { id, name, role });
    this.#postControls();
    this.#postCount();
  }

  #showCall(title) {
    this.#session = new SandboxSession(this.#devices, (message) => this.#connection?.send(message), {
      leave: () => this.#leave(),
      renew: ({ token }) => this.#renew(token),
      ...(this.#mayEnd ? { end: () => postToParent("end") } : {}),
      published: ({ audio, video, screen }) => postToParent("media", { audio, video, screen: screen !== "" }),
    });
    const view = new CallView({ session: this.#session, texts: this.#texts, title });
    this.#show(view, false);
  }

  #connectionLost() {
    if (this.#session) {
      this.#session.lost();
      postToParent("lost");
    } else if (!(this.#view instanceof Preview)) {
      this.#showCard("Just a moment", "The sandbox isn't responding. Retrying...");
    }
  }

  /** The page around this one needs no buttons for what this page has. */
  #postControls() {
    postToParent("controls", { leave: true, end: this.#session.snapshot().may.end });
  }

  #postCount() {
    postToParent("people", { count: this.#session.count });
  }

  // The end

  #refused({ code, title, message }) {
    this.#hangUp();
    postToParent("error", { code, message });
    this.#showEnd(title, this.#page.say(message), "Try again");
  }

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

  #unplugged(device, label) {
    this.#session?.notice(`devices.unplugged.${device}`);
    if (label) this.#session?.notice("devices.switched", { label });
  }

  /** Handle a message from the parent page. */
  #onParentMessage(message) {
    if (message.type === "leave" && this.#connection) this.#leave();
    else if (message.type === "renew") this.#renew(message.token);
    else if (message.type === "page") this.#mayEnd = message.may_end === true;
    else if (message.type === "join" && this.#config.vendor === "agora") {
      this.#joinChannel(message);
      this.#mayEnd = message.may_end === true;
      if (typeof message.lang === "string") this.#speak(message.lang);
      this.#joinWith(message);
    }
  }

  async #joinWith({ name, uid, devices }) {
    if (devices && typeof devices === "object") await this.#devices.prefer(devices);
    await this.#join(String(name || `User ${uid}`));
  }

  #renew(token) {
    if (this.#config.vendor !== "agora" || !this.#request) return;
    // A reconnect uses the new token, too.
    this.#request.token = token;
    this.#connection?.send({ type: "renew", token });
  }

  // Showing

  #speak(language) {
    this.#texts = new CallTexts(language);
    this.#page = new PageTexts(this.#texts.language);
    document.documentElement.lang = this.#texts.language;
  }

  #showCard(title, sentence) {
    this.#show(card(this.#page.say(title), this.#page.say(sentence)), false);
  }

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
