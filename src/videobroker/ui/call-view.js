// The call view: tiles, bar, chat, people, and dialogs. It renders snapshots of a `CallSession`, and calls its actions.

import { hasPictureInPicture, relabel, tool } from "./call-dom.js";
import { arrange, clampPage, fitGrid, pageOf } from "./call-layout.js";
import { ChatPanel, PeoplePanel } from "./call-panels.js";
import { SelfView } from "./call-self-view.js";
import { loadShortcuts, saveShortcuts, shortcutOf } from "./call-shortcuts.js";
import { SILENCE, speakerAfter, speakers } from "./call-speaker.js";
import { Tile } from "./call-tile.js";
import { MoreMenu, refreshTabStop, toolbar } from "./call-toolbar.js";
import { confirmDialog } from "./dialogs.js";
import { h, mayMoveFocus, setText } from "./dom.js";
import { Toasts } from "./toasts.js";

const MEASURE_MS = 200;
const WIDE_TOOLS = /** @type {const} */ (["share", "hand", "people"]); // the menu has them on narrow screens
const PANELS = /** @type {const} */ (["chat", "people"]);
const AUDIBLE = 0.02;
const NARROW = "(max-width: 44rem)"; // as in call.css: a panel covers the tiles

/** @typedef {{ key: string, person: import("./call-session.js").Person, isSelf: boolean, isScreen: boolean }} Content */

export class CallView {
  #session;
  #texts;
  /** @type {import("./call-session.js").CallSnapshot} */
  #call;
  /** @type {Map<string, Tile>} */
  #tiles = new Map();
  /** @type {"grid" | "speaker"} */
  #layout = "grid";
  /** @type {string | null} */
  #pinned = null;
  #page = 0;
  #speech = SILENCE;
  #unread = 0;
  #usesShortcuts = loadShortcuts();
  #narrow = matchMedia(NARROW);
  #stopped = new AbortController();
  #timer = 0;
  #observer = new ResizeObserver(() => this.#arrange());

  #count = h("span", { className: "count" });
  #recorded = h("span", { className: "recorded", hidden: true });
  #list = h("ul", { className: "tiles", role: "list" });
  #banner = h("p", { className: "banner", role: "alert", hidden: true });
  #problem = h("p", { className: "notice problem", role: "status", hidden: true });
  #notices = h("div", { className: "notices" });
  #announcement = h("p", { className: "visually-hidden", role: "status" });
  /** @type {HTMLElement} */
  #stage;
  #header;
  #bar;
  #panels;
  #tools;
  #pager;
  #sharing;
  #sound;
  #self;
  /** @type {import("./call-pip.js").PictureInPicture | null} */
  #pip = null;
  #loadPip = once(() => this.#addPip());
  #more;
  #chat;
  #people;
  /** @type {import("./call-dialogs.js").DevicesDialog | null} */
  #devices = null;
  #loadDialogs = once(() => this.#addDialogs());
  #toasts;

  /**
   * @param {{ session: import("./call-session.js").CallSession, texts: import("./call-texts.js").CallTexts, title: string }} options
   */
  constructor({ session, texts, title }) {
    this.#session = session;
    this.#texts = texts;
    this.#call = session.snapshot();
    this.#list.setAttribute("aria-label", texts.say("call.people"));
    this.#recorded.textContent = texts.say("call.recording");
    this.#toasts = new Toasts(this.#notices);
    this.#self = new SelfView(texts, (key) => this.#announce(texts.say(key)));
    this.#chat = new ChatPanel(texts, {
      close: () => this.#toggle("chat"),
      send: (text) => session.sendMessage(text),
    });
    this.#people = new PeoplePanel(texts, {
      close: () => this.#toggle("people"),
      pin: (id) => this.#pin(id),
      remove: (id) => session.remove(id),
    });
    this.#panels = { chat: this.#chat, people: this.#people };
    this.#more = new MoreMenu(texts, {
      layout: (layout) => this.#setLayout(layout),
      opened: () => this.#prepareMenu(),
      pip: () => this.#togglePip(),
      devices: () => this.#openDevices(),
      shortcuts: () => this.#openShortcuts(),
      share: () => this.#act("share"),
      hand: () => this.#act("hand"),
      people: () => this.#act("people"),
    });
    this.#tools = this.#makeTools();
    for (const name of WIDE_TOOLS) this.#tools[name].classList.add("wide-only");
    this.#bar = toolbar(texts.say("call.toolbar"), ...Object.values(this.#tools));
    this.#pager = this.#makePager();
    this.#sharing = this.#makeSharing();
    this.#sound = h("button", { type: "button", className: "button primary sound", hidden: true, onclick: () => this.#playSound() });
    this.#sound.textContent = texts.say("call.sound");
    this.#header = h("header", {}, h("h1", { tabIndex: -1 }, title), h("p", {}, this.#recorded, this.#count));
    this.#stage = h(
      "div",
      { className: "stage" },
      this.#list,
      this.#self.element,
      this.#pager.element,
      h("div", { className: "top" }, this.#banner, this.#problem, this.#sharing, this.#notices),
      this.#sound,
    );
    this.element = h(
      "main",
      { className: "call call-area" },
      this.#header,
      this.#stage,
      this.#chat.element,
      this.#people.element,
      h("div", { className: "foot" }, this.#bar, this.#more.element),
      this.#announcement,
    );
    this.#addListeners();
    this.#render();
  }

  /** Move the focus to the first tool, unless someone works in the page around this frame. */
  focus() {
    if (!mayMoveFocus()) return;
    const first = Object.values(this.#tools).find((each) => !each.hidden);
    first?.focus();
  }

  close() {
    this.#stopped.abort();
    this.#observer.disconnect();
    clearInterval(this.#timer);
    this.#pip?.close();
    for (const tile of this.#tiles.values()) tile.close();
    this.element.remove();
  }

  // Building

  #makeTools() {
    const say = (/** @type {string} */ key) => this.#texts.say(key);
    const toggles = (/** @type {string} */ name) => ({ "aria-expanded": "false", "aria-controls": `${name}-panel` });
    return {
      microphone: tool("mic", say("tool.mute"), () => this.#act("microphone")),
      camera: tool("camera", say("tool.camera_off"), () => this.#act("camera")),
      share: tool("screen", say("tool.share"), () => this.#act("share")),
      hand: tool("hand", say("tool.hand"), () => this.#act("hand")),
      chat: tool("chat", say("tool.chat"), () => this.#act("chat"), toggles("chat")),
      people: tool("people", say("tool.people"), () => this.#act("people"), toggles("people")),
      more: this.#more.button,
      leave: tool("leave", say("tool.leave"), () => this.#session.leave(), { className: "danger" }),
      end: tool("end", say("tool.end"), () => this.#confirmEnd(), { className: "end", hidden: true }),
    };
  }

  #makePager() {
    const previous = tool("previous", this.#texts.say("pages.previous"), () => this.#turn(-1));
    const next = tool("next", this.#texts.say("pages.next"), () => this.#turn(1));
    const count = h("span", { role: "status" });
    const element = h("nav", { className: "pager", hidden: true, "aria-label": this.#texts.say("pages.label") }, previous, count, next);
    return { element, previous, next, count };
  }

  #makeSharing() {
    const stop = h("button", { type: "button", className: "button small", onclick: () => this.#session.shareScreen(false) });
    stop.textContent = this.#texts.say("tool.unshare");
    return h("div", { className: "sharing", hidden: true }, h("span", { role: "status" }, this.#texts.say("share.own")), stop);
  }

  #addListeners() {
    const { signal } = this.#stopped;
    this.#session.listen({
      changed: () => this.#render(),
      message: (message) => this.#received(message),
      history: (messages) => this.#replaceMessages(messages),
      notice: (key, values) => this.#notice(key, values),
      soundBlocked: () => (this.#sound.hidden = false),
    });
    document.addEventListener("keydown", (event) => this.#pressed(event), { signal });
    document.addEventListener("pointerdown", (event) => this.#closeMenu(event), { signal });
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.#devices?.refresh(), { signal });
    this.#narrow.addEventListener("change", () => this.#coverStage(), { signal });
    for (const name of PANELS) {
      const panel = this.#panels[name];
      panel.element.id = `${name}-panel`;
      panel.element.addEventListener("keydown", (event) => {
        if (event.key !== "Escape") return;
        event.stopPropagation();
        this.#toggle(name);
      });
    }
    this.#observer.observe(this.#stage);
    // The buttons for pages take space from it.
    this.#observer.observe(this.#list);
    this.#timer = setInterval(() => this.#measure(), MEASURE_MS);
  }

  // Rendering

  #render() {
    const before = this.#call;
    const call = this.#session.snapshot();
    this.#call = call;
    this.#renderState(before.state, call.state);
    this.#announceChanges(before, call);
    const people = call.others.length + 1;
    setText(this.#count, people === 1 ? this.#texts.say("call.alone") : this.#texts.say("call.count", { count: people }));
    this.#recorded.hidden = !call.isRecorded;
    this.#problem.hidden = !call.problem;
    setText(this.#problem, call.problem ? this.#texts.say(call.problem) : "");
    this.#renderTools(call);
    this.#people.update(this.#rows(call));
    this.#chat.update(call.hasHistory);
    this.#self.element.hidden = call.others.length === 0 || !call.may.publish;
    if (!this.#self.element.hidden) this.#self.update(call.me, this.#nameOf(call.me));
    this.#arrange();
    this.#pip?.show(this.#pipContent());
    this.#more.update(this.#layout, { isOpen: this.#pip?.isOpen ?? false, isSupported: hasPictureInPicture() });
  }

  /**
   * @param {import("./call-session.js").CallSnapshot["state"]} before
   * @param {import("./call-session.js").CallSnapshot["state"]} state
   */
  #renderState(before, state) {
    const key = { connecting: "call.connecting", reconnecting: "call.reconnecting", connected: null }[state];
    this.#banner.hidden = !key;
    setText(this.#banner, key ? this.#texts.say(key) : "");
    if (before === "reconnecting" && state === "connected") this.#notice("call.reconnected");
  }

  /**
   * @param {import("./call-session.js").CallSnapshot} before
   * @param {import("./call-session.js").CallSnapshot} call
   */
  #announceChanges(before, call) {
    if (before === call) return;
    const earlier = new Map(before.others.map((person) => [person.id, person]));
    for (const person of call.others) {
      const known = earlier.get(person.id);
      if (!known) continue;
      if (person.hand && !known.hand) this.#notice("notice.hand", { name: this.#nameOf(person) });
      if (person.screenTrack && !known.screenTrack) this.#notice("notice.screen", { name: this.#nameOf(person) });
    }
    if (Boolean(before.me.hand) !== Boolean(call.me.hand)) {
      this.#announce(this.#texts.say(call.me.hand ? "notice.hand.up" : "notice.hand.down"));
    }
  }

  /** @param {import("./call-session.js").CallSnapshot} call */
  #renderTools({ me, may }) {
    const { microphone, camera, share, hand, end } = this.#tools;
    const say = (/** @type {string} */ key) => this.#texts.say(key);
    relabel(microphone, me.microphone ? "mic" : "mic-off", say(me.microphone ? "tool.mute" : "tool.unmute"));
    relabel(camera, me.camera ? "camera" : "camera-off", say(me.camera ? "tool.camera_off" : "tool.camera_on"));
    microphone.classList.toggle("off", !me.microphone);
    camera.classList.toggle("off", !me.camera);
    const isSharing = me.screenTrack !== null;
    const labels = { share: say(isSharing ? "tool.unshare" : "tool.share"), hand: say(me.hand ? "tool.lower" : "tool.hand") };
    relabel(share, isSharing ? "screen-off" : "screen", labels.share);
    relabel(hand, "hand", labels.hand);
    this.#more.updateTools({ ...labels, mayShare: may.share });
    share.classList.toggle("active", isSharing);
    hand.classList.toggle("active", Boolean(me.hand));
    microphone.hidden = camera.hidden = !may.publish;
    share.hidden = !may.share;
    end.hidden = !may.end;
    this.#sharing.hidden = !isSharing;
    this.#labelChat();
    refreshTabStop(this.#bar);
  }

  #labelChat() {
    const { chat } = this.#tools;
    const label = this.#unread ? this.#texts.say("tool.chat.unread", { count: this.#unread }) : this.#texts.say("tool.chat");
    relabel(chat, "chat", label);
    if (this.#unread) chat.dataset.badge = this.#unread > 99 ? "99+" : String(this.#unread);
    else delete chat.dataset.badge;
  }

  /** @param {import("./call-session.js").CallSnapshot} call */
  #rows({ me, others, may }) {
    const row = (/** @type {import("./call-session.js").Person} */ person, /** @type {boolean} */ isSelf) => ({
      person,
      name: this.#nameOf(person),
      isSelf,
      isPinned: this.#pinned === person.id,
      isRemovable: may.remove && !isSelf,
    });
    return [row(me, true), ...others.map((person) => row(person, false))];
  }

  /**
   * The tiles that exist now: screens of others, the others, and this person if they are alone.
   * @returns {Content[]}
   */
  #contents() {
    const { me, others } = this.#call;
    const screens = others.filter((person) => person.screenTrack);
    const contents = [
      ...screens.map((person) => ({ key: `${person.id} screen`, person, isSelf: false, isScreen: true })),
      ...others.map((person) => ({ key: person.id, person, isSelf: false, isScreen: false })),
    ];
    return contents.length > 0 ? contents : [{ key: me.id, person: me, isSelf: true, isScreen: false }];
  }

  #arrange() {
    const contents = this.#contents();
    const keys = contents.map(({ key }) => key);
    this.#dropTiles(new Set(keys));
    if (this.#pinned !== null && !keys.includes(this.#pinned)) this.#pinned = null;
    const speaker = this.#speech.active;
    const { main, rest } = arrange({ tiles: contents, layout: this.#layout, pinned: this.#pinned, speaker });
    this.#stage.classList.toggle("with-main", main !== null);
    this.#stage.classList.toggle("with-strip", main !== null && rest.length > 0);
    const visible = main === null ? this.#visibleInGrid(rest, speaker) : new Set(keys);
    contents.forEach((content, position) => this.#place(content, position, { main, visible, count: contents.length }));
  }

  /**
   * @param {string[]} keys
   * @param {string | null} speaker
   */
  #visibleInGrid(keys, speaker) {
    const style = getComputedStyle(this.#list);
    const width = this.#list.clientWidth - parseFloat(style.paddingInlineStart) - parseFloat(style.paddingInlineEnd);
    const grid = fitGrid(keys.length, width, this.#list.clientHeight);
    this.#page = clampPage(this.#page, grid.pages);
    this.#list.style.setProperty("--tile-width", `${grid.width}px`);
    this.#list.style.setProperty("--tile-height", `${grid.height}px`);
    this.#renderPager(grid.pages);
    return new Set(pageOf(keys, this.#page, grid.perPage, speaker));
  }

  /** @param {number} pages */
  #renderPager(pages) {
    const { element, previous, next, count } = this.#pager;
    element.hidden = pages < 2;
    setText(count, pages < 2 ? "" : this.#texts.say("pages.count", { page: this.#page + 1, pages }));
    // Not disabled: that would take the focus from the button.
    previous.setAttribute("aria-disabled", String(this.#page === 0));
    next.setAttribute("aria-disabled", String(this.#page >= pages - 1));
    this.#stage.classList.toggle("paged", pages > 1);
  }

  /**
   * @param {Content} content
   * @param {number} position
   * @param {{ main: string | null, visible: Set<string>, count: number }} layout
   */
  #place({ key, person, isSelf, isScreen }, position, { main, visible, count }) {
    const tile = this.#tiles.get(key) ?? this.#addTile(key, person);
    const isVisible = visible.has(key);
    tile.element.hidden = !isVisible;
    tile.element.classList.toggle("main", key === main);
    if (main !== null) this.#pager.element.hidden = true;
    tile.update({
      person: isVisible ? person : { ...person, cameraTrack: null, screenTrack: null },
      name: this.#nameOf(person),
      isSelf,
      isScreen,
      isPinned: this.#pinned === key,
      isRemovable: this.#call.may.remove && !isSelf,
      isSpeaking: speakers(this.#speech).has(person.id),
    });
    tile.hidePin(isSelf || (count === 1 && this.#pinned === null));
    // Moving an element interrupts its video: only if it is at another place.
    const there = this.#list.children[position] ?? null;
    if (there !== tile.element) this.#list.insertBefore(tile.element, there);
  }

  /**
   * @param {string} key
   * @param {import("./call-session.js").Person} person
   */
  #addTile(key, person) {
    const tile = new Tile(person.id, this.#texts, {
      pin: () => this.#pin(key),
      remove: () => this.#session.remove(person.id),
      playBlocked: () => (this.#sound.hidden = false),
    });
    this.#tiles.set(key, tile);
    return tile;
  }

  /** @param {Set<string>} keys */
  #dropTiles(keys) {
    for (const [key, tile] of this.#tiles) {
      if (keys.has(key)) continue;
      const hadFocus = tile.element.contains(document.activeElement);
      tile.close();
      this.#tiles.delete(key);
      if (hadFocus) this.focus();
    }
  }

  /** @param {import("./call-session.js").Person} person */
  #nameOf(person) {
    return person.name || this.#texts.say("call.unnamed");
  }

  // Who speaks

  #measure() {
    const { me, others } = this.#call;
    const before = this.#speech.active;
    const levels = new Map(others.map(({ id }) => [id, this.#session.level(id)]));
    this.#speech = speakerAfter(this.#speech, levels, performance.now());
    const speaking = speakers(this.#speech);
    for (const tile of this.#tiles.values()) tile.markSpeaking(speaking.has(tile.element.dataset.id ?? ""));
    const isSpeaking = me.microphone && this.#session.level(me.id) > AUDIBLE;
    this.#self.markSpeaking(isSpeaking);
    this.#tiles.get(me.id)?.markSpeaking(isSpeaking);
    if (this.#speech.active === before) return;
    this.#arrange();
    this.#pip?.show(this.#pipContent());
  }

  #pipContent() {
    const { me, others } = this.#call;
    const speaker = others.find(({ id }) => id === this.#speech.active);
    const person = speaker ?? others.find((each) => each.cameraTrack && each.camera) ?? others[0] ?? me;
    const track = person.screenTrack && person !== me ? person.screenTrack : person.camera ? person.cameraTrack : null;
    return { track, name: this.#nameOf(person) };
  }

  // Actions

  /** @param {import("./call-shortcuts.js").ShortcutAction} action */
  #act(action) {
    const { me, may } = this.#call;
    if (action === "microphone" && may.publish) this.#session.setMicrophone(!me.microphone);
    if (action === "camera" && may.publish) this.#session.setCamera(!me.camera);
    if (action === "share" && may.share) this.#session.shareScreen(me.screenTrack === null);
    if (action === "hand") this.#session.raiseHand(!me.hand);
    if (action === "chat" || action === "people") this.#toggle(action);
    if (action === "help") this.#openShortcuts();
  }

  /** @param {string} key */
  #pin(key) {
    this.#pinned = this.#pinned === key ? null : key;
    this.#render();
  }

  /** @param {"grid" | "speaker"} layout */
  #setLayout(layout) {
    this.#layout = layout;
    this.#pinned = null;
    this.#render();
  }

  /** @param {number} step */
  #turn(step) {
    this.#page = Math.max(0, this.#page + step);
    this.#arrange();
  }

  /** @param {"chat" | "people"} name */
  #toggle(name) {
    const opens = this.#panels[name].element.hidden;
    for (const each of PANELS) {
      this.#panels[each].element.hidden = each !== name || !opens;
      this.#tools[each].setAttribute("aria-expanded", String(each === name && opens));
    }
    this.element.classList.toggle("with-panel", opens);
    this.#coverStage();
    if (name === "chat") this.#unread = 0;
    this.#labelChat();
    if (opens) this.#panels[name].focus();
    else this.#focusTool(name);
    this.#arrange();
  }

  /**
   * Focus a tool of the bar, or the menu that has it on narrow screens.
   * @param {"chat" | "people"} name
   */
  #focusTool(name) {
    const isInBar = this.#tools[name].getClientRects().length > 0;
    (isInBar ? this.#tools[name] : this.#more.button).focus();
  }

  /** A panel that covers the tiles makes them inert. */
  #coverStage() {
    const isCovered = this.#narrow.matches && this.element.classList.contains("with-panel");
    for (const each of [this.#header, this.#stage, this.#bar]) each.inert = isCovered;
  }

  async #addDialogs() {
    const { DevicesDialog, shortcutsDialog } = await import("./call-dialogs.js");
    const devices = new DevicesDialog(this.#texts, this.#session);
    const shortcuts = shortcutsDialog(this.#texts, {
      isOn: this.#usesShortcuts,
      set: (isOn) => this.#setShortcuts(isOn),
    });
    this.element.append(devices.element, shortcuts);
    this.#devices = devices;
    return { devices, shortcuts };
  }

  async #addPip() {
    const { PictureInPicture } = await import("./call-pip.js");
    this.#pip = new PictureInPicture(this.#texts, () => this.#render());
    this.#stage.append(this.#pip.element);
    return this.#pip;
  }

  /** Browsers open the window of picture-in-picture only soon after a press: the module is there when it is chosen. */
  #prepareMenu() {
    // If it fails, choosing an action tries again, and shows the failure.
    Promise.all([this.#loadDialogs(), this.#loadPip()]).catch(() => {});
  }

  async #openDevices() {
    const dialogs = await this.#loaded(this.#loadDialogs());
    await dialogs?.devices.open();
  }

  async #openShortcuts() {
    const dialogs = await this.#loaded(this.#loadDialogs());
    dialogs?.shortcuts.showModal();
  }

  /**
   * The result, or null after a notice.
   * @template T
   * @param {Promise<T>} loading
   */
  async #loaded(loading) {
    try {
      return await loading;
    } catch {
      this.#notice("menu.failed");
      return null;
    }
  }

  async #togglePip() {
    try {
      const pip = await this.#loadPip();
      await pip.toggle(this.#pipContent());
    } catch {
      this.#notice("pip.failed");
    }
  }

  async #confirmEnd() {
    if (this.#session.confirmsEnd) {
      this.#session.end();
      return;
    }
    const isConfirmed = await confirmDialog({
      title: this.#texts.say("end.heading"),
      text: this.#texts.say("end.text"),
      confirm: this.#texts.say("end.confirm"),
      cancel: this.#texts.say("end.cancel"),
      danger: true,
      parent: this.element,
    });
    if (isConfirmed) this.#session.end();
  }

  #playSound() {
    this.#sound.hidden = true;
    this.focus();
    this.#session.playSound();
    for (const tile of this.#tiles.values()) tile.play();
  }

  /** @param {boolean} isOn */
  #setShortcuts(isOn) {
    this.#usesShortcuts = isOn;
    saveShortcuts(isOn);
  }

  /** @param {KeyboardEvent} event */
  #pressed(event) {
    if (!this.#usesShortcuts || document.querySelector("dialog[open]")) return;
    const action = shortcutOf(event);
    if (action === null) return;
    event.preventDefault();
    this.#act(action);
  }

  /** @param {PointerEvent} event */
  #closeMenu(event) {
    const target = event.target instanceof Node ? event.target : null;
    const isInside = this.#more.button.contains(target) || this.#more.element.contains(target);
    if (this.#more.isOpen && !isInside) this.#more.close();
  }

  // Messages

  /** @param {import("./call-session.js").ChatMessage} message */
  #received(message) {
    this.#chat.add(message);
    if (message.isMine || !this.#chat.element.hidden) return;
    this.#unread += 1;
    this.#labelChat();
    const name = message.name ?? this.#texts.say(message.from ? "call.unnamed" : "chat.service");
    this.#notice("chat.preview", { name, text: shortened(message.text) });
  }

  /** @param {import("./call-session.js").ChatMessage[]} messages */
  #replaceMessages(messages) {
    this.#chat.clear();
    for (const message of messages) this.#chat.add(message);
  }

  /**
   * @param {string} key
   * @param {Record<string, string>} [values]
   */
  #notice(key, values) {
    this.#toasts.show(this.#texts.say(key, values));
  }

  /** @param {string} text */
  #announce(text) {
    this.#announcement.textContent = text;
  }
}

const PREVIEW_CHARACTERS = 120;

/** @param {string} text */
function shortened(text) {
  const characters = [...text];
  return characters.length > PREVIEW_CHARACTERS ? `${characters.slice(0, PREVIEW_CHARACTERS).join("")}...` : text;
}

/**
 * Loads at most once. After a failure, the next call tries again.
 * @template T
 * @param {() => Promise<T>} load
 * @returns {() => Promise<T>}
 */
function once(load) {
  /** @type {Promise<T> | null} */
  let loading = null;
  return () =>
    (loading ??= load().catch((error) => {
      loading = null;
      throw error;
    }));
}
