"""The units of `deploy/systemd` use only existing commands, options, settings, and ports."""

import configparser
import re
import shlex

import pytest

from cli.program import SETTINGS_VARIABLES
from scaling.local_proxies import HTTP_CONF, ROOT
from videobroker import worker
from videobroker.cli import load, serve

FOLDER = ROOT / "deploy" / "systemd"
SERVICES = sorted(FOLDER.glob("*.service"))
UNITS = [*SERVICES, *FOLDER.glob("*.target")]


def unit(name: str) -> configparser.ConfigParser:
    """A parsed unit. No unit repeats an option."""
    read = configparser.ConfigParser(interpolation=None)
    read.optionxform = str  # type: ignore[assignment,method-assign]
    read.read(FOLDER / name)
    return read


def words_of(name: str) -> list[str]:
    """The arguments of the command."""
    return shlex.split(unit(name)["Service"]["ExecStart"])


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: str(path.name))
def test_every_command_and_option_exists(path: object) -> None:
    program, command, *options = words_of(str(getattr(path, "name", path)))
    assert program == "/opt/videobroker/bin/videobroker"
    switches = load(command).params
    spellings = {spelling for switch in switches for spelling in (*switch.opts, *switch.secondary_opts)}
    assert {word for word in options if word.startswith("-")} <= spellings


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: str(path.name))
def test_no_unit_runs_as_root(path: object) -> None:
    service = unit(str(getattr(path, "name", path)))["Service"]
    assert (service["User"], service["NoNewPrivileges"], service["CapabilityBoundingSet"]) == ("videobroker", "yes", "")
    assert service["ProtectSystem"] == "strict"


def test_every_named_unit_exists() -> None:
    there = {path.name for path in UNITS}
    for path in UNITS:
        for named in re.findall(r"videobroker[\w@-]*\.(?:service|target)", path.read_text()):
            assert re.sub(r"@\d+", "@", named) in there, (path.name, named)


def test_the_ports_match_those_of_nginx() -> None:
    upstream = re.findall(r"server 127\.0\.0\.1:(\d+)", (ROOT / "deploy" / "nginx" / HTTP_CONF).read_text())
    ports = re.findall(r"videobroker@(\d+)\.service", unit("videobroker.target")["Unit"]["Wants"])
    assert ports == upstream
    assert unit("videobroker@.service")["Service"]["Environment"].split() == ["HOST=127.0.0.1", "PORT=%i"]


def test_the_worker_reports_its_health_on_a_port_of_its_own() -> None:
    variables = dict(each.split("=") for each in unit("videobroker-work.service")["Service"]["Environment"].split())
    assert set(variables) == {"HOST", "VIDEOBROKER_HEALTH_PORT"} <= SETTINGS_VARIABLES
    assert variables["HOST"] == "127.0.0.1"
    assert (
        f"127.0.0.1:{variables['VIDEOBROKER_HEALTH_PORT']}" not in (ROOT / "deploy" / "nginx" / HTTP_CONF).read_text()
    )
    assert f":{variables['VIDEOBROKER_HEALTH_PORT']}/readyz" in (FOLDER / "videobroker-work.service").read_text()


@pytest.mark.parametrize("name", ["environment.example", "migrate-environment.example"])
def test_every_variable_of_the_examples_is_a_setting(name: str) -> None:
    named = re.findall(r"^([A-Z_]+)=", (FOLDER / name).read_text(), flags=re.MULTILINE)
    assert named
    assert set(named) <= SETTINGS_VARIABLES


def test_the_stop_timeouts_are_long_enough() -> None:
    for name, needed in (
        ("videobroker@.service", serve.GRACE_SECONDS),
        ("videobroker-work.service", worker.GRACE_SECONDS),
    ):
        assert int(unit(name)["Service"]["TimeoutStopSec"]) > needed, name
