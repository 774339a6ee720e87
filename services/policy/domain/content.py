"""How risky a text is, by a scored rule set that is data; the assessment names rules, never a word of the text."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from functools import lru_cache

from services.policy.domain.content_policy import ContentPolicy, ContentRule
from services.policy.domain.folding import compacted
from services.policy.domain.links import link_features, links_in
from services.policy.domain.lookalikes import (
    hidden_characters_in,
    latin_skeleton,
    leet_chunks_in,
    may_have_leet,
)
from services.policy.domain.phrases import PhraseIndex, numbers_masked, spelt_together, stems_in

__all__ = ["BLOCKED_WORD", "HIGHEST_SCORE", "Band", "ContentAssessment", "ContentPolicy", "score"]

BLOCKED_WORD = "account.blocked_word"
"""The rule that an account's own blocked words belong to."""

HIGHEST_SCORE = 100

Vocabularies = tuple[frozenset[str], ...]
"""The words that a disguise is looked for under: the policy's and the account's."""

_FEWEST_CAPITALS = 20
"""Capitals from which their share says something; below, it is a name, a code or a greeting."""

_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b50\u2b55]")
_NO_SPACES = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
"""Scripts written without spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese."""


@unique
class Band(StrEnum):
    """What the score leads to."""

    ALLOW = "allow"
    """Sent."""
    FLAG = "flag"
    """Sent, and shown to a person for review."""
    BLOCK = "block"
    """Refused as `policy_violation`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentAssessment:
    """The score from 0 to 100, the ids of the rules that matched, and the version of the policy that says so."""

    risk_score: int
    matched: tuple[str, ...]
    version: int
    band: Band


def score(text: str, policy: ContentPolicy, blocked_words: Iterable[str] = ()) -> ContentAssessment:
    """Assess a text. Takes time in proportion to its length, whatever it contains; any string is accepted.

    Points of the rules that match add up to at most 100; one of the account's blocked words alone makes 100.
    """
    blocked = _blocked_from(tuple(blocked_words))
    words, features = _undisguised(text, (policy.phrases.vocabulary, blocked.phrases.vocabulary))
    features |= _looks_of(text) | link_features(links_in(text, policy.links), policy.links)
    points = {rule.id: rule_points for rule, rule_points in _matches(words, features, policy)}
    if blocked.any and blocked.stand_in(words):
        points[BLOCKED_WORD] = HIGHEST_SCORE
    risk_score = min(sum(points.values()), HIGHEST_SCORE)
    return ContentAssessment(
        risk_score=risk_score,
        matched=tuple(points),
        version=policy.version,
        band=_band_of(risk_score, policy),
    )


@dataclass(frozen=True, slots=True)
class _Blocked:
    """An account's own words, ready to be looked for."""

    any: bool
    phrases: PhraseIndex
    unspaced: tuple[str, ...]

    def stand_in(self, words: Sequence[str]) -> bool:
        if next(iter(self.phrases.found_in(words)), None) is not None:
            return True
        if not self.unspaced:
            return False
        letters = "".join(words)
        return any(word in letters for word in self.unspaced)


@lru_cache(maxsize=1024)
def _blocked_from(words: tuple[str, ...]) -> _Blocked:
    unspaced = tuple(compacted(word) for word in words if _NO_SPACES.search(word) is not None)
    return _Blocked(bool(words), PhraseIndex.of((word, (0, 0)) for word in words), unspaced)


def _undisguised(text: str, vocabularies: Vocabularies) -> tuple[list[str], dict[str, int]]:
    """The text's words, with the disguise taken off where a known word was under it, and how many disguises were."""
    plain, leet = _without_leet(text, vocabularies)
    words = stems_in(plain)
    skeletons = (
        {} if text.isascii() else {at: skeleton for at, word in enumerate(words) if (skeleton := latin_skeleton(word))}
    )
    for at, skeleton in skeletons.items():
        words[at] = skeleton
    together, spelt = spelt_together(words)
    disguised = leet + sum(_is_known(word, vocabularies) for word in (*skeletons.values(), *spelt))
    return together, {"disguised_words": disguised, "mixed_script_words": len(skeletons)}


def _without_leet(text: str, vocabularies: Vocabularies) -> tuple[str, int]:
    """The text with known words in place of their leet spellings, and how many there were."""
    if not may_have_leet(text):
        return text, 0
    chunks, found = [], 0
    for chunk, readings in leet_chunks_in(text):
        known = next((word for word in readings if _is_known(word, vocabularies)), None)
        found += known is not None
        chunks.append(known or chunk)
    return (" ".join(chunks), found) if found else (text, 0)


def _is_known(word: str, vocabularies: Vocabularies) -> bool:
    return any(word in vocabulary for vocabulary in vocabularies)


def _looks_of(text: str) -> dict[str, int]:
    """How loud the text is: the share of capitals in percent, exclamation marks, emoji, hidden characters."""
    capitals = sum(map(str.isupper, text))
    small = sum(map(str.islower, text)) if capitals >= _FEWEST_CAPITALS else 0
    return {
        "capitals": 100 * capitals // (capitals + small) if capitals >= _FEWEST_CAPITALS else 0,
        "exclamations": text.count("!") + text.count("！"),
        "emoji": 0 if text.isascii() else len(_EMOJI.findall(text)),
        "hidden_characters": hidden_characters_in(text),
    }


def _matches(words: list[str], features: Mapping[str, int], policy: ContentPolicy) -> Iterator[tuple[ContentRule, int]]:
    """Each rule that matches, in the order of the file, with its points."""
    found: dict[int, list[tuple[int, int, tuple[str, ...]]]] = {}
    for at, phrase in policy.phrases.found_in(_without_neutral(numbers_masked(words), policy)):
        number, group = phrase.place
        found.setdefault(number, []).append((at, group, phrase.words))
    for number, rule in enumerate(policy.rules):
        if rule.feature is not None and features.get(rule.feature, 0) >= rule.at_least:
            yield rule, rule.points
        elif number in found and _is_met(rule, found[number], features):
            distinct = len({phrase for _, _, phrase in found[number]}) if rule.groups == 1 else 1
            yield rule, min(rule.points + rule.further * (distinct - 1), rule.at_most)


def _without_neutral(words: list[str], policy: ContentPolicy) -> list[str]:
    """The words with those of neutral phrases blotted out: "never share your code" asks for no code."""
    for at, phrase in list(policy.neutral.found_in(words)):
        words[at : at + len(phrase.words)] = [""] * len(phrase.words)
    return words


def _is_met(rule: ContentRule, found: Iterable[tuple[int, int, tuple[str, ...]]], features: Mapping[str, int]) -> bool:
    """True when each group of the rule has a phrase, close enough together, and the feature it needs is there."""
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
