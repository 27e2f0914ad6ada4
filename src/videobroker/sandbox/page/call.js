/**
 * The sandbox's call page, in place of 100ms Prebuilt or of a page made with Agora's Web SDK. `docs/reference/sandbox.md` has its
 * addresses, its parameters, and the messages that it exchanges with a page around it.
 *
 * For tests, `document.querySelector("vb-call").stats()` promises `{people: {[id]: {name, state, video, audio}}}` with
 * `video: [{kind: "camera" | "screen" | "none", framesDecoded}]` and `audio: [{packetsReceived, level}]`.
 */

import { Devices } from "./devices.js";
import { framed, onParentMessage, postToParent } from "./frame.js";
import { Connection } from "./connection.js";
import { Mesh } from "./mesh.js";
import { Call, Preview, card } from "./view.js";
import { h } from "./dom.js";

const NO_MEDIA = { audio: false, video: false, camera: "", screen: "" };

class VideobrokerCall extends HTMLElement {
  #config = JSON.parse(this.dataset.config);
  #query = new URLSearchParams(location.search);
  #request = null;
  #name = "";
  #devices = new Devices(() => this.#devicesChanged());
  #view = null;
  #connection = null;
  #mesh = null;
  #me = null;
  #may = {};
  #people = new Map();
  #screen = null;
  #speaking = 0;

  connectedCallback() {
    if (this.#config.refused) {
      postToParent("error", { code: this.#config.refused, message: this.querySelector("p").textContent });
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
    const links = (await this.#mesh?.stats()) ?? {};
    const people = Object.entries(links).map(([id, link]) => {
      const { name, media } = this.#people.get(id);
      const video = link.video.map(({ stream, framesDecoded }) => ({
        kind: ["camera", "screen"].find((kind) => media[kind] === stream) ?? "none",
        framesDecoded,
      }));
      return [id, { name, ...link, video }];
    });
    return { people: Object.fromEntries(people) };
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
      this.#show(card(framed ? "Just a moment" : "Invitation needed", sentence), false);
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
      case "came":
        return this.#personJoined(message.person);
      case "went":
        return this.#personLeft(message);
      case "changed":
        return this.#personChanged(message.person);
      case "may":
        return this.#permissionsChanged(message);
      case "recorded":
        return this.#call?.recorded(message.recorded);
      case "signal":
        return this.#mesh?.signal(message.from, message.data);
      case "chat":
        return this.#call?.addMessage(message.name || "Message", message.text, message.from === this.#me?.id);
      case "problem":
        return this.#call?.toast(`Something went wrong: ${message.message}.`);
      case "token-will-expire":
        postToParent("token-will-expire", { seconds: message.seconds });
        return this.#call?.toast("Your invitation expires soon.");
      case "renewed":
        return postToParent("renewed");
      case "not-renewed":
        postToParent("not-renewed", { message: message.message });
        return this.#call?.toast(`Not renewed. ${message.message}`);
    }
  }

  #joined({ resumed, you, may, people, recorded, title }) {
    this.#me = you;
    this.#may = may;
    if (!this.#call) this.#show(new Call({ title, act: (what, about) => this.#act(what, about) }), true);
    else postToParent("back");
    this.#call.banner("");
    this.#call.recorded(recorded);
    if (resumed) this.#resumeCall(people);
    else this.#startCall(people);
    this.#publish();
    this.#speaking ||= setInterval(() => this.#listen(), 250);
  }

  #startCall(people) {
    this.#mesh?.close();
    this.#mesh = new Mesh(
      this.#me.id,
      (to, data) => this.#connection.send({ type: "signal", to, data }),
      () => this.#draw(),
    );
    this.#people = new Map(people.map((person) => [person.id, person]));
    for (const person of people) if (person.connects) this.#mesh.addPeer(person.id, true);
    postToParent("joined", { id: this.#me.id, name: this.#me.name, role: this.#me.role });
    postToParent("people", { count: people.length + 1 });
  }

  // Later changes follow as messages.
  #resumeCall(people) {
    for (const person of people) if (this.#people.has(person.id)) this.#people.set(person.id, person);
    this.#mesh.repair();
  }

  #personJoined(person) {
    this.#people.set(person.id, person);
    if (person.connects) this.#mesh.addPeer(person.id, false);
    this.#call.announce(person.name, " joined.");
    this.#drawPeople();
  }

  #personLeft({ id, cause }) {
    const person = this.#people.get(id);
    this.#people.delete(id);
    this.#mesh.removePeer(id);
    const how = { removed: "was removed", lost: "lost the connection" }[cause] ?? "has left";
    if (person) this.#call.announce(person.name, ` ${how}.`);
    this.#drawPeople();
  }

  #personChanged(person) {
    const before = this.#people.get(person.id);
    this.#people.set(person.id, person);
    if (before && !before.media.screen && person.media.screen) this.#call.announce(person.name, " is sharing their screen.");
    this.#draw();
  }

  #permissionsChanged({ may, role }) {
    this.#may = may;
    this.#me.role = role;
    this.#call.toast(`Your role is now ${role}.`);
    this.#publish();
  }

  #connectionLost() {
    if (this.#call) {
      this.#call.banner("Connection lost. Reconnecting…");
      postToParent("lost");
    } else if (!(this.#view instanceof Preview)) {
      this.#show(card("Just a moment", "The sandbox isn't responding. Retrying…"), false);
    }
  }

  // The end

  #refused({ code, title, message }) {
    this.#hangUp();
    postToParent("error", { code, message });
    this.#showEnd(title, message, "Try again");
  }

  #removed({ cause, message }) {
    this.#hangUp();
    const reason = message ? ` The reason given: ${message}` : "";
    if (cause === "left") {
      postToParent("left");
      this.#showEnd("You left the call", "You can join again.", "Rejoin");
    } else if (cause === "ended") {
      postToParent("ended", { message });
      this.#showEnd("The call has ended", `It was ended for everyone.${reason}`);
    } else if (cause === "expired") {
      const sentence = "Ask for a new one and join again.";
      postToParent("error", { code: "token_expired", message: sentence });
      this.#showEnd("Your invitation has expired", sentence);
    } else {
      postToParent("removed", { cause, message });
      if (cause === "replaced") this.#showEnd("You joined on another device", "This page has left the call.", "Join here");
      else this.#showEnd("You were removed", `The host removed you.${reason}`);
    }
  }

  #leave() {
    this.#hangUp();
    this.#removed({ cause: "left" });
  }

  #showEnd(title, sentence, again) {
    const actions = again && this.#config.vendor !== "agora" ? [h("button", { type: "button", className: "primary" }, again)] : [];
    for (const action of actions) action.onclick = () => this.#preview(this.#name);
    this.#devices.close();
    this.#show(card(title, sentence, ...actions), true);
  }

  #hangUp() {
    this.#connection?.close();
    this.#connection = null;
    this.#mesh?.close();
    this.#mesh = null;
    this.#people.clear();
    clearInterval(this.#speaking);
    this.#speaking = 0;
    this.#stopSharing();
  }

  // What the person does

  #act(what, about) {
    switch (what) {
      case "mic":
        return this.#devices.set("audio", !this.#devices.on("audio"));
      case "camera":
        return this.#devices.set("video", !this.#devices.on("video"));
      case "screen":
        return this.#screen ? this.#share(null) : this.#requestScreen();
      case "chat":
        return this.#connection.send({ type: "chat", text: about });
      case "remove":
        return this.#connection.send({ type: "remove", id: about.id });
      case "end":
        return this.#connection.send({ type: "end" });
      case "leave":
        return this.#leave();
    }
  }

  async #requestScreen() {
    try {
      const stream = await navigator.mediaDevices.getDisplayMedia({ video: true });
      this.#share(stream.getVideoTracks()[0]);
    } catch (error) {
      // The person dismissed the browser's dialog.
      if (error.name !== "NotAllowedError") this.#call?.toast("Couldn't share your screen.");
    }
  }

  #share(track) {
    this.#stopSharing();
    this.#screen = track;
    if (track) track.onended = () => this.#share(null);
    this.#publish();
  }

  #stopSharing() {
    if (this.#screen) this.#screen.onended = null;
    this.#screen?.stop();
    this.#screen = null;
  }

  #devicesChanged() {
    if (this.#view instanceof Preview) this.#view.update();
    this.#publish();
  }

  /** Handle a message from the parent page. */
  #onParentMessage(message) {
    if (message.type === "leave" && this.#connection) this.#leave();
    else if (message.type === "renew") this.#renew(message.token);
    else if (message.type === "join" && this.#config.vendor === "agora") {
      this.#joinChannel(message);
      this.#join(String(message.name || `User ${message.uid}`));
    }
  }

  #renew(token) {
    if (this.#config.vendor !== "agora" || !this.#request) return;
    // A reconnect uses the new token, too.
    this.#request.token = token;
    this.#connection?.send({ type: "renew", token });
  }

  // Showing

  get #call() {
    return this.#view instanceof Call ? this.#view : null;
  }

  #show(view, focus) {
    this.#view?.close?.();
    this.#view = view;
    this.replaceChildren(view.element);
    if (focus) view.focus?.();
  }

  #publish() {
    if (!this.#mesh) return;
    const { tracks } = this.#devices;
    const publish = this.#may.publish;
    this.#mesh.publish("audio", publish ? tracks.audio : null);
    this.#mesh.publish("camera", publish ? tracks.video : null);
    this.#mesh.publish("screen", publish ? this.#screen : null);
    this.#me.media = publish ? this.#media() : NO_MEDIA;
    this.#connection.send({ type: "media", ...this.#me.media });
    this.#drawPeople();
  }

  #media() {
    const { camera, screen } = this.#mesh.streams;
    const [audio, video] = [this.#devices.on("audio"), this.#devices.on("video")];
    return { audio, video, camera, screen: this.#screen ? screen : "" };
  }

  #drawPeople() {
    postToParent("people", { count: this.#people.size + 1 });
    this.#draw();
  }

  #draw() {
    if (!this.#call || !this.#mesh) return;
    const others = [...this.#people.values()].map((person) => ({
      ...person,
      camera: this.#mesh.stream(person.id, person.media.camera),
      screen: person.media.screen && this.#mesh.stream(person.id, person.media.screen),
      state: this.#mesh.state(person.id),
      removable: this.#may.remove,
    }));
    const me = { ...this.#me, self: true, camera: this.#own("camera"), screen: this.#own("screen") };
    this.#call.people([...others, me]);
    const canShare = Boolean(navigator.mediaDevices?.getDisplayMedia);
    this.#call.tools({ devices: this.#devices, may: this.#may, sharing: this.#screen !== null, canShare });
  }

  #ownStreams = { camera: new MediaStream(), screen: new MediaStream() };

  #own(kind) {
    const track = kind === "screen" ? this.#screen : this.#devices.tracks.video;
    const stream = this.#ownStreams[kind];
    for (const old of stream.getTracks()) if (old !== track) stream.removeTrack(old);
    if (track) stream.addTrack(track);
    return track && stream;
  }

  #listen() {
    this.#call?.speaking((id) => (id === this.#me.id ? this.#devices.level() : (this.#mesh?.level(id) ?? 0)));
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
