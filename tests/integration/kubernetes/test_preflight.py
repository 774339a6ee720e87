"""What the machine forbids is named before anything is built: here with rights taken away from the process."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tools.kubernetes.errors import ClusterFailed
from tools.kubernetes.packages import missing_packages
from tools.kubernetes.preflight import NEEDS, require_cgroups, require_permissions

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0 or shutil.which("setpriv") is None or bool(missing_packages()),
    reason="a cluster needs root and Debian's packages",
)


def test_without_the_right_to_make_namespaces_one_sentence_says_so_and_nothing_is_built(tmp_path: Path) -> None:
    limited = ["setpriv", "--inh-caps=-all", "--bounding-set=-sys_admin"]
    command = [*limited, sys.executable, "-m", "tools.kubernetes", "check"]
    environ = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}

    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("The cluster needs new namespaces, and this machine refuses: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "cache").exists()


async def test_a_machine_that_refuses_one_thing_is_told_which() -> None:
    with pytest.raises(
        ClusterFailed, match=r"^The cluster needs bridges, and this machine refuses: .*no bridge here\."
    ):
        await require_permissions(
            {"true things": ("true",), "bridges": ("sh", "-c", "echo no bridge here >&2; exit 1")}
        )


def test_groups_of_processes_that_cannot_be_made_are_named(tmp_path: Path) -> None:
    (tmp_path / "memory").mkdir()
    require_cgroups(tmp_path)

    with pytest.raises(ClusterFailed, match="needs cgroups"):
        require_cgroups(tmp_path / "absent")
    assert list((tmp_path / "memory").iterdir()) == []


async def test_the_look_leaves_nothing_behind() -> None:
    before = Path("/proc/self/mounts").read_text()
    try:
        await require_permissions()
    except ClusterFailed as error:
        pytest.skip(str(error))

    assert Path("/proc/self/mounts").read_text() == before
    assert set(NEEDS) >= {"new namespaces", "overlay mounts"}
