"""The lock files pin what pyproject.toml asks for, by hash, and name no address."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
RUNTIME = PROJECT["project"]["dependencies"]
DEV = RUNTIME + PROJECT["dependency-groups"]["dev"]
COMPARED = [
    line for line in (ROOT / "bench/requirements-faststream.in").read_text().splitlines() if not line.startswith("#")
]
"""What the benchmark compares the gateway with, in a venv of its own."""
LOCKS = ["requirements.txt", "requirements-dev.txt", "bench/requirements-faststream.txt"]


def locked(name: str) -> list[str]:
    """Each entry of a lock file on one line: the requirement, then its hashes."""
    return (ROOT / name).read_text().replace("\\\n", " ").splitlines()


def pins(name: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for line in locked(name):
        pinned = Requirement(line.split(" --hash", maxsplit=1)[0])
        found.setdefault(canonicalize_name(pinned.name), set()).add(str(pinned.specifier).removeprefix("=="))
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_names_no_address_and_no_index(name: str) -> None:
    text = (ROOT / name).read_text()

    assert not re.search(r"://|^-|@ |#", text, re.MULTILINE)


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_is_one_exact_version_with_hashes(name: str) -> None:
    loose = [line for line in locked(name) if not re.match(r"\S+==\S+ (; .+ )?( *--hash=sha256:[0-9a-f]{64})+$", line)]

    assert loose == []


@pytest.mark.parametrize(("name", "asked"), list(zip(LOCKS, (RUNTIME, DEV, COMPARED), strict=True)), ids=LOCKS)
def test_every_declared_dependency_is_locked_at_a_version_it_allows(name: str, asked: list[str]) -> None:
    versions = pins(name)

    missing = [
        requirement
        for requirement in map(Requirement, asked)
        if not any(
            version in requirement.specifier for version in versions.get(canonicalize_name(requirement.name), ())
        )
    ]

    assert missing == [], "run `make lock`"


def test_running_and_testing_use_the_same_versions() -> None:
    runtime, dev = pins(LOCKS[0]), pins(LOCKS[1])

    assert {name: dev.get(name) for name in runtime} == runtime
