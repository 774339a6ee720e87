import os
from pathlib import Path

import pytest

from tools.image.base import mirrors, sources_at

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


def apt(folder: Path, monkeypatch: pytest.MonkeyPatch, *, updates: str) -> None:
    """An apt-get on the path that lists what stands in `lists`; its update does what `updates` says."""
    (folder / "listed").write_text(LISTED)
    program = folder / "apt-get"
    program.write_text(
        f'#!/bin/sh\ncd "{folder}"\ncase $1 in update) {updates};; *) cat lists 2>/dev/null; exit 0;; esac\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_a_machine_without_lists_of_packages_fetches_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt(tmp_path, monkeypatch, updates="cp listed lists")
    assert mirrors() == sources_at(LISTED)


def test_lists_that_are_there_are_not_fetched_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt(tmp_path, monkeypatch, updates=": >updated")
    (tmp_path / "lists").write_text(LISTED)
    assert mirrors() == sources_at(LISTED)
    assert not (tmp_path / "updated").exists()


def test_a_machine_whose_update_fails_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apt(tmp_path, monkeypatch, updates="exit 100")
    with pytest.raises(RuntimeError, match="apt-get update"):
        mirrors()


def test_a_machine_without_apt_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(RuntimeError, match="Debian machine"):
        mirrors()
