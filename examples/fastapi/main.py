"""A product with lessons: students request them, tutors confirm them, and both meet on video."""

import os
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Annotated, Any
from uuid import uuid4

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse
from pydantic import AwareDatetime, BaseModel
from starlette.middleware.sessions import SessionMiddleware

import video
import webhooks
from database import create_tables, transaction


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    create_tables()
    yield


app = FastAPI(lifespan=lifespan)
app.add_middleware(SessionMiddleware, secret_key=os.environ["SESSION_SECRET"])
app.include_router(webhooks.router)


# --- Sign-in: replace it with your own. Here, everyone is who they say they are. ---


class SignIn(BaseModel):
    user_id: str


@app.post("/sign-in", status_code=204)
def sign_in(request: Request, body: SignIn) -> None:
    request.session["user_id"] = body.user_id


def signed_in_user(request: Request) -> str:
    user_id = request.session.get("user_id")
    if user_id is None:
        raise HTTPException(401, "Sign in first")
    return str(user_id)


User = Annotated[str, Depends(signed_in_user)]


# --- Your bookings ---


class NewBooking(BaseModel):
    tutor_id: str
    starts_at: AwareDatetime


@app.post("/bookings", status_code=201)
def request_booking(body: NewBooking, user_id: User) -> dict[str, Any]:
    booking_id = str(uuid4())
    with transaction() as db:
        row = (booking_id, user_id, body.tutor_id, body.starts_at.isoformat())
        db.execute("insert into bookings (id, student_id, tutor_id, starts_at) values (?, ?, ?, ?)", row)
    return {"id": booking_id}


@app.post("/bookings/{booking_id}/confirm", status_code=204)
def confirm_booking(booking_id: str, user_id: User) -> None:
    booking = find_booking(booking_id)
    if booking["tutor_id"] != user_id:
        raise HTTPException(403, "Only the tutor can confirm a lesson")
    video.register_booking(
        booking_id,
        title="Lesson",
        starts_at=datetime.fromisoformat(booking["starts_at"]),
        duration_minutes=45,
        participants=[
            {"user_id": booking["tutor_id"], "role": "tutor"},
            {"user_id": booking["student_id"], "role": "student"},
        ],
    )
    with transaction() as db:
        db.execute("update bookings set status = 'confirmed' where id = ?", (booking_id,))


@app.post("/bookings/{booking_id}/cancel", status_code=204)
def cancel_booking(booking_id: str, user_id: User) -> None:
    booking = find_own_booking(booking_id, user_id)
    if booking["status"] == "confirmed":
        video.cancel_booking(booking_id)
    with transaction() as db:
        db.execute("update bookings set status = 'cancelled' where id = ?", (booking_id,))


@app.get("/bookings/{booking_id}")
def show_booking(booking_id: str, user_id: User) -> dict[str, Any]:
    booking = find_own_booking(booking_id, user_id)
    with transaction() as db:
        calls = db.execute("select id, seconds from calls where booking_id = ?", (booking_id,)).fetchall()
    return {"id": booking_id, "status": booking["status"], "calls": [dict(call) for call in calls]}


def find_booking(booking_id: str) -> sqlite3.Row:
    with transaction() as db:
        booking: sqlite3.Row | None = db.execute("select * from bookings where id = ?", (booking_id,)).fetchone()
    if booking is None:
        raise HTTPException(404, "There is no such lesson")
    return booking


def find_own_booking(booking_id: str, user_id: str) -> sqlite3.Row:
    booking = find_booking(booking_id)
    if user_id not in {booking["student_id"], booking["tutor_id"]}:
        raise HTTPException(404, "There is no such lesson")
    return booking


# --- Video ---


@app.post("/bookings/{booking_id}/join")
def join(booking_id: str, user_id: User) -> dict[str, Any]:
    return video.join(booking_id, user_id)


@app.post("/bookings/{booking_id}/link")
def create_link(booking_id: str, user_id: User) -> dict[str, Any]:
    link = video.create_link(booking_id, user_id)
    return {"url": link["url"], "ticket": link["ticket"]}


@app.exception_handler(video.AccessDenied)
def access_denied(_: Request, error: video.AccessDenied) -> JSONResponse:
    return JSONResponse(error.access, 403)


@app.exception_handler(video.BookingNotFound)
def booking_not_found(_: Request, __: video.BookingNotFound) -> JSONResponse:
    return JSONResponse({"detail": "There is no such lesson"}, 404)


@app.exception_handler(video.VideoUnavailable)
def video_unavailable(_: Request, error: video.VideoUnavailable) -> JSONResponse:
    return JSONResponse({"detail": "Video is unavailable"}, 503, headers={"Retry-After": error.retry_after})
