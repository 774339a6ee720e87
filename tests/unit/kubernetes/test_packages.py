import pytest

from tools.kubernetes.errors import ClusterFailed
from tools.kubernetes.packages import ensure_installed, missing_packages


def test_without_root_one_sentence_says_so() -> None:
    with pytest.raises(ClusterFailed, match=r"needs root.*sudo"):
        ensure_installed(user=1000)


def test_on_another_system_one_sentence_says_so() -> None:
    with pytest.raises(ClusterFailed, match="needs Linux"):
        ensure_installed(platform="darwin")


def test_a_missing_program_is_named_by_its_package_once() -> None:
    wanted = {"sh": "dash", "no-such-program": "no-such-package", "/no/such/file": "no-such-package"}

    assert missing_packages(wanted) == ["no-such-package"]
