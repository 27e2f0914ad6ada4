"""Structs behave like frozen dataclasses."""

import copy
import gc
import pickle
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from io import StringIO

import pytest
from rich.console import Console

from videobroker.domain.access import AccessContext, AccessSubject, AdmitDecision, decide_access
from videobroker.domain.apps import ProviderName
from videobroker.domain.ids import RoomId, SessionId, uuid7
from videobroker.domain.policy import DEFAULT_POLICY
from videobroker.domain.rooms import Room, RoomState
from videobroker.domain.sessions import SessionStatus
from videobroker.domain.struct import Struct, field

NOW = datetime(2026, 3, 12, 14, tzinfo=UTC)


class Chair(Struct):
    """A struct with a default factory, a property, and a hidden field."""

    color: str
    legs: int = 4
    marks: Mapping[str, str] = field(default_factory=dict)
    secret: str = "hidden"
    hidden_from_repr = ("secret",)

    @property
    def is_stool(self) -> bool:
        """A property of a struct."""
        return self.legs == 3


class Table(Struct):
    """A hashable struct with the first two fields of `Chair`."""

    color: str
    legs: int = 4


class TestStruct:
    def test_it_is_immutable(self) -> None:
        chair = Chair("red")
        for name in ("color", "is_stool", "cushion"):
            with pytest.raises(AttributeError):
                setattr(chair, name, "blue")
        with pytest.raises(AttributeError):
            del chair.color
        assert chair.color == "red"

    def test_replace_returns_a_changed_copy(self) -> None:
        chair = Chair("red", marks={"a": "b"})
        assert replace(chair, legs=3) == Chair("red", 3, {"a": "b"})
        assert replace(chair, legs=3).is_stool
        assert chair.legs == 4

    def test_replace_rejects_unknown_fields(self) -> None:
        with pytest.raises(TypeError, match="cushion"):
            replace(Chair("red"), cushion=True)  # type: ignore[call-arg]

    def test_fields_returns_its_fields_in_order(self) -> None:
        assert is_dataclass(Chair)
        assert [each.name for each in fields(Chair)] == ["color", "legs", "marks", "secret"]

    def test_it_equals_only_a_struct_of_its_class_with_equal_fields(self) -> None:
        others: list[object] = [Table("blue"), Chair("red"), ("red", 4)]
        assert Table("red") == Table("red", 4)
        assert Table("red") not in others

    def test_it_is_hashable_if_its_fields_are(self) -> None:
        assert {Table("red"): 1}[Table("red")] == 1
        with pytest.raises(TypeError, match="unhashable"):
            hash(Chair("red"))

    def test_a_default_factory_is_called_for_each_struct(self) -> None:
        assert Chair("red").marks is not Chair("red").marks

    def test_it_matches_patterns(self) -> None:
        match Table("red", 3):
            case Table("red", legs):
                assert legs == 3
            case _:
                pytest.fail("did not match")

    @pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])  # noqa: S301
    def test_it_can_be_copied_and_pickled(self, copied: object) -> None:
        assert callable(copied)
        assert copied(Chair("red", marks={"a": "b"})) == Chair("red", marks={"a": "b"})

    def test_hidden_fields_are_not_in_its_repr(self) -> None:
        assert repr(Chair("red")) == "Chair(color='red', legs=4, marks={})"
        shown = StringIO()
        Console(file=shown, width=200).print(Chair("red"))
        assert "hidden" not in shown.getvalue()
        assert "legs=4" in shown.getvalue()

    def test_the_garbage_collector_does_not_track_it(self) -> None:
        assert not gc.is_tracked(Chair("red"))


def test_the_repr_of_a_room_has_no_codes() -> None:
    room = Room(
        RoomId(uuid7(NOW)), SessionId(uuid7(NOW)), ProviderName.HMS, RoomState.READY, "65f0", {"host": "abc-defg-hij"}
    )
    assert "abc-defg-hij" not in repr(room)
    assert "65f0" in repr(room)


def test_access_contexts_and_decisions_are_structs() -> None:
    access = AccessContext(SessionStatus.CONFIRMED, True, None, None, DEFAULT_POLICY)
    decision = decide_access(access, AccessSubject("tutor", "host"), NOW)
    assert decision == AdmitDecision("host", None, None, None)
    assert all(isinstance(each, Struct) for each in (access, decision))
