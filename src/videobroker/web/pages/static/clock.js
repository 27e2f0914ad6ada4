// The server's time. The clock of the device may be wrong by hours, and the device may sleep.

const MAX_DRIFT_MS = 2000;

export class ServerClock {
  #offset = 0;
  /** @type {{ wall: number, process: number } | null} */
  #last = null;

  /**
   * Synchronize with the server's time `now` (RFC 3339).
   * @param {string} now
   */
  set(now) {
    this.#offset = Date.parse(now) - Date.now();
  }

  /** The server's time, in milliseconds since 1970. */
  now() {
    return Date.now() + this.#offset;
  }

  /**
   * Whether the device slept, or its clock was set, since the previous call: then `now` is wrong until the next `set`.
   * During sleep the wall clock advances, but the clock of the process may not.
   */
  jumped() {
    const current = { wall: Date.now(), process: performance.now() };
    const before = this.#last ?? current;
    this.#last = current;
    const wall = current.wall - before.wall;
    const process = current.process - before.process;
    return Math.abs(wall - process) > MAX_DRIFT_MS || process > 30 * MAX_DRIFT_MS;
  }
}
