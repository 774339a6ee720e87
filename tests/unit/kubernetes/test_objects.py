import json
import tarfile
from pathlib import Path

import yaml

from tools.kubernetes.addons import dns_objects, storage_objects
from tools.kubernetes.archive import write_image
from tools.kubernetes.binary import DNS_IMAGE
from tools.kubernetes.cluster import Cluster
from tools.kubernetes.gateway import GatewayDeployment
from tools.kubernetes.layout import DNS_ADDRESS, Layout
from tools.kubernetes.node import containerd_configuration, kubelet_configuration, pod_network


def cluster(folder: Path) -> Cluster:
    return Cluster.from_environ({"GATEWAY_CLUSTER_DIR": str(folder), "HOME": str(folder)})


def test_pods_ask_the_dns_server_where_it_is(tmp_path: Path) -> None:
    objects = list(yaml.safe_load_all(dns_objects()))
    service = next(each for each in objects if each["kind"] == "Service")
    pod = next(each for each in objects if each["kind"] == "Deployment")["spec"]["template"]["spec"]

    assert service["spec"]["clusterIP"] == DNS_ADDRESS
    assert kubelet_configuration(Layout(tmp_path), "node1")["clusterDNS"] == [DNS_ADDRESS]
    assert pod["containers"][0]["image"] == DNS_IMAGE


def test_a_claim_without_a_class_gets_a_volume_whose_folder_exists(tmp_path: Path) -> None:
    storage, *volumes = json.loads(storage_objects(Layout(tmp_path)))["items"]

    assert storage["metadata"]["annotations"] == {"storageclass.kubernetes.io/is-default-class": "true"}
    assert all(Path(volume["spec"]["local"]["path"]).is_dir() for volume in volumes)
    assert {volume["spec"]["storageClassName"] for volume in volumes} == {storage["metadata"]["name"]}


def test_nodes_share_neither_folders_nor_cgroups_nor_pod_networks(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    one, two = (
        json.dumps([containerd_configuration(layout, node), kubelet_configuration(layout, node)])
        + json.dumps(pod_network(layout, node))
        for node in ("node1", "node2")
    )

    assert "node2" not in one
    assert "node1" not in two
    assert (
        one.replace("node1", "node2").replace("cni1", "cni2").replace("129.0", "130.0").replace("255.1", "255.2") == two
    )


def test_the_overlay_on_top_adds_settings_and_a_tag_when_there_are_any(tmp_path: Path) -> None:
    plain = GatewayDeployment(cluster(tmp_path)).kustomization()
    changed = GatewayDeployment(cluster(tmp_path), settings={"GATEWAY_LOG_LEVEL": "debug"}, tag="2").kustomization()

    assert "configMapGenerator" not in plain
    assert "images" not in plain
    assert changed["configMapGenerator"][0]["literals"] == ["GATEWAY_LOG_LEVEL=debug"]
    assert changed["images"][0]["newTag"] == "2"


def test_an_image_archive_has_the_same_bytes_each_time_and_names_its_layer_by_its_hash(tmp_path: Path) -> None:
    program = tmp_path / "pause"
    program.write_bytes(b"\x7fELF")
    for name in ("one.tar", "two.tar"):
        write_image(tmp_path / name, "localhost/pause:1", program)

    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    with tarfile.open(tmp_path / "one.tar") as archive:
        manifest = json.load(archive.extractfile("manifest.json") or program.open())[0]
        image = json.load(archive.extractfile(manifest["Config"]) or program.open())
    assert manifest["RepoTags"] == ["localhost/pause:1"]
    assert [f"sha256:{Path(layer).stem}" for layer in manifest["Layers"]] == image["rootfs"]["diff_ids"]
