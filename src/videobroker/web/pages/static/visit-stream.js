// Reads the stream of visits, and reconnects whenever it ends, until the ticket becomes invalid.

import { Problem, backoff } from "./broker.js";

export class VisitStream {
  #broker;
  #on;
  #isStopped = false;
  #attempt = new AbortController();
  #wake = () => {};

  /**
   * @param {import("./broker.js").Broker} broker
   * @param {{ visit: (visit: import("videobroker-models").Visit) => void,
   *   trouble: (trouble: "offline" | "service" | null) => void, gone: (problem: Problem) => void }} on
   */
  constructor(broker, on) {
    this.#broker = broker;
    this.#on = on;
    addEventListener("online", () => this.reconnect());
    addEventListener("offline", () => this.#on.trouble("offline"));
  }

  /** Returns after the ticket has become invalid, or after `stop`. */
  async run() {
    let failures = 0;
    while (!this.#isStopped) {
      const attempt = new AbortController();
      this.#attempt = attempt;
      try {
        for await (const visit of this.#broker.visits(attempt.signal)) {
          // A visit that arrived before `reconnect` is out of date.
          if (attempt.signal.aborted) break;
          failures = 0;
          this.#on.trouble(null);
          this.#on.visit(visit);
        }
        if (attempt.signal.aborted) continue;
        // The service limits how long a stream lasts.
        await this.#pause(backoff(0));
      } catch (error) {
        if (this.#isStopped) return;
        if (!(error instanceof Problem)) {
          if (this.#attempt.signal.aborted) continue;
          // The connection was lost while the stream was open.
          this.#on.trouble(navigator.onLine ? null : "offline");
          await this.#pause(backoff(failures));
          failures += 1;
          continue;
        }
        if (error.isTicketInvalid) {
          this.stop();
          this.#on.gone(error);
          return;
        }
        if (this.#attempt.signal.aborted) continue;
        this.#on.trouble(error.status === 0 && !navigator.onLine ? "offline" : "service");
        await this.#pause(error.retryAfter ?? backoff(failures));
        failures += 1;
      }
    }
  }

  /** Reconnect at once: the latest visit may be out of date. */
  reconnect() {
    this.#attempt.abort();
    this.#wake();
  }

  stop() {
    this.#isStopped = true;
    this.#attempt.abort();
    this.#wake();
  }

  /**
   * @param {number} milliseconds
   * @returns {Promise<void>}
   */
  #pause(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
