"""Creates the application of the sandbox."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
from fastapi import FastAPI

from videobroker.sandbox.agora.channel_events import ChannelEvent
from videobroker.sandbox.agora.notifications import NotificationPublisher
from videobroker.sandbox.agora.rest import agora_operations
from videobroker.sandbox.background import BackgroundTasks
from videobroker.sandbox.config import SandboxConfig
from videobroker.sandbox.control.agora import agora_routes
from videobroker.sandbox.control.codes import code_routes
from videobroker.sandbox.control.notifications import notification_routes
from videobroker.sandbox.control.outbox import outbox_routes
from videobroker.sandbox.control.peers import peer_routes
from videobroker.sandbox.control.reset import reset_routes
from videobroker.sandbox.control.traffic import fault_routes, traffic_routes
from videobroker.sandbox.errors import add_error_handlers
from videobroker.sandbox.events import RoomEvent
from videobroker.sandbox.exchange import exchange_operations
from videobroker.sandbox.meeting.hub import MeetingHub
from videobroker.sandbox.meeting.socket import socket_route
from videobroker.sandbox.operations import Instrumentation
from videobroker.sandbox.outbox import Outbox
from videobroker.sandbox.pages import page_routes
from videobroker.sandbox.rest import rest_operations
from videobroker.sandbox.state import SandboxState
from videobroker.sandbox.traffic import RequestLog, RequestLogMiddleware
from videobroker.sandbox.webhooks import WebhookPublisher

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_sandbox(
    config: SandboxConfig, state: SandboxState | None = None, webhook_client: httpx.AsyncClient | None = None
) -> FastAPI:
    """The sandbox with the workspaces and the Agora project of `config`.

    Pass a `state` to access it, or to use another clock. Without it, the state is read from the state file of `config`,
    if there is one; raises `InvalidSnapshot` if the file is invalid. Webhooks are sent with `webhook_client` if it is
    given; it is not closed.
    """
    if state is None:
        state = SandboxState(config)
    instrumentation, log = Instrumentation(), RequestLog()
    outbox, background = Outbox(webhook_client, config.retry_scale), BackgroundTasks()
    hub = MeetingHub(state)
    webhooks, notifications = WebhookPublisher(state, outbox), NotificationPublisher(state, outbox)

    def on_room_event(event: RoomEvent) -> None:
        webhooks.publish(event)
        hub.on_room_event(event)

    def on_channel_event(event: ChannelEvent) -> None:
        notifications.publish(event)
        hub.on_channel_event(event)

    state.event_listener, state.message_listener = on_room_event, hub.on_message
    state.agora.event_listener = on_channel_event
    operations = [
        *rest_operations(state, instrumentation),
        *exchange_operations(state, instrumentation),
        *agora_operations(state, instrumentation),
    ]
    names = frozenset(operation.name for operation in operations)
    app = FastAPI(
        title="videobroker sandbox",
        openapi_url=None,
        redirect_slashes=False,
        lifespan=_until_shutdown(outbox, background, hub),
        routes=[
            *operations,
            *peer_routes(state, background),
            *code_routes(state),
            *traffic_routes(state, instrumentation, log),
            *fault_routes(instrumentation, names),
            *outbox_routes(state, outbox),
            *notification_routes(state),
            *reset_routes(state, instrumentation, outbox),
            *agora_routes(state),
            *page_routes(state),
            socket_route(state, hub, background),
        ],
    )
    app.add_middleware(RequestLogMiddleware, log=log)
    add_error_handlers(app)
    return app


def _until_shutdown(outbox: Outbox, background: BackgroundTasks, hub: MeetingHub) -> Lifespan:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        # No connection outlives the sandbox, so rooms are empty after a restart.
        hub.close()
        await background.stop()
        await outbox.clear()

    return lifespan
