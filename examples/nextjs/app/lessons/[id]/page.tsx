import { session } from "@/lib/session";
import { AccessDenied, BookingNotFound, createLink } from "@/lib/video";

import { Call } from "./call";

const REASONS: Record<string, string> = {
  not_a_participant: "This is not your lesson.",
  participant_removed: "The tutor has removed you from this lesson.",
  session_cancelled: "This lesson was canceled.",
  session_over: "This lesson is over.",
};

export default async function Page({ params }: { params: Promise<{ id: string }> }) {
  const [{ id }, { userId }] = await Promise.all([params, session()]);
  if (!userId) return <p role="status">Sign in first.</p>;
  try {
    const { ticket } = await createLink(id, userId);
    return <Call ticket={ticket} origin={process.env.VIDEOBROKER_URL!} />;
  } catch (problem) {
    if (problem instanceof BookingNotFound) return <p role="status">There is no such lesson.</p>;
    if (!(problem instanceof AccessDenied)) throw problem;
    return <p role="status">{REASONS[problem.access.reason] ?? "You cannot join now."}</p>;
  }
}
