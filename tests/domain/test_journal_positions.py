"""Where the journal continues after a restore on another server."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.journal_positions import SHIFT_STEP, Positions, choose_shift, is_continuous

XIDS = st.integers(3, 1 << 40)
SHIFTS = st.integers(0, 1 << 10).map(lambda steps: steps * SHIFT_STEP)


@st.composite
def positions(draw: st.DrawFn) -> Positions:
    oldest = draw(XIDS)
    return Positions(
        newest=draw(st.integers(0, 1 << 50)),
        horizon=oldest + draw(SHIFTS),
        oldest_xid=oldest,
        next_xid=oldest + draw(st.integers(0, 10_000)),
        stored_server=draw(st.none() | st.integers(1, 3)),
        server=draw(st.none() | st.integers(1, 3)),
    )


@given(positions())
def test_the_new_horizon_is_after_every_row_and_the_shift_never_decreases(found: Positions) -> None:
    shift = choose_shift(found)
    assert found.newest is not None
    assert shift >= found.shift
    assert found.oldest_xid + shift > max(found.newest, found.horizon)
    assert (found.oldest_xid + shift) % SHIFT_STEP == 0


@given(positions())
def test_a_journal_that_was_continued_is_continuous(found: Positions) -> None:
    horizon = found.oldest_xid + choose_shift(found)
    assert is_continuous(replace(found, horizon=horizon, stored_server=found.server))


@given(positions())
def test_another_server_and_rows_in_the_future_are_noticed(found: Positions) -> None:
    in_the_future = found.newest is not None and found.newest >= found.next_xid + found.shift
    is_another = None not in {found.server, found.stored_server} and found.server != found.stored_server
    assert is_continuous(found) == (not in_the_future and not is_another)


@given(positions())
def test_an_empty_journal_needs_no_new_shift(found: Positions) -> None:
    empty = replace(found, newest=None)
    assert choose_shift(empty) == found.shift
