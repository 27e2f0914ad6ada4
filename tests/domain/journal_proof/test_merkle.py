"""Merkle trees: published vectors, and the definition of the RFC."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.journal_proof import merkle

# The test vectors of the Certificate Transparency project: the roots of the first n entries.
ENTRIES = [
    bytes.fromhex(each)
    for each in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
some_leaves = st.lists(st.binary(max_size=8).map(merkle.hash_leaf), min_size=1, max_size=70)


def by_definition(leaves: list[bytes]) -> bytes:
    """The root as RFC 6962, section 2.1, defines it: by splitting."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return merkle.hash_node(by_definition(leaves[:split]), by_definition(leaves[split:]))


@pytest.mark.parametrize("size", range(9))
def test_roots_match_the_published_vectors(size: int) -> None:
    assert merkle.compute_root([merkle.hash_leaf(entry) for entry in ENTRIES[:size]]).hex() == ROOTS[size]


@given(some_leaves)
def test_the_root_matches_the_definition(leaves: list[bytes]) -> None:
    assert merkle.compute_root(leaves) == by_definition(leaves)


@given(some_leaves, st.data())
def test_a_leaf_is_proved_only_at_its_own_index(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    path = merkle.build_inclusion_proof(leaves, index)
    root, count = merkle.compute_root(leaves), len(leaves)
    assert merkle.compute_root_from_proof(leaves[index], index, count, path) == root
    other = data.draw(st.integers(-1, count))
    if other != index and not (0 <= other < count and leaves[other] == leaves[index]):
        assert merkle.compute_root_from_proof(leaves[index], other, count, path) != root
    assert merkle.compute_root_from_proof(merkle.hash_leaf(b"another entry"), index, count, path) != root
    assert merkle.compute_root_from_proof(leaves[index], index, count, [*path, root]) is None
    if path:
        assert merkle.compute_root_from_proof(leaves[index], index, count, path[:-1]) is None
        assert merkle.compute_root_from_proof(leaves[index], index, count, [path[0][::-1], *path[1:]]) != root


@given(some_leaves, st.data())
def test_any_change_of_the_leaves_changes_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    root, new = merkle.compute_root(leaves), merkle.hash_leaf(b"a new entry")
    assert merkle.compute_root([*leaves[:index], new, *leaves[index + 1 :]]) != root
    assert merkle.compute_root([*leaves[:index], new, *leaves[index:]]) != root
    assert merkle.compute_root(leaves[:index] + leaves[index + 1 :]) != root


def test_a_node_is_not_accepted_as_a_leaf() -> None:
    first, second = merkle.hash_leaf(b"a"), merkle.hash_leaf(b"b")
    assert merkle.compute_root([merkle.hash_leaf(first + second)]) != merkle.compute_root([first, second])


@pytest.mark.parametrize("index", [-1, 3])
def test_a_missing_leaf_cannot_be_proved(index: int) -> None:
    with pytest.raises(IndexError, match="there is no leaf"):
        merkle.build_inclusion_proof([merkle.hash_leaf(b"x")] * 3, index)


@pytest.mark.parametrize(("index", "has_root"), [(-1, False), (0, True), (1, False)])
def test_only_an_index_of_the_tree_has_a_root(index: int, has_root: bool) -> None:
    leaf = merkle.hash_leaf(b"x")
    assert merkle.compute_root_from_proof(leaf, index, 1, []) == (leaf if has_root else None)
