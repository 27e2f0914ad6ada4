"""Security headers of the pages: sources, embedding, and access to camera and microphone."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

from videobroker.web.http.content_security_policy import OWN_CODE_ONLY, CspDirectives, content_security_policy

CALL_FEATURES = (
    "camera",
    "microphone",
    "display-capture",
    "fullscreen",
    "autoplay",
    "clipboard-write",
    "speaker-selection",
    "picture-in-picture",
    "screen-wake-lock",
)
"""What a call needs, in `Permissions-Policy` headers and in the `allow` of every frame around a call.

Browsers ignore the features that they do not know.
"""

_DENIED_FEATURES = ("geolocation", "payment", "usb", "serial", "bluetooth", "midi", "browsing-topics")

_AGORA_NETWORK = (
    "https://*.agora.io:*",
    "wss://*.agora.io:*",
    "https://*.edge.agora.io:*",
    "wss://*.edge.agora.io:*",
    "https://*.sd-rtn.com:*",
    "wss://*.sd-rtn.com:*",
    "https://*.edge.sd-rtn.com:*",
    "wss://*.edge.sd-rtn.com:*",
)
"""The hosts of Agora's SDK. Source: the page "Firewall requirements" of the Agora docs."""


@dataclass(frozen=True, slots=True)
class SdkScript:
    """A vendor's script, with its subresource integrity digest if known."""

    url: str
    integrity: str | None = None


def lobby_headers(*, embedders: Iterable[str], call_pages: Iterable[str]) -> dict[str, str]:
    """For the hosted page: own scripts and styles, and the call in a frame."""
    framed = sorted({origin_of(page) for page in call_pages})
    policy = {
        **OWN_CODE_ONLY,
        "img-src": ["'self'"],
        "connect-src": ["'self'"],
        "frame-src": ["'self'", *framed],
        **_restrictions(embedders),
    }
    return _headers(policy, framed)


def agora_headers(sdk: SdkScript, *, embedders: Iterable[str]) -> dict[str, str]:
    """For the call page: Agora's SDK and its network."""
    policy = {
        **OWN_CODE_ONLY,
        "script-src": ["'self'", sdk.url],
        # The SDK sizes its players with style attributes. Style sheets and scripts stay as strict as elsewhere.
        "style-src-attr": ["'unsafe-inline'"],
        "img-src": ["'self'", "data:", "blob:"],
        "media-src": ["'self'", "blob:"],
        "worker-src": ["blob:"],
        # Not 'self': the vendor's script needs no access to this service.
        "connect-src": [*_AGORA_NETWORK],
        **_restrictions(embedders),
    }
    return _headers(policy, [])


def refusal_headers(*, embedders: Iterable[str] = ()) -> dict[str, str]:
    """For the page of an invalid link: no frames and no requests."""
    policy = {
        **OWN_CODE_ONLY,
        "img-src": ["'self'"],
        **_restrictions(embedders),
    }
    return _headers(policy, [])


def origin_of(url: str) -> str:
    """Scheme, host, and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _restrictions(embedders: Iterable[str]) -> CspDirectives:
    return {"base-uri": ["'none'"], "form-action": ["'none'"], "frame-ancestors": ["'self'", *embedders]}


def _headers(policy: CspDirectives, framed: list[str]) -> dict[str, str]:
    delegates = " ".join(["self", *(f'"{origin}"' for origin in framed)])
    permissions = [f"{feature}=({delegates})" for feature in CALL_FEATURES] + [
        f"{name}=()" for name in _DENIED_FEATURES
    ]
    return {
        "Content-Security-Policy": content_security_policy(policy),
        "Permissions-Policy": ", ".join(permissions),
        # The URL of the page contains the ticket, which must not leak to other sites.
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
    }
