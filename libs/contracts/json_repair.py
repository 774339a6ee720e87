"""Repairs JSON from senders that strict parsers refuse: each bad character or byte sequence becomes U+FFFD.

A signature is over the bytes as they were sent, so check it before you repair them.
"""

import re
from typing import Final

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""U+FEFF in UTF-8, which .NET writes before a body; RFC 8259 (section 8.1) lets a parser ignore it."""
REPLACEMENT: Final = "\ufffd"
_REPLACEMENT_ESCAPE: Final = rb"\ufffd"

_SUSPICIOUS: Final = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")
_ESCAPES: Final = re.compile(
    rb"\\(?:"
    rb"u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a surrogate pair
    rb"|(?P<bad>u(?:[dD][89a-fA-F][0-9a-fA-F]{2}|0000))"
    rb"|.)",  # any other escape, so that an escaped backslash does not count as the beginning of one
    re.DOTALL,
)
_STRING: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_BAD_IN_STRING: Final = re.compile(r'[\x00-\x1f]|(?P<escape>\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))|\\')
_CONTROLS: Final = re.compile("[\x00-\x1f]")


def without_byte_order_mark(body: bytes) -> bytes:
    """The body without a byte order mark before it."""
    return body.removeprefix(BYTE_ORDER_MARK)


def with_whole_escapes(body: bytes) -> bytes:
    r"""The body with U+FFFD in place of lone surrogates (`\ud83d` without its other half) and `\u0000`.

    Everything else stays as it is, also what is no JSON.
    """
    if _SUSPICIOUS.search(body) is None:
        return body
    return _ESCAPES.sub(lambda found: _REPLACEMENT_ESCAPE if found["bad"] else found[0], body)


def repaired(body: bytes) -> bytes:
    r"""The body with everything replaced that may be replaced without a guess at what it meant.

    That is: a byte order mark, invalid UTF-8, control characters, unknown escapes, lone surrogates and `\u0000`.
    Control characters between the values count as blanks. A body that is no JSON for any other reason stays none.
    """
    text = without_byte_order_mark(body).decode("utf-8", "replace")
    parts, end = [], 0
    for string in _STRING.finditer(text):
        parts.append(_CONTROLS.sub(" ", text[end : string.start()]))
        parts.append(_repaired_string(string[0]))
        end = string.end()
    parts.append(_CONTROLS.sub(" ", text[end:]))
    return with_whole_escapes("".join(parts).encode())


def _repaired_string(string: str) -> str:
    if "\\" not in string and string.isprintable():
        return string
    return _BAD_IN_STRING.sub(lambda found: found["escape"] or REPLACEMENT, string)
