"""Draws a bar chart as SVG."""

from collections.abc import Sequence
from html import escape
from typing import Any

WIDTH, BAR, GAP, LEFT, RIGHT = 760, 18, 6, 210, 110
COLORS = ("#1f6f8b", "#8a8f98")


def bars(title: str, groups: Sequence[tuple[str, Sequence[tuple[str, float, str]]]]) -> str:
    """A bar chart. Each bar has a name, a length, and a label. The first bar of each group is highlighted."""
    longest = max(value for _, group in groups for _, value, _ in group)
    parts, top = [_text(10, 24, title, bold=True)], 52
    for heading, group in groups:
        parts.append(_text(10, top, heading, bold=True))
        top += 12
        for number, (name, value, label) in enumerate(group):
            length = max(1.0, (WIDTH - LEFT - RIGHT) * value / longest)
            color = COLORS[0] if number == 0 else COLORS[1]
            parts.append(_text(LEFT - 8, top + 13, name, end=True))
            parts.append(f'<rect x="{LEFT}" y="{top}" width="{length:.1f}" height="{BAR}" fill="{color}"/>')
            parts.append(_text(LEFT + length + 6, top + 13, label))
            top += BAR + GAP
        top += 22
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {top}" font-family="sans-serif" font-size="12">'
    )
    return "\n".join([head, f'<rect width="{WIDTH}" height="{top}" fill="#ffffff"/>', *parts, "</svg>", ""])


def joins(result: dict[str, Any]) -> str:
    """Requests per second of all servers, by connections."""
    groups = []
    for connections in dict.fromkeys(line["connections"] for line in result["joins"]):
        lines = [line for line in result["joins"] if line["connections"] == connections]
        label = f"{connections} connection" + ("s" if connections > 1 else "")
        groups.append((label, [(each["name"], each["per_second"], f"{each['per_second']:,.0f}/s") for each in lines]))
    return bars("Joins per second, one process each, on one machine in one run", groups)


def _text(x: float, y: float, label: str, *, bold: bool = False, end: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    anchor = ' text-anchor="end"' if end else ""
    return f'<text x="{x:.1f}" y="{y}"{weight}{anchor} fill="#1b1b1b">{escape(label)}</text>'
