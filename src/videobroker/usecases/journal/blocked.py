"""Reports transactions that hide new events of the journal: no reader sees an event before they end (decision 2)."""

from datetime import datetime, timedelta

import structlog

from videobroker.broker import Broker
from videobroker.storage.journal import positions
from videobroker.storage.journal.positions import OpenTransaction

HIDDEN_TOO_LONG = timedelta(seconds=30)
"""Transactions of the service are much shorter."""

log = structlog.get_logger(__name__)


async def report_blocked(broker: Broker, *, now: datetime) -> None:
    """Log the transaction that has hidden events for too long."""
    async with broker.store.cross_app_transaction() as unit_of_work:
        hidden = await positions.find_hidden(unit_of_work, now=now)
    if hidden is None or hidden.hidden_for < HIDDEN_TOO_LONG:
        return
    transaction = hidden.transaction
    log.warning(
        "journal.blocked",
        hidden_seconds=int(hidden.hidden_for.total_seconds()),
        pid=transaction and transaction.pid,
        database=transaction and transaction.database,
        application_name=transaction and transaction.application_name,
        prepared=transaction and transaction.gid,
        open_seconds=transaction and transaction.duration and int(transaction.duration.total_seconds()),
    )


def describe_transaction(transaction: OpenTransaction | None) -> str:
    """What identifies the transaction, without its statements."""
    if transaction is None:
        return "-"
    parts = {
        "pid": transaction.pid,
        "prepared": transaction.gid,
        "database": transaction.database,
        "application_name": transaction.application_name or None,
        "open": None if transaction.duration is None else f"{int(transaction.duration.total_seconds())} s",
    }
    return ", ".join(f"{name} {value}" for name, value in parts.items() if value is not None)
