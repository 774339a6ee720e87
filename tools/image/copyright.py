"""The licences that a Debian package's `copyright` file names: by its fields, or by the texts that it refers to.

Debian's policy 12.5 demands the file of every package. Most have fields: "Machine-readable debian/copyright file" 1.0,
https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/. Older ones are prose.
"""

import re
from typing import Final

_FORMAT: Final = re.compile(r"^Format(?:-Specification)?:", re.MULTILINE | re.IGNORECASE)
_FIELD: Final = re.compile(r"^License:[ \t]*(\S.*?)[ \t]*$", re.MULTILINE | re.IGNORECASE)
_WORDS: Final = re.compile(r",?\s+(?:and|or)\s+|,\s*")
_TEXT: Final = re.compile(r"/usr/share/common-licenses/([A-Za-z][\w.+-]*[\w+])")
_NAMED: Final = {
    "public-domain": r"public[- ]domain",
    "BSD-3-clause": r"neither the names? of",
    "MIT": r"permission is hereby granted, free of charge|\bMIT licen[cs]e\b",
    "BSD-2-clause": r"redistribution and use in source and binary forms",
    "HPND": r"permission to use, copy, modify,",
}
"""What a text says that stands in the file itself. The first that fits counts: the third clause tells two apart."""


def licences_in(text: str) -> list[str]:
    """The short names as Debian writes them, such as `GPL-2+`, sorted; none when the file names no known licence."""
    found = set[str]()
    if _FORMAT.search(text):
        found = {name for line in _FIELD.findall(text) for name in _WORDS.split(line) if name}
    return sorted(found or set(_TEXT.findall(text)) or _by_words(text))


def _by_words(text: str) -> set[str]:
    plain = " ".join(text.split())
    return {next((name for name, words in _NAMED.items() if re.search(words, plain, re.IGNORECASE)), "")} - {""}
