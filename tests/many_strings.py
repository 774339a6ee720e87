"""Which of many strings a long text holds: the text is read once, and not once for each of them."""

import struct
from collections.abc import Collection
from itertools import chain

BLOCK = 16
"""The text is compared in blocks of so many bytes. One string of twice that length fills at least one of them."""


def strings_in(text: bytes, strings: Collection[bytes]) -> set[bytes]:
    """Those of the strings that the text holds. Short ones are searched one by one."""
    short = {each for each in strings if len(each) < 2 * BLOCK - 1}
    parts: dict[bytes, set[bytes]] = {}
    for each in set(strings) - short:
        for at in range(len(each) - BLOCK + 1):
            parts.setdefault(each[at : at + BLOCK], set()).add(each)
    blocks = struct.iter_unpack(f"{BLOCK}s", memoryview(text)[: len(text) // BLOCK * BLOCK])
    found = parts.keys() & chain.from_iterable(blocks)
    suspects = short.union(*(parts[block] for block in found))
    return {each for each in suspects if each in text}
