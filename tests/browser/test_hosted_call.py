"""The call on the hosted page: two people really meet, and both hear how it ended."""

import asyncio

from playwright.async_api import Frame

from browser.conftest import VisitMaker, violations
from browser.doorstep import Visitor, at_the_door, ticket
from browser.screens import shot
from house import MovableClock, Sandbox, Tenant

DECODED = """async (least) => {
    const call = document.querySelector("vb-call");
    for (;;) {
        const { people } = await call.stats();
        const frames = Object.values(people).flatMap((each) => each.video.map((one) => one.framesDecoded));
        if (frames.length > 0 && Math.max(...frames) > least) return Math.max(...frames);
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
}"""


async def sees_pictures(frame: Frame) -> None:
    """More and more frames of somebody else's camera are decoded in this frame."""
    async with asyncio.timeout(30):
        seen = await frame.evaluate(DECODED, 0)
        await frame.evaluate(DECODED, seen + 5)


async def meet(visit: VisitMaker, served: str, tenant: Tenant) -> tuple[Visitor, Visitor]:
    """Ada, who hosts, and Ben have opened their links and gone in."""
    ada = await at_the_door(visit, served, await ticket(tenant, "tutor-1"))
    ben = await at_the_door(visit, served, await ticket(tenant, "student-1"))
    frames = await asyncio.gather(ada.enters(), ben.enters())
    await asyncio.gather(*(sees_pictures(frame) for frame in frames))
    return ada, ben


async def test_two_people_with_links_see_each_other_and_hear_that_the_host_has_ended_it(
    visit: VisitMaker, served: str, hooked: Tenant, sandbox: Sandbox, clock: MovableClock
) -> None:
    await hooked.book(title="Algebra, lesson 1")
    ada, ben = await meet(visit, served, hooked)

    await shot(ada.page, "call-desktop")
    assert await violations(ada.page) == []
    await sandbox.deliver()
    await hooked.settle()
    attendance = (await hooked.get("/v1/bookings/lesson-1/attendance")).json()

    await ada.button("End for everyone").click()
    await ada.button("End the call").click()

    await asyncio.gather(ada.sees("The call has ended"), ben.sees("The call has ended"))
