"""The files of the pages, as they lie beside this module: scripts, styles, nothing that is built."""

import gzip
import hashlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from fastapi import Request
from starlette.responses import Response

_FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file."""

    media_type: str
    etag: str
    body: bytes = field(repr=False)
    zipped: bytes = field(repr=False)


@cache
def asset(name: str) -> Asset | None:
    """The file of this name, if it is one of those that a browser may have."""
    if name not in _names():
        return None
    path = _FOLDER / name
    body = path.read_bytes()
    etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
    return Asset(_TYPES[path.suffix], etag, body, gzip.compress(body, mtime=0))


@cache
def template(name: str) -> str:
    """A page with `{names}` to be filled in."""
    return (_FOLDER / name).read_text(encoding="utf-8")


def sent(found: Asset, request: Request, **headers: str) -> Response:
    """The file, or word that the browser has it already."""
    told = {
        # Asked for again every time, and sent again only after it has changed: a new version is there at once.
        "Cache-Control": "no-cache",
        "ETag": found.etag,
        "Vary": "Accept-Encoding",
        "X-Content-Type-Options": "nosniff",
        **headers,
    }
    if found.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=told)
    if "gzip" in request.headers.get("accept-encoding", ""):
        return Response(found.zipped, media_type=found.media_type, headers={**told, "Content-Encoding": "gzip"})
    return Response(found.body, media_type=found.media_type, headers=told)


@cache
def _names() -> frozenset[str]:
    return frozenset(path.name for path in _FOLDER.iterdir() if path.suffix in _TYPES)
