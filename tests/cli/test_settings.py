"""The app of the environment, and errors for invalid settings, which contain no secrets."""

import asyncio
import json
import socket
from pathlib import Path

import httpx
import pytest
import uvicorn

from cli.program import CommandRunner, Outcome, await_ready, environment, fetch_rows, run, running_program
from tenants import free_port
from videobroker import wiring
from videobroker.settings import Settings

SECRET = "hunter2-hunter2-hunter2"
ENVIRONMENT_APP = {
    "VIDEOBROKER_APP": "from-the-environment",
    "VIDEOBROKER_API_KEY": "vb_from-the-environment-and-long-enough",
    "HMS_ACCESS_KEY": "5a0db0c5000000000000d03a",
    "HMS_SECRET": "a-secret-that-must-not-leak",
    "AGORA_APP_ID": "a60a" * 8,
    "AGORA_APP_CERTIFICATE": "d3300000" * 4,
}


def assert_helpful_error(outcome: Outcome, code: int, *named: str) -> None:
    """Check that the command failed with a helpful error."""
    assert outcome.code == code, outcome.output
    assert "Traceback" not in outcome.output
    for name in named:
        assert name in outcome.output
    assert SECRET not in outcome.output


def run_failing(videobroker: CommandRunner, folder: Path, arguments: tuple[str, ...], **variables: str) -> Outcome:
    """Run the service in a new process, because it would run forever if it started; other commands in this one."""
    if arguments[0] == "serve":
        return run(*arguments, cwd=folder, PORT=str(free_port()), **variables)
    return videobroker(*arguments, **variables)


class TestAppOfEnvironment:
    @pytest.mark.long
    def test_it_is_served_and_a_restart_creates_no_duplicates(
        self, videobroker: CommandRunner, variables: dict[str, str], own_database: str, tmp_path: Path, log_folder: Path
    ) -> None:
        port, log = free_port(), log_folder / "environment.log"
        settings = {**variables, **ENVIRONMENT_APP, "PORT": str(port)}
        for _ in range(2):
            with (
                running_program("serve", cwd=tmp_path, log=log, variables=settings) as service,
                httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
            ):
                await_ready(service, f"{client.base_url}/readyz", log)
                headers = {"Authorization": f"Bearer {ENVIRONMENT_APP['VIDEOBROKER_API_KEY']}"}
                assert client.get("/v1/bookings", headers=headers).status_code == 200
            assert service.returncode == 0
        (app,) = json.loads(videobroker.succeed("apps", "list", "--json").out)
        assert (app["name"], app["accounts"]) == ("from-the-environment", ["100ms", "agora"])
        (key,) = json.loads(videobroker.succeed("keys", "list", "from-the-environment", "--json").out)
        assert (key["name"], key["revoked_at"]) == ("environment", None)
        assert fetch_rows(own_database, "select distinct version from provider_accounts") == [(1,)]
        for name in ("VIDEOBROKER_API_KEY", "HMS_SECRET", "AGORA_APP_CERTIFICATE"):
            assert ENVIRONMENT_APP[name] not in log.read_text()

    @pytest.mark.long
    def test_concurrently_started_replicas_create_it_once(
        self, videobroker: CommandRunner, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in {**variables, **ENVIRONMENT_APP}.items():
            monkeypatch.setenv(name, value)
        settings = Settings(_env_file=None)

        async def replica() -> None:
            async with wiring.broker(settings, variables["DATABASE_URL"]) as broker:
                await wiring.ensure_environment_app(broker, settings)

        async def together() -> None:
            await asyncio.gather(*(replica() for _ in range(5)))

        asyncio.run(together())
        (app,) = json.loads(videobroker.succeed("apps", "list", "--json").out)
        assert app["accounts"] == ["100ms", "agora"]

    def test_empty_variables_count_as_unset(
        self, videobroker: CommandRunner, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        for name in (*ENVIRONMENT_APP, "PORT", "HMS_API_URL"):
            monkeypatch.setenv(name, "")
        monkeypatch.setenv("DATABASE_URL", "")
        settings = Settings(_env_file=None)
        assert (settings.app_name, settings.port, settings.accounts()) == ("default", 8080, {})
        assert not any((settings.api_key, settings.database_url))


class TestWrongSettings:
    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("PORT", "abc"),
            ("PORT", "70000"),
            ("VIDEOBROKER_POOL_SIZE", "0"),
            ("VIDEOBROKER_LOG_LEVEL", "loud"),
            ("VIDEOBROKER_LOG_FORMAT", "xml"),
            ("VIDEOBROKER_INBOX_DAYS", "6"),
            ("VIDEOBROKER_DELIVERIES_DAYS", "-1"),
            ("VIDEOBROKER_USER_TOKEN_SECRET", SECRET),
            ("VIDEOBROKER_SECRET_KEY", SECRET),
            ("DATABASE_URL", SECRET),
            ("DATABASE_URL", f"mysql://user:{SECRET}@127.0.0.1/x"),
            ("VIDEOBROKER_DIRECT_DATABASE_URL", f"mysql://user:{SECRET}@127.0.0.1/x"),
        ],
    )
    def test_an_invalid_value_is_an_error_with_the_name_of_its_variable(
        self, videobroker: CommandRunner, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        monkeypatch.setattr(uvicorn.Server, "run", lambda _: pytest.fail("the service started"))
        assert_helpful_error(videobroker("serve", **{"PORT": str(free_port()), name: value}), 2, name)

    @pytest.mark.parametrize(("name", "value"), [("PORT", "abc"), ("VIDEOBROKER_SECRET_KEY", SECRET)])
    def test_a_new_process_reports_an_invalid_value(
        self, variables: dict[str, str], tmp_path: Path, name: str, value: str
    ) -> None:
        assert_helpful_error(
            run("serve", cwd=tmp_path, **{**variables, "PORT": str(free_port()), name: value}), 2, name
        )

    def test_contradictory_values_are_reported_by_name(self, videobroker: CommandRunner) -> None:
        together = {"HMS_ENVIRONMENT": "production", "HMS_API_URL": "http://127.0.0.1:8081/v2"}
        outcome = videobroker("apps", "list", **together)
        assert_helpful_error(outcome, 2, *together)
        assert "The setting  is" not in outcome.err

    def test_a_direct_database_url_needs_a_database_url(self, videobroker: CommandRunner) -> None:
        alone = {"DATABASE_URL": "", "VIDEOBROKER_DIRECT_DATABASE_URL": f"postgresql://user:{SECRET}@127.0.0.1/x"}
        assert_helpful_error(videobroker("apps", "list", **alone), 2, *alone)

    def test_two_synonyms_with_different_values_are_both_named(self, videobroker: CommandRunner) -> None:
        together = {"HMS_SECRET": SECRET, "HMS_APP_SECRET": f"{SECRET}-another"}
        outcome = videobroker("apps", "list", **together)
        assert_helpful_error(outcome, outcome.code, *together)
        assert outcome.code in {1, 2}

    def test_an_env_file_is_read_and_validated_like_the_environment(
        self, videobroker: CommandRunner, tmp_path: Path, variables: dict[str, str]
    ) -> None:
        (tmp_path / ".env").write_text("PORT=abc\n")
        assert_helpful_error(videobroker("apps", "list"), 2, "PORT")
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        assert run("apps", "list", "--json", cwd=tmp_path).out == "[]\n"

    def test_an_invalid_key_is_refused_at_startup_and_not_repeated(
        self, variables: dict[str, str], tmp_path: Path
    ) -> None:
        settings = {**variables, "VIDEOBROKER_APP": "acme", "VIDEOBROKER_API_KEY": SECRET, "PORT": str(free_port())}
        outcome = run("serve", cwd=tmp_path, **settings)
        assert_helpful_error(outcome, outcome.code, "vb_")
        assert outcome.code in {1, 2}

    def test_an_invalid_account_is_refused_at_startup(self, variables: dict[str, str], tmp_path: Path) -> None:
        settings = {**variables, "VIDEOBROKER_APP": "acme", "HMS_SECRET": SECRET, "PORT": str(free_port())}
        assert_helpful_error(run("serve", cwd=tmp_path, **settings), 1, "access_key")

    def test_a_secret_key_that_cannot_be_saved_is_an_error_with_the_variable_to_set(
        self, videobroker: CommandRunner, tmp_path: Path
    ) -> None:
        (tmp_path / "file").touch()
        outcome = videobroker("apps", "list", VIDEOBROKER_SECRET_KEY="", VIDEOBROKER_DATA_DIR=str(tmp_path / "file"))
        assert_helpful_error(outcome, 1, "VIDEOBROKER_SECRET_KEY")


class TestFailures:
    @pytest.mark.parametrize("arguments", [("migrate",), ("apps", "list"), ("serve",), ("serve", "--migrate")])
    def test_an_unreachable_database_is_an_error(
        self, videobroker: CommandRunner, tmp_path: Path, arguments: tuple[str, ...]
    ) -> None:
        url = f"postgresql://user:{SECRET}@127.0.0.1:{free_port()}/nowhere"
        outcome = run_failing(videobroker, tmp_path, arguments, DATABASE_URL=url)
        assert_helpful_error(outcome, 1, "database")

    @pytest.mark.parametrize("arguments", [("migrate",), ("apps", "list"), ("serve",)])
    def test_a_missing_database_is_an_error(
        self, videobroker: CommandRunner, variables: dict[str, str], tmp_path: Path, arguments: tuple[str, ...]
    ) -> None:
        url = variables["DATABASE_URL"].replace("videobroker_", "missing_", 1)
        outcome = run_failing(videobroker, tmp_path, arguments, **{**variables, "DATABASE_URL": url})
        assert_helpful_error(outcome, 1, "missing_")

    @pytest.mark.parametrize("arguments", [("serve",), ("sandbox", "--port")])
    def test_a_port_in_use_is_an_error(
        self, variables: dict[str, str], tmp_path: Path, arguments: tuple[str, ...]
    ) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            if arguments[-1] == "--port":
                arguments = (*arguments, port)
            assert_helpful_error(run(*arguments, cwd=tmp_path, **{**variables, "PORT": port}), 1, port)

    def test_tests_ignore_settings_of_the_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HMS_SECRET", SECRET)
        monkeypatch.setenv("SANDBOX_PORT", "1")
        assert not {"HMS_SECRET", "SANDBOX_PORT"} & set(environment())
