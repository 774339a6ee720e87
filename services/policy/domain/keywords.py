"""Opt-out and opt-in keywords: whether a customer's whole message is one. An opt-out takes precedence.

Only letters and digits are compared. Case, accents, punctuation, emoji and spacing are ignored, so "S T O P",
"s.t.o.p." and "STOP 🛑" are STOP, and so is a repeated keyword. A longer text that contains a keyword is not one.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Self, TypeVar

from services.policy.domain.folded_text import letters_of
from services.policy.domain.lookalikes import latin_readings

ACCOUNT_LANGUAGE = "und"
"""The language of an account's own words: undetermined (ISO 639-2)."""

_FILE = "keywords.toml"

LONGEST = 65_536
"""Characters of a message that are read; WhatsApp's own texts have no more. What a provider posts may have 4 MB."""


@dataclass(frozen=True, kw_only=True)
class OptOut:
    """The customer wants no more messages. `word_id` is the keyword's id, or `account:<word>` for an account's own."""

    word_id: str
    language: str


@dataclass(frozen=True, kw_only=True)
class OptIn:
    """The customer wants messages again. Fields as in `OptOut`."""

    word_id: str
    language: str


K = TypeVar("K", OptOut, OptIn)


@dataclass(frozen=True, kw_only=True)
class Keywords:
    """The keywords of every language by their letters, and the version of their file."""

    version: int
    stop: Mapping[str, OptOut]
    start: Mapping[str, OptIn]
    unclear_on_buttons: frozenset[str] = frozenset()
    """Letters of keywords that count in a written message but not on a button."""

    def on_buttons(self) -> "Keywords":
        """The keywords that count on a button."""
        unclear = self.unclear_on_buttons
        return Keywords(
            version=self.version,
            stop={letters: word for letters, word in self.stop.items() if letters not in unclear},
            start={letters: word for letters, word in self.start.items() if letters not in unclear},
        )

    @classmethod
    def load(cls) -> Self:
        """The gateway's keywords. Reads their file: call it once, at start."""
        text = resources.files("services.policy.domain").joinpath(_FILE).read_text(encoding="utf-8")
        document = tomllib.loads(text)
        return cls(
            version=document["version"],
            stop=_keywords_from(document["stop"], "stop", OptOut),
            start=_keywords_from(document["start"], "start", OptIn),
            unclear_on_buttons=frozenset(
                letters_of(word) for words in document["unclear_on_buttons"].values() for word in words
            ),
        )


def button_meaning(
    pressed: Iterable[str], keywords: Keywords, *, extra_stop: Iterable[str] = (), extra_start: Iterable[str] = ()
) -> OptOut | OptIn | None:
    """The meaning of a pressed button by its title or payload, an opt-out first. Pass `Keywords.on_buttons()`."""
    stop, start = tuple(extra_stop), tuple(extra_start)
    found = [text_meaning(text, keywords, extra_stop=stop, extra_start=start) for text in pressed]
    return next((meaning for kind in (OptOut, OptIn) for meaning in found if isinstance(meaning, kind)), None)


def text_meaning(
    text: str, keywords: Keywords, *, extra_stop: Iterable[str] = (), extra_start: Iterable[str] = ()
) -> OptOut | OptIn | None:
    """The meaning of a whole message; None when it is not a keyword.

    An account's own keywords add to the built-in ones. They cannot override an opt-out: every stop keyword is tried
    before any start keyword. Any text is accepted.
    """
    forms = _letter_forms(text)
    opt_out = _keyword_in(forms, keywords.stop, extra_stop, OptOut)
    return opt_out or _keyword_in(forms, keywords.start, extra_start, OptIn)


def _letter_forms(text: str) -> tuple[str, ...]:
    """The letters of the text, as they are and with foreign letters that look Latin read as Latin ones."""
    letters = letters_of(text[:LONGEST])
    latin = latin_readings((letters,)).get(0)
    return _repeated_forms(letters) if latin is None else (*_repeated_forms(letters), *_repeated_forms(latin))


def _repeated_forms(letters: str) -> tuple[str, ...]:
    """The letters, and the part that they repeat, once and twice.

    The repeated part ends where the letters occur again in their double. Twice, because a keyword may be a repetition
    itself (`durdur`).
    """
    once = letters[: (letters + letters).find(letters, 1)]
    if not letters:
        return ()
    return (letters,) if once == letters else (letters, once, once + once)


def _keyword_in(forms: tuple[str, ...], built_in: Mapping[str, K], own: Iterable[str], kind: type[K]) -> K | None:
    """The keyword that one of the forms is: a built-in one, else one of the account's own."""
    found = next((built_in[form] for form in forms if form in built_in), None)
    if found is not None:
        return found
    words = set(map(letters_of, own))
    return next((kind(word_id=f"account:{form}", language=ACCOUNT_LANGUAGE) for form in forms if form in words), None)


def _keywords_from(table: Mapping[str, list[str]], kind_id: str, kind: type[K]) -> dict[str, K]:
    """The keywords by their letters; an id is the language, the kind and the word as in the file."""
    return {
        letters_of(word): kind(word_id=f"{language}.{kind_id}.{word}", language=language)
        for language, words in table.items()
        for word in words
    }
