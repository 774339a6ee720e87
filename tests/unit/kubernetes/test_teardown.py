from pathlib import Path

import pytest

from tools.kubernetes.cgroups import create_cgroups, groups, processes_in, remove_cgroups
from tools.kubernetes.layout import Layout
from tools.kubernetes.teardown import keep_pod_logs, mounts_below, remove_log_links


def test_mounts_are_found_in_the_clusters_folders_alone_and_the_innermost_comes_first(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "overlay /run/gateway-1/a overlay rw 0 0\n"
        "proc /proc proc rw 0 0\n"
        "tmpfs /run/gateway-1/a/b tmpfs rw 0 0\n"
        "tmpfs /run/gateway-10/a tmpfs rw 0 0\n"
        "tmpfs /srv/with\\040space/x tmpfs rw 0 0\n"
    )

    found = mounts_below(Path("/run/gateway-1"), Path("/srv/with space"), mounts=mounts)

    assert found == ["/srv/with space/x", "/run/gateway-1/a/b", "/run/gateway-1/a"]


def hierarchy(root: Path, name: str) -> Path:
    found = root / name
    found.mkdir()
    return found


def test_a_nodes_processes_are_those_of_all_its_groups_in_all_hierarchies(tmp_path: Path) -> None:
    for number, name in enumerate(("memory", "pids")):
        below = hierarchy(tmp_path, name) / "node1" / "pod"
        below.mkdir(parents=True)
        (below / "cgroup.procs").write_text(f"{number + 10}\n{number + 20}\n")
        (tmp_path / name / "node2").mkdir()
        (tmp_path / name / "node2" / "cgroup.procs").write_text("99\n")

    assert processes_in("node1", tmp_path) == {10, 11, 20, 21}


def test_a_new_group_takes_the_processors_of_its_parent(tmp_path: Path) -> None:
    (hierarchy(tmp_path, "cpuset") / "cpuset.cpus").write_text("0-1")
    (tmp_path / "cpuset" / "node1").mkdir()
    (tmp_path / "cpuset" / "node1" / "cpuset.cpus").write_text("")  # as the kernel makes it

    create_cgroups("node1", tmp_path)

    assert (tmp_path / "cpuset" / "node1" / "cpuset.cpus").read_text() == "0-1"


@pytest.mark.parametrize(("setting", "default"), [("cpu.shares", 1024), ("cpu.weight", 100)])
def test_a_nodes_pods_outweigh_the_machines_other_processes(tmp_path: Path, setting: str, default: int) -> None:
    (hierarchy(tmp_path, "cpu") / "node1").mkdir()
    (tmp_path / "cpu" / "node1" / setting).write_text(str(default))

    create_cgroups("node1", tmp_path)

    assert int((tmp_path / "cpu" / "node1" / setting).read_text()) >= 10 * default


def test_groups_are_removed_with_those_below_and_no_others(tmp_path: Path) -> None:
    (hierarchy(tmp_path, "pids") / "node1" / "pod" / "container").mkdir(parents=True)
    (tmp_path / "pids" / "node10").mkdir()

    remove_cgroups("node1", tmp_path)

    assert list(groups("node1", tmp_path)) == []
    assert (tmp_path / "pids" / "node10").is_dir()


def test_one_hierarchy_holds_all_groups_where_the_kernel_has_the_second_version(tmp_path: Path) -> None:
    (tmp_path / "cgroup.controllers").write_text("cpu memory")
    (tmp_path / "system.slice").mkdir()

    create_cgroups("node1", tmp_path)

    assert (tmp_path / "node1").is_dir()
    assert not (tmp_path / "system.slice" / "node1").exists()


def test_links_to_logs_of_other_clusters_stay(tmp_path: Path) -> None:
    (tmp_path / "own.log").symlink_to("/srv/own/nodes/node1/logs/a.log")
    (tmp_path / "other.log").symlink_to("/srv/own-not/nodes/node1/logs/a.log")

    remove_log_links(Layout(Path("/srv/own")), tmp_path)

    assert [link.name for link in tmp_path.iterdir()] == ["other.log"]


def test_the_logs_of_a_nodes_pods_stay_until_the_next_cluster(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    for text in ("first", "second"):
        (layout.node("node1") / "logs" / "pod").mkdir(parents=True)
        (layout.node("node1") / "logs" / "pod" / "0.log").write_text(text)
        keep_pod_logs(layout, "node1")
        assert not (layout.node("node1") / "logs").exists()

    keep_pod_logs(layout, "node2")  # it has none

    assert (layout.pod_logs("node1") / "pod" / "0.log").read_text() == "second"
