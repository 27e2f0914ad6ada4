"""Mermaid diagrams as inline SVG, for light and dark colors. The site needs no script for them."""

from itertools import count
from typing import Any

import mermaidx

_THEME_OF_CLASS = {"diagram-light": "default", "diagram-dark": "dark"}
_ID = "my-svg"
_numbers = count(1)


def diagram(source: str, language: str, css_class: str, options: dict[str, Any], md: Any, **more: Any) -> str:
    """A fenced code block as HTML; the interface is that of `pymdownx.superfences`."""
    return "".join(
        f'<div class="diagram {name}">{_svg(source, theme)}</div>' for name, theme in _THEME_OF_CLASS.items()
    )


def _svg(source: str, theme: str) -> str:
    # Every diagram has the same ID, to which its styles and its arrowheads refer.
    return str(mermaidx.render(source, theme=theme).svg()).replace(_ID, f"diagram-{next(_numbers)}")
