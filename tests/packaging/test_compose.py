"""docker-compose.yml uses only existing commands, options, and settings, and its environment works."""

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import yaml
from cryptography.fernet import Fernet

from cli.program import SETTINGS_VARIABLES, await_ready, new_database, running_program
from database_roles import as_service_role
from polling import eventually_blocking
from tenants import free_port
from videobroker import wiring, worker
from videobroker.cli import load, serve
from videobroker.domain.api_keys import check_key_shape
from videobroker.sandbox import demo_config
from videobroker.settings import Settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, Any] = COMPOSE["services"]
OUR_SERVICES = {name: service for name, service in SERVICES.items() if "build" in service}
BROKER: dict[str, str] = SERVICES["broker"]["environment"]


def command_of(words: list[str]) -> Any:
    """The command of these arguments."""
    return load(words[0])


def test_it_has_a_database_a_sandbox_the_service_and_an_optional_worker() -> None:
    assert set(SERVICES) == {"postgres", "migrate", "broker", "worker"}
    assert set(OUR_SERVICES) == {"migrate", "broker", "worker"}
    assert {name for name, service in SERVICES.items() if "profiles" in service} == {"worker"}


def test_it_says_that_it_is_for_development() -> None:
    assert TEXT.startswith("# For development only")


@pytest.mark.parametrize("name", OUR_SERVICES)
def test_our_services_run_the_image_of_this_folder(name: str) -> None:
    assert (ROOT / OUR_SERVICES[name]["build"] / "Dockerfile").is_file()
    assert OUR_SERVICES[name]["image"] == "videobroker:development"


@pytest.mark.parametrize("name", OUR_SERVICES)
def test_every_command_and_option_exists(name: str) -> None:
    words = OUR_SERVICES[name]["command"]
    spellings = {option for parameter in command_of(words).params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= spellings


@pytest.mark.parametrize("name", OUR_SERVICES)
def test_every_variable_is_a_setting(name: str) -> None:
    assert set(OUR_SERVICES[name]["environment"]) <= SETTINGS_VARIABLES
    assert all(isinstance(value, str) for value in OUR_SERVICES[name]["environment"].values())


def test_the_service_waits_for_the_migration_and_that_for_the_database() -> None:
    assert SERVICES["broker"]["depends_on"] == {"migrate": {"condition": "service_completed_successfully"}}
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_the_worker_has_the_settings_of_the_service_and_its_database() -> None:
    own = {"HOST", "VIDEOBROKER_HEALTH_PORT"}
    environment = SERVICES["worker"]["environment"]
    assert {name: value for name, value in environment.items() if name not in own} == BROKER
    assert SERVICES["worker"]["depends_on"] == {
        name: {"condition": "service_healthy"} for name in ("postgres", "broker")
    }
    # The health check of the image is for the service, whose container the worker shares.
    port = environment["VIDEOBROKER_HEALTH_PORT"]
    assert f"http://127.0.0.1:{port}/readyz" in SERVICES["worker"]["healthcheck"]["test"][-1]
    assert not any(published.endswith(f":{port}") for published in SERVICES["broker"]["ports"])
    assert "docker compose --profile worker up" in TEXT


def test_it_starts_what_make_run_starts() -> None:
    (recipe,) = re.findall(r"exec \$\(BIN\)/videobroker (.+)", (ROOT / "Makefile").read_text())
    assert SERVICES["broker"]["command"] == recipe.split()


def test_a_backend_on_this_machine_has_a_name_and_is_allowed() -> None:
    assert SERVICES["broker"]["extra_hosts"] == ["host.docker.internal:host-gateway"]
    assert "http://host.docker.internal:" in TEXT.split("name: videobroker")[0]
    assert BROKER["VIDEOBROKER_WEBHOOKS_ANYWHERE"] == "true"
    # The worker reaches the sandbox and the backend at the addresses that the service uses.
    assert SERVICES["worker"]["network_mode"] == "service:broker"


def test_demo_keys_are_in_a_volume_that_the_service_can_write() -> None:
    data = BROKER["VIDEOBROKER_DATA_DIR"]
    assert SERVICES["broker"]["volumes"] == [f"data:{data}"]
    assert f"--owner 10001 --group 10001 {data}" in (ROOT / "Dockerfile").read_text()


def test_the_sandbox_sends_webhooks_to_the_service() -> None:
    url = urlsplit(BROKER["HMS_WEBHOOK_URL"])
    assert f"127.0.0.1:{url.port}:{url.port}" in SERVICES["broker"]["ports"]
    assert url.path == f"/hooks/100ms/{BROKER['VIDEOBROKER_APP']}"


WITHOUT_PORT = ["migrate", "worker"]


def test_only_the_migration_and_the_worker_have_no_port() -> None:
    assert [name for name, service in SERVICES.items() if "ports" not in service] == WITHOUT_PORT


@pytest.mark.parametrize("name", [name for name in SERVICES if name not in WITHOUT_PORT])
def test_ports_are_open_to_this_machine_only(name: str) -> None:
    assert all(re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in SERVICES[name]["ports"])


def test_the_volume_is_the_data_directory_of_postgres_18() -> None:
    assert SERVICES["postgres"]["image"] == "postgres:18-alpine"
    assert SERVICES["postgres"]["volumes"] == ["postgres:/var/lib/postgresql"]
    assert set(COMPOSE["volumes"]) == {"postgres", "data"}


def test_the_database_urls_match_the_postgres_container() -> None:
    made = SERVICES["postgres"]["environment"]
    owner, service = (urlsplit(SERVICES[name]["environment"]["DATABASE_URL"]) for name in ("migrate", "broker"))
    for url in (owner, service):
        assert (url.scheme, url.hostname, url.port) == ("postgresql", "postgres", 5432)
        assert url.path == f"/{made['POSTGRES_DB']}"
    assert (owner.username, owner.password) == (made["POSTGRES_USER"], made["POSTGRES_PASSWORD"])
    assert COMPOSE["configs"]["roles"]["content"] == (
        f"create role {service.username} login password '{service.password}';"
    )
    (mounted,) = SERVICES["postgres"]["configs"]
    assert mounted == {"source": "roles", "target": "/docker-entrypoint-initdb.d/roles.sql"}
    assert SERVICES["migrate"]["command"][1:] == ["--grant-to", service.username]
    check = SERVICES["postgres"]["healthcheck"]["test"]
    assert check[:2] == ["CMD", "pg_isready"]
    assert {f"--username={made['POSTGRES_USER']}", f"--dbname={made['POSTGRES_DB']}"} < set(check)


@pytest.mark.skipif(shutil.which("pg_isready") is None, reason="pg_isready is not installed")
def test_pg_isready_accepts_these_options() -> None:
    check = [*SERVICES["postgres"]["healthcheck"]["test"][1:], f"--port={free_port()}", "--timeout=1"]
    # 2: no response. 3 would be invalid options.
    assert subprocess.run(check, capture_output=True, timeout=60, check=False).returncode == 2


def test_the_account_is_the_one_that_every_sandbox_has() -> None:
    (workspace,) = demo_config().workspaces
    tutoring = next(template for template in workspace.templates if template.name == "tutoring")
    assert BROKER["HMS_ACCESS_KEY"] == workspace.access_key
    assert BROKER["HMS_SECRET"] == workspace.secret
    assert BROKER["HMS_TEMPLATE_ID"] == tutoring.id


def test_the_service_and_the_browser_both_find_the_sandbox() -> None:
    (port,) = [parameter.default for parameter in command_of(["demo"]).params if parameter.name == "sandbox_port"]
    assert BROKER["HMS_API_URL"] == f"http://127.0.0.1:{port}/v2"
    assert BROKER["HMS_PREBUILT_URL"] == f"http://127.0.0.1:{port}"
    assert SERVICES["broker"]["ports"] == ["127.0.0.1:8080:8080", f"127.0.0.1:{port}:{port}"]


def test_its_secrets_are_valid_and_marked_as_public() -> None:
    Fernet(BROKER["VIDEOBROKER_SECRET_KEY"])
    check_key_shape(BROKER["VIDEOBROKER_API_KEY"])
    for name in (
        "VIDEOBROKER_SECRET_KEY",
        "VIDEOBROKER_API_KEY",
        "VIDEOBROKER_ADMIN_KEY",
        "HMS_SECRET",
        "HMS_WEBHOOK_SECRET",
    ):
        assert "not-a" in BROKER[name]
    assert "development" in BROKER["VIDEOBROKER_SECRET_KEY"]
    assert BROKER["VIDEOBROKER_API_KEY"] in TEXT.split("name: videobroker")[0]


def test_the_stop_grace_periods_are_long_enough() -> None:
    for name, needed in (("broker", serve.GRACE_SECONDS), ("worker", worker.GRACE_SECONDS)):
        assert int(SERVICES[name]["stop_grace_period"].removesuffix("s")) > needed, name


@pytest.fixture(scope="module")
def sandbox_url() -> str:
    """The URL of the sandbox of the file."""
    return f"http://127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def client(postgres: str, tmp_path_factory: pytest.TempPathFactory, sandbox_url: str) -> Iterator[httpx.Client]:
    """A client with the API key of the file, of a service with its environment; only the addresses differ."""
    folder, data = tmp_path_factory.mktemp("compose"), tmp_path_factory.mktemp("data")
    sandbox_port, port = urlsplit(sandbox_url).port, free_port()
    url = f"http://127.0.0.1:{port}"
    # Not in the folder that is searched for secrets: the demo prints keys intentionally.
    log = data / "compose-broker.log"
    headers = {"Authorization": f"Bearer {BROKER['VIDEOBROKER_API_KEY']}"}
    with new_database(postgres) as database:
        asyncio.run(wiring.migrate(database))
        variables = {
            **BROKER,
            "DATABASE_URL": asyncio.run(as_service_role(database)),
            "VIDEOBROKER_DATA_DIR": str(data / "volume"),
            "HMS_API_URL": f"{sandbox_url}/v2",
            "HMS_PREBUILT_URL": sandbox_url,
            "HMS_WEBHOOK_URL": BROKER["HMS_WEBHOOK_URL"].replace("http://127.0.0.1:8080", url),
            "HOST": "127.0.0.1",
            "PORT": str(port),
            "SANDBOX_PORT": str(sandbox_port),
        }
        with (
            running_program(*SERVICES["broker"]["command"], cwd=folder, log=log, variables=variables) as broker,
            httpx.Client(base_url=url, headers=headers, trust_env=False) as client,
        ):
            await_ready(broker, f"{url}/healthz", log)
            yield client
        assert broker.returncode == 0
    # The state is in the database and the volume.
    assert list(folder.iterdir()) == []


class TestServing:
    """Real processes with the environment of the file."""

    def test_it_is_ready(self, client: httpx.Client) -> None:
        assert client.get("/readyz").status_code == 200

    def test_the_demo_apps_and_the_console_are_there(self, client: httpx.Client) -> None:
        page = client.get("/demo").text
        for app in ("tutoring-100ms", "appointments", "groups", "therapy", "tutoring-agora"):
            assert app in page
        fields = {"name": "Olive", "key": BROKER["VIDEOBROKER_ADMIN_KEY"], "zone": "UTC"}
        assert client.post("/console/sign-in", data=fields).status_code == 303

    def test_a_booking_is_registered_and_joined(self, client: httpx.Client) -> None:
        booking = {
            "starts_at": (datetime.now(UTC) + timedelta(minutes=5)).isoformat(),
            "duration_minutes": 60,
            "participants": [{"user_id": "tutor-1", "role": "tutor"}, {"user_id": "student-1", "role": "student"}],
        }
        assert client.put("/v1/bookings/lesson-1", json=booking).status_code == 201
        for user_id, role in (("tutor-1", "teacher"), ("student-1", "student")):
            response = client.post("/v1/bookings/lesson-1/join", json={"user_id": user_id})
            assert response.status_code == 200, response.text
            assert (response.json()["type"], response.json()["role"]) == ("100ms_token", role)

    def test_participants_are_in_the_attendance_of_the_booking(self, client: httpx.Client, sandbox_url: str) -> None:
        tutor = client.post("/v1/bookings/lesson-1/join", json={"user_id": "tutor-1"}).json()
        peers = f"{sandbox_url}/_sandbox/rooms/{tutor['room_id']}/peers"
        assert httpx.post(peers, json={"token": tutor["token"], "name": "Ada"}, trust_env=False).status_code == 200
        eventually_blocking(lambda: client.get(f"/v1/calls/{tutor['call']['id']}").json()["attendance"])
        people = client.get("/v1/bookings/lesson-1/attendance").json()["participants"]
        assert {each["user_id"]: each["source"] for each in people} == {"tutor-1": "observed", "student-1": None}

    def test_the_documented_response_is_returned(self, client: httpx.Client) -> None:
        (promised,) = re.findall(r"curl http://127\.0\.0\.1:8080(\S+) -H 'Authorization: Bearer (\S+)'", TEXT)
        path, key = promised
        response = client.get(path, headers={"Authorization": f"Bearer {key}"})
        assert (response.status_code, set(response.json())) == (200, {"data", "next"})


def test_the_settings_accept_the_whole_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in SETTINGS_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in BROKER.items():
        monkeypatch.setenv(name, value)
    settings = Settings(_env_file=None)
    (account,) = settings.accounts().values()
    assert set(account) == {
        "access_key",
        "secret",
        "template_id",
        "api_url",
        "prebuilt_url",
        "webhook_url",
        "webhook_secret",
    }
    assert settings.app_name == "demo"
