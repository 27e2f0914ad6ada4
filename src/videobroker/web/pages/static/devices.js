// The device check: a picture of oneself, the loudness of one's voice, and the choice of devices.

const LEVELS_PER_SECOND = 12;
const REMEMBERED = "videobroker-devices";
const KINDS = { camera: "videoinput", microphone: "audioinput" };

export class Devices {
  #root;
  #voice;
  #stream = null;
  #audio = null;
  #timer = null;
  #turn = 0;
  #choice = remembered(); // by "camera" and "microphone": what the person chose, as {id, label, index}

  /** `root` holds the elements that are named below by `data-part`. */
  constructor(root, voice) {
    this.#root = root;
    this.#voice = voice;
    this.#part("start").addEventListener("click", () => this.start());
    for (const part of Object.keys(KINDS)) this.#part(part).addEventListener("change", () => this.#choose(part));
    navigator.mediaDevices?.addEventListener?.("devicechange", () => this.#stream && this.#list());
    this.#show("idle");
  }

  /** Whether somebody sees themselves just now. */
  get isOn() {
    return this.#stream !== null;
  }

  /**
   * What the person chose, for the page of the call: `{camera, microphone}`, each null or `{label, index}`, where `index`
   * counts devices with the same label. Not by ID: a page of another origin knows the same device by another one.
   */
  get chosen() {
    const told = (choice) => (choice ? { label: choice.label, index: choice.index } : null);
    return { camera: told(this.#choice.camera), microphone: told(this.#choice.microphone) };
  }

  /** Begin without being asked, where this page was allowed to before: nobody is surprised by a question. */
  async offer() {
    if (this.isOn) return;
    try {
      const asked = ["camera", "microphone"].map((name) => navigator.permissions.query({ name }));
      const states = (await Promise.all(asked)).map((each) => each.state);
      if (states.every((state) => state === "granted")) await this.start();
    } catch {
      // A browser that tells nothing about permissions: the button is there.
    }
  }

  async start() {
    const turn = ++this.#turn;
    this.#release();
    this.#show("asking");
    const { stream, fault } = await take(this.#choice);
    if (turn !== this.#turn) {
      stop(stream);
      return;
    }
    if (!stream) {
      this.#show(fault);
      return;
    }
    this.#stream = stream;
    this.#part("preview").srcObject = stream;
    this.#listen();
    await this.#list();
    const has = { video: stream.getVideoTracks().length > 0, audio: stream.getAudioTracks().length > 0 };
    this.#show(has.video && has.audio ? "on" : has.video ? "no_microphone" : "no_camera");
  }

  /** Let go of camera and microphone: the call wants them. */
  stop() {
    this.#turn += 1;
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
    remember(this.#choice);
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

  #listen() {
    if (this.#stream.getAudioTracks().length === 0) return;
    this.#audio = new AudioContext();
    const ear = this.#audio.createAnalyser();
    ear.fftSize = 512;
    this.#audio.createMediaStreamSource(this.#stream).connect(ear);
    const samples = new Uint8Array(ear.fftSize);
    const meter = this.#part("level");
    this.#timer = setInterval(() => {
      ear.getByteTimeDomainData(samples);
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
    const told = { idle: "devices.invite", on: "devices.speak" }[state] ?? `devices.${state}`;
    this.#part("told").textContent = this.#voice.say(told);
  }

  #part(name) {
    return this.#root.querySelector(`[data-part="${name}"]`);
  }
}

/**
 * Camera and microphone, or one of them; else the reason why there is neither.
 *
 * A chosen device is requested with `exact`, since browsers ignore `ideal` in favor of their default device. When it is
 * gone, the default one takes its place.
 */
async function take({ camera, microphone }) {
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

/** What the person chose on an earlier visit. Browsers may deny the storage, in a frame for example. */
function remembered() {
  try {
    const { camera = null, microphone = null } = JSON.parse(localStorage.getItem(REMEMBERED)) ?? {};
    return { camera: checked(camera), microphone: checked(microphone) };
  } catch {
    return { camera: null, microphone: null };
  }
}

function checked(choice) {
  const fits = typeof choice?.id === "string" && typeof choice.label === "string" && Number.isInteger(choice.index);
  return fits ? choice : null;
}

function remember(choice) {
  try {
    localStorage.setItem(REMEMBERED, JSON.stringify(choice));
  } catch {
    // The choice holds for this visit only.
  }
}

function stop(stream) {
  for (const track of stream?.getTracks() ?? []) track.stop();
}
