import re
from pathlib import Path

import pytest

from tools.kubernetes.binary import SOURCES, binary_in, cache_folder, kubernetes_binary, version
from tools.kubernetes.errors import ClusterFailed


def test_the_build_is_kept_by_version_outside_of_the_checkout(tmp_path: Path) -> None:
    found = binary_in(cache_folder({"HOME": str(tmp_path)}))

    assert found.folder.parent == tmp_path / ".cache" / "whatsapp-gateway"
    assert found.folder.name.startswith(f"kubernetes-{version()}-")
    assert not found.complete


def test_a_build_of_other_sources_is_another_one(tmp_path: Path) -> None:
    sources = tmp_path / "kube"
    sources.mkdir()
    for path in SOURCES.glob("*"):
        if path.is_file():
            (sources / path.name).write_bytes(path.read_bytes())
    before = binary_in(tmp_path, sources)
    (sources / "main.go").write_text("package main\n")

    assert binary_in(tmp_path, sources).folder != before.folder


def test_all_modules_of_kubernetes_have_its_version_and_a_hash() -> None:
    text, sums = (SOURCES / "go.mod").read_text(), (SOURCES / "go.sum").read_text()
    staging = f"v0.{version().removeprefix('1.')}"
    replaced = re.findall(r"^replace (k8s\.io/\S+) => (k8s\.io/\S+) (\S+)$", text, re.MULTILINE)

    assert len(replaced) >= 30
    assert {name for name, _, found in replaced if found != staging} == set()
    assert f"k8s.io/kubernetes v{version()} h1:" in sums


async def test_without_go_one_sentence_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(ClusterFailed, match=r"^Building Kubernetes needs Go 1\.24 or newer: install it from .*\.$"):
        await kubernetes_binary({"HOME": str(tmp_path), "PATH": str(tmp_path)}, go_folders=())


async def test_a_go_that_is_too_old_is_named(tmp_path: Path) -> None:
    go = tmp_path / "go"
    go.write_text("#!/bin/sh\necho go1.19.8\n")
    go.chmod(0o755)

    with pytest.raises(ClusterFailed, match=r"needs Go 1\.24 or newer, and .*/go is 1\.19\.8"):
        await kubernetes_binary({"HOME": str(tmp_path), "PATH": f"{tmp_path}:/bin:/usr/bin"})
