"""The main job: who may enter gets the right credentials, everybody else a reason."""

from datetime import timedelta

import jwt
from house import MovableClock, Sandbox, Tenant


async def test_the_tutor_gets_a_token_with_exactly_the_documented_claims(
    tutoring: Tenant, sandbox: Sandbox, clock: MovableClock
) -> None:
    booked = await tutoring.book()
    answer = await tutoring.join()
    assert answer.status_code == 200, answer.text
    credentials = answer.json()
    claims = jwt.decode(
        credentials["token"], sandbox.workspace.secret, algorithms=["HS256"], options={"verify_aud": False}
    )
    assert set(claims) == {"access_key", "type", "version", "room_id", "role", "user_id", "jti", "iat", "nbf", "exp"}
    assert claims["type"] == "app"
    assert claims["role"] == "teacher"
