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
    """A value."""

    colour: str
    legs: int = 4
    marks: Mapping[str, str] = field(default_factory=dict)
    secret: str = "hidden"
    hidden_from_repr = ("secret",)

    @property
    def is_stool(self) -> bool:
        """What a value can tell of itself."""
        return self.legs == 3


class Table(Struct):
    """Another one, with the same fields."""

    colour: str
    legs: int = 4


class TestAValue:
    def test_nothing_sets_its_fields_or_adds_one(self) -> None:
        chair = Chair("red")
        for name in ("colour", "is_stool", "cushion"):
            with pytest.raises(AttributeError):
                setattr(chair, name, "blue")
        with pytest.raises(AttributeError):
            del chair.colour
        assert chair.colour == "red"

    def test_replace_makes_another_one_and_leaves_it_as_it_was(self) -> None:
        chair = Chair("red", marks={"a": "b"})
        assert replace(chair, legs=3) == Chair("red", 3, {"a": "b"})
        assert replace(chair, legs=3).is_stool
        assert chair.legs == 4

    def test_replace_refuses_a_field_that_there_is_not(self) -> None:
        with pytest.raises(TypeError, match="cushion"):
            replace(Chair("red"), cushion=True)  # type: ignore[call-arg]

    def test_its_fields_are_told_in_their_order(self) -> None:
        assert is_dataclass(Chair)
        assert [each.name for each in fields(Chair)] == ["colour", "legs", "marks", "secret"]

    def test_it_is_equal_to_its_like_alone(self) -> None:
        others: list[object] = [Table("blue"), Chair("red"), ("red", 4)]
        assert Table("red") == Table("red", 4)
        assert Table("red") not in others

    def test_it_can_be_a_key_where_its_fields_can(self) -> None:
        assert {Table("red"): 1}[Table("red")] == 1
        with pytest.raises(TypeError, match="unhashable"):
            hash(Chair("red"))

    def test_every_one_has_a_default_of_its_own(self) -> None:
        assert Chair("red").marks is not Chair("red").marks

    def test_it_matches_patterns(self) -> None:
        match Table("red", 3):
            case Table("red", legs):
                assert legs == 3
            case _:
                pytest.fail("did not match")

    @pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))])  # noqa: S301
    def test_it_can_be_copied_and_sent(self, copied: object) -> None:
        assert callable(copied)
        assert copied(Chair("red", marks={"a": "b"})) == Chair("red", marks={"a": "b"})

    def test_what_it_keeps_to_itself_is_in_no_repr(self) -> None:
        assert repr(Chair("red")) == "Chair(colour='red', legs=4, marks={})"
        shown = StringIO()
        Console(file=shown, width=200).print(Chair("red"))
        assert "hidden" not in shown.getvalue()
        assert "legs=4" in shown.getvalue()

    def test_the_collector_does_not_look_at_it(self) -> None:
        assert not gc.is_tracked(Chair("red"))


def test_room_codes_are_in_no_repr() -> None:
    room = Room(
        RoomId(uuid7(NOW)), SessionId(uuid7(NOW)), ProviderName.HMS, RoomState.READY, "65f0", {"host": "abc-defg-hij"}
    )
    assert "abc-defg-hij" not in repr(room)
    assert "65f0" in repr(room)


def test_what_decides_and_what_is_decided_are_values() -> None:
    door = AccessContext(SessionStatus.CONFIRMED, True, None, None, DEFAULT_POLICY)
    decision = decide_access(door, AccessSubject("tutor", "host"), NOW)
    assert decision == AdmitDecision("host", None, None, None)
    assert all(isinstance(each, Struct) for each in (door, decision))
