"""The ordinary way: FastAPI, a SQLAlchemy ORM session for each request, PyJWT."""

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
    """The tables."""


class Seat(Base):
    """Who may enter where."""

    __tablename__ = "bench_seats"
    reference: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(primary_key=True)
    role: Mapped[str]
    room_id: Mapped[str]


class Issued(Base):
    """A token that was handed out."""

    __tablename__ = "bench_issued"
    id: Mapped[UUID] = mapped_column(primary_key=True)
    reference: Mapped[str]
    user_id: Mapped[str]
    role: Mapped[str]
    at: Mapped[object] = mapped_column(DateTime(timezone=True), server_default=func.now())


class JoinIn(BaseModel):
    """Who wants to enter."""

    reference: str
    user_id: str


class JoinOut(BaseModel):
    """What they enter with."""

    token: str
    room_id: str
    role: str


async def session() -> AsyncIterator[AsyncSession]:
    """A session for one request."""
    async with sessions() as opened:
        yield opened


app = FastAPI()


@app.get("/healthz")
async def healthz() -> dict[str, str]:
    """Alive."""
    return {}


@app.post("/join")
async def join(asked: JoinIn, database: Annotated[AsyncSession, Depends(session)]) -> JoinOut:
    """Read, write, sign."""
    found = await database.execute(select(Seat).where(Seat.reference == asked.reference, Seat.user_id == asked.user_id))
    seat = found.scalar_one_or_none()
    if seat is None:
        raise HTTPException(404)
    issued = Issued(id=uuid4(), reference=asked.reference, user_id=asked.user_id, role=seat.role)
    database.add(issued)
    await database.commit()
    now = int(time.time())
    claims = {"room_id": seat.room_id, "role": seat.role, "user_id": asked.user_id, "jti": str(issued.id)}
    token = jwt.encode({**claims, "iat": now, "exp": now + 3600}, SECRET, algorithm="HS256")
    return JoinOut(token=token, room_id=seat.room_id, role=seat.role)


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["PORT"]), access_log=False, log_level="warning", proxy_headers=False)
