"""Measures the time until a page is usable: its main control is visible and enabled. The browser tests use it too."""

from playwright.async_api import Page

# Animation frames run after the stylesheet has loaded, so a visible control has its final appearance.
_MARK_WHEN_USABLE = """
(() => {
    const poll = () => {
        const found = [...document.querySelectorAll(%r)];
        if (found.some((each) => !each.disabled && each.checkVisibility())) performance.mark("usable");
        else requestAnimationFrame(poll);
    };
    if (window === window.top) requestAnimationFrame(poll);
})();
"""
_READ_MARK = """() => new Promise((resolve) => {
    const poll = () => {
        const [mark] = performance.getEntriesByName("usable");
        if (mark) resolve(mark.startTime);
        else setTimeout(poll, 5);
    };
    poll();
})"""


async def mark_when_usable(page: Page, selector: str) -> None:
    """Sets a performance mark in each document of `page` when an element of `selector` is visible and enabled."""
    await page.add_init_script(_MARK_WHEN_USABLE % selector)


async def milliseconds_until_usable(page: Page) -> float:
    """Milliseconds from the start of the navigation: request, response, resources, scripts, first paint."""
    milliseconds: float = await page.evaluate(_READ_MARK)
    return milliseconds
