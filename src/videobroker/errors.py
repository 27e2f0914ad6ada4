"""The error catalog: every error that a caller can get.

Each error has a stable code for programs, an HTTP status, a title, and a hint about what to do next. Problem documents
(RFC 9457), the responses in the OpenAPI document, the console's error pages, the messages of the command line, the
legacy endpoints (`web/legacy/errors.py`), and `docs/reference/errors.md` are derived from it.

Subclasses without a `kind` of their own exist for the program only, which handles them differently; callers cannot
distinguish them from their base class.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Self
from uuid import UUID


class Interface(StrEnum):
    """Where an error can occur."""

    ENDPOINT = "endpoint"
    """In the responses of endpoints whose description names it."""
    ANY_REQUEST = "any request"
    """In the response to any HTTP request."""
    LEGACY = "legacy"
    """On legacy endpoints only."""
    CONSOLE = "console"
    COMMAND_LINE = "command line"


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """An entry of the catalog."""

    code: str
    """For programs. Never changes."""
    status: int
    """HTTP status."""
    title: str
    hint: str
    """What to do next. It is also the detail of an error that has no more specific one."""
    interface: Interface


_kinds: dict[str, ErrorKind] = {}
CATALOG = MappingProxyType(_kinds)
"""All errors by code."""


def _kind(code: str, status: int, title: str, hint: str, interface: Interface = Interface.ENDPOINT) -> ErrorKind:
    if code in _kinds:
        raise ValueError(f"the code {code} is in the catalog already")
    _kinds[code] = kind = ErrorKind(code, status, title, hint, interface)
    return kind


class BrokerError(Exception):
    """Base class of all errors that a caller can get. Raised itself for failures that nothing anticipated."""

    kind = _kind(
        "internal_error",
        500,
        "Something went wrong",
        "Try again. If it happens again, look for the failure in the log of the service.",
        Interface.ANY_REQUEST,
    )

    def __init__(self, detail: str | None = None, *, retry_after: float | None = None, **fields: Any) -> None:
        """`detail` defaults to the hint; `retry_after` is in seconds; `fields` are added to the problem document."""
        self.detail = self.kind.hint if detail is None else detail
        super().__init__(self.detail)
        self.retry_after = retry_after
        self.fields = fields

    @property
    def code(self) -> str:
        """The stable code."""
        return self.kind.code

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.kind.status


# Requests that cannot be valid.


class InvalidInput(BrokerError):
    kind = _kind(
        "invalid_request",
        422,
        "Invalid request",
        "Fix the fields that `errors` lists. `/docs` describes every field.",
    )


class MalformedJson(InvalidInput):
    kind = _kind("malformed_json", 400, "Malformed JSON", "Send one JSON object in UTF-8.")


class NotAcceptable(InvalidInput):
    kind = _kind(
        "not_acceptable",
        406,
        "Not acceptable",
        "Send `Accept: application/json`, or no `Accept`. The detail lists the media types of this operation.",
    )


class UnsupportedMediaType(InvalidInput):
    kind = _kind(
        "unsupported_media_type", 415, "Unsupported media type", "Send JSON with `Content-Type: application/json`."
    )


class UnsupportedContentEncoding(InvalidInput):
    kind = _kind(
        "unsupported_content_encoding",
        415,
        "Unsupported content encoding",
        "Send the body without `Content-Encoding`.",
    )


class BodyTooLarge(InvalidInput):
    kind = _kind("body_too_large", 413, "Request body too large", "Send less at once, such as participants one by one.")


class MalformedRequest(InvalidInput):
    kind = _kind(
        "malformed_request",
        400,
        "Malformed HTTP request",
        "Send a valid HTTP/1.1 request. Proxies and hand-written clients are the usual cause.",
        Interface.ANY_REQUEST,
    )


class RequestHeadTooLarge(InvalidInput):
    kind = _kind(
        "request_head_too_large",
        431,
        "Request head too large",
        "Send fewer or shorter headers.",
        Interface.ANY_REQUEST,
    )


class RequestTimeout(InvalidInput):
    kind = _kind(
        "request_timeout",
        408,
        "Request timeout",
        "Send the whole request without pauses.",
        Interface.ANY_REQUEST,
    )


class UnknownProvider(InvalidInput):
    kind = _kind(
        "unknown_provider",
        422,
        "Provider not configured for this app",
        "Use a provider of the app, or add an account with `videobroker accounts set`.",
    )


class RoleNotMapped(InvalidInput):
    kind = _kind(
        "role_not_mapped",
        422,
        "Role not mapped",
        "Add the role to the app's role map. Roles are case-sensitive.",
    )


class AccountInvalid(InvalidInput):
    kind = _kind(
        "account_invalid",
        422,
        "Account not valid",
        "Fix the setting that the detail names. `settings` of the account lists all settings of the provider.",
    )


class DuplicateParticipant(InvalidInput):
    kind = _kind("duplicate_participant", 422, "Duplicate participant", "List each `user_id` once.")


class SurfaceNotOffered(InvalidInput):
    kind = _kind(
        "surface_not_offered",
        422,
        "Surface not available",
        "Join with the other `surface`, or configure the provider's account for this one.",
    )


class InvalidCursor(InvalidInput):
    kind = _kind(
        "invalid_cursor", 422, "Invalid cursor", "Send a cursor of the previous page unchanged, or start without one."
    )


class IdempotencyKeyReused(InvalidInput):
    kind = _kind(
        "idempotency_key_reused",
        422,
        "Idempotency key already used for another request",
        "Use a new `Idempotency-Key` for every new request.",
    )


class WebhookUnreadable(InvalidInput):
    kind = _kind(
        "webhook_unreadable",
        400,
        "Webhook unreadable or too old",
        "Check that the provider sends its webhooks to this URL unchanged, and that the clocks are right.",
    )


class InvalidGroupId(InvalidInput):
    kind = _kind("invalid_group_id", 400, "Invalid group ID", "Send the group ID as a UUID.", Interface.LEGACY)


class InvalidGuestBody(InvalidInput):
    kind = _kind(
        "invalid_request_body",
        400,
        "Invalid request body",
        "Send a JSON object with the guest's name in `guest_name`.",
        Interface.LEGACY,
    )


class GuestNameRequired(InvalidInput):
    kind = _kind(
        "guest_name_required", 400, "Guest name is required", "Send the guest's name in `guest_name`.", Interface.LEGACY
    )


# Credentials.


class NotAuthenticated(BrokerError):
    """Base class of errors about credentials; not raised itself."""

    app_id: UUID | None = None
    """The app that the credential is for, where it is known."""

    def of(self, app_id: UUID) -> Self:
        """Record the app that the credential is for."""
        self.app_id = app_id
        return self


class ApiKeyMissing(NotAuthenticated):
    kind = _kind("api_key_missing", 401, "Credentials missing", "Send an API key: `Authorization: Bearer vb_...`.")


class ApiKeyInvalid(NotAuthenticated):
    kind = _kind(
        "api_key_invalid",
        401,
        "Invalid API key",
        "Send the whole API key, and check that it belongs to this deployment.",
    )


class ApiKeyExpired(NotAuthenticated):
    kind = _kind("api_key_expired", 401, "API key expired", "Create a new API key with `videobroker keys create`.")


class ApiKeyRevoked(NotAuthenticated):
    kind = _kind("api_key_revoked", 401, "API key revoked", "Create a new API key with `videobroker keys create`.")


class OperatorKeyMissing(NotAuthenticated):
    kind = _kind(
        "operator_key_missing", 401, "Operator key missing", "Send an operator key: `Authorization: Bearer vbo_...`."
    )


class OperatorKeyInvalid(NotAuthenticated):
    kind = _kind(
        "operator_key_invalid",
        401,
        "Invalid operator key",
        "Send the whole operator key, and check that it belongs to this deployment. API keys of apps are not accepted.",
    )


class OperatorKeyExpired(NotAuthenticated):
    kind = _kind(
        "operator_key_expired",
        401,
        "Operator key expired",
        "Create a new operator key with `videobroker operator-keys create`.",
    )


class OperatorKeyRevoked(NotAuthenticated):
    kind = _kind(
        "operator_key_revoked",
        401,
        "Operator key revoked",
        "Create a new operator key with `videobroker operator-keys create`.",
    )


class UserTokenInvalid(NotAuthenticated):
    kind = _kind(
        "user_token_invalid",
        401,
        "Invalid user token",
        "Check the token's signature, `iss`, `aud`, and `alg` against the app's rules (`videobroker user-tokens`).",
    )


class UserTokenExpired(NotAuthenticated):
    kind = _kind("user_token_expired", 401, "User token expired", "Get a new token from your identity provider.")


class UserTokenNotYetValid(NotAuthenticated):
    kind = _kind(
        "user_token_not_yet_valid",
        401,
        "User token not valid yet",
        "Wait until the token's `nbf`, and check the clock of your identity provider.",
    )


class UserTokenLivesTooLong(NotAuthenticated):
    kind = _kind(
        "user_token_lives_too_long",
        401,
        "User token lifetime too long",
        "Issue tokens with a shorter lifetime (`exp` minus `iat`), or raise the app's `--max-lifetime-seconds`.",
    )


class UserTokenAmbiguous(NotAuthenticated):
    kind = _kind(
        "user_token_ambiguous",
        401,
        "User token matches more than one app",
        "Give every app its own secret or keys, or set its `issuer` and `audience`.",
    )


class TicketInvalid(NotAuthenticated):
    kind = _kind("ticket_invalid", 401, "Invalid link", "Open the whole link. If it still fails, ask for a new link.")


class TicketExpired(NotAuthenticated):
    kind = _kind("ticket_expired", 401, "Link expired", "Ask for a new link.")


class TicketRevoked(NotAuthenticated):
    kind = _kind("ticket_revoked", 401, "Link revoked", "Ask for a new link.")


class WebhookRefused(NotAuthenticated):
    kind = _kind(
        "webhook_refused",
        401,
        "Webhook signature missing or invalid",
        "Compare the secret at the provider with that of the account, and check the app in the URL.",
    )


# Permissions.


class ScopeMissing(BrokerError):
    kind = _kind("scope_missing", 403, "API key scope missing", "Create an API key with the scope that `scope` names.")


class ApiKeyNeeded(BrokerError):
    kind = _kind("api_key_needed", 403, "API key required", "Make this request from your backend, with an API key.")


class TicketNotEnough(BrokerError):
    kind = _kind(
        "ticket_not_enough",
        403,
        "Link not sufficient",
        "Use a user token or an API key. A link is valid for its own session only, and cannot create links.",
    )


class NotYourself(BrokerError):
    kind = _kind(
        "not_yourself",
        403,
        "User token can only act for its own user",
        "Leave `user_id` out, or send the user ID of the token.",
    )


class RoleMayNot(BrokerError):
    kind = _kind("role_may_not", 403, "Role not allowed", "Ask a host of the session, or use an API key.")


class OperatorRoleMayNot(BrokerError):
    kind = _kind(
        "operator_role_not_allowed",
        403,
        "Operator role not allowed",
        "Ask an administrator of this installation for a role that may do this.",
    )


class NotInCall(BrokerError):
    kind = _kind("not_in_call", 403, "Not in the call", "Only people who were in the call can give feedback about it.")


class OperatorWithoutRole(BrokerError):
    kind = _kind(
        "operator_without_role",
        403,
        "No role for this account",
        "Your account has no role here. Ask an administrator to add you, or one of your groups, to "
        "VIDEOBROKER_OIDC_ROLES.",
        Interface.CONSOLE,
    )


class SignInDenied(BrokerError):
    kind = _kind(
        "sign_in_denied",
        403,
        "Sign-in canceled",
        "The identity provider did not sign you in. Try again, or ask an administrator for access.",
        Interface.CONSOLE,
    )


class SignInExpired(BrokerError):
    kind = _kind(
        "sign_in_expired",
        400,
        "This sign-in has expired",
        "A sign-in must be completed once, within 10 minutes, in the browser in which it began. Start again.",
        Interface.CONSOLE,
    )


class SignInInvalid(BrokerError):
    kind = _kind(
        "sign_in_invalid",
        403,
        "Sign-in could not be verified",
        "The response of the identity provider is not valid. Start again. If it happens again, ask an administrator to "
        "look for `console.sign_in_failed` in the log.",
        Interface.CONSOLE,
    )


class SignInClockSkew(BrokerError):
    kind = _kind(
        "sign_in_clock_skew",
        403,
        "The clocks differ",
        "The clocks of the identity provider and this server differ by more than a minute. Ask an administrator to "
        "synchronize them.",
        Interface.CONSOLE,
    )


class SignInLinkInvalid(BrokerError):
    kind = _kind(
        "sign_in_link_invalid",
        403,
        "Sign-in link not valid",
        "A link works once, for 10 minutes. Create a new one with `videobroker operators sign-in-link`.",
        Interface.CONSOLE,
    )


class SignInUnavailable(BrokerError):
    kind = _kind(
        "sign_in_unavailable",
        503,
        "The identity provider is not responding",
        "Try again in a minute. If the problem continues, ask an administrator to check VIDEOBROKER_OIDC_ISSUER.",
        Interface.CONSOLE,
    )


# The access decision. `domain.access.Reason` has the same codes.


class AccessDenied(BrokerError):
    """The access decision as an error. Its code is the reason of the decision."""

    def __init__(self, detail: str, *, decision: Any, retry_after: float | None = None, **fields: Any) -> None:
        """`decision` is the `Wait` or `Refuse` of `domain.access`."""
        self.kind = CATALOG[decision.reason]
        super().__init__(detail, retry_after=retry_after, **fields)
        self.decision = decision


def _access(code: str, hint: str) -> None:
    _kind(code, 403, "Access denied", hint)


_access("video_disabled", "Video is disabled. Set `modality: virtual` (booking) or `video: true` (group).")
_access("session_cancelled", "The session was canceled. Create a new one to meet.")
_access("session_completed", "The session is completed. Create a new one to meet again.")
_access("session_not_confirmed", "The session is not confirmed yet. Confirm it, then retry.")
_access("not_a_participant", "User is not a participant of this session. Add them to `participants`.")
_access("guests_not_allowed", "This session doesn't allow guests. Set `guests_allowed` in its policy to change that.")
_access("participant_removed", "This user was removed from the session. Unblock them to let them rejoin.")
_access("too_early", "The session is not open yet. Retry at `opens_at`.")
_access("session_over", "The session has ended. Extend it or create a new one.")
_access("waiting_for_host", "The host hasn't joined. Retry after `retry_after` seconds.")
_access("waiting_for_admission", "Waiting for a host to admit this user. Retry after `retry_after` seconds.")
_access("admission_denied", "The host declined this user's request. A host can still admit them from the waiting room.")


# What does not exist.


class NotFound(BrokerError):
    """Base class; not raised itself."""


class PathNotFound(NotFound):
    kind = _kind("path_not_found", 404, "Not found", "See `/docs` for all endpoints.")


class MethodNotAllowed(BrokerError):
    kind = _kind(
        "method_not_allowed",
        405,
        "Method not allowed",
        "Use a method that the header `Allow` names. See `/docs`.",
        Interface.ANY_REQUEST,
    )


class SessionNotFound(NotFound):
    kind = _kind(
        "session_not_found",
        404,
        "Session not found",
        "Check the reference and the app of the API key, or create the session with `PUT`.",
    )


class ParticipantNotFound(NotFound):
    kind = _kind(
        "participant_not_found", 404, "Participant not found", "Check the user ID, or add them to `participants`."
    )


class CallNotFound(NotFound):
    kind = _kind("call_not_found", 404, "Call not found", "Check the ID, or start a call in this session first.")


class EndpointNotFound(NotFound):
    kind = _kind(
        "endpoint_not_found",
        404,
        "Webhook endpoint not found",
        "`GET /v1/webhook-endpoints` lists the app's endpoints.",
    )


class DeliveryNotFound(NotFound):
    kind = _kind(
        "delivery_not_found",
        404,
        "Delivery not found",
        "Check the ID. Deliveries are deleted some time after they succeed.",
    )


class LinkNotFound(NotFound):
    kind = _kind("link_not_found", 404, "Link not found", "`GET .../links` lists the active links of the session.")


class EntryNotFound(NotFound):
    kind = _kind("entry_not_found", 404, "No pending request", "`GET .../lobby` lists the people in the waiting room.")


class LegacyDisabled(NotFound):
    kind = _kind(
        "legacy_disabled",
        404,
        "Legacy endpoint disabled",
        "Enable its family for the app with `videobroker apps update --legacy`, or use `/v1`.",
        Interface.LEGACY,
    )


class AppNotFound(NotFound):
    kind = _kind(
        "app_not_found",
        404,
        "App not found",
        "`videobroker apps list` shows all apps.",
    )


class ApiKeyNotFound(NotFound):
    kind = _kind(
        "key_not_found",
        404,
        "API key not found",
        "`videobroker keys list` shows the app's keys.",
    )


class AccountNotFound(NotFound):
    kind = _kind(
        "account_not_found",
        404,
        "No account with this provider",
        "Set the account with `PUT /v1/admin/apps/{app}/accounts/{provider}` or `videobroker accounts set`.",
    )


class OperatorKeyNotFound(NotFound):
    kind = _kind(
        "operator_key_not_found", 404, "Operator key not found", "`videobroker operator-keys list` shows them."
    )


class UserTokenRulesNotFound(NotFound):
    kind = _kind(
        "user_token_rules_not_found",
        404,
        "No rules for user tokens",
        "Set the app's rules with `videobroker user-tokens set`.",
    )


# Conflicts with the current state.


class Conflict(BrokerError):
    """Base class; not raised itself."""


class RequestInFlight(Conflict):
    kind = _kind(
        "request_in_flight",
        409,
        "First request still running",
        "Retry later with the same `Idempotency-Key` to get the response of the first request.",
    )


class SecretReplaced(Conflict):
    kind = _kind(
        "secret_replaced",
        409,
        "Secret no longer current",
        "The first request with this `Idempotency-Key` returned a secret that was rotated since. Rotate it again.",
    )


class TooManyEndpoints(Conflict):
    kind = _kind("too_many_endpoints", 409, "Too many webhook endpoints", "Delete an endpoint first, or change one.")


class PreconditionFailed(BrokerError):
    kind = _kind(
        "precondition_failed",
        412,
        "Precondition failed",
        "Read the resource again, and retry with its new `ETag`. Nothing was changed.",
    )


class FeedbackAlreadyGiven(Conflict):
    kind = _kind(
        "feedback_already_given",
        409,
        "Feedback already given",
        "Each person can give feedback once for each call. `feedback.given` events contain it.",
    )


class AlreadyAdmitted(Conflict):
    kind = _kind(
        "already_admitted",
        409,
        "Already admitted",
        "To remove them, use `POST .../participants/{user_id}/remove`.",
    )


class AppExists(Conflict):
    kind = _kind(
        "app_exists",
        409,
        "App already exists",
        "Choose another name, or change the existing app.",
    )


class UserTokenRulesOverlap(Conflict):
    kind = _kind(
        "user_token_rules_overlap",
        409,
        "Another app accepts the same user tokens",
        "Use a different secret or different keys, or set `issuer` and `audience`.",
    )


# Video providers.


class ProviderError(BrokerError):
    """Base class of failures at a provider; not raised itself."""


class ProviderUnavailable(ProviderError):
    kind = _kind(
        "provider_unavailable",
        503,
        "Video provider unavailable",
        "Retry after the seconds in `Retry-After`. The service has retried already.",
    )


class ProviderRefused(ProviderError):
    kind = _kind(
        "provider_refused",
        502,
        "Video provider rejected the request",
        "Check the app's account with the provider: credentials, template, permissions, and the clock of this server.",
    )


class ProviderNotConfigured(ProviderError):
    kind = _kind(
        "provider_not_configured",
        503,
        "Video provider not configured",
        "Set the app's account with `videobroker accounts set`.",
    )


class RoomNotReady(BrokerError):
    kind = _kind(
        "room_not_ready",
        503,
        "Room not ready",
        "Another request is creating the room. Retry.",
    )


# What the service depends on, and its stored data.


class IdentityUnavailable(BrokerError):
    kind = _kind(
        "identity_unavailable",
        503,
        "Identity provider unavailable",
        "Retry. Check that the app's `jwks_url` can be reached from this server.",
    )


class StorageUnavailable(BrokerError):
    kind = _kind(
        "storage_unavailable", 503, "Database unavailable", "Retry. Check that PostgreSQL runs and can be reached."
    )


class DecryptionFailed(BrokerError):
    kind = _kind(
        "seal_broken",
        500,
        "Stored secret cannot be decrypted",
        "Append the previous key to VIDEOBROKER_SECRET_KEY, separated by a comma.",
        Interface.ANY_REQUEST,
    )


class JournalDamaged(BrokerError):
    kind = _kind(
        "journal_not_whole",
        500,
        "Journal does not match its seals",
        "`videobroker journal verify` lists every difference.",
        Interface.COMMAND_LINE,
    )


class ExportUnreadable(BrokerError):
    kind = _kind(
        "export_unreadable",
        422,
        "Not an exported journal",
        "Pass a file that `videobroker journal export` of this version wrote.",
        Interface.COMMAND_LINE,
    )


class SettingsConflict(BrokerError):
    kind = _kind(
        "settings_contradict",
        500,
        "Conflicting settings",
        "Set only one of the names, or give them the same value.",
        Interface.COMMAND_LINE,
    )


class StartupFailed(BrokerError):
    kind = _kind(
        "startup_failed",
        500,
        "Startup failed",
        "Check the settings and the permissions of the data directory. `videobroker doctor` checks the installation.",
        Interface.COMMAND_LINE,
    )


# The console.


class NotSignedIn(BrokerError):
    kind = _kind("not_signed_in", 401, "Not signed in", "Sign in to use the console.", Interface.CONSOLE)


class RequestForged(BrokerError):
    kind = _kind("request_forged", 403, "Request blocked", "Reload the page and try again.", Interface.CONSOLE)


class TooManyAttempts(BrokerError):
    kind = _kind(
        "too_many_tries",
        429,
        "Too many failed attempts",
        "Wait for the seconds in `Retry-After`, and check the credential: the last ones from this network were wrong.",
    )


class RateLimited(BrokerError):
    kind = _kind(
        "rate_limited",
        429,
        "Too many requests",
        "Wait for the seconds in `Retry-After`, and spread your requests. `RateLimit` says how many are left.",
    )
