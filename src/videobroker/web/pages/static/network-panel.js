// The part of a page that checks the connection, and says what the result means.

import { h, part, setText } from "../ui/dom.js";

/** @typedef {import("./network-check.js").NetworkReport} NetworkReport */

/** @type {NetworkReport} */
const UNREACHABLE = { roundTripMs: null, jitterMs: 0, megabits: null, webrtc: "none", level: "poor", problem: "failed" };

/** Loads the check when it is needed: the page starts without it. */
async function measure() {
  const check = await import("./network-check.js").catch(() => null);
  return check ? check.checkNetwork() : UNREACHABLE;
}

export class NetworkPanel {
  #root;
  #voice;
  #isChecking = false;
  /** @type {NetworkReport | null} */
  #report = null;

  /**
   * @param {HTMLElement} root contains the parts `network-check` (a button) and `network-status`
   * @param {import("./texts.js").Voice} voice
   * @param {(report: NetworkReport) => void} [onReport]
   */
  constructor(root, voice, onReport = () => {}) {
    this.#root = root;
    this.#voice = voice;
    part(root, "network-check").addEventListener("click", async () => {
      const report = await this.check();
      if (report) onReport(report);
    });
  }

  /** The last result. */
  get report() {
    return this.#report;
  }

  /** Returns null if a check is running already. */
  async check() {
    if (this.#isChecking) return null;
    this.#isChecking = true;
    const button = part(this.#root, "network-check");
    const status = part(this.#root, "network-status");
    button.setAttribute("aria-disabled", "true");
    setText(status, this.#voice.say("network.checking"));
    status.dataset.level = "";
    const report = await measure();
    this.#report = report;
    status.dataset.level = report.level;
    status.replaceChildren(
      h("span", { className: `badge ${{ good: "good", fair: "warn", poor: "bad" }[report.level]}` }, this.#level(report)),
      ` ${this.#advice(report)} ${this.details(report)}`,
    );
    button.removeAttribute("aria-disabled");
    this.#isChecking = false;
    return report;
  }

  /**
   * The figures, and what they are about.
   * @param {NetworkReport} report
   */
  details({ roundTripMs, megabits }) {
    if (roundTripMs === null || megabits === null) return "";
    const number = new Intl.NumberFormat(this.#voice.locale, { maximumFractionDigits: 1 });
    return this.#voice.say("network.details", { time: roundTripMs, speed: number.format(megabits) });
  }

  /** @param {NetworkReport} report */
  #level({ level }) {
    return this.#voice.say({ good: "network.good", fair: "network.fair", poor: "network.poor" }[level]);
  }

  /** @param {NetworkReport} report */
  #advice({ level, problem }) {
    const texts = {
      none: "network.advice.none",
      failed: "network.advice.failed",
      webrtc: "network.advice.webrtc",
      firewall: "network.advice.firewall",
      delay: "network.advice.delay",
      slow: level === "poor" ? "network.advice.too_slow" : "network.advice.slow",
    };
    return this.#voice.say(texts[problem]);
  }
}
