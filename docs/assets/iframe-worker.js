// Browsers start no workers for pages from the file system, and the search of the theme needs one. There, the "worker" is a
// hidden frame. The theme recognizes it by the name `IFrameWorker`.
"use strict";

class IFrameWorker extends EventTarget {
  #frame = document.createElement("iframe");
  #loaded;

  constructor(url) {
    super();
    this.#frame.hidden = true;
    document.body.append(this.#frame);
    const scope = this.#frame.contentWindow;
    scope.document.open();
    scope.document.write("<body></body>");
    scope.document.close();
    scope.postMessage = (data) => this.#receive(data);
    scope.importScripts = async (...urls) => {
      for (const each of urls) await IFrameWorker.#load(scope.document, each);
    };
    this.#loaded = IFrameWorker.#load(scope.document, url);
  }

  postMessage(data) {
    this.#loaded.then(() => {
      const scope = this.#frame.contentWindow;
      scope.dispatchEvent(new scope.MessageEvent("message", { data: structuredClone(data) }));
    });
  }

  terminate() {
    this.#frame.remove();
  }

  #receive(data) {
    const event = new MessageEvent("message", { data });
    this.dispatchEvent(event);
    this.onmessage?.(event);
  }

  static #load(target, url) {
    return new Promise((resolve, reject) => {
      const script = target.createElement("script");
      Object.assign(script, { src: url, onload: resolve, onerror: reject });
      target.body.append(script);
    });
  }
}

if (location.protocol === "file:") {
  window.IFrameWorker = IFrameWorker;
  window.Worker = IFrameWorker;
}
