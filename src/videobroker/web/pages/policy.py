"""What the browser may do for a page, as headers: where things come from, who may frame it, who gets the camera."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

_FOR_CALLS = ("camera", "microphone", "display-capture", "fullscreen", "autoplay", "clipboard-write")
_FOR_NOBODY = ("geolocation", "payment", "usb", "serial", "bluetooth", "midi", "browsing-topics")

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
"""Where Agora's SDK connects to. Source: the page "Firewall requirements" of the Agora docs."""


@dataclass(frozen=True, slots=True)
class Sdk:
    """A vendor's script: where it is, and what it must be, if that is known."""

    url: str
    integrity: str | None = None


def lobby_headers(*, embedders: Iterable[str], call_pages: Iterable[str]) -> dict[str, str]:
    """For the page behind a link: our own scripts and styles, and the vendor's page in a frame."""
    framed = sorted({origin_of(page) for page in call_pages})
    policy = {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        "connect-src": ["'self'"],
        "frame-src": ["'self'", *framed],
        **_closed(embedders),
    }
    return _headers(policy, framed)


def agora_headers(sdk: Sdk, *, embedders: Iterable[str]) -> dict[str, str]:
    """For the page around Agora's SDK, and for nothing else: the SDK, and the network that it needs."""
    policy = {
        "default-src": ["'none'"],
        "script-src": ["'self'", sdk.url],
        "style-src": ["'self'"],
        # The SDK sizes its players with style attributes. Style sheets and scripts stay as strict as elsewhere.
        "style-src-attr": ["'unsafe-inline'"],
        "img-src": ["'self'", "data:", "blob:"],
        "media-src": ["'self'", "blob:"],
        "worker-src": ["blob:"],
        # Not 'self': the vendor's script has nothing to ask this service.
        "connect-src": [*_AGORA_NETWORK],
        **_closed(embedders),
    }
    return _headers(policy, [])


def refusal_headers(*, embedders: Iterable[str] = ()) -> dict[str, str]:
    """For the page that says that a link is no good: it frames nothing and asks nothing."""
    policy = {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'"],
        **_closed(embedders),
    }
    return _headers(policy, [])


def origin_of(url: str) -> str:
    """Scheme, host and port of an address."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _closed(embedders: Iterable[str]) -> dict[str, list[str]]:
    return {"base-uri": ["'none'"], "form-action": ["'none'"], "frame-ancestors": ["'self'", *embedders]}


def _headers(policy: dict[str, list[str]], framed: list[str]) -> dict[str, str]:
    delegates = " ".join(["self", *(f'"{origin}"' for origin in framed)])
    permissions = [f"{feature}=({delegates})" for feature in _FOR_CALLS] + [f"{name}=()" for name in _FOR_NOBODY]
    return {
        "Content-Security-Policy": "; ".join(f"{name} {' '.join(sources)}" for name, sources in policy.items()),
        "Permissions-Policy": ", ".join(permissions),
        # The address of the page holds the ticket, which is nobody else's business.
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
    }
