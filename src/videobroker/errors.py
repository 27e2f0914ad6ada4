"""Every error a caller can meet: a stable code and a sentence that tells what to do.

    BrokerError
    ├── InvalidInput             what was sent cannot be right
    │   ├── UnknownProvider
    │   ├── RoleNotMapped
    │   ├── DuplicateParticipant
    │   ├── SurfaceNotOffered
    │   ├── InvalidCursor
    │   ├── WebhookUnreadable
    │   └── IdempotencyKeyReused
    ├── NotAuthenticated         who is asking
    │   ├── ApiKeyMissing
    │   ├── ApiKeyInvalid
    │   ├── ApiKeyExpired
    │   ├── ApiKeyRevoked
    │   ├── UserTokenInvalid
    │   ├── UserTokenExpired
    │   ├── UserTokenNotYetValid
    │   ├── UserTokenLivesTooLong
    │   ├── UserTokenAmbiguous
    │   ├── TicketInvalid
    │   ├── TicketExpired
    │   ├── TicketRevoked
    │   └── WebhookRefused       a webhook that the provider may not have sent
    ├── ScopeMissing             asking for more than the key may
    ├── ApiKeyNeeded             a user asking for what only a backend may
    ├── TicketNotEnough          a ticket shown where it is good for nothing
    ├── NotYourself              a user asking for somebody else
    ├── RoleMayNot               a user whose role may not start and end calls
    ├── NotFound
    │   ├── SessionNotFound
    │   ├── ParticipantNotFound
    │   ├── LegacyDisabled
    │   ├── CallNotFound
    │   ├── EndpointNotFound
    │   ├── DeliveryNotFound
    │   ├── LinkNotFound
    │   └── EntryNotFound
    ├── Conflict
    │   ├── RequestInFlight
    │   ├── SecretReplaced
    │   ├── TooManyEndpoints
    │   └── AlreadyAdmitted
    ├── AccessDenied             the access decision, as an error
    ├── ProviderError            the far side
    │   ├── ProviderUnavailable  down or overloaded: worth another try
    │   ├── ProviderRefused      it answered, and said no: somebody has to change something
    │   └── ProviderNotConfigured
    ├── RoomNotReady             another request is still preparing the room
    ├── IdentityUnavailable      the app's own identity provider
    └── StorageUnavailable

The docstring of a class is the title of its problem document. The HTTP status of a code stands in `web/problems.py`.
"""

from typing import Any, ClassVar, Self
from uuid import UUID


class BrokerError(Exception):
    """Something went wrong."""

    code: ClassVar[str] = "internal_error"

    def __init__(self, detail: str, *, retry_after: float | None = None, **fields: Any) -> None:
        """`detail` tells the caller what to do; `retry_after` is in seconds; `fields` join the problem document."""
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
        self.fields = fields


class InvalidInput(BrokerError):
    """The request is not valid."""

    code = "invalid_request"


class UnknownProvider(InvalidInput):
    """The app has no account with this provider."""

    code = "unknown_provider"


class RoleNotMapped(InvalidInput):
    """A role has no counterpart at the provider."""

    code = "role_not_mapped"


class DuplicateParticipant(InvalidInput):
    """The same person stands twice on the roster."""

    code = "duplicate_participant"


class SurfaceNotOffered(InvalidInput):
    """The provider does not offer this surface."""

    code = "surface_not_offered"


class InvalidCursor(InvalidInput):
    """The cursor is not one of ours."""

    code = "invalid_cursor"


class WebhookUnreadable(InvalidInput):
    """The webhook cannot be read."""

    code = "webhook_unreadable"


class IdempotencyKeyReused(InvalidInput):
    """The idempotency key was used for another request."""

    code = "idempotency_key_reused"


class NotAuthenticated(BrokerError):
    """The caller is not known."""

    code = "not_authenticated"
    app_id: UUID | None = None
    """The app that the credential was for, where that is known."""

    def of(self, app_id: UUID) -> Self:
        """The same error, of a credential for this app."""
        self.app_id = app_id
        return self


class ApiKeyMissing(NotAuthenticated):
    """No API key was sent."""

    code = "api_key_missing"


class ApiKeyInvalid(NotAuthenticated):
    """The API key is not known."""

    code = "api_key_invalid"


class ApiKeyExpired(NotAuthenticated):
    """The API key has expired."""

    code = "api_key_expired"


class ApiKeyRevoked(NotAuthenticated):
    """The API key was revoked."""

    code = "api_key_revoked"


class ScopeMissing(BrokerError):
    """The API key may not do this."""

    code = "scope_missing"


class UserTokenInvalid(NotAuthenticated):
    """The user token is not valid."""

    code = "user_token_invalid"


class UserTokenExpired(NotAuthenticated):
    """The user token has expired."""

    code = "user_token_expired"


class UserTokenNotYetValid(NotAuthenticated):
    """The user token is not valid yet."""

    code = "user_token_not_yet_valid"


class UserTokenLivesTooLong(NotAuthenticated):
    """The lifetime of the user token is longer than its app allows."""

    code = "user_token_lives_too_long"


class UserTokenAmbiguous(NotAuthenticated):
    """The user token is valid for more than one app."""

    code = "user_token_ambiguous"


class TicketInvalid(NotAuthenticated):
    """The ticket is not valid."""

    code = "ticket_invalid"


class TicketExpired(NotAuthenticated):
    """The ticket has expired."""

    code = "ticket_expired"


class TicketRevoked(NotAuthenticated):
    """The ticket was revoked."""

    code = "ticket_revoked"


class WebhookRefused(NotAuthenticated):
    """The webhook does not prove where it comes from."""

    code = "webhook_refused"


class ApiKeyNeeded(BrokerError):
    """A user token may not do this."""

    code = "api_key_needed"


class TicketNotEnough(BrokerError):
    """A ticket may not do this."""

    code = "ticket_not_enough"


class NotYourself(BrokerError):
    """A user token speaks for its own user only."""

    code = "not_yourself"


class RoleMayNot(BrokerError):
    """The user's role may not do this."""

    code = "role_may_not"


class IdentityUnavailable(BrokerError):
    """The app's identity provider cannot be reached."""

    code = "identity_unavailable"


class NotFound(BrokerError):
    """There is no such thing for this app."""

    code = "not_found"


class SessionNotFound(NotFound):
    """There is no such session for this app."""

    code = "session_not_found"


class ParticipantNotFound(NotFound):
    """There is no such participant in this session."""

    code = "participant_not_found"


class LegacyDisabled(NotFound):
    """The app does not use this legacy endpoint."""

    code = "legacy_disabled"


class CallNotFound(NotFound):
    """There is no such call for this app."""

    code = "call_not_found"


class EndpointNotFound(NotFound):
    """There is no such webhook endpoint for this app."""

    code = "endpoint_not_found"


class DeliveryNotFound(NotFound):
    """There is no such delivery for this app."""

    code = "delivery_not_found"


class LinkNotFound(NotFound):
    """The session has no such link."""

    code = "link_not_found"


class EntryNotFound(NotFound):
    """There is no such entry in this waiting room."""

    code = "entry_not_found"


class Conflict(BrokerError):
    """The present state does not allow this."""

    code = "conflict"


class RequestInFlight(Conflict):
    """The first request with this idempotency key is still running."""

    code = "request_in_flight"


class SecretReplaced(Conflict):
    """The secret that the first request with this idempotency key returned is not the endpoint's secret any more."""

    code = "secret_replaced"


class TooManyEndpoints(Conflict):
    """The app has as many webhook endpoints as it can have."""

    code = "too_many_endpoints"


class AlreadyAdmitted(Conflict):
    """This person was let in already."""

    code = "already_admitted"


class AccessDenied(BrokerError):
    """This person may not enter now."""

    code = "access_denied"

    def __init__(self, detail: str, *, decision: Any, retry_after: float | None = None, **fields: Any) -> None:
        """`decision` is the `Wait` or `Refuse` of `domain.access`; its reason is the code of the problem."""
        super().__init__(detail, retry_after=retry_after, **fields)
        self.decision = decision


class ProviderError(BrokerError):
    """The video provider did not do what was asked."""

    code = "provider_error"


class ProviderUnavailable(ProviderError):
    """The video provider cannot be reached."""

    code = "provider_unavailable"


class ProviderRefused(ProviderError):
    """The video provider refused the request."""

    code = "provider_refused"


class ProviderNotConfigured(ProviderError):
    """The app has no working account with the provider."""

    code = "provider_not_configured"


class RoomNotReady(BrokerError):
    """The room is still being prepared."""

    code = "room_not_ready"


class StorageUnavailable(BrokerError):
    """The database cannot be reached."""

    code = "storage_unavailable"
