export { Client } from "./client.js";
export * from "./errors.js";
export type * from "./models.js";
export { type Page, Paginator } from "./pagination.js";
export type * from "./resources.js";
export { EventStream } from "./streaming.js";
export type { ClientOptions, Credential, RequestOptions } from "./transport.js";
export { VERSION } from "./version.js";
export { verifyWebhook, type WebhookHeaders } from "./webhooks.js";
