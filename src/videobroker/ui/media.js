// Camera and microphone, the level of a microphone, and the sound of the speaker test.

/**
 * @typedef {import("./device-choice.js").ChosenDevice} ChosenDevice
 * @typedef {"none" | "denied" | "busy"} MediaFault
 * @typedef {{ camera?: ChosenDevice | null, microphone?: ChosenDevice | null, wantsCamera?: boolean,
 *   wantsMicrophone?: boolean }} MediaRequest
 */

const NOTES_HZ = [523.25, 659.25, 783.99];
const NOTE_SECONDS = 0.28;
const VOLUME = 0.18;

/**
 * Open the wanted devices, or those of them that work. With none, `fault` is the reason.
 *
 * A chosen device is requested with `exact`, since browsers ignore `ideal` in favor of their default device. If it is
 * missing, the default device is used.
 * @param {MediaRequest} request
 * @returns {Promise<{ stream: MediaStream, fault: null } | { stream: null, fault: MediaFault }>}
 */
export async function openMedia(request) {
  if (!navigator.mediaDevices?.getUserMedia) return { stream: null, fault: "none" };
  /** @type {MediaFault} */
  let fault = "none";
  for (const constraints of attempts(request)) {
    try {
      return { stream: await navigator.mediaDevices.getUserMedia(constraints), fault: null };
    } catch (error) {
      const name = error instanceof DOMException ? error.name : "";
      if (name === "NotAllowedError" || name === "SecurityError") return { stream: null, fault: "denied" };
      if (name === "NotReadableError" || name === "AbortError") fault = "busy";
    }
  }
  return { stream: null, fault };
}

/**
 * What to request, one after the other until something works: both devices as chosen, the default ones, then one of them.
 * @param {MediaRequest} request
 * @returns {MediaStreamConstraints[]}
 */
export function attempts({ camera, microphone, wantsCamera = true, wantsMicrophone = true }) {
  const size = { width: { ideal: 1280 }, height: { ideal: 720 } };
  const videos = [...(camera ? [{ ...size, deviceId: { exact: camera.id } }] : []), size];
  const audios = [...(microphone ? [{ deviceId: { exact: microphone.id } }] : []), true];
  const onlyVideo = wantsCamera ? videos.map((video) => ({ video })) : [];
  const onlyAudio = wantsMicrophone ? audios.map((audio) => ({ audio })) : [];
  const both = onlyVideo.flatMap(({ video }) => onlyAudio.map(({ audio }) => ({ video, audio })));
  return [...both, ...onlyAudio, ...onlyVideo];
}

/**
 * Stop all tracks.
 * @param {MediaStream | null} stream
 */
export function stopStream(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}

/** Measures how loud a stream is. */
export class LevelMeter {
  #context = new AudioContext();
  #analyzer = this.#context.createAnalyser(); // codespell:ignore analyser
  #samples;

  /** @param {MediaStream} stream */
  constructor(stream) {
    this.#analyzer.fftSize = 512;
    this.#samples = new Uint8Array(this.#analyzer.fftSize);
    this.#context.createMediaStreamSource(stream).connect(this.#analyzer);
  }

  /** From 0 to 100. */
  level() {
    this.#analyzer.getByteTimeDomainData(this.#samples);
    const peak = this.#samples.reduce((highest, each) => Math.max(highest, Math.abs(each - 128)), 0) / 128;
    return Math.round(Math.min(1, peak * 2) * 100);
  }

  close() {
    this.#context.close();
  }
}

/**
 * Play three notes on a speaker, or on the default one. Resolves at their end.
 * @param {string | null} speakerId
 */
export async function playTestSound(speakerId) {
  const context = new AudioContext();
  const audio = new Audio();
  try {
    const output = context.createMediaStreamDestination();
    const starts = context.currentTime + 0.05;
    for (const [index, frequency] of NOTES_HZ.entries()) {
      playNote(context, output, frequency, starts + index * NOTE_SECONDS);
    }
    if (speakerId && "setSinkId" in audio) await audio.setSinkId(speakerId);
    audio.srcObject = output.stream;
    await audio.play();
    await new Promise((resolve) => {
      setTimeout(resolve, (NOTES_HZ.length * NOTE_SECONDS + 0.4) * 1000);
    });
  } finally {
    audio.pause();
    audio.srcObject = null;
    await context.close();
  }
}

/**
 * @param {AudioContext} context
 * @param {AudioNode} output
 * @param {number} frequency
 * @param {number} starts
 */
function playNote(context, output, frequency, starts) {
  const oscillator = new OscillatorNode(context, { frequency, type: "sine" });
  const gain = new GainNode(context, { gain: 0 });
  gain.gain.setValueAtTime(0, starts);
  gain.gain.linearRampToValueAtTime(VOLUME, starts + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.001, starts + NOTE_SECONDS);
  oscillator.connect(gain).connect(output);
  oscillator.start(starts);
  oscillator.stop(starts + NOTE_SECONDS);
}
