"""Copies the files of `examples` into the guides that show them: `make guides`.

A code block with a title shows a file. The page `backends/fastapi.md` shows files of `examples/fastapi`.
"""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
GUIDES = ROOT / "docs" / "how-to"
EXAMPLES = ROOT / "examples"
_BLOCK = re.compile(r'^( *)```(\w+) title="([^"]+)"\n(.*?)^\1```$', re.MULTILINE | re.DOTALL)


def guides() -> Iterator[Path]:
    """The pages that show an example."""
    return (page for page in sorted(GUIDES.rglob("*.md")) if folder_of(page).is_dir())


def folder_of(page: Path) -> Path:
    """The folder with the example that a page shows."""
    return EXAMPLES / page.stem


def shown_files(page: Path) -> set[Path]:
    """The files that a page shows."""
    return {folder_of(page) / block[3] for block in _BLOCK.finditer(page.read_text())}


def with_files(page: Path) -> str:
    """The text of a page, with the files of its example as they are now."""

    def block(found: re.Match[str]) -> str:
        indent, language, title, _ = found.groups()
        lines = (folder_of(page) / title).read_text().splitlines()
        code = "".join(f"{indent}{line}".rstrip() + "\n" for line in lines)
        return f'{indent}```{language} title="{title}"\n{code}{indent}```'

    return _BLOCK.sub(block, page.read_text())


if __name__ == "__main__":
    for each in guides():
        each.write_text(with_files(each))
