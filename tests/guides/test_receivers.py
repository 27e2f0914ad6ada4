"""The receivers of the guide accept what the service sends, and reject what others send."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from cli.program import running_program
from docs_build.examples import EXAMPLES
from guides.backends import program
from guides.demo import Demo
from guides.forgery import OTHER_SECRET, EndedCall, assert_only_genuine_events_are_accepted
from guides.product import HOOK_PATH, is_responding
from node_packages import node_modules
from polling import eventually_blocking
from tenants import free_port

FOLDER = EXAMPLES / "receive-webhooks"


@dataclass(frozen=True)
class Receiver:
    """A running receiver that is registered at the demo."""

    url: str
    endpoint_id: str
    secret: str
    log: Path


def python(_: int, __: Path) -> Sequence[str]:
    return [sys.executable, "receiver.py"]


def node(_: int, __: Path) -> Sequence[str]:
    node_modules(FOLDER)
    return ["node", "receiver.mjs"]


def php(port: int, _: Path) -> Sequence[str]:
    return [program("php"), "-S", f"127.0.0.1:{port}", "receiver.php"]


def ruby(port: int, _: Path) -> Sequence[str]:
    return [program("rackup"), "--server", "webrick", "--host", "127.0.0.1", "--port", str(port), "receiver.ru"]


def go(_: int, folder: Path) -> Sequence[str]:
    subprocess.run([program("go"), "build", "-o", folder / "receiver", "receiver.go"], cwd=FOLDER, check=True)
    return [str(folder / "receiver")]


@pytest.fixture(scope="module", params=[python, node, php, ruby, go], ids=lambda make: make.__name__)
def receiver(
    request: pytest.FixtureRequest, demo: Demo, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Receiver]:
    """Each of the receivers, running."""
    make: Callable[[int, Path], Sequence[str]] = request.param
    folder, port = tmp_path_factory.mktemp(make.__name__), free_port()
    command = make(port, folder)
    url = f"http://127.0.0.1:{port}{HOOK_PATH}"
    endpoint = demo.send("POST", "/v1/webhook-endpoints", {"url": url, "types": ["app.reported"]})
    variables = {"PORT": str(port), "VIDEOBROKER_WEBHOOK_SECRET": endpoint["secret"]}
    log = folder / "log"
    with running_program(cwd=FOLDER, log=log, variables=variables, command=command) as process:
        eventually_blocking(lambda: process.poll() is not None or is_responding(url), context=log.read_text)
        assert process.poll() is None, log.read_text()
        yield Receiver(url, endpoint["id"], endpoint["secret"], log)
    demo.client.delete(f"/v1/webhook-endpoints/{endpoint['id']}")


def test_a_receiver_gets_an_event(receiver: Receiver, demo: Demo) -> None:
    tested = demo.send("POST", f"/v1/webhook-endpoints/{receiver.endpoint_id}/test")
    assert tested["status"] == 204, receiver.log.read_text()

    reported = demo.send("POST", "/v1/events", {"event": "opened"})

    eventually_blocking(lambda: f"{reported['id']} app.reported" in receiver.log.read_text())


def test_a_receiver_rejects_forgeries(receiver: Receiver) -> None:
    assert_only_genuine_events_are_accepted(receiver.url, receiver.secret, EndedCall("lesson-1"))


def test_openssl_verifies_by_hand() -> None:
    event, secret = EndedCall("lesson-1"), "whsec_" + "QkJC" * 8

    def verify(headers: dict[str, str], body: str) -> subprocess.CompletedProcess[str]:
        arguments = [secret, *(headers[f"webhook-{name}"] for name in ("id", "timestamp", "signature"))]
        command = ["sh", str(FOLDER / "verify.sh"), *arguments]
        return subprocess.run(command, input=body, capture_output=True, text=True, check=False)

    program("openssl")
    genuine = event.headers(secret)
    assert verify(genuine, event.body).stdout == "genuine\n"
    two = {**genuine, "webhook-signature": f"v1,AAAA {genuine['webhook-signature']}"}
    assert verify(two, event.body).stdout == "genuine\n"
    for headers, body in [
        (event.headers(OTHER_SECRET), event.body),
        (genuine, event.body + "\n"),
        ({**genuine, "webhook-id": "another"}, event.body),
        ({**genuine, "webhook-timestamp": "0"}, event.body),
    ]:
        assert (verify(headers, body).stdout, verify(headers, body).returncode) == ("forged\n", 1)
