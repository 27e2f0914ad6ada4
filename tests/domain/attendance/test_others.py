"""Who else is in the call, as the people before it see them."""

from videobroker.domain.attendance.others import OthersInCall, PersonInCall, list_others

ADA = PersonInCall("tutor-1", "Ada", "tutor")
BEN = PersonInCall("student-1", "Ben", "student")
CEM = PersonInCall("student-2", None, "student")
GUS = PersonInCall("guest-1", None, None)
DEA, EVA = PersonInCall("student-3", "Dea", "student"), PersonInCall("student-4", "Eva", "student")


def test_a_person_with_another_device_in_the_call_is_no_other() -> None:
    assert list_others([ADA, BEN], "student-1", sees_names=True) == OthersInCall(1, ("Ada",))


def test_guests_and_people_without_a_name_are_counted() -> None:
    assert list_others([ADA, CEM, GUS], "student-1", sees_names=True) == OthersInCall(3, ("Ada",))


def test_at_most_three_names_are_listed_in_the_order_of_arrival() -> None:
    assert list_others([EVA, ADA, DEA, BEN], "x", sees_names=True) == OthersInCall(4, ("Eva", "Ada", "Dea"))


def test_who_may_not_see_names_gets_the_count() -> None:
    assert list_others([ADA, GUS], "student-1", sees_names=False) == OthersInCall(2, ())
