// Receives the events of videobroker.

import express from "express";
import { Webhook, WebhookVerificationError } from "standardwebhooks";

import { db, transaction } from "./database.js";

const verifier = new Webhook(process.env.VIDEOBROKER_WEBHOOK_SECRET);

export const webhooks = express.Router();

// The body as it was sent: the signature covers its bytes, not the parsed JSON.
webhooks.post("/webhooks/video", express.raw({ type: "*/*", limit: "1mb" }), (request, response) => {
  try {
    verifier.verify(request.body, request.headers);
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error;
    response.status(400).json({ detail: "Invalid signature" });
    return;
  }
  transaction(() => {
    // Both or neither: if `apply` fails, videobroker sends the event again.
    const added = db.run("insert or ignore into processed_events values (?)", [request.get("webhook-id")]);
    if (added.changes === 1) apply(JSON.parse(request.body).data);
  });
  response.status(204).end();
});

/** Write to the database only. Slow work, such as sending mail, belongs in your job queue. */
function apply(event) {
  if (event.type === "call.ended") {
    const { call, duration_seconds: seconds } = event.data;
    const row = [call, seconds, event.session.reference];
    // Nothing is added if this is not one of our bookings.
    db.run("insert into calls (id, seconds, booking_id) select ?, ?, id from bookings where id = ?", row);
  }
}
