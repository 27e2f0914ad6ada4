"""Canonical JSON for hashing: RFC 8785 (JSON Canonicalization Scheme) with exact numbers.

RFC 8785 rounds every number to a double. This module writes integers, and fractions that no double represents exactly,
with all their digits, so that a changed digit always changes the hash.
"""

import json
from decimal import Decimal
from json.encoder import encode_basestring
from typing import Any

_WRITER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)


class _Fraction(Exception):
    """The document contains a fraction, which Python formats differently from the RFC."""


def _interrupt(_: str) -> Any:
    raise _Fraction


def _exact(token: str) -> float | int | Decimal:
    number = Decimal(token)
    if number == number.to_integral_value():
        # A short exponent can mean a huge number.
        if number.adjusted() > 4_000:
            raise ValueError("a number with thousands of digits")
        return int(number)
    nearest = float(token)
    return nearest if Decimal(repr(nearest)) == number else number


def _refuse(token: str) -> Any:
    raise ValueError(f"{token} is not valid JSON")


canonicalize_string = encode_basestring
"""The canonical form of a text, with its quotation marks (RFC 8785, section 3.2.2.2)."""

_PLAIN_READER = json.JSONDecoder(parse_float=_interrupt, parse_constant=_refuse)
_EXACT_READER = json.JSONDecoder(parse_float=_exact, parse_constant=_refuse)


def parse_json(source: str) -> tuple[Any, bool]:
    """Parse JSON with exact numbers. Also return whether the value is plain, which makes `canonicalize` much faster.

    A fraction that no double represents exactly becomes a `Decimal`. Raises `ValueError` for invalid JSON and for
    numbers with thousands of digits, `RecursionError` for about a thousand levels of nesting.
    """
    try:
        value, end = _PLAIN_READER.raw_decode(source)
        if end == len(source):
            return value, source.isascii() and "\\u" not in source
    except (_Fraction, ValueError):
        # The document has a fraction or whitespace, or is invalid.
        pass
    return _EXACT_READER.decode(source), False


def canonicalize(value: Any, *, plain: bool = False) -> str:
    """The canonical form. `plain` asserts that all strings are ASCII and no number has a fraction."""
    if isinstance(value, str):
        return canonicalize_string(value)
    return _WRITER.encode(value) if plain else "".join(_pieces(value))


def _pieces(value: Any) -> list[str]:
    if isinstance(value, str):
        return [canonicalize_string(value)]
    if isinstance(value, dict):
        # By UTF-16 code units (section 3.2.3), which is not the order of code points beyond the Basic Plane.
        members = sorted(value.items(), key=lambda member: member[0].encode("utf-16-be", "surrogatepass"))
        inner = [[canonicalize_string(key), ":", *_pieces(member)] for key, member in members]
        return _between("{", inner, "}")
    if isinstance(value, list | tuple):
        return _between("[", [_pieces(member) for member in value], "]")
    if isinstance(value, float | Decimal):
        return [_number(value)]
    return [_WRITER.encode(value)]


def _between(opening: str, inner: list[list[str]], closing: str) -> list[str]:
    pieces = [opening]
    for position, each in enumerate(inner):
        pieces += [",", *each] if position else each
    return [*pieces, closing]


def _number(value: float | Decimal) -> str:
    """Format a number with a fraction as ECMAScript does (ECMA-262, Number::toString)."""
    number = Decimal(repr(value)) if isinstance(value, float) else value
    if not number.is_finite():
        raise ValueError(f"{value} is not valid JSON")
    if number == number.to_integral_value():
        return str(int(number))
    sign, digits, exponent = number.normalize().as_tuple()
    shown = "".join(map(str, digits))
    point = len(shown) + int(exponent)
    minus = "-" if sign else ""
    if point > 0:
        return f"{minus}{shown[:point]}.{shown[point:]}"
    if point > -6:
        return f"{minus}0.{'0' * -point}{shown}"
    fraction = f".{shown[1:]}" if len(shown) > 1 else ""
    return f"{minus}{shown[0]}{fraction}e{point - 1}"
