"""Cookies of the console: for this host only, and out of reach for scripts.

Over HTTPS, the prefix `__Host-` makes browsers refuse a cookie that another host of the domain, or a page without TLS,
has set under the same name (RFC 6265bis, section 4.1.3.2). It requires `Secure` and the path `/`.
"""

from datetime import timedelta
from typing import Literal

from fastapi import Request, Response

PREFIX = "__Host-"
SameSite = Literal["lax", "strict"]


def read_cookie(request: Request, name: str) -> str | None:
    """The value of the cookie; None without one."""
    return request.cookies.get(_full_name(request, name))


def set_cookie(
    request: Request, response: Response, name: str, value: str, *, lifetime: timedelta, samesite: SameSite
) -> None:
    response.set_cookie(
        _full_name(request, name),
        value,
        max_age=int(lifetime.total_seconds()),
        path="/",
        secure=_is_secure(request),
        httponly=True,
        samesite=samesite,
    )


def delete_cookie(request: Request, response: Response, name: str, *, samesite: SameSite) -> None:
    response.delete_cookie(
        _full_name(request, name), path="/", secure=_is_secure(request), httponly=True, samesite=samesite
    )


def _full_name(request: Request, name: str) -> str:
    return f"{PREFIX}{name}" if _is_secure(request) else name


def _is_secure(request: Request) -> bool:
    return request.url.scheme == "https"
