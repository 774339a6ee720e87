"""The body of `add-checkpoint`, and what a witness decides about it (C2SP tlog-witness); pure."""

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from libs.record.log_checkpoints import LogCheckpoint, log_checkpoint_from
from libs.record.log_tree import HASH, is_consistent
from libs.record.merkle import EMPTY
from libs.record.signed_notes import NoteKey

_MOST_STEPS: Final = 63


@dataclass(frozen=True, slots=True)
class AddCheckpoint:
    """A request to cosign: the size that the log believes the witness to have seen, and the proof from there."""

    old: int
    path: tuple[bytes, ...]
    checkpoint: LogCheckpoint


@dataclass(frozen=True, slots=True)
class Seen:
    """The checkpoint of one log that a witness cosigned last."""

    size: int = 0
    root: bytes = EMPTY


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a witness does not cosign."""

    status: HTTPStatus
    body: str = ""


def add_checkpoint_request(old: int, path: Sequence[bytes], note: str) -> str:
    """The body of a request."""
    return f"old {old}\n" + "".join(f"{base64.b64encode(step).decode()}\n" for step in path) + f"\n{note}"


def add_checkpoint_from(body: str) -> AddCheckpoint:
    """The request that a body is. Raises ValueError for anything else."""
    head, separator, note = body.partition("\n\n")
    first, *steps = head.split("\n")
    digits = first.removeprefix("old ")
    is_number = digits.isascii() and digits.isdecimal() and (digits == "0" or digits[0] != "0") and len(digits) < 20  # noqa: PLR2004 -- 64 bits
    if not separator or not first.startswith("old ") or not is_number or len(steps) > _MOST_STEPS:
        raise ValueError("not a request to cosign")
    try:
        path = tuple(base64.b64decode(step, validate=True) for step in steps)
    except binascii.Error:
        raise ValueError("a step of the proof is not in base64") from None
    if any(len(step) != HASH for step in path):
        raise ValueError("a step of the proof is no hash")
    return AddCheckpoint(int(digits), path, log_checkpoint_from(note))


def refusal_of(asked: AddCheckpoint, logs: Mapping[str, Sequence[NoteKey]], seen: Seen) -> Refused | None:
    """Why a witness with these `logs` (keys by origin) that saw `seen` must not cosign; None when it may."""
    given = asked.checkpoint
    keys = logs.get(given.origin)
    if keys is None:
        return Refused(HTTPStatus.NOT_FOUND, "unknown log\n")
    if not given.is_signed_by_any(keys):
        return Refused(HTTPStatus.FORBIDDEN, "no valid signature of the log\n")
    if asked.old > given.size:
        return Refused(HTTPStatus.BAD_REQUEST, "the old size is larger than the checkpoint's\n")
    if asked.old != seen.size:
        return Refused(HTTPStatus.CONFLICT, f"{seen.size}\n")
    if given.size == 0 and given.root != EMPTY:
        return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "not the root of the empty tree\n")
    consistent = is_consistent(asked.path, old=seen.size, old_root=seen.root, size=given.size, root=given.root)
    return None if consistent else Refused(HTTPStatus.UNPROCESSABLE_ENTITY, "the proof does not hold\n")
