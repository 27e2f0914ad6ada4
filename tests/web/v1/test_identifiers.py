"""One rule for IDs and one for names, in every place where they are sent."""

from typing import Any
from urllib.parse import quote

import jwt
import pytest

from tenants import Tenant, context_of
from videobroker.domain.user_tokens import TokenRules
from videobroker.usecases import management

IDS = [
    "a\u200cb",
    "\u200da",
    "a\u00a0b",
    "a\u202fb\u3000",
    "\u0627\u200f",
    "Zoe\u0308",
    "👩\u200d💻",
    "a%2Fb?c#d+e;f",
    "\u200b",
    "a b",
]
NOT_IDS = ["a\tb", "a\x7fb", "a\x85b", "a\u2028b", "a\u202eb", "a\u2066b", "a/b", " a", "a "]
NOT_NAMES = ["\u200b", " ", "\u00a0", "\u3164", "a\x07b", "a\x9fb", "a\u2029b", "a\u202eb", "a\u2069b", "a" * 201]


@pytest.fixture
async def secret(tutoring: Tenant) -> str:
    secret = f"invented-secret-of-user-tokens-{tutoring.app.id}"
    await management.set_token_rules(context_of(tutoring.broker, tutoring.app), TokenRules(secret=secret))
    return secret


async def statuses(tenant: Tenant, secret: str, user_id: str) -> dict[str, int]:
    """The statuses of every request that can contain this user ID."""
    bearer = jwt.encode({"sub": user_id, "exp": tenant.broker.now().timestamp() + 600}, secret, "HS256")
    person = {"user_id": user_id, "role": "student"}
    path = "/v1/bookings/lesson-1"
    header = {"X-User-Id": user_id.encode("utf-8", "surrogatepass")}
    token = {"Authorization": f"Bearer {bearer}"}
    responses = {
        "roster": await tenant.send("PUT", "/v1/bookings/whole", json=await whole(tenant, person)),
        "body": await tenant.post(f"{path}/access", {"user_id": user_id}),
        "header": await tenant.post(f"{path}/join", {}, headers=header),
        "token": await tenant.api.post(f"{path}/join", json={}, headers=token),
        "filter": await tenant.get(f"/v1/bookings?participant={quote(user_id, safe='')}"),
    }
    return {name: response.status_code for name, response in responses.items()}


async def whole(tenant: Tenant, person: dict[str, str]) -> dict[str, Any]:
    known = (await tenant.get("/v1/bookings/lesson-1")).json()
    return {"starts_at": known["starts_at"], "ends_at": known["ends_at"], "participants": [person]}


@pytest.mark.parametrize("user_id", IDS, ids=ascii)
async def test_a_user_id_that_can_be_registered_can_sign_in(tutoring: Tenant, secret: str, user_id: str) -> None:
    await tutoring.book(participants=[{"user_id": user_id, "role": "student"}])
    responses = await statuses(tutoring, secret, user_id)
    assert set(responses.values()) <= {200, 201}, responses
    seen = await tutoring.get(f"/v1/bookings/lesson-1/participants/{quote(user_id, safe='')}")
    assert (seen.status_code, seen.json()["user_id"]) == (200, user_id)


@pytest.mark.parametrize("user_id", NOT_IDS, ids=ascii)
async def test_a_user_id_that_cannot_be_registered_cannot_sign_in(tutoring: Tenant, secret: str, user_id: str) -> None:
    await tutoring.book()
    responses = await statuses(tutoring, secret, user_id)
    if user_id.strip(" ") != user_id or user_id == "a\tb":
        del responses["header"]  # HTTP removes spaces around a value.
    assert set(responses.values()) <= {401, 422}, responses
    seen = await tutoring.get(f"/v1/bookings/lesson-1/participants/{quote(user_id, safe='')}")
    assert seen.status_code in {404, 422}


@pytest.mark.parametrize("reference", IDS, ids=ascii)
async def test_a_session_that_can_be_registered_can_be_found(tutoring: Tenant, reference: str) -> None:
    path = f"/v1/groups/{quote(reference, safe='')}"
    assert (await tutoring.send("PUT", path, json={"participants": []})).status_code == 201
    assert (await tutoring.get(path)).json()["reference"] == reference


@pytest.mark.parametrize("name", NOT_NAMES, ids=ascii)
async def test_names_without_visible_characters_are_refused_everywhere(tutoring: Tenant, name: str) -> None:
    await tutoring.book(policy={"guests_allowed": True})
    path = "/v1/bookings/lesson-1"
    tries = [
        ("PATCH", path, {"title": name}),
        ("PUT", f"{path}/participants/tutor-1", {"role": "tutor", "display_name": name}),
        ("POST", f"{path}/join", {"user_id": "tutor-1", "display_name": name}),
        ("POST", f"{path}/guests", {"name": name}),
        ("POST", f"{path}/links", {"user_id": "tutor-1", "display_name": name}),
        ("POST", f"{path}/links", {"guest": {"display_name": name}}),
    ]
    for method, where, body in tries:
        refused = await tutoring.send(method, where, json=body)
        assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request"), (where, refused.text)
        assert "name" in refused.text
