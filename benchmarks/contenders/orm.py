"""A conventional service: FastAPI, a SQLAlchemy ORM session for each request, PyJWT."""

import os
import time
from collections.abc import AsyncIterator
from typing import Annotated
from uuid import UUID, uuid4

import jwt
import uvicorn
from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel
from sqlalchemy import DateTime, func, select
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

SECRET = "an-invented-secret-of-the-bench!"  # noqa: S105

engine = create_async_engine(
    make_url(os.environ["DATABASE_URL"]).set(drivername="postgresql+asyncpg"), pool_size=10, max_overflow=0
)
sessions = async_sessionmaker(engine, expire_on_commit=False)


class Base(DeclarativeBase):
    """Base of the models."""


class Seat(Base):
    """A user who may join a session."""

    __tablename__ = "bench_seats"
    reference: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    room_id: Mapped[str]


class IssuedToken(Base):
    """A record of an issued token."""

    __tablename__ = "bench_issued"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    reference: Mapped[str]
    user_id: Mapped[str]
    role: Mapped[str]
    at: Mapped[object] = mapped_column(DateTime(timezone=True), server_default=func.now())


class JoinRequest(BaseModel):
    """Request body."""

    reference: str
    user_id: str


class JoinResponse(BaseModel):
    """Response body."""

    token: str
    room_id: str
    role: str


async def session() -> AsyncIterator[AsyncSession]:
    """A database session for one request."""
    async with sessions() as database:
        yield database


app = FastAPI()


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """Health check."""
    return {}


@app.post("/join")
async def join(body: JoinRequest, database: Annotated[AsyncSession, Depends(session)]) -> JoinResponse:
    """Reads the seat, writes the issued token, and signs it."""
    result = await database.execute(select(Seat).where(Seat.reference == body.reference, Seat.user_id == body.user_id))
    seat = result.scalar_one_or_none()
    if seat is None:
        raise HTTPException(404)
    issued = IssuedToken(id=uuid4(), reference=body.reference, user_id=body.user_id, role=seat.role)
    database.add(issued)
    await database.commit()
    now = int(time.time())
    claims = {"room_id": seat.room_id, "role": seat.role, "user_id": body.user_id, "jti": str(issued.id)}
    token = jwt.encode({**claims, "iat": now, "exp": now + 3600}, SECRET, algorithm="HS256")
    return JoinResponse(token=token, room_id=seat.room_id, role=seat.role)


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["PORT"]), access_log=False, log_level="warning", proxy_headers=False)
