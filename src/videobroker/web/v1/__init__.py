"""Version 1 of the API."""

from fastapi import APIRouter

from videobroker.domain.sessions import SessionKind
from videobroker.web.v1 import (
    admin,
    attendance,
    bookings,
    calls,
    diagnostics,
    events,
    feedback,
    groups,
    joining,
    links,
    lobby,
    me,
    moderation,
    participants,
    people,
    stream,
    visits,
    webhooks,
)

router = APIRouter(prefix="/v1")
router.include_router(bookings.router)
router.include_router(participants.router.for_kind(SessionKind.BOOKING))
router.include_router(joining.router.for_kind(SessionKind.BOOKING))
router.include_router(links.router.for_kind(SessionKind.BOOKING))
router.include_router(lobby.router.for_kind(SessionKind.BOOKING))
router.include_router(moderation.router.for_kind(SessionKind.BOOKING))
router.include_router(people.router.for_kind(SessionKind.BOOKING))
router.include_router(feedback.router.for_kind(SessionKind.BOOKING))
router.include_router(attendance.router)
router.include_router(groups.router)
router.include_router(participants.router.for_kind(SessionKind.GROUP))
router.include_router(joining.router.for_kind(SessionKind.GROUP))
router.include_router(links.router.for_kind(SessionKind.GROUP))
router.include_router(lobby.router.for_kind(SessionKind.GROUP))
router.include_router(moderation.router.for_kind(SessionKind.GROUP))
router.include_router(people.router.for_kind(SessionKind.GROUP))
router.include_router(feedback.router.for_kind(SessionKind.GROUP))
router.include_router(visits.router)
router.include_router(calls.router)
router.include_router(events.router)
router.include_router(stream.router)
router.include_router(webhooks.router)
router.include_router(diagnostics.router)
router.include_router(me.router)
router.include_router(admin.router)
