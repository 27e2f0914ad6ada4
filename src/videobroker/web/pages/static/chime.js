// A short sound for a host when someone asks to join. The host can turn it off, and this device remembers it.

const STORAGE_KEY = "videobroker-chime";
const NOTES_HZ = [659.25, 880];
const NOTE_SECONDS = 0.18;
const VOLUME = 0.12;

export class Chime {
  /** @type {AudioContext | null} */
  #context = null;

  get isOn() {
    try {
      return localStorage.getItem(STORAGE_KEY) !== "off";
    } catch {
      // The browser does not let this page store anything, for example in a frame.
      return true;
    }
  }

  /** @param {boolean} isOn */
  turn(isOn) {
    try {
      localStorage.setItem(STORAGE_KEY, isOn ? "on" : "off");
    } catch {
      // Then it is on again the next time.
    }
  }

  /** Play it, if it is on and the browser allows sounds: that is, after the person has pressed something here. */
  async play() {
    if (!this.isOn) return;
    this.#context ??= new AudioContext();
    const context = this.#context;
    if (context.state === "suspended") await context.resume();
    NOTES_HZ.forEach((frequency, index) => playNote(context, frequency, context.currentTime + index * NOTE_SECONDS));
    document.body.dataset.chimes = String(Number(document.body.dataset.chimes ?? 0) + 1);
  }
}

/**
 * @param {AudioContext} context
 * @param {number} frequency
 * @param {number} start
 */
function playNote(context, frequency, start) {
  const [oscillator, gain] = [context.createOscillator(), context.createGain()];
  oscillator.frequency.value = frequency;
  gain.gain.setValueAtTime(0, start);
  gain.gain.linearRampToValueAtTime(VOLUME, start + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.001, start + 2 * NOTE_SECONDS);
  oscillator.connect(gain).connect(context.destination);
  oscillator.start(start);
  oscillator.stop(start + 2 * NOTE_SECONDS);
}
