"""`videobroker webhook-endpoints ...`."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, Any, TypeVar
from uuid import UUID

import typer

from videobroker.broker import Broker
from videobroker.cli.starting import with_broker
from videobroker.cli.terminal import AsJson, print_json, show, stderr, stdout
from videobroker.domain.events import EventType
from videobroker.domain.ids import EndpointId
from videobroker.domain.times import rfc3339
from videobroker.domain.webhooks import DeliveryAttempt, Endpoint
from videobroker.usecases import tenants
from videobroker.usecases.context import RequestContext
from videobroker.usecases.webhooks import endpoints

T = TypeVar("T")

cli = typer.Typer(help="Manage the webhook endpoints that receive the events of an app.", no_args_is_help=True)

AppName = Annotated[str, typer.Argument(help="Name of the app.")]
EndpointArgument = Annotated[UUID, typer.Argument(help="ID of the endpoint, from `webhook-endpoints list`.")]
TypeOptions = Annotated[
    list[EventType] | None,
    typer.Option(
        "--type",
        help="Event type to send. Repeatable. Default: all but those about the configuration.",
        metavar="TYPE",
    ),
]


def _with_app(app_name: str, work: Callable[[RequestContext], Awaitable[T]]) -> T:
    async def find_and_work(broker: Broker) -> T:
        app = await tenants.find_app(broker, app_name)
        return await work(RequestContext.for_system(broker, app, broker.now()))

    return with_broker(find_and_work)


@cli.command("list")
def list_endpoints(app_name: AppName, as_json: AsJson = False) -> None:
    """List the webhook endpoints of an app, without their secrets."""
    found = _with_app(app_name, endpoints.list_endpoints)
    show([_row(each) for each in found], as_json=as_json, empty="The app has no webhook endpoints yet.")


@cli.command("create")
def create(
    app_name: AppName,
    url: Annotated[str, typer.Argument(help="HTTPS URL on the public internet.")],
    types: TypeOptions = None,
    description: Annotated[str, typer.Option(help="Note for your own use.")] = "",
    ordered: Annotated[bool, typer.Option(help="Deliver the events of a session one after the other.")] = False,
    as_json: AsJson = False,
) -> None:
    """Create a webhook endpoint and print its secret, which is shown only once."""
    wanted = endpoints.EndpointRequest(url, description, frozenset(types or ()), ordered)
    _print_secret(_with_app(app_name, lambda context: endpoints.create(context, wanted)), as_json=as_json)


@cli.command("update")
def update(
    app_name: AppName,
    endpoint_id: EndpointArgument,
    url: Annotated[str | None, typer.Option(help="New URL.")] = None,
    types: TypeOptions = None,
    description: Annotated[str | None, typer.Option(help="New note.")] = None,
    ordered: Annotated[
        bool | None, typer.Option("--ordered/--unordered", help="Deliver events of a session one after the other.")
    ] = None,
    enabled: Annotated[
        bool | None, typer.Option("--enable/--disable", help="Send events. What was missed is sent, too.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Update a webhook endpoint. Only the given options change."""

    def change(context: RequestContext) -> Awaitable[Endpoint]:
        return endpoints.change(
            context,
            EndpointId(endpoint_id),
            url=url,
            description=description,
            types=None if types is None else frozenset(types),
            ordered=ordered,
            enabled=enabled,
        )

    changed = _with_app(app_name, change)
    if as_json:
        print_json(_row(changed))
    else:
        stdout.print(f"Updated the endpoint {endpoint_id}.")


@cli.command("delete")
def delete(app_name: AppName, endpoint_id: EndpointArgument) -> None:
    """Delete a webhook endpoint. Pending deliveries are discarded; the events stay in the journal."""
    _with_app(app_name, lambda context: endpoints.remove(context, EndpointId(endpoint_id)))
    stdout.print(f"Deleted the endpoint {endpoint_id}.")


@cli.command("rotate-secret")
def rotate_secret(
    app_name: AppName,
    endpoint_id: EndpointArgument,
    overlap_hours: Annotated[
        int, typer.Option(min=0, max=168, help="Hours for which deliveries are signed with both secrets.")
    ] = 24,
    as_json: AsJson = False,
) -> None:
    """Replace the secret of a webhook endpoint and print the new one, which is shown only once."""
    overlap = timedelta(hours=overlap_hours)
    rotated = _with_app(app_name, lambda context: endpoints.rotate(context, EndpointId(endpoint_id), overlap=overlap))
    _print_secret(rotated, as_json=as_json)


@cli.command("test")
def send_test(app_name: AppName, endpoint_id: EndpointArgument, as_json: AsJson = False) -> None:
    """Send a signed test event immediately. Exit code 0 if the endpoint accepts it, otherwise 1."""
    attempt = _with_app(app_name, lambda context: endpoints.test(context, EndpointId(endpoint_id)))
    if as_json:
        print_json(_attempt_row(attempt))
    else:
        result = attempt.error or f"status {attempt.status}"
        stdout.print(f"{'Accepted' if attempt.is_accepted else 'Not accepted'}: {result}, {attempt.latency_ms} ms.")
    raise typer.Exit(0 if attempt.is_accepted else 1)


def _print_secret(endpoint: Endpoint, *, as_json: bool) -> None:
    secret = endpoint.secrets[0].value
    if as_json:
        print_json({**_row(endpoint), "secret": secret})
    else:
        stderr.print(f"Secret of the endpoint {endpoint.id}. Store it now, it is not shown again:")
        stdout.print(secret, markup=False)


def _row(endpoint: Endpoint) -> dict[str, Any]:
    return {
        "id": str(endpoint.id),
        "url": endpoint.url,
        "description": endpoint.description,
        "types": sorted(each.value for each in endpoint.types),
        "ordered": endpoint.ordered,
        "enabled": endpoint.disabled is None,
        "failing_since": endpoint.failing_since and rfc3339(endpoint.failing_since),
        "created_at": rfc3339(endpoint.created_at),
    }


def _attempt_row(attempt: DeliveryAttempt) -> dict[str, Any]:
    return {
        "accepted": attempt.is_accepted,
        "status": attempt.status,
        "error": attempt.error,
        "latency_ms": attempt.latency_ms,
        "body": attempt.body,
    }
