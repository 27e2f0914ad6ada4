// The hosted page: it shows why a person cannot join yet, joins, shows the call, and explains how it ended.

import { byId, meta, setText } from "../ui/dom.js";
import { WakeLock } from "../ui/wake-lock.js";
import { AfterCall } from "./after-call.js";
import { Brand, readBrand } from "./brand.js";
import { Broker, MAX_UIDS_PER_REQUEST, Problem, backoff } from "./broker.js";
import { Card } from "./card.js";
import { ServerClock } from "./clock.js";
import { requestCredentials, surfaceAt } from "./credentials.js";
import { Devices } from "./devices.js";
import { applyStyle } from "./embed-style.js";
import { CallFrame } from "./frame.js";
import { HostTools } from "./host-tools.js";
import { NetworkPanel } from "./network-panel.js";
import { Parent } from "./parent.js";
import { SCREENS, callChange, screenOf, shouldJoin } from "./screens.js";
import { drawSession } from "./session-header.js";
import { staysAwake } from "./staying-awake.js";
import { Voice, chosenLanguage } from "./texts.js";
import { TokenRenewal } from "./token-renewal.js";
import { VisitStream } from "./visit-stream.js";

const OUTDATED_CREDENTIALS = new Set([
  ...["code_unknown", "code_disabled", "room_disabled", "token_refused", "token_expired"],
  // Agora's SDK reports a rejected token with this code, and other failures, too.
  "CAN_NOT_GET_GATEWAY_SERVER",
]);
const REJOIN_INTERVAL_MS = 30_000;

/**
 * @typedef {import("videobroker-models").Visit} Visit
 * @typedef {import("videobroker-models").JoinCredentials} JoinCredentials
 * @typedef {"left" | "ended" | "removed" | "elsewhere"} CallEnd
 */

class Page {
  #broker = new Broker(decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1) ?? ""));
  #clock = new ServerClock();
  #renewal = new TokenRenewal();
  #wakeLock = new WakeLock();
  #voice;
  #afterCall;
  #card;
  #devices;
  #frame;
  #host;
  #parent;
  #stream;

  #state = {
    /** @type {Visit | null} */
    visit: null,
    /** @type {string | null} */
    gone: null,
    /** @type {JoinCredentials | null} */
    call: null,
    /** @type {AbortController | null} */
    joining: null,
    /** @type {string | null} */
    broken: null,
    /** @type {CallEnd | null} */
    after: null,
    asked: false,
    moved: false,
  };
  /** @type {string | null} */
  #screen = null;
  #seenCall = false;
  #renewals = 0;
  #endedByMe = false;
  /** @type {"offline" | "service" | null} */
  #trouble = null;
  #hasKnocked = false;
  #hasWithdrawn = false; // since the person last asked
  #isWithdrawing = false;
  #usedDeviceCheck = false;
  #options = { skipsDeviceCheck: false, joinsAutomatically: false };
  #rejoinedAt = -Infinity;

  constructor() {
    const requested = new URLSearchParams(location.search).get("lang");
    const brand = readBrand();
    this.#voice = new Voice(chosenLanguage([requested, ...navigator.languages].filter(Boolean), brand.languages));
    document.documentElement.lang = this.#voice.language;
    this.#voice.fill(document);
    this.#afterCall = new AfterCall(this.#voice, this.#broker);
    this.#card = new Card(this.#voice, new Brand(brand, this.#voice), {
      go: () => this.#go(),
      stay: () => this.#stay(),
      saveToCalendar: () => this.#saveToCalendar(),
    });
    this.#devices = new Devices(byId("card"), this.#voice);
    new NetworkPanel(byId("settings"), this.#voice);
    this.#frame = new CallFrame(byId("call"), (type, detail) => this.#receive(type, detail));
    this.#parent = new Parent(meta("embedders").split(" ").filter(Boolean), {
      leave: () => this.#leave(),
      style: applyStyle,
      options: (options) => this.#setOptions(options),
    });
    this.#host = new HostTools({
      voice: this.#voice,
      broker: this.#broker,
      clock: this.#clock,
      on: {
        change: () => this.#render(),
        announce: (text) => this.#announce(text),
        end: () => this.#end(),
      },
    });
    this.#stream = new VisitStream(this.#broker, {
      visit: (visit) => this.#visited(visit),
      trouble: (trouble) => this.#troubled(trouble),
      gone: (problem) => this.#lost(problem),
    });
    byId("leave").addEventListener("click", () => this.#leave());
    document.addEventListener("visibilitychange", () => document.hidden || this.#tick());
  }

  start() {
    const state = meta("state");
    if (state === "ticket_expired" || state === "ticket_invalid") {
      this.#lost(new Problem(401, state));
      return;
    }
    if (state === "unavailable") {
      this.#draw("unavailable");
      setTimeout(() => location.reload(), backoff(2, { minimum: 1000 }));
      return;
    }
    this.#draw("loading");
    this.#stream.run();
    setInterval(() => this.#tick(), 1000);
  }

  get #visit() {
    if (!this.#state.visit) throw new Error("The page has not loaded the session.");
    return this.#state.visit;
  }

  // Messages of the service.

  /** @param {Visit} visit */
  #visited(visit) {
    const state = this.#state;
    this.#clock.set(visit.now);
    state.visit = visit;
    state.broken = null;
    const mine = visit.lobby?.state === "waiting";
    // A person who reloads the page while they are waiting has already asked to join.
    if (mine && !state.after && !this.#hasKnocked && !this.#hasWithdrawn) state.asked = true;
    this.#hasKnocked = mine;
    // Also if the request reached the service after it was withdrawn here.
    if (mine && this.#hasWithdrawn) this.#withdraw();
    if (state.call && !state.joining) this.#checkCall(visit, state.call);
    if (["ended", "left"].includes(state.after ?? "") && visit.decision.reason === "too_early") state.after = null;
    this.#knock();
    this.#host.update(state.gone ? null : visit);
    this.#render();
    if (shouldJoin(state)) this.#join();
  }

  /**
   * @param {Visit} visit
   * @param {JoinCredentials} call
   */
  #checkCall(visit, call) {
    if (visit.call?.id === call.call.id) this.#seenCall = true;
    const change = callChange(visit, call, this.#seenCall);
    if (change === "moved") {
      this.#state.moved = true;
      this.#exit();
      this.#join();
    } else if (change) {
      this.#exit(change);
    }
  }

  /** @param {Problem} problem */
  #lost(problem) {
    this.#state.gone = ["ticket_expired", "ticket_revoked"].includes(problem.code) ? "ticket_expired" : "ticket_invalid";
    if (!this.#state.call) this.#exit();
    this.#troubled(null);
    this.#host.update(null);
    this.#parent.notify("error", { code: this.#state.gone });
    this.#render();
  }

  /** @param {"offline" | "service" | null} trouble */
  #troubled(trouble) {
    if (trouble === this.#trouble) return;
    const before = this.#trouble;
    this.#trouble = trouble;
    const sentences = { offline: "trouble.offline", service: "trouble.service" };
    setText(byId("trouble"), trouble ? this.#voice.say(sentences[trouble]) : "");
    if (before && !trouble) this.#announce(this.#voice.say("trouble.over"));
  }

  /**
   * The embedding page has chosen what to leave out.
   * @param {import("./parent.js").EmbedOptions} options
   */
  #setOptions(options) {
    const startsAutomatically = options.joinsAutomatically && !this.#options.joinsAutomatically;
    this.#options = options;
    const { after, call, joining, visit } = this.#state;
    if (startsAutomatically && !after && !call && !joining && !this.#hasWithdrawn) {
      this.#state.asked = true;
      this.#knock();
    }
    if (visit && shouldJoin(this.#state)) this.#join();
    else if (this.#screen) this.#draw(this.#screen);
  }

  // Actions of the person.

  #go() {
    const { visit } = this.#state;
    this.#state.after = null;
    this.#state.broken = null;
    this.#state.asked = true;
    this.#hasWithdrawn = false;
    if (visit?.decision.decision === "admit") this.#join();
    else {
      this.#knock();
      this.#render();
      this.#announce(this.#voice.say("waiting.asked"));
    }
  }

  async #stay() {
    this.#state.asked = false;
    this.#state.joining?.abort();
    this.#state.joining = null;
    this.#state.moved = false;
    this.#hasWithdrawn = true;
    this.#render();
    if (this.#hasKnocked) await this.#withdraw();
  }

  /** Withdraw the request, so that the host does not see it anymore. If that fails, the page shows it as pending. */
  async #withdraw() {
    if (this.#isWithdrawing) return;
    this.#isWithdrawing = true;
    try {
      const visit = await this.#broker.withdraw();
      this.#isWithdrawing = false;
      if (this.#hasWithdrawn) this.#visited(visit);
    } catch {
      this.#isWithdrawing = false;
      if (!this.#hasWithdrawn) return;
      this.#hasWithdrawn = false;
      this.#state.asked = true;
      this.#announce(this.#voice.say("waiting.withdraw_failed"));
      this.#render();
    }
  }

  #leave() {
    if (!this.#state.call && !this.#state.joining) return;
    this.#exit("left");
    this.#render();
  }

  async #saveToCalendar() {
    // Loaded when it is needed: the page starts without it.
    const calendar = await import("./calendar-button.js").catch(() => null);
    if (!calendar) {
      this.#announce(this.#voice.say("lobby.failed"));
      return;
    }
    calendar.saveCalendarFile(this.#visit, {
      now: this.#clock.now(),
      title: this.#visit.session.title ?? this.#voice.say("session.untitled"),
      description: this.#voice.say("session.calendar.text"),
    });
  }

  async #knock() {
    const { asked, after, visit } = this.#state;
    const shouldKnock = asked && !after && visit?.decision.reason === "waiting_for_admission";
    if (!shouldKnock || this.#hasKnocked) return;
    this.#hasKnocked = true;
    try {
      this.#visited(await this.#broker.knock());
    } catch {
      // The stream reports the problem; the next visit triggers the next try.
      this.#hasKnocked = false;
    }
  }

  // Joining and leaving.

  async #join() {
    const state = this.#state;
    if (state.joining || state.call) return;
    const attempt = new AbortController();
    state.joining = attempt;
    state.asked = true;
    state.after = null;
    this.#render();
    const { session, provider } = this.#visit;
    const outcome = await requestCredentials({
      request: (surface) => this.#broker.join(session, surface),
      provider,
      hasCallPage: meta("call-page") !== "",
      signal: attempt.signal,
      onRetry: (milliseconds) => this.#card.showRetry(milliseconds),
    });
    if (outcome.type === "granted") this.#showCall(outcome.credentials);
    if (outcome.type === "decided") this.#decided(outcome.access);
    if (outcome.type === "ticket_invalid") this.#lost(outcome.problem);
    if (outcome.type === "misconfigured") this.#break(outcome.code);
  }

  /**
   * The access decision has changed since the last visit.
   * @param {import("videobroker-models").AccessDecision} access
   */
  #decided(access) {
    const visit = this.#visit;
    const decision = { ...visit.decision, ...access };
    Object.assign(this.#state, { joining: null, moved: false, visit: { ...visit, decision } });
    this.#stream.reconnect();
    this.#render();
  }

  /**
   * Something is misconfigured: joining again helps only after it is fixed.
   * @param {string} code
   */
  #break(code) {
    Object.assign(this.#state, { joining: null, moved: false, broken: code });
    this.#parent.notify("error", { code });
    this.#render();
  }

  /** @param {JoinCredentials} credentials */
  #showCall(credentials) {
    const devices = this.#devices.chosen;
    const usedDeviceCheck = this.#usedDeviceCheck || this.#devices.isOn || this.#options.skipsDeviceCheck;
    const skipPreview = usedDeviceCheck && !this.#devices.hasChoice;
    this.#usedDeviceCheck = true;
    // The call needs the camera, and many devices allow only one page to use it.
    this.#devices.stop();
    Object.assign(this.#state, { joining: null, moved: false, asked: false, call: credentials });
    this.#seenCall = false;
    this.#endedByMe = false;
    this.#renewal.plan(credentials, this.#clock.now());
    this.#afterCall.joined(credentials, this.#clock.now());
    this.#render();
    this.#frame.open(credentials, {
      title: this.#voice.say("call.frame"),
      name: credentials.display_name,
      lang: this.#voice.language,
      page: meta("call-page"),
      devices,
      skipPreview,
      mayEnd: this.#visit.visitor.is_host,
    });
    this.#parent.notify("joined", { provider: credentials.provider });
    // A visit that arrived before the credentials may already be about this call.
    this.#stream.reconnect();
  }

  /**
   * Leave the call, or stop joining.
   * @param {CallEnd | null} after how it ended, if a screen should show that
   */
  #exit(after = null) {
    const state = this.#state;
    const wasInCall = state.call !== null;
    if (wasInCall) this.#afterCall.left(this.#clock.now());
    state.joining?.abort();
    state.joining = null;
    state.call = null;
    state.asked = false;
    this.#renewal.clear();
    this.#host.close();
    this.#frame.close();
    if (after) {
      state.after = after;
      state.moved = false;
      if (wasInCall) this.#parent.notify("left", { reason: after });
    }
  }

  async #end() {
    const wasEndedByMe = this.#endedByMe;
    this.#endedByMe = true;
    try {
      await this.#broker.end(this.#visit.session);
    } catch (error) {
      this.#endedByMe = wasEndedByMe;
      throw error;
    }
    this.#exit("ended");
    this.#render();
  }

  // Messages of the page in the frame.

  /**
   * @param {string} type
   * @param {Record<string, unknown>} detail
   */
  #receive(type, detail) {
    const { call } = this.#state;
    if (!call) return;
    if (type === "left") this.#exit("left");
    if (type === "removed" && detail.cause === "replaced") this.#exit("elsewhere");
    else if (type === "removed" || type === "ended") this.#handleEnd(call, type);
    if (type === "end") this.#host.confirmEnd();
    if (type === "token-will-expire") this.#renew();
    if (type === "people") this.#sendNames(detail.uids);
    if (type === "error") this.#joinFailed(call, String(detail.code ?? "call"));
    this.#render();
  }

  /**
   * The call page has only uids: send it the names.
   * @param {unknown} numbers
   */
  async #sendNames(numbers) {
    const { call } = this.#state;
    const valid = (Array.isArray(numbers) ? numbers : []).filter(Number.isInteger);
    for (let start = 0; start < valid.length; start += MAX_UIDS_PER_REQUEST) {
      const uids = valid.slice(start, start + MAX_UIDS_PER_REQUEST);
      /** @type {import("videobroker-models").CallPerson[]} */
      let people = [];
      try {
        people = await this.#broker.people(uids);
      } catch {
        // The call page asks again when a participant joins or leaves.
      }
      if (this.#state.call !== call) return;
      this.#frame.name(uids, people);
    }
  }

  /**
   * The vendor reports that the call ended for this person. Some report no reason: the service has it.
   * @param {JoinCredentials} call
   * @param {"removed" | "ended"} reported
   */
  async #handleEnd(call, reported) {
    const change = await this.#changeOf(call);
    if (this.#state.call !== call) return;
    this.#state.moved = change === "moved";
    this.#exit(change === "moved" ? null : (change ?? reported));
    if (change === "moved") this.#join();
    this.#render();
  }

  /**
   * The vendor rejected the join. Room codes and tokens may have been replaced: try once with new ones.
   * @param {JoinCredentials} call
   * @param {string} code
   */
  async #joinFailed(call, code) {
    this.#parent.notify("error", { code });
    if (!OUTDATED_CREDENTIALS.has(code) || Date.now() - this.#rejoinedAt < REJOIN_INTERVAL_MS) return;
    this.#rejoinedAt = Date.now();
    // Not if the call has just ended: joining would start another one.
    const change = await this.#changeOf(call);
    if (this.#state.call !== call) return;
    this.#exit(change === "moved" ? null : change);
    if (change === null || change === "moved") this.#join();
    this.#render();
  }

  /** @param {JoinCredentials} call */
  async #changeOf(call) {
    try {
      return callChange(await this.#broker.visit(), call, true);
    } catch {
      return null;
    }
  }

  async #renew() {
    const { call, visit } = this.#state;
    if (!call || !visit) return;
    this.#renewal.clear();
    try {
      const credentials = await this.#broker.join(visit.session, surfaceAt(call.provider));
      if (this.#state.call !== call) return;
      this.#state.call = credentials;
      this.#renewals += 1;
      this.#renewal.plan(credentials, this.#clock.now());
      this.#frame.renew(credentials);
      document.body.dataset.renewals = String(this.#renewals);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (this.#state.call !== call) return;
      if (problem.access) {
        // The access decision has changed, and applies also to people who are in the call.
        this.#exit(problem.access.reason === "participant_removed" ? "removed" : "ended");
        this.#stream.reconnect();
        this.#render();
      } else if (problem.isTicketInvalid) {
        this.#exit("left");
        this.#lost(problem);
      } else {
        this.#renewal.retry(this.#clock.now(), problem.retryAfter);
      }
    }
  }

  // Time.

  #tick() {
    if (this.#clock.jumped()) this.#stream.reconnect();
    const now = this.#clock.now();
    if (this.#screen !== "call" && this.#card.count({ visit: this.#state.visit, now })) this.#stream.reconnect();
    this.#host.tick();
    this.#updateWakeLock(now);
    if (this.#renewal.isDue(now)) this.#renew();
  }

  /** @param {number} now */
  #updateWakeLock(now) {
    const opensAt = this.#state.visit?.decision.opens_at;
    this.#wakeLock.set(staysAwake(this.#screen ?? "", { opensAt: opensAt ? Date.parse(opensAt) : null, now }));
  }

  // Rendering.

  #render() {
    const { visit } = this.#state;
    const name = screenOf(this.#state);
    const changed = name !== this.#screen;
    this.#draw(name);
    if (!changed || !visit || !SCREENS[name]) return;
    const { decision, reason, opens_at } = visit.decision;
    if (SCREENS[name].waits) this.#parent.notify("waiting", { reason, opens_at });
    else if (decision === "refuse") this.#parent.notify("error", { code: reason });
  }

  /** @param {string} name */
  #draw(name) {
    const { visit } = this.#state;
    const changed = name !== this.#screen;
    const inCall = name === "call";
    this.#card.beforeChange();
    this.#screen = name;
    document.body.dataset.screen = name;
    this.#updateWakeLock(this.#clock.now());
    if (visit) drawSession(visit, this.#voice, Boolean(SCREENS[name]?.joins));
    byId("call").hidden = !inCall && byId("call").childElementCount === 0;
    byId("call").classList.toggle("unseen", !inCall);
    byId("tools").hidden = !inCall;
    byId("leave").hidden = this.#frame.controls.leave;
    this.#host.draw(inCall, this.#frame.controls);
    this.#card.hide(inCall);
    if (inCall) {
      this.#setTitle(null);
      return;
    }
    this.#drawDevices(name);
    this.#card.draw(name, {
      ...this.#state,
      isJoining: this.#state.joining !== null,
      endedByMe: this.#endedByMe,
      now: this.#clock.now(),
    });
    this.#afterCall.draw(Boolean(SCREENS[name].after));
    this.#setTitle(this.#card.heading);
    if (changed) this.#announce(this.#card.summary);
  }

  /** @param {string} name */
  #drawDevices(name) {
    const isShown = Boolean(SCREENS[name].devices) && !this.#options.skipsDeviceCheck;
    if (isShown && byId("devices").hidden) this.#devices.startIfAllowed();
    if (!isShown && this.#devices.isOn && name !== "joining" && name !== "moved") this.#devices.stop();
    byId("devices").hidden = !isShown;
    byId("settings").hidden = !isShown;
    byId("card").classList.toggle("wide", isShown);
  }

  /** @param {string} sentence */
  #announce(sentence) {
    byId("announcement").textContent = sentence;
  }

  /** @param {string | null} heading */
  #setTitle(heading) {
    const title = byId("session").textContent;
    const waiting = this.#host.waiting > 0 ? `(${this.#host.waiting}) ` : "";
    document.title = waiting + (heading ? `${heading} · ${title}` : title);
  }
}

new Page().start();
