"""The versions of the rules: what each one decides, for whoever reads a receipt.

The rule: a receipt names a rule and a version, and that pair means the same forever.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class RuleVersion:
    """One version of a rule."""

    rule: str
    version: int
    decides: str
    until: str | None = None
    """What came after it; None for a version that decides today."""

    @property
    def name(self) -> str:
        """As `gateway rules show` takes it."""
        return f"{self.rule}@{self.version}"


@cache
def rule_versions() -> tuple[RuleVersion, ...]:
    """Every version that was ever used, rule by rule, the oldest version first."""
    table = tomllib.loads(files("services.policy.rules").joinpath("versions.toml").read_text("utf-8"))
    return tuple(RuleVersion(**row) for row in table["version"])
