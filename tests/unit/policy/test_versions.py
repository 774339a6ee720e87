"""Every version of a rule can be looked up, and a rule that changes gets a new one."""

import tomllib
from pathlib import Path
from types import FunctionType
from typing import Final

import pytest

from services.policy.domain.facts import RuleBinding
from services.policy.rules import CHAT_RULES, COMMAND_RULES, RULES
from services.policy.rules.versions import rule_versions
from tests.unit.policy.rule_digests import code_digest

DIGESTS: Final[dict[str, str]] = tomllib.loads((Path(__file__).with_name("rule_digests.toml")).read_text("utf-8"))[
    "code"
]
BINDINGS: Final = {binding.name: binding for binding in (*RULES, *CHAT_RULES, *COMMAND_RULES)}


def test_every_rule_of_today_is_listed_with_its_version_and_every_earlier_one() -> None:
    listed = [version.name for version in rule_versions()]

    assert len(listed) == len(set(listed))
    for name, binding in BINDINGS.items():
        wanted = [f"{name}@{number}" for number in range(1, binding.version + 1)]
        assert [each for each in listed if each.partition("@")[0] == name] == wanted


def test_a_version_says_what_came_after_it_unless_it_decides_today() -> None:
    today = {f"{name}@{binding.version}" for name, binding in BINDINGS.items()}

    assert {version.name for version in rule_versions() if version.until is None} == today
    assert all(version.decides.endswith(".") for version in rule_versions())


@pytest.mark.parametrize("binding", BINDINGS.values(), ids=lambda binding: str(binding.name))
def test_a_rule_whose_code_changes_gets_a_new_version(binding: RuleBinding) -> None:
    """Raise `version`, add a row to versions.toml, or, if it decides the same, the new digest to rule_digests.toml."""
    assert isinstance(binding.rule, FunctionType)

    assert DIGESTS.get(f"{binding.name}@{binding.version}") == code_digest(binding.rule)


def test_no_two_rules_have_the_same_digest() -> None:
    digests = {code_digest(binding.rule) for binding in BINDINGS.values() if isinstance(binding.rule, FunctionType)}

    assert len(digests) == len(BINDINGS)
