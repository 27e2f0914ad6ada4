"""The product's own tables."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

TABLES = """
create table if not exists bookings (
    id text primary key,
    student_id text not null,
    tutor_id text not null,
    starts_at text not null,
    status text not null default 'requested'
);
create table if not exists calls (
    id text primary key,
    booking_id text not null references bookings (id),
    seconds integer not null
);
create table if not exists processed_events (id text primary key);
"""


@contextmanager
def transaction() -> Iterator[sqlite3.Connection]:
    """A transaction that commits at the end of the block, and rolls back after an exception."""
    connection = sqlite3.connect("product.db")
    connection.row_factory = sqlite3.Row
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def create_tables() -> None:
    with transaction() as db:
        db.executescript(TABLES)
