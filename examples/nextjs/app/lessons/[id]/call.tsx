"use client";

import Script from "next/script";
import { useEffect, useRef, useState } from "react";

const EVENTS = ["waiting", "joined", "left", "error"];

export function Call({ ticket, origin }: { ticket: string; origin: string }) {
  const element = useRef<VideobrokerCall>(null);
  const [state, setState] = useState("opening");

  useEffect(() => {
    const call = element.current;
    if (!call) return;
    const show = (event: Event) => setState(event.type);
    for (const type of EVENTS) call.addEventListener(type, show);
    return () => {
      for (const type of EVENTS) call.removeEventListener(type, show);
    };
  }, []);

  return (
    <>
      <Script src={`${origin}/embed.js`} />
      <p role="status">{state}</p>
      <videobroker-call ref={element} ticket={ticket} />
      {state === "joined" && <button onClick={() => element.current?.leave()}>Leave the call</button>}
    </>
  );
}
