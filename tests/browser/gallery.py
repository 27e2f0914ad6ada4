"""`make screens`: the page with all screenshots, `build/screens/index.html`. Fails if a state has none."""

import sys
from html import escape

from browser.screenshots import FOLDER
from browser.states import FAMILIES, SIZES


def main() -> int:
    """Write the page; returns the exit code."""
    names = [f"{state.name}-{size}" for family in FAMILIES.values() for state in family for size in SIZES]
    missing = [name for name in names if not (FOLDER / f"{name}.png").exists()]
    if missing:
        sys.stderr.write(f"No screenshot of {', '.join(missing)}\n")
        return 1
    page = FOLDER / "index.html"
    page.write_text(_page())
    sys.stdout.write(f"{page}\n")
    return 0


def _page() -> str:
    parts = ["<!doctype html><meta charset=utf-8><title>Screenshots</title><style>img { border: 1px solid }</style>"]
    for family, states in FAMILIES.items():
        parts.append(f"<h1>{family}</h1>")
        for state in states:
            parts.append(f"<h2>{state.name}</h2><p>{escape(state.description)}</p>")
            parts += [f'<img src="{state.name}-{size}.png" alt="{size}" height=400> ' for size in SIZES]
    return "\n".join(parts)


if __name__ == "__main__":
    sys.exit(main())
