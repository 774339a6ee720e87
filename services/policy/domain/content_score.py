"""`score`: the risk score of a text by the content policy. The assessment names rules, never words of the text."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum, unique

from services.policy.domain.blocked_words import BlockedWords
from services.policy.domain.content_policy import ContentPolicy, ContentRule
from services.policy.domain.disguises import plain_words
from services.policy.domain.links import link_features, links_in
from services.policy.domain.lookalikes import hidden_character_count
from services.policy.domain.phrases import joined_spellings, with_number_placeholder
from services.policy.domain.prepared_words import PREPARED

__all__ = ["BLOCKED_WORD", "MAX_SCORE", "Band", "ContentAssessment", "ContentPolicy", "score"]

BLOCKED_WORD = "account.blocked_word"
"""The id of the rule for an account's own blocked words."""

MAX_SCORE = 100

_MIN_CAPITALS = 20
"""Fewest capitals for which their share counts; fewer are a name, a code or a greeting."""

_ASCII_CAPITAL = re.compile("[A-Z]")
_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b50\u2b55]")


@unique
class Band(StrEnum):
    """The consequence of a score."""

    ALLOW = "allow"
    """Sent."""
    FLAG = "flag"
    """Sent, and flagged for review."""
    BLOCK = "block"
    """Refused as `policy_violation`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentAssessment:
    """The score from 0 to 100, the ids of the rules that matched, and the version of the content policy."""

    risk_score: int
    matched: tuple[str, ...]
    version: int
    band: Band


def score(text: str, policy: ContentPolicy, blocked_words: Iterable[str] = ()) -> ContentAssessment:
    """Assess a text. The time is proportional to its length, whatever it contains; any string is accepted.

    The points of the matching rules are added, up to 100. One of the account's blocked words makes the score 100.
    """
    blocked = PREPARED(tuple(blocked_words))
    words, features, is_blocked = _read(text, policy, blocked)
    features |= _typography_features(text) | link_features(links_in(text, policy.links), policy.links)
    points = {rule.id: rule_points for rule, rule_points in _matches(words, features, policy)}
    if is_blocked:
        points[BLOCKED_WORD] = MAX_SCORE
    risk_score = min(sum(points.values()), MAX_SCORE)
    return ContentAssessment(
        risk_score=risk_score,
        matched=tuple(points),
        version=policy.version,
        band=_band_of(risk_score, policy),
    )


def _read(text: str, policy: ContentPolicy, blocked: BlockedWords) -> tuple[list[str], dict[str, int], bool]:
    """The text's words without disguise, counts of the disguises, and whether a blocked word occurs."""

    def is_known(word: str) -> bool:
        return word in policy.phrases.vocabulary or blocked.is_known(word)

    plain = plain_words(text, is_known)
    words: list[str] = []
    disguised = plain.disguised
    for part in plain.parts:
        if len(part) == 1:
            words += part
            continue
        joined, split = policy.split_words.joined(part)
        words += joined
        disguised += split
    together, spelt = joined_spellings(words)
    disguised += sum(map(is_known, spelt))
    features = {"disguised_words": disguised, "mixed_script_words": plain.mixed_scripts}
    return together, features, blocked.occur_in(plain.parts)


def _typography_features(text: str) -> dict[str, int]:
    """The share of capitals in percent, and the numbers of exclamation marks, emoji and hidden characters."""
    capitals = len(_ASCII_CAPITAL.findall(text)) if text.isascii() else sum(map(str.isupper, text))
    small = sum(map(str.islower, text)) if capitals >= _MIN_CAPITALS else 0
    return {
        "capitals": 100 * capitals // (capitals + small) if capitals >= _MIN_CAPITALS else 0,
        "exclamations": text.count("!") + text.count("！"),
        "emoji": 0 if text.isascii() else len(_EMOJI.findall(text)),
        "hidden_characters": hidden_character_count(text),
    }


def _matches(words: list[str], features: Mapping[str, int], policy: ContentPolicy) -> Iterator[tuple[ContentRule, int]]:
    """The matching rules in the order of the file, with their points."""
    found: dict[int, list[tuple[int, int, tuple[str, ...]]]] = {}
    for at, phrase in policy.phrases.found_in(_without_neutral(with_number_placeholder(words), policy)):
        number, group = phrase.place
        found.setdefault(number, []).append((at, group, phrase.words))
    for places in found.values():
        places.sort()
    if not found and not any(features.values()):
        return
    for number, rule in enumerate(policy.rules):
        if rule.feature is not None and features.get(rule.feature, 0) >= rule.at_least:
            yield rule, rule.points
        elif number in found and _is_met(rule, found[number], features):
            distinct = len({phrase for _, _, phrase in found[number]}) if rule.groups == 1 else 1
            yield rule, min(rule.points + rule.further * (distinct - 1), rule.at_most)


def _without_neutral(words: list[str], policy: ContentPolicy) -> list[str]:
    """The words with neutral phrases blanked: "never share your code" is not a request for a code."""
    for at, phrase in list(policy.neutral.found_in(words)):
        words[at : at + len(phrase.words)] = [""] * len(phrase.words)
    return words


def _is_met(rule: ContentRule, found: Iterable[tuple[int, int, tuple[str, ...]]], features: Mapping[str, int]) -> bool:
    """True when each group of the rule has a phrase, near enough together, and the required feature is present."""
    if rule.needs is not None and not features.get(rule.needs, 0):
        return False
    last: dict[int, int] = {}
    for at, group, _ in found:
        last[group] = at
        if len(last) == rule.groups and at - min(last.values()) <= rule.within:
            return True
    return False


def _band_of(risk_score: int, policy: ContentPolicy) -> Band:
    if risk_score >= policy.block_from:
        return Band.BLOCK
    return Band.FLAG if risk_score >= policy.flag_from else Band.ALLOW
