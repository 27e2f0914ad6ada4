"""Version 1 of the API."""

from fastapi import APIRouter

from videobroker.domain.sessions import SessionKind
from videobroker.web.v1 import attendance, bookings, calls, diagnostics, events, groups, stream, visits, webhooks
from videobroker.web.v1.joining import door_routes
from videobroker.web.v1.links import link_routes
from videobroker.web.v1.lobby import lobby_routes
from videobroker.web.v1.moderation import moderation_routes
from videobroker.web.v1.participants import roster_routes

router = APIRouter(prefix="/v1")
router.include_router(bookings.router)
router.include_router(roster_routes(SessionKind.BOOKING))
router.include_router(door_routes(SessionKind.BOOKING))
router.include_router(link_routes(SessionKind.BOOKING))
router.include_router(lobby_routes(SessionKind.BOOKING))
router.include_router(moderation_routes(SessionKind.BOOKING))
router.include_router(attendance.router)
router.include_router(groups.router)
router.include_router(roster_routes(SessionKind.GROUP))
router.include_router(door_routes(SessionKind.GROUP))
router.include_router(link_routes(SessionKind.GROUP))
router.include_router(lobby_routes(SessionKind.GROUP))
router.include_router(moderation_routes(SessionKind.GROUP))
router.include_router(visits.router)
router.include_router(calls.router)
router.include_router(events.router)
router.include_router(stream.router)
router.include_router(webhooks.router)
router.include_router(diagnostics.router)
