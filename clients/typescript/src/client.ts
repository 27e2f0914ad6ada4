// The client. Generated from openapi.yaml by `make clients`: do not edit.

import {
  BookingsResource,
  GroupsResource,
  VisitResource,
  CallsResource,
  EventsResource,
  WebhookEndpointsResource,
  DiagnosticsResource,
  MeResource,
} from "./resources.js";
import { type ClientOptions, Transport } from "./transport.js";

/**
 * The service. Create one client, and use it everywhere.
 *
 * Requests that fail temporarily are repeated up to `maxRetries` times: after 429, 503, and connection errors, with
 * growing delays, and after `Retry-After` if the service sends it. Every POST has an idempotency key, so that it has its
 * effect once.
 */
export class Client {
  readonly bookings: BookingsResource;
  readonly groups: GroupsResource;
  readonly visit: VisitResource;
  readonly calls: CallsResource;
  readonly events: EventsResource;
  readonly webhookEndpoints: WebhookEndpointsResource;
  readonly diagnostics: DiagnosticsResource;
  readonly me: MeResource;
  readonly #options: ClientOptions;

  constructor(options: ClientOptions) {
    const transport = new Transport(options);
    this.#options = options;
    this.bookings = new BookingsResource(transport);
    this.groups = new GroupsResource(transport);
    this.visit = new VisitResource(transport);
    this.calls = new CallsResource(transport);
    this.events = new EventsResource(transport);
    this.webhookEndpoints = new WebhookEndpointsResource(transport);
    this.diagnostics = new DiagnosticsResource(transport);
    this.me = new MeResource(transport);
  }

  /** A client for requests on behalf of this user, with the API key of this client. */
  asUser(userId: string): Client {
    return new Client({ ...this.#options, userId });
  }
}
