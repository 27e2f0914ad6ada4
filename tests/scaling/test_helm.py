"""The Helm chart renders what the manifests of `deploy/kubernetes` have, and valid objects for other values."""

import re
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import kubernetes_validate
import pytest
import yaml

from cli.program import SETTINGS_VARIABLES
from scaling.local_proxies import ROOT
from scaling.test_kubernetes import VERSIONS, Manifest, kubectl, manifest_of, of_kind

helm = pytest.importorskip("helm_python", reason="helm-python-sdk is not installed")

CHART = ROOT / "deploy" / "helm" / "videobroker"
Values = dict[str, Any]

EVERYTHING: Values = {
    "image": {"digest": f"sha256:{'0' * 64}", "pullSecrets": [{"name": "registry"}]},
    "secret": {"directDatabaseUrlKey": "direct-database-url", "adminKeyKey": "admin-key"},
    "extraEnv": [{"name": "VIDEOBROKER_ALLOWED_ORIGINS", "value": "https://app.example.com"}],
    "serve": {
        "podAnnotations": {"example.com/team": "video"},
        "podLabels": {"example.com/team": "video"},
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "video", "operator": "Exists"}],
        "affinity": {"podAntiAffinity": {}},
        "priorityClassName": "high",
    },
    "serviceAccount": {"annotations": {"example.com/role": "none"}},
    "service": {"annotations": {"example.com/zone": "a"}},
    "ingress": {"console": True},
    "podMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "documentationUrl": "https://docs.school.example"},
}
NOTHING: Values = {
    part: {"enabled": False} for part in ("migrate", "autoscaling", "podDisruptionBudget", "ingress", "networkPolicy")
} | {"serviceAccount": {"create": False}}
VARIANTS = {"default": {}, "everything": EVERYTHING, "nothing": NOTHING}
CUSTOM_KINDS = {"PodMonitor", "PrometheusRule"}
"""Of the Prometheus operator. Kubernetes has no schemas for them."""


def render(values: Values | None = None, *, name: str = "videobroker") -> list[Manifest]:
    """What `helm template` prints."""
    with helm.Chart.load(CHART) as chart:
        files = chart.render(values or {}, name=name, namespace="videobroker")
    texts = [text for path, text in files.items() if path.endswith(".yaml")]
    return [manifest for text in texts for manifest in yaml.safe_load_all(text) if manifest is not None]


def find(manifests: list[Manifest], kind: str, name: str = "videobroker") -> Manifest:
    (found,) = [each for each in manifests if (each["kind"], each["metadata"]["name"]) == (kind, name)]
    return found


def base_manifest(kind: str, name: str) -> Manifest:
    """A copy, which a test may change, of an object of `deploy/kubernetes/base`."""
    return deepcopy(manifest_of("base", kind, name))


def pods(manifests: list[Manifest]) -> Iterator[Manifest]:
    return (each["spec"]["template"] for each in manifests if each["kind"] in {"Deployment", "Job"})


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_lint_finds_no_mistake(values: Values) -> None:
    report = helm.lint(CHART, values, strict=True, kube_version=f"v{VERSIONS[-1]}.0")
    assert report["errors"] == []
    # A recommendation has severity 1: there is no icon.
    assert [each for each in report["messages"] if each["severity"] > 1] == []


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_every_object_is_valid(values: Values, version: str) -> None:
    manifests = render(values)
    assert {"Deployment", "Service", "ConfigMap"} <= {each["kind"] for each in manifests}
    for manifest in manifests:
        if manifest["kind"] not in CUSTOM_KINDS:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_parts_can_be_left_out() -> None:
    kinds = [each["kind"] for each in render(NOTHING)]
    assert sorted(kinds) == ["ConfigMap", "Deployment", "Deployment", "Service"]
    assert find(render(NOTHING), "Deployment")["spec"]["replicas"] == 3
    assert {pod["spec"]["serviceAccountName"] for pod in pods(render(NOTHING))} == {"default"}


@pytest.mark.skipif(kubectl() is None, reason="kubectl is not installed")
class TestManifests:
    """The chart and `deploy/kubernetes/base` are alike."""

    @pytest.mark.parametrize("name", ["videobroker", "videobroker-work"])
    def test_pods_are_the_same(self, name: str) -> None:
        rendered = find(render(), "Deployment", name)["spec"]
        base = base_manifest("Deployment", name)["spec"]
        ours, theirs = rendered["template"]["spec"], base["template"]["spec"]
        for container in (*ours["containers"], *theirs["containers"]):
            container.pop("imagePullPolicy", None)
            del container["envFrom"]
        for spread in (*ours["topologySpreadConstraints"], *theirs["topologySpreadConstraints"]):
            del spread["labelSelector"]
        assert ours == theirs
        assert {key: rendered.get(key) for key in ("replicas", "strategy")} == {
            key: base.get(key) for key in ("replicas", "strategy")
        }

    def test_the_migration_is_the_same(self) -> None:
        ours = find(render(), "Job", "videobroker-migrate")["spec"]
        theirs = base_manifest("Job", "videobroker-migrate")["spec"]
        for key in ("backoffLimit", "activeDeadlineSeconds"):
            assert ours[key] == theirs[key]
        (ours,), (theirs,) = (each["template"]["spec"]["containers"] for each in (ours, theirs))
        for key in ("image", "args", "resources", "securityContext"):
            assert ours[key] == theirs[key]

    @pytest.mark.parametrize("name", ["videobroker", "videobroker-stream"])
    def test_the_ingress_is_the_same(self, name: str) -> None:
        ours, theirs = find(render(), "Ingress", name), base_manifest("Ingress", name)
        assert ours["metadata"]["annotations"] == theirs["metadata"]["annotations"]
        assert ours["spec"]["tls"] == theirs["spec"]["tls"]
        paths = [
            {(path["path"], path["pathType"]) for path in each["spec"]["rules"][0]["http"]["paths"]}
            for each in (ours, theirs)
        ]
        assert paths[0] == paths[1]

    def test_the_autoscaler_and_the_settings_are_the_same(self) -> None:
        kind = "HorizontalPodAutoscaler"
        assert find(render(), kind)["spec"] == base_manifest(kind, "videobroker")["spec"]
        # Its name ends in a digest.
        (settings,) = [each["data"] for each in of_kind("base", "ConfigMap")]
        assert find(render(), "ConfigMap")["data"] == settings

    @pytest.mark.parametrize("name", ["videobroker-in", "videobroker-work-in", "videobroker-out"])
    def test_the_network_policies_are_the_same(self, name: str) -> None:
        ours, theirs = find(render(), "NetworkPolicy", name)["spec"], base_manifest("NetworkPolicy", name)["spec"]
        del ours["podSelector"], theirs["podSelector"]
        assert ours == theirs


@pytest.mark.parametrize("name", ["videobroker", "school", "a-release-whose-name-is-as-long-as-helm-permits-it"])
def test_selectors_match_only_the_pods_of_their_component(name: str) -> None:
    manifests = render(name=name)
    labels = {
        pod["metadata"]["labels"]["app.kubernetes.io/component"]: pod["metadata"]["labels"] for pod in pods(manifests)
    }
    assert set(labels) == {"serve", "work", "migrate"}
    selectors: list[Values] = [each["spec"]["selector"] for each in manifests if each["kind"] == "Service"]
    makers = [each for each in manifests if each["kind"] in {"Deployment", "PodDisruptionBudget"}]
    selectors += [each["spec"]["selector"]["matchLabels"] for each in makers]
    for selector in selectors:
        assert [each for each in labels.values() if selector.items() <= each.items()] == [
            labels[selector["app.kubernetes.io/component"]]
        ]
        assert selector["app.kubernetes.io/instance"] == name
    assert all(len(each["metadata"]["name"]) <= 63 for each in manifests)


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_no_container_runs_as_root_or_writes_its_file_system(values: Values) -> None:
    for pod in pods(render(values)):
        assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
        assert pod["spec"]["automountServiceAccountToken"] is False
        for container in pod["spec"]["containers"]:
            may = container["securityContext"]
            assert (may["readOnlyRootFilesystem"], may["allowPrivilegeEscalation"]) == (True, False)
            assert may["capabilities"] == {"drop": ["ALL"]}


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_secrets_are_references_and_variables_are_settings(values: Values) -> None:
    manifests = render(values)
    assert not [each for each in manifests if each["kind"] == "Secret"]
    for pod in pods(manifests):
        for container in pod["spec"]["containers"]:
            names = [variable["name"] for variable in container["env"]]
            assert set(names) <= SETTINGS_VARIABLES
            assert len(set(names)) == len(names)
            secret = {
                "DATABASE_URL",
                "VIDEOBROKER_SECRET_KEY",
                "VIDEOBROKER_DIRECT_DATABASE_URL",
                "VIDEOBROKER_ADMIN_KEY",
            }
            assert all("valueFrom" in each for each in container["env"] if each["name"] in secret)
    assert set(find(manifests, "ConfigMap")["data"]) <= SETTINGS_VARIABLES


def test_a_change_of_a_setting_starts_new_pods() -> None:
    former, new = (
        {
            pod["metadata"]["annotations"]["checksum/settings"]
            for pod in pods(render(values))
            if "annotations" in pod["metadata"]
        }
        for values in ({}, {"settings": {"VIDEOBROKER_LOG_LEVEL": "debug"}})
    )
    assert former.isdisjoint(new)


def test_the_migration_needs_nothing_that_is_installed_later() -> None:
    job = find(render(), "Job", "videobroker-migrate")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert "serviceAccountName" not in job["spec"]["template"]["spec"]
    (container,) = job["spec"]["template"]["spec"]["containers"]
    assert "envFrom" not in container


def test_only_the_migration_has_the_url_of_the_owner() -> None:
    for pod in pods(render()):
        (container,) = pod["spec"]["containers"]
        keys = [each["valueFrom"]["secretKeyRef"]["key"] for each in container["env"] if "valueFrom" in each]
        assert ("owner-database-url" in keys) == (container["args"][0] == "migrate")
        assert ("database-url" in keys) == (container["args"][0] != "migrate")


def test_the_alerts_are_those_of_prometheus() -> None:
    rule = find(render(EVERYTHING), "PrometheusRule")
    text = (ROOT / "deploy" / "prometheus" / "alerts.yaml").read_text()
    assert rule["spec"] == yaml.safe_load(text.replace("https://docs.example.com", "https://docs.school.example"))


def test_the_chart_has_the_version_of_the_service() -> None:
    (version,) = re.findall(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
    with helm.Chart.load(CHART) as chart:
        assert chart.metadata["appVersion"] == version
