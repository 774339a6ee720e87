"""`FaultKind`, `Fault` and `VerificationResult`: what a verification can find."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Self

from libs.record.restorations import Restoration


@unique
class FaultKind(StrEnum):
    """A kind of fault with its meaning."""

    meaning: str

    ALTERED = "altered", "the record's content was changed after it was written"
    REMOVED = "removed", "the record at this position is missing"
    INSERTED = "inserted", "a record is at this position that was not written there"
    REORDERED = "reordered", "records are in another order than they were written in"
    REWRITTEN = (
        "rewritten",
        "records and their hashes were rewritten: they are not the records that a checkpoint covers",
    )
    TRUNCATED = "truncated", "the chain ends before a record that was written"
    ALTERED_END = "altered_end", "the stored end of the chain is not its last record"
    FORGED_CHECKPOINT = (
        "forged_checkpoint",
        "a checkpoint has an invalid signature, or does not follow the checkpoint before it",
    )
    REMOVED_CHECKPOINT = "removed_checkpoint", "a checkpoint is missing"
    FORGED_PURGE = "forged_purge", "the chain's beginning is missing without a purge that a trusted key signed"
    UNKNOWN_KEY = "unknown_key", "a signature names a key that is not trusted"
    RETIRED_KEY = "retired_key", "a signature is later than its key's retirement"
    FORGED_LOG = "forged_log", "a checkpoint or a statement of the cumulative log is not signed by a trusted key"
    LOG_REWRITTEN = "log_rewritten", "the cumulative log's entries are not those of a signed checkpoint of it"
    LOG_TRUNCATED = "log_truncated", "the cumulative log ends before a size that was signed"
    LOG_GAP = "log_gap", "the cumulative log leaves out or repeats records of a chain"
    LOG_CONTRADICTED = "log_contradicted", "the chain's record is not the one that the cumulative log has for its place"
    INCOMPLETE = "incomplete", "the export ends before its end, or has a line that cannot be read"

    def __new__(cls, value: str, meaning: str) -> Self:
        """A string with its meaning as an attribute."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.meaning = meaning
        return member


@dataclass(frozen=True, slots=True)
class Fault:
    """The first fault of a chain, and its position."""

    kind: FaultKind
    chain: str
    seq: int | None
    record_id: str | None = None
    checkpoint: int | None = None
    """The number of the checkpoint that it contradicts."""

    def as_json(self) -> dict[str, Any]:
        """The fault as JSON."""
        fields = {"chain": self.chain, "seq": self.seq, "record_id": self.record_id, "kind": self.kind.value}
        checkpoint = {} if self.checkpoint is None else {"checkpoint": self.checkpoint}
        return fields | checkpoint | {"meaning": self.kind.meaning}


@unique
class SealState(StrEnum):
    """What a record without a fault is backed by."""

    SEALED = "sealed"
    """A checkpoint covers every record, and the newest one of each chain is among the shipped ones."""
    UNSEALED = "unsealed"
    """Records have no checkpoint: nothing but their own hashes speaks for them."""
    UNSHIPPED = "unshipped"
    """Checkpoints were not compared with shipped ones: whoever has the signing key could have made them anew."""


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """The result of a verification; `checkpointed` of the `records` are covered by a checkpoint."""

    chains: int
    records: int
    checkpointed: int
    checkpoints: int
    first_fault: Fault | None
    restorations: tuple[Restoration, ...] = ()
    """The statements that explain why shipped checkpoints are not in the record."""
    unshipped: int = 0
    """Chains whose newest checkpoint is not among the shipped ones that the record was compared with."""
    log: Mapping[str, Any] | None = None
    """What was found of the cumulative log: origin, entries, the signed size, its time, and records not in it yet."""
    backdated: int = 0
    """Records that audit flagged: their event said that it was much older than what came before it."""

    @property
    def ok(self) -> bool:
        """True when no fault was found."""
        return self.first_fault is None

    @property
    def unsealed(self) -> int:
        """How many records no checkpoint covers: whoever writes the database can change them unnoticed."""
        return self.records - self.checkpointed

    @property
    def state(self) -> SealState:
        """How much the record's soundness is worth."""
        if self.unsealed:
            return SealState.UNSEALED
        return SealState.UNSHIPPED if self.unshipped else SealState.SEALED

    def as_json(self) -> dict[str, Any]:
        """The result as JSON. `checkpointed` is called `sealed`; `restored` is there when a statement was used."""
        restored = [
            {"chain": each.chain, "seq": each.seq, "at": each.at, "reason": each.reason} for each in self.restorations
        ]
        return ({"restored": restored} if restored else {}) | {
            "ok": self.ok,
            "state": self.state.value,
            "chains": self.chains,
            "records": self.records,
            "sealed": self.checkpointed,
            "checkpoints": self.checkpoints,
            "unshipped": self.unshipped,
            "backdated": self.backdated,
            "log": None if self.log is None else dict(self.log),
            "first_fault": None if self.first_fault is None else self.first_fault.as_json(),
        }
