// Verifies webhooks (Standard Webhooks) with WebCrypto.

import { InvalidWebhook } from "./errors.js";
import type { Event } from "./models.js";

const TOLERANCE_SECONDS = 300;
const PREFIX = "whsec_";

/** Headers of any framework: an instance of `Headers`, or an object with names in any case. */
export type WebhookHeaders = Headers | Record<string, string | string[] | undefined>;

/**
 * The event of a webhook. Throws `InvalidWebhook` if its signature is not valid, or older than five minutes.
 *
 * Pass the body as it was received: one that was parsed and serialized again has another signature. During the rotation
 * of a secret, pass both.
 */
export async function verifyWebhook(
  headers: WebhookHeaders,
  body: string | Uint8Array<ArrayBuffer> | ArrayBuffer,
  secret: string | readonly string[],
): Promise<Event> {
  const secrets = typeof secret === "string" ? [secret] : secret;
  if (secrets.length === 0) throw new TypeError("Pass the secret of the endpoint.");
  const id = header(headers, "webhook-id");
  const timestamp = header(headers, "webhook-timestamp");
  const signatures = header(headers, "webhook-signature");
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(Date.now() / 1000 - Number(timestamp)) > TOLERANCE_SECONDS) {
    throw new InvalidWebhook("The timestamp is older than five minutes, or not valid.");
  }
  const text = typeof body === "string" ? body : decodeText(body);
  const signed = new TextEncoder().encode(`${id}.${timestamp}.${text}`);
  for (const each of secrets) {
    if (await isSigned(signed, signatures, each)) return parseEvent(text);
  }
  throw new InvalidWebhook("No signature is valid for this secret.");
}

async function isSigned(signed: Uint8Array<ArrayBuffer>, signatures: string, secret: string): Promise<boolean> {
  const bytes = decodeBase64(secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : secret);
  if (bytes === null || bytes.length === 0) throw new TypeError("The secret is not `whsec_` and base64.");
  const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["verify"]);
  for (const each of signatures.split(" ")) {
    const [version, encoded] = each.split(",", 2);
    const signature = version === "v1" && encoded !== undefined ? decodeBase64(encoded) : null;
    // `verify` compares in constant time.
    if (signature !== null && (await crypto.subtle.verify("HMAC", key, signature, signed))) return true;
  }
  return false;
}

function header(headers: WebhookHeaders, name: string): string {
  const found =
    headers instanceof Headers
      ? headers.get(name)
      : Object.entries(headers).find(([each]) => each.toLowerCase() === name)?.[1];
  const value = Array.isArray(found) ? found[0] : found;
  if (!value) throw new InvalidWebhook(`The header ${name} is missing.`);
  return value;
}

function decodeText(body: Uint8Array<ArrayBuffer> | ArrayBuffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
  } catch (error) {
    throw new InvalidWebhook("The body is not UTF-8.", { cause: error });
  }
}

function decodeBase64(text: string): Uint8Array<ArrayBuffer> | null {
  try {
    return Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  } catch {
    return null;
  }
}

function parseEvent(text: string): Event {
  try {
    const { data } = JSON.parse(text) as { data?: Event };
    if (typeof data?.type === "string") return data;
  } catch (error) {
    throw new InvalidWebhook("The body is not JSON.", { cause: error });
  }
  throw new InvalidWebhook("The body has no event.");
}
