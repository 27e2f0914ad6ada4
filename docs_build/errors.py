"""A page for each error code, from the error catalog. Only the site has them, and the service itself."""

from collections.abc import Iterator

from docs_build.api import ApiReference
from videobroker.errors import CATALOG, Interface
from videobroker.web.problem_pages import as_markdown

_WHERE = {
    Interface.ANY_REQUEST: "Any HTTP request can have this error.",
    Interface.LEGACY: "Only [legacy endpoints](../../how-to/migrate/index.md) have this error.",
    Interface.CONSOLE: "[The console](../console.md) shows this error.",
    Interface.COMMAND_LINE: "[Commands](../cli.md) print this error, and exit with status 1.",
}


def pages(api: ApiReference) -> Iterator[tuple[str, str]]:
    """File name and Markdown of each page."""
    for code, kind in CATALOG.items():
        # Many errors share a title.
        explanation = as_markdown(code).removeprefix("# ")
        parts = [f"# `{code}`: {explanation}", "## Where it occurs", _where(code, kind.interface, api)]
        yield f"{code}.md", "\n\n".join(parts) + "\n\n[All errors](../errors.md)\n"


def _where(code: str, interface: Interface, api: ApiReference) -> str:
    if interface in _WHERE:
        return _WHERE[interface]
    lines = [
        f"- [{each['summary']}](../api/{each['tags'][0]}.md#{each['operationId']}): `{each['method']} {each['path']}`"
        for each in api.operations_with(code)
    ]
    return "\n".join(lines) or "[The access decision](../../explanation/access-decision.md)."
