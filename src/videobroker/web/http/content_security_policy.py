"""Content-Security-Policy of the HTML pages. Each page adds the sources that it needs to `OWN_CODE_ONLY`."""

from collections.abc import Iterable, Mapping

CspDirectives = Mapping[str, Iterable[str]]
"""Source expressions by directive, in the order in which they are sent."""

OWN_CODE_ONLY: CspDirectives = {"default-src": ["'none'"], "script-src": ["'self'"], "style-src": ["'self'"]}
"""Scripts and styles are files of this service, never inline. Nothing else is loaded."""

NOTHING: CspDirectives = {
    "default-src": ["'none'"],
    "base-uri": ["'none'"],
    "form-action": ["'none'"],
    "frame-ancestors": ["'none'"],
}
"""For responses that are not pages."""


def content_security_policy(directives: CspDirectives) -> str:
    """The value of the header."""
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())
