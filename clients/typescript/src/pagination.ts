// Lists that the service returns page by page.

import type { ApiRequest, Transport } from "./transport.js";

/** One page of a list. */
export interface Page<T> {
  data: T[];
  /** The cursor of the next page; null on the last one. */
  next: string | null;
}

/** A list. Iterate over it with `for await` to get all items; pages are requested when they are needed. */
export class Paginator<T> implements AsyncIterable<T> {
  readonly #transport: Transport;
  readonly #request: ApiRequest;

  constructor(transport: Transport, request: ApiRequest) {
    this.#transport = transport;
    this.#request = request;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void> {
    for await (const page of this.pages()) yield* page.data;
  }

  /** The first page, or the one at the `cursor` that was passed. */
  page(): Promise<Page<T>> {
    return this.#transport.sendForJson(this.#request);
  }

  /** All pages, each requested when it is needed. */
  async *pages(): AsyncGenerator<Page<T>, void> {
    let request = this.#request;
    for (;;) {
      const page = await this.#transport.sendForJson<Page<T>>(request);
      yield page;
      if (page.next === null) return;
      request = { ...request, query: { ...request.query, cursor: page.next } };
    }
  }

  /** All items. */
  async all(): Promise<T[]> {
    const found: T[] = [];
    for await (const each of this) found.push(each);
    return found;
  }
}
