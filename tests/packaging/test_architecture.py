"""Files and names in docs/explanation/architecture.md, the glossary, and the decision records exist."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "src/videobroker"
ARCHITECTURE = (ROOT / "docs/explanation/architecture.md").read_text()
# Names of other programs, values of the API, and commands.
EXTERNAL_NAMES = {"POST", "GET", "make", "Idempotency-Key"}
CODE = re.compile(r"`([^`\n]+)`")
SYMBOL = re.compile(r"[A-Z]\w*(\.\w+)?|[a-z]+(_\w+)+|[a-z]+")
PLACED = re.compile(r"`(\w+(?:\.\w+)?)`\s+(?:\(|in )`([\w/]+\.py)`")


@cache
def defined_in(path: Path) -> frozenset[str]:
    """Functions, classes, and `Class.member`s of a module."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            members = (each for each in node.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
            found |= {f"{node.name}.{member.name}" for member in members}
    return frozenset(found)


def exists(name: str) -> bool:
    return any((base / name).exists() for base in (PACKAGE, ROOT))


def names_of(page: Path) -> set[str]:
    return {found for found in CODE.findall(page.read_text()) if re.fullmatch(r"[\w/]+(\.py|/\w+)", found)}


@pytest.mark.parametrize(
    "page",
    [
        ROOT / "docs/explanation/architecture.md",
        ROOT / "docs/explanation/glossary.md",
        *sorted((ROOT / "docs/explanation/decisions").glob("0*.md")),
    ],
    ids=lambda page: page.name,
)
def test_files_exist(page: Path) -> None:
    named = {name for name in names_of(page) if name.endswith(".py") or name.split("/")[0] in {"tests", "src", "web"}}
    assert {name for name in named if not exists(name)} == set()


def test_symbols_are_defined_in_the_files_named_with_them() -> None:
    placed = PLACED.findall(ARCHITECTURE)
    assert len(placed) > 30
    assert [(name, file) for name, file in placed if name not in defined_in(PACKAGE / file)] == []


def test_other_symbols_are_defined_somewhere() -> None:
    everywhere = frozenset[str]().union(*(defined_in(path) for path in PACKAGE.rglob("*.py")))
    modules = {path.stem for path in PACKAGE.rglob("*.py")} | {
        path.name for path in PACKAGE.rglob("*") if path.is_dir()
    }
    symbols = {name for name in CODE.findall(ARCHITECTURE) if SYMBOL.fullmatch(name)}
    unknown = symbols - everywhere - modules - EXTERNAL_NAMES
    assert {name for name in unknown if not exists(name) and name != "wiring.broker"} == set()


def test_every_class_of_the_package_has_a_unique_name() -> None:
    places: dict[str, list[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(path.relative_to(PACKAGE)))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}
