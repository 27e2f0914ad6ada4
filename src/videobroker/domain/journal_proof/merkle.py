"""Merkle trees as in RFC 6962 and RFC 9162, section 2.1: one hash that commits to a list of entries.

Hashes are SHA-256, 32 bytes. Leaves are prefixed with the byte 0x00 and nodes with 0x01, so that a leaf cannot be
presented as a node. A tree of n > 1 leaves splits at the largest power of two below n.
"""

from collections.abc import Sequence
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()
"""The root of a tree without leaves."""


def hash_leaf(entry: bytes) -> bytes:
    """The hash of a leaf with this entry."""
    return sha256(b"\x00" + entry).digest()


def hash_node(left: bytes, right: bytes) -> bytes:
    """The hash of the parent of two nodes."""
    return sha256(b"\x01" + left + right).digest()


def compute_root(leaves: Sequence[bytes]) -> bytes:
    """The root of a tree with these leaf hashes."""
    if not leaves:
        return EMPTY_ROOT
    level = leaves
    while len(level) > 1:
        level = _above(level)
    return level[0]


def build_inclusion_proof(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """The sibling hashes on the path from the leaf at `index` to the root, starting at the leaf.

    Raises `IndexError` for an index without a leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"there is no leaf {index} among {len(leaves)}")
    path, level = [], leaves
    while len(level) > 1:
        sibling = index ^ 1
        if sibling < len(level):
            path.append(level[sibling])
        level, index = _above(level), index >> 1
    return path


def compute_root_from_proof(leaf: bytes, index: int, count: int, path: Sequence[bytes]) -> bytes | None:
    """The root of a tree of `count` leaves that follows from this leaf at `index` and its inclusion proof.

    None if the proof has the wrong number of hashes for such a tree. The caller must compare the root.
    """
    if not 0 <= index < count:
        return None
    rest, last, found = list(path), count - 1, leaf
    while last:
        # The last node of a level has no sibling if its index is even: it moves up unchanged.
        if index & 1 or index < last:
            if not rest:
                return None
            sibling = rest.pop(0)
            found = hash_node(sibling, found) if index & 1 else hash_node(found, sibling)
        index, last = index >> 1, last >> 1
    return None if rest else found


def _above(level: Sequence[bytes]) -> list[bytes]:
    pairs = zip(level[::2], level[1::2], strict=False)
    above = [sha256(b"\x01" + left + right).digest() for left, right in pairs]
    if len(level) % 2:
        above.append(level[-1])
    return above
