// When to renew a token that expires during the call.

const RENEW_AT = 0.6; // of the lifetime of a token
const RETRY_MS = 5000; // constant: the token is valid for minutes, and few pages renew at the same time

export class TokenRenewal {
  /** @type {number | null} */
  #at = null;

  /**
   * Plan the renewal of these credentials. All times are in milliseconds of the server.
   * @param {import("videobroker-models").JoinCredentials} credentials
   * @param {number} now
   */
  plan(credentials, now) {
    const lifetime = Date.parse(credentials.expires_at) - now;
    // The page of 100ms has a room code, which is valid until the session ends.
    this.#at = credentials.type === "agora_token" ? now + lifetime * RENEW_AT : null;
  }

  /**
   * Plan another attempt after a failure.
   * @param {number} now
   * @param {number | null} retryAfter milliseconds
   */
  retry(now, retryAfter) {
    this.#at = now + (retryAfter ?? RETRY_MS);
  }

  /** Plan nothing. */
  clear() {
    this.#at = null;
  }

  /** @param {number} now */
  isDue(now) {
    return this.#at !== null && now >= this.#at;
  }
}
