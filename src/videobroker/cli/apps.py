"""`videobroker apps ...`."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from videobroker.broker import Broker
from videobroker.cli.starting import with_broker
from videobroker.cli.terminal import AsJson, print_json, show, stdout
from videobroker.domain.apps import DEFAULT_ROLE_MAPS, App, LegacyFamily, ProviderName
from videobroker.domain.branding import resolve_palette
from videobroker.domain.policy import POLICY_SETTINGS, SettingKind, find_policy_errors
from videobroker.usecases import management, tenants
from videobroker.usecases.context import RequestContext

cli = typer.Typer(help="Manage apps, the products that use this service.", no_args_is_help=True)

RoleOptions = Annotated[
    list[str] | None,
    typer.Option("--role", help="Entry of the role map, such as `100ms:tutor=teacher`. Repeatable. Replaces the map."),
]
PolicyOption = Annotated[
    Path | None,
    typer.Option("--policy", help="JSON file with the policy of the app.", exists=True, dir_okay=False),
]

OriginOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--origin",
        help="Origin of the app's pages, such as `https://shop.example`. They may call the API from a browser, and "
        "embed the hosted page. Repeatable. Replaces all origins; an empty value removes them.",
    ),
]


LegacyOptions = Annotated[
    list[LegacyFamily] | None,
    typer.Option(
        "--legacy",
        help="Legacy endpoints to enable for the app. Repeatable. Replaces all of them.",
        case_sensitive=False,
    ),
]


@cli.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Name of the new app.")],
    role: RoleOptions = None,
    policy: PolicyOption = None,
    origin: OriginOptions = None,
    legacy: LegacyOptions = None,
    as_json: AsJson = False,
) -> None:
    """Create an app.

    Without --role, the app gets a role map for lessons, appointments, and chats. Next, run `videobroker accounts set`
    and `videobroker keys create`.
    """
    role_maps = _role_maps(role) if role else DEFAULT_ROLE_MAPS
    rules = _policy(policy) if policy else {}
    origins = _origins(origin)

    async def work(broker: Broker) -> App:
        return await management.create_app(
            RequestContext.for_system(broker, tenants.SERVICE, broker.now()),
            name,
            policy=rules,
            role_maps=role_maps,
            allowed_origins=origins or (),
            legacy_families=frozenset(legacy or ()),
        )

    app = with_broker(work)
    if as_json:
        print_json(_row(app))
    else:
        stdout.print(f"Created the app {app.name}. Next, set an account: `videobroker accounts set {app.name} 100ms`.")


@cli.command("update")
def update(
    name: Annotated[str, typer.Argument(help="Name of the app.")],
    role: RoleOptions = None,
    policy: PolicyOption = None,
    origin: OriginOptions = None,
    legacy: LegacyOptions = None,
    no_legacy: Annotated[bool, typer.Option("--no-legacy", help="Disable all legacy endpoints of the app.")] = False,
    as_json: AsJson = False,
) -> None:
    """Update the role map, policy, origins, or legacy endpoints of an app. Only the given options change."""
    if no_legacy and legacy:
        raise typer.BadParameter("Use either --legacy or --no-legacy.")
    families = frozenset[LegacyFamily]() if no_legacy else None if legacy is None else frozenset(legacy)
    role_maps = _role_maps(role) if role else None
    rules = _policy(policy) if policy else None
    origins = _origins(origin)

    async def work(broker: Broker) -> App:
        app = await tenants.find_app(broker, name)
        return await management.change_app(
            RequestContext.for_system(broker, app, broker.now()),
            policy=rules,
            role_maps=role_maps,
            allowed_origins=origins,
            legacy_families=families,
        )

    app = with_broker(work)
    if as_json:
        print_json(_row(app))
    else:
        stdout.print(f"Updated the app {app.name}.")


LanguageOptions = Annotated[
    list[str] | None,
    typer.Option("--language", help="Language that the page may use: `en` or `de`. Repeatable. The first is default."),
]


@cli.command("brand")
def brand(
    name: Annotated[str, typer.Argument(help="Name of the app.")],
    display_name: Annotated[str | None, typer.Option(help="Name of your product, as people know it.")] = None,
    logo: Annotated[
        Path | None,
        typer.Option(help="PNG, JPEG, or WebP image with at most 200 kB.", exists=True, dir_okay=False),
    ] = None,
    no_logo: Annotated[bool, typer.Option("--no-logo", help="Remove the logo.")] = False,
    color: Annotated[str | None, typer.Option(help="Brand color, such as `#1a73e8`.")] = None,
    dark_color: Annotated[str | None, typer.Option(help="Brand color in dark mode.")] = None,
    contact_email: Annotated[str | None, typer.Option(help="Email address for people who need help.")] = None,
    contact_phone: Annotated[str | None, typer.Option(help="Phone number for people who need help.")] = None,
    contact_url: Annotated[str | None, typer.Option(help="Help page.")] = None,
    return_url: Annotated[
        str | None,
        typer.Option(help="Where people go after a call. `{reference}` becomes the reference of the session."),
    ] = None,
    language: LanguageOptions = None,
    as_json: AsJson = False,
) -> None:
    """Set how the hosted page presents an app. Only the given options change; an empty value removes a setting."""
    if no_logo and logo:
        raise typer.BadParameter("Use either --logo or --no-logo.")
    texts = {
        "display_name": display_name,
        "color": color,
        "dark_color": dark_color,
        "contact_email": contact_email,
        "contact_phone": contact_phone,
        "contact_url": contact_url,
        "return_url": return_url,
    }
    changes: dict[str, Any] = {field: text or None for field, text in texts.items() if text is not None}
    if language is not None:
        changes |= {"languages": tuple(text for text in language if text), "default_language": None}

    async def work(broker: Broker) -> App:
        app = await tenants.find_app(broker, name)
        context = RequestContext.for_system(broker, app, broker.now())
        app = await management.change_branding(context, replace(app.branding, **changes))
        if logo is not None:
            app = await management.set_logo(context, logo.read_bytes())
        elif no_logo:
            app = await management.set_logo(context, None)
        return app

    app = with_broker(work)
    palette = resolve_palette(app.branding)
    if as_json:
        print_json(_row(app))
    else:
        stdout.print(f"Updated the branding of {app.name}.")
        for sentence in () if palette is None else palette.adjustments:
            stdout.print(sentence, soft_wrap=True)


@cli.command("show")
def show_app(name: Annotated[str, typer.Argument(help="Name of the app.")], as_json: AsJson = False) -> None:
    """Show an app with all its settings, without secrets."""

    async def work(broker: Broker) -> App:
        return await management.read_app(await _context(broker, name))

    _show(_row(with_broker(work)), as_json=as_json)


@cli.command("policy")
def change_policy(
    name: Annotated[str, typer.Argument(help="Name of the app.")],
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="Setting, such as `grace_seconds=60` or `host_roles=tutor,admin`. Repeatable."),
    ] = None,
    unset: Annotated[
        list[str] | None, typer.Option("--unset", help="Setting that gets its default again. Repeatable.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Change single settings of an app's policy, and show those that differ from the defaults."""
    changes = dict(map(_setting, settings or ())) | dict.fromkeys(unset or ())

    async def work(broker: Broker) -> App:
        context = await _context(broker, name)
        return await management.update_policy(context, changes) if changes else context.app

    _show(with_broker(work).policy, as_json=as_json)


@cli.command("roles")
def change_roles(
    name: Annotated[str, typer.Argument(help="Name of the app.")],
    provider: Annotated[ProviderName, typer.Argument(help="Video provider.")],
    mapped: Annotated[
        list[str] | None, typer.Option("--map", help="Role and provider role, such as `tutor=teacher`. Repeatable.")
    ] = None,
    removed: Annotated[list[str] | None, typer.Option("--remove", help="Role to remove. Repeatable.")] = None,
    as_json: AsJson = False,
) -> None:
    """Change single roles of an app's role map at one provider, and show the map. The others do not change."""
    changes: dict[str, str | None] = dict.fromkeys(removed or ())
    for pair in mapped or ():
        role, equals, provider_role = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f"{pair!r} is not of the form ROLE=PROVIDER_ROLE.")
        changes[role] = provider_role

    async def work(broker: Broker) -> App:
        context = await _context(broker, name)
        return await management.update_role_map(context, provider, changes) if changes else context.app

    _show(with_broker(work).role_maps.get(provider, {}), as_json=as_json)


def _show(values: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_json(dict(values))
    else:
        show([{"name": name, "value": json.dumps(value)} for name, value in values.items()], as_json=False)


async def _context(broker: Broker, name: str) -> RequestContext:
    return RequestContext.for_system(broker, await tenants.find_app(broker, name), broker.now())


@cli.command("list")
def list_apps(as_json: AsJson = False) -> None:
    """List all apps with their accounts, role maps, and policies."""
    show([_row(app) for app in with_broker(tenants.list_apps)], as_json=as_json, empty="There are no apps yet.")


def _row(app: App) -> dict[str, Any]:
    return {
        "name": app.name,
        "id": str(app.id),
        "accounts": [provider.value for provider in app.accounts],
        "role_maps": {provider.value: dict(roles) for provider, roles in app.role_maps.items()},
        "policy": dict(app.policy),
        "allowed_origins": list(app.allowed_origins),
        "legacy": sorted(app.legacy_families),
        "branding": app.branding.to_json(),
    }


def _origins(texts: list[str] | None) -> list[str] | None:
    return None if texts is None else [text for text in texts if text]


def _role_maps(lines: list[str]) -> dict[ProviderName, dict[str, str]]:
    maps: dict[ProviderName, dict[str, str]] = {}
    for line in lines:
        provider, _, pair = line.partition(":")
        role, _, mapped = pair.partition("=")
        if provider not in set(ProviderName) or not role or not mapped:
            names = " or ".join(ProviderName)
            raise typer.BadParameter(f"{line!r} is not of the form PROVIDER:ROLE=PROVIDER_ROLE with PROVIDER {names}.")
        maps.setdefault(ProviderName(provider), {})[role] = mapped
    return maps


def _policy(path: Path) -> Mapping[str, Any]:
    try:
        policy = json.loads(path.read_text())
    except ValueError as error:
        raise typer.BadParameter(f"{path} is not valid JSON: {error}") from None
    if not isinstance(policy, dict):
        raise typer.BadParameter(f"{path} is not a valid policy: it must be a JSON object")
    policy = {name: value for name, value in policy.items() if value is not None}
    errors = [f"{name}: {error}" for name, error in find_policy_errors(policy).items()]
    if errors:
        raise typer.BadParameter(f"{path} is not a valid policy: {'; '.join(errors)}")
    return policy


def _setting(text: str) -> tuple[str, Any]:
    """The name and the value of `NAME=VALUE`, in its JSON form."""
    name, equals, value = text.partition("=")
    setting = POLICY_SETTINGS.get(name)
    if setting is None or not equals:
        raise typer.BadParameter(
            f"{text!r} is not of the form NAME=VALUE. The names are: {', '.join(POLICY_SETTINGS)}."
        )
    if setting.kind is SettingKind.ROLES:
        return name, [role for role in value.split(",") if role]
    try:
        return name, value if setting.kind is SettingKind.WAITING_ROOM else json.loads(value)
    except ValueError:
        raise typer.BadParameter(f"{value!r} is not a value of {name}. Write it as JSON.") from None
