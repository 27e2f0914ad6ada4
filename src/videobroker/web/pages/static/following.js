// Keeps the page up to date: one stream, opened again whenever it ends, for as long as the page lives.

import { Problem, backoff } from "./broker.js";

export class Following {
  #broker;
  #on;
  #stopped = false;
  #attempt = new AbortController();
  #wake = () => {};

  /** `on.visit(visit)`, `on.trouble("offline" | "service" | null)`, `on.gone(problem)`. */
  constructor(broker, on) {
    this.#broker = broker;
    this.#on = on;
    addEventListener("online", () => this.again());
    addEventListener("offline", () => this.#on.trouble("offline"));
  }

  /** Follow until the ticket is no good any more. */
  async run() {
    let failures = 0;
    while (!this.#stopped) {
      this.#attempt = new AbortController();
      try {
        for await (const visit of this.#broker.visits(this.#attempt.signal)) {
          failures = 0;
          this.#on.trouble(null);
          this.#on.visit(visit);
        }
        // The service ends streams now and then on purpose.
        await this.#pause(backoff(0));
      } catch (error) {
        if (this.#stopped) return;
        if (!(error instanceof Problem)) {
          if (this.#attempt.signal.aborted) continue;
          // The connection broke off in the middle.
          this.#on.trouble(navigator.onLine ? null : "offline");
          await this.#pause(backoff(failures));
          failures += 1;
          continue;
        }
        if (error.isAboutTicket) {
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

  /** Ask anew at once: whatever the page knows may be out of date. */
  again() {
    this.#attempt.abort();
    this.#wake();
  }

  stop() {
    this.#stopped = true;
    this.#attempt.abort();
    this.#wake();
  }

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
