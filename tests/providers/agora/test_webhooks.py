"""Agora webhooks: verification and parsing."""

import contextlib
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from videobroker.domain.attendance.observations import Observation, ObservationType
from videobroker.domain.rooms import MAX_PERSON_UID
from videobroker.errors import WebhookRefused, WebhookUnreadable
from videobroker.providers.agora.provider import AgoraProvider
from videobroker.providers.agora.webhooks import verify_webhook
from videobroker.providers.contract import ProviderWebhook

from .agora_account import NOON, PROJECT

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "agora.json").read_text())["webhook_signatures"]
SECRET = "fake-ncs-secret"
SENT_MS = 1_700_000_600_123
SENT = datetime(2023, 11, 14, 22, 23, 20, 123_000, tzinfo=UTC)
AT = datetime(2023, 11, 14, 22, 23, 20, tzinfo=UTC)
PAYLOAD: dict[str, Any] = {
    "channelName": "room-1",
    "uid": 42,
    "platform": 7,
    "clientSeq": 1_700_000_600_000,
    "ts": 1_700_000_600,
}


def account(secret: str | None = SECRET) -> AgoraProvider:
    settings = PROJECT if secret is None else {**PROJECT, "notifications_secret": secret}
    return AgoraProvider.from_settings(settings, clock=lambda: NOON)


PROVIDER = account()


def body_of(event: int = 103, payload: Any = None, **fields: Any) -> bytes:
    envelope = {"noticeId": "n-1", "productId": 1, "eventType": event, "notifyMs": SENT_MS}
    return json.dumps({**envelope, "payload": PAYLOAD if payload is None else payload, **fields}).encode()


def signed(body: bytes, *, secret: str = SECRET, **algorithms: bool) -> dict[str, str]:
    chosen = algorithms or {"v1": True, "v2": True}
    names = {"v1": ("agora-signature", hashlib.sha1), "v2": ("agora-signature-v2", hashlib.sha256)}
    return {names[each][0]: hmac.new(secret.encode(), body, names[each][1]).hexdigest() for each in chosen}


def read(event: int, **changes: Any) -> Observation | None:
    return PROVIDER.read(body_of(event, {**PAYLOAD, **changes})).observation


# --- authentication


def headers_of(vector: dict[str, Any]) -> dict[str, str]:
    return {name.lower(): value for name, value in vector["headers"].items()}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["id"])
def test_every_vector_is_accepted_only_with_its_own_signatures(vector: dict[str, Any]) -> None:
    body, own = bytes.fromhex(vector["body_utf8_hex"]), headers_of(vector)
    only_older = {"agora-signature": own["agora-signature"]}
    others = [headers_of(each) for each in VECTORS if each["headers"] != vector["headers"]]
    for headers in (own, only_older):
        assert verification_error(vector["secret"], headers, body) is (WebhookUnreadable if body == b"" else None)
    assert len(others) >= len(VECTORS) - 2
    assert {verification_error(vector["secret"], headers, body) for headers in others} == {WebhookRefused}


def verification_error(secret: str, headers: dict[str, str], body: bytes) -> type[Exception] | None:
    """The type of the error of a verification at the time of sending, if any."""
    parsed = json.loads(body or b"{}")
    now = datetime.fromtimestamp(parsed.get("notifyMs", SENT_MS) / 1000, tz=UTC)
    try:
        notice = verify_webhook(secret, headers, body, now=now)
    except (WebhookRefused, WebhookUnreadable) as refused:
        return type(refused)
    assert notice == PROVIDER.read(body)
    assert notice.id == "{productId}:{noticeId}".format(**parsed)
    return None


def test_the_stronger_signature_takes_precedence() -> None:
    body = body_of()
    for stronger in ("", "0" * 64, signed(body)["agora-signature"], signed(body)["agora-signature-v2"].upper()):
        with pytest.raises(WebhookRefused):
            PROVIDER.verify({**signed(body, v1=True), "agora-signature-v2": stronger}, body, now=SENT)
    assert PROVIDER.verify({**signed(body, v2=True), "agora-signature": "wrong"}, body, now=SENT).room_id == "room-1"


@pytest.mark.parametrize("headers", [{}, {"agora-signature": ""}, {"agora-signature": "\ud800ü"}])
def test_a_missing_or_malformed_signature_is_refused_before_parsing(headers: dict[str, str]) -> None:
    with pytest.raises(WebhookRefused) as refused:
        PROVIDER.verify(headers, b"no JSON", now=SENT)
    assert SECRET not in refused.value.detail


def test_another_secret_is_refused() -> None:
    body = body_of()
    with pytest.raises(WebhookRefused):
        PROVIDER.verify(signed(body, secret="another"), body, now=SENT)


def test_an_account_without_the_secret_refuses_webhooks_and_names_the_setting() -> None:
    body = body_of()
    with pytest.raises(WebhookRefused, match="notifications_secret"):
        account(None).verify(signed(body, secret=""), body, now=SENT)
    assert account(None).read(body).room_id == "room-1"


@pytest.mark.parametrize("age", [timedelta(hours=1), timedelta(minutes=-10), timedelta()])
def test_a_fresh_webhook_is_accepted(age: timedelta) -> None:
    body = body_of()
    assert PROVIDER.verify(signed(body), body, now=SENT + age).sent_at == SENT


@pytest.mark.parametrize(
    ("age", "says"), [(timedelta(hours=1, seconds=1), "older"), (timedelta(minutes=-10, seconds=-1), "future")]
)
def test_an_old_or_future_webhook_is_refused(age: timedelta, says: str) -> None:
    body = body_of()
    with pytest.raises(WebhookUnreadable, match=says):
        PROVIDER.verify(signed(body), body, now=SENT + age)
    assert PROVIDER.read(body).sent_at == SENT


# --- parsing


@pytest.mark.parametrize(("event", "sign"), [(101, ObservationType.OPENED), (102, ObservationType.EMPTIED)])
def test_the_start_and_end_of_a_channel_are_observed(event: int, sign: ObservationType) -> None:
    notice = PROVIDER.read(body_of(event, {"channelName": "room-1", "ts": 1_700_000_600, "lastUid": 42}))
    assert notice.observation == Observation(sign=sign, at=AT)
    assert (notice.id, notice.type, notice.room_id) == ("1:n-1", str(event), "room-1")


@pytest.mark.parametrize(("event", "role"), [(103, "publisher"), (105, "subscriber"), (107, "publisher")])
def test_a_join_is_observed(event: int, role: str) -> None:
    assert read(event, account="ada", clientType=8) == Observation(
        sign=ObservationType.ARRIVED, at=AT, connection="42", provider_user_id="42", role=role, order=1_700_000_600_000
    )


@pytest.mark.parametrize(("event", "role"), [(104, "publisher"), (106, "subscriber"), (108, "publisher")])
def test_a_leave_is_observed(event: int, role: str) -> None:
    assert read(event, reason=1, duration=599) == Observation(
        sign=ObservationType.LEFT,
        at=AT,
        connection="42",
        provider_user_id="42",
        role=role,
        since=AT - timedelta(seconds=599),
        since_is_exact=False,
        order=1_700_000_600_000,
        reason="1",
    )


@pytest.mark.parametrize("duration", [None, -1, 2**62, "599", 1.5, True])
def test_a_leave_without_a_valid_duration_is_observed(duration: object) -> None:
    seen = read(104, duration=duration)
    assert seen is not None
    assert (seen.since, seen.reason) == (None, None)


@pytest.mark.parametrize(
    ("event", "role", "former"), [(111, "publisher", "subscriber"), (112, "subscriber", "publisher")]
)
def test_a_role_change_is_observed(event: int, role: str, former: str) -> None:
    seen = read(event)
    assert seen is not None
    assert (seen.sign, seen.role, seen.former_role) == (ObservationType.ROLE_CHANGED, role, former)


@pytest.mark.parametrize(
    ("given_order", "order"), [(2**63 - 1, 2**63 - 1), (2**63, None), (-1, None), ("7", None), (None, None)]
)
def test_the_order_is_limited_to_storable_numbers(given_order: object, order: int | None) -> None:
    seen = read(103, clientSeq=given_order)
    assert seen is not None
    assert seen.order == order


@pytest.mark.parametrize(
    "uid", [MAX_PERSON_UID + 1, 2**32 - 1, -1, -(2**31), 0, 2**32, -(2**31) - 1, "42", None, True, 4.2]
)
def test_a_uid_outside_of_the_range_of_people_is_ignored(uid: object) -> None:
    assert read(103, uid=uid) is None


@pytest.mark.parametrize("uid", [1, MAX_PERSON_UID])
def test_a_person_has_a_uid_within_the_limit(uid: int) -> None:
    seen = read(103, uid=uid)
    assert seen is not None
    assert seen.connection == seen.provider_user_id == str(uid)


@pytest.mark.parametrize("client", [3, 10])
def test_recorders_are_ignored(client: int) -> None:
    assert read(103, platform=6, clientType=client) is None


@pytest.mark.parametrize("event", [109, 110, 113, 114, 0, -1, 31, 10**15])
def test_an_unknown_event_has_no_observation(event: int) -> None:
    notice = PROVIDER.read(body_of(event))
    assert (notice.room_id, notice.observation, notice.dedup_key) == ("room-1", None, None)


@pytest.mark.parametrize("product", [0, 3, 4, 5])
def test_event_numbers_of_other_products_are_ignored(product: int) -> None:
    notice = PROVIDER.read(body_of(productId=product))
    assert (notice.id, notice.room_id, notice.observation) == (f"{product}:n-1", None, None)


def test_the_health_test_of_the_console_is_accepted_and_ignored() -> None:
    body = body_of(103, {**PAYLOAD, "channelName": "test_webhook", "uid": 12_121_212})
    notice = PROVIDER.verify(signed(body), body, now=SENT)
    assert (notice.room_id, notice.observation, notice.dedup_key) == (None, None, None)


@pytest.mark.parametrize("ts", [None, 0, -1, 2**62, "now", 1.5, True, 253_402_300_800])
def test_a_webhook_without_its_time_has_no_observation(ts: object) -> None:
    assert read(103, ts=ts) is None


@pytest.mark.parametrize("channel", [None, "", 7, ["room-1"]])
def test_a_webhook_without_its_channel_has_no_observation(channel: object) -> None:
    notice = PROVIDER.read(body_of(103, {**PAYLOAD, "channelName": channel}))
    assert (notice.room_id, notice.observation) == (None, None)


# --- deduplication


def dedup_key(event: int = 103, **changes: Any) -> str | None:
    return PROVIDER.read(body_of(event, {**PAYLOAD, **changes})).dedup_key


def test_the_same_event_under_another_id_has_the_same_dedup_key() -> None:
    again = PROVIDER.read(body_of(noticeId="n-2", notifyMs=SENT_MS + 5000)).dedup_key
    assert again == dedup_key() == dedup_key(ts=1_700_000_601)
    assert again is not None
    assert dedup_key(uid=-1) == dedup_key(uid=2**32 - 1)
    assert dedup_key(101) == dedup_key(101, uid=7, clientSeq=1)


def test_another_event_has_another_dedup_key() -> None:
    changes: list[dict[str, Any]] = [{"uid": 43}, {"clientSeq": 1}, {"channelName": "room-2"}]
    different = {dedup_key(104), dedup_key(101), dedup_key(102), dedup_key(101, ts=5), dedup_key()}
    assert len(different | {dedup_key(**change) for change in changes}) == 8


@pytest.mark.parametrize("change", [{"uid": 0}, {"clientSeq": None}])
def test_without_a_uid_or_a_sequence_number_there_is_no_dedup_key(change: dict[str, Any]) -> None:
    assert dedup_key(103, **change) is None


# --- invalid bodies


@pytest.mark.parametrize(
    "body",
    [b"", b"\xff", b"[]", b"7", body_of()[:-1], b"[" * 200_000, b'{"x":' + b"9" * 9999 + b"}", b'{"x":Infinity}'],
)
def test_a_body_that_is_not_a_json_object_is_unreadable(body: bytes) -> None:
    with pytest.raises(WebhookUnreadable):
        PROVIDER.read(body)
    with pytest.raises(WebhookUnreadable):
        PROVIDER.verify(signed(body), body, now=SENT)


@pytest.mark.parametrize("field", ["noticeId", "productId", "eventType", "payload"])
@pytest.mark.parametrize("value", [None, "", True, [], ["x"], 1.5, 2**64, "x" * 10_000])
def test_a_body_without_a_required_field_is_unreadable(field: str, value: object) -> None:
    with pytest.raises(WebhookUnreadable, match=field):
        PROVIDER.read(json.dumps({**json.loads(body_of()), field: value}).encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(PAYLOAD)), inner, max_size=5),
    max_leaves=8,
)


@given(st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_parsed_or_unreadable(body: bytes) -> None:
    with contextlib.suppress(WebhookUnreadable):
        assert isinstance(PROVIDER.read(body), ProviderWebhook)
    with contextlib.suppress(WebhookUnreadable):
        PROVIDER.verify(signed(body), body, now=SENT)


@given(
    event=st.sampled_from([101, 102, 103, 104, 111]),
    payload=st.dictionaries(st.sampled_from([*PAYLOAD, "reason", "duration", "clientType"]), JSON),
    sent=JSON,
)
def test_any_field_is_parsed_or_unreadable(event: int, payload: dict[str, Any], sent: object) -> None:
    body = body_of(event, {**PAYLOAD, **payload}, notifyMs=sent)
    assert PROVIDER.read(body).type == str(event)
    with contextlib.suppress(WebhookUnreadable):
        PROVIDER.verify(signed(body), body, now=SENT)


@given(headers=st.dictionaries(st.sampled_from(["agora-signature", "agora-signature-v2"]), st.text()), body=st.binary())
def test_no_header_is_accepted_without_the_secret(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(WebhookRefused):
        PROVIDER.verify(headers, body, now=SENT)
