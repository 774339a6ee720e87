"""Whether a customer's message is an opt-out or an opt-in word; only a whole message counts, an opt-out wins ties.

Letters alone decide: case, accents, punctuation, emoji and spacing are ignored, so "S T O P", "s.t.o.p." and "STOP 🛑"
are STOP, and so is a word said several times over. A longer sentence that contains the word is a sentence.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Self

from services.policy.domain.folding import compacted

ACCOUNT_LANGUAGE = "und"
"""The language of an account's own words: undetermined (ISO 639-2)."""

_FILE = "keywords.toml"


@dataclass(frozen=True, kw_only=True)
class OptOut:
    """The customer wants no more messages. `word_id` names the data's word, or is `account:<word>` for an account's."""

    word_id: str
    language: str


@dataclass(frozen=True, kw_only=True)
class OptIn:
    """The customer wants messages again. Fields as in `OptOut`."""

    word_id: str
    language: str


@dataclass(frozen=True, kw_only=True)
class Keywords:
    """The words of every language by their letters, and the version of the file they come from."""

    version: int
    stop: Mapping[str, OptOut]
    start: Mapping[str, OptIn]
    unclear_on_buttons: frozenset[str] = frozenset()
    """Letters of words that count when somebody writes them, and mean nothing when they stand on a button."""

    def on_buttons(self) -> "Keywords":
        """The words that are unmistakable on a button."""
        unclear = self.unclear_on_buttons
        return Keywords(
            version=self.version,
            stop={letters: word for letters, word in self.stop.items() if letters not in unclear},
            start={letters: word for letters, word in self.start.items() if letters not in unclear},
        )

    @classmethod
    def load(cls) -> Self:
        """The words that come with the gateway. Reads its file: call it once, when the service starts."""
        text = resources.files("services.policy.domain").joinpath(_FILE).read_text(encoding="utf-8")
        document = tomllib.loads(text)
        return cls(
            version=document["version"],
            stop={
                letters: OptOut(word_id=word_id, language=language)
                for letters, word_id, language in _words_of(document["stop"], "stop")
            },
            start={
                letters: OptIn(word_id=word_id, language=language)
                for letters, word_id, language in _words_of(document["start"], "start")
            },
            unclear_on_buttons=frozenset(
                compacted(word) for words in document["unclear_on_buttons"].values() for word in words
            ),
        )


def meaning_pressed(
    pressed: Iterable[str], keywords: Keywords, *, extra_stop: Iterable[str] = (), extra_start: Iterable[str] = ()
) -> OptOut | OptIn | None:
    """What a pressed button means by its title or its payload, an opt-out first; `keywords` are those `on_buttons`."""
    stop, start = tuple(extra_stop), tuple(extra_start)
    found = [meaning_of(text, keywords, extra_stop=stop, extra_start=start) for text in pressed]
    return next(
        (meaning for kind in (OptOut, OptIn) for meaning in found if isinstance(meaning, kind)),
        None,
    )


def meaning_of(
    text: str, keywords: Keywords, *, extra_stop: Iterable[str] = (), extra_start: Iterable[str] = ()
) -> OptOut | OptIn | None:
    """What the whole message means, or None when it is a message like any other.

    An account's own words add to the built-in ones. They cannot turn an opt-out into anything else: every stop word is
    tried before any start word. Any text is accepted.
    """
    said = _said(text)
    built_in_stop = next((keywords.stop[letters] for letters in said if letters in keywords.stop), None)
    if built_in_stop is not None:
        return built_in_stop
    if word := _own_word(said, extra_stop):
        return OptOut(word_id=word, language=ACCOUNT_LANGUAGE)
    built_in_start = next((keywords.start[letters] for letters in said if letters in keywords.start), None)
    if built_in_start is not None:
        return built_in_start
    if word := _own_word(said, extra_start):
        return OptIn(word_id=word, language=ACCOUNT_LANGUAGE)
    return None


def _said(text: str) -> tuple[str, ...]:
    """The letters of the text, and the part that they repeat, which ends where they are found again in their double.

    That part twice, too: a word may be a repetition itself (`durdur`).
    """
    letters = compacted(text)
    once = letters[: (letters + letters).find(letters, 1)]
    if not letters:
        return ()
    return (letters,) if once == letters else (letters, once, once + once)


def _own_word(said: tuple[str, ...], words: Iterable[str]) -> str | None:
    own = set(map(compacted, words))
    return next((f"account:{letters}" for letters in said if letters in own), None)


def _words_of(table: Mapping[str, list[str]], kind: str) -> Iterable[tuple[str, str, str]]:
    """Each word's letters, id and language; the id is the language, the kind and the word as the file writes it."""
    for language, words in table.items():
        for word in words:
            yield compacted(word), f"{language}.{kind}.{word}", language
