"""The catalog of errors as a page of the documentation, `docs/reference/errors.md`."""

from collections.abc import Iterator

from videobroker.errors import CATALOG, ErrorKind, Interface
from videobroker.web.legacy.errors import LEGACY_ERRORS, LegacyErrors

_SECTIONS = {
    Interface.ENDPOINT: (
        "Endpoints",
        "The OpenAPI document lists the codes of each endpoint. Codes with the title “Access denied” are reasons of "
        "the access decision; the field `access` has the decision.",
    ),
    Interface.ANY_REQUEST: ("Any request", "Any HTTP request can have these errors."),
    Interface.LEGACY: ("Legacy endpoints", "Only legacy endpoints have these errors."),
    Interface.CONSOLE: ("Console", "The console shows these errors as pages or on its forms."),
    Interface.COMMAND_LINE: (
        "Command line and setup",
        "Commands print the detail on stderr and exit with status 1. The console shows these errors as pages.",
    ),
}


def as_markdown() -> str:
    """The page."""
    sections = [_PAGE_HEAD]
    for interface, (heading, introduction) in _SECTIONS.items():
        kinds = [kind for kind in CATALOG.values() if kind.interface is interface]
        sections.append("\n".join([f"## {heading}\n\n{introduction}\n", *_table(kinds)]) + "\n")
    sections.append(_LEGACY_HEAD)
    sections += ["\n".join(_legacy_table(errors)) + "\n" for errors in LEGACY_ERRORS]
    return "\n".join(sections)


def _table(kinds: list[ErrorKind]) -> Iterator[str]:
    yield "| code | status | title | what to do |"
    yield "|---|---|---|---|"
    for kind in kinds:
        yield f'| <a id="{kind.code}"></a>`{kind.code}` | {kind.status} | {kind.title} | {kind.hint} |'


def _legacy_table(errors: LegacyErrors) -> Iterator[str]:
    yield f"### {errors.endpoints}\n"
    yield "| code | status | `error` |"
    yield "|---|---|---|"
    for code, (status, text) in errors.table.items():
        yield f"| `{code}` | {status} | {'the detail' if text is None else text} |"


_PAGE_HEAD = """# Errors

`videobroker openapi --errors` writes this page from the catalog in `videobroker/errors.py`.

Errors are problem documents (RFC 9457, `application/problem+json`):

| field | meaning |
|---|---|
| `code` | for programs; never changes |
| `status` | the HTTP status |
| `title` | a short name of the problem, for people |
| `detail` | what happened, and what to do next |
| `type` | `/problems/` and the code: the URL of a page with the meaning, usual causes, and what to do |
| `request_id` | the ID of the request, as in the header `X-Request-Id` and in the log |
| `errors` | with `invalid_request`: the invalid fields, each with `pointer` and `message` |
| `access` | the access decision, with `reason`, `opens_at`, `closes_at`, `retry_after` |

Write programs against `code`, or against the status where they do not need to distinguish more. Texts may change. The
header `Retry-After` says after how many seconds a retry makes sense. 408, 429, 503, and `request_in_flight` are worth a
retry without any change; everything else needs one.
"""

_LEGACY_HEAD = """## Errors of legacy endpoints

Legacy endpoints respond with `{"error": text}`, as the systems did that they replace. The header `Videobroker-Code`
has the code. Codes that a table does not list have the status above, and the detail as text.
"""
