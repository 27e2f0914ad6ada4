"""What a person with a keyboard meets: the order of the focus, and whether each focused element is visible."""

from typing import Any

from playwright.async_api import Page

_FOCUSED = """() => {
    const element = document.activeElement;
    if (!element || element === document.body) return null;
    const { left, top, right, bottom } = element.getBoundingClientRect();
    const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(element);
    // Inside of a date field, the button of the calendar has a ring of its own.
    const isPicker = element.type === "date" && !element.matches(":focus-visible");
    const x = (Math.max(left, 0) + Math.min(right, innerWidth)) / 2;
    const y = top + Math.min(bottom - top, innerHeight) / 2;
    const above = document.elementFromPoint(x, y);
    // A label or a part of the element may be above it.
    const isCovered = above !== null && !element.contains(above) && !above.contains(element) && !above.closest("label");
    return {
        html: element.outerHTML.slice(0, 160),
        isMarked: isPicker || (outlineStyle !== "none" && parseFloat(outlineWidth) > 0) || boxShadow !== "none",
        isVisible: right > 0 && bottom > 0 && left < innerWidth && top < innerHeight && right - left > 1,
        isCovered,
        top: Math.round(top + scrollY),
    };
}"""


async def tab_through(page: Page, presses: int) -> list[dict[str, Any]]:
    """Press Tab so often, or until the end of the page, and return what had the focus."""
    found: list[dict[str, Any]] = []
    for _ in range(presses):
        await page.keyboard.press("Tab")
        focused = await page.evaluate(_FOCUSED)
        if focused is None or (found and focused["html"] == found[0]["html"] and focused["top"] == found[0]["top"]):
            break
        found.append(focused)
    return found


async def focus_problems(page: Page, presses: int = 200) -> list[str]:
    """The focusable elements that are invisible, covered, or without a mark while they have the focus."""
    return [
        f"{problem}: {each['html']}"
        for each in await tab_through(page, presses)
        for problem, is_one in (
            ("no mark", not each["isMarked"]),
            ("not visible", not each["isVisible"]),
            ("covered", each["isCovered"]),
        )
        if is_one
    ]
