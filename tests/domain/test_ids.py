"""UUIDv7 identifiers (RFC 9562): they sort by time."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from itertools import chain
from multiprocessing.connection import Connection
from uuid import RFC_4122, UUID

from hypothesis import example, given
from hypothesis import strategies as st

from tenants import uuid7_time
from videobroker.domain.ids import uuid7

NOW = datetime(2026, 3, 12, 14, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

moments = st.datetimes(datetime(1970, 1, 1), datetime(2199, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 Hypothesis wants them bare


@given(moments)
def test_an_id_has_the_version_and_variant_of_uuid7(now: datetime) -> None:
    identifier = uuid7(now)
    assert identifier.version == 7
    assert identifier.variant == RFC_4122


@given(moments)
@example(NOW + timedelta(microseconds=999))
@example(EPOCH)
def test_an_id_starts_with_its_unix_milliseconds(now: datetime) -> None:
    assert int(uuid7(now).hex[:12], 16) == (now - EPOCH) // MILLISECOND


@given(moments)
def test_the_time_of_an_id_is_its_creation_time_in_milliseconds(now: datetime) -> None:
    assert uuid7_time(uuid7(now)) == now - timedelta(microseconds=now.microsecond % 1000)


@given(moments, st.timedeltas(MILLISECOND, timedelta(days=1)))
def test_a_later_id_is_greater_as_a_number_and_as_text(now: datetime, later: timedelta) -> None:
    first, second = uuid7(now), uuid7(now + later)
    assert first < second
    assert str(first) < str(second)


def test_the_time_of_the_example_in_the_rfc() -> None:
    rfc_example = UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")
    assert uuid7_time(rfc_example) == datetime(2022, 2, 22, 19, 22, 22, tzinfo=UTC)


def test_the_time_of_an_id_is_in_utc() -> None:
    in_india = NOW.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert uuid7_time(uuid7(in_india)).isoformat() == "2026-03-12T14:00:00+00:00"


def test_ids_of_the_same_time_are_unique() -> None:
    assert len({uuid7(NOW) for _ in range(10_000)}) == 10_000


def test_74_bits_are_random_and_the_others_depend_on_the_time() -> None:
    ones, zeros = 0, 0
    for _ in range(200):
        number = uuid7(NOW).int
        ones |= number
        zeros |= ~number
    random_bits = ones & zeros & (1 << 128) - 1
    assert random_bits == (0xFFF << 64) | ((1 << 62) - 1)


def test_ids_are_unique_across_threads() -> None:
    def generate(_: int) -> list[UUID]:
        return [uuid7(NOW) for _ in range(5_000)]

    with ThreadPoolExecutor(8) as threads:
        made = list(chain.from_iterable(threads.map(generate, range(16))))
    assert len(set(made)) == len(made) == 80_000


def test_ids_are_unique_after_a_fork() -> None:
    uuid7(NOW)
    receiver, sender = multiprocessing.Pipe()
    child = multiprocessing.get_context("fork").Process(target=_send_ids, args=(sender,))
    child.start()
    child_ids = receiver.recv()
    child.join()
    assert len(child_ids) == 300
    assert not set(child_ids) & {uuid7(NOW) for _ in range(300)}


def _send_ids(connection: Connection) -> None:
    connection.send([uuid7(NOW) for _ in range(300)])
