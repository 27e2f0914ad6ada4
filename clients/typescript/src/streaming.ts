// Streams of server-sent events that survive interruptions of the connection.

import { EventSourceParserStream } from "eventsource-parser/stream";
import { ApiError, ConnectionFailed } from "./errors.js";
import { type ApiRequest, connectionError, sleep, type Transport } from "./transport.js";

/** The service sends a comment every 15 seconds. A connection that is silent for longer is lost. */
const SILENCE_MS = 45_000;
const RECONNECT_MS = 1_000;
const MAX_RECONNECT_MS = 30_000;

/**
 * Items as they happen. Iterate with `for await`; it reconnects after interruptions, without gaps or duplicates.
 *
 * It ends when you leave the loop, or when the `signal` that you passed aborts.
 */
export class EventStream<T> implements AsyncIterable<T> {
  readonly #transport: Transport;
  readonly #request: ApiRequest;
  #cursor: string | null;

  constructor(transport: Transport, request: ApiRequest) {
    this.#transport = transport;
    this.#request = request;
    const given: Record<string, unknown> = { ...request.query };
    this.#cursor = typeof given["cursor"] === "string" ? given["cursor"] : null;
  }

  /** The position after the last item. Pass it as `cursor` to continue, also in another process. */
  get cursor(): string | null {
    return this.#cursor;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    const { signal } = this.#request.options;
    let delayMs = RECONNECT_MS;
    for (;;) {
      let pauseMs = RECONNECT_MS;
      try {
        for await (const item of this.#items()) {
          delayMs = RECONNECT_MS;
          yield item;
        }
      } catch (error) {
        if (!isTemporary(error)) throw error;
        const asked = error instanceof ApiError ? (error.retryAfter ?? 0) * 1000 : 0;
        pauseMs = Math.max(delayMs, asked);
        delayMs = Math.min(delayMs * 2, MAX_RECONNECT_MS);
      }
      await sleep(pauseMs, signal);
    }
  }

  async *#items(): AsyncGenerator<T, void> {
    const { signal } = this.#request.options;
    const ended = new AbortController();
    const open = signal ? AbortSignal.any([signal, ended.signal]) : ended.signal;
    const cursor = this.#cursor;
    const request = cursor === null ? this.#request : { ...this.#request, query: { ...this.#request.query, cursor } };
    let timer = setTimeout(() => ended.abort(), SILENCE_MS);
    try {
      const response = await this.#transport.open(request, open);
      const watched = new TransformStream<Uint8Array, Uint8Array>({
        transform(chunk, controller) {
          clearTimeout(timer);
          timer = setTimeout(() => ended.abort(), SILENCE_MS);
          controller.enqueue(chunk);
        },
      });
      const messages = (response.body ?? new ReadableStream<Uint8Array>())
        .pipeThrough(watched)
        .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
        .pipeThrough(new EventSourceParserStream())
        .getReader();
      for (;;) {
        const { done, value } = await messages.read();
        if (done) return;
        if (value.data !== "") yield JSON.parse(value.data) as T;
        // Advances when the next item is requested: an item whose handler failed is sent again.
        this.#cursor = value.id ?? this.#cursor;
      }
    } catch (error) {
      throw error instanceof ApiError || error instanceof ConnectionFailed ? error : connectionError(error, signal);
    } finally {
      clearTimeout(timer);
      ended.abort();
    }
  }
}

function isTemporary(error: unknown): boolean {
  if (error instanceof ApiError) return error.status === 429 || error.status >= 500;
  return error instanceof ConnectionFailed;
}
