// The page behind a link: it waits with a person, lets them in, shows the call, and says what has become of it.

import { Broker, MOST_UIDS, Problem, backoff } from "./broker.js";
import { ServerClock } from "./clock.js";
import { Devices } from "./devices.js";
import { Following } from "./following.js";
import { CallFrame } from "./frame.js";
import { Lobby } from "./lobby.js";
import { Parent, readableOn } from "./parent.js";
import { SCREENS, newsForCall, quietJoin, screenOf, shouldEnter } from "./screens.js";
import { Voice, chosenLanguage, isolated } from "./texts.js";

const LOBBY_EVERY = 4000; // ms; how often a host's list is looked up without a hint
const RENEW_AT = 0.6; // of the life of a token
const RENEW_AGAIN = 5000; // ms; there are minutes left, and no crowd of pages renews at the same moment
const DAY = 86_400_000;
const OUTDATED = new Set([
  ...["code_unknown", "code_disabled", "room_disabled", "token_refused", "token_expired"],
  // What Agora's SDK says of a token that it may not use, among other things.
  "CAN_NOT_GET_GATEWAY_SERVER",
]);
const ANEW_EVERY = 30_000; // ms

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
  #following;

  #state = {
    ...{ visit: null, gone: null, call: null, joining: null, broken: null, after: null },
    ...{ asked: false, moved: false },
  };
  #screen = null;
  #hadScreen = false; // other than the one while the page loads
  #seenCall = false;
  #renewal = null;
  #renewals = 0;
  #endedByMe = false;
  #trouble = null;
  #knocked = false;
  #withdrew = false; // since the person last asked
  #withdrawing = false;
  #sawThemselves = false;
  #anew = -Infinity;
  #lobbyLooked = 0;
  #lobbyOpen = null; // by the host's own hand; null: it shows itself while somebody waits
  #waiting = 0;
  #listed = 0;

  constructor() {
    const wanted = new URLSearchParams(location.search).get("lang");
    this.#voice = new Voice(chosenLanguage([wanted, ...navigator.languages].filter(Boolean)));
    document.documentElement.lang = this.#voice.language;
    this.#voice.fill(document);
    this.#devices = new Devices($("devices"), this.#voice);
    this.#frame = new CallFrame($("call"), (type, detail) => this.#heard(type, detail));
    this.#parent = new Parent(meta("embedders").split(" ").filter(Boolean), {
      leave: () => this.#leave(),
      style: (style) => dress(style),
    });
    this.#lobby = new Lobby($("lobby"), this.#voice, {
      admit: (entry) => this.#decide(() => this.#broker.admit(this.#session, entry)),
      deny: (entry) => this.#decide(() => this.#broker.deny(this.#session, entry)),
      admitAll: () => this.#decide(() => this.#broker.admitAll(this.#session)),
      arrived: (name) => this.#announce(this.#voice.say("lobby.arrived", { name })),
    });
    this.#following = new Following(this.#broker, {
      visit: (visit) => this.#visited(visit),
      trouble: (trouble) => this.#troubled(trouble),
      gone: (problem) => this.#lost(problem),
    });
    this.#listen();
  }

  start() {
    const state = meta("state");
    if (state === "ticket_expired" || state === "ticket_invalid") {
      this.#lost(new Problem(401, state));
      return;
    }
    if (state === "unavailable") {
      this.#draw("unavailable");
      setTimeout(() => location.reload(), backoff(2, { least: 1000 }));
      return;
    }
    this.#draw("loading");
    this.#following.run();
    setInterval(() => this.#tick(), 1000);
  }

  get #session() {
    return this.#state.visit.session;
  }

  #listen() {
    $("go").addEventListener("click", () => this.#go());
    $("stay").addEventListener("click", () => this.#stay());
    $("leave").addEventListener("click", () => this.#leave());
    $("end").addEventListener("click", () => this.#askToEnd());
    $("ending-no").addEventListener("click", () => $("ending").close());
    $("ending-yes").addEventListener("click", () => this.#end());
    $("toggle").addEventListener("click", () => this.#toggleLobby());
    document.addEventListener("visibilitychange", () => document.hidden || this.#tick());
  }

  // What the service says.

  #visited(visit) {
    const state = this.#state;
    this.#clock.set(visit.now);
    state.visit = visit;
    state.broken = null;
    const mine = visit.lobby?.state === "waiting";
    // Somebody who comes back to the page while they are waiting has asked already.
    if (mine && !state.after && !this.#knocked && !this.#withdrew) state.asked = true;
    this.#knocked = mine;
    // Also when the request reached the service only after it was withdrawn here.
    if (mine && this.#withdrew) this.#withdraw();
    if (state.call && !state.joining) this.#judgeCall(visit);
    if (state.after === "ended" && visit.decision.reason === "too_early") state.after = null;
    this.#knock();
    this.#lookAtLobby(true);
    this.#render();
    if (shouldEnter(state)) this.#enter();
  }

  #judgeCall(visit) {
    const { call } = this.#state;
    if (visit.call?.id === call.call.id) this.#seenCall = true;
    const news = newsForCall(visit, call, this.#seenCall);
    if (news === "moved") {
      this.#state.moved = true;
      this.#out();
      this.#enter();
    } else if (news) {
      this.#out(news);
    }
  }

  #lost(problem) {
    this.#state.gone = ["ticket_expired", "ticket_revoked"].includes(problem.code) ? "ticket_expired" : "ticket_invalid";
    if (!this.#state.call) this.#out();
    this.#troubled(null);
    this.#parent.tell("error", { code: this.#state.gone });
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

  // What the person does.

  #go() {
    const { visit } = this.#state;
    this.#state.after = null;
    this.#state.broken = null;
    this.#state.asked = true;
    this.#withdrew = false;
    if (visit?.decision.decision === "admit") this.#enter();
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
    this.#withdrew = true;
    this.#render();
    if (this.#knocked) await this.#withdraw();
  }

  /** Take the request back, so that no host is asked for nothing. Until that works, the page says that it stands. */
  async #withdraw() {
    if (this.#withdrawing) return;
    this.#withdrawing = true;
    try {
      const visit = await this.#broker.withdraw();
      this.#withdrawing = false;
      if (this.#withdrew) this.#visited(visit);
    } catch {
      this.#withdrawing = false;
      if (!this.#withdrew) return;
      this.#withdrew = false;
      this.#state.asked = true;
      this.#announce(this.#voice.say("waiting.withdraw_failed"));
      this.#render();
    }
  }

  #leave() {
    if (!this.#state.call && !this.#state.joining) return;
    this.#out("left");
    this.#render();
  }

  async #knock() {
    const { asked, after, visit } = this.#state;
    const wanted = asked && !after && visit?.decision.reason === "waiting_for_admission";
    if (!wanted || this.#knocked) return;
    this.#knocked = true;
    try {
      this.#visited(await this.#broker.knock());
    } catch {
      // The stream tells what is the matter, and its next word is the next try.
      this.#knocked = false;
    }
  }

  // In and out.

  async #enter() {
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
        if (!(await this.#mayTryAgain(problem, failures, attempt))) return;
        surface = nextSurface(surface, problem, state.visit.provider);
      }
    }
  }

  async #mayTryAgain(problem, failures, attempt) {
    const state = this.#state;
    if (problem.isAboutTicket) {
      this.#lost(problem);
      return false;
    }
    if (problem.access) {
      state.joining = null;
      state.moved = false;
      state.visit = { ...state.visit, decision: { ...state.visit.decision, ...problem.access } };
      this.#following.again();
      this.#render();
      return false;
    }
    if (problem.code === "surface_not_offered" && failures === 0) return true;
    if (!problem.isPassing) {
      this.#break(problem.code);
      return false;
    }
    const wait = Math.min(problem.retryAfter ?? backoff(failures, { least: 1000 }), 30_000);
    this.#say("text", "joining.trouble", { seconds: Math.ceil(wait / 1000) });
    await pause(wait, attempt.signal);
    return !attempt.signal.aborted;
  }

  /** Something is misconfigured: joining again helps only after it is fixed. */
  #break(code) {
    Object.assign(this.#state, { joining: null, moved: false, broken: code });
    this.#parent.tell("error", { code });
    this.#render();
  }

  #showCall(credentials) {
    const state = this.#state;
    const devices = this.#devices.chosen;
    const skipPreview = (this.#sawThemselves || this.#devices.isOn) && !devices.camera && !devices.microphone;
    this.#sawThemselves = true;
    // The call wants the camera, and many devices give it to one page only.
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
    this.#parent.tell("joined", { provider: credentials.provider });
    // What came while the credentials were on their way may already be about this call.
    this.#following.again();
  }

  /** Out of the call, or out of the way into it. `after` is what to say of it, if anything. */
  #out(after = null) {
    const state = this.#state;
    const was = state.call !== null;
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
      if (was) this.#parent.tell("left", { reason: after });
    }
  }

  /** What the page in the frame tells. */
  #heard(type, detail) {
    if (!this.#state.call) return;
    if (type === "left") this.#out("left");
    if (type === "removed" && detail.cause === "replaced") this.#out("elsewhere");
    else if (type === "removed" || type === "ended") this.#judgeWord(type);
    if (type === "token-will-expire") this.#renew();
    if (type === "people") this.#nameAll(detail.uids);
    if (type === "error") this.#shut(String(detail.code ?? "call"));
    this.#render();
  }

  /** The page of the call knows numbers only; the service knows whose they are. */
  async #nameAll(numbers) {
    const { call } = this.#state;
    const wanted = (Array.isArray(numbers) ? numbers : []).filter(Number.isInteger);
    for (let start = 0; start < wanted.length; start += MOST_UIDS) {
      const uids = wanted.slice(start, start + MOST_UIDS);
      let people = [];
      try {
        people = await this.#broker.people(uids);
      } catch {
        // They go without names until the page asks again, at the next change of who is there.
      }
      if (this.#state.call !== call) return;
      this.#frame.name(uids, people);
    }
  }

  /** The vendor says that it is over for this person. Why, the service knows better: some have one word for all. */
  async #judgeWord(said) {
    const { call } = this.#state;
    const news = await this.#newsOf(call);
    if (this.#state.call !== call) return;
    this.#out(news ?? said);
    this.#render();
  }

  /** The vendor does not let them in. Codes and tokens are replaced now and then: newer ones may do. */
  async #shut(code) {
    const { call } = this.#state;
    this.#parent.tell("error", { code });
    if (!OUTDATED.has(code) || Date.now() - this.#anew < ANEW_EVERY) return;
    this.#anew = Date.now();
    // Not when the call has just ended: joining would begin another one.
    const news = await this.#newsOf(call);
    if (this.#state.call !== call) return;
    this.#out(news === "moved" ? null : news);
    if (news === null || news === "moved") this.#enter();
    this.#render();
  }

  async #newsOf(call) {
    try {
      return newsForCall(await this.#broker.visit(), call, true);
    } catch {
      return null;
    }
  }

  // Tokens that end before the call does.

  #planRenewal(credentials) {
    const now = this.#clock.now();
    const life = Date.parse(credentials.expires_at) - now;
    // The page of 100ms has a room code, which ends with the session.
    this.#renewal = credentials.type === "agora_token" ? now + life * RENEW_AT : null;
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
        // The access decision has changed meanwhile, and holds for somebody who is in the call as well.
        this.#out(problem.access.reason === "participant_removed" ? "removed" : "ended");
        this.#following.again();
        this.#render();
      } else if (problem.isAboutTicket) {
        this.#out("left");
        this.#lost(problem);
      } else {
        this.#renewal = this.#clock.now() + (problem.retryAfter ?? RENEW_AGAIN);
      }
    }
  }

  // What a host may do.

  #askToEnd() {
    $("ending-told").textContent = "";
    $("ending").showModal();
  }

  async #end() {
    try {
      this.#endedByMe = true;
      await this.#broker.end(this.#session);
      this.#out("ended");
      this.#render();
    } catch {
      this.#endedByMe = false;
      $("ending-told").textContent = this.#voice.say("call.end.failed");
    }
  }

  async #decide(act) {
    await act();
    await this.#lookAtLobby(true);
  }

  async #lookAtLobby(now) {
    const { visit, gone } = this.#state;
    // Null for everybody but the hosts of a session that lets people in one by one.
    if ((visit?.waiting ?? null) === null || gone) return;
    if (!now && Date.now() - this.#lobbyLooked < LOBBY_EVERY) return;
    this.#lobbyLooked = Date.now();
    try {
      const found = await this.#broker.lobby(visit.session);
      this.#waiting = found.filter((each) => each.state === "waiting").length;
      this.#listed = found.length;
      this.#lobby.show(found, this.#clock.now());
      this.#render();
    } catch {
      // It is looked up again in a moment, and if the service is away the page says so already.
    }
  }

  #toggleLobby() {
    this.#lobbyOpen = $("lobby").hidden;
    this.#render();
    if (this.#lobbyOpen) $("lobby-heading").focus();
  }

  // Time.

  #tick() {
    if (this.#clock.jumped()) this.#following.again();
    this.#count();
    this.#lobby.tick(this.#clock.now());
    // Nobody tells of those who only stop giving signs.
    if (!document.hidden && this.#listed > 0) this.#lookAtLobby(false);
    if (this.#renewal !== null && this.#clock.now() >= this.#renewal) this.#renew();
  }

  #count() {
    const { visit } = this.#state;
    if (this.#screen !== "early" || !visit) return;
    const left = Date.parse(visit.decision.opens_at) - this.#clock.now();
    const told = this.#voice.length(left);
    if ($("remaining").textContent !== told) $("remaining").textContent = told;
    if (left <= 0) this.#following.again();
  }

  // What is seen.

  #render() {
    const state = this.#state;
    const name = screenOf(state);
    const changed = name !== this.#screen;
    this.#draw(name);
    if (!changed) return;
    if (SCREENS[name]?.waits) {
      const { reason, opens_at } = state.visit.decision;
      this.#parent.tell("waiting", { reason, opens_at });
    } else if (state.visit?.decision.decision === "refuse" && SCREENS[name]) {
      this.#parent.tell("error", { code: state.visit.decision.reason });
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
      this.#entitle(null);
    } else {
      this.#drawCard(name, SCREENS[name]);
    }
    if (!inCall && name !== before) this.#announceScreen();
    if (!inCall) this.#keepFocus(focused, name !== before);
  }

  /** When the focused button is gone or does something else now, the heading gets the focus. */
  #keepFocus(focused, changed) {
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
    if (name !== "joining" || this.#said !== "joining.trouble") this.#say("text", ...this.#text(name, screen));
    $("when").hidden = !(visit?.session.starts_at && (waits || name === "ready" || name === "unconfirmed"));
    $("countdown").hidden = !screen.countdown;
    this.#count();
    $("asked").hidden = !(waits && asked);
    const go = screen.join ?? screen.again ?? (waits && !asked ? this.#askText(name) : null);
    const quietly = screen.joinsQuietly && visit ? quietJoin(name, visit) : null;
    this.#button($("go"), go ?? quietly, quietly ? "quiet" : "primary");
    this.#button($("stay"), joining ? "joining.cancel" : waits && asked ? "waiting.stay" : null, "quiet");
    const devices = Boolean(screen.devices);
    if (devices && $("devices").hidden) this.#devices.offer();
    if (!devices && this.#devices.isOn && name !== "joining" && name !== "moved") this.#devices.stop();
    $("devices").hidden = !devices;
    $("card").classList.toggle("wide", devices);
    this.#entitle(this.#voice.say(screen.heading));
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
      return [opens - this.#clock.now() > DAY / 2 ? "early.text.day" : screen.text, this.#moment(opens)];
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

  #said = null;

  #say(id, name, values) {
    this.#said = name;
    const sentence = this.#voice.say(name, values);
    if ($(id).textContent !== sentence) $(id).textContent = sentence;
  }

  #announce(sentence) {
    $("said").textContent = sentence;
  }

  #announceScreen() {
    this.#announce(`${$("heading").textContent}. ${$("text").textContent}`);
  }

  #entitle(heading) {
    const title = $("session").textContent;
    const waiting = this.#waiting > 0 ? `(${this.#waiting}) ` : "";
    document.title = waiting + (heading ? `${heading} · ${title}` : title);
  }
}

/** How the vendor's call is shown here: 100ms has a page, and around Agora's SDK there is one of ours. */
function surfaceAt(provider) {
  return provider === "agora" ? "sdk" : "prebuilt";
}

/** A session that has no room yet may land at the next provider when the first does not answer. */
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

/** Look as the page around this one wishes, as far as it can still be read. */
function dress({ accent, radius, scheme }) {
  const { style, dataset } = document.documentElement;
  if (scheme) dataset.scheme = scheme;
  else delete dataset.scheme;
  if (radius) style.setProperty("--radius", radius);
  else style.removeProperty("--radius");
  if (accent) {
    style.setProperty("--accent", accent);
    style.setProperty("--on-accent", readableOn(accent));
  } else {
    style.removeProperty("--accent");
    style.removeProperty("--on-accent");
  }
}

new Page().start();
