"""`videobroker demo`, which `make run` starts: welcome, sessions, restart, and stop."""

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import psutil
import pytest

from cli.program import COMMAND, TIMEOUT_SECONDS, environment, stop
from polling import eventually_blocking
from tenants import free_port

GROUP_WITH_VIDEO = "0b7c2f6e-5d1a-4a53-9f0e-1c2d3e4f5a6b"
GROUP_WITHOUT_VIDEO = "6f1e0d9c-8b7a-4965-8473-62514f3e2d1c"
LAST_WORDS = "Press Ctrl+C to stop. Data is stored in .videobroker/."


@dataclass
class Demo:
    """A demo in a folder, which can be restarted."""

    folder: Path
    port: int = field(default_factory=free_port)
    sandbox_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        """The output since the last start."""
        return (self.folder / "output").read_text()

    @property
    def keys(self) -> dict[str, str]:
        """The API keys in `demo.json`."""
        return {name: app["api_key"] for name, app in self.written["apps"].items()}

    @property
    def written(self) -> dict[str, Any]:
        """The content of `demo.json`."""
        written: dict[str, Any] = json.loads((self.folder / ".videobroker" / "demo.json").read_text())
        return written

    def launch(self) -> subprocess.Popen[bytes]:
        """Start it like a terminal, in its own process group."""
        with (self.folder / "output").open("wb") as output:
            self.process = subprocess.Popen(
                [*COMMAND, "demo"],
                cwd=self.folder,
                env=environment(PORT=str(self.port), SANDBOX_PORT=str(self.sandbox_port)),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return self.process

    def start(self) -> subprocess.Popen[bytes]:
        """Start it, and wait until it reports that it is ready."""
        process = self.launch()
        eventually_blocking(lambda: LAST_WORDS in self.output or process.poll() is not None)
        assert process.poll() is None, self.output
        return process

    def processes(self) -> list[psutil.Process]:
        """All its processes. PostgreSQL is not a child, but has the folder in its arguments."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                is_ours = str(self.folder) in " ".join(process.cmdline()) or process.cwd().startswith(str(self.folder))
                if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    def listens(self) -> list[int]:
        """Its ports that are in use."""
        return [port for port in (self.port, self.sandbox_port) if is_listening(port)]

    def send(self, app: str, method: str, path: str, **how: Any) -> httpx.Response:
        """A request with the key of this app."""
        headers = {"Authorization": f"Bearer {self.keys[app]}"}
        return httpx.request(method, f"{self.written['base_url']}{path}", headers=headers, trust_env=False, **how)

    def join(self, app: str, session: str, user_id: str) -> httpx.Response:
        """Ask for join credentials."""
        return self.send(app, "POST", f"/v1/{session}/join", json={"user_id": user_id})

    def clean(self) -> None:
        """Kill remaining processes of this folder."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                stop(self.process, signal.SIGINT)
        for process in self.processes():
            with contextlib.suppress(psutil.Error):
                process.terminate()
        psutil.wait_procs(self.processes(), timeout=5)


def is_listening(port: int) -> bool:
    """Whether the port accepts connections."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def moment(text: str) -> datetime:
    """A parsed time of a response."""
    return datetime.fromisoformat(text)


STEPS: dict[str, Callable[[Demo], bool]] = {
    "PostgreSQL is being made": lambda demo: (demo.folder / ".videobroker" / "postgres" / "PG_VERSION").exists(),
    "the sandbox is there": lambda demo: is_listening(demo.sandbox_port),
    "the apps are being registered": lambda demo: (demo.folder / ".videobroker" / "secret-key").exists(),
}


@contextmanager
def new_demo() -> Iterator[Demo]:
    """A demo in a new folder outside of pytest's, which another test run makes inaccessible to PostgreSQL."""
    with tempfile.TemporaryDirectory(prefix="videobroker-demo-", ignore_cleanup_errors=True) as folder:
        demo = Demo(Path(folder))
        try:
            yield demo
        finally:
            demo.clean()


@pytest.fixture(scope="module")
def running() -> Iterator[Demo]:
    """A shared running demo. Tests only send requests."""
    with new_demo() as demo:
        demo.start()
        yield demo


@pytest.fixture
def demo() -> Iterator[Demo]:
    """A demo that the test starts and stops."""
    with new_demo() as demo:
        yield demo


class TestWelcome:
    def test_it_prints_all_urls(self, running: Demo) -> None:
        for link in (
            f"http://127.0.0.1:{running.port}/docs",
            f"http://127.0.0.1:{running.port}/demo",
            f"http://127.0.0.1:{running.sandbox_port}",
        ):
            assert link in running.output.split()
            assert httpx.get(link, trust_env=False, follow_redirects=True).status_code == 200
        first = running.output.strip().splitlines()[0]
        assert first == f"Demo (start here)  http://127.0.0.1:{running.port}/demo"
        assert ".videobroker/demo.json" in running.output

    def test_the_demo_page_lists_all_people_of_the_five_apps_and_links_to_the_hosted_page(self, running: Demo) -> None:
        base_url = running.written["base_url"]
        page = httpx.get(f"{base_url}/demo", trust_env=False).text
        for app in running.written["apps"]:
            assert app in page
        for name in ("Ada", "Ben", "Dr. Curie", "Dan", "Eve", "Finn", "Gina", "Hugo", "Ida"):
            assert re.search(rf"Join as <bdi[^>]*>{re.escape(name)}</bdi> ", page)
        fields = {"app": "therapy", "kind": "booking", "reference": "therapy-1", "user_id": "client-1"}
        pressed = httpx.post(f"{base_url}/demo/join", data=fields, trust_env=False)
        assert pressed.status_code == 303
        assert pressed.headers["location"].startswith("/join/vbt_")
        assert httpx.post(f"{base_url}/demo/again", trust_env=False).status_code == 303

    def test_the_console_accepts_the_printed_key(self, running: Demo) -> None:
        key = running.written["admin_key"]
        assert key in running.output.split()
        fields = {"name": "Olive", "key": key, "zone": "UTC"}
        address = f"{running.written['base_url']}/console/sign-in"
        assert httpx.post(address, data=fields, trust_env=False).status_code == 303
        assert httpx.post(address, data={**fields, "key": "another"}, trust_env=False).status_code == 403

    def test_the_printed_link_signs_in_to_the_console_once(self, running: Demo) -> None:
        base = f"http://127.0.0.1:{running.port}"
        (link,) = [word for word in running.output.split() if word.startswith(f"{base}/console/link#")]
        assert link not in json.dumps(running.written)
        with httpx.Client(base_url=base, trust_env=False) as client:
            assert client.get("/console/link").status_code == 200
            token = link.partition("#")[2]
            assert client.post("/console/link", data={"token": token}).headers["location"] == "/console"
            assert client.get("/console").status_code == 200
            assert client.post("/console/link", data={"token": token}).status_code == 403

    def test_the_start_page_leads_to_the_demo_and_the_console(self, running: Demo) -> None:
        links = httpx.get(f"http://127.0.0.1:{running.port}/", trust_env=False).json()["links"]
        assert (links["demo"], links["console"]) == ("/demo", "/console")

    @pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
    def test_the_printed_command_works_in_a_shell(self, running: Demo) -> None:
        (command,) = [line for line in running.output.splitlines() if line.startswith("curl ")]
        done = subprocess.run(
            ["sh", "-c", command], capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True
        )
        credentials = json.loads(done.stdout)
        assert (credentials["role"], credentials["user_id"]) == ("teacher", "tutor-1")

    def test_it_prints_nothing_else(self, running: Demo) -> None:
        assert "Traceback" not in running.output
        assert "WARNING" not in running.output
        assert len(running.output.splitlines()) < 20

    def test_demo_json_has_the_documented_format_and_is_readable_only_by_its_owner(self, running: Demo) -> None:
        written = running.written
        assert set(written) == {"base_url", "sandbox_url", "admin_key", "apps"}
        assert written["base_url"] == f"http://127.0.0.1:{running.port}"
        assert written["sandbox_url"] == f"http://127.0.0.1:{running.sandbox_port}"
        assert set(written["apps"]) == {"tutoring-100ms", "appointments", "groups", "therapy", "tutoring-agora"}
        assert all(app["api_key"].startswith("vb_") for app in written["apps"].values())
        for name in ("demo.json", "demo.env", "secret-key"):
            assert stat.S_IMODE((running.folder / ".videobroker" / name).stat().st_mode) == 0o600

    def test_demo_env_sets_the_variables_of_the_documentation(self, running: Demo) -> None:
        script = '. .videobroker/demo.env; printf "%s\\n" "$BASE" "$KEY" "$SANDBOX"; command -v videobroker'
        done = subprocess.run(
            ["sh", "-euc", script], cwd=running.folder, env={"PATH": "/usr/bin:/bin"}, capture_output=True, check=True
        )
        written = running.written
        assert done.stdout.decode().split() == [
            written["base_url"],
            written["apps"]["tutoring-100ms"]["api_key"],
            written["sandbox_url"],
            str(Path(sys.executable).with_name("videobroker")),
        ]

    def test_with_demo_env_the_command_uses_the_demo_from_any_folder(self, running: Demo, tmp_path: Path) -> None:
        script = f". {running.folder}/.videobroker/demo.env; videobroker keys list tutoring-100ms --json"
        done = subprocess.run(
            ["sh", "-euc", script],
            cwd=tmp_path,
            env=environment(PATH="/usr/bin:/bin"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)[0]["name"] == "demo"
        assert list(tmp_path.iterdir()) == []


class TestSessions:
    @pytest.mark.parametrize(
        ("app", "session", "user_id", "role"),
        [
            ("tutoring-100ms", "bookings/lesson-1", "tutor-1", "teacher"),
            ("tutoring-100ms", "bookings/lesson-1", "student-1", "student"),
            ("appointments", "bookings/1", "doctor-1", "host"),
            ("appointments", "bookings/1", "patient-1", "guest"),
            ("groups", f"groups/{GROUP_WITH_VIDEO}", "admin-1", "host"),
            ("groups", f"groups/{GROUP_WITH_VIDEO}", "member-1", "guest"),
            ("therapy", "bookings/therapy-1", "therapist-1", "host"),
            ("therapy", "bookings/therapy-1", "client-1", "guest"),
        ],
    )
    def test_all_people_on_100ms_get_a_token_for_their_role(
        self, running: Demo, app: str, session: str, user_id: str, role: str
    ) -> None:
        response = running.join(app, session, user_id)
        assert response.status_code == 200, response.text
        credentials = response.json()
        assert (credentials["type"], credentials["role"]) == ("100ms_token", role)
        claims = jwt.decode(credentials["token"], options={"verify_signature": False})
        assert (claims["role"], claims["room_id"]) == (role, credentials["room_id"])

    @pytest.mark.parametrize("user_id", ["tutor-1", "student-1"])
    def test_all_people_on_agora_get_a_token_and_a_uid(self, running: Demo, user_id: str) -> None:
        response = running.join("tutoring-agora", "bookings/lesson-1", user_id)
        assert response.status_code == 200, response.text
        credentials = response.json()
        assert (credentials["provider"], credentials["role"]) == ("agora", "publisher")
        assert credentials["token"].startswith("007")
        assert credentials["uid"] > 0

    def test_the_ready_made_page_opens(self, running: Demo) -> None:
        body = {"user_id": "patient-1", "surface": "prebuilt"}
        credentials = running.send("appointments", "POST", "/v1/bookings/1/join", json=body).json()
        assert credentials["url"].startswith(running.written["sandbox_url"])
        # Not with httpx, which logs URLs: this one contains the code.
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(credentials["url"]) as page:
            assert page.status == 200

    @pytest.mark.parametrize(
        ("app", "session", "user_id", "code"),
        [
            ("tutoring-100ms", "bookings/lesson-2", "tutor-1", "session_not_confirmed"),
            ("tutoring-100ms", "bookings/lesson-3", "tutor-1", "too_early"),
            ("tutoring-100ms", "bookings/lesson-1", "stranger", "not_a_participant"),
            ("appointments", "bookings/2", "doctor-1", "video_disabled"),
            ("groups", f"groups/{GROUP_WITHOUT_VIDEO}", "admin-1", "video_disabled"),
        ],
    )
    def test_other_sessions_refuse_with_the_shown_reason(
        self, running: Demo, app: str, session: str, user_id: str, code: str
    ) -> None:
        response = running.join(app, session, user_id)
        assert (response.status_code, response.json()["code"]) == (403, code)

    def test_tomorrows_lesson_opens_ten_minutes_before_it_starts(self, running: Demo) -> None:
        access = running.join("tutoring-100ms", "bookings/lesson-3", "tutor-1").json()["access"]
        lesson = running.send("tutoring-100ms", "GET", "/v1/bookings/lesson-3").json()
        assert moment(access["opens_at"]) == moment(lesson["starts_at"]) - timedelta(minutes=10)
        assert timedelta(hours=23) < moment(lesson["starts_at"]) - datetime.now(UTC) <= timedelta(days=1)

    def test_guests_may_join_the_circle(self, running: Demo) -> None:
        response = running.send("groups", "POST", f"/v1/groups/{GROUP_WITH_VIDEO}/guests", json={"name": "Ida"})
        assert (response.status_code, response.json()["role"]) == (200, "guest")

    def test_a_backend_on_this_machine_receives_events(self, running: Demo) -> None:
        backend = f"{running.written['base_url']}/healthz"
        made = running.send("therapy", "POST", "/v1/webhook-endpoints", json={"url": backend})
        assert made.status_code == 201, made.text
        tried = running.send("therapy", "POST", f"/v1/webhook-endpoints/{made.json()['id']}/test").json()
        # The URL was reached, but does not accept POST.
        assert (tried["status"], tried["error"]) == (405, None)

    def test_an_app_has_no_access_to_another(self, running: Demo) -> None:
        response = running.join("therapy", "bookings/lesson-1", "tutor-1")
        assert (response.status_code, response.json()["code"]) == (404, "session_not_found")


@pytest.mark.long
class TestStartingAgain:
    @pytest.mark.representative
    def test_a_restart_preserves_keys_and_rooms_and_updates_the_times(self, demo: Demo) -> None:
        process = demo.start()
        keys, admin_key = demo.keys, demo.written["admin_key"]
        room = demo.join("tutoring-100ms", "bookings/lesson-1", "tutor-1").json()["room_id"]
        starts_at = demo.send("tutoring-100ms", "GET", "/v1/bookings/lesson-1").json()["starts_at"]
        assert stop(process, signal.SIGINT) == 0
        before = datetime.now(UTC)
        demo.start()
        assert demo.keys == keys
        assert demo.written["admin_key"] == admin_key
        again = moment(demo.send("tutoring-100ms", "GET", "/v1/bookings/lesson-1").json()["starts_at"])
        assert again > moment(starts_at)
        assert again >= before + timedelta(minutes=5)
        assert demo.join("tutoring-100ms", "bookings/lesson-1", "tutor-1").json()["room_id"] == room
        counters = httpx.get(f"{demo.written['sandbox_url']}/_sandbox/counters", trust_env=False).json()
        assert counters["rooms_created"] == 0

    def test_other_ports_are_recorded_and_a_lost_demo_json_is_recreated(self, demo: Demo) -> None:
        process = demo.start()
        demo.join("tutoring-100ms", "bookings/lesson-1", "tutor-1")
        assert stop(process, signal.SIGINT) == 0
        (demo.folder / ".videobroker" / "demo.json").unlink()
        demo.port, demo.sandbox_port = free_port(), free_port()
        demo.start()
        assert demo.written["base_url"] == f"http://127.0.0.1:{demo.port}"
        response = demo.join("tutoring-100ms", "bookings/lesson-1", "student-1")
        assert response.status_code == 200, response.text


def sandbox_of(process: subprocess.Popen[bytes]) -> psutil.Process:
    (sandbox,) = [
        child
        for child in psutil.Process(process.pid).children(recursive=True)
        if {"videobroker", "sandbox"} <= set(child.cmdline())
    ]
    return sandbox


@pytest.mark.long
class TestStopping:
    @pytest.mark.parametrize(
        "how",
        [pytest.param(signal.SIGINT, marks=pytest.mark.representative), signal.SIGTERM],
        ids=lambda how: how.name,
    )
    def test_no_process_and_no_port_remains(self, demo: Demo, how: signal.Signals) -> None:
        process = demo.start()
        children = psutil.Process(process.pid).children(recursive=True)
        assert children
        assert demo.listens() == [demo.port, demo.sandbox_port]
        # A terminal sends SIGINT to the whole process group. An init system sends SIGTERM to the first process.
        if how is signal.SIGINT:
            os.killpg(process.pid, how)
        else:
            process.send_signal(how)
        assert process.wait(TIMEOUT_SECONDS) == 0
        assert "Stopped. The data is stored in .videobroker" in demo.output
        assert "Traceback" not in demo.output
        assert [child for child in children if child.is_running()] == []
        assert demo.processes() == []
        assert demo.listens() == []

    @pytest.mark.parametrize("step", STEPS)
    def test_ctrl_c_during_the_start_leaves_no_process_and_the_next_start_works(self, demo: Demo, step: str) -> None:
        process = demo.launch()
        eventually_blocking(lambda: STEPS[step](demo))
        os.killpg(process.pid, signal.SIGINT)
        process.wait(TIMEOUT_SECONDS)
        # SIGINT reaches all processes: a shell that creates the database may end slightly after the demo.
        eventually_blocking(lambda: demo.processes() == [])
        assert demo.listens() == []
        demo.start()
        assert demo.join("tutoring-100ms", "bookings/lesson-1", "tutor-1").status_code == 200

    def test_when_the_sandbox_ends_the_demo_ends_and_says_so(self, demo: Demo) -> None:
        process = demo.start()
        sandbox_of(process).kill()
        assert process.wait(TIMEOUT_SECONDS) == 1
        assert "The sandbox has ended with code -9" in demo.output
        assert "Traceback" not in demo.output
        assert demo.processes() == []

    def test_after_kill_9_the_sandbox_stops_and_the_next_start_works(self, demo: Demo) -> None:
        process = demo.start()
        keys = demo.keys
        sandbox = sandbox_of(process)
        process.kill()
        process.wait()
        sandbox.wait(10)
        assert demo.listens() == []
        again = demo.start()
        assert demo.keys == keys
        assert demo.join("tutoring-100ms", "bookings/lesson-1", "tutor-1").status_code == 200
        assert stop(again, signal.SIGINT) == 0
        assert demo.processes() == []

    def test_after_kill_9_no_postgresql_remains(self, demo: Demo) -> None:
        process = demo.start()
        assert demo.processes() != []
        process.kill()
        process.wait()
        eventually_blocking(lambda: demo.processes() == [])


class TestSecondStart:
    def test_a_second_demo_in_the_folder_is_refused_and_does_not_affect_the_first(self, demo: Demo) -> None:
        demo.start()
        second = Demo(demo.folder)
        (demo.folder / "output").rename(demo.folder / "first")
        assert second.launch().wait(TIMEOUT_SECONDS) == 1
        assert "Another `make run` uses .videobroker." in second.output
        assert httpx.get(f"{demo.written['base_url']}/healthz", trust_env=False).status_code == 200

    def test_output_to_a_file_has_no_escape_sequences(self, running: Demo) -> None:
        assert "\x1b" not in running.output


class TestBusyPorts:
    @pytest.mark.parametrize("name", ["PORT", "SANDBOX_PORT"])
    def test_a_port_in_use_is_an_error_that_says_what_to_do(self, demo: Demo, name: str) -> None:
        ports = {"PORT": demo.port, "SANDBOX_PORT": demo.sandbox_port}
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", ports[name]))
            taken.listen()
            process = demo.launch()
            assert process.wait(TIMEOUT_SECONDS) == 1
        (sentence,) = demo.output.splitlines()
        assert f"Port {ports[name]} is already in use." in sentence
        assert f"make run {name}=" in sentence
        assert {path.name for path in demo.folder.rglob("*")} <= {"output", ".videobroker", "demo.lock"}

    def test_one_port_for_both_services_is_refused(self, demo: Demo) -> None:
        demo.sandbox_port = demo.port
        process = demo.launch()
        assert process.wait(TIMEOUT_SECONDS) in {1, 2}
        assert str(demo.port) in demo.output
        assert "Traceback" not in demo.output
        assert demo.processes() == []
