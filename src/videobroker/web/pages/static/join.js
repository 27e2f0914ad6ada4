// The hosted page: it shows why a person cannot join yet, joins, shows the call, and explains how it ended.

import { Broker, MAX_UIDS_PER_REQUEST, Problem, backoff } from "./broker.js";
import { ServerClock } from "./clock.js";
import { Devices } from "./devices.js";
import { VisitStream } from "./visit-stream.js";
import { CallFrame } from "./frame.js";
import { Lobby } from "./lobby.js";
import { Parent, readableOn } from "./parent.js";
import { SCREENS, callChange, quietJoin, screenOf, shouldJoin } from "./screens.js";
import { Voice, chosenLanguage, isolated } from "./texts.js";

const LOBBY_REFRESH_MS = 4000; // without a new visit
const RENEW_AT = 0.6; // of the lifetime of a token
const RENEW_RETRY_MS = 5000; // constant: the token is valid for minutes, and few pages renew at the same time
const DAY_MS = 86_400_000;
const OUTDATED_CREDENTIALS = new Set([
  ...["code_unknown", "code_disabled", "room_disabled", "token_refused", "token_expired"],
  // Agora's SDK reports a rejected token with this code, and other failures, too.
  "CAN_NOT_GET_GATEWAY_SERVER",
]);
const REJOIN_INTERVAL_MS = 30_000;

const $ = (id) => document.getElementById(id);
const meta = (name) => document.querySelector(`meta[name="videobroker-${name}"]`).content;

class Page {
  #ticket = decodeURIComponent(location.pathname.split("/").filter(Boolean).at(-1));
  #broker = new Broker(this.#ticket);
  #clock = new ServerClock();
  #voice;
  #devices;
  #frame;
  #lobby;
  #parent;
  #stream;

  #state = {
    ...{ visit: null, gone: null, call: null, joining: null, broken: null, after: null },
    ...{ asked: false, moved: false },
  };
  #screen = null;
  #hadScreen = false; // other than "loading"
  #seenCall = false;
  #renewal = null;
  #renewals = 0;
  #endedByMe = false;
  #trouble = null;
  #hasKnocked = false;
  #hasWithdrawn = false; // since the person last asked
  #isWithdrawing = false;
  #usedDeviceCheck = false;
  #rejoinedAt = -Infinity;
  #lobbyLoadedAt = 0;
  #lobbyOpen = null; // as the host chose; null: open while someone is waiting
  #waiting = 0;
  #listed = 0;

  constructor() {
    const requested = new URLSearchParams(location.search).get("lang");
    this.#voice = new Voice(chosenLanguage([requested, ...navigator.languages].filter(Boolean)));
    document.documentElement.lang = this.#voice.language;
    this.#voice.fill(document);
    this.#devices = new Devices($("devices"), this.#voice);
    this.#frame = new CallFrame($("call"), (type, detail) => this.#receive(type, detail));
    this.#parent = new Parent(meta("embedders").split(" ").filter(Boolean), {
      leave: () => this.#leave(),
      style: (style) => applyStyle(style),
    });
    this.#lobby = new Lobby($("lobby"), this.#voice, {
      admit: (entry) => this.#decide(() => this.#broker.admit(this.#session, entry)),
      deny: (entry) => this.#decide(() => this.#broker.deny(this.#session, entry)),
      admitAll: () => this.#decide(() => this.#broker.admitAll(this.#session)),
      arrived: (name) => this.#announce(this.#voice.say("lobby.arrived", { name })),
    });
    this.#stream = new VisitStream(this.#broker, {
      visit: (visit) => this.#visited(visit),
      trouble: (trouble) => this.#troubled(trouble),
      gone: (problem) => this.#lost(problem),
    });
    this.#addListeners();
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

  get #session() {
    return this.#state.visit.session;
  }

  #addListeners() {
    $("go").addEventListener("click", () => this.#go());
    $("stay").addEventListener("click", () => this.#stay());
    $("leave").addEventListener("click", () => this.#leave());
    $("end").addEventListener("click", () => this.#confirmEnd());
    $("ending-no").addEventListener("click", () => $("ending").close());
    $("ending-yes").addEventListener("click", () => this.#end());
    $("toggle").addEventListener("click", () => this.#toggleLobby());
    document.addEventListener("visibilitychange", () => document.hidden || this.#tick());
  }

  // Messages of the service.

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
    if (state.call && !state.joining) this.#checkCall(visit);
    if (state.after === "ended" && visit.decision.reason === "too_early") state.after = null;
    this.#knock();
    this.#refreshLobby(true);
    this.#render();
    if (shouldJoin(state)) this.#join();
  }

  #checkCall(visit) {
    const { call } = this.#state;
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

  #lost(problem) {
    this.#state.gone = ["ticket_expired", "ticket_revoked"].includes(problem.code) ? "ticket_expired" : "ticket_invalid";
    if (!this.#state.call) this.#exit();
    this.#troubled(null);
    this.#parent.notify("error", { code: this.#state.gone });
    this.#render();
  }

  #troubled(trouble) {
    if (trouble === this.#trouble) return;
    const before = this.#trouble;
    this.#trouble = trouble;
    const sentence = { offline: "trouble.offline", service: "trouble.service" }[trouble];
    $("trouble").textContent = sentence ? this.#voice.say(sentence) : "";
    if (before && !trouble) this.#announce(this.#voice.say("trouble.over"));
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
    let surface = surfaceAt(state.visit.provider);
    for (let failures = 0; !attempt.signal.aborted; failures += 1) {
      try {
        const credentials = await this.#broker.join(this.#session, surface);
        if (attempt.signal.aborted) return;
        if (credentials.type === "100ms_token") {
          surface = "prebuilt";
          continue;
        }
        if (credentials.type === "agora_token" && !credentials.page && !meta("call-page")) {
          this.#break("call_url_missing");
          return;
        }
        this.#showCall(credentials);
        return;
      } catch (problem) {
        if (attempt.signal.aborted) return;
        if (!(problem instanceof Problem)) throw problem;
        if (!(await this.#waitForRetry(problem, failures, attempt))) return;
        surface = nextSurface(surface, problem, state.visit.provider);
      }
    }
  }

  async #waitForRetry(problem, failures, attempt) {
    const state = this.#state;
    if (problem.isTicketInvalid) {
      this.#lost(problem);
      return false;
    }
    if (problem.access) {
      state.joining = null;
      state.moved = false;
      state.visit = { ...state.visit, decision: { ...state.visit.decision, ...problem.access } };
      this.#stream.reconnect();
      this.#render();
      return false;
    }
    if (problem.code === "surface_not_offered" && failures === 0) return true;
    if (!problem.isTransient) {
      this.#break(problem.code);
      return false;
    }
    const wait = Math.min(problem.retryAfter ?? backoff(failures, { minimum: 1000 }), 30_000);
    this.#say("text", "joining.trouble", { seconds: Math.ceil(wait / 1000) });
    await pause(wait, attempt.signal);
    return !attempt.signal.aborted;
  }

  /** Something is misconfigured: joining again helps only after it is fixed. */
  #break(code) {
    Object.assign(this.#state, { joining: null, moved: false, broken: code });
    this.#parent.notify("error", { code });
    this.#render();
  }

  #showCall(credentials) {
    const state = this.#state;
    const devices = this.#devices.chosen;
    const skipPreview = (this.#usedDeviceCheck || this.#devices.isOn) && !devices.camera && !devices.microphone;
    this.#usedDeviceCheck = true;
    // The call needs the camera, and many devices allow only one page to use it.
    this.#devices.stop();
    state.joining = null;
    state.moved = false;
    state.asked = false;
    state.call = credentials;
    this.#seenCall = false;
    this.#endedByMe = false;
    this.#planRenewal(credentials);
    this.#render();
    this.#frame.open(credentials, {
      title: this.#voice.say("call.frame"),
      name: credentials.display_name,
      lang: this.#voice.language,
      page: meta("call-page"),
      devices,
      skipPreview,
    });
    this.#parent.notify("joined", { provider: credentials.provider });
    // A visit that arrived before the credentials may already be about this call.
    this.#stream.reconnect();
  }

  /** Leave the call, or stop joining. `after`: how it ended, if a screen should show that. */
  #exit(after = null) {
    const state = this.#state;
    const wasInCall = state.call !== null;
    state.joining?.abort();
    state.joining = null;
    state.call = null;
    state.asked = false;
    this.#renewal = null;
    if ($("ending").open) $("ending").close();
    this.#frame.close();
    if (after) {
      state.after = after;
      state.moved = false;
      if (wasInCall) this.#parent.notify("left", { reason: after });
    }
  }

  /** Handle a message of the page in the frame. */
  #receive(type, detail) {
    if (!this.#state.call) return;
    if (type === "left") this.#exit("left");
    if (type === "removed" && detail.cause === "replaced") this.#exit("elsewhere");
    else if (type === "removed" || type === "ended") this.#handleEnd(type);
    if (type === "token-will-expire") this.#renew();
    if (type === "people") this.#sendNames(detail.uids);
    if (type === "error") this.#joinFailed(String(detail.code ?? "call"));
    this.#render();
  }

  /** The call page has only uids: send it the names. */
  async #sendNames(numbers) {
    const { call } = this.#state;
    const valid = (Array.isArray(numbers) ? numbers : []).filter(Number.isInteger);
    for (let start = 0; start < valid.length; start += MAX_UIDS_PER_REQUEST) {
      const uids = valid.slice(start, start + MAX_UIDS_PER_REQUEST);
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

  /** The vendor reports that the call ended for this person. Some report no reason: the service has it. */
  async #handleEnd(reported) {
    const { call } = this.#state;
    const change = await this.#changeOf(call);
    if (this.#state.call !== call) return;
    this.#exit(change ?? reported);
    this.#render();
  }

  /** The vendor rejected the join. Room codes and tokens may have been replaced: try once with new ones. */
  async #joinFailed(code) {
    const { call } = this.#state;
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

  async #changeOf(call) {
    try {
      return callChange(await this.#broker.visit(), call, true);
    } catch {
      return null;
    }
  }

  // Renewal of tokens that expire during the call.

  #planRenewal(credentials) {
    const now = this.#clock.now();
    const lifetime = Date.parse(credentials.expires_at) - now;
    // The page of 100ms has a room code, which is valid until the session ends.
    this.#renewal = credentials.type === "agora_token" ? now + lifetime * RENEW_AT : null;
  }

  async #renew() {
    const { call, visit } = this.#state;
    if (!call) return;
    this.#renewal = null;
    try {
      const credentials = await this.#broker.join(visit.session, surfaceAt(call.provider));
      if (this.#state.call !== call) return;
      this.#state.call = credentials;
      this.#renewals += 1;
      this.#planRenewal(credentials);
      this.#frame.renew(credentials);
      document.body.dataset.renewals = String(this.#renewals);
    } catch (problem) {
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
        this.#renewal = this.#clock.now() + (problem.retryAfter ?? RENEW_RETRY_MS);
      }
    }
  }

  // Actions of a host.

  #confirmEnd() {
    $("ending-status").textContent = "";
    $("ending").showModal();
  }

  async #end() {
    try {
      this.#endedByMe = true;
      await this.#broker.end(this.#session);
      this.#exit("ended");
      this.#render();
    } catch {
      this.#endedByMe = false;
      $("ending-status").textContent = this.#voice.say("call.end.failed");
    }
  }

  async #decide(act) {
    await act();
    await this.#refreshLobby(true);
  }

  async #refreshLobby(now) {
    const { visit, gone } = this.#state;
    // Null except for hosts of a session whose waiting room is `admit`.
    if ((visit?.waiting ?? null) === null || gone) return;
    if (!now && Date.now() - this.#lobbyLoadedAt < LOBBY_REFRESH_MS) return;
    this.#lobbyLoadedAt = Date.now();
    try {
      const found = await this.#broker.lobby(visit.session);
      this.#waiting = found.filter((each) => each.state === "waiting").length;
      this.#listed = found.length;
      this.#lobby.show(found, this.#clock.now());
      this.#render();
    } catch {
      // It is loaded again soon. If the service is unavailable, the page already shows that.
    }
  }

  #toggleLobby() {
    this.#lobbyOpen = $("lobby").hidden;
    this.#render();
    if (this.#lobbyOpen) $("lobby-heading").focus();
  }

  // Time.

  #tick() {
    if (this.#clock.jumped()) this.#stream.reconnect();
    this.#count();
    this.#lobby.tick(this.#clock.now());
    // There is no event when a waiting person goes away.
    if (!document.hidden && this.#listed > 0) this.#refreshLobby(false);
    if (this.#renewal !== null && this.#clock.now() >= this.#renewal) this.#renew();
  }

  #count() {
    const { visit } = this.#state;
    if (this.#screen !== "early" || !visit) return;
    const left = Date.parse(visit.decision.opens_at) - this.#clock.now();
    const remaining = this.#voice.length(left);
    if ($("remaining").textContent !== remaining) $("remaining").textContent = remaining;
    if (left <= 0) this.#stream.reconnect();
  }

  // Rendering.

  #render() {
    const state = this.#state;
    const name = screenOf(state);
    const changed = name !== this.#screen;
    this.#draw(name);
    if (!changed) return;
    if (SCREENS[name]?.waits) {
      const { reason, opens_at } = state.visit.decision;
      this.#parent.notify("waiting", { reason, opens_at });
    } else if (state.visit?.decision.decision === "refuse" && SCREENS[name]) {
      this.#parent.notify("error", { code: state.visit.decision.reason });
    }
  }

  #draw(name) {
    const { visit } = this.#state;
    const before = this.#screen;
    const inCall = name === "call";
    const focused = document.activeElement;
    this.#screen = name;
    document.body.dataset.screen = name;
    if (visit) this.#drawSession(visit);
    $("card").hidden = inCall;
    $("call").hidden = !inCall && $("call").childElementCount === 0;
    $("call").classList.toggle("unseen", !inCall);
    $("tools").hidden = !inCall;
    this.#drawLobby(inCall);
    if (inCall) {
      this.#setTitle(null);
    } else {
      this.#drawCard(name, SCREENS[name]);
    }
    if (!inCall && name !== before) this.#announceScreen();
    if (!inCall) this.#restoreFocus(focused, name !== before);
  }

  /** Focus the heading if the focused button is gone or has another action now. */
  #restoreFocus(focused, changed) {
    const wasOnPage = focused && focused !== document.body && focused !== document.documentElement;
    const isGone = wasOnPage && (!focused.isConnected || focused.closest("[hidden], .unseen"));
    const isReused = changed && focused === $("go");
    // After a frame was removed, the browser has already moved the focus to the body.
    const isNowhere = changed && !wasOnPage && this.#hadScreen;
    this.#hadScreen ||= this.#screen !== "loading";
    if (!isGone && !isReused && !isNowhere) return;
    // Not another button: a second press would undo the first one.
    $("heading").focus({ preventScroll: true });
  }

  #drawCard(name, screen) {
    const { visit, asked, joining } = this.#state;
    const waits = Boolean(screen.waits);
    $("icon").querySelector("use").setAttribute("href", `#icon-${screen.icon}`);
    $("icon").classList.toggle("busy", screen.icon === "dots");
    $("heading").textContent = this.#voice.say(screen.heading);
    if (name !== "joining" || this.#shownText !== "joining.trouble") this.#say("text", ...this.#text(name, screen));
    $("when").hidden = !(visit?.session.starts_at && (waits || name === "ready" || name === "unconfirmed"));
    $("countdown").hidden = !screen.countdown;
    this.#count();
    $("asked").hidden = !(waits && asked);
    const go = screen.join ?? screen.again ?? (waits && !asked ? this.#askText(name) : null);
    const quietly = screen.joinsQuietly && visit ? quietJoin(name, visit) : null;
    this.#button($("go"), go ?? quietly, quietly ? "quiet" : "primary");
    this.#button($("stay"), joining ? "joining.cancel" : waits && asked ? "waiting.stay" : null, "quiet");
    const devices = Boolean(screen.devices);
    if (devices && $("devices").hidden) this.#devices.startIfAllowed();
    if (!devices && this.#devices.isOn && name !== "joining" && name !== "moved") this.#devices.stop();
    $("devices").hidden = !devices;
    $("card").classList.toggle("wide", devices);
    this.#setTitle(this.#voice.say(screen.heading));
  }

  #askText(name) {
    return name === "admission" ? "waiting.knock" : "waiting.ask";
  }

  #text(name, screen) {
    const { visit, broken, asked } = this.#state;
    if (name === "setup") return [screen.text, { code: broken }];
    if (name === "ended" && this.#endedByMe) return ["ended.text.you", {}];
    if (name === "ready" && visit.call) return ["ready.running", {}];
    if (name === "ended" && visit.decision.reason !== "waiting_for_host") return ["ended.text.plain", {}];
    if (name === "admission" && !asked) return ["admission.text.ask", {}];
    if (name === "admission" && !visit.host_present) return ["admission.text.sent", {}];
    if (name === "over") {
      const { ends_at } = visit.session;
      const past = ends_at && Date.parse(ends_at) <= this.#clock.now();
      return past ? [screen.text, this.#moment(new Date(ends_at))] : ["over.text.plain", {}];
    }
    if (name === "early") {
      const opens = new Date(visit.decision.opens_at);
      return [opens - this.#clock.now() > DAY_MS / 2 ? "early.text.day" : screen.text, this.#moment(opens)];
    }
    return [screen.text, {}];
  }

  #moment(moment) {
    return { time: this.#voice.clock(moment), day: this.#voice.day(moment) };
  }

  #drawSession({ session, visitor }) {
    $("session").textContent = session.title ? isolated(session.title) : this.#voice.say("session.untitled");
    const sentence = visitor.is_host ? "session.you.host" : "session.you";
    $("you").textContent = visitor.display_name ? this.#voice.say(sentence, { name: visitor.display_name }) : "";
    if (session.starts_at) {
      const [starts, ends] = [new Date(session.starts_at), new Date(session.ends_at)];
      $("when").textContent = this.#voice.say("session.when", {
        day: this.#voice.day(starts),
        from: this.#voice.clock(starts),
        to: this.#voice.clock(ends),
      });
    }
  }

  #drawLobby(inCall) {
    const { visit, gone } = this.#state;
    const host = Boolean(visit?.visitor.is_host) && !gone;
    const lobby = host && visit.waiting !== null;
    const open = this.#lobbyOpen ?? this.#listed > 0;
    $("toggle").setAttribute("aria-expanded", String(open));
    $("end").hidden = !host;
    $("toggle").hidden = !(inCall && lobby);
    $("lobby").hidden = !(lobby && (inCall ? open : this.#listed > 0));
    $("count").textContent = this.#waiting > 0 ? String(this.#waiting) : "";
    $("toggle").setAttribute(
      "aria-label",
      `${this.#voice.say("lobby.toggle")}: ${this.#voice.say("lobby.count", { count: this.#waiting })}`,
    );
  }

  #button(button, text, kind) {
    button.hidden = text === null;
    if (text === null) return;
    button.textContent = this.#voice.say(text);
    button.className = kind;
  }

  #shownText = null;

  #say(id, name, values) {
    this.#shownText = name;
    const sentence = this.#voice.say(name, values);
    if ($(id).textContent !== sentence) $(id).textContent = sentence;
  }

  #announce(sentence) {
    $("announcement").textContent = sentence;
  }

  #announceScreen() {
    this.#announce(`${$("heading").textContent}. ${$("text").textContent}`);
  }

  #setTitle(heading) {
    const title = $("session").textContent;
    const waiting = this.#waiting > 0 ? `(${this.#waiting}) ` : "";
    document.title = waiting + (heading ? `${heading} · ${title}` : title);
  }
}

/** The surface to request: 100ms has a page of its own; for Agora there is our call page with its SDK. */
function surfaceAt(provider) {
  return provider === "agora" ? "sdk" : "prebuilt";
}

/** A session without a room may be moved to its next provider if the first one is unavailable. */
function nextSurface(surface, problem, provider) {
  if (problem.code === "surface_not_offered" || problem.code === "provider_unavailable") {
    return surface === "sdk" ? "prebuilt" : "sdk";
  }
  return surfaceAt(provider);
}

function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Apply the style of the embedding page. The text on the accent color stays readable. */
function applyStyle({ accent, radius, scheme }) {
  const { style, dataset } = document.documentElement;
  if (scheme) dataset.scheme = scheme;
  else delete dataset.scheme;
  if (radius) style.setProperty("--radius", radius);
  else style.removeProperty("--radius");
  if (accent) {
    style.setProperty("--brand", accent);
    style.setProperty("--on-brand", readableOn(accent));
  } else {
    style.removeProperty("--brand");
    style.removeProperty("--on-brand");
  }
}

new Page().start();
