// Types of <videobroker-call>. This file is only compiled.

import type {} from "@videobroker/client/react";
import "@videobroker/client/element";

const call = document.createElement("videobroker-call");
call.ticket = "vbt_ticket";
call.addEventListener("joined", (event) => event.detail.provider.toUpperCase());
call.addEventListener("left", (event) => event.detail.reason === "removed");
call.addEventListener("click", (event) => event.preventDefault());
call.leave();

export const element = (
  <videobroker-call
    ticket="vbt_ticket"
    origin="https://video.example"
    lang="de"
    className="lesson"
    onwaiting={(event) => event.detail.opens_at?.slice(0, 10)}
    onerror={(event) => event.detail.code.length}
  />
);

// @ts-expect-error an attribute that does not exist
export const wrong = <videobroker-call tickets="vbt_ticket" />;

// @ts-expect-error an event without such a detail
call.addEventListener("waiting", (event) => event.detail.provider);
