"""Text folding: removes case, accents, punctuation and hidden characters, in linear time, to compare texts.

Each character is folded by itself. Normalising the whole text would take quadratic time for a long run of combining
marks (canonical reordering), and marks are dropped anyway.
"""

import re
import unicodedata

_MEMO_LIMIT = 20_000
"""How many folds are cached: about 2 MB, more than the everyday characters of any language."""

_LONGEST_FOLD = 6
"""Letters of one character's fold. Two Arabic ligatures are whole sentences, up to 18 letters (U+FDFA); they fold to
their first word, or 4,096 of them would take as long as a text of 74,000 letters."""

_KEPT_COMBINING_CLASSES = frozenset({0, 9})
"""Combining classes that are kept: Indic vowel signs (0) and the virama (9)."""

_SELECTORS = frozenset({*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0), 0x180B, 0x180C, 0x180D, 0x180F})
_INVISIBLE = frozenset({0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0}) | _SELECTORS

_LETTERS = {
    "ı": "i",
    "ø": "o",
    "ł": "l",
    "đ": "d",
    "ħ": "h",
    "ð": "d",
    "þ": "th",
    "æ": "ae",
    "œ": "oe",
    "ـ": "",  # tatweel only stretches a word
    "ء": "",
    "ٱ": "ا",
    "ى": "ي",
    "ی": "ي",
    "ې": "ي",
    "ے": "ي",
    "ک": "ك",
    "ة": "ه",
    "ۃ": "ه",
    "ہ": "ه",
    "ھ": "ه",
    "ە": "ه",
    "ں": "ن",
    "ँ": "ं",
}
"""Letters that are typed in place of one another, in their form after decomposition."""

_PART = "\n"
"""Stands for every kind of space where parts between spaces are told apart; no fold has it."""

_ASCII_WORD = re.compile(r"[a-z0-9]+")


class _Folds(dict[int, str]):
    """The fold of each character, computed at its first use."""

    def __missing__(self, code: int) -> str:
        folded_text = _fold_of(chr(code))
        if len(self) < _MEMO_LIMIT:
            self[code] = folded_text
        return folded_text


class _FoldsOfParts(_Folds):
    """The folds, with every space as _PART."""

    def __missing__(self, code: int) -> str:
        folded_text = _PART if chr(code).isspace() else _FOLDS[code]
        if len(self) < _MEMO_LIMIT:
            self[code] = folded_text
        return folded_text


_FOLDS = _Folds()
_FOLDS_OF_PARTS = _FoldsOfParts()


def folded_text(text: str) -> str:
    """The text in lower case, without accents, tatweel and hidden characters; other signs become spaces.

    Folding twice changes nothing. Digits of every script become ASCII digits; Arabic, Persian and Urdu forms of one
    letter become one; a dotless i is an i, ß is ss. Any string is accepted, lone surrogates too.
    """
    return text.translate(_FOLDS)


def words_in(text: str) -> list[str]:
    """The folded words of the text, in order."""
    return _ASCII_WORD.findall(text.lower()) if text.isascii() else folded_text(text).split()


def parts_in(text: str) -> list[list[str]]:
    """The folded words of each part of the text between spaces; a part without letters is left out."""
    if text.isascii():
        found = [[part] if part.isalnum() else _ASCII_WORD.findall(part) for part in text.lower().split()]
        return [words for words in found if words]
    return [words for part in text.translate(_FOLDS_OF_PARTS).split(_PART) if (words := part.split())]


def letters_of(text: str) -> str:
    """The folded letters and digits of the text, without separators."""
    return "".join(words_in(text))


def _fold_of(character: str) -> str:
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    folded = "".join(map(_sign_of, decomposed))
    return folded if len(folded) <= _LONGEST_FOLD else folded.split()[0]


def _sign_of(sign: str) -> str:
    category = unicodedata.category(sign)
    if category == "Cf" or ord(sign) in _INVISIBLE:
        return ""
    if category.startswith("M"):
        is_accent = category == "Me" or unicodedata.combining(sign) not in _KEPT_COMBINING_CLASSES
        return "" if is_accent else _LETTERS.get(sign, sign)
    if category == "Nd":
        return str(unicodedata.decimal(sign))
    return _LETTERS.get(sign, sign) if category[0] in "LN" else " "
