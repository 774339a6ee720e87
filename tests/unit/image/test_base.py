import pytest

from tools.image.base import sources_at

LISTED = """Debian http://mirror.example/debian/
Debian-Security http://mirror.example/security/
Debian http://mirror.example/debian/
 http://without-a-label.example/
Google https://other.example/apt/
"""


def test_a_base_comes_from_the_machines_own_mirrors_of_debian() -> None:
    assert sources_at(LISTED) == (
        "deb http://mirror.example/debian/ trixie main",
        "deb http://mirror.example/debian/ trixie-updates main",
        "deb http://mirror.example/security/ trixie-security main",
    )


def test_a_machine_without_a_mirror_is_told_what_to_do() -> None:
    with pytest.raises(RuntimeError, match="apt-get update"):
        sources_at("Google https://other.example/apt/\n")
