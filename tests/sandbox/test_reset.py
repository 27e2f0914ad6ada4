"""`/_sandbox/reset` resets all faults and behavior. Rooms remain."""

from typing import Any

import httpx


async def test_reset_clears_faults_behavior_and_counters_but_no_rooms(
    vendor: httpx.AsyncClient, room: dict[str, Any]
) -> None:
    await vendor.put("/_sandbox/webhooks", json={"url": "http://receiver/hook"})
    await vendor.put("/_sandbox/agora/notifications", json={"url": "http://receiver/agora"})
    default_behavior = (await vendor.get("/_sandbox/webhooks/behaviour")).json()
    await vendor.put("/_sandbox/webhooks/behaviour", json={"hold": 10})
    await vendor.post(f"/_sandbox/rooms/{room['id']}/recorder")
    assert (await vendor.get("/_sandbox/webhooks")).json()["events"] != []
    await vendor.post("/_sandbox/faults", json={"kind": "status", "status": 500, "operation": "create_room"})

    assert (await vendor.post("/_sandbox/reset")).status_code == 200

    assert (await vendor.get("/_sandbox/webhooks")).json() == {"url": None, "delayed": 0, "events": []}
    assert (await vendor.get("/_sandbox/agora/notifications")).json() == {"url": None}
    assert (await vendor.get("/_sandbox/webhooks/behaviour")).json() == default_behavior
    assert (await vendor.get("/_sandbox/faults")).json() == {"faults": []}
    assert (await vendor.get("/_sandbox/counters")).json() == {"faulted": {}, "rooms_created": 0}
    assert (await vendor.get(f"/v2/rooms/{room['id']}")).json()["id"] == room["id"]
