"""`/_sandbox/rooms/{id}/used-up-codes`: simulates a room whose codes were used up by many calls."""

from typing import Any

import httpx
import pytest


@pytest.mark.parametrize("leave", [0, 1, 7])
async def test_the_number_of_remaining_codes_can_be_set(
    vendor: httpx.AsyncClient, room: dict[str, Any], leave: int
) -> None:
    path = f"/v2/room-codes/room/{room['id']}"
    codes = (await vendor.post(path)).json()["data"]
    response = await vendor.post(f"/_sandbox/rooms/{room['id']}/used-up-codes", json={"leave": leave})
    assert response.json() == {"codes": 100 - leave, "most": 100}
    created = [(await vendor.post(f"{path}/role/student")).status_code for _ in range(leave + 1)]
    assert created == [200] * leave + [400]
    enabled = (await vendor.get(f"{path}?enabled=true&limit=100")).json()["data"]
    assert [each["code"] for each in enabled[: len(codes)]] == [each["code"] for each in codes]
    assert len(enabled) == len(codes) + leave


async def test_existing_codes_remain(vendor: httpx.AsyncClient, room: dict[str, Any]) -> None:
    path = f"/_sandbox/rooms/{room['id']}/used-up-codes"
    assert (await vendor.post(path)).json()["codes"] == 100
    assert (await vendor.post(path, json={"leave": 50})).json()["codes"] == 100


@pytest.mark.parametrize("leave", [-1, 101, 1.5, True, "3"])
async def test_an_invalid_number_is_refused(vendor: httpx.AsyncClient, room: dict[str, Any], leave: object) -> None:
    response = await vendor.post(f"/_sandbox/rooms/{room['id']}/used-up-codes", json={"leave": leave})
    assert response.status_code == 400


async def test_an_unknown_room_is_not_found(vendor: httpx.AsyncClient) -> None:
    assert (await vendor.post("/_sandbox/rooms/0000/used-up-codes")).status_code == 404
