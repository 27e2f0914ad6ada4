"""Room codes: created, listed, disabled, and exchanged for a token."""

import re
from dataclasses import replace
from typing import Any

import httpx
import jwt
import pytest

from videobroker.sandbox import SandboxConfig, SandboxState, Workspace, create_sandbox


@pytest.fixture
async def codes(vendor: httpx.AsyncClient, room: dict[str, Any]) -> dict[str, str]:
    """The room's codes by role."""
    created = (await vendor.post(f"/v2/room-codes/room/{room['id']}")).json()["data"]
    return {code["role"]: code["code"] for code in created}


async def test_every_role_but_the_recorder_gets_a_code(
    vendor: httpx.AsyncClient, room: dict[str, Any], codes: dict[str, str]
) -> None:
    assert list(codes) == ["teacher", "student"]
    assert all(re.fullmatch("[a-z]{3}-[a-z]{4}-[a-z]{3}", code) for code in codes.values())


async def test_a_repeated_request_returns_the_existing_codes(
    vendor: httpx.AsyncClient, room: dict[str, Any], codes: dict[str, str]
) -> None:
    repeated = (await vendor.post(f"/v2/room-codes/room/{room['id']}")).json()["data"]
    assert {code["role"]: code["code"] for code in repeated} == codes


async def test_a_disabled_code_is_replaced_by_a_new_one(
    vendor: httpx.AsyncClient, room: dict[str, Any], codes: dict[str, str]
) -> None:
    await vendor.post("/v2/room-codes/code", json={"code": codes["teacher"], "enabled": False})
    repeated = (await vendor.post(f"/v2/room-codes/room/{room['id']}")).json()["data"]
    replacements = {code["role"]: code["code"] for code in repeated}
    assert replacements["teacher"] != codes["teacher"]
    assert replacements["student"] == codes["student"]


async def test_a_changed_template_disables_codes_of_removed_roles(
    vendor: httpx.AsyncClient, room: dict[str, Any], codes: dict[str, str], workspace: Workspace
) -> None:
    await vendor.post("/v2/rooms", json={"name": room["name"], "template_id": workspace.templates[2].id})
    created = (await vendor.post(f"/v2/room-codes/room/{room['id']}")).json()["data"]
    assert [code["role"] for code in created] == ["host", "guest"]
    listed = (await vendor.get(f"/v2/room-codes/room/{room['id']}?enabled=false")).json()["data"]
    assert {code["code"] for code in listed} == set(codes.values())
    response = await vendor.post("/v2/room-codes/code", json={"code": codes["teacher"], "enabled": True})
    assert (response.status_code, response.json()["message"]) == (403, "Code cannot be enabled")


async def test_a_role_can_have_several_codes(
    vendor: httpx.AsyncClient, room: dict[str, Any], codes: dict[str, str]
) -> None:
    response = (await vendor.post(f"/v2/room-codes/room/{room['id']}/role/teacher")).json()
    assert response["role"] == "teacher"
    assert response["code"] != codes["teacher"]
    page = (await vendor.get(f"/v2/room-codes/room/{room['id']}?role=teacher")).json()
    assert page["limit"] == 20
    assert [code["code"] for code in page["data"]] == [codes["teacher"], response["code"]]


async def test_a_room_can_have_a_hundred_codes(vendor: httpx.AsyncClient, room: dict[str, Any]) -> None:
    path = f"/v2/room-codes/room/{room['id']}/role/teacher"
    statuses = [(await vendor.post(path)).status_code for _ in range(101)]
    assert statuses == [200] * 100 + [400]


@pytest.mark.parametrize("role", ["Teacher", "__internal_recorder", "unknown"])
async def test_a_role_that_the_template_lacks_gets_no_code(
    vendor: httpx.AsyncClient, room: dict[str, Any], role: str
) -> None:
    for response in (
        await vendor.post(f"/v2/room-codes/room/{room['id']}/role/{role}"),
        await vendor.get(f"/v2/room-codes/room/{room['id']}", params={"role": role}),
    ):
        assert (response.status_code, response.json()["message"]) == (404, "Role not found")


async def test_a_disabled_room_neither_creates_nor_lists_codes(vendor: httpx.AsyncClient, room: dict[str, Any]) -> None:
    await vendor.post(f"/v2/rooms/{room['id']}", json={"enabled": False})
    path = f"/v2/room-codes/room/{room['id']}"
    for response in (await vendor.post(path), await vendor.post(f"{path}/role/teacher"), await vendor.get(path)):
        assert (response.status_code, response.json()["message"]) == (403, "Room is disabled")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"code": "aaa-aaaa-aaa", "enabled": True}, 404),
        ({"code": "aaa-aaaa-aaa"}, 400),
        ({"code": "aaa-aaaa-aaa", "enabled": "true"}, 400),
        ({"code": "aaa-aaaa-aaa", "enabled": True, "role": "teacher"}, 400),
    ],
)
async def test_updating_a_code_requires_exactly_its_two_fields(
    vendor: httpx.AsyncClient, body: dict[str, Any], status: int
) -> None:
    assert (await vendor.post("/v2/room-codes/code", json=body)).status_code == status


async def test_rooms_and_codes_of_others_do_not_exist(config: SandboxConfig, workspace: Workspace, clock: Any) -> None:
    other = replace(workspace, access_key="5a0db0c5000000000000d03b")
    state = SandboxState(SandboxConfig((workspace, other)), clock)
    now = int(clock().timestamp())

    def bearer(owner: Workspace) -> dict[str, str]:
        claims = {"access_key": owner.access_key, "type": "management", "version": 2, "nbf": now, "exp": now + 60}
        return {"authorization": f"Bearer {jwt.encode(claims, owner.secret, algorithm='HS256')}"}

    transport = httpx.ASGITransport(app=create_sandbox(state.config, state))
    async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
        room = (await client.post("/v2/rooms", json={"name": "a"}, headers=bearer(workspace))).json()
        created = await client.post(f"/v2/room-codes/room/{room['id']}", headers=bearer(workspace))
        code = created.json()["data"][0]["code"]
        switch = {"code": code, "enabled": False}
        assert (await client.get(f"/v2/rooms/{room['id']}", headers=bearer(other))).status_code == 404
        response = await client.post("/v2/room-codes/code", json=switch, headers=bearer(other))
        assert response.status_code == 404
        own_room = (await client.post("/v2/rooms", json={"name": "A"}, headers=bearer(other))).json()
        assert own_room["id"] != room["id"]


async def test_a_code_is_exchanged_for_a_token_of_its_role(
    anonymous: httpx.AsyncClient, room: dict[str, Any], codes: dict[str, str], workspace: Workspace, clock: Any
) -> None:
    body = f'{{"code": "{codes["student"]}", "user_id": "u-1842"}}'
    response = await anonymous.post("/v2/token", content=body, headers={"content-type": "text/plain;charset=UTF-8"})
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "*"
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    claims = jwt.decode(response.json()["token"], workspace.secret, algorithms=["HS256"], options=options)
    now = int(clock().timestamp())
    assert len(claims.pop("jti")) == 36
    assert claims == {
        "access_key": workspace.access_key,
        "type": "app",
        "version": 2,
        "room_id": room["id"],
        "role": "student",
        "user_id": "u-1842",
        "iat": now,
        "nbf": now,
        "exp": now + 86_400,
    }


async def test_a_code_can_be_exchanged_without_a_user_id(anonymous: httpx.AsyncClient, codes: dict[str, str]) -> None:
    token = (await anonymous.post("/v2/token", json={"code": codes["student"]})).json()["token"]
    assert "user_id" not in jwt.decode(token, options={"verify_signature": False})


@pytest.mark.parametrize("raw", [b"", b"{", b"{}", b'{"code": 7}', b'{"code": "aaa-aaaa-aaa", "user_id": 7}'])
async def test_a_wrong_exchange_is_refused_and_readable_by_pages(anonymous: httpx.AsyncClient, raw: bytes) -> None:
    response = await anonymous.post("/v2/token", content=raw)
    assert response.status_code == response.json()["code"]
    assert response.status_code in (400, 404)
    assert response.headers["access-control-allow-origin"] == "*"


async def test_an_unknown_code_is_not_found_and_a_disabled_one_is_forbidden(
    anonymous: httpx.AsyncClient, vendor: httpx.AsyncClient, room: dict[str, Any], codes: dict[str, str]
) -> None:
    async def status(code: str) -> int:
        response = await anonymous.post("/v2/token", json={"code": code})
        page = await anonymous.get(f"/meeting/{code}")
        assert page.status_code == response.status_code
        return response.status_code

    assert await status("aaa-aaaa-aaa") == 404
    await vendor.post("/v2/room-codes/code", json={"code": codes["teacher"], "enabled": False})
    assert await status(codes["teacher"]) == 403
    assert await status(codes["student"]) == 200
    await vendor.post(f"/v2/rooms/{room['id']}", json={"enabled": False})
    assert await status(codes["student"]) == 403


@pytest.mark.parametrize("path", ["/v2/token", "/init", "/v2/layouts/ui"])
async def test_browsers_can_send_a_preflight_request(anonymous: httpx.AsyncClient, path: str) -> None:
    response = await anonymous.options(path, headers={"origin": "https://app.example"})
    assert response.status_code == 204
    assert response.headers["access-control-allow-origin"] == "*"
    assert "authorization" in response.headers["access-control-allow-headers"].lower()


async def test_the_page_of_a_code_shows_room_and_role_and_loads_nothing_from_other_hosts(
    anonymous: httpx.AsyncClient, room: dict[str, Any], codes: dict[str, str]
) -> None:
    page = await anonymous.get(f"/preview/{codes['teacher']}")
    assert page.status_code == 200
    assert room["name"] in page.text
    assert "teacher" in page.text
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
    assert "connect-src 'self' ws://sandbox;" in policy
    assert "unsafe" not in policy


async def test_the_files_of_the_page_are_served_and_no_others(anonymous: httpx.AsyncClient) -> None:
    for name, kind in (("call.js", "text/javascript"), ("call.css", "text/css"), ("icon.svg", "image/svg+xml")):
        response = await anonymous.get(f"/page/{name}")
        assert response.status_code == 200
        assert response.headers["content-type"].startswith(kind)
        assert response.headers["x-content-type-options"] == "nosniff"
    for name in ("nothing.js", "..%2Fpages.py", "%2e%2e%2fpages.py", ".js"):
        assert (await anonymous.get(f"/page/{name}")).status_code == 404


async def test_the_channel_page_contains_no_channel_and_can_use_devices(anonymous: httpx.AsyncClient) -> None:
    page = await anonymous.get("/agora/meeting")
    assert page.status_code == 200
    assert page.headers["permissions-policy"] == (
        "camera=(self), microphone=(self), display-capture=(self), speaker-selection=(self), geolocation=()"
    )
    assert "frame-ancestors *" in page.headers["content-security-policy"]


async def test_the_start_page_lists_templates_but_no_secrets(
    anonymous: httpx.AsyncClient, workspace: Workspace
) -> None:
    response = await anonymous.get("/")
    assert [template["name"] for template in response.json()["templates"]] == [
        template.name for template in workspace.templates
    ]
    assert workspace.secret not in response.text
    assert workspace.access_key not in response.text
    assert (await anonymous.get("/healthz")).json() == {"status": "ok"}
