"""Rotation of secret keys: which keys stored rows depend on, and whether a key may be dropped."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class KeyUse:
    """Rows of a table that one secret key protects."""

    table: str
    key_id: str | None
    """The public ID of the key; None for rows of older versions: they do not name their key, or are not encrypted."""
    rows: int


@dataclass(frozen=True, slots=True)
class KeyReport:
    """The secret keys in their order, and the rows that depend on each."""

    key_ids: Sequence[str]
    uses: Sequence[KeyUse]

    @property
    def outdated(self) -> Sequence[KeyUse]:
        """Rows that `secrets rotate` has to encrypt again."""
        return [use for use in self.uses if use.key_id != self.key_ids[0]]

    @property
    def outdated_rows(self) -> int:
        """The number of outdated rows."""
        return sum(use.rows for use in self.outdated)

    @property
    def missing_key_ids(self) -> Collection[str]:
        """Keys that rows depend on and that are not configured: these rows cannot be read."""
        return sorted({use.key_id for use in self.uses if use.key_id is not None} - set(self.key_ids))

    @property
    def may_drop_old_keys(self) -> bool:
        """Whether no stored row needs any key but the first."""
        return not self.outdated
