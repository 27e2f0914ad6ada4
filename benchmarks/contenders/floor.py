"""A lower bound: bare ASGI and asyncpg, with one read by primary key, one durable insert, and one HS256 signature.

With FLOOR=one, the read and the insert are one statement.
"""

import json
import os
import time
from typing import Any
from uuid import uuid4

import asyncpg
import jwt
import uvicorn

READ = "select room_id, role from bench_seats where reference = $1 and user_id = $2"
WRITE = "insert into bench_issued (id, reference, user_id, role) values ($1, $2, $3, $4)"
READ_AND_WRITE = """
with seat as (select room_id, role from bench_seats where reference = $1 and user_id = $2),
     issued as (insert into bench_issued (id, reference, user_id, role) select $3, $1, $2, role from seat)
select room_id, role from seat
"""
SECRET = "an-invented-secret-of-the-bench!"  # noqa: S105
HEADERS = [(b"content-type", b"application/json")]

_is_one_statement = os.environ.get("FLOOR") == "one"
_pool: Any = None


async def app(scope: Any, receive: Any, send: Any) -> None:
    """POST /join with `reference` and `user_id`."""
    if scope["type"] == "lifespan":
        await _run_lifespan(receive, send)
        return
    if scope["path"] == "/healthz":
        await _respond(send, b"{}")
        return
    request = json.loads((await receive())["body"])
    token_id = uuid4()
    if _is_one_statement:
        seat = await _pool.fetchrow(READ_AND_WRITE, request["reference"], request["user_id"], token_id)
    else:
        seat = await _pool.fetchrow(READ, request["reference"], request["user_id"])
        await _pool.execute(WRITE, token_id, request["reference"], request["user_id"], seat["role"])
    now = int(time.time())
    claims = {"room_id": seat["room_id"], "role": seat["role"], "user_id": request["user_id"], "jti": str(token_id)}
    token = jwt.encode({**claims, "iat": now, "exp": now + 3600}, SECRET, algorithm="HS256")
    await _respond(send, json.dumps({"token": token, "room_id": seat["room_id"], "role": seat["role"]}).encode())


async def _respond(send: Any, body: bytes) -> None:
    headers = [*HEADERS, (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _run_lifespan(receive: Any, send: Any) -> None:
    global _pool  # noqa: PLW0603  a bare ASGI application has no other place for state
    await receive()
    _pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=10, max_size=10)
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await _pool.close()
    await send({"type": "lifespan.shutdown.complete"})


if __name__ == "__main__":
    uvicorn.run(app, port=int(os.environ["PORT"]), access_log=False, log_level="warning", proxy_headers=False)
