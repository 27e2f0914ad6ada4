"""How Alembic runs our migrations: always on the connection that `videobroker.storage.postgres.migrations` hands in."""

from alembic import context
from sqlalchemy import text

from videobroker.storage.tables import metadata

LOCK_TIMEOUT = "5s"
"""A migration that cannot get its lock gives up rather than queue every request of the running service behind it."""

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, transaction_per_migration=True, compare_type=True)
connection.execute(text(f"set lock_timeout = '{LOCK_TIMEOUT}'"))
connection.commit()
with context.begin_transaction():
    context.run_migrations()
