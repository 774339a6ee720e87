"""`ContentPolicy`: the rules and thresholds of the content score, read from a file. An invalid file is an error."""

import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Self

from services.policy.domain.disguises import SplitWords
from services.policy.domain.links import LinkLists
from services.policy.domain.phrases import PhraseIndex

_FILE = "content.toml"

FEATURES = frozenset(
    {
        "address_links",
        "brand_links",
        "capitals",
        "disguised_links",
        "disguised_words",
        "emoji",
        "exclamations",
        "hidden_characters",
        "invitation_links",
        "links",
        "mixed_script_words",
        "risky_links",
        "shortened_links",
    }
)
"""The features that are counted in a text, in addition to phrases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentRule:
    """One rule: either a feature that occurs `at_least` times, or phrases.

    The first phrase has `points`, each other one `further`, up to `at_most`. With two groups, a phrase of each must
    occur `within` so many words. `needs` names a feature that must be present too.
    """

    id: str
    why: str
    points: int
    further: int
    at_most: int
    feature: str | None
    at_least: int
    needs: str | None
    groups: int
    within: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentPolicy:
    """All rules in the order of the file, and the scores from which a text is flagged and blocked."""

    version: int
    flag_from: int
    block_from: int
    rules: tuple[ContentRule, ...]
    phrases: PhraseIndex
    neutral: PhraseIndex
    split_words: SplitWords
    links: LinkLists

    @classmethod
    def load(cls) -> Self:
        """The gateway's content policy. Reads its file: call it once, at start."""
        text = resources.files("services.policy.domain").joinpath(_FILE).read_text(encoding="utf-8")
        return cls.read_from(tomllib.loads(text))

    @classmethod
    def read_from(cls, document: Mapping[str, Any]) -> Self:
        """The policy in a parsed document. Raises ValueError that names the invalid rule."""
        rules = tuple(map(_rule_from, document["rule"]))
        ids = [rule.id for rule in rules]
        if len(set(ids)) < len(ids):
            raise ValueError("two rules have the same id")
        phrases = PhraseIndex.of(_phrases_of(document), any_number=True)
        neutral = ((phrase, (0, 0)) for phrases in document["neutral"].values() for phrase in phrases)
        return cls(
            version=document["version"],
            flag_from=document["flag_from"],
            block_from=document["block_from"],
            rules=rules,
            phrases=phrases,
            neutral=PhraseIndex.of(neutral, any_number=True),
            split_words=SplitWords.of(word for phrase in phrases.phrases for word in phrase.words),
            links=_links_from(document["links"]),
        )


def _rule_from(row: Mapping[str, Any]) -> ContentRule:
    points = row["points"]
    rule = ContentRule(
        id=row["id"],
        why=row["why"],
        points=points,
        further=row.get("further", 0),
        at_most=row.get("at_most", points),
        feature=row.get("feature"),
        at_least=row.get("at_least", 1),
        needs=row.get("needs"),
        groups=len(_groups_of(row)),
        within=row.get("within", sys.maxsize),
    )
    if not 0 < rule.points <= rule.at_most <= 100:  # noqa: PLR2004 -- the score's scale
        raise ValueError(f"{rule.id}: points go from 1 to at_most, and at_most to 100")
    if (rule.feature is None) != (rule.groups > 0):
        raise ValueError(f"{rule.id}: a rule has either a feature or phrases")
    if unknown := {rule.feature, rule.needs} - FEATURES - {None}:
        raise ValueError(f"{rule.id}: unknown feature {unknown}")
    return rule


def _groups_of(row: Mapping[str, Any]) -> list[Mapping[str, list[str]]]:
    """The rule's groups of phrases by language: `phrases`, and `near` for phrases that must be near them."""
    return [row[name] for name in ("phrases", "near") if name in row]


def _phrases_of(document: Mapping[str, Any]) -> Iterator[tuple[str, tuple[int, int]]]:
    for number, row in enumerate(document["rule"]):
        for group, by_language in enumerate(_groups_of(row)):
            for phrases in by_language.values():
                yield from ((phrase, (number, group)) for phrase in phrases)


def _links_from(table: Mapping[str, Any]) -> LinkLists:
    return LinkLists(
        shorteners=frozenset(table["shorteners"]),
        invitations=frozenset(table["invitations"]),
        risky_endings=frozenset(table["risky_endings"]),
        known_endings=frozenset(table["known_endings"]),
        brands={brand: frozenset(owned) for brand, owned in table["brands"].items()},
    )
