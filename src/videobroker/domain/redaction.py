"""Redaction: removes credentials from text that arrives with a request, before it is stored or logged."""

import re
from collections.abc import Mapping
from typing import Any

REMOVED = "[removed]"
"""Replaces a credential."""

_SECRET_NAME = re.compile(
    r"token|secret|password|passwd|authori[sz]ation|credential|cookie|api_?key|room_?code|jwt", re.I
)
_SECRET = re.compile(
    r"eyJ[\w-]{6,}\.[\w.-]+"  # a JSON Web Token, whole or cut off
    r"|007eJ[\w+/=]{16,}"  # an Agora token
    r"|(?i:vb(?:o|t)?(?:_|%5F)[\w.-]{8,})"  # an API key, an operator key, or a ticket of ours
    r"|(?i:whsec(?:_|%5F)[\w+/=%-]{8,})"  # the secret of a webhook endpoint (Standard Webhooks)
    r"|(?i:bearer\s+[\w.~+/=-]{8,})"  # the value of an Authorization header (RFC 6750)
    r"|(?i:basic\s+[\w+/-]{16,}={0,2})"  # the value of an Authorization header (RFC 7617)
    r"|(?<![a-z])[a-z]{3}-[a-z]{4}-[a-z]{3}(?![a-z])"  # a room code
)


def redact(text: str) -> str:
    """Replace everything that looks like a credential of this service or of a vendor. Idempotent."""
    return _SECRET.sub(REMOVED, text)


_FOREIGN = re.compile(
    r"(?i:\b(?:api[-_ ]?key|access[-_ ]?key|auth|token|secret|password|passwd|pwd|credentials?|cookie|session|jwt"
    r"|signature|sig)[\"']?\s*[:=]\s*[\"']?)(?P<value>(?=[^\s\"',;&)}<]{0,200}[0-9])[^\s\"',;&)}<]{6,}"
    r"|[^\s\"',;&)}<]{20,})"  # a value with the name of a credential
    r"|(?<![A-Za-z0-9])(?:sk|pk|rk)[-_](?:live[-_]|test[-_]|proj[-_]|ant[-_])?[\w-]{16,}"  # Stripe, OpenAI, and others
    r"|(?<![A-Za-z0-9])(?:gh[opsur]_|github_pat_|glpat-|xox[a-z]-|npm_|hf_|SG\.|AIza|AKIA|ASIA)[\w.-]{12,}"
    r"|(?<![\w-])(?![0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![\w-]))"  # a UUID is none
    r"(?=[A-Za-z_-]*[0-9])(?=[0-9_-]*[A-Za-z])[\w-]{32,}"  # 32 or more letters and digits
)


def redact_foreign_text(text: str) -> str:
    """`redact` for text from other programs: also replaces what looks like a credential of another product.

    Preserves names (`api_key=[removed]`), words, numbers, versions, and UUIDs. Long digests are replaced.
    """
    return _FOREIGN.sub(_removed, redact(text))


def _removed(match: re.Match[str]) -> str:
    value = match["value"]
    return REMOVED if value is None else match[0].removesuffix(value) + REMOVED


def remove_secrets(value: Any) -> Any:
    """A copy of the JSON value with every member replaced that has the name or the form of a credential."""
    if isinstance(value, Mapping):
        return {
            remove_secrets(key): REMOVED if _SECRET_NAME.search(key) else remove_secrets(member)
            for key, member in value.items()
        }
    if isinstance(value, list):
        return [remove_secrets(member) for member in value]
    return redact(value) if isinstance(value, str) else value
