"""Progress of a booking: the participants that the legacy endpoints show."""

from videobroker.domain.progress import select_first_by_role
from videobroker.domain.sessions import Participant

TUTOR = Participant("tutor-1", "tutor")
FIRST, SECOND, THIRD = (Participant(f"student-{number}", "student") for number in (1, 2, 3))


def test_of_several_participants_with_a_role_the_first_by_user_id_is_selected() -> None:
    for people in ([FIRST, SECOND, THIRD], [THIRD, SECOND, FIRST], [SECOND, FIRST, THIRD]):
        assert select_first_by_role([*people, TUTOR]) == {"student": FIRST, "tutor": TUTOR}


def test_user_ids_are_compared_as_texts() -> None:
    ten, nine = Participant("10", "student"), Participant("9", "student")
    assert select_first_by_role([nine, ten]) == {"student": ten}


def test_without_participants_no_role_is_filled() -> None:
    assert select_first_by_role([]) == {}
