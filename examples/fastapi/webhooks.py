"""Receives the events of videobroker."""

import json
import os
import sqlite3
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Request
from standardwebhooks import Webhook, WebhookVerificationError

from database import transaction

router = APIRouter()
verifier = Webhook(os.environ["VIDEOBROKER_WEBHOOK_SECRET"])


async def raw_body(request: Request) -> bytes:
    """The body as it was sent. The signature covers its bytes, not the parsed JSON."""
    return await request.body()


@router.post("/webhooks/video", status_code=204)
def receive(request: Request, body: Annotated[bytes, Depends(raw_body)]) -> None:
    try:
        verifier.verify(body, dict(request.headers))
    except WebhookVerificationError as error:
        raise HTTPException(400, "Invalid signature") from error
    with transaction() as db:
        # Both or neither: if `apply` fails, videobroker sends the event again.
        added = db.execute("insert or ignore into processed_events values (?)", (request.headers["webhook-id"],))
        if added.rowcount == 1:
            apply(db, json.loads(body)["data"])


def apply(db: sqlite3.Connection, event: dict[str, Any]) -> None:
    """Write to the database only. Slow work, such as sending mail, belongs in your job queue."""
    if event["type"] == "call.ended":
        call, seconds = event["data"]["call"], event["data"]["duration_seconds"]
        # Nothing is added if this is not one of our bookings.
        row = (call, seconds, event["session"]["reference"])
        db.execute("insert into calls (id, seconds, booking_id) select ?, ?, id from bookings where id = ?", row)
