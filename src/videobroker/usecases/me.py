"""Describes the actor of a request to itself: what its credential is, and what it may do. Never contains a secret."""

from dataclasses import dataclass

from videobroker.domain.api_keys import ApiKey
from videobroker.domain.apps import GUEST_ROLE, ProviderName
from videobroker.domain.ids import KeyId
from videobroker.domain.tickets import Ticket
from videobroker.errors import ApiKeyInvalid, ProviderNotConfigured
from videobroker.providers.contract import Capability, Surface
from videobroker.storage.tenants import apps
from videobroker.usecases.context import RequestContext


@dataclass(frozen=True, slots=True)
class AvailableProvider:
    """A provider of the app, and how its credentials can be used."""

    name: ProviderName
    surfaces: tuple[Surface, ...]
    """Empty if its settings are not complete."""


async def describe_key(context: RequestContext, key_id: KeyId) -> ApiKey:
    """The actor's own API key. Raises `ApiKeyInvalid` if it was deleted meanwhile."""
    async with context.transaction() as unit_of_work:
        found = await apps.find_key(unit_of_work, context.app.id, key_id)
    if found is None:
        raise ApiKeyInvalid("Unknown API key. Check that it belongs to this deployment.")
    return found


def list_providers(context: RequestContext) -> list[AvailableProvider]:
    """The providers of the app, in the order in which sessions use them by default."""
    return [AvailableProvider(name, _surfaces(context, name)) for name in context.app.default_providers]


def _surfaces(context: RequestContext, name: ProviderName) -> tuple[Surface, ...]:
    try:
        capabilities = context.provider(name).capabilities
    except ProviderNotConfigured:
        return ()
    return (Surface.SDK, Surface.PREBUILT) if Capability.PREBUILT in capabilities else (Surface.SDK,)


async def role_of_holder(context: RequestContext, ticket: Ticket) -> str | None:
    """The app role of a ticket holder; None if they are not a participant any more."""
    if ticket.is_guest:
        return GUEST_ROLE
    join_context = await context.broker.join_contexts.read(ticket.session, ticket.user_id)
    participant = None if join_context is None else join_context.participant
    return None if participant is None else participant.role
