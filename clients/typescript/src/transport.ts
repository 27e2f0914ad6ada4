// Sends requests, and repeats those that failed temporarily.

import { ApiError, apiError, ConnectionFailed, type Problem, RequestTimedOut, UnexpectedResponse } from "./errors.js";
import { setEtag } from "./etags.js";
import { VERSION } from "./version.js";

const DEFAULT_TIMEOUT_MS = 30_000;
const DEFAULT_MAX_RETRIES = 2;
const FIRST_DELAY_MS = 500;
const MAX_DELAY_MS = 8_000;
/** The longest wait that the service can ask for. Errors that ask for a longer one are thrown at once. */
const MAX_RETRY_AFTER_SECONDS = 60;
const UNAVAILABLE = new Set([429, 502, 503, 504]);

/** One of these: of a backend, of a user of your identity provider, or of the person of a link. */
export type Credential =
  | { apiKey: string; userToken?: never; ticket?: never }
  | { userToken: string; apiKey?: never; ticket?: never }
  | { ticket: string; apiKey?: never; userToken?: never };

/** Where and how requests are sent. */
export type ClientOptions = Credential & {
  /** The URL of the service, such as `https://video.example`. */
  baseUrl: string;
  /** The time for one attempt, in milliseconds. Default: 30,000. */
  timeoutMs?: number;
  /** Default: 2. */
  maxRetries?: number;
  /** The user that a backend acts for. */
  userId?: string;
  /** Replaces the global `fetch`. */
  fetch?: typeof fetch;
};

/** Options of one request. */
export interface RequestOptions {
  /** Of a POST. Default: a new one for each call, which all attempts share. */
  idempotencyKey?: string | undefined;
  /** The `ETag` of the version that you have read. */
  ifMatch?: string | undefined;
  /** `*`: create only. */
  ifNoneMatch?: string | undefined;
  /** Cancels the request. */
  signal?: AbortSignal | undefined;
}

/** A request, apart from its credential and the address of the service. */
export interface ApiRequest {
  method: string;
  path: string;
  query?: object;
  body?: object;
  takesIdempotencyKey: boolean;
  /** Whether two equal requests have the effect of one. */
  isRepeatable: boolean;
  options: RequestOptions;
}

interface Success {
  text: string;
  etag: string | null;
}

/** The text as one segment of a path. */
export function segment(text: string): string {
  if (text === "" || text === "." || text === "..") throw new RangeError(`"${text}" cannot be an ID`);
  return encodeURIComponent(text);
}

export class Transport {
  readonly #baseUrl: string;
  readonly #headers: Record<string, string>;
  readonly #timeoutMs: number;
  readonly #maxRetries: number;
  readonly #fetch: typeof fetch;

  constructor(options: ClientOptions) {
    const given = [options.apiKey, options.userToken, options.ticket].filter((each) => each !== undefined);
    const [credential] = given;
    if (given.length !== 1 || !credential) throw new TypeError("Pass one of apiKey, userToken, and ticket.");
    this.#baseUrl = options.baseUrl.replace(/\/+$/, "");
    this.#headers = { Authorization: `Bearer ${credential}`, Accept: "application/json" };
    // Browsers do not let pages set the user agent.
    if (typeof document === "undefined") this.#headers["User-Agent"] = `videobroker-client-typescript/${VERSION}`;
    if (options.userId !== undefined) this.#headers["X-User-Id"] = options.userId;
    this.#timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
    this.#maxRetries = options.maxRetries ?? DEFAULT_MAX_RETRIES;
    this.#fetch = options.fetch ?? ((...parameters) => fetch(...parameters));
  }

  /** The body of a successful response, for requests whose type is known from the contract. */
  async sendForJson<T>(request: ApiRequest): Promise<T> {
    const { text, etag } = await this.#send(request);
    try {
      const value = JSON.parse(text) as T;
      setEtag(value, etag);
      return value;
    } catch (error) {
      throw new UnexpectedResponse("The response is not JSON: baseUrl may not be the address of videobroker.", {
        cause: error,
      });
    }
  }

  async sendForList<T>(request: ApiRequest): Promise<T[]> {
    const { data } = await this.sendForJson<{ data: T[] }>(request);
    return data;
  }

  async sendForNothing(request: ApiRequest): Promise<void> {
    await this.#send(request);
  }

  /** The text of a successful response. */
  async sendForText(request: ApiRequest): Promise<string> {
    return (await this.#send(request)).text;
  }

  async #send(request: ApiRequest): Promise<Success> {
    const headers = this.#headersOf(request);
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#attempt(request, headers);
      } catch (error) {
        const delayMs = this.#retryDelay(request, error, attempt);
        if (delayMs === null) throw error;
        await sleep(delayMs, request.options.signal);
      }
    }
  }

  /** An open response with a stream. One attempt. */
  async open(request: ApiRequest, signal: AbortSignal): Promise<Response> {
    const headers = { ...this.#headersOf(request), Accept: "text/event-stream" };
    const response = await this.#fetchOnce(request, headers, signal);
    if (!response.ok) throw await errorOf(response);
    return response;
  }

  async #attempt(request: ApiRequest, headers: Record<string, string>): Promise<Success> {
    const timeout = AbortSignal.timeout(this.#timeoutMs);
    const { signal } = request.options;
    const response = await this.#fetchOnce(request, headers, signal ? AbortSignal.any([signal, timeout]) : timeout);
    if (!response.ok) throw await errorOf(response);
    try {
      return { text: await response.text(), etag: response.headers.get("etag") };
    } catch (error) {
      throw connectionError(error, signal);
    }
  }

  async #fetchOnce(request: ApiRequest, headers: Record<string, string>, signal: AbortSignal): Promise<Response> {
    const body = request.body === undefined ? null : JSON.stringify(request.body);
    try {
      return await this.#fetch(this.#urlOf(request), { method: request.method, headers, body, signal });
    } catch (error) {
      throw connectionError(error, request.options.signal);
    }
  }

  #urlOf(request: ApiRequest): string {
    const query = new URLSearchParams();
    for (const [name, value] of Object.entries(request.query ?? {})) {
      for (const each of Array.isArray(value) ? value : [value]) {
        if (each !== undefined && each !== null) {
          query.append(name, each instanceof Date ? each.toISOString() : String(each));
        }
      }
    }
    return `${this.#baseUrl}${request.path}${query.size > 0 ? `?${query}` : ""}`;
  }

  #headersOf({ takesIdempotencyKey, body, options }: ApiRequest): Record<string, string> {
    const headers: Record<string, string> = { ...this.#headers };
    if (body !== undefined) headers["Content-Type"] = "application/json";
    if (takesIdempotencyKey) headers["Idempotency-Key"] = options.idempotencyKey ?? randomKey();
    if (options.ifMatch !== undefined) headers["If-Match"] = options.ifMatch;
    if (options.ifNoneMatch !== undefined) headers["If-None-Match"] = options.ifNoneMatch;
    return headers;
  }

  /** Milliseconds until the next attempt. Null if there is none. */
  #retryDelay(request: ApiRequest, error: unknown, attempt: number): number | null {
    if (attempt > this.#maxRetries) return null;
    const growing = Math.min(FIRST_DELAY_MS * 2 ** (attempt - 1), MAX_DELAY_MS) * (0.5 + Math.random() / 2);
    if (error instanceof ApiError) {
      // The service did nothing with a request that it answered like this. `request_in_flight`: an earlier attempt
      // with the same idempotency key has not finished.
      if (error.status !== 429 && error.status !== 503 && error.code !== "request_in_flight") return null;
      const asked = error.retryAfter ?? 0;
      return asked > MAX_RETRY_AFTER_SECONDS ? null : Math.max(growing, asked * 1000);
    }
    return error instanceof ConnectionFailed && request.isRepeatable ? growing : null;
  }
}

/** A key without `crypto.randomUUID`, which pages have only over HTTPS. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (each) => each.toString(16).padStart(2, "0")).join("");
}

/** The error for a response that is not a success. */
async function errorOf(response: Response): Promise<ApiError | UnexpectedResponse> {
  const isProblem = response.headers.get("content-type")?.startsWith("application/problem+json") ?? false;
  if (!isProblem && !UNAVAILABLE.has(response.status)) {
    await response.body?.cancel();
    return new UnexpectedResponse(
      `The response has the status ${response.status} and is no problem document: ` +
        "baseUrl may not be the address of videobroker.",
    );
  }
  const refused: Problem = { title: response.statusText, detail: "A proxy refused the request." };
  const problem = isProblem ? ((await response.json()) as Problem) : refused;
  return apiError(
    problem,
    response.status,
    parseRetryAfter(response.headers.get("retry-after")),
    response.headers.get("x-request-id"),
  );
}

/** Seconds from a `Retry-After` header, which has a number or a date. */
function parseRetryAfter(header: string | null): number | null {
  if (header === null) return null;
  if (/^\d+$/.test(header.trim())) return Number(header);
  const moment = Date.parse(header);
  return Number.isNaN(moment) ? null : Math.max((moment - Date.now()) / 1000, 0);
}

/** The error for a request without a response. Cancellation by the caller is not changed. */
export function connectionError(error: unknown, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return signal.reason;
  if (error instanceof DOMException && error.name === "TimeoutError") {
    return new RequestTimedOut("The service did not respond in time.", { cause: error });
  }
  const reason = error instanceof Error ? describe(error) : String(error);
  return new ConnectionFailed(`The service cannot be reached: ${reason}`, { cause: error });
}

function describe(error: Error): string {
  const cause: unknown = error.cause;
  return cause instanceof Error ? `${error.message}: ${cause.message}` : error.message;
}

/** Wait, unless the signal cancels it. */
export function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const cancel = (): void => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", cancel);
      resolve();
    }, ms);
    if (signal?.aborted) cancel();
    else signal?.addEventListener("abort", cancel, { once: true });
  });
}
