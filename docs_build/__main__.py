"""`python -m docs_build`: write the generated pages of the reference."""

from pathlib import Path

from docs_build.reference import PAGES

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"


def main() -> None:
    for name, page in PAGES.items():
        (REFERENCE / f"{name}.md").write_text(page())


if __name__ == "__main__":
    main()
