"""The backends of the guides work with the service, its worker, and the sandbox."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from guides.backends import BACKENDS
from guides.demo import Demo
from guides.forgery import EndedCall, assert_only_genuine_events_are_accepted
from guides.product import HOOK_PATH, Product, running_product
from polling import eventually_blocking


@pytest.fixture(scope="module", params=BACKENDS, ids=lambda backend: backend.name)
def product(request: pytest.FixtureRequest, demo: Demo) -> Iterator[Product]:
    """Each of the examples, running."""
    with running_product(request.param, demo) as product:
        yield product


def confirmed_lesson(product: Product, **times: timedelta) -> str:
    """Ben requests a lesson, and Ada confirms it."""
    with product.signed_in("ben") as ben, product.signed_in("ada") as ada:
        booking_id = ben.request_lesson(**times)
        confirmed = ada.post(f"/bookings/{booking_id}/confirm")
        assert confirmed.status_code == 204, confirmed.text + product.log()
    return booking_id


def test_only_a_confirmed_booking_can_be_joined(product: Product, demo: Demo) -> None:
    with product.signed_in("ben") as ben, product.signed_in("ada") as ada:
        booking_id = ben.request_lesson()
        assert ben.post(f"/bookings/{booking_id}/confirm").status_code == 403
        assert ada.post(f"/bookings/{booking_id}/join").status_code == 404
        assert ada.lesson(booking_id) == {"id": booking_id, "status": "requested", "calls": []}

        assert ada.post(f"/bookings/{booking_id}/confirm").status_code == 204

        assert ada.lesson(booking_id)["status"] == "confirmed"
        joined = ada.post(f"/bookings/{booking_id}/join")
        assert joined.status_code == 200, joined.text + product.log()
        credentials = joined.json()
        assert (credentials["type"], credentials["role"]) == ("100ms_token", "teacher")
        assert ben.post(f"/bookings/{booking_id}/join").json()["room_id"] == credentials["room_id"]
    registered = demo.send("GET", f"/v1/bookings/{booking_id}")
    assert {each["user_id"]: each["role"] for each in registered["participants"]} == {"ada": "tutor", "ben": "student"}


def test_a_canceled_booking_cannot_be_joined(product: Product, demo: Demo) -> None:
    booking_id = confirmed_lesson(product)
    with product.signed_in("ben") as ben, product.signed_in("eve") as eve:
        assert eve.post(f"/bookings/{booking_id}/cancel").status_code == 404
        assert ben.post(f"/bookings/{booking_id}/cancel").status_code == 204, product.log()
        assert ben.lesson(booking_id)["status"] == "cancelled"
        refused = ben.post(f"/bookings/{booking_id}/join")
        assert (refused.status_code, refused.json()["reason"]) == (403, "session_cancelled")
        requested = ben.request_lesson()
        assert ben.post(f"/bookings/{requested}/cancel").status_code == 204
    assert demo.send("GET", f"/v1/bookings/{booking_id}")["status"] == "cancelled"


def test_a_denied_person_gets_the_decision_and_its_reason(product: Product) -> None:
    now_open, tomorrow = confirmed_lesson(product), confirmed_lesson(product, starts_in=timedelta(days=1))
    with product.signed_in("eve") as eve:
        refused = eve.post(f"/bookings/{now_open}/join")
        assert refused.status_code == 403
        assert (refused.json()["decision"], refused.json()["reason"]) == ("refuse", "not_a_participant")
    with product.signed_in("ben") as ben:
        early = ben.post(f"/bookings/{tomorrow}/join")
        assert early.status_code == 403
        assert (early.json()["decision"], early.json()["reason"]) == ("wait", "too_early")
        assert datetime.fromisoformat(early.json()["opens_at"]) > datetime.now(UTC) + timedelta(hours=23)
    anonymous = httpx.post(f"{product.url}/bookings/{now_open}/join", json={}, trust_env=False)
    # Some frameworks complain first about the missing token against CSRF.
    assert anonymous.status_code in {401, 403, 419, 422}
    assert "room_id" not in anonymous.text


def test_temporary_failures_are_passed_on_with_their_retry_after(product: Product) -> None:
    booking_id = confirmed_lesson(product)
    with product.signed_in("ben") as ben:
        for status in (429, 503):
            with product.service.responding(status, {"code": "a_test", "status": status}, retry_after="7"):
                response = ben.post(f"/bookings/{booking_id}/join")
            assert (response.status_code, response.headers["Retry-After"]) == (503, "7")
        assert ben.post(f"/bookings/{booking_id}/join").status_code == 200


def test_a_mistake_in_the_setup_is_an_error_of_the_product(product: Product) -> None:
    booking_id = confirmed_lesson(product)
    with product.signed_in("ben") as ben:
        for status, code in ((401, "api_key_invalid"), (403, "scope_missing"), (422, "role_not_mapped")):
            problem = {"code": code, "status": status, "title": "A test", "detail": "It is a test."}
            with product.service.responding(status, problem):
                assert ben.post(f"/bookings/{booking_id}/link").status_code == 500, code
        assert ben.post(f"/bookings/{booking_id}/link").status_code == 200


def test_a_link_opens_the_hosted_page(product: Product, demo: Demo) -> None:
    booking_id = confirmed_lesson(product)
    with product.signed_in("ben") as ben, product.signed_in("eve") as eve:
        link = ben.post(f"/bookings/{booking_id}/link").json()
        assert eve.post(f"/bookings/{booking_id}/link").status_code == 403
    assert set(link) == {"url", "ticket"}
    assert link["url"] == f"{demo.url}/join/{link['ticket']}"
    visit = httpx.get(f"{demo.url}/v1/visit", headers={"Authorization": f"Bearer {link['ticket']}"}, trust_env=False)
    assert visit.status_code == 200


def test_a_delivered_event_is_applied_once(product: Product, demo: Demo) -> None:
    began = datetime.now(UTC).isoformat()
    booking_id = confirmed_lesson(product)
    with product.signed_in("ben") as ben:
        call = ben.post(f"/bookings/{booking_id}/join").json()["call"]["id"]
        ended = demo.send("POST", f"/v1/bookings/{booking_id}/end")

        eventually_blocking(lambda: ben.lesson(booking_id)["calls"], context=product.log)

        assert ben.lesson(booking_id)["calls"] == [{"id": call, "seconds": ended["duration_seconds"]}]
        path = f"/v1/webhook-endpoints/{product.endpoint_id}"

        def accepted() -> int:
            """The number of requests with events that the product has accepted."""
            deliveries = demo.send("GET", f"{path}/deliveries")["data"]
            return sum(each["attempts"] for each in deliveries if each["state"] == "delivered")

        eventually_blocking(accepted)
        before = accepted()
        demo.send("POST", f"{path}/replay", {"since": began, "until": datetime.now(UTC).isoformat()})
        eventually_blocking(lambda: accepted() > before, context=product.log)
        assert [each["id"] for each in ben.lesson(booking_id)["calls"]] == [call]


def test_an_event_of_a_booking_that_is_not_ours_is_accepted(product: Product) -> None:
    event = EndedCall("lesson-1")
    headers = event.headers(product.secret)
    accepted = httpx.post(product.url + HOOK_PATH, content=event.body.encode(), headers=headers, trust_env=False)
    assert accepted.status_code == 204, product.log()


def test_a_test_event_is_accepted(product: Product, demo: Demo) -> None:
    tested = demo.send("POST", f"/v1/webhook-endpoints/{product.endpoint_id}/test")
    assert tested["status"] == 204, tested


def test_a_forged_event_is_rejected(product: Product) -> None:
    event = EndedCall(confirmed_lesson(product))
    with httpx.Client(trust_env=False) as client, product.signed_in("ben") as ben:
        for headers in event.forgeries(product.secret).values():
            client.post(product.url + HOOK_PATH, content=event.body, headers=headers)
        assert ben.lesson(event.reference)["calls"] == []
        # It accepts the genuine event twice, and applies it once.
        assert_only_genuine_events_are_accepted(product.url + HOOK_PATH, product.secret, event)
        assert ben.lesson(event.reference)["calls"] == [{"id": event.call, "seconds": 3600}]
