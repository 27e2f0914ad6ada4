import { useEffect, useState } from "react";
import { Text } from "react-native";

import { AgoraCall } from "./AgoraCall";
import { AccessDenied, type Credentials, join } from "./api";
import { HmsCall } from "./HmsCall";
import { explain } from "./reasons";

/** The call with the SDK of the vendor that this lesson uses. */
export function LessonCall({ bookingId }: { bookingId: string }) {
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

  if (!credentials) return <Text>{state}</Text>;
  return credentials.type === "100ms_token" ? (
    <HmsCall credentials={credentials} />
  ) : (
    <AgoraCall credentials={credentials} bookingId={bookingId} />
  );
}
