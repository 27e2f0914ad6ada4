"""`videobroker openapi`."""

import json
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Annotated

import typer
import yaml

from videobroker.broker import Broker
from videobroker.cli.terminal import AsJson
from videobroker.web.app import create_app


def openapi(
    output: Annotated[Path | None, typer.Option(help="Write it there instead of to stdout.")] = None,
    as_json: AsJson = False,
) -> None:
    """Print the OpenAPI document of the API, as YAML."""
    document = create_app(_nobody).openapi()
    text = json.dumps(document, indent=2) if as_json else yaml.safe_dump(document, sort_keys=False, width=120)
    if output is None:
        typer.echo(text)
    else:
        try:
            output.write_text(text)
        except OSError as error:
            raise typer.BadParameter(f"{output} cannot be written: {error.strerror}") from None


def _nobody() -> AbstractAsyncContextManager[Broker]:
    raise RuntimeError("the document is made without a broker")
