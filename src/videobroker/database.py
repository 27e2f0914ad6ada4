"""Where the data is, and how it gets the schema of this program. `videobroker migrate` needs no more than this."""

from collections.abc import Iterator
from contextlib import contextmanager

from videobroker.settings import Settings
from videobroker.storage.postgres import migrations, privileges
from videobroker.storage.postgres.database import Store
from videobroker.storage.postgres.embedded import embedded_postgres


@contextmanager
def database(settings: Settings) -> Iterator[str]:
    """The URL of the database: the one that is set, or an embedded server for as long as the block runs."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
    else:
        with embedded_postgres(settings.data_dir.resolve() / "postgres") as url:
            yield url


async def migrate(url: str) -> tuple[str | None, str | None]:
    """Bring the database to this program's schema; the revisions before and after.

    Not through a pooler: migrations hold a lock of the session.
    """
    store = Store(url, pool_size=2)
    try:
        return await migrations.migrate(store)
    finally:
        await store.aclose()


async def grant(url: str, role: str) -> None:
    """Grant a role what the service needs. Raises `InvalidInput` if policies would not apply to it."""
    store = Store(url, pool_size=1)
    try:
        await privileges.grant(store, role)
    finally:
        await store.aclose()


def past_the_pooler(settings: Settings, url: str) -> str:
    """The URL of PostgreSQL itself: this one, unless it leads through a pooler."""
    return url if settings.direct_database_url is None else settings.direct_database_url.get_secret_value()
