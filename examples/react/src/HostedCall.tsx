import { useEffect, useRef, useState } from "react";

import { createTicket } from "./api";
import { explain } from "./reasons";

const SCRIPT = `${import.meta.env.VITE_VIDEOBROKER_URL}/embed.js`;
const EVENTS = ["waiting", "joined", "left", "error"];

/** The waiting room, the device check, and the call, on the hosted page. */
export function HostedCall({ bookingId }: { bookingId: string }) {
  const element = useRef<VideobrokerCall>(null);
  const [ticket, setTicket] = useState<string>();
  const [state, setState] = useState("opening");

  useEffect(() => {
    if (document.querySelector(`script[src="${SCRIPT}"]`)) return;
    document.head.append(Object.assign(document.createElement("script"), { src: SCRIPT, async: true }));
  }, []);

  useEffect(() => {
    let isCurrent = true;
    createTicket(bookingId).then(
      (created) => isCurrent && setTicket(created),
      (problem) => isCurrent && setState(explain(problem)),
    );
    return () => {
      isCurrent = false;
    };
  }, [bookingId]);

  useEffect(() => {
    const call = element.current;
    if (!call) return;
    const show = (event: Event) => setState(event.type);
    for (const type of EVENTS) call.addEventListener(type, show);
    return () => {
      for (const type of EVENTS) call.removeEventListener(type, show);
    };
  }, [ticket]);

  return (
    <>
      <p role="status">{state}</p>
      {ticket && <videobroker-call ref={element} ticket={ticket} />}
      {state === "joined" && <button onClick={() => element.current?.leave()}>Leave the call</button>}
    </>
  );
}
