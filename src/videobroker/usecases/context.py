"""The context of a request or a job: the service, the tenant, the actor, and the time."""

from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import datetime
from typing import Any, Self

from videobroker.broker import Broker
from videobroker.domain.actors import Actor
from videobroker.domain.apps import App, ProviderName
from videobroker.domain.events import Event, EventType, create_session_event
from videobroker.domain.sessions import Session
from videobroker.domain.struct import Struct
from videobroker.providers.contract import Provider
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.unit_of_work import UnitOfWork


class RequestContext(Struct):
    """The first argument of every use case that acts for one tenant."""

    broker: Broker
    app: App
    actor: Actor
    now: datetime
    """Read once, so that all decisions and records of a request have one time."""

    @classmethod
    def for_system(cls, broker: Broker, app: App, now: datetime) -> Self:
        """The context of the service itself, for jobs and the command line: every action is allowed."""
        return cls(broker, app, Actor(app.id), now)

    def at(self, now: datetime) -> Self:
        """This context at a later time, for requests that stay open."""
        return replace(self, now=now)

    @property
    def store(self) -> Store:
        return self.broker.store

    def transaction(self, *, long_statements: bool = False) -> AbstractAsyncContextManager[UnitOfWork]:
        """A unit of work on the rows of this app: see `Store.transaction`."""
        return self.broker.store.transaction(self.app.id, long_statements=long_statements)

    def provider(self, name: ProviderName) -> Provider:
        """Raises `ProviderNotConfigured`."""
        return self.broker.provider(self.app, name)

    def event(
        self,
        session: Session,
        event_type: EventType,
        *,
        user_id: str | None = None,
        data: Mapping[str, Any] | None = None,
    ) -> Event:
        """Create an event about the session, by this actor and at this time, without recording it."""
        return create_session_event(session, event_type, actor=self.actor, now=self.now, user_id=user_id, data=data)
