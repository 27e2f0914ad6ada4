"""`videobroker apps ...`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError

from videobroker.broker import Broker
from videobroker.cli.starting import with_broker
from videobroker.cli.terminal import AsJson, print_json, show, stdout
from videobroker.domain.apps import App, LegacyFamily, ProviderName
from videobroker.settings import DEFAULT_ROLE_MAPS
from videobroker.usecases import tenants

cli = typer.Typer(help="Apps: the products that use this service.", no_args_is_help=True)

RoleOptions = Annotated[
    list[str] | None,
    typer.Option("--role", help="A line of the role map, `100ms:tutor=teacher`; repeat it. Replaces the whole map."),
]
PolicyOption = Annotated[
    Path | None,
    typer.Option("--policy", help="A JSON file with the app's policy.", exists=True, dir_okay=False),
]

OriginOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--origin",
        help="Where the app's pages are, `https://shop.example`: they may ask for its users from a browser, and embed "
        "our page. Repeat it. Replaces all; an empty one alone leaves none.",
    ),
]


LegacyOptions = Annotated[
    list[LegacyFamily] | None,
    typer.Option(
        "--legacy",
        help="Serve these legacy endpoints for the app. Repeat it for several. Replaces all.",
        case_sensitive=False,
    ),
]


@cli.command("create")
def create(
    name: Annotated[str, typer.Argument(help="How you call the app.")],
    role: RoleOptions = None,
    policy: PolicyOption = None,
    origin: OriginOptions = None,
    legacy: LegacyOptions = None,
    as_json: AsJson = False,
) -> None:
    """Make an app.

    Without --role it gets a role map for lessons, appointments and chats. Next: `videobroker accounts set` and
    `videobroker keys create`.
    """
    role_maps = _role_maps(role) if role else DEFAULT_ROLE_MAPS
    rules = _policy(policy) if policy else {}
    origins = _origins(origin)

    async def work(broker: Broker) -> App:
        return await tenants.create_app(
            broker,
            name,
            policy=rules,
            role_maps=role_maps,
            allowed_origins=origins or (),
            legacy_families=frozenset(legacy or ()),
            now=broker.now(),
        )

    app = with_broker(work)
    if as_json:
        print_json(_row(app))
    else:
        stdout.print(f"Made the app {app.name}. Give it an account: `videobroker accounts set {app.name} 100ms`.")


@cli.command("update")
def update(
    name: Annotated[str, typer.Argument(help="The app.")],
    role: RoleOptions = None,
    policy: PolicyOption = None,
    origin: OriginOptions = None,
    legacy: LegacyOptions = None,
    no_legacy: Annotated[bool, typer.Option("--no-legacy", help="Serve no legacy endpoints for the app.")] = False,
    as_json: AsJson = False,
) -> None:
    """Change an app's role map, policy, origins, or legacy endpoints. What is not named stays as it is."""
    if no_legacy and legacy:
        raise typer.BadParameter("Use either --legacy or --no-legacy.")
    families = frozenset[LegacyFamily]() if no_legacy else None if legacy is None else frozenset(legacy)
    role_maps = _role_maps(role) if role else None
    rules = _policy(policy) if policy else None
    origins = _origins(origin)

    async def work(broker: Broker) -> App:
        app = await tenants.find_app(broker, name)
        return await tenants.change_app(
            broker,
            app,
            policy=app.policy if rules is None else rules,
            role_maps=app.role_maps if role_maps is None else role_maps,
            allowed_origins=origins,
            legacy_families=families,
            now=broker.now(),
        )

    app = with_broker(work)
    if as_json:
        print_json(_row(app))
    else:
        stdout.print(f"Changed the app {app.name}.")


@cli.command("list")
def list_apps(as_json: AsJson = False) -> None:
    """Show every app with its accounts and role maps."""
    show([_row(app) for app in with_broker(tenants.list_apps)], as_json=as_json, empty="There is no app yet.")


def _row(app: App) -> dict[str, Any]:
    return {
        "name": app.name,
        "id": str(app.id),
        "accounts": [provider.value for provider in app.accounts],
        "role_maps": {provider.value: dict(roles) for provider, roles in app.role_maps.items()},
        "policy": dict(app.policy),
        "allowed_origins": list(app.allowed_origins),
        "legacy": sorted(app.legacy_families),
    }


def _origins(texts: list[str] | None) -> list[str] | None:
    return None if texts is None else [text for text in texts if text]


def _role_maps(lines: list[str]) -> dict[ProviderName, dict[str, str]]:
    maps: dict[ProviderName, dict[str, str]] = {}
    for line in lines:
        provider, _, pair = line.partition(":")
        role, _, mapped = pair.partition("=")
        if provider not in set(ProviderName) or not role or not mapped:
            known = " or ".join(ProviderName)
            raise typer.BadParameter(f"{line!r} is not of the form PROVIDER:ROLE=PROVIDER_ROLE, PROVIDER {known}.")
        maps.setdefault(ProviderName(provider), {})[role] = mapped
    return maps


def _policy(path: Path) -> Mapping[str, Any]:
    # The whole API comes with it, and few commands are given a policy.
    from videobroker.web.v1.session_schemas import PolicyIn  # noqa: PLC0415

    try:
        return PolicyIn.model_validate(json.loads(path.read_text())).patch()
    except (ValueError, ValidationError) as error:
        raise typer.BadParameter(f"{path} is not a policy: {error}") from None
