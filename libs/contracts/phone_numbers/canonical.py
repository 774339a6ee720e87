"""The present-day E.164 number of a person whom WhatsApp, or an old address book, knows under other digits.

The rules are data (`canonical.toml`); a further country is a further row there.
"""

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, lru_cache
from importlib import resources

_FILE = "canonical.toml"
_DIGITS = re.compile(r"[1-9][0-9]{6,14}")
"""Country calling code and number: at most 15 digits (ITU-T E.164, section 6)."""
_GROUP = re.compile(r"\((?!\?)([^()]*)\)")
_LOOK_AHEAD = re.compile(r"\(\?![^()]*\)")
_REFERENCE = re.compile(r"\\g<(\d)>")

REMEMBERED = 256
"""Numbers whose readings are kept in memory: a message's number is read about ten times while it is in flight."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpellingRule:
    """One former or WhatsApp-specific spelling. Fields as explained at the top of `canonical.toml`."""

    country: str
    what: str
    pattern: re.Pattern[str]
    replacement: str
    source: str
    since: date

    def undone(self, digits: str) -> str | None:
        """The digits that the rule rewrites to these canonical ones; None when it leads to no such digits."""
        if (match := _rewritten(self.pattern.pattern, self.replacement).fullmatch(digits)) is None:
            return None
        kept = dict(zip(_REFERENCE.findall(self.replacement), match.groups(), strict=True))
        numbers = iter(range(1, self.pattern.groups + 1))
        return _GROUP.sub(lambda _: kept[str(next(numbers))], _LOOK_AHEAD.sub("", self.pattern.pattern))


def _any_of(patterns: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{pattern})" for pattern in patterns))


@cache
def _former() -> re.Pattern[str]:
    """What any rule rewrites: most numbers are none of it, and are looked at once."""
    return _any_of(rule.pattern.pattern for rule in spelling_rules())


@cache
def _present() -> re.Pattern[str]:
    """What any rule makes of its digits."""
    return _any_of(_rewritten(rule.pattern.pattern, rule.replacement).pattern for rule in spelling_rules())


@cache
def _rewritten(pattern: str, replacement: str) -> re.Pattern[str]:
    """What a rule's digits look like once it has rewritten them, with its groups in their new order."""
    groups = _GROUP.findall(pattern)
    return re.compile(_REFERENCE.sub(lambda reference: f"({groups[int(reference[1]) - 1]})", replacement))


@cache
def spelling_rules() -> Sequence[SpellingRule]:
    """All rules, in the order of the file. The file is read once."""
    text = resources.files(__package__).joinpath(_FILE).read_text(encoding="utf-8")
    rows = tomllib.loads(text)["rule"]
    return tuple(SpellingRule(**row | {"pattern": re.compile(row["pattern"])}) for row in rows)


@lru_cache(REMEMBERED)
def canonical(number: str) -> str:
    """The present-day E.164 form of digits with their country calling code, with or without a plus.

    All spellings of one WhatsApp account have the same canonical form, and a canonical form is its own canonical
    form. Compute it before every hash of a phone number. Raises ValueError for anything but 7 to 15 digits.
    """
    digits = number.removeprefix("+")
    if not _DIGITS.fullmatch(digits):
        raise ValueError("not a country calling code and a number in digits")  # without the value: it may be personal
    if _former().fullmatch(digits) is None:
        return f"+{digits}"
    for rule in spelling_rules():
        if (match := rule.pattern.fullmatch(digits)) is not None:
            return f"+{match.expand(rule.replacement)}"
    return f"+{digits}"


@lru_cache(REMEMBERED)
def spellings(number: str) -> tuple[str, ...]:
    """The other digits (without plus) by which the owner of this canonical number was known, in the order of the rules.

    Each of them has `number` as its canonical form. Raises ValueError as `canonical` does.
    """
    phone = canonical(number)
    digits = phone.removeprefix("+")
    if _present().fullmatch(digits) is None:
        return ()
    undone = (rule.undone(digits) for rule in spelling_rules())
    return tuple(dict.fromkeys(each for each in undone if each is not None and canonical(each) == phone))
