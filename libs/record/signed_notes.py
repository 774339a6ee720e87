"""Signed notes, their keys, and cosignatures (C2SP signed-note and tlog-cosignature).

The rule: a signature counts when its name and key id are those of a trusted key, and then it must be valid. Signatures
of other keys are ignored.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple, Self

from libs.record.keys import PublicKey, SigningKey

ED25519: Final = 1
COSIGNATURE: Final = 4
"""The types of keys: a note's own signature, and a timestamped cosignature of a checkpoint."""
_DASH: Final = "\u2014"
_KEY_BYTES: Final = 32
_ID_BYTES: Final = 4
_MOST_BYTES: Final = 1 << 17
_MOST_SIGNATURES: Final = 64
_SIGNATURE_BYTES: Final = {ED25519: _ID_BYTES + 64, COSIGNATURE: _ID_BYTES + 8 + 64}


@dataclass(frozen=True, slots=True)
class NoteKey:
    """A public key with the name that its signatures have."""

    name: str
    public: bytes
    type: int = ED25519

    @property
    def id(self) -> bytes:
        """The key id: four bytes of a hash of name, type and key."""
        return sha256(self.name.encode() + b"\n" + bytes([self.type]) + self.public).digest()[:_ID_BYTES]

    @property
    def vkey(self) -> str:
        """The key as a verifier key, `name+id+base64`."""
        return f"{self.name}+{self.id.hex()}+{base64.b64encode(bytes([self.type]) + self.public).decode()}"

    @classmethod
    def from_vkey(cls, text: str) -> Self:
        """The key of a verifier key. Raises ValueError for any other text, and for types that are not supported."""
        try:
            name, key_id, encoded = text.strip().split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            raise ValueError("a verifier key has the form name+id+base64") from None
        if len(raw) != 1 + _KEY_BYTES or raw[0] not in _SIGNATURE_BYTES or not is_key_name(name):
            raise ValueError("a verifier key must be an Ed25519 key with a name")
        key = cls(name, raw[1:], raw[0])
        if key.id.hex() != key_id:
            raise ValueError("a verifier key's id does not fit its name and key")
        return key


class NoteSignature(NamedTuple):
    """One signature line."""

    name: str
    raw: bytes
    """The key id, then the signature."""

    @property
    def line(self) -> str:
        """The line with its line feed."""
        return f"{_DASH} {self.name} {base64.b64encode(self.raw).decode()}\n"


@dataclass(frozen=True, slots=True)
class SignedNote:
    """A text that ends in a line feed, and its signatures."""

    text: str
    signatures: tuple[NoteSignature, ...]

    def __str__(self) -> str:
        return self.text + "\n" + "".join(each.line for each in self.signatures)

    def with_signatures(self, added: Iterable[NoteSignature]) -> "SignedNote":
        """The note with more signatures; of two with the same name and key id, the later one."""
        found = {(each.name, each.raw[:_ID_BYTES]): each for each in (*self.signatures, *added)}
        return SignedNote(self.text, tuple(found.values()))

    def only(self, keys: Iterable[NoteKey]) -> "SignedNote":
        """The note with the signatures of these keys alone."""
        known = {(key.name, key.id) for key in keys}
        return SignedNote(self.text, tuple(s for s in self.signatures if (s.name, s.raw[:_ID_BYTES]) in known))


def is_key_name(name: str) -> bool:
    """Whether a key, and a log's origin, may have this name."""
    return bool(name) and "+" not in name and not any(each.isspace() or each < " " for each in name)


def note_from(text: str) -> SignedNote:
    """The note that a text is. Raises ValueError for anything else."""
    body, separator, lines = text.rpartition("\n\n")
    controls = any(each < " " and each != "\n" for each in text)
    if not separator or not lines.endswith("\n") or controls or len(text) > _MOST_BYTES:
        raise ValueError("not a signed note")
    signatures = tuple(map(_signature_from, lines[:-1].split("\n")))
    if len(signatures) > _MOST_SIGNATURES:
        raise ValueError("a note has too many signatures")
    return SignedNote(body + "\n", signatures)


def signatures_from(lines: str) -> tuple[NoteSignature, ...]:
    """Signature lines without a text. Raises ValueError."""
    if not lines.endswith("\n") or len(lines) > _MOST_BYTES:
        raise ValueError("not lines of signatures")
    return tuple(map(_signature_from, lines[:-1].split("\n")))


def signed_note(text: str, name: str, key: SigningKey) -> SignedNote:
    """The text, signed."""
    signed = NoteKey(name, key.public).id + key.sign(text.encode())
    return SignedNote(text, (NoteSignature(name, signed),))


def is_signed_by(note: SignedNote, key: NoteKey) -> bool:
    """Whether the key signed the note. False when it has a signature of that key that is not valid."""
    return _times_of(note, key) is not None


def cosigned_at(note: SignedNote, key: NoteKey) -> int | None:
    """When the witness with this key cosigned the note (seconds since 1970); None when it did not."""
    times = _times_of(note, key) if key.type == COSIGNATURE else None
    return max(times) if times else None


def cosignature(text: str, name: str, key: SigningKey, *, at: int) -> NoteSignature:
    """A witness's timestamped signature of a checkpoint's text; `at` in seconds since 1970."""
    raw = NoteKey(name, key.public, COSIGNATURE).id + at.to_bytes(8, "big") + key.sign(_cosigned(text, at))
    return NoteSignature(name, raw)


def _times_of(note: SignedNote, key: NoteKey) -> list[int] | None:
    """The times of the key's signatures (0 for a plain one); None without one, or with an invalid one."""
    found = [each.raw for each in note.signatures if each.name == key.name and each.raw[:_ID_BYTES] == key.id]
    times = [_time_if_valid(note.text, raw, key) for raw in found]
    return None if not times or None in times else [each for each in times if each is not None]


def _time_if_valid(text: str, raw: bytes, key: NoteKey) -> int | None:
    if len(raw) != _SIGNATURE_BYTES[key.type]:
        return None
    at = int.from_bytes(raw[_ID_BYTES : _ID_BYTES + 8], "big") if key.type == COSIGNATURE else 0
    signed = _cosigned(text, at) if key.type == COSIGNATURE else text.encode()
    return at if PublicKey("", key.public).verifies(signed, raw[-64:]) else None


def _cosigned(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def _signature_from(line: str) -> NoteSignature:
    parts: Sequence[str] = line.split(" ")
    if len(parts) != 3 or parts[0] != _DASH or not is_key_name(parts[1]):  # noqa: PLR2004 -- dash, name, signature
        raise ValueError("not a line of a signature")
    try:
        raw = base64.b64decode(parts[2], validate=True)
    except (ValueError, binascii.Error):
        raise ValueError("a signature is not in base64") from None
    if len(raw) <= _ID_BYTES:
        raise ValueError("a signature is too short")
    return NoteSignature(parts[1], raw)
