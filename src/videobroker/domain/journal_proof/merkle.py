"""Merkle trees (RFC 6962, section 2.1; RFC 9162, section 2.1): one hash that stands for a list of entries.

Every hash is SHA-256, 32 bytes. A leaf is hashed behind the byte 0x00 and a node behind 0x01: no leaf can be passed off
as a node. A tree of n > 1 leaves splits at the largest power of two below n.
"""

from collections.abc import Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()
"""The root of the tree without leaves."""


def hash_leaf(entry: bytes) -> bytes:
    """The leaf of an entry."""
    return sha256(b"\x00" + entry).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """The node above two others."""
    return sha256(b"\x01" + left + right).digest()


def compute_root(leaves: Sequence[bytes]) -> bytes:
    """The root above these leaves."""
    if not leaves:
        return EMPTY_ROOT
    level = leaves
    while len(level) > 1:
        level = _above(level)
    return level[0]


def build_inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The hashes beside the way from the leaf at `index` up to the root, from below.

    Raises `IndexError` where there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"there is no leaf {index} among {len(leaves)}")
    path, level = [], leaves
    while len(level) > 1:
        beside = index ^ 1
        if beside < len(level):
            path.append(level[beside])
        level, index = _above(level), index >> 1
    return path


def compute_root_from_proof(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """The root of a tree of `count` leaves, if this leaf stands at `index` and the path is right.

    None when the path has not as many hashes as such a tree asks for. The caller compares the root.
    """
    if not 0 <= index < count:
        return None
    rest, last, found = list(path), count - 1, leaf
    while last:
        # The last node of a level has nobody beside it when its number is even: it is passed up as it is.
        if index & 1 or index < last:
            if not rest:
                return None
            beside = rest.pop(0)
            found = hash_node(beside, found) if index & 1 else hash_node(found, beside)
        index, last = index >> 1, last >> 1
    return None if rest else found


def _above(level: Sequence[bytes]) -> list[bytes]:
    pairs = zip(level[::2], level[1::2], strict=False)
    above = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
    if len(level) % 2:
        above.append(level[-1])
    return above
