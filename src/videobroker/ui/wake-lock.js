// Keeps the screen on, so that a phone does not lock while its owner waits or listens.

export class WakeLock {
  /** @type {WakeLockSentinel | null} */
  #sentinel = null;
  #isWanted = false;
  #isRequesting = false;

  constructor() {
    // The browser releases the lock when the page is hidden.
    document.addEventListener("visibilitychange", () => this.#acquire());
  }

  /** @param {boolean} isWanted */
  set(isWanted) {
    this.#isWanted = isWanted;
    if (isWanted) this.#acquire();
    else this.#release();
  }

  async #acquire() {
    if (!this.#isWanted || this.#sentinel || this.#isRequesting || document.hidden || !("wakeLock" in navigator)) return;
    this.#isRequesting = true;
    try {
      const sentinel = await navigator.wakeLock.request("screen");
      this.#sentinel = sentinel;
      sentinel.addEventListener("release", () => {
        if (this.#sentinel === sentinel) this.#sentinel = null;
      });
    } catch {
      // The battery is low, or the embedding page does not permit it. The next change of visibility tries again.
    }
    this.#isRequesting = false;
    if (!this.#isWanted) this.#release();
  }

  #release() {
    const sentinel = this.#sentinel;
    this.#sentinel = null;
    sentinel?.release().catch(() => {});
  }
}
