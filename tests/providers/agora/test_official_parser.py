"""The parser of npm `agora-token` reads our tokens as we mean them."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from node_packages import node_modules
from videobroker.providers.agora.provider import AgoraProvider
from videobroker.providers.agora.token import AccessToken, RtcService
from videobroker.providers.contract import ChannelCredentials, CredentialRequest

pytestmark = pytest.mark.node

APP_ID = "0123456789abcdef0123456789abcdef"
CERTIFICATE = "fedcba9876543210fedcba9876543210"

SCRIPT = """
const { AccessToken2 } = require('agora-token/src/AccessToken2')
const [text, certificate] = JSON.parse(require('fs').readFileSync(0, 'utf8'))
const token = new AccessToken2('', '', 1, 0)
const parsed = token.from_string(text)
const own = service => Object.fromEntries(Object.entries(service).map(([name, value]) => [
    name.replace(/^__/, ''), Buffer.isBuffer(value) ? value.toString() : value]))
console.log(JSON.stringify({
    parsed,
    verified: token.verifySignature(certificate),
    app_id: `${token.appId}`,
    issue_ts: token.issueTs,
    expire: token.expire,
    salt: token.salt,
    services: token.services.map(own),
}))
"""


def read_by_the_official_parser(text: str, certificate: str = CERTIFICATE) -> dict[str, Any]:
    finished = subprocess.run(
        ["node", "-e", SCRIPT],
        cwd=node_modules().parent,
        input=json.dumps([text, certificate]),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    response: dict[str, Any] = json.loads(finished.stdout)
    return response


@pytest.mark.parametrize(
    ("role", "privileges"),
    [("publisher", {"1": 1800, "2": 1800, "3": 1800, "4": 1800}), ("subscriber", {"1": 1800})],
)
def test_the_official_parser_reads_a_signed_seat(role: str, privileges: dict[str, int]) -> None:
    now = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
    seat = CredentialRequest(
        "tutor-7", role, "Ada", issued_at=now, expires_at=now + timedelta(minutes=30), uid=2**32 - 1
    )
    agora = AgoraProvider(app_id=APP_ID, app_certificate=CERTIFICATE, clock=lambda: now, draw_salt=lambda: 99_999_999)
    credentials = agora.sign("vb room-1!", seat).credentials
    assert isinstance(credentials, ChannelCredentials)
    assert read_by_the_official_parser(credentials.token) == {
        "parsed": True,
        "verified": True,
        "app_id": credentials.app_id,
        "issue_ts": int(now.timestamp()),
        "expire": 1800,
        "salt": 99_999_999,
        "services": [
            {
                "type": 1,
                "privileges": privileges,
                "channel_name": credentials.channel,
                "uid": str(credentials.uid),
            }
        ],
    }


def test_the_official_parser_rejects_another_certificate() -> None:
    token = AccessToken(APP_ID, 1_700_000_000, 60, 1, RtcService(channel="room-1", uid="7", privileges={1: 60}))
    response = read_by_the_official_parser(token.encode(CERTIFICATE), certificate="0" * 32)
    assert (response["parsed"], response["verified"]) == (True, False)
