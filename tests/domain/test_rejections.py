"""Tallies of rejected authentication."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from videobroker.domain.events import EventType
from videobroker.domain.ids import AppId
from videobroker.domain.rejections import MAX_ADDRESSES, RejectionTally, merge_tallies, start_tally

APP_ID = AppId(UUID(int=1))
NOW = datetime(2026, 3, 12, 14, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ONE, OTHER = "192.0.2.1", "192.0.2.2"


def tally(count: int, first: datetime, last: datetime, *addresses: str) -> RejectionTally:
    return RejectionTally(APP_ID, "api_key_revoked", count, first, last, frozenset(addresses))


def test_a_tally_starts_with_one_rejection() -> None:
    assert start_tally(APP_ID, "api_key_revoked", ONE, NOW) == tally(1, NOW, NOW, ONE)
    assert start_tally(APP_ID, "api_key_revoked", None, NOW) == tally(1, NOW, NOW)


def test_another_rejection_increases_the_count_and_the_last_time() -> None:
    started = tally(1, NOW, NOW, ONE)
    assert started.plus(OTHER, NOW + MINUTE) == tally(2, NOW, NOW + MINUTE, ONE, OTHER)
    assert started.plus(None, NOW - MINUTE) == tally(2, NOW, NOW, ONE)


def test_addresses_are_counted_up_to_a_limit() -> None:
    many = tally(1, NOW, NOW, *(f"2001:db8::{number}" for number in range(MAX_ADDRESSES - 1)))
    full = many.plus(ONE, NOW)
    assert len(full.addresses) == MAX_ADDRESSES
    assert full.plus(OTHER, NOW).addresses == full.addresses


def test_two_tallies_can_be_added() -> None:
    early, late = tally(2, NOW, NOW + MINUTE, ONE), tally(3, NOW + MINUTE, NOW + 2 * MINUTE, ONE, OTHER)
    expected = tally(5, NOW, NOW + 2 * MINUTE, ONE, OTHER)
    assert merge_tallies(early, late) == merge_tallies(late, early) == expected


def test_a_sum_has_no_more_addresses_than_a_tally() -> None:
    halves = [tally(1, NOW, NOW, *(f"192.0.{half}.{number}" for number in range(80))) for half in (1, 2)]
    assert len(merge_tallies(*halves).addresses) == MAX_ADDRESSES


def test_the_event_names_an_address_only_if_it_was_the_only_one() -> None:
    event = tally(2, NOW, NOW + MINUTE, ONE).event()
    assert (event.type, event.occurred_at) == (EventType.AUTHENTICATION_REJECTED, NOW + MINUTE)
    assert (event.actor.app_id, event.actor.ip) == (APP_ID, ONE)
    assert event.id.version == 7
    assert event.data == {
        "reason": "api_key_revoked",
        "count": 2,
        "addresses": 1,
        "first_at": "2026-03-12T14:00:00Z",
        "last_at": "2026-03-12T14:01:00Z",
    }
    assert tally(2, NOW, NOW, ONE, OTHER).event().actor.ip is None
    assert tally(2, NOW, NOW).event().actor.ip is None
