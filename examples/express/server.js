// A product with lessons: students request them, tutors confirm them, and both meet on video.

import { randomUUID } from "node:crypto";

import cookieSession from "cookie-session";
import express from "express";

import { db } from "./database.js";
import * as video from "./video.js";
import { webhooks } from "./webhooks.js";

const app = express();
// Before express.json(), which would parse the body of a webhook.
app.use(webhooks);
app.use(express.json());
app.use(express.static("public"));
app.use(cookieSession({ secret: process.env.SESSION_SECRET, sameSite: "lax" }));

// --- Sign-in: replace it with your own. Here, everyone is who they say they are. ---

app.post("/sign-in", (request, response) => {
  request.session.userId = String(request.body.user_id);
  response.status(204).end();
});

function signedIn(request, response, next) {
  if (request.session.userId) next();
  else response.status(401).json({ detail: "Sign in first" });
}

// --- Your bookings ---

app.post("/bookings", signedIn, (request, response) => {
  const startsAt = new Date(request.body.starts_at);
  if (!request.body.tutor_id || Number.isNaN(startsAt.getTime())) {
    response.status(422).json({ detail: "Send tutor_id and starts_at" });
    return;
  }
  const row = [randomUUID(), request.session.userId, String(request.body.tutor_id), startsAt.toISOString()];
  db.run("insert into bookings (id, student_id, tutor_id, starts_at) values (?, ?, ?, ?)", row);
  response.status(201).json({ id: row[0] });
});

app.param("bookingId", (request, response, next, bookingId) => {
  request.booking = db.get("select * from bookings where id = ?", [bookingId]);
  if (request.booking) next();
  else response.status(404).json({ detail: "There is no such lesson" });
});

app.post("/bookings/:bookingId/confirm", signedIn, async ({ booking, session }, response) => {
  if (booking.tutor_id !== session.userId) {
    response.status(403).json({ detail: "Only the tutor can confirm a lesson" });
    return;
  }
  await video.registerBooking(booking.id, {
    title: "Lesson",
    startsAt: booking.starts_at,
    durationMinutes: 45,
    participants: [
      { user_id: booking.tutor_id, role: "tutor" },
      { user_id: booking.student_id, role: "student" },
    ],
  });
  db.run("update bookings set status = 'confirmed' where id = ?", [booking.id]);
  response.status(204).end();
});

app.post("/bookings/:bookingId/cancel", signedIn, isOwn, async ({ booking }, response) => {
  if (booking.status === "confirmed") await video.cancelBooking(booking.id);
  db.run("update bookings set status = 'cancelled' where id = ?", [booking.id]);
  response.status(204).end();
});

app.get("/bookings/:bookingId", signedIn, isOwn, ({ booking }, response) => {
  const calls = db.all("select id, seconds from calls where booking_id = ?", [booking.id]);
  response.json({ id: booking.id, status: booking.status, calls });
});

function isOwn({ booking, session }, response, next) {
  if ([booking.student_id, booking.tutor_id].includes(session.userId)) next();
  else response.status(404).json({ detail: "There is no such lesson" });
}

// --- Video ---

app.post("/bookings/:bookingId/join", signedIn, async ({ booking, session }, response) => {
  response.json(await video.join(booking.id, session.userId));
});

app.post("/bookings/:bookingId/link", signedIn, async ({ booking, session }, response) => {
  const { url, ticket } = await video.createLink(booking.id, session.userId);
  response.json({ url, ticket });
});

app.use((error, request, response, next) => {
  if (error instanceof video.AccessDenied) {
    response.status(403).json(error.access);
  } else if (error instanceof video.BookingNotFound) {
    response.status(404).json({ detail: "There is no such lesson" });
  } else if (error instanceof video.VideoUnavailable) {
    response.status(503).set("Retry-After", error.retryAfter).json({ detail: "Video is unavailable" });
  } else {
    next(error);
  }
});

app.listen(process.env.PORT ?? 3000, "127.0.0.1");
