// Errors. Compare `code`, which never changes.

import type { AccessDecision } from "./models.js";

/** Base class of all errors of this package, apart from wrong arguments. */
export class VideobrokerError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The service cannot be reached, or the connection was interrupted. */
export class ConnectionFailed extends VideobrokerError {}

/** There was no response in time. The service may have processed the request. */
export class RequestTimedOut extends ConnectionFailed {}

/** The response is not one of videobroker: the address may be wrong. */
export class UnexpectedResponse extends VideobrokerError {}

/** The request is not a webhook with a valid signature. Respond with 400, and do nothing else. */
export class InvalidWebhook extends VideobrokerError {}

/** A field of a request that is not valid. */
export interface FieldProblem {
  pointer: string;
  message: string;
}

/** A problem document (RFC 9457). */
export interface Problem {
  type?: string;
  title?: string;
  status?: number;
  code?: string;
  detail?: string;
  errors?: FieldProblem[] | null;
  access?: AccessDecision | null;
  guest_id?: string | null;
}

/** The service refused the request, or failed. */
export class ApiError extends VideobrokerError {
  /** The HTTP status. */
  readonly status: number;
  /** The stable code, for programs. */
  readonly code: string;
  readonly title: string;
  /** What is wrong, and what to do. */
  readonly detail: string;
  /** Seconds to wait before the next attempt, if the service names them. */
  readonly retryAfter: number | null;
  /** The ID of the request in the log of the service. */
  readonly requestId: string | null;
  readonly problem: Problem;

  constructor(problem: Problem, status: number, retryAfter: number | null, requestId: string | null) {
    const code = problem.code ?? "";
    const detail = problem.detail ?? problem.title ?? "";
    super(`${code || status}: ${detail}${requestId === null ? "" : ` (request ${requestId})`}`);
    this.status = status;
    this.code = code;
    this.title = problem.title ?? "";
    this.detail = detail;
    this.retryAfter = retryAfter;
    this.requestId = requestId;
    this.problem = problem;
  }
}

/** 400, 413, 415, 422, and others: the request is wrong. */
export class BadRequest extends ApiError {
  /** The fields that are not valid. */
  get errors(): FieldProblem[] {
    return this.problem.errors ?? [];
  }
}

/** 401: the API key, user token, or ticket is missing, unknown, or expired. */
export class AuthenticationFailed extends ApiError {}

/** 403: the credential does not permit this. */
export class PermissionDenied extends ApiError {}

/** 403: the person may not join now. */
export class AccessDenied extends PermissionDenied {
  /** The decision: `wait` or `refuse`, the reason, and `opens_at`. */
  readonly access: AccessDecision;
  /** The ID of a guest who has to wait: send it with the next attempt. */
  readonly guestId: string | null;

  constructor(
    problem: Problem & { access: AccessDecision },
    status: number,
    retryAfter: number | null,
    requestId: string | null,
  ) {
    super(problem, status, retryAfter, requestId);
    this.access = problem.access;
    this.guestId = problem.guest_id ?? null;
  }
}

/** 404: it does not exist, or belongs to another app. */
export class NotFound extends ApiError {}

/** 409: the state does not allow it. */
export class Conflict extends ApiError {}

/** 412: it has changed since you have read it. */
export class PreconditionFailed extends ApiError {}

/** 429: too many requests. */
export class RateLimited extends ApiError {}

/** 5xx: the service or a vendor is not available. */
export class ServiceFailed extends ApiError {}

const CLASSES = new Map<number, typeof ApiError>([
  [401, AuthenticationFailed],
  [403, PermissionDenied],
  [404, NotFound],
  [409, Conflict],
  [412, PreconditionFailed],
  [429, RateLimited],
]);

/** The error for a problem document. */
export function apiError(
  problem: Problem,
  status: number,
  retryAfter: number | null,
  requestId: string | null,
): ApiError {
  if (status === 403 && problem.access) {
    return new AccessDenied({ ...problem, access: problem.access }, status, retryAfter, requestId);
  }
  const Class = CLASSES.get(status) ?? (status >= 500 ? ServiceFailed : BadRequest);
  return new Class(problem, status, retryAfter, requestId);
}
