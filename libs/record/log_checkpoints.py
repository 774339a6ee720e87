"""Checkpoints of the cumulative log (C2SP tlog-checkpoint): origin, size and root of the tree, as a signed note."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from libs.record.keys import PublicKeys, SigningKey
from libs.record.log_tree import HASH
from libs.record.signed_notes import NoteKey, SignedNote, is_signed_by, note_from, signed_note

_LARGEST: Final = 1 << 62


@dataclass(frozen=True, slots=True)
class LogCheckpoint:
    """The tree of the log with this origin at one size; whoever uses it checks the note's signatures."""

    origin: str
    size: int
    root: bytes
    note: SignedNote
    shipped_at: int | None = None
    """When it was signed, as the sink says (microseconds since 1970); None for one from anywhere else."""

    def is_signed_by_any(self, keys: Sequence[NoteKey]) -> bool:
        """Whether one of these keys signed it, and none of them made an invalid signature on it."""
        known = {(key.name, key.id): key for key in keys}
        named = [known.get((each.name, each.raw[:4])) for each in self.note.signatures]
        found = [key for key in named if key is not None]
        return bool(found) and all(is_signed_by(self.note, key) for key in found)


def log_checkpoint(origin: str, size: int, root: bytes, key: SigningKey) -> LogCheckpoint:
    """The checkpoint, signed."""
    return LogCheckpoint(origin, size, root, signed_note(_text(origin, size, root), origin, key))


def log_checkpoint_from(text: str) -> LogCheckpoint:
    """The checkpoint in a note's text. Raises ValueError for anything else."""
    note = note_from(text)
    lines = note.text[:-1].split("\n")
    if len(lines) < 3 or not all(lines):  # noqa: PLR2004 -- origin, size and root
        raise ValueError("not a checkpoint of a log")
    origin, size, root = lines[:3]
    try:
        raw = base64.b64decode(root, validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    is_number = size.isascii() and size.isdecimal() and (size == "0" or size[0] != "0") and int(size) < _LARGEST
    if not is_number or len(raw) != HASH:
        raise ValueError("not a checkpoint of a log")
    return LogCheckpoint(origin, int(size), raw, note)


def log_keys(origin: str, keys: PublicKeys) -> tuple[NoteKey, ...]:
    """The keys of a deployment as those of its log."""
    return tuple(NoteKey(origin, key.public) for key in keys.values())


def retired_log_keys(origin: str, keys: PublicKeys) -> Mapping[bytes, int]:
    """When the retired ones of these keys were retired (microseconds since 1970), by key id."""
    retired = {key.public: key.retired_at for key in keys.values() if key.retired_at is not None}
    return {NoteKey(origin, public).id: at for public, at in retired.items()}


def _text(origin: str, size: int, root: bytes) -> str:
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
