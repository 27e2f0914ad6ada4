"""The ASVS sheet has every requirement of levels 1 and 2, and its evidence exists."""

import ast
import re
from collections import Counter
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from documentation.test_pages import table

ROOT = Path(__file__).parents[2]
SHEET = ROOT / "docs" / "reference" / "asvs.md"
STATUSES = ("met", "not applicable", "open")
REQUIREMENTS = """
1.1: 1-2; 1.2: 1-9; 1.3: 1-11; 1.4: 1-3; 1.5: 1-2
2.1: 1-3; 2.2: 1-3; 2.3: 1-4; 2.4: 1
3.2: 1-2; 3.3: 1-4; 3.4: 1-6; 3.5: 1-5; 3.7: 1-2
4.1: 1-3; 4.2: 1; 4.3: 1-2; 4.4: 1-4
5.1: 1; 5.2: 1-3; 5.3: 1-2; 5.4: 1-3
6.1: 1-3; 6.2: 1-12; 6.3: 1-4; 6.4: 1-4; 6.5: 1-5; 6.6: 1-3; 6.8: 1-4
7.1: 1-3; 7.2: 1-4; 7.3: 1-2; 7.4: 1-5; 7.5: 1-2; 7.6: 1-2
8.1: 1-2; 8.2: 1-3; 8.3: 1; 8.4: 1
9.1: 1-3; 9.2: 1-4
10.1: 1-2; 10.2: 1-2; 10.3: 1-4; 10.4: 1-11; 10.5: 1-5; 10.6: 1-2; 10.7: 1-3
11.1: 1-2; 11.2: 1-3; 11.3: 1-3; 11.4: 1-4; 11.5: 1; 11.6: 1
12.1: 1-3; 12.2: 1-2; 12.3: 1-4
13.1: 1; 13.2: 1-5; 13.3: 1-2; 13.4: 1-5
14.1: 1-2; 14.2: 1-4; 14.3: 1-3
15.1: 1-3; 15.2: 1-3; 15.3: 1-7
16.1: 1; 16.2: 1-5; 16.3: 1-4; 16.4: 1-3; 16.5: 1-3
17.1: 1; 17.2: 1-4; 17.3: 1-2
"""
"""The numbers of levels 1 and 2 by section. Source: the CSV file of ASVS 5.0.0 in the repository OWASP/ASVS."""
_ROW = re.compile(r"^\| v5\.0\.0-([\d.]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_MODULE = re.compile(r"`([\w/.-]+)`")
_LINK = re.compile(r"\]\(")


@dataclass(frozen=True)
class Row:
    """A requirement and its status."""

    requirement: str
    status: str
    evidence: str

    @property
    def tests(self) -> list[tuple[str, str]]:
        return _TEST.findall(self.evidence)

    @property
    def modules(self) -> list[str]:
        return _MODULE.findall(self.evidence)


def rows() -> list[Row]:
    found = _ROW.findall(SHEET.read_text())
    return [Row(requirement, status, evidence) for requirement, _, status, evidence in found]


ROWS = rows()
MET = [row for row in ROWS if row.status == "met"]


def numbers(sections: str) -> list[str]:
    """The IDs of `1.1: 1-3, 5; 1.2: 1`."""
    found = []
    for section in re.split(r"[;\n]", sections.strip()):
        name, _, ranges = section.partition(":")
        for each in ranges.split(","):
            first, _, last = each.strip().partition("-")
            found += [f"{name.strip()}.{number}" for number in range(int(first), int(last or first) + 1)]
    return found


@cache
def functions(path: Path) -> frozenset[str]:
    nodes = ast.walk(ast.parse(path.read_text()))
    return frozenset(node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def test_every_requirement_has_one_row_in_order() -> None:
    assert len(numbers(REQUIREMENTS)) == 253
    assert [row.requirement for row in ROWS] == numbers(REQUIREMENTS)


def test_every_line_of_a_requirement_is_a_row() -> None:
    assert SHEET.read_text().count("v5.0.0-") == len(ROWS)


def test_every_status_is_defined() -> None:
    assert {row.status for row in ROWS} == set(STATUSES)


def test_the_summary_counts_the_rows() -> None:
    *chapters, total = table("reference/asvs", "Summary")
    counts = Counter((row.requirement.partition(".")[0], row.status) for row in ROWS)
    for name, *cells in chapters:
        chapter = name.split()[0].removeprefix("V")
        assert [int(cell) for cell in cells] == [counts[chapter, status] for status in STATUSES], name
    of_all = Counter(row.status for row in ROWS)
    assert [int(cell) for cell in total[1:]] == [of_all[status] for status in STATUSES]


@pytest.mark.parametrize("row", MET, ids=[row.requirement for row in MET])
def test_the_evidence_exists(row: Row) -> None:
    assert row.modules or _LINK.search(row.evidence), "name a module or a page"
    assert row.tests or _LINK.search(row.evidence), "name a test"
    for name in row.modules:
        assert (ROOT / "src" / "videobroker" / name).is_file() or (ROOT / name).is_file(), name
    for path, function in row.tests:
        assert function.startswith("test_"), function
        assert (ROOT / path).is_file(), path
        assert function in functions(ROOT / path), f"{path} has no {function}"


def test_a_requirement_that_is_not_met_has_a_reason() -> None:
    assert all(row.evidence.strip() for row in ROWS if row.status != "met")
