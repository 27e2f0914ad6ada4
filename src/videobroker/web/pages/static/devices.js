// The device check: camera preview, microphone level, and the choice of devices.

const LEVELS_PER_SECOND = 12;
const STORAGE_KEY = "videobroker-devices";
const KINDS = { camera: "videoinput", microphone: "audioinput" };

export class Devices {
  #root;
  #voice;
  #stream = null;
  #audio = null;
  #timer = null;
  #attempt = 0;
  #choice = loadChoice(); // the chosen "camera" and "microphone", as {id, label, index}

  /** `root` contains the elements with the `data-part` names below. */
  constructor(root, voice) {
    this.#root = root;
    this.#voice = voice;
    this.#part("start").addEventListener("click", () => this.start());
    for (const part of Object.keys(KINDS)) this.#part(part).addEventListener("change", () => this.#choose(part));
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.#stream && this.#list());
    this.#show("idle");
  }

  /** Whether the preview is on. */
  get isOn() {
    return this.#stream !== null;
  }

  /**
   * The chosen devices for the call page: `{camera, microphone}`, each null or `{label, index}`, where `index` counts
   * devices with the same label. Without IDs: a device has a different ID on each origin.
   */
  get chosen() {
    const portable = (choice) => (choice ? { label: choice.label, index: choice.index } : null);
    return { camera: portable(this.#choice.camera), microphone: portable(this.#choice.microphone) };
  }

  /** Start the preview if permission was granted before, so that the browser does not prompt. */
  async startIfAllowed() {
    if (this.isOn) return;
    try {
      const asked = ["camera", "microphone"].map((name) => navigator.permissions.query({ name }));
      const states = (await Promise.all(asked)).map((each) => each.state);
      if (states.every((state) => state === "granted")) await this.start();
    } catch {
      // The browser cannot query these permissions: the person can press the button.
    }
  }

  async start() {
    const attempt = ++this.#attempt;
    this.#release();
    this.#show("asking");
    const { stream, fault } = await openDevices(this.#choice);
    if (attempt !== this.#attempt) {
      stop(stream);
      return;
    }
    if (!stream) {
      this.#show(fault);
      return;
    }
    this.#stream = stream;
    this.#part("preview").srcObject = stream;
    this.#measureLevel();
    await this.#list();
    const has = { video: stream.getVideoTracks().length > 0, audio: stream.getAudioTracks().length > 0 };
    this.#show(has.video && has.audio ? "on" : has.video ? "no_microphone" : "no_camera");
  }

  /** Release camera and microphone. */
  stop() {
    this.#attempt += 1;
    this.#release();
    this.#show("idle");
  }

  async #choose(part) {
    const id = this.#part(part).value;
    const found = await devicesOf(KINDS[part]);
    const device = found.find((each) => each.deviceId === id);
    if (!device) return;
    const same = found.filter((each) => each.label === device.label);
    this.#choice = { ...this.#choice, [part]: { id, label: device.label, index: same.indexOf(device) } };
    saveChoice(this.#choice);
    await this.start();
  }

  #release() {
    stop(this.#stream);
    this.#stream = null;
    this.#part("preview").srcObject = null;
    clearInterval(this.#timer);
    this.#audio?.close();
    this.#audio = null;
  }

  #measureLevel() {
    if (this.#stream.getAudioTracks().length === 0) return;
    this.#audio = new AudioContext();
    const analyzer = this.#audio.createAnalyser(); // codespell:ignore analyser
    analyzer.fftSize = 512;
    this.#audio.createMediaStreamSource(this.#stream).connect(analyzer);
    const samples = new Uint8Array(analyzer.fftSize);
    const meter = this.#part("level");
    this.#timer = setInterval(() => {
      analyzer.getByteTimeDomainData(samples);
      const peak = Math.max(...samples.map((each) => Math.abs(each - 128))) / 128;
      const level = Math.round(Math.min(1, peak * 2) * 100);
      meter.style.setProperty("--level", `${level}%`);
      meter.setAttribute("aria-valuenow", String(level));
    }, 1000 / LEVELS_PER_SECOND);
  }

  async #list() {
    const using = this.#stream?.getTracks().map((track) => track.getSettings().deviceId) ?? [];
    for (const [part, kind] of Object.entries(KINDS)) {
      const select = this.#part(part);
      const devices = await devicesOf(kind);
      select.replaceChildren(
        ...devices.map((device, index) => {
          const name = device.label || `${this.#voice.say(`devices.${part}`)} ${index + 1}`;
          return new Option(name, device.deviceId, false, using.includes(device.deviceId));
        }),
      );
      select.closest("label").hidden = devices.length === 0;
    }
  }

  #show(state) {
    const running = this.isOn;
    this.#root.dataset.state = state;
    this.#part("choices").hidden = !running;
    this.#part("level").hidden = !running || state === "no_microphone";
    this.#part("preview").hidden = !running || state === "no_camera";
    this.#part("blank").hidden = running && state !== "no_camera";
    this.#part("start").hidden = running || state === "asking";
    this.#part("start").textContent = this.#voice.say(state === "idle" ? "devices.start" : "devices.again");
    const status = { idle: "devices.invite", on: "devices.speak" }[state] ?? `devices.${state}`;
    this.#part("status").textContent = this.#voice.say(status);
  }

  #part(name) {
    return this.#root.querySelector(`[data-part="${name}"]`);
  }
}

/**
 * Opens camera and microphone, or one of them. With neither, `fault` is the reason.
 *
 * A chosen device is requested with `exact`, since browsers ignore `ideal` in favor of their default device. If it is
 * missing, the default device is used.
 */
async function openDevices({ camera, microphone }) {
  if (!navigator.mediaDevices?.getUserMedia) return { stream: null, fault: "none" };
  const size = { width: { ideal: 1280 }, height: { ideal: 720 } };
  const videos = [...(camera ? [{ ...size, deviceId: { exact: camera.id } }] : []), size];
  const audios = [...(microphone ? [{ deviceId: { exact: microphone.id } }] : []), true];
  const both = videos.flatMap((video) => audios.map((audio) => ({ video, audio })));
  let fault = "none";
  for (const constraints of [...both, ...audios.map((audio) => ({ audio })), ...videos.map((video) => ({ video }))]) {
    try {
      return { stream: await navigator.mediaDevices.getUserMedia(constraints), fault: null };
    } catch (error) {
      if (error.name === "NotAllowedError" || error.name === "SecurityError") return { stream: null, fault: "denied" };
      if (error.name === "NotReadableError" || error.name === "AbortError") fault = "busy";
    }
  }
  return { stream: null, fault };
}

async function devicesOf(kind) {
  const found = await navigator.mediaDevices.enumerateDevices();
  return found.filter((each) => each.kind === kind && each.deviceId);
}

/** The choice of an earlier visit. Browsers may deny access to the storage, for example in a frame. */
function loadChoice() {
  try {
    const { camera = null, microphone = null } = JSON.parse(localStorage.getItem(STORAGE_KEY)) ?? {};
    return { camera: validChoice(camera), microphone: validChoice(microphone) };
  } catch {
    return { camera: null, microphone: null };
  }
}

function validChoice(choice) {
  const fits = typeof choice?.id === "string" && typeof choice.label === "string" && Number.isInteger(choice.index);
  return fits ? choice : null;
}

function saveChoice(choice) {
  try {
    localStorage.setItem(STORAGE_KEY, JSON.stringify(choice));
  } catch {
    // The choice applies to this visit only.
  }
}

function stop(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
