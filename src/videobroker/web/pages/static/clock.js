// The time as the server has it. The device's own clock may be wrong by hours, and it may sleep.

const JUMP = 2000; // ms

export class ServerClock {
  #ahead = 0;
  #seen = null;

  /** The server said that it is `now`, in RFC 3339. */
  set(now) {
    this.#ahead = Date.parse(now) - Date.now();
  }

  /** The server's time, in milliseconds. */
  now() {
    return Date.now() + this.#ahead;
  }

  /**
   * Whether the device slept, or its clock was set, since this was asked before: then what we took for the server's
   * time is worth nothing. The clock on the wall goes on during sleep, that of the process may stand still.
   */
  jumped() {
    const seen = { wall: Date.now(), process: performance.now() };
    const before = this.#seen ?? seen;
    this.#seen = seen;
    const wall = seen.wall - before.wall;
    const process = seen.process - before.process;
    return Math.abs(wall - process) > JUMP || process > 30 * JUMP;
  }
}
