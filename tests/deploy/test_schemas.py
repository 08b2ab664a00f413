"""The files of deploy/ are valid for Kubernetes and Compose, and its documents name existing files."""

import re
import shutil
from pathlib import Path

import compose_spec
import jsonschema
import pytest
import yaml

from segmenter import __version__
from tests.support.manifests import (
    DEPLOY,
    FOLDERS,
    KSERVE,
    KUBERNETES,
    PARTS,
    VERSIONS,
    compose,
    container,
    find,
    render,
    rendered,
    validate,
)
from tests.support.paths import ROOT


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("folder", FOLDERS)
def test_manifests_are_valid_for_kubernetes(folder: str, version: str) -> None:
    for manifest in rendered(folder):
        validate(manifest, version)


@pytest.mark.parametrize("version", VERSIONS)
def test_namespace_is_valid_and_used_by_all_manifests(version: str) -> None:
    namespace = yaml.safe_load((KUBERNETES / "namespace.yaml").read_text())
    validate(namespace, version)
    for folder in FOLDERS:
        names = {m["metadata"].get("namespace") for m in rendered(folder)}
        assert names == {namespace["metadata"]["name"]}, folder


def test_manifest_folders_are_all_tested() -> None:
    found = {str(file.parent.relative_to(KUBERNETES)) for file in KUBERNETES.rglob("kustomization.yaml")}
    assert found - PARTS == set(FOLDERS)


@pytest.mark.parametrize(("kind", "folder"), [("Deployment", "base"), ("InferenceService", KSERVE)])
def test_validation_of_misspelt_pod_field_fails(kind: str, folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(container(folder)["readinessProbe"], "perodSeconds", 5)
    with pytest.raises(jsonschema.ValidationError, match="perodSeconds"):
        validate(find(kind, folder), VERSIONS[-1])


@pytest.mark.parametrize(
    ("kind", "folder", "name"),
    [
        ("ServiceMonitor", "overlays/monitoring", "endpoint"),
        ("PrometheusRule", "overlays/monitoring", "group"),
        ("ScaledObject", "overlays/queue-depth", "trigger"),
        ("HTTPRoute", "overlays/gateway", "hostname"),
    ],
)
def test_validation_of_misspelt_field_of_custom_resource_fails(kind: str, folder: str, name: str) -> None:
    manifest = find(kind, folder)
    misspelt = manifest | {"spec": manifest["spec"] | {name: []}}
    with pytest.raises(jsonschema.ValidationError, match=name):
        validate(misspelt, VERSIONS[-1])


def test_compose_files_are_valid() -> None:
    found = {path.name: set(compose(path.name)["services"]) for path in DEPLOY.glob("compose*.yaml")}
    assert found == {
        "compose.yaml": {"segmenter", "prometheus", "grafana"},
        "compose.label-studio.yaml": {"segmenter", "backend", "label-studio"},
    }


@pytest.mark.parametrize("name", ["compose.yaml", "compose.label-studio.yaml"])
def test_validation_of_misspelt_compose_field_fails(name: str) -> None:
    misspelt = (DEPLOY / name).read_text().replace("read_only:", "readonly:")
    with pytest.raises(ValueError, match="readonly"):
        compose_spec.PyOptions(apply_merge=True).from_yaml(misspelt)


def test_kustomization_of_readme_sets_image(tmp_path: Path) -> None:
    shutil.copytree(DEPLOY, tmp_path / "deploy")
    [example] = re.findall(r"```yaml\n(.*?)```", (KUBERNETES / "README.md").read_text(), re.DOTALL)
    (tmp_path / "kustomization.yaml").write_text(example)
    [deployment] = [m for m in render(tmp_path) if m["kind"] == "Deployment"]
    [only] = deployment["spec"]["template"]["spec"]["containers"]
    assert only["image"] == f"registry.example.com/max-image-segmenter:{__version__}"


@pytest.mark.parametrize("readme", [DEPLOY / name / "README.md" for name in (".", "kubernetes", "helm")], ids=str)
def test_readme_names_existing_files_and_make_targets(readme: Path) -> None:
    text = readme.read_text()
    for path in re.findall(r"\bdeploy/[\w./-]*\w", text):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"\]\(([\w./-]+)\)", text):
        assert (readme.parent / path).exists(), path
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"make ([\w-]+)", text)) <= targets
