import { AccessDenied } from "./api";

const REASONS: Record<string, string> = {
  not_a_participant: "This is not your lesson.",
  participant_removed: "The tutor has removed you from this lesson.",
  session_cancelled: "This lesson was canceled.",
  session_over: "This lesson is over.",
  too_early: "This lesson is not open yet.",
  waiting_for_admission: "The tutor has to admit you.",
  waiting_for_host: "Waiting for the tutor.",
};

/** Your own words for what keeps a person from joining. */
export function explain(problem: unknown): string {
  if (problem instanceof AccessDenied) return REASONS[problem.access.reason] ?? "You cannot join now.";
  return problem instanceof Error ? problem.message : "Something went wrong.";
}
