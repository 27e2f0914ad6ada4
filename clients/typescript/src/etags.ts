// The versions of values, outside of them: values are the JSON of the wire.

const ETAGS = new WeakMap<object, string>();

/** Remember the `ETag` with which a value arrived. */
export function setEtag(value: unknown, etag: string | null): void {
  if (etag !== null && typeof value === "object" && value !== null) ETAGS.set(value, etag);
}

/** The version of a value that a method returned, for `ifMatch`. Undefined for items of lists, and for copies. */
export function etagOf(value: object): string | undefined {
  return ETAGS.get(value);
}
