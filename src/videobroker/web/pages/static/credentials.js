// Requests join credentials until the service grants or refuses them.

import { Problem, backoff } from "./broker.js";

/**
 * @typedef {import("videobroker-models").JoinCredentials} JoinCredentials
 * @typedef {import("videobroker-models").AccessDecision} AccessDecision
 * @typedef {"sdk" | "prebuilt"} Surface
 * @typedef {{ type: "granted", credentials: JoinCredentials }
 *   | { type: "decided", access: AccessDecision }
 *   | { type: "ticket_invalid", problem: Problem }
 *   | { type: "misconfigured", code: string }
 *   | { type: "aborted" }} Outcome
 */

const MAX_RETRY_MS = 30_000;

/**
 * The surface to request: 100ms has a page of its own; for Agora there is our call page with its SDK.
 * @param {string | null} provider
 * @returns {Surface}
 */
export function surfaceAt(provider) {
  return provider === "agora" ? "sdk" : "prebuilt";
}

/**
 * Request credentials. Retries while the service or the vendor is unavailable, and calls `onRetry(milliseconds)` before
 * each wait.
 * @param {{ request: (surface: Surface) => Promise<JoinCredentials>, provider: string | null, hasCallPage: boolean,
 *   signal: AbortSignal, onRetry: (milliseconds: number) => void }} options
 * @returns {Promise<Outcome>}
 */
export async function requestCredentials({ request, provider, hasCallPage, signal, onRetry }) {
  let surface = surfaceAt(provider);
  for (let failures = 0; !signal.aborted; failures += 1) {
    try {
      const credentials = await request(surface);
      if (signal.aborted) break;
      if (credentials.type === "100ms_token") {
        surface = "prebuilt";
        continue;
      }
      if (credentials.type === "agora_token" && !credentials.page && !hasCallPage) {
        return { type: "misconfigured", code: "call_url_missing" };
      }
      return { type: "granted", credentials };
    } catch (problem) {
      if (signal.aborted) break;
      if (!(problem instanceof Problem)) throw problem;
      // The service offers the other surface: try that one at once.
      const isOtherSurface = problem.code === "surface_not_offered" && failures === 0;
      const outcome = isOtherSurface ? null : outcomeOf(problem);
      if (outcome) return outcome;
      if (!isOtherSurface) {
        const wait = Math.min(problem.retryAfter ?? backoff(failures, { minimum: 1000 }), MAX_RETRY_MS);
        onRetry(wait);
        await pause(wait, signal);
      }
      surface = nextSurface(surface, problem, provider);
    }
  }
  return { type: "aborted" };
}

/**
 * The outcome that this problem means; null to try again.
 * @param {Problem} problem
 * @returns {Outcome | null}
 */
function outcomeOf(problem) {
  if (problem.isTicketInvalid) return { type: "ticket_invalid", problem };
  if (problem.access) return { type: "decided", access: problem.access };
  return problem.isTransient ? null : { type: "misconfigured", code: problem.code };
}

/**
 * A session without a room may be moved to its next provider if the first one is unavailable.
 * @param {Surface} surface
 * @param {Problem} problem
 * @param {string | null} provider
 * @returns {Surface}
 */
function nextSurface(surface, problem, provider) {
  if (problem.code === "surface_not_offered" || problem.code === "provider_unavailable") {
    return surface === "sdk" ? "prebuilt" : "sdk";
  }
  return surfaceAt(provider);
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} signal
 * @returns {Promise<void>}
 */
function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
