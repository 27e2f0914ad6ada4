import { useEffect, useRef, useState } from "react";

import { joinAgora } from "./agora";
import { type AgoraCredentials, join } from "./api";
import { explain } from "./reasons";

export default function AgoraCall({ credentials, bookingId }: { credentials: AgoraCredentials; bookingId: string }) {
  const container = useRef<HTMLDivElement>(null);
  const [state, setState] = useState("Connecting");

  useEffect(() => {
    const renew = async () => (await join(bookingId)) as AgoraCredentials;
    const joining = joinAgora(container.current!, credentials, renew);
    joining.then(
      () => setState("In the call"),
      (problem) => setState(explain(problem)),
    );
    return () => void joining.then((leave) => leave(), () => undefined);
  }, [credentials, bookingId]);

  return (
    <>
      <p role="status">{state}</p>
      <div ref={container} />
    </>
  );
}
