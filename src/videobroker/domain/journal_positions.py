"""Where new rows of the journal are ordered: transaction IDs of the server, plus a shift that changes with it."""

from dataclasses import dataclass

SHIFT_STEP = 1 << 32
"""More than the transactions that one server can have had since its backup."""


@dataclass(frozen=True, slots=True)
class Positions:
    """The positions in a journal, and the transaction IDs of its server."""

    newest: int | None
    """The highest position of a row or of a seal; None in an empty journal."""
    horizon: int
    """The lowest position at which rows may still appear."""
    oldest_xid: int
    """The transaction ID of the horizon: all lower ones have ended."""
    next_xid: int
    """The next transaction ID of the server."""
    stored_server: int | None
    """The server to which the shift belongs. None: unknown."""
    server: int | None
    """This server. None: unknown."""

    @property
    def shift(self) -> int:
        """What is added to transaction IDs."""
        return self.horizon - self.oldest_xid


def is_continuous(positions: Positions) -> bool:
    """Whether new rows are ordered after all others. False on another server, or if a row is in the future."""
    if None not in {positions.server, positions.stored_server} and positions.server != positions.stored_server:
        return False
    return positions.newest is None or positions.newest < positions.next_xid + positions.shift


def choose_shift(positions: Positions) -> int:
    """The shift with which all new positions are after all others, those of lost rows included. It never decreases.

    The new horizon is a multiple of `SHIFT_STEP`.
    """
    highest = max(positions.newest or 0, positions.next_xid + positions.shift)
    if positions.newest is None:
        return positions.shift
    return (highest // SHIFT_STEP + 1) * SHIFT_STEP - positions.oldest_xid
