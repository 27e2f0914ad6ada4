"""When a page is usable: the control that it is there for is seen, and can be pressed. Tests ask for the same."""

from playwright.async_api import Page

# The first frame that is painted comes after the stylesheet; so what is seen is seen as it is meant to be.
_WATCH = """
(() => {
    const poll = () => {
        const found = [...document.querySelectorAll(%r)];
        if (found.some((each) => !each.disabled && each.checkVisibility())) performance.mark("usable");
        else requestAnimationFrame(poll);
    };
    if (window === window.top) requestAnimationFrame(poll);
})();
"""
_REPORTED = """() => new Promise((resolve) => {
    const poll = () => {
        const [mark] = performance.getEntriesByName("usable");
        if (mark) resolve(mark.startTime);
        else setTimeout(poll, 5);
    };
    poll();
})"""


async def watch(page: Page, control: str) -> None:
    """Have every page that is opened here note when this control is there."""
    await page.add_init_script(_WATCH % control)


async def usable_after(page: Page) -> float:
    """Milliseconds from the press of the link to the control: request, answer, files, scripts, first picture."""
    milliseconds: float = await page.evaluate(_REPORTED)
    return milliseconds
