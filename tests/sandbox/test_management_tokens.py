"""Which bearer tokens the REST API accepts, and its errors for others."""

from typing import Any

import httpx
import pytest

from videobroker.sandbox import demo_config

LONG_OTHER_SECRET = "sandbox-another-secret-that-signs-nothing"


async def _ask(anonymous: httpx.AsyncClient, authorization: str | None) -> httpx.Response:
    headers = {} if authorization is None else {"authorization": authorization}
    return await anonymous.get("/v2/rooms", headers=headers)


async def test_a_well_signed_management_token_is_accepted(vendor: httpx.AsyncClient) -> None:
    assert (await vendor.get("/v2/rooms")).status_code == 200


@pytest.mark.parametrize(
    ("claims", "cause"),
    [
        ({"access_key": "0123456789abcdef01234567"}, "not found"),
        ({"secret": LONG_OTHER_SECRET}, "signature is invalid"),
        ({"type": "app"}, "token is not a version 2 management token"),
        ({"version": 1}, "token is not a version 2 management token"),
        ({"exp": 1_700_000_000}, "token is expired"),
        ({"exp": None}, "claim exp is missing"),
        ({"nbf": 1_900_000_000}, "token is not valid yet"),
        ({"nbf": None}, "claim nbf is missing"),
        ({"iat": 1_900_000_000}, "token used before issued"),
    ],
)
async def test_a_wrong_token_is_refused_with_its_cause(
    anonymous: httpx.AsyncClient, sign_token: Any, claims: dict[str, Any], cause: str
) -> None:
    response = await _ask(anonymous, f"Bearer {sign_token(**claims)}")
    assert response.status_code == 401
    assert response.json() == {"code": 401, "message": "Token validation error", "details": [cause]}


@pytest.mark.parametrize(
    ("authorization", "cause"),
    [
        (None, "missing token"),
        ("Bearer ", "missing token"),
        ("Basic abc", "missing token"),
        ("Bearer rubbish", "token is malformed"),
        ("Bearer a.b.c", "token is malformed"),
    ],
)
async def test_an_invalid_token_is_refused(anonymous: httpx.AsyncClient, authorization: str | None, cause: str) -> None:
    response = await _ask(anonymous, authorization)
    assert response.status_code == 401
    assert response.json()["details"] == [cause]


async def test_a_token_expires_by_the_clock_of_the_sandbox(
    anonymous: httpx.AsyncClient, sign_token: Any, clock: Any
) -> None:
    token = sign_token()
    clock.forward(seconds=3600 + 4)
    assert (await _ask(anonymous, f"Bearer {token}")).status_code == 200
    clock.forward(seconds=1)
    assert (await _ask(anonymous, f"Bearer {token}")).status_code == 401


def test_the_demo_keys_are_constant_and_the_secret_is_not_printed() -> None:
    workspace = demo_config().workspaces[0]
    assert demo_config() == demo_config()
    assert workspace.secret.startswith("sandbox-")
    assert workspace.secret not in repr(workspace)
    assert [template.name for template in workspace.templates] == [
        "tutoring",
        "appointments",
        "groups",
        "therapy",
    ]
