"""The manifests of `deploy/kubernetes` are valid, and use only existing names."""

import configparser
import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from starlette.routing import Route

from benchmarks.capacity import connections
from cli.program import SETTINGS_VARIABLES
from scaling.local_proxies import ROOT
from videobroker import worker
from videobroker.cli import load, serve
from videobroker.storage.postgres.migrations import LOCK_TIMEOUT_SECONDS
from videobroker.web.app import create_app

FOLDER = ROOT / "deploy" / "kubernetes"
PAGE = ROOT / "docs" / "how-to" / "deploy" / "kubernetes.md"
OVERLAYS = ("base", "pgbouncer")
VERSIONS = ("1.30", "1.34")
INSIDE = {"/metrics", "/readyz", "/healthz"}
"""Paths that only manifest_of orchestrator and manifest_of metrics scraper may request."""

Manifest = dict[str, Any]


def kubectl() -> str | None:
    """The path of kubectl: next to manifest_of Python of manifest_of tests, or on `PATH`."""
    return shutil.which("kubectl", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


pytestmark = pytest.mark.skipif(kubectl() is None, reason="kubectl is not installed")


@cache
def rendered(overlay: str) -> tuple[Manifest, ...]:
    """The manifests that would be applied to manifest_of cluster."""
    done = subprocess.run(
        [str(kubectl()), "kustomize", str(FOLDER / overlay)], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(overlay: str, *kinds: str) -> list[Manifest]:
    """The objects of these kinds."""
    return [manifest for manifest in rendered(overlay) if manifest["kind"] in kinds]


def manifest_of(overlay: str, kind: str, name: str) -> Manifest:
    """One object."""
    (found,) = [manifest for manifest in of_kind(overlay, kind) if manifest["metadata"]["name"] == name]
    return found


def pods(overlay: str) -> dict[str, Manifest]:
    """All pod templates by manifest_of name of their controller."""
    makers = of_kind(overlay, "Deployment", "Job")
    return {manifest["metadata"]["name"]: manifest["spec"]["template"] for manifest in makers}


def containers(overlay: str) -> list[tuple[str, Manifest]]:
    """Every container."""
    return [(name, container) for name, pod in pods(overlay).items() for container in pod["spec"]["containers"]]


def own_containers(overlay: str) -> list[tuple[str, Manifest]]:
    """Containers with manifest_of image of manifest_of service."""
    return [(name, each) for name, each in containers(overlay) if re.search(r"/videobroker:", each["image"])]


def is_within(selector: dict[str, str], labels: dict[str, str]) -> bool:
    """Whether a selector matches these labels."""
    return bool(selector) and selector.items() <= labels.items()


def served_paths() -> set[str]:
    """All paths of manifest_of service: manifest_of OpenAPI document, and other routes."""

    def lifetime() -> Any:
        raise RuntimeError("not used")

    app = create_app(lifetime)
    return set(app.openapi()["paths"]) | {route.path for route in app.routes if isinstance(route, Route)}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_manifest_is_valid(overlay: str, version: str) -> None:
    for manifest in rendered(overlay):
        kubernetes_validate.validate(manifest, version, strict=True)


def test_the_validation_finds_misspelled_fields() -> None:
    wrong = {**manifest_of("base", "PodDisruptionBudget", "videobroker"), "spec": {"maxUnavailabl": 1}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_file_is_used(overlay: str) -> None:
    named = yaml.safe_load((FOLDER / overlay / "kustomization.yaml").read_text())["resources"]
    there = {path.name for path in (FOLDER / overlay).glob("*.yaml")}
    assert there - set(named) <= {"kustomization.yaml", "secret.example.yaml"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_selector_matches_only_its_pods(overlay: str) -> None:
    labels = {name: pod["metadata"]["labels"] for name, pod in pods(overlay).items()}
    for maker in of_kind(overlay, "Deployment"):
        selector = maker["spec"]["selector"]["matchLabels"]
        assert [name for name in labels if is_within(selector, labels[name])] == [maker["metadata"]["name"]]
        for spread in maker["spec"]["template"]["spec"]["topologySpreadConstraints"]:
            assert spread["labelSelector"]["matchLabels"] == selector
    for budget in of_kind(overlay, "PodDisruptionBudget"):
        selector = budget["spec"]["selector"]["matchLabels"]
        assert [name for name in labels if is_within(selector, labels[name])] == [budget["metadata"]["name"]]
    for service in of_kind(overlay, "Service"):
        if service["spec"].get("type") != "ExternalName":
            chosen = [name for name in labels if is_within(service["spec"]["selector"], labels[name])]
            assert chosen == [service["metadata"]["name"]]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_pod_has_network_policies(overlay: str) -> None:
    covered: dict[str, set[str]] = {name: set() for name in pods(overlay)}
    for policy in of_kind(overlay, "NetworkPolicy"):
        for name, pod in pods(overlay).items():
            if is_within(policy["spec"]["podSelector"]["matchLabels"], pod["metadata"]["labels"]):
                covered[name] |= set(policy["spec"]["policyTypes"])
    assert set(map(frozenset, covered.values())) == {frozenset({"Ingress", "Egress"})}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_named_port_exists(overlay: str) -> None:
    ports = {port["name"]: port["containerPort"] for _, each in containers(overlay) for port in each.get("ports", [])}
    for service in of_kind(overlay, "Service"):
        assert {port["targetPort"] for port in service["spec"].get("ports", [])} <= set(ports)
    for policy in of_kind(overlay, "NetworkPolicy"):
        for rule in policy["spec"].get("ingress", []):
            assert {port["port"] for port in rule["ports"]} <= set(ports)
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert f"PORT={ports['http']}" in dockerfile
    for name, port in (("videobroker", "http"), ("videobroker-work", "health")):
        annotations = pods(overlay)[name]["metadata"]["annotations"]
        assert annotations["prometheus.io/port"] == str(ports[port])
        assert annotations["prometheus.io/path"] in served_paths() & INSIDE


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_health_port_of_the_worker_is_the_one_of_its_probes_and_scrapers(overlay: str) -> None:
    (container,) = pods(overlay)["videobroker-work"]["spec"]["containers"]
    (port,) = container["ports"]
    assert container["args"][container["args"].index("--health-port") + 1] == str(port["containerPort"])
    (rule,) = manifest_of(overlay, "NetworkPolicy", "videobroker-work-in")["spec"]["ingress"]
    assert [each["port"] for each in rule["ports"]] == [port["name"]]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_command_and_option_exists(overlay: str) -> None:
    seen = set()
    for _, container in own_containers(overlay):
        command, *options = container["args"]
        seen.add(command)
        switches = load(command).params
        spellings = {spelling for switch in switches for spelling in (*switch.opts, *switch.secondary_opts)}
        assert {word for word in options if word.startswith("-")} <= spellings
    assert seen == {"serve", "work", "migrate"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_variable_is_a_setting(overlay: str) -> None:
    for _, container in own_containers(overlay):
        assert {variable["name"] for variable in container["env"]} <= SETTINGS_VARIABLES
    for config in of_kind(overlay, "ConfigMap"):
        if "pgbouncer" not in config["metadata"]["name"]:
            assert set(config["data"]) <= SETTINGS_VARIABLES


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_example_lists_all_secrets_without_values(overlay: str) -> None:
    example = {
        secret["metadata"]["name"]: secret["stringData"]
        for secret in yaml.safe_load_all((FOLDER / "secret.example.yaml").read_text())
    }
    needed = {
        (reference["name"], reference["key"])
        for _, container in own_containers(overlay)
        for variable in container["env"]
        if (reference := variable.get("valueFrom", {}).get("secretKeyRef"))
    }
    assert needed
    assert all(key in example[name] for name, key in needed)
    assert not any(value for secret in example.values() for value in secret.values())
    assert of_kind(overlay, "Secret") == []


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_used_config_map_exists(overlay: str) -> None:
    made = {config["metadata"]["name"] for config in of_kind(overlay, "ConfigMap")}
    named = {source["configMapRef"]["name"] for _, each in own_containers(overlay) for source in each["envFrom"]}
    for pod in pods(overlay).values():
        for volume in pod["spec"].get("volumes", []):
            for source in volume.get("projected", {}).get("sources", []):
                named |= {source["configMap"]["name"]} if "configMap" in source else set()
    assert named == made


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_container_runs_as_root_or_writes_its_file_system(overlay: str) -> None:
    for name, pod in pods(overlay).items():
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True, name
        assert pod["spec"]["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["spec"]["automountServiceAccountToken"] is False
    for name, container in containers(overlay):
        may = container["securityContext"]
        assert (may["readOnlyRootFilesystem"], may["allowPrivilegeEscalation"]) == (True, False), name
        assert may["capabilities"] == {"drop": ["ALL"]}
        assert {"cpu", "memory"} <= set(container["resources"]["requests"])
        assert "memory" in container["resources"]["limits"]


def test_they_run_as_the_user_of_the_image() -> None:
    (user,) = re.findall(r"^USER (\d+):\d+$", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    numbers = {pod["spec"]["securityContext"]["runAsUser"] for pod in pods("base").values()}
    assert numbers == {int(user)}
    (user,) = re.findall(r"^USER (\d+):\d+$", (FOLDER / "pgbouncer" / "Dockerfile").read_text(), flags=re.MULTILINE)
    assert pods("pgbouncer")["pgbouncer"]["spec"]["securityContext"]["runAsUser"] == int(user)


def test_the_termination_grace_period_is_long_enough() -> None:
    spec = pods("base")["videobroker"]["spec"]
    pause = int(spec["containers"][0]["lifecycle"]["preStop"]["exec"]["command"][-1])
    assert spec["terminationGracePeriodSeconds"] > pause + serve.GRACE_SECONDS
    assert pods("base")["videobroker-work"]["spec"]["terminationGracePeriodSeconds"] > worker.GRACE_SECONDS


@pytest.mark.parametrize("name", ["videobroker", "videobroker-work"])
def test_the_startup_probe_is_longer_than_the_wait_for_the_database(name: str) -> None:
    (container,) = pods("base")[name]["spec"]["containers"]
    waits = int(container["args"][container["args"].index("--wait") + 1])
    probe = container["startupProbe"]
    assert probe["periodSeconds"] * probe["failureThreshold"] > waits


def test_the_deadline_of_the_migration_is_longer_than_its_lock_timeout() -> None:
    minutes = LOCK_TIMEOUT_SECONDS / 60
    assert manifest_of("base", "Job", "videobroker-migrate")["spec"]["activeDeadlineSeconds"] > minutes * 60


@pytest.mark.parametrize("name", ["videobroker", "videobroker-work"])
@pytest.mark.parametrize("probe", ["startupProbe", "livenessProbe", "readinessProbe"])
def test_the_probes_use_existing_paths_and_ports(probe: str, name: str) -> None:
    (container,) = pods("base")[name]["spec"]["containers"]
    http_get = container[probe]["httpGet"]
    assert http_get["port"] in {port["name"] for port in container["ports"]}
    assert http_get["path"] in served_paths() & INSIDE
    # A pod without its database gets no requests, but is not restarted.
    assert (http_get["path"] == "/readyz") == (probe == "readinessProbe")


def test_the_ingress_exposes_exactly_the_public_paths() -> None:
    prefixes: set[str] = set()
    exact: set[str] = set()
    for ingress in of_kind("base", "Ingress"):
        for rule in ingress["spec"]["rules"]:
            for path in rule["http"]["paths"]:
                assert path["backend"]["service"] == {"name": "videobroker", "port": {"name": "http"}}
                (prefixes if path["pathType"] == "Prefix" else exact).add(path["path"])

    def is_admitted(path: str) -> bool:
        return path in exact or any(path == prefix or path.startswith(f"{prefix}/") for prefix in prefixes)

    paths = served_paths()
    assert paths >= INSIDE | {"/v1/bookings/{reference}/join", "/v1/events/stream"}
    assert {path for path in paths if not is_admitted(path)} == INSIDE
    assert "/v1/events/stream" in exact


def test_streams_are_not_buffered() -> None:
    annotations = manifest_of("base", "Ingress", "videobroker-stream")["metadata"]["annotations"]
    assert annotations["nginx.ingress.kubernetes.io/proxy-buffering"] == "off"
    for ingress in of_kind("base", "Ingress"):
        assert ingress["metadata"]["annotations"]["nginx.ingress.kubernetes.io/enable-access-log"] == "false"


def test_only_the_autoscaler_sets_the_number_of_replicas() -> None:
    target = manifest_of("base", "HorizontalPodAutoscaler", "videobroker")["spec"]["scaleTargetRef"]
    scaled = manifest_of("base", target["kind"], target["name"])
    assert target["apiVersion"] == scaled["apiVersion"]
    assert "replicas" not in scaled["spec"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_page_states_the_number_of_postgres_connections(overlay: str) -> None:
    most = manifest_of(overlay, "HorizontalPodAutoscaler", "videobroker")["spec"]["maxReplicas"]
    workers = manifest_of(overlay, "Deployment", "videobroker-work")["spec"]["replicas"]
    (pool_size,) = [
        int(each["data"]["VIDEOBROKER_POOL_SIZE"])
        for each in of_kind(overlay, "ConfigMap")
        if "VIDEOBROKER_POOL_SIZE" in each["data"]
    ]
    opened = connections(replicas=most, workers=workers, pool_size=pool_size)
    needed = opened.without_pooler
    if overlay == "pgbouncer":
        poolers = manifest_of(overlay, "Deployment", "pgbouncer")["spec"]["replicas"]
        (pool,) = re.findall(
            r"^default_pool_size = (\d+)$", (FOLDER / overlay / "pgbouncer.ini").read_text(), re.MULTILINE
        )
        needed = opened.with_pooler(poolers * int(pool))
    assert re.search(rf"\b{needed}\b", PAGE.read_text()), needed


def test_with_the_pooler_the_service_has_the_direct_database_url_as_well() -> None:
    for name, container in own_containers("pgbouncer"):
        keys = {
            each["name"]: each["valueFrom"]["secretKeyRef"]["key"] for each in container["env"] if "valueFrom" in each
        }
        if container["args"][0] == "migrate":
            # The owner of the tables never uses the pooler.
            assert keys == {"DATABASE_URL": "owner-database-url"}
        else:
            assert keys["DATABASE_URL"] == "database-url", name
            assert keys["VIDEOBROKER_DIRECT_DATABASE_URL"] == "direct-database-url", name
    assert not any(
        variable["name"] == "VIDEOBROKER_DIRECT_DATABASE_URL"
        for _, each in own_containers("base")
        for variable in each["env"]
    )
    out = manifest_of("pgbouncer", "NetworkPolicy", "videobroker-out")["spec"]["egress"]
    assert {port["port"] for rule in out for port in rule["ports"]} == {53, 443, 5432, 6432}


def test_the_pooler_uses_transaction_mode_and_the_address_of_postgres() -> None:
    (text,) = [
        config["data"]["pgbouncer.ini"]
        for config in of_kind("pgbouncer", "ConfigMap")
        if "pgbouncer.ini" in config["data"]
    ]
    read = configparser.ConfigParser(comment_prefixes=(";",), interpolation=None)
    read.read_string(text)
    assert read["pgbouncer"]["pool_mode"] == "transaction"
    assert manifest_of("pgbouncer", "Service", "postgres")["spec"]["type"] == "ExternalName"
    assert "host=postgres " in read["databases"]["videobroker"]
    ((name, container),) = [each for each in containers("pgbouncer") if each[0] == "pgbouncer"]
    assert container["ports"][0]["containerPort"] == int(read["pgbouncer"]["listen_port"]), name
    (mount,) = container["volumeMounts"]
    assert read["pgbouncer"]["auth_file"] == f"{mount['mountPath']}/userlist.txt"
