"""Every value that a page describes has its own text."""

from videobroker.domain.access import AccessReason
from videobroker.domain.attendance.observations import EvidenceSource
from videobroker.domain.calls import EndReason
from videobroker.web.console.join_links import BLOCKED_BY
from videobroker.web.console.templating import END_TEXT, SOURCE_TEXT


def test_every_source_and_every_end_has_a_text() -> None:
    assert SOURCE_TEXT.keys() == set(EvidenceSource)
    assert END_TEXT.keys() == set(EndReason)


def test_every_refusal_has_a_text() -> None:
    waits = {
        AccessReason.TOO_EARLY,
        AccessReason.WAITING_FOR_HOST,
        AccessReason.WAITING_FOR_ADMISSION,
    }
    assert set(BLOCKED_BY) == set(AccessReason) - waits
