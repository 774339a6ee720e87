"""How the cumulative log begins: signed statements that name the heads of the chains that existed then.

The rule: the log has the old records too; the statement says, signed, where their chains ended when it began.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

import orjson

from libs.record.keys import PublicKeys, SigningKey
from libs.record.log_entries import START, Statement

MOST_HEADS: Final = 200
"""Chains that one statement of the log's start names: an entry must be shorter than 64 KiB (tlog-tiles)."""


@dataclass(frozen=True, slots=True)
class LogStart:
    """One of the `parts` statements that the log begins with: chains that existed then, with `seq` and head."""

    at: int
    part: int
    parts: int
    heads: tuple[tuple[str, int, str], ...]
    """Chain, `seq` of its last record, and that record's hash in hexadecimal."""
    key: str = ""
    signature: str = ""

    def signed_with(self, key: SigningKey) -> Self:
        """A copy that `key` signed."""
        unsigned = replace(self, key=key.kid, signature="")
        return replace(unsigned, signature=base64.b64encode(key.sign(unsigned.message())).decode())

    def is_valid(self, keys: PublicKeys) -> bool:
        """Whether a trusted key signed it before its retirement."""
        key = keys.get(self.key)
        if key is None or (key.retired_at is not None and self.at > key.retired_at):
            return False
        try:
            signature = base64.b64decode(self.signature, validate=True)
        except (ValueError, TypeError):
            return False
        return key.verifies(self.message(), signature)

    def statement(self) -> Statement:
        """Its entry."""
        return Statement.of(START, self._fields() | {"signature": self.signature})

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Self:
        """The statement that an entry says. Raises ValueError for anything else."""
        try:
            heads = tuple((str(chain), int(seq), str(head)) for chain, seq, head in fields["heads"])
            at, part, parts = (fields[name] for name in ("at", "part", "parts"))
            key, signature = fields["key"], fields["signature"]
        except (KeyError, TypeError) as error:
            raise ValueError("not a start of the log") from error
        if not all(type(each) is int for each in (at, part, parts)):
            raise ValueError("not a start of the log")
        return cls(at, part, parts, heads, str(key), str(signature))

    def _fields(self) -> dict[str, Any]:
        return {"at": self.at, "part": self.part, "parts": self.parts, "heads": self.heads, "key": self.key}

    def message(self) -> bytes:
        """The signed bytes."""
        return b"gateway log start 1\n" + orjson.dumps(self._fields(), option=orjson.OPT_SORT_KEYS)


def start_of(heads: Sequence[tuple[str, int, str]], *, at: int, key: SigningKey) -> list[Statement]:
    """The statements that a new log begins with."""
    pages = [tuple(heads[n : n + MOST_HEADS]) for n in range(0, len(heads), MOST_HEADS)] or [()]
    return [LogStart(at, number, len(pages), page).signed_with(key).statement() for number, page in enumerate(pages, 1)]
