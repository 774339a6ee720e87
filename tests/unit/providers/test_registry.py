"""The registry is the only place that names a provider."""

import ast
from pathlib import Path

from libs.providers.registry import PROVIDERS, meaning_of

ROOT = Path(__file__).parents[3]
STORED_DEFAULT = ("libs/store/accounts.py", "cloud_api")
"""The provider of a stored number that names none."""


def _names(path: Path) -> list[tuple[str, str]]:
    """The providers that a file names in a text of its own or imports."""
    found: list[tuple[str, str]] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and node.value in PROVIDERS:
            found.append((str(path.relative_to(ROOT)), str(node.value)))
        if isinstance(node, ast.ImportFrom) and node.module:
            parts = [*node.module.split("."), *(alias.name for alias in node.names)]
            if parts[:2] == ["libs", "providers"] and (named := set(parts[2:]) & set(PROVIDERS)):
                found += [(str(path.relative_to(ROOT)), kind) for kind in named]
    return found


def test_no_service_and_no_other_library_names_a_provider() -> None:
    files = [*(ROOT / "libs").rglob("*.py"), *(ROOT / "services").rglob("*.py")]
    outside = [path for path in files if not path.is_relative_to(ROOT / "libs" / "providers")]

    named = [name for path in outside for name in _names(path)]

    assert named == [STORED_DEFAULT]


def test_a_provider_that_is_named_is_found() -> None:
    assert {kind for _, kind in _names(ROOT / "libs" / "providers" / "registry.py")} == set(PROVIDERS)


def test_a_provider_is_registered_under_its_own_kind() -> None:
    assert all(provider.kind == kind for kind, provider in PROVIDERS.items())


def test_a_code_means_the_same_through_each_provider_and_an_unknown_one_means_nothing() -> None:
    meanings = {meaning_of(kind, 131026) for kind in PROVIDERS}

    assert len(meanings) == 1
    assert str(*meanings).startswith("Undeliverable")
    assert meaning_of("cloud_api", 999_999) is None
    assert meaning_of("pigeon", 131026) is None
