"""The environment makes an app; what is wrong in it is named, in a sentence and without its secrets."""

import asyncio
import json
import socket
from pathlib import Path

import httpx
import pytest
import uvicorn

from cli.program import Here, Outcome, answering, ask, environment, run, started
from tenants import free_port
from videobroker import wiring
from videobroker.settings import Settings

SECRET = "hunter2-hunter2-hunter2"
ENVIRONMENT_APP = {
    "VIDEOBROKER_APP": "from-the-environment",
    "VIDEOBROKER_API_KEY": "vb_from-the-environment-and-long-enough",
    "HMS_ACCESS_KEY": "5a0db0c5000000000000d03a",
    "HMS_SECRET": "a-secret-that-nobody-may-read",
    "AGORA_APP_ID": "a60a" * 8,
    "AGORA_APP_CERTIFICATE": "d3300000" * 4,
}


def is_a_sentence(outcome: Outcome, code: int, *named: str) -> None:
    """It failed in a way that helps."""
    assert outcome.code == code, outcome.said
    assert "Traceback" not in outcome.said
    for name in named:
        assert name in outcome.said
    assert SECRET not in outcome.said


def failing(videobroker: Here, folder: Path, arguments: tuple[str, ...], **variables: str) -> Outcome:
    """The service in a process of its own, which would run forever if it started; other commands in this one."""
    if arguments[0] == "serve":
        return run(*arguments, cwd=folder, PORT=str(free_port()), **variables)
    return videobroker(*arguments, **variables)


class TestTheEnvironmentsApp:
    def test_it_is_served_and_a_restart_makes_nothing_twice(
        self, videobroker: Here, variables: dict[str, str], own_database: str, tmp_path: Path, log_folder: Path
    ) -> None:
        port, log = free_port(), log_folder / "environment.log"
        settings = {**variables, **ENVIRONMENT_APP, "PORT": str(port)}
        for _ in range(2):
            with (
                started("serve", cwd=tmp_path, log=log, variables=settings) as service,
                httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client,
            ):
                answering(service, f"{client.base_url}/readyz", log)
                headers = {"Authorization": f"Bearer {ENVIRONMENT_APP['VIDEOBROKER_API_KEY']}"}
                assert client.get("/v1/bookings", headers=headers).status_code == 200
            assert service.returncode == 0
        (app,) = json.loads(videobroker.succeed("apps", "list", "--json").out)
        assert (app["name"], app["accounts"]) == ("from-the-environment", ["100ms", "agora"])
        (key,) = json.loads(videobroker.succeed("keys", "list", "from-the-environment", "--json").out)
        assert (key["name"], key["revoked_at"]) == ("environment", None)
        assert ask(own_database, "select distinct version from provider_accounts") == [(1,)]
        for name in ("VIDEOBROKER_API_KEY", "HMS_SECRET", "AGORA_APP_CERTIFICATE"):
            assert ENVIRONMENT_APP[name] not in log.read_text()

    def test_replicas_that_start_together_agree_on_it(
        self, videobroker: Here, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
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

    def test_variables_that_are_empty_count_as_not_set(
        self, videobroker: Here, variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
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
            ("DATABASE_URL", f"mysql://somebody:{SECRET}@127.0.0.1/x"),
            ("VIDEOBROKER_DIRECT_DATABASE_URL", f"mysql://somebody:{SECRET}@127.0.0.1/x"),
        ],
    )
    def test_a_wrong_value_is_told_with_the_name_of_its_variable_and_exit_code_2(
        self, videobroker: Here, monkeypatch: pytest.MonkeyPatch, name: str, value: str
    ) -> None:
        monkeypatch.setattr(uvicorn.Server, "run", lambda _: pytest.fail("the service started"))
        is_a_sentence(videobroker("serve", **{"PORT": str(free_port()), name: value}), 2, name)

    @pytest.mark.parametrize(("name", "value"), [("PORT", "abc"), ("VIDEOBROKER_SECRET_KEY", SECRET)])
    def test_so_it_is_by_a_process_of_its_own(
        self, variables: dict[str, str], tmp_path: Path, name: str, value: str
    ) -> None:
        is_a_sentence(run("serve", cwd=tmp_path, **{**variables, "PORT": str(free_port()), name: value}), 2, name)

    def test_values_that_do_not_go_together_are_told_by_their_names(self, videobroker: Here) -> None:
        together = {"HMS_ENVIRONMENT": "production", "HMS_API_URL": "http://127.0.0.1:8081/v2"}
        outcome = videobroker("apps", "list", **together)
        is_a_sentence(outcome, 2, *together)
        assert "The setting  is" not in outcome.err

    def test_a_way_past_the_pooler_needs_one_through_it(self, videobroker: Here) -> None:
        alone = {"DATABASE_URL": "", "VIDEOBROKER_DIRECT_DATABASE_URL": f"postgresql://somebody:{SECRET}@127.0.0.1/x"}
        is_a_sentence(videobroker("apps", "list", **alone), 2, *alone)

    def test_two_names_of_one_thing_with_different_values_are_told_by_both(self, videobroker: Here) -> None:
        together = {"HMS_SECRET": SECRET, "HMS_APP_SECRET": f"{SECRET}-another"}
        outcome = videobroker("apps", "list", **together)
        is_a_sentence(outcome, outcome.code, *together)
        assert outcome.code in {1, 2}

    def test_a_dot_env_file_is_read_and_judged_like_the_environment(
        self, videobroker: Here, tmp_path: Path, variables: dict[str, str]
    ) -> None:
        (tmp_path / ".env").write_text("PORT=abc\n")
        is_a_sentence(videobroker("apps", "list"), 2, "PORT")
        (tmp_path / ".env").write_text("".join(f"{name}={value}\n" for name, value in variables.items()))
        assert run("apps", "list", "--json", cwd=tmp_path).out == "[]\n"

    def test_a_key_that_cannot_be_one_is_refused_at_the_start_and_not_repeated(
        self, variables: dict[str, str], tmp_path: Path
    ) -> None:
        settings = {**variables, "VIDEOBROKER_APP": "acme", "VIDEOBROKER_API_KEY": SECRET, "PORT": str(free_port())}
        outcome = run("serve", cwd=tmp_path, **settings)
        is_a_sentence(outcome, outcome.code, "vb_")
        assert outcome.code in {1, 2}

    def test_an_account_that_cannot_work_is_refused_at_the_start(
        self, variables: dict[str, str], tmp_path: Path
    ) -> None:
        settings = {**variables, "VIDEOBROKER_APP": "acme", "HMS_SECRET": SECRET, "PORT": str(free_port())}
        is_a_sentence(run("serve", cwd=tmp_path, **settings), 1, "access_key")

    def test_a_secret_key_that_cannot_be_kept_is_told_with_the_variable_to_set(
        self, videobroker: Here, tmp_path: Path
    ) -> None:
        (tmp_path / "file").touch()
        outcome = videobroker("apps", "list", VIDEOBROKER_SECRET_KEY="", VIDEOBROKER_DATA_DIR=str(tmp_path / "file"))
        is_a_sentence(outcome, 1, "VIDEOBROKER_SECRET_KEY")


class TestTrouble:
    @pytest.mark.parametrize("arguments", [("migrate",), ("apps", "list"), ("serve",), ("serve", "--migrate")])
    def test_a_database_that_does_not_answer_is_told_in_a_sentence(
        self, videobroker: Here, tmp_path: Path, arguments: tuple[str, ...]
    ) -> None:
        url = f"postgresql://somebody:{SECRET}@127.0.0.1:{free_port()}/nowhere"
        outcome = failing(videobroker, tmp_path, arguments, DATABASE_URL=url)
        is_a_sentence(outcome, 1, "database")

    @pytest.mark.parametrize("arguments", [("migrate",), ("apps", "list"), ("serve",)])
    def test_so_is_a_database_that_does_not_exist(
        self, videobroker: Here, variables: dict[str, str], tmp_path: Path, arguments: tuple[str, ...]
    ) -> None:
        url = variables["DATABASE_URL"].replace("videobroker_", "missing_", 1)
        outcome = failing(videobroker, tmp_path, arguments, **{**variables, "DATABASE_URL": url})
        is_a_sentence(outcome, 1, "missing_")

    @pytest.mark.parametrize("arguments", [("serve",), ("sandbox", "--port")])
    def test_a_port_that_is_taken_is_told_in_a_sentence(
        self, variables: dict[str, str], tmp_path: Path, arguments: tuple[str, ...]
    ) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = str(taken.getsockname()[1])
            if arguments[-1] == "--port":
                arguments = (*arguments, port)
            is_a_sentence(run(*arguments, cwd=tmp_path, **{**variables, "PORT": port}), 1, port)

    def test_the_tests_themselves_take_no_setting_from_outside(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("HMS_SECRET", SECRET)
        monkeypatch.setenv("SANDBOX_PORT", "1")
        assert not {"HMS_SECRET", "SANDBOX_PORT"} & set(environment())
