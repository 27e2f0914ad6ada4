"""The formal models, verified exhaustively by Spin: every run of the processes in every order, with their faults."""

from pathlib import Path

import pytest

from models.verification import needs_spin, violations

pytestmark = needs_spin


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        pytest.param("room", "-DCRASHES=2", id="two joins, a host, and two crashes"),
        pytest.param("room", "-DJOINS=3 -DCRASHES=2", id="three joins and two crashes"),
        pytest.param("room", "-DCODES=1 -DCRASHES=2", id="room codes and two crashes"),
        pytest.param("room", "-DCODES=1 -DPAUSES=2", id="room codes and two pauses"),
        pytest.param("removal", "", id="two credentials, a removal, and two crashes"),
        pytest.param("removal", "-DISSUES=2 -DREMOVALS=2", id="two removals"),
    ],
)
def test_the_assertions_of_a_model_hold_in_every_run(tmp_path: Path, model: str, flags: str) -> None:
    assert violations(model, tmp_path, *flags.split()) == []


@pytest.mark.parametrize(
    ("model", "flags"),
    [
        pytest.param("room", "-DNO_LEASE", id="no lease"),
        pytest.param("room", "-DNO_FENCE -DPAUSES=1", id="no fence"),
        pytest.param("room", "-DNO_INVALIDATE -DPAUSES=1", id="no invalidation"),
        pytest.param("room", "-DNO_TAKEOVER -DCRASHES=1", id="no takeover of abandoned rooms"),
        pytest.param("room", "-DCODES=1 -DCODES_OPEN", id="creating codes opens the room"),
        # The known limit that the model names.
        pytest.param("room", "-DPAUSES=1 -DCRASHES=1", id="a pause and a crash of the same process"),
        pytest.param("removal", "-DNO_LOCK", id="no lock"),
        pytest.param("removal", "-DLATE_LOCK", id="a lock after the transaction ID"),
        pytest.param("removal", "-DNO_CHECK", id="no check"),
    ],
)
def test_a_planted_fault_is_found(tmp_path: Path, model: str, flags: str) -> None:
    assert any("assertion violated" in found for found in violations(model, tmp_path, *flags.split()))
