"""Who may use the console: the admin key, the cookie that stands for it, and the pace at which keys may be tried."""

import hmac
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from hashlib import sha256
from ipaddress import ip_address, ip_network
from zoneinfo import ZoneInfo, available_timezones

import jwt

from videobroker.errors import BrokerError

COOKIE = "videobroker_console"
LASTS = timedelta(hours=12)
"""Somebody who has signed in is signed in for so long."""
_ALGORITHM = "HS256"
_AUDIENCE = "console"

FREE_TRIES = 5
"""So many wrong keys from one address cost nothing; each further one doubles the wait."""
LONGEST_WAIT = timedelta(minutes=15)
ADDRESSES_KEPT = 10_000


class NotSignedIn(BrokerError):
    """Nobody is signed in."""

    code = "not_signed_in"


class Forged(BrokerError):
    """The request does not come from a page of the console."""

    code = "request_forged"


class TooManyTries(BrokerError):
    """Too many wrong keys."""

    code = "too_many_tries"


@cache
def zones() -> frozenset[str]:
    """Every time zone there is. Python looks for them anew at every question."""
    return frozenset(available_timezones())


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody who is signed in."""

    name: str
    """What they call themselves; it stands in the journal beside what they do."""
    zone: ZoneInfo
    """The time zone of their browser."""
    csrf: str = field(repr=False)
    """What every form of theirs holds, and no page of anybody else."""


@dataclass(slots=True)
class Pace:
    """How often somebody may try a key: per address, in this process."""

    _failures: OrderedDict[str, tuple[int, datetime]] = field(default_factory=OrderedDict)

    def check(self, address: str | None, now: datetime) -> None:
        """Raise `TooManyTries` while this address has to wait."""
        _, until = self._failures.get(_neighbourhood(address), (0, now))
        if now < until:
            seconds = (until - now).total_seconds()
            raise TooManyTries(
                f"Too many wrong keys came from your address. Try again in {max(1, round(seconds))} s.",
                retry_after=seconds,
            )

    def failed(self, address: str | None, now: datetime) -> None:
        """A wrong key came from this address."""
        place = _neighbourhood(address)
        count = self._failures.pop(place, (0, now))[0] + 1
        # Not above 20: the wait is bounded anyhow, and the number must not grow for ever.
        wait = timedelta(seconds=2 ** min(count - FREE_TRIES, 20)) if count > FREE_TRIES else timedelta(0)
        self._failures[place] = (count, now + min(wait, LONGEST_WAIT))
        while len(self._failures) > ADDRESSES_KEPT:
            self._failures.popitem(last=False)

    def succeeded(self, address: str | None) -> None:
        """The right key came from there."""
        self._failures.pop(_neighbourhood(address), None)


def _neighbourhood(address: str | None) -> str:
    """Where an address is: whoever has one of IPv6 has a whole network of them."""
    try:
        ip = ip_address(address or "")
    except ValueError:
        return "unknown"
    return str(ip_network((ip, 64), strict=False)) if ip.version == 6 else str(ip)


class ConsoleAccess:
    """The door of the console."""

    def __init__(self, admin_key: str, signing_keys: list[bytes]) -> None:
        """The first of the `signing_keys` signs cookies, all are good; another admin key makes them all worthless."""
        self._digest = _digest(admin_key)
        self._signing_keys = [
            hmac.digest(key, b"videobroker console 1" + self._digest, "sha256") for key in signing_keys
        ]
        self.pace = Pace()

    def sign_in(self, key: str, *, name: str, zone: str, now: datetime) -> str | None:
        """A cookie for whoever knows the key; None for others."""
        if not hmac.compare_digest(_digest(key), self._digest):
            return None
        claims = {
            "aud": _AUDIENCE,
            "sub": name,
            "zone": zone if zone in zones() else "UTC",
            "csrf": secrets.token_urlsafe(24),
            "exp": int((now + LASTS).timestamp()),
        }
        return jwt.encode(claims, self._signing_keys[0], algorithm=_ALGORITHM)

    def operator(self, cookie: str | None, *, now: datetime) -> Operator:
        """Who holds this cookie. Raises `NotSignedIn`."""
        for key in self._signing_keys if cookie else ():
            try:
                # The expiry is checked below, by the clock of the service.
                claims = jwt.decode(
                    cookie or "",
                    key,
                    algorithms=[_ALGORITHM],
                    audience=_AUDIENCE,
                    options={"verify_exp": False, "require": ["exp", "sub", "aud"]},
                )
            except jwt.InvalidTokenError:
                continue
            if now.timestamp() < claims["exp"]:
                return Operator(claims["sub"], ZoneInfo(claims["zone"]), claims["csrf"])
        raise NotSignedIn("Sign in to use the console.")


def same(one: str, other: str) -> bool:
    """Whether two secrets are the same, in a time that tells nothing about them."""
    return hmac.compare_digest(_digest(one), _digest(other))


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()
