"""A cell of the attendance table is never a formula, with any column separator."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.web.v1.attendance import without_formulas

TEXTS = st.text(st.sampled_from(list("=+-@;,\t\r\n|'\" ab1")), max_size=20) | st.text(max_size=20)


@given(TEXTS, st.sampled_from([",", ";", "\t", "|"]))
def test_no_cell_starts_like_a_formula(text: str, separator: str) -> None:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(["reference", without_formulas(text)])
    for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
        rows = csv.reader(written.getvalue().splitlines(), delimiter=separator, quoting=quoting)
        for cell in (cell for row in rows for cell in row):
            assert not cell.lstrip("\"' ").startswith(("=", "+", "-", "@")) or cell.lstrip('" ').startswith("'")


@pytest.mark.parametrize("text", ["Ada", "Ada Lovelace", "O'Neil", "2026-03-12T14:00:00Z", "a=b", "Ada (tutor)", ""])
def test_other_text_is_unchanged(text: str) -> None:
    assert without_formulas(text) == text
