"""The actor of a request: an API key, an end user, a ticket holder, an operator, or the service itself."""

from datetime import datetime

from videobroker.domain.api_keys import Scope
from videobroker.domain.ids import AppId, KeyId, TicketId
from videobroker.domain.operators import OperatorRole
from videobroker.domain.struct import Struct


class Actor(Struct):
    """The sender of a request, with the client's address if the request came over HTTP.

    Without a key, a user, and an operator, the actor is the command line or the service itself.
    """

    app_id: AppId
    key_id: KeyId | None = None
    ip: str | None = None
    user_agent: str | None = None
    user_id: str | None = None
    """The end user of a user token or a ticket. None for actors who may act for any user."""
    operator: str | None = None
    """The name with which an operator signed in to the console, or the name of the operator key `key_id`."""
    operator_subject: str | None = None
    """The operator's identifier at the OpenID Connect issuer; None for a sign-in with the admin key."""
    operator_role: OperatorRole | None = None
    """The role of the operator. An operator without a role may do nothing."""
    scopes: frozenset[Scope] | None = None
    """The scopes of the API key, or of the key that issued the ticket. None: not limited by scope."""
    ticket_id: TicketId | None = None
    is_guest: bool = False
    """A ticket holder who is not registered for the session."""
    credential_expires_at: datetime | None = None
    """When the credential of the request expires; None if it does not. Credentials issued with it expire no later."""
