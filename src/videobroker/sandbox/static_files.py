"""Static files of the pages. Browsers revalidate them with their ETag on each use, so a new version is used at once."""

import hashlib
from pathlib import Path

from fastapi import Request
from fastapi.responses import Response

from videobroker.sandbox.errors import VendorError

_TYPES = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}


def static_file_response(folder: Path, name: str, request: Request) -> Response:
    """The script, style, or image with this name in the folder, or 304 if the browser's copy is current."""
    path = folder / name
    # Only files of the folder itself: the route accepts no slash, and names with a leading dot are refused.
    if path.suffix not in _TYPES or name.startswith(".") or not path.is_file():
        raise VendorError(404, "Not Found")
    body = path.read_bytes()
    etag = f'"{hashlib.sha256(body).hexdigest()[:24]}"'
    headers = {"cache-control": "no-cache", "etag": etag, "x-content-type-options": "nosniff"}
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type=_TYPES[path.suffix], headers=headers)
