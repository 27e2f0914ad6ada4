"""`videobroker openapi`."""

import json
from contextlib import AbstractAsyncContextManager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from videobroker.broker import Broker
from videobroker.cli.terminal import AsJson
from videobroker.web import error_reference
from videobroker.web.app import create_app
from videobroker.web.openapi.version_3_0 import as_version_3_0
from videobroker.web.v1 import event_catalog


class OpenApiVersion(StrEnum):
    """The versions of OpenAPI in which the document exists."""

    V3_1 = "3.1"
    V3_0 = "3.0"


def openapi(
    output: Annotated[Path | None, typer.Option(help="File to write. Default: stdout.")] = None,
    as_json: AsJson = False,
    openapi_version: Annotated[OpenApiVersion, typer.Option(help="Version of OpenAPI.")] = OpenApiVersion.V3_1,
    events: Annotated[bool, typer.Option("--events", help="Print the event catalog as Markdown instead.")] = False,
    errors: Annotated[bool, typer.Option("--errors", help="Print the error catalog as Markdown instead.")] = False,
) -> None:
    """Print the OpenAPI document as YAML.

    Version 3.0 is for tools that do not read version 3.1. It has the same operations and schemas.
    """
    if events and errors:
        raise typer.BadParameter("Use either --events or --errors.")
    if events or errors:
        _put(event_catalog.as_markdown() if events else error_reference.as_markdown(), output)
        return
    document = create_app(_no_broker).openapi()
    if openapi_version is OpenApiVersion.V3_0:
        document = as_version_3_0(document)
    text = json.dumps(document, indent=2) if as_json else _to_yaml(document)
    _put(text, output)


class _Dumper(yaml.SafeDumper):
    """Repeats equal parts: many OpenAPI tools limit or do not support YAML aliases."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _to_yaml(document: dict[str, Any]) -> str:
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, width=120, allow_unicode=True)


def _put(text: str, output: Path | None) -> None:
    if output is None:
        typer.echo(text)
        return
    try:
        output.write_text(text)
    except OSError as error:
        raise typer.BadParameter(f"Cannot write {output}: {error.strerror}.") from None


def _no_broker() -> AbstractAsyncContextManager[Broker]:
    raise RuntimeError("the OpenAPI document is generated without a broker")
