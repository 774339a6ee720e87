"""What can be wrong with a record, each with the sentence that names it; a closed list."""

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Self


@unique
class FaultKind(StrEnum):
    """A kind of fault; `sentence` says what it means."""

    sentence: str

    ALTERED = "altered", "the record does not say what it said when it was written"
    REMOVED = "removed", "a record that stood at this place is gone"
    INSERTED = "inserted", "a record stands at this place that was never written there"
    REORDERED = "reordered", "records stand in another order than they were written in"
    REWRITTEN = (
        "rewritten",
        "records were written anew, hashes and all: they are not those that a checkpoint vouches for",
    )
    TRUNCATED = "truncated", "the chain ends before a record that was written"
    FORGED_CHECKPOINT = (
        "forged_checkpoint",
        "a checkpoint is not what its key signed, or does not follow the one before",
    )
    REMOVED_CHECKPOINT = "removed_checkpoint", "a checkpoint is gone"
    FORGED_PURGE = "forged_purge", "the chain's beginning is cut off without a purge that a known key signed"
    UNKNOWN_KEY = "unknown_key", "a signature names a key that is not among the trusted ones"
    RETIRED_KEY = "retired_key", "a signature is later than its key was retired"
    INCOMPLETE = "incomplete", "the export ends before its end, or has a line that cannot be read"

    def __new__(cls, value: str, sentence: str) -> Self:
        """A string that carries its sentence."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member


@dataclass(frozen=True, slots=True)
class Fault:
    """The first fault of a chain, and where it is."""

    kind: FaultKind
    chain: str
    seq: int | None
    record_id: str | None = None
    checkpoint: int | None = None
    """The number of the checkpoint that shows it."""

    def shown(self) -> dict[str, Any]:
        """Itself as JSON."""
        told = {"chain": self.chain, "seq": self.seq, "record_id": self.record_id, "kind": self.kind.value}
        more = {} if self.checkpoint is None else {"checkpoint": self.checkpoint}
        return told | more | {"meaning": self.kind.sentence}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verification found; `sealed` of the `records` are vouched for by a checkpoint."""

    chains: int
    records: int
    sealed: int
    checkpoints: int
    first_fault: Fault | None

    @property
    def ok(self) -> bool:
        """True when nothing is wrong."""
        return self.first_fault is None

    def shown(self) -> dict[str, Any]:
        """Itself as JSON."""
        counts = {name: getattr(self, name) for name in ("chains", "records", "sealed", "checkpoints")}
        fault = None if self.first_fault is None else self.first_fault.shown()
        return {"ok": self.ok, **counts, "first_fault": fault}
