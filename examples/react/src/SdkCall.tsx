import { lazy, useEffect, useState } from "react";

import { AccessDenied, type Credentials, join } from "./api";
import { explain } from "./reasons";

// Each SDK is large: only the one that is needed is loaded.
const AgoraCall = lazy(() => import("./AgoraCall"));
const HmsCall = lazy(() => import("./HmsCall"));

/** The call with the SDK of the vendor that this lesson uses. */
export function SdkCall({ bookingId }: { bookingId: string }) {
  const [credentials, setCredentials] = useState<Credentials>();
  const [state, setState] = useState("Opening");

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isCurrent = true;

    async function tryToJoin() {
      try {
        const joined = await join(bookingId);
        if (isCurrent) setCredentials(joined);
      } catch (problem) {
        if (!isCurrent) return;
        setState(explain(problem));
        if (problem instanceof AccessDenied && problem.access.decision === "wait") {
          timer = setTimeout(tryToJoin, Math.min(problem.access.retry_after ?? 5, 60) * 1000);
        }
      }
    }

    void tryToJoin();
    return () => {
      isCurrent = false;
      clearTimeout(timer);
    };
  }, [bookingId]);

  if (!credentials) return <p role="status">{state}</p>;
  return credentials.type === "100ms_token" ? (
    <HmsCall credentials={credentials} />
  ) : (
    <AgoraCall credentials={credentials} bookingId={bookingId} />
  );
}
