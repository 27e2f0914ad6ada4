// Modules of pages import `../ui/name.js`, which browsers resolve to `/ui/name.js`. Preload: `node --import`.

import { register } from "node:module";

const KIT = new URL("../../src/videobroker/ui/", import.meta.url).href;

const hook = `
const KIT = ${JSON.stringify(KIT)};
export function resolve(specifier, context, next) {
  const ofKit = /^\\.\\.\\/(?:\\.\\.\\/)?ui\\/([\\w.-]+)$/.exec(specifier);
  return next(ofKit ? KIT + ofKit[1] : specifier, context);
}`;

register(`data:text/javascript,${encodeURIComponent(hook)}`);
