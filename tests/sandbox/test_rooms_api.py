"""Rooms: upserted by name, validated, listed, changed."""

from typing import Any

import httpx
import pytest

from videobroker.sandbox import Workspace

UNKNOWN = "0123456789abcdef01234567"


async def test_a_room_without_a_name_is_always_new(vendor: httpx.AsyncClient, workspace: Workspace) -> None:
    first, second = [(await vendor.post("/v2/rooms", json={})).json() for _ in range(2)]
    assert first["id"] != second["id"]
    assert len(first["name"]) == 36
    assert first["template_id"] == workspace.default_template.id


async def test_a_room_has_the_vendors_fields(vendor: httpx.AsyncClient, workspace: Workspace) -> None:
    groups = workspace.templates[2]
    sent = {"name": "g-1", "template_id": groups.id, "size": 300, "max_duration_seconds": 7200, "region": "eu"}
    response = await vendor.post("/v2/rooms", json=sent)
    assert response.status_code == 200
    fields = response.json()
    assert fields | sent == fields
    assert fields["enabled"] is True
    assert fields["recording_source_template"] is True
    assert fields["template"] == "groups"
    assert fields["customer"] == fields["customer_id"] == workspace.customer_id
    assert fields["created_at"] == "2026-03-12T21:10:10.082Z"
    assert "webhook" not in fields


async def test_creating_a_room_with_an_existing_name_returns_that_room(
    vendor: httpx.AsyncClient, room: dict[str, Any], workspace: Workspace, clock: Any
) -> None:
    clock.forward(seconds=1)
    therapy = workspace.templates[3].id
    repeated = (await vendor.post("/v2/rooms", json={"name": "LESSON-1", "template_id": therapy})).json()
    assert repeated["id"] == room["id"]
    assert repeated["template_id"] == therapy
    assert repeated["updated_at"] > room["updated_at"]


async def test_creating_again_preserves_fields_that_are_not_sent(vendor: httpx.AsyncClient) -> None:
    await vendor.post("/v2/rooms", json={"name": "a", "description": "old", "size": 7})
    repeated = (await vendor.post("/v2/rooms", json={"name": "a", "description": "new"})).json()
    assert (repeated["description"], repeated["size"]) == ("new", 7)


async def test_creating_a_disabled_room_again_leaves_it_disabled(
    vendor: httpx.AsyncClient, room: dict[str, Any]
) -> None:
    await vendor.post(f"/v2/rooms/{room['id']}", json={"enabled": False})
    assert (await vendor.post("/v2/rooms", json={"name": room["name"]})).json()["enabled"] is False


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"template": "tutoring"}, "Invalid body param: template. Use template_id"),
        ({"template_id": UNKNOWN}, "Error: template not found"),
        ({"region": "moon"}, "Error: region not supported"),
        ({"max_duration_seconds": 119}, "Invalid body param: max_duration_seconds less than 120 seconds"),
        (
            {"max_duration_seconds": 43_201},
            "Invalid body param: max_duration_seconds greater than 43200 seconds",
        ),
        ({"size": 20_001, "large_room": True}, "Invalid body param: room size greater than 20000"),
        (
            {"size": 2501},
            "Invalid body param: room size greater than 2500, set large_room flag as true",
        ),
        ({"recording_info": {"enabled": True, "upload_info": {"type": "s3"}}}, "Bucket location is missing"),
        ({"recording_info": {"upload_info": {"type": "ftp"}}}, "Invalid upload configuration"),
        ({"name": "a b"}, "Invalid body param: name may contain letters, digits and . - : _ only"),
        ({"name": 7}, "Invalid body param: name must be a string"),
        ({"size": "7"}, "Invalid body param: size must be a whole number"),
        ({"webhook": {"headers": {}}}, "Invalid body param: webhook.url is required"),
    ],
)
async def test_a_wrong_field_is_refused_with_the_vendors_message(
    vendor: httpx.AsyncClient, body: dict[str, Any], text: str
) -> None:
    response = await vendor.post("/v2/rooms", json=body)
    assert response.status_code == 400
    assert response.json()["code"] == 400
    assert response.json()["details"] == [text]
    assert (await vendor.get("/v2/rooms")).json()["data"] is None


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "request body must not be empty"),
        (b'{"name": }', "request body contains badly-formed JSON (at position 10)"),
        (b"\xff", "request body contains badly-formed JSON"),
        (b"[]", "request body must be a JSON object"),
    ],
)
async def test_a_body_that_is_not_an_object_is_refused(vendor: httpx.AsyncClient, raw: bytes, message: str) -> None:
    response = await vendor.post("/v2/rooms", content=raw)
    assert response.status_code == 400
    assert response.json() == {"code": 400, "message": message}


async def test_an_unknown_path_is_refused_in_the_vendors_format(vendor: httpx.AsyncClient) -> None:
    assert (await vendor.get("/v2/rooms/")).json() == {"code": 404, "message": "Not Found"}
    assert (await vendor.put("/v2/rooms")).json() == {"code": 405, "message": "Method Not Allowed"}


async def test_updating_changes_only_the_fields_that_are_sent(vendor: httpx.AsyncClient, room: dict[str, Any]) -> None:
    response = await vendor.post(f"/v2/rooms/{room['id']}", json={"enabled": False, "template_id": UNKNOWN})
    changed = response.json()
    assert changed | {"enabled": True, "updated_at": room["updated_at"]} == room
    assert changed["enabled"] is False


async def test_renaming_a_room_to_a_taken_name_returns_the_other_room(
    vendor: httpx.AsyncClient, room: dict[str, Any]
) -> None:
    other = (await vendor.post("/v2/rooms", json={"name": "other"})).json()
    assert (await vendor.post(f"/v2/rooms/{room['id']}", json={"name": "OTHER"})).json() == other
    assert (await vendor.get(f"/v2/rooms/{room['id']}")).json() == room


async def test_a_larger_room_requires_its_flag_once(vendor: httpx.AsyncClient) -> None:
    room = (await vendor.post("/v2/rooms", json={"large_room": True, "size": 2501})).json()
    assert (await vendor.post(f"/v2/rooms/{room['id']}", json={"size": 5000})).json()["size"] == 5000


@pytest.mark.parametrize(
    ("room_id", "message"), [(UNKNOWN, "Room not found"), ("nonsense", "invalid room id: nonsense")]
)
async def test_an_unknown_room_is_not_found(vendor: httpx.AsyncClient, room_id: str, message: str) -> None:
    for response in (await vendor.get(f"/v2/rooms/{room_id}"), await vendor.post(f"/v2/rooms/{room_id}", json={})):
        assert response.status_code == 404
        assert response.json()["message"] == message


async def test_rooms_are_listed_newest_first_in_pages(vendor: httpx.AsyncClient, clock: Any) -> None:
    for number in range(25):
        await vendor.post("/v2/rooms", json={"name": f"r{number}"})
        clock.forward(seconds=1)
    names: list[str] = []
    start, sizes = "", []
    while True:
        page = (await vendor.get("/v2/rooms", params={"start": start, "limit": 5})).json()
        assert page["limit"] == 10
        sizes.append(len(page["data"] or []))
        names += [room["name"] for room in page["data"] or []]
        if sizes[-1] < page["limit"]:
            break
        start = page["last"]
    assert sizes == [10, 10, 5]
    assert names == [f"r{number}" for number in reversed(range(25))]


async def test_rooms_can_be_queried_by_name_state_template_and_time(
    vendor: httpx.AsyncClient, workspace: Workspace, clock: Any
) -> None:
    early = (await vendor.post("/v2/rooms", json={"name": "early"})).json()
    clock.forward(minutes=1)
    groups = workspace.templates[2].id
    late = (await vendor.post("/v2/rooms", json={"name": "late", "template_id": groups})).json()
    await vendor.post(f"/v2/rooms/{late['id']}", json={"enabled": False})

    async def query_names(**query: str) -> list[str]:
        return [room["name"] for room in (await vendor.get("/v2/rooms", params=query)).json()["data"] or []]

    assert await query_names() == ["early"]
    assert await query_names(enabled="false") == ["late"]
    assert await query_names(name="EARLY") == ["early"]
    assert await query_names(name="ear") == []
    assert await query_names(enabled="false", template_id=groups) == ["late"]
    assert await query_names(after=early["created_at"], before=early["created_at"]) == ["early"]
    assert await query_names(after=late["created_at"]) == []


@pytest.mark.parametrize("query", ["enabled=yes", "limit=many", "after=yesterday", "start=nowhere"])
async def test_a_wrong_filter_is_refused(vendor: httpx.AsyncClient, room: dict[str, Any], query: str) -> None:
    response = await vendor.get(f"/v2/rooms?{query}")
    assert response.status_code == 400
    assert response.json()["message"] == "Invalid query parameter"


async def test_templates_list_their_roles_but_not_their_subdomain(
    vendor: httpx.AsyncClient, workspace: Workspace
) -> None:
    tutoring = workspace.default_template
    listed = (await vendor.get("/v2/templates")).json()["data"]
    assert [template["name"] for template in listed] == ["tutoring", "appointments", "groups", "therapy"]
    fields = (await vendor.get(f"/v2/templates/{tutoring.id}")).json()
    assert list(fields["roles"]) == ["teacher", "student", "__internal_recorder"]
    assert tutoring.subdomain not in str(fields)
    role = await vendor.get(f"/v2/templates/{tutoring.id}/roles/teacher")
    assert role.json() == fields["roles"]["teacher"]
    assert (await vendor.get(f"/v2/templates/{tutoring.id}/roles/Teacher")).status_code == 404
    assert (await vendor.get(f"/v2/templates/{UNKNOWN}")).status_code == 404
