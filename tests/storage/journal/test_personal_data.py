"""Every column that can hold a text is classified: the erasure of a person covers all of them."""

from sqlalchemy import text

from videobroker.broker import Broker
from videobroker.storage.journal.personal_data import COLUMNS, ErasureHandling

TEXT_COLUMNS = """
    select case table_schema when 'public' then '' else table_schema || '.' end || table_name, column_name
    from information_schema.columns join information_schema.tables using (table_schema, table_name)
    where table_type = 'BASE TABLE'
      and table_schema not in ('pg_catalog', 'information_schema')
      and udt_name not in ('uuid', 'timestamptz', 'int4', 'int8', 'bool', 'xid8')
"""
"""Of any other type: text, JSON, bytes, arrays, enumerations, and future types."""


async def test_every_column_that_can_hold_a_text_is_classified(broker: Broker) -> None:
    async with broker.store.cross_app_transaction() as unit_of_work:
        found = {tuple(row) for row in await unit_of_work.execute(text(TEXT_COLUMNS))}
    listed = {(table, column) for table, columns in COLUMNS.items() for column in columns}
    assert found - listed == set(), "list these in storage/personal_data.py, and erase them or give a reason"
    assert listed - found == set(), "these columns do not exist"


def test_every_retained_column_has_a_reason() -> None:
    without = [
        (table, column)
        for table, columns in COLUMNS.items()
        for column, treatment in columns.items()
        if treatment.handling is ErasureHandling.RETAINED and not treatment.reason
    ]
    assert without == []
