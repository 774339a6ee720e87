"""`score`: the risk score of a text by the content policy. The assessment names rules, never words of the text."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from functools import lru_cache

from services.policy.domain.content_policy import ContentPolicy, ContentRule
from services.policy.domain.folded_text import letters_of
from services.policy.domain.links import link_features, links_in
from services.policy.domain.lookalikes import hidden_character_count, latin_skeleton, leet_chunks_in, may_have_leet
from services.policy.domain.phrases import PhraseIndex, joined_spellings, stems_in, with_number_placeholder

__all__ = ["BLOCKED_WORD", "MAX_SCORE", "Band", "ContentAssessment", "ContentPolicy", "score"]

BLOCKED_WORD = "account.blocked_word"
"""The id of the rule for an account's own blocked words."""

MAX_SCORE = 100

Vocabularies = tuple[frozenset[str], ...]
"""The words that disguised spellings are compared with: the policy's and the account's."""

_MIN_CAPITALS = 20
"""Fewest capitals for which their share counts; fewer are a name, a code or a greeting."""

_EMOJI = re.compile("[\U0001f000-\U0001faff\u2600-\u27bf\u2b50\u2b55]")
_UNSPACED_SCRIPTS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
"""Scripts written without spaces between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese."""


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
    blocked = _blocked_from(tuple(blocked_words))
    words, features = _without_disguise(text, (policy.phrases.vocabulary, blocked.phrases.vocabulary))
    features |= _typography_features(text) | link_features(links_in(text, policy.links), policy.links)
    points = {rule.id: rule_points for rule, rule_points in _matches(words, features, policy)}
    if blocked.any and blocked.occur_in(words):
        points[BLOCKED_WORD] = MAX_SCORE
    risk_score = min(sum(points.values()), MAX_SCORE)
    return ContentAssessment(
        risk_score=risk_score,
        matched=tuple(points),
        version=policy.version,
        band=_band_of(risk_score, policy),
    )


@dataclass(frozen=True, slots=True)
class _BlockedWords:
    """An account's blocked words, prepared for the search."""

    any: bool
    phrases: PhraseIndex
    unspaced: tuple[str, ...]

    def occur_in(self, words: Sequence[str]) -> bool:
        if next(iter(self.phrases.found_in(words)), None) is not None:
            return True
        if not self.unspaced:
            return False
        letters = "".join(words)
        return any(word in letters for word in self.unspaced)


@lru_cache(maxsize=1024)
def _blocked_from(words: tuple[str, ...]) -> _BlockedWords:
    unspaced = tuple(letters_of(word) for word in words if _UNSPACED_SCRIPTS.search(word) is not None)
    return _BlockedWords(bool(words), PhraseIndex.of((word, (0, 0)) for word in words), unspaced)


def _without_disguise(text: str, vocabularies: Vocabularies) -> tuple[list[str], dict[str, int]]:
    """The text's words with known words in place of their disguised spellings, and counts of the disguises."""
    plain, leet = _without_leet(text, vocabularies)
    words = stems_in(plain)
    skeletons = (
        {} if text.isascii() else {at: skeleton for at, word in enumerate(words) if (skeleton := latin_skeleton(word))}
    )
    for at, skeleton in skeletons.items():
        words[at] = skeleton
    together, spelt = joined_spellings(words)
    disguised = leet + sum(_is_known(word, vocabularies) for word in (*skeletons.values(), *spelt))
    return together, {"disguised_words": disguised, "mixed_script_words": len(skeletons)}


def _without_leet(text: str, vocabularies: Vocabularies) -> tuple[str, int]:
    """The text with known words in place of their leet spellings, and the number of those."""
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


def _typography_features(text: str) -> dict[str, int]:
    """The share of capitals in percent, and the numbers of exclamation marks, emoji and hidden characters."""
    capitals = sum(map(str.isupper, text))
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
