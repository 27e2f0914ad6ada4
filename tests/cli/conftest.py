"""Commands, run with a separate database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.program import CommandRunner, new_database
from videobroker.storage.postgres.encryption import new_key


@pytest.fixture
def own_database(postgres: str, template_database: str) -> Iterator[str]:
    """The URL of a database at the newest revision that no other test sees."""
    with new_database(postgres, like=template_database) as url:
        yield url


@pytest.fixture
def variables(own_database: str, tmp_path: Path) -> dict[str, str]:
    """The settings of a deployment with this database."""
    return {
        "DATABASE_URL": own_database,
        "VIDEOBROKER_SECRET_KEY": new_key(),
        "VIDEOBROKER_DATA_DIR": str(tmp_path / "data"),
    }


@pytest.fixture
def videobroker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, variables: dict[str, str]) -> CommandRunner:
    """Runs the command in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return CommandRunner(monkeypatch, variables)
