"""Static files of the package: read and compressed once, then served from memory."""

import gzip
import hashlib
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from fastapi import Request, Response

from videobroker.errors import PathNotFound

REVALIDATE = "no-cache"
"""Browsers revalidate with the ETag on each use, so that a new version is used at once."""
IMMUTABLE = f"public, max-age={365 * 24 * 3600}, immutable"
"""For URLs that contain the version of the file."""
_MEDIA_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file that browsers may request."""

    media_type: str
    etag: str
    body: bytes = field(repr=False)
    gzipped: bytes = field(repr=False)

    @classmethod
    def from_bytes(cls, name: str, body: bytes) -> "StaticFile":
        """The suffix of the name determines the media type."""
        etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
        return cls(_MEDIA_TYPES[_suffix(name)], etag, body, gzip.compress(body, mtime=0))

    @property
    def version(self) -> str:
        """Changes with the content."""
        return self.etag.strip('"')[:12]

    def response(self, request: Request, *, cache_control: str = REVALIDATE, **headers: str) -> Response:
        """The file, or 304 if the browser's copy is current."""
        headers = {
            "Cache-Control": cache_control,
            "ETag": self.etag,
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
            **headers,
        }
        if self.etag in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(self.gzipped, media_type=self.media_type, headers={**headers, "Content-Encoding": "gzip"})
        return Response(self.body, media_type=self.media_type, headers=headers)


@cache
def static_file(folder: Path, name: str) -> StaticFile:
    """The script, style, or image with this name in the folder. Raises `PathNotFound`."""
    if name not in _names(folder):
        raise PathNotFound("File not found.")
    return StaticFile.from_bytes(name, (folder / name).read_bytes())


@cache
def _names(folder: Path) -> frozenset[str]:
    # Names are compared with this listing, so that no path leads out of the folder.
    return frozenset(file.name for file in folder.iterdir() if _suffix(file.name) in _MEDIA_TYPES)


def _suffix(name: str) -> str:
    return name.rpartition(".")[2]
