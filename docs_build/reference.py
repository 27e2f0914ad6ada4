"""The reference pages that are generated from the code: settings, policy, and command line.

`python -m docs_build` writes them. They are in the repository, so that they can be read without building the site.
"""

import textwrap
from collections.abc import Callable, Iterator, Mapping
from enum import Enum
from typing import Any

import typer
from pydantic import AliasChoices
from pydantic.fields import FieldInfo

from videobroker.cli import COMMANDS, VERBATIM, cli, load
from videobroker.domain.policy import DEFAULT_POLICY, WaitingRoom
from videobroker.settings import Settings
from videobroker.web.v1.session_schemas import PolicyInput

_GROUPS = {
    "Database and secrets": (
        "Set both in production. [Rotating keys](../how-to/rotate-keys.md) explains how to change the secret key.",
        ("database_url", "direct_database_url", "pool_size", "secret_key", "data_dir"),
    ),
    "Server": (
        "[Deploying](../how-to/deploy/index.md) explains the differences between the HTTP servers.",
        (
            "host",
            "port",
            "health_port",
            "server",
            "forwarded_allow_ips",
            "public_url",
            "allowed_origins",
            "log_format",
            "log_level",
        ),
    ),
    "Rate limits": (
        "Requests beyond a limit get 429 with `Retry-After`. The headers `RateLimit` and `RateLimit-Policy` say what "
        "is left.",
        ("rate_limit_api_key", "rate_limit_user", "rate_limit_ticket", "rate_limit_address", "failed_attempts"),
    ),
    "Console": (
        "[The console](console.md) is for operators. [Sign in with OpenID "
        "Connect](../how-to/sign-in-operators-with-openid-connect.md) has examples.",
        (
            "admin_key",
            "oidc_issuer",
            "oidc_client_id",
            "oidc_client_secret",
            "oidc_role_claim",
            "oidc_roles",
            "oidc_scopes",
            "console_idle_minutes",
        ),
    ),
    "Retention and webhooks": ("", ("inbox_days", "deliveries_days", "webhooks_anywhere")),
    "The app of the environment": (
        "A service for one product needs no `videobroker apps create`: these settings, and the accounts below, "
        "belong to one app, which is created at the start.",
        ("app_name", "api_key", "legacy"),
    ),
    "User tokens of that app": (
        "[User tokens](../how-to/use-user-tokens.md) let browsers call the API.",
        (
            "user_token_secret",
            "user_token_jwks_url",
            "user_token_issuer",
            "user_token_audience",
            "user_token_max_lifetime_seconds",
        ),
    ),
    "100ms account of that app": (
        "",
        (
            "hms_access_key",
            "hms_secret",
            "hms_template_id",
            "hms_subdomain",
            "hms_management_token",
            "hms100_room_id",
            "hms_room_code_prefix",
            "hms_environment",
            "hms_api_url",
            "hms_prebuilt_url",
            "hms_webhook_secret",
            "hms_webhook_signing_secret",
            "hms_webhook_url",
            "hms_recorder_roles",
        ),
    ),
    "Agora account of that app": (
        "",
        (
            "agora_app_id",
            "agora_app_certificate",
            "agora_customer_id",
            "agora_customer_secret",
            "agora_notifications_secret",
            "agora_prebuilt_url",
            "agora_api_url",
        ),
    ),
    "Agora calls on the hosted page": (
        "[The hosted page](hosted-page.md) runs Agora's SDK under its own host name.",
        ("call_url", "agora_sdk_url", "agora_sdk_integrity"),
    ),
}
"""The sections of the page about settings: introduction, and fields of `Settings`."""

_GENERATED = "<!-- Generated from the code by `make openapi`. -->"


def settings() -> str:
    """The page `docs/reference/settings.md`."""
    return "\n\n".join([*_settings_sections()]) + "\n"


def _settings_sections() -> Iterator[str]:
    yield "# Settings"
    yield _GENERATED
    yield (
        "The service reads settings from the environment, or from a file `.env` in its working directory. The\n"
        "environment has precedence, and an empty value counts as unset. Secrets are never logged. A wrong value\n"
        "stops the program at once, with exit code 2 and a sentence that names the setting. `videobroker doctor`\n"
        "checks the rest."
    )
    for heading, (introduction, names) in _GROUPS.items():
        rows = [_setting_row(name, Settings.model_fields[name]) for name in names]
        table = "\n".join(["| setting | type | default | meaning |", "|---|---|---|---|", *rows])
        yield "\n\n".join(part for part in (f"## {heading}", introduction, table) if part)
    yield (
        "## Other variables\n\n"
        "[Some options of commands](cli.md) can be set by environment variables, too: `VIDEOBROKER_WORK=false` is "
        "`serve --no-work`, and\n`SANDBOX_PORT` is the port of the sandbox that `make run` starts. `NO_COLOR` disables "
        "colors.\nThe variables of OpenTelemetry, such as `OTEL_EXPORTER_OTLP_ENDPOINT`, "
        "[turn on tracing](../how-to/trace-requests.md)."
    )


def names_of(name: str, field: FieldInfo) -> list[str]:
    """The environment variables of a setting."""
    if isinstance(field.validation_alias, AliasChoices):
        return [str(choice) for choice in field.validation_alias.choices]
    return [field.alias or name.upper()]


def _setting_row(name: str, field: FieldInfo) -> str:
    first, *synonyms = names_of(name, field)
    label = f"`{first}`" + "".join(f"<br>`{synonym}`" for synonym in synonyms)
    cells = (label, _type_of(field), _default(field.get_default()), str(field.description))
    return f"| {' | '.join(cells)} |"


def _type_of(field: FieldInfo) -> str:
    text = str(field.annotation)
    kinds = {"SecretStr": "secret", "Path": "path", "bool": "boolean", "int": "integer"}
    found = next((kind for part, kind in kinds.items() if part in text), "text")
    if isinstance(field.annotation, type) and issubclass(field.annotation, Enum):
        return ", ".join(f"`{member.value}`" for member in field.annotation)
    if "tuple" in text:
        return "list"
    limits = [getattr(part, name) for part in field.metadata for name in ("ge", "le") if hasattr(part, name)]
    return f"{found} {'-'.join(map(str, limits))}".rstrip()


def _default(value: object) -> str:
    if value is None or value == ():
        return "unset"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value.value if isinstance(value, Enum) else value}`"


_DEFAULTS_BY_PROVIDER = {
    "token_seconds": "24 h on 100ms, 1 h on Agora",
    "ticket_seconds": "until the window closes; 12 h without a schedule",
}
"""What applies if the policy has no value."""


def policy() -> str:
    """The page `docs/reference/policy.md`."""
    properties: Mapping[str, Any] = PolicyInput.model_json_schema()["properties"]
    rows = [_policy_row(name, properties[name]) for name in PolicyInput.model_fields]
    return "\n".join([_POLICY_HEAD, "| field | type | default | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _policy_row(name: str, schema: Mapping[str, Any]) -> str:
    default = _DEFAULTS_BY_PROVIDER.get(name) or _policy_default(getattr(DEFAULT_POLICY, name))
    return f"| `{name}` | {_json_type(schema)} | {default} | {schema['description']} |"


def _policy_default(value: object) -> str:
    if isinstance(value, Mapping) or value == ():
        return "none"
    if isinstance(value, tuple):
        return ", ".join(f"`{item}`" for item in value)
    return _default(value)


def _json_type(schema: Mapping[str, Any]) -> str:
    kind = next(each for each in schema["anyOf"] if each.get("type") != "null")
    if "$ref" in kind:
        return ", ".join(f"`{choice.value}`" for choice in WaitingRoom)
    if kind["type"] == "object":
        return "object: role to seconds"
    if kind["type"] == "array":
        return "list of roles"
    bounds = f" {kind['minimum']}-{kind['maximum']}" if "minimum" in kind else ""
    return f"{kind['type']}{bounds}"


_POLICY_HEAD = f"""# Policy

{_GENERATED}

The policy decides when people can join, who waits, who may do what, and what counts as late. An app has a policy, and
a session can override each field: send `"policy": {{...}}` when you register it. Fields that neither sets have the
default.

Set the policy of an app from a file, or from stdin:

```sh
echo '{{"waiting_room": "until_host", "grace_seconds": 600}}' > policy.json
videobroker apps update appointments --policy policy.json
```

Durations are whole seconds. A token is never valid after the session closes. On 100ms it is never shorter than the
call, because the vendor's SDK presents the same token again after a network drop. These pages explain how the fields
work together: [the access decision](../explanation/access-decision.md),
[authorization](../explanation/authorization.md), and [attendance](../explanation/attendance.md#from-stays-to-verdicts).
"""


def command_line() -> str:
    """The page `docs/reference/cli.md`."""
    group = typer.main.get_command(cli)
    parts = [_CLI_HEAD.replace("{summary}", _plain(group.help))]
    for name in COMMANDS:
        parts += _command_sections((name,), load(name))
    return "\n\n".join(parts) + "\n"


def _command_sections(path: tuple[str, ...], command: Any) -> Iterator[str]:
    yield f"{'#' * min(len(path) + 1, 3)} videobroker {' '.join(path)}"
    yield _plain(command.help)
    children = getattr(command, "commands", {})
    if not children:
        yield f"```text\nvideobroker {' '.join(path)} {_usage(command)}".rstrip() + "\n```"
    rows = [_parameter_row(parameter) for parameter in command.params]
    if rows:
        yield "\n".join(["| parameter | default | meaning |", "|---|---|---|", *rows])
    for name, child in children.items():
        yield from _command_sections((*path, name), child)


def _plain(text: str | None) -> str:
    """A help text as Markdown; its line breaks within paragraphs have no meaning, except in examples."""
    return "\n\n".join(
        f"```text\n{textwrap.dedent(paragraph.removeprefix(VERBATIM)).rstrip()}\n```"
        if paragraph.startswith(VERBATIM)
        else " ".join(paragraph.split())
        for paragraph in (text or "").split("\n\n")
    )


def _usage(command: Any) -> str:
    arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
    required = [each for each in command.params if each.param_type_name == "option" and each.required]
    parts = [_metavar(each) if each.required else f"[{_metavar(each)}]" for each in arguments]
    parts += [f"{each.opts[0]} {_metavar(each)}" for each in required]
    return " ".join([*parts, "[options]" if len(required) + len(arguments) < len(command.params) else ""])


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _parameter_row(parameter: Any) -> str:
    is_option = parameter.param_type_name == "option"
    spellings = [*parameter.opts, *parameter.secondary_opts] if is_option else [_metavar(parameter)]
    label = ", ".join(f"`{spelling}`" for spelling in spellings)
    if parameter.envvar:
        label += f"<br>`{parameter.envvar}`"
    return f"| {label} | {_parameter_default(parameter)} | {_plain(parameter.help).replace('|', '&#124;')} |"


def _parameter_default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if parameter.default is True:
        return f"`{parameter.opts[0]}`"
    # Options without a default have None, an empty list, or a function.
    has_none = parameter.default in (None, False, [], ()) or callable(parameter.default)
    return "" if has_none else f"`{parameter.default}`"


_CLI_HEAD = f"""# Command line

{_GENERATED}

{{summary}}

Every command has `--help`, and `--json` if a script may read its output. Exit codes: 0 for success, 1 for a failure
with a sentence on stderr, 2 for wrong usage. After `make run`, the command is `.venv/bin/videobroker`;
`. .videobroker/demo.env` adds it to the `PATH`."""

PAGES: Mapping[str, Callable[[], str]] = {"settings": settings, "policy": policy, "cli": command_line}
"""The generated pages in `docs/reference`."""
